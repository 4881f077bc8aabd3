"""What a run tells while it goes: for progress bars, for machines, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pmsbridge.engine.sync.facts import FacilityKey, SyncReport
from pmsbridge.store.mirror import Scope, SyncRow, UpsertCounts

__all__ = ["BatchTaken", "EntityFinished", "EntityStarted", "RunFinished", "RunStarted", "SyncEvent"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run has begun.

    Attributes:
        facilities: Which it will read, in this order.
        entities: How many nouns of all of them together.
    """

    run_id: str
    at: datetime
    facilities: tuple[FacilityKey, ...]
    entities: int


@dataclass(frozen=True, slots=True)
class EntityStarted:
    """One noun of one facility is about to be read.

    Attributes:
        is_full: Everything is read, not only what changed.
        is_resumed: An earlier run had begun, and this one goes on.
        held: Living records of it in the mirror before: what a bar may take for its length.
    """

    run_id: str
    scope: Scope
    is_full: bool
    is_resumed: bool
    held: int


@dataclass(frozen=True, slots=True)
class BatchTaken:
    """A batch is committed.

    Attributes:
        counts: Of this reading so far.
        seconds: Since it began.
    """

    run_id: str
    scope: Scope
    counts: UpsertCounts
    calls: int
    bytes_read: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EntityFinished:
    """One noun of one facility is over; the row of the report says how."""

    run_id: str
    row: SyncRow


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over."""

    report: SyncReport


SyncEvent = RunStarted | EntityStarted | BatchTaken | EntityFinished | RunFinished
