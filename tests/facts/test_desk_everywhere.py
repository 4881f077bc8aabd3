"""What staff see, and what a portal leaves out, before SiteLink and before a back office that a mapping describes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from pmsbridge.actions.sections import Section, ShopItem
from pmsbridge.errors import IneligibleError, NotFoundError
from pmsbridge.model.people import ContactRole
from pmsbridge.portal.exporting import as_csv, as_json
from pmsbridge.portal.figures import Risk
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome
from tests.adapters.sitelink.sandbox.caller import Caller
from tests.facts.portal import Portal

real = pytest.mark.parametrize("back_office", ["sitelink", "cubby"], indirect=True)
only_sitelink = pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
only_cubby = pytest.mark.parametrize("back_office", ["cubby"], indirect=True)


def with_rules(**rules: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rules", [rules], ids=["rules"])


def kept_at_the_counter(portal: Portal, tenant_id: str, **fields: str) -> None:
    """What staff write into SiteLink's record of a tenant, behind the portal's back; what they leave out is blanked."""
    assert portal.judge is not None
    tenant = portal.of(tenant_id).tenant()
    given = {"sFName": tenant.name.first, "sLName": tenant.name.last, "sEmail": tenant.email}
    given |= {"sPhone": tenant.phone.raw if tenant.phone else "", "sPostalCode": tenant.address.postal_code}
    answer = Caller(portal.judge.control.base_url)("TenantUpdate_v3", iTenantID=tenant_id, **{**given, **fields})
    assert answer.code > 0


# -- what a portal shows, and to whom ----------------------------------------------------------------------------------


@pytest.mark.fact("S3.1", "S3.6", "S3.20")
@with_rules(closed_sections=frozenset({Section.BILLING, Section.DOCUMENTS}), opens_with=Section.SHOP)
@real
def test_what_is_switched_off_is_off_for_buttons_verbs_and_reads_alike(portal: Portal) -> None:
    session, unit = portal.session, portal.of(portal.busy, actor="staff:ann").account().current[0].id
    before = portal.changes()
    calls: tuple[Callable[[], object], ...] = (
        lambda: session.quote(unit), lambda: session.pay_rental(unit, portal.means, key=portal.key),
        lambda: session.ledger(unit), session.invoices, session.documents,
    )  # fmt: skip

    for call in calls:
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "section_off"

    assert session.sections == (Section.SHOP, Section.RENTALS, Section.EVENTS, Section.SETTINGS)
    offers = {offer.kind.value: offer.code for offer in session.available_actions(unit)}
    assert {offers[kind] for kind in ("pay_rental", "autopay_on")} == {"section_off"}
    assert portal.changes() == before
    assert session.request_move_out(unit, date(2026, 12, 31), key=portal.key).outcome is Outcome.SETTLED


@pytest.mark.fact("S3.15")
@with_rules(hidden_unit_fields=frozenset({"size"}))
@real
def test_a_field_that_is_not_shared_is_shown_nowhere_but_to_staff(portal: Portal) -> None:
    unit = portal.row().id

    shown = [portal.session.unit(unit), portal.session.rental(unit).unit, portal.session.dashboard().rows[0].unit]
    told = portal.of(portal.busy, actor="staff:ann").unit(unit)

    assert [each.size for each in shown if each is not None] == [None] * len([e for e in shown if e is not None])
    assert shown[0] is not None
    assert told is not None
    assert (told.number, shown[0].number) == (portal.number, portal.number)
    assert told.size is not None


@pytest.mark.fact("S3.16")
@with_rules(shop=(ShopItem(id="lock", name="Disc lock", price="12.00 USD"),))
@real
def test_what_the_shop_has_is_asked_for_and_nothing_else(portal: Portal) -> None:
    view = portal.session.order("lock", 2, key=portal.key, comment="By Friday, please.")
    with pytest.raises(NotFoundError):
        portal.session.order("key", 1, key=portal.key)

    notes = [note.text for note in portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann").notes()]
    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    assert sum("2 x Disc lock (lock)" in text and "By Friday" in text for text in notes) == 1


@pytest.mark.fact("S2.7")
@with_rules(unlicensed=frozenset({"set_autopay"}))
@real
def test_what_is_not_licensed_is_denied_before_anybody_tries(portal: Portal) -> None:
    unit, before = portal.row().id, portal.changes()

    with pytest.raises(IneligibleError) as refused:
        portal.session.set_autopay(unit, on=False, key=portal.key)

    offers = {offer.kind.value: offer.code for offer in portal.session.available_actions(unit)}
    assert refused.value.code == "not_licensed"
    assert {offers[kind] for kind in ("autopay_on", "autopay_change", "autopay_off")} == {"not_licensed"}
    assert offers["pay_rental"] != "not_licensed"
    assert portal.changes() == before


@pytest.mark.fact("S1.53")
@with_rules(office_hours="Mon-Fri 9-17", access_hours="6-22", emergency_contact="555-0100")
@real
def test_hours_and_whom_to_call_are_told_beside_the_facility(portal: Portal) -> None:
    rules = portal.session.rules

    assert (rules.office_hours, rules.access_hours, rules.emergency_contact) == ("Mon-Fri 9-17", "6-22", "555-0100")
    assert portal.session.account().facility.name


@pytest.mark.fact("S3.4")
@pytest.mark.parametrize("back_office", ["cubby", "storedge"], indirect=True)
def test_a_vehicle_is_a_unit_like_any_other(portal: Portal) -> None:
    portal.enter("units", "3001", number="Roadster 1962")
    portal.enter("rentals", "2001", unit_number="Roadster 1962")
    portal.bridge.sync()

    page = portal.session.rental("2001")

    assert page.unit is not None
    assert (page.unit.number, page.rental.label) == ("Roadster 1962", "Roadster 1962")
    assert portal.session.request_move_out("2001", date(2026, 12, 31), key=portal.key).outcome is Outcome.SETTLED


# -- whom a portal lets in ---------------------------------------------------------------------------------------------


@pytest.mark.fact("S2.8", "S2.9", "S2.10", "S2.11", "S2.12", "S3.2", "S3.3", "S3.8", "S3.24")
@only_sitelink
def test_before_an_invitation_everything_that_is_missing_is_told(portal: Portal) -> None:
    assert portal.judge is not None
    desk = portal.bridge.staff(portal.facility, portal.other, actor="staff:ann")
    before = desk.readiness().codes
    namesake = portal.of(portal.paid_up).tenant().phone
    assert namesake is not None
    kept_at_the_counter(portal, portal.other, sEmail="", sPostalCode="", sPhone=namesake.raw)
    portal.judge.control.settings(tenants={f"{portal.facility}/{portal.other}": {"web_disabled": True}})
    portal.bridge.sync()

    found = desk.readiness()
    with pytest.raises(IneligibleError):
        portal.bridge.accounts.invite(portal.facility, portal.other, key=portal.key, actor="staff:ann")
    with pytest.raises(IneligibleError) as twice:  # an older record has her address and rents nothing
        portal.bridge.accounts.invite(portal.facility, "1000", key=portal.key, actor="staff:ann")

    assert before[0] == "not_copied"
    assert set(found.codes) == {"portal_disabled", "no_email", "no_postal_code", "phone_taken"}
    assert all(each.remedy for each in found.shortcomings)
    older = portal.bridge.staff(portal.facility, "1000", actor="staff:ann").readiness()
    assert {"no_history", "email_taken"} <= set(older.codes)
    assert twice.value.code in older.codes
    assert portal.outbox.mails == []


@pytest.mark.fact("S2.8", "S2.10", "S2.12")
@only_cubby
def test_what_is_missing_in_a_record_is_told_with_what_to_do_about_it(portal: Portal) -> None:
    portal.enter("tenants", portal.other, email="", address__postal_code="", phone="(312) 555-0177")
    (rental,) = portal.of(portal.other).account().rentals
    portal.enter("rentals", rental.id, tenant_id=portal.busy)
    portal.bridge.sync()

    found = portal.bridge.staff(portal.facility, portal.other, actor="staff:ann").readiness()

    assert {"no_history", "no_email", "no_postal_code"} <= set(found.codes)
    assert all(each.remedy for each in found.shortcomings)


@pytest.mark.fact("S1.6", "S3.23")
@only_sitelink
def test_a_further_contact_is_no_customer_and_is_invited_with_permissions_of_its_own(portal: Portal) -> None:
    kept_at_the_counter(portal, portal.other, sFNameAlt="Odile", sLNameAlt="Comptable", sEmailAlt="odile@example.test")
    portal.bridge.sync()
    (contact,) = portal.of(portal.other).tenant().contacts
    unit = portal.of(portal.other).account().current[0].id

    portal.bridge.accounts.invite(
        portal.facility, portal.other, contact_id=contact.id, permissions=["billing"], key=portal.key,
        actor="staff:ann",
    )  # fmt: skip
    portal.later(minutes=1)
    mail = portal.outbox.mails[-1]
    session = portal.bridge.accounts.enter(mail.text.partition("token=")[2].split()[0])

    assert (contact.role, contact.name.first) == (ContactRole.ALTERNATE, "Odile")
    assert portal.bridge.search_tenants(portal.facility, TenantSearch(last_name="Comptable")) == ()
    assert mail.to == "odile@example.test"
    assert session is not None
    assert (session.tenant_id, session.sections) == (portal.other, (Section.BILLING,))
    paid = session.pay_rental(unit, portal.means, key=portal.key)
    assert (paid.outcome, paid.actor) == (Outcome.SETTLED, f"contact:{contact.id}")
    with pytest.raises(IneligibleError):
        session.edit_contact({"phone": "512 555 0199"}, key=portal.key)


# -- what staff look up ------------------------------------------------------------------------------------------------


@pytest.mark.fact("S1.62")
@only_sitelink
def test_whoever_may_be_in_the_books_twice_is_told(portal: Portal) -> None:
    portal.bridge.sync()

    found = portal.bridge.duplicates(portal.facility)

    assert [({each.primary_id, each.other_id}, each.reasons) for each in found] == [
        ({"1000", "1001"}, ("email", "name")),
    ]


@pytest.mark.fact("S3.25")
@only_sitelink
def test_records_that_have_grown_old_are_told(portal: Portal) -> None:
    portal.bridge.sync()
    portal.clock.advance(timedelta(days=400))
    portal.session.edit_contact({"phone": "512 555 0199"}, key=portal.key)
    portal.bridge.sync()

    old = portal.bridge.stale_tenants(portal.facility, older_than=timedelta(days=365))

    assert portal.busy not in old
    assert {portal.other, portal.paid_up} <= set(old)


@pytest.mark.fact("S1.61")
@real
def test_whoever_is_not_found_at_once_is_found_by_another_spelling(portal: Portal) -> None:
    portal.bridge.sync()
    name = portal.of(portal.other).tenant().name.last
    misspelt = TenantSearch(last_name=name.replace("'", "")[:-1] + "x")

    found = portal.bridge.search_tenants(portal.facility, misspelt)

    assert [(each.tenant_id, each.is_exact) for each in found] == [(portal.other, False)]


@pytest.mark.fact("S1.56")
@real
def test_requests_and_a_move_out_are_signs_that_a_customer_may_leave(portal: Portal) -> None:
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    before = set(desk.risks())
    for number in range(2):
        portal.session.ask_staff("The door", f"It squeaks. {number}", key=portal.key)
    asked = set(desk.risks())
    portal.session.request_move_out(portal.row().id, date(2026, 12, 31), key=portal.key)

    assert asked - before == {Risk.MANY_REQUESTS}
    assert set(desk.risks()) - asked == {Risk.LEAVING}


@pytest.mark.fact("S1.59")
@real
def test_a_report_of_a_facility_is_exported_as_csv_and_json(portal: Portal) -> None:
    portal.bridge.sync()

    rows = portal.bridge.customer_figures(portal.facility, date(2026, 1, 1), date(2026, 11, 21))

    read = {row["tenant_id"]: row for row in csv.DictReader(io.StringIO(as_csv(rows)))}
    assert {portal.busy, portal.other} <= read.keys()
    assert int(read[portal.busy]["rentals"]) == len(portal.session.dashboard().rows)
    assert {row["tenant_id"] for row in json.loads(as_json(rows))} == read.keys()
    assert all(
        not row.rentals for row in portal.bridge.customer_figures(portal.facility, date(2010, 1, 1), date(2010, 1, 31))
    )
