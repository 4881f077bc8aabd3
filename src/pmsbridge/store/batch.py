"""Several writes at once: on PostgreSQL one statement and one round trip, on SQLite one after the other.

A worker's commit is half a dozen small writes that are always the same. Built and compiled each time, and sent one by
one, they cost several times what they do; here their text is made once per shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Column, Connection, Table
from sqlalchemy.engine import Dialect

from pmsbridge.store.portable import is_postgresql
from pmsbridge.store.prepared import driver_rows, driver_write, numbered, on_postgresql

__all__ = ["Delete", "Ensure", "Insert", "Update", "Write", "run", "run_returning"]

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


@dataclass(frozen=True, slots=True)
class Ensure:
    """Add a row unless one is there whose first column holds the same, and wait for nobody who is changing that one."""

    table: Table
    row: Mapping[str, Any]


Write = Update | Insert | Delete | Ensure


def run(connection: Connection, writes: Sequence[Write], *, is_whole: bool = False) -> Sequence[int]:
    """Do the writes, in order; returns how many rows each of them touched.

    Two writes of one call must not touch the same row. Whoever does not find what it expects rolls back.

    Args:
        connection: An open transaction.
        writes: What to do.
        is_whole: Nothing else follows before the commit. Where nothing went before either, and every row that is
            changed or added is there to be, PostgreSQL commits it with the same round trip; deletes then count as 0.
    """
    if not writes:
        return []
    if not is_postgresql(connection):
        return [_alone(connection, write) for write in writes]
    shapes, values = _prepared(connection, writes)
    if is_whole and on_postgresql().is_untouched(connection):
        expected = tuple(map(_expected, shapes))
        if on_postgresql().commit_alone(connection, _refusing(shapes, expected), values) is not None:
            return [count or 0 for count in expected]
    (counts,) = driver_rows(connection, _statement(shapes), values, prepare=True)
    return list(counts)


def run_returning(
    connection: Connection, writes: Sequence[Write], returned: Mapping[int, Sequence[Column[Any]]]
) -> list[list[Any]]:
    """On PostgreSQL, do the writes and read what two of them or more have added, as it is stored.

    Args:
        connection: An open transaction.
        writes: What to do.
        returned: By number of a write, the columns of its rows.

    Returns:
        The rows of the first joined to those of the next; empty when one has added none, or when some write has not
        touched as many rows as it should.
    """
    shapes, values = _prepared(connection, writes)
    names = tuple((number, tuple(column.name for column in columns)) for number, columns in returned.items())
    rows = driver_rows(connection, _returning(shapes, names, tuple(map(_expected, shapes))), values, prepare=True)
    kinds = [column.type.dialect_impl(connection.dialect) for columns in returned.values() for column in columns]
    converts = [kind.result_processor(connection.dialect, None) for kind in kinds]
    return [[value if as_ours is None else as_ours(value) for value, as_ours in zip(row, converts, strict=True)]
            for row in rows]  # fmt: skip


def _prepared(connection: Connection, writes: Sequence[Write]) -> tuple[tuple[_Shape, ...], list[Any]]:
    shapes = tuple(_shape(write) for write in writes)
    return shapes, list(chain.from_iterable(_values(write, connection.dialect) for write in writes))


def _alone(connection: Connection, write: Write) -> int:
    text, _ = _text(_shape(write), 0, "sqlite")
    return driver_write(connection, text, _values(write, connection.dialect))


# -- text --------------------------------------------------------------------------------------------------------------

_Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], int]


def _shape(write: Write) -> _Shape:
    """What the text of a write depends on."""
    name = write.table.name
    if isinstance(write, Insert):
        return ("insert", name, tuple(write.rows[0]), (), (), len(write.rows))
    if isinstance(write, Delete):
        return ("delete", name, (), tuple(write.where), (), 1)
    if isinstance(write, Ensure):
        return ("ensure", name, tuple(write.row), (), (), 1)
    return ("update", name, tuple(write.values), tuple(write.where), tuple(write.spans or ()), 1)


@lru_cache(maxsize=512)
def _statement(shapes: tuple[_Shape, ...]) -> str:
    """All writes as one: each is a part of its own, counted in the order they stand in."""
    return f"{_parts(shapes)} SELECT {', '.join(_counts(shapes))}"


@lru_cache(maxsize=512)
def _returning(
    shapes: tuple[_Shape, ...], returned: tuple[tuple[int, tuple[str, ...]], ...], expected: tuple[int | None, ...]
) -> str:
    """The same, with rows in place of the counts; none when a count is not as it should be."""
    wanted = [f"w{number}.{_quoted(name)}" for number, names in returned for name in names]
    sources = ", ".join(f"w{number}" for number, _ in returned)
    parts, fits = _parts(shapes, dict(returned)), _fits(shapes, expected)
    return f"{parts} SELECT {', '.join(wanted)} FROM {sources} WHERE {fits}"  # noqa: S608 - names of ours only


@lru_cache(maxsize=512)
def _refusing(shapes: tuple[_Shape, ...], expected: tuple[int | None, ...]) -> str:
    """The same, but it fails as a whole when a part does not touch the rows it should."""
    return f"{_parts(shapes)} SELECT 1 / CASE WHEN {_fits(shapes, expected)} THEN 1 ELSE 0 END"


def _fits(shapes: tuple[_Shape, ...], expected: tuple[int | None, ...]) -> str:
    counts = zip(_counts(shapes), expected, strict=True)
    return " AND ".join(f"{count} = {wanted}" for count, wanted in counts if wanted is not None) or "true"


def _expected(shape: _Shape) -> int | None:
    """How many rows a write touches when everything is as its writer believes; None when any number will do."""
    return shape[-1] if shape[0] in {"insert", "update"} else None


def _counts(shapes: tuple[_Shape, ...]) -> list[str]:
    return [f"(SELECT count(*) FROM w{n})" for n in range(len(shapes))]  # noqa: S608 - names of ours only


def _parts(shapes: tuple[_Shape, ...], returned: Mapping[int, Sequence[str]] = MappingProxyType({})) -> str:
    parts: list[str] = []
    names: list[str] = []
    for number, shape in enumerate(shapes):
        text, own = _text(shape, number, "postgresql")
        columns = ", ".join(map(_quoted, returned.get(number, ()))) or "1"
        parts.append(f"w{number} AS ({text} RETURNING {columns})")
        names.extend(own)
    return "WITH " + numbered(", ".join(parts), names)


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
    if kind == "ensure":
        known = f"SELECT 1 FROM {table} WHERE {_quoted(columns[0])} = {mark.format(f'p{number}k')}"  # noqa: S608
        text = f"INSERT INTO {table} ({', '.join(map(_quoted, columns))}) SELECT {', '.join(map(mark.format, sets))}"
        return f"{text} WHERE NOT EXISTS ({known}) ON CONFLICT DO NOTHING", (*sets, f"p{number}k")
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
    if isinstance(write, Ensure):
        values = [_as(convert, name, value) for name, value in write.row.items()]
        return [*values, values[0]]
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
