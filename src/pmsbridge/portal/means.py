"""How a person pays: what was typed, what a gateway took, or what is on file; and its face, without anything secret."""

from __future__ import annotations

from datetime import date

from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.payments import (
    BankDebit,
    CardPayment,
    ExternalPayment,
    Means,
    StoredMethod,
    expires_before,
)
from pmsbridge.model.sealed import BankAccount, Card
from pmsbridge.portal.card_numbers import refuse_card_in_id

__all__ = ["WAYS", "PaymentMeans", "face_of", "refuse_expired"]

PaymentMeans = Card | BankAccount | ExternalPayment | StoredMethod
"""How a person pays: a card or bank account typed now, a payment a gateway already took, or a method on file."""

WAYS = ("card", "bank_debit", "external", "stored")
"""The same in words, as the judge is asked."""


def face_of(means: PaymentMeans) -> Means:
    """The means without anything secret.

    Raises:
        InputError: It is none of the means there are (a card number as text, for example), or a card number stands
            where a reference belongs.
    """
    if isinstance(means, Card):
        return CardPayment(face=means.face)
    if isinstance(means, BankAccount):
        return BankDebit(face=means.face)
    if isinstance(means, ExternalPayment):
        refuse_card_in_id("means.gateway", means.gateway)
        refuse_card_in_id("means.reference", means.reference)
        return means
    if isinstance(means, StoredMethod):
        refuse_card_in_id("means.method_id", means.method_id)
        return means
    raise InputError(
        "means",
        "is not a way to pay",
        shape=type(means).__name__,
        remedy="Give a Card, a BankAccount, an ExternalPayment or a StoredMethod.",
    )


def refuse_expired(face: Means, today: date) -> None:
    """Refuse a card whose last valid day has passed.

    Raises:
        IneligibleError: It has ("method_expired").
    """
    if isinstance(face, CardPayment) and expires_before(face.face, today):
        raise IneligibleError("This card has expired.", code="method_expired", unblock="Enter another card.")
