"""What several writes are called in SQL, by their shape: the text is made once.

On PostgreSQL they are the parts of one statement; on SQLite each is a statement of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Final

from sqlalchemy.dialects import postgresql

from pmsbridge.store.prepared import in_order, numbered
from pmsbridge.store.tables import METADATA

__all__ = ["Shape", "counting", "inserting", "on_sqlite", "refusing"]

Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], int]
"""What is done, to which table, by which columns, where, with which others besides, in how many rows."""


@lru_cache(maxsize=512)
def counting(shapes: tuple[Shape, ...]) -> str:
    """All writes as one: each is a part of its own, counted in the order they stand in."""
    return f"{_parts(shapes)} SELECT {', '.join(_counts(shapes))}"


@lru_cache(maxsize=512)
def inserting(
    shapes: tuple[Shape, ...],
    returned: tuple[tuple[int, tuple[str, ...]], ...],
    checks: tuple[tuple[str, str, int], ...],
) -> str:
    """Whether every row was added, and then columns of these rows.

    It fails as a whole when some row, but not every one, was there already: nothing of it may stay in a transaction
    that somebody else commits.
    """
    columns = [f"w{number}.{_quoted(name)}" for number, names in returned for name in names]
    joined = " ".join(f"LEFT JOIN w{number} ON whole.it" for number, _ in returned)
    return (
        f"{_parts(shapes, dict(returned), checks)}, whole AS (SELECT {_fits(shapes)} AS it) "  # noqa: S608 - names of ours only
        f"SELECT whole.it, 1 / CASE WHEN whole.it OR EXISTS (SELECT 1 FROM known) THEN 1 ELSE 0 END, "
        f"{', '.join(columns)} FROM whole {joined}"
    )


@lru_cache(maxsize=512)
def refusing(shapes: tuple[Shape, ...]) -> str:
    """All writes as one that fails as a whole when a part does not touch the rows it should."""
    return f"{_parts(shapes)} SELECT 1 / CASE WHEN {_fits(shapes)} THEN 1 ELSE 0 END"


def _fits(shapes: tuple[Shape, ...]) -> str:
    counts = zip(_counts(shapes), map(_expected, shapes), strict=True)
    return " AND ".join(f"{count} = {wanted}" for count, wanted in counts if wanted is not None) or "true"


def _expected(shape: Shape) -> int | None:
    """How many rows a write touches when everything is as its writer believes; None when any number will do."""
    return shape[-1] if shape[0] in {"insert", "update"} else None


def _counts(shapes: tuple[Shape, ...]) -> list[str]:
    return [f"(SELECT count(*) FROM w{n})" for n in range(len(shapes))]  # noqa: S608 - names of ours only


def _parts(
    shapes: tuple[Shape, ...],
    returned: Mapping[int, Sequence[str]] = MappingProxyType({}),
    checks: Sequence[tuple[str, str, int]] = (),
) -> str:
    parts: list[str] = []
    names: list[str] = []
    if checks:
        text, asked = _known(checks)
        parts.append(f"known AS ({text})")
        names.extend(asked)
    for number, shape in enumerate(shapes):
        text, own = _text(shape, number, is_checked=bool(checks))
        columns = ", ".join(map(_quoted, returned.get(number, ()))) or "1"
        parts.append(f"w{number} AS ({text} RETURNING {columns})")
        names.extend(own)
    return "WITH " + numbered(", ".join(parts), names)


def _known(checks: Sequence[tuple[str, str, int]]) -> tuple[str, list[str]]:
    """Rows that must not be there, and the names of its parameters."""
    parts: list[str] = []
    names: list[str] = []
    for number, (table, column, size) in enumerate(checks):
        own = [f"k{number}_{place}" for place in range(size)]
        marks = ", ".join(map(_mark, own))
        parts.append(f"SELECT 1 FROM {table} WHERE {_quoted(column)} IN ({marks})")  # noqa: S608 - names of ours only
        names.extend(own)
    return " UNION ALL ".join(parts), names


def _mark(name: str) -> str:
    return f"%({name})s"


@lru_cache(maxsize=512)
def on_sqlite(shape: Shape) -> tuple[str, tuple[int, ...]]:
    """One write, as SQLite spells it, and which of its values each mark is."""
    text, names = _text(shape, 0)
    return in_order(text.replace(_SAME, "IS"), names)


_SAME: Final = "IS NOT DISTINCT FROM"


@lru_cache(maxsize=2048)
def _text(shape: Shape, number: int, *, is_checked: bool = False) -> tuple[str, tuple[str, ...]]:
    """The text of one write, and the names of its parameters in the order of ``_values``.

    Args:
        shape: Of the write.
        number: Its place among others.
        is_checked: Nothing is inserted where ``known`` has a row.
    """
    kind, table, columns, where, more, _ = shape
    if kind == "insert":
        return _insert_text(shape, number, is_checked=is_checked)
    sets = [f"p{number}_{column}" for column in columns]
    if kind == "ensure":
        key = f"p{number}k"
        there = f"SELECT 1 FROM {table} WHERE {_quoted(columns[0])} = {_mark(key)}"  # noqa: S608 - names of ours only
        text = f"INSERT INTO {table} ({', '.join(map(_quoted, columns))}) SELECT {', '.join(map(_mark, sets))}"
        return f"{text} WHERE NOT EXISTS ({there}) ON CONFLICT DO NOTHING", (*sets, key)
    fits = [f"p{number}w_{column}" for column in where]
    adds = [f"p{number}s_{column}" for column in more]
    if kind == "delete":
        condition = " AND ".join(f"{_quoted(c)} = {_mark(name)}" for c, name in zip(where, fits, strict=True))
        return f"DELETE FROM {table} WHERE {condition}", tuple(fits)  # noqa: S608
    # The first one finds the row. No index may be taken for the others: while a table is small, one over all that is
    # in the same state looks as good, and such a plan is kept.
    found, *others = (f"{_quoted(c)} {{}} {_mark(name)}" for c, name in zip(where, fits, strict=True))
    condition = " AND ".join([found.format("="), *(each.format(_SAME) for each in others)])
    news = [f"{_quoted(c)} = {_mark(name)}" for c, name in zip(columns, sets, strict=True)]
    news += [f"{_quoted(c)} = clock_timestamp() + {_mark(name)}" for c, name in zip(more, adds, strict=True)]
    return f"UPDATE {table} SET {', '.join(news)} WHERE {condition}", (*sets, *fits, *adds)  # noqa: S608


def _insert_text(shape: Shape, number: int, *, is_checked: bool) -> tuple[str, tuple[str, ...]]:
    _, table, columns, _, same, size = shape
    names = [f"p{number}s_{column}" for column in same]
    rows = [[f"p{number}_{row}_{column}" for column in columns] for row in range(size)]
    into = f"INSERT INTO {table} ({', '.join(map(_quoted, (*same, *columns)))})"
    order = (*names, *chain.from_iterable(rows))
    if not is_checked:
        groups = ", ".join(f"({', '.join(map(_mark, (*names, *row)))})" for row in rows)
        return f"{into} VALUES {groups} ON CONFLICT DO NOTHING", order
    # Values of a select have no types of their own: the first row says them.
    types = [_types(table)[column] for column in columns]
    typed = [f"CAST({_mark(name)} AS {kind})" for name, kind in zip(rows[0], types, strict=True)]
    groups = ", ".join(f"({', '.join(row)})" for row in (typed, *(list(map(_mark, row)) for row in rows[1:])))
    own = ", ".join(map(_quoted, columns))
    wanted = ", ".join([*map(_mark, names), *(f"v.{_quoted(column)}" for column in columns)])
    source = f"SELECT {wanted} FROM (VALUES {groups}) AS v ({own})"  # noqa: S608 - names of ours only
    return f"{into} {source} WHERE NOT EXISTS (SELECT 1 FROM known) ON CONFLICT DO NOTHING", order  # noqa: S608


@lru_cache(maxsize=64)
def _types(table: str) -> Mapping[str, str]:
    """By column, its type as PostgreSQL calls it."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    names = {column.name: column.type.compile(dialect) for column in METADATA.tables[table].columns}
    # A cast to a text of some length would cut what the column refuses.
    return {name: "TEXT" if kind.startswith(("VARCHAR", "TEXT")) else kind for name, kind in names.items()}


_RESERVED: Final = frozenset({"key", "when", "after", "at", "kind", "number", "position", "data", "version"})


def _quoted(column: str) -> str:
    return f'"{column}"' if column in _RESERVED else column
