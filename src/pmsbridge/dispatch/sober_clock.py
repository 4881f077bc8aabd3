"""A machine's clock that is behind what was written down before: it was ahead then, or it is behind now.

A machine without a battery begins in the past until it has asked for the time; another one was a week ahead until
somebody noticed. Nights started in such a moment belong to no day of the calendar, and those of a clock that was ahead
would stand for days to come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.logging import get_logger

__all__ = ["SoberClock", "missed_name"]

_log = get_logger(__name__)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_BELIEVED_AFTER: Final = timedelta(hours=1)


def missed_name(job: str) -> str:
    """Under which name it is written down that people were told of a missed night of a job."""
    return f"missed {job}"


class SoberClock:
    """Says whether a job may go by the clock now."""

    def __init__(self, runtime: Runtime, jobs: Iterable[str]) -> None:
        """Every job is doubted until it was compared with the record.

        Args:
            runtime: Whose clock and whose record.
            jobs: Those that go by the clock.
        """
        self._runtime = runtime
        self._jobs = frozenset(jobs)
        self._doubted = set(self._jobs)
        self._behind_since: dict[str, float] = {}
        self._seen: datetime | None = None

    def add(self, jobs: Iterable[str]) -> None:
        """Some more that go by the clock."""
        more = frozenset(jobs) - self._jobs
        self._jobs |= more
        self._doubted |= more

    def went_back(self) -> bool:
        """Whether the clock was set back since this was last asked: then every job is doubted anew."""
        now, before = self._runtime.clock.now(), self._seen
        self._seen = now
        if before is None or now >= before:
            return False
        self._doubted = set(self._jobs)
        return True

    def is_right(self, job: str) -> bool:
        """False while the clock is behind a job's newest run, for an hour at most.

        A clock that is still behind then is believed: what was written down with a time to come is dropped, so that
        the nights of those days run.
        """
        if job in self._jobs and job not in self._doubted:
            return True
        now, newest = self._runtime.clock.now(), self._runtime.runs.newest(job)
        if newest is None or max(newest.slot, newest.started_at) <= now + _CLOCKS_DIFFER:
            return self._believe(job)
        since = self._behind_since.setdefault(job, self._runtime.clock.monotonic())
        if self._runtime.clock.monotonic() - since < _BELIEVED_AFTER.total_seconds():
            _log.warning("clock_behind", job=job, last_start=newest.started_at.isoformat(), now=now.isoformat())
            return False
        dropped = self._runtime.runs.forget_after([job, missed_name(job)], now + _CLOCKS_DIFFER)
        _log.error("clock_was_ahead", job=job, dropped=dropped, now=now.isoformat())
        return self._believe(job)

    def _believe(self, job: str) -> bool:
        self._behind_since.pop(job, None)
        self._doubted.discard(job)
        return True
