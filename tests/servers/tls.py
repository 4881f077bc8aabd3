"""HTTPS servers on loopback, with certificates of an authority that is made up for the test."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import trustme

__all__ = ["Authority", "Greeter", "https"]

HOST = "127.0.0.1"


class Authority:
    """Signs certificates.

    Attributes:
        bundle: Its own certificate, as a client is told to trust it.
    """

    def __init__(self, folder: Path) -> None:
        self._made = trustme.CA()
        self.bundle = folder / "authority.pem"
        self._made.cert_pem.write_to_path(str(self.bundle))

    def context(self, host: str = HOST, *, expired: bool = False) -> ssl.SSLContext:
        """What a server needs to be ``host``; ``expired``: its certificate's time was over yesterday."""
        ends = datetime.now(UTC) - timedelta(days=1) if expired else None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._made.issue_cert(host, not_after=ends).configure_cert(context)
        return context


class Greeter(BaseHTTPRequestHandler):
    """Answers every request with 200 and "hello", and counts them."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.served += 1
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    served = 0

    def __init__(self, context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__((HOST, 0), handler)
        # Shaken hands with in the thread of the connection: a client that refuses must not stop the next one.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server_port}/"

    def handle_error(self, *_: object) -> None:  # a client that did not trust us
        pass

    def __enter__(self) -> Self:
        return self


@contextmanager
def https(context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler] = Greeter) -> Iterator[_Server]:
    """A server that is running."""
    server = _Server(context, handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
