"""Old rows of the feeds go; what an endpoint has not been told goes later, and not in silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pmsbridge.store.changes import Changes
from pmsbridge.store.feed_room import Dropped, FeedRoom, KeptFor
from pmsbridge.store.findings import Findings
from pmsbridge.store.outcome_feed import Outcomes
from pmsbridge.store.webhooks import Failure, Feed, Head
from tests.webhooks.receiver import Receiver
from tests.webhooks.stage import Stage

KEPT = KeptFor(told=timedelta(days=90), untold=timedelta(days=180))


def room(stage: Stage) -> Dropped:
    return FeedRoom(stage.database, KEPT).make(stage.clock.now())


def later(stage: Stage, days: int) -> None:
    stage.clock.advance(timedelta(days=days))


def something(stage: Stage, name: str) -> None:
    """A change, and an action with an outcome."""
    stage.change(name)
    stage.action(f"act_{name}")
    stage.outcome(f"act_{name}", "settled")


def missed(stage: Stage) -> list[str]:
    return [each.finding.text for each in Findings(stage.database).open() if each.finding.code == "webhook_missed"]


def test_what_everybody_was_told_goes_when_it_is_old_and_not_before(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    something(stage, "T1")
    assert delivery.run() == 2
    later(stage, 89)
    something(stage, "T2")
    assert delivery.run() == 2

    assert room(stage) == Dropped()
    later(stage, 2)
    assert room(stage) == Dropped(changes=1, outcomes=1)
    assert [row.id for row in Changes(stage.database).after(0)] == ["T2"]
    assert [row.action_id for row in Outcomes(stage.database).after(0)] == ["act_T2"]
    assert missed(stage) == []


def test_where_nobody_is_told_anything_old_changes_go(stage: Stage) -> None:
    stage.change("T1")
    later(stage, 91)

    assert room(stage) == Dropped(changes=1)


def test_what_an_endpoint_was_not_told_stays_for_it(stage: Stage, receiver: Receiver) -> None:
    quick, slow = stage.delivery(receiver.url), stage.delivery(receiver.url, "slow")
    something(stage, "T1")
    assert quick.run() == 2
    later(stage, 100)

    assert room(stage) == Dropped()
    assert slow.run() == 2


def test_a_dead_endpoint_holds_nothing_for_ever_and_a_person_hears_of_it(stage: Stage, receiver: Receiver) -> None:
    stage.delivery(receiver.url)
    held = stage.store.take("crm", "worker", timedelta(minutes=1))
    assert held is not None
    stage.store.failed(held, Failure(Head(Feed.CHANGES, 1), 9, "HTTP 500", None))
    for name in ("T1", "T2"):
        something(stage, name)
    later(stage, 181)
    something(stage, "T3")

    assert room(stage) == Dropped(changes=2, outcomes=2)
    (text,) = missed(stage)
    assert "crm" in text
    assert room(stage) == Dropped()
    stage.store.enable("crm")
    assert stage.delivery(receiver.url).run() == 2  # the rest is told


def test_the_numbers_of_outcomes_go_on_after_all_of_them_were_old(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    for name in ("T1", "T2"):
        something(stage, name)
    assert delivery.run() == 4
    later(stage, 400)

    assert room(stage) == Dropped(changes=2, outcomes=1)
    something(stage, "T3")
    assert delivery.run() == 2


def test_thousands_go_in_one_night(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge.store.feed_room._AT_ONCE", 10)
    stage.changes([(f"T{number}", {"city": "Ghent"}, {"city": "Bruges"}) for number in range(25)])
    later(stage, 91)

    assert room(stage) == Dropped(changes=25)


def test_changes_forgotten_by_hand_leave_what_an_endpoint_was_not_told(stage: Stage, receiver: Receiver) -> None:
    delivery, feed = stage.delivery(receiver.url), Changes(stage.database)
    stage.change("T1")
    delivery.run()
    stage.change("T2")
    later(stage, 1)

    assert feed.forget(stage.clock.now()) == 1
    assert [row.id for row in feed.after(0)] == ["T2"]
