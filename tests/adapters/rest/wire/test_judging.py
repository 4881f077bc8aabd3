"""What answers mean: by status, by rule, within a good status; and that nothing unproven counts as a no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge_rest.bodies.exact_json import read_json
from pmsbridge_rest.mapping.answers import Envelope, Errors, Outcome
from pmsbridge_rest.mapping.conditions import Condition
from pmsbridge_rest.wire.asking import Ask, Came
from pmsbridge_rest.wire.judging import Judge

WRITE = Ask("POST", "/payments", "take_payment", is_write=True)
READ = Ask("GET", "/payments", "payments", is_write=False)
ERRORS = Errors.model_validate(
    {
        "message": "error.text",
        "code": "error.code",
        "fields": "error.fields[].name",
        "request_id_header": "X-Request-Id",
        "rules": [
            {"when": {"body": {"error.code": "LOCKED"}}, "means": "period_locked"},
            {"when": {"status": 403, "body": {"error.code": "OFF"}}, "means": "feature_disabled", "code": "off_here"},
            {"when": {"status": 500, "body": {"error.code": "E_DUP"}}, "means": "conflict"},
            {"when": {"status": 502, "headers": {"X-Edge": "never-forwarded"}}, "means": "transient", "certain": True},
            {"when": {"body": {"error.code": "GONE"}}, "means": "not_found"},
        ],
    }
)


def came(status: int, document: Any = None, *, headers: Mapping[str, str] | None = None, unreadable: str = "") -> Came:
    return Came(status, headers or {}, document, unreadable, is_empty=document is None and not unreadable)


def judge(**envelope: Any) -> Judge:
    return Judge(Envelope.model_validate(envelope), ERRORS, wait=timedelta(seconds=3))


def of_write(answer: Came, outcome: Mapping[str, Any] | None = None, **envelope: Any) -> PmsBridgeError | str:
    try:
        verdict = judge(**envelope).write(WRITE, answer, Outcome.model_validate(outcome or {}))
    except PmsBridgeError as error:
        return error
    return "already" if verdict.is_already else "ticket" if verdict.is_ticket else "good"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (401, ConfigurationError),
        (402, RejectedError),
        (403, ConfigurationError),
        (404, RejectedError),
        (405, RejectedError),
        (409, RejectedError),
        (410, RejectedError),
        (412, RejectedError),
        (422, RejectedError),
        (429, UnavailableError),
        (100, OutcomeUnknownError),
        (301, OutcomeUnknownError),
        (304, OutcomeUnknownError),
        (408, OutcomeUnknownError),
        (418, OutcomeUnknownError),
        (425, OutcomeUnknownError),
        (451, OutcomeUnknownError),
        (499, OutcomeUnknownError),
        (500, OutcomeUnknownError),
        (502, OutcomeUnknownError),
        (503, OutcomeUnknownError),
        (504, OutcomeUnknownError),
        (599, OutcomeUnknownError),
    ],
)
def test_a_write_is_only_refused_by_what_says_so(status: int, kind: type[PmsBridgeError]) -> None:
    assert type(of_write(came(status, {"error": {"text": "no"}}))) is kind


@pytest.mark.parametrize("status", [400, 402, 404, 409, 410, 412, 422])
def test_a_refusal_in_a_foreign_page_is_none_of_the_back_offices(status: int) -> None:
    """A proxy's page says nothing about what stands behind it."""
    assert isinstance(of_write(came(status, unreadable="not_json")), OutcomeUnknownError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, OutcomeUnknownError), (402, OutcomeUnknownError), (409, OutcomeUnknownError), (422, OutcomeUnknownError),
     (404, RejectedError), (410, RejectedError), (412, RejectedError)],
)  # fmt: skip
def test_a_refusal_without_a_word_is_one_where_the_status_says_it_all(status: int, kind: type[PmsBridgeError]) -> None:
    assert type(of_write(came(status))) is kind


