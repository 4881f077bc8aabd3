"""A mapping is held to every promise by one command, without a test file and without a test runner."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.shipped import shipped_mappings

HERE = Path(__file__).parent
FERRY = HERE / "played" / "ferry.yaml"
OURS = [HERE / "harbor.yaml", HERE / "newcomer" / "propertyware.yaml"]
OURS += sorted(each for each in (HERE / "played").glob("*.yaml") if not each.stem.endswith(".office"))
WITHOUT_RUNNER = """
import sys
sys.modules.update(dict.fromkeys(("pytest", "hypothesis", "respx", "aiosmtpd"), None))
from pmsbridge.cli.running import run
sys.exit(run(["map", "prove", *sys.argv[1:]]))
"""


def proved(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any]]:
    code = run(["map", "prove", *map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


@pytest.mark.parametrize("mapping", [*shipped_mappings(), *OURS], ids=lambda each: Path(each).stem)
def test_every_mapping_of_ours_keeps_every_promise(mapping: str | Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = proved(capsys, mapping)

    assert [case for case in told["cases"] if case["result"] == "failed"] == []
    assert (code, told["proved"], told["counts"]["failed"]) == (0, True, 0)
    assert told["counts"]["ok"] > 20
    assert sum(told["counts"].values()) == len(told["cases"])


def test_a_short_mapping_keeps_its_promises_to_the_same_vendor(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = proved(capsys, HERE / "newcomer" / "short_cubby.yaml", "--vendor", "cubby")

    assert (code, told["proved"]) == (0, True)


def test_what_a_night_asks_for_and_nothing_lists_is_found_out_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The yard has no list of units; call-offs and papers it keeps."""
    code, told = proved(capsys, HERE / "quarry.yaml")

    failed = [case for case in told["cases"] if case["result"] == "failed"]
    assert (code, {case["seen"] for case in failed}) == (
        1, {"UnsupportedError: the back office has no list of units that is mapped"},
    )  # fmt: skip
    assert {case["key"] for case in failed} == {"entities"}
    kept = {case["about"] for case in told["cases"] if case["check"] == "test_done_once_is_there_once"}
    assert kept == {"request_call_off", "withdraw_call_off", "add_note", "attach_document"}


def broken(folder: Path, right: str, wrong: str) -> tuple[Path, int]:
    """A mapping with another line, and that line's number."""
    text = FERRY.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = folder / "ferry.yaml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    return file, text[: text.index(right)].count("\n") + 1


LIES = {
    "a look in the wrong field": (
        'match: {about.ref: "{effect.reference}"}',
        'match: {id: "{effect.reference}"}',
        "take_payment",
        "look_up.match",
    ),
    "charges with the other sign": (
        "effect: {at: amount, codec: number_text}",
        "effect: {at: amount, codec: number_text, negate_when: {kind: charge}}",
        "",
        "entities.ledger_entries",
    ),
    "a state that is a failure": (
        "state: state\n            done: [settled]\n            failed: [bounced]",
        "state: state\n            done: [bounced]\n            failed: [settled]",
        "take_payment",
        "take_payment.steps.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "about", "key"), LIES.values(), ids=LIES)
def test_a_mapping_that_lies_is_found_out_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: str, wrong: str, about: str, key: str
) -> None:
    file, line = broken(tmp_path, right, wrong)

    code, told = proved(capsys, file, "--vendor", FERRY)

    failed = [case for case in told["cases"] if case["result"] == "failed"]
    assert (code, told["proved"], len(failed)) == (1, False, told["counts"]["failed"])
    assert {case["about"] for case in failed} == {about}
    assert all(case["expected"] and case["seen"] and case["line"] for case in failed)
    assert any(key in case["key"] for case in failed)
    if key == "look_up.match":
        assert {case["line"] for case in failed} == {line}
        assert any("POST /payments -> 202 (take_payment.pay)" in case["calls"] for case in failed)


STAFF = {"test_what_staff_enter_meanwhile_is_never_called_ours"}
STAFF |= {"test_ours_is_never_called_absent_for_what_staff_enter_meanwhile"}


def by_staff(told: dict[str, Any], result: str) -> list[tuple[str, str]]:
    rows = [case for case in told["cases"] if case["check"] in STAFF and case["result"] == result]
    return sorted((case["about"], case["check"].split("_")[1]) for case in rows)


def test_what_staff_enter_themselves_is_tried_for_payments_notes_and_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = proved(capsys, HERE / "harbor.yaml")

    tried = {"add_note", "post_bulletin", "take_payment"}
    assert (code, by_staff(told, "ok")) == (0, [(each, which) for each in sorted(tried) for which in ("ours", "what")])


SHOWN = """\
resources:
  GET /rentals/{}/payments:
    of: payments
    show: {id: "{id}", amount: "{amount|number_text}", about: {ref: "{reference}", online: true}}
"""


def test_a_look_that_leaves_our_reference_out_is_found_out_by_what_staff_enter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The vendor shows payments from the desk as it shows ours, but for the reference."""
    right = 'match: {about.ref: "{effect.reference}"}'
    file, _ = broken(tmp_path, right, 'match: {amount: "{effect.total|number_text}"}')
    vendor = tmp_path / "vendor.yaml"
    vendor.write_text(FERRY.read_text(encoding="utf-8"), encoding="utf-8")
    vendor.with_name("vendor.office.yaml").write_text(SHOWN, encoding="utf-8")

    good, kept = proved(capsys, FERRY, "--vendor", vendor)
    code, told = proved(capsys, file, "--vendor", vendor)

    assert (good, by_staff(kept, "failed")) == (0, [])
    assert (code, by_staff(told, "failed")) == (1, [("take_payment", "what")])


def test_where_nothing_of_ours_is_written_staff_enter_the_same_and_it_is_not_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tenant, amount and day are all that tells a payment there, and that is what is promised."""
    _, told = proved(capsys, "cubby")

    assert ("take_payment", "what") in by_staff(told, "not_possible")
    assert ("add_note", "what") in by_staff(told, "ok")


def test_a_person_reads_a_line_for_each_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, line = broken(tmp_path, *LIES["a look in the wrong field"][:2])

    code = run(["map", "prove", str(file)])

    caught = capsys.readouterr()
    lines = caught.out.splitlines()
    assert code == 1
    assert "ok            take_payment: done once is there once" in lines
    assert "not possible  set_autopay: is not promised (the vendor has no call for it)" in lines
    where = lines.index("FAILED        take_payment: a look finds what was done and not what was never sent")
    assert lines[where + 1].startswith("    expected: A probe tells the two apart")
    assert "the look says Absent" in lines[where + 2]
    below = lines[where + 3 : where + 12]
    assert f"    see:      {file}:{line}:13: actions.take_payment.steps.0.idempotency.look_up.match" in below
    assert " FAILED." in caught.err


def test_it_needs_no_test_runner() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RUNNER, str(FERRY)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert " 0 FAILED." in done.stderr


def test_what_cannot_be_used_or_played_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd, line = broken(tmp_path, 'poll: {get: "/tickets/{step.pay.payment}"}', "poll: {get: /tickets/newest}")

    assert run(["map", "prove", "nobody"]) == ConfigurationError.exit_code
    assert "nobody" in capsys.readouterr().err
    assert run(["map", "prove", str(odd)]) == ConfigurationError.exit_code
    assert f"ferry.yaml:{line}: actions.take_payment.steps.0.outcome.job.poll: names neither" in capsys.readouterr().err
