"""Servers as fixtures; each starts when the first test asks for it, and once per process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

__all__ = ["postgres_journal", "postgres_server", "postgres_url"]

# Read when this is imported: a test sees no setting of whoever runs the suite.
_EXTERNAL = os.environ.get("PMSBRIDGE_TEST_PG", "")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test process; the test is skipped, with the reason, where there is none."""
    pytest.importorskip("psycopg", reason="needs psycopg: install pmsbridge[postgres]")
    from tests.servers.postgres import NoPostgresError, running_postgres

    running = running_postgres(external=_EXTERNAL, in_memory=True)
    try:
        server = running.__enter__()
    except NoPostgresError as error:
        pytest.skip(f"needs PostgreSQL: {error}")
    try:
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh, empty database, for ``open_database``; dropped afterwards."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def _postgres_tables(postgres_server: PostgresServer) -> str:
    from pmsbridge.store.database import open_database

    url = postgres_server.create_database()
    open_database(url).close()
    return url


@pytest.fixture
def postgres_journal(postgres_server: PostgresServer, _postgres_tables: str) -> str:
    """The address of a database with our tables and no row in them: quicker than a fresh one, for many small tests."""
    from pmsbridge.store.tables import METADATA, schema_version

    tables = [table for table in reversed(METADATA.sorted_tables) if table is not schema_version]
    counters = [f"pg_get_serial_sequence('{table.name}', 'seq')" for table in tables if "seq" in table.columns]
    postgres_server.goes(_postgres_tables)
    with postgres_server.connect(_postgres_tables.rpartition("/")[2]) as connection:
        # Whoever is left over from the last test is gone before its rows are.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        emptied = [f"DELETE FROM {table.name}" for table in tables]  # noqa: S608 - our own names
        for statement in [*emptied, *(f"SELECT setval({counter}, 1, false)" for counter in counters)]:
            connection.execute(statement.encode())
    return _postgres_tables
