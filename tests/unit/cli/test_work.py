"""Commands that open the bridge, over a rent book: no network."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge import Bridge
from pmsbridge.cli.status import age
from tests.unit.cli.conftest import Command


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-1), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=90), "1 h"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(days=3, hours=23), "3 d"),
    ],
)
def test_an_age_is_told_in_its_largest_whole_unit(span: timedelta, words: str) -> None:
    assert age(span) == words


def test_a_sync_fills_the_mirror_and_the_status_says_so(command: Command, rentbook: Path) -> None:
    never = command("status", "--json").data["facilities"]
    synced = command("sync", "--json")
    now = command("status", "--json").data["facilities"]

    assert [f["age"] for f in never] == [None]
    assert synced.code == 0
    assert {row["entity"]: row["read"] for row in synced.data["entities"]}["tenant"] == 1
    assert [(f["facility"], f["name"]) for f in now] == [("HOME", "Chez Zoë")]
    assert now[0]["age"].endswith(" s")


def test_a_sync_that_fails_says_so_and_exits_with_seven(command: Command, rentbook: Path) -> None:
    rentbook.unlink()

    ran = command("sync", "--json")

    assert ran.code == 7
    assert ran.data["ok"] is False
    assert "cannot be read" in json.dumps(ran.data)


def test_tables_tell_a_person_the_same(command: Command, rentbook: Path) -> None:
    assert "tenant" in command("sync").out
    status = command("status")
    assert "Chez Zoë" in status.out
    assert "needs_review" in status.out


@pytest.fixture
def asked(rentbook: Path) -> dict[str, Any]:
    """A note that was written, and a move-out that became a task for staff whose mail had no server."""
    with Bridge.from_config(rentbook.parent / "pmsbridge.toml") as bridge:
        session = bridge.tenant("HOME", "t1", actor="staff:anna")
        note = session.add_note("r1", "Please call.", key="unit-click-1")
        task = session.request_move_out("r1", date.today() + timedelta(days=60), key="unit-click-2")  # noqa: DTZ011
    return {"note": note.action_id, "task": task.action_id}


def test_actions_are_listed_newest_first_and_filtered(command: Command, asked: dict[str, Any]) -> None:
    everything = command("actions", "list", "--json").data["actions"]
    notes = command("actions", "list", "--kind", "add_note", "--json").data["actions"]
    elsewhere = command("actions", "list", "--facility", "away/HOME", "--json").data["actions"]
    later = command("actions", "list", "--since", "2999-01-01", "--json").data["actions"]
    limited = command("actions", "list", "--limit", "1", "--json").data["actions"]

    assert [each["action_id"] for each in everything] == [asked["task"], asked["note"]]
    assert [each["action_id"] for each in notes] == [asked["note"]]
    assert (elsewhere, later) == ([], [])
    assert len(limited) == 1
    assert asked["note"] in command("actions", "list").out


def test_an_action_is_shown_with_its_steps(command: Command, asked: dict[str, Any]) -> None:
    facts = command("actions", "show", asked["note"], "--json").data

    assert (facts["kind"], facts["outcome"], facts["actor"]) == ("add_note", "settled", "staff:anna")
    assert [step["outcome"] for step in facts["steps"]] == ["settled"]
    assert "line 1 of notes written" in command("actions", "show", asked["note"]).out


def test_a_trail_is_shown_whole(command: Command, asked: dict[str, Any]) -> None:
    facts = command("actions", "trail", asked["note"], "--json").data
    shown = command("actions", "trail", asked["note"])

    assert facts["whole"] is True
    assert facts["trail"][0]["event"] == "submitted"
    assert "The trail is whole" in shown.err
    assert "submitted" in shown.out


def test_a_tampered_trail_is_said_loudly(command: Command, asked: dict[str, Any], tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "pmsbridge.db") as database:
        database.execute("UPDATE pmsbridge_trail SET event = 'declined' WHERE number = 2")
    database.close()

    assert command("actions", "trail", asked["note"], "--json").data["whole"] is False
    assert "TAMPERED" in command("actions", "trail", asked["note"]).err


def test_what_has_ended_can_be_neither_retried_nor_resolved(command: Command, asked: dict[str, Any]) -> None:
    retried = command("actions", "retry", asked["note"], "--actor", "anna", "--json")
    resolved = command(
        "actions", "resolve", asked["note"], "--outcome", "settled", "--evidence", "x", "--actor", "anna", "--json"
    )  # fmt: skip

    assert (retried.code, resolved.code) == (2, 2)
    assert "nothing to retry" in retried.data["error"]["message"]
    assert "no step that waits for a person" in resolved.data["error"]["message"]


def test_what_never_left_is_asked_for_once_more(command: Command, asked: dict[str, Any]) -> None:
    before = command("actions", "show", asked["task"], "--json").data
    again = command("actions", "retry", asked["task"], "--actor", "anna", "--json")

    unsent = [step["name"] for step in before["steps"] if step["outcome"] == "not_sent"]
    assert unsent == ["mail"]
    assert again.code == 0
    assert "retried" in command("actions", "trail", asked["task"]).out


def test_findings_are_part_of_the_status(command: Command, asked: dict[str, Any]) -> None:
    findings = command("status", "--json").data["findings"]

    assert findings
    assert {"number", "severity", "code", "text", "times"} <= set(findings[0])
    assert "Open findings" in command("status").out
