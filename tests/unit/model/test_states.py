from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pmsbridge.model import payments, requests
from pmsbridge.model.payments import PaymentState, payment_step_is_allowed
from pmsbridge.model.rental import ALLOWED_STEPS, ItemOut, RentalState, step_is_allowed
from pmsbridge.model.requests import CallOffState, RequestState, call_off_step_is_allowed, request_step_is_allowed
from tests.unit.model.specimens import ITEM

Table = Mapping[Any, frozenset[Any]]
TABLES: dict[str, tuple[Table, Enum, set[Any], set[Any]]] = {
    "rental": (
        ALLOWED_STEPS,
        RentalState.UNKNOWN,
        {RentalState.QUOTE, RentalState.RESERVED},
        {RentalState.CLOSED, RentalState.CANCELLED},
    ),
    "request": (
        requests._REQUEST_STEPS,
        RequestState.UNKNOWN,
        {RequestState.NEW},
        {RequestState.DONE, RequestState.REFUSED, RequestState.WITHDRAWN, RequestState.FAILED},
    ),
    "call-off": (
        requests._CALL_OFF_STEPS,
        CallOffState.UNKNOWN,
        {CallOffState.REQUESTED},
        {CallOffState.CLOSED, CallOffState.REFUSED, CallOffState.WITHDRAWN},
    ),
    "payment": (
        payments._STEPS,
        PaymentState.UNKNOWN,
        {PaymentState.PLANNED},
        {PaymentState.DECLINED, PaymentState.FAILED, PaymentState.REVERSED, PaymentState.REFUNDED},
    ),
}
each_table = pytest.mark.parametrize("name", sorted(TABLES))


def reachable(table: Table, starts: set[Any], unknown: Enum) -> set[Any]:
    seen, todo = set(starts), list(starts)
    while todo:
        for after in table[todo.pop()] - seen - {unknown}:
            seen.add(after)
            todo.append(after)
    return seen


@each_table
def test_every_state_has_its_row_and_is_reached_from_a_beginning(name: str) -> None:
    table, unknown, starts, _ = TABLES[name]

    assert set(table) == set(type(unknown))
    assert reachable(table, starts, unknown) == set(table) - {unknown}


@each_table
def test_a_state_is_terminal_or_leads_to_a_terminal_one(name: str) -> None:
    table, unknown, _, terminal = TABLES[name]

    assert {state for state in table if not table[state]} == terminal
    for state in set(table) - {unknown}:
        assert reachable(table, {state}, unknown) & terminal


@each_table
def test_no_step_leads_into_unknown_by_plan(name: str) -> None:
    table, unknown, _, _ = TABLES[name]

    assert all(unknown not in after for state, after in table.items() if state is not unknown)
    assert table[unknown] == frozenset(type(unknown))


@pytest.mark.parametrize(
    ("allowed", "states"),
    [(step_is_allowed, RentalState), (request_step_is_allowed, RequestState), (call_off_step_is_allowed, CallOffState)],
)
def test_staying_is_always_allowed(allowed: Callable[[Any, Any], bool], states: type[Enum]) -> None:
    assert all(allowed(state, state) for state in states)


@pytest.mark.parametrize("state", list(RentalState))
def test_a_rental_may_turn_unknown_and_come_back(state: RentalState) -> None:
    assert step_is_allowed(state, RentalState.UNKNOWN)
    assert step_is_allowed(RentalState.UNKNOWN, state)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RentalState.CLOSED, RentalState.ACTIVE),
        (RentalState.EVICTED, RentalState.ACTIVE),
        (RentalState.CANCELLED, RentalState.RESERVED),
        (RentalState.QUOTE, RentalState.NOTICE_GIVEN),
        (RentalState.ACTIVE, RentalState.QUOTE),
    ],
)
def test_an_impossible_step_of_a_rental_is_noticed(before: RentalState, after: RentalState) -> None:
    assert not step_is_allowed(before, after)


def test_a_scheduled_move_out_leaves_the_unit_let() -> None:
    assert {state for state in RentalState if state.is_current} == {RentalState.ACTIVE, RentalState.NOTICE_GIVEN}
    assert not any(state.is_current and state.is_over for state in RentalState)


@pytest.mark.parametrize("after", list(PaymentState))
@pytest.mark.parametrize("evidence", [True, False])
def test_an_uncertain_payment_ends_only_by_evidence(*, after: PaymentState, evidence: bool) -> None:
    may = after is PaymentState.UNCERTAIN or (evidence and after in {PaymentState.SUCCEEDED, PaymentState.FAILED})

    assert payment_step_is_allowed(PaymentState.UNCERTAIN, after, has_evidence=evidence) is may


def test_a_payment_that_succeeded_never_turns_into_one_that_was_not_made() -> None:
    for after in (PaymentState.DECLINED, PaymentState.FAILED, PaymentState.PLANNED, PaymentState.UNCERTAIN):
        assert not payment_step_is_allowed(PaymentState.SUCCEEDED, after, has_evidence=True)


def test_a_call_off_is_withdrawn_only_before_it_is_acknowledged() -> None:
    may = {state for state in CallOffState if call_off_step_is_allowed(state, CallOffState.WITHDRAWN)}

    assert may == {CallOffState.REQUESTED, CallOffState.WITHDRAWN, CallOffState.UNKNOWN}


QUANTITIES = st.decimals(-2, 6, places=1)


@given(QUANTITIES, QUANTITIES, QUANTITIES, QUANTITIES, QUANTITIES)
def test_quantities_of_a_line_fit_or_it_is_refused(
    ordered: Decimal, out: Decimal, returned: Decimal, pending: Decimal, confirmed: Decimal
) -> None:
    fit = 0 <= returned <= out <= ordered and pending >= 0 and confirmed >= 0 and pending + confirmed <= out - returned
    fields = {
        "ordered": ordered,
        "out": out,
        "returned": returned,
        "call_off_pending": pending,
        "call_off_confirmed": confirmed,
    }

    if fit:
        line = ITEM.changed(**fields)
        assert line.on_rent == out - returned >= line.call_off_pending + line.call_off_confirmed
    else:
        with pytest.raises(ValidationError):
            ItemOut.model_validate({**ITEM.model_dump(), **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"returned": "3", "out": "2"},
        {"out": "11"},
        {"returned": "-1"},
        {"call_off_pending": "-0.1"},
        {"call_off_confirmed": "-1"},
        {"call_off_pending": "1.6"},
    ],
)
def test_each_bound_of_a_line_is_kept(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ITEM.changed(**fields)
