"""An office and a client per test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pmsbridge.transport.http import Deadline, HttpClient, HttpLimits
from tests.adapters.rest.wire.office import Office, opened


@pytest.fixture
def office() -> Iterator[Office]:
    with opened() as found:
        yield found


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(HttpLimits(read_timeout=timedelta(seconds=20), deadline=timedelta(seconds=20)))
    yield client
    client.close()


@pytest.fixture
def deadline(http: HttpClient) -> Deadline:
    return http.deadline()
