"""Back offices that a page's reader has running, each shared by the pages of this process and begun anew for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmsbridge.accounts import passwords
from pmsbridge_sitelink.sandbox import SandboxControl, spawn


@pytest.fixture(autouse=True)
def _passwords_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow on purpose; how slow is kept with each hash."""
    monkeypatch.setattr(passwords, "_PASSES", 1)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 32)


@pytest.fixture(scope="session")
def _sitelink_process() -> Iterator[SandboxControl]:
    with spawn(units=40, sites=2) as control:
        yield control


@pytest.fixture
def sitelink(_sitelink_process: SandboxControl) -> SandboxControl:
    """A SiteLink sandbox by the machine's date, as on its first day."""
    _sitelink_process.clear()
    _sitelink_process.reset()
    _sitelink_process.settings(payment_delay=0)
    return _sitelink_process
