"""HTTP, once. One call is one request on the wire: never a retry, never a redirect, never past its deadline.

Whatever goes wrong says whether the back office may have changed. The errors are ours and in our words: a library's
own text repeats addresses with queries, and sometimes bodies.
"""

from __future__ import annotations

import http.cookiejar
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from urllib.parse import urlsplit

import httpx

from pmsbridge import telemetry
from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calling import bytes_came
from pmsbridge.transport.body import BodyRefusedError, check_announced, decoded
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.network import Flight, MayReach, build_transport
from pmsbridge.transport.outgoing import Outgoing, StreamedBody
from pmsbridge.transport.status import classify_status, no_usable_answer, parse_retry_after

__all__ = [
    "Deadline",
    "HttpAnswer",
    "HttpClient",
    "HttpLimits",
    "HttpRequest",
    "StreamedBody",
    "classify_status",
    "no_usable_answer",
    "parse_retry_after",
]

_log = get_logger(__name__)

# Nothing was sent for sure, whatever carried the request.
_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one call.

    Attributes:
        connect_timeout: Until a connection stands; also the longest wait for a free one.
        read_timeout: Between two arrivals of data, or two departures.
        deadline: For the whole call, the answer's last byte included.
        raw_bytes: Largest body as it arrives.
        decoded_bytes: Largest body once decoded.
        rows: Most rows one answer may hold.
    """

    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=30)
    deadline: timedelta = timedelta(seconds=60)
    raw_bytes: int = 64 * 1024 * 1024
    decoded_bytes: int = 256 * 1024 * 1024
    rows: int = 2_000_000


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. Its repr shows method, operation and host; it cannot be pickled, because a body may hold a card.

    Attributes:
        method: "GET", "POST" ...
        url: Absolute http or https address without user information.
        headers: Sent as given, besides our user agent and accepted encoding.
        body: None for no body. A streamed one is opened anew whenever the request is sent.
        is_write: Whether the back office may change. Decides which error a lost answer is.
        operation: What is asked, for logs and errors.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | StreamedBody | None = None
    is_write: bool = True
    operation: str = "call"

    @property
    def host(self) -> str:
        """Host (and port) asked, without anything else of the address."""
        try:
            name, port = urlsplit(self.url).hostname, urlsplit(self.url).port
        except ValueError:
            name, port = None, None
        return f"{name}:{port}" if name and port else name or "no host"

    @property
    def subject(self) -> str:
        """What is asked of whom, for messages."""
        return f"{self.operation} at {self.host}"

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.subject})"

    def __reduce__(self) -> NoReturn:
        message = "a request cannot be pickled"
        raise TypeError(message)


class HttpAnswer:
    """A response whose body has not been read yet.

    Attributes:
        status: HTTP status code.
        headers: Names in lower case; several of one name joined with ", ".
        request: What was asked.
    """

    __slots__ = ("_flight", "_limits", "_response", "headers", "request", "status")

    def __init__(self, response: httpx.Response, request: HttpRequest, flight: Flight, limits: HttpLimits) -> None:
        self._response = response
        self._flight = flight
        self._limits = limits
        self.request = request
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status} to {self.request.subject})"

    def chunks(self) -> Iterator[bytes]:
        """The body, decoded, in pieces of at most 64 KiB; once.

        Raises:
            OutcomeUnknownError: For a write: the body was lost, cut, too large, too slow or wrongly encoded.
            UnavailableError: The same for a read.
        """
        limits = self._limits
        # A response that was made whole (by a stand-in for the network) has been decoded already.
        headers = {} if self._response.is_stream_consumed else self.headers
        try:
            check_announced(headers, limits.raw_bytes)
            for piece in decoded(self._raw(), headers, raw_bytes=limits.raw_bytes, decoded_bytes=limits.decoded_bytes):
                bytes_came(len(piece))
                yield piece
        except BodyRefusedError as refusal:
            code = refusal.code
        else:
            return
        raise self._unusable(code)

    def read(self) -> bytes:
        """The whole body, decoded."""
        return b"".join(self.chunks())

    def raise_for_status(self) -> None:
        """Raise what the status stands for; return on a usable success."""
        request = self.request
        error = classify_status(self.status, self.headers, request.is_write, subject=request.subject)
        if error is not None:
            raise error

    def _raw(self) -> Iterator[bytes]:
        response = self._response
        pieces = iter((response.content,)) if response.is_stream_consumed else response.iter_raw()
        while True:
            piece, code = self._next(pieces)
            if not code and self._flight.deadline.passed():
                code = "deadline"
            if code:
                raise self._unusable(code)
            if piece is None:
                return
            yield piece

    def _next(self, pieces: Iterator[bytes]) -> tuple[bytes | None, str]:
        """The next piece (None at the end), or the code of what went wrong."""
        try:
            with self._flight.aboard():
                return next(pieces, None), ""
        except Exception as error:  # noqa: BLE001  (whatever it is, the answer is lost)
            return None, _code_of(error, self._flight)

    def _unusable(self, code: str) -> PmsBridgeError:
        message = f"{self.request.subject}: the answer could not be read ({code})"
        return no_usable_answer(message, is_write=self.request.is_write, code=code)


class HttpClient:
    """Sends requests over one pool of connections; thread-safe; opens nothing before the first call.

    A forked child starts with a pool of its own. Proxies and credentials of the environment are not used, cookies are
    never kept.

    Args:
        limits: Bounds of calls that bring none of their own.
        verify: True for the well-known certificate authorities, a path for another bundle, False for none (tests).
        user_agent: Sent with every request.
        clock: Wall clock, aware UTC.
        monotonic: Seconds.
        transport: Takes the place of the network (tests).
        may_reach: Asked for every IP address before a connection to it is opened; None allows all. What is refused is
            an ``UnavailableError`` with the code ``address_refused``.
    """

    def __init__(
        self,
        limits: HttpLimits | None = None,
        *,
        verify: bool | str = True,
        user_agent: str = "pmsbridge",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        transport: object | None = None,
        may_reach: MayReach | None = None,
    ) -> None:
        if transport is not None and not isinstance(transport, httpx.BaseTransport):
            message = "transport must be a synchronous HTTP transport"
            raise TypeError(message)
        self.limits = limits or HttpLimits()
        self._verify = verify
        self._user_agent = user_agent
        self._clock = clock
        self._monotonic = monotonic
        self._transport = transport
        self._may_reach = may_reach
        self._lock = threading.Lock()
        self._clients: dict[bool, httpx.Client] = {}
        self._owner = 0

    def deadline(self, span: timedelta | None = None, *, not_after: datetime | None = None) -> Deadline:
        """A deadline on this client's clocks; the default span is the limits'."""
        return Deadline(span or self.limits.deadline, not_after=not_after, clock=self._clock, monotonic=self._monotonic)

    @contextmanager
    def send(
        self, request: HttpRequest, *, deadline: Deadline | None = None, limits: HttpLimits | None = None
    ) -> Iterator[HttpAnswer]:
        """Send once and hold the answer while the block runs; it is closed afterwards, read or not.

        The status is not judged here: see :meth:`HttpAnswer.raise_for_status`.

        Raises:
            ConfigurationError: The address or a header cannot be sent; nothing was tried.
            UnavailableError: Nothing was sent: refused, not resolved, no connection in time, lease over. For a read
                also:
                the answer was lost.
            OutcomeUnknownError: A write left and its answer was lost.
        """
        bounds = limits or self.limits
        flight = Flight(deadline or self.deadline(bounds.deadline))
        flight.deadline.check()
        with telemetry.span("vendor_call", operation=request.operation, is_write=request.is_write) as traced:
            began = self._monotonic()
            response = self._dispatch(request, flight, bounds)
            traced.set(status=response.status_code)
            seconds = round(self._monotonic() - began, 3)
            _log.debug(
                "answered", operation=request.operation, host=request.host, status=response.status_code, seconds=seconds
            )
            try:
                yield HttpAnswer(response, request, flight, bounds)
            finally:
                with flight.aboard():
                    response.close()

    def __del__(self) -> None:
        # Whoever forgets to close leaves no open socket behind; at the end of the interpreter there is nothing to say.
        with suppress(Exception):
            self.close()

    def close(self) -> None:
        """Close the pool. A later call opens a new one."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _dispatch(self, request: HttpRequest, flight: Flight, limits: HttpLimits) -> httpx.Response:
        client = self._opened(may_be_plain=request.url.startswith("http://"))
        # Each file in it is begun before a byte leaves: one that cannot be read at all was certainly not sent.
        outgoing = Outgoing.of(request.body, request.subject)
        message = _message(client, request, outgoing, _timeouts(limits, flight.deadline))
        try:
            with flight.aboard():
                return client.send(message, stream=True, follow_redirects=False)
        except Exception as error:
            is_cut = outgoing is not None and outgoing.is_cut
            if isinstance(error, PmsBridgeError) and not is_cut:
                raise
            problem = _cut_short(request, flight) if is_cut else _send_error(error, request, flight)
        raise problem

    def _opened(self, *, may_be_plain: bool = False) -> httpx.Client:
        # A pool of its own, where no certificate is ever looked at: to read them all takes longer than many a call.
        is_plain = may_be_plain and self._verify is True
        with self._lock:
            if self._owner != os.getpid():
                self._clients, self._owner = {}, os.getpid()
            if is_plain not in self._clients:
                self._clients[is_plain] = self._build(is_plain=is_plain)
            return self._clients[is_plain]

    def _build(self, *, is_plain: bool) -> httpx.Client:
        transport = self._transport
        if not isinstance(transport, httpx.BaseTransport):
            verify = None if is_plain else self._verify
            transport = _network(verify, self._may_reach)
        return httpx.Client(
            transport=transport,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip"},
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )


