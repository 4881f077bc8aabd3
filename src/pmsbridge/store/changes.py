"""The feed of changes: what became different in the mirror, in the order in which it was committed.

Whoever has read up to a number has read every change of a lower one: writers take turns at the end of their
transactions, so that no lower number can appear later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from pmsbridge.store.database import Database
from pmsbridge.store.mirror_sql import insert_many, instant, mark
from pmsbridge.store.portable import is_postgresql, lock_scope
from pmsbridge.store.tables import MIRROR, webhooks

__all__ = ["Change", "ChangeKind", "Changes", "NewChange", "append", "different_fields"]

_COLUMNS: Final = ("place", "key", "kind", "before", "after", "at", "run_id")
NewChange = tuple[int, str, str | None, str | None]
"""Key, kind, before and after of a change that is about to be written."""


class ChangeKind(StrEnum):
    """What happened to a record."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        seq: What a reader goes on from.
        id: The back office's id; ``uid`` is ours.
        before: What the changed fields held, by dotted name; of a deleted record, all of it; else empty.
        after: What they hold now; of a new record, all of it, but empty where a facility was copied for the first time.
        run_id: The run that saw it.
    """

    seq: int
    account: str
    facility: str
    entity: str
    id: str
    uid: str
    kind: ChangeKind
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    at: datetime
    run_id: str


def append(
    connection: Connection,
    place: int,
    changes: Sequence[NewChange],
    now: datetime,
    run_id: str,
    *,
    created: Sequence[int] = (),
) -> None:
    """Write changes as the last thing of a transaction.

    Args:
        connection: An open write transaction.
        place: The facility.
        changes: In order.
        now: When.
        run_id: Which run saw them.
        created: Keys, ascending, of records that this transaction has written, and of which no more is told than that
            they are new: before the others.
    """
    if not changes and not created:
        return
    # Numbers are given before the commit. Held until it, this lets nobody commit a lower one later.
    lock_scope(connection, "mirror changes")
    at = instant(connection, now)
    _append_created(connection, place, created, at, run_id)
    rows = [(place, key, kind, before, after, at, run_id) for key, kind, before, after in changes]
    insert_many(connection, MIRROR.changes.name, _COLUMNS, rows)


def _append_created(connection: Connection, place: int, keys: Sequence[int], at: object, run_id: str) -> None:
    if not keys:
        return
    kind, sign = ChangeKind.CREATED.value, mark(connection)
    told = f"{sign}, key, {sign}, {sign}, {sign}"
    # One statement for a whole batch: a row for each would cost more than all else that is said of a new record.
    if is_postgresql(connection):
        source = f"unnest(CAST({sign} AS bigint[])) WITH ORDINALITY AS new(key, number) ORDER BY number"
        given: tuple[object, ...] = (list(keys),)
    else:
        source = f"{MIRROR.ids.name} WHERE key BETWEEN {sign} AND {sign} ORDER BY key"
        given = (keys[0], keys[-1])
    statement = f"INSERT INTO {MIRROR.changes.name} (place, key, kind, at, run_id) SELECT {told} FROM {source}"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, (place, kind, at, run_id, *given))


def different_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two records say differently: old and new by dotted name; None where only the other one says something."""
    old, new = _flat(before), _flat(after)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return {name: old.get(name) for name in names}, {name: new.get(name) for name in names}


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and value:
            found.update(_flat(value, f"{prefix}{name}."))
        elif value not in ({}, None):
            found[f"{prefix}{name}"] = value
    return found


class Changes:
    """Reading the feed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(
        self, seq: int = 0, *, account: str | None = None, facility: str | None = None, limit: int = 500
    ) -> tuple[Change, ...]:
        """Changes after a number, in order; the number of the last one is the next ``seq``."""
        table, ids, places = MIRROR.changes, MIRROR.ids, MIRROR.places
        query = (
            select(table, ids.c.entity, ids.c.id, ids.c.uid, places.c.account, places.c.facility)
            .join(ids, ids.c.key == table.c.key)
            .join(places, places.c.place == table.c.place)
            .where(table.c.seq > seq)
            .order_by(table.c.seq)
            .limit(limit)
        )
        if account is not None:
            query = query.where(places.c.account == account)
        if facility is not None:
            query = query.where(places.c.facility == facility)
        with self._database.read() as connection:
            return tuple(
                Change(
                    row.seq, row.account, row.facility, row.entity, row.id, row.uid, ChangeKind(row.kind),
                    json.loads(row.before or "{}"), json.loads(row.after or "{}"), row.at, row.run_id,
                )
                for row in connection.execute(query)
            )  # fmt: skip

    def next_place(self, seq: int) -> tuple[int, str, str, str] | None:
        """Number, account, facility and type ("unit.changed") of the first change after a number, its contents unread.

        None when there is none. For a change of which nothing can be made.
        """
        table, ids, places = MIRROR.changes, MIRROR.ids, MIRROR.places
        query = (
            select(table.c.seq, places.c.account, places.c.facility, ids.c.entity, table.c.kind)
            .join(ids, ids.c.key == table.c.key)
            .join(places, places.c.place == table.c.place)
            .where(table.c.seq > seq)
            .order_by(table.c.seq)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.seq, row.account, row.facility, f"{row.entity}.{row.kind}")

    def last(self) -> int:
        """The number of the newest change; 0 when there is none. A reader who wants only what comes starts here."""
        with self._database.read() as connection:
            newest: int = connection.execute(select(func.coalesce(func.max(MIRROR.changes.c.seq), 0))).scalar_one()
        return newest

    def forget(self, before: datetime) -> int:
        """Drop changes that are older and that every webhook endpoint was told; returns how many.

        Numbers are not used again. A night does this by itself; see ``FeedRoom``, which also drops what an endpoint is
        never going to be told.
        """
        with self._database.write() as connection:
            told = connection.execute(select(func.min(webhooks.c.changes_seq))).scalar_one_or_none()
            old = [MIRROR.changes.c.at < before, *([MIRROR.changes.c.seq <= told] if told is not None else [])]
            return connection.execute(delete(MIRROR.changes).where(*old)).rowcount
