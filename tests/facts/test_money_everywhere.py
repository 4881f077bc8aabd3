"""Money and units before a back office that a mapping describes, and before SiteLink: what only memory had shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.errors import IneligibleError
from pmsbridge.model.account import PaymentStatus, RentalAccount
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.sealed import Card
from pmsbridge.ports.outcome import Outcome
from pmsbridge_sitelink.sandbox import USAGE_PASSWORD
from tests.adapters.sitelink.sandbox.caller import CARD, Caller
from tests.facts.portal import Portal

PAN = "4111111111111111"
only_cubby = pytest.mark.parametrize("back_office", ["cubby"], indirect=True)
only_sitelink = pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
real = pytest.mark.parametrize("back_office", ["sitelink", "cubby"], indirect=True)


def at_the_counter(portal: Portal) -> Caller:
    """What staff do in SiteLink, behind the portal's back."""
    assert portal.judge is not None
    return Caller(portal.judge.control.base_url)


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@pytest.mark.fact("S0.21")
@real
def test_a_quote_is_refused_when_the_balance_has_moved(portal: Portal) -> None:
    unit = portal.row()
    quote = portal.session.quote(unit.id)
    portal.session.pay_rental(unit.id, portal.means, key=portal.key, amount=usd("20.00"))
    before = portal.changes()

    with pytest.raises(IneligibleError) as refused:
        portal.session.pay(quote, portal.means, key=portal.key)

    assert refused.value.code == "balance_moved"
    assert portal.changes() == before


@pytest.mark.fact("S0.23")
@real
def test_a_card_that_was_typed_is_wiped_and_in_no_file_whether_or_not_it_is_taken(
    portal: Portal, tmp_path: Path
) -> None:
    typed = Card(number=PAN, expires_on=date(2029, 5, 31), holder="Test Holder", cvv="123")

    if portal.mapped is None:
        assert portal.session.pay_rental(portal.row().id, typed, key=portal.key).outcome is Outcome.SETTLED
    else:
        with pytest.raises(IneligibleError) as refused:
            portal.session.pay_rental(portal.row().id, typed, key=portal.key)
        assert refused.value.code == "means_not_taken"

    assert typed.is_wiped
    assert PAN.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


@pytest.mark.fact("S0.24")
@real
def test_at_the_end_of_the_day_the_books_say_what_tenants_were_told(portal: Portal) -> None:
    unit, session = portal.row(), portal.session
    session.pay_rental(unit.id, portal.means, key=portal.key, amount=usd("20.00"))

    (paid,) = [each for each in session.payments(unit.id) if each.amount == usd("20.00")]
    report = portal.bridge.reconcile([portal.facility])

    assert paid.ref.id
    assert report.is_clean


@pytest.mark.fact("S0.25", "S0.26", "S0.17")
@only_cubby
def test_months_ahead_need_a_zero_balance_and_are_as_many_as_were_asked_for(portal: Portal) -> None:
    session = portal.session
    with pytest.raises(IneligibleError) as refused:
        session.prepay(2, portal.means, key=portal.key)
    session.pay_all(portal.means, key=portal.key)
    portal.later(minutes=5)
    rent = sum(portal.held("rentals", each)["rent"] for each in ("2001", "2002"))

    quote = session.quote_prepay(2)
    paid = session.pay(quote, portal.means, key=portal.key)
    with pytest.raises(IneligibleError) as too_many:
        session.quote_prepay(13)

    assert refused.value.code == "balance_not_zero"
    assert quote.total.amount == 2 * rent
    assert paid.outcome is Outcome.SETTLED
    assert session.account().total.credit.amount == 2 * rent
    assert too_many.value.code == "months_out_of_range"


@pytest.mark.fact("S0.12", "S0.14", "S0.15", "S1.26")
@only_cubby
def test_the_page_of_a_unit_has_number_price_and_move_in_day(portal: Portal) -> None:
    held = portal.held("rentals", "2001")

    row = portal.session.rental("2001")

    assert row.unit is not None
    assert (row.unit.number, row.rental.label) == ("001", "001")
    assert (row.rental.rent, row.rental.moved_in_on) == (Money.of(held["rent"], "USD"), held["moved_in_on"])
    assert type(row.rental.moved_in_on) is date


@pytest.mark.fact("S1.11")
@only_sitelink
def test_a_unit_that_staff_gave_back_is_no_rental_of_today(portal: Portal) -> None:
    """This back office tells nothing more of it; what others tell stands apart, see test_on_two."""
    unit = portal.row()
    portal.bridge.sync()
    given = {"TenantID": portal.busy, "UnitID": unit.rental.unit_id, "sUsagePassword": USAGE_PASSWORD}
    assert at_the_counter(portal)("MoveOut", **given).code == 1
    portal.bridge.sync()

    for live in (True, False):
        rows = portal.session.dashboard(live=live).rows
        assert {row.rental.label for row in rows} == {portal.second, "B 7"}


@pytest.mark.fact("S0.30", "S0.31")
@only_sitelink
def test_autopay_goes_on_with_a_rental_that_staff_made_this_minute(portal: Portal) -> None:
    counter, unit = at_the_counter(portal), portal.bridge.available_units(portal.facility)[0]
    terms = {"InsuranceCoverageID": -999, "ConcessionPlanID": -999}
    costs = counter(
        "MoveInCostRetrieveWithDiscount_v4", iUnitID=unit.id, dMoveInDate="2026-11-21T00:00:00", **terms
    )  # fmt: skip
    due = sum((Decimal(row["dcTotal"]) for row in costs.rows("Table") if row["bMoveInRequired"] == "true"), Decimal(0))
    moved_in = counter(
        "MoveInWithDiscount_v7", TenantID=portal.paid_up, UnitID=unit.id, dStartDate="2026-11-21T00:00:00",
        dEndDate="2026-12-20T00:00:00", dcPaymentAmount=due, iSource=5, iBillingFrequency=3, WaitingID=-999,
        **terms, **CARD,
    )  # fmt: skip
    assert moved_in.code > 0

    def made() -> RentalAccount:
        rows = portal.of(portal.paid_up).account().rentals
        return next(row for row in rows if row.rental.unit_id == unit.id)

    before = made().autopay
    view = portal.of(portal.paid_up).set_autopay(made().id, on=True, method=portal.charged, key=portal.key)

    after = made().autopay
    assert view.outcome is Outcome.SETTLED
    assert before is not None
    assert after is not None
    assert (before.is_on, after.is_on) == (False, True)


@pytest.mark.fact("S1.12")
@real
def test_the_payment_status_follows_what_is_paid(portal: Portal) -> None:
    unit = portal.row()
    before = portal.session.account()
    assert before.status_of(unit) in {PaymentStatus.DUE, PaymentStatus.PAST_DUE}

    portal.session.pay_rental(unit.id, portal.means, key=portal.key)

    after = portal.session.account()
    states = {row.rental.label: after.status_of(row) for row in after.rentals}
    assert states[portal.number] is PaymentStatus.CURRENT
    assert states[portal.second] == before.status_of(portal.row(portal.second))


@pytest.mark.fact("S0.18", "S1.3")
@only_cubby
def test_the_history_shows_what_was_charged_and_what_was_paid(portal: Portal) -> None:
    portal.session.pay_rental("2001", portal.means, key=portal.key)

    kinds = [entry.kind for entry in portal.session.ledger("2001")]

    assert kinds[-1] is EntryKind.PAYMENT
    assert EntryKind.CHARGE in kinds
    assert portal.session.rental("2001").last_payment_on == date(2026, 11, 21)
