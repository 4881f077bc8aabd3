"""Which schema a database has, and what may be done with it. An empty database is set up at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Final, Protocol

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    create_mock_engine,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import ExecutableDDLElement

from pmsbridge.errors import ConfigurationError
from pmsbridge.store.portable import is_postgresql, lock_scope
from pmsbridge.store.tables import METADATA, OLDEST_CODE, SCHEMA_VERSION, schema_version

__all__ = ["HEAD", "Standing", "State", "ensure", "install", "revisions", "schema_alone", "standing"]

HEAD: Final = "0005"
"""The newest revision; the name of the last step of the migrations."""

# Not among the tables: it belongs to the tool that upgrades, under a name that meets no host application's.
revisions: Final = Table("pmsbridge_revisions", MetaData(), Column("version_num", String(32), primary_key=True))


class State(StrEnum):
    """What a database is to this code."""

    EMPTY = "empty"
    CURRENT = "current"
    NEWER_USABLE = "newer_usable"
    OLDER = "older"
    TOO_NEW = "too_new"

    @property
    def is_usable(self) -> bool:
        """Whether this code may work on it."""
        return self in {State.CURRENT, State.NEWER_USABLE}


@dataclass(frozen=True, slots=True)
class Standing:
    """Which schema a database has.

    Attributes:
        version: 0 when there are no tables yet.
        oldest_code: The oldest code that may use it, by the schema version it was written for.
        missing: Tables of this code's version that are not there, by name; looked for in a database that has any.
    """

    version: int
    oldest_code: int
    missing: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What it is to this code."""
        if self.version == 0:
            return State.EMPTY
        if self.version <= SCHEMA_VERSION:
            return State.CURRENT if self.version == SCHEMA_VERSION else State.OLDER
        return State.NEWER_USABLE if self.oldest_code <= SCHEMA_VERSION else State.TOO_NEW

    def refuse(self) -> None:
        """Nothing happens when this code may use the database.

        Raises:
            ConfigurationError: It may not; the message says what to do.
        """
        if self.state is State.OLDER:
            message = (
                f"the database has schema version {self.version}, this pmsbridge works with version {SCHEMA_VERSION}; "
                "back it up and run: pmsbridge db upgrade"
            )
            raise ConfigurationError(message, code="schema_version")
        if self.state is State.TOO_NEW:
            message = (
                f"the database has schema version {self.version}, this pmsbridge knows version {SCHEMA_VERSION} and "
                "may not use it; install the pmsbridge that wrote it, or a newer one"
            )
            raise ConfigurationError(message, code="schema_version")
        if self.state is State.CURRENT and self.missing:
            message = (
                f"the database says that it has schema version {self.version}, and lacks {', '.join(self.missing)}: "
                "somebody dropped it, or a pmsbridge that was never released made the database; restore a backup and "
                "run: pmsbridge db upgrade; or begin with an empty database"
            )
            raise ConfigurationError(message, code="schema_incomplete")


class _Transactions(Protocol):
    """What is needed of a database here."""

    def read(self) -> AbstractContextManager[Connection]:
        """One read transaction."""

    def write(self) -> AbstractContextManager[Connection]:
        """One write transaction."""


def ensure(database: _Transactions) -> None:
    """Set an empty database up; leave one that this code may use as it is.

    Raises:
        ConfigurationError: Its schema is older, or too new.
    """
    with database.read() as connection:
        found = standing(connection)
    if found.state is State.EMPTY:
        with database.write() as connection, schema_alone(connection):
            found = standing(connection)
            if found.state is State.EMPTY:
                install(connection)
                return
    found.refuse()


def standing(connection: Connection) -> Standing:
    """Which schema there is."""
    columns, missing = _columns(connection)
    if not columns:
        return Standing(0, 0)
    # The first schema has no column that says who may use it.
    if "oldest_code" not in columns:
        versions = connection.execute(select(schema_version.c.version)).scalars().all()
        return Standing(max(versions, default=0), max(versions, default=0))
    query = select(schema_version.c.version, schema_version.c.oldest_code).order_by(schema_version.c.version.desc())
    newest = connection.execute(query.limit(1)).first()
    return Standing(0, 0) if newest is None else Standing(newest.version, newest.oldest_code, missing)


def _columns(connection: Connection) -> tuple[frozenset[str], tuple[str, ...]]:
    """Of the table that says which schema there is, none where it is not; and which tables of ours are not there.

    One statement for both: every process that starts asks it.
    """
    asked = _ASKED_POSTGRESQL if is_postgresql(connection) else _ASKED_SQLITE
    rows = connection.exec_driver_sql(asked).all()
    columns = frozenset(name for kind, name in rows if kind == "column")
    return columns, tuple(sorted(name for kind, name in rows if kind == "missing"))


_OURS: Final = ", ".join(f"('{name}')" for name in METADATA.tables)
_ASKED_SQLITE: Final = (
    f"WITH ours(name) AS (VALUES {_OURS}) "  # noqa: S608 - our own names
    f"SELECT 'column', name FROM pragma_table_info('{schema_version.name}') UNION ALL "
    "SELECT 'missing', name FROM ours WHERE name NOT IN (SELECT name FROM sqlite_master WHERE type = 'table')"
)
_ASKED_POSTGRESQL: Final = (
    f"WITH ours(name) AS (VALUES {_OURS}) "  # noqa: S608 - likewise
    "SELECT 'column', attname::text FROM pg_catalog.pg_attribute "
    f"WHERE attrelid = to_regclass('{schema_version.name}') AND attnum > 0 AND NOT attisdropped UNION ALL "
    "SELECT 'missing', name::text FROM ours WHERE to_regclass(name) IS NULL"
)


def install(connection: Connection) -> None:
    """Create every table in an empty database, as the newest schema has it."""
    if METADATA.tables.keys().isdisjoint(inspect(connection).get_table_names()):
        for statement in _statements(connection.dialect.name):
            connection.exec_driver_sql(statement)
    else:  # somebody has taken away what says which schema it is, and left others
        METADATA.create_all(connection)
        revisions.create(connection, checkfirst=True)
    connection.execute(insert(revisions).values(version_num=HEAD))
    connection.execute(
        insert(schema_version).values(version=SCHEMA_VERSION, installed_at=datetime.now(UTC), oldest_code=OLDEST_CODE)
    )


@cache
def _statements(dialect: str) -> tuple[str, ...]:
    """What creates every table in an empty database, in order, in its words; said once in a process."""
    said: list[str] = []

    def keep(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        said.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{dialect}+psycopg://" if dialect == "postgresql" else f"{dialect}://", keep)
    METADATA.create_all(engine, checkfirst=False)
    revisions.create(engine, checkfirst=False)
    return tuple(said)


@contextmanager
def schema_alone(connection: Connection) -> Iterator[None]:
    """Nobody else sets up or upgrades this database until the transaction ends."""
    lock_scope(connection, "schema")
    if is_postgresql(connection):
        connection.execute(text("SELECT set_config('statement_timeout', '0', true)"))
    yield
