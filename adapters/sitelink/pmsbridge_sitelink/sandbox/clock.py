"""The sandbox's time: a clock that can be moved forward, and the US Eastern zone the vendor's server lives in.

The zone is computed here, not read from a time zone database, so that the sandbox needs nothing from the machine.
Rules since 2007: daylight time from 2 a.m. on the second Sunday of March to 2 a.m. on the first Sunday of November;
earlier years use the same rule.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, Protocol

STANDARD: Final = timezone(timedelta(hours=-5))
DAYLIGHT: Final = timezone(timedelta(hours=-4))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_TICKS: Final = 621_355_968_000_000_000
_MORNING: Final = 15  # 10:00 in standard time


class Clock(Protocol):
    """Where the sandbox gets its time from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def advance(self, seconds: float) -> None:
        """Move the present forward by so many seconds."""
        ...


class RunningClock:
    """Real time shifted by an offset: it runs, and can be moved forward."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at an instant; None starts at the real present."""
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The start, plus the time since, plus every advance."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin + self._offset)

    def advance(self, seconds: float) -> None:
        """Move the present forward."""
        with self._lock:
            self._offset += seconds


class StandingClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        """Stand at an instant."""
        self._now = start

    def now(self) -> datetime:
        """Where it stands."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the present forward."""
        self._now += timedelta(seconds=seconds)


@lru_cache(maxsize=512)
def _daylight(year: int) -> tuple[datetime, datetime]:
    """First and last instant of daylight time of a year, in UTC."""
    march = date(year, 3, 8)
    november = date(year, 11, 1)
    start = march + timedelta(days=(6 - march.weekday()) % 7)
    end = november + timedelta(days=(6 - november.weekday()) % 7)
    return (
        datetime(start.year, start.month, start.day, 7, tzinfo=UTC),
        datetime(end.year, end.month, end.day, 6, tzinfo=UTC),
    )


def eastern(instant: datetime) -> datetime:
    """The same instant on the server's wall clock; a naive value is taken to be that wall clock already."""
    if instant.tzinfo is None:
        guess = instant.replace(tzinfo=STANDARD)
        start, end = _daylight(instant.year)
        return instant.replace(tzinfo=DAYLIGHT) if start <= guess < end + timedelta(hours=1) else guess
    start, end = _daylight(instant.year)
    return instant.astimezone(DAYLIGHT if start <= instant < end else STANDARD)


@lru_cache(maxsize=16384)
def eastern_offset(day: date) -> str:
    """The offset of a day's midnight: `-05:00` in winter, `-04:00` in summer."""
    offset = eastern(datetime(day.year, day.month, day.day)).utcoffset()  # noqa: DTZ001 - the server's wall clock
    return "-04:00" if offset == timedelta(hours=-4) else "-05:00"


def morning(day: date) -> datetime:
    """Mid-morning of a business day, as an instant."""
    return datetime(day.year, day.month, day.day, _MORNING, tzinfo=UTC)


def business_day(instant: datetime) -> date:
    """The calendar day an instant falls on at the server."""
    return eastern(instant).date()


def ticks(instant: datetime) -> int:
    """.NET ticks of an instant: hundreds of nanoseconds since year 1."""
    return (instant - _EPOCH) // timedelta(microseconds=1) * 10 + _EPOCH_TICKS


def from_ticks(count: int) -> datetime | None:
    """The instant of .NET ticks; None when the number names no instant after 1970."""
    try:
        return _EPOCH + timedelta(microseconds=(count - _EPOCH_TICKS) // 10) if count > _EPOCH_TICKS else None
    except OverflowError:
        return None
