"""A server of a few lines that answers what a test says, shaped as a real one was seen to answer, and counts."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.connection import ConnectionSettings, connect

__all__ = [
    "PASSWORD", "TOKEN", "Call", "HandClock", "Office", "Reply", "broken", "client_on", "error", "result",
    "running_office", "status",
]  # fmt: skip

PASSWORD = "canary-password-of-tests"
TOKEN = "canary-token-of-tests"


@dataclass(frozen=True)
class Reply:
    """What goes over the wire."""

    status: int = 200
    envelope: dict[str, Any] | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    before: Callable[[], object] | None = None


def result(value: object) -> Reply:
    """A success, as JSON says it."""
    return Reply(envelope={"result": value})


def error(*parts: object) -> Reply:
    """An error of the envelope."""
    return Reply(envelope={"error": list(parts)})


def status(code: int, **headers: str) -> Reply:
    """An HTTP status with a page of HTML."""
    return Reply(status=code, body=b"<!doctype html><title>no</title>", headers=headers)


def broken(body: bytes = b"", **headers: str) -> Reply:
    """A success whose body is whatever; without one the connection is cut."""
    return Reply(body=body, headers=headers, is_cut=not body)


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    path: str
    method: str
    params: list[Any]
    keys: frozenset[str]
    headers: dict[str, str]

    @property
    def context(self) -> dict[str, Any]:
        """The last parameter."""
        found: dict[str, Any] = self.params[-1]
        return found


class Office:
    """The server's side."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.password = PASSWORD
        self.sessions: set[str] = set()
        self.login_reply: Reply | None = None
        self.url = ""
        self._replies: dict[str, list[Reply]] = defaultdict(list)
        self._lock = threading.Lock()

    def answer(self, method: str, *replies: Reply) -> None:
        """What a method answers, one after the other; the last for ever."""
        self._replies[method] = list(replies)

    def forget(self) -> None:
        """End every session."""
        self.sessions.clear()

    def of(self, method: str) -> list[Call]:
        """Calls of one method."""
        return [call for call in self.calls if call.method == method]

    @property
    def logins(self) -> int:
        """How often somebody tried to log on."""
        return len(self.of("common.db.login"))

    def reply(self, call: Call) -> Reply:
        """The answer to a call."""
        with self._lock:
            self.calls.append(call)
            if call.method == "common.db.login":
                return self._log_in(call)
            if call.path == "/rpc/":
                return result("8.2")
            if call.headers.get("authorization", "") not in self.sessions:
                return status(401)
            if call.method == "common.db.logout":
                self.sessions.discard(call.headers["authorization"])
                return result(None)
            waiting = self._replies[call.method] or [result({"company": 7, "language": "en"})]
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def _log_in(self, call: Call) -> Reply:
        if self.login_reply is not None:
            return self.login_reply
        if call.params[1] != {"password": self.password}:
            return status(401)
        token = f"{TOKEN}-{len(self.calls)}"
        self.sessions.add("Session " + base64.b64encode(f"{call.params[0]}:2:{token}".encode()).decode())
        return result([2, token, None])


@contextmanager
def running_office() -> Iterator[Office]:
    """The server for as long as the block runs."""
    office = Office()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.path, body["method"], body["params"], frozenset(body), headers)
            self._say(office.reply(call), body["id"])

        def _say(self, reply: Reply, number: int) -> None:
            if reply.before is not None:
                reply.before()
            if reply.is_cut:
                self.close_connection = True
                return
            body, headers = reply.body, dict(reply.headers)
            if reply.envelope is not None:
                body = json.dumps({"id": number, **reply.envelope}).encode()
                if len(body) > 1400:
                    body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)
            # A body that is shorter than it said ends with the connection.
            self.close_connection = "Content_Length" in headers

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    office.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield office
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class HandClock:
    """Time that moves only when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class _Passwords:
    def __init__(self, office: Office) -> None:
        self.now = office.password

    def get(self, reference: str) -> str:
        assert reference == "env:TRYTON_PASSWORD"
        return self.now


def client_on(office: Office, clock: HandClock | None = None, **more: Any) -> tuple[TrytonClient, _Passwords]:
    """A client of the server, and where its password comes from."""
    options = {
        "url": office.url, "database": "rental", "user": "portal", "password": "env:TRYTON_PASSWORD",
        "timeouts": {"connect": "2s", "read": "2s"}, **more,
    }  # fmt: skip
    passwords = _Passwords(office)
    settings = ConnectionSettings.model_validate(options)
    return connect("main", settings, secrets=passwords, clock=clock or HandClock()), passwords