def _network(verify: bool | str | None, may_reach: MayReach | None) -> httpx.BaseTransport:  # noqa: FBT001
    try:
        return build_transport(verify, may_reach=may_reach)
    except OSError:
        problem = "the certificate bundle cannot be read"
    raise ConfigurationError(problem, code="bad_certificates")


def _message(
    client: httpx.Client, request: HttpRequest, outgoing: Outgoing | None, timeout: httpx.Timeout
) -> httpx.Request:
    headers = dict(request.headers)
    if outgoing is not None:
        headers["Content-Length"] = str(outgoing.length)
    try:
        return client.build_request(
            request.method,
            _checked_url(request),
            headers=headers,
            content=request.body if isinstance(request.body, bytes) else outgoing,
            timeout=timeout,
        )
    except (ValueError, TypeError, httpx.InvalidURL):
        problem = f"{request.subject}: cannot be put into a request"
    raise ConfigurationError(problem, code="bad_request")


def _checked_url(request: HttpRequest) -> str:
    parts = urlsplit(request.url)
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    if not is_web or parts.username or parts.password:
        message = "address must be http or https and carry no user information"
        raise ValueError(message)
    return request.url


def _timeouts(limits: HttpLimits, deadline: Deadline) -> httpx.Timeout:
    left = max(0.001, deadline.seconds_left())
    connect = min(limits.connect_timeout.total_seconds(), left)
    read = min(limits.read_timeout.total_seconds(), left)
    return httpx.Timeout(connect=connect, read=read, write=read, pool=connect)


