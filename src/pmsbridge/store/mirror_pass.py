"""One reading of one facility's records of one noun, taken into the mirror batch by batch.

A row is compared by the hash of its bytes before anything is made of it. What is unchanged costs a look-up and no
write. A batch is one transaction: rows, identities, changes and the place where the reading stands are committed
together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal, select

from pmsbridge.errors import UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store import changes, findings
from pmsbridge.store.changes import ChangeKind, different_fields
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_batch import (
    Batch,
    Different,
    Made,
    extra_of,
    new_uids,
    parsed,
    storable,
    suspicious,
    text_of,
    words_of,
)
from pmsbridge.store.mirror_sql import Known, column_values, insert_many, instant, known_rows, mark, noun_sql, reserve
from pmsbridge.store.mirror_writes import FinishCounts, Scope, UpsertCounts, known_place, place_of
from pmsbridge.store.portable import lock_scope, put
from pmsbridge.store.prepared import Query
from pmsbridge.store.seen_keys import SeenKeys
from pmsbridge.store.tables import MIRROR

__all__ = ["Pass"]

_log = get_logger(__name__)

_HASH_BYTES: Final = 16
_HANDFUL: Final = 5
_ID: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_ALL: Final = 100
_STALE: Final = timedelta(hours=6)
_ID_COLUMNS: Final = ("key", "place", "entity", "id", "uid", "row_hash", "first_seen")


_streams: Final = MIRROR.streams.c
_ids: Final = MIRROR.ids.c
_STREAM: Final = Query(
    select(
        _streams.cursor, _streams.synced_at, _streams.resume, _streams.is_full, _streams.begun_at, _streams.horizon,
        _streams.seen,
    ).where(_streams.place == bindparam("place"), _streams.entity == bindparam("entity"))
)  # fmt: skip
_HELD: Final = Query(
    select(_ids.key).where(_ids.place == bindparam("place"), _ids.entity == bindparam("entity")).limit(literal(1))
)
_HIGHEST: Final = Query(select(func.coalesce(func.max(_ids.key), 0)))


class _Stream(NamedTuple):
    """Where the readings of a scope stand."""

    cursor: str | None
    synced_at: datetime | None
    resume: str | None
    is_full: bool
    begun_at: datetime
    horizon: int
    seen: bytes | None


def _stream_of(connection: Connection, mine: Mapping[str, object]) -> _Stream | None:
    row = _STREAM.first(connection, mine)
    return None if row is None else _Stream(*row)


class Pass:
    """A reading under way.

    Attributes:
        since: The cursor it starts from; None when it reads everything.
        resume: Where an unfinished reading of the same kind stopped; None when it starts at its beginning.
        counts: What has become of the rows so far.
        deleted: Records the back office has said are gone.
        unreadable: Rows nothing could be made of; what is held of them stays.
    """

    def __init__(
        self, database: Database, clock: Clock, scope: Scope, run_id: str, *, is_full: bool, fingerprint: str = ""
    ) -> None:
        """Look where the reading starts.

        Args:
            database: Where the mirror is.
            clock: Time.
            scope: What is read.
            run_id: Which run reads it.
            is_full: Read everything, whatever cursor there is.
            fingerprint: What beside the rows decides what records are made of them.
        """
        self._database, self._clock, self.scope, self._run_id = database, clock, scope, run_id
        self._key = hashlib.blake2b(fingerprint.encode(), digest_size=32).digest()
        self._sql = noun_sql(scope.entity)
        self._columns = column_values(scope.entity, on_postgresql=database.kind == "postgresql")
        self.counts = UpsertCounts()
        self.deleted = 0
        self.unreadable = 0
        self._seen = SeenKeys()
        self.resume: str | None = None
        self._cursor: str | None = None
        self._begun_at = clock.now()
        self._is_whole = True
        self._begin(is_full=is_full)

    def _begin(self, *, is_full: bool) -> None:
        scope = self.scope
        with self._database.read() as connection:
            place = known_place(connection, scope.account, scope.facility)
        if place is None:
            with self._database.write() as connection:
                place = place_of(connection, scope)
        self._place = place
        mine = {"place": place, "entity": scope.entity}
        with self._database.read() as connection:
            row = _stream_of(connection, mine)
            self._began_empty = _HELD.first(connection, mine) is None
            self._horizon: int = _HIGHEST.scalar(connection)
        self.since: str | None = None if is_full or row is None else row.cursor
        self._is_first = row is None or row.synced_at is None
        reads_all = self.since is None
        if row is not None and row.resume is not None and row.is_full is reads_all and not self._is_stale(row.begun_at):
            self._begun_at, self._horizon, self.resume = row.begun_at, row.horizon, row.resume
            self._seen = SeenKeys.unpacked(row.seen) if row.seen else self._seen

    def _is_stale(self, begun_at: datetime) -> bool:
        return self._begun_at - begun_at > _STALE

    # -- a batch -------------------------------------------------------------------------------------------------------

    def take(self, rows: Rows) -> list[Different]:
        """Take a batch over, in one transaction; returns the records that said something else before."""
        latest = {i: raw for i, raw in zip(rows.ids, rows.raw, strict=True) if _ID.fullmatch(i)}
        lost = rows.unreadable + len({i for i in rows.ids if i not in latest})
        self._is_whole = self._is_whole and not lost
        hash_of, key = hashlib.blake2b, self._key
        hashes = {i: hash_of(raw, digest_size=_HASH_BYTES, key=key).digest() for i, raw in latest.items()}
        self._cursor = rows.cursor if rows.cursor is not None else self._cursor
        known = self._known(hashes)
        self._seen.add(row.key for row in known.values())
        fresh = {i: digest for i, digest in hashes.items() if _is_different(known.get(i), digest)}
        made = self._made(rows.document, {i: latest[i] for i in fresh}, known)
        self.unreadable += lost
        batch = Batch()
        if made or rows.gone or rows.resume is not None:
            with self._database.write() as connection:
                _alone(connection, self.scope)
                self._sort(connection, batch, fresh, made)
                self._write(connection, batch, rows)
        written = len(batch.new) + len(batch.rewritten)
        self.counts += UpsertCounts(len(latest), written, len(latest) - written)
        return batch.different

    def _known(self, hashes: Mapping[str, bytes]) -> dict[str, Known]:
        """What is held of rows.

        Where nothing was held when the reading began, all are taken as new here; what another reading has brought since
        is found before anything is written, and counts as missing for none.
        """
        if self._began_empty:
            return {}
        with self._database.read() as connection:
            return known_rows(connection, self._place, self.scope.entity, list(hashes))

    def _made(
        self, document: Callable[[bytes], Document | None], raws: Mapping[str, bytes], known: Mapping[str, Known]
    ) -> dict[str, Made]:
        """Records of new and different rows. A row that is no record any more is not seen, and so is deleted."""
        made: dict[str, Made] = {}
        failed = 0
        for row_id, raw in raws.items():
            try:
                found = document(raw)
            except (ValueError, UnavailableError) as problem:
                failed += 1
                if failed == 1:
                    _log.warning("row_left_out", entity=self.scope.entity, problem=words_of(problem))
                continue
            if found is not None:
                made[row_id] = Made(text_of(found), self._columns(found), extra_of(found))
            elif row_id in known:
                self._seen.remove(known[row_id].key)
        self.unreadable += failed
        return made

    def _sort(self, connection: Connection, batch: Batch, fresh: Mapping[str, bytes], made: Mapping[str, Made]) -> None:
        """New, different, or the same said in other bytes."""
        known = known_rows(connection, self._place, self.scope.entity, list(made))
        self._seen.add(row.key for row in known.values())
        held = self._sql.documents(connection, [row.key for row in known.values()])
        for row_id, record in made.items():
            row, digest = known.get(row_id), fresh[row_id]
            if row is None:
                batch.new.append((row_id, digest, record))
            elif held.get(row.key) != record.text or row.is_deleted or not row.row_hash:
                batch.rewritten.append((row, row_id, digest, record))
                self._note(batch, row, row_id, held.get(row.key), record.text)
            elif row.row_hash != digest:
                batch.touched.append((row.key, digest))

    def _note(self, batch: Batch, row: Known, row_id: str, held: str | None, text: str) -> None:
        if row.is_deleted or held is None:
            batch.changes.append((row.key, ChangeKind.RESTORED.value, None, text))
        elif held != text:
            before, after = parsed(held), parsed(text)
            old, new = different_fields(before, after)
            if not new:
                return  # the same, said in another order
            batch.changes.append((row.key, ChangeKind.CHANGED.value, text_of(old), text_of(new)))
            batch.different.append(Different(row_id, before, after))

    def _write(self, connection: Connection, batch: Batch, rows: Rows) -> None:
        now = self._clock.now()
        at = instant(connection, now)
        self._insert(connection, batch, at)
        self._rewrite(connection, batch, at)
        if rows.gone:
            self._gone(connection, batch, rows.gone, now)
        if rows.resume is not None:
            self._keep_place(connection, rows.resume, now)
        changes.append(connection, self._place, batch.changes, now, self._run_id)

    def _insert(self, connection: Connection, batch: Batch, at: object) -> None:
        if not batch.new:
            return
        keys, place, entity = reserve(connection, len(batch.new)), self._place, self.scope.entity
        clean = storable(connection)
        ids: list[Sequence[Any]] = []
        full: list[Sequence[Any]] = []
        uids = new_uids(self._clock.now(), len(keys))
        for key, uid, (row_id, digest, record) in zip(keys, uids, batch.new, strict=True):
            text = clean(record.text)
            ids.append((key, place, entity, row_id, uid, digest, at))
            full.append((key, place, row_id, *record.columns, record.extra, text, at, None))
            batch.changes.append((key, ChangeKind.CREATED.value, None, None if self._is_first else text))
        insert_many(connection, MIRROR.ids.name, _ID_COLUMNS, ids)
        self._sql.insert(connection, full)

    def _rewrite(self, connection: Connection, batch: Batch, at: object) -> None:
        clean, keys = storable(connection), {row.key for row, *_ in batch.rewritten}
        there = self._sql.there(connection, sorted(keys))
        rows = [
            (row.key, self._place, row_id, *record.columns, record.extra, clean(record.text), at, None)
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

    def _gone(self, connection: Connection, batch: Batch, ids: Sequence[str], now: datetime) -> None:
        known = known_rows(connection, self._place, self.scope.entity, list(dict.fromkeys(ids)))
        keys = [row.key for row in known.values() if not row.is_deleted]
        held = self._sql.documents(connection, keys)
        batch.changes.extend((key, ChangeKind.DELETED.value, held.get(key), None) for key in keys)
        self._sql.mark_deleted(connection, keys, now)
        self.deleted += len(keys)

    def _keep_place(self, connection: Connection, resume: str, now: datetime) -> None:
        row = {
            "place": self._place, "entity": self.scope.entity, "cursor": None, "synced_at": None, "moved_at": now,
            "resume": resume, "is_full": self.since is None, "horizon": self._horizon, "seen": self._seen.packed(),
            "begun_at": self._begun_at,
        }  # fmt: skip
        put(connection, MIRROR.streams, [row], keep=("cursor", "synced_at"))

    # -- the end -------------------------------------------------------------------------------------------------------

    def finish(self, *, is_complete: bool, cap_percent: int) -> FinishCounts:
        """End the reading: deletions, the cursor, the time; all in one transaction.

        Args:
            is_complete: What was read is everything there is; not believed when the id of a row could not be read.
            cap_percent: When more than this share is missing (and more than a handful), or everything, nothing is
                deleted and a finding is made: a half-answered reading must not empty a portal. 100 believes any answer.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            _alone(connection, self.scope)
            is_proof = is_complete and self._is_whole
            ended = self._delete_unseen(connection, now, cap_percent) if is_proof else FinishCounts()
            row = {
                "place": self._place, "entity": self.scope.entity, "cursor": self._cursor, "synced_at": now,
                "moved_at": now, "resume": None, "is_full": False, "horizon": 0, "seen": None, "begun_at": None,
            }  # fmt: skip
            put(connection, MIRROR.streams, [row], keep=() if self._cursor is not None else ("cursor",))
        return FinishCounts(ended.deleted + self.deleted, ended.held)

    def _delete_unseen(self, connection: Connection, now: datetime, cap_percent: int) -> FinishCounts:
        sign = mark(connection)
        statement = (
            f"SELECT key FROM {MIRROR.ids.name} WHERE place = {sign} AND entity = {sign} "  # noqa: S608 - our own names
            f"AND deleted_at IS NULL"
        )
        living, missing = 0, list[int]()
        with connection.exec_driver_sql(statement, (self._place, self.scope.entity)) as found:
            for (key,) in found:
                living += 1
                # A record that another run has brought since this one began was not there to be met.
                if key not in self._seen and key <= self._horizon:
                    missing.append(key)
        gone = len(missing)
        if (gone > _HANDFUL and gone * 100 > living * cap_percent) or (gone == living > 1 and cap_percent < _ALL):
            findings.add(connection, suspicious(self.scope, gone, living, now))
            return FinishCounts(held=gone)
        held = self._sql.documents(connection, missing)
        self._sql.mark_deleted(connection, missing, now)
        told = [(key, ChangeKind.DELETED.value, held.get(key), None) for key in missing]
        changes.append(connection, self._place, told, now, self._run_id)
        return FinishCounts(deleted=gone)


def _is_different(known: Known | None, digest: bytes) -> bool:
    return known is None or known.row_hash != digest or known.is_deleted


def _alone(connection: Connection, scope: Scope) -> None:
    """One transaction at a time writes what a facility holds: what was compared is still so when it is written."""
    lock_scope(connection, "mirror", scope.account, scope.facility)
