"""The few statements that databases spell differently."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store.prepared import Command, Query

__all__ = ["database_now", "insert_absent", "is_postgresql", "lock_number", "lock_scope", "put", "shared_now"]


def is_postgresql(connection: Connection) -> bool:
    """Whether several writers work at once here; on SQLite the write lock lets one in at a time."""
    return connection.dialect.name == "postgresql"


def lock_scope(connection: Connection, *parts: str) -> None:
    """Let one transaction at a time into a scope; held until the transaction ends.

    On PostgreSQL this waits for a transaction-level advisory lock (it works through connection poolers, and a
    transaction that dies lets go of it). On SQLite a write transaction already excludes every other. Whoever takes
    several takes them in one order, or the database ends one of two with an ``UnavailableError``.

    Args:
        connection: An open write transaction.
        parts: What names the scope; ("a", "bc") and ("ab", "c") are two.
    """
    if is_postgresql(connection):
        _LOCK.all(connection, {"number": lock_number(*parts)})


_LOCK: Final = Query(select(func.pg_advisory_xact_lock(bindparam("number", type_=BigInteger))))


def lock_number(*parts: str) -> int:
    """Of a scope's lock on PostgreSQL: a signed 64-bit number, the same in every process, version and machine."""
    text = "\x1e".join(("pmsbridge", *parts))
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def database_now(connection: Connection) -> datetime:
    """The time every process agrees on, in UTC: the server's on PostgreSQL, this machine's on SQLite.

    It moves on within a transaction.
    """
    if not is_postgresql(connection):
        return datetime.now(UTC)
    found: datetime = _SERVER_NOW.scalar(connection)
    return found.astimezone(UTC)


_SERVER_NOW: Final = Query(select(func.clock_timestamp()))


def shared_now(connection: Connection, clock: Clock) -> datetime:
    """What leases are measured by: the server's clock where there is one, unless a test brought its own clock."""
    return database_now(connection) if isinstance(clock, SystemClock) and is_postgresql(connection) else clock.now()


@lru_cache(maxsize=64)
def _absent(table: Table, kind: str) -> Command:
    return Command(_insert(table, kind).on_conflict_do_nothing())


@lru_cache(maxsize=64)
def _over(table: Table, kind: str, columns: tuple[str, ...], keep: tuple[str, ...], unless_newer: str) -> Command:
    statement = _insert(table, kind)
    keys = [column.name for column in table.primary_key.columns]
    fresh = {name: statement.excluded[name] for name in columns if name not in {*keys, *keep}}
    condition = table.c[unless_newer] <= statement.excluded[unless_newer] if unless_newer else None
    return Command(statement.on_conflict_do_update(index_elements=keys, set_=fresh, where=condition))


def _insert(table: Table, kind: str) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if kind == postgresql.dialect.name else sqlite.insert(table)


def insert_absent(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that no unique key of the table knows yet; leave the others alone."""
    if rows:
        _absent(table, connection.dialect.name).run(connection, _ordered(table, rows))


def put(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: Sequence[str] = (),
    unless_newer: str = "",
) -> None:
    """Insert rows, or overwrite those with the same primary key.

    Args:
        connection: An open transaction.
        table: Where.
        rows: All with the same columns.
        keep: Columns that an overwritten row keeps.
        unless_newer: A column; a row that already holds more in it stays as it is. Empty: every row is overwritten.
    """
    if not rows:
        return
    command = _over(table, connection.dialect.name, tuple(rows[0]), tuple(keep), unless_newer)
    command.run(connection, _ordered(table, rows))


def _ordered(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By key: two transactions that write the same rows then wait for each other in one direction only."""
    if len(rows) == 1:
        return [dict(rows[0])]
    keys = [column.name for column in table.primary_key.columns if column.name in rows[0]]
    return sorted((dict(row) for row in rows), key=lambda row: [row[key] for key in keys])
