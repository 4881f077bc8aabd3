"""An answer with far more rows than there are: the sandbox makes it while it sends, the adapter's caps stop it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.testing.conformance import Example, Subject
from pmsbridge_rest.sandbox import FaultKind, RuleError
from pmsbridge_rest.sandbox.answers import Reply
from pmsbridge_rest.sandbox.faults import HAPPENS
from pmsbridge_rest.sandbox.swelling import swollen
from pmsbridge_rest.testing import opened_subject
from pmsbridge_sitelink.sandbox.faults import HAPPENS as SOAP_HAPPENS
from pmsbridge_sitelink.sandbox.faults import FaultKind as SoapFaultKind
from tests.adapters.rest.sandbox.callers import HARBOR, opened


def test_a_list_has_so_many_more_rows_each_of_its_own() -> None:
    caller, _ = opened()
    units = "/sites/1/units?page=1&per_page=100&order=id"
    before = caller.ask("GET", units).document
    caller.office.faults.inject({"operation": "read.units", "kind": "huge_rows", "rows": 1203})

    after = caller.ask("GET", units).document

    assert len(after["data"]) == len(before["data"]) + 1203
    assert len({row["id"] for row in after["data"]}) == len(after["data"])
    assert after["meta"] == before["meta"]


def test_what_is_no_list_has_one_and_what_is_no_json_stays() -> None:
    alone = swollen(Reply(201, {"ok": True}), 2)
    empty = swollen(Reply(200, {"data": []}), 3)
    page = Reply(200, raw=b"<html>")

    assert alone.content == b'{"ok": true, "more": [{"ok": true}, {"ok": true}, {"ok": true}]}'
    assert empty.content.count(b'"id"') == 4
    assert swollen(page, 5) is page


@pytest.mark.parametrize("document", [["a", "b"], [1], [["a"]], "text", 3, True])
def test_what_is_neither_a_table_nor_a_list_of_tables_stays(document: Any) -> None:
    plain = Reply(200, document)

    assert swollen(plain, 5) is plain


@pytest.mark.parametrize(
    ("name", "number"), [("rows", 0), ("rows", -1), ("rows", 10_000_001), ("size", 0), ("size", 2_000_000_001)]
)
def test_how_much_more_there_is_has_bounds_and_the_field_is_named(name: str, number: int) -> None:
    caller, _ = opened()
    faults = caller.office.faults

    with pytest.raises(RuleError, match=f"^{name} is from 1 to "):
        faults.inject({"operation": "read.units", "kind": "huge_rows", name: number})

    assert faults.report() == []
    assert faults.inject({"operation": "read.units", "kind": "huge_rows", name: 1}).number == 1


def test_one_row_more_is_json() -> None:
    assert json.loads(swollen(Reply(200, {"data": [{"id": 1}]}), 1).content)["data"][0] == {"id": 1}


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with opened_subject(HARBOR) as made:
        yield made


def struck(subject: Subject, operation: str) -> None:
    subject.judge.reset()
    subject.judge.office.faults.inject({"operation": operation, "kind": "huge_rows", "rows": 300_000, "count": 0})  # type: ignore[attr-defined]


def test_a_read_of_too_many_bytes_is_no_usable_answer(subject: Subject) -> None:
    struck(subject, "read.units")
    with pytest.raises(UnavailableError) as said:
        list(subject.adapter.fetch(Query(Entity.UNITS, subject.facility)))

    assert said.value.code == "answer_too_large"


def test_a_write_whose_answer_is_too_large_may_have_happened(subject: Subject) -> None:
    payment: Example = next(each for each in subject.examples if each.effect.kind == "take_payment")  # type: ignore[attr-defined]
    struck(subject, "take_payment.*")
    with pytest.raises(OutcomeUnknownError):
        subject.adapter.execute(payment.effect, payment.attempt(subject.adapter.baseline(payment.effect)))

    assert subject.judge.times_done(payment.effect) == 1


ONLY_HERE = {
    "declined": "a mapping says when a good status is a no; SOAP answers have return codes for that",
    "http_500": "there an HTTP 500 is a SOAP fault: fault",
    "rejected": "the vendor's error of a wrong request; there the business codes of each call",
    "late_after_500": "there only without an answer: late_commit",
    "logon_401": "there it is a return code: logon_99",
    "not_json": "there: not_xml",
    "job_failed": "no SOAP call is answered with a ticket",
    "job_late": "likewise",
    "lag": "not played there: its reads show what was written before them",
    "stale": "likewise",
}
ONLY_THERE = {
    "fault": "here: http_500",
    "busy_90": "a return code; here a mapping's throttled answer, http_429",
    "logon_99": "here: logon_401",
    "doctype": "only XML has document types",
    "not_xml": "here: not_json",
}


def test_both_sandboxes_call_the_same_fault_by_the_same_name() -> None:
    here, there = {kind.value for kind in FaultKind}, {kind.value for kind in SoapFaultKind}

    assert here - there == set(ONLY_HERE)
    assert there - here == set(ONLY_THERE)
    assert {kind.value for kind in HAPPENS} & there == {kind.value for kind in SOAP_HAPPENS} & here
    assert {"huge_rows", "gzip_bomb", "drip", "drop_before", "drop_after", "late_commit"} <= here & there
