"""When APScheduler says that it is time for a night."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from pmsbridge.dispatch.nights import Nightly, latest_slot, next_slot

__all__ = ["NightTrigger"]


class NightTrigger:
    """A trigger of APScheduler: each slot of our own calendar once, and up to the jitter later.

    The library's own cron trigger (3.11) leaves out the day on which clocks skip midnight, fires twice on one that has
    an hour twice, and there, with a jitter, returns times of the past without end: the scheduler's thread then never
    comes back.
    """

    def __init__(self, nightly: Nightly, jitter: timedelta) -> None:
        self._nightly = nightly
        self._jitter = jitter.total_seconds()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({self._nightly.at:%H:%M} {self._nightly.zone})>"

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The next time, later than the slot of the previous one; a clock that was set back begins anew."""
        before = now if previous_fire_time is None else min(previous_fire_time, now)
        slot = next_slot(self._nightly, latest_slot(self._nightly, before))
        return slot + timedelta(seconds=random.uniform(0, self._jitter))  # noqa: S311 - it spreads, it hides nothing
