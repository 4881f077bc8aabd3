from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.actions.effects import AddNote, CancelMoveOut, EffectBody, PaymentPart, PostBulletin, TakePayment
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.ports.outcome import Attempt
from pmsbridge_rest.building import Built, build, build_step, effect_filler, fitting_steps
from pmsbridge_rest.codecs.scene import Scene
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.actions import Step
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import ABSENT
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.templates import parse_template
from pmsbridge_rest.matching import condition_holds, is_equal, row_fits

SCENE = Scene(ZoneInfo("America/Chicago"), "USD")
NOW = datetime(2026, 7, 1, 3, 30, 15, 5, tzinfo=UTC)  # the evening before, in Chicago
ATTEMPT = Attempt(key="ab12cd34ef56ab12cd34", sent_at=NOW)
OPTION = {"company": "dock", "site": "7"}


def payment(amount: str = "129.05", **changed: Any) -> TakePayment:
    part = PaymentPart(rental_id="L 9/1", unit_id="U1", amount=Money.of(amount, "USD"))
    means = ExternalPayment(gateway="stripe", reference="pi_0001")
    fields = {"parts": (part,), "means": means, "reference": "PB-ABCDEF123456", **changed}
    return TakePayment(account="main", facility="F1", tenant_id="T1", **fields)


def filler(mapping: Mapping, effect: EffectBody) -> Filler:
    return effect_filler(mapping, effect, ATTEMPT, scene=SCENE, now=NOW, option=OPTION)


def built(mapping: Mapping, effect: EffectBody) -> Built:
    (step,) = fitting_steps(mapping.actions[effect.kind], effect)  # type: ignore[attr-defined]
    return build_step(step, filler(mapping, effect))


def test_a_payment_becomes_exactly_the_request_that_the_mapping_says(harbor: Mapping) -> None:
    request = built(harbor, payment())

    assert (request.method, request.path) == ("POST", "/leases/L%209%2F1/payments")
    assert request.headers == {"Accept": "application/json"}
    assert request.document == {
        "amount_cents": 12905,
        "paid_on": "06/30/2026",
        "method": "online",
        "reference": "PB-ABCDEF123456",
        "gateway": {"name": "stripe", "id": "pi_0001"},
    }


def test_an_effect_that_the_action_is_not_for_fits_no_step(harbor: Mapping) -> None:
    assert fitting_steps(harbor.actions["take_payment"], payment(means=StoredMethod(method_id="1"))) == []


def test_an_amount_that_would_be_rounded_is_not_sent(harbor: Mapping) -> None:
    with pytest.raises(CannotSayError) as refused:
        built(harbor, payment("129.055"))

    assert "{effect.total|cents}" in str(refused.value)
    assert "129" not in str(refused.value)


def test_a_note_that_is_too_long_is_refused_and_not_cut(harbor: Mapping) -> None:
    note = AddNote(account="main", facility="F1", tenant_id="T1", rental_id="L1", text="x" * 480, reference="PB-ABCDEF")
    assert built(harbor, note).document["text"] == "x" * 480 + " [PB-ABCDEF]"

    with pytest.raises(CannotSayError, match="500"):
        built(harbor, note.changed(text="x" * 500))


def test_what_is_optional_and_not_there_is_left_out(harbor: Mapping) -> None:
    post = PostBulletin(account="main", facility="F1", subject="s", body="b", reference="PB-ABCDEF")

    assert built(harbor, post).document == {"site": "7", "title": "s [PB-ABCDEF]", "body": "b"}
    assert built(harbor, post.changed(due_on=date(2026, 7, 4))).document["due"] == "07/04/2026"


def test_a_request_without_a_body_has_none(harbor: Mapping) -> None:
    request = built(harbor, CancelMoveOut(account="main", facility="F1", tenant_id="T1", rental_id="L1"))

    assert (request.method, request.path, request.document) == ("DELETE", "/leases/L1/leaving", ABSENT)


def small(harbor: Mapping, **effect: Any) -> Filler:
    return Filler(harbor, SCENE, {"effect": effect})


