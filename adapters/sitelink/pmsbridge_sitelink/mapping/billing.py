"""Autopay and the stored card, as far as they may be shown; card types in both of the vendor's numberings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from pmsbridge.model.payments import Autopay, AutopayState, PaymentMethod
from pmsbridge.model.sealed import BankAccountKind, CardBrand, CardFace
from pmsbridge_sitelink.mapping.cells import Row, Scope, day, required, text

__all__ = [
    "ACCOUNT_KINDS",
    "AUTOPAY_WORDS",
    "CARD_TYPES",
    "autopay_of",
    "brand_of",
    "last4_of",
    "masked_number",
    "method_of",
    "payment_type_of",
    "stored_card_id",
]

CARD_TYPES: Final = {
    CardBrand.MASTERCARD: 5,
    CardBrand.VISA: 6,
    CardBrand.AMEX: 7,
    CardBrand.DISCOVER: 8,
    CardBrand.DINERS: 9,
}
"""Card types of a payment, the same everywhere. A stored card uses the facility's own payment type ids instead."""

ACCOUNT_KINDS: Final = {
    BankAccountKind.CONSUMER_CHECKING: 1,
    BankAccountKind.CONSUMER_SAVINGS: 2,
    BankAccountKind.BUSINESS_CHECKING: 3,
}

AUTOPAY_WORDS: Final = {"0": AutopayState.OFF, "1": AutopayState.CARD, "2": AutopayState.BANK_DEBIT}

_BRAND_WORDS: Final = {
    "visa": CardBrand.VISA,
    "mastercard": CardBrand.MASTERCARD,
    "amex": CardBrand.AMEX,
    "americanexpress": CardBrand.AMEX,
    "discover": CardBrand.DISCOVER,
    "diners": CardBrand.DINERS,
    "dinersclub": CardBrand.DINERS,
}
_NOT_LETTERS = re.compile(r"[^a-z]")
_LAST4 = re.compile(r"([0-9]{4})\s*$")
_FULL_NUMBER_DIGITS = 8


def brand_of(description: str) -> CardBrand:
    """The brand behind a payment type's description ("Master Card", "VISA", "American Express")."""
    return _BRAND_WORDS.get(_NOT_LETTERS.sub("", description.lower()), CardBrand.UNKNOWN)


def last4_of(masked: str) -> str:
    """The last four digits of a masked number; empty when it shows fewer."""
    found = _LAST4.search(masked)
    return found.group(1) if found else ""


def masked_number(row: Row) -> str:
    """The stored card's number as the back office masks it; empty when none is stored or it is not masked."""
    number = text(row, "sCreditCardNum")
    return "" if sum(char.isdigit() for char in number) > _FULL_NUMBER_DIGITS else number


def payment_type_of(rows: Iterable[Row], brand: CardBrand) -> str:
    """The facility's own payment type id of a card brand; empty when the facility does not take it."""
    matching = (text(row, "PmtTypeID") for row in rows if brand_of(text(row, "sPmtTypeDesc")) is brand)
    return next(matching, "") if brand is not CardBrand.UNKNOWN else ""


def autopay_of(row: Row, scope: Scope, *, tenant_id: str, today: date) -> Autopay:
    """Autopay of one rental.

    A card enrolment needs a stored card that has not expired, else it reads as off. Of a stored bank account the back
    office shows nothing, so an enrolment with one is believed.
    """
    rental_id = required(row, "LedgerID")
    word = text(row, "iAutoBillType") or "0"
    enrolled = AUTOPAY_WORDS.get(word, AutopayState.UNKNOWN)
    method = method_of(row, scope, tenant_id=tenant_id, rental_id=rental_id, today=today)
    has_card = method is not None and method.is_usable
    is_usable = has_card if enrolled is not AutopayState.BANK_DEBIT else True
    half = enrolled is AutopayState.CARD and not has_card
    return Autopay(
        rental_id=rental_id,
        state=AutopayState.OFF if half else enrolled,
        vendor_state=word,
        method=method if enrolled is not AutopayState.BANK_DEBIT else None,
        method_usable=is_usable,
        # A stored bank account is not readable, and writing without it would erase it.
        is_changeable=enrolled is not AutopayState.BANK_DEBIT,
        read_at=scope.read_at,
    )


def stored_card_id(rental_id: str) -> str:
    """The id of the one card that a rental can have stored; the back office has none for it."""
    return f"{rental_id}:card"


def method_of(row: Row, scope: Scope, *, tenant_id: str, rental_id: str, today: date) -> PaymentMethod | None:
    """The card that is stored for a rental, as earlier code can read it too. None without one."""
    last4 = last4_of(masked_number(row))
    if not last4:
        return None
    expires = day(row, "dCreditCardExpir")
    return PaymentMethod(
        ref=scope.ref("payment_method", stored_card_id(rental_id)),
        tenant_id=tenant_id,
        rental_id=rental_id,
        face=CardFace(brand=brand_of(text(row, "sPmtTypeDesc")), last4=last4, expires_on=expires),
        holder=text(row, "sCreditCardHolderName"),
        is_usable=expires is not None and expires >= today,
    )
