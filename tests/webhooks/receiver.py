"""A receiver of webhooks on loopback: keeps what came, answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Came", "Receiver", "receiver"]


@dataclass(frozen=True)
class Came:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def what(self) -> tuple[str, str]:
        return self.message["type"], self.message["data"]["id"]


@dataclass
class Receiver:
    """Attributes:
    status: Of an answer; a function of what came may say another.
    most_at_once: How many requests were inside together.
    """

    port: int = 0
    status: int | Callable[[Came], int] = 204
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hangs: threading.Event = field(default_factory=threading.Event)
    came: list[Came] = field(default_factory=list)
    inside: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.came]

    @property
    def whats(self) -> list[tuple[str, str]]:
        return [each.what for each in self.came]

    def wait_for(self, count: int, seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while len(self.came) < count:
            assert time.monotonic() < ends, f"{len(self.came)} of {count} came"
            time.sleep(0.01)


@contextmanager
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            came = Came(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with state.lock:
                state.inside += 1
                state.most_at_once = max(state.most_at_once, state.inside)
                state.came.append(came)
            time.sleep(state.delay)
            if state.hangs.is_set():
                self.close_connection = True
                while state.hangs.is_set():
                    time.sleep(0.02)
                with state.lock:
                    state.inside -= 1
                return
            status = state.status(came) if callable(state.status) else state.status
            with state.lock:
                state.inside -= 1
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:  # a sender that was killed
            pass

    server = Server(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.hangs.clear()
        server.shutdown()
        server.server_close()
        thread.join()
