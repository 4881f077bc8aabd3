"""What is read of an adapter, and where rows come from: one that streams them, or one that hands out records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.ports.calling import for_a_night
from pmsbridge.ports.streams import BesidePort, HeldRows, NightPort, PullPort, Rows
from pmsbridge.store.record_rows import rows_of

__all__ = ["ALL_ENTITIES", "copied_of", "fingerprint_of", "rows_from"]

ALL_ENTITIES: Final = (Entity.FACILITIES, Entity.UNITS, Entity.TENANTS, Entity.RENTALS)
"""What every adapter has."""

_VERSION = "1"
"""Of what is compared; another one makes every row count as different once."""


def copied_of(adapter: Adapter | None) -> tuple[Entity, ...]:
    """What a night copies of an adapter unless it is told otherwise; for none, what every adapter has."""
    if adapter is None or not isinstance(adapter, NightPort):
        return ALL_ENTITIES
    return (*ALL_ENTITIES, *(entity for entity in adapter.copied_besides if entity not in ALL_ENTITIES))


def fingerprint_of(adapter: Adapter, query: Query) -> str:
    """What beside the rows decides what records are made of them."""
    own = adapter.fingerprint(query) if isinstance(adapter, PullPort) else ""
    return f"{_VERSION}/{adapter.system}/{own}"


def rows_from(
    adapter: Adapter,
    query: Query,
    *,
    since: str | None,
    resume: str | None,
    held: Callable[[], HeldRows | None] = lambda: None,
) -> Iterator[Rows]:
    """Rows of one noun of one facility; the calls for them go as those of a night.

    Args:
        adapter: Who reads.
        query: What.
        since: The cursor of the last reading that came to its end; None for everything.
        resume: Where an unfinished reading stopped; None for its beginning.
        held: Gives what rows may be left out for, None when all are wanted. Asked only where the adapter can do that,
            and before it calls anybody: no slot of an account waits for our database.
    """
    source = _source(adapter, query, since, resume, held)
    while True:
        with for_a_night() as meter:
            rows = next(source, None)
        if rows is None:
            return
        # What really was called, repetitions included, where that is known.
        yield replace(rows, calls=meter.calls, bytes_read=meter.bytes_read) if meter.calls else rows


def _source(
    adapter: Adapter, query: Query, since: str | None, resume: str | None, held: Callable[[], HeldRows | None]
) -> Iterator[Rows]:
    if isinstance(adapter, BesidePort) and (known := held()) is not None:
        yield from adapter.pull_beside(query, known, since=since, resume=resume)
        return
    if isinstance(adapter, PullPort):
        yield from adapter.pull(query, since=since, resume=resume)
        return
    for batch in adapter.fetch(query, since=resume if resume is not None else since):
        # The cursor of every batch is where a fetch goes on; with it a reading that died goes on, too.
        yield rows_of(batch.records, cursor=batch.cursor, resume=batch.cursor, is_complete=batch.is_complete)