@pytest.mark.parametrize("text", ["", ".", "..", None])
def test_a_value_can_neither_add_a_step_to_a_path_nor_take_one_away(harbor: Mapping, text: str | None) -> None:
    with pytest.raises(CannotSayError):
        small(harbor, id=text).path("/a/{effect.id}")


@given(text=st.text(min_size=1, max_size=30))
def test_whatever_the_value_a_path_keeps_its_steps(harbor: Mapping, text: str) -> None:
    try:
        path = small(harbor, id=text).path("/a/{effect.id}/b")
    except (CannotSayError, UnicodeEncodeError):
        return
    assert path.count("/") == 3
    assert not set(path) & set("?#\r\n\\ ")
    assert "/../" not in path


def test_a_header_cannot_be_split(harbor: Mapping) -> None:
    with pytest.raises(CannotSayError, match="header"):
        small(harbor, id="a\r\nX-Evil: 1").header("{effect.id}")


def test_null_empty_and_left_out_are_what_the_mapping_says(harbor: Mapping) -> None:
    made = {
        "omitted": {"$value": "{effect.a?}", "$none": "omit"},
        "null": {"$value": "{effect.a?}", "$none": "null"},
        "empty": {"$value": "{effect.a?}", "$none": "empty"},
        "literal": None,
        "list": ["{effect.a?}", "{effect.b}"],
    }

    assert small(harbor, a=None, b=1).structure(made) == {"null": None, "empty": "", "literal": None, "list": [1]}
    with pytest.raises(CannotSayError):
        small(harbor, a=None).structure({"$value": "{effect.a?}"})
    with pytest.raises(CannotSayError):
        small(harbor, a=None).structure({"x": "{effect.a}"})


def test_a_list_is_made_of_every_part(harbor: Mapping) -> None:
    parts = tuple(PaymentPart(rental_id=f"L{n}", unit_id=None, amount=Money.of(n, "USD")) for n in (1, 2))
    made = {"$each": "effect.parts", "$make": {"lease": "{part.rental_id}", "cents": "{part.amount|cents}"}}

    assert filler(harbor, payment(parts=parts)).structure(made) == [
        {"lease": "L1", "cents": 100},
        {"lease": "L2", "cents": 200},
    ]


def test_the_record_of_an_update_may_have_keys_beside_it(harbor: Mapping) -> None:
    filled = small(harbor, id="7").with_record(changes={"email": "e"})

    assert filled.structure({"customer": "{effect.id}", "$record": "changes"}) == {"customer": "7", "email": "e"}
    assert filled.structure({"data": {"$record": "changes"}}) == {"data": {"email": "e"}}
    with pytest.raises(CannotSayError, match="nothing is updated"):
        filled.structure({"$record": "whole"})


def test_money_is_never_sent_without_a_codec(harbor: Mapping) -> None:
    with pytest.raises(CannotSayError, match="money"):
        filler(harbor, payment()).value("{effect.total}")
    with pytest.raises(CannotSayError):
        filler(harbor, payment()).value("paid {effect.total}")


def test_braces_and_numbers_go_through(harbor: Mapping) -> None:
    assert small(harbor, n=5).value("{{{effect.n}}}") == "{5}"
    assert small(harbor, n=5).value("{effect.n}") == 5
    assert small(harbor, n=True).text("{effect.n}") == "true"


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{Effect.x}", "{other.x}", "{effect.x|}", "{effect.x|A}"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|place|path"):
        parse_template(text)


def test_nothing_private_of_an_effect_can_be_reached(harbor: Mapping) -> None:
    for path in ("effect.model_fields", "effect.__class__", "effect._x", "effect.changed", "effect.model_dump"):
        with pytest.raises((CannotSayError, ValueError)):
            filler(harbor, payment()).value(f"{{{path}}}")


