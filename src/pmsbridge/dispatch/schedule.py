"""The clock: nightly slots, each run once over all processes, and caught up after a machine was off.

APScheduler only says when to look. Which slot it is, and whether it ran, the database says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import get_logger

__all__ = ["Nightly", "Schedule", "latest_slot"]

_log = get_logger(__name__)
_MISFIRE_GRACE: Final = timedelta(hours=6)
_LOOK_EVERY: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Nightly:
    """A job once a day.

    Attributes:
        job: Name in ``Runtime.jobs``.
        at: Local time of day in ``zone``.
        zone: IANA time zone.
    """

    job: str
    at: time
    zone: str


def latest_slot(nightly: Nightly, now: datetime) -> datetime:
    """The newest slot that is not in the future, as an instant.

    A time of day that a clock change skips or repeats still gives one slot a day.
    """
    zone = ZoneInfo(nightly.zone)
    day = now.astimezone(zone).date()
    slot = datetime.combine(day, nightly.at, zone).astimezone(UTC)
    return slot if slot <= now else datetime.combine(day - _DAY, nightly.at, zone).astimezone(UTC)


class Schedule:
    """Starts nightly jobs in this process. Several processes may each have one: a slot still runs once."""

    def __init__(self, runtime: Runtime, nights: Iterable[Nightly]) -> None:
        self._runtime = runtime
        self._nights = tuple(nights)
        self._scheduler: Any = None
        self._catching_up: threading.Thread | None = None
        self._counting = threading.Lock()
        self._running = 0
        self._is_ending = threading.Event()

    def start(self) -> None:
        """Start the clock, and run what was missed; does nothing when it runs.

        Raises:
            ConfigurationError: A job has no name in ``Runtime.jobs``, or APScheduler is not installed.
        """
        if self._scheduler is not None:
            return
        for nightly in self._nights:
            if nightly.job not in self._runtime.jobs:
                message = f"there is no job {nightly.job!r}"
                raise ConfigurationError(message, code="no_job")
        self._is_ending.clear()
        self._scheduler = self._make()
        self._scheduler.start()
        self._catching_up = threading.Thread(target=self.catch_up, name="pmsbridge-catch-up", daemon=True)
        self._catching_up.start()

    def _make(self) -> Any:  # noqa: ANN401 - the library has no types
        try:
            from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - loaded when used
            from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415
            from apscheduler.triggers.interval import IntervalTrigger  # noqa: PLC0415
        except ImportError:
            message = "the clock needs apscheduler; run: pip install apscheduler"
            raise ConfigurationError(message, code="no_apscheduler") from None
        defaults = {
            "misfire_grace_time": int(_MISFIRE_GRACE.total_seconds()), "coalesce": True, "max_instances": 1,
        }  # fmt: skip
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults, daemon=True)
        for nightly in self._nights:
            trigger = CronTrigger(hour=nightly.at.hour, minute=nightly.at.minute, timezone=ZoneInfo(nightly.zone))
            scheduler.add_job(self.fire, trigger, args=[nightly], id=f"{nightly.job}@{nightly.zone}")
        # A night whose process died is taken over by whoever looks next; one that ran is left alone.
        scheduler.add_job(self.look, IntervalTrigger(seconds=int(_LOOK_EVERY.total_seconds())), id="look")
        return scheduler

    def stop(self, *, waits: bool = True) -> bool:
        """Stop the clock.

        Args:
            waits: Let a job that runs finish, however long it takes. False gives its slot back and leaves it running
                until its next beat: for a process that is about to end, and a job that goes on from its last committed
                step elsewhere.

        Returns:
            Whether no job runs any more.
        """
        if not waits:
            self._is_ending.set()
            survived("let_go_failed", self._runtime.let_go)
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=waits)
            self._scheduler = None
        if self._catching_up is not None and waits:
            self._catching_up.join()
            self._catching_up = None
        with self._counting:
            return self._running == 0

    def fire(self, nightly: Nightly) -> bool:
        """Run the newest slot unless it ran; False when it ran, or runs, elsewhere. Never raises."""
        return self._tick(nightly.job, latest_slot(nightly, self._runtime.clock.now()))

    def _tick(self, job: str, slot: datetime) -> bool:
        self._count(1)
        try:
            return not self._is_ending.is_set() and self._runtime.tick(job, slot)
        except Exception as error:  # noqa: BLE001 - the clock goes on; the next look catches up
            _log.error("tick_failed", job=job, why=type(error).__name__)
            return False
        finally:
            self._count(-1)

    def _count(self, by: int) -> None:
        with self._counting:
            self._running += by

    def look(self) -> int:
        """Run newest slots that were missed, or whose process died; returns how many ran."""
        return sum(self.fire(nightly) for nightly in self._nights) + sum(
            self._tick(job, slot) for job, slot in self._left_over()
        )

    def catch_up(self) -> int:
        """The same at a start, and newest slots that failed are tried again.

        So are the slots of jobs that have no time of their own, because another job starts them: a comparison after a
        sync that has failed or died, while the sync is done and is not started again.
        """
        newest = ((nightly.job, latest_slot(nightly, self._runtime.clock.now())) for nightly in self._nights)
        for job, slot in (*newest, *self._left_over()):
            survived("reopen_failed", partial(self._runtime.runs.reopen, job, slot), job=job)
        return self.look()

    def _left_over(self) -> list[tuple[str, datetime]]:
        """Jobs that another job starts, each with its newest slot, when that did not come to its end."""
        found: list[tuple[str, datetime]] = []
        for job in sorted(set(self._runtime.jobs) - {nightly.job for nightly in self._nights}):
            survived("look_failed", partial(self._look_at, job, found), job=job)
        return found

    def _look_at(self, job: str, found: list[tuple[str, datetime]]) -> None:
        unfinished, last = self._runtime.runs.unfinished(job), self._runtime.runs.last_success(job)
        if unfinished and (last is None or last < unfinished[-1]):
            found.append((job, unfinished[-1]))
