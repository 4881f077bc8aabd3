"""What a reading of everything expects to meet: the rows that the records of a scope were made of, by their hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

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
    """Of one scope; read from the database when the first row is looked for.

    A hundred thousand rows take some twenty megabytes. Of a scope that holds more nothing is known here: its rows are
    looked up batch by batch, and memory does not grow with it.
    """

    def __init__(self, database: Database, place: int, entity: str, row_hash: RowHash) -> None:
        """Nothing is read yet."""
        self._database, self._place, self._entity, self._hash = database, place, entity, row_hash
        self._keys: dict[bytes, int] | None = None

    def find(self, raw: bytes) -> int | None:
        """The key of the living record that was made of exactly these bytes; None when none is known."""
        keys = self._keys
        if keys is None:
            keys = self._keys = self._read()
        # Of a record that is to be written anew the hash is empty, which is the hash of nothing.
        return keys.get(self._hash(raw)) if keys else None

    def _read(self) -> dict[bytes, int]:
        with unsearched, self._database.read() as connection:
            rows: Sequence[Any] = driver_rows(connection, _text(connection), (self._place, self._entity))
        found: dict[bytes, int] = dict(rows)
        return found if len(found) <= _MOST else {}


def _text(connection: Connection) -> str:
    return _LIVING.format("$1", "$2") if is_postgresql(connection) else _LIVING.format("?", "?")
