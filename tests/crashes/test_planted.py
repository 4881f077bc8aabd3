"""The harness finds what it is there to find: each of these workers is broken in one way, and is caught."""

from __future__ import annotations

import re

import pytest

from tests.crashes.planted import PLANTED
from tests.crashes.smithy import Scene, Smithy
from tests.crashes.verdict import violations

SEEN = {
    "the call is made before the record": "was done [2-9] times",
    "what was being sent is sent again": "was done [2-9] times",
    "what was being sent is taken for done": "is settled .* was done 0 times",
}


@pytest.mark.parametrize("bug", PLANTED)
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_a_planted_bug_is_caught(smithy: Smithy, bug: str) -> None:
    scene = Scene(smithy)
    for number in range(3, 15):
        scene.run(scene.job(scene.wish("pay"), die_at=number, planted=bug))
        scene.later()

    scene.finish(planted=bug)

    assert any(re.search(SEEN[bug], text) for text in violations(scene))


@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_the_same_without_a_bug_is_clean(smithy: Smithy) -> None:
    scene = Scene(smithy)
    for number in range(3, 15):
        scene.run(scene.job(scene.wish("pay"), die_at=number))
        scene.later()

    scene.finish()

    assert violations(scene) == []
