"""Settings of an account: complete, safe, and refused by name when they are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pmsbridge_tryton.connection import ConnectionSettings, lane_of

GOOD: dict[str, Any] = {
    "url": "https://erp.example.com/", "database": "rental", "user": "portal@example.com", "password": "env:TRYTON",
}  # fmt: skip


def test_an_address_loses_its_last_slash() -> None:
    assert ConnectionSettings(**GOOD).url == "https://erp.example.com"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000", "https://erp.example.com:8443/erp"]
)
def test_plain_http_is_for_loopback(url: str) -> None:
    assert ConnectionSettings(**{**GOOD, "url": url}).url == url


@pytest.mark.parametrize(
    "url",
    ["http://erp.example.com", "https://user:word@erp.example.com", "https://@erp.example.com", "ftp://erp.example.com",
     "erp.example.com", "", "https://", "https://erp.example.com/?x=1", "https://erp.example.com/#x",
     "http://127.0.0.1.example.com", "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_unsafe_or_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ConnectionSettings(**{**GOOD, "url": url})

    assert "word@" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("database", ""), ("database", "../x"), ("database", "a/b"), ("database", "4111 1111 1111 1111"),
     ("database", "4111111111111111"), ("user", ""), ("user", "a:b"), ("user", "a\nb"), ("user", "4111111111111111"),
     ("password", ""), ("company", 0), ("language", "English"), ("colour", "blue"),
     ("timeouts", {"live": "30"}), ("timeouts", {"live": "0s"}), ("timeouts", {"live": "2h"}),
     ("timeouts", {"lives": "3s"}), ("limits", {"concurrency": 0}), ("limits", {"page_rows": 10_001})],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        ConnectionSettings(**{**GOOD, name: value})

    assert refused.value.errors()[0]["loc"][0] == name
    assert "4111" not in str(refused.value)


def test_durations_are_written_with_their_unit() -> None:
    times = {"timeouts": {"live": "15 s", "batch": "2h"}, "limits": {"login_pause": "10m"}}
    settings = ConnectionSettings.model_validate({**GOOD, **times})

    assert settings.timeouts.live == timedelta(seconds=15)
    assert settings.timeouts.batch == timedelta(hours=2)
    assert settings.limits.login_pause == timedelta(minutes=10)


def test_accounts_of_one_database_take_turns_under_their_own_names() -> None:
    settings = ConnectionSettings(**GOOD)

    assert lane_of("main", settings) == "tryton:rental:main"
