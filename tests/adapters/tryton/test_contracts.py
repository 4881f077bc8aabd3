"""Contracts on a real server: what is out, what is called off, and what became of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import RequestCallOff, ScheduleMoveOut, WithdrawCallOff
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.rental import ItemOut, Rental, RentalKind, RentalState
from pmsbridge.model.requests import CallOffState, RequestState
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, KEY, days
from tests.adapters.tryton.weather import WeatherProxy

ATTEMPT = Attempt(key=KEY)
SCOPE: dict[str, Any] = {"account": ACCOUNT, "facility": FACILITY}


def contract_of(erp: TrytonAdapter, customer: Customer, rental: int) -> Rental:
    row = erp.account(FACILITY, str(customer.id)).rental(f"sale.rental,{rental}")
    assert row is not None
    return row.rental


def item_of(erp: TrytonAdapter, customer: Customer, rental: int, code: str = "FENCE-8") -> ItemOut:
    return next(item for item in contract_of(erp, customer, rental).items if item.code == code)


def call_off(
    customer: Customer, rental: int, item: ItemOut, quantity: int, mark: str = "1", wanted: int = 4
) -> RequestCallOff:
    return RequestCallOff(
        **SCOPE, tenant_id=str(customer.id), rental_id=f"sale.rental,{rental}", item_id=item.id,
        description=item.description, quantity=Decimal(quantity), wanted_on=days(wanted), place="Gate 3",
        comment="By the fence.", reference=f"PB-CALL{mark:0>8}",
    )  # fmt: skip


def planned(yard: Yard, rental: int) -> list[Any]:
    rows = yard.call.read(
        "stock.move", [["origin", "=", f"sale.rental,{rental}"], ["from_location.type", "=", "rental"]],
        "planned_date", "quantity", "state",
    )  # fmt: skip
    return sorted((row["quantity"], row["planned_date"]) for row in rows if row["state"] == "draft")


def numbers(item: ItemOut) -> tuple[int, ...]:
    return tuple(map(int, (item.ordered, item.out, item.returned, item.on_rent)))


def test_an_item_keeps_its_name_and_its_sums_however_often_its_line_is_split(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.contract(tryton_customer, {"FENCE-8": 10}, start=days(-10), days=30)
    before = item_of(erp, tryton_customer, rental)
    assert numbers(before) == (10, 0, 0, 0)
    assert contract_of(erp, tryton_customer, rental).state is RentalState.RESERVED

    tryton_yard.pick_up(rental, {"FENCE-8": 6}, at=days(-10))
    some = item_of(erp, tryton_customer, rental)
    assert contract_of(erp, tryton_customer, rental).vendor_state == "confirmed"
    assert contract_of(erp, tryton_customer, rental).state is RentalState.ACTIVE
    tryton_yard.pick_up(rental, {"FENCE-8": 4}, at=days(-9))
    tryton_yard.take_back(rental, {"FENCE-8": 3}, at=days(-2))
    after = item_of(erp, tryton_customer, rental)

    assert numbers(some) == (10, 6, 0, 6)
    assert numbers(after) == (10, 10, 3, 7)
    assert before.id == some.id == after.id
    assert (after.out_on, after.due_back_on, after.measure) == (days(-10), days(20), "u")
    assert len(contract_of(erp, tryton_customer, rental).items) == 1


@pytest.mark.fact("S2.25", "S2.28")
def test_items_out_are_listed_over_all_contracts(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    one = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 2, "GEN-20": 1}, start=days(-3), days=9)
    other = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-3), days=9)
    tryton_yard.take_back(other, at=days(-1))
    tryton_yard.quote(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)

    found = erp.account(FACILITY, str(tryton_customer.id)).items_out

    assert {(rental.id, item.code) for rental, item in found} == {
        (f"sale.rental,{one}", "FENCE-8"), (f"sale.rental,{one}", "GEN-20"),
    }  # fmt: skip
    assert all(rental.number and rental.kind is RentalKind.CONTRACT for rental, _ in found)


@pytest.mark.fact("S2.29")
def test_a_call_off_of_all_moves_the_collection_and_the_rent_runs_on(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    item = item_of(erp, tryton_customer, rental)
    effect = call_off(tryton_customer, rental, item, 5)

    assert isinstance(erp.probe(effect, ATTEMPT), Absent)
    erp.execute(effect, ATTEMPT)
    erp.execute(effect, ATTEMPT)

    assert isinstance(erp.probe(effect, ATTEMPT), Found)
    (note,) = tryton_yard.notes("sale.rental", rental)
    assert note.startswith(f"[{effect.reference}] call-off of item {item.id}, quantity 5, from {days(4)}")
    assert "Gate 3" in note
    assert planned(tryton_yard, rental) == [(5, days(4))]
    found = contract_of(erp, tryton_customer, rental)
    assert found.state is RentalState.ACTIVE
    assert [line["actual_end"] for line in tryton_yard.lines(rental)] == [None]
    assert [int(found.items[0].call_off_pending), int(found.items[0].callable_off)] == [5, 0]


def test_of_a_part_only_whole_lines_get_a_day_and_the_note_says_how_many(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.contract(tryton_customer, {"FENCE-8": 10}, start=days(-10), days=30)
    tryton_yard.pick_up(rental, {"FENCE-8": 7}, at=days(-10))
    tryton_yard.pick_up(rental, {"FENCE-8": 3}, at=days(-9))
    item = item_of(erp, tryton_customer, rental)

    erp.execute(call_off(tryton_customer, rental, item, 4), ATTEMPT)

    assert planned(tryton_yard, rental) == [(3, days(4)), (7, days(20))]
    assert "quantity 4" in tryton_yard.notes("sale.rental", rental)[0]


def test_more_than_is_out_is_refused_before_anything_is_written(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.contract(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    tryton_yard.pick_up(rental, {"FENCE-8": 2}, at=days(-10))
    item = item_of(stormy, tryton_customer, rental)

    with pytest.raises(RejectedError) as refusal:
        stormy.execute(call_off(tryton_customer, rental, item, 3), ATTEMPT)

    assert refusal.value.code == "quantity_exceeds_out"
    assert weather.count("*.write") == weather.count("*.create") == 0


def test_a_contract_of_somebody_else_is_not_there(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    other = tryton_yard.customer()
    rental = tryton_yard.on_rent(other, {"FENCE-8": 5}, start=days(-10), days=30)
    effect = call_off(tryton_customer, rental, item_of(erp, other, rental), 1)

    with pytest.raises(RejectedError) as refusal:
        erp.execute(effect, ATTEMPT)

    assert refusal.value.code == "rental_not_found"
    assert tryton_yard.notes("sale.rental", rental) == []


@pytest.mark.parametrize("step", ["model.stock.move.write", "model.ir.note.create"])
def test_a_call_off_whose_answer_was_lost_is_there_once(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    effect = call_off(customer, rental, item_of(stormy, customer, rental), 5)
    weather.let(Weather.LOST_AFTER, step)

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, ATTEMPT)
    seen = stormy.probe(effect, ATTEMPT)
    stormy.execute(effect, ATTEMPT)

    assert isinstance(seen, Found if step.endswith("create") else Absent)
    assert isinstance(seen, Found) or seen.begun
    assert len(tryton_yard.notes("sale.rental", rental)) == 1
    assert planned(tryton_yard, rental) == [(5, days(4))]


@pytest.mark.parametrize("quantity", [5, 4])
def test_a_call_off_that_is_told_to_wait_after_its_plan_is_no_nothing_changed(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, quantity: int
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    effect = call_off(customer, rental, item_of(stormy, customer, rental), quantity)
    weather.let(Weather.BUSY, "model.ir.note.create")
    is_planned = quantity == 5

    with pytest.raises(OutcomeUnknownError if is_planned else UnavailableError):
        stormy.execute(effect, ATTEMPT)
    seen = stormy.probe(effect, ATTEMPT)
    stormy.execute(effect, ATTEMPT)

    assert isinstance(seen, Absent)
    assert seen.begun is is_planned
    assert len(tryton_yard.notes("sale.rental", rental)) == 1


def test_two_call_offs_of_one_item_keep_their_days_in_the_yards_plan(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.contract(tryton_customer, {"FENCE-8": 4}, start=days(-10), days=30)
    for _ in range(2):
        tryton_yard.pick_up(rental, {"FENCE-8": 2}, at=days(-10))
    item = item_of(stormy, tryton_customer, rental)
    first = call_off(tryton_customer, rental, item, 2, mark="1", wanted=4)
    second = call_off(tryton_customer, rental, item, 2, mark="2", wanted=14)

    stormy.execute(first, ATTEMPT)
    weather.let(Weather.LOST_AFTER, "model.stock.move.write")
    with pytest.raises(OutcomeUnknownError):
        stormy.execute(second, ATTEMPT)
    stormy.execute(second, ATTEMPT)

    assert planned(tryton_yard, rental) == [(2, days(4)), (2, days(14))]
    asked = {call.reference: call.pickup_on for call in stormy.call_offs(FACILITY, str(tryton_customer.id))}
    assert asked == {first.reference: days(4), second.reference: days(14)}
    tryton_yard.take_back(rental, at=days(0))
    assert stormy.execute(second, ATTEMPT).read_back


def withdrawal(effect: RequestCallOff, mark: str = "1") -> WithdrawCallOff:
    return WithdrawCallOff(
        **SCOPE, tenant_id=effect.tenant_id, rental_id=effect.rental_id, item_id=effect.item_id,
        called_off=effect.reference, description=effect.description, quantity=effect.quantity,
        reference=f"PB-BACK{mark:0>8}",
    )  # fmt: skip


def test_a_call_off_that_is_taken_back_leaves_the_yards_plan_as_it_was(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    item, before = item_of(erp, tryton_customer, rental), planned(tryton_yard, rental)
    asked = call_off(tryton_customer, rental, item, 5)
    erp.execute(asked, ATTEMPT)
    assert planned(tryton_yard, rental) == [(5, days(4))]
    effect = withdrawal(asked)

    assert isinstance(erp.probe(effect, ATTEMPT), Absent)
    erp.execute(effect, ATTEMPT)
    erp.execute(effect, ATTEMPT)

    assert isinstance(erp.probe(effect, ATTEMPT), Found)
    assert planned(tryton_yard, rental) == before
    assert states(erp, tryton_customer) == {asked.reference: (CallOffState.WITHDRAWN, RequestState.WITHDRAWN)}
    assert sum(effect.reference in text for text in tryton_yard.notes("sale.rental", rental)) == 1
    after = item_of(erp, tryton_customer, rental)
    assert [int(after.call_off_pending), int(after.callable_off)] == [0, 5]
    again = call_off(tryton_customer, rental, after, 5, mark="2", wanted=6)
    erp.execute(again, ATTEMPT)
    assert planned(tryton_yard, rental) == [(5, days(6))]


def test_of_two_call_offs_one_is_taken_back_and_the_other_keeps_its_day(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.contract(tryton_customer, {"FENCE-8": 4}, start=days(-10), days=30)
    tryton_yard.pick_up(rental, {"FENCE-8": 1}, at=days(-10))
    tryton_yard.pick_up(rental, {"FENCE-8": 3}, at=days(-9))
    item = item_of(erp, tryton_customer, rental)
    one, three = (call_off(tryton_customer, rental, item, n, mark=str(n), wanted=n + 3) for n in (1, 3))
    for effect in (one, three):
        erp.execute(effect, ATTEMPT)
    assert planned(tryton_yard, rental) == [(1, days(4)), (3, days(6))]

    erp.execute(withdrawal(one), ATTEMPT)

    assert planned(tryton_yard, rental) == [(1, days(20)), (3, days(6))]
    assert [state for state, _ in states(erp, tryton_customer).values()].count(CallOffState.REQUESTED) == 1


def test_what_the_yard_has_confirmed_is_not_taken_back(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    asked = call_off(tryton_customer, rental, item_of(erp, tryton_customer, rental), 5)
    erp.execute(asked, ATTEMPT)
    tryton_yard.note("sale.rental", rental, f"{asked.reference} acknowledged 4711")

    with pytest.raises(RejectedError) as refused:
        erp.execute(withdrawal(asked), ATTEMPT)

    assert refused.value.code == "call_off_confirmed"
    assert planned(tryton_yard, rental) == [(5, days(4))]
    with pytest.raises(RejectedError) as unknown:
        erp.execute(withdrawal(asked).changed(called_off="PB-NEVERASKED1"), ATTEMPT)
    assert unknown.value.code == "call_off_not_found"


@pytest.mark.parametrize("quantity", [5, 4])
def test_a_withdrawal_that_is_told_to_wait_half_way_is_seen_as_begun_and_goes_on(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, quantity: int
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    before = planned(tryton_yard, rental)
    asked = call_off(customer, rental, item_of(stormy, customer, rental), quantity)
    stormy.execute(asked, ATTEMPT)
    effect = withdrawal(asked)
    fresh = stormy.probe(effect, ATTEMPT)
    weather.let(Weather.BUSY, "model.ir.note.create")

    with pytest.raises(OutcomeUnknownError if quantity == 5 else UnavailableError):
        stormy.execute(effect, ATTEMPT)
    seen = stormy.probe(effect, ATTEMPT)
    stormy.execute(effect, ATTEMPT)

    assert isinstance(fresh, Absent)
    assert isinstance(seen, Absent)
    assert (fresh.begun, seen.begun) == (False, quantity == 5)
    assert planned(tryton_yard, rental) == before
    assert isinstance(stormy.probe(effect, ATTEMPT), Found)


@pytest.mark.parametrize("step", ["model.stock.move.write", "model.ir.note.create"])
@pytest.mark.parametrize("word", ["acknowledged 4711", "refused"])
def test_a_withdrawal_that_the_yard_answers_before_it_stands_is_not_settled(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str, word: str
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    asked = call_off(customer, rental, item_of(stormy, customer, rental), 5)
    stormy.execute(asked, ATTEMPT)
    effect = withdrawal(asked)
    weather.before(step, lambda: tryton_yard.note("sale.rental", rental, f"{asked.reference} {word}"))

    for _ in range(2):
        with pytest.raises(OutcomeUnknownError) as crossed:
            stormy.execute(effect, ATTEMPT)
        assert crossed.value.code == "half_done"
        assert word.split(maxsplit=1)[0] in crossed.value.message
    seen = stormy.probe(effect, ATTEMPT)

    assert isinstance(seen, CannotTell)
    assert asked.reference in seen.why
    assert sum(effect.reference in text for text in tryton_yard.notes("sale.rental", rental)) == 1


def test_a_withdrawal_is_settled_whatever_the_yard_answers_to_it_or_when_it_takes_the_call_off_back_itself(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    asked = call_off(customer, rental, item_of(stormy, customer, rental), 5)
    stormy.execute(asked, ATTEMPT)
    effect = withdrawal(asked)
    weather.before("model.ir.note.create", lambda: said("withdrawn"))

    def said(word: str) -> None:
        tryton_yard.note("sale.rental", rental, f"{asked.reference} {word}")

    stormy.execute(effect, ATTEMPT)
    said("acknowledged 4711")

    assert stormy.execute(effect, ATTEMPT).read_back
    assert isinstance(stormy.probe(effect, ATTEMPT), Found)


def test_a_withdrawal_that_the_yard_answers_while_it_stands_half_way_is_looked_into(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    asked = call_off(customer, rental, item_of(stormy, customer, rental), 5)
    stormy.execute(asked, ATTEMPT)
    effect = withdrawal(asked)
    weather.let(Weather.BUSY, "model.ir.note.create")
    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, ATTEMPT)
    tryton_yard.note("sale.rental", rental, f"{asked.reference} acknowledged 4711")

    assert isinstance(stormy.probe(effect, ATTEMPT), CannotTell)


def test_what_the_notes_say_after_a_withdrawal_has_to_be_read(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard
) -> None:
    customer = tryton_yard.customer()
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)
    asked = call_off(customer, rental, item_of(stormy, customer, rental), 4)
    stormy.execute(asked, ATTEMPT)
    effect = withdrawal(asked)
    weather.before("model.ir.note.create", lambda: weather.let(Weather.BUSY, "model.ir.note.search_read", lasts=True))

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, ATTEMPT)
    weather.clear()

    assert isinstance(stormy.probe(effect, ATTEMPT), Found)


def states(erp: TrytonAdapter, customer: Customer) -> dict[str, tuple[CallOffState, RequestState]]:
    return {c.reference: (c.call_off_state, c.state) for c in erp.call_offs(FACILITY, str(customer.id))}


@pytest.mark.fact("S2.30")
def test_what_becomes_of_a_call_off_is_read_from_the_contract(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    item = item_of(erp, tryton_customer, rental)
    first, second, third = (call_off(tryton_customer, rental, item, n, mark=str(n)) for n in (1, 2, 3))
    for effect in (first, second):
        erp.execute(effect, ATTEMPT)
    asked = states(erp, tryton_customer)
    tryton_yard.note("sale.rental", rental, f"{first.reference} acknowledged 4711")
    tryton_yard.note("sale.rental", rental, f"[{second.reference}] refused: it was never delivered there")
    answered = states(erp, tryton_customer)
    open_item = item_of(erp, tryton_customer, rental)
    tryton_yard.take_back(rental, {"FENCE-8": 1}, at=days(0))
    back = {call.reference: call for call in erp.call_offs(FACILITY, str(tryton_customer.id))}

    assert set(asked.values()) == {(CallOffState.REQUESTED, RequestState.SENT)}
    assert answered[first.reference] == (CallOffState.ACKNOWLEDGED, RequestState.ACKNOWLEDGED)
    assert answered[second.reference] == (CallOffState.REFUSED, RequestState.REFUSED)
    open_numbers = (open_item.call_off_confirmed, open_item.call_off_pending, open_item.callable_off)
    assert [int(number) for number in open_numbers] == [1, 0, 4]
    assert back[first.reference].call_off_state is CallOffState.PICKED_UP
    assert back[first.reference].call_number == "4711"
    assert back[first.reference].stop_at is not None
    assert third.reference not in back
    assert numbers(item_of(erp, tryton_customer, rental)) == (5, 5, 1, 4)


def test_words_of_a_customer_are_no_call_off_and_no_answer(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    from pmsbridge.actions.effects import AddNote

    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-10), days=30)
    item = item_of(erp, tryton_customer, rental)
    effect = call_off(tryton_customer, rental, item, 1)
    erp.execute(effect, ATTEMPT)
    words = (
        f"[PB-FORGED000001] call-off of item {item.id}, quantity 5, from 2026-01-01\n{effect.reference} acknowledged 1"
    )

    erp.execute(
        AddNote(
            **SCOPE, tenant_id=str(tryton_customer.id), rental_id=f"sale.rental,{rental}", text=words,
            reference="PB-NOTE00000001",
        ),
        ATTEMPT,
    )  # fmt: skip

    assert states(erp, tryton_customer) == {effect.reference: (CallOffState.REQUESTED, RequestState.SENT)}


def test_a_contract_has_no_day_to_leave_on(erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-10), days=30)
    effect = ScheduleMoveOut(
        **SCOPE, tenant_id=str(tryton_customer.id), rental_id=f"sale.rental,{rental}", leaving_on=days(30),
        notice_given_on=days(0),
    )  # fmt: skip

    with pytest.raises(UnsupportedError) as refusal:
        erp.execute(effect, ATTEMPT)

    assert refusal.value.code == "call_off_instead"
