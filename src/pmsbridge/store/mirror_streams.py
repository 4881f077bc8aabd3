"""Where the readings of one noun of one facility stand, and that only one of them writes."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal, select

from pmsbridge.errors import UnavailableError
from pmsbridge.store.mirror_sql import mark
from pmsbridge.store.portable import put
from pmsbridge.store.prepared import Query
from pmsbridge.store.tables import MIRROR

__all__ = ["Fence", "Stream", "highest_key", "holds_anything", "stream_of"]

_streams: Final = MIRROR.streams.c
_ids: Final = MIRROR.ids.c
_MINE: Final = (_streams.place == bindparam("place"), _streams.entity == bindparam("entity"))
_STREAM: Final = Query(
    select(
        _streams.cursor, _streams.synced_at, _streams.resume, _streams.is_full, _streams.begun_at, _streams.horizon,
        _streams.seen, _streams.reading, _streams.repeated,
    ).where(*_MINE)
)  # fmt: skip
_HELD: Final = Query(
    select(_ids.key).where(_ids.place == bindparam("place"), _ids.entity == bindparam("entity")).limit(literal(1))
)
_HIGHEST: Final = Query(select(func.coalesce(func.max(_ids.key), 0)))


class Stream(NamedTuple):
    """Where the readings of a scope stand.

    Attributes:
        reading: Counts what readings have written here.
        repeated: Keys of records whose id came twice in the last reading, packed; None for none.
    """

    cursor: str | None
    synced_at: datetime | None
    resume: str | None
    is_full: bool
    begun_at: datetime
    horizon: int
    seen: bytes | None
    reading: int
    repeated: bytes | None


def stream_of(connection: Connection, place: int, entity: str) -> Stream | None:
    """Where they stand; None when nothing was ever written."""
    row = _STREAM.first(connection, {"place": place, "entity": entity})
    return None if row is None else Stream(*row)


def holds_anything(connection: Connection, place: int, entity: str) -> bool:
    """Whether any record of a scope is held, deleted ones included."""
    return _HELD.first(connection, {"place": place, "entity": entity}) is not None


def highest_key(connection: Connection) -> int:
    """The highest key that was given to a record; 0 when none was."""
    found: int = _HIGHEST.scalar(connection)
    return found


class Fence:
    """Lets one reading write a scope: none that began before another one has written there.

    What a reading lays beside the mirror was asked after it had looked at the number. While nobody else has written,
    the answer is newer than everything held; afterwards it may be older, and would undo what the other one brought.
    """

    def __init__(self, place: int, entity: str, number: int) -> None:
        """As a reading found it.

        Args:
            place: Of the facility.
            entity: The record's word.
            number: ``Stream.reading`` before anything was asked; 0 where there was no row.
        """
        self._place, self._entity, self._number = place, entity, number

    def enter(self, connection: Connection, now: datetime) -> None:
        """Take the right to write in this transaction, which already keeps all others out of the scope.

        Raises:
            UnavailableError: Another reading has written since; nothing may be written, and this one has to end.
        """
        sign = mark(connection)
        table = MIRROR.streams.name
        moved = connection.exec_driver_sql(
            f"UPDATE {table} SET reading = reading + 1 WHERE place = {sign} AND entity = {sign} AND reading = {sign}",  # noqa: S608
            (self._place, self._entity, self._number),
        )
        if not moved.rowcount:
            if self._number or stream_of(connection, self._place, self._entity) is not None:
                raise _overtaken(self._entity)
            row = {"place": self._place, "entity": self._entity, "moved_at": now, "reading": 1}
            put(connection, MIRROR.streams, [row])
        self._number += 1


def _overtaken(entity: str) -> UnavailableError:
    message = f"another run has written {entity} records of this facility since this one began: it stops"
    return UnavailableError(message, code="reading_overtaken")
