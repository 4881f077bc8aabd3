"""Payments whose answers get lost, through the engine, on a real server: each is booked once, none needs a person.

``PMSBRIDGE_TEST_LOST_PAYMENTS=500`` tries so many; a few are in the suite.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.engine.outcomes import ActionView
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge_tryton.sandbox.cutting import Cutter, cut_wire
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, adapter_of
from tests.adapters.tryton.test_booking import STEPS

# Read when this is imported: a test sees no setting of whoever runs the suite.
PAYMENTS = int(os.environ.get("PMSBRIDGE_TEST_LOST_PAYMENTS", "8"))
PARTS = 2 if PAYMENTS < 100 else 10
"""Payments that one invoice is paid in."""

PATIENCE = timedelta(minutes=5)


@dataclass
class Stage:
    """A bridge whose wire loses answers, and who pays."""

    bridge: Bridge
    yard: Yard
    wire: Cutter
    invoices: dict[int, Customer]
    cuts: Counter[str] = field(default_factory=Counter)

    def cut(self, number: int) -> None:
        """The next payment loses an answer at one of its four steps, and every fifth one its request."""
        step = STEPS[number % len(STEPS)]
        if number % 5 == 4:
            self.wire.lose_requests(step)
        else:
            self.wire.lose_answers(step)
        self.cuts[step] += 1

    def pay(self, invoice: int, part: int) -> ActionView:
        """One click: an equal part of an invoice."""
        means = ExternalPayment(gateway="stripe", reference=f"pi_lost_{invoice}_{part}")
        session = self.bridge.tenant("main", str(self.invoices[invoice].id))
        amount = Money.of(Decimal(10), "USD")
        return session.pay_invoice(str(invoice), means, key=f"click-{invoice}-{part:04}", amount=amount)

    def until_known(self, views: dict[str, str]) -> None:
        """Let the engine work until every action came to an end; nobody sends anything again."""
        end = time.monotonic() + PATIENCE.total_seconds()
        while time.monotonic() < end:
            self.bridge.runtime.run_due()
            if all(self.outcome(tenant, action).is_final for action, tenant in views.items()):
                return
            time.sleep(0.1)

    def outcome(self, tenant: str, action: str) -> Outcome:
        return self.bridge.tenant("main", tenant).action(action).outcome


@contextmanager
def stage_on(server: TrytonServer, yard: Yard, folder: Path) -> Iterator[Stage]:
    count = max(PAYMENTS // PARTS, 1)
    customers = [yard.customer() for _ in range(count)]
    invoices = {yard.invoice(customer, Decimal(10 * PARTS)): customer for customer in customers}
    with ExitStack() as held:
        wire = held.enter_context(cut_wire(server))
        adapter = adapter_of(server, url=wire.url, settle_window="1s")
        held.callback(adapter.close)
        adapter.facility("main")
        bridge = held.enter_context(
            Bridge(
                Settings(accounts={ACCOUNT: AccountSettings(system="tryton")}),
                database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={ACCOUNT: adapter}, mailer=None,
                clock=SystemClock(), wait=timedelta(0),
            )
        )  # fmt: skip
        yield Stage(bridge, yard, wire, invoices)


@pytest.mark.slow
def test_payments_whose_answers_are_lost_are_booked_once(
    tryton_server: TrytonServer, tryton_yard: Yard, tmp_path: Path
) -> None:
    began = time.monotonic()
    with stage_on(tryton_server, tryton_yard, tmp_path) as stage:
        clicked: dict[str, str] = {}
        first: Counter[Outcome] = Counter()
        number = 0
        for part in range(PARTS):
            now: dict[str, str] = {}
            for invoice, customer in stage.invoices.items():
                stage.cut(number)
                view = stage.pay(invoice, part)
                now[view.action_id] = str(customer.id)
                first[view.outcome] += 1
                number += 1
            stage.until_known(now)
            clicked |= now
        ended = Counter(stage.outcome(tenant, action) for action, tenant in clicked.items())
        left = sum(stage.wire._answers.values()) + sum(stage.wire._requests.values())

    booked = {invoice: tryton_yard.payments(customer) for invoice, customer in stage.invoices.items()}
    doubles = sum(max(len(rows) - PARTS, 0) for rows in booked.values())
    lost = sum(max(PARTS - len(rows), 0) for rows in booked.values())
    print(
        f"\n{number} payments, {dict(stage.cuts)} cut, first answers {dict(first)}: {dict(ended)}, doubles {doubles},"
        f" lost {lost}, {time.monotonic() - began:.0f} s"
    )
    assert left == 0
    assert first == {Outcome.PENDING: number}
    assert ended == {Outcome.SETTLED: number}
    assert (doubles, lost) == (0, 0)
    assert {row["state"] for rows in booked.values() for row in rows} == {"succeeded"}
    assert {row["amount"] for rows in booked.values() for row in rows} == {Decimal(10)}
    assert {tryton_yard.owed(invoice) for invoice in stage.invoices} == {Decimal(0)}
