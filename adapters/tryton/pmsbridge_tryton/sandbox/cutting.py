"""A wire between a client and the server that loses what a test wants lost: an answer, a request; or says "later"."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .serving import TrytonServer

__all__ = ["Cutter", "cut_wire"]

_SECONDS = 60.0


class Cutter:
    """The wire. Both ways of losing look alike to the client: the connection closes, and there is no answer.

    Attributes:
        url: What the client is told to be the server.
        passed: How often each method reached the server.
    """

    def __init__(self) -> None:
        self.url = ""
        self.passed: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._later: Counter[str] = Counter()
        self._lock = threading.Lock()

    def lose_answers(self, method: str, times: int = 1) -> None:
        """The server does it, and the client never hears."""
        self._answers[method] += times

    def lose_requests(self, method: str, times: int = 1) -> None:
        """The server never hears."""
        self._requests[method] += times

    def put_off(self, method: str, times: int = 1) -> None:
        """The server never hears, and the client is told to come back in a second."""
        self._later[method] += times

    @property
    def waiting(self) -> int:
        """How much is still to be lost or put off."""
        with self._lock:
            return self._answers.total() + self._requests.total() + self._later.total()

    def is_put_off(self, method: str) -> bool:
        """Whether this request is told to come back."""
        with self._lock:
            if self._later[method] > 0:
                self._later[method] -= 1
                return True
            return False

    def reaches_server(self, method: str) -> bool:
        """Whether this request gets through; counts it."""
        with self._lock:
            if self._requests[method] > 0:
                self._requests[method] -= 1
                return False
            self.passed[method] += 1
            return True

    def reaches_client(self, method: str) -> bool:
        """Whether this answer gets through."""
        with self._lock:
            if self._answers[method] > 0:
                self._answers[method] -= 1
                return False
            return True


@contextmanager
def cut_wire(server: TrytonServer) -> Iterator[Cutter]:
    """A wire to a server, for as long as the block runs."""
    cutter = Cutter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            method = str(json.loads(body)["method"])
            if cutter.is_put_off(method):
                self.send_response(503)
                self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if not cutter.reaches_server(method):
                self.close_connection = True
                return
            answer, raw = self._forwarded(body)
            if not cutter.reaches_client(method):
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name in ("Content-Type", "Content-Encoding"):
                if answer.headers[name]:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _forwarded(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
            kept = ("Content-Type", "Authorization", "Accept-Encoding")
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_SECONDS)
            headers = {name: value for name in kept if (value := self.headers[name])}
            try:
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                return answer, answer.read()
            finally:
                connection.close()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Keep quiet."""

    class Wire(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is no news."""

    wire = Wire(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=wire.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    cutter.url = f"http://127.0.0.1:{wire.server_address[1]}"
    try:
        yield cutter
    finally:
        wire.shutdown()
        wire.server_close()
        thread.join(5)
