"""Threads in this process. Nothing starts by itself: ``start`` does, ``stop`` ends, a fork forgets.

Forking while they work is safe: the database keeps everybody out for the moment of the fork (see ``store.fork_gate``).
"""

from __future__ import annotations

import atexit
import heapq
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Final

from pmsbridge.dispatch.recovery import longest_end, night_health, recovery_time
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime

__all__ = ["EmbeddedDispatcher"]

_ALL: weakref.WeakSet[EmbeddedDispatcher] = weakref.WeakSet()
_IDLE_SECONDS: Final = 1
_AT_EXIT: Final = timedelta(seconds=25)


class EmbeddedDispatcher:
    """Worker threads fed by a heap of pokes, and a sweeper that finds what pokes missed.

    Several processes may each have one over the same database.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        concurrency: int = 4,
        sweep_every: timedelta = timedelta(seconds=2),
    ) -> None:
        """Put together; no thread yet.

        Args:
            runtime: Whose work.
            concurrency: Lanes worked on at once.
            sweep_every: How often due work is looked for.
        """
        self._runtime = runtime
        self._concurrency = concurrency
        self._sweep_every = sweep_every
        self._last_beat: datetime | None = None
        self._reset()
        _ALL.add(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._stop = Event()
        self._ready = threading.Condition()
        self._heap: list[tuple[float, str]] = []
        self._threads: list[threading.Thread] = []
        self._at_work: set[str] = set()
        self._again: set[str] = set()

    def forget(self) -> None:
        """After a fork: the parent's threads are not here. ``start`` again to work in this process."""
        was_running = bool(self._threads)
        self._reset()
        if was_running:
            self._runtime.on_poke = None

    # -- life ----------------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Threads of this process are at work."""
        return self._pid == os.getpid() and any(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Start the threads; does nothing when they run.

        A process that ends by itself, such as a web worker that is recycled, lets them finish what they are sending
        first, for at most 25 seconds.
        """
        if self.is_running:
            return
        self._reset()
        jobs = [self._work] * self._concurrency + [self._sweep]
        self._threads = [self._thread(number, job) for number, job in enumerate(jobs)]
        self._runtime.on_poke = self.poke
        for thread in self._threads:
            thread.start()

    def _thread(self, number: int, job: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=job, name=f"pmsbridge-{number}", daemon=True)

    def stop(self, *, within: timedelta | None = None) -> bool:
        """Let every drain finish, take no other lane, and end; False when one did not end in time.

        Args:
            within: How long to wait; None for as long as it may take: a drain's budget, and the longest call.
        """
        self._stop.set()
        if self._runtime.on_poke == self.poke:
            self._runtime.on_poke = None
        with self._ready:
            self._ready.notify_all()
        patience = longest_end(self._runtime) if within is None else within
        ends = time.monotonic() + patience.total_seconds()
        for thread in self._threads:
            thread.join(max(0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: Event) -> None:
        """Work until ``stop`` is set: the loop of a worker process."""
        self._runtime, self._concurrency = runtime, concurrency or self._concurrency
        self.start()
        stop.wait()
        self.stop()

    # -- work ----------------------------------------------------------------------------------------------------------

    def poke(self, lane: str, not_before: datetime | None = None) -> None:
        """Have a lane drained by a worker."""
        delay = (not_before - self._runtime.clock.now()).total_seconds() if not_before is not None else 0
        with self._ready:
            if delay <= 0 and lane in self._at_work:
                self._again.add(lane)  # a second thread would only find the lane taken
                return
            if not any(waiting == lane and due <= time.monotonic() + delay for due, waiting in self._heap):
                heapq.heappush(self._heap, (time.monotonic() + max(0, delay), lane))
                self._ready.notify()

    def _next(self) -> str | None:
        """The next lane that is due; None to look around again."""
        with self._ready:
            if self._heap and self._heap[0][0] <= time.monotonic():
                lane = heapq.heappop(self._heap)[1]
                self._at_work.add(lane)
                return lane
            pause = self._heap[0][0] - time.monotonic() if self._heap else _IDLE_SECONDS
            self._ready.wait(min(max(pause, 0), _IDLE_SECONDS))
        return None

    def _work(self) -> None:
        while not self._stop.is_set():
            lane = self._next()
            if lane is None:
                continue
            try:
                survived("drain_failed", partial(self._runtime.drain, lane, stop=self._stop.is_set), lane=lane)
            finally:
                self._done_with(lane)

    def _done_with(self, lane: str) -> None:
        """Who poked the lane while it was worked on gets a new look at it."""
        with self._ready:
            self._at_work.discard(lane)
            is_wanted = lane in self._again
            self._again.discard(lane)
        if is_wanted:
            self.poke(lane)

    def _sweep(self) -> None:
        while not self._stop.is_set():
            if survived("sweep_failed", self._runtime.sweep):
                self._last_beat = self._runtime.clock.now()
            self._stop.wait(self._sweep_every.total_seconds())

    def tidy(self) -> int:
        """Nothing of a dead worker outlives it here."""
        return 0

    def health(self) -> Mapping[str, object]:
        """Threads, the sweeper's last beat, how many pokes wait, and how soon a dead worker's work is taken over."""
        with self._ready:
            waiting = len(self._heap)
        return {
            "dispatcher": "embedded", "running": self.is_running, "last_beat": self._last_beat, "waiting": waiting,
            "threads": sum(thread.is_alive() for thread in self._threads),
            "recovery_seconds": int(recovery_time(self._runtime, self._sweep_every).total_seconds()),
            **night_health(self._runtime),
        }  # fmt: skip


def _forget_all() -> None:
    for dispatcher in list(_ALL):
        dispatcher.forget()


@atexit.register
def _stop_all() -> None:
    ends = time.monotonic() + _AT_EXIT.total_seconds()
    running = [dispatcher for dispatcher in list(_ALL) if dispatcher.is_running]
    for dispatcher in running:
        dispatcher.stop(within=timedelta(seconds=max(ends - time.monotonic(), 0)))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
