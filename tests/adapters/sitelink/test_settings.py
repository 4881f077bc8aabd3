"""Settings: what is wrong is named, nothing secret is repeated."""

from __future__ import annotations

import re
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
        ({"corp_kode": "X"}, "accounts.north.options.corp_kode: there is no such setting"),
        ({"corp_code": ""}, "accounts.north.options.corp_code"),
        ({"facilities": []}, "accounts.north.options.facilities"),
        (
            {"facilities": [{"code": "L001", "zone": "Chicago"}]},
            "accounts.north.options.facilities.0.zone: not an IANA time zone",
        ),
        ({"facilities": [{"code": "L001"}]}, "accounts.north.options.facilities.0.zone: missing"),
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


NO_DURATION = 'not a duration; write a number and a unit, such as "90s", "15m", "12h" or "7d"'


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("15s", timedelta(seconds=15)),
        (" 15 s ", timedelta(seconds=15)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
        ("PT15S", timedelta(seconds=15)),
        ("PT2M30S", timedelta(minutes=2, seconds=30)),
        (timedelta(seconds=3), timedelta(seconds=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit_or_iso_8601(word: object, meant: timedelta) -> None:
    assert read_settings("north", {**GIVEN, "settle_window": word}).settle_window == meant


@pytest.mark.parametrize(
    "word", [15, 15.0, True, "15", "", "s", "15 seconds", "-15s", "1.5s", "15S", "15:00", "P", "PT", "PT15", [15], None]
)
def test_what_says_no_unit_is_no_duration(word: object) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings("north", {**GIVEN, "settle_window": word})

    assert str(refused.value).startswith(f"accounts.north.options.settle_window: {NO_DURATION}")


def test_every_duration_is_read_the_same_way() -> None:
    given = {"timeouts": dict.fromkeys(("connect", "read", "live", "write", "batch"), "7s"), "skew": "7s"}
    settings = read_settings("north", {**GIVEN, **given, "facility_cache": "7s"})

    times = settings.timeouts
    assert {times.connect, times.read, times.live, times.write, times.batch} == {timedelta(seconds=7)}
    assert {settings.skew, settings.facility_cache} == {timedelta(seconds=7)}


@pytest.mark.parametrize("name", ["connect", "read", "live", "write", "batch"])
@pytest.mark.parametrize("word", ["0s", "0ms", "PT0S", "-PT5S", "6h1ms", "361m", "999999999s", "999999999d"])
def test_a_timeout_has_an_end_and_is_not_nothing(name: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"north\.options\.timeouts\.{name}: (must be|not a duration)"):
        read_settings("north", {**GIVEN, "timeouts": {name: word}})


@pytest.mark.parametrize(
    ("table", "name", "longest", "too_long"),
    [
        *(("timeouts", name, "60m", "3601s") for name in ("connect", "read", "live", "write")),
        ("timeouts", "batch", "6h", "21601s"),
        ("", "settle_window", "24h", "86401s"),
        ("", "skew", "7d", "169h"),
        ("", "facility_cache", "7d", "169h"),
    ],
)
def test_the_longest_duration_is_taken_and_a_longer_one_is_not(
    table: str, name: str, longest: str, too_long: str
) -> None:
    def given(word: str) -> dict[str, Any]:
        return {**GIVEN, **({table: {name: word}} if table else {name: word})}

    read_settings("north", given(longest))
    with pytest.raises(ConfigurationError, match=rf"{name}: must be .* and at most"):
        read_settings("north", given(too_long))


def test_a_settle_window_is_not_negative() -> None:
    with pytest.raises(ConfigurationError, match="settle_window: must be 0s or more and at most 24h"):
        read_settings("north", {**GIVEN, "settle_window": "-PT1S"})


def test_the_default_durations_are_within_their_own_bounds() -> None:
    defaults = SiteLinkSettings.model_validate(GIVEN)

    assert SiteLinkSettings.model_validate({**GIVEN, "timeouts": defaults.timeouts.model_dump()}) == defaults


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corp_kode": "X"}, "corp_kode: there is no such setting. Did you mean corp_code?"),
        ({"timeouts": {"conect": "5s"}}, "timeouts.conect: there is no such setting. Did you mean connect?"),
        ({"limits": {"concurency": 1}}, "limits.concurency: there is no such setting. Did you mean concurrency?"),
        (
            {"facilities": [{"code": "L001", "zone": "UTC", "curency": "USD"}]},
            "facilities.0.curency: there is no such setting. Did you mean currency?",
        ),
        (
            {"facilities": [{"code": "L001", "zone": "UTC", "policy": {"max_prepay_month": 3}}]},
            "max_prepay_month (Did you mean max_prepay_months?)",
        ),
        ({"timeouts": {"zzz": "5s"}}, "Known here: batch, connect, live, read, write."),
    ],
)
def test_a_misspelt_name_is_answered_with_the_right_one(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        read_settings("north", {**GIVEN, **changes})


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {
        "corp_kode": "X",
        "user": "",
        "settle_window": 15,
        "timeouts": {"read": "0s", "wirte": "5s"},
        "limits": {"concurrency": 0},
        "facilities": [GIVEN["facilities"][0], GIVEN["facilities"][0]],
    }

    with pytest.raises(ConfigurationError) as refused:
        read_settings("north", {**GIVEN, **wrong})

    places = ["corp_kode", "user", "settle_window", "timeouts.read", "timeouts.wirte", "limits.concurrency"]
    for place in [*places, "facilities: a facility code appears twice"]:
        assert f"accounts.north.options.{place}" in str(refused.value)


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
