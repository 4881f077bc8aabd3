"""Several writes at once: on PostgreSQL one statement and one round trip, on SQLite one after the other.

A worker's commit is half a dozen small writes that are always the same. Built and compiled each time, and sent one by
one, they cost several times what they do; here their text is made once per shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.engine import Dialect

from pmsbridge.store.portable import is_postgresql
from pmsbridge.store.prepared import driver_rows, driver_write

__all__ = ["Delete", "Insert", "Update", "Write", "run"]

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Change the one row that fits.

    Attributes:
        values: New values by column.
        where: What the row must hold, by column.
        spans: Columns that become now, by the database's clock, and that much; PostgreSQL only.
    """

    table: Table
    values: Mapping[str, Any]
    where: Mapping[str, Any]
    spans: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """Add rows, all with the same columns; those whose key is there already are left out, and not counted."""

    table: Table
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the rows that fit."""

    table: Table
    where: Mapping[str, Any]


Write = Update | Insert | Delete


def run(connection: Connection, writes: Sequence[Write]) -> list[int]:
    """Do the writes, in order; returns how many rows each of them touched.

    Two writes of one call must not touch the same row. Whoever does not find what it expects rolls back.
    """
    if not writes:
        return []
    if is_postgresql(connection):
        return _at_once(connection, writes)
    return [_alone(connection, write) for write in writes]


def _alone(connection: Connection, write: Write) -> int:
    text, _ = _text(_shape(write), 0, "sqlite")
    return driver_write(connection, text, _values(write, connection.dialect))


def _at_once(connection: Connection, writes: Sequence[Write]) -> list[int]:
    text = _statement(tuple(_shape(write) for write in writes))
    values: dict[str, Any] = {}
    for number, write in enumerate(writes):
        _, names = _text(_shape(write), number, "postgresql")
        values.update(zip(names, _values(write, connection.dialect), strict=True))
    (counts,) = driver_rows(connection, text, values)
    return list(counts)


# -- text --------------------------------------------------------------------------------------------------------------

_Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], int]


def _shape(write: Write) -> _Shape:
    """What the text of a write depends on."""
    name = write.table.name
    if isinstance(write, Insert):
        return ("insert", name, tuple(write.rows[0]), (), (), len(write.rows))
    if isinstance(write, Delete):
        return ("delete", name, (), tuple(write.where), (), 1)
    return ("update", name, tuple(write.values), tuple(write.where), tuple(write.spans or ()), 1)


@lru_cache(maxsize=512)
def _statement(shapes: tuple[_Shape, ...]) -> str:
    """All writes as one: each is a part of its own, counted in the order they stand in."""
    parts = [f"w{n} AS ({_text(shape, n, 'postgresql')[0]} RETURNING 1)" for n, shape in enumerate(shapes)]
    counts = [f"(SELECT count(*) FROM w{n})" for n in range(len(shapes))]  # noqa: S608 - names of ours only
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts)}"


@lru_cache(maxsize=2048)
def _text(shape: _Shape, number: int, dialect: str) -> tuple[str, tuple[str, ...]]:
    """The text of one write, and the names of its parameters in the order of ``_values``."""
    mark = "%({})s" if dialect == "postgresql" else "?"
    kind, table, columns, where, spans, rows = shape
    if kind == "insert":
        names = [[f"p{number}_{row}_{column}" for column in columns] for row in range(rows)]
        groups = ", ".join(f"({', '.join(mark.format(name) for name in row)})" for row in names)
        text = f"INSERT INTO {table} ({', '.join(map(_quoted, columns))}) VALUES {groups} ON CONFLICT DO NOTHING"  # noqa: S608
        return text, tuple(chain.from_iterable(names))
    sets = [f"p{number}_{column}" for column in columns]
    fits = [f"p{number}w_{column}" for column in where]
    adds = [f"p{number}s_{column}" for column in spans]
    condition = " AND ".join(f"{_quoted(c)} = {mark.format(name)}" for c, name in zip(where, fits, strict=True))
    if kind == "delete":
        return f"DELETE FROM {table} WHERE {condition}", tuple(fits)  # noqa: S608
    news = [f"{_quoted(c)} = {mark.format(name)}" for c, name in zip(columns, sets, strict=True)]
    news += [f"{_quoted(c)} = clock_timestamp() + {mark.format(name)}" for c, name in zip(spans, adds, strict=True)]
    return f"UPDATE {table} SET {', '.join(news)} WHERE {condition}", (*sets, *fits, *adds)  # noqa: S608


_RESERVED: Final = frozenset({"key", "when", "after", "at", "kind", "number", "position", "data", "version"})


def _quoted(column: str) -> str:
    return f'"{column}"' if column in _RESERVED else column


# -- values ------------------------------------------------------------------------------------------------------------


def _values(write: Write, dialect: Dialect) -> list[Any]:
    """The parameters, each as the driver wants it."""
    convert = _converters(write.table, dialect.name, dialect)
    if isinstance(write, Insert):
        return [_as(convert, name, value) for row in write.rows for name, value in row.items()]
    fits = [_as(convert, name, value) for name, value in write.where.items()]
    if isinstance(write, Delete):
        return fits
    return [*(_as(convert, n, v) for n, v in write.values.items()), *fits, *(write.spans or {}).values()]


def _as(convert: Mapping[str, _Convert | None], column: str, value: object) -> object:
    processor = convert[column]
    return value if processor is None else processor(value)


_KNOWN: dict[tuple[str, str], dict[str, _Convert | None]] = {}


def _converters(table: Table, dialect_name: str, dialect: Dialect) -> Mapping[str, _Convert | None]:
    """By column, what makes a value of ours one of the driver's."""
    key = (table.name, dialect_name)
    if key not in _KNOWN:
        _KNOWN[key] = {column.name: column.type.bind_processor(dialect) for column in table.columns}
    return _KNOWN[key]
