"""The portal of a test, before each back office that it runs before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.accounts import passwords
from pmsbridge_rest import adapter
from pmsbridge_rest.shipped import shipped_mappings
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.adapters.sitelink.office import OPENED, TODAY
from tests.facts.portal import Portal, before_mapping, before_sandbox, in_memory, mapping_read


@pytest.fixture(scope="session")
def running_office() -> Iterator[SandboxControl]:
    with spawn(today=TODAY, units=40, sites=2) as control:
        yield control


@pytest.fixture(autouse=True)
def _passwords_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow on purpose; how slow is kept with each hash."""
    monkeypatch.setattr(passwords, "_PASSES", 1)
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 32)


@pytest.fixture(autouse=True)
def _mappings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one takes longer than most tests here; what is read never changes."""
    monkeypatch.setattr(adapter, "load_mapping", mapping_read)


@pytest.fixture(params=["memory", "sitelink", "cubby"])
def back_office(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rules() -> dict[str, Any]:
    """The portal's own rules, by field of its settings; a test may have others."""
    return {}


@pytest.fixture
def portal(back_office: str, rules: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Portal]:
    """Before the back office of the parameter ``back_office``; before each when a test does not choose."""
    if back_office == "memory":
        with in_memory(tmp_path, **rules) as made:
            yield made
        return
    if back_office in shipped_mappings():
        with before_mapping(tmp_path, back_office, **rules) as made:
            made.bridge.sync()  # units are told by the night alone
            yield made
        return
    control: SandboxControl = request.getfixturevalue("running_office")
    control.clear()
    control.reset()
    with before_sandbox(tmp_path, control, **rules) as made:
        yield made
    while OPENED:
        OPENED.pop().close()
