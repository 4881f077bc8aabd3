"""kill -9 of real workers at every boundary of the journal, and another one finishes. The books are the judge."""

from __future__ import annotations

import os

import pytest

from tests.crashes.smithy import KINDS, Scene, Smithy
from tests.crashes.verdict import violations

KILLS = int(os.environ.get("PMSBRIDGE_TEST_KILLS", "50"))
"""Kills per boundary, over all verbs and facilities."""

PARTS = 10


def _counted(smithy: Smithy) -> dict[str, int]:
    """How many boundaries one delivery of each verb has, found by letting one live."""
    scene, found = Scene(smithy), {}
    for verb in KINDS:
        (ended,) = scene.run(scene.job(scene.wish(verb), remembers=True))
        assert ended["told"][0]["outcome"] == "settled", ended["told"]
        assert {"before commit", "after commit"} < set(ended["reached"])
        found[verb] = len(ended["reached"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_a_worker_killed_at_any_boundary_loses_and_doubles_nothing(smithy: Smithy, part: int) -> None:
    boundaries = _counted(smithy)
    rounds = range(part * KILLS // PARTS, (part + 1) * KILLS // PARTS)
    plan = [(number, turn) for turn in rounds for number in range(1, max(boundaries.values()) + 1)]
    scene, died = Scene(smithy, part), 0
    for number, turn in plan:
        able = [verb for verb in KINDS if boundaries[verb] >= number]
        verb = able[(turn + number) % len(able)]
        if not scene.left(verb):
            _end(scene)
            scene = Scene(smithy, number)
        wish = scene.wish(verb)
        (ended,) = scene.run(scene.job(wish, die_at=number, remembers=True))
        died += ended["status"] == -9
        scene.later()
        if scene.chance.random() < 0.2:
            scene.run(scene.job(wish, remembers=True))
    _end(scene)
    assert died >= 0.95 * len(plan)


def _end(scene: Scene) -> None:
    """Workers finish, the first of them killed as well; some users come back with the same click, some never do."""
    scene.finish(killing=2)
    scene.run(scene.job(*(wish for key, wish in scene.wishes.items() if int(key[-4:]) % 3), remembers=True))
    scene.finish()
    assert violations(scene) == []
