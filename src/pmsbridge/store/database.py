"""The database: opened once, one connection per thread and transaction, forgotten after a fork."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import Pool, QueuePool

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.store.tables import METADATA, SCHEMA_VERSION, schema_version

__all__ = ["Connection", "Database", "open_database"]

_BUSY_MS: Final = 30_000
_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_INHERITED: list[Pool] = []


class Database:
    """Transactions over one database.

    Attributes:
        url: The address, its password hidden.
    """

    def __init__(self, url: str) -> None:
        self._address = url
        self.url = make_url(url).render_as_string(hide_password=True)
        self._engine: Engine | None = None
        self._pid = os.getpid()
        _OPEN.add(self)

    @property
    def engine(self) -> Engine:
        """The engine of this process; made on first use, made again after a fork."""
        if self._pid != os.getpid():
            self.forget()
        if self._engine is None:
            self._engine = _make_engine(self._address)
        return self._engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: it holds the write lock from its first moment and commits at the end.

        Raises:
            UnavailableError: The database cannot be reached or is locked for too long; nothing was stored.
        """
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction: a consistent picture, no lock.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(pmsbridge_read_only=True)
            with connection.begin():
                yield connection

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
    try:
        yield
    except OperationalError as error:
        # The driver's text may repeat values; only its class is kept.
        message = f"the journal database cannot be used now ({type(error.orig).__name__})"
        raise UnavailableError(message, code="database_unavailable") from None


def _forget_all() -> None:
    for database in list(_OPEN):
        database.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def open_database(url: str) -> Database:
    """Open a database, creating its tables when they are absent.

    Args:
        url: ``sqlite:///relative/or//absolute/path``. A SQLite database in memory is refused: it cannot be shared by
            threads, and a journal that ends with the process keeps no promise.

    Raises:
        ConfigurationError: The address is no address, the file is no database, or a newer pmsbridge has written it.
        UnavailableError: The database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        message = "store.url is not a database address such as sqlite:///pmsbridge.db"
        raise ConfigurationError(message, code="store_url") from None
    if parsed.get_backend_name() != "sqlite":
        message = f"store.url: {parsed.get_backend_name()} databases are not supported yet; use sqlite:///pmsbridge.db"
        raise ConfigurationError(message, code="store_url")
    if parsed.database in {None, "", ":memory:"} or parsed.query:
        message = (
            "store.url: give a plain path, such as sqlite:///pmsbridge.db; a database in memory would lose the journal"
        )
        raise ConfigurationError(message, code="store_url")
    _create_private_file(Path(str(parsed.database)))
    database = Database(url)
    try:
        _use_wal(database)
        _install_schema(database)
    except (sqlite3.DatabaseError, DatabaseError) as error:
        database.close()
        raise _unusable(Path(str(parsed.database)), error) from None
    return database


def _unusable(path: Path, error: Exception) -> ConfigurationError | UnavailableError:
    """What a file that is busy, or no sound database, is answered; the driver's text stays out."""
    if isinstance(error, sqlite3.OperationalError | OperationalError) and path.is_file():
        message = f"the journal database cannot be opened ({type(error).__name__})"
        return UnavailableError(message, code="database_unavailable")
    message = f"store.url: {path} is not a SQLite database; name another file, or restore this one"
    return ConfigurationError(message, code="store_url")


def _create_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        message = f"store.url: cannot create {path} ({error.strerror})"
        raise ConfigurationError(message, code="store_url") from None


def _make_engine(url: str) -> Engine:
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=16, max_overflow=48, pool_timeout=_BUSY_MS / 1000, hide_parameters=True,
        connect_args={"timeout": _BUSY_MS / 1000},
    )  # fmt: skip
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver must not begin transactions by itself: _begin says which kind.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_MS}", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("pmsbridge_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _use_wal(database: Database) -> None:
    raw = database.engine.raw_connection()
    try:
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8, None):
            # Two processes that switch a new file to WAL at once see "locked" in spite of the busy timeout.
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if pause is None:
                    message = f"the journal database cannot be opened ({type(error).__name__})"
                    raise UnavailableError(message, code="database_unavailable") from None
                time.sleep(pause)
            else:
                return
    finally:
        raw.close()


def _install_schema(database: Database) -> None:
    with database.write() as connection:
        if not inspect(connection).has_table(schema_version.name):
            METADATA.create_all(connection)
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION, installed_at=datetime.now(UTC)))
            return
        found = connection.execute(select(schema_version.c.version)).scalars().all()
    if max(found, default=0) != SCHEMA_VERSION:
        message = (
            f"the database has schema version {max(found, default=0)}, this pmsbridge knows version {SCHEMA_VERSION}; "
            "install the pmsbridge that wrote it, or a newer one"
        )
        raise ConfigurationError(message, code="schema_version")
