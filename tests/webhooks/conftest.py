from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pmsbridge.store.database import Database, open_database
from tests.webhooks.receiver import Receiver
from tests.webhooks.receiver import receiver as running_receiver
from tests.webhooks.stage import Stage


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_journal")
        return found
    return f"sqlite:///{tmp_path / 'pmsbridge.db'}"


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = open_database(address)
    yield opened
    opened.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as state:
        yield state


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    running = []

    def another() -> Receiver:
        context = running_receiver()
        running.append(context)
        return context.__enter__()

    yield another
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    made = Stage(database)
    yield made
    made.close()
