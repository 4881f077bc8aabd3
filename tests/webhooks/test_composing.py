"""What a message says, and what it never says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pmsbridge.ports.messages import MESSAGE_TYPES
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.changes import Change, ChangeKind
from pmsbridge.store.nouns import NOUNS
from pmsbridge.store.outcome_feed import OutcomeChange
from pmsbridge.webhooks import composing

AT = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


def change(before: dict[str, Any], after: dict[str, Any], **more: Any) -> Change:
    given: dict[str, Any] = {
        "seq": 7, "account": "main", "facility": "L001", "entity": "tenant", "id": "1001", "uid": "u" * 32,
        "kind": ChangeKind.CHANGED, "at": AT, "run_id": "run-1",
    }  # fmt: skip
    return Change(before=before, after=after, **{**given, **more})


def told(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(composing.of_change(change(before, after)).body)["data"]
    return found


def test_there_is_a_type_for_every_record_of_the_mirror_and_every_outcome() -> None:
    records = {f"{entity}.{kind}" for entity in NOUNS for kind in ChangeKind}

    assert set(MESSAGE_TYPES) == records | {f"action.{outcome}" for outcome in Outcome} | {"plan.instalment_missed"}


def test_the_same_row_is_the_same_bytes_and_another_row_another_id() -> None:
    one, again = (
        composing.of_change(change({"a": "1"}, {"a": "2"})),
        composing.of_change(change({"a": "1"}, {"a": "2"})),
    )
    later = composing.of_change(change({"a": "1"}, {"a": "2"}, seq=8))

    assert (one.id, one.body) == (again.id, again.body)
    assert one.id != later.id
    assert "." not in one.id


def test_nested_fields_are_named_with_dots_and_values_keep_their_kind() -> None:
    before = {"name": {"first": "Zo\u00eb", "last": "A"}, "is_active": True, "days": 3, "tags": ["a"], "rent": None}
    after = {
        "name": {"first": "Zo\u00eb", "last": "B"},
        "is_active": False,
        "days": 4,
        "tags": ["a", "b"],
        "rent": "1.10",
    }

    assert told(before, after)["changed"] == {
        "days": {"before": 3, "after": 4},
        "is_active": {"before": True, "after": False},
        "name.last": {"before": "A", "after": "B"},
        "rent": {"before": None, "after": "1.10"},
        "tags": {"before": ["a"], "after": ["a", "b"]},
    }


@pytest.mark.parametrize(
    "name",
    [
        "gate_code",
        "gateCode",
        "password",
        "web_password",
        "pin",
        "ssn",
        "access_code",
        "api_token",
        "extra.sGateCode",
        "cvv",
    ],
)
def test_a_secret_is_named_and_not_told(name: str) -> None:
    head, dot, rest = name.partition(".")

    def document(value: str) -> dict[str, Any]:
        return {head: {rest: value} if dot else value, "city": value}

    said = told(document("canary-old"), document("canary-new"))

    assert said["left_out"] == [name]
    assert said["changed"] == {"city": {"before": "canary-old", "after": "canary-new"}}


def test_a_secret_below_another_name_is_not_told_either() -> None:
    said = told(
        {"logins": [{"user": "u", "password": "canary-1"}]}, {"logins": [{"user": "u", "password": "canary-2"}]}
    )

    assert (said["changed"], said["left_out"]) == ({}, ["logins"])


def test_that_there_is_a_gate_code_is_no_secret() -> None:
    assert told({"has_gate_code": False}, {"has_gate_code": True})["changed"] == {
        "has_gate_code": {"before": False, "after": True}
    }


def test_a_card_number_in_a_text_is_not_told() -> None:
    said = json.dumps(told({"note": "old"}, {"note": "paid with 4111 1111 1111 1111", "list": ["4111111111111111"]}))

    assert "4111" not in said
    assert "[card ending 1111]" in said


def test_a_message_never_grows_large_and_says_what_it_leaves_out() -> None:
    small, large = {"a": "x", "b": "y"}, {"a": "x" * 30_000, "b": "z"}
    posting = composing.of_change(change(small, large))

    assert len(posting.body) < 1_000
    assert json.loads(posting.body)["data"] | {"uid": ""} == {
        "account": "main", "facility": "L001", "entity": "tenant", "id": "1001", "uid": "", "changed": {},
        "left_out": ["a", "b"],
    }  # fmt: skip


def test_what_no_database_and_no_wire_can_hold_is_replaced() -> None:
    said = told({"a\ud800": "\udfff"}, {"a\ud800": "x\x00", "b": {"c": ["\ud800"]}})

    assert said["changed"] == {
        "a\ufffd": {"before": "\ufffd", "after": "x\ufffd"}, "b.c": {"before": None, "after": ["\ufffd"]},
    }  # fmt: skip


def test_a_deleted_record_says_what_it_held() -> None:
    posting = composing.of_change(change({"city": "Ghent"}, {}, kind=ChangeKind.DELETED))

    said = json.loads(posting.body)
    assert said["type"] == "tenant.deleted"
    assert said["timestamp"] == "2026-11-22T04:30:00Z"
    assert said["data"]["changed"] == {"city": {"before": "Ghent", "after": None}}


def test_every_outcome_has_a_message() -> None:
    for outcome in Outcome:
        row = OutcomeChange(3, 9, "act_1", "main", "L001", "pay_rental", "", Outcome.PENDING, outcome, AT)
        posting = composing.of_outcome(row)
        assert json.loads(posting.body)["type"] == f"action.{outcome}" in MESSAGE_TYPES


MISSED = '{"amount": "40.00 USD", "due_on": "2026-12-05", "rental_id": "R1"}'


@pytest.mark.parametrize(("intent", "said"), [(MISSED, ("R1", "2026-12-05", "40.00 USD")),
                                              ('{"erased": true}', ("", "", ""))])  # fmt: skip
def test_that_staff_were_told_of_a_missed_instalment_is_told_as_that(intent: str, said: tuple[str, ...]) -> None:
    row = OutcomeChange(
        3, 9, "act_1", "main", "L001", "instalment_missed", "1001", Outcome.PENDING, Outcome.SETTLED, AT, intent=intent
    )

    message = json.loads(composing.of_outcome(row).body)
    assert message["type"] == "plan.instalment_missed"
    assert (message["data"]["id"], message["data"]["tenant_id"]) == ("act_1", "1001")
    assert tuple(message["data"][name] for name in ("rental_id", "due_on", "amount")) == said


def test_that_staff_could_not_be_told_of_it_is_an_outcome_like_others() -> None:
    row = OutcomeChange(
        3, 9, "act_1", "main", "L001", "instalment_missed", "1001", Outcome.PENDING, Outcome.DECLINED, AT, intent=MISSED
    )

    assert json.loads(composing.of_outcome(row).body)["type"] == "action.declined"


@pytest.mark.parametrize("partial", [True, False, None])
def test_an_outcome_says_whether_it_is_one_in_part(partial: bool | None) -> None:
    row = OutcomeChange(
        3, 9, "act_1", "main", "L001", "pay_all", "", Outcome.PENDING, Outcome.NOT_SENT, AT, partial=partial
    )

    assert json.loads(composing.of_outcome(row).body)["data"]["partial"] is partial
