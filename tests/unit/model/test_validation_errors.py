from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError

from pmsbridge.actions.effects import effect_from_json
from pmsbridge.actions.plan import Plan, PlannedEffect
from pmsbridge.model.money import Money
from pmsbridge.model.people import PersonName
from tests.unit.model.making import CANARY
from tests.unit.model.specimens import SPECIMENS, STEP

each_specimen = pytest.mark.parametrize("record", SPECIMENS, ids=lambda record: type(record).__name__)


def refused(attempt: Callable[[], object]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        attempt()
    return caught.value


def texts_of(error: BaseException | None) -> Iterator[str]:
    """Everything a log, a page or a debugger can take from an error and from what it hangs on to."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield repr(error.args)
        if isinstance(error, ValidationError):
            yield repr(error.errors())
            yield error.json()
        error = error.__cause__ or error.__context__


def poisoned(data: Any) -> Iterator[Any]:
    """Copies of a JSON document with the canary in place of one value each, at every depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            for worse in (CANARY, *poisoned(value)):
                yield {**data, name: worse}
    elif isinstance(data, list):
        for place, value in enumerate(data):
            for worse in (CANARY, *poisoned(value)):
                yield [*data[:place], worse, *data[place + 1 :]]


@each_specimen
def test_a_card_number_in_any_field_at_any_depth_is_repeated_by_no_error(record: BaseModel) -> None:
    model = type(record)
    for document in poisoned(json.loads(record.model_dump_json())):
        # An unknown field makes sure that it fails, also where the canary fits into a field of text.
        broken = {**document, "unknown_field": CANARY}
        for attempt in (
            lambda broken=broken: model.model_validate(broken),
            lambda broken=broken: model.model_validate_json(json.dumps(broken)),
            lambda broken=broken: model(**broken),
        ):
            error = refused(attempt)
            assert not [text for text in texts_of(error) if CANARY in text]


@each_specimen
def test_a_card_number_as_the_name_of_a_field_is_not_repeated(record: BaseModel) -> None:
    error = refused(lambda: type(record).model_validate({**record.model_dump(), CANARY: 1}))

    assert not [text for text in texts_of(error) if CANARY in text]
    assert "Extra inputs are not permitted" in str(error)


ODD_PLACES: list[Callable[[], object]] = [
    lambda: effect_from_json(json.dumps({"kind": CANARY})),
    lambda: effect_from_json(json.dumps({"kind": "send_mail", "to": CANARY})),
    lambda: effect_from_json('{"kind": "send_mail", "to": ' + CANARY),
    lambda: PlannedEffect.model_validate({"name": "n", "key": "k", "effect": {"kind": CANARY}}),
    lambda: Plan(steps=(STEP.changed(name=CANARY), STEP.changed(name=CANARY))),
    lambda: Plan(steps=(STEP.changed(after=CANARY),)),
    lambda: Money.of(CANARY + "x", "USD"),
    lambda: Money.of(1, CANARY),
    lambda: PersonName.model_validate_json(f'{{"first": "{CANARY}'),
    lambda: PersonName.model_validate(CANARY),
    lambda: cast("Any", PersonName)(CANARY),
    lambda: effect_from_json(
        json.dumps(
            {"kind": "change_contact", "account": "a", "facility": "f", "tenant_id": "t", "changes": {CANARY: "x"}}
        )
    ),
]


@pytest.mark.parametrize("place", range(len(ODD_PLACES)))
def test_a_card_number_in_an_odd_place_is_not_repeated(place: int) -> None:
    with pytest.raises((ValidationError, TypeError)) as caught:
        ODD_PLACES[place]()

    assert not [text for text in texts_of(caught.value) if CANARY in text]


def test_a_cleaned_error_still_says_which_field_breaks_which_rule() -> None:
    error = refused(lambda: Money.model_validate({"amount": 1.5, "currency": "usd"}))

    found = {(line["loc"], line["type"]) for line in error.errors()}
    assert found == {(("amount",), "value_error"), (("currency",), "string_pattern_mismatch")}
    assert error.title == "Money"
    assert "never as a float" in str(error)


def test_a_cleaned_error_says_where_inside_a_list_the_fault_is() -> None:
    document = STEP.model_dump(mode="json")
    document["effect"]["parts"][0]["amount"]["currency"] = "?"

    error = refused(lambda: Plan.model_validate({"steps": [document]}))

    assert error.errors()[0]["loc"] == ("steps", 0, "effect", "take_payment", "parts", 0, "amount", "currency")
