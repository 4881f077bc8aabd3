from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.office import Ledger, counting_office
from tests.servers.rabbitmq import NoRabbitError, RabbitServer, running_rabbit
from tests.servers.redis import NoRedisError, RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this test process; the test is skipped, with the reason, where there is none."""
    try:
        running = running_redis()
        server = running.__enter__()
    except NoRedisError as error:
        pytest.skip(f"needs Redis: {error}")
    yield server
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """A RabbitMQ of this test process; the test is skipped, with the reason, where there is none."""
    try:
        running = running_rabbit()
        server = running.__enter__()
    except NoRabbitError as error:
        pytest.skip(f"needs RabbitMQ: {error}")
    yield server
    running.__exit__(None, None, None)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def office() -> Iterator[tuple[str, Ledger]]:
    with counting_office() as running:
        yield running


@pytest.fixture
def places(request: pytest.FixtureRequest) -> Callable[[str, str], tuple[str, str]]:
    """From dispatcher and kind of store to the store's address and the broker's."""

    def chosen(by: str, store: str) -> tuple[str, str]:
        value: Any = request.getfixturevalue
        url = value("sqlite_url") if store == "sqlite" else value("postgres_url")
        if by == "celery":
            # A database of its own for every test: none reads what another left.
            return url, f"{value('redis_server').url[:-1]}{_next_database()}"
        if by == "procrastinate":
            return url, url if store == "postgres" else value("postgres_url")
        return url, ""

    return chosen


_DATABASES = iter(range(1, 16))


def _next_database() -> int:
    return next(_DATABASES)
