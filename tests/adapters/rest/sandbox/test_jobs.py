"""A vendor that answers with tickets: what is asked for is worked on, ends well or badly, and is polled for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError, RejectedError
from pmsbridge.ports.outcome import Receipt
from pmsbridge.testing.conformance import Conformance, Subject
from pmsbridge_rest.sandbox import CannotPlayError, Office, Request, RuleError
from pmsbridge_rest.testing import opened_subject
from tests.adapters.rest.sandbox.callers import Caller, Got, Now

FERRY = Path(__file__).parent.parent / "played" / "ferry.yaml"
FORM = "application/x-www-form-urlencoded"
PAID = "rental=2001&amount=120.05&about%5Bref%5D=PB-TEST01&about%5Bonline%5D=true"


def opened() -> tuple[Caller, Now]:
    now = Now()
    return Caller(Office(FERRY, now=now), {"x-key": "fake-key-0000"}), now


def pay(caller: Caller, text: str = PAID) -> Got:
    reply = caller.office.handle(
        Request("POST", "/payments", {**caller.headers, "content-type": FORM}, text.encode())
    ).reply
    return Got(0, None) if reply is None else Got(reply.status, reply.document)


def test_a_ticket_is_given_and_the_work_is_done_when_its_time_has_come() -> None:
    caller, now = opened()

    ticket = pay(caller)

    assert (ticket.status, ticket.document) == (202, {"content": {"number": "9001", "ticket": {"state": "queued"}}})
    assert caller.ask("GET", "/tickets/9001").document["content"]["state"] == "running"
    assert not caller.office.books.entries
    now.later(2)
    over = caller.ask("GET", "/tickets/9001").document["content"]
    assert (over["state"], over["number"]) == ("settled", "9001")
    (entry,) = caller.office.books.entries
    assert (entry.what, (now() - entry.at).total_seconds()) == ("120.05", 0)
    (row,) = caller.ask("GET", "/rentals/2001/payments").document["content"]
    assert row["about"]["ref"] == "PB-TEST01"


def test_what_is_not_there_is_said_at_once_and_what_cannot_be_done_by_and_by() -> None:
    caller, now = opened()

    assert pay(caller, PAID.replace("2001", "9999")).status == 404
    refused = pay(caller, PAID.replace("120.05", "-1.00"))
    now.later(5)

    assert refused.status == 202
    assert (
        caller.ask("GET", f"/tickets/{refused.document['content']['number']}").document["content"]["state"] == "bounced"
    )
    assert not caller.office.books.entries
    assert caller.ask("GET", "/tickets/4711").status == 404


def test_a_job_that_is_polled_by_our_own_reference_is_found() -> None:
    caller, now = opened()
    headers = {**caller.headers, "content-type": FORM}
    caller.office.handle(Request("POST", "/people/1001/notes", headers, b"text=hello+%5BPB-NOTE01%5D"))

    assert caller.ask("GET", "/tickets?ref=PB-NOTE01").document["content"]["state"] == "running"
    assert caller.ask("GET", "/tickets?ref=PB-NOTE02").status == 404
    now.later(2)
    assert caller.ask("GET", "/tickets?ref=PB-NOTE01").document["content"]["state"] == "settled"


def done(subject: Subject, action: str, **rule: Any) -> tuple[Receipt | PmsBridgeError, int]:
    """What the adapter says of an effect that a fault strikes, and how often it is in the books in the end."""
    subject.judge.reset()
    office = subject.judge.office  # type: ignore[attr-defined]
    if rule:
        office.faults.inject(rule)
    example = next(each for each in subject.examples if each.effect.kind == action)  # type: ignore[attr-defined]
    try:
        answer: Receipt | PmsBridgeError = subject.adapter.execute(
            example.effect, example.attempt(subject.adapter.baseline(example.effect))
        )
    except PmsBridgeError as error:
        answer = error
    return answer, subject.judge.times_done(example.effect)


def test_faults_of_jobs_and_of_what_is_said_about_them_never_make_the_adapter_tell_a_falsehood() -> None:
    pay_call, poll = "take_payment.*", "poll.take_payment"
    with opened_subject(FERRY) as subject:
        assert isinstance(done(subject, "take_payment")[0], Receipt)
        failed, times = done(subject, "take_payment", operation=pay_call, kind="job_failed")
        assert (type(failed), times) == (RejectedError, 0)
        late, times = done(subject, "take_payment", operation=pay_call, kind="job_late", seconds=60)
        assert (type(late), times) == (OutcomeUnknownError, 1)
        lost, times = done(subject, "take_payment", operation=pay_call, kind="drop_before")
        assert (type(lost), times) == (OutcomeUnknownError, 0)
        lost, times = done(subject, "take_payment", operation=pay_call, kind="drop_after")
        assert (type(lost), times) == (OutcomeUnknownError, 1)
        for kind in ("drop_before", "drop_after", "not_json", "rejected", "http_500"):
            unseen, times = done(subject, "take_payment", operation=poll, kind=kind, count=0)
            assert (type(unseen), times) == (OutcomeUnknownError, 1), kind
        endless, times = done(subject, "add_note", operation="add_note.*", kind="job_failed")  # no word for "failed"
        assert (type(endless), times) == (OutcomeUnknownError, 0)


WORDS = {
    "one end each": ("done: [started]", "failed: [running, pending, working]"),
    "all for one": ("done: [running, started, working, pending, running 2]", "failed: [bounced]"),
}


@pytest.mark.parametrize(("well", "badly"), WORDS.values(), ids=WORDS)
def test_a_job_at_work_has_a_word_that_means_neither_end(tmp_path: Path, well: str, badly: str) -> None:
    made = tmp_path / "ferry.yaml"
    text = FERRY.read_text(encoding="utf-8").replace("done: [settled]", well).replace("failed: [bounced]", badly)
    made.write_text(text, encoding="utf-8")

    with opened_subject(made) as subject:
        assert isinstance(done(subject, "take_payment")[0], Receipt)
        late, times = done(subject, "take_payment", operation="take_payment.*", kind="job_late", seconds=60)

    assert (type(late), times) == (OutcomeUnknownError, 1)


def test_what_fails_without_a_word_for_it_and_what_nothing_comes_of_is_said_at_the_start(tmp_path: Path) -> None:
    """The mapping of the made-up ferries has no word for a note that failed."""
    odd = tmp_path / "ferry.yaml"
    odd.write_text(FERRY.read_text(encoding="utf-8").replace("\nunsupported:\n", UNPLAYED), encoding="utf-8")

    (job,) = Office(FERRY).notes
    _, code = Office(odd).notes

    assert "actions.add_note.steps.0.outcome.job: no word says that it failed" in job
    assert "actions.change_access_code: is written down as a request, and nothing comes of it" in code


UNPLAYED = """
  change_access_code:
    steps: [{name: code, put: "/rentals/{effect.rental_id}/code", body: {door: "{effect.unit_id}"}}]

