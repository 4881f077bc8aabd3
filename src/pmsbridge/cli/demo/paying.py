"""The tenant pays: once with a lost answer, then everything, then ahead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.cli.demo.books import Taken
from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.verdict import Record
from pmsbridge.model.sealed import Card
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge import ActionView

__all__ = ["a_lost_answer", "card", "everything_due", "outcome_line", "three_months_ahead"]

TENANT = "several_units"
PAID_UP = "zero_balance"
_MONTHS = 3
_TEST_CARD = "4111111111111111"
"""A number that card networks publish for tests; no money is behind it."""


def card(number: str = _TEST_CARD) -> Card:
    """A card as somebody types it; used for one send and wiped."""
    year = date.today().year + 2  # noqa: DTZ011 - any year to come
    return Card(
        number=number,
        expires_on=date(year, 12, 31),
        holder="Renee Dubois",
        cvv="123",
        street="1 Test St",
        postal_code="02108",
    )


def a_lost_answer(stage: Stage, teller: Teller, record: Record) -> str:
    """A payment's answer is lost; two more clicks follow; one payment is in the books. Returns the action's id."""
    session, tenant_id = stage.session(TENANT), stage.people[TENANT]
    unit = session.dashboard().rows[0]
    teller.scene(f"Paying unit {unit.rental.unit_number}: the back office takes the money, and its answer is lost")
    before = stage.books.payments(tenant_id)
    quote = session.quote(unit.id)
    record.intend(quote)
    teller.say(f"The quote says {quote.total}. The line is cut after the payment reached the back office.")
    stage.control.inject(stage.payment_operations, "drop_after")
    first = session.pay(quote, card(), key="demo-click-0001")
    teller.say(outcome_line("First click", first))
    second = session.pay(quote, card(), key="demo-click-0001")
    teller.say(outcome_line("Double click, same key", second))
    third = session.pay_rental(unit.id, card(), key="demo-click-0002")
    teller.say(outcome_line("Page reloaded, new key", third))
    stage.control.clear()
    teller.say("Nobody sends anything again. After the settle window the engine looks.")
    known = stage.until_known(session, first.action_id)
    teller.say(outcome_line("Later", known))
    for step in known.steps:
        if step.outcome is Outcome.SETTLED and step.is_principal:
            teller.say(f"Evidence: {step.evidence}")
    taken = stage.books.new_payments(tenant_id, before)
    show_taken(teller, taken)
    teller.note(
        outcomes=[view.outcome for view in (first, second, third, known)],
        replayed=second.replayed, attached=third.attached, payments=[t.facts for t in taken],
    )  # fmt: skip
    teller.check("the first click is pending, not failed and not paid", holds=first.outcome is Outcome.PENDING)
    teller.check("the same key is the same action", holds=second.replayed and second.action_id == first.action_id)
    teller.check(
        "a new key for the same payment is attached to it", holds=third.attached and third.action_id == first.action_id
    )
    teller.check("it settled by looking", holds=known.outcome is Outcome.SETTLED)
    teller.check("three clicks, one payment in the books", holds=[t.amount for t in taken] == [quote.total.amount])
    return first.action_id


def everything_due(stage: Stage, teller: Teller, record: Record) -> None:
    """The rest is paid in one go."""
    session, tenant_id = stage.session(TENANT), stage.people[TENANT]
    teller.scene("Pay all: what is still due, with one click")
    stage.let_payments_show()
    before = stage.books.payments(tenant_id)
    quote = session.quote_all()
    record.intend(quote)
    rows = [(line.unit_number, line.amount) for line in quote.lines]
    teller.show(f"Quote, {quote.total} in all", ["unit", ">amount"], rows)
    view = session.pay(quote, card(), key="demo-click-0003")
    view = stage.until_known(session, view.action_id)
    teller.say(outcome_line("Pay all", view))
    taken = stage.books.new_payments(tenant_id, before)
    show_taken(teller, taken)
    teller.note(outcome=view.outcome, total=quote.total, payments=[t.facts for t in taken])
    teller.check("the books took exactly the quoted sum", holds=_sum(t.amount for t in taken) == quote.total.amount)
    teller.check("nothing is owed any more", holds=stage.books.balance(tenant_id) == 0)


def three_months_ahead(stage: Stage, teller: Teller, record: Record) -> None:
    """A tenant who owes nothing pays ahead."""
    session, tenant_id = stage.session(PAID_UP), stage.people[PAID_UP]
    teller.scene(f"{stage.names[PAID_UP]} owes nothing and pays {_MONTHS} months ahead")
    before, through_before = stage.books.payments(tenant_id), stage.books.paid_through(tenant_id)
    quote = session.quote_prepay(_MONTHS)
    record.intend(quote)
    view = session.pay(quote, card(), key="demo-click-0004")
    view = stage.until_known(session, view.action_id)
    stage.let_payments_show()
    taken, through = stage.books.new_payments(tenant_id, before), stage.books.paid_through(tenant_id)
    teller.say(outcome_line(f"{_MONTHS} months for {quote.total}", view))
    teller.say(f"Paid through {', '.join(through_before)} before, {', '.join(through)} after.")
    teller.note(outcome=view.outcome, total=quote.total, paid_through_before=through_before, paid_through=through)
    teller.check("the books took exactly the quoted sum", holds=_sum(t.amount for t in taken) == quote.total.amount)
    teller.check("the rent is paid later than before", holds=through > through_before)


def show_taken(teller: Teller, taken: Sequence[Taken]) -> None:
    """Payments as the back office's books hold them."""
    rows = [list(each.facts.values()) for each in taken]
    teller.show("In the back office's books", ["receipt", "unit", ">amount", "method"], rows)


def outcome_line(what: str, view: ActionView) -> str:
    """One sentence about how an action stands."""
    marks = [word for word, is_true in (("replayed", view.replayed), ("attached", view.attached)) if is_true]
    told = f" ({', '.join(marks)})" if marks else ""
    why = [step.message for step in view.steps if step.is_principal and step.message and not told]
    return f"{what}: {view.outcome.value}{told}" + (f" ({why[0]})" if why else "")


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
