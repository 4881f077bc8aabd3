"""The sandbox as an HTTP server on loopback: the vendor's own addresses, and the control endpoint."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from .answers import Reply
from .control import SandboxControl
from .desk import Desk
from .door import Request
from .exact import written
from .faults import FaultKind, Rule
from .office import Office

_POLL: Final = 0.005
_LONGEST_BODY: Final = 256_000_000
_WAITS_BEFORE: Final = frozenset({FaultKind.DELAY})
_WAITS_AFTER: Final = frozenset({FaultKind.STALL})


class _Listener(ThreadingHTTPServer):
    """A threading server that can drop its connections: gently when it stops, hard when a fault says so."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self.open: set[socket.socket] = set()
        self.reset: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class says Any
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the base class says Any
        self.open.discard(request)
        if request in self.reset:
            self.reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the base class asks
        """Clients that hang up are part of the game; a mistake of the sandbox's own is not."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()

    def drop_connections(self) -> None:
        """End every connection that is still open."""
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.open.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def __init__(self, sandbox: SandboxServer, *given: Any) -> None:
        self.sandbox = sandbox
        super().__init__(*given)

    def _any(self) -> None:
        if urlsplit(self.path).path.startswith("/control/"):
            self._control()
            return
        office = self.sandbox.office
        headers = {name.lower(): value for name, value in self.headers.items()}
        # Where all goes to one address, only the body says what is asked, and which fault strikes it.
        by_body = office.plan.goes_by_body(self.command, urlsplit(self.path).path)
        request = Request(self.command, self.path, headers, self._body() if by_body else b"")
        with office.lock:
            rule = office.faults.strike(office.name_of(request))
        if rule is not None and rule.kind is FaultKind.REFUSE:
            office.refused(request, rule)
            self._hang_up()
            return
        self._wait(rule, _WAITS_BEFORE)
        request = request if by_body else Request(self.command, self.path, headers, self._body())
        handled = office.handle(request, rule=rule, has_struck=True)
        self._wait(rule, _WAITS_AFTER)
        self._send(handled.reply, rule)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` of answers is the sandbox's own: since when is asked by it."""
        return super().date_time_string(self.sandbox.office.now().timestamp() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write no log: the call log is the log."""

    def _body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST_BODY))

    def _wait(self, rule: Rule | None, kinds: frozenset[FaultKind]) -> None:
        if rule is not None and rule.kind in kinds:
            self.sandbox.pause(rule.seconds)

    def _control(self) -> None:
        raw = self._body()
        parts = urlsplit(self.path)
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        if isinstance(body, dict):
            path, query = parts.path.removeprefix("/control/"), dict(parse_qsl(parts.query))
            status, answer = self.sandbox.desk.answer(self.command, path, query, body)
        else:
            status, answer = 400, {"error": "the body is not a JSON object"}
        self._send(Reply(status, raw=written(answer).encode()), None)

    def _hang_up(self) -> None:
        """Reset the connection without reading on."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.reset.add(self.connection)
        self.close_connection = True

    def _send(self, reply: Reply | None, rule: Rule | None) -> None:
        if reply is None:
            self.close_connection = True
            return
        if reply.pieces is not None:
            self._stream(reply, reply.pieces())
            return
        kind = None if rule is None else rule.kind
        body, headers = reply.content, {"Content-Type": "application/json", **reply.headers}
        if kind is FaultKind.GZIP_BOMB and rule is not None:
            body, headers["Content-Encoding"] = gzip.compress(b" " * rule.size), "gzip"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self._send_body(body, rule)
        except OSError:
            self.close_connection = True

    def _stream(self, reply: Reply, pieces: Iterator[bytes]) -> None:
        """An answer whose length nobody knows before its end."""
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _send_body(self, body: bytes, rule: Rule | None) -> None:
        if rule is not None and rule.kind is FaultKind.TRUNCATE:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif rule is not None and rule.kind is FaultKind.DRIP:
            self.wfile.flush()
            for position in range(len(body)):
                if self.sandbox.pause(rule.seconds):
                    break
                self.wfile.write(body[position : position + 1])
                self.wfile.flush()
            self.close_connection = True
        else:
            self.wfile.write(body)


class SandboxServer:
    """A back office on a local port, until stopped; a context manager.

    Args:
        office: What answers.
        port: TCP port; 0 takes a free one.
        host: Address to listen on.
    """

    def __init__(self, office: Office, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.office = office
        self.desk = Desk(office)
        self._host, self._port = host, port
        self._stopped = threading.Event()
        self._listener: _Listener | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, without a slash at the end; the port is 0 before `start`."""
        return f"http://{self._host}:{self._port}"

    @property
    def control(self) -> SandboxControl:
        """A client of its control endpoint."""
        return SandboxControl(self.base_url)

    def pause(self, seconds: float) -> bool:
        """Wait so many seconds of real time; true when the server stopped meanwhile."""
        return self._stopped.wait(seconds)

    def start(self) -> str:
        """Listen, in threads of this process; returns the base address."""
        self._listener = _Listener((self._host, self._port), lambda *given: _Handler(self, *given))
        self._port = int(self._listener.server_address[1])
        threading.Thread(target=self._listener.serve_forever, args=(_POLL,), name="sandbox", daemon=True).start()
        return self.base_url

    def stop(self) -> None:
        """Stop listening and end all connections; safe to call twice."""
        self._stopped.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown()
            listener.server_close()
            listener.drop_connections()

    def __enter__(self) -> Self:
        """Listen."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
