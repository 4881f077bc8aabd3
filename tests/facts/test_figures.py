"""Figures of customers, signs that they may leave, and files made of them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import InputError
from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.record import Source
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.portal.exporting import as_csv, as_json
from pmsbridge.portal.figures import CustomerFigures, Risk, figures_of, mean_stay_of
from pmsbridge.portal.ledgers import LedgersRead
from pmsbridge.portal.stay_value import periods_a_year
from tests import builders as make
from tests.facts.portal import Portal

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)
YEAR: dict[str, Any] = {"since": date(2026, 1, 1), "until": date(2026, 12, 31)}


def rental(id_: str, began: date, ended: date | None = None, rent: str = "100.00") -> Rental:
    return make.row(
        id_, moved_in_on=began, moved_out_on=ended, rent=make.usd(rent),
        state=RentalState.ACTIVE if ended is None else RentalState.CLOSED,
    ).rental  # fmt: skip


def read_of(*ledgers: list[LedgerEntry]) -> LedgersRead:
    return LedgersRead(ledgers, Source.LIVE, datetime(2026, 11, 21, 15, tzinfo=UTC))


def entry(kind: EntryKind, amount: str, on: date) -> LedgerEntry:
    sign = -1 if kind in {EntryKind.PAYMENT, EntryKind.CREDIT} else 1
    return LedgerEntry(
        ref=make.ref("ledger_entry", f"{kind}{on}{amount}"), rental_id="R1", kind=kind, effect=make.usd(amount) * sign,
        effective_on=on,
    )  # fmt: skip


@pytest.mark.fact("S1.58")
def test_length_value_reliability_and_changes_of_size_are_exact() -> None:
    rentals = [
        rental("R1", date(2025, 7, 1), date(2026, 2, 1), "80.00"), rental("R2", date(2026, 2, 3), rent="120.00"),
        rental("R3", date(2024, 1, 1), date(2025, 12, 31)),
    ]  # fmt: skip
    ledger = [
        entry(EntryKind.CHARGE, "80.00", date(2026, 1, 1)), entry(EntryKind.PAYMENT, "80.00", date(2026, 1, 6)),
        entry(EntryKind.CHARGE, "120.00", date(2026, 2, 1)), entry(EntryKind.PAYMENT, "60.00", date(2026, 2, 2)),
        entry(EntryKind.PAYMENT, "60.00", date(2026, 2, 7)), entry(EntryKind.CHARGE, "120.00", date(2026, 3, 1)),
        entry(EntryKind.CHARGE, "9.00", date(2027, 1, 1)),
    ]  # fmt: skip

    found = figures_of("T1", rentals, read=read_of(ledger), currency="USD", **YEAR)

    assert (found.rentals, found.longest_days, found.average_days) == (2, 331, (215 + 331) // 2)
    assert found.paid == make.usd("200.00")
    assert (found.charges, found.late_charges, found.on_time_percent) == (3, 2, 33)
    assert (found.upgrades, found.downgrades) == (1, 0)
    assert figures_of("T1", [], **YEAR).average_days is None


@pytest.mark.fact("S1.58")
def test_what_a_customer_paid_in_all_is_of_every_day_and_less_what_went_back() -> None:
    ledger = [
        entry(EntryKind.PAYMENT, "500.00", date(2020, 1, 1)), entry(EntryKind.CREDIT, "40.00", date(2021, 1, 1)),
        entry(EntryKind.REFUND, "50.00", date(2021, 5, 1)), entry(EntryKind.PAYMENT, "80.00", date(2026, 5, 1)),
        entry(EntryKind.REVERSAL, "80.00", date(2026, 5, 9)), entry(EntryKind.PAYMENT, "9.00", date(2027, 1, 1)),
    ]  # fmt: skip

    found = figures_of("T1", [], read=read_of(ledger, [entry(EntryKind.PAYMENT, "1.00", date(2026, 2, 1))]),
                       currency="USD", **YEAR)  # fmt: skip

    assert (found.lifetime_paid, found.paid) == (make.usd("451.00"), make.usd("1.00"))
    assert (found.ledger_source, found.ledger_as_of) == (Source.LIVE, datetime(2026, 11, 21, 15, tzinfo=UTC))
    nothing = figures_of("T1", [], **YEAR)
    assert (nothing.lifetime_paid, nothing.ledger_source, nothing.ledger_as_of) == (None, None, None)


def test_what_a_mean_stay_brings_is_rent_times_days_of_those_that_ended() -> None:
    ended = [
        rental("R7", date(2024, 1, 1), date(2025, 1, 1)), rental("R8", date(2026, 1, 1), date(2026, 5, 3)),
        rental("R9", date(2026, 1, 1), date(2027, 1, 1)), rental("R6", date(2026, 1, 1)),
    ]  # fmt: skip
    mean = mean_stay_of(ended, date(2026, 12, 31))
    one, two = (rental(id_, date(2026, 1, 1), rent=rent).changed(billing_period="Monthly")
                for id_, rent in (("R1", "100.00"), ("R2", "50.05")))  # fmt: skip
    gone = rental("R3", date(2024, 1, 1), date(2026, 6, 1))

    def expected(*rentals: Rental, days: int | None = mean) -> Money | None:
        return figures_of("T1", rentals, mean_stay_days=days, **YEAR).expected_value

    assert mean == (366 + 122) // 2
    assert expected(one, two, gone) == make.usd("1203.68")  # 150.05 x 12 x 244 / 365 = 1203.688...
    assert expected(one, two.changed(billing_period="weekly")) == make.usd("2546.79")  # 802.191... + 50.05 x 244 / 7
    assert mean_stay_of([one, two], date(2026, 12, 31)) is None


def test_where_no_value_of_a_mean_stay_is_told_the_figures_say_why() -> None:
    one = rental("R1", date(2026, 1, 1), rent="100.00").changed(billing_period="Monthly")
    gone = rental("R3", date(2024, 1, 1), date(2026, 6, 1))

    def why(*rentals: Rental, days: int | None = 244) -> str:
        found = figures_of("T1", rentals, mean_stay_days=days, **YEAR)
        assert (found.expected_value is None) is bool(found.expected_value_missing)
        return found.expected_value_missing

    assert why(one) == ""
    assert why(one, one.changed(billing_period="Biweekly ")) == "unknown_period: Biweekly"
    assert why(one, one.changed(billing_period="")) == "unknown_period"
    assert why(one, one.changed(rent=None)) == "no_rent"
    assert why(gone) == "nothing_runs"
    assert why(one, days=None) == "no_mean_stay"


@pytest.mark.parametrize(
    ("terms", "often"),
    [
        (("month", "Monthly", " MONTHLY ", "per month", "1 month", "Calendar month", "every month", "Mensuelle"), 12),
        (("weekly", "week", "Every week", "hebdomadaire", "7 days"), Fraction(365, 7)),
        (("Every2Weeks", "every 2 weeks", "fortnightly", "14 days"), Fraction(365, 14)),
        (("28 days", "28-day", "every 28 days", "4 weeks"), Fraction(365, 28)),
        (("Quarterly", "quarter", "every 3 months", "Every3Months", "trimestriel"), 4),
        (("semi-annual", "Every6Months", "half-yearly"), 2),
        (("annually", "Yearly", "year", "par an", "12 months"), 1),
        (("daily", "day", "jour"), 365),
        (("biweekly", "bimonthly", "four weeks", "", "OneTime", "0 months", "season", "month to month"), None),
    ],
)
def test_a_usual_word_for_how_often_rent_comes_is_understood_and_no_other_is_guessed(
    terms: tuple[str, ...], often: Fraction | int | None
) -> None:
    known = {term: periods_a_year(term) for term in terms}

    assert known == dict.fromkeys(terms, often)


def test_nothing_has_lasted_a_mean_stay_where_nothing_has_ended() -> None:
    one, two = (rental(id_, date(2026, 1, 1)) for id_ in ("R1", "R2"))

    assert mean_stay_of([one, two], date(2026, 12, 31)) is None


@pytest.mark.parametrize("back", [EntryKind.REVERSAL, EntryKind.REFUND])
def test_a_payment_that_went_back_settles_nothing(back: EntryKind) -> None:
    ledger = [
        entry(EntryKind.CHARGE, "100.00", date(2026, 1, 1)), entry(EntryKind.PAYMENT, "100.00", date(2026, 1, 3)),
        entry(back, "100.00", date(2026, 1, 5)), entry(EntryKind.CHARGE, "100.00", date(2026, 2, 1)),
        entry(EntryKind.PAYMENT, "100.00", date(2026, 2, 10)), entry(EntryKind.PAYMENT, "100.00", date(2026, 3, 20)),
    ]  # fmt: skip

    found = figures_of("T1", [], read=read_of(ledger), currency="USD", **YEAR)

    assert (found.charges, found.late_charges) == (2, 2)
    assert found.paid == make.usd("200.00")


def test_money_that_was_too_much_is_given_back_and_nothing_is_late() -> None:
    ledger = [
        entry(EntryKind.CHARGE, "100.00", date(2026, 1, 1)), entry(EntryKind.PAYMENT, "150.00", date(2026, 1, 3)),
        entry(EntryKind.REFUND, "50.00", date(2026, 1, 20)), entry(EntryKind.CHARGE, "100.00", date(2026, 2, 1)),
        entry(EntryKind.REVERSAL, "100.00", date(2026, 2, 2)), entry(EntryKind.PAYMENT, "100.00", date(2026, 2, 2)),
        entry(EntryKind.PAYMENT, "100.00", date(2026, 2, 4)),
    ]  # fmt: skip

    found = figures_of("T1", [], read=read_of(ledger), currency="USD", **YEAR)

    assert (found.charges, found.late_charges) == (2, 0)


def test_a_rental_is_as_long_as_the_range_lets_it_be() -> None:
    rentals = [rental("R1", date(2020, 1, 1), date(2025, 1, 1)), rental("R2", date(2021, 12, 1), date(2021, 12, 11))]

    found = figures_of("T1", rentals, since=date(2021, 1, 1), until=date(2021, 12, 31))

    assert (found.longest_days, found.average_days) == (730, 370)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 300), st.booleans()), max_size=25))
def test_never_more_is_late_than_was_charged_and_what_is_paid_at_once_is_in_time(
    rows: list[tuple[int, int, bool]],
) -> None:
    start = date(2026, 1, 1)
    ledger = []
    for amount, day, is_paid in rows:
        on = start + timedelta(days=day)
        ledger.append(entry(EntryKind.CHARGE, f"{amount}.00", on))
        if is_paid:
            ledger.append(entry(EntryKind.PAYMENT, f"{amount}.00", on))

    found = figures_of("T1", [], read=read_of(ledger), currency="USD", **YEAR)

    assert found.charges is not None
    assert found.late_charges is not None
    assert 0 <= found.late_charges <= found.charges <= len(rows)
    if all(is_paid for _, _, is_paid in rows):
        assert found.late_charges == 0


@pytest.mark.fact("S1.58", "S1.59")
def test_figures_of_a_customer_are_of_the_range_that_was_asked_for(portal: Portal) -> None:
    desk, today = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann"), date(2026, 11, 21)
    before = desk.figures(date(2026, 1, 1), today)
    paid = portal.row().balances.payable_now
    portal.session.pay_rental(portal.row().id, portal.means, key=portal.key)

    after = desk.figures(date(2026, 1, 1), today)

    assert before.paid is not None
    assert after.paid == before.paid + paid
    assert before.lifetime_paid is not None
    assert after.lifetime_paid == before.lifetime_paid + paid
    assert after.ledger_source is Source.LIVE
    assert after.rentals == len(portal.session.dashboard().rows)
    assert desk.figures(date(2020, 1, 1), date(2020, 2, 1)).rentals == 0
    with pytest.raises(InputError):
        desk.figures(today, date(2026, 1, 1))


@only_memory
def test_a_desk_and_a_report_tell_the_same_mean_stay_and_what_it_brings(portal: Portal) -> None:
    assert portal.office is not None
    books = portal.office.books
    one, ended = books.find(Rental, "F1", "R1"), books.find(Rental, "F1", "R2")
    assert one is not None
    assert ended is not None
    books.put("F1", one.changed(billing_period="month"))
    books.put("F1", ended.changed(state=RentalState.CLOSED, moved_out_on=date(2026, 1, 1)))
    books.remove(Rental, "F1", "R4")
    portal.bridge.sync()

    desk = portal.bridge.staff("F1", "T1", actor="staff:ann").figures(date(2026, 1, 1), date(2026, 11, 21))
    (report, *_) = portal.bridge.customer_figures("F1", date(2026, 1, 1), date(2026, 11, 21))

    assert (report.mean_stay_days, report.expected_value) == (365, make.usd("1440.00"))
    assert (desk.mean_stay_days, desk.expected_value) == (365, make.usd("1440.00"))


@pytest.mark.fact("S1.59")
@only_memory
def test_a_report_of_a_facility_is_exported_as_csv_and_json(portal: Portal) -> None:
    portal.bridge.sync()

    rows = portal.bridge.customer_figures("F1", date(2026, 1, 1), date(2026, 1, 31))

    assert [row.tenant_id for row in rows] == ["T1", "T2", "T3"]
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert (read[0]["tenant_id"], read[0]["rentals"], read[0]["paid"]) == ("T1", "2", "")
    assert [row["tenant_id"] for row in json.loads(as_json(rows))] == ["T1", "T2", "T3"]
    assert portal.bridge.customer_figures("F1", date(2020, 1, 1), date(2020, 1, 31)) == ()
    assert as_csv(()) == ""


def test_rows_with_and_without_money_stand_in_one_file() -> None:
    one = CustomerFigures(tenant_id="T1", rentals=1, longest_days=1, average_days=1, **YEAR)
    text = as_csv([one, one.changed(tenant_id="T2", paid=make.usd("5.00"))])

    assert [row["paid.amount"] for row in csv.DictReader(io.StringIO(text))] == ["", "5.00"]


@pytest.mark.parametrize("text", ["=1+1", "@sum(a1)", "+cmd", "-cmd"])
def test_a_spreadsheet_runs_nothing_that_somebody_typed(text: str) -> None:
    given_: dict[str, Any] = {"rentals": 1, "longest_days": 1, "average_days": 1, "paid": Money.of("-5.00", "USD")}

    (row,) = csv.DictReader(io.StringIO(as_csv([CustomerFigures(tenant_id=text, **YEAR, **given_)])))

    assert row["tenant_id"] == f"'{text}"
    assert row["paid.amount"] == "-5.00"


@pytest.mark.fact("S1.56")
@only_memory
def test_late_payments_requests_a_smaller_unit_and_a_move_out_are_signs(portal: Portal) -> None:
    assert portal.office is not None
    books, desk = portal.office.books, portal.bridge.staff("F1", "T1", actor="staff:ann")
    assert desk.risks() == ()
    for number in range(2):
        portal.session.ask_staff("The door", f"It squeaks. {number}", key=portal.key)
    assert desk.risks() == (Risk.MANY_REQUESTS,)
    portal.clock.advance(timedelta(days=10))
    assert desk.risks() == (Risk.LATE_PAYMENTS, Risk.MANY_REQUESTS)
    one, two = books.find(Rental, "F1", "R1"), books.find(Rental, "F1", "R4")
    assert one is not None
    assert two is not None
    books.put("F1", one.changed(state=RentalState.CLOSED, moved_out_on=date(2026, 11, 1)))
    books.put("F1", two.changed(moved_in_on=date(2026, 11, 2), rent=make.usd("60.00")))
    portal.session.request_move_out("R4", date(2027, 1, 31), key=portal.key)
    assert desk.risks() == (Risk.LEAVING, Risk.LATE_PAYMENTS, Risk.MANY_REQUESTS, Risk.DOWNSIZED)
