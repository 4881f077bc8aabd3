"""Payments that meet bad weather, through the engine, on a real server: each is booked once, none needs a person.

``PMSBRIDGE_TEST_LOST_PAYMENTS=500`` tries so many; a few are in the suite.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.engine.outcomes import ActionView
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.outcome import Outcome
from pmsbridge_tryton.sandbox.cutting import Cutter, cut_wire
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import adapter_of
from tests.adapters.tryton.bridging import Waiting, waiting_on
from tests.adapters.tryton.test_booking import STEPS

# Read when this is imported: a test sees no setting of whoever runs the suite.
PAYMENTS = int(os.environ.get("PMSBRIDGE_TEST_LOST_PAYMENTS", "10"))
PARTS = 5 if PAYMENTS < 100 else 25
"""Payments of one customer: most pay a part of an invoice; when it is settled, the last fifth is money on account."""

AMOUNT = Decimal(10)
PAIRS = [(first, second) for place, first in enumerate(STEPS) for second in STEPS[place + 1 :]]


@dataclass
class Stage:
    """A bridge whose wire is bad, and who pays."""

    waiting: Waiting
    wire: Cutter
    invoices: dict[int, Customer]
    met: Counter[str] = field(default_factory=Counter)

    def spoil(self, number: int) -> None:
        """The next payment loses one answer, its request, two answers, or is told to wait and loses one besides."""
        step, (first, second) = STEPS[number // 4 % len(STEPS)], PAIRS[number // 4 % len(PAIRS)]
        kind = number % 4
        if kind == 1:
            self.wire.lose_requests(step)
        elif kind == 3:
            self.wire.put_off(step)
            self.wire.lose_answers(STEPS[-(number // 4) % len(STEPS)])
        else:
            self.wire.lose_answers(step if kind == 0 else first)
        if kind == 2:
            self.wire.lose_answers(second)
        self.met[("one answer", "one request", "two answers", "told to wait, and one answer")[kind]] += 1

    def pay(self, invoice: int, part: int) -> ActionView:
        """One click: a part of an invoice, or money on account."""
        means = ExternalPayment(gateway="stripe", reference=f"pi_lost_{invoice}_{part}")
        session = self.waiting.bridge.tenant("main", str(self.invoices[invoice].id))
        key, amount = f"click-{invoice}-{part:04}", Money.of(AMOUNT, "USD")
        if part >= PARTS - PARTS // 5:
            return session.pay_on_account(amount, means, key=key)
        return session.pay_invoice(str(invoice), means, key=key, amount=amount)


@contextmanager
def stage_on(server: TrytonServer, yard: Yard, folder: Path) -> Iterator[Stage]:
    customers = [yard.customer() for _ in range(max(PAYMENTS // PARTS, 1))]
    owed = AMOUNT * (PARTS - PARTS // 5)
    invoices = {yard.invoice(customer, owed): customer for customer in customers}
    with cut_wire(server) as wire:
        adapter = adapter_of(server, url=wire.url)
        adapter.facility("main")
        with waiting_on(adapter, folder) as waiting:
            yield Stage(waiting, wire, invoices)
        adapter.close()


@pytest.mark.slow
def test_payments_that_meet_bad_weather_are_booked_once(
    tryton_server: TrytonServer, tryton_yard: Yard, tmp_path: Path
) -> None:
    began = time.monotonic()
    first: Counter[Outcome] = Counter()
    ended: Counter[Outcome] = Counter()
    with stage_on(tryton_server, tryton_yard, tmp_path) as stage:
        clicks = [(invoice, part) for part in range(PARTS) for invoice in stage.invoices]
        for number, (invoice, part) in enumerate(clicks):
            stage.spoil(number)
            view = stage.pay(invoice, part)
            first[view.outcome] += 1
            ended[stage.waiting.until_known(str(stage.invoices[invoice].id), view.action_id).outcome] += 1
            assert stage.wire.waiting == 0, f"payment {number} did not meet its weather"

    booked = {invoice: tryton_yard.payments(customer) for invoice, customer in stage.invoices.items()}
    doubles = sum(max(len(rows) - PARTS, 0) for rows in booked.values())
    lost = sum(max(PARTS - len(rows), 0) for rows in booked.values())
    print(
        f"\n{len(clicks)} payments, {dict(stage.met)}, first answers {dict(first)}: {dict(ended)}, doubles {doubles},"
        f" lost {lost}, {time.monotonic() - began:.0f} s"
    )
    assert first == {Outcome.PENDING: len(clicks)}
    assert ended == {Outcome.SETTLED: len(clicks)}
    assert (doubles, lost) == (0, 0)
    assert {row["state"] for rows in booked.values() for row in rows} == {"succeeded"}
    assert {row["amount"] for rows in booked.values() for row in rows} == {AMOUNT}
    assert {tryton_yard.owed(invoice) for invoice in stage.invoices} == {Decimal(0)}
    on_account = [row for rows in booked.values() for row in rows if row["line"] is None]
    assert len(on_account) == len(stage.invoices) * (PARTS // 5)
