"""Die at every step, fail at every call in every way: none left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pmsbridge.testing.simulation import Character, Simulator
from pmsbridge.testing.simulation.people import VERBS
from pmsbridge.testing.simulation.sweep import (
    Sweep,
    calm_schedule,
    sweep_crash_pairs,
    sweep_crashes,
    sweep_faults,
)

# A cancelled move-out needs a move-out first, which has its own sweep: one back office is enough for it.
EVERYWHERE = [(verb, character) for verb in VERBS for character in Character if verb != "cancel_move_out"]
CRASHED = [(verb, Character.REFERENCE) for verb in VERBS] + [
    (verb, character) for verb in ("pay", "pay_all") for character in Character if character is not Character.REFERENCE
]
IDS = [f"{verb}-{character}" for verb, character in EVERYWHERE]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as playing:
        yield playing


def _is_clean(sweep: Sweep, *, at_least: int) -> None:
    assert sweep.points >= at_least
    assert sweep.reached == sweep.points
    assert not sweep.violations, "\n".join(map(str, sweep.violations[:5]))


@pytest.mark.parametrize(("verb", "character"), CRASHED, ids=[f"{verb}-{character}" for verb, character in CRASHED])
def test_a_process_may_die_at_every_step_of_every_action(simulator: Simulator, verb: str, character: Character) -> None:
    calm = calm_schedule(verb, character)

    sweep = sweep_crashes(simulator, calm)

    assert sweep.points == simulator.play(calm).steps
    _is_clean(sweep, at_least=10)


@pytest.mark.parametrize("means", ["stored", "card", "external"])
def test_a_payment_survives_two_crashes(simulator: Simulator, means: str) -> None:
    calm = calm_schedule("pay", Character.REFERENCE, means=means)

    _is_clean(sweep_crash_pairs(simulator, calm, every=3), at_least=60)


@pytest.mark.parametrize(("verb", "character"), EVERYWHERE, ids=IDS)
def test_every_call_may_fail_in_every_way(simulator: Simulator, verb: str, character: Character) -> None:
    _is_clean(sweep_faults(simulator, calm_schedule(verb, character)), at_least=16)


@pytest.mark.parametrize("character", Character)
def test_a_card_payment_may_die_and_fail_everywhere(simulator: Simulator, character: Character) -> None:
    calm = calm_schedule("pay", character, means="card")

    _is_clean(sweep_crashes(simulator, calm), at_least=10)
    _is_clean(sweep_faults(simulator, calm), at_least=16)