def test_a_503_that_says_when_is_later_and_without_it_is_unknown() -> None:
    error = of_write(came(503, headers={"retry-after": "17"}))

    assert isinstance(error, UnavailableError)
    assert error.retry_after == timedelta(seconds=17)


def test_a_throttled_answer_without_a_word_waits_as_declared() -> None:
    error = of_write(came(429))

    assert isinstance(error, UnavailableError)
    assert error.retry_after == timedelta(seconds=3)


def test_a_throttled_answer_may_come_with_a_good_status() -> None:
    throttled = Condition.model_validate({"body": {"error.code": "SLOW"}})
    asked = Judge(Envelope(), ERRORS, throttled)

    with pytest.raises(UnavailableError) as later:
        asked.write(WRITE, came(200, {"error": {"code": "SLOW"}}), Outcome())

    assert later.value.code == "throttled"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (came(200, {"error": {"code": "LOCKED"}}), RejectedError, "LOCKED"),
        (came(403, {"error": {"code": "OFF"}}), RejectedError, "off_here"),
        (came(403, {"error": {"code": "ELSE"}}), ConfigurationError, "ELSE"),
        (came(500, {"error": {"code": "E_DUP"}}), RejectedError, "E_DUP"),
        (came(502, {}, headers={"x-edge": "never-forwarded"}), UnavailableError, "transient"),
        (came(502, {}), OutcomeUnknownError, "transient"),
    ],
)
def test_a_declared_rule_says_what_an_error_means(answer: Came, kind: type[PmsBridgeError], code: str) -> None:
    error = of_write(answer)

    assert type(error) is kind
    assert error.code == code


def test_an_error_within_a_good_status_is_unknown_until_a_rule_says_more() -> None:
    good = {"body": {"ok": True}}

    assert of_write(came(200, {"ok": True}), good=good) == "good"
    for document in ({"ok": False}, {"ok": "true"}, {}, None, [1]):
        assert isinstance(of_write(came(200, document), good=good), OutcomeUnknownError)
    assert isinstance(of_write(came(200, {"ok": False, "error": {"code": "LOCKED"}}), good=good), RejectedError)


def test_a_success_that_cannot_be_read_is_unknown() -> None:
    assert isinstance(of_write(came(201, unreadable="not_json")), OutcomeUnknownError)
    assert of_write(came(204)) == "good"


def test_a_proxys_page_does_not_say_that_it_was_so_already() -> None:
    outcome = {"already": {"status": 404}}

    assert of_write(came(404, {"error": {"text": "no"}}), outcome) == "already"
    assert isinstance(of_write(came(404, unreadable="not_json"), outcome), OutcomeUnknownError)


def test_declined_already_ticket_and_proof_are_read_in_this_order() -> None:
    outcome = {
        "success": [200, 202],
        "declined": [{"when": {"body": {"data.state": "refused"}}, "reason": "data.why", "code": "data.why_code"}],
        "already": {"status": 304},
        "job": {"when": {"status": 202}, "poll": {"get": "/jobs/1"}, "state": "state", "done": ["ok"]},
        "proof": {"body": {"data.id": {"present": True}}},
    }

    declined = of_write(came(200, {"data": {"state": "refused", "why": "card expired", "why_code": "E7"}}), outcome)
    assert isinstance(declined, RejectedError)
    assert (declined.code, declined.message) == ("E7", 'take_payment: declined: "card expired"')
    assert of_write(came(304), outcome) == "already"
    assert of_write(came(202, {"job": 1}), outcome) == "ticket"
    assert of_write(came(200, {"data": {"id": 7}}), outcome) == "good"
    assert isinstance(of_write(came(200, {"data": {}}), outcome), OutcomeUnknownError)
    assert isinstance(of_write(came(201, {"data": {"id": 7}}), outcome), OutcomeUnknownError)


