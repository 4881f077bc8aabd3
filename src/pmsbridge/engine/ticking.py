"""Jobs by the clock: each slot once over all processes, given back by a process that ends before the job does."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.engine.lease_keeper import kept
from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.store.runs import Runs

__all__ = ["Beat", "Job", "Ticker"]

_log = get_logger(__name__)
_ALL: weakref.WeakSet[Ticker] = weakref.WeakSet()

_BEATS_PER_LEASE: Final = 6
_LONGEST_PAUSE: Final = timedelta(seconds=10)
_RENEWALS_PER_LEASE: Final = 3

Beat = Callable[[], bool]
"""Called by a running job now and then, as often as it likes; False says stop: another process has taken it over, or
this one ends."""

Job = Callable[[datetime, Beat], None]
"""What a clock slot starts: the slot, and the beat."""


class Ticker:
    """Starts jobs, and gives back what runs when its process ends.

    Attributes:
        jobs: By name, what a clock slot starts.
    """

    def __init__(self, runs: Runs, owner: Callable[[], str], lease: timedelta, now: Callable[[], datetime]) -> None:
        """Nothing runs yet.

        Args:
            runs: Who runs which slot.
            owner: Who this process is.
            lease: How long a slot stays taken when this process dies; while it lives, a thread renews it.
            now: The time, which goes on while the machine sleeps.
        """
        self.jobs: dict[str, Job] = {}
        self._runs = runs
        self._owner = owner
        self._lease = lease
        self._now = now
        self._pause = min(lease / _BEATS_PER_LEASE, _LONGEST_PAUSE)
        self.forget()
        _ALL.add(self)

    def forget(self) -> None:
        """After a fork: what runs is the parent's."""
        self._running: list[_Run] = []
        # Held while a beat is written: one that is late must not take back what was given up.
        self._writing = threading.Lock()

    def tick(self, name: str, slot: datetime, *, night: tuple[datetime, datetime] | None = None) -> bool:
        """See ``Runtime.tick``."""
        if name not in self.jobs:
            message = f"there is no job {name!r}"
            raise ConfigurationError(message, code="no_job")
        run = self._reserved(name, slot)
        if run is None:
            return False
        try:
            if not self._runs.start(name, slot, self._owner(), self._lease, night=night):
                return False
            self._run(run)
        finally:
            self._running.remove(run)
        return True

    def _reserved(self, name: str, slot: datetime) -> _Run | None:
        """A place for a run; None when this process is at it: after a sleep its lease is over, and it goes on."""
        with self._writing:
            if any((run.name, run.slot) == (name, slot) for run in self._running):
                return None
            self._running.append(run := _Run(name, slot))
            return run

    def _run(self, run: _Run) -> None:
        why, a_person_must_act = "", False
        try:
            with kept(lambda: self._renew(run), self._lease / _RENEWALS_PER_LEASE):
                self.jobs[run.name](run.slot, lambda: self._beat(run))
        except Exception as error:  # noqa: BLE001 - a failed night is reported, and the scheduler lives on
            why = error.message if isinstance(error, PmsBridgeError) else type(error).__name__
            a_person_must_act = isinstance(error, ConfigurationError)
        if run.was_told_to_stop:
            # Neither done nor failed: whoever has it now, or takes it over, says how it ends.
            _log.warning("job_given_back", job=run.name, slot=run.slot.isoformat())
            return
        if why:
            _log.error("job_failed", job=run.name, slot=run.slot.isoformat(), why=why)
        self._runs.finish(run.name, run.slot, self._owner(), error=why, a_person_must_act=a_person_must_act)

    def _beat(self, run: _Run) -> bool:
        with self._writing:
            if self._is_fresh(run):
                return True
            began = self._now()
            goes_on = not run.is_given_up and self._runs.beat(run.name, run.slot, self._owner(), self._lease)
            run.kept_at = began if goes_on else None
        run.was_told_to_stop = not goes_on
        return goes_on

    def _renew(self, run: _Run) -> bool:
        """Hold the slot while the job waits for one long answer; that it was lost, its next beat says."""
        with self._writing:
            return not run.is_given_up and self._runs.beat(run.name, run.slot, self._owner(), self._lease)

    def _is_fresh(self, run: _Run) -> bool:
        """The lease was renewed a moment ago: a job that beats after every batch does not write every time."""
        if run.is_given_up or run.kept_at is None:
            return False
        return timedelta(0) <= self._now() - run.kept_at < self._pause

    def let_go(self) -> int:
        """See ``Runtime.let_go``."""
        with self._writing:
            for run in list(self._running):
                run.is_given_up = True
            return self._runs.let_go(self._owner())


class _Run:
    """One slot at work in this process.

    Attributes:
        is_given_up: The process ends; the slot is another's.
        was_told_to_stop: The job has heard so from its beat.
        kept_at: When its lease was last renewed; None when that is not known.
    """

    def __init__(self, name: str, slot: datetime) -> None:
        self.name = name
        self.slot = slot
        self.is_given_up = False
        self.was_told_to_stop = False
        self.kept_at: datetime | None = None


def _forget_all() -> None:
    for ticker in list(_ALL):
        ticker.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
