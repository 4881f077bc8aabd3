"""No workers: whoever wakes a lane drains it at once, in the caller's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Event

from pmsbridge.dispatch.recovery import recovery_time
from pmsbridge.engine.deliver import Runtime
from pmsbridge.logging import get_logger

__all__ = ["InlineDispatcher"]

_log = get_logger(__name__)


class InlineDispatcher:
    """For scripts, cron jobs and tests. What is due later waits for the next ``run`` or ``sweep``."""

    def __init__(self, runtime: Runtime, *, sweep_every: timedelta = timedelta(seconds=2)) -> None:
        self._runtime = runtime
        self._sweep_every = sweep_every
        self._mine = threading.local()
        self._last_beat: datetime | None = None
        runtime.on_poke = self.poke

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
                self._drain(waiting.popleft())
        finally:
            self._mine.waiting = None

    def _drain(self, lane: str) -> None:
        try:
            self._runtime.drain(lane)
        except Exception as error:  # noqa: BLE001 - the journal knows what is due; the next sweep finds it
            _log.error("drain_failed", lane=lane, why=type(error).__name__)

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: Event) -> None:  # noqa: ARG002 - the port's signature
        """Sweep in this thread until ``stop`` is set."""
        while not stop.is_set():
            try:
                runtime.sweep()
                self._last_beat = runtime.clock.now()
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                _log.error("sweep_failed", why=type(error).__name__)
            stop.wait(self._sweep_every.total_seconds())

    def tidy(self) -> int:
        """There are no books."""
        return 0

    def health(self) -> Mapping[str, object]:
        """Whether a ``run`` is alive, and how soon a dead worker's work is taken over."""
        recovery = int(recovery_time(self._runtime, self._sweep_every).total_seconds())
        return {"dispatcher": "inline", "last_beat": self._last_beat, "waiting": 0, "recovery_seconds": recovery}
