"""A vendor that is asked in GraphQL: it knows its queries, answers what they ask for, and says no within status 200."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pmsbridge.errors import OutcomeUnknownError
from pmsbridge.ports.outcome import Attempt, Found
from pmsbridge_rest.sandbox import CannotPlayError, Office
from pmsbridge_rest.sandbox.graphql import QueryError, one_line, query_of, selected
from pmsbridge_rest.testing import opened_subject
from tests.adapters.rest.sandbox.callers import Caller, Got, Now

BEACON = Path(__file__).parent.parent / "played" / "beacon.yaml"
MAPPED: dict[str, Any] = yaml.safe_load(BEACON.read_text(encoding="utf-8"))
PAY = str(MAPPED["actions"]["take_payment"]["steps"][0]["graphql"])
PAYMENTS = str(MAPPED["actions"]["take_payment"]["steps"][0]["idempotency"]["look_up"]["graphql"])
UNITS = str(MAPPED["entities"]["units"]["all"]["graphql"])
CUSTOMERS = str(MAPPED["entities"]["tenants"]["all"]["graphql"])
PAID = {"lease": "2001", "cents": 12005, "reference": "PB-TEST01"}


def opened(mapping: Path = BEACON) -> tuple[Caller, Now]:
    now = Now()
    return Caller(Office(mapping, now=now), {"authorization": "Bearer fake-token-0000"}), now


def ask(caller: Caller, query: str, **variables: Any) -> Got:
    return caller.ask("POST", "/graphql", {"query": query, "variables": variables})


def test_a_mutation_is_carried_out_and_answers_what_it_asks_for() -> None:
    caller, _ = opened()

    got = ask(caller, PAY, **PAID)

    assert got.status == 200
    assert got.document["data"]["paymentRecord"]["payment"] == {"id": "9001"}
    assert set(got.document["data"]["paymentRecord"]) == {"payment", "userErrors"}
    assert caller.office.report()["owed"]["2001"] == "0.00"
    (seen,) = ask(caller, PAYMENTS, rental_id="2001").document["data"]["lease"]["payments"]
    assert seen == {"id": "9001", "cents": 12005, "reference": "PB-TEST01"}


def test_a_query_is_known_by_what_it_says_and_not_by_its_blanks() -> None:
    caller, _ = opened()
    unknown = ask(caller, "query Secrets { secrets { id } }")

    assert ask(caller, " ".join(UNITS.split()), first=3).document["data"]["units"]["nodes"]
    assert (unknown.status, "data" in unknown.document) == (200, False)
    assert "no such query" in unknown.document["errors"][0]["message"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"cents": "12005"}, "an amount is expected"),
        ({"reference": None}, "variables.reference is missing"),
        ({"colour": "blue"}, "variables.colour is not declared by the query"),
    ],
)
def test_wrong_variables_are_an_error_before_anything_is_run(variables: dict[str, Any], words: str) -> None:
    caller, _ = opened()

    got = ask(caller, PAY, **{**PAID, **variables})

    assert (got.status, "data" in got.document) == (200, False)
    assert words in got.document["errors"][0]["message"]
    assert not caller.office.books.entries


def test_a_query_changes_nothing_and_a_mutation_is_no_read(tmp_path: Path) -> None:
    """A mapping that writes by a query, or reads by a mutation, was not tried on any vendor."""
    text = BEACON.read_text(encoding="utf-8")
    wrong = tmp_path / "beacon.yaml"
    wrong.write_text(text.replace("mutation Pay(", "query Pay(").replace("query Units(", "mutation Units("), "utf-8")
    caller, _ = opened(wrong)

    got = ask(caller, PAY.replace("mutation", "query"), **PAID)
    listed = ask(caller, UNITS.replace("query", "mutation"), first=3)

    assert "a query does not" in got.document["errors"][0]["message"]
    assert "a query does not" in listed.document["errors"][0]["message"]
    assert not caller.office.books.entries


def test_an_error_of_a_field_leaves_data_behind_and_has_the_mappings_own_word() -> None:
    caller, _ = opened()

    got = ask(caller, PAYMENTS, rental_id="9999")

    assert got.status == 200
    assert got.document["data"] is None
    assert got.document["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


def test_a_stranger_is_refused_by_status() -> None:
    caller, _ = opened()
    caller.headers.clear()

    assert ask(caller, PAY, **PAID).status == 401


def test_a_list_comes_in_pieces_that_the_variables_ask_for() -> None:
    caller, _ = opened()
    first = ask(caller, UNITS, first=3).document["data"]["units"]
    second = ask(caller, UNITS, first=3, after=first["pageInfo"]["endCursor"]).document["data"]["units"]

    ids = [row["id"] for row in (*first["nodes"], *second["nodes"])]
    assert len(set(ids)) == len(ids) > 3
    assert set(first["nodes"][0]) == {"id", "label", "status"}


def test_since_when_stands_in_the_variables() -> None:
    caller, now = opened()
    now.later(60)
    since = "2026-05-04T15:00:30Z"
    assert ask(caller, CUSTOMERS, first=50, since=since).document["data"]["customers"]["nodes"] == []
    edit = str(MAPPED["actions"]["change_contact"]["steps"][0]["graphql"])
    ask(caller, edit, id="1002", input={"email": "new@tenant.example"})

    (changed,) = ask(caller, CUSTOMERS, first=50, since=since).document["data"]["customers"]["nodes"]

    assert (changed["id"], changed["email"]) == ("1002", "new@tenant.example")


def test_faults_strike_what_the_query_asks_and_not_the_address() -> None:
    with opened_subject(BEACON) as subject:
        office = subject.judge.office  # type: ignore[attr-defined]
        example = next(each for each in subject.examples if each.effect.kind == "take_payment")  # type: ignore[attr-defined]
        for kind, times in (("refuse", 0), ("drop_before", 0), ("drop_after", 1)):
            subject.judge.reset()
            office.faults.inject({"operation": "take_payment.*", "kind": kind})
            subject.adapter.tenant(subject.facility, subject.tenant_id)  # the same address
            baseline = subject.adapter.baseline(example.effect)
            with pytest.raises(OutcomeUnknownError):
                subject.adapter.execute(example.effect, example.attempt(baseline))
            seen = subject.adapter.probe(
                example.effect, Attempt(key="k" * 40, baseline=baseline, sent_at=subject.now())
            )

            assert subject.judge.times_done(example.effect) == times, kind
            assert isinstance(seen, Found) is bool(times), kind


def test_a_query_that_does_not_ask_for_what_the_mapping_reads_is_found_out(tmp_path: Path) -> None:
    text = BEACON.read_text(encoding="utf-8")
    short = tmp_path / "beacon.yaml"
    short.write_text(text.replace("{ payments { id cents reference } }", "{ payments { id cents } }"), encoding="utf-8")
    from pmsbridge.testing.conformance import Conformance

    with opened_subject(short) as subject, pytest.raises(AssertionError, match="take_payment: done, and the look says"):
        Conformance().test_a_look_finds_what_was_done_and_not_what_was_never_sent(subject)


WRONG = {
    "query A { a": "ends too early",
    "query A { a } query B { b }": "2 operations",
    "subscription A { a }": "neither query nor mutation",
    "query A { a(id: $x) }": r"\$x is used and not declared",
    "query A { ...B }": "fragment B is not there",
    "query A { ...B } fragment B on C { ...B }": "leads back to itself",
    "query A { }": "without a field",
    "query A { a % }": "cannot stand",
    "query A ) { a }": "stands where",
}


@pytest.mark.parametrize(("text", "words"), WRONG.items())
def test_what_is_no_query_is_said(text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        query_of(text)


def test_what_is_no_query_ends_the_sandbox_with_its_line(tmp_path: Path) -> None:
    text = BEACON.read_text(encoding="utf-8")
    file = tmp_path / "odd.yaml"
    file.write_text(text.replace('"query Site { site { name email } }"', '"query Site { site { name email }"'))
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "query Site" in each)

    with pytest.raises(CannotPlayError, match=rf"odd\.yaml:{line}: entities\.facilities\.one\.graphql: .* too early"):
        Office(file)


def test_a_query_is_read_with_all_that_it_may_have() -> None:
    text = '''
    # what there is
    query Q($a: [ID!]!, $b: Int = 3, $c: In) @cached(ttl: 5) {
      whole: thing(ids: $a, n: $b, deep: {c: [$c], text: """a "quoted" word""", on: ENUM, no: -1.5e3}) {
        id ...Named @skip(if: false) ... on Big { size { w } } ... { extra }
      }
      other { ...Named }
    }
    fragment Named on Thing { name parts { ...Deep } }
    fragment Deep on Part { code }
    '''
    found = query_of(text)

    assert (found.kind, found.name) == ("query", "Q")
    assert found.variables == {"a": True, "b": False, "c": False}
    row = {"id": 1, "name": "n", "parts": [{"code": 2, "price": 3}], "size": {"w": 4, "h": 5}, "kept": 6}
    assert selected({"whole": [row], "other": None, "third": 1}, found.selection) == {
        "whole": [{"id": 1, "name": "n", "parts": [{"code": 2}], "size": {"w": 4}, "extra": None}], "other": None,
    }  # fmt: skip
    assert one_line(text) == one_line(json.loads(json.dumps(text)).replace(",", " "))
    assert one_line("{a}") != one_line("{b}")
