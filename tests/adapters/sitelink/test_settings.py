"""Settings: what is wrong is named, nothing secret is repeated."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Adapter
from pmsbridge_sitelink import plugin
from pmsbridge_sitelink.settings import SiteLinkSettings, read_settings
from tests.adapters.sitelink.office import FixedSecrets

GIVEN: dict[str, Any] = {
    "corp_code": "CCTST",
    "user": "Administrator",
    "license_key": "env:LICENSE",
    "password": "env:PASSWORD",
    "facilities": [{"code": "L001", "zone": "America/Chicago"}],
}


def test_the_defaults_are_those_of_production() -> None:
    settings = read_settings("north", GIVEN)

    assert settings.settle_window == timedelta(seconds=120)
    assert settings.limits.concurrency == 1
    assert settings.limits.monthly_calls == 10_000
    assert (settings.payment_source, settings.reservation_source, settings.test_mode) == (10, 5, False)
    assert not settings.allow_raw_cards
    assert settings.call_center_url.startswith("https://")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"corp_kode": "X"}, "accounts.north.corp_kode: there is no such setting"),
        ({"corp_code": ""}, "accounts.north.corp_code"),
        ({"facilities": []}, "accounts.north.facilities"),
        (
            {"facilities": [{"code": "L001", "zone": "Chicago"}]},
            "accounts.north.facilities.0.zone: not an IANA time zone",
        ),
        ({"facilities": [{"code": "L001"}]}, "accounts.north.facilities.0.zone: is missing"),
        ({"facilities": [GIVEN["facilities"][0], GIVEN["facilities"][0]]}, "appears twice"),
        ({"facilities": [{"code": "L 1", "zone": "UTC"}]}, "facilities.0.code"),
        ({"facilities": [{"code": "L1", "zone": "UTC", "currency": "dollars"}]}, "facilities.0.currency"),
        ({"facilities": [{"code": "L1", "zone": "UTC", "policy": {"max_prepay_months": 13}}]}, "max_prepay_months"),
        ({"facilities": [{"code": "L1", "zone": "UTC", "policy": {"max_months": 3}}]}, "max_months"),
        ({"call_center_url": "http://api.example.com/x"}, "call_center_url: must be an https address"),
        ({"call_center_url": "https://user:pass@api.example.com/x"}, "call_center_url"),
        ({"limits": {"concurrency": 0}}, "limits.concurrency"),
        ({"limits": {"speed": 1}}, "limits.speed: there is no such setting"),
        ({"autopay_days_parameter": "iDays"}, "autopay_days_parameter"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings("north", {**GIVEN, **changes})

    assert named in str(refused.value)


def test_no_value_is_repeated_in_an_error() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings("north", {**GIVEN, "password": 4111111111111111, "extra_password": "hunter2-canary"})

    assert "hunter2-canary" not in str(refused.value)
    assert "4111111111111111" not in str(refused.value)


def test_a_missing_secret_is_told_when_the_adapter_is_made() -> None:
    with pytest.raises(ConfigurationError, match="env:MISSING"):
        plugin.create("north", {**GIVEN, "password": "env:MISSING"}, secrets=FixedSecrets())


def test_making_an_adapter_asks_no_network() -> None:
    adapter = plugin.create("north", {**GIVEN, "call_center_url": "http://127.0.0.1:9/x"}, secrets=FixedSecrets())

    assert isinstance(adapter, Adapter)
    assert (adapter.system, adapter.account_name, list(adapter.facility_codes)) == ("sitelink", "north", ["L001"])
    assert adapter.pays_together == {"card"}
    adapter.close()
    adapter.close()


def test_settings_do_not_show_secrets_because_they_hold_none() -> None:
    assert "LICENSE" in repr(SiteLinkSettings.model_validate(GIVEN))


def test_importing_the_plugin_loads_no_soap_library() -> None:
    code = "import sys, pmsbridge_sitelink; sys.exit(any(m in sys.modules for m in ('zeep', 'lxml', 'httpx')))"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge_sitelink.find_spec", lambda _name: None)

    with pytest.raises(ConfigurationError, match=r"pip install 'pmsbridge\[sitelink\]'"):
        plugin.create("north", GIVEN, secrets=FixedSecrets())
