"""Writing the mirror: upserts by content hash, deletions with a cap, cursors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, or_, select, update

from pmsbridge.logging import redact
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.record import Record
from pmsbridge.store import findings
from pmsbridge.store.portable import insert_absent, lock_scope, put
from pmsbridge.store.record_rows import document, record_from, search_columns
from pmsbridge.store.tables import cursors, records, seen_marks

__all__ = ["RUN_ID_TIME", "FinishCounts", "Scope", "SyncRow", "UpsertCounts", "finish", "move_cursor", "upsert"]

_CHUNK_ROWS: Final = 400
_HANDFUL: Final = 5
_MARKS_KEPT: Final = timedelta(days=2)
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

    def of(self, table: Table) -> list[ColumnElement[bool]]:
        """The rows of this scope in a table."""
        return [table.c.account == self.account, table.c.facility == self.facility, table.c.entity == self.entity]


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
    """

    run_id: str
    scope: Scope
    started_at: datetime
    finished_at: datetime
    counts: UpsertCounts = UpsertCounts()
    deleted: int = 0
    error: str = ""
    failure: str = ""

    def values(self) -> dict[str, Any]:
        """As a row."""
        return {
            "run_id": self.run_id, "account": self.scope.account, "facility": self.scope.facility,
            "entity": self.scope.entity, "started_at": self.started_at, "finished_at": self.finished_at,
            "rows_read": self.counts.read, "rows_changed": self.counts.changed,
            "rows_unchanged": self.counts.unchanged, "rows_deleted": self.deleted, "error": redact(self.error),
            "failure": self.failure,
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Row[Any]) -> SyncRow:
        """From a row."""
        return cls(
            row.run_id, Scope(row.account, row.facility, row.entity), row.started_at, row.finished_at,
            UpsertCounts(row.rows_read, row.rows_changed, row.rows_unchanged), row.rows_deleted, row.error, row.failure,
        )  # fmt: skip


def upsert(
    connection: Connection, found: Iterable[Record], run_id: str, now: datetime, changes: list[tuple[Record, Record]]
) -> UpsertCounts:
    """Write what is new or different; mark everything as seen in this run; append (old, new) to ``changes``."""
    total = UpsertCounts()
    for chunk in _chunks(found):
        for scope, rows in sorted(_by_scope(chunk).items()):
            total += _upsert_scope(connection, scope, rows, run_id, now, changes)
    return total


def _alone(connection: Connection, scope: Scope) -> None:
    """One transaction at a time writes what a facility holds: what was compared is still so when it is written."""
    lock_scope(connection, "mirror", scope.account, scope.facility)


def _chunks(found: Iterable[Record]) -> Iterator[list[Record]]:
    rows = iter(found)
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield chunk


def _by_scope(chunk: Sequence[Record]) -> dict[Scope, dict[str, Record]]:
    """By scope and id; of two rows with one id the last one counts."""
    scopes: dict[Scope, dict[str, Record]] = {}
    for record in chunk:
        scope = Scope(record.ref.account, record.ref.facility, record.entity)
        scopes.setdefault(scope, {})[record.id] = record
    return scopes


def _upsert_scope(
    connection: Connection,
    scope: Scope,
    rows: dict[str, Record],
    run_id: str,
    now: datetime,
    changes: list[tuple[Record, Record]],
) -> UpsertCounts:
    _alone(connection, scope)
    key = {"account": scope.account, "facility": scope.facility, "entity": scope.entity}
    known = {
        row.id: row
        for row in connection.execute(
            select(records.c.id, records.c.content_hash, records.c.deleted_at).where(
                *scope.of(records), records.c.id.in_(list(rows))
            )
        )
    }
    fresh: list[dict[str, Any]] = []
    for record_id, record in rows.items():
        doc, digest = document(record)
        before = known.get(record_id)
        if before is None or before.content_hash != digest or before.deleted_at is not None:
            fresh.append({
                **key, "id": record_id, **search_columns(record), "content_hash": digest, "doc": doc,
                "first_seen": now, "changed_at": now, "deleted_at": None,
            })  # fmt: skip
    _remember_changes(connection, scope, [row["id"] for row in fresh if row["id"] in known], rows, changes)
    put(connection, records, fresh, keep=("first_seen",))
    insert_absent(connection, seen_marks, [{"run_id": run_id, **key, "id": record_id} for record_id in rows])
    return UpsertCounts(len(rows), len(fresh), len(rows) - len(fresh))


def _remember_changes(
    connection: Connection,
    scope: Scope,
    ids: list[str],
    rows: dict[str, Record],
    changes: list[tuple[Record, Record]],
) -> None:
    if not ids:
        return
    query = select(records.c.id, records.c.doc).where(*scope.of(records), records.c.id.in_(ids))
    changes.extend((record_from(scope.entity, row.doc), rows[row.id]) for row in connection.execute(query))


def move_cursor(connection: Connection, scope: Scope, cursor: str | None, now: datetime) -> None:
    """Keep where the next fetch starts."""
    _alone(connection, scope)
    row = {
        "account": scope.account, "facility": scope.facility, "entity": scope.entity, "cursor": cursor,
        "synced_at": None, "moved_at": now,
    }  # fmt: skip
    put(connection, cursors, [row], keep=("synced_at",))


def finish(
    connection: Connection, scope: Scope, run_id: str, now: datetime, *, complete: bool, cap_percent: int
) -> FinishCounts:
    """End a fetch: deletions, the time of the sync, and the marks of this run."""
    _alone(connection, scope)
    counts = _delete_unseen(connection, scope, run_id, now, cap_percent) if complete else FinishCounts()
    row = {
        "account": scope.account, "facility": scope.facility, "entity": scope.entity, "cursor": None,
        "synced_at": now, "moved_at": now,
    }  # fmt: skip
    put(connection, cursors, [row], keep=("cursor",))
    # Only this run's marks, and those of runs that died days ago: another run may be at work in the same scope.
    long_dead = (now - _MARKS_KEPT).strftime(RUN_ID_TIME)
    done = or_(seen_marks.c.run_id == run_id, seen_marks.c.run_id < long_dead)
    connection.execute(delete(seen_marks).where(*scope.of(seen_marks), done))
    return counts


def _delete_unseen(connection: Connection, scope: Scope, run_id: str, now: datetime, cap_percent: int) -> FinishCounts:
    seen = select(seen_marks.c.id).where(seen_marks.c.run_id == run_id, *scope.of(seen_marks))
    living = and_(*scope.of(records), records.c.deleted_at.is_(None))
    missing = and_(living, records.c.id.not_in(seen))
    total = connection.execute(select(func.count()).select_from(records).where(living)).scalar_one()
    gone = connection.execute(select(func.count()).select_from(records).where(missing)).scalar_one()
    if (gone > _HANDFUL and gone * 100 > total * cap_percent) or gone == total > 1:
        findings.add(connection, _suspicious(scope, gone, total, now))
        return FinishCounts(held=gone)
    connection.execute(update(records).where(missing).values(deleted_at=now, changed_at=now))
    return FinishCounts(deleted=gone)


def _suspicious(scope: Scope, gone: int, total: int, now: datetime) -> Finding:
    return Finding(
        code="mass_deletion_held", severity=Severity.URGENT, account=scope.account, facility=scope.facility,
        subject=f"{scope.account}/{scope.facility}/{scope.entity}",
        text=f"{gone} of {total} {scope.entity} records were missing from the back office's answer; none was deleted",
        found_at=now,
    )  # fmt: skip
