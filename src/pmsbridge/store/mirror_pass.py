"""One reading of one facility's records of one noun, taken into the mirror batch by batch.

A row is compared by the hash of its bytes before anything is made of it. What is unchanged costs a look-up and no
write. A batch is one transaction: rows, identities, changes and the place where the reading stands are committed
together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from pmsbridge.errors import UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.model.earlier import as_earlier
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store import changes, findings
from pmsbridge.store.changes import ChangeKind, different_fields
from pmsbridge.store.collector import unsearched
from pmsbridge.store.database import Database
from pmsbridge.store.held_rows import HeldByHash
from pmsbridge.store.mirror_batch import Batch, Different, Made, extra_of, parsed, suspicious, text_of, words_of
from pmsbridge.store.mirror_batch_writer import BatchWriter
from pmsbridge.store.mirror_sql import Known, column_values, known_rows, mark, noun_sql
from pmsbridge.store.mirror_streams import Fence, highest_key, holds_anything, stream_of
from pmsbridge.store.mirror_writes import FinishCounts, Scope, UpsertCounts, known_place, place_of
from pmsbridge.store.nouns import NOUNS
from pmsbridge.store.portable import lock_scope, put
from pmsbridge.store.repeats import Repeats
from pmsbridge.store.row_hash import RowHash
from pmsbridge.store.seen_keys import SeenKeys
from pmsbridge.store.tables import MIRROR

__all__ = ["Pass"]

_log = get_logger(__name__)

_HANDFUL: Final = 5
_ID: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_ALL: Final = 100
_STALE: Final = timedelta(hours=6)
_PIECE: Final = 5_000
_VENDORS_OWN: Final = "extra"


class Pass:
    """A reading under way.

    Attributes:
        since: The cursor it starts from; None when it reads everything.
        resume: Where an unfinished reading of the same kind stopped; None when it starts at its beginning.
        counts: What has become of the rows so far.
        deleted: Records the back office has said are gone.
        unreadable: Rows nothing could be made of; what is held of them stays.
        repeats: What is known of ids that come twice in one answer.
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
        self._hash = RowHash(fingerprint)
        self._record, self._sql = NOUNS[scope.entity].record, noun_sql(scope.entity)
        self._columns = column_values(scope.entity, on_postgresql=database.kind == "postgresql")
        self.counts = UpsertCounts()
        self.deleted = 0
        self.unreadable = 0
        self._seen = SeenKeys()
        self._unchanged = SeenKeys()
        self._highest = (0, "")
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
        with self._database.read() as connection:
            row = stream_of(connection, place, scope.entity)
            self._began_empty = not holds_anything(connection, place, scope.entity)
            self._horizon = highest_key(connection)
        self._fence = Fence(place, scope.entity, 0 if row is None else row.reading)
        self.repeats = Repeats(None if row is None else row.repeated)
        self.since: str | None = None if is_full or row is None else row.cursor
        is_first = row is None or row.synced_at is None
        self._tells_new = not is_first
        self._writer = BatchWriter(place, scope.entity, self._sql, run_id=self._run_id, tells_new=self._tells_new)
        reads_all = self.since is None
        if row is not None and row.resume is not None and row.is_full is reads_all and not self._is_stale(row.begun_at):
            self._begun_at, self._horizon, self.resume = row.begun_at, row.horizon, row.resume
            self._seen = SeenKeys.unpacked(row.seen) if row.seen else self._seen

    def held(self) -> HeldByHash | None:
        """Read what rows are compared with before they are handed over.

        It may be older than the answer it is compared with: a reading during which another one wrote has no end.

        Returns:
            None when most rows will be new, few will come, or more are held than are kept in memory.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        if self._began_empty or self.since is not None:
            return None
        return HeldByHash.read(self._database, self._place, self.scope.entity, self._hash)

    def _is_stale(self, begun_at: datetime) -> bool:
        return self._begun_at - begun_at > _STALE

    # -- a batch -------------------------------------------------------------------------------------------------------

    def take(self, rows: Rows) -> list[Different]:
        """Take a batch over, in one transaction; returns the records that said something else before.

        Raises:
            UnavailableError: Another reading of the scope has written since this one began: nothing is written.
        """
        if rows.same:
            met = self._seen.meet(rows.same)
            self._unchanged.add(met)
            self.counts += UpsertCounts(len(met), 0, len(met))
        latest = self._latest(rows)
        lost = rows.unreadable + len({i for i in rows.ids if i not in latest})
        self._is_whole = self._is_whole and not lost
        self.unreadable += lost
        self._cursor = rows.cursor if rows.cursor is not None else self._cursor
        hashes = self._hashes(latest)
        known = self._known(hashes)
        self.repeats.put_off(latest, known)
        return self._take(rows, {i: hashes[i] for i in latest}, latest, known)

    def take_rest(self, document: Callable[[bytes], Document | None]) -> list[Different]:
        """Take over what was put off because its id came twice in the last reading; as ``take``."""
        latest = self.repeats.rest()
        if not latest:
            return []
        hashes = self._hashes(latest)
        known = self._known(hashes)
        self.repeats.settle(known)
        return self._take(Rows((), (), document), hashes, latest, known)

    def _latest(self, rows: Rows) -> dict[str, bytes]:
        """By id; of two rows with one id the last."""
        latest: dict[str, bytes] = {}
        for row_id, raw in zip(rows.ids, rows.raw, strict=True):
            if _ID.fullmatch(row_id):
                if latest.get(row_id, raw) != raw:
                    self.repeats.ids.add(row_id)
                latest[row_id] = raw
        return latest

    def _hashes(self, latest: Mapping[str, bytes]) -> dict[str, bytes]:
        hash_of = self._hash
        return {i: hash_of(raw) for i, raw in latest.items()}

    def _take(
        self, rows: Rows, hashes: Mapping[str, bytes], latest: Mapping[str, bytes], known: Mapping[str, Known]
    ) -> list[Different]:
        again = {row.key for row in known.values() if row.key in self._seen}
        self._seen.add(row.key for row in known.values())
        fresh = {i: digest for i, digest in hashes.items() if _is_different(known.get(i), digest)}
        come_anew = self._come_anew(fresh)
        tells = self._tells_new or not come_anew
        made = self._made(rows.document, {i: latest[i] for i in fresh}, known, tells=tells)
        with unsearched:
            batch, found = self._batch(fresh, made, come_anew=come_anew)
        new: Sequence[int] = ()
        if batch.most_new or found or rows.gone or self._resume(rows) is not None:
            with self._database.write() as connection:
                self._enter(connection)
                now = self._clock.now()
                with unsearched:
                    self._sort(connection, batch, fresh, found, again)
                    new = self._writer.write(connection, batch, rows.gone, now)
                self._seen.add(new)
                self.deleted += batch.deleted
                if (resume := self._resume(rows)) is not None:
                    self._keep_place(connection, resume, now)
        self._count(len(latest), len(new), {row.key for row, *_ in batch.rewritten}, known, again)
        return batch.different

    def _count(
        self, rows: int, new: int, rewritten: Collection[int], known: Mapping[str, Known], again: Collection[int]
    ) -> None:
        """A record counts once, however often it comes: as changed when any of its rows was another one."""
        read = rows - len(again)
        # What was counted as unchanged before, and is rewritten now, moves over.
        written = new + sum(key not in again or key in self._unchanged for key in rewritten)
        self.counts += UpsertCounts(read, written, read - written)
        for key in rewritten:
            self._unchanged.remove(key)
        self._unchanged.add(row.key for row in known.values() if row.key not in again and row.key not in rewritten)

    def _batch(
        self, fresh: Mapping[str, bytes], made: Iterator[tuple[str, Made]], *, come_anew: bool
    ) -> tuple[Batch, dict[str, Made]]:
        """What is certainly new, and records of which only the transaction tells whether they are."""
        if not come_anew:
            return Batch(), dict(made)
        new = ((row_id, fresh[row_id], record) for row_id, record in made)
        if self._database.kind == "postgresql":
            return Batch(coming=new, at_most=len(fresh)), {}
        return Batch(new=list(new)), {}  # SQLite's one writer is not kept waiting

    def _resume(self, rows: Rows) -> str | None:
        """What cannot be read, or is put off, is only met again by whoever begins before it."""
        return None if self.unreadable or self.repeats.has_put_off else rows.resume

    def _enter(self, connection: Connection) -> None:
        """One transaction at a time writes what a facility holds, and one reading a noun of it."""
        lock_scope(connection, "mirror", self.scope.account, self.scope.facility)
        self._fence.enter(connection, self._clock.now())

    def _known(self, hashes: Mapping[str, bytes]) -> dict[str, Known]:
        """What is held of rows.

        Where nothing was held when the reading began, all are taken as new here; one that has come before is found
        before anything is written.
        """
        if self._began_empty:
            return {}
        with self._database.read() as connection:
            return known_rows(connection, self._place, self.scope.entity, list(hashes))

    def _made(
        self,
        document: Callable[[bytes], Document | None],
        raws: Mapping[str, bytes],
        known: Mapping[str, Known],
        *,
        tells: bool,
    ) -> Iterator[tuple[str, Made]]:
        """Records of new and different rows. A row that is no record any more is not seen, and so is deleted."""
        has_failed = False
        for row_id, raw in raws.items():
            try:
                found = document(raw)
            except (ValueError, UnavailableError) as problem:
                self.unreadable += 1
                if not has_failed:
                    _log.warning("row_left_out", entity=self.scope.entity, problem=words_of(problem))
                has_failed = True
                continue
            if found is not None:
                yield row_id, self._made_of(found, tells=tells)
            elif row_id in known:
                self._seen.remove(known[row_id].key)

    def _made_of(self, found: Document, *, tells: bool) -> Made:
        document = as_earlier(self._record, found)
        kept = text_of(document)
        told = "" if not tells else kept if document is found else text_of(found)
        # What is left out of the one says nothing: it holds no text that a column is made of.
        return Made(told, kept, self._columns(found, kept), extra_of(found))

    def _sort(
        self,
        connection: Connection,
        batch: Batch,
        fresh: Mapping[str, bytes],
        made: Mapping[str, Made],
        again: set[int],
    ) -> None:
        """New, different, or the same said in other bytes; ``again`` learns what this reading has met before."""
        if not made:
            return
        known = known_rows(connection, self._place, self.scope.entity, list(made))
        again.update(row.key for row in known.values() if self._began_empty and row.key in self._seen)
        self._seen.add(row.key for row in known.values())
        held = self._sql.documents(connection, [row.key for row in known.values()])
        for row_id, record in made.items():
            row, digest = known.get(row_id), fresh[row_id]
            if row is None:
                batch.new.append((row_id, digest, record))
                continue
            if row.key in again and row.row_hash != digest:
                self.repeats.came_again(row_id, row.key)
            if held.get(row.key) != record.kept or row.is_deleted or not row.row_hash:
                batch.rewritten.append((row, row_id, digest, record))
                self._note(batch, row, row_id, held.get(row.key), record.text)
            elif row.row_hash != digest:
                batch.touched.append((row.key, digest))

    def _come_anew(self, ids: Collection[str]) -> bool:
        """Whether none of these can be held: the scope began empty, and ids have come in ascending order since.

        Most back offices list them so, and the first reading then looks none of them up.
        """
        if not self._began_empty or not ids:
            return False
        order = [(len(row_id), row_id) for row_id in ids]
        are_higher = min(order) > self._highest
        self._highest = max(self._highest, *order)
        return are_higher

    def _note(self, batch: Batch, row: Known, row_id: str, held: str | None, text: str) -> None:
        if row.is_deleted or held is None:
            batch.changes.append((row.key, ChangeKind.RESTORED.value, None, text))
        elif held != text:
            before, after = parsed(held), parsed(text)
            old, new = different_fields(before, _as_told_then(before, after))
            if not new:
                return  # the same, said in another order
            batch.changes.append((row.key, ChangeKind.CHANGED.value, text_of(old), text_of(new)))
            batch.different.append(Different(row_id, before, after))

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

        The cursor stays where it was when a row could not be read: the next reading asks for it again.

        Raises:
            UnavailableError: Another reading of the scope has written since this one began: nothing is written.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            self._enter(connection)
            is_proof = is_complete and self._is_whole
            with unsearched:
                ended = self._delete_unseen(connection, now, cap_percent) if is_proof else FinishCounts()
            if self.repeats.ids:
                twice = known_rows(connection, self._place, self.scope.entity, list(self.repeats.ids))
                self.repeats.remember(twice)
            moves = self._cursor is not None and not self.unreadable
            row = {
                "place": self._place, "entity": self.scope.entity, "cursor": self._cursor, "synced_at": now,
                "moved_at": now, "resume": None, "is_full": False, "horizon": 0, "seen": None, "begun_at": None,
                "repeated": self.repeats.packed(),
            }  # fmt: skip
            put(connection, MIRROR.streams, [row], keep=() if moves else ("cursor",))
        return FinishCounts(ended.deleted + self.deleted, ended.held)

    def _delete_unseen(self, connection: Connection, now: datetime, cap_percent: int) -> FinishCounts:
        sign = mark(connection)
        statement = (
            f"SELECT key FROM {MIRROR.ids.name} WHERE place = {sign} AND entity = {sign} "  # noqa: S608 - our own names
            f"AND deleted_at IS NULL"
        )
        living, missing = 0, list[int]()
        # In pieces: PostgreSQL's driver would hand over all of them at once.
        pieces = {"yield_per": _PIECE}
        with connection.exec_driver_sql(statement, (self._place, self.scope.entity), pieces) as found:
            for piece in found.scalars().partitions(_PIECE):
                living += len(piece)
                # A record that another run has brought since this one began was not there to be met.
                missing += [key for key in self._seen.missing(piece) if key <= self._horizon]
        gone = len(missing)
        if (gone > _HANDFUL and gone * 100 > living * cap_percent) or (gone == living > 1 and cap_percent < _ALL):
            findings.add(connection, suspicious(self.scope, gone, living, now))
            return FinishCounts(held=gone)
        held = self._sql.documents(connection, missing)
        self._sql.mark_deleted(connection, missing, now)
        told = [(key, ChangeKind.DELETED.value, held.get(key), None) for key in missing]
        changes.append(connection, self._place, told, now, self._run_id)
        return FinishCounts(deleted=gone)


def _as_told_then(before: Document, after: Document) -> Document:
    """A record without the fields that an older version of ours did not know: the back office changed nothing.

    A record is kept with all its fields, or with none of those that came later while they say nothing; only what is the
    vendor's own comes and goes.
    """
    if not before:
        return after
    return {
        name: value if name == _VENDORS_OWN else _in_place(before[name], value)
        for name, value in after.items()
        if name in before
    }


def _in_place(held: object, said: object) -> object:
    """What stands at one place of a record, likewise; of a list, member by member."""
    if isinstance(held, dict) and isinstance(said, dict):
        return _as_told_then(held, said)
    if isinstance(held, list) and isinstance(said, list):
        return [_in_place(*both) for both in zip(held, said, strict=False)] + said[len(held) :]
    return said


def _is_different(known: Known | None, digest: bytes) -> bool:
    return known is None or known.row_hash != digest or known.is_deleted
