"""Writing what has become of one batch of rows: identities, records and changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection

from pmsbridge.store import changes
from pmsbridge.store.changes import ChangeKind
from pmsbridge.store.mirror_batch import Batch, new_uids, storable, storable_blob
from pmsbridge.store.mirror_sql import NounSql, insert_many, instant, known_rows, mark, reserve
from pmsbridge.store.tables import MIRROR

__all__ = ["BatchWriter"]

_ID_COLUMNS: Final = ("key", "place", "entity", "id", "uid", "row_hash", "first_seen")


class BatchWriter:
    """Writes batches of one noun of one facility, within the transactions of whoever reads them."""

    def __init__(self, place: int, entity: str, sql: NounSql, *, run_id: str, tells_new: bool) -> None:
        """Nothing is written yet.

        Args:
            place: The facility.
            entity: The noun.
            sql: The statements of the noun's own table.
            run_id: Which run the changes come from.
            tells_new: Whether the change of a new record holds the record: not when all are new, at the first reading.
        """
        self._place, self._entity, self._sql = place, entity, sql
        self._run_id, self._tells_new = run_id, tells_new

    def write(self, connection: Connection, batch: Batch, gone: Sequence[str], now: datetime) -> Sequence[int]:
        """Write a batch; returns the keys of what is new.

        Args:
            connection: An open transaction that holds the scope.
            batch: What to write; learns its changes and how many records were deleted.
            gone: Ids that the back office has said are gone.
            now: When.
        """
        at = instant(connection, now)
        keys = self._insert(connection, batch, at, now)
        self._rewrite(connection, batch, at)
        if gone:
            self._gone(connection, batch, gone, now)
        untold = () if self._tells_new else keys
        changes.append(connection, self._place, batch.changes, now, self._run_id, created=untold)
        return keys

    def _insert(self, connection: Connection, batch: Batch, at: object, now: datetime) -> Sequence[int]:
        count = batch.most_new
        if not count:
            return ()
        keys, place, entity = reserve(connection, count), self._place, self._entity
        clean, blob = storable(connection), storable_blob(connection)
        uids = new_uids(now, count)
        ids: list[Sequence[Any]] = []

        def full() -> Iterator[Sequence[Any]]:
            """Rows of the noun's table, each made when the one before is on its way: PostgreSQL works meanwhile."""
            for key, uid, (row_id, digest, record) in zip(keys, uids, chain(batch.new, batch.coming), strict=False):
                ids.append((key, place, entity, row_id, uid, blob(digest), at))
                if self._tells_new:
                    batch.changes.append((key, ChangeKind.CREATED.value, None, clean(record.text)))
                yield (key, place, row_id, *record.columns, record.extra, clean(record.kept), at)

        self._sql.insert(connection, full())
        insert_many(connection, MIRROR.ids.name, _ID_COLUMNS, ids)
        return keys[: len(ids)]

    def _rewrite(self, connection: Connection, batch: Batch, at: object) -> None:
        clean, keys = storable(connection), {row.key for row, *_ in batch.rewritten}
        there = self._sql.there(connection, sorted(keys))
        rows = [
            (row.key, self._place, row_id, *record.columns, record.extra, clean(record.kept), at)
            for row, row_id, _, record in batch.rewritten
        ]
        self._sql.update(connection, [row for row in rows if row[0] in there])
        # A row that somebody took out of the table is put back under its key.
        self._sql.insert(connection, [row for row in rows if row[0] not in there])
        hashes = [(digest, row.key) for row, _, digest, _ in batch.rewritten]
        hashes += [(digest, key) for key, digest in batch.touched]
        if hashes:
            sign = mark(connection)
            statement = f"UPDATE {MIRROR.ids.name} SET row_hash = {sign}, deleted_at = NULL WHERE key = {sign}"  # noqa: S608
            connection.exec_driver_sql(statement, hashes)
        self._sql.unmerge(connection, [row.key for row, *_ in batch.rewritten if not row.row_hash])

    def _gone(self, connection: Connection, batch: Batch, ids: Sequence[str], now: datetime) -> None:
        known = known_rows(connection, self._place, self._entity, list(dict.fromkeys(ids)))
        keys = [row.key for row in known.values() if not row.is_deleted]
        held = self._sql.documents(connection, keys)
        batch.changes.extend((key, ChangeKind.DELETED.value, held.get(key), None) for key in keys)
        self._sql.mark_deleted(connection, keys, now)
        batch.deleted += len(keys)
