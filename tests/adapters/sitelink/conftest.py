"""One sandbox process for all tests of the adapter, started over before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.adapters.sitelink.office import OPENED, TODAY, Judge, adapter_on


@pytest.fixture(scope="session")
def running_office() -> Iterator[SandboxControl]:
    with spawn(today=TODAY, units=40, sites=2) as control:
        yield control


@pytest.fixture
def office(running_office: SandboxControl) -> SandboxControl:
    running_office.clear()
    running_office.reset()
    return running_office


@pytest.fixture
def judge(office: SandboxControl) -> Judge:
    return Judge(office)


@pytest.fixture(autouse=True)
def _adapters_are_closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def adapter(office: SandboxControl) -> SiteLinkAdapter:
    return adapter_on(office)
