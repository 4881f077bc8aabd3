"""A scripted server for each test that wants one, and its client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.adapters.tryton.office import HandClock, Office, client_on, running_office

if TYPE_CHECKING:
    from pmsbridge_tryton.client import TrytonClient


@pytest.fixture
def office() -> Iterator[Office]:
    with running_office() as office:
        yield office


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def client(office: Office, clock: HandClock) -> Iterator[TrytonClient]:
    client, _ = client_on(office, clock)
    yield client
    client.close()
