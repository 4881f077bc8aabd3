"""Bugs planted in the clock, each of which the judge must catch: the ten years can fail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.nights import Nightly, latest_slot
from pmsbridge.dispatch.schedule import Schedule
from pmsbridge.engine.night_alarm import MissedNight
from pmsbridge.store.runs import Run, RunState
from tests.clock.machine import Parts
from tests.clock.test_ten_years import live

Night = tuple[datetime, datetime] | None


class OnlyWhenWoken(Schedule):
    """Nobody looks for what was missed."""

    def look(self) -> int:
        return 0


class OncePerProcess(Schedule):
    """Each process keeps its own record."""

    def _tick(self, job: str, slot: datetime, *, night: Night = None) -> bool:
        return super()._tick(job, slot + timedelta(microseconds=id(self) % 100_000))


class NeverTakesOver(Schedule):
    """A night that was begun is somebody's, dead or alive."""

    def _tick(self, job: str, slot: datetime, *, night: Night = None) -> bool:
        if self._runtime.runs.standing({job: slot}):
            return False
        return super()._tick(job, slot, night=night)


class DoneWhenBegun(Schedule):
    """The record is written before the work."""

    def _tick(self, job: str, slot: datetime, *, night: Night = None) -> bool:
        runs, work = self._runtime.runs, self._runtime.jobs[job]

        def early(at: datetime, beat: Callable[[], bool]) -> None:
            with self._runtime.database.write() as connection:
                connection.exec_driver_sql("UPDATE pmsbridge_runs SET state = 'done' WHERE state = 'running'")
            work(at, beat)

        self._runtime.jobs[job] = early
        try:
            return super()._tick(job, slot, night=night)
        finally:
            self._runtime.jobs[job] = work
            assert runs is self._runtime.runs


class GivesUp(Schedule):
    """A night that failed is left alone until the next start."""

    def _is_due(self, slot: datetime, now: datetime, nightly: Nightly, standing: dict[str, Run]) -> bool:
        run = standing.get(nightly.job)
        failed = run is not None and run.state is RunState.FAILED
        return not failed and super()._is_due(slot, now, nightly, standing)


class BelievesEveryClock(Schedule):
    """What a clock that was ahead has written stands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sober.is_right = lambda job: True  # type: ignore[method-assign]


class WinterTime(Schedule):
    """The local time of January, all the year."""

    def __init__(self, runtime: Any, nights: Any, **kwargs: Any) -> None:
        super().__init__(runtime, [_in_winter(nightly) for nightly in nights], **kwargs)


def _in_winter(nightly: Nightly) -> Nightly:
    winter = datetime(2016, 1, 1, nightly.at.hour, nightly.at.minute, tzinfo=ZoneInfo(nightly.zone))
    return replace(nightly, at=winter.astimezone(ZoneInfo("UTC")).time(), zone="UTC")


class Blind(NightWatch):
    """Nobody is told."""

    def look(self) -> int:
        return 0


class EachForItself(NightWatch):
    """Every process tells what it sees."""

    def _claimed(self, nightly: Nightly, slot: datetime, run: Run | None) -> MissedNight | None:
        with suppress(StopIteration):
            return MissedNight(nightly.job, slot, slot.astimezone(ZoneInfo(nightly.zone)).date(), "", "", "")
        return None


class Impatient(NightWatch):
    """A night that is not done at once is missed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "patience": timedelta(0)})


class SleepsOn(Schedule):
    """The newest slot only, as it was when the process began."""

    def fire(self, nightly: Nightly) -> bool:
        return self._night(nightly, latest_slot(nightly, self._runtime.clock.now() - timedelta(hours=20)))


PLANTED: list[tuple[Parts, str]] = [
    (Parts(schedule=OnlyWhenWoken), "missed"),
    (Parts(schedule=OncePerProcess), "doubled"),
    (Parts(schedule=NeverTakesOver), "missed"),
    (Parts(schedule=DoneWhenBegun), "missed"),
    (Parts(schedule=GivesUp), "missed"),
    (Parts(schedule=BelievesEveryClock), "missed"),
    (Parts(schedule=WinterTime), "doubled"),
    (Parts(schedule=SleepsOn), "doubled"),
    (Parts(watch=Blind), "silent"),
    (Parts(watch=EachForItself), "told_twice"),
    (Parts(watch=Impatient), "cried_wolf"),
    (Parts(look_every=timedelta(hours=20)), "missed"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("parts", "kind"), PLANTED, ids=lambda value: str(value)[:60])
def test_a_planted_bug_is_caught(parts: Parts, kind: str, tmp_path: Path) -> None:
    faults = set()
    for seed in range(1, 9):
        _, verdict = live(tmp_path, 100 + seed, 0.3, parts=parts, places=3)
        faults |= set(verdict.faults)
        if kind in faults:
            return
    pytest.fail(f"seen only: {faults}")
