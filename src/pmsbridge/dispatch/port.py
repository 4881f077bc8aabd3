"""What carries wake-ups. A wake-up may be lost, late or doubled without harm: the journal knows what is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

from pmsbridge.engine.deliver import Runtime

__all__ = ["Dispatcher"]


class Dispatcher(Protocol):
    """An engine of wake-ups. It may call nothing but ``drain``, ``sweep`` and ``tick``.

    ``start`` and ``stop`` are for a process that has something else to do, such as a web worker; ``run`` is the whole
    of a worker process.
    """

    def start(self) -> None:
        """Take part in this process, from now on: its wake-ups are carried, and where they are threads, they work.

        Does nothing when it does already. Call it once per process, after a fork.
        """

    def stop(self, *, within: timedelta | None = None) -> bool:
        """Take part no more: wake nobody, let what is being sent here finish, let go of every connection.

        Idempotent; ``start`` begins again. A ``run`` is ended by its own ``stop``, not by this.

        Args:
            within: How long to wait for what is being sent; None for as long as it may take: a drain's budget, and the
                longest call.

        Returns:
            False when something of this process is still at work.
        """

    def poke(self, lane: str, not_before: datetime | None = None) -> None:
        """Have a lane drained, now or at an instant. Never raises."""

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: Event) -> None:
        """Work until ``stop`` is set, then let what is being sent finish.

        Args:
            runtime: Whose work.
            concurrency: Lanes worked on at once; None for as many as the dispatcher was made for.
            stop: Set from another thread, or by a signal.
        """

    def tidy(self) -> int:
        """Drop what dead workers left in the engine's own books; returns how much."""

    def health(self) -> Mapping[str, object]:
        """How it does. Never raises.

        All have ``dispatcher``: which one; ``last_beat``: when this process last swept, None for not yet; and
        ``recovery_seconds``: how soon a dead worker's work is taken over; ``missed_nights``: nightly jobs in alarm, and
        ``oldest_night``: the oldest last good night of a facility, None for unknown. The rest is each engine's own.
        """
