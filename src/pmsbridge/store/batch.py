"""Several writes at once: on PostgreSQL one statement and one round trip, on SQLite one after the other.

A worker's commit is half a dozen small writes that are always the same. Built and compiled each time, and sent one by
one, they cost several times what they do; here their text is made once per shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain
from typing import Any, Final

from sqlalchemy import Column, Connection, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from pmsbridge.errors import UnavailableError
from pmsbridge.store.portable import is_postgresql
from pmsbridge.store.prepared import driver_rows, driver_write, on_postgresql
from pmsbridge.store.write_texts import Shape, counting, inserting, on_sqlite, refusing

__all__ = [
    "Absence",
    "Commit",
    "Delete",
    "Ensure",
    "Insert",
    "Update",
    "Write",
    "commit_alone",
    "insert_new",
    "not_new",
    "run",
]

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Change the one row that fits.

    Attributes:
        values: New values by column.
        where: What the row must hold, by column; the first one is unique.
        spans: Columns that become now, by the database's clock, and that much; PostgreSQL only.
    """

    table: Table
    values: Mapping[str, Any]
    where: Mapping[str, Any]
    spans: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """Add rows, all with the same columns; those whose key is there already are left out, and not counted.

    Attributes:
        rows: What differs, or may, by column.
        same: What every row holds besides.
    """

    table: Table
    rows: Sequence[Mapping[str, Any]]
    same: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the rows that fit."""

    table: Table
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ensure:
    """Add a row unless one is there whose first column holds the same, and wait for nobody who is changing that one."""

    table: Table
    row: Mapping[str, Any]


Write = Update | Insert | Delete | Ensure


@dataclass(frozen=True, slots=True)
class Absence:
    """That no row of a column's table holds one of these values in it.

    Attributes:
        values: At least one.
    """

    column: Column[Any]
    values: Sequence[Any]


def run(connection: Connection, writes: Sequence[Write]) -> Sequence[int]:
    """Do the writes, in order; returns how many rows each of them touched.

    Two writes of one call must not touch the same row. Whoever does not find what it expects rolls back.
    """
    if not writes:
        return []
    if not is_postgresql(connection):
        return [_alone(connection, write) for write in writes]
    shapes, values = _prepared(connection, writes)
    (counts,) = driver_rows(connection, counting(shapes), values, prepare=True)
    return list(counts)


class Commit(Enum):
    """What became of writes that were to be committed by themselves.

    ``MADE``: every row was there to be changed or added, and all is committed. ``REFUSED``: some was not, and nothing
    has happened. ``NOT_TRIED``: the database has no such way, or something went before in the transaction.
    """

    MADE = auto()
    REFUSED = auto()
    NOT_TRIED = auto()


def commit_alone(connection: Connection, writes: Sequence[Write], *, locks: Sequence[int] = ()) -> Commit:
    """Do the writes and commit them in one round trip, where they are all that a transaction does; see ``run``.

    Args:
        connection: In a transaction of ours, never of a caller's.
        writes: What it does.
        locks: Numbers of scopes that it waits for first; see ``portable.lock_number``.
    """
    if not (writes and _may_commit_alone(connection, locks)):
        return Commit.NOT_TRIED
    shapes, values = _prepared(connection, writes)
    found = on_postgresql().commit_alone(connection, refusing(shapes), values, locks=locks)
    return Commit.REFUSED if found is None else Commit.MADE


def _may_commit_alone(connection: Connection, locks: Sequence[int]) -> bool:
    """Whether what comes next may wait for these scopes, be done and be committed in one round trip."""
    if not (is_postgresql(connection) and on_postgresql().is_untouched(connection)):
        return False
    return not locks or on_postgresql().can_pipeline()


def insert_new(
    connection: Connection,
    inserts: Sequence[Insert],
    ensured: Sequence[Ensure],
    returned: Mapping[int, Sequence[str]],
    *,
    unless: Sequence[Absence],
    lock: int | None = None,
    is_own: bool = False,
) -> list[tuple[Any, ...]] | None:
    """On PostgreSQL, insert what is new, or nothing at all, in one round trip.

    Args:
        connection: An open transaction.
        inserts: What is new: every row of it is there to be added.
        ensured: What may be there already.
        returned: By number of an insert, columns of its rows.
        unless: Where any of these values is there, nothing is inserted. At least one.
        lock: Number of a scope to wait for first; see ``portable.lock_number``. None when none need be waited for.
        is_own: What is inserted may be committed with the same round trip. The scope is then held no longer.

    Returns:
        The rows of the first that returns some joined to those of the next, as the driver gives them; None where
        nothing was inserted.

    Raises:
        UnavailableError: A row was there already although nothing of ``unless`` is: nothing was inserted, and nothing
            of the transaction, or of its savepoint, can be committed.
    """
    writes: list[Write] = [*inserts, *ensured]
    shapes, values = _prepared(connection, writes)
    known = [value for absence in unless for value in _as_kept(absence, connection.dialect)]
    names = tuple((number, tuple(columns)) for number, columns in returned.items())
    checks = tuple((each.column.table.name, each.column.name, len(each.values)) for each in unless)
    rows = _inserted(
        connection, inserting(shapes, names, checks), [*known, *values], () if lock is None else (lock,), is_own=is_own
    )
    if not rows:
        raise not_new()
    return [tuple(row[2:]) for row in rows] if rows[0][0] else None


def _inserted(
    connection: Connection, text: str, values: Sequence[Any], locks: Sequence[int], *, is_own: bool
) -> Sequence[Sequence[Any]]:
    """What the text returns; nothing when it refused itself."""
    if is_own and _may_commit_alone(connection, locks):
        return on_postgresql().commit_alone(connection, text, values, locks=locks) or ()
    try:
        found: Sequence[Sequence[Any]] = on_postgresql().fetch(connection, text, values, prepare=True, locks=locks)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _REFUSED_ITSELF:
            raise
        return ()
    return found


_REFUSED_ITSELF: Final = "22012"
"""Division by zero."""


def not_new() -> UnavailableError:
    """The error for a row that was there before something new was inserted."""
    message = "the journal changed at this very moment; nothing was stored: ask again with the same key"
    return UnavailableError(message, code="database_unavailable")


def _prepared(connection: Connection, writes: Sequence[Write]) -> tuple[tuple[Shape, ...], list[Any]]:
    shapes = tuple(_shape(write) for write in writes)
    return shapes, list(chain.from_iterable(_values(write, connection.dialect) for write in writes))


def _alone(connection: Connection, write: Write) -> int:
    text, order = on_sqlite(_shape(write))
    values = _values(write, connection.dialect)
    return driver_write(connection, text, [values[place] for place in order])


def _shape(write: Write) -> Shape:
    """What the text of a write depends on."""
    name = write.table.name
    if isinstance(write, Insert):
        return ("insert", name, tuple(write.rows[0]), (), tuple(write.same), len(write.rows))
    if isinstance(write, Delete):
        return ("delete", name, (), tuple(write.where), (), 1)
    if isinstance(write, Ensure):
        return ("ensure", name, tuple(write.row), (), (), 1)
    return ("update", name, tuple(write.values), tuple(write.where), tuple(write.spans or ()), 1)


# -- values ------------------------------------------------------------------------------------------------------------


def _values(write: Write, dialect: Dialect) -> list[Any]:
    """The parameters, each as the driver wants it."""
    convert = _converters(write.table, dialect.name, dialect)
    if isinstance(write, Insert):
        values = _converted(convert, write.same)
        for row in write.rows:
            values += _converted(convert, row)
        return values
    if isinstance(write, Ensure):
        values = _converted(convert, write.row)
        return [*values, values[0]]
    fits = _converted(convert, write.where)
    if isinstance(write, Delete):
        return fits
    return [*_converted(convert, write.values), *fits, *(write.spans or {}).values()]


def _as_kept(absence: Absence, dialect: Dialect) -> list[Any]:
    """What is looked for, each value as the column keeps it."""
    convert = _converters(absence.column.table, dialect.name, dialect)[absence.column.name]
    return [convert(value) for value in absence.values]


def _converted(convert: Mapping[str, _Convert], row: Mapping[str, Any]) -> list[Any]:
    return [convert[column](value) for column, value in row.items()]


_KNOWN: dict[tuple[str, str], dict[str, _Convert]] = {}


def _converters(table: Table, dialect_name: str, dialect: Dialect) -> Mapping[str, _Convert]:
    """By column, what makes a value of ours one of the driver's."""
    key = (table.name, dialect_name)
    if key not in _KNOWN:
        _KNOWN[key] = {column.name: column.type.bind_processor(dialect) or _as_it_is for column in table.columns}
    return _KNOWN[key]


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - of any type
    return value
