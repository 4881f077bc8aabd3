"""Where rows come from, and single values of them: nothing is guessed, rounded or passed through a float."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.errors import UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.model.record import Instant, VendorRef
from pmsbridge_tryton.vocabulary import PARTY
from pmsbridge_tryton.wire import Row, nested

__all__ = [
    "DUE",
    "OF_RENTAL",
    "STAYS",
    "Scope",
    "account_id",
    "day_of",
    "living",
    "number",
    "one",
    "required_day",
    "text",
]


OF_RENTAL: Final = "of_rental"
"""Where a row of a page holds the rental it is about, looked up for the whole page."""

STAYS: Final = "stays"
"""Where a recurring rental of a page that is billed to its end says whether its tenant is still there."""

DUE: Final = "due_on"
"""Where an invoice of a page holds the earliest day that is not settled."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rows come from, and when they were read.

    Attributes:
        read_at: None for rows that are compared before they are mapped.
        user_id: Who asked: what this user wrote is ours.
    """

    account: str
    facility: str
    currency: str
    zone: str
    read_at: Instant | None = None
    user_id: int = 0
    customer_mark: str = ""

    def ref(self, entity: str, vendor_id: object, *, version: str | None = None) -> VendorRef:
        """The reference of a record of this facility."""
        return VendorRef(
            system="tryton", account=self.account, facility=self.facility, entity=entity, id=str(vendor_id),
            version=version, seen_at=self.read_at,
        )  # fmt: skip

    def money(self, amount: object) -> Money:
        """An amount in the facility's currency; none is zero.

        Raises:
            UnavailableError: It is no exact number.
        """
        if amount is None:
            return Money.zero(self.currency)
        if isinstance(amount, bool) or not isinstance(amount, Decimal | int):
            raise UnavailableError("an amount of the answer is no exact number", code="unreadable_cell")
        return Money.of(Decimal(amount), self.currency)

    def local(self, moment: object) -> date | None:
        """The business date of a moment, or of a day that is one already."""
        if isinstance(moment, datetime):
            return moment.astimezone(ZoneInfo(self.zone)).date()
        return moment if isinstance(moment, date) else None


def account_id(party: object) -> str:
    """The id of the rental that stands for a party's account."""
    return f"{PARTY},{party}"


def text(row: Mapping[str, Any], name: str) -> str:
    """Text without blanks around it; empty when there is none."""
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def number(row: Mapping[str, Any], name: str) -> Decimal:
    """An exact number; none is zero."""
    value = row.get(name)
    return Decimal(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else Decimal(0)


def day_of(row: Mapping[str, Any], name: str) -> date | None:
    """A business date; None when there is none."""
    value = row.get(name)
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def required_day(row: Mapping[str, Any], name: str) -> date:
    """A business date that must be there.

    Raises:
        UnavailableError: It is not.
    """
    found = day_of(row, name)
    if found is None:
        message = f"{name} of the answer holds no date"
        raise UnavailableError(message, code="unreadable_cell")
    return found


def one(row: Mapping[str, Any], name: str) -> Row:
    """The one related record; empty when there is none."""
    return next(iter(nested(row, name)), {})


def living(rows: Iterable[Row]) -> list[Row]:
    """Records that are not put away, in their own order."""
    kept = [row for row in rows if row.get("active", True)]
    return sorted(kept, key=lambda row: (row.get("sequence") is None, row.get("sequence") or 0, row["id"]))
