"""The command that forgets a person, as a person at the keyboard sees it."""

from __future__ import annotations

import json
from pathlib import Path

from pmsbridge import Bridge
from tests.e2e.conftest import Start


def test_a_person_is_shown_then_forgotten_and_the_audit_is_content(command: Start, workplace: Path) -> None:
    assert command("sync", "--facility", "L001").code == 0
    with Bridge.from_config(workplace / "pmsbridge.toml") as bridge:
        person = bridge.tenant("L001", "1001").tenant()
        bridge.tenant("L001", "1001").ask_staff("Question", f"{person.name.last} asks.", key="question-0001")
    erase = ("erase", "L001", "1001", "--actor", "staff:ann")

    shown = command(*erase, "--dry-run")
    done = command(*erase, "--json")
    again = command(*erase)

    assert shown.code == done.code == again.code == 0
    assert "Would go" in shown.out
    assert "the next copy brings back" in shown.out + shown.err
    told = json.loads(done.out)
    assert told["rows"]["tenant"] == 1
    assert told["rows"]["actions"] == 1
    assert told["is_wiped"]
    assert "Nothing is held" in again.out + again.err
    assert command("audit", "verify").code == 0
    held = b"".join(path.read_bytes() for path in workplace.glob("pmsbridge.db*"))
    assert person.phone is not None
    assert person.phone.digits.encode() not in held  # the address is that of another customer, too


def test_what_cannot_be_meant_is_refused(command: Start) -> None:
    for line in (("erase", "L009", "1001", "--actor", "staff:ann"), ("erase", "L001", "1001")):
        assert command(*line).code != 0


def test_who_left_is_shown_with_reasons_and_a_hold_is_told(command: Start, workplace: Path) -> None:
    assert command("sync", "--facility", "L001").code == 0
    stale = ("erase", "L001", "--stale", "--older-than", "1d", "--actor", "staff:ann")

    assert command("hold", "L001", "1001", "--reason", "file 12/26", "--actor", "staff:ann").code == 0
    shown = command(*stale, "--dry-run", "--json")
    told = command(*stale, "--dry-run")
    refused = command("erase", "L001", "1001", "--actor", "staff:ann")
    lifted = command("hold", "L001", "1001", "--lift", "--json")

    assert shown.code == told.code == lifted.code == 0
    (place,) = json.loads(shown.out)["facilities"]
    assert (place["facility"], place["problem"], place["kept_for_days"]) == ("L001", "", 1)
    assert place["renting"] > 0
    assert "still rent" in told.err
    assert refused.code != 0
    assert "legal hold" in refused.err
    assert json.loads(lifted.out) == {"holds": []}


def test_what_stale_cannot_mean_is_refused(command: Start) -> None:
    for line in (
        ("erase", "L001", "1001", "--stale"), ("erase", "--stale", "--older-than", "soon"),
        ("erase", "L001", "1001", "--older-than", "1d"), ("erase", "--stale"), ("erase",),
    ):  # fmt: skip
        assert command(*line, "--actor", "staff:ann").code != 0
    for line in (("hold", "L001"), ("hold", "L001", "1001", "--actor", "staff:ann")):
        assert command(*line).code != 0


def test_what_is_stale_is_shown_for_people_and_for_machines(command: Start) -> None:
    assert command("sync", "--facility", "L001").code == 0

    shown = command("status", "--stale")
    told = command("status", "--stale", "--older-than", "1d", "--json")

    assert shown.code == told.code == 0
    assert "How old what is held is" in shown.out
    (place,) = [each for each in json.loads(told.out)["facilities"] if each["facility"] == "L001"]
    assert place["copy_age_hours"] == 0
    assert (place["stale_tenants"], place["lost_logins"]) == ([], [])
    assert command("status", "--stale", "--older-than", "soon").code != 0
    assert command("status", "--older-than", "1d").code != 0


def test_nobody_judged_for_want_of_a_copy_is_no_success(command: Start) -> None:
    judged = command("erase", "L001", "--stale", "--older-than", "1d", "--actor", "staff:ann", "--dry-run", "--json")

    assert judged.code == 7
    assert json.loads(judged.out)["facilities"][0]["problem"] == "copy_too_old"
