"""The process a person clicked in dies: the action exists and is finished, or it does not and nothing was sent."""

from __future__ import annotations

import pytest

from tests.crashes.smithy import Scene, Smithy
from tests.crashes.verdict import Books, violations


@pytest.mark.parametrize("verb", ["pay", "pay_by_card", "edit"])
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_what_was_clicked_exists_and_is_finished_or_does_not_and_nothing_was_sent(smithy: Smithy, verb: str) -> None:
    known: list[bool] = []
    scene = Scene(smithy)
    for number in range(1, 13):
        if not scene.left(verb):
            scene = Scene(smithy, number)
        wish = scene.wish(verb)
        scene.run(scene.job(wish, die_at=number))
        exists = wish["key"] in scene.views()
        known.append(exists)
        if not exists:
            assert Books(scene).wished(wish) == 0

        scene.finish()
        if not exists:
            assert Books(scene).wished(wish) == 0
        (again,) = scene.run(scene.job(wish))
        (answer,) = again["told"]
        assert answer["replayed"] is exists, answer
        assert answer["outcome"] == scene.views()[wish["key"]].outcome.value
        scene.finish()
        assert violations(scene) == []
    # One commit decides: before it nothing is known, after it everything is.
    assert known == sorted(known)
    assert set(known) == {False, True}
