"""Making ready to write every record of a scope anew, where somebody else has written into the mirror."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table, delete, exists, select, update

from pmsbridge.store.mirror_writes import Scope, known_place
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import MIRROR

__all__ = ["distrust"]

_ids: Final = MIRROR.ids


def distrust(connection: Connection, scope: Scope) -> None:
    """Believe no row of a scope any more, and take out what belongs to no record.

    The next full reading writes every record that comes; a record that does not come is deleted by it as ever. A
    reading that is under way ends at its next batch: what it has met was not written anew.
    """
    lock_scope(connection, "mirror", scope.account, scope.facility)
    place = known_place(connection, scope.account, scope.facility)
    if place is None:
        return
    mine, table, streams = (
        (_ids.c.place == place, _ids.c.entity == scope.entity),
        MIRROR.nouns[scope.entity],
        MIRROR.streams,
    )
    connection.execute(update(_ids).where(*mine).values(row_hash=b""))
    its_own = select(_ids.c.key).where(_ids.c.key == table.c.key, *mine)
    connection.execute(delete(table).where(table.c.place == place, ~exists(its_own)))
    _hide_deleted(connection, table, place)
    connection.execute(
        update(streams)
        .where(streams.c.place == place, streams.c.entity == scope.entity)
        .values(resume=None, seen=None, reading=streams.c.reading + 1)
    )


def _hide_deleted(connection: Connection, table: Table, place: int) -> None:
    """A record that was deleted comes in no answer: its row is put right here."""
    deleted_at = select(_ids.c.deleted_at).where(_ids.c.key == table.c.key).scalar_subquery()
    is_shown = (table.c.place == place, table.c.deleted_at.is_(None), deleted_at.is_not(None))
    connection.execute(update(table).where(*is_shown).values(deleted_at=deleted_at))
