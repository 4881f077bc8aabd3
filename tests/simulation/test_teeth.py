"""The simulation bites: every planted bug is caught."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pmsbridge.testing.simulation import Simulator, draw
from tests.simulation.teeth import TEETH, Tooth, table

WITHIN = 2000
FEWEST = 15
CONTROLS = 6


def schedules_until_caught(tooth: Tooth) -> int | None:
    """After how many schedules a planted bug was caught; None for never."""
    with Simulator() as simulator:
        for seed in range(WITHIN):
            schedule, dice = draw(seed)
            verdict = simulator.play(tooth.focus(schedule, dice), dice)
            if tooth.caught_as & {found.kind for found in verdict.violations}:
                return seed + 1
    return None


@pytest.mark.parametrize("tooth", TEETH, ids=lambda tooth: tooth.name)
def test_a_planted_bug_is_caught(
    tooth: Tooth, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    tooth.plant(monkeypatch)

    after = schedules_until_caught(tooth)

    assert after is not None, f"{tooth.name}: not caught within {WITHIN} schedules"
    record_property("schedules", after)


def test_there_are_enough_planted_bugs_and_none_twice() -> None:
    assert len({tooth.name for tooth in TEETH}) == len(TEETH) >= FEWEST


def test_without_a_planted_bug_the_same_schedules_are_clean() -> None:
    with Simulator() as simulator:
        for tooth in TEETH:
            for seed in range(CONTROLS):
                schedule, dice = draw(seed)
                verdict = simulator.play(tooth.focus(schedule, dice), dice)
                assert not verdict.violations, f"{tooth.name}: {verdict.violations[0]}"


def test_the_documentation_lists_every_planted_bug() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "proof.md"

    assert table() in page.read_text(encoding="utf-8"), f"docs/proof.md should hold:\n{table()}"
