"""A back office over HTTP that counts: it notes every call as it arrives, answers late, and can be made to hold one."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from pmsbridge.actions.effects import EffectBody, PaymentPart, TakePayment
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, payment_guard, reference_of
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice

MARGIN = timedelta(seconds=2)
CALL = timedelta(seconds=2)
WINDOW = timedelta(milliseconds=300)
LEASE = CALL + MARGIN


@dataclass
class Call:
    key: str
    lane: str
    pid: int
    began: float
    ended: float = 0.0


@dataclass
class Ledger:
    """What the back office saw. The truth a test judges by."""

    delay: float = 0.0
    calls: list[Call] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pay(self, key: str, lane: str, pid: int) -> int:
        with self.lock:
            call = Call(key, lane, pid, time.monotonic())
            self.calls.append(call)
            number = len(self.calls)
        if self.holding.is_set():
            self.released.wait(60)
        elif self.delay:
            time.sleep(self.delay)
        call.ended = time.monotonic()
        return number

    def times(self, key: str) -> int:
        with self.lock:
            return sum(call.key == key for call in self.calls)

    def has(self, key: str) -> bool:
        return self.times(key) > 0

    def doubled(self) -> list[str]:
        return [key for key, times in Counter(call.key for call in self.calls).items() if times > 1]

    def overlaps(self) -> list[tuple[Call, Call]]:
        lanes: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            lanes[call.lane].append(call)
        return [
            (one, other)
            for calls in lanes.values()
            for one, other in itertools.pairwise(calls)
            if other.began < (one.ended or float("inf"))
        ]


@contextmanager
def counting_office(*, delay: float = 0.0) -> Iterator[tuple[str, Ledger]]:
    """The office's address and its ledger, for the length of the block."""
    ledger = Ledger(delay)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer({"number": ledger.pay(asked["key"], asked["lane"], asked["pid"])})

        def do_GET(self) -> None:
            self._answer({"found": ledger.has(self.path.rpartition("=")[2])})

        def _answer(self, data: Mapping[str, object]) -> None:
            body = json.dumps(data).encode()
            with suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", ledger
    finally:
        ledger.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class WireAdapter(MemoryAdapter):
    """Takes payments over HTTP; one lane per facility."""

    settle_window = WINDOW
    send_timeout = CALL

    def __init__(self, url: str, facilities: tuple[str, ...]) -> None:
        super().__init__(MemoryOffice(SystemClock(), facilities=facilities))
        self._address = urlsplit(url).netloc

    @property
    def account_name(self) -> str:
        return "wire"

    def lane(self, effect: EffectBody) -> str:
        return f"wire:{getattr(effect, 'facility', '')}"

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        return {}

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        body = json.dumps({"key": attempt.key, "lane": self.lane(effect), "pid": os.getpid()})
        connection = http.client.HTTPConnection(self._address, timeout=CALL.total_seconds())
        try:
            connection.connect()
        except OSError:
            raise UnavailableError("refused") from None
        try:
            self.before_sending()
            if attempt.not_after is not None and datetime.now(UTC) >= attempt.not_after:
                raise UnavailableError("lease over; nothing was sent", code="lease_over")
            connection.request("POST", "/pay", body)
            number = json.loads(connection.getresponse().read())["number"]
        except OSError:
            raise OutcomeUnknownError("no answer") from None
        finally:
            connection.close()
        return Receipt(evidence=f"entry {number}", vendor_ids={"payment": str(number)}, at=datetime.now(UTC))

    def before_sending(self) -> None:
        """Where a test freezes the process."""

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        connection = http.client.HTTPConnection(self._address, timeout=CALL.total_seconds())
        try:
            connection.request("GET", f"/seen?key={attempt.key}")
            found = json.loads(connection.getresponse().read())["found"]
        except OSError:
            raise UnavailableError("no answer") from None
        finally:
            connection.close()
        if not found:
            return Absent("no such entry")
        return Found(Receipt(evidence="read back", at=datetime.now(UTC)))


FACILITIES = tuple(f"F{n}" for n in range(10))


def runtime_over(store: str, office: str) -> Runtime:
    """A runtime of this process: the office over HTTP, patience in seconds."""
    settings = EngineSettings(
        lease_margin=MARGIN, mail_timeout=CALL, backoff=(timedelta(milliseconds=300),), settle_window=WINDOW
    )
    return Runtime(open_database(store), {"wire": WireAdapter(office, FACILITIES)}, mailer=None, settings=settings)


def payment(number: int) -> Submission:
    """One payment of one tenant; its facility, and so its lane, follows from the number."""
    facility, tenant, key = FACILITIES[number % 10], f"T{number}", f"click-{number:04}"
    action = Submission.id_for("wire", facility, tenant, key)
    amount = Money(amount=Decimal("12.00"), currency="USD")
    effect = TakePayment(
        account="wire", facility=facility, tenant_id=tenant, reference=reference_of(action, "payment"),
        parts=(PaymentPart(rental_id=f"R{number}", unit_id=f"U{number}", unit_number="015", amount=amount),),
        means=ExternalPayment(gateway="stripe", reference=f"pi_{number}"),
    )  # fmt: skip
    step = PlannedEffect(
        name="payment", key=effect_key(action, "payment", effect.target), effect=effect,
        guards=(payment_guard("wire", facility, tenant, f"R{number}", amount),),
    )  # fmt: skip
    return Submission(
        action_id=action, key=key, kind="pay_rental", account="wire", facility=facility, tenant_id=tenant,
        intent=str(effect.target), plan=Plan(steps=(step,)),
    )  # fmt: skip


def store_payments(runtime: Runtime, numbers: range) -> list[str]:
    """Put payments into the journal without delivering any; returns their keys."""
    wanted = [payment(number) for number in numbers]
    with runtime.database.write() as connection:
        for each in wanted:
            runtime.submit(each, connection=connection)
    return [step.key for each in wanted for step in each.plan.steps]
