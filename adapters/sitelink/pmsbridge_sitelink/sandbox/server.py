"""The sandbox as an HTTP server on loopback: two SOAP services, their descriptions, and the control endpoint."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from .clock import Clock
from .contract import PATHS, Service
from .control import SandboxControl
from .desk import Desk
from .faults import FaultPlan
from .gateway import Gateway
from .office import Office
from .replies import Reply
from .wsdl import write

_SERVICES: Final[dict[str, Service]] = {path: service for service, path in PATHS.items()}
_LONGEST_BODY: Final = 16_000_000
_GRACE: Final = 0.05
_POLL: Final = 0.005


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


class _Trap(BaseHTTPRequestHandler):
    """Counts who follows a redirect; answers nothing useful."""

    def __init__(self, visits: list[int], *given: Any) -> None:
        self.visits = visits
        super().__init__(*given)

    def do_POST(self) -> None:
        """Remember how long the body was."""
        length = int(self.headers.get("Content-Length") or 0)
        self.visits.append(len(self.rfile.read(length)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """Remember a visit without a body."""
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/10.0"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Listener

    def __init__(self, sandbox: SandboxServer, *given: Any) -> None:
        self.sandbox = sandbox
        super().__init__(*given)

    def do_POST(self) -> None:
        """A SOAP call or a control request."""
        path = urlsplit(self.path).path
        if path.startswith("/control/"):
            self._control("POST")
            return
        service = _SERVICES.get(path)
        if service is None:
            self._send(Reply(404, b"Not found", "text/plain"))
            return
        action = self.headers.get("SOAPAction")
        gateway = self.sandbox.gateway
        if gateway.refused(service, action):
            self._hang_up()
            return
        body = self._body()
        if "text/xml" not in (self.headers.get("Content-Type") or ""):
            self._send(Reply(415, b"Unsupported media type", "text/plain"))
            return
        self._send(gateway.reply(service, action, body))

    def do_GET(self) -> None:
        """A description or a control request."""
        parts = urlsplit(self.path)
        service = _SERVICES.get(parts.path)
        if parts.path.startswith("/control/"):
            self._control("GET")
        elif service is None:
            self._send(Reply(404, b"Not found", "text/plain"))
        elif parts.query.lower() == "wsdl":
            drift = self.sandbox.office.settings.wsdl_drift
            self._send(Reply(200, write(service, self.sandbox.base_url, drift).encode()))
        else:
            self._send(Reply(200, f"<html><body>{service}</body></html>".encode(), "text/html"))

    def do_DELETE(self) -> None:
        """A control request."""
        self._control("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write no log: the call log is the log."""

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return b"".join(self._chunks())
        return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST_BODY))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _control(self, method: str) -> None:
        raw = self._body()
        parts = urlsplit(self.path)
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        if isinstance(body, dict):
            status, answer = self.sandbox.desk.answer(
                method, parts.path.removeprefix("/control/"), dict(parse_qsl(parts.query)), body
            )
        else:
            status, answer = 400, {"error": "the body is not a JSON object"}
        self._send(Reply(status, json.dumps(answer, ensure_ascii=False).encode(), "application/json"))

    def _hang_up(self) -> None:
        """Reset the connection without reading on."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.reset.add(self.connection)
        self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if reply.silent:
            self.close_connection = True
            return
        self.send_response(reply.status)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        try:
            if isinstance(reply.body, bytes):
                self._send_bytes(reply, reply.body)
            else:
                self._send_pieces(reply.body)
        except OSError:
            self.close_connection = True

    def _send_bytes(self, reply: Reply, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        if reply.cut:
            self.close_connection = True
            body = body[: len(body) // 2]
        if not reply.byte_pause:
            self.end_headers()
            self.wfile.write(body)
            return
        self.end_headers()
        self.wfile.flush()
        for position in range(len(body)):
            if self.sandbox.pause(reply.byte_pause):
                break
            self.wfile.write(body[position : position + 1])
            self.wfile.flush()
        self.close_connection = True

    def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


class SandboxServer:
    """A SiteLink back office on a local port, until stopped; a context manager."""

    def __init__(
        self,
        seed: int = 7,
        sites: int = 2,
        units: int = 40,
        today: date | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            seed: Decides all generated data and which calls a probability strikes.
            sites: Number of locations, `L001` onwards; opened on first use.
            units: Units per location; the first has at least its showcase.
            today: Business day to start on; None is the real one.
            port: TCP port; 0 takes a free one.
            host: Address to listen on.
            clock: Where time comes from; None runs in real time from mid-morning of `today`.
        """
        self._make = partial(Office, seed=seed, sites=sites, units=units, today=today, clock=clock)
        self._host, self._port = host, port
        self._stopped = threading.Event()
        self._listener: _Listener | None = None
        self._trap: _Listener | None = None
        self._visits: list[int] = []
        self._lock = threading.Lock()
        self.plan = FaultPlan(seed)
        self.office = self._make()
        self.gateway = self._gate()
        self.desk = Desk(office=lambda: self.office, plan=self.plan, reset=self.reset, close=self.close_for)
        self.desk.trap = self.trapped

    def _gate(self) -> Gateway:
        return Gateway(self.office, self.plan, self.pause, self._trap_url)

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
        self._listen()
        return self.base_url

    def _listen(self) -> None:
        self._listener = _Listener((self._host, self._port), lambda *given: _Handler(self, *given))
        self._port = int(self._listener.server_address[1])
        threading.Thread(target=self._listener.serve_forever, args=(_POLL,), name="sandbox", daemon=True).start()

    def _unlisten(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown()
            listener.server_close()
            listener.drop_connections()

    def stop(self) -> None:
        """Stop listening and end all connections; safe to call twice."""
        self._stopped.set()
        with self._lock:
            self._unlisten()
            trap, self._trap = self._trap, None
        if trap is not None:
            trap.shutdown()
            trap.server_close()
            trap.drop_connections()

    def reset(self) -> None:
        """Start over with the same seed: books, log, settings and faults. A given clock keeps its time."""
        self.plan.clear()
        self.office = self._make()
        self.gateway = self._gate()

    def close_for(self, seconds: float) -> None:
        """Refuse connections, really, for so many seconds; happens a moment after this returns."""
        threading.Thread(target=self._closed, args=(seconds,), daemon=True).start()

    def _closed(self, seconds: float) -> None:
        self.pause(_GRACE)
        with self._lock:
            self._unlisten()
        if not self.pause(seconds):
            with self._lock:
                self._listen()

    def _trap_url(self) -> str:
        """The address of the trap for followed redirects; set on first use."""
        with self._lock:
            if self._trap is None:
                self._visits.clear()
                self._trap = _Listener((self._host, 0), lambda *given: _Trap(self._visits, *given))
                threading.Thread(
                    target=self._trap.serve_forever, args=(_POLL,), name="sandbox-trap", daemon=True
                ).start()
            return f"http://{self._host}:{self._trap.server_address[1]}/elsewhere"

    def trapped(self) -> dict[str, Any]:
        """How many requests followed a redirect and how many bytes they carried."""
        return {"visits": len(self._visits), "bytes": sum(self._visits)}

    def __enter__(self) -> Self:
        """Listen."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
