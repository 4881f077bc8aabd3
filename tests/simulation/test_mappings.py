"""The simulation over mappings: the real adapter, its transport and the engine, against the vendor's own sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pmsbridge.errors import InputError
from pmsbridge.testing.simulation import Simulator
from pmsbridge.testing.simulation.__main__ import main
from pmsbridge.testing.simulation.tally import Tally, play_range, stage_of
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing.played_office import FAULTS
from pmsbridge_rest.testing.simulated import stage_for

STAGES = "pmsbridge_rest.testing.simulated"
EACH = 15
VENDORS = {
    "booqable": "a reference of ours",
    "buildium": "a reference of ours, whose absence proves nothing",
    "cubby": "the amount, and what was there before",
    "storedge": "a key that the vendor takes",
}


def _examples(tally: Tally) -> str:
    return "\n".join([*tally.examples, *(f"seed {seed}" for seed in tally.bad_seeds)])


@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_is_lost_doubled_or_lied_about(
    vendor: str, chunk: int, record_property: Callable[[str, object], None]
) -> None:
    tally = play_range(chunk * EACH, EACH, f"{STAGES}:{vendor}")
    record_property("played", tally.schedules)

    assert tally.schedules == EACH
    assert tally.violations == 0, _examples(tally)
    assert tally.coverage["told settled"] >= 3
    assert tally.calls >= EACH


def test_schedules_reach_the_places_where_things_go_wrong() -> None:
    tally = play_range(700, 70, f"{STAGES}:cubby")

    assert tally.violations == 0, _examples(tally)
    reached = {name.removeprefix("fault ") for name in tally.coverage if name.startswith("fault ")}
    assert len(set(FAULTS) - reached) <= 3, set(FAULTS) - reached
    for what in ("told settled", "told pending", "fault read failed", "read stale", "desk payment"):
        assert tally.coverage[what], what
    assert any(name.startswith("crash ") for name in tally.coverage)


@pytest.mark.parametrize("seed", [721, 2672])
def test_the_payment_of_one_unit_is_not_taken_for_the_equal_one_of_another(seed: int) -> None:
    """The vendor tells payments by customer and amount; the first one did not show yet when the second was sent."""
    with Simulator(stage_for("cubby")) as simulator:
        verdict = simulator.play_seed(seed)

    assert verdict.violations == ()
    assert any("pay_all" in line for line in verdict.log)


def test_a_payment_that_is_told_by_its_amount_is_not_taken_for_what_staff_took(tmp_path: Path) -> None:
    """A mapping that does not look at the amount takes the desk's payment for its own, and says so to the tenant."""
    truth = 'match: {amount: "{effect.total|cents}", status:'
    text = file_of("cubby").read_text(encoding="utf-8")
    assert truth in text
    lying = tmp_path / "lying.yaml"
    lying.write_text(text.replace(truth, "match: {status:"), encoding="utf-8")

    assert "told_done_but_not" in _caught(lying, "cubby", "told_done_but_not", range(600, 1000))


def test_the_same_seed_is_the_same_run_and_another_is_not() -> None:
    stage = stage_for("booqable")
    with Simulator(stage) as simulator:
        first, again, other = (simulator.play_seed(seed) for seed in (7, 7, 8))

    assert first.log == again.log
    assert first.digest != other.digest


def _caught(lying: Path, vendor: str, wanted: str, seeds: range) -> set[str]:
    """The kinds of the violations that a mapping leads to, up to the first seed that has the wanted one."""
    found: set[str] = set()
    with Simulator(stage_for(lying, vendor=vendor)) as simulator:
        for seed in seeds:
            found |= {each.kind for each in simulator.play_seed(seed).violations}
            if wanted in found:
                break
    return found


HARBOR = str(Path(__file__).parent.parent / "adapters" / "rest" / "harbor.yaml")
BY_REFERENCE = """by: client_reference
          look_up:
            get: "/leases/{effect.parts[0].rental_id}/payments"
            paginate: pages
            match: {reference: "{effect.reference}", amount_cents: "{effect.total|cents}"}
            outputs: {payment: id}
"""
LIES = {
    "the wrong field": ("booqable", " description: {contains:", " provider_id: {contains:"),
    "the wrong amount": ("cubby", 'match: {amount: "{effect.total|cents}"', 'match: {amount: "1"'),
    "a key that is none": (HARBOR, BY_REFERENCE, "by: header\n          name: X-Key\n"),
}


@pytest.mark.parametrize(("vendor", "truth", "told"), LIES.values(), ids=LIES.keys())
def test_a_bug_in_a_mapping_is_caught(tmp_path: Path, vendor: str, truth: str, told: str) -> None:
    text = file_of(vendor).read_text(encoding="utf-8")
    assert truth in text
    lying = tmp_path / "lying.yaml"
    lying.write_text(text.replace(truth, told), encoding="utf-8")

    assert "double" in _caught(lying, vendor, "double", range(150))


def test_the_command_plays_another_office_and_says_how_to_play_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--office", f"{STAGES}:cubby", "--schedules", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schedules"] == 2

    assert main(["--office", f"{STAGES}:cubby", "--only-seed", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["violations"] == []


@pytest.mark.parametrize("office", ["nowhere:cubby", f"{STAGES}:nobody", "json:dumps", "pathlib:Path", "no_colon"])
def test_an_office_that_is_none_is_refused(office: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="office"):
        stage_of(office)
    with pytest.raises(SystemExit):
        main(["--office", office, "--schedules", "1"])
    assert "office" in capsys.readouterr().err


def test_a_record_is_of_the_simulated_offices_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--office", f"{STAGES}:cubby", "--record", str(tmp_path / "record.jsonl")])
    assert "--record" in capsys.readouterr().err