unsupported:
"""


def test_only_what_is_answered_with_a_ticket_can_have_a_job_that_fails() -> None:
    caller, _ = opened()

    with pytest.raises(RuleError, match="not answered with a ticket"):
        caller.office.faults.inject({"operation": "read.*", "kind": "job_failed"})


def test_a_word_that_means_something_else_is_found_out(tmp_path: Path) -> None:
    """The adapter takes what is still worked on for done."""
    lie = tmp_path / "ferry.yaml"
    text = FERRY.read_text(encoding="utf-8")
    lie.write_text(text.replace("done: [settled]", "done: [settled, running]"), encoding="utf-8")

    with opened_subject(lie, vendor=FERRY) as subject:
        answer, _ = done(subject, "take_payment", operation="take_payment.*", kind="job_failed")
        assert isinstance(answer, Receipt)  # the falsehood
        subject.judge.reset()
        with pytest.raises(AssertionError, match="the look says"):
            Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(subject)


ODD = {
    "state: state\n            done: [settled]\n            failed": (
        'state: "to_string(state)"\n            done: [settled]\n            failed',
        r"take_payment\.steps\.0\.outcome\.job\.state: .* turned round",
    ),
    'poll: {get: "/tickets/{step.pay.payment}"}': (
        "poll: {get: /tickets/newest}", r"take_payment\.steps\.0\.outcome\.job\.poll: names neither",
    ),
    "body: {content.ticket.state: queued}": (
        'body: {"length(content)": 2}', r"outcome\.job\.when\.body\.length\(content\): .* turned round",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "words"), [(right, *rest) for right, rest in ODD.items()])
def test_a_ticket_that_cannot_be_played_is_said_at_the_start(
    tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    text = FERRY.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = tmp_path / "odd.yaml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    line = text[: text.index(right)].count("\n") + 1

    with pytest.raises(CannotPlayError, match=rf"odd\.yaml:{line}: actions\..*{words}"):
        Office(file)
