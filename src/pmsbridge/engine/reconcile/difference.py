"""What two sides of the books may differ in, and the moment at which they are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from pmsbridge.engine.reconcile.matching import Asked, Shown
from pmsbridge.model.finding import Severity
from pmsbridge.model.money import Money

__all__ = ["Difference", "Kind", "Moment"]

_SUBJECT_CHARS: Final = 200


class Kind(StrEnum):
    """What two sides of the books may differ in.

    ``DOUBLE``: the back office shows a second payment for one wish. ``TWO_WISHES``: two wishes for the same payer,
    rental and amount, close together, both settled. ``JOURNAL_ONLY``: we said settled, and it is not there.
    ``REVERSED``: we said settled, and it was taken back. ``OTHER_AMOUNT``: it is there with another amount.
    ``TOLD_OTHERWISE``: we said nothing changed, and there is a payment that looks like it. ``UNRESOLVED``: nobody could
    know by machine. ``WAITING``: too early to tell. ``VENDOR_ONLY``: nobody asked us for it; entered at the desk, or by
    the back office itself.
    """

    DOUBLE = "double"
    TWO_WISHES = "two_wishes"
    JOURNAL_ONLY = "journal_only"
    REVERSED = "reversed"
    OTHER_AMOUNT = "other_amount"
    TOLD_OTHERWISE = "told_otherwise"
    UNRESOLVED = "unresolved"
    WAITING = "waiting"
    VENDOR_ONLY = "vendor_only"

    @property
    def needs_a_person(self) -> bool:
        """Somebody has to do something."""
        return self not in {Kind.WAITING, Kind.VENDOR_ONLY}

    @property
    def severity(self) -> Severity:
        """How soon: money that is there too often, or not at all, before the day is closed."""
        is_urgent = self in {Kind.DOUBLE, Kind.JOURNAL_ONLY, Kind.TOLD_OTHERWISE}
        return Severity.URGENT if is_urgent else Severity.WARNING


@dataclass(frozen=True, slots=True)
class Moment:
    """Which days are looked at, and when.

    Attributes:
        since: First business day.
        until: Last business day, inclusive.
        read_at: When the back office was read.
        settle_window: How long after it happened a payment may not show yet.
        close_together: Two wishes for the same within this time are one too many.
        close_at: Local time of the back office's daily close; None when it is not known.
        before_close: The last of the days is still open; None when the close is not known.
    """

    since: date
    until: date
    read_at: datetime
    settle_window: timedelta
    close_together: timedelta = timedelta(hours=24)
    close_at: time | None = None
    before_close: bool | None = None

    def holds(self, day: date) -> bool:
        """It is one of the days."""
        return self.since <= day <= self.until

    def undo(self, shown: Shown) -> str:
        """How to take a payment back now."""
        if self.before_close is None:
            return f"void {shown.name} in the back office while its day is open; after the daily close refund it"
        if self.before_close and self.close_at is not None and shown.day == self.until:
            return f"void {shown.name} in the back office before it closes the day at {self.close_at:%H:%M}"
        return f"its day is closed: refund {shown.name} in the back office"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing the two sides do not agree on.

    Attributes:
        asked: Payments of ours it is about.
        shown: Payments in the back office it is about.
        what: What is true, for a person, with its evidence.
        remedy: What to do, for a person.
        closed_by: The person who looked at it and closed its finding; empty while nobody has.
    """

    kind: Kind
    day: date
    tenant_id: str
    rental_id: str
    unit_number: str
    amount: Money
    asked: tuple[Asked, ...]
    shown: tuple[Shown, ...]
    what: str
    remedy: str
    closed_by: str = ""

    @classmethod
    def of(cls, kind: Kind, asked: Iterable[Asked], shown: Iterable[Shown], what: str, remedy: str) -> Difference:
        """About these payments: on the day of the last one shown, and on the rental of the first."""
        ours, theirs = tuple(asked), tuple(shown)
        row = ours[0] if ours else theirs[0]
        day = theirs[-1].day if theirs else ours[0].last_day
        number = ours[0].unit_number if ours else ""
        return cls(kind, day, row.tenant_id, row.rental_id, number, row.amount, ours, theirs, what, remedy)

    @property
    def needs_a_person(self) -> bool:
        """Somebody has to do something, and nobody has said that it is done."""
        return self.kind.needs_a_person and not self.closed_by

    @property
    def code(self) -> str:
        """The code of its finding."""
        return f"reconcile_{self.kind.value}"

    @property
    def subject(self) -> str:
        """What a finding about it is told apart by: the day, the rental, and the payment or the wish.

        Where all rentals and wishes are more than a finding's subject holds, the wishes come first, whole ones only,
        and a digest of everything tells it from another one.
        """
        named = self.shown[-1].payment_id if self.kind is Kind.DOUBLE else ""
        names = [named] if named else list(dict.fromkeys(row.name for row in self.asked))
        whole = f"{self.day.isoformat()} rental {self.rental_id} {'+'.join(names)}"
        return whole if len(whole) <= _SUBJECT_CHARS else _shortened(self.day, names, self.rental_id, whole)


def _shortened(day: date, names: Sequence[str], rentals: str, whole: str) -> str:
    """The same within a subject's length: as many names as there is room for, then the first rental."""
    digest = hashlib.sha256(whole.encode(errors="replace")).hexdigest()[:12]
    first, *others = rentals.split(", ")
    rest = f" and {len(others)} more #{digest}" if others else f" #{digest}"
    head = f"{day.isoformat()} {_as_fits(names, _SUBJECT_CHARS // 2)} rental "
    return f"{head}{first[: _SUBJECT_CHARS - len(head) - len(rest)]}{rest}"


def _as_fits(names: Sequence[str], chars: int) -> str:
    """Whole names, as many as fit; of one that is too long by itself, its beginning."""
    fits = [number for number in range(1, len(names) + 1) if len("+".join(names[:number])) <= chars]
    return "+".join(names[: fits[-1]]) if fits else "".join(names[:1])[:chars]
