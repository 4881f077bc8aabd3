"""Settings that are well written and cannot be meant, and a store that is not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Command

Write = Callable[[str], None]

ENDPOINT = '[[webhooks]]\nname = "crm"\nurl = "https://127.0.0.1:1/x"\nsecret = "env:CRM"\n'


@pytest.fixture
def add(rentbook: Path) -> Write:
    """Puts lines before the account, whose options stand at the end."""
    path = rentbook.parent / "pmsbridge.toml"

    def _add(lines: str) -> None:
        path.write_text(f"{lines}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

    return _add


def wrong(checks: Sequence[dict[str, Any]], name: str) -> list[tuple[str, str, str]]:
    return [(row["status"], row["detail"], row["remedy"]) for row in checks if row["name"] == name]


def test_an_endpoint_for_a_facility_that_no_account_has_is_named_by_doctor_and_status(
    command: Command, add: Write
) -> None:
    add(f'{ENDPOINT}facilities = ["home/HOMR", "home"]\n')

    doctor, status = command("doctor", "--json"), command("status", "--json")

    (found,) = wrong(doctor.data["checks"], 'webhooks "crm": facilities')
    assert found == ("failed", "home/HOMR: account home has no facility of that code", "Did you mean home/HOME?")
    (said,) = status.data["settings"]
    assert "home/HOMR" in said
    assert "Did you mean home/HOME?" in command("status").err


@pytest.mark.parametrize(("part", "setting"), [("notices", 'language = "fr"'), ("portal", 'opens_with = "billing"')])
def test_what_is_said_of_a_facility_that_no_account_has_is_named_by_doctor(
    command: Command, add: Write, part: str, setting: str
) -> None:
    add(f'[{part}.places."home/XYZ"]\n{setting}\n')

    doctor, status = command("doctor", "--json"), command("status", "--json")

    (found,) = wrong(doctor.data["checks"], f"{part}.places")
    assert (doctor.code, found) == (
        4, ("failed", "home/XYZ: account home has no facility of that code", "Write one of HOME."),
    )  # fmt: skip
    assert (status.code, status.data["error"]["code"]) == (4, "unknown_place")
    assert f"{part}.places: home/XYZ: account home has no such facility; it has HOME" in status.data["error"]["message"]


@pytest.mark.parametrize(("window", "status"), [("0s", "failed"), ("119s", "warning"), ("120s", ""), ("1h", "")])
def test_a_settle_window_below_what_the_adapter_declares_is_named(
    command: Command, add: Write, window: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = import_module("pmsbridge_rentbook.adapter").RentBookAdapter
    monkeypatch.setattr(adapter, "settle_window", timedelta(seconds=120))
    add(f'[engine]\nsettle_window = "{window}"\n')

    doctor, shown = command("doctor", "--json"), command("status", "--json").data["settings"]

    found = wrong(doctor.data["checks"], "engine.settle_window")
    assert [row[0] for row in found] == ([status] if status else [])
    assert len(shown) == len(found)
    assert doctor.code == (4 if status == "failed" else 0)
    if found:
        assert "account home needs 120 s" in found[0][1]
        assert "may be paid twice" in found[0][1]


READ_ONLY = (
    ("status",), ("actions", "list"), ("actions", "show", "act_1"), ("trail", "act_1"), ("findings", "list"),
    ("findings", "close", "1", "--actor", "anna"), ("audit", "verify"), ("audit", "head"), ("webhooks", "list"),
)  # fmt: skip


@pytest.mark.parametrize("words", READ_ONLY, ids=" ".join)
def test_a_command_that_only_looks_makes_no_store_of_a_mistyped_address(
    command: Command, rentbook: Path, add: Write, words: tuple[str, ...]
) -> None:
    add('[store]\nurl = "sqlite:///daat/pmsbridge.db"\n')

    ran = command(*words, "--json")

    error = ran.data["error"]
    assert (ran.code, error["code"]) == (4, "no_store")
    assert f"there is no database at {rentbook.parent}/daat/pmsbridge.db" in error["message"]
    assert error["message"].startswith(f"{rentbook.parent}/pmsbridge.toml: store.url: ")
    assert "pmsbridge doctor" in error["message"]
    assert not (rentbook.parent / "daat").exists()


def test_the_doctor_says_that_it_made_the_store(command: Command, rentbook: Path) -> None:
    (rentbook.parent / "pmsbridge.db").unlink()

    first, then = (wrong(command("doctor", "--json").data["checks"], "store") for _ in range(2))

    assert "was made now, empty" in first[0][1]
    assert "made now" not in then[0][1]
    assert command("status").code == 0
