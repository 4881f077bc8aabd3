"""The adapter before the real server, straight or through weather."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmsbridge_tryton.adapter import TrytonAdapter
from tests.adapters.tryton.account import adapter_of
from tests.adapters.tryton.weather import WeatherProxy, weather_before
from tests.servers.tryton.serving import TrytonServer


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
    adapter = adapter_of(tryton_server, url=_way.url)
    yield adapter
    adapter.close()


@pytest.fixture
def stormy(_stormy: TrytonAdapter, weather: WeatherProxy) -> TrytonAdapter:
    """To the server through ``weather``."""
    return _stormy
