"""The played back office takes a call-off back, once, and only one that is there and that nobody has looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import WithdrawCallOff
from pmsbridge.testing.conformance import Subject
from pmsbridge_rest.samples import sample_effects
from pmsbridge_rest.sandbox import Office
from pmsbridge_rest.sandbox.records import Move
from pmsbridge_rest.sandbox.seeding import CALLED_OFF
from pmsbridge_rest.testing import opened_subject
from tests.adapters.rest.sandbox.callers import Caller, Got, Now

QUARRY = Path(__file__).parent.parent / "quarry.yaml"


def opened(mapping: Path = QUARRY) -> Caller:
    office = Office(mapping, now=Now())
    return Caller(office, {"authorization": f"Bearer {office.secrets['token']}"})


def taken_back(caller: Caller, **body: Any) -> Got:
    return caller.ask("POST", "/contracts/2001/calls/back", {"line": "5001", "ref": CALLED_OFF, **body})


def states(caller: Caller) -> dict[str, str]:
    return {row.id: row.values["call_off_state"] for row in caller.office.books.truth.all("call_offs")}


def test_the_open_call_off_of_the_first_day_is_taken_back_once_and_shown_so() -> None:
    caller = opened()
    before = caller.ask("GET", "/customers/1001/calls").document["rows"]

    first, second = taken_back(caller), taken_back(caller)

    assert [(row["ref"], row["line"], row["state"]) for row in before] == [(CALLED_OFF, "5001", "asked")]
    assert (first.status, second.status) == (200, 422)
    (row,) = caller.ask("GET", "/customers/1001/calls").document["rows"]
    assert (row["state"], states(caller)) == ("back", {"8001": "withdrawn"})
    (done,) = caller.office.report()["done"]
    assert (done["kind"], done["subject"], done["what"]) == ("withdraw_call_off", "8001", "withdrawn")
    assert caller.office.books.truth.all("requests") == []


def test_what_is_not_there_is_not_taken_back() -> None:
    caller = opened()

    assert taken_back(caller, ref="PB-NEVERASKED").status == 404
    assert taken_back(caller, line="5999").status == 404
    assert caller.ask("POST", "/contracts/2002/calls/back", {"line": "5001", "ref": CALLED_OFF}).status == 404
    assert states(caller) == {"8001": "requested"}


def test_what_the_yard_has_looked_at_stays() -> None:
    caller = opened()
    noted = Move("merge", "call_offs", "8001", {"state": "acknowledged", "call_off_state": "acknowledged"})
    caller.office.books.enter("desk", [("8001", "acknowledged")], (noted,))

    refused = taken_back(caller)

    assert (refused.status, states(caller)) == (422, {"8001": "acknowledged"})
    assert "acknowledged already" in str(refused.document)


def test_one_without_a_reference_is_found_by_its_line_the_newest_that_is_open(tmp_path: Path) -> None:
    plain = tmp_path / "quarry.yaml"
    plain.write_text(QUARRY.read_text(encoding="utf-8").replace(', ref: "{effect.called_off}"}\n', "}\n"), "utf-8")
    (tmp_path / "quarry.office.yaml").write_text(QUARRY.with_name("quarry.office.yaml").read_text("utf-8"), "utf-8")
    caller = opened(plain)
    asked = {"line": "5001", "quantity": 1, "day": "2026-06-01", "ref": "PB-TEST01"}
    assert caller.ask("POST", "/contracts/2001/calls", asked).status == 201

    def again() -> int:
        return caller.ask("POST", "/contracts/2001/calls/back", {"line": "5001"}).status

    assert (again(), states(caller)) == (200, {"8001": "requested", "9001": "withdrawn"})
    assert (again(), states(caller)) == (200, {"8001": "withdrawn", "9001": "withdrawn"})
    assert again() == 422


def test_the_samples_are_of_the_open_call_off_and_of_one_without_a_reference() -> None:
    named, bare = sample_effects("withdraw_call_off", today=Now().moment.date(), currency="USD")

    assert isinstance(named, WithdrawCallOff)
    assert isinstance(bare, WithdrawCallOff)
    (begun,) = opened().office.books.truth.all("call_offs")
    assert (named.called_off, bare.called_off) == (begun.values["reference"], "")
    assert {(each.rental_id, each.item_id, each.quantity) for each in (named, bare)} == {
        tuple(begun.values[name] for name in ("rental_id", "item_id", "quantity"))
    }


@pytest.fixture(scope="module")
def subject() -> Any:
    with opened_subject(QUARRY) as made:
        yield made


def test_a_withdrawal_is_judged_by_the_state_of_its_call_off(subject: Subject) -> None:
    (example,) = [each for each in subject.examples if isinstance(each.effect, WithdrawCallOff)]
    subject.judge.reset()
    before = subject.judge.times_done(example.effect)

    subject.adapter.execute(example.effect, example.attempt(subject.adapter.baseline(example.effect)))

    bare = example.effect.model_copy(update={"called_off": ""})
    another = example.effect.model_copy(update={"called_off": "PB-ANOTHER"})
    assert (before, subject.judge.times_done(example.effect)) == (0, 1)
    assert (subject.judge.times_done(bare), subject.judge.times_done(another)) == (1, 0)
