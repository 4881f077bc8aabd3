"""Texts of ours as PostgreSQL itself reads them: values by ``$1``, prepared on the server, taken apart by nobody.

The driver would look through a long text for its marks each time it is run, and SQLAlchemy would wrap a cursor whose
rows are read at once: together they cost more than the server's answer. Errors still become SQLAlchemy's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from typing import Any, Final, NoReturn

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy import Connection

__all__ = ["alone", "can_pipeline", "commit_alone", "fetch", "is_untouched"]

_MARK: Final = re.compile(r"\$(\d+)")


def fetch(
    connection: Connection,
    text: str,
    values: Sequence[Any],
    *,
    prepare: bool | None = None,
    locks: Sequence[int] = (),
) -> list[Any]:
    """Run a text in the connection's transaction, which begins here if it has not; its rows.

    Args:
        connection: On PostgreSQL.
        text: With ``$1`` for the first value.
        values: As the driver wants them.
        prepare: True to keep it on the server from the first time on; None after some uses.
        locks: Advisory locks that it waits for first, and that the transaction then holds.

    Raises:
        DBAPIError: What the driver raises, as SQLAlchemy wraps it.
    """
    if not connection.in_transaction():
        connection.begin()
    driver = _driver(connection)
    if driver is None:
        for number in locks:
            connection.exec_driver_sql(*_named(_LOCK, (number,)))
        return list(connection.exec_driver_sql(*_named(text, values)).all())
    try:
        return _locked(driver, locks, text, values) if locks else _run(driver, text, values, prepare=prepare)
    except BaseException as error:  # noqa: BLE001 - whichever: SQLAlchemy knows what it says about the connection
        _raise_as_sqlalchemy(connection, error, text)


def is_untouched(connection: Connection) -> bool:
    """Whether nothing was sent yet in the connection's transaction: what is sent alone now may commit by itself."""
    driver = _driver(connection)
    return driver is not None and not driver.autocommit and driver.info.transaction_status == TransactionStatus.IDLE


def commit_alone(
    connection: Connection, text: str, values: Sequence[Any], *, locks: Sequence[int] = ()
) -> list[Any] | None:
    """Run and commit one text in one round trip, its connection untouched; None when it refused itself.

    A text refuses itself by dividing by zero: then nothing of it has happened, and the transaction is still untouched.

    Args:
        connection: Where ``is_untouched`` is true.
        text: As for ``fetch``.
        values: As for ``fetch``.
        locks: Advisory locks that it waits for first and holds until it is committed; where there are some,
            ``can_pipeline`` is true.

    Raises:
        DBAPIError: As for ``fetch``.
    """
    driver = _driver(connection)
    if driver is None:
        return None
    try:
        with _autocommit(driver):
            return _locked(driver, locks, text, values) if locks else _run(driver, text, values, prepare=True)
    except psycopg.errors.DivisionByZero:
        return None
    except BaseException as error:  # noqa: BLE001 - as above
        _raise_as_sqlalchemy(connection, error, text)


def can_pipeline() -> bool:
    """Whether libpq here sends several statements before it waits for the first one's answer."""
    return psycopg.Pipeline.is_supported()


_LOCK: Final = "SELECT pg_advisory_xact_lock(CAST($1 AS bigint))"


def _locked(driver: psycopg.Connection[Any], locks: Sequence[int], text: str, values: Sequence[Any]) -> list[Any]:
    """Take locks and run a text, in one round trip where that can be.

    The server takes statement after statement: the text is run once the locks are held, and sees what was committed
    before that moment. What is sent without a word of a transaction up to a pipeline's end is one transaction, which
    commits there and then lets the locks go.
    """
    with driver.pipeline() if can_pipeline() else nullcontext():
        for number in locks:
            psycopg.RawCursor(driver).execute(_LOCK, (number,), prepare=True)
        cursor = psycopg.RawCursor(driver, row_factory=tuple_row)
        cursor.execute(text, values, prepare=True)
    return cursor.fetchall()


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Every statement inside is a transaction of its own, with nothing said before it or after it."""
    driver = _driver(connection)
    if driver is None:
        yield
        return
    with _autocommit(driver):
        yield


@contextmanager
def _autocommit(driver: psycopg.Connection[Any]) -> Iterator[None]:
    driver.autocommit = True
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a connection that broke off is thrown away, whatever it was set to
            driver.autocommit = False


def _run(driver: psycopg.Connection[Any], text: str, values: Sequence[Any], *, prepare: bool | None) -> list[Any]:
    cursor = psycopg.RawCursor(driver, row_factory=tuple_row)
    cursor.execute(text, values, prepare=prepare)
    return cursor.fetchall()


def _driver(connection: Connection) -> psycopg.Connection[Any] | None:
    """The driver's own connection; None for one that does not block, which only SQLAlchemy knows how to wait for."""
    raw = connection.connection.driver_connection
    return raw if isinstance(raw, psycopg.Connection) else None


def _raise_as_sqlalchemy(connection: Connection, error: BaseException, text: str) -> NoReturn:
    # The only way to its listeners, and to a pool that forgets a server that went away.
    connection._handle_dbapi_exception(error, text, None, None, None)  # noqa: SLF001


def _named(text: str, values: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """As SQLAlchemy's driver wants it."""
    return _with_names(text), {f"p{number}": value for number, value in enumerate(values, start=1)}


@lru_cache(maxsize=512)
def _with_names(text: str) -> str:
    return _MARK.sub(r"%(p\1)s", text.replace("%", "%%"))