def test_a_conflict_over_a_key_in_work_is_open() -> None:
    asked = judge()

    with pytest.raises(OutcomeUnknownError):
        asked.write(WRITE, came(409, {}), Outcome(), conflict_is_open=True)
    with pytest.raises(RejectedError):
        asked.write(WRITE, came(409, {}), Outcome())


def test_graphql_errors_of_a_write_are_a_no_only_before_anything_was_run() -> None:
    refused = of_write(
        came(200, {"errors": [{"message": "no such field", "extensions": {"code": "BAD"}}]}), style="graphql"
    )
    ran = of_write(came(200, {"data": {"pay": None}, "errors": [{"message": "timeout"}]}), style="graphql")

    assert (type(refused), type(ran)) == (RejectedError, OutcomeUnknownError)
    assert of_write(came(200, {"data": {"pay": {"userErrors": []}}}), style="graphql") == "good"
    declined = {
        "declined": [
            {
                "when": {"body": {"data.pay.userErrors[0]": {"present": True}}},
                "reason": "data.pay.userErrors[0].message",
            }
        ]
    }
    no = of_write(came(200, {"data": {"pay": {"userErrors": [{"message": "closed"}]}}}), declined, style="graphql")
    assert isinstance(no, RejectedError)
    assert isinstance(of_write(came(200, {"ok": 1}), style="graphql"), OutcomeUnknownError)


def test_jsonapi_errors_within_a_good_status_are_seen_and_data_is_plain() -> None:
    assert isinstance(of_write(came(200, {"errors": [{"code": "x"}]}), style="jsonapi"), OutcomeUnknownError)
    found = judge(style="jsonapi", data="data").read(
        READ, came(200, {"data": [{"id": "1", "type": "a", "attributes": {"n": 1}}]})
    )
    assert found.data == [{"id": "1", "type": "a", "n": 1}]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (came(404, {}), NotFoundError),
        (came(200, {"error": {"code": "GONE"}}), NotFoundError),
        (came(500), UnavailableError),
        (came(302), UnavailableError),
        (came(200, unreadable="not_json"), UnavailableError),
        (came(401), ConfigurationError),
        (came(400, {}), RejectedError),
        (came(429), UnavailableError),
    ],
)
def test_a_read_says_whether_asking_again_makes_sense(answer: Came, kind: type[PmsBridgeError]) -> None:
    with pytest.raises(kind) as failed:
        judge().read(READ, answer)

    assert type(failed.value) is kind


def test_the_vendors_words_are_repeated_made_safe_and_with_the_request_number() -> None:
    fields = [{"name": "amount"}, {"name": "4242424242424242"}]
    text = "card 4242 4242 4242 4242\nis wrong " + "x" * 500
    document = {"error": {"text": text, "code": "E1", "fields": fields}}

    error = of_write(came(422, document, headers={"x-request-id": "req-7"}))

    assert isinstance(error, RejectedError)
    assert "4242424242424242" not in error.message.replace(" ", "")
    assert "\n" not in error.message
    assert error.message.endswith("(fields: amount) [request req-7]")
    assert len(error.message) < 330
    assert error.code == "E1"


def test_a_code_that_is_no_code_is_not_repeated() -> None:
    error = of_write(came(422, {"error": {"code": "4242424242424242"}}))

    assert isinstance(error, RejectedError)
    assert error.code == "validation"


def test_an_expression_that_does_not_fit_the_answer_holds_nothing() -> None:
    document = read_json(b'{"rows": 1}')

    with pytest.raises(OutcomeUnknownError):
        judge(good={"body": {"sum(rows)": 3}}).write(WRITE, came(200, document), Outcome())


def test_missing_is_nothing_unless_a_rule_says_what_it_is() -> None:
    asked = judge()

    assert asked.read(READ, came(404, {}), missing=(404,)).is_missing
    with pytest.raises(RejectedError):
        asked.read(READ, came(404, {"error": {"code": "LOCKED"}}), missing=(404,))
    with pytest.raises(NotFoundError):
        asked.read(READ, came(410, {}), missing=(404,))
