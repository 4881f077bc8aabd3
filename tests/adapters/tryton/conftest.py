"""A scripted server for each test that wants one, and its client; and the adapter before the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from tests.adapters.tryton.account import FACILITY, ZONE, adapter_of
from tests.adapters.tryton.office import HandClock, Office, client_on, running_office
from tests.adapters.tryton.weather import WeatherProxy, weather_before

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


@pytest.fixture(scope="module")
def erp(tryton_server: TrytonServer) -> Iterator[TrytonAdapter]:
    """Straight to the server."""
    adapter = adapter_of(tryton_server)
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def _way(tryton_server: TrytonServer) -> Iterator[WeatherProxy]:
    with weather_before("127.0.0.1", tryton_server.port) as found:
        yield found


@pytest.fixture
def weather(_way: WeatherProxy) -> WeatherProxy:
    """The way to the server that ``stormy`` takes; good weather at first."""
    _way.clear()
    return _way


@pytest.fixture(scope="module")
def _stormy(tryton_server: TrytonServer, _way: WeatherProxy) -> Iterator[TrytonAdapter]:
    facility = {"code": FACILITY, "zone": ZONE, "policy": {"call_off_notice_days": 1}}
    adapter = adapter_of(tryton_server, url=_way.url, facility=facility)
    yield adapter
    adapter.close()


@pytest.fixture
def stormy(_stormy: TrytonAdapter, weather: WeatherProxy) -> TrytonAdapter:
    """To the server through ``weather``."""
    return _stormy
