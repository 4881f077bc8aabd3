"""A made-up back office on loopback that answers exactly what a test says, and remembers every request."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. ``cut``: close after so many bytes of the body, or (0) before any of the answer."""

    status: int = 200
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: int | None = None

    @property
    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.document is None else json.dumps(self.document).encode()


Play = Callable[[Seen], Answer]


class Office(ThreadingHTTPServer):
    """Answers by the play of a path, else 404."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plays: dict[str, Play] = {}
        self.seen: list[Seen] = []
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is none of our business."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answers(self, path: str, *answers: Answer) -> None:
        """One after the other; the last stays."""
        left = list(answers)

        def play(_seen: Seen) -> Answer:
            return left.pop(0) if len(left) > 1 else left[0]

        self.plays[path] = play

    def plays_at(self, path: str, play: Play) -> None:
        self.plays[path] = play

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def answer(self, seen: Seen) -> Answer:
        with self.lock:
            self.seen.append(seen)
            play = self.plays.get(seen.path)
        return play(seen) if play else Answer(404, {"error": "no such path"})


class _Handler(BaseHTTPRequestHandler):
    server: Office
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        seen = Seen(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(size),
        )
        answer = self.server.answer(seen)
        if answer.cut == 0:
            self._hang_up()
            return
        content = answer.content
        headers = {"Content-Type": "application/json", **answer.headers}
        (self.send_response_only if "Date" in headers else self.send_response)(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: answer.cut])
        if answer.cut is not None:
            self._hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the library's names

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


_O = TypeVar("_O", bound=Office)


@contextmanager
def run(office: _O) -> Iterator[_O]:
    thread = threading.Thread(target=office.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield office
    finally:
        office.shutdown()
        office.server_close()
        thread.join(5)


@contextmanager
def opened() -> Iterator[Office]:
    with run(Office()) as office:
        yield office


class FakeSecrets:
    """Fixed words behind references."""

    def __init__(self, **words: str) -> None:
        self.words = {f"env:{name.upper()}": word for name, word in words.items()}

    def get(self, reference: str) -> str:
        return self.words[reference]
