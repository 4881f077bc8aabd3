"""What is said about a run: which facility, how far, with what result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.ports.adapter import Entity
from pmsbridge.store.mirror import SyncRow, UpsertCounts

__all__ = ["A_PERSON_MUST_ACT", "FacilityKey", "SyncProgress", "SyncReport", "Wanted", "words_of"]

A_PERSON_MUST_ACT: Final = ConfigurationError.__name__


@dataclass(frozen=True, slots=True)
class FacilityKey:
    """One facility of one account."""

    account: str
    facility: str


Wanted = Mapping[FacilityKey, Sequence[Entity]]
"""What is read, by facility, in order."""


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far one scope is.

    Attributes:
        entity: The record's word ("facility", "unit", "tenant", "rental"), or "account" for tenants somebody watches.
        is_done: This scope is over; ``error`` says how.
    """

    account: str
    facility: str
    entity: str
    counts: UpsertCounts
    is_done: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a run did, one row per facility and entity."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    rows: tuple[SyncRow, ...]

    @property
    def failed(self) -> tuple[SyncRow, ...]:
        """Rows that went wrong."""
        return tuple(row for row in self.rows if row.error)

    @property
    def unread(self) -> tuple[SyncRow, ...]:
        """Rows of which something could not be read; not those that were read and held deletions back."""
        return tuple(row for row in self.rows if row.failure)

    @property
    def a_person_must_act(self) -> bool:
        """Something could not be read, and all of it is configuration: trying again does not help."""
        return bool(self.unread) and all(row.failure == A_PERSON_MUST_ACT for row in self.unread)

    @property
    def total(self) -> UpsertCounts:
        """All rows together."""
        return sum((row.counts for row in self.rows), UpsertCounts())


def words_of(error: Exception) -> str:
    """An error for a report: our own words, or the class of somebody else's."""
    return error.message if isinstance(error, PmsBridgeError) else f"unexpected {type(error).__name__}"
