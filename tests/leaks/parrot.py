"""A back office that repeats what it was told, in all the ways servers do when they go wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import quote, urlsplit

__all__ = ["ECHOES", "Parrot", "parrot"]

ECHOES: Final = (
    "fault", "html", "refusal", "redirect", "garbage", "header", "reason", "cut", "charset", "doctype", "lost", "never",
)  # fmt: skip
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"


class Parrot:
    """Passes calls on to the real one, until it is told to repeat the next call that holds one of the secrets."""

    def __init__(self, behind: str, secrets: tuple[str, ...]) -> None:
        parts = urlsplit(behind)
        self.behind = parts.hostname or "", parts.port or 80
        self.secrets = tuple(secret.encode() for secret in secrets)
        self.next_echo = ""
        self.repeated: list[str] = []
        self.base_url = ""

    def echo_for(self, body: bytes) -> str:
        """How this call is to be answered; empty for as it should be."""
        if not self.next_echo or not any(secret in body for secret in self.secrets):
            return ""
        echo, self.next_echo = self.next_echo, ""
        self.repeated.append(echo)
        return echo


@contextmanager
def parrot(behind: str, secrets: tuple[str, ...]) -> Iterator[Parrot]:
    """A parrot on a free port; told what to do next by ``GET /echo/NAME`` or by its attribute."""
    bird = Parrot(behind, secrets)
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: _Handler(bird, *given))
    server.daemon_threads = True
    bird.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield bird
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, bird: Parrot, *given: Any) -> None:
        self._bird = bird
        super().__init__(*given)

    def log_message(self, *_: Any) -> None:
        """Nothing: its own log is not what is judged."""

    def do_GET(self) -> None:
        if self.path.startswith("/echo/"):
            self._bird.next_echo = self.path.removeprefix("/echo/")
            self._answer(200, "text/plain", b"ok")
        elif self.path == "/waiting":
            self._answer(200, "text/plain", self._bird.next_echo.encode())
        else:
            self._pass_on(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        echo = self._bird.echo_for(body)
        if echo:
            with suppress(OSError):
                self._repeat(echo, body)
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        self._answer(*self._asked(body))

    def _asked(self, body: bytes) -> tuple[int, str, bytes]:
        line = HTTPConnection(*self._bird.behind, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.headers.get("Content-Type", "text/xml"), answer.read()
        finally:
            line.close()

    def _repeat(self, echo: str, body: bytes) -> None:
        text = body.decode()
        secret = next(secret.decode() for secret in self._bird.secrets if secret in body)
        inside = f"<x>{escape(text)}</x><card>{secret}</card> password={secret}"
        fault = (
            f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>no: {secret} '
            f"{escape(text)}</faultstring><detail>{inside}</detail></s:Fault></s:Body></s:Envelope>"
        )
        if echo == "fault":
            self._answer(500, "text/xml", fault.encode())
        elif echo == "html":
            self._answer(500, "text/html", f"<html><title>{secret}</title><pre>{escape(text)}</pre></html>".encode())
        elif echo == "refusal":
            status, kind, answer = self._asked(body)
            said = re.sub(rb"(<Ret_Msg>)[^<]*", rb"\1Declined: " + secret.encode(), answer)
            self._answer(status, kind, re.sub(rb"(<Ret_Code>)[^<]*", rb"\g<1>-100", said))
        elif echo == "redirect":
            place = f"{self._bird.base_url}/next?card={quote(secret)}&password={quote(secret)}"
            self._answer(307, "text/html", b"moved", Location=place)
        elif echo == "garbage":
            self._answer(200, "text/xml", f"<{secret}><unclosed {text}".encode())
        elif echo == "header":
            self._answer(400, "text/plain", secret.encode(), **{"X-Echo": secret, "Retry-After": secret})
        elif echo == "reason":
            self.send_response(402, f"card {secret}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif echo == "cut":
            self._answer(200, "text/xml", inside.encode(), **{"Content-Length": str(len(inside) + 500)})
            self.close_connection = True
        elif echo == "charset":
            self._answer(200, f"text/xml; charset={secret}", fault.encode())
        elif echo == "doctype":
            self._answer(200, "text/xml", f'<!DOCTYPE a [<!ENTITY b "{secret}">]><a>&b;</a>'.encode())
        else:
            if echo == "lost":
                self._asked(body)
            self.close_connection = True

    def _answer(self, status: int, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
