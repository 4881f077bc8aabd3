"""Payment plans: dated instalments that staff agreed with a tenant. The journal keeps them; the ledger judges them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import Field

from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Value

__all__ = [
    "Instalment",
    "InstalmentState",
    "PaymentPlan",
    "PlanProgress",
    "plan_from",
    "plan_text",
    "progress_of_plan",
    "rentals_with_plans",
]


class Instalment(Value):
    """One part of a plan.

    Attributes:
        due_on: Business date at the facility.
    """

    due_on: date
    amount: Money


class PaymentPlan(Value):
    """What was agreed about one rental. A newer plan replaces it.

    Attributes:
        agreed_on: Business date from which payments count.
        instalments: In order of their days.
    """

    rental_id: str
    agreed_on: date
    instalments: tuple[Instalment, ...] = Field(min_length=1)

    @property
    def total(self) -> Money:
        """The sum of all parts."""
        return sum_money((each.amount for each in self.instalments), self.instalments[0].amount.currency)


class InstalmentState(StrEnum):
    """How one part stands on a day.

    ``PENDING``: its day has passed, and a payment for the rental is being confirmed, or may not show in the ledger yet.
    """

    PAID = "paid"
    OPEN = "open"
    PENDING = "pending"
    MISSED = "missed"


class PlanProgress(Value):
    """A plan beside the ledger.

    Attributes:
        paid: What came in since it was agreed, less what went back.
        states: One per instalment, in order; what came in settles the earliest first.
    """

    plan: PaymentPlan
    paid: Money
    states: tuple[InstalmentState, ...]

    @property
    def missed(self) -> tuple[Instalment, ...]:
        """Parts whose day has passed unpaid, while no payment for the rental is under way."""
        pairs = zip(self.plan.instalments, self.states, strict=True)
        return tuple(each for each, state in pairs if state is InstalmentState.MISSED)

    @property
    def is_kept(self) -> bool:
        """Nothing was missed so far."""
        return not self.missed


_MONEY_IN = frozenset({EntryKind.PAYMENT, EntryKind.REVERSAL, EntryKind.REFUND})


def progress_of_plan(
    plan: PaymentPlan, entries: Iterable[LedgerEntry], today: date, *, is_paying: bool
) -> PlanProgress:
    """Compare a plan with a ledger on a business date.

    Args:
        plan: Of one rental.
        entries: Its ledger.
        today: At the facility.
        is_paying: A payment for the rental may not show in the ledger yet: nothing is known to be missed.
    """
    currency = plan.total.currency
    moved = [e.effect for e in entries if e.kind in _MONEY_IN and plan.agreed_on <= e.effective_on <= today]
    paid = -sum_money(moved, currency)
    late = InstalmentState.PENDING if is_paying else InstalmentState.MISSED
    left, states = paid, list[InstalmentState]()
    for part in plan.instalments:
        is_paid = not (part.amount - left).is_positive
        left = left - part.amount if is_paid else Money.zero(currency)
        states.append(InstalmentState.PAID if is_paid else late if part.due_on < today else InstalmentState.OPEN)
    return PlanProgress(plan=plan, paid=paid, states=tuple(states))


def plan_text(plan: PaymentPlan, label: str) -> str:
    """The note that documents a plan."""
    lines = [f"{each.due_on}: {each.amount}" for each in plan.instalments]
    return "\n".join([f"Payment plan for {label}, agreed on {plan.agreed_on}, {plan.total} in all:", *lines])


def plan_from(kept: Iterable[tuple[str, date]], rental_id: str) -> PaymentPlan | None:
    """The plan of a rental among stored intents with the day of each, newest first; None when there is none."""
    for intent, agreed_on in kept:
        held = json.loads(intent)
        if held.get("rental_id") == rental_id:  # nothing is known of who was erased
            parts = tuple(Instalment.model_validate(each) for each in held["instalments"])
            return PaymentPlan(rental_id=rental_id, agreed_on=agreed_on, instalments=parts)
    return None


def rentals_with_plans(intents: Iterable[str]) -> tuple[str, ...]:
    """The rentals that stored intents are about, each once."""
    named = (json.loads(intent).get("rental_id") for intent in intents)
    return tuple(dict.fromkeys(rental_id for rental_id in named if rental_id))
