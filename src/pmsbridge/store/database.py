"""The database: opened once, one connection per thread and transaction, forgotten after a fork."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import Pool

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.store import installing, postgres, sqlite
from pmsbridge.store.fork_gate import GATE
from pmsbridge.store.prepared import on_postgresql

__all__ = ["Connection", "Database", "Engine", "open_database", "parsed_address", "reach_database"]

_CONNECTIONS: Final = 64
_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_INHERITED: list[Pool] = []


class Database:
    """Transactions over one database.

    Attributes:
        url: The address, its password hidden.
        kind: "sqlite" or "postgresql".
    """

    def __init__(self, url: str, *, connections: int = _CONNECTIONS) -> None:
        """Nothing is opened yet.

        Args:
            url: As for ``open_database``.
            connections: How many this process has open at most; further transactions wait for one.

        Raises:
            ConfigurationError: The address is none that can be used.
        """
        self._address = parsed_address(url)
        self._connections = connections
        self.url = self._address.render_as_string(hide_password=True)
        self.kind = self._address.get_backend_name()
        self._engine: Engine | None = None
        self._reader: tuple[Engine, Engine] | None = None
        self._pid = os.getpid()
        _OPEN.add(self)

    @property
    def engine(self) -> Engine:
        """The engine of this process; made on first use, made again after a fork."""
        if self._pid != os.getpid():
            self.forget()
        if self._engine is None:
            make = postgres.make_engine if self.kind == postgres.KIND else sqlite.make_engine
            self._engine = make(self._address, self._connections)
        return self._engine

    @property
    def _reading_engine(self) -> Engine:
        engine = self.engine
        if self._reader is None or self._reader[0] is not engine:
            options = postgres.READING if self.kind == postgres.KIND else sqlite.READING
            self._reader = (engine, engine.execution_options(**options))
        return self._reader[1]

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction; it commits at the end.

        On SQLite it holds the write lock from its first moment. On PostgreSQL several are at work at once, each sees
        what the others committed before its statement began (READ COMMITTED), and ``lock_scope`` keeps them apart.

        Raises:
            UnavailableError: The database cannot be reached or is locked for too long. Nothing was stored, unless the
                connection broke in the commit itself: then only reading tells.
        """
        with GATE.inside(), _translated(), self._begun(self.engine) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction: a consistent picture, no lock; what it sees does not change until it ends.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with GATE.inside(), _translated(), self._begun(self._reading_engine) as connection:
            yield connection

    def _begun(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction on a connection of an engine, committed at its end."""
        return engine.begin()

    def wipe_old_pages(self) -> bool:
        """Leave nothing of what was deleted or overwritten in the files; False when somebody was in the way.

        On PostgreSQL nothing happens: old versions of rows go with its own VACUUM.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        if self.kind == postgres.KIND:
            return False
        with GATE.inside(), _translated():
            return sqlite.fold_log(self.engine)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For one statement that reads and nothing else: on PostgreSQL without a transaction around it; else ``read``.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        if self.kind != postgres.KIND:
            with self.read() as connection:
                yield connection
            return
        with GATE.inside(), _translated(), self.engine.connect() as connection, on_postgresql().alone(connection):
            yield connection

    def rest(self) -> None:
        """Close the file in every connection that nobody uses at the moment: a child forked now inherits none of them.

        Nothing happens on PostgreSQL: its driver knows which process a connection belongs to.
        """
        if self._engine is not None and self._pid == os.getpid() and self.kind != postgres.KIND:
            self._engine.dispose()

    def forget(self) -> None:
        """Drop what was inherited from a parent process, without touching its connections."""
        if self._engine is not None:
            # Closing an inherited connection would harm the parent's; it is kept alive, unused, instead.
            _INHERITED.append(self._engine.pool)
            self._engine.dispose(close=False)
        self._engine = None
        self._pid = os.getpid()

    def __del__(self) -> None:
        # Whoever forgets to close leaves no open file behind; at the end of the interpreter there is nothing to say.
        with suppress(Exception):
            self.close()

    def close(self) -> None:
        """Close every connection of this process. Idempotent; using the database again opens it again."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
            self._engine = None


@contextmanager
def _translated() -> Iterator[None]:
    """What the database cannot do now becomes our error, without the driver's text: that may repeat values."""
    try:
        yield
    except PoolTimeoutError:
        message = "every connection to the journal database is in use"
        raise UnavailableError(message, code="database_unavailable") from None
    except DBAPIError as error:
        if not (postgres.is_passing(error) or sqlite.is_passing(error)):
            raise
        message = f"the journal database cannot be used now ({type(error.orig).__name__})"
        raise UnavailableError(message, code="database_unavailable") from None


def _before_fork() -> None:
    GATE.close()
    for database in list(_OPEN):
        with suppress(Exception):
            database.rest()


def _forget_all() -> None:
    GATE.forget()
    for database in list(_OPEN):
        database.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=GATE.open, after_in_child=_forget_all)


def open_database(url: str, *, connections: int = _CONNECTIONS) -> Database:
    """Open a database, creating its tables when there are none.

    Args:
        url: ``sqlite:///relative/or//absolute/path`` or ``postgresql://user@host:port/name``, with options of libpq
            after a ``?`` ("sslmode=verify-full"). A SQLite database in memory is refused: it cannot be shared by
            threads, and a journal that ends with the process keeps no promise.
        connections: How many this process has open at most.

    Raises:
        ConfigurationError: The address is no address, there is no such database, the user may not use it, it would lose
            what it has confirmed, its schema is older (run ``pmsbridge db upgrade``), or a newer pmsbridge has written
            it.
        UnavailableError: The database cannot be reached.
    """
    database = reach_database(url, connections=connections)
    try:
        installing.ensure(database)
    except BaseException as error:
        database.close()
        if isinstance(error, DBAPIError):
            raise _unusable(database, error) from None
        raise
    return database


def reach_database(url: str, *, connections: int = _CONNECTIONS) -> Database:
    """Connect, whatever schema is there, and change nothing in it; a SQLite file that is not there is made, empty.

    Raises:
        ConfigurationError: As for ``open_database``, the schema aside.
        UnavailableError: The database cannot be reached.
    """
    database = Database(url, connections=connections)
    knock = postgres.knock if database.kind == postgres.KIND else sqlite.knock
    try:
        with GATE.inside():
            knock(database.engine)
    except BaseException:
        database.close()
        raise
    return database


def _unusable(database: Database, error: DBAPIError) -> ConfigurationError:
    if database.kind == postgres.KIND:
        return postgres.refused(error)
    return sqlite.no_database(database.engine)


def parsed_address(url: str) -> URL:
    """A database's address, taken apart, its driver named.

    Raises:
        ConfigurationError: It is none that can be used; the message repeats nothing of it.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        message = "store.url is not a database address such as sqlite:///pmsbridge.db"
        raise ConfigurationError(message, code="store_url") from None
    kind = parsed.get_backend_name()
    if kind in postgres.NAMES:
        return postgres.checked(parsed)
    if kind == "sqlite":
        return sqlite.checked(parsed)
    message = f"store.url: {kind} databases are not supported; use sqlite:///pmsbridge.db or postgresql://host/name"
    raise ConfigurationError(message, code="store_url")
