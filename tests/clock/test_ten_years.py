"""Ten years of nights on a machine that sleeps, restarts, has its clock set, and whose back office is away at times.

``PMSBRIDGE_CLOCK_DECADES`` says how many decades are lived; one by default.
"""

from __future__ import annotations

import os
import random
from datetime import time, timedelta
from pathlib import Path

import pytest

from tests.clock.calendar import Judge, Place, Verdict
from tests.clock.machine import PATIENCE, START, Machine, Parts

DECADES = int(os.environ.get("PMSBRIDGE_CLOCK_DECADES", "1"))
ENOUGH = timedelta(hours=3)

# Each at a time that its clock changes skip, repeat, or put on another day.
EVERYWHERE = (
    Place("Chicago", "America/Chicago", time(2, 30)),
    Place("Lord Howe", "Australia/Lord_Howe", time(2, 15)),
    Place("Lord Howe, early", "Australia/Lord_Howe", time(1, 45)),
    Place("Havana", "America/Havana", time(0, 0)),
    Place("Beirut", "Asia/Beirut", time(0, 30)),
    Place("Cairo", "Africa/Cairo", time(0, 15)),
    Place("Santiago", "America/Santiago", time(23, 30)),
    Place("Asuncion", "America/Asuncion", time(0, 0)),
    Place("London", "Europe/London", time(1, 30)),
    Place("Casablanca", "Africa/Casablanca", time(2, 0)),
    Place("Apia", "Pacific/Apia", time(3, 30)),
    Place("Kathmandu", "Asia/Kathmandu", time(2, 30)),
)


def live(
    folder: Path, seed: int, years: float, *, parts: Parts | None = None, places: int = 5
) -> tuple[Machine, Verdict]:
    """A life of a machine, and what the judge says about it."""
    others = [place for place in EVERYWHERE if place is not EVERYWHERE[1]]
    chosen = [EVERYWHERE[1], *random.Random(seed).sample(others, places - 1)]  # noqa: S311 - it can be lived again
    machine = Machine(seed, chosen, folder, START, years, parts or Parts()).run()
    judge = Judge(
        chosen, START + timedelta(days=3), machine.until - timedelta(days=3), machine.awake, machine.wrong,
        machine.away, enough=ENOUGH, late=PATIENCE - timedelta(hours=1),
    )  # fmt: skip
    return machine, judge.judge(machine.seen, machine.told)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4 * DECADES + 1))
def test_in_years_of_trouble_no_night_is_missed_doubled_or_kept_silent(seed: int, tmp_path: Path) -> None:
    machine, verdict = live(tmp_path, seed, 2.5, places=3)

    assert verdict.faults == {}
    assert verdict.judged > 2_500
    assert 0 < verdict.slept < verdict.judged / 5
    assert len(machine.wrong) > 1
    assert machine.told
