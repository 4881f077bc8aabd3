"""The journal as gauges: what ``pmsbridge.telemetry.observe`` reads whenever metrics are collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import missed_nights, oldest_night
from pmsbridge.ports.outcome import Outcome

__all__ = ["journal_gauges"]


def journal_gauges(runtime: Runtime) -> Mapping[str, Callable[[], float]]:
    """How much is open, how old the oldest pending action is in seconds (0 when none is), what waits, and the nights.

    Each reads the journal once when it is called. The numbers are those of the whole journal: let one process per
    journal tell them, or take the maximum over processes, never the sum.
    """
    return {
        "open_effects": lambda: runtime.counts().open_effects,
        "oldest_pending_age": lambda: _oldest_pending_age(runtime),
        "needs_review": lambda: runtime.counts().by_outcome.get(Outcome.NEEDS_REVIEW, 0),
        "lanes_due": lambda: len(runtime.journal.due_lanes()),
        "missed_nights": lambda: missed_nights(runtime),
        "oldest_night_age": lambda: _age(runtime, oldest_night(runtime)),
    }


def _oldest_pending_age(runtime: Runtime) -> float:
    return _age(runtime, runtime.counts().oldest_pending_at)


def _age(runtime: Runtime, since: datetime | None) -> float:
    age = runtime.clock.now() - since if since is not None else timedelta(0)
    return max(0.0, age.total_seconds())
