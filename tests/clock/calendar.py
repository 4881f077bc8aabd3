"""The judge: a calendar made minute by minute from what local clocks show, and the runs that happened.

It knows nothing of how nights are scheduled, and shares no code with what it judges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A facility, as the judge sees it."""

    name: str
    zone: str
    at: time


@dataclass(slots=True)
class Seen:
    """A run that happened.

    Attributes:
        began: In true time.
        on_the_wall: What the machine's clock showed then; right to the minute, or ``clock_was_wrong``.
        ended: None when its process died in it or lost it.
    """

    place: str
    began: datetime
    on_the_wall: datetime
    ended: datetime | None = None
    failed: bool = False
    clock_was_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of true time."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Night:
    """A night of a place: it may be done from its beginning to the beginning of the next one."""

    day: date
    began: datetime
    ended: datetime


def nights(place: Place, since: datetime, until: datetime) -> list[Night]:
    """Every night between two instants: it begins when the clock on the wall first shows its time, or has passed it."""
    beginnings = _beginnings(place, since - timedelta(days=2), until + timedelta(days=3))
    whole = [Night(day, began, after) for (day, began), (_, after) in pairwise(beginnings)]
    return [night for night in whole if night.began >= since and night.ended <= until]


def _beginnings(place: Place, since: datetime, until: datetime) -> list[tuple[date, datetime]]:
    """By local day, in order. An hour at a time, and minute by minute where something could be."""
    zone, found = ZoneInfo(place.zone), dict[date, datetime]()
    instant = since.replace(minute=0, second=0, microsecond=0)
    first = instant.astimezone(zone).date()
    while instant < until:
        here, there = instant.astimezone(zone), (instant + timedelta(hours=1)).astimezone(zone)
        regular = there.replace(tzinfo=None) - here.replace(tzinfo=None) == timedelta(hours=1)
        if not regular or place.at.hour in {here.hour, there.hour}:
            for minutes in range(60):
                _note(found, instant + minutes * MINUTE, zone, place.at)
        instant += timedelta(hours=1)
    return sorted((day, began) for day, began in found.items() if day > first)


def _note(found: dict[date, datetime], minute: datetime, zone: ZoneInfo, at: time) -> None:
    """The minute in which a local day comes to its time, or jumps over it: then it begins as if nothing had jumped."""
    before, after = (each.astimezone(zone).replace(tzinfo=None) for each in (minute, minute + MINUTE))
    if after.time() >= at and after.date() not in found:
        wait = datetime.combine(after.date(), at) - before
        found[after.date()] = minute + (wait if timedelta(0) <= wait <= timedelta(hours=25) else MINUTE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong. Empty lists are a pass.

    Attributes:
        missed: Nights that should have been done, and were not.
        doubled: Nights that were done twice.
        silent: Nights that were not done, and of which nobody was told.
        told_twice: Nights that were told more than once.
        cried_wolf: Nights that were done in time, and told as missed all the same.
        judged: How many nights there were.
        slept: How many of them nobody could do.
    """

    missed: tuple[str, ...]
    doubled: tuple[str, ...]
    silent: tuple[str, ...]
    told_twice: tuple[str, ...]
    cried_wolf: tuple[str, ...]
    judged: int
    slept: int

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        kinds = ("missed", "doubled", "silent", "told_twice", "cried_wolf")
        return {kind: getattr(self, kind) for kind in kinds if getattr(self, kind)}


@dataclass(slots=True)
class Judge:
    """Knows the calendar, who was awake when, when clocks were wrong, and what was done and told.

    Attributes:
        awake: When at least one process was up, on a machine that was awake and had the right time.
        wrong: When a clock was wrong, and the hours after in which it is not believed yet.
        away: When the back office answered nobody.
        enough: How long somebody must be awake in a night, at a stretch, for it to be done.
        late: After this long a night that is not done is to be told.
    """

    places: Sequence[Place]
    since: datetime
    until: datetime
    awake: Sequence[Span]
    wrong: Sequence[Span]
    away: Sequence[Span]
    enough: timedelta
    late: timedelta

    def judge(self, runs: Iterable[Seen], told: Iterable[tuple[str, date]]) -> Verdict:
        by_place: dict[str, list[Seen]] = defaultdict(list)
        for run in runs:
            by_place[run.place].append(run)
        alarms: dict[tuple[str, date], int] = defaultdict(int)
        for alarm in told:
            alarms[alarm] += 1
        faults: dict[str, list[str]] = defaultdict(list)
        judged = slept = 0
        for place in self.places:
            for night in nights(place, self.since, self.until):
                judged += 1
                slept += self._one(place, night, by_place[place.name], alarms, faults)
        twice = [f"{place} {day}" for (place, day), times in alarms.items() if times > 1]
        kinds = ("missed", "doubled", "silent", "cried_wolf")
        return Verdict(
            **{kind: tuple(faults[kind]) for kind in kinds}, told_twice=tuple(twice), judged=judged, slept=slept
        )

    def _one(
        self, place: Place, night: Night, runs: list[Seen], alarms: dict[tuple[str, date], int],
        faults: dict[str, list[str]],
    ) -> bool:  # fmt: skip
        name = f"{place.name} {night.day}"
        if _touches(self.wrong, night.began, night.ended):
            return False  # no clock, no calendar
        mine = [run for run in runs if night.began <= run.on_the_wall < night.ended and not run.clock_was_wrong]
        good = [run for run in mine if run.ended is not None and not run.failed]
        was_told = alarms.get((place.name, night.day), 0) > 0
        if len(good) > 1:
            faults["doubled"].append(name)
        if good:
            in_time = good[0].ended is not None and good[0].ended < night.began + self.late
            if was_told and in_time:
                faults["cried_wolf"].append(name)
            return False
        could = self._could(night)
        if could:
            faults["missed"].append(name)
        if not was_told and self._told_by_now(night):
            faults["silent"].append(name)
        return not could

    def _could(self, night: Night) -> bool:
        """Somebody was awake long enough at a stretch. While the back office is away this does not help; and of a night
        that failed, it must come back in the first hours."""
        was_away = _touches(self.away, night.began, night.ended)
        for span in self._awake_in(night.began, night.ended):
            for free in _without(span, self.away) if was_away else (span,):
                soon = not was_away or free.began <= night.began + timedelta(hours=2)
                if soon and free.ended - free.began >= self.enough:
                    return True
        return False

    def _awake_in(self, began: datetime, ended: datetime) -> Iterator[Span]:
        at = max(bisect_right(self.awake, began, key=lambda span: span.began) - 1, 0)
        for span in islice(self.awake, at, None):
            if span.began >= ended:
                return
            if span.ended > began:
                yield Span(max(span.began, began), min(span.ended, ended))

    def _told_by_now(self, night: Night) -> bool:
        """Somebody was awake long enough after the night, so that it should be known."""
        until = min(self.until, night.ended + timedelta(days=20))
        knows = any(span.ended - span.began >= self.enough for span in self._awake_in(night.ended, until))
        return knows and not _touches(self.wrong, night.began, until)


def _without(span: Span, holes: Sequence[Span]) -> Iterator[Span]:
    began = span.began
    for hole in holes:
        if hole.ended > began and hole.began < span.ended:
            yield Span(began, max(began, hole.began))
            began = hole.ended
    yield Span(began, max(began, span.ended))


def _touches(spans: Sequence[Span], began: datetime, ended: datetime) -> bool:
    """Whether any of these spans, in order and apart, has something in common with a stretch of time."""
    last = bisect_right(spans, ended, key=lambda span: span.began)
    return last > 0 and spans[last - 1].ended > began
