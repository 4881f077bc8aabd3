"""How a person pays: what was typed, what a gateway took, or what is on file; and its face, without anything secret."""

from __future__ import annotations

from pmsbridge.errors import InputError
from pmsbridge.model.payments import (
    BankDebit,
    CardPayment,
    ExternalPayment,
    Means,
    StoredMethod,
)
from pmsbridge.model.sealed import BankAccount, BankAccountFace, Card, CardFace
from pmsbridge.portal.card_numbers import refuse_card_in_id

__all__ = ["WAYS", "PaymentMeans", "face_of", "named_means", "typed_face"]

PaymentMeans = Card | BankAccount | ExternalPayment | StoredMethod
"""How a person pays: a card or bank account typed now, a payment a gateway already took, or a method on file."""

WAYS = ("card", "bank_debit", "external", "stored")
"""The same in words, as the judge is asked."""


def face_of(means: object, argument: str = "means") -> Means:
    """The means without anything secret. ``argument`` is what the caller knows them by.

    Raises:
        InputError: It is none of the means there are (a card number as text, for example), or a card number stands
            where a reference belongs.
    """
    if isinstance(means, Card):
        return CardPayment(face=means.face)
    if isinstance(means, BankAccount):
        return BankDebit(face=means.face)
    if isinstance(means, ExternalPayment):
        refuse_card_in_id(f"{argument}.gateway", means.gateway)
        refuse_card_in_id(f"{argument}.reference", means.reference)
        return means
    if isinstance(means, StoredMethod):
        refuse_card_in_id(f"{argument}.method_id", means.method_id)
        return means
    raise InputError(
        argument,
        "is not a way to pay",
        shape=type(means).__name__,
        remedy="Give a Card, a BankAccount, an ExternalPayment or a StoredMethod.",
    )


def named_means(method: object) -> tuple[str, StoredMethod | None, CardFace | BankAccountFace | None]:
    """Of what would be charged: in words, what is stored, and the face of what was typed.

    Raises:
        InputError: It is nothing that could be charged, or a card number stands where a reference belongs.
    """
    if isinstance(method, CardFace | BankAccountFace):
        return ("card" if isinstance(method, CardFace) else "bank_debit"), None, method
    means = face_of(method, "method")
    return means.by, means if isinstance(means, StoredMethod) else None, typed_face(means)


def typed_face(means: Means) -> CardFace | BankAccountFace | None:
    """What may be shown of what was typed now; None of other means."""
    return means.face if isinstance(means, CardPayment | BankDebit) else None
