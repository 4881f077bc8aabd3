"""Figures of one customer: how long they rent, what they pay and how, whether they grow or shrink; signs of leaving."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Instant, Source, Value
from pmsbridge.model.rental import Rental, RentalKind
from pmsbridge.portal.ledgers import LedgersRead
from pmsbridge.portal.stay_value import rent_of_stay

__all__ = ["CustomerFigures", "Risk", "figures_of", "mean_stay_of", "risks_of"]

_GRACE_DAYS: Final = 5
_NEXT_WITHIN: Final = timedelta(days=31)
_SEVERAL: Final = 2
_PAID: Final = frozenset({EntryKind.PAYMENT, EntryKind.REVERSAL, EntryKind.REFUND})
_RAISES: Final = frozenset({EntryKind.CHARGE, EntryKind.TAX})
_LOWERS: Final = frozenset({EntryKind.PAYMENT, EntryKind.CREDIT, EntryKind.WRITE_OFF})
_GOES_BACK: Final = frozenset({EntryKind.REVERSAL, EntryKind.REFUND})


class CustomerFigures(Value):
    """Figures of one customer between two business dates.

    Attributes:
        rentals: How many rentals were running then.
        longest_days: Days of the longest of them up to the last date, its beginning before the first date included.
        average_days: Days of all of them by their number, rounded down; None without any.
        paid: Payments that stood; None where no ledger was read.
        charges: How many charges were due then; None where no ledger was read.
        late_charges: How many of them were not settled within five days; None where no ledger was read.
        upgrades: Changes to a dearer unit.
        downgrades: Changes to a cheaper one.
        lifetime_paid: Payments that stood up to the last date, from the first one on, whatever the first date is; None
            where no ledger was read. Of rentals that are not told any more nothing is in it.
        mean_stay_days: Days that those rentals of the facility lasted on average which had ended by the last date,
            rounded down; None where none had.
        expected_value: Rent before tax of the rentals that ran on the last date, for as long as ``mean_stay_days``: a
            year's rent / 365 x days, rounded down. What such rentals bring on average, no forecast of this customer.
            None where ``expected_value_missing`` says why.
        expected_value_missing: Why there is no ``expected_value``: "no_mean_stay" (none has ended), "nothing_runs" (on
            the last date), "no_rent" (one of them has none that is told), or "unknown_period", with the back office's
            own word for it where it has one; see ``periods_a_year`` for those that are known. Empty where there is one.
        ledger_source: Where the ledgers were read; None where none was.
        ledger_as_of: When the back office told them; None where none was read.
    """

    tenant_id: str
    since: date
    until: date
    rentals: int
    longest_days: int
    average_days: int | None
    paid: Money | None = None
    charges: int | None = None
    late_charges: int | None = None
    upgrades: int = 0
    downgrades: int = 0
    lifetime_paid: Money | None = None
    mean_stay_days: int | None = None
    expected_value: Money | None = None
    expected_value_missing: str = ""
    ledger_source: Source | None = None
    ledger_as_of: Instant | None = None

    @property
    def on_time_percent(self) -> int | None:
        """How many charges of a hundred were settled in time, rounded down; None without charges."""
        if not self.charges or self.late_charges is None:
            return None
        return 100 * (self.charges - self.late_charges) // self.charges


class Risk(StrEnum):
    """A sign that a customer may leave."""

    LATE_PAYMENTS = "late_payments"
    MANY_REQUESTS = "many_requests"
    DOWNSIZED = "downsized"
    LEAVING = "leaving"


def figures_of(
    tenant_id: str,
    rentals: Iterable[Rental],
    *,
    since: date,
    until: date,
    read: LedgersRead | None = None,
    currency: str = "",
    mean_stay_days: int | None = None,
) -> CustomerFigures:
    """Figures of one customer.

    Args:
        tenant_id: Whose.
        rentals: Present and past ones.
        since: First business date.
        until: Last business date, inclusive.
        read: One whole ledger per rental; None where none was read.
        currency: What the ledgers are in.
        mean_stay_days: See ``mean_stay_of``.
    """
    running = [each for each in rentals if each.kind is not RentalKind.ACCOUNT and _ran(each, since, until)]
    ledgers = read.ledgers if read is not None else None
    days = [
        (min(each.moved_out_on or until, until) - each.moved_in_on).days
        for each in running
        if each.moved_in_on is not None
    ]
    steps = list(_changes(running, since, until))
    value, missing = rent_of_stay([each for each in running if _ran(each, until, until)], mean_stay_days)
    late = [is_late for ledger in ledgers or () for on, is_late in _settled(ledger, until) if since <= on <= until]
    return CustomerFigures(
        tenant_id=tenant_id, since=since, until=until, rentals=len(running), longest_days=max(days, default=0),
        average_days=sum(days) // len(days) if days else None,
        paid=_paid(ledgers, since, until, currency),
        charges=len(late) if ledgers is not None else None, late_charges=sum(late) if ledgers is not None else None,
        upgrades=sum(step > 0 for step in steps), downgrades=sum(step < 0 for step in steps),
        lifetime_paid=_paid(ledgers, date.min, until, currency), mean_stay_days=mean_stay_days,
        expected_value=value, expected_value_missing=missing,
        ledger_source=read.source if read is not None else None,
        ledger_as_of=read.as_of if read is not None else None,
    )  # fmt: skip


def mean_stay_of(rentals: Iterable[Rental], until: date) -> int | None:
    """Days that rentals lasted on average which had ended by a business date, rounded down; None where none had."""
    days = [
        (each.moved_out_on - each.moved_in_on).days
        for each in rentals
        if each.kind is not RentalKind.ACCOUNT and each.moved_in_on is not None
        if each.moved_out_on is not None and each.moved_in_on <= each.moved_out_on <= until
    ]
    return sum(days) // len(days) if days else None


def _paid(ledgers: Sequence[Sequence[LedgerEntry]] | None, first: date, last: date, currency: str) -> Money | None:
    """Payments between two dates, less what went back."""
    if ledgers is None:
        return None
    entries = (entry for ledger in ledgers for entry in ledger if first <= entry.effective_on <= last)
    return -sum_money((entry.effect for entry in entries if entry.kind in _PAID), currency)


def risks_of(figures: CustomerFigures, *, requests: int, is_leaving: bool) -> tuple[Risk, ...]:
    """Signs that a customer may leave.

    Args:
        figures: Of the time that is looked at.
        requests: How often they asked staff for something in that time.
        is_leaving: A move-out is scheduled.
    """
    signs = {
        Risk.LEAVING: is_leaving,
        Risk.LATE_PAYMENTS: (figures.late_charges or 0) >= _SEVERAL,
        Risk.MANY_REQUESTS: requests >= _SEVERAL,
        Risk.DOWNSIZED: figures.downgrades > 0,
    }
    return tuple(risk for risk, is_so in signs.items() if is_so)


def _ran(rental: Rental, since: date, until: date) -> bool:
    began, ended = rental.moved_in_on, rental.moved_out_on
    return began is not None and began <= until and (ended is None or ended >= since)


def _changes(rentals: Sequence[Rental], since: date, until: date) -> Iterator[Decimal]:
    """Differences in rent where one rental follows another within a month."""
    ordered = sorted(rentals, key=lambda each: (each.moved_in_on or date.min, each.id))
    for before, after in pairwise(ordered):
        left, came = before.moved_out_on or before.leaving_on, after.moved_in_on
        if left is None or came is None or before.rent is None or after.rent is None:
            continue
        if abs(came - left) <= _NEXT_WITHIN and since <= came <= until:
            yield (after.rent - before.rent).amount


def _settled(entries: Sequence[LedgerEntry], until: date) -> Iterator[tuple[date, bool]]:
    """Each charge with whether it was late: what came in settles the oldest first. What is not due yet is left out."""
    money = _kept(entries)
    left_on, left = date.min, None
    for charge in sorted((e for e in entries if e.kind in _RAISES), key=lambda entry: entry.effective_on):
        owed, last = charge.effect, charge.effective_on
        while owed.is_positive:
            if left is None or not left.is_positive:
                if not money:
                    last = until + timedelta(days=1)
                    break
                left_on, left = money.popleft()
            part = min(owed, left, key=lambda each: each.amount)
            owed, left, last = owed - part, left - part, max(last, left_on)
        deadline = charge.effective_on + timedelta(days=_GRACE_DAYS)
        if last > deadline:
            yield charge.effective_on, True
        elif not owed.is_positive:
            yield charge.effective_on, False


def _kept(entries: Sequence[LedgerEntry]) -> deque[tuple[date, Money]]:
    """What came in and stayed, oldest first: what goes back takes the newest that is there, else what comes next."""
    moved = (e for e in entries if e.kind in _LOWERS | _GOES_BACK)
    held, going = list[tuple[date, Money]](), list[Money]()
    for entry in sorted(moved, key=lambda each: (each.effective_on, each.effect.is_positive)):
        if entry.effect.is_positive:
            going.append(entry.effect)
        else:
            held.append((entry.effective_on, -entry.effect))
        while going and held:
            (on, newest), back = held.pop(), going.pop()
            if newest > back:
                held.append((on, newest - back))
            elif back > newest:
                going.append(back - newest)
    return deque(held)
