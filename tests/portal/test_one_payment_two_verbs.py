"""A payment that is asked for once at the rental and once at its invoice is one payment, and is asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.plan import is_same_payment, payment_guard
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import AgedBalance, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.record import VendorRef
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox
from tests.portal.conftest import World

BILLS = {"7": "80.00", "8": "40.00"}
"""Both about R1, of which 120.00 are due."""


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def gateway(number: int) -> ExternalPayment:
    return ExternalPayment(gateway="stripe", reference=f"pi_test_{number:04}")


class Biller(MemoryAdapter):
    """The back office in memory, with invoices: a payment that aims at none settles the oldest first."""

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        if invoice_id not in BILLS:
            message = "no such invoice"
            raise NotFoundError("invoice_id", message)
        self.office.read()
        total, paid = usd(BILLS[invoice_id]), self._paid()[invoice_id]
        return Invoice(
            ref=VendorRef(system="memory", account="mem", facility=facility, entity="invoice", id=invoice_id),
            tenant_id=tenant_id, number=f"I-{invoice_id}", state=InvoiceState.SENT, issued_on=date(2026, 11, 1),
            lines=(InvoiceLine(rental_id="R1", net=total, tax=usd("0.00")),), total=total, paid=paid,
            balance=total - paid,
        )  # fmt: skip

    def _paid(self) -> dict[str, Money]:
        paid = dict.fromkeys(BILLS, usd("0.00"))
        parts = [part for row in self.office.of_kind("take_payment") if isinstance(row.effect, TakePayment)
                 for part in row.effect.parts if part.rental_id == "R1"]  # fmt: skip
        for part in sorted(parts, key=lambda each: each.invoice_id is None):
            left = part.amount
            for name in BILLS if part.invoice_id is None else (part.invoice_id,):
                taken = min(left, usd(BILLS[name]) - paid[name])
                paid[name], left = paid[name] + taken, left - taken
        return paid

    def tenant_ledger(self, facility: str, tenant_id: str) -> Sequence[LedgerEntry]:
        return self.ledger(facility, tenant_id, "R1")

    def aged_balance(self, facility: str, tenant_id: str, *, on: date) -> AgedBalance:
        none = usd("0.00")
        return AgedBalance(on=on, not_due=none, up_to_30=none, up_to_60=none, up_to_90=none, over_90=none)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = TestClock()
    office = MemoryOffice(clock)
    adapter, outbox, path = Biller(office), Outbox(), tmp_path / "bridge.db"
    database = open_database(f"sqlite:///{path}")
    runtime = Runtime(database, {office.account: adapter}, mailer=outbox, clock=clock)
    yield World(clock, office, adapter, runtime, outbox, path)
    database.close()


@pytest.fixture
def session(world: World) -> TenantSession:
    return world.session()


def lost(world: World, fault: Fault = Fault.DROP_AFTER) -> None:
    """Of the next payment no answer comes; it is booked, or it is not."""
    world.office.fail(fault, kind="take_payment")


def asked(session: TenantSession, verb: str, number: int) -> ActionView:
    key, means, amount = f"click-{number:04}", gateway(number), usd("40.00")
    if verb == "rental":
        return session.pay_rental("R1", means, key=key, amount=amount)
    return session.pay_invoice(verb, means, key=key, amount=amount)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
@pytest.mark.parametrize(("first", "second"), [("rental", "7"), ("7", "rental")])
def test_the_other_verb_for_the_same_amount_is_the_same_payment_while_that_is_being_confirmed(
    world: World, session: TenantSession, first: str, second: str, fault: Fault
) -> None:
    lost(world, fault)
    pending = asked(session, first, 1)

    again = asked(session, second, 2)
    repeated = asked(session, second, 2)

    assert pending.outcome is Outcome.PENDING
    assert again.attached
    assert again.action_id == repeated.action_id == pending.action_id
    (finding,) = world.runtime.findings.open()
    assert finding.finding.code == "second_gateway_charge"
    world.later(minutes=10)
    assert world.payments == 1


def test_what_is_left_at_the_rental_is_the_payment_of_the_invoice_that_is_being_confirmed(
    world: World, session: TenantSession
) -> None:
    session.pay_invoice("8", gateway(1), key="click-0001")
    lost(world, Fault.DROP_BEFORE)
    pending = session.pay_invoice("7", gateway(2), key="click-0002")

    again = session.pay_rental("R1", gateway(3), key="click-0003")
    others = session.pay_all(gateway(4), key="click-0004")

    assert again.attached
    assert again.action_id == pending.action_id
    assert others.action_id != pending.action_id
    paid = [part.rental_id for row in world.office.of_kind("take_payment") if isinstance(row.effect, TakePayment)
            for part in row.effect.parts]  # fmt: skip
    assert paid.count("R1") == 1  # invoice 8; what pay_all paid is of the other unit
    world.later(minutes=10)
    assert session.action(pending.action_id).outcome is Outcome.SETTLED
    assert world.payments == 3


@pytest.mark.parametrize(("first", "second"), [("rental", "7"), ("7", "rental")])
def test_of_both_verbs_at_the_same_moment_one_is_stored(
    world: World, session: TenantSession, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    submit = world.runtime.submit
    lost(world)

    def overtaken(*given: Any, **more: Any) -> ActionView:
        """Between the look at what is being confirmed and the storing, the other one pays."""
        monkeypatch.setattr(world.runtime, "submit", submit)
        assert asked(session, first, 1).outcome is Outcome.PENDING
        return submit(*given, **more)

    monkeypatch.setattr(world.runtime, "submit", overtaken)
    with pytest.raises(IneligibleError) as refused:
        asked(session, second, 2)

    assert refused.value.code == "balance_moved"
    world.later(minutes=10)
    assert world.payments == 1


def test_two_invoices_of_one_amount_are_two_payments(world: World, session: TenantSession) -> None:
    lost(world, Fault.DROP_BEFORE)
    first = asked(session, "7", 1)
    second = asked(session, "8", 2)
    world.later(minutes=10)

    assert first.action_id != second.action_id
    assert not second.attached
    assert session.action(first.action_id).outcome is session.action(second.action_id).outcome is Outcome.SETTLED
    assert world.payments == 2


def test_an_invoice_is_quoted_less_what_is_being_confirmed_for_it(world: World, session: TenantSession) -> None:
    lost(world, Fault.DROP_BEFORE)
    pending = session.pay_invoice("7", gateway(1), key="click-0001", amount=usd("50.00"))

    assert pending.outcome is Outcome.PENDING
    assert session.quote_invoice("7").total == usd("30.00")
    assert session.quote_invoice("8").total == usd("40.00")
    with pytest.raises(IneligibleError) as refused:
        session.quote_invoice("7", usd("30.01"))
    assert refused.value.code == "amount_exceeds_balance"
    rest = session.pay_invoice("7", gateway(2), key="click-0002")
    assert not rest.attached
    world.later(minutes=10)
    assert session.action(rest.action_id).outcome is Outcome.SETTLED
    with pytest.raises(IneligibleError, match="Nothing is due"):
        session.quote_invoice("7")


def test_money_that_aims_at_no_invoice_counts_where_nothing_else_is_due_for_it(
    world: World, session: TenantSession
) -> None:
    lost(world, Fault.DROP_BEFORE)
    session.pay_rental("R1", gateway(1), key="click-0001", amount=usd("50.00"))

    # 120.00 are due; 50.00 of them are on their way, and 40.00 of those may be for the other invoice.
    assert session.quote_invoice("7").total == usd("70.00")
    assert session.quote_invoice("8").total == usd("40.00")


def test_a_rest_of_the_amount_of_an_open_payment_is_refused_and_not_taken_for_it(
    world: World, session: TenantSession
) -> None:
    lost(world, Fault.DROP_BEFORE)
    session.pay_rental("R1", gateway(1), key="click-0001", amount=usd("60.00"))

    with pytest.raises(IneligibleError) as refused:
        session.pay_rental("R1", gateway(2), key="click-0002")
    assert refused.value.code == "payment_being_confirmed"


def test_one_payment_shares_its_guard_over_both_verbs_and_two_invoices_do_not() -> None:
    def guard(amount: str, invoice: str | None = None) -> str:
        return payment_guard("mem", "F1", "T1", "R1", usd(amount), invoice)

    assert is_same_payment(guard("40.00"), guard("40.00"))
    assert is_same_payment(guard("40.00"), guard("40.00", "7"))
    assert is_same_payment(guard("40.00", "7"), guard("40.00"))
    assert is_same_payment(guard("40.00", "7"), guard("40.00", "7"))
    assert not is_same_payment(guard("40.00", "7"), guard("40.00", "8"))
    assert not is_same_payment(guard("40.00"), guard("40.01", "7"))
