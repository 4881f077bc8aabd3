"""Forges: one per journal kind and test process, each with a back office of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pmsbridge.store.database import open_database
from pmsbridge_sitelink.sandbox import spawn
from tests.crashes.smithy import Smithy, aged, emptied, fresh_file, open_smithy

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def sqlite_smithy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smithy]:
    """Workers on a SQLite file."""
    folder = tmp_path_factory.mktemp("sqlite-forge")
    template, path = folder / "empty.db", folder / "journal.db"
    open_database(f"sqlite:///{template}").close()
    with (
        spawn(sites=3) as control,
        open_smithy(f"sqlite:///{path}", folder, control, fresh_file(template, path)) as ready,
    ):
        yield ready


@pytest.fixture(scope="session")
def postgres_smithy(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smithy]:
    """Workers on a PostgreSQL database."""
    folder, url = tmp_path_factory.mktemp("postgres-forge"), postgres_server.create_database()
    open_database(url).close()
    wipe, pass_time = emptied(postgres_server, url), aged(postgres_server, url)
    with spawn(sites=3) as control, open_smithy(url, folder, control, wipe, pass_time=pass_time) as ready:
        yield ready
    postgres_server.drop_database(url)


@pytest.fixture
def smithy(request: pytest.FixtureRequest) -> Smithy:
    """The forge a test is parametrized with: "sqlite" or "postgres"."""
    ready: Smithy = request.getfixturevalue(f"{request.param}_smithy")
    return ready
