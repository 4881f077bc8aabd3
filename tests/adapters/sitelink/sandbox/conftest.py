from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl, SandboxServer
from pmsbridge_sitelink.sandbox.clock import StandingClock, morning
from tests.adapters.sitelink.sandbox.caller import Caller

TODAY = date(2026, 11, 21)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """Two small sites whose clock stands still."""
    with SandboxServer(seed=7, sites=2, units=24, today=TODAY, clock=StandingClock(morning(TODAY))) as running:
        yield running


@pytest.fixture
def call(server: SandboxServer) -> Caller:
    return Caller(server.base_url)


@pytest.fixture
def control(server: SandboxServer) -> SandboxControl:
    return server.control
