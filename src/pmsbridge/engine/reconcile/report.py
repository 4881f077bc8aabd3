"""What a comparison found, per facility."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from pmsbridge.engine.reconcile.books import totals
from pmsbridge.engine.reconcile.difference import Difference, Kind
from pmsbridge.engine.reconcile.matching import Pair, Shown
from pmsbridge.model.money import Money

__all__ = ["FacilityReport", "ReconcileReport", "Unread"]


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read, so nothing is said about it.

    Attributes:
        rental_id: Empty for the whole facility.
        a_person_must_act: Trying again does not help.
    """

    rental_id: str
    why: str
    a_person_must_act: bool


@dataclass(frozen=True, slots=True)
class FacilityReport:
    """How the two sides of one facility compare.

    Attributes:
        since: First business day.
        until: Last business day, inclusive.
        before_close: The last day is still open, so a payment may be voided; None when the close is not known.
        read_at: When reading began.
        rentals_read: How many rentals' payments were read.
        rentals_known: How many rentals there are, in the mirror and in the journal of these days.
        unread: What could not be read; its payments are in nothing below.
        found: Payments of ours that were found, on these days.
        shown: Payments in the back office on these days, of the rentals that were read.
        differences: What does not agree, what needs a person first.
    """

    account: str
    facility: str
    since: date
    until: date
    close_at: time | None
    before_close: bool | None
    read_at: datetime
    rentals_read: int = 0
    rentals_known: int = 0
    unread: tuple[Unread, ...] = ()
    found: tuple[Pair, ...] = ()
    shown: tuple[Shown, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def for_a_person(self) -> tuple[Difference, ...]:
        """Differences somebody has to do something about."""
        return tuple(row for row in self.differences if row.needs_a_person)

    @property
    def unread_text(self) -> str:
        """What could not be read and why, in one sentence; empty when everything was read."""
        if not self.unread:
            return ""
        place, rentals = f"{self.account}/{self.facility}", sum(bool(row.rental_id) for row in self.unread)
        share = f"the payments of {rentals} of {rentals + self.rentals_read} rentals of {place}"
        return f"{place if rentals < len(self.unread) else share} could not be read: {self.unread[0].why}"

    def of_kind(self, kind: Kind) -> tuple[Difference, ...]:
        """Differences of one kind."""
        return tuple(row for row in self.differences if row.kind is kind)

    @property
    def shown_total(self) -> tuple[Money, ...]:
        """Money in the back office, per currency: what was found and what stands alone together."""
        return totals(self.shown)

    @property
    def found_total(self) -> tuple[Money, ...]:
        """The part of it that is a payment of ours."""
        ours = {id(pair.shown) for pair in self.found}
        return totals(row for row in self.shown if id(row) in ours)

    @property
    def alone_total(self) -> tuple[Money, ...]:
        """The part of it that is none of ours, doubles included."""
        ours = {id(pair.shown) for pair in self.found}
        return totals(row for row in self.shown if id(row) not in ours)


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a run found, per facility."""

    started_at: datetime
    facilities: tuple[FacilityReport, ...]

    @property
    def for_a_person(self) -> tuple[Difference, ...]:
        """Everything somebody has to do something about."""
        return tuple(row for report in self.facilities for row in report.for_a_person)

    @property
    def unread(self) -> tuple[Unread, ...]:
        """Everything that could not be read."""
        return tuple(row for report in self.facilities for row in report.unread)

    @property
    def is_clean(self) -> bool:
        """Everything was read, and nothing needs a person."""
        return not self.for_a_person and not self.unread
