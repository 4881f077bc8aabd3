"""Sockets that know the deadline of the call they serve.

A client's read timeout starts again with every byte, so a server that drips one byte per half second defeats it, in the
headers as in the body. Here every single socket operation is given no more than what is left until the deadline, and
the first byte of a request is only written after one last look at deadline and lease. Whether that first byte was
written is remembered: it is what separates "certainly not reached" from "may have happened".
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import httpcore
import httpx

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.deadline import Deadline

__all__ = ["Flight", "MayReach", "build_transport"]

MayReach = Callable[[str], bool]
"""Whether an IP address, as text, may be connected to."""

_SLICE_BYTES = 16_384
_READ_BYTES = 262_144
_LONGEST_CONNECT = timedelta(seconds=30)
_current = threading.local()


class Flight:
    """One request on its way.

    Attributes:
        deadline: When it must be over.
        started: Whether a byte of the request was handed to a socket.
        tracked: Whether a socket of ours carried it, so that ``started`` can be believed when it is False.
    """

    __slots__ = ("deadline", "started", "tracked")

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.started = False
        self.tracked = False

    def aboard(self) -> _Aboard:
        """Let the sockets used by this thread inside the block serve this flight."""
        return _Aboard(self)

    def bound(self, timeout: float | None) -> float:
        """``timeout`` cut down to what is left; a hair above zero, because zero means "do not block" to a socket."""
        left = self.deadline.seconds_left()
        return max(0.001, left if timeout is None else min(timeout, left))

    def about_to_write(self) -> None:
        """Note that bytes leave; before the first of them, refuse when deadline or lease is over."""
        if not self.started:
            self.deadline.check()
            self.started = True


def _flight() -> Flight | None:
    flight: Flight | None = getattr(_current, "flight", None)
    return flight


class _Aboard:
    """Which flight the sockets of a thread serve. No generator: it is entered for every piece of an answer."""

    __slots__ = ("_flight", "_previous")

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._previous: Flight | None = None

    def __enter__(self) -> None:
        self._previous = _flight()
        _current.flight = self._flight

    def __exit__(self, *_error: object) -> None:
        _current.flight = self._previous


class _BoundStream(httpcore.NetworkStream):
    """A connection whose every operation ends at the deadline of the flight it serves."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        flight = _flight()
        if flight is None:
            return self._inner.read(max_bytes, timeout)
        if flight.deadline.passed():
            raise httpcore.ReadTimeout
        # The library asks for 64 KiB at a time, and does more for each of them than the socket does for four.
        return self._inner.read(max(max_bytes, _READ_BYTES), flight.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        flight = _flight()
        if flight is None:
            self._inner.write(buffer, timeout)
            return
        flight.about_to_write()
        # In slices, so that a receiver that takes a few bytes at a time cannot stretch one write for ever.
        for start in range(0, len(buffer), _SLICE_BYTES):
            if flight.deadline.passed():
                raise httpcore.WriteTimeout
            self._inner.write(buffer[start : start + _SLICE_BYTES], flight.bound(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        flight = _flight()
        bounded = timeout if flight is None else flight.bound(timeout)
        return _BoundStream(self._inner.start_tls(ssl_context, server_hostname, bounded))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  (as the library declares it)
        return self._inner.get_extra_info(info)


class _BoundBackend(httpcore.NetworkBackend):
    """Opens connections within the connect timeout and the deadline, name resolution included.

    What a name leads to is asked once, judged, and connected to: nobody can answer with another address in between.
    """

    def __init__(self, may_reach: MayReach | None) -> None:
        self._inner = httpcore.SyncBackend()
        self._may_reach = may_reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        flight = _flight()
        if flight is None and self._may_reach is None:
            return _BoundStream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))
        flight = flight or Flight(Deadline(_LONGEST_CONNECT))
        flight.tracked = True
        limit = Deadline(timedelta(seconds=flight.bound(timeout)))
        failure: Exception = httpcore.ConnectError()
        for address in self._allowed(_resolve(host, port, limit.seconds_left())):
            if limit.passed():
                raise httpcore.ConnectTimeout
            try:
                stream = self._inner.connect_tcp(address, port, limit.seconds_left(), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundStream(stream)
        raise failure

    def _allowed(self, addresses: list[str]) -> list[str]:
        """Those that may be reached."""
        if self._may_reach is None:
            return addresses
        found = [address for address in addresses if self._may_reach(address)]
        if not found:
            message = "the address is none that may be reached; nothing was sent"
            raise UnavailableError(message, code="address_refused")
        return found


def _resolve(host: str, port: int, timeout: float) -> list[str]:
    """Addresses of ``host``. The resolver cannot be interrupted, so it is asked on a thread that may be left behind."""
    found: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    if _is_address(host):
        return [host]
    thread = threading.Thread(target=ask, name="pmsbridge-resolve", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise httpcore.ConnectTimeout
    if not found:
        raise httpcore.ConnectError
    return found


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


class _BoundTransport(httpx.HTTPTransport):
    """httpx's own transport on our network; what intercepts httpx or httpcore still sees every call."""

    def __init__(self, context: ssl.SSLContext, may_reach: MayReach | None) -> None:
        super().__init__(verify=context, trust_env=False, retries=0)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=50,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
            http1=True,
            http2=False,
            retries=0,
            network_backend=_BoundBackend(may_reach),
        )


def build_transport(verify: bool | str | None, *, may_reach: MayReach | None = None) -> httpx.BaseTransport:  # noqa: FBT001
    """The one transport all calls go through.

    Args:
        verify: True for the well-known certificate authorities, a path for another bundle, False for none (tests); None
            trusts nobody, for connections that are not secured.
        may_reach: Asked for every address before a connection to it is opened; None allows all.
    """
    if verify is None:
        return _BoundTransport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), may_reach)
    if isinstance(verify, str):
        return _BoundTransport(ssl.create_default_context(cafile=verify), may_reach)
    return _BoundTransport(httpx.create_ssl_context(verify=verify, trust_env=False), may_reach)
