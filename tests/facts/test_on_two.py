"""What a portal needs of any back office, once more before those that a mapping describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.sections import Section
from pmsbridge.errors import IneligibleError, InputError, UnavailableError, UnsupportedError
from pmsbridge.model.documents import EventKind, SignatureState
from pmsbridge.model.money import Money
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, ContactRole
from pmsbridge.model.rental import RentalKind, RentalState
from pmsbridge.model.sealed import Card, WebPassword
from pmsbridge.portal.timeline import InteractionKind
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome
from pmsbridge_rest.sandbox import Terms
from pmsbridge_rest.sandbox.records import Move
from tests.facts.portal import MONEY, Portal, before_mapping

TODAY = date(2026, 11, 21)
ADA: dict[str, Any] = {"phone": "1 (312) 555-0100", "email": " ADA@tenant.example", "postal_code": "01234-0001"}
PASSWORD = "fake-pw-77"
HARBOR = Path(__file__).parent.parent / "adapters/rest/harbor.yaml"


@pytest.fixture
def cubby(tmp_path: Path) -> Iterator[Portal]:
    with before_mapping(tmp_path, "cubby") as made:
        yield made


@pytest.fixture
def storedge(tmp_path: Path) -> Iterator[Portal]:
    with before_mapping(tmp_path, "storedge") as made:
        yield made


@pytest.fixture
def harbor(tmp_path: Path) -> Iterator[Portal]:
    """By a mapping that reads an alternate contact, and bills."""
    with before_mapping(tmp_path, str(HARBOR)) as made:
        yield made


CLUB = """
  events:
    all: {get: "/sites/{option.site}/calendar", paginate: pages}
    for_everybody: {sort: party}
    fields:
      id: id
      tenant_id: customer_id
      kind: {at: sort, codec: event_kind}
      title: title
      starts_at: {at: begins, codec: local_time}
      ends_at: {at: ends, codec: local_time}
  documents:
    of_tenant: {get: "/customers/{read.tenant_id}/papers"}
    fields:
      id: id
      tenant_id: {value: "{read.tenant_id}"}
      kind: {value: contract}
      title: title
      dated_on: {at: made, codec: us_date}
      signature: {at: signing, codec: signing}

actions:
"""
CLUB_CODECS = """  note_text: {kind: text, longest: 500}
  event_kind: {kind: enum, words: {visit: appointment, service: service_done, party: social}}
  signing: {kind: enum, words: {done: signed, open: wanted, none: not_needed}}
