"""Fixtures for the tests of a portal: a SiteLink sandbox in a process of its own, clean before each test.

pytest finds them wherever this distribution is installed, and every pytest run loads this module. So it imports
nothing but pytest; the sandbox itself is loaded by the first test that wants it.

Fixtures: `sitelink_sandbox_options` (override it), `sitelink_sandbox`, `sitelink_office`, `sitelink_account` and
`sitelink_settings`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .control import SandboxControl

_LICENCE_VARIABLE = "SITELINK_SANDBOX_LICENSE"
_PASSWORD_VARIABLE = "SITELINK_SANDBOX_PASSWORD"  # noqa: S105 - the name of a variable
_HEAD = '[engine]\nsettle_window = "1s"\n\n[accounts.sandbox]\nsystem = "sitelink"\n\n[accounts.sandbox.options]\n'


@pytest.fixture(scope="session")
def sitelink_sandbox_options() -> dict[str, Any]:
    """How big the sandbox is; override it in your `conftest.py`.

    Any of `seed`, `sites` (locations, `L001` onwards), `units` (per location) and `today` (the date it opens
    on, again for each test of `sitelink_office`; None is the real day). What is left out is 7, 1, 40 and None.
    """
    return {}


@pytest.fixture(scope="session")
def sitelink_sandbox(sitelink_sandbox_options: Mapping[str, Any]) -> Iterator[SandboxControl]:
    """The control of one sandbox process for the whole run, ended with it; under xdist one per worker."""
    from .process import spawn  # noqa: PLC0415 - runs that want no sandbox pay nothing

    sizes: dict[str, Any] = {"seed": 7, "sites": 1, "units": 40, "today": None, **sitelink_sandbox_options}
    with spawn(**sizes) as control:
        yield control


@pytest.fixture
def sitelink_office(sitelink_sandbox: SandboxControl) -> SandboxControl:
    """The sandbox as on its first day: books and settings as the seed makes them, no calls logged, no faults."""
    sitelink_sandbox.reset()  # drops the faults, too
    return sitelink_sandbox


@pytest.fixture
def sitelink_account(
    sitelink_office: SandboxControl, sitelink_sandbox_options: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The `options` table of an account on the sandbox, every location included; its secrets are in the environment.

    Raw cards are allowed: there is no real one here.
    """
    from .access import CORP_CODE, CORP_PASSWORD, CORP_USER, LICENCE_KEY  # noqa: PLC0415 - as above
    from .seeding import location_code  # noqa: PLC0415 - as above

    monkeypatch.setenv(_LICENCE_VARIABLE, LICENCE_KEY)
    monkeypatch.setenv(_PASSWORD_VARIABLE, CORP_PASSWORD)
    sites = int(sitelink_sandbox_options.get("sites", 1))
    return {
        "corp_code": CORP_CODE,
        "user": CORP_USER,
        "license_key": f"env:{_LICENCE_VARIABLE}",
        "password": f"env:{_PASSWORD_VARIABLE}",
        "call_center_url": sitelink_office.call_center_url,
        "reporting_url": sitelink_office.reporting_url,
        "allow_raw_cards": True,
        "facilities": [{"code": location_code(n), "zone": "America/New_York"} for n in range(1, sites + 1)],
    }


@pytest.fixture
def sitelink_settings(sitelink_account: Mapping[str, Any], tmp_path: Path) -> Path:
    """A settings file for `Bridge.from_config`: the account alone, a settle window of one second, a fresh journal."""
    path = tmp_path / "pmsbridge.toml"
    lines = (f"{name} = {_toml(value)}\n" for name, value in sitelink_account.items())
    path.write_text(_HEAD + "".join(lines), encoding="utf-8")
    return path


def _toml(value: Any) -> str:  # noqa: ANN401 - whatever a settings table holds
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(part)}' for name, part in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return json.dumps(value, ensure_ascii=False)  # for text, numbers and booleans TOML and JSON agree
