"""The statements that fill the mirror, prepared once and run for many rows at a time, past the expression language.

Every call is one statement on SQLite and one ``COPY``, one array or one pipeline on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from pmsbridge.store.columns import UtcInstant, plain
from pmsbridge.store.nouns import NOUNS, row_function
from pmsbridge.store.portable import is_postgresql
from pmsbridge.store.prepared import driver_rows
from pmsbridge.store.tables import MIRROR

__all__ = ["Known", "NounSql", "column_values", "insert_many", "instant", "known_rows", "mark", "noun_sql", "reserve"]

_HEAD: Final = ("key", "place", "id")
_TAIL: Final = ("extra", "doc", "changed_at")
_INSTANT: Final = UtcInstant()
_FLAGS: Final[Mapping[Any, Any]] = {True: 1, False: 0}
_NUL: Final = "\\u0000"
"""As JSON writes it."""
_ids: Final = MIRROR.ids.name


@dataclass(frozen=True, slots=True)
class Known:
    """What is held of a row.

    Attributes:
        row_hash: Of the row it was made of; empty when that is not known.
    """

    key: int
    row_hash: bytes
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class NounSql:
    """What is done to one noun's table. What is written is there: it was not deleted.

    Attributes:
        columns: All but that, in the order in which rows are given; the first is the key.
    """

    table: str
    columns: tuple[str, ...]

    def insert(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """New rows."""
        insert_many(connection, self.table, self.columns, rows)

    def update(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Rows that are there."""
        if rows:
            sign = mark(connection)
            changed = ", ".join(f"{name} = {sign}" for name in self.columns[1:])
            statement = f"UPDATE {self.table} SET {changed}, deleted_at = NULL WHERE key = {sign}"  # noqa: S608 - our own names
            connection.exec_driver_sql(statement, [(*row[1:], row[0]) for row in rows])

    def documents(self, connection: Connection, keys: Sequence[int]) -> dict[int, str]:
        """What is held, by key."""
        found: dict[int, str] = {}
        for part in _parts(keys):
            statement = f"SELECT key, doc FROM {self.table} WHERE key {_among(connection, part, '$1')}"  # noqa: S608
            found.update((row[0], row[1]) for row in driver_rows(connection, statement, _given(connection, part)))
        return found

    def there(self, connection: Connection, keys: Sequence[int]) -> set[int]:
        """Which of these keys have a row."""
        return set(self.documents(connection, keys))

    @staticmethod
    def unmerge(connection: Connection, keys: Sequence[int]) -> None:
        """The back office lists them: each is a record of its own."""
        for part in _parts(keys):
            statement = (
                f"UPDATE {_ids} SET merged_into = NULL WHERE merged_into IS NOT NULL AND key {_among(connection, part)}"  # noqa: S608
            )
            connection.exec_driver_sql(statement, _given(connection, part))

    def mark_deleted(self, connection: Connection, keys: Sequence[int], now: datetime) -> None:
        """They are not in the back office any more."""
        at, sign = instant(connection, now), mark(connection)
        for part in _parts(keys):
            among, given = _among(connection, part), _given(connection, part)
            gone = f"UPDATE {_ids} SET deleted_at = {sign} WHERE key {among}"  # noqa: S608 - our own names
            connection.exec_driver_sql(gone, (at, *given))
            gone = f"UPDATE {self.table} SET deleted_at = {sign}, changed_at = {sign} WHERE key {among}"  # noqa: S608
            connection.exec_driver_sql(gone, (at, at, *given))


@lru_cache(maxsize=64)
def noun_sql(entity: str) -> NounSql:
    """The statements of a noun.

    Raises:
        KeyError: The mirror does not hold such records.
    """
    noun = NOUNS[entity]
    return NounSql(noun.table, (*_HEAD, *(field.name for field in noun.fields), *_TAIL))


ColumnValues = Callable[[Mapping[str, Any], str], tuple[Any, ...]]
"""Makes a noun's own columns of a record and of its JSON as text, in order, as the driver wants them."""


@lru_cache(maxsize=64)
def column_values(entity: str, *, on_postgresql: bool) -> ColumnValues:
    """Of a noun."""
    if not on_postgresql:
        values = row_function(entity, instants=_instant_as_text, flags=_FLAGS)
        return lambda record, _: values(record)
    sound = row_function(entity, instants=lambda moment: moment)
    other = row_function(entity, instants=lambda moment: moment, texts=lambda text: plain(text) or "")
    # The text of a record says of all its texts at once whether the database can hold them.
    return lambda record, text: other(record) if _NUL in text or plain(text) is not text else sound(record)


