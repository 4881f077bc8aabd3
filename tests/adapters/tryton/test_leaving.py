"""The end of a recurring rental on a real server: four steps, taken up again wherever they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import CancelMoveOut, ScheduleMoveOut
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.outcome import Absent, Attempt, Found, Outcome
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, KEY, days
from tests.adapters.tryton.bridging import Waiting, waiting_on
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
    if isinstance(seen, Absent):
        assert seen.begun is (told(tryton_yard, unit)["state"] != "running")
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


@pytest.fixture(scope="module")
def waiting(_stormy: TrytonAdapter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    with waiting_on(_stormy, tmp_path_factory.mktemp("leaving")) as found:
        yield found


@pytest.mark.parametrize("step", STEPS)
def test_a_move_out_that_is_told_to_wait_half_way_goes_on_by_itself(
    waiting: Waiting, weather: WeatherProxy, tryton_yard: Yard, step: str
) -> None:
    customer = tryton_yard.customer()
    unit = tryton_yard.let(customer, start=days(-40))
    weather.let(Weather.BUSY, f"model.sale.subscription.{step}")

    session = waiting.bridge.tenant(FACILITY, str(customer.id))
    asked = session.request_move_out(f"sale.subscription,{unit}", days(45), key=f"leave-{unit:06}")
    known = waiting.until_known(str(customer.id), asked.action_id)

    assert weather.told == [f"model.sale.subscription.{step}"]
    assert (asked.outcome, known.outcome) == (Outcome.PENDING, Outcome.SETTLED)
    row = told(tryton_yard, unit)
    assert (row["state"], row["end_date"]) == ("running", days(45))


def test_a_move_out_that_was_done_is_not_called_unsent_because_it_could_not_be_read_back(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    effect = leave(tryton_customer, unit, days(45))
    attempt = Attempt(key=KEY, baseline=stormy.baseline(effect))
    weather.before("model.sale.subscription.run", lambda: weather.let(Weather.LOST_BEFORE, "*.search_read", lasts=True))

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, attempt)

    weather.clear()
    assert isinstance(stormy.probe(effect, attempt), Found)


def with_insurance(yard: Yard, unit: int, end: date | None) -> int:
    """Staff add a second line with an end of its own; its id."""
    (row,) = yard.call.read(
        "sale.subscription.line", [["subscription", "=", unit]], "service", "unit", "start_date",
        "consumption_recurrence",
    )  # fmt: skip
    new = {name: row[name] for name in ("service", "unit", "start_date", "consumption_recurrence")}
    yard.press("sale.subscription", "draft", unit)
    line = {**new, "subscription": unit, "quantity": 1, "unit_price": Decimal(12), "end_date": end}
    (made,) = yard.call.call("model.sale.subscription.line.create", [line])
    for button in ("quote", "run"):
        yard.press("sale.subscription", button, unit)
    return int(made)


def ends(yard: Yard, unit: int) -> dict[int, date | None]:
    rows = yard.call.read("sale.subscription.line", [["subscription", "=", unit]], "end_date")
    return {row["id"]: row["end_date"] for row in rows}


def test_a_line_that_ends_earlier_keeps_its_day_when_the_rental_ends_and_when_it_does_not(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    (rent,) = ends(tryton_yard, unit)
    insurance = with_insurance(tryton_yard, unit, days(30))
    back = CancelMoveOut(**SCOPE, tenant_id=str(tryton_customer.id), rental_id=f"sale.subscription,{unit}")
    found = []

    for effect in (leave(tryton_customer, unit, days(90)), leave(tryton_customer, unit, days(120)), back):
        stormy.execute(effect, Attempt(key=KEY, baseline=stormy.baseline(effect)))
        found.append(ends(tryton_yard, unit))
    earlier = leave(tryton_customer, unit, days(20))
    attempt = Attempt(key=KEY, baseline=stormy.baseline(earlier))
    weather.refuse("model.sale.subscription.run")
    with pytest.raises(RejectedError):
        stormy.execute(earlier, attempt)

    assert found == [
        {rent: days(90), insurance: days(30)}, {rent: days(120), insurance: days(30)}, {rent: None, insurance: days(30)}
    ]  # fmt: skip
    assert ends(tryton_yard, unit) == {rent: None, insurance: days(30)}
    assert (told(tryton_yard, unit)["state"], told(tryton_yard, unit)["end_date"]) == ("running", None)


def test_a_rental_that_is_billed_to_its_last_day_is_let_until_then(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    effect = leave(tryton_customer, unit, days(10))
    attempt = Attempt(key=KEY, baseline=erp.baseline(effect))
    erp.execute(effect, attempt)
    tryton_yard.bill_units(tryton_customer, until=days(0))
    back = CancelMoveOut(**SCOPE, tenant_id=str(tryton_customer.id), rental_id=effect.rental_id)

    row = erp.account(FACILITY, str(tryton_customer.id)).rental(effect.rental_id)
    copied = [
        record for batch in erp.fetch(Query(Entity.RENTALS, FACILITY)) for record in batch.records
        if record.id == effect.rental_id
    ]  # fmt: skip
    with pytest.raises(RejectedError) as refusal:
        erp.execute(back, Attempt(key=KEY, baseline=erp.baseline(back)))

    assert told(tryton_yard, unit)["state"] == "closed"
    assert row is not None
    for rental in (row.rental, copied[0]):
        assert (rental.state, rental.leaving_on, rental.moved_out_on) == (RentalState.NOTICE_GIVEN, days(10), None)  # type: ignore[attr-defined]
    assert isinstance(erp.probe(effect, attempt), Found)
    assert erp.execute(effect, attempt).read_back
    assert refusal.value.code == "rental_over"
