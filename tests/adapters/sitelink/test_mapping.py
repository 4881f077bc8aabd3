"""Rows to records, as tables: no network, no clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import UnavailableError
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.payments import PaymentState
from pmsbridge.model.places import UnitKind, UnitState
from pmsbridge.model.rental import RentalState
from pmsbridge_sitelink.mapping.cells import Scope, boolean, day, decimal, money, number, text
from pmsbridge_sitelink.mapping.money import charges_end, entries_of, invoices_of, paid_on, payments_of, receipt_keys
from pmsbridge_sitelink.mapping.papers import note_of, reservation_of
from pmsbridge_sitelink.mapping.people import tenant_of
from pmsbridge_sitelink.mapping.places import policy_of, unit_of
from pmsbridge_sitelink.mapping.rentals import (
    account_of,
    balance_of,
    days_past_due,
    is_billed,
    prepay_lines,
    rental_of,
    rental_of_roll,
)

SCOPE = Scope("demo", "L001", "USD", "America/Los_Angeles", "ft", datetime(2026, 11, 21, tzinfo=UTC))
TODAY = date(2026, 11, 21)


# cells


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2012-05-01T00:00:00-05:00", date(2012, 5, 1)),
        ("2012-05-01T23:59:59-05:00", date(2012, 5, 1)),
        ("2012-05-01T00:00:00+14:00", date(2012, 5, 1)),
        ("2012-05-01", date(2012, 5, 1)),
        ("0001-01-01T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_its_first_ten_characters_and_is_never_converted(cell: str | None, expected: date | None) -> None:
    assert day({} if cell is None else {"d": cell}, "d") == expected


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-12, 14), st.integers(0, 23))
def test_no_zone_moves_a_calendar_day(which: date, offset: int, hour: int) -> None:
    cell = f"{which.isoformat()}T{hour:02}:00:00{'-' if offset < 0 else '+'}{abs(offset):02}:00"

    assert day({"d": cell}, "d") == which


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_money_keeps_every_digit(amount: Decimal) -> None:
    assert money({"a": str(amount)}, "a", SCOPE).amount == amount


@pytest.mark.parametrize(
    ("read", "cell"),
    [
        (day, "soon"),
        (decimal, "1,234.00"),
        (decimal, "NaN"),
        (decimal, "Infinity"),
        (number, "1.5"),
        (boolean, "maybe"),
    ],
)
def test_an_unreadable_cell_is_told_by_its_column_and_not_by_its_content(read: object, cell: str) -> None:
    with pytest.raises(UnavailableError) as unreadable:
        read({"sColumn": cell}, "sColumn")  # type: ignore[operator]

    assert "sColumn" in str(unreadable.value)
    assert cell not in str(unreadable.value)


@pytest.mark.parametrize(
    ("cell", "expected"), [("true", True), ("1", True), ("Y", True), ("false", False), ("0", False)]
)
def test_truth_is_spelled_in_many_ways(cell: str, *, expected: bool) -> None:
    assert boolean({"b": cell}, "b") is expected


def test_padding_is_not_part_of_a_text() -> None:
    assert text({"s": "Unit 3 "}, "s") == "Unit 3"


# rentals


def balance(sItem: str, amount: str, start: str = "", end: str = "", **more: str) -> dict[str, str]:  # noqa: N803
    row = {"LedgerID": "7", "UnitID": "5", "sItem": sItem, "dcBalance": amount, **more}
    return {**row, **({"dStartDate": start} if start else {}), **({"dEndDate": end} if end else {})}


def ledger(**fields: str) -> dict[str, str]:
    return {"LedgerID": "7", "TenantID": "1", "UnitID": "5", "sUnitName": "015", "dcRent": "100.0000", **fields}


def test_a_balance_is_the_sum_of_its_rows() -> None:
    rows = [balance("Rent", "100.0000"), balance("Insurance", "12.5000"), balance("Late Fees", "-2.5000")]

    assert balance_of(rows, SCOPE).amount == Decimal("110.00")
    assert balance_of([], SCOPE).is_zero


def test_a_balance_row_without_an_amount_makes_no_sum() -> None:
    with pytest.raises(UnavailableError):
        balance_of([balance("Rent", "1"), {"LedgerID": "7"}], SCOPE)


def test_where_one_column_is_missing_the_other_is_read() -> None:
    assert balance_of([{"LedgerID": "7", "dcTotal": "5.0000"}], SCOPE).amount == Decimal("5.00")


@pytest.mark.parametrize(
    ("paid_through", "rows", "billed"),
    [
        ("2026-11-30", [], True),
        ("2026-11-21", [], True),
        ("2026-10-31", [balance("Rent", "100", "2026-11-01", "2026-11-30")], True),
        ("2026-10-31", [], False),
        ("2026-10-31", [balance("Rent", "0", "2026-11-01", "2026-11-30")], False),
        ("2026-09-30", [balance("Rent", "100", "2026-10-01", "2026-10-31")], False),
        ("2026-10-31", [balance("Rent", "100")], None),
        ("", [], None),
        ("", [balance("Rent", "100", "2026-11-01", "2026-11-30")], True),
    ],
)
def test_a_rental_is_billed_when_its_charges_reach_today(
    paid_through: str, rows: list[dict[str, str]], billed: bool | None
) -> None:
    rental = rental_of(ledger(**({"dPaidThru": paid_through} if paid_through else {})), SCOPE)

    assert is_billed(rental, rows, TODAY) is billed


@pytest.mark.fact("S4.4")
@pytest.mark.parametrize(
    ("rows", "days"),
    [
        ([], 0),
        ([balance("Rent", "100", "2026-11-01")], 20),
        ([balance("Rent", "100", "2026-11-01"), balance("Other", "1", "2026-09-01")], 81),
        ([balance("Rent", "100", "2026-12-01")], 0),
        ([balance("Rent", "100", "2026-11-01"), balance("Other", "-100", "")], 0),
        ([balance("Rent", "100")], 20),
    ],
)
def test_lateness_counts_from_the_oldest_unpaid_charge(rows: list[dict[str, str]], days: int) -> None:
    rental = rental_of(ledger(dPaidThru="2026-10-31T00:00:00-04:00"), SCOPE)

    assert days_past_due(rental, rows, TODAY) == days


def test_past_due_is_never_more_than_what_is_owed() -> None:
    rows = [balance("Rent", "100", "2026-11-01"), balance("Credit", "-40")]

    found = account_of(rental_of(ledger(), SCOPE), rows, None, SCOPE, TODAY)

    assert (found.balances.ledger.amount, found.balances.past_due.amount) == (Decimal("60.00"), Decimal("60.00"))


def test_a_prepaid_rental_has_credit_and_owes_nothing() -> None:
    found = account_of(rental_of(ledger(), SCOPE), [balance("Rent", "-10.0000")], None, SCOPE, TODAY)

    assert (found.balances.credit.amount, found.balances.payable_now.is_zero) == (Decimal("10.00"), True)


def test_tax_is_cut_and_not_rounded() -> None:
    rental = rental_of(ledger(dcRent="99.9900", dcTaxRateRent="9.0"), SCOPE)

    assert rental.rent_tax is not None
    assert rental.rent_tax.amount == Decimal("8.99")


def test_a_scheduled_move_out_is_notice_given() -> None:
    rental = rental_of(ledger(dSchedOut="2026-12-24T00:00:00-05:00"), SCOPE)

    assert (rental.state, rental.leaving_on) == (RentalState.NOTICE_GIVEN, date(2026, 12, 24))


def test_a_vacant_unit_of_the_roll_is_no_rental() -> None:
    assert rental_of_roll({"UnitID": "5", "sUnitName": "015"}, SCOPE, {}, {}) is None
    found = rental_of_roll({**ledger(), "dPaidThru": "2026-10-31T00:00:00-04:00"}, SCOPE, {"7": TODAY}, {})
    assert found is not None
    assert (found.state, found.leaving_on, found.paid_through) == (RentalState.NOTICE_GIVEN, TODAY, date(2026, 10, 31))


def test_a_quote_is_the_difference_over_all_categories() -> None:
    now = [balance("Rent", "0"), balance("Insurance", "12")]
    ahead = [balance("Rent", "200"), balance("Insurance", "36"), balance("Recurring", "5")]

    (line,) = prepay_lines(now, ahead, SCOPE)

    assert (line.due_now.amount, line.future.amount) == (Decimal("12.00"), Decimal("229.00"))


# money


def paid(receipt: str, amount: str = "10.0000", **more: str) -> dict[str, str]:
    return {
        "Receipt": receipt,
        "Payment": amount,
        "Description": "Visa ****1111",
        "dPmt": "2026-11-21T09:30:00-05:00",
        **more,
    }


def test_payments_without_a_receipt_are_told_apart_all_the_same() -> None:
    rows = [paid(""), paid(""), paid("", "11.0000"), paid("5")]

    keys = receipt_keys(rows)

    assert len(set(keys)) == 4
    assert receipt_keys(rows) == keys


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"dPmt": "2026-11-05T00:10:00-05:00"}, date(2026, 11, 5)),
        ({"dPaidStr": "11/5/2026"}, date(2026, 11, 5)),
        ({"dPaidStr": "2026-11-05"}, date(2026, 11, 5)),
    ],
)
def test_the_day_of_a_payment_is_in_one_of_two_columns(row: dict[str, str], expected: date) -> None:
    assert paid_on(row) == expected


def test_a_payment_without_a_day_is_unreadable() -> None:
    with pytest.raises(UnavailableError):
        paid_on({"dPaidStr": "yesterday"})


@pytest.mark.fact("S0.18")
def test_money_that_went_back_is_a_reversed_payment_and_a_reversal_in_the_ledger() -> None:
    rows = [paid("1", "-10.0000")]

    (payment,) = payments_of(rows, SCOPE, tenant_id="1", rental_id="7")
    (entry,) = entries_of([], rows, SCOPE, rental_id="7")

    assert (payment.state, payment.amount.amount) == (PaymentState.REVERSED, Decimal("10.00"))
    assert (entry.kind, entry.effect.amount) == (EntryKind.REVERSAL, Decimal("10.00"))


def charge(charge_id: str, amount: str, **more: str) -> dict[str, str]:
    return {"ChargeID": charge_id, "dcAmt": amount, "dChgStrt": "2026-11-01", "dChgEnd": "2026-11-30", **more}


def test_a_charge_that_repeats_per_payment_counts_once() -> None:
    rows = [charge("1", "109.0000", dcPmtAmt="50"), charge("1", "109.0000", dcPmtAmt="59")]

    (entry,) = entries_of(rows, [], SCOPE, rental_id="7")

    assert entry.effect.amount == Decimal("109.00")


@pytest.mark.parametrize("amount", ["100.0000", "109.0000"])
def test_a_charge_includes_its_tax_whichever_way_it_is_written(amount: str) -> None:
    row = charge("1", amount, dcPrice="100.0000", dcQty="1", dcTax1="9.0000")

    (entry,) = entries_of([row], [], SCOPE, rental_id="7")

    assert entry.effect.amount == Decimal("109.00")


def test_the_end_of_what_is_charged_is_the_latest_one() -> None:
    assert charges_end([charge("1", "1"), charge("2", "1", dChgEnd="2027-01-31")]) == date(2027, 1, 31)
    assert charges_end([]) is None


def test_invoice_lines_of_one_number_are_one_invoice() -> None:
    line = {"iInvoiceNum": "9", "sUnitName": "015", "dInvoiced": "2026-10-25", "dDue": "2026-11-01"}

    (invoice,) = invoices_of([{**line, "dcAmt": "100.0000"}, {**line, "dcAmt": "12.0000"}], SCOPE, tenant_id="1")

    assert (invoice.number, invoice.total.amount, len(invoice.lines)) == ("9", Decimal("112.00"), 2)
    assert not invoice.tax_is_known


# people, places, papers


def test_names_phones_and_contacts_come_through_as_written() -> None:
    row = {
        "TenantID": "1", "sFName": "Łukasz", "sLName": "O'Brien", "sPhone": " (514) 555-0101 ", "sFNameAlt": "Zoë",
        "sRelationshipAlt": "Sister", "dDOB": "1900-01-01T00:00:00-05:00", "bSMSOptIn": "true",
    }  # fmt: skip

    tenant = tenant_of(row, SCOPE)

    assert tenant.phone is not None
    assert (tenant.name.full, tenant.phone.raw, tenant.birth_date) == ("Łukasz O'Brien", " (514) 555-0101 ", None)
    (contact,) = tenant.contacts
    assert (contact.name.first, contact.vendor_role) == ("Zoë", "Sister")
    assert {record.granted for record in tenant.consents} == {True}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"bRented": "true", "bRentable": "true"}, UnitState.OCCUPIED),
        ({"bRented": "false", "bWaitingListReserved": "true"}, UnitState.RESERVED),
        ({"bRented": "false", "bRentable": "false"}, UnitState.OUT_OF_SERVICE),
        ({"bRented": "false", "bRentable": "true", "bDamaged": "true"}, UnitState.OUT_OF_SERVICE),
        ({"bRented": "false", "bRentable": "true"}, UnitState.VACANT),
        ({"bRented": "false", "dDeleted": "2026-01-01T00:00:00-05:00"}, UnitState.OUT_OF_SERVICE),
        ({}, UnitState.UNKNOWN),
    ],
)
def test_the_state_of_a_unit_follows_its_flags(row: dict[str, str], state: UnitState) -> None:
    assert unit_of({"UnitID": "1", "sUnitName": "015", **row}, SCOPE).state is state


def test_a_unit_has_its_rate_size_and_kind() -> None:
    row = {"UnitID": "1", "sUnitName": "015", "sTypeName": "Parking (RV/Boat)", "dcWidth": "12.00", "dcLength": "30.50",
           "dcStdRate": "180.0000", "dcWebRate": "0.0000"}  # fmt: skip

    unit = unit_of(row, SCOPE)

    assert unit.size is not None
    assert unit.asking_rate is not None
    assert (unit.kind, unit.size.text, unit.asking_rate.amount) == (UnitKind.PARKING, "12 x 30.5 ft", Decimal("180.00"))
    web = unit_of({**row, "dcWebRate": "170.0000"}, SCOPE)
    assert web.asking_rate is not None
    assert web.asking_rate.amount == Decimal("170.00")


def test_rules_come_from_settings_then_the_back_office_then_defaults() -> None:
    row = {"iDaysPastDueNoOnlinePayments": "30", "bOnlinePaymentsDisabled": "true"}

    assert policy_of(None, {}).blocked_from_days_past_due is None
    assert policy_of(row, {}).blocked_from_days_past_due == 31
    assert policy_of(row, {}).accepts_online_payments is False
    assert (
        policy_of(row, {"blocked_from_days_past_due": 5, "accepts_online_payments": True}).blocked_from_days_past_due
        == 5
    )
    assert policy_of({"iDaysPastDueNoOnlinePayments": "0"}, {}).blocked_from_days_past_due is None


def test_a_note_without_text_is_none() -> None:
    assert note_of({"NoteID": "1", "sNote": " "}, SCOPE, tenant_id="1", rental_id="7") is None


def test_a_reservation_of_an_unknown_state_reads_as_unknown() -> None:
    row = {"WaitingID": "1", "TenantID": "1", "iWaitingStatus": "5", "UnitID1": "9"}

    found = reservation_of(row, SCOPE)

    assert (found.state.value, found.vendor_state, found.unit_id) == ("unknown", "5", "9")
    assert reservation_of({**row, "dConverted_ToMoveIn": "2026-01-01"}, SCOPE).state.value == "moved_in"
