"""A way to the real server on which calls are counted, and get lost, cut or answered with nonsense when told to."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pmsbridge.testing.conformance import Weather

__all__ = ["WeatherProxy", "weather_before"]

_READS = ("*.search_read", "*.search", "*.get", "*.get_preferences", "common.*", "*.search_count", "report.*")


class WeatherProxy:
    """Stands before a server.

    Attributes:
        calls: Methods in the order in which they arrived.
        told: Methods that met bad weather.
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.calls: list[str] = []
        self.told: list[str] = []
        self._weather: Weather | None = None
        self._pattern = ""
        self._lasts = False
        self._refused = ""
        self._first: tuple[str, Callable[[], object]] | None = None
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def clear(self) -> None:
        """Good weather from now on, and nothing counted."""
        with self._lock:
            self.calls.clear()
            self.told.clear()
            self._weather = None
            self._refused = ""
            self._first = None

    def before(self, pattern: str, act: Callable[[], object]) -> None:
        """Something happens there right before the next call of a method that fits."""
        with self._lock:
            self._first = (pattern, act)

    def refuse(self, pattern: str) -> None:
        """The next call of a method that fits is refused, as the server refuses what breaks a rule of its own."""
        with self._lock:
            self._refused = pattern

    def let(self, weather: Weather, pattern: str, *, lasts: bool = False) -> None:
        """The next call of a method that fits meets this weather; with ``lasts`` every one."""
        with self._lock:
            self._weather, self._pattern, self._lasts = weather, pattern, lasts

    def count(self, pattern: str) -> int:
        """How many calls of methods that fit arrived."""
        with self._lock:
            return sum(fnmatchcase(method, pattern) for method in self.calls)

    def _meets(self, method: str) -> Weather | None:
        with self._lock:
            self.calls.append(method)
            is_read = any(fnmatchcase(method, pattern) for pattern in _READS)
            fits = fnmatchcase(method, self._pattern) if self._pattern else is_read
            if self._weather is None or not fits:
                return None
            found = self._weather
            self.told.append(method)
            if not self._lasts:
                self._weather = None
            return found

    def _act_first(self, method: str) -> None:
        with self._lock:
            fits = self._first is not None and fnmatchcase(method, self._first[0])
            first, self._first = (self._first, None) if fits else (None, self._first)
        if first is not None:
            first[1]()

    def _is_refused(self, method: str) -> bool:
        with self._lock:
            if not self._refused or not fnmatchcase(method, self._refused):
                return False
            self._refused = ""
            return True

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        method, number = str(json.loads(body)["method"]), json.loads(body)["id"]
        weather = self._meets(method)
        self._act_first(method)
        if self._is_refused(method):
            said = {"id": number, "error": ["UserError", ["This is not allowed.", "", None]]}
            self._say(request, 200, json.dumps(said).encode())
        elif weather is Weather.LOST_BEFORE:
            request.close_connection = True
        elif weather is Weather.SERVER_ERROR:
            self._say(request, 500, b"<html>no</html>", "text/html")
        elif weather is Weather.FAULT:
            self._say(request, 200, json.dumps({"id": number, "error": ["'nope'", ""]}).encode())
        elif weather is Weather.REDIRECTED:
            request.send_response(302)
            request.send_header("Location", "http://127.0.0.1:9/")
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif weather is Weather.BUSY:
            request.send_response(503)
            request.send_header("Retry-After", "1")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._forwarded(request, body, weather)

    def _forwarded(self, request: BaseHTTPRequestHandler, body: bytes, weather: Weather | None) -> None:
        there = http.client.HTTPConnection(*self._to, timeout=60)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {"host", "connection"}}
        try:
            there.request("POST", request.path, body, headers)
            answer = there.getresponse()
            said, encoding = answer.read(), answer.getheader("Content-Encoding")
        finally:
            there.close()
        kind = answer.getheader("Content-Type") or "application/json"
        if weather is Weather.LOST_AFTER:
            request.close_connection = True
        elif weather is Weather.TRUNCATED:
            self._say(request, answer.status, said, kind, encoding, cut=True)
        elif weather is Weather.GARBLED:
            self._say(request, 200, b"\x00not json", kind)
        else:
            self._say(request, answer.status, said, kind, encoding)

    @staticmethod
    def _say(
        request: BaseHTTPRequestHandler, status: int, said: bytes, kind: str = "application/json",
        encoding: str | None = None, *, cut: bool = False,
    ) -> None:  # fmt: skip
        request.send_response(status)
        request.send_header("Content-Type", kind)
        if encoding:
            request.send_header("Content-Encoding", encoding)
        request.send_header("Content-Length", str(len(said)))
        request.end_headers()
        request.wfile.write(said[: len(said) // 2] if cut else said)
        if cut:
            request.close_connection = True


@contextmanager
def weather_before(host: str, port: int) -> Iterator[WeatherProxy]:
    """A proxy for as long as the block runs."""
    proxy = WeatherProxy(host, port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
