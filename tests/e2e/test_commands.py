from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from pmsbridge import Bridge, Card, Outcome
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.e2e.conftest import SECRETS, Start, start

CANARY_CARD = "4111111111111111"


def test_the_doctor_finds_the_sandbox_healthy(process: Start) -> None:
    ran = process("doctor", "--json")

    assert ran.code == 0, ran.out
    assert {check["status"] for check in ran.data["checks"]} <= {"ok", "warning", "skipped"}


def test_wrong_credentials_fail_the_doctor_and_are_not_repeated(command: Start, workplace: Path) -> None:
    (workplace / "sandbox-password").write_text("tr0ub4dor-canary")

    ran = command("doctor", "--json")

    assert ran.code == 4
    assert ran.data["healthy"] is False
    assert "canary" not in ran.out + ran.err


def test_wrong_credentials_stop_a_sync_with_a_sentence(command: Start, workplace: Path) -> None:
    (workplace / "sandbox-password").write_text("tr0ub4dor-canary")

    ran = command("sync", "--json")

    assert ran.code == 4
    assert ran.data["a_person_must_act"] is True
    assert "Traceback" not in ran.err
    assert "canary" not in ran.out + ran.err


def test_an_operator_reads_the_journal_without_the_vendors_password(command: Start, workplace: Path) -> None:
    (workplace / "sandbox-password").unlink()

    assert command("status", "--json").code == 0
    assert command("actions", "list", "--json").data == {"actions": []}
    refused = command("sync", "--json")
    assert refused.code == 4
    assert refused.data["error"]["type"] == "ConfigurationError"


def test_a_sync_then_a_status(command: Start) -> None:
    before = command("status", "--json").data
    synced = command("sync", "--json")
    after = command("status", "--json").data

    assert synced.code == 0, synced.out
    assert synced.data["ok"] is True
    assert {row["facility"] for row in synced.data["entities"]} == {"L001", "L002"}
    assert [f["copied_at"] for f in before["facilities"]] == [None, None]
    assert all(f["copied_at"] and f["name"] for f in after["facilities"])
    assert "L001" in command("status").out


def test_a_sync_of_one_facility_and_entity_leaves_the_rest(command: Start) -> None:
    ran = command("sync", "--facility", "L002", "--entity", "units", "--json")

    assert ran.code == 0
    assert {(row["facility"], row["entity"]) for row in ran.data["entities"]} == {("L002", "unit")}


def test_progress_and_tables_keep_to_their_streams(process: Start) -> None:
    ran = process("sync")

    assert "Sync" in ran.out
    assert "demo/L001" not in ran.out


@pytest.mark.parametrize("name", ["L009", "elsewhere/L001", ""])
def test_an_unknown_facility_is_a_users_mistake(command: Start, name: str) -> None:
    ran = command("sync", "--facility", name, "--json")

    assert ran.code == 2
    assert ran.data["error"]["type"] == "NotFoundError"
    assert "Traceback" not in ran.err


def test_a_typo_in_the_settings_is_a_users_mistake(process: Start, workplace: Path) -> None:
    settings = workplace / "pmsbridge.toml"
    settings.write_text(settings.read_text().replace("[schedule]", "[shedule]"))

    ran = process("status", "--json")

    assert ran.code == 4
    assert "shedule: no such key. Did you mean schedule?" in ran.data["error"]["message"]


def test_an_unknown_action_is_a_users_mistake(command: Start) -> None:
    for words in (["show"], ["trail"], ["retry", "--actor", "anna"]):
        ran = command("actions", words[0], "act_nope", *words[1:], "--json")
        assert (ran.code, ran.data["error"]["type"]) == (2, "NotFoundError")


def test_a_lost_payment_is_listed_shown_and_resolved_by_a_person(
    command: Start, workplace: Path, office: SandboxControl
) -> None:
    action_id = _pay_with_a_lost_answer(workplace, office)

    listed = command("actions", "list", "--outcome", "pending", "--facility", "L001", "--json").data["actions"]
    shown = command("actions", "show", action_id, "--json").data
    trail = command("actions", "trail", action_id, "--json").data
    wrong = command(
        "actions", "resolve", action_id, "--outcome", "pending", "--evidence", "x", "--actor", "a", "--json"
    )
    evidence = "receipt on the ledger"
    resolved = command(
        "actions", "resolve", action_id, "--outcome", "settled", "--evidence", evidence, "--actor", "anna", "--json"
    )  # fmt: skip

    assert [each["action_id"] for each in listed] == [action_id]
    assert shown["outcome"] == "pending"
    assert trail["whole"] is True
    assert [entry["number"] for entry in trail["trail"]] == list(range(1, len(trail["trail"]) + 1))
    assert wrong.code == 2
    assert resolved.code == 0, resolved.out
    assert resolved.data["outcome"] == "settled"
    assert evidence in json.dumps(resolved.data)
    assert "anna" in command("actions", "trail", action_id).out
    assert command("actions", "retry", action_id, "--actor", "anna", "--json").code == 2
    for secret in (CANARY_CARD, *SECRETS):
        assert secret not in json.dumps([listed, shown, trail])


def _pay_with_a_lost_answer(workplace: Path, office: SandboxControl) -> str:
    with Bridge.from_config(workplace / "pmsbridge.toml", wait=timedelta(0)) as bridge:
        session = bridge.tenant("L001", "1001")
        quote = session.quote(session.dashboard().rows[0].id)
        office.inject("Payment*WithSource*", "drop_after")
        try:
            view = session.pay(quote, _card(), key="e2e-click-0001")
        finally:
            office.clear()
        assert view.outcome is Outcome.PENDING
        return view.action_id


def _card() -> Card:
    return Card(
        number=CANARY_CARD, expires_on=date(2031, 12, 31), holder="Renee Dubois", cvv="123", postal_code="02108"
    )


def test_the_sandbox_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pmsbridge.cli", "sandbox", "sitelink", "--port", "0", "--units", "30", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            health = SandboxControl(told["url"]).health()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()

    assert health["ok"] is True
    assert told["pid"] == process.pid
    assert process.returncode in {0, 130}
    assert out == ""
    assert "Traceback" not in err
    assert "pmsbridge init --sandbox sitelink" in err


def test_a_port_in_use_is_a_users_mistake(office: SandboxControl, tmp_path: Path) -> None:
    port = office.base_url.rpartition(":")[2]

    ran = start("sandbox", "sitelink", "--port", port, "--json", folder=tmp_path)

    assert ran.code == 7
    assert f"port {port} cannot be used" in ran.data["error"]["message"]
    assert "Traceback" not in ran.err
