"""kill -9 of real workers at every boundary of the journal, and others finish. The books are the judge."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.crashes.plays import Place, acted, decided, enough, places
from tests.crashes.smithy import Scene, Smithy
from tests.crashes.verdict import violations

KILLS = int(os.environ.get("PMSBRIDGE_TEST_KILLS", "30"))
"""Kills per boundary, over all verbs, facilities and parts; ``make crashes`` wants fifty."""

PARTS = 5
CROWD = 3
"""As many die at once as there are lanes; one more is at work beside them, and lives."""
_TRIES = 4
"""Stories per kill that is wanted, at most: who lives at the same time may take the work of who was to die."""

_MUST = {
    *(f"{side} commit: {what}" for side in ("before", "after") for what in (
        "submitted", "sending", "settled", "unknown", "found", "needs_review", "resolved", "retried", "declined",
    )),
    *(f"{side} {what}" for side in ("before", "after") for what in (
        "TakePayment", "ChangeContact", "SetAutopay", "ScheduleMoveOut", "PostBulletin", "AddNote", "mail",
    )),
}  # fmt: skip
"""What some boundary's name must hold: when one of these is missing, it is the naming that is broken."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_workers_killed_at_every_boundary_lose_and_double_nothing(smithy: Smithy, part: int) -> None:
    known, goal = _known(smithy), -(-KILLS // PARTS)
    scene, died = Scene(smithy, part), Counter[str]()
    for _ in range(_TRIES * goal * len(known)):
        lacking = [name for name in known if died[name] < goal]
        if not lacking:
            break
        open_to = [place for name in lacking for place in known[name] if enough(scene, place, CROWD)]
        if not open_to:
            _end(scene)
            scene = Scene(smithy, part + len(lacking))
            continue
        place = min(scene.chance.sample(open_to, min(5, len(open_to))), key=lambda place: place.preparations)
        for process in acted(scene, place, die_in=lacking, crowd=CROWD, living=1):
            if process["status"] == -9:
                died[process["reached"][-1]] += 1
    _end(scene)
    assert {name: died[name] for name in known if died[name] < goal} == {}


def _known(smithy: Smithy) -> dict[str, list[Place]]:
    """Every boundary; looked for once for each journal, without anybody else at work."""
    if not smithy.places:
        smithy.places = places(Scene(smithy))
    for must in _MUST:
        side, _, what = must.partition(" ")
        assert any(name.startswith(side) and what.removeprefix("commit: ") in name for name in smithy.places), must
    return smithy.places


def _end(scene: Scene) -> None:
    """Workers finish, the first of them killed as well; an operator says what nobody could know; some users come back.

    They come with the same click; some never do.
    """
    scene.finish(killing=2, rounds=3)
    decided(scene)
    scene.finish()
    scene.run(scene.job(*(wish for key, wish in scene.wishes.items() if int(key[-4:]) % 3), remembers=True))
    scene.finish()
    assert violations(scene) == []
