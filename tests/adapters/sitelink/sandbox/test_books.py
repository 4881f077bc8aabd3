"""The books: every posting balances, every ledger is charges less payments, the same seed gives the same office."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge_sitelink.sandbox.books import Books, Receipt, add_months, next_period, tax, visible_balance
from pmsbridge_sitelink.sandbox.clock import StandingClock, morning
from pmsbridge_sitelink.sandbox.ledger import Journal, UnbalancedError
from pmsbridge_sitelink.sandbox.office import Office
from pmsbridge_sitelink.sandbox.records import Site
from pmsbridge_sitelink.sandbox.snapshot import posting, showcase, state

TODAY = date(2026, 11, 21)


def _office(seed: int = 7, sites: int = 2, units: int = 60) -> Office:
    return Office(seed=seed, sites=sites, units=units, clock=StandingClock(morning(TODAY)))


def _owed(office: Office, site: Site, ledger_id: int) -> Decimal:
    rental = site.rentals[ledger_id]
    charged = sum((c.total for c in rental.charges if not c.reversed), Decimal(0))
    return charged - sum((p.amount for p in rental.payments), Decimal(0))


def _check(office: Office) -> None:
    assert office.journal.total() == 0
    for site in office.open_sites():
        for rental in site.rentals.values():
            assert office.books.true_balance(site, rental) == _owed(office, site, rental.ledger_id)
            assert all(c.paid <= c.total for c in rental.charges)


@pytest.mark.parametrize("seed", range(5))
def test_generated_books_balance(seed: int) -> None:
    office = _office(seed)
    office.site("L002")

    _check(office)
    for site in office.open_sites():
        assert all(visible_balance(r) == office.books.true_balance(site, r) for r in site.rentals.values())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "bill", "unbill", "fee", "late payment"]),
        st.integers(2001, 2013),
        st.integers(1, 40_000),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_happens_the_books_balance(steps: list[tuple[str, int, int]]) -> None:
    office = _office(units=17, sites=1)
    site = office.site("L001")
    for step, ledger_id, cents in steps:
        rental, now, amount = site.rentals[ledger_id], office.now(), Decimal(cents) / 100
        if step == "pay":
            office.books.record(site, rental, amount, Receipt("cash", "Cash"), at=now, visible_at=now)
        elif step == "late payment":
            office.books.record(
                site, rental, amount, Receipt("cash", "Cash"), at=now, visible_at=now + timedelta(seconds=10)
            )
        elif step == "bill":
            office.books.bill_period(site, rental, next_period(rental), at=now, invoice=True)
        elif step == "unbill":
            office.books.unbill(site, rental, now)
        else:
            office.books.add_charge(site, rental, "LateFee", amount, start=TODAY, at=now)
        office.clock.advance(3)
    office.clock.advance(60)

    _check(office)
    for rental in site.rentals.values():
        assert visible_balance(office.rental(site, rental.ledger_id) or rental) == office.books.true_balance(
            site, rental
        )


def test_an_unbalanced_posting_is_refused() -> None:
    journal = Journal()

    with pytest.raises(UnbalancedError):
        journal.post(morning(TODAY), "charge", "1", [("a", Decimal(1)), ("b", Decimal(-2))])

    assert journal.postings() == []


def test_tax_is_truncated_not_rounded() -> None:
    assert tax(Decimal("99.99"), Decimal("9.0")) == Decimal("8.99")
    assert Books(Journal()).journal.total() == 0


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(-30, 30))
def test_months_are_added_without_skipping(day: date, months: int) -> None:
    later = add_months(day, months)

    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == min(day.day, 28)


def test_the_same_seed_gives_the_same_office_in_any_order_of_opening() -> None:
    first, second = _office(), _office()
    first.site("L002")

    for code in ("L001", "L002"):
        assert json.dumps(state(first, code)["sites"][code]) == json.dumps(state(second, code)["sites"][code])
    assert [posting(p) for p in first.journal.postings("L001")] == [posting(p) for p in second.journal.postings("L001")]


def test_another_seed_gives_another_office_with_the_same_showcase() -> None:
    first, second = _office(1), _office(2)

    assert state(first, "L001") != state(second, "L001")
    assert showcase(first) == showcase(second)
    balances = [
        [str(office.books.true_balance(office.site("L001"), office.site("L001").rentals[n])) for n in range(2001, 2014)]
        for office in (first, second)
    ]
    assert balances[0] == balances[1]


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 3, 31), date(2028, 2, 29), date(2026, 12, 31)])
def test_the_showcase_tells_its_story_on_any_day(today: date) -> None:
    office = Office(seed=3, sites=1, units=17, clock=StandingClock(morning(today)))
    site = office.site("L001")
    balances = {site.units[r.unit_id].name: visible_balance(r) for r in site.rentals.values()}

    assert all(balances[name] > 0 for name in ("015", "A-12", "B 7", "C-01", "D-09", "E-01", "E-02", "F-04"))
    assert balances["C-02"] == balances["15"] == balances["F-01"] == balances["F-03"] == 0
    assert balances["F-02"] == Decimal("-10.00")
    _check(office)


def test_the_data_is_as_varied_as_it_says() -> None:
    site = _office(units=400, sites=1).site("L001")
    let = [unit for unit in site.units.values() if unit.ledger_id]
    people = [site.tenants[r.tenant_id] for r in site.rentals.values()]

    assert 0.74 < len(let) / len(site.units) < 0.86
    assert len({unit.name for unit in site.units.values()}) == len(site.units)
    assert {"015", "15"} <= {unit.name for unit in site.units.values()}
    assert any(ord(letter) > 127 for tenant in people for letter in tenant.display_name)
    assert any(tenant.text("sCompany") for tenant in people)
    assert any(len(ids) > 1 for ids in site.rentals_of.values())
    assert any(r.billing.autopay == 1 for r in site.rentals.values())
    assert any(r.billing.autopay == 2 for r in site.rentals.values())
    assert any(r.scheduled_out for r in site.rentals.values())
    assert any(unit.reserved for unit in site.units.values())
    assert any(unit.name.startswith("0") for unit in let)
