"""The account summary, and an invoice that is paid, with the statement before and after."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.cli.demo.paying import outcome_line
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard.stage import RENTER, YardStage
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge.model.ledger import Statement

__all__ = ["paying_an_invoice", "the_summary"]

_GATEWAY = ExternalPayment(gateway="example", reference="pi_demo_1")
"""A payment that a gateway took in the portal; the back office books it."""


def the_summary(stage: YardStage, teller: Teller) -> None:
    """Balance, last payment, and what is owed by its age."""
    session = stage.session
    dashboard = session.dashboard()
    teller.scene("The customer account summary")
    last = max((row.last_payment_on for row in dashboard.account.rentals if row.last_payment_on), default=None)
    aged = session.aged_balance()
    teller.say(f"{stage.people[RENTER]['name']}: balance {dashboard.total.ledger}, last payment on {last}.")
    columns = [">not due", ">to 30 days", ">to 60", ">to 90", ">older"]
    parts = (aged.not_due, aged.up_to_30, aged.up_to_60, aged.up_to_90, aged.over_90)
    teller.show("Owed by age", columns, [parts])
    teller.note(balance=dashboard.total.ledger, last_payment_on=last, aged=aged.total)
    owed = stage.owed()
    teller.check(f"the balance is the books': {dashboard.total.ledger}", holds=dashboard.total.ledger.amount == owed)
    teller.check("its ages add up to it", holds=aged.total.amount == owed)
    teller.check("the last payment is known", holds=last is not None)


def paying_an_invoice(stage: YardStage, teller: Teller) -> Decimal:
    """The statement, an invoice paid with a lost answer and a second click, the statement again; the sum paid."""
    session, before = stage.session, stage.session.account_statement(stage.today)
    owed, sum_due = stage.owed(), Decimal(stage.control.owed(stage.invoice_id))
    teller.scene(f"The statement, an invoice of {sum_due} paid, and the statement again")
    _show(before, teller, "Before")
    teller.say("The payment is booked, and the answer to its last step is lost. The customer clicks again.")
    stage.control.lose_payment_answer()
    first = session.pay_invoice(stage.invoice_id, _GATEWAY, key="yard-click-0002")
    second = session.pay_invoice(stage.invoice_id, _GATEWAY, key="yard-click-0002")
    teller.say(outcome_line("First click", first))
    teller.say(outcome_line("Second click", second))
    known = stage.until_known(first.action_id)
    teller.say(outcome_line("Later", known))
    after = session.account_statement(stage.today)
    _show(after, teller, "After")
    teller.note(
        outcomes=[first.outcome, second.outcome, known.outcome], replayed=second.replayed, paid=sum_due,
        closing_before=before.closing, closing_after=after.closing,
    )  # fmt: skip
    teller.check("the first click is pending, not failed and not paid", holds=first.outcome is Outcome.PENDING)
    teller.check("the second click is the same", holds=second.replayed and second.action_id == first.action_id)
    teller.check("it settled by looking", holds=known.outcome is Outcome.SETTLED)
    teller.check("the statement before said what the books said", holds=before.closing.amount == owed)
    teller.check(
        "the statement after says what they say now, and the payment is the difference",
        holds=after.closing.amount == stage.owed() == before.closing.amount - sum_due,
    )
    return sum_due


def _show(statement: Statement, teller: Teller, title: str) -> None:
    rows = [(entry.effective_on, entry.kind, entry.description, entry.effect) for entry in statement.entries]
    whole = f"{title}: {statement.opens_on} to {statement.closes_on}, opening {statement.opening}"
    teller.show(f"{whole}, closing {statement.closing}", ["day", "kind", "what", ">amount"], rows)
