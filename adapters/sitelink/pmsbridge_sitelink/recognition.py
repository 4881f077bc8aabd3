"""Recognising a payment of ours in a rental's history by what its text shows.

Nobody recorded how the back office words a card payment. So the text is used where it shows something, and where it
shows nothing a new payment of the exact amount is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.errors import UnavailableError
from pmsbridge.model.payments import BankDebit, CardPayment, ExternalPayment, Means
from pmsbridge.model.sealed import BankAccountFace, CardFace
from pmsbridge_sitelink.mapping.cells import Row, decimal, text
from pmsbridge_sitelink.mapping.money import paid_on, receipt_keys

__all__ = ["SeenPayment", "fits", "history"]

_QUOTED: Final = re.compile(r"'([^']+)'")
_MASKED: Final = re.compile(r"[*x#.]{2,}\s?([0-9]{4})\b")
_OTHER_MEANS: Final = re.compile(r"\b(check|cheque|cash|ach|transfer)\b")
_BRAND_WORDS: Final = {
    "visa": "visa",
    "mastercard": "master",
    "amex": "american",
    "discover": "discover",
    "diners": "diners",
}


@dataclass(frozen=True, slots=True)
class SeenPayment:
    """One payment in a rental's history."""

    key: str
    amount: Decimal
    on: date
    words: str


def history(rows: Sequence[Row]) -> Iterator[SeenPayment]:
    """The payments of one rental, as far as they can be told apart.

    Raises:
        UnavailableError: A row has no amount or no date; a look that leaves it out would prove nothing.
    """
    for key, row in zip(receipt_keys(rows), rows, strict=True):
        amount = decimal(row, "Payment")
        if amount is None:
            raise UnavailableError("a payment row holds no amount", code="unreadable_cell")
        yield SeenPayment(key, amount, paid_on(row), text(row, "Description"))


def fits(means: Means, seen: SeenPayment) -> bool | None:
    """Whether a payment's text is that of ours: yes, no, or it shows too little.

    A recorded gateway payment carries its reference, so a text without one proves nothing. A card payment is told by
    the card where the text shows it; otherwise a new payment of the exact amount is ours.
    """
    words = seen.words.lower()
    if isinstance(means, ExternalPayment):
        return _reference_fits(means.reference.lower(), words)
    if isinstance(means, CardPayment):
        return _card_fits(means.face, words)
    return _account_fits(means.face, words) if isinstance(means, BankDebit) else None


def _reference_fits(reference: str, words: str) -> bool | None:
    quoted = _QUOTED.search(words)
    if quoted is None:
        return True if reference in words else False if "*" in words else None
    shown = quoted.group(1)
    if shown == reference:
        return True
    return None if reference.startswith(shown) else False


def _card_fits(face: CardFace, words: str) -> bool:
    digits = _MASKED.findall(words)
    if digits:
        return face.last4 in digits
    brands = [brand for brand, word in _BRAND_WORDS.items() if word in words]
    if brands:
        return face.brand.value in brands
    return not _OTHER_MEANS.search(words)


def _account_fits(face: BankAccountFace, words: str) -> bool:
    digits = _MASKED.findall(words)
    if digits:
        return face.last4 in digits
    return not re.search(r"\b(check|cheque|cash)\b", words) and not any(w in words for w in _BRAND_WORDS.values())
