"""Live reads, judged by the books of the back office."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from pmsbridge.errors import NotFoundError, OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.model.earlier import stored_json
from pmsbridge.model.ledger import Balances, EntryKind
from pmsbridge.model.money import sum_money
from pmsbridge.model.payments import AutopayState
from pmsbridge.model.places import UnitState
from pmsbridge.model.rental import RentalState
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import (
    ANAIS,
    COMPANY,
    FRANCOIS,
    JUERGEN,
    LUKASZ,
    RENEE,
    SIOBHAN,
    SITE,
    TODAY,
    ZOE,
    Judge,
    adapter_on,
    attempt,
    gateway,
    part,
    payment,
)


def test_an_account_is_read_in_three_calls_once_the_facility_is_known(adapter: SiteLinkAdapter, judge: Judge) -> None:
    adapter.facility(SITE)
    before = len(judge.operations())

    adapter.account(SITE, RENEE)

    assert judge.operations()[before:] == [
        "LedgersByTenantID_v3",
        "CustomerAccountsBalanceDetails_v2",
        "TenantBillingInfoByTenantID_v3",
    ]


@pytest.mark.fact("S0.8", "S0.9")
@pytest.mark.parametrize("tenant_id", [RENEE, SIOBHAN, LUKASZ, JUERGEN, COMPANY, ZOE, FRANCOIS, ANAIS])
def test_balances_are_those_of_the_books(adapter: SiteLinkAdapter, judge: Judge, tenant_id: str) -> None:
    account = adapter.account(SITE, tenant_id)

    held = {str(row["ledger_id"]): Decimal(row["balance"]) for row in judge.rentals(tenant_id)}
    assert {row.id: row.balances.ledger.amount for row in account.rentals} == held
    assert account.total == Balances.total((row.balances for row in account.rentals), "USD")


def test_a_balance_is_the_sum_of_all_categories(adapter: SiteLinkAdapter, judge: Judge) -> None:
    """Rent alone would leave out insurance and the late fee."""
    account = adapter.account(SITE, RENEE)
    late = next(row for row in account.rentals if row.rental.unit_number == "B 7")

    categories = {c["category"] for c in judge.rental(RENEE, "B 7")["charges"] if c["open"] != "0.00"}
    assert categories == {"Rent", "LateFee"}
    assert str(late.balances.ledger.amount) == judge.rental(RENEE, "B 7")["balance"]


@pytest.mark.fact("S0.6", "S0.12")
def test_unit_numbers_and_names_come_through_unharmed(adapter: SiteLinkAdapter) -> None:
    account = adapter.account(SITE, RENEE)

    assert [row.rental.unit_number for row in account.rentals] == ["015", "A-12", "B 7"]
    assert account.tenant.name.full == "Renée Dubois-Lefèvre"
    assert adapter.account(SITE, LUKASZ).rentals[0].rental.unit_number == "15"


@pytest.mark.fact("S0.28")
def test_billed_says_whether_the_current_periods_charges_are_made(adapter: SiteLinkAdapter) -> None:
    def billed(tenant_id: str) -> dict[str, bool | None]:
        return {row.rental.unit_number: row.billed for row in adapter.account(SITE, tenant_id).rentals}

    assert billed(RENEE) == {"015": True, "A-12": True, "B 7": True}
    assert billed(SIOBHAN) == {"C-01": True, "C-02": False}
    assert billed(LUKASZ) == {"15": True}


@pytest.mark.fact("S1.47", "S4.2")
def test_credit_lateness_notice_and_complimentary_are_told(adapter: SiteLinkAdapter) -> None:
    prepaid, late, leaving, free = (adapter.account(SITE, who).rentals[0] for who in (FRANCOIS, JUERGEN, ANAIS, ZOE))

    assert (str(prepaid.balances.credit.amount), prepaid.balances.payable_now.is_zero) == ("10.00", True)
    assert late.days_past_due is not None
    assert late.days_past_due > 60
    assert late.balances.past_due == late.balances.ledger
    assert (leaving.rental.state, leaving.rental.leaving_on) == (RentalState.NOTICE_GIVEN, TODAY + timedelta(days=20))
    assert free.is_complimentary


def test_a_tenant_without_a_rental_has_an_empty_account(adapter: SiteLinkAdapter) -> None:
    account = adapter.account(SITE, "1000")

    assert account.rentals == ()
    assert account.tenant.name.first == "Renée"


def test_the_card_that_autopay_charges_is_told_and_is_for_autopay_alone(adapter: SiteLinkAdapter) -> None:
    (method,) = adapter.payment_methods(SITE, RENEE)

    assert (method.last4, method.tenant_id, method.is_usable, method.is_default) == ("4242", RENEE, True, True)
    assert not method.pays_on_demand
    assert adapter.payment_methods(SITE, SIOBHAN) == []


def test_a_tenant_with_a_stored_card_is_kept_as_earlier_code_knows_it(adapter: SiteLinkAdapter) -> None:
    account = adapter.account(SITE, RENEE)

    kept = stored_json(account)

    assert any(row.autopay is not None and row.autopay.method is not None for row in account.rentals)
    assert [name for name in ("pays_on_demand", "is_default") if name in kept] == []


def test_autopay_shows_a_masked_card_and_nothing_more(adapter: SiteLinkAdapter) -> None:
    account = adapter.account(SITE, RENEE)
    (row,) = [row for row in account.rentals if row.autopay and row.autopay.is_on]

    assert row.rental.unit_number == "015"
    assert row.autopay is not None
    assert row.autopay.state is AutopayState.CARD
    assert row.autopay.method is not None
    assert row.autopay.method.face is not None
    assert row.autopay.method.face.last4 == "4242"


def test_no_secret_of_the_tenant_arrives(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    from pmsbridge_sitelink.sandbox import seeded_web_password

    tenant, account = adapter.tenant(SITE, RENEE), adapter.account(SITE, RENEE)

    text = tenant.model_dump_json() + account.model_dump_json() + repr(tenant) + repr(account)
    assert seeded_web_password(int(RENEE)) not in text
    assert "sSSN" not in text


@pytest.mark.fact("S0.18", "S1.3")
def test_ledger_and_payments_agree_with_the_books(adapter: SiteLinkAdapter, judge: Judge) -> None:
    held = judge.rental(RENEE, "A-12")
    rental_id = str(held["ledger_id"])

    entries = adapter.ledger(SITE, RENEE, rental_id)
    payments = adapter.payments(SITE, RENEE, rental_id)

    assert sum_money((entry.effect for entry in entries), "USD").amount == Decimal(held["balance"])
    assert {entry.kind for entry in entries} == {EntryKind.CHARGE, EntryKind.PAYMENT}
    assert [entry.effective_on for entry in entries] == sorted(entry.effective_on for entry in entries)
    assert [p.receipt for p in payments] == [
        p["receipt"] for p in sorted(held["payments"], key=lambda p: p["posted_at"], reverse=True)
    ]
    assert [p.paid_on for p in payments] == sorted((p.paid_on for p in payments), reverse=True)


def test_a_recorded_payment_reads_back_with_its_reference(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(RENEE, "A-12")
    adapter.execute(payment(RENEE, part(rental, "10.00"), means=gateway("pi_READBACK")), attempt())

    newest = adapter.payments(SITE, RENEE, str(rental["ledger_id"]))[0]

    assert (newest.reference, str(newest.amount.amount), newest.paid_on) == ("pi_READBACK", "10.00", TODAY)


@pytest.mark.fact("S2.5")
def test_invoices_are_grouped_by_number_and_before_tax(adapter: SiteLinkAdapter, judge: Judge) -> None:
    found = adapter.invoices(SITE, COMPANY, since=TODAY - timedelta(days=365), until=TODAY)

    held: dict[str, Decimal] = {}
    for row in judge.rentals(COMPANY):
        for charge in row["charges"]:
            if charge["invoice"] is not None:
                held.setdefault(str(charge["invoice"]), Decimal(0))
                held[str(charge["invoice"])] += Decimal(charge["price"])
    assert {invoice.number: invoice.total.amount for invoice in found} == held
    assert not any(invoice.tax_is_known for invoice in found)
    assert len({len(invoice.lines) for invoice in found}) >= 1


def test_invoices_include_the_last_day_asked_for(adapter: SiteLinkAdapter) -> None:
    every = adapter.invoices(SITE, COMPANY, since=date(2026, 1, 1), until=TODAY)
    day = every[0].issued_on

    assert {invoice.issued_on for invoice in adapter.invoices(SITE, COMPANY, since=day, until=day)} == {day}
    before = adapter.invoices(SITE, COMPANY, since=day - timedelta(days=5), until=day - timedelta(days=1))
    assert day not in {invoice.issued_on for invoice in before}


@pytest.mark.fact("S0.17")
def test_paid_through_is_a_calendar_day_of_the_site(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(LUKASZ, "15")

    assert adapter.paid_through(SITE, str(rental["ledger_id"])) == date.fromisoformat(rental["paid_through"])
    assert adapter.account(SITE, LUKASZ).rentals[0].rental.paid_through == date.fromisoformat(rental["paid_through"])


@pytest.mark.fact("S0.13")
def test_a_unit_says_its_size_rate_and_notice(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(RENEE, "015")

    unit = adapter.unit(SITE, str(rental["unit_id"]))

    assert (unit.number, unit.state, unit.notice_days) == ("015", UnitState.OCCUPIED, 14)
    assert unit.size is not None
    assert unit.size.text == "10 x 10 ft"
    assert unit.asking_rate is not None


@pytest.mark.fact("S1.27")
def test_available_units_are_free_to_rent(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    held = office.state(SITE)["sites"][SITE]["units"]

    found = list(adapter.units(SITE, available_only=True))

    assert found
    assert all(held[unit.id]["ledger_id"] is None and not held[unit.id]["reserved"] for unit in found)
    assert len(list(adapter.units(SITE))) == len(held)


def test_a_facility_has_its_zone_currency_and_rules(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    here, there = adapter.facilities()

    assert (here.zone, here.currency, there.zone, there.currency) == (
        "America/New_York",
        "USD",
        "America/Chicago",
        "CAD",
    )
    assert here.email.endswith("@example.com")
    assert here.policy.blocked_from_days_past_due == 31


def test_a_rule_in_the_settings_wins_over_the_back_offices(office: SandboxControl) -> None:
    adapter = adapter_on(
        office,
        facilities=[{"code": SITE, "zone": "America/New_York", "policy": {"blocked_from_days_past_due": 5}}],
    )

    assert adapter.facility(SITE).policy.blocked_from_days_past_due == 5


def test_a_prepay_quote_counts_every_category_and_writes_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    quote = adapter.prepay_quote(SITE, SIOBHAN, 2)

    held = {str(row["ledger_id"]): row for row in judge.rentals(SIOBHAN)}
    assert {line.rental_id for line in quote.lines} == set(held)
    for line in quote.lines:
        row = held[line.rental_id]
        month = Decimal(row["rent"]) + Decimal(row["premium"])
        assert line.due_now.amount == Decimal(row["balance"])
        assert line.future.amount > 2 * month
    assert judge.effects() == 0


@pytest.mark.parametrize("months", [0, 13, -1])
def test_only_one_to_twelve_months_can_be_asked_for(adapter: SiteLinkAdapter, judge: Judge, months: int) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.prepay_quote(SITE, SIOBHAN, months)

    assert refused.value.code == "prepay_months"
    assert judge.operations() == []


@pytest.mark.parametrize("tenant_id", ["999999", "abc", "", "99999999999999", "-1"])
def test_an_unknown_tenant_is_not_found(adapter: SiteLinkAdapter, tenant_id: str) -> None:
    for read in (adapter.account, adapter.tenant):
        with pytest.raises(NotFoundError):
            read(SITE, tenant_id)


@pytest.mark.fact("S0.1")
def test_a_tenant_of_another_facility_is_that_facilitys_own(adapter: SiteLinkAdapter) -> None:
    """Ids repeat from site to site: the same number is somebody else there."""
    here, there = adapter.tenant(SITE, "1001"), adapter.tenant("L002", "1001")

    assert here.name != there.name
    assert (here.ref.facility, there.ref.facility) == ("L001", "L002")


def test_an_unknown_facility_or_unit_is_not_found(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(NotFoundError):
        adapter.account("L999", RENEE)
    assert judge.operations() == []
    with pytest.raises(NotFoundError):
        adapter.unit(SITE, "999999")


def test_a_locked_ledger_is_told_and_not_taken_for_an_unknown_one(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    rental_id = str(judge.rental(RENEE, "A-12")["ledger_id"])
    office.settings(ledgers={f"{SITE}/{rental_id}": {"locked": True}})

    with pytest.raises(RejectedError) as refused:
        adapter.payments(SITE, RENEE, rental_id)

    assert refused.value.code == "ledger_unavailable"


# weather


@pytest.mark.parametrize(
    "kind", ["drop_before", "html_503", "fault", "truncate", "not_xml", "doctype", "busy_90", "logon_99", "http_429"]
)
def test_a_read_is_asked_again_and_succeeds(adapter: SiteLinkAdapter, office: SandboxControl, kind: str) -> None:
    adapter.facility(SITE)
    office.inject("LedgersByTenantID_v3", kind)

    assert adapter.account(SITE, RENEE).rentals


@pytest.mark.parametrize(
    "kind", ["drop_before", "html_503", "fault", "truncate", "not_xml", "doctype", "busy_90", "logon_99", "redirect"]
)
def test_a_read_that_keeps_failing_is_unavailable_and_never_unknown(
    adapter: SiteLinkAdapter, office: SandboxControl, kind: str
) -> None:
    office.inject("TenantInfoByTenantID", kind, count=0)

    with pytest.raises(UnavailableError) as failed:
        adapter.tenant(SITE, RENEE)

    assert not isinstance(failed.value, OutcomeUnknownError)
    assert office.trap()["visits" if "visits" in office.trap() else next(iter(office.trap()))] == 0


def test_busy_waits_as_long_as_the_back_office_asks(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    office.inject("TenantInfoByTenantID", "busy_90")

    adapter.tenant(SITE, RENEE)

    (waited,) = adapter.connection.clock.slept  # type: ignore[attr-defined]
    assert waited >= 15
