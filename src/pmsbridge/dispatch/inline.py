"""No workers: whoever wakes a lane drains it at once, in the caller's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from pmsbridge.dispatch.recovery import night_health, recovery_time
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime

__all__ = ["InlineDispatcher"]


class InlineDispatcher:
    """For scripts, cron jobs and tests. What is due later waits for the next ``run`` or ``sweep``."""

    def __init__(self, runtime: Runtime, *, sweep_every: timedelta = timedelta(seconds=2)) -> None:
        self._runtime = runtime
        self._sweep_every = sweep_every
        self._mine = threading.local()
        self._last_beat: datetime | None = None
        self.start()

    def start(self) -> None:
        """Have the wake-ups of this process done here, as it is from the beginning."""
        self._runtime.on_poke = self.poke

    def stop(self, *, within: timedelta | None = None) -> bool:  # noqa: ARG002 - the port's signature
        """Wake nobody any more; whoever is in a drain finishes it in a thread of their own."""
        if self._runtime.on_poke == self.poke:
            self._runtime.on_poke = None
        return True

    def poke(self, lane: str, not_before: datetime | None = None) -> None:
        """Drain now; a poke from within a drain waits until that one is over."""
        if not_before is not None and not_before > self._runtime.clock.now():
            return
        waiting: deque[str] | None = getattr(self._mine, "waiting", None)
        if waiting is not None:
            if lane not in waiting:
                waiting.append(lane)
            return
        self._mine.waiting = waiting = deque([lane])
        try:
            while waiting:
                lane = waiting.popleft()
                survived("drain_failed", partial(self._runtime.drain, lane), lane=lane)
        finally:
            self._mine.waiting = None

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: Event) -> None:  # noqa: ARG002 - the port's signature
        """Sweep in this thread until ``stop`` is set."""
        while not stop.is_set():
            if survived("sweep_failed", runtime.sweep):
                self._last_beat = runtime.clock.now()
            stop.wait(self._sweep_every.total_seconds())

    def tidy(self) -> int:
        """There are no books."""
        return 0

    def health(self) -> Mapping[str, object]:
        """When a ``run`` last swept, and how soon a dead worker's work is taken over."""
        recovery = int(recovery_time(self._runtime, self._sweep_every).total_seconds())
        return {
            "dispatcher": "inline", "last_beat": self._last_beat, "waiting": 0, "recovery_seconds": recovery,
            **night_health(self._runtime),
        }  # fmt: skip
