"""The server for pytest: shared by all tests of a worker, each with a customer of its own; or one for a test alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pmsbridge_tryton.sandbox.building import built
from pmsbridge_tryton.sandbox.recipe import NoTrytonError, recipe
from pmsbridge_tryton.sandbox.serving import Conf, TrytonServer, running_tryton
from pmsbridge_tryton.sandbox.yard import Customer, Yard

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

__all__ = ["FreshTryton", "fresh_tryton", "tryton_customer", "tryton_pg", "tryton_server", "tryton_yard"]

FreshTryton = Callable[..., TrytonServer]
"""``fresh_tryton({"session": {"timeout": 2}})``: a server that no other test uses, on books that nobody wrote into."""


@pytest.fixture(scope="session")
def tryton_server() -> Iterator[TrytonServer]:
    """A server on SQLite, shared by the tests of this process: they make customers of their own, and stop nothing.

    The test is skipped, with the reason, where it cannot be installed.
    """
    with ExitStack() as held:
        yield _running(held, None)


@pytest.fixture(scope="session")
def tryton_yard(tryton_server: TrytonServer) -> Yard:
    """The staff of the shared server."""
    return Yard(tryton_server.caller("staff"), tryton_server.facts)


@pytest.fixture
def tryton_customer(tryton_yard: Yard) -> Customer:
    """A customer that no other test knows."""
    return tryton_yard.customer()


@pytest.fixture
def fresh_tryton() -> Iterator[FreshTryton]:
    """Makes servers that belong to the test, and may be killed, frozen and configured."""
    with ExitStack() as held:
        yield lambda conf=None: _running(held, conf)


@pytest.fixture(scope="session")
def tryton_pg(postgres_server: PostgresServer) -> Iterator[TrytonServer]:
    """A server on PostgreSQL, shared by the tests of this process: for many who write at once."""
    from tests.servers.tryton.on_postgres import running_on_postgres

    with ExitStack() as held:
        try:
            server = held.enter_context(running_on_postgres(recipe(), postgres_server, tell=_tell))
        except NoTrytonError as problem:
            pytest.skip(f"needs Tryton on PostgreSQL: {problem}")
        yield server


def _running(held: ExitStack, conf: Conf | None) -> TrytonServer:
    try:
        made = recipe()
        return held.enter_context(running_tryton(made, built(made, _tell), conf))
    except NoTrytonError as problem:
        pytest.skip(f"needs Tryton: {problem}")


def _tell(what: str) -> None:
    """On the terminal, past pytest: whoever waits wants to know for what."""
    if sys.__stderr__ is not None:
        print(f"Tryton: {what} ...", file=sys.__stderr__, flush=True)
