"""The calendar of the nights: one slot per local day, whatever the clocks of that place do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["Nightly", "bounds", "latest_slot", "next_slot", "night_of", "slots_between"]

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Nightly:
    """A job once a day.

    Attributes:
        job: Name in ``Runtime.jobs``.
        at: Local time of day in ``zone``.
        zone: IANA time zone.
        account: The account it is about; empty when it is about no facility.
        facility: The facility it is about; empty for none.
    """

    job: str
    at: time
    zone: str
    account: str = ""
    facility: str = ""


def _slot(nightly: Nightly, day: date) -> datetime:
    """A time of day that is skipped comes after the gap; of one that comes twice, the first counts."""
    return datetime.combine(day, nightly.at, ZoneInfo(nightly.zone)).astimezone(UTC)


def night_of(nightly: Nightly, slot: datetime) -> date:
    """The local day a slot belongs to."""
    return slot.astimezone(ZoneInfo(nightly.zone)).date()


def bounds(nightly: Nightly, slot: datetime) -> tuple[datetime, datetime]:
    """The local day a slot belongs to, as instants: from its midnight to before the next one."""
    zone, day = ZoneInfo(nightly.zone), night_of(nightly, slot)
    first, next_first = (datetime.combine(each, time.min, zone).astimezone(UTC) for each in (day, day + _DAY))
    # A midnight that comes twice, or not at all, may lie on the other side of the slot.
    return min(first, slot), max(next_first, slot + timedelta(microseconds=1))


def latest_slot(nightly: Nightly, now: datetime) -> datetime:
    """The newest slot that is not in the future, as an instant."""
    today = night_of(nightly, now)
    # Where clocks go back over midnight, tomorrow has begun once already.
    days = (today + _DAY, today, today - _DAY, today - 2 * _DAY)
    return max(slot for slot in (_slot(nightly, day) for day in days) if slot <= now)


def next_slot(nightly: Nightly, after: datetime) -> datetime:
    """The first slot later than an instant."""
    return next(slots_between(nightly, after, after + 4 * _DAY))


def slots_between(nightly: Nightly, after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots later than one instant and not later than another, oldest first, each once."""
    day, before = night_of(nightly, after) - _DAY, after
    while (slot := _slot(nightly, day)) <= until:
        if slot > before:
            yield slot
            before = slot
        day += _DAY