def _cut_short(request: HttpRequest, flight: Flight) -> PmsBridgeError:
    """The body could not be read to its end. What left is no whole request; that nobody acted on it is not proven."""
    if flight.tracked and not flight.started:
        return UnavailableError(f"{request.subject}: the body could not be read; nothing was sent", code="body_lost")
    problem = f"{request.subject}: the body could not be read to its end"
    return no_usable_answer(problem, is_write=request.is_write, code="body_lost")


def _send_error(error: Exception, request: HttpRequest, flight: Flight) -> PmsBridgeError:
    code = _code_of(error, flight)
    never_left = flight.tracked and not flight.started
    if never_left and isinstance(error, (httpx.LocalProtocolError, httpx.UnsupportedProtocol)):
        return ConfigurationError(f"{request.subject}: cannot be put into a request", code="bad_request")
    if never_left or isinstance(error, _BEFORE_SENDING):
        return UnavailableError(f"{request.subject}: not reached ({code}); nothing was sent", code=code)
    return no_usable_answer(f"{request.subject}: no answer ({code})", is_write=request.is_write, code=code)


def _code_of(error: BaseException, flight: Flight) -> str:
    if isinstance(error, httpx.TimeoutException) and flight.deadline.passed():
        return "deadline"
    if isinstance(error, httpx.ConnectError) and _is_tls(error):
        return "tls_failed"
    codes: tuple[tuple[type[Exception], str], ...] = (
        (httpx.ConnectError, "connect_failed"),
        (httpx.ConnectTimeout, "connect_timeout"),
        (httpx.PoolTimeout, "pool_timeout"),
        (httpx.TimeoutException, "read_timeout"),
        (httpx.RemoteProtocolError, "protocol_error"),
        (httpx.NetworkError, "connection_lost"),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), "transport_error")


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