def test_an_idempotency_key_goes_where_the_mapping_says(harbor: Mapping) -> None:
    look = {"get": "/x", "match": {"ref": "{attempt.reference}"}}
    cases: tuple[tuple[Any, Callable[[Built], bool]], ...] = (
        ({"by": "header", "name": "Idempotency-Key"}, lambda r: r.headers["Idempotency-Key"] == ATTEMPT.key),
        ({"by": "body_field", "at": "meta.key"}, lambda r: r.document["meta"] == {"key": ATTEMPT.key}),
        ({"by": "client_reference", "at": "ref", "look_up": look}, lambda r: r.document["ref"] == "PB-ABCDEF123456"),
        ("none", lambda r: r.document == {"a": 1}),
    )
    for said, check in cases:
        step = Step.model_validate({"name": "s", "post": "/x", "body": {"a": 1}, "idempotency": said})
        assert check(build_step(step, filler(harbor, payment()))), said


def test_an_effect_without_a_reference_of_its_own_has_one_made_of_its_key(harbor: Mapping) -> None:
    effect = CancelMoveOut(account="main", facility="F1", tenant_id="T1", rental_id="L1")

    assert filler(harbor, effect).value("{attempt.reference}") == "PB-AB12CD34EF56"


def test_queries_are_text_and_what_is_not_there_is_left_out(harbor: Mapping) -> None:
    call = Call.model_validate({"get": "/x", "query": {"a": "{effect.a}", "b": "{effect.b?}", "c": "x{effect.c}"}})

    assert build(call, small(harbor, a=5, b=None, c=True)).query == (("a", "5"), ("c", "xtrue"))


@pytest.mark.parametrize(
    ("value", "wanted", "same"),
    [(1, "1", True), ("1", 1, True), (True, 1, False), (1, True, False), ("a", "A", False), (None, "", False)],
)
def test_an_id_is_the_same_as_text_and_as_a_number_and_true_is_only_true(value: Any, wanted: Any, same: bool) -> None:
    assert is_equal(value, wanted) is same


def test_a_look_up_finds_the_row_of_the_effect_and_no_other(harbor: Mapping) -> None:
    match = harbor.actions["take_payment"].steps[0].idempotency.look_up.match  # type: ignore[union-attr]
    places = filler(harbor, payment())

    assert row_fits(match, {"reference": "PB-ABCDEF123456", "amount_cents": 12905}, places)
    assert not row_fits(match, {"reference": "PB-ABCDEF123456", "amount_cents": 12906}, places)
    assert not row_fits(match, {"reference": "PB-OTHER"}, places)
    assert not row_fits(match, {}, places)


def test_a_condition_asks_status_body_and_headers(harbor: Mapping) -> None:
    rule = harbor.errors.rules[1].when
    answer: dict[str, Any] = {"headers": {}, "body": {"error": {"code": "OFF"}}}

    assert condition_holds(rule, status=403, **answer)
    assert not condition_holds(rule, status=404, **answer)
    assert not condition_holds(rule, status=403, headers={}, body={"error": {"code": "ON"}})
    assert not condition_holds(rule, status=403, headers={}, body=None)


def test_demands_of_order_and_presence(harbor: Mapping) -> None:
    def holds(demand: Any, value: Any) -> bool:
        look = {"get": "/x", "match": {"v": demand}}
        step = {"name": "s", "post": "/x", "idempotency": {"by": "state", "look_up": look}}
        match = Step.model_validate(step).idempotency.look_up.match  # type: ignore[union-attr]
        return row_fits(match, {"v": value}, small(harbor, d="2026-07-01"))

    assert holds({"at_least": "{effect.d}"}, "2026-07-01")
    assert not holds({"at_least": "{effect.d}"}, "2026-06-30")
    assert not holds({"at_least": 5}, "7")
    assert holds({"at_least": 5, "at_most": 7}, 7)
    assert holds({"present": False}, None)
    assert not holds({"present": True}, "")
    assert holds(["a", "b"], "b")
    assert holds({"contains": "x", "fold_case": True}, "aXb")
    assert not holds({"contains": "{effect.d}"}, "a2026-07-0b")
    assert not holds({"starts_with": "X"}, "aXb")
    assert holds(None, None)
    assert holds("a{{b}}", "a{b}")
