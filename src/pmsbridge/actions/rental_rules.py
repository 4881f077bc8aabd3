"""Rules about what is rented: liens, autopay, leaving, calling off, quotes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pmsbridge.actions.case import CalledOff, Case, No, named, sentence
from pmsbridge.errors import NotFoundError
from pmsbridge.model.payments import AutopayState
from pmsbridge.model.places import UnitState
from pmsbridge.model.rental import ItemOut, Rental, RentalKind, RentalState
from pmsbridge.model.requests import CallOffReason, CallOffState

__all__ = [
    "autopay_is_here",
    "autopay_known",
    "autopay_optional",
    "call_off_can_be_withdrawn",
    "call_off_day_fits",
    "can_be_called_off",
    "contract_is_open",
    "is_a_contract",
    "is_a_quote",
    "is_current",
    "is_no_contract",
    "leaving_date_fits",
    "move_out_scheduled",
    "not_under_lien",
    "unit_is_free",
]


def not_under_lien(case: Case) -> No | None:
    """What is held for a sale is the office's and the law's matter alone."""
    rows = [case.row] if case.row is not None else list(case.account.current)
    held = [named(row) for row in rows if row.unit is not None and row.unit.state is UnitState.LIEN]
    if held:
        return No("under_lien", f"{sentence(', '.join(held))} is under a lien.", "Please call the office.")
    return None


def is_current(case: Case) -> No | None:
    """The rental has not ended."""
    if not case.rental.rental.state.is_current:
        return No("rental_over", "This rental has ended.")
    return None


def autopay_is_here(case: Case) -> No | None:
    """Where one autopay covers the whole account, it is switched there and nowhere else."""
    if case.rental.rental.kind is RentalKind.ACCOUNT:
        return None
    covering = [
        row for row in case.account.rentals if row.rental.kind is RentalKind.ACCOUNT and row.autopay is not None
    ]
    if covering:
        return No("autopay_on_account", "Autopay covers the whole account.", "Change it for the account.")
    return is_current(case)


def is_no_contract(case: Case) -> No | None:
    """Units are left; what is on a contract is called off."""
    if case.rental.rental.kind is RentalKind.CONTRACT:
        return No("call_off_instead", "What is on a contract is called off item by item.", "Call items off rent.")
    return None


def is_a_contract(case: Case) -> No | None:
    """It has items that are called off."""
    if case.rental.rental.kind is RentalKind.CONTRACT:
        return None
    return No("move_out_instead", "There are no items here to call off.", "To leave a unit, request a move-out.")


def call_off_can_be_withdrawn(case: Case) -> No | None:
    """The call-off, or any, waits to be confirmed."""
    rental, wanted = case.rental.rental, case.asked.call_off
    if wanted is None:
        by_hand = (one for one in case.subject.called_off_by_hand if one.rental_id == rental.id)
        waits = any(item.call_off_pending > 0 for item in rental.items) or any(
            not _is_over(one, rental) for one in by_hand
        )
        return None if waits else No("no_call_off", "Nothing is called off here that waits for an answer.")
    if wanted.rental_id != rental.id:
        raise NotFoundError("call_off_id", "is no call-off of this contract", remedy="Use an id from call_offs().")
    if wanted.state is CallOffState.REQUESTED and (wanted.is_told or not _is_over(wanted, rental)):
        return None
    if wanted.state is CallOffState.WITHDRAWN:
        return No("call_off_withdrawn", "This call-off was taken back already.")
    if wanted.state is CallOffState.ACKNOWLEDGED:
        return No("call_off_confirmed", "The yard has confirmed this call-off already.", "Please call the office.")
    return No("call_off_over", "This call-off is over.", "Please call the office.")


def _is_over(called_off: CalledOff, rental: Rental) -> bool:
    """Whether the contract shows that there is nothing left to take back: it has ended, or too little is still out."""
    line = rental.item(called_off.item_id)
    return rental.state.is_over or line is None or line.out - line.returned < called_off.quantity


def contract_is_open(case: Case) -> No | None:
    """It is a contract, and open."""
    rental = case.rental.rental
    if rental.kind is not RentalKind.CONTRACT:
        return No("move_out_instead", "There are no items here to call off.", "To leave a unit, request a move-out.")
    if not rental.state.is_current:
        return _denied(CallOffReason.CONTRACT_NOT_OPEN, "This contract is not open.", "Please call the office.")
    return None


def _denied(reason: CallOffReason, message: str, unblock: str = "") -> No:
    return No(reason.value, message, unblock)


def can_be_called_off(case: Case) -> No | None:
    """The item, or any, is out and not called off yet, in that quantity."""
    rental, wanted = case.rental.rental, case.asked.item_id
    if wanted is None:
        denials = [_item_denial(item) for item in rental.items]
        return None if None in denials else next(iter(denials), _not_delivered("Nothing is out."))
    item = rental.item(wanted)
    if item is None:
        raise NotFoundError("item_id", "is no item of this contract", remedy="Use an id from the items out.")
    case.facts["callable_off"] = format(item.callable_off, "f")
    return _item_denial(item) or _quantity_denial(item, case.asked.quantity)


def _item_denial(item: ItemOut) -> No | None:
    if item.call_off_excluded:
        text = "The rate of this item does not allow a call-off."
        return _denied(CallOffReason.RATE_TYPE_EXCLUDED, text, "Please call the office.")
    if item.out <= 0:
        return _not_delivered("This item was not delivered yet.")
    if item.callable_off <= 0:
        return _denied(CallOffReason.ALREADY_OFF_RENT, "All of this item is back, or called off already.")
    return None


def _not_delivered(message: str) -> No:
    return _denied(CallOffReason.NOT_DELIVERED, message, "Call it off when it is there, or call the office.")


def _quantity_denial(item: ItemOut, quantity: Decimal | None) -> No | None:
    if quantity is None:
        return None
    if quantity <= 0:
        return No("quantity_not_positive", "A quantity is more than zero.", "Choose one or more.")
    if quantity > item.callable_off:
        most = f"{item.callable_off.normalize():f}"
        return _denied(CallOffReason.QUANTITY_EXCEEDS_OUT, f"Only {most} of it can be called off.", f"Choose {most}.")
    return None


def call_off_day_fits(case: Case) -> No | None:
    """The day is far enough ahead."""
    today = case.subject.today
    earliest = today + timedelta(days=case.account.facility.policy.call_off_notice_days)
    case.facts["earliest_on"] = earliest.isoformat()
    day = case.asked.wanted_on
    if day is None or day >= earliest:
        return None
    if day < today:
        text = "A call-off for a day in the past needs the office."
        return _denied(CallOffReason.BACKDATED_NEEDS_STAFF, text, f"Choose {earliest} or later, or call the office.")
    return _denied(CallOffReason.PAST_CUTOFF, "It is too late for this day.", f"Choose {earliest} or later.")


def is_a_quote(case: Case) -> No | None:
    """It waits to be accepted."""
    if case.rental.rental.state is not RentalState.QUOTE:
        return No("no_quote", "This is no quote that waits for an answer.")
    return None


def autopay_known(case: Case) -> No | None:
    """The back office told how autopay stands; what it charges need not be known."""
    autopay = case.rental.autopay
    if autopay is None or (autopay.state is AutopayState.UNKNOWN and not autopay.is_enrolled):
        return No("autopay_unknown", "The back office did not tell how autopay stands.", "Please try again later.")
    return None


def autopay_optional(case: Case) -> No | None:
    """Autopay is not part of the rental."""
    autopay = case.rental.autopay
    if case.account.facility.policy.autopay_is_mandatory or (autopay is not None and autopay.mandatory):
        return No("autopay_mandatory", "Autopay is part of this rental.", "The method can be changed.")
    return None


def leaving_date_fits(case: Case) -> No | None:
    """The day to leave is far enough ahead, and not too far."""
    policy, today = case.account.facility.policy, case.subject.today
    unit = case.rental.unit
    notice = max(policy.move_out_notice_days, (unit.notice_days or 0) if unit is not None else 0)
    earliest, latest = today + timedelta(days=notice), today + timedelta(days=policy.move_out_max_days)
    case.facts.update(earliest_on=earliest.isoformat(), latest_on=latest.isoformat())
    day = case.asked.leaving_on
    if day is None:
        return None
    if day < today:
        return No("date_in_past", "The leaving date lies in the past.", f"Choose {earliest} or later.")
    if day < earliest:
        return No("notice_too_short", f"A move-out needs {notice} days' notice.", f"Choose {earliest} or later.")
    if day > latest:
        return No("date_too_far", f"A move-out can be scheduled up to {latest}.", f"Choose {latest} or earlier.")
    return None


def unit_is_free(case: Case) -> No | None:
    """The unit that is named can be moved to."""
    unit = case.asked.unit
    if unit is not None and unit.state is not UnitState.VACANT:
        return No("unit_taken", f"Unit {unit.number} is not free.", "Choose another unit.")
    return None


def move_out_scheduled(case: Case) -> No | None:
    """There is a move-out to take back."""
    if case.rental.rental.leaving_on is None:
        return No("no_move_out", "No move-out is scheduled.")
    return None
