"""What readings, reports and questions about the mirror have in common: scopes, counts, lines of a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from pmsbridge.logging import redact
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.prepared import Query
from pmsbridge.store.tables import MIRROR

__all__ = ["RUN_ID_TIME", "FinishCounts", "Scope", "SyncRow", "UpsertCounts", "known_place", "place_of"]

_PLACE: Final = Query(
    select(MIRROR.places.c.place).where(
        MIRROR.places.c.account == bindparam("account"), MIRROR.places.c.facility == bindparam("facility")
    )
)

RUN_ID_TIME: Final = "%Y%m%dT%H%M%S"
"""A run's id begins with the time it started, so that ids sort by it."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One entity of one facility of one account; ``entity`` is the record's own word ("tenant").

    Scopes sort by account, facility and entity.
    """

    account: str
    facility: str
    entity: str


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """What an upsert did."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: UpsertCounts) -> UpsertCounts:
        return UpsertCounts(self.read + other.read, self.changed + other.changed, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class FinishCounts:
    """What the end of a fetch did.

    Attributes:
        deleted: Records marked as deleted.
        held: Records that were missing but suspiciously many: kept, with a finding.
    """

    deleted: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class SyncRow:
    """One line of a sync report.

    Attributes:
        entity: "facility", "unit", "tenant", "rental", or "account" for refreshed tenant accounts.
        error: Empty when it went well.
        failure: The class of the error ("ConfigurationError": a person must act); empty when it went well.
        calls: Calls of the back office, as far as the adapter tells.
        bytes_read: Bytes of its answers, decoded, as far as the adapter tells.
        seconds: From the first question to the last commit.
        findings: Things noticed for a person to look at.
    """

    run_id: str
    scope: Scope
    started_at: datetime
    finished_at: datetime
    counts: UpsertCounts = UpsertCounts()
    deleted: int = 0
    error: str = ""
    failure: str = ""
    calls: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    findings: int = 0

    def values(self) -> dict[str, Any]:
        """As a row."""
        return {
            "run_id": self.run_id, "account": self.scope.account, "facility": self.scope.facility,
            "entity": self.scope.entity, "started_at": self.started_at, "finished_at": self.finished_at,
            "rows_read": self.counts.read, "rows_changed": self.counts.changed,
            "rows_unchanged": self.counts.unchanged, "rows_deleted": self.deleted, "error": redact(self.error),
            "failure": self.failure, "calls": self.calls, "bytes_read": self.bytes_read,
            "milliseconds": round(self.seconds * 1000), "findings": self.findings,
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Row[Any]) -> SyncRow:
        """From a row."""
        return cls(
            row.run_id, Scope(row.account, row.facility, row.entity), row.started_at, row.finished_at,
            UpsertCounts(row.rows_read, row.rows_changed, row.rows_unchanged), row.rows_deleted, row.error, row.failure,
            row.calls, row.bytes_read, row.milliseconds / 1000, row.findings,
        )  # fmt: skip


def known_place(connection: Connection, account: str, facility: str) -> int | None:
    """The number of a facility; None when nothing of it was ever read."""
    place: int | None = _PLACE.scalar(connection, {"account": account, "facility": facility})
    return place


def place_of(connection: Connection, scope: Scope) -> int:
    """The number of a facility, given now when it has none."""
    place = known_place(connection, scope.account, scope.facility)
    if place is None:
        insert_absent(connection, MIRROR.places, [{"account": scope.account, "facility": scope.facility}])
        place = known_place(connection, scope.account, scope.facility)
    if place is None:
        message = "a facility that was just given a number has none"
        raise AssertionError(message)
    return place
