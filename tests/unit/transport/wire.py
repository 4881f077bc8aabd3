"""A server that does to a connection exactly what a test says, and counts."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Self

from pmsbridge.errors import PmsBridgeError
from pmsbridge.transport.http import HttpClient, HttpLimits, HttpRequest

Script = Callable[["Visit"], None]

QUICK = HttpLimits(
    connect_timeout=timedelta(seconds=2), read_timeout=timedelta(seconds=0.4), deadline=timedelta(seconds=5)
)


class Visit:
    """One accepted connection."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connection = connection
        self.over = over

    def request(self) -> bytes:
        """Read one request, head and body."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.connection.recv(65_536)
            if not more:
                return data
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
        )
        while len(body) < length:
            more = self.connection.recv(65_536)
            if not more:
                break
            body += more
        return head + b"\r\n\r\n" + body

    def say(self, data: bytes, *, then_idle: bool = False) -> None:
        """Send bytes; a client that has gone is no error."""
        with contextlib.suppress(OSError):
            self.connection.sendall(data)
        if then_idle:
            self.idle()

    def idle(self) -> None:
        """Keep the connection open and do nothing."""
        self.over.wait(5)

    def answer(self, status: str = "200 OK", body: bytes = b"", *headers: str, more: bool = False) -> None:
        """Send a whole response, and say whether another request may follow on the same connection."""
        kept = "keep-alive" if more else "close"
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Connection: {kept}", *headers, "", ""]
        self.say("\r\n".join(lines).encode() + body)

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte by byte."""
        for position in range(len(data)):
            if self.over.wait(seconds):
                return
            try:
                self.connection.sendall(data[position : position + 1])
            except OSError:
                return

    def reset(self) -> None:
        """Close so that the other side gets a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class Server:
    """Runs a script for every connection, on loopback, on a free port."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.visits = 0
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.02)
        self.port = self._listening.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/service?secret=query"

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                continue
            connection.settimeout(5)
            self.visits += 1
            self._run(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            visit = Visit(connection, self._over)
            self.script(visit)


def after_request(act: Script) -> Callable[[Server], Script]:
    """A script that reads one request, notes it, and then acts."""

    def bound(server: Server) -> Script:
        def script(visit: Visit) -> None:
            server.requests.append(visit.request())
            act(visit)

        return script

    return bound


@contextlib.contextmanager
def serving(act: Script) -> Iterator[Server]:
    """A server that reads one request per connection and then acts."""
    server = Server(lambda _visit: None)
    server.script = after_request(act)(server)
    with server:
        yield server


def fetch(url: str, *, is_write: bool, limits: HttpLimits = QUICK, client: HttpClient | None = None) -> bytes:
    """Send one POST, judge its status, read its body."""
    http = client or HttpClient(limits)
    request = HttpRequest(
        "POST", url, {"Content-Type": "text/plain"}, b"card=canary", is_write=is_write, operation="Pay"
    )
    try:
        with http.send(request, limits=limits) as answer:
            answer.raise_for_status()
            return answer.read()
    finally:
        if client is None:
            http.close()


def failure(url: str, *, is_write: bool, limits: HttpLimits = QUICK) -> PmsBridgeError:
    """The error that :func:`fetch` ends in."""
    try:
        fetch(url, is_write=is_write, limits=limits)
    except PmsBridgeError as error:
        return error
    raise AssertionError("the call succeeded")


def gzip_bomb(decoded_bytes: int) -> bytes:
    """A gzip of zeros."""
    return gzip.compress(bytes(decoded_bytes), 9)
