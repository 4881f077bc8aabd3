"""What carries wake-ups. A wake-up may be lost, late or doubled without harm: the journal knows what is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from threading import Event
from typing import Protocol

from pmsbridge.engine.deliver import Runtime

__all__ = ["Dispatcher"]


class Dispatcher(Protocol):
    """An engine of wake-ups. It may call nothing but ``drain``, ``sweep`` and ``tick``."""

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
        """How it does: last beat, how much waits, ``recovery_seconds``: how soon a dead worker's work is taken over."""
