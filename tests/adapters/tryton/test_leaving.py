"""The end of a recurring rental on a real server: four steps, taken up again wherever they stopped."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pmsbridge.actions.effects import CancelMoveOut, ScheduleMoveOut
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.outcome import Absent, Attempt, Found
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, KEY, days
from tests.adapters.tryton.weather import WeatherProxy

SCOPE: dict[str, Any] = {"account": ACCOUNT, "facility": FACILITY}
STEPS = ("draft", "write", "quote", "run")


def leave(customer: Customer, unit: int, day: date) -> ScheduleMoveOut:
    return ScheduleMoveOut(
        **SCOPE, tenant_id=str(customer.id), rental_id=f"sale.subscription,{unit}", leaving_on=day,
        notice_given_on=days(0),
    )  # fmt: skip


def told(yard: Yard, unit: int) -> dict[str, Any]:
    (row,) = yard.call.read(
        "sale.subscription", [["id", "=", unit]], "state", "end_date", "number", "next_invoice_date", "lines.end_date",
        "lines.next_consumption_date", "lines.consumed_until",
    )  # fmt: skip
    return row


@pytest.mark.fact("S0.34", "S0.36")
def test_a_move_out_keeps_number_and_billing_position(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    tryton_yard.bill_units(tryton_customer, until=days(0))
    before, effect = told(tryton_yard, unit), leave(tryton_customer, unit, days(90))

    erp.execute(effect, Attempt(key=KEY, baseline=erp.baseline(effect)))

    after = told(tryton_yard, unit)
    assert (after["state"], after["end_date"]) == ("running", days(90))
    assert [line["end_date"] for line in after["lines."]] == [days(90)]
    assert [after[name] for name in ("number", "next_invoice_date")] == [
        before[name] for name in ("number", "next_invoice_date")
    ]
    row = erp.account(FACILITY, str(tryton_customer.id)).rental(effect.rental_id)
    assert row is not None
    assert (row.rental.state, row.rental.leaving_on) == (RentalState.NOTICE_GIVEN, days(90))
    assert row.rental.state.is_current


@pytest.mark.parametrize("weather_word", [Weather.LOST_BEFORE, Weather.LOST_AFTER])
@pytest.mark.parametrize("step", STEPS)
def test_a_move_out_whose_answer_was_lost_goes_on_where_it_stopped(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str, weather_word: Weather
) -> None:
    customer = tryton_yard.customer()
    unit = tryton_yard.let(customer, start=days(-40))
    effect = leave(customer, unit, days(45))
    attempt = Attempt(key=KEY, baseline=stormy.baseline(effect))
    weather.let(weather_word, f"model.sale.subscription.{step}")

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, attempt)
    seen = stormy.probe(effect, attempt)
    stormy.execute(effect, attempt)

    is_done = step == "run" and weather_word is Weather.LOST_AFTER
    assert isinstance(seen, Found if is_done else Absent)
    assert isinstance(stormy.probe(effect, attempt), Found)
    row = told(tryton_yard, unit)
    assert (row["state"], row["end_date"]) == ("running", days(45))


def test_a_rental_on_its_way_through_the_steps_is_let_all_the_while(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    effect = leave(tryton_customer, unit, days(45))
    weather.let(Weather.LOST_BEFORE, "model.sale.subscription.quote")

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, Attempt(key=KEY, baseline=stormy.baseline(effect)))

    row = stormy.account(FACILITY, str(tryton_customer.id)).rental(effect.rental_id)
    assert row is not None
    assert row.rental.vendor_state == "draft"
    assert row.rental.state.is_current


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_that_is_refused_puts_the_rental_back(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str
) -> None:
    customer = tryton_yard.customer()
    unit = tryton_yard.let(customer, start=days(-40))
    effect = leave(customer, unit, days(45))
    attempt = Attempt(key=KEY, baseline=stormy.baseline(effect))
    weather.refuse(f"model.sale.subscription.{step}")

    with pytest.raises(RejectedError):
        stormy.execute(effect, attempt)

    row = told(tryton_yard, unit)
    assert (row["state"], row["end_date"]) == ("running", None)
    assert isinstance(stormy.probe(effect, attempt), Absent)


def test_a_day_that_is_billed_already_is_refused_before_anything_is_written(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    tryton_yard.bill_units(tryton_customer, until=days(0))
    effect = leave(tryton_customer, unit, days(-20))
    attempt = Attempt(key=KEY, baseline=stormy.baseline(effect))
    weather.clear()

    with pytest.raises(RejectedError) as refusal:
        stormy.execute(effect, attempt)

    assert refusal.value.code == "billed_beyond"
    assert not any(weather.count(f"model.sale.subscription.{step}") for step in STEPS)


def test_a_rental_that_staff_are_changing_is_left_alone(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    tryton_yard.press("sale.subscription", "draft", unit)
    effect = leave(tryton_customer, unit, days(45))

    with pytest.raises(UnavailableError) as later:
        erp.execute(effect, Attempt(key=KEY, baseline=erp.baseline(effect)))

    assert later.value.code == "being_changed"
    assert told(tryton_yard, unit)["state"] == "draft"


def test_a_move_out_is_taken_back(erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    effect = leave(tryton_customer, unit, days(45))
    erp.execute(effect, Attempt(key=KEY, baseline=erp.baseline(effect)))
    back = CancelMoveOut(**SCOPE, tenant_id=str(tryton_customer.id), rental_id=effect.rental_id)

    erp.execute(back, Attempt(key=KEY, baseline=erp.baseline(back)))

    row = told(tryton_yard, unit)
    assert (row["state"], row["end_date"]) == ("running", None)
    assert [line["end_date"] for line in row["lines."]] == [None]
