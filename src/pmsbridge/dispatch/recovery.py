"""How long the work of a worker that died waits for another, and how long an orderly end may take."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from pmsbridge.dispatch.port import Dispatcher
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import missed_nights, oldest_night
from pmsbridge.errors import PmsBridgeError

__all__ = ["dispatch_health", "longest_end", "night_health", "recovery_time"]


def recovery_time(runtime: Runtime, sweep_every: timedelta) -> timedelta:
    """Within this time another worker takes over the lanes of one that died: the lease, and one sweep.

    What was being sent is then looked for, not sent: its settle window counts from the end of the lease.
    """
    return runtime.lease + sweep_every


def longest_end(runtime: Runtime) -> timedelta:
    """How long an orderly end may take: a drain that is not told uses up its budget; the call in flight is awaited."""
    longest_call = runtime.lease - runtime.settings.lease_margin
    return runtime.settings.drain_budget + longest_call


def night_health(runtime: Runtime) -> dict[str, object]:
    """How the nights do: jobs in alarm, and the oldest last good night of a facility. Never raises.

    Both are None while the database is away; the second as well where there never was a night.
    """
    missed: int | None = None
    oldest: datetime | None = None
    with suppress(PmsBridgeError):
        missed, oldest = missed_nights(runtime), oldest_night(runtime)
    return {"missed_nights": missed, "oldest_night": oldest}


def dispatch_health(runtime: Runtime, dispatcher: Dispatcher | None = None) -> dict[str, object]:
    """How delivery does, as plain values: instants, numbers of seconds, counts.

    Args:
        runtime: Whose journal is asked.
        dispatcher: Whose own books are asked too; None for the journal alone.

    Raises:
        UnavailableError: The journal cannot be read now.
    """
    counts = runtime.counts()
    carried: Mapping[str, object] = dispatcher.health() if dispatcher is not None else {}
    return {
        "open_effects": counts.open_effects,
        "oldest_pending_at": counts.oldest_pending_at,
        "lease_seconds": int(runtime.lease.total_seconds()),
        **night_health(runtime),
        **carried,
    }
