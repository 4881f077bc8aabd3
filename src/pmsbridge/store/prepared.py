"""Statements whose text is made once and then only run.

A worker asks the journal the same dozen questions all day. Built, compiled and unpacked in general each time, such a
question costs ten times what the database needs to answer it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final

from sqlalchemy import BindParameter, CompoundSelect, Connection, Insert, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.schema import ScalarElementColumnDefault

__all__ = ["Command", "Query", "driver_rows", "driver_write", "in_order", "numbered", "on_postgresql", "sqlite_errors"]

_Convert = Callable[[Any], Any]
_Values = Mapping[str, Any]
_NOTHING: Final[_Values] = {}
_SQLITE: Final = "sqlite"


def driver_rows(
    connection: Connection, text: str, values: Sequence[Any], *, prepare: bool | None = None
) -> Sequence[Sequence[Any]]:
    """Run a text of ours in the connection's transaction, and fetch everything, as the driver gives it.

    Args:
        connection: Any of ours or of a caller's.
        text: With marks of the database: ``?`` on SQLite, ``$1`` on PostgreSQL.
        values: As the driver wants them.
        prepare: Whether PostgreSQL keeps the text from its first use on; None after some uses.

    Raises:
        DBAPIError: What the driver raises, as SQLAlchemy wraps it.
    """
    if connection.dialect.name != _SQLITE:
        found: Sequence[Sequence[Any]] = on_postgresql().fetch(connection, text, values, prepare=prepare)
        return found
    with sqlite_errors(connection, text):
        rows: Sequence[Sequence[Any]] = _cursor(connection).execute(text, values).fetchall()
        return rows


@cache
def on_postgresql() -> ModuleType:
    """What talks to PostgreSQL's driver, which is there only where it is used."""
    from pmsbridge.store import postgres_texts  # noqa: PLC0415 - an extra

    return postgres_texts


def driver_write(connection: Connection, text: str, values: Sequence[Any]) -> int:
    """As ``driver_rows``, on SQLite, for a text that returns no rows: how many it touched."""
    with sqlite_errors(connection, text):
        touched: int = _cursor(connection).execute(text, values).rowcount
        return touched


def _cursor(connection: Connection) -> Any:  # noqa: ANN401 - the driver's own
    if not connection.in_transaction():
        connection.begin()  # as SQLAlchemy does before a connection's first statement
    cursor: Any = connection.connection.cursor()
    return cursor


class sqlite_errors:  # noqa: N801 - a context manager
    """The driver's error becomes SQLAlchemy's, as it would have there."""

    __slots__ = ("_connection", "_text")

    def __init__(self, connection: Connection, text: str) -> None:
        self._connection = connection
        self._text = text

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Wrap it."""
        if isinstance(error, sqlite3.Error):
            raise DBAPIError.instance(
                self._text, None, error, sqlite3.Error, hide_parameters=True, dialect=self._connection.dialect
            ) from None  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Slot:
    """One parameter of a text.

    Attributes:
        name: What the caller calls the value; empty for one that is always the same.
        item: Its place in the caller's list; None when the value is no list.
    """

    mark: str
    name: str
    item: int | None
    convert: _Convert | None
    constant: Any = None

    def value(self, given: _Values) -> Any:  # noqa: ANN401 - as the driver wants it
        if not self.name:
            return self.constant
        value = given[self.name] if self.item is None else given[self.name][self.item]
        return value if self.convert is None else self.convert(value)


@dataclass(frozen=True, slots=True)
class _Made:
    """A statement as one driver wants it, for lists of certain lengths.

    Attributes:
        results: By place in a row, what makes a value of the driver's one of ours.
        is_one: It has no lists: there is only this one text of it.
    """

    text: str
    slots: Sequence[_Slot]
    results: Sequence[tuple[int, _Convert]]
    is_one: bool

    def rows(self, connection: Connection, given: _Values) -> Sequence[Sequence[Any]]:
        found = driver_rows(
            connection, self.text, [slot.value(given) for slot in self.slots], prepare=self.is_one or None
        )
        return [self._converted(row) for row in found] if self.results else found

    def _converted(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for place, convert in self.results:
            values[place] = convert(values[place])
        return values


class Command:
    """A statement that returns no rows, run once for each of many."""

    def __init__(self, statement: Insert) -> None:
        self._statement = statement
        self._defaults = {
            column.name: column.default.arg for column in statement.table.columns
            if isinstance(column.default, ScalarElementColumnDefault)
        }  # fmt: skip
        self._made: dict[tuple[str, ...], _Made] = {}

    def run(self, connection: Connection, rows: Sequence[_Values]) -> None:
        """For every row, all of which have the same columns."""
        if connection.dialect.name != _SQLITE:
            connection.execute(self._statement, rows)  # many rows are one statement there
            return
        columns = tuple({**self._defaults, **rows[0]})
        made = self._made.get(columns)
        if made is None:
            compiled = self._statement.compile(dialect=connection.dialect, column_keys=columns)
            made = self._made[columns] = _make(self._statement, compiled, {}, columns)
        whole = [self._defaults | dict(row) for row in rows] if self._defaults else rows
        with sqlite_errors(connection, made.text):
            _cursor(connection).executemany(made.text, [[slot.value(row) for slot in made.slots] for row in whole])


class Query:
    """A statement that returns rows, its parameters named by ``bindparam``; lists are ``expanding`` ones."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | ReturningUpdate[Any]) -> None:
        self._statement = statement
        binds = (each for each in visitors.iterate(statement) if isinstance(each, BindParameter))
        self._lists = tuple(sorted({bind.key for bind in binds if bind.expanding and bind.required}))
        self._compiled: dict[str, SQLCompiler] = {}
        self._made: dict[tuple[str, tuple[int, ...]], _Made] = {}

    def all(self, connection: Connection, given: _Values = _NOTHING) -> Sequence[Sequence[Any]]:
        """Every row, its values in the statement's order."""
        sizes: tuple[int, ...] = ()
        if self._lists:
            given = dict(given) | {name: _padded(given[name]) for name in self._lists}
            sizes = tuple(len(given[name]) for name in self._lists)
        key = (connection.dialect.name, sizes)
        made = self._made.get(key)
        if made is None:
            lists = dict(zip(self._lists, sizes, strict=True))
            made = self._made[key] = _make(self._statement, self.compiled(connection.dialect), lists)
        return made.rows(connection, given)

    def compiled(self, dialect: Dialect) -> SQLCompiler:
        """The statement in a database's words, but for the lengths of its lists; found out once."""
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._statement.compile(dialect=dialect)
        return known

    def first(self, connection: Connection, given: _Values = _NOTHING) -> Sequence[Any] | None:
        """The first row; None when there is none."""
        found = self.all(connection, given)
        return found[0] if found else None

    def scalar(self, connection: Connection, given: _Values = _NOTHING) -> Any:  # noqa: ANN401 - the column's value
        """The first value of the first row; None when there is none."""
        found = self.all(connection, given)
        return found[0][0] if found else None


