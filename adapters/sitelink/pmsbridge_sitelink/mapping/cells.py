"""Reading single cells: text in, typed value out. A missing column is NULL; nothing is ever guessed or rounded.

Dates are written with the offset of the vendor's own server (US Eastern), whatever zone the site is in; they mean a
calendar day, so the first ten characters are the day and nothing is converted. A NULL date is a missing element or
year 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from pmsbridge.errors import UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.model.people import Phone
from pmsbridge.model.record import Instant, VendorRef
from pmsbridge.transport.cut_rows import CutRow

__all__ = [
    "Row",
    "Scope",
    "boolean",
    "day",
    "decimal",
    "maybe_money",
    "money",
    "number",
    "phone",
    "required",
    "text",
    "ticks_of",
]

Row = Mapping[str, str]

_NO_YEAR = 1
_DAY_CHARACTERS = 10
_TICKS_PER_SECOND = 10_000_000
_TICKS_AT_EPOCH = 621_355_968_000_000_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rows come from: account, facility, its currency and measure, and when they were read."""

    account: str
    facility: str
    currency: str
    zone: str
    measure: str
    read_at: Instant

    def ref(self, entity: str, vendor_id: str, *, version: str | None = None) -> VendorRef:
        """The reference of a record of this facility."""
        return VendorRef(
            system="sitelink",
            account=self.account,
            facility=self.facility,
            entity=entity,
            id=vendor_id,
            version=version,
            seen_at=self.read_at,
        )

    def money(self, amount: Decimal) -> Money:
        """An amount in the facility's currency, every digit kept."""
        return Money.of(amount, self.currency)


def _unreadable(column: str, wanted: str) -> UnavailableError:
    return UnavailableError(f"column {column} holds no {wanted}", code="unreadable_cell")


def text(row: Row | CutRow, column: str) -> str:
    """A text without the padding some rows carry; empty when NULL."""
    return row.get(column, "").strip()


def required(row: Row, column: str) -> str:
    """An id or name that a row cannot be without.

    Raises:
        UnavailableError: It is missing.
    """
    found = text(row, column)
    if not found:
        raise _unreadable(column, "value")
    return found


def boolean(row: Row, column: str) -> bool | None:
    """True or false ("true", "1", "Y" and their opposites are all in use); None when NULL.

    Raises:
        UnavailableError: It is neither.
    """
    word = text(row, column).lower()
    if word in {"true", "1", "y", "yes"}:
        return True
    if word in {"false", "0", "n", "no"}:
        return False
    if word:
        raise _unreadable(column, "truth value")
    return None


def number(row: Row, column: str) -> int | None:
    """A whole number; None when NULL.

    Raises:
        UnavailableError: It is none.
    """
    word = text(row, column)
    if not word:
        return None
    if not (word.lstrip("-").isdigit() and word.isascii()):
        raise _unreadable(column, "whole number")
    return int(word)


def decimal(row: Row, column: str) -> Decimal | None:
    """An exact number; None when NULL. It never passes through binary floating point.

    Raises:
        UnavailableError: It is none.
    """
    word = text(row, column)
    if not word:
        return None
    try:
        value = Decimal(word)
    except InvalidOperation:
        raise _unreadable(column, "number") from None
    if not value.is_finite():
        raise _unreadable(column, "number")
    return value


def money(row: Row, column: str, scope: Scope) -> Money:
    """An amount a row cannot be without.

    Raises:
        UnavailableError: It is missing or no number.
    """
    amount = decimal(row, column)
    if amount is None:
        raise _unreadable(column, "amount")
    return scope.money(amount)


def maybe_money(row: Row, column: str, scope: Scope) -> Money | None:
    """An amount; None when NULL."""
    amount = decimal(row, column)
    return None if amount is None else scope.money(amount)


def day(row: Row, column: str) -> date | None:
    """The calendar day a date means: its first ten characters, never converted; None when NULL.

    Raises:
        UnavailableError: It is no date.
    """
    word = text(row, column)
    if not word:
        return None
    try:
        found = date.fromisoformat(word[:_DAY_CHARACTERS])
    except ValueError:
        raise _unreadable(column, "date") from None
    return None if found.year == _NO_YEAR else found


def phone(row: Row, column: str) -> Phone | None:
    """A telephone number exactly as it is written there; None when there is none."""
    raw = row.get(column, "")
    return Phone(raw=raw) if raw.strip() else None


def ticks_of(moment: datetime) -> str:
    """An instant as the back office counts it: 100 ns since the year 1."""
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    return str(_TICKS_AT_EPOCH + since_epoch // timedelta(microseconds=1) * (_TICKS_PER_SECOND // 1_000_000))
