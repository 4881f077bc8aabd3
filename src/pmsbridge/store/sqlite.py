"""SQLite: one file, written durably, by as many threads and processes as there are."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.store.prepared import sqlite_errors

__all__ = ["READING", "checked", "fold_log", "is_passing", "knock", "make_engine", "no_database"]

READING: Final[Mapping[str, Any]] = {"pmsbridge_read_only": True}
"""Options of a connection that only reads: it never asks for the write lock."""

_BUSY_MS: Final = 30_000
_KEPT_OPEN: Final = 16
_CHECKPOINT_PAGES: Final = 4_000
"""Of 4 KiB. By SQLite's own 1,000 each batch of a night would be copied into the file at once, indexes every time."""


def checked(url: URL) -> URL:
    """The address of a file.

    Raises:
        ConfigurationError: It names a database in memory, or has options.
    """
    if url.database in {None, "", ":memory:"} or url.query:
        message = (
            "store.url: give a plain path, such as sqlite:///pmsbridge.db; a database in memory would lose the journal"
        )
        raise ConfigurationError(message, code="store_url")
    return url


def make_engine(url: URL, connections: int) -> Engine:
    """An engine whose transactions take the write lock at their beginning."""
    kept = min(_KEPT_OPEN, connections)
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=kept, max_overflow=connections - kept, pool_timeout=_BUSY_MS / 1000,
        hide_parameters=True, connect_args={"timeout": _BUSY_MS / 1000},
    )  # fmt: skip
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    # The driver must not begin transactions by itself: _begin says which kind.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    pragmas = (
        f"busy_timeout={_BUSY_MS}", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    )  # fmt: skip
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("pmsbridge_read_only", False)
    text = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    with sqlite_errors(connection, text):
        connection.connection.cursor().execute(text)


def knock(engine: Engine) -> None:
    """Make the file when it is absent, readable by its owner alone, and see that it is a database.

    Raises:
        ConfigurationError: It cannot be made, or is something else.
        UnavailableError: It is locked for too long.
    """
    _create_private_file(_path(engine))
    if _path(engine).is_dir():
        raise no_database(engine)
    try:
        _use_wal(engine)
    except sqlite3.OperationalError as error:
        raise _busy(error) from None
    except (sqlite3.DatabaseError, DatabaseError) as error:
        if isinstance(error, OperationalError):
            raise _busy(error) from None
        raise no_database(engine) from None


def _use_wal(engine: Engine) -> None:
    raw = engine.raw_connection()
    try:
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8, None):
            # Two processes that switch a new file to WAL at once see "locked" in spite of the busy timeout.
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return
    finally:
        raw.close()


def fold_log(engine: Engine) -> bool:
    """Write the log into the file and cut it; False when a reader still needs it. Deleted content is overwritten."""
    raw = engine.raw_connection()
    try:
        (busy, _, _) = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        raw.close()
    return not busy


def _create_private_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        message = f"store.url: cannot create {path} ({error.strerror})"
        raise ConfigurationError(message, code="store_url") from None


def is_passing(error: DBAPIError) -> bool:
    """Whether the same may work later: locked, out of space, not readable now."""
    return isinstance(error, OperationalError)


def _busy(error: Exception) -> UnavailableError:
    message = f"the journal database cannot be opened ({type(error).__name__})"
    return UnavailableError(message, code="database_unavailable")


def no_database(engine: Engine) -> ConfigurationError:
    """What a file is answered that is no sound database; the driver's text stays out."""
    message = f"store.url: {_path(engine)} is not a SQLite database; name another file, or restore this one"
    return ConfigurationError(message, code="store_url")


def _path(engine: Engine) -> Path:
    return Path(str(engine.url.database))