def _make(
    statement: Any,  # noqa: ANN401 - of several kinds
    compiled: SQLCompiler,
    lists: Mapping[str, int],
    columns: Sequence[str] | None = None,
) -> _Made:
    """The text of a statement, for lists of these lengths, and what its parameters are made of."""
    dialect = compiled.dialect
    binds = compiled.binds
    sample = {name: [None] * lists[name] if name in lists else None for name, bind in binds.items() if bind.required}
    state = compiled.construct_expanded_state(sample)
    # A list's values have marks of their own, numbered.
    places = {mark: (name, n) for name, marks in state.parameter_expansion.items() for n, mark in enumerate(marks)}
    slots = []
    for mark in state.positiontup if state.positiontup is not None else state.parameters:
        name, place = places.get(mark, (mark, None))
        convert = binds[name].type.dialect_impl(dialect).bind_processor(dialect)
        if binds[name].required or (columns is not None and name in columns):
            slots.append(_Slot(mark, name, place, convert))
        else:
            value = state.parameters[mark]
            slots.append(_Slot(mark, "", None, None, value if convert is None else convert(value)))
    returned = [column.type.dialect_impl(dialect) for column in statement.exported_columns] if columns is None else []
    converts = ((place, kind.result_processor(dialect, None)) for place, kind in enumerate(returned))
    results = [(place, convert) for place, convert in converts if convert is not None]
    text = state.statement if state.positiontup is not None else numbered(state.statement, [s.mark for s in slots])
    return _Made(text, slots, results, is_one=not lists)


_NAMED: Final = re.compile(r"%\((.+?)\)s|%%")


def numbered(text: str, marks: Sequence[str]) -> str:
    """With ``$1`` for the first mark, wherever it stands."""
    places = {mark: f"${number}" for number, mark in enumerate(marks, start=1)}
    return _NAMED.sub(lambda found: places[found[1]] if found[1] else "%", text)


def in_order(text: str, marks: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """With ``?`` for every mark, and which of the marks each of them is."""
    places = {mark: place for place, mark in enumerate(marks)}
    order = tuple(places[found] for found in _NAMED.findall(text) if found)
    return _NAMED.sub(lambda found: "?" if found[1] else "%", text), order


def _padded(values: Sequence[Any]) -> Sequence[Any]:
    """Lengthened to a power of two by its last value, so that few texts serve lists of every length."""
    wanted = 1 << (len(values) - 1).bit_length() if values else 0
    return [*values, *(values[-1] for _ in range(wanted - len(values)))]
