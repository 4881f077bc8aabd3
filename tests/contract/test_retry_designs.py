"""The table of retry designs: what it plays, what it counts, and that it sets ours apart."""

from __future__ import annotations

import json
import sys
from functools import cache

import pytest

from benchmarks import retry_designs
from benchmarks.retry_designs import Row
from benchmarks.retry_portals import DESIGNS, GOES_WELL, LEVELS, OURS, PLAIN, schedule_of
from pmsbridge.testing.simulation import Simulator
from pmsbridge.testing.simulation.baton import Dice

_MUCH_GOES_WRONG = LEVELS[-1]


@cache
def played(design: str, count: int) -> Row:
    return retry_designs.play(design, _MUCH_GOES_WRONG, 0, count)


def test_plain_retry_pays_twice_in_one_schedule_of_ten() -> None:
    row = played(PLAIN, 150)

    assert row.columns["double"] >= 10
    assert set(row.found) <= {"double", "told_failed_but_done", "overlap"}


def test_ours_never_pays_twice_never_lies_and_loses_nothing() -> None:
    row = played(OURS, 60)

    assert dict(row.found) == {}
    assert row.columns["paid"] >= 50
    assert row.calls >= 60


def test_a_stored_failure_is_told_to_people_who_were_charged() -> None:
    row = played("claim first, one try, failure kept", 100)

    assert row.columns["double"] == 0
    assert row.columns["told failed, was charged"] >= 5
    assert row.columns["lost or stuck"] >= 5
    assert set(row.found) <= {"told_failed_but_done", "stuck", "overlap"}


def test_without_the_business_guard_the_engine_pays_twice_as_well() -> None:
    assert played("ours without the business guard", 40).columns["double"] >= 3


def test_the_same_seeds_give_the_same_row_to_the_last_event() -> None:
    for design in (PLAIN, OURS):
        first = retry_designs.play(design, _MUCH_GOES_WRONG, 0, 5)

        assert first.facts == retry_designs.play(design, _MUCH_GOES_WRONG, 0, 5).facts
        assert first.events != retry_designs.play(design, _MUCH_GOES_WRONG, 1, 5).events


def test_a_call_that_is_planned_to_go_well_goes_well_and_the_nth_call_of_any_design_goes_wrong_as_planned() -> None:
    schedule = schedule_of(1, _MUCH_GOES_WRONG)
    planned = [name for _, name in schedule.fault_at]

    with Simulator(DESIGNS[PLAIN]) as simulator:
        verdict = simulator.play(schedule, Dice(5))

    names = {f"fault {name}" for name in planned[: verdict.calls]} - {f"fault {GOES_WELL}"}
    assert {name for name in verdict.coverage if name.startswith("fault ")} - {"fault read failed"} == names
    assert 0.2 < sum(name != GOES_WELL for name in planned) / len(planned) < 0.45


def test_the_command_prints_a_row_for_every_design_at_every_level(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["retry_designs.py", "--schedules", "2", "--seed", "7", "--json"])

    retry_designs.main()

    found = json.loads(capsys.readouterr().out)
    assert [(row["subject"], row["fault"]) for row in found["subjects"]] == [
        (design, level.fault) for level in LEVELS for design in DESIGNS
    ]
    assert {row["schedules"] for row in found["subjects"]} == {2}
    assert found["claims"][0]["holds"]
