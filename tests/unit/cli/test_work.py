"""Commands that open the bridge, over a rent book: no network."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge import Bridge
from pmsbridge.cli.status import age
from pmsbridge.cli.sync_facts import failure_lines
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


def test_a_failure_of_a_whole_account_is_told_in_one_line(command: Command, rentbook: Path) -> None:
    rentbook.unlink()

    ran = command("sync")

    told = [line for line in ran.err.splitlines() if "cannot be read" in line]
    assert ran.code == 7
    assert len(told) == 1
    assert told[0].startswith("home, 4 parts failed: ")
    assert "cannot be read" not in ran.out


def test_an_account_gets_one_line_that_counts_its_parts_and_reasons() -> None:
    rows = [
        {"account": "a", "facility": "L1", "entity": "unit", "result": "login refused"},
        {"account": "a", "facility": "L2", "entity": "unit", "result": "not tried: login refused"},
        {"account": "b", "facility": "L1", "entity": "unit", "result": "ok"},
        {"account": "b", "facility": "L1", "entity": "rental", "result": "rentals: away"},
        {"account": "b", "facility": "L1", "entity": "tenant", "result": "tenants: away"},
    ]

    assert list(failure_lines(rows)) == [
        "a, 2 parts failed: login refused",
        "b, 2 parts failed: rentals: away (1 more with --json)",
    ]


def test_the_status_says_that_the_last_sync_failed_and_forgets_it_after_a_good_one(
    command: Command, rentbook: Path
) -> None:
    text = rentbook.read_text(encoding="utf-8")
    assert command("status", "--json").data["facilities"][0]["failed_sync"] is None
    rentbook.unlink()
    command("sync")

    failed = command("status", "--json").data["facilities"][0]["failed_sync"]
    shown = command("status")
    rentbook.write_text(text, encoding="utf-8")
    command("sync")

    assert set(failed["parts"]) == {"facility", "unit", "tenant", "rental"}
    assert "cannot be read" in failed["why"]
    assert shown.err.count("The last sync of home (HOME) failed at") == 1
    assert "no copy" in shown.out
    for heading in ("age of copy", "not copied yet", "last sync"):
        assert heading in shown.out
    assert command("status", "--json").data["facilities"][0]["failed_sync"] is None
    assert "failed" not in command("status").err


def test_a_store_that_is_no_database_is_a_mistake_in_the_settings(command: Command, rentbook: Path) -> None:
    for content in (b"this is a letter, not a database. " * 200, b"short"):
        (rentbook.parent / "pmsbridge.db").write_bytes(content)

        ran = command("status", "--json")

        assert ran.code == 4
        assert ran.data["error"]["code"] == "store_url"
        assert "store.url" in ran.data["error"]["message"]
        assert (rentbook.parent / "pmsbridge.db").read_bytes() == content


def test_a_store_that_is_a_folder_is_a_mistake_in_the_settings(command: Command, rentbook: Path) -> None:
    (rentbook.parent / "pmsbridge.db").unlink()
    (rentbook.parent / "pmsbridge.db").mkdir()

    ran = command("status", "--json")

    assert (ran.code, ran.data["error"]["code"]) == (4, "store_url")


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
    here = command("actions", "list", "--facility", "home/HOME", "--json").data["actions"]
    later = command("actions", "list", "--since", "2999-01-01", "--json").data["actions"]
    limited = command("actions", "list", "--limit", "1", "--json").data["actions"]

    assert [each["action_id"] for each in everything] == [asked["task"], asked["note"]]
    assert [each["action_id"] for each in notes] == [asked["note"]]
    assert (len(here), later) == (2, [])
    assert len(limited) == 1
    assert asked["note"] in command("actions", "list").out


@pytest.mark.parametrize("name", ["L9", "away/HOME", ""])
def test_a_facility_that_is_not_there_is_a_users_mistake_that_lists_what_is(
    command: Command, asked: dict[str, Any], name: str
) -> None:
    ran = command("actions", "list", "--facility", name, "--json")

    assert ran.code == 2
    assert "HOME" in ran.data["error"]["message"] or "Accounts: home" in ran.data["error"]["message"]


def test_actions_of_a_facility_that_was_taken_out_of_the_settings_are_still_listed(
    command: Command, asked: dict[str, Any], rentbook: Path
) -> None:
    settings = rentbook.parent / "pmsbridge.toml"
    settings.write_text(settings.read_text().replace('"HOME"', '"ELSEWHERE"'))

    assert len(command("actions", "list", "--facility", "HOME", "--json").data["actions"]) == 2


def test_an_unknown_kind_is_a_users_mistake_that_lists_the_verbs(command: Command, rentbook: Path) -> None:
    ran = command("actions", "list", "--kind", "nope", "--json")

    assert ran.code == 2
    assert "pay_rental" in ran.data["error"]["message"]
    assert "nope" not in ran.data["error"]["message"]


def test_a_decision_without_an_outcome_names_the_three(command: Command, asked: dict[str, Any]) -> None:
    for more in ([], ["--outcome", "pending"]):
        ran = command("actions", "resolve", asked["note"], "--evidence", "x", "--actor", "anna", *more)
        assert ran.code == 2
        assert [name for name in ("settled", "declined", "not_sent") if name not in ran.err] == []
        assert "needs_review" not in ran.err


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
    assert "Step mail was tried again, and again it was not sent" in again.err
    assert "Nothing changed." in again.err
    assert "retried" in command("actions", "trail", asked["task"]).out


def test_findings_are_part_of_the_status(command: Command, asked: dict[str, Any]) -> None:
    findings = command("status", "--json").data["findings"]

    assert findings
    assert {"number", "severity", "code", "text", "times"} <= set(findings[0])
    assert "Open findings" in command("status").out


def test_an_empty_list_says_that_it_is_empty(command: Command, rentbook: Path) -> None:
    findings, some, actions = (
        command("findings", "list"),
        command("findings", "list", "--code", "x"),
        command("actions", "list"),
    )

    assert (findings.out, findings.err) == ("", "No open findings.\n")
    assert (some.out, some.err) == ("", "No open findings of that kind.\n")
    assert (actions.out, actions.err) == ("", "No actions that fit.\n")


@pytest.mark.parametrize(
    "words",
    [["trail"], ["actions", "trail"], ["actions", "show"], ["actions", "retry", "--actor", "anna"]],
    ids=" ".join,
)
def test_an_unknown_action_is_told_with_its_shape_and_where_the_ids_are(
    command: Command, rentbook: Path, words: list[str]
) -> None:
    ran = command(*words, "act_nope", "--json")

    message = ran.data["error"]["message"]
    assert (ran.code, ran.data["error"]["code"]) == (2, "no_action")
    assert message.startswith("action: ")
    assert "(given: text of 8 characters)" in message
    assert "pmsbridge actions list" in message
    assert "nope" not in message


@pytest.mark.parametrize("typed", ["21/11/2026", "20261121", "2026-13-01", "yesterday"])
@pytest.mark.parametrize(
    "words",
    [
        ["reconcile", "--day"],
        ["reconcile", "--since"],
        ["actions", "list", "--since"],
        ["audit", "verify", "--since"],
        ["sandbox", "sitelink", "--today"],
    ],
    ids=" ".join,
)
def test_a_day_that_is_none_is_told_with_the_option_its_shape_and_how_to_write_one(
    command: Command, rentbook: Path, words: list[str], typed: str
) -> None:
    ran = command(*words, typed, "--json")

    message = ran.data["error"]["message"]
    assert ran.code == 2
    assert words[-1] in message
    assert f"text of {len(typed)} characters" in message
    assert "YYYY-MM-DD" in message
    assert "Value error" not in message
    assert typed not in message


def test_a_notice_that_no_mail_server_took_is_told_with_the_setting_and_what_to_run(
    command: Command, asked: dict[str, Any]
) -> None:
    (found,) = [f for f in command("findings", "list", "--json").data["findings"] if f["code"] == "mail_not_configured"]

    assert "mail.host is not set" in found["text"]
    assert f"pmsbridge actions retry {asked['task']} --step mail --actor" in found["text"]


def test_a_copy_that_lacks_a_part_is_neither_ok_nor_of_any_age(command: Command, rentbook: Path) -> None:
    (never,) = command("status", "--json").data["facilities"]
    command("sync", "--entity", "units")
    (partly,) = command("status", "--json").data["facilities"]
    shown = command("status")
    command("sync")
    (whole,) = command("status", "--json").data["facilities"]

    assert (never["last_sync"], never["age"], len(never["never_copied"])) == ("never", None, 4)
    assert (partly["last_sync"], partly["age"], partly["copied_at"]) == ("partly", None, None)
    assert partly["never_copied"] == ["facilities", "tenants", "rentals"]
    assert "no whole copy" in re.sub(r"\s+", " ", shown.out)
    assert "pmsbridge sync" in shown.err
    assert (whole["last_sync"], whole["never_copied"]) == ("ok", [])
    assert whole["age"]
    assert "pmsbridge sync" not in command("status").err
