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
from pmsbridge.portal.inspecting import Inspection

__all__ = ["LeavingStep", "MoveOutProgress", "StepState", "progress_of"]


class LeavingStep(StrEnum):
    """What happens until a unit is left. Only the office inspects, and does the last two."""

    NOTICE = "notice"
    INSPECTION = "inspection"
    FINAL_PAYMENT = "final_payment"
    DEPOSIT_RETURNED = "deposit_returned"
    UNIT_GIVEN_BACK = "unit_given_back"


class StepState(StrEnum):
    """Whether a step is done; not needed where there is nothing to do.

    An inspection is planned while its day is known and nobody says that it was made; with findings when it was made and
    something was found.
    """

    TO_DO = "to_do"
    PLANNED = "planned"
    DONE = "done"
    WITH_FINDINGS = "with_findings"
    NOT_NEEDED = "not_needed"


class MoveOutProgress(Value):
    """The steps of one move-out.

    Attributes:
        leaving_on: The scheduled day; None when none is.
        steps: In order.
        still_to_pay: What is owed now.
        deposit_held: What the office still holds; zero when it holds none, or keeps deposits elsewhere.
        inspection: What is known of it; None when nothing is.
    """

    rental_id: str
    leaving_on: date | None
    steps: dict[LeavingStep, StepState]
    still_to_pay: Money
    deposit_held: Money
    inspection: Inspection | None = None

    @property
    def next_step(self) -> LeavingStep | None:
        """The first one that somebody has to do something for; None when there is none."""
        return next((step for step, state in self.steps.items() if state is StepState.TO_DO), None)


def progress_of(
    row: RentalAccount, entries: Iterable[LedgerEntry], *, inspection: Inspection | None = None
) -> MoveOutProgress:
    """How far one rental has come.

    Args:
        row: The rental with its money.
        entries: Its whole ledger. A deposit taken is one that raises the debt; given back, it lowers it.
        inspection: What is known of that of this move-out.
    """
    rental, currency = row.rental, row.balances.currency
    deposits = [entry.effect for entry in entries if entry.kind is EntryKind.DEPOSIT]
    held = sum_money(deposits, currency)
    is_over = rental.state in {RentalState.CLOSED, RentalState.EVICTED}
    given_notice = is_over or rental.leaving_on is not None
    steps = {
        LeavingStep.NOTICE: _state(done=given_notice),
        LeavingStep.INSPECTION: _inspected(inspection, is_over=is_over),
        LeavingStep.FINAL_PAYMENT: _state(done=not row.balances.ledger.is_positive),
        LeavingStep.DEPOSIT_RETURNED: _state(done=not held.is_positive) if deposits else StepState.NOT_NEEDED,
        LeavingStep.UNIT_GIVEN_BACK: _state(done=is_over),
    }
    zero = Money.zero(currency)
    return MoveOutProgress(
        rental_id=row.id, leaving_on=rental.leaving_on or rental.moved_out_on, steps=steps,
        still_to_pay=row.balances.ledger if row.balances.ledger.is_positive else zero,
        deposit_held=held if held.is_positive else zero, inspection=inspection,
    )  # fmt: skip


def _state(*, done: bool) -> StepState:
    return StepState.DONE if done else StepState.TO_DO


def _inspected(inspection: Inspection | None, *, is_over: bool) -> StepState:
    """Where the unit was given back and nobody told of an inspection, none is waited for any more."""
    if inspection is None:
        return StepState.NOT_NEEDED if is_over else StepState.TO_DO
    if not inspection.is_done:
        return StepState.PLANNED
    return StepState.WITH_FINDINGS if inspection.has_findings else StepState.DONE
