"""How far a move-out has come, as the back office's own data say. Nothing here ends a rental."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pmsbridge.model.account import RentalAccount
from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Value
from pmsbridge.model.rental import RentalState

__all__ = ["LeavingStep", "MoveOutProgress", "StepState", "progress_of"]


class LeavingStep(StrEnum):
    """What happens until a unit is left. Only the office does the last two."""

    NOTICE = "notice"
    FINAL_PAYMENT = "final_payment"
    DEPOSIT_RETURNED = "deposit_returned"
    UNIT_GIVEN_BACK = "unit_given_back"


class StepState(StrEnum):
    """Whether a step is done; not needed where there is nothing to do."""

    TO_DO = "to_do"
    DONE = "done"
    NOT_NEEDED = "not_needed"


class MoveOutProgress(Value):
    """The steps of one move-out.

    Attributes:
        leaving_on: The scheduled day; None when none is.
        steps: In order.
        still_to_pay: What is owed now.
        deposit_held: What the office still holds; zero when it holds none, or keeps deposits elsewhere.
    """

    rental_id: str
    leaving_on: date | None
    steps: dict[LeavingStep, StepState]
    still_to_pay: Money
    deposit_held: Money

    @property
    def next_step(self) -> LeavingStep | None:
        """The first one to do; None when all is done."""
        return next((step for step, state in self.steps.items() if state is StepState.TO_DO), None)


def progress_of(row: RentalAccount, entries: Iterable[LedgerEntry]) -> MoveOutProgress:
    """How far one rental has come.

    Args:
        row: The rental with its money.
        entries: Its whole ledger. A deposit taken is one that raises the debt; given back, it lowers it.
    """
    rental, currency = row.rental, row.balances.currency
    deposits = [entry.effect for entry in entries if entry.kind is EntryKind.DEPOSIT]
    held = sum_money(deposits, currency)
    is_over = rental.state in {RentalState.CLOSED, RentalState.EVICTED}
    given_notice = is_over or rental.leaving_on is not None
    steps = {
        LeavingStep.NOTICE: _state(done=given_notice),
        LeavingStep.FINAL_PAYMENT: _state(done=not row.balances.ledger.is_positive),
        LeavingStep.DEPOSIT_RETURNED: _state(done=not held.is_positive) if deposits else StepState.NOT_NEEDED,
        LeavingStep.UNIT_GIVEN_BACK: _state(done=is_over),
    }
    zero = Money.zero(currency)
    return MoveOutProgress(
        rental_id=row.id, leaving_on=rental.leaving_on or rental.moved_out_on, steps=steps,
        still_to_pay=row.balances.ledger if row.balances.ledger.is_positive else zero,
        deposit_held=held if held.is_positive else zero,
    )  # fmt: skip


def _state(*, done: bool) -> StepState:
    return StepState.DONE if done else StepState.TO_DO
