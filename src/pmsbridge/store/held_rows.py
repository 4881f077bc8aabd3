"""What a reading of everything expects to meet: the rows that the records of a scope were made of, by their hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from sqlalchemy import Connection

from pmsbridge.store.collector import unsearched
from pmsbridge.store.database import Database
from pmsbridge.store.portable import is_postgresql
from pmsbridge.store.prepared import driver_rows
from pmsbridge.store.row_hash import RowHash
from pmsbridge.store.tables import MIRROR

__all__ = ["HeldByHash"]

_MOST: Final = 100_000
_LIVING: Final = (
    f"SELECT row_hash, key FROM {MIRROR.ids.name} WHERE place = {{0}} AND entity = {{1}} AND deleted_at IS NULL "  # noqa: S608 - our own names
    f"LIMIT {_MOST + 1}"
)


class HeldByHash:
    """Of one scope, in memory: a hundred thousand rows take some twenty megabytes."""

    def __init__(self, keys: Mapping[bytes, int], row_hash: RowHash) -> None:
        """Of records by the hash of their row."""
        self._keys, self._hash = keys, row_hash

    @classmethod
    def read(cls, database: Database, place: int, entity: str, row_hash: RowHash) -> Self | None:
        """What is held of a scope now; None when that is nothing, or more than a hundred thousand rows.

        Rows of a larger scope are looked up batch by batch, and memory does not grow with it.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with database.read() as connection, unsearched:
            rows: Sequence[Any] = driver_rows(connection, _text(connection), (place, entity))
            keys: dict[bytes, int] = dict(rows) if len(rows) <= _MOST else {}
        return cls(keys, row_hash) if keys else None

    def find(self, raw: bytes) -> int | None:
        """The key of the living record that was made of exactly these bytes; None when none is known."""
        # Of a record that is to be written anew the hash is empty, which is the hash of nothing.
        return self._keys.get(self._hash(raw))


def _text(connection: Connection) -> str:
    return _LIVING.format("$1", "$2") if is_postgresql(connection) else _LIVING.format("?", "?")
