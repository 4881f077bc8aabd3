"""Rules about what is charged: by a payment now, and by autopay from now on."""

from __future__ import annotations

from pmsbridge.actions.case import TYPED_MEANS, Case, No, being_confirmed
from pmsbridge.model.payments import expires_before
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = [
    "autopay_method_good", "day_taken", "means_taken", "method_can_change", "method_good", "method_ready",
    "method_taken", "nothing_confirming",
]  # fmt: skip

# -- a payment ---------------------------------------------------------------------------------------------------------


def nothing_confirming(case: Case) -> No | None:
    """While a payment is being confirmed, no card is taken for another one: it could not wait for its turn."""
    if case.subject.is_confirming and case.asked.by in TYPED_MEANS:
        case.facts["by"] = ", ".join(sorted(case.subject.payment_means - TYPED_MEANS))
        return being_confirmed()
    return None


def means_taken(case: Case) -> No | None:
    """The back office takes payments by what is named."""
    taken = case.subject.payment_means
    if case.asked.by in taken:
        return None
    case.facts["by"] = ", ".join(sorted(taken))
    return No("means_not_taken", "This way to pay is not taken here.", "Choose another way to pay.")


def method_good(case: Case) -> No | None:
    """What is stored or was typed can be charged today."""
    method = case.asked.method
    if denial := _card_over(case):
        return denial
    return _not_usable() if method is not None and not (method.is_usable and method.pays_on_demand) else None


def _card_over(case: Case) -> No | None:
    """The last valid day of what is named has passed."""
    stored, typed = case.asked.method, case.asked.face
    return _over(case, stored.face if stored is not None else None) or _over(case, typed)


def _over(case: Case, face: CardFace | BankAccountFace | None) -> No | None:
    return No("method_expired", "The card has expired.", "Enter a new card.") if _is_over(case, face) else None


def _is_over(case: Case, face: CardFace | BankAccountFace | None) -> bool:
    return expires_before(face, case.subject.today)


def _not_usable() -> No:
    return No("method_not_usable", "This way to pay cannot be used here.", "Choose another way to pay.")


# -- autopay -----------------------------------------------------------------------------------------------------------


def method_taken(case: Case) -> No | None:
    """What is named can be charged by autopay here."""
    taken = case.subject.autopay_means
    case.facts["by"] = ", ".join(sorted(taken))
    if not case.asked.has_new_method or case.asked.by in taken:
        return None
    if not taken:
        return _by_office()
    return No("method_not_taken", "Autopay cannot be told to charge this here.", "Choose another way to pay.")


def method_can_change(case: Case) -> No | None:
    """There is any way to name what autopay charges."""
    return None if case.subject.autopay_means else _by_office()


def _by_office() -> No:
    return No("method_by_office", "Only the office can put a card or bank account on file.", "Please call the office.")


def autopay_method_good(case: Case) -> No | None:
    """What is stored or was typed can be charged by autopay of this rental from today on."""
    method = case.asked.method
    if denial := _card_over(case):
        return denial
    is_unfit = method is not None and not (method.is_usable and method.rental_id in {None, case.rental.id})
    return _not_usable() if is_unfit else None


def method_ready(case: Case) -> No | None:
    """There is a method to charge that has not expired, unless a new one comes with it.

    Whether one will come is not known before a form is filled in: the form is told what would be said without one.
    """
    denial = _kept_is_not_ready(case)
    if case.asked.has_new_method or denial is None:
        return None
    if not case.subject.autopay_means:
        return _by_office()
    if case.asked.has_new_method is None:
        case.facts["without_method"] = denial.code
        return None
    return denial


def _kept_is_not_ready(case: Case) -> No | None:
    autopay = case.rental.autopay
    method = autopay.method if autopay is not None else None
    if method is None:
        return No("method_needed", "No card or bank account is on file.", "Enter a card or bank account.")
    return _over(case, method.face)


def day_taken(case: Case) -> No | None:
    """The back office has a place for the day that autopay charges on, where one is chosen."""
    if case.asked.has_new_day and "days_after_due" in case.subject.autopay_without:
        return No("day_not_taken", "The day of autopay cannot be chosen here.", "Leave the day as it is.")
    return None
