"""Faults of the sandbox: how a call goes wrong, and what the books and later reads say then."""

from __future__ import annotations

import pytest

from pmsbridge_rest.sandbox import FaultKind, RuleError
from pmsbridge_rest.sandbox.faults import OF_JOBS
from tests.adapters.rest.sandbox.callers import opened

NOTHING = {"rejected": 422, "logon_401": 401, "http_429": 429, "html_503": 503, "http_500": 500, "redirect": 307}
DONE = {"not_json": 200, "wrong_content": 200, "delay": 201, "stall": 201}


@pytest.mark.parametrize(("kind", "status"), NOTHING.items())
def test_a_refusal_does_nothing(kind: str, status: int) -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": kind})

    assert caller.pay().status == status
    assert not caller.office.books.entries
    assert caller.pay().status == 201  # it struck once


@pytest.mark.parametrize(("kind", "status"), DONE.items())
def test_a_spoilt_answer_is_to_something_that_happened(kind: str, status: int) -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": kind})

    assert caller.pay().status == status
    assert len(caller.office.books.entries) == 1


@pytest.mark.parametrize(("kind", "times"), [("drop_before", 0), ("drop_after", 1), ("duplicate_delivery", 2)])
def test_a_lost_answer_hides_what_happened(kind: str, times: int) -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": kind})

    got = caller.pay()

    assert (got.status == 0) is (kind != "duplicate_delivery")
    assert len(caller.office.books.entries) == times


def test_an_error_may_come_after_the_effect() -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "http_500", "after_effect": True})

    assert caller.pay().status == 500
    assert len(caller.office.books.entries) == 1


@pytest.mark.parametrize(("kind", "status"), [("late_commit", 0), ("late_after_500", 500)])
def test_a_late_commit_happens_when_it_is_due(kind: str, status: int) -> None:
    caller, now = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": kind, "seconds": 60})

    assert caller.pay().status == status
    now.later(59)
    assert caller.payments() == []
    now.later(2)

    assert len(caller.payments()) == 1
    (entry,) = caller.office.books.entries
    assert (now() - entry.at).total_seconds() == 1  # as of when it was due, not of when somebody looked


def test_a_read_may_lag_behind_what_was_done() -> None:
    caller, now = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "lag", "seconds": 30})

    assert caller.pay().status == 201
    assert caller.payments() == []
    now.later(31)
    assert len(caller.payments()) == 1


def test_a_stale_read_shows_an_older_day() -> None:
    caller, now = opened()
    caller.pay()
    now.later(10)
    caller.office.faults.inject({"operation": "look.take_payment", "kind": "stale", "seconds": 20})

    assert caller.payments() == []
    assert len(caller.payments()) == 1


def test_a_decline_says_no_in_an_answer_that_looks_good() -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "declined"})

    got = caller.pay()

    assert got.status == 200
    assert got.document["data"]["state"] == "refused"
    assert not caller.office.books.entries


def test_rules_strike_when_they_are_told_to() -> None:
    caller, _ = opened()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "rejected", "nth": 2, "count": 2})

    assert [caller.pay().status for _ in range(4)] == [201, 422, 422, 201]
    assert caller.office.faults.report()[0]["struck"] == 2

    caller.office.reset()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "rejected", "probability": 0.5})
    first = [caller.pay().status for _ in range(12)]
    caller.office.reset()
    caller.office.faults.inject({"operation": "take_payment.*", "kind": "rejected", "probability": 0.5})
    assert first.count(422) in range(2, 11)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "hail"},
        {"kind": "delay", "colour": "blue"},
        {"kind": "delay", "nth": 0},
        {"kind": "delay", "seconds": "long"},
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: dict[str, object]) -> None:
    caller, _ = opened()

    with pytest.raises(RuleError):
        caller.office.faults.inject(rule)


def test_every_kind_of_fault_can_be_injected() -> None:
    for kind in set(FaultKind) - OF_JOBS:
        caller, _ = opened()
        caller.office.faults.inject({"operation": "take_payment.*", "kind": kind.value})
        caller.pay()
        assert caller.office.calls[0].fault == kind.value