"""


@pytest.fixture
def club(tmp_path: Path) -> Iterator[Portal]:
    """By a mapping that tells of a calendar, and of papers with what became of their signatures."""
    text = HARBOR.read_text(encoding="utf-8")
    for old, new in (("\nactions:\n", CLUB), ("  note_text: {kind: text, longest: 500}\n", CLUB_CODECS)):
        assert text.count(old) == 1
        text = text.replace(old, new)
    mapping = tmp_path / "club.yaml"
    mapping.write_text(text, encoding="utf-8")
    with before_mapping(tmp_path, str(mapping)) as made:
        yield made


def held(portal: Portal, noun: str, record_id: str) -> dict[str, Any]:
    """What the back office holds."""
    assert portal.mapped is not None
    record = portal.mapped.books.truth.one(noun, record_id)
    assert record is not None
    return record.values


def done(portal: Portal, kind: str) -> list[Any]:
    """What was carried out of one kind."""
    assert portal.mapped is not None
    return [one for one in portal.mapped.books.entries if one.kind == kind]


def work(portal: Portal) -> None:
    portal.bridge.runtime.sweep()
    portal.bridge.runtime.run_due()


def invited(portal: Portal, tenant_id: str, key: str, **more: Any) -> str:
    """The token of the link in the mail."""
    portal.bridge.accounts.invite(portal.facility, tenant_id, key=key, actor="staff:ann", **more)
    work(portal)
    (found,) = re.findall(r"token=([\w-]+)", portal.outbox.mails[-1].text)
    return str(found)


# units and money


@pytest.mark.fact("S0.7", "S1.2", "S1.11")
@pytest.mark.parametrize("back_office", ["cubby", "storedge", "buildium"], indirect=True)
def test_what_has_ended_stands_apart_and_stays_on_the_record(portal: Portal) -> None:
    portal.enter("rentals", "2002", state="closed", moved_out_on=date(2026, 10, 31))
    portal.bridge.sync()

    board = portal.session.dashboard()

    assert [row.id for row in board.rows] == ["2001"]
    states = {row.id: row.rental.state for row in board.account.rentals}
    assert states == {"2001": RentalState.ACTIVE, "2002": RentalState.CLOSED}


@pytest.mark.fact("S0.13")
def test_the_page_of_a_unit_shows_its_size(cubby: Portal) -> None:
    page = cubby.session.rental("2001")

    assert page.unit is not None
    assert page.unit.size is not None
    assert page.unit.size.text == "10 x 20.5 ft"


@pytest.mark.fact("S0.11", "S0.13")
def test_the_page_of_a_unit_shows_its_type_and_size_where_only_the_night_reads_units(storedge: Portal) -> None:
    storedge.bridge.sync()

    page = storedge.session.rental("2001")

    assert page.unit is not None
    assert page.unit.size is not None
    assert (page.unit.number, page.unit.type_name, page.unit.size.text) == ("001", "Standard", "10 x 20.5 ft")


@pytest.mark.fact("S0.17")
@pytest.mark.parametrize("name", ["cubby", "storedge"])
def test_the_day_a_unit_is_paid_through_moves_when_all_of_a_month_is_paid(tmp_path: Path, name: str) -> None:
    with before_mapping(tmp_path, name) as portal:
        portal.bridge.sync()

        def through(rental_id: str = "2001", *, live: bool = True) -> date | None:
            row = portal.session.account(live=live).rental(rental_id)
            assert row is not None
            return row.rental.paid_through

        seen = [through()]
        for amount in ("20.05", "100.00"):
            portal.session.pay_rental("2001", portal.means, key=portal.key, amount=Money.of(amount, "USD"))
            portal.later(minutes=5)
            seen.append(through())
        portal.bridge.sync()

        assert seen == [TODAY + timedelta(days=20)] * 2 + [date(2027, 1, 11)]
        assert (through(live=False), through("2002")) == (date(2027, 1, 11), TODAY + timedelta(days=20))


@pytest.mark.fact("S0.28")
@pytest.mark.parametrize("name", ["cubby", "storedge"])
def test_paying_all_waits_for_the_bill_that_is_made_today(tmp_path: Path, name: str) -> None:
    with before_mapping(tmp_path, name) as portal:
        portal.bridge.sync()
        portal.enter("rentals", "2002", next_charge_on=TODAY)
        offer = portal.session.dashboard().offer("pay_all")
        with pytest.raises(IneligibleError) as refused:
            portal.session.pay_all(portal.means, key=portal.key)
        portal.enter("rentals", "2002", next_charge_on=TODAY + timedelta(days=1))

        paid = portal.session.pay_all(portal.means, key=portal.key)

        assert offer is not None
        assert (offer.allowed, offer.code, offer.facts["units"]) == (False, "not_all_billed", "002")
        assert refused.value.code == "not_all_billed"
        assert (paid.outcome, len(paid.principal)) == (Outcome.SETTLED, 2)
        assert portal.session.account().total.payable_now.is_zero


@pytest.mark.parametrize("name", ["buildium", "booqable"])
def test_where_nobody_tells_whether_bills_are_made_paying_all_says_so_and_each_can_be_paid(
    tmp_path: Path, name: str
) -> None:
    with before_mapping(tmp_path, name) as portal:
        with pytest.raises(IneligibleError) as refused:
            portal.session.quote_all()
        row = next(row for row in portal.session.account().current if row.balances.payable_now.is_positive)

        assert refused.value.code == "billing_not_known"
        assert portal.session.quote(row.id).total == row.balances.payable_now


@pytest.mark.fact("S2.4")
def test_orders_of_an_equipment_rental_are_contracts_and_what_is_asked_of_them_reaches_staff(tmp_path: Path) -> None:
    with before_mapping(tmp_path, "booqable") as portal:
        portal.enter("rentals", "2002", state="quote")

        told = {row.id: (row.rental.kind, row.rental.state) for row in portal.session.account().rentals}
        accepted = portal.session.accept_quote("2002", key=portal.key)

        assert told == {
            "2001": (RentalKind.CONTRACT, RentalState.ACTIVE), "2002": (RentalKind.CONTRACT, RentalState.QUOTE),
        }  # fmt: skip
        assert accepted.emulated
        assert portal.session.account().rental("2002").rental.state is RentalState.QUOTE  # type: ignore[union-attr]


@pytest.mark.fact("S4.13")
def test_half_an_enrolment_reads_as_off(storedge: Portal) -> None:
    storedge.enter("autopay", "2001", autopay__on=True, method_id=None)
    storedge.enter("autopay", "2002", autopay__on=True)

    rows = {row.id: row.autopay for row in storedge.session.account().rentals}

    half, whole = rows["2001"], rows["2002"]
    assert half is not None
    assert whole is not None
    assert (half.is_on, whole.is_on) == (False, True)


@pytest.mark.fact("S0.30", "S0.31", "S0.33")
def test_autopay_goes_on_with_a_rental_that_staff_made_this_minute(storedge: Portal) -> None:
    rental = {**held(storedge, "rentals", "2001"), "id": "2009", "unit_id": "3900", "unit_number": "004"}
    autopay = {**held(storedge, "autopay", "2001"), "id": "2009", "rental_id": "2009"}
    assert storedge.mapped is not None
    made = (Move("put", "rentals", "2009", rental), Move("put", "autopay", "2009", autopay))
    storedge.mapped.books.enter("desk", [("2009", "")], made)
    assert not storedge.row("004").autopay.is_on  # type: ignore[union-attr]

    view = storedge.session.set_autopay("2009", on=True, key=storedge.key)

    assert view.outcome is Outcome.SETTLED
    assert held(storedge, "autopay", "2009")["autopay.on"] is True
    told = {row.id: row.autopay for row in storedge.session.account().rentals}
    assert {rental_id: each is not None and each.is_on for rental_id, each in told.items()} == {
        "2001": False, "2002": False, "2009": True,
    }  # fmt: skip


def test_where_no_card_is_taken_for_autopay_the_button_says_so_as_the_verb_does(storedge: Portal) -> None:
    offers = {offer.kind: offer for offer in storedge.session.available_actions("2001")}
    typed = Card(number="5555555555554444", expires_on=date(2029, 5, 31), holder="Test Holder", cvv="123")
    with pytest.raises(IneligibleError) as refused:
        storedge.session.set_autopay("2001", on=True, method=typed, key=storedge.key)
    with pytest.raises(IneligibleError) as another_day:
        storedge.session.set_autopay("2001", on=False, days_after_due=5, key=storedge.key)

    assert offers[ActionKind.AUTOPAY_CHANGE].facts["by"] == "stored"
    assert refused.value.code == "method_not_taken"
    assert another_day.value.code == "day_not_taken"
    assert typed.is_wiped


@pytest.mark.fact("S1.55")
def test_a_unit_under_lien_can_neither_be_paid_nor_left_here(harbor: Portal) -> None:
    harbor.enter("units", "3001", state="lien")
    harbor.bridge.sync()
    session = harbor.session

    offers = {(offer.kind.value, offer.rental_id): offer.code for offer in session.available_actions(by="external")}
    calls: tuple[Callable[[], object], ...] = (
        lambda: session.pay_rental("2001", MONEY, key=harbor.key),
        lambda: session.pay_all(MONEY, key=harbor.key),
        lambda: session.request_move_out("2001", TODAY + timedelta(days=7), key=harbor.key),
    )
    for call in calls:
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "under_lien"

    denied = {key for key, code in offers.items() if code == "under_lien"}
    assert {("pay_rental", "2001"), ("pay_all", None), ("request_move_out", "2001")} <= denied
    assert (offers["pay_rental", "2002"], offers["edit_contact", None]) == ("", "")
    assert done(harbor, "take_payment") == []


@pytest.mark.fact("S4.10", "S3.5")
def test_only_bills_that_were_sent_to_this_tenant_are_shown(harbor: Portal) -> None:
    assert harbor.mapped is not None
    for number, tenant, state in (("B-1", "1001", "sent"), ("B-2", "1001", "draft"), ("B-3", "1002", "sent")):
        bill = {
            "id": number, "tenant_id": tenant, "number": number, "state": state, "issued_on": TODAY,
            "total": Decimal("80.00"),
        }  # fmt: skip
        harbor.mapped.books.enter("desk", [(number, "")], (Move("put", "invoices", number, bill),))

    told = harbor.session.invoices()

    assert [(invoice.number, invoice.total.amount) for invoice in told] == [("B-1", Decimal("80.00"))]
    assert [invoice.number for invoice in harbor.of(harbor.other).invoices()] == ["B-3"]


# calendars and papers


@pytest.mark.fact("S3.14", "S4.12")
def test_what_is_to_come_and_what_was_is_told_apart_by_a_mapping_and_nobody_elses_is_told(club: Portal) -> None:
    assert club.mapped is not None
    now = club.clock.now()
    for name, hours, who, kind in (
        ("Oil change", -48, "1001", "social"), ("Inspection", 24, "1001", "social"),
        ("Summer party", 48, None, "social"), ("Delivery", 24, "1002", "social"),
        ("Nobody's visit", 36, None, "appointment"),
    ):  # fmt: skip
        begins = now + timedelta(hours=hours)
        event = {
            "id": name, "tenant_id": who, "kind": kind, "title": name, "starts_at": begins,
            "ends_at": begins + timedelta(hours=2),
        }  # fmt: skip
        club.mapped.books.enter("desk", [(name, "")], (Move("put", "events", name, event),))

    assert [each.title for each in club.session.events()] == ["Inspection", "Summer party"]
    assert [each.title for each in club.session.events(to_come=False)] == ["Oil change"]
    assert [each.title for each in club.of(club.other).events()] == ["Delivery", "Summer party"]
    assert {each.kind for each in club.session.events()} == {EventKind.SOCIAL}
    told = club.bridge.adapters["main"].events(club.facility, club.busy)  # type: ignore[attr-defined]
    assert {each.title for each in told} == {"Oil change", "Inspection", "Summer party"}


@pytest.mark.parametrize("name", ["cubby", "buildium"])
def test_a_mapping_without_a_calendar_says_so(tmp_path: Path, name: str) -> None:
    with before_mapping(tmp_path, name) as portal, pytest.raises(UnsupportedError):
        portal.session.events()


@pytest.mark.fact("S3.18", "S3.5")
def test_a_paper_of_a_mapping_says_whether_it_is_signed_and_is_only_its_tenants(club: Portal) -> None:
    assert club.mapped is not None
    for number, who, signature in (("D1", "1001", "signed"), ("D2", "1001", "wanted"), ("D3", "1002", "signed")):
        made = date(2026, 1, int(number[1]))
        paper = {"id": number, "tenant_id": who, "title": number, "signature": signature, "dated_on": made}
        club.mapped.books.enter("desk", [(number, "")], (Move("put", "documents", number, paper),))

    found = [(paper.title, paper.signature) for paper in club.session.documents() if paper.title.startswith("D")]

    assert found == [("D2", SignatureState.WANTED), ("D1", SignatureState.SIGNED)]
    assert [paper.title for paper in club.of(club.other).documents() if paper.title.startswith("D")] == ["D3"]


# records and notes


@pytest.mark.fact("S1.6")
def test_a_contact_of_a_customer_is_no_customer(harbor: Portal) -> None:
    harbor.bridge.sync()

    found = harbor.bridge.search_tenants("F1", TenantSearch(last_name="Milbanke"))

    (contact,) = harbor.session.tenant().contacts
    assert found == ()
    assert (contact.role, contact.name.last, contact.tenant_id) == (ContactRole.ALTERNATE, "Milbanke", harbor.busy)


@pytest.mark.fact("S1.17")
def test_a_new_legal_name_is_written_and_staff_are_told_what_it_means(storedge: Portal) -> None:
    before = dict(held(storedge, "tenants", "1001"))

    view = storedge.session.edit_contact({"name.last": "King"}, key=storedge.key)
    storedge.later(minutes=1)

    after = held(storedge, "tenants", "1001")
    assert view.outcome is Outcome.SETTLED
    assert {name for name, value in after.items() if before.get(name) != value} == {"name.last"}
    assert "A legal name changed" in storedge.outbox.mails[-1].text


@pytest.mark.fact("S1.42")
def test_a_note_is_added_beside_earlier_ones(cubby: Portal) -> None:
    desk = cubby.bridge.staff("F1", cubby.busy, actor="staff:ann")
    cubby.session.add_note("2001", "The first.", key=cubby.key)
    first = {note.text for note in desk.notes("2001")}
    cubby.clock.advance(timedelta(minutes=1))

    cubby.session.add_note("2001", "The second.", key=cubby.key)

    assert first < {note.text for note in desk.notes("2001")}
    assert [entry.moves[0].what for entry in done(cubby, "add_note")] == ["put", "put"]


@pytest.mark.fact("S3.7")
def test_staff_find_a_customer_by_company(cubby: Portal) -> None:
    cubby.enter("tenants", "1002", name__company="Compiler Works")
    cubby.bridge.sync()

    found = cubby.bridge.search_tenants("F1", TenantSearch(company="compiler works"))

    assert [each.tenant_id for each in found] == ["1002"]


@pytest.mark.fact("S1.62")
def test_whoever_may_be_in_the_books_twice_is_told(cubby: Portal) -> None:
    ada = held(cubby, "tenants", "1001")
    alike = ("name.first", "name.last", "email", "phone")
    cubby.enter("tenants", "1002", **{name.replace(".", "__"): ada[name] for name in alike})
    cubby.bridge.sync()

    (found,) = cubby.bridge.duplicates("F1")

    assert {found.primary_id, found.other_id} == {"1001", "1002"}
    assert {"email", "phone", "name"} <= set(found.reasons)


@pytest.mark.fact("S3.25")
def test_records_that_have_grown_old_are_told(cubby: Portal) -> None:
    cubby.bridge.sync()
    cubby.clock.advance(timedelta(days=400))
    cubby.session.edit_contact({"phone": "312 555 0199"}, key=cubby.key)
    cubby.clock.advance(timedelta(hours=1))
    cubby.bridge.sync()

    assert cubby.bridge.stale_tenants("F1", older_than=timedelta(days=365)) == ("1002",)


@pytest.mark.fact("S1.60")
def test_how_old_a_copy_is_is_told_and_a_person_is_forgotten_on_request(cubby: Portal) -> None:
    cubby.bridge.sync()
    cubby.session.account()
    read_at = cubby.clock.now()
    cubby.clock.advance(timedelta(days=3))
    assert cubby.session.account(live=False).as_of == read_at

    cubby.bridge.erase("F1", cubby.busy, actor="staff:ann")

    assert cubby.bridge.search_tenants("F1", TenantSearch(last_name="Byron")) == ()
    with pytest.raises(UnavailableError):
        cubby.session.account(live=False)
    assert [each.tenant_id for each in cubby.bridge.search_tenants("F1", TenantSearch(last_name="Murray"))] == ["1002"]


@pytest.mark.fact("S1.63")
def test_a_mail_that_does_not_arrive_is_seen_in_the_history(cubby: Portal) -> None:
    cubby.outbox.is_closed = True
    cubby.session.ask_staff("A trolley", "Please leave one at the door.", key=cubby.key)
    cubby.later(minutes=1)
    desk = cubby.bridge.staff("F1", cubby.busy, actor="staff:ann")

    def mails() -> list[str]:
        return [each.state for each in desk.history() if each.kind is InteractionKind.MAIL]

    assert mails() == ["pending"]
    cubby.outbox.is_closed = False
    for _ in range(4):
        cubby.later(minutes=15)
    assert mails() == ["settled"]


@pytest.mark.fact("S4.8", "S1.23")
def test_one_purpose_is_not_another(tmp_path: Path) -> None:
    terms = Terms(consents={"sms.marketing": False, "sms.account_notifications": True, "email.marketing": True})
    with before_mapping(tmp_path, "storedge", terms=terms) as portal:
        tenant = portal.session.tenant()

        asked = portal.session.set_consent("sms", "service_reminders", granted=True, key=portal.key)

        after = portal.session.tenant()
        assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING) is False
        assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.ACCOUNT_NOTIFICATIONS) is True
        assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.SERVICE_REMINDERS) is None
        assert (asked.outcome, asked.emulated) == (Outcome.SETTLED, True)
        assert after.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING) is False


@pytest.mark.fact("S4.7")
def test_text_messages_are_opted_in_to_and_out_of_and_the_proof_is_kept(cubby: Portal) -> None:
    answers = {}
    for granted in (True, False):
        view = cubby.session.set_consent("sms", "marketing", granted=granted, key=cubby.key)
        answers[granted] = cubby.session.tenant().consent(ConsentChannel.SMS, ConsentPurpose.MARKETING)
        entry = cubby.bridge.runtime.trail(view.action_id)[0]
        assert (view.outcome, view.emulated, entry.at) == (Outcome.SETTLED, False, cubby.clock.now())
        assert cubby.bridge.runtime.verify_trail(view.action_id)

    assert answers == {True: True, False: False}


# logins of the portal's own


@pytest.mark.fact("S1.21")
def test_every_later_mail_follows_the_language_that_was_asked_for(cubby: Portal) -> None:
    cubby.enter("tenants", "1002", phone="(312) 555-0177")
    cubby.bridge.sync()
    invited(cubby, "1001", "invite-0001")
    assert "Hello Ada" in cubby.outbox.mails[-1].text

    cubby.session.set_language("fr", key="language-01")
    invited(cubby, "1001", "invite-0002")

    assert "Bonjour Ada" in cubby.outbox.mails[-1].text


@pytest.mark.fact("S3.2", "S3.3", "S3.8")
@pytest.mark.parametrize(("email", "code"), [("", "no_email"), ("ADA@tenant.example", "email_taken")])
def test_whoever_is_not_ready_is_not_invited_and_it_is_said_why(cubby: Portal, email: str, code: str) -> None:
    cubby.enter("tenants", "1002", email=email)
    cubby.bridge.sync()

    with pytest.raises(IneligibleError) as refused:
        cubby.bridge.accounts.invite("F1", "1002", key="invite-0001", actor="staff:ann")

    assert refused.value.code == code
    assert cubby.outbox.mails == []


@pytest.mark.fact("S2.9", "S3.2", "S3.24")
def test_before_an_invitation_everything_that_is_missing_is_told(cubby: Portal) -> None:
    cubby.enter("tenants", "1002", address__postal_code="", email="")
    before = cubby.bridge.staff("F1", "1001", actor="staff:ann").readiness().codes
    cubby.bridge.sync()

    clash = cubby.bridge.staff("F1", "1001", actor="staff:ann").readiness()
    bare = cubby.bridge.staff("F1", "1002", actor="staff:ann").readiness()
    with pytest.raises(InputError):
        cubby.bridge.accounts.invite("F1", "9999999", key="invite-0001", actor="staff:ann")

    assert before[0] == "not_copied"
    assert clash.codes == ("phone_taken",)
    assert {"no_email", "no_postal_code", "phone_taken"} <= set(bare.codes)
    assert all(each.remedy for each in bare.shortcomings)


@pytest.mark.fact("S2.16", "S2.18")
def test_digits_of_the_phone_register_and_after_too_many_attempts_the_right_answer_is_wrong_too(cubby: Portal) -> None:
    cubby.enter("tenants", "1002", phone="(312) 555-0177")
    cubby.bridge.sync()
    accounts = cubby.bridge.accounts
    with pytest.raises(IneligibleError) as refused:
        accounts.register("F1", **{**ADA, "postal_code": "99999"}, password=WebPassword(PASSWORD))
    assert accounts.register("F1", **ADA, password=WebPassword(PASSWORD)).tenant_id == "1001"
    session = accounts.sign_in("F1", "312.555.0100", WebPassword(PASSWORD))

    for _ in range(5):
        assert accounts.sign_in("F1", "312 555 0100", WebPassword("fake-pw-00")) is None
    locked = accounts.sign_in("F1", "312 555 0100", WebPassword(PASSWORD))

    told = [each.finding.code for each in cubby.bridge.runtime.findings.open()]
    assert refused.value.code == "no_match"
    assert session is not None
    assert locked is None
    assert told.count("sign_in_locked") == 1


@pytest.mark.fact("S3.26")
def test_access_to_tickets_only_is_access_to_events_alone(cubby: Portal) -> None:
    cubby.enter("tenants", "1002", phone="(312) 555-0177")
    cubby.bridge.sync()

    session = cubby.bridge.accounts.enter(invited(cubby, "1001", "invite-0001", access="tickets_only"))

    assert session is not None
    assert session.sections == (Section.EVENTS,)
    for call in (session.payment_methods, lambda: session.rental("2001")):
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "section_off"


@pytest.mark.fact("S3.23")
def test_a_further_contact_is_invited_with_permissions_of_its_own(harbor: Portal) -> None:
    harbor.enter("tenants", "1002", phone="(312) 555-0177")
    harbor.bridge.sync()
    (contact,) = harbor.session.tenant().contacts

    session = harbor.bridge.accounts.enter(
        invited(harbor, "1001", "invite-0001", contact_id=contact.id, permissions=["billing"])
    )

    assert session is not None
    assert harbor.outbox.mails[-1].to == "alternate@tenant.example"
    assert (session.tenant_id, session.sections) == ("1001", (Section.BILLING,))
    paid = session.pay_rental("2001", MONEY, key="click-0001")
    assert (paid.outcome, paid.actor) == (Outcome.SETTLED, f"contact:{contact.id}")
    with pytest.raises(IneligibleError):
        session.edit_contact({"phone": "312 555 0199"}, key="click-0002")
