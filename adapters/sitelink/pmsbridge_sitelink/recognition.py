"""Recognising a payment of ours in a rental's history by what its text shows.

Nobody recorded how the back office words a card payment. So the text is used where it shows something. Where it does
not, a new payment of the exact amount may be ours, or one that staff entered meanwhile: that is for a person.
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
_OTHER_THAN_CARD: Final = re.compile(r"\b(check|cheque|cash|ach|transfer)\b")
_OTHER_THAN_BANK: Final = re.compile(r"\b(check|cheque|cash)\b")
_CHECK: Final = re.compile(r"\b(check|cheque)\b")
_CASH: Final = re.compile(r"\bcash\b")
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

    A recorded gateway payment carries its reference, a card or bank payment the last four digits. Another reference,
    other digits or other means are somebody else's. A text that shows neither proves nothing: staff may have entered
    the same amount by the same means.
    """
    words = seen.words.lower()
    if isinstance(means, ExternalPayment):
        return _reference_fits(means.reference.lower(), words)
    if isinstance(means, CardPayment):
        return _card_fits(means.face, words)
    return _account_fits(means.face, words) if isinstance(means, BankDebit) else None


def _reference_fits(reference: str, words: str) -> bool | None:
    quoted = _QUOTED.search(words)
    if quoted is not None:
        shown = quoted.group(1)
        return True if shown == reference else None if reference.startswith(shown) else False
    # A longer reference that begins or ends like ours is another one.
    if re.search(rf"(?<![a-z0-9_.:-]){re.escape(reference)}(?![a-z0-9_:-]|\.[a-z0-9])", words):
        return True
    # It is recorded as a check: whatever says that it is cash or a card is not it.
    is_other = "*" in words or (not _CHECK.search(words) and bool(_CASH.search(words) or _brands(words)))
    return False if is_other else None


def _card_fits(face: CardFace, words: str) -> bool | None:
    digits, brands = _MASKED.findall(words), _brands(words)
    if digits:
        return face.last4 in digits
    is_other = (brands and face.brand.value not in brands) or _OTHER_THAN_CARD.search(words)
    return False if is_other else None


def _account_fits(face: BankAccountFace, words: str) -> bool | None:
    digits = _MASKED.findall(words)
    if digits:
        return face.last4 in digits
    return False if _OTHER_THAN_BANK.search(words) or _brands(words) else None


def _brands(words: str) -> list[str]:
    return [brand for brand, word in _BRAND_WORDS.items() if word in words]
