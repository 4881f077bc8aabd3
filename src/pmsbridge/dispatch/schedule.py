"""The clock: nightly slots, each run once over all processes, and caught up after a machine was off.

APScheduler only says when to look, and a look every quarter of an hour does not trust it to. Which slot it is, and
whether it ran, the database says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from pmsbridge.dispatch.night_places import NightPlaces
from pmsbridge.dispatch.night_trigger import NightTrigger
from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.nights import Nightly, bounds, latest_slot
from pmsbridge.dispatch.sober_clock import SoberClock
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import get_logger
from pmsbridge.store.runs import Run, RunState

__all__ = ["Nightly", "Schedule", "latest_slot"]

_log = get_logger(__name__)
_MISFIRE_GRACE: Final = timedelta(hours=6)
_LOOK_EVERY: Final = timedelta(minutes=15)
_AGAIN_AFTER: Final = timedelta(hours=1)


class Schedule:
    """Starts nightly jobs in this process. Several processes may each have one: a slot still runs once."""

    def __init__(
        self,
        runtime: Runtime,
        nights: Iterable[Nightly],
        *,
        concurrency: int = 1,
        jitter: timedelta = timedelta(0),
        watch: NightWatch | None = None,
        places: NightPlaces | None = None,
    ) -> None:
        """Nothing starts yet.

        Args:
            runtime: Whose jobs, and whose record of what ran.
            nights: Which job when.
            concurrency: Nights that run at once in this process.
            jitter: Each night starts at random within this time from its slot, so that not all begin at once.
            watch: Who tells people of nights that did not take place; None for nobody.
            places: Facilities whose nights are not known yet: they are asked for while the clock runs. None for none.
        """
        self._runtime = runtime
        self._nights = tuple(nights)
        self._concurrency = concurrency
        self._jitter = jitter
        self._watch = watch
        self._places = places
        self._sober = SoberClock(runtime, [nightly.job for nightly in self._nights])
        self._scheduler: Any = None
        self._threads: list[threading.Thread] = []
        self._counting = threading.Lock()
        self._running = 0
        self._is_stopping = threading.Event()
        self._is_ending = threading.Event()
        # Slots this process has seen done: a look costs nothing while there is nothing to do.
        self._over: dict[str, datetime] = {}

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the clock, and run what was missed; does nothing when it runs.

        Raises:
            ConfigurationError: A job has no name in ``Runtime.jobs``, or APScheduler is not installed.
        """
        if self._scheduler is not None:
            return
        self._refuse_unknown(self._nights)
        self._is_stopping.clear()
        self._is_ending.clear()
        self._scheduler = self._make()
        self._scheduler.start()
        # APScheduler waits for a time on the wall: set back by days, it would sleep for days. These only count seconds.
        self._threads = [self._thread("look", self.catch_up, self.look)]
        if self._watch is not None:
            self._threads.append(self._thread("watch", self._watch.look, self._watch.look))
        if self._places is not None and self._places.missing:
            self._threads.append(self._thread("places", lambda: None, self.ask))
        for thread in self._threads:
            thread.start()

    @property
    def nights(self) -> tuple[Nightly, ...]:
        """What goes by this clock so far."""
        return self._nights

    def add(self, nights: Iterable[Nightly]) -> None:
        """Some more nights, also while the clock runs.

        Raises:
            ConfigurationError: A job has no name in ``Runtime.jobs``.
        """
        more = tuple(nights)
        self._refuse_unknown(more)
        self._nights += more
        self._sober.add(nightly.job for nightly in more)
        if self._watch is not None:
            self._watch.add(more)
        if self._scheduler is not None:
            self._wind_up(self._scheduler, more)

    def ask(self) -> int:
        """Ask for what is still needed of facilities that have no night yet; returns how many nights it gave."""
        found = self._places.ask() if self._places is not None else []
        self.add(found)
        return len(found)

    def _refuse_unknown(self, nights: Iterable[Nightly]) -> None:
        for nightly in nights:
            if nightly.job not in self._runtime.jobs:
                message = f"there is no job {nightly.job!r}"
                raise ConfigurationError(message, code="no_job")

    def _thread(self, name: str, first: Callable[[], object], then: Callable[[], object]) -> threading.Thread:
        def again_and_again() -> None:
            survived(f"{name}_failed", first)
            while not self._is_stopping.wait(_LOOK_EVERY.total_seconds()):
                survived(f"{name}_failed", then)

        return threading.Thread(target=again_and_again, name=f"pmsbridge-{name}", daemon=True)

    def _make(self) -> Any:  # noqa: ANN401 - the library has no types
        try:
            from apscheduler.executors.pool import ThreadPoolExecutor as Pool  # noqa: PLC0415 - loaded when used
            from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415
            from apscheduler.triggers.base import BaseTrigger  # noqa: PLC0415
        except ImportError:
            message = "the clock needs apscheduler; run: pip install apscheduler"
            raise ConfigurationError(message, code="no_apscheduler") from None
        BaseTrigger.register(NightTrigger)
        defaults = {
            "misfire_grace_time": int(_MISFIRE_GRACE.total_seconds()), "coalesce": True, "max_instances": 1,
        }  # fmt: skip
        pools = {"default": Pool(self._concurrency)}
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults, executors=pools, daemon=True)
        self._wind_up(scheduler, self._nights)
        return scheduler

    def _wind_up(self, scheduler: Any, nights: Iterable[Nightly]) -> None:  # noqa: ANN401 - the library has no types
        for nightly in nights:
            trigger = NightTrigger(nightly, self._jitter)
            scheduler.add_job(self.fire, trigger, args=[nightly], id=f"{nightly.job}@{nightly.zone}")

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
        self._is_stopping.set()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=waits)
            self._scheduler = None
        if waits:
            for thread in self._threads:
                thread.join()
            self._threads = []
        with self._counting:
            return self._running == 0

    # -- one night -----------------------------------------------------------------------------------------------------

    def fire(self, nightly: Nightly) -> bool:
        """Run the newest slot unless it ran; False when it ran, or runs, elsewhere. Never raises."""
        return self._night(nightly, latest_slot(nightly, self._runtime.clock.now()))

    def _still(self, nightly: Nightly, slot: datetime) -> bool:
        """Run a slot that was the newest when it was looked for; while others ran, the next one may have come."""
        return latest_slot(nightly, self._runtime.clock.now()) == slot and self._night(nightly, slot)

    def _night(self, nightly: Nightly, slot: datetime) -> bool:
        return self._tick(nightly.job, slot, night=bounds(nightly, slot))

    def _tick(self, job: str, slot: datetime, *, night: tuple[datetime, datetime] | None = None) -> bool:
        with self._counted():
            try:
                if self._is_ending.is_set() or not self._sober.is_right(job):
                    return False
                return self._runtime.tick(job, slot, night=night)
            except Exception as error:  # noqa: BLE001 - the clock goes on; the next look catches up
                _log.error("tick_failed", job=job, why=type(error).__name__)
                return False

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._running += 1
        try:
            yield
        finally:
            with self._counting:
                self._running -= 1

    # -- what was missed -----------------------------------------------------------------------------------------------

    def look(self) -> int:
        """Run newest slots that were missed, whose process died, or that failed an hour ago; returns how many ran."""
        started = self._together([partial(self._still, nightly, slot) for nightly, slot in self._wanted()])
        return started + sum(self._tick(job, slot) for job, slot in self._left_over())

    def catch_up(self) -> int:
        """The same at a start, and newest slots that failed are tried again, but none for which a person must act.

        So are the slots of jobs that have no time of their own, because another job starts them: a comparison after a
        sync that has failed or died, while the sync is done and is not started again.
        """
        now = self._runtime.clock.now()
        newest = {nightly.job: latest_slot(nightly, now) for nightly in self._nights}
        for job, slot in (*newest.items(), *self._left_over()):
            survived("reopen_failed", partial(self._runtime.runs.reopen, job, slot, refused=False), job=job)
        return self.look()

    def _together(self, work: list[Callable[[], bool]]) -> int:
        """A whole night that was missed is not done one facility after the other."""
        if len(work) <= 1 or self._concurrency == 1:
            return sum(each() for each in work)
        with ThreadPoolExecutor(self._concurrency, "pmsbridge-night") as pool:
            return sum(pool.map(lambda each: each(), work))

    def _wanted(self) -> list[tuple[Nightly, datetime]]:
        """Nights that are due, and of which this process does not know that they are done."""
        now = self._runtime.clock.now()
        if self._sober.went_back():
            self._over.clear()  # what is known may be dropped
        newest = [(nightly, latest_slot(nightly, now)) for nightly in self._nights if self._sober.is_right(nightly.job)]
        unknown = [(nightly, slot) for nightly, slot in newest if self._over.get(nightly.job) != slot]
        if not unknown:
            return []
        standing = self._runtime.runs.standing({nightly.job: slot for nightly, slot in unknown})
        return [(nightly, slot) for nightly, slot in unknown if self._is_due(slot, now, nightly, standing)]

    def _is_due(self, slot: datetime, now: datetime, nightly: Nightly, standing: dict[str, Run]) -> bool:
        run = standing.get(nightly.job)
        if run is None:
            return now >= slot + self._jitter
        if run.state is RunState.DONE:
            self._over[nightly.job] = slot
            return False
        if run.state is RunState.RUNNING:
            return run.lease_until < now
        in_time = now < slot + _MISFIRE_GRACE
        return in_time and self._runtime.runs.reopen(nightly.job, slot, failed_before=now - _AGAIN_AFTER)

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
