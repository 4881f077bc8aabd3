"""Delivery of messages to real receivers on loopback, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook

from pmsbridge.model.finding import Finding
from pmsbridge.store.changes import ChangeKind
from pmsbridge.store.findings import Findings
from pmsbridge.store.tables import MIRROR, outcomes
from pmsbridge.store.webhooks import Failure, Feed, Head
from pmsbridge.testing.memory import TestClock
from pmsbridge.webhooks import SigningKey, verify
from tests.webhooks.receiver import Came, Receiver
from tests.webhooks.stage import NEW, OLD, Stage


def open_findings(stage: Stage) -> list[Finding]:
    return [each.finding for each in Findings(stage.database).open()]


# -- what is told ----------------------------------------------------------------------------------------------------


def test_a_change_and_an_outcome_are_told_signed_with_what_changed(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1", {"email": "a@example.com"}, {"email": "b@example.com"})
    stage.action("act_1")
    stage.outcome("act_1", "settled")

    assert delivery.run() == 2

    action, record = receiver.came
    assert record.message == {
        "type": "tenant.changed",
        "timestamp": record.message["timestamp"],
        "data": {
            "account": "main", "facility": "L001", "entity": "tenant", "id": "T1",
            "uid": record.message["data"]["uid"], "left_out": [],
            "changed": {"email": {"before": "a@example.com", "after": "b@example.com"}},
        },
    }  # fmt: skip
    assert action.message["type"] == "action.settled"
    assert action.message["data"] == {
        "account": "main", "facility": "L001", "entity": "action", "id": "act_1", "kind": "pay_rental",
        "tenant_id": "1001", "partial": False,
        "changed": {"outcome": {"before": "pending", "after": "settled"}},
    }  # fmt: skip
    for came in receiver.came:
        assert came.headers["content-type"] == "application/json"
        assert verify([SigningKey(NEW)], came.headers, came.body, now=stage.clock.now()) == came.id


def test_every_outcome_in_between_is_told_in_its_order(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    for action in ("a", "b"):
        stage.action(action)
        stage.outcome(action, "needs_review")
    for outcome in ("pending", "pending", "settled"):
        stage.outcome("a", outcome)

    delivery.run()

    assert receiver.whats == [
        ("action.needs_review", "a"), ("action.needs_review", "b"), ("action.pending", "a"), ("action.settled", "a"),
    ]  # fmt: skip


@pytest.mark.parametrize("address", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_an_outcome_that_commits_late_is_not_passed_over(stage: Stage, receiver: Receiver) -> None:
    """The row of an open transaction has a lower number already, and nobody sees it yet; SQLite has one writer."""
    delivery = stage.delivery(receiver.url)
    stage.action("late")
    stage.action("quick")
    from sqlalchemy import update

    from pmsbridge.store.tables import actions

    with stage.database.write() as connection:
        connection.execute(update(actions).where(actions.c.id == "late").values(outcome="settled"))
        stage.outcome("quick", "declined")
        delivery.run()
        assert receiver.whats == [("action.declined", "quick")]

    delivery.run()

    assert receiver.whats == [("action.declined", "quick"), ("action.settled", "late")]


def test_what_happened_before_an_endpoint_was_known_is_not_told(stage: Stage, receiver: Receiver) -> None:
    stage.change("old")
    stage.action("old")
    stage.outcome("old", "settled")

    delivery = stage.delivery(receiver.url)
    stage.change("new")
    delivery.run()

    assert receiver.whats == [("tenant.changed", "new")]


def test_what_was_noted_for_others_before_is_not_told_to_a_new_endpoint(stage: Stage, receiver: Receiver) -> None:
    stage.store.register(["other"])
    stage.action("old")
    stage.outcome("old", "settled")

    assert stage.delivery(receiver.url).run() == 0

    assert receiver.came == []


def test_only_what_was_asked_for_is_told_and_the_rest_is_not_looked_at_again(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url, events=["tenant.changed", "action.*"], facilities=["main/L001"])
    stage.change("T1")
    stage.change("U1", entity="unit")
    stage.change("T2", facility="L002")
    stage.change("T3", kind=ChangeKind.DELETED)
    stage.action("elsewhere", facility="L002")
    stage.outcome("elsewhere", "settled")
    stage.change("T4")
    stage.change("U2", entity="unit")

    assert delivery.run() == 2

    assert receiver.whats == [("tenant.changed", "T1"), ("tenant.changed", "T4")]
    assert not stage.store.is_due("crm")


def test_the_first_copy_of_a_facility_tells_nobody_anything(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.changes([("T1", {}, {}), ("T2", {}, {"city": "Ghent"})], ChangeKind.CREATED)

    delivery.run()

    assert receiver.whats == [("tenant.created", "T2")]
    assert receiver.came[0].message["data"]["changed"] == {"city": {"before": None, "after": "Ghent"}}


def test_many_changes_arrive_all_in_order(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.changes([(f"T{number}", {"n": 0}, {"n": 1}) for number in range(120)])

    assert delivery.run() == 120

    assert [record for _, record in receiver.whats] == [f"T{number}" for number in range(120)]
    assert len(set(receiver.ids)) == 120


# -- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_message_that_is_refused_is_tried_again_later_under_the_same_id(
    stage: Stage, receiver: Receiver, status: int
) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    stage.change("T2")
    receiver.status = status

    assert delivery.run() == delivery.run() == 0
    assert len(receiver.came) == 1
    assert (stage.state().attempts, stage.state().problem) == (1, f"HTTP {status}")
    stage.clock.advance(timedelta(seconds=9))
    assert delivery.run() == 0
    receiver.status = 200
    stage.clock.advance(timedelta(seconds=2))
    assert delivery.run() == 2

    first, again, second = receiver.came
    assert (first.id, first.body) == (again.id, again.body) != (second.id, second.body)
    assert first.headers["webhook-timestamp"] < again.headers["webhook-timestamp"]
    assert receiver.whats == [("tenant.changed", "T1"), ("tenant.changed", "T1"), ("tenant.changed", "T2")]
    state = stage.state()
    assert (state.attempts, state.problem, state.failing_since, state.delivered) == (0, "", None, 2)


def test_a_receiver_that_asks_for_a_longer_wait_gets_it(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change()
    receiver.status, receiver.headers = 503, {"retry-after": "300"}

    delivery.run()

    assert stage.state().next_at == stage.clock.now() + timedelta(seconds=300)


def test_the_message_that_failed_comes_before_what_came_later(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    receiver.status = 500
    delivery.run()
    stage.action("act_1")
    stage.outcome("act_1", "settled")
    stage.clock.advance(timedelta(seconds=11))
    delivery.run()
    receiver.status = 200
    stage.clock.advance(timedelta(minutes=2))

    delivery.run()

    assert receiver.whats == [("tenant.changed", "T1")] * 3 + [("action.settled", "act_1")]


def test_after_the_last_attempt_the_endpoint_is_disabled_and_a_person_is_told(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    receiver.status = 500
    for _ in range(2):
        delivery.run()
        stage.clock.advance(timedelta(hours=1))
        assert open_findings(stage) == []
    delivery.run()

    assert stage.state().disabled_at is not None
    (finding,) = open_findings(stage)
    assert (finding.code, finding.account, finding.subject) == ("webhook_disabled", "main", "webhook/crm")
    assert "3 attempts" in finding.text
    receiver.status = 200
    stage.clock.advance(timedelta(days=30))
    stage.change("T2")
    assert delivery.run() == 0

    assert stage.store.enable("crm")
    assert delivery.run() == 2
    assert receiver.whats[-2:] == [("tenant.changed", "T1"), ("tenant.changed", "T2")]


def test_a_person_may_leave_out_the_message_that_fails(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("poison")
    stage.change("T2")
    receiver.status = lambda came: 500 if came.what[1] == "poison" else 200
    delivery.run()

    stage.store.enable("crm", skips=True)
    delivery.run()

    assert receiver.whats == [("tenant.changed", "poison"), ("tenant.changed", "T2")]


def broken(stage: Stage, seq: int, after: str = "{broken") -> None:
    with stage.database.write() as connection:
        table = MIRROR.changes
        assert connection.execute(update(table).where(table.c.seq == seq).values(after=after)).rowcount == 1


@pytest.mark.parametrize("after", ["{broken", "[1]"])
def test_a_change_of_which_no_message_can_be_made_is_a_failed_attempt_like_any_other(
    stage: Stage, receiver: Receiver, after: str
) -> None:
    delivery = stage.delivery(receiver.url)
    for tenant in ("T1", "T2", "T3"):
        stage.change(tenant)
    broken(stage, 2, after)

    told = []
    for _ in range(3):
        told.append(delivery.run())
        told.append(delivery.run())  # it is not tried again before its time
        stage.clock.advance(timedelta(hours=1))

    assert told == [1, 0, 0, 0, 0, 0]
    state = stage.state()
    assert (state.head, state.attempts) == (Head(Feed.CHANGES, 2), 3)
    assert state.disabled_at is not None
    assert "no message can be made of it" in state.problem
    unsayable, disabled = Findings(stage.database).open()
    assert (unsayable.finding.code, unsayable.times) == ("webhook_unsayable", 2)
    assert "entry 2 of the feed of changes" in unsayable.finding.text
    assert disabled.finding.code == "webhook_disabled"
    stage.store.enable("crm", skips=True)
    assert delivery.run() == 1
    assert receiver.whats == [("tenant.changed", "T1"), ("tenant.changed", "T3")]


def test_a_change_that_is_put_right_is_told_in_its_order(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    for tenant in ("T1", "T2", "T3"):
        stage.change(tenant)
    broken(stage, 2)
    delivery.run()
    broken(stage, 2, '{"city": "Bruges"}')
    stage.clock.advance(timedelta(hours=1))

    delivery.run()

    assert [what[1] for what in receiver.whats] == ["T1", "T2", "T3"]
    assert stage.state().attempts == 0


def test_a_broken_change_of_others_holds_nobody_up(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url, events=["unit.*"])
    stage.change("T1")
    stage.change("U1", entity="unit")
    broken(stage, 1)

    assert delivery.run() == 1
    assert open_findings(stage) == []


def test_an_outcome_of_which_no_message_can_be_made_is_a_failed_attempt(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.action("act_1")
    stage.outcome("act_1", "settled")
    with stage.database.write() as connection:
        connection.execute(update(outcomes).values(before="no such outcome"))

    assert delivery.run() == 0

    assert stage.state().attempts == 1
    assert [finding.code for finding in open_findings(stage)] == ["webhook_unsayable"]


def test_a_receiver_that_is_gone_is_disabled_at_once(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change()
    receiver.status = 410

    delivery.run()

    assert stage.state().disabled_at is not None
    assert [finding.code for finding in open_findings(stage)] == ["webhook_gone"]
    stage.clock.advance(timedelta(days=1))
    assert delivery.run() == 0
    assert len(receiver.came) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(stage: Stage, receivers: Callable[[], Receiver], status: int) -> None:
    first, second = receivers(), receivers()
    first.status, first.headers = status, {"location": second.url}
    delivery = stage.delivery(first.url)
    stage.change()

    assert delivery.run() == 0

    assert (len(first.came), second.came) == (1, [])
    assert stage.state().problem == f"HTTP {status}: a redirect, which is not followed"


def test_a_receiver_that_does_not_answer_in_time_has_failed(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url, timeout="1s")
    stage.change()
    receiver.hangs.set()

    assert delivery.run() == 0

    assert stage.state().attempts == 1
    assert stage.state().problem in {"no answer (read_timeout)", "no answer (deadline)"}


def test_nobody_listening_is_a_failure_like_any_other(stage: Stage) -> None:
    delivery = stage.delivery("http://127.0.0.1:1/hooks")
    stage.change()

    delivery.run()

    assert stage.state().problem == "no answer (connect_failed)"


def test_a_private_address_is_refused_before_anything_is_sent(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(f"https://localhost:{receiver.port}/hooks", allow_private=False)
    stage.change()

    delivery.run()

    assert stage.state().problem == "no answer (address_refused)"
    assert receiver.came == []


def test_a_secret_that_is_missing_is_a_failure_that_is_told(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url, secret="env:OLD")
    stage.change()
    delivery.endpoint._secrets.known["env:OLD"] = "not-a-secret"  # type: ignore[attr-defined]

    delivery.run()

    assert stage.state().problem.startswith("webhooks: crm: env:OLD: a webhook's secret is")
    assert "not-a-secret" not in stage.state().problem
    assert receiver.came == []


def test_one_bad_endpoint_holds_no_other_up(stage: Stage, receivers: Callable[[], Receiver]) -> None:
    bad, good = receivers(), receivers()
    bad.hangs.set()
    sender = stage.sender(
        stage.endpoint(bad.url, "bad", timeout="60s"), stage.endpoint(good.url, "good", timeout="60s")
    )
    sender.start()
    try:
        stage.changes([(f"T{number}", {"n": 0}, {"n": 1}) for number in range(5)])
        good.wait_for(5)
        bad.wait_for(1)
        assert len(bad.came) == 1
    finally:
        bad.hangs.clear()
        assert sender.stop()


# -- secrets that change ---------------------------------------------------------------------------------------------


def test_while_a_secret_is_changed_receivers_with_either_accept(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url, secret="env:NEW", former_secrets=["env:OLD"])
    stage.change()

    delivery.run()

    (came,) = receiver.came
    assert len(came.headers["webhook-signature"].split(" ")) == 2
    for secret in (NEW, OLD):
        assert verify([SigningKey(secret)], came.headers, came.body, now=stage.clock.now()) == came.id


def test_the_specifications_own_library_accepts_what_is_delivered(stage: Stage, receiver: Receiver) -> None:
    stage.clock = TestClock(datetime.now(UTC))
    delivery = stage.delivery(receiver.url, former_secrets=["env:OLD"])
    stage.change("T\u00e9", {"city": "Li\u00e8ge"}, {"city": "K\u00f6ln"})

    delivery.run()

    (came,) = receiver.came
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(came.body, came.headers) == json.loads(came.body)


# -- several workers -------------------------------------------------------------------------------------------------


def test_two_workers_never_tell_one_endpoint_at_the_same_time(stage: Stage, receiver: Receiver) -> None:
    receiver.delay = 0.01
    deliveries = [stage.delivery(receiver.url, timeout="30s") for _ in range(4)]
    stage.changes([(f"T{number}", {"n": 0}, {"n": 1}) for number in range(60)])

    def work(number: int) -> None:
        while stage.state().changes_seq < last:
            deliveries[number].run()

    last = stage.state().changes_seq + 60
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert receiver.most_at_once == 1
    assert [record for _, record in receiver.whats] == [f"T{number}" for number in range(60)]


def test_who_has_lost_the_lease_writes_nothing_any_more(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    held = stage.store.take("crm", "slow", timedelta(seconds=60))
    assert held is not None
    assert delivery.run() == 0
    stage.clock.advance(timedelta(seconds=61))
    assert delivery.run() == 1
    before = stage.state()

    assert not stage.store.arrived(held, Head(Feed.CHANGES, 0))
    assert not stage.store.passed_over(held, Head(Feed.CHANGES, 0))
    assert not stage.store.failed(held, Failure(Head(Feed.CHANGES, 0), 1, "late", timedelta(1)))
    stage.store.let_go(held)

    assert stage.state() == before


def test_who_has_lost_the_lease_sends_nothing_any_more(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    rows = delivery.rows

    def frozen(feed: Feed, after: int) -> object:
        found = rows(feed, after)
        stage.clock.advance(delivery.lease + timedelta(seconds=1))
        return found

    delivery.rows = frozen  # type: ignore[method-assign, assignment]
    delivery.run()

    assert receiver.came == []
    assert stage.state().problem == "no answer (lease_over)"


# -- a person's commands ---------------------------------------------------------------------------------------------


def test_a_replay_tells_again_under_the_same_ids(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    stage.clock.advance(timedelta(minutes=1))
    since = stage.clock.now()
    stage.change("T2")
    stage.action("act_1")
    stage.outcome("act_1", "settled")
    delivery.run()
    ids = {came.what: came.id for came in receiver.came}
    receiver.came.clear()

    assert stage.store.rewind("crm", since)
    delivery.run()

    assert sorted(receiver.whats) == [("action.settled", "act_1"), ("tenant.changed", "T2")]
    assert all(ids[came.what] == came.id for came in receiver.came)


def test_a_replay_never_leaves_out_what_was_not_told_yet(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    stage.clock.advance(timedelta(minutes=1))

    stage.store.rewind("crm", stage.clock.now())
    delivery.run()

    assert receiver.whats == [("tenant.changed", "T1")]


def test_a_replay_takes_the_place_of_what_a_worker_has_under_way(stage: Stage, receiver: Receiver) -> None:
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    delivery.run()
    stage.change("T2")

    def replayed(came: Came) -> int:
        if came.what[1] == "T2":
            stage.store.rewind("crm", stage.clock.now() - timedelta(days=1))
        return 200

    receiver.status = replayed
    assert delivery.run() == 0
    assert delivery.run() == 0  # the lease of what was under way still stands
    receiver.status = 200
    stage.clock.advance(delivery.lease + timedelta(seconds=1))
    delivery.run()

    assert receiver.whats[-2:] == [("tenant.changed", "T1"), ("tenant.changed", "T2")]


def test_nobody_is_named_who_is_not_there(stage: Stage) -> None:
    assert not stage.store.rewind("nobody", stage.clock.now())
    assert not stage.store.enable("nobody")
    assert stage.store.take("nobody", "me", timedelta(1)) is None


def test_after_a_fork_the_child_has_threads_of_its_own(stage: Stage, receiver: Receiver) -> None:
    sender = stage.sender(stage.endpoint(receiver.url, "crm", timeout="60s"))
    sender.start()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sender.start()
            code = 0 if all(thread.is_alive() for thread in sender._threads) and sender.stop() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sender.stop()
