from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState, visible_to_customer
from pmsbridge.model.ledger import Balances, EntryKind, LedgerEntry, Statement
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Allocation, Payment, PaymentState
from pmsbridge.model.record import VendorRef
from tests.unit.model.making import DAYS, LOWERS, RAISES, balances, entries, moneys

DAY = date(2026, 11, 1)


def usd(amount: str | int | Decimal) -> Money:
    return Money.of(amount, "USD")


def ref(entity: str) -> VendorRef:
    return VendorRef(system="s", account="a", facility="f", entity=entity, id="1")


def invoice(**changes: Any) -> Invoice:
    fields = {
        "ref": ref("invoice"),
        "tenant_id": "T",
        "number": "7",
        "state": "sent",
        "issued_on": DAY,
        "total": usd(10),
    }
    return Invoice.model_validate({**fields, **changes})


@pytest.mark.fact("S2.24")
@given(st.lists(entries(), max_size=10), DAYS, DAYS)
def test_a_statement_of_any_ledger_foots(rows: list[LedgerEntry], one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)

    statement = Statement.from_entries(rows, opens_on=first, closes_on=last, currency="USD")

    assert statement.opening + sum_money((e.effect for e in statement.entries), "USD") == statement.closing
    assert statement.closing == sum_money((e.effect for e in rows if e.effective_on <= last), "USD")
    assert [e.effective_on for e in statement.entries] == sorted(e.effective_on for e in statement.entries)


@given(st.lists(entries(), min_size=1, max_size=10), DAYS)
def test_the_closing_of_one_statement_is_the_opening_of_the_next(rows: list[LedgerEntry], border: date) -> None:
    long_ago, far_ahead = date(2019, 1, 1), date(2031, 1, 1)

    before = Statement.from_entries(rows, opens_on=long_ago, closes_on=border, currency="USD")
    after = Statement.from_entries(rows, opens_on=border + timedelta(days=1), closes_on=far_ahead, currency="USD")

    assert before.closing == after.opening
    assert len(before.entries) + len(after.entries) == len(rows)


@given(st.lists(entries(), max_size=5), moneys("USD"))
def test_a_statement_that_does_not_foot_is_refused(rows: list[LedgerEntry], error: Money) -> None:
    assume(not error.is_zero)
    good = Statement.from_entries(rows, opens_on=date(2019, 1, 1), closes_on=date(2031, 1, 1), currency="USD")

    with pytest.raises(ValidationError, match="must equal closing"):
        good.changed(closing=good.closing + error)


def test_a_statement_is_in_one_currency_even_without_movements() -> None:
    with pytest.raises(ValidationError, match="one currency"):
        Statement(opens_on=DAY, closes_on=DAY, opening=usd(0), entries=(), closing=Money.zero("CAD"))


def test_a_movement_outside_the_dates_is_refused() -> None:
    row = LedgerEntry(ref=ref("ledger_entry"), rental_id="R", kind=EntryKind.CHARGE, effect=usd(5), effective_on=DAY)

    with pytest.raises(ValidationError, match="outside"):
        Statement(
            opens_on=DAY + timedelta(days=1),
            closes_on=DAY + timedelta(days=9),
            opening=usd(0),
            entries=(row,),
            closing=usd(5),
        )


@given(st.sampled_from(list(EntryKind)), moneys("USD"))
def test_the_sign_of_an_entry_fits_its_kind(kind: EntryKind, effect: Money) -> None:
    fits = not (kind in RAISES and effect.is_negative) and not (kind in LOWERS and effect.is_positive)
    fields = {"ref": ref("ledger_entry"), "rental_id": "R", "kind": kind, "effect": effect, "effective_on": DAY}

    if fits:
        assert LedgerEntry.model_validate(fields).effect == effect
    else:
        with pytest.raises(ValidationError, match="the debt"):
            LedgerEntry.model_validate(fields)


@given(moneys("USD"))
def test_what_may_be_paid_and_what_is_credit_are_two_sides_of_one_ledger(ledger: Money) -> None:
    found = Balances.of_ledger(ledger)

    assert found.payable_now - found.credit == ledger
    assert found.payable_now.is_zero or found.credit.is_zero


@given(balances(), st.sampled_from(["payable_now", "past_due", "credit"]))
def test_what_is_payable_past_due_or_credit_is_never_negative(good: Balances, name: str) -> None:
    with pytest.raises(ValidationError, match="never negative"):
        good.changed(**{name: usd("-0.01")})


@given(balances(), st.sampled_from(sorted(Balances.model_fields)))
def test_one_set_of_balances_is_in_one_currency(good: Balances, name: str) -> None:
    with pytest.raises(ValidationError, match="one currency"):
        good.changed(**{name: Money.zero("CAD")})


@given(st.lists(st.tuples(moneys("USD"), moneys("USD")), max_size=6), moneys("USD"))
def test_an_invoice_adds_up_or_is_refused(parts: list[tuple[Money, Money]], paid: Money) -> None:
    lines = tuple(InvoiceLine(net=net, tax=tax) for net, tax in parts)
    total = sum_money((line.gross for line in lines), "USD")

    good = invoice(lines=lines, total=total, paid=paid, balance=total - paid)

    assert good.total - paid == good.balance
    with pytest.raises(ValidationError, match="must equal the balance"):
        good.changed(balance=total - paid + usd("0.01"))
    if lines:
        with pytest.raises(ValidationError, match="add up to the total"):
            good.changed(total=total + usd("0.01"), paid=None, balance=None)


@pytest.mark.parametrize("name", ["paid", "balance"])
def test_an_invoice_is_in_one_currency(name: str) -> None:
    with pytest.raises(ValidationError, match="one currency"):
        invoice(**{name: Money.zero("CAD")})


@pytest.mark.fact("S4.10")
def test_only_sent_invoices_are_visible() -> None:
    every = tuple(invoice(state=state) for state in InvoiceState)

    assert {found.state for found in visible_to_customer(every)} == {
        InvoiceState.SENT,
        InvoiceState.PARTIALLY_PAID,
        InvoiceState.PAID,
    }


@pytest.mark.fact("S4.5")
@given(st.lists(moneys("USD", "0"), min_size=1, max_size=6))
def test_allocations_add_up_to_the_payment_or_it_is_refused(parts: list[Money]) -> None:
    allocations = tuple(Allocation(rental_id="R", amount=part) for part in parts)
    good = Payment(
        ref=ref("payment"),
        tenant_id="T",
        amount=sum_money(parts, "USD"),
        state=PaymentState.SUCCEEDED,
        paid_on=DAY,
        allocations=allocations,
    )

    with pytest.raises(ValidationError, match="add up to the payment"):
        good.changed(amount=good.amount + usd("0.01"))


def test_a_negative_payment_is_refused() -> None:
    with pytest.raises(ValidationError, match="positive"):
        Payment(ref=ref("payment"), tenant_id="T", amount=usd(-1), state=PaymentState.SUCCEEDED, paid_on=DAY)