def _instant_as_text(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


def instant(connection: Connection, moment: datetime) -> Any:  # noqa: ANN401 - as the driver wants
    """A point in time as the driver wants it."""
    return _INSTANT.process_bind_param(moment, connection.dialect)


def mark(connection: Connection) -> str:
    """What stands for a value in a statement."""
    return "%s" if is_postgresql(connection) else "?"


def insert_many(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows: by ``COPY`` where there is one, each as it comes."""
    names = ", ".join(columns)
    if not is_postgresql(connection):
        if listed := list(rows):
            marks = ", ".join("?" * len(columns))
            connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", listed)  # noqa: S608
        return
    if not rows:
        return
    driver: Any = connection.connection.driver_connection
    failed: Any = connection.dialect.loaded_dbapi.Error
    problem: Any = None
    broken: list[Exception] = []
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in _until_one_breaks(rows, broken):
                copy.write_row(row)
    except failed as error:
        problem = error
    if problem is not None:
        raise _without_values(problem)
    if broken:
        raise broken[0]


def _until_one_breaks(rows: Iterable[Sequence[Any]], broken: list[Exception]) -> Iterator[Sequence[Any]]:
    """Rows as they are made; an error in making one is kept from the driver, which would tell the server its words."""
    try:
        yield from rows
    except Exception as error:  # noqa: BLE001 - it is raised when the driver is done, and nothing is committed
        broken.append(error)


def _without_values(error: Any) -> DBAPIError:  # noqa: ANN401 - the driver's own
    """As the other statements raise it; the server's message repeats values, and ends here."""
    state = getattr(error, "sqlstate", None) or ""
    clean = type(error)(f"{type(error).__name__} {state}".strip())
    clean.sqlstate = state or None
    kind = OperationalError if state.startswith(("08", "57")) or not state else DBAPIError
    return kind(None, None, clean, hide_parameters=True, connection_invalidated=not state)


def known_rows(connection: Connection, place: int, entity: str, ids: Sequence[str]) -> dict[str, Known]:
    """What is held under these ids."""
    found: dict[str, Known] = {}
    for part in _parts(ids):
        rows = driver_rows(connection, _looking_up(connection, part), (*_given(connection, part), place, entity))
        found.update((row[0], Known(row[1], bytes(row[2]), bool(row[3]))) for row in rows)
    return found


def _looking_up(connection: Connection, ids: Sequence[str]) -> str:
    wanted = "SELECT i.id, i.key, i.row_hash, i.deleted_at IS NOT NULL FROM"
    if is_postgresql(connection):
        # A join, not "= ANY": where nothing is known yet about how many rows there are, that is compared row by row.
        return (
            f"{wanted} unnest($1::text[]) AS wanted(id) JOIN {_ids} i "
            "ON i.id = wanted.id AND i.place = $2 AND i.entity = $3"
        )
    return f"{wanted} {_ids} i WHERE i.id {_among(connection, ids)} AND i.place = ? AND i.entity = ?"


def reserve(connection: Connection, count: int) -> list[int]:
    """Keys for new records."""
    if is_postgresql(connection):
        statement = f"SELECT nextval('{_ids}_key_seq') FROM generate_series(1, {count:d})"  # noqa: S608
        return [row[0] for row in connection.exec_driver_sql(statement)]
    # The write lock is held, and no row is ever taken out: the highest key is the last one given.
    last = connection.exec_driver_sql(f"SELECT coalesce(max(key), 0) FROM {_ids}").scalar_one()  # noqa: S608
    return list(range(last + 1, last + 1 + count))


def _parts(values: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _among(connection: Connection, values: Sequence[Any], listed: str = "%s") -> str:
    """A comparison with values; ``listed`` is their mark on PostgreSQL, where they are one list."""
    return f"= ANY({listed})" if is_postgresql(connection) else f"IN ({', '.join('?' * len(values))})"


def _given(connection: Connection, values: Sequence[Any]) -> tuple[Any, ...]:
    return (list(values),) if is_postgresql(connection) else tuple(values)
