"""A fixture for the tests of a portal: the back office of a mapping in a process of its own, clean before each test.

pytest finds it wherever this distribution is installed, and every pytest run loads this module. So it imports nothing
but pytest; the sandbox itself is loaded by the first test that wants it.

Fixtures: `rest_sandbox_mapping` (override it), `rest_sandbox`, `rest_office` and `rest_account`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .control import SandboxControl


@pytest.fixture(scope="session")
def rest_sandbox_mapping() -> str:
    """Which vendor: a mapping file, or the name of one that comes with the adapter; override it."""
    return "cubby"


@pytest.fixture(scope="session")
def rest_sandbox(rest_sandbox_mapping: str) -> Iterator[SandboxControl]:
    """The control of one sandbox process for the whole run, ended with it; under xdist one per worker."""
    from .process import spawn  # noqa: PLC0415 - runs that want no sandbox pay nothing

    with spawn(rest_sandbox_mapping) as control:
        yield control


@pytest.fixture
def rest_office(rest_sandbox: SandboxControl) -> SandboxControl:
    """The sandbox as on its first day: no calls logged, no faults."""
    rest_sandbox.reset()
    return rest_sandbox


@pytest.fixture
def rest_account(rest_office: SandboxControl, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The `options` table of an account on the sandbox; its secrets are in the environment."""
    account = rest_office.account()
    references = {}
    for name, word in account["secrets"].items():
        variable = f"REST_SANDBOX_{name.upper()}"
        monkeypatch.setenv(variable, word)
        references[name] = f"env:{variable}"
    return {**account, "secrets": references, "base_url": rest_office.base_url}
