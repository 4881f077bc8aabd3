"""The identity map: which record of the back office our own id stands for, and what a merged record became."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select, update

from pmsbridge.errors import NotFoundError
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_writes import Scope
from pmsbridge.store.tables import MIRROR

__all__ = ["Identities"]

_MERGES: Final = 20


class Identities:
    """Ids of ours are 32 hexadecimal digits; no two databases give the same one twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def uid(self, account: str, facility: str, entity: str, record_id: str) -> str | None:
        """Our id of a record, of what it became when it was merged; None when it was never read."""
        ids = MIRROR.ids
        with self._database.read() as connection:
            key = self.key_of(connection, Scope(account, facility, entity), record_id)
            return connection.execute(select(ids.c.uid).where(ids.c.key == key)).scalar_one_or_none()

    def whose(self, uid: str) -> tuple[Scope, str] | None:
        """Which record an id of ours stands for, what it became when it was merged; None when it is not ours."""
        ids, places = MIRROR.ids, MIRROR.places
        with self._database.read() as connection:
            key = _followed(connection, select(ids.c.key, ids.c.merged_into).where(ids.c.uid == uid))
            if key is None:
                return None
            query = select(places.c.account, places.c.facility, ids.c.entity, ids.c.id)
            row = connection.execute(query.join(ids, ids.c.place == places.c.place).where(ids.c.key == key)).one()
        return Scope(row.account, row.facility, row.entity), row.id

    def merge(self, scope: Scope, record_id: str, into: str) -> None:
        """Note that the back office made one record of two; from now on the first answers as the second.

        Raises:
            NotFoundError: One of them was never read.
            ValueError: The second already became the first.
        """
        ids = MIRROR.ids
        with self._database.write() as connection:
            merged = connection.execute(_row_of(scope, record_id)).one_or_none()
            kept = self.key_of(connection, scope, into)
            if merged is None or kept is None:
                raise NotFoundError(scope.entity, "was never read, so it cannot be merged", code="record_not_found")
            if merged.key == kept:
                message = "a record cannot be merged into itself"
                raise ValueError(message)
            connection.execute(update(ids).where(ids.c.key == merged.key).values(merged_into=kept))

    def key_of(self, connection: Connection, scope: Scope, record_id: str) -> int | None:
        """The key under which a record is held, or what it became."""
        return _followed(connection, _row_of(scope, record_id))


def _row_of(scope: Scope, record_id: str) -> Select[tuple[int, int | None]]:
    ids, places = MIRROR.ids, MIRROR.places
    return (
        select(ids.c.key, ids.c.merged_into)
        .join(places, places.c.place == ids.c.place)
        .where(places.c.account == scope.account, places.c.facility == scope.facility)
        .where(ids.c.entity == scope.entity, ids.c.id == record_id)
    )


def _followed(connection: Connection, first: Select[Any]) -> int | None:
    ids = MIRROR.ids
    row: Row[Any] | None = connection.execute(first).one_or_none()
    for _ in range(_MERGES):
        if row is None or row.merged_into is None:
            break
        followed: Select[Any] = select(ids.c.key, ids.c.merged_into).where(ids.c.key == row.merged_into)
        row = connection.execute(followed).one_or_none()
    return None if row is None else int(row.key)
