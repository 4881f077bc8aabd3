"""A second click with a new key while, or exactly when, the first one settles: never a silent second payment."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from tests.crashes.smithy import Scene, Smithy, Wish
from tests.crashes.verdict import Books

_REFUSED = {"balance_moved", "nothing_due", "payment_being_confirmed", "amount_too_high"}


def _clicks(scene: Scene, value: str, turns: int) -> list[list[Wish]]:
    """In each turn, up to three portals with one wish and a key each."""
    clicks = []
    for turn in range(turns):
        wish = scene.wish("pay") | {"value": value}
        portals = [wish | {"key": f"{wish['key']}-{portal}"} for portal in range(2 + turn % 2)]
        # The first begins at once; the others while it reads, sends, records or has just ended.
        delays = [0.0, *(scene.chance.uniform(0, 0.15) for _ in portals[1:])]
        scene.run(*(scene.job(click, delay_seconds=delay) for click, delay in zip(portals, delays, strict=True)))
        clicks.append(portals)
    return clicks


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_all_that_is_due_is_paid_once_however_many_portals_ask(smithy: Smithy, seed: int) -> None:
    scene = Scene(smithy, seed)
    before = Books(scene)
    turns = _clicks(scene, "", scene.left("pay"))
    scene.finish()

    after = Books(scene)
    for clicks in turns:
        place, rental = clicks[0]["facility"], clicks[0]["rental"]
        owed = Decimal(before.sites[place]["ledgers"][rental]["visible_balance"])
        paid = [Decimal(row["amount"]) for row in after.sites[place]["ledgers"][rental]["payments"]]
        known = [Decimal(row["amount"]) for row in before.sites[place]["ledgers"][rental]["payments"]]
        assert sum(paid) - sum(known) == owed
        assert len(paid) == len(known) + 1
    _every_answer_is_one_of_these(scene)


@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_a_part_is_paid_twice_only_by_one_who_saw_the_first_payment(smithy: Smithy) -> None:
    scene = Scene(smithy, 7)
    turns = _clicks(scene, "1.37", scene.left("pay"))
    scene.finish()

    books, views = Books(scene), scene.views()
    for clicks in turns:
        mine = sorted((views[c["key"]] for c in clicks if c["key"] in views), key=lambda view: view.submitted_at)
        assert books.payments(clicks[0]) == len(mine) >= 1
        for first, second in pairwise(mine):
            ended = first.steps[0].finished_at
            assert ended is not None
            assert second.submitted_at > ended
    _every_answer_is_one_of_these(scene)


def _every_answer_is_one_of_these(scene: Scene) -> None:
    """Settled, still being confirmed, or a refusal that says why; and in the end nothing is open."""
    for answer in scene.told:
        assert answer.get("outcome") in {"settled", "pending"} or answer["code"] in _REFUSED, answer
    assert {view.outcome.value for view in scene.views().values()} == {"settled"}
