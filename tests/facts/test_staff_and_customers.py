"""What staff who look after storage customers need, and what their customers see of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.account import PaymentStatus
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, Contact, ContactRole, PersonName, Tenant
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.record import Source, VendorRef
from pmsbridge.model.rental import Discount, Rental, RentalState
from pmsbridge.model.stamps import without_stamp
from pmsbridge.portal.timeline import InteractionKind
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault
from tests.adapters.sitelink.office import JUERGEN
from tests.facts.portal import Portal

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)
only_sitelink = pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
natively = pytest.mark.parametrize("back_office", ["memory", "sitelink"], indirect=True)
by_hand = pytest.mark.parametrize("back_office", ["cubby"], indirect=True)
NEXT_WEEK = date(2026, 11, 28)


# -- who a customer is -----------------------------------------------------------------------------------------------


@pytest.mark.fact("S1.1", "S1.4", "S2.21")
def test_the_record_holds_contact_data_and_what_the_person_agreed_to(portal: Portal) -> None:
    portal.session.set_consent("sms", portal.purpose, granted=True, key=portal.key)

    tenant = portal.session.tenant()

    assert tenant.name.full
    assert tenant.email
    assert tenant.phone is not None
    assert tenant.address.city
    assert tenant.consent(ConsentChannel.SMS, portal.purpose) is True


@pytest.mark.fact("S1.6")
@only_memory
def test_a_contact_of_a_customer_is_no_customer(portal: Portal) -> None:
    assert portal.office is not None
    books = portal.office.books
    tenant = books.find(Tenant, "F1", "T1")
    assert tenant is not None
    contact = Contact(
        ref=VendorRef(system="memory", account="mem", facility="F1", entity="contact", id="C1"), tenant_id="T1",
        role=ContactRole.BOOKKEEPER, name=PersonName(first="Odile", last="Comptable"), email="odile@example.test",
    )  # fmt: skip
    books.put("F1", tenant.changed(contacts=(contact,)))
    portal.bridge.sync()

    found = portal.bridge.search_tenants("F1", TenantSearch(last_name="Comptable"))

    assert [each.tenant_id for each in found] == []
    assert [each.role for each in portal.session.tenant().contacts] == [ContactRole.BOOKKEEPER]


@pytest.mark.fact("S1.7", "S1.8", "S1.9", "S1.10")
def test_one_customer_is_found_in_the_copy_by_name_phone_mail_and_unit(portal: Portal) -> None:
    portal.bridge.sync()
    tenant = portal.session.tenant()
    assert tenant.phone is not None

    for search in (
        TenantSearch(first_name=tenant.name.first.lower(), last_name=tenant.name.last.upper()),
        TenantSearch(phone=" ".join(tenant.phone.digits), last_name=tenant.name.last),
        TenantSearch(email=tenant.email.upper(), last_name=tenant.name.last),
        TenantSearch(unit_number=portal.number),
    ):
        found = portal.bridge.search_tenants(portal.facility, search)
        assert found[0].tenant_id in {portal.busy, "1000"}  # SiteLink's books have an older record of hers
        assert portal.busy in {each.tenant_id for each in found}
    letting = portal.bridge.search_tenants(portal.facility, TenantSearch(unit_number=portal.number))
    assert [each.tenant_id for each in letting if each.is_exact] == [portal.busy]


@pytest.mark.fact("S1.7", "S1.8", "S1.9", "S1.10")
@natively
def test_one_customer_is_found_by_name_phone_mail_and_unit(portal: Portal) -> None:
    tenant = portal.session.tenant()
    assert tenant.phone is not None

    for search in (
        TenantSearch(last_name=tenant.name.last, unit_number="015"),
        TenantSearch(phone=" ".join(tenant.phone.digits)),
        TenantSearch(email=tenant.email.upper(), unit_number="015"),
        TenantSearch(unit_number="015"),
    ):
        found = portal.bridge.find_tenants(portal.facility, search)
        assert [(each.tenant_id, each.is_exact) for each in found] == [(portal.busy, True)]


@pytest.mark.fact("S1.12", "S4.4")
@only_sitelink
def test_every_unit_has_its_payment_status_in_one_word(portal: Portal) -> None:
    def status(tenant_id: str) -> PaymentStatus:
        return portal.of(tenant_id).account().payment_status

    assert status(JUERGEN) is PaymentStatus.DELINQUENT
    assert status(portal.busy) is PaymentStatus.PAST_DUE
    assert status(portal.paid_up) is PaymentStatus.CURRENT
    assert status("1007") is PaymentStatus.PREPAID
    account = portal.session.dashboard().account
    assert {account.status_of(row) for row in account.rentals} == {PaymentStatus.PAST_DUE}


@pytest.mark.fact("S1.12")
@only_memory
def test_the_payment_status_follows_what_is_paid(portal: Portal) -> None:
    before = portal.session.account()
    assert {before.status_of(row) for row in before.rentals} == {PaymentStatus.DUE}

    portal.session.pay_rental("R1", portal.means, key=portal.key)

    after = portal.session.account()
    assert {row.id: after.status_of(row) for row in after.rentals} == {
        "R1": PaymentStatus.CURRENT, "R4": PaymentStatus.DUE,
    }  # fmt: skip
    assert after.payment_status is PaymentStatus.DUE


# -- what happened ---------------------------------------------------------------------------------------------------


@pytest.mark.fact("S1.5", "S1.13", "S1.43", "S1.44", "S1.45", "S1.46")
def test_payments_notes_calls_requests_and_mails_are_one_line_of_time(portal: Portal) -> None:
    session, unit = portal.of(portal.busy, actor="staff:ann"), portal.row()
    session.pay_rental(unit.id, portal.means, key=portal.key, amount=Money.of("20.00", "USD"))
    session.ask_staff("A trolley", "Please leave one at the door.", key=portal.key)
    session.add_note(unit.id, "Called about the gate.", key=portal.key, kind=NoteKind.INTERACTION)
    portal.later(minutes=1)
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")

    found = desk.history(since=date(2026, 11, 21))

    kinds = {each.kind for each in found}
    assert {InteractionKind.PAYMENT, InteractionKind.REQUEST, InteractionKind.MAIL, InteractionKind.CALL} <= kinds
    (paid,) = [each for each in found if each.kind is InteractionKind.PAYMENT]
    assert (paid.amount, paid.rental_id) == (Money.of("20.00", "USD"), unit.id)
    assert any("Called about the gate." in note.text for note in desk.notes(unit.id))
    assert [each.on for each in found] == sorted((each.on for each in found), reverse=True)
    assert all(each.ref is not None or each.action_id is not None for each in found)
    assert desk.history(since=NEXT_WEEK) == ()
    with pytest.raises(InputError):
        portal.bridge.staff(portal.facility, portal.busy, actor="ann")


@pytest.mark.fact("S1.41", "S1.5")
def test_a_tenant_never_reads_an_internal_note(portal: Portal) -> None:
    unit = portal.row()
    portal.session.add_note(unit.id, "Pays late.", key=portal.key)

    assert portal.session.notes(unit.id) == ()
    assert not [each for each in portal.session.history() if "Pays late." in each.text]
    internal = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann").notes()
    assert [note.visibility for note in internal] == [Visibility.INTERNAL]


@pytest.mark.fact("S1.35", "S1.36", "S1.37", "S1.38", "S1.39", "S1.41")
def test_a_note_keeps_its_kind_and_whom_it_is_for_whatever_the_back_office_has_a_place_for(portal: Portal) -> None:
    unit, desk = portal.row(), portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    kinds = [each for each in NoteKind if each is not NoteKind.UNKNOWN]

    for kind in kinds:
        portal.session.add_note(unit.id, f"About {kind.value}.", key=portal.key, kind=kind)
    portal.session.add_note(unit.id, "The lift works again.", key=portal.key, visibility="customer")

    told = {note.text.partition("[")[0].strip(): note for note in desk.notes(unit.id)}
    assert {text: note.kind for text, note in told.items() if text.startswith("About")} == {
        f"About {kind.value}.": kind for kind in kinds
    }
    assert [each.text for each in portal.session.notes(unit.id)] == [told["The lift works again."].text]
    assert [each.visibility for each in told.values()].count(Visibility.CUSTOMER) == 1


@pytest.mark.parametrize("back_office", ["memory", "sitelink", "cubby"], indirect=True)
@pytest.mark.parametrize("words", ["Follows {}, half now", "Follows [{}], half now", "Follows {}"])
def test_a_note_that_quotes_another_reference_keeps_its_words_its_kind_and_its_reader(
    portal: Portal, words: str
) -> None:
    unit, desk = portal.row(), portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    portal.session.add_note(unit.id, "About the lift.", key=portal.key, kind="maintenance")
    (quoted,) = [
        note.extra.get("reference") or without_stamp(note.text)[1]
        for note in desk.notes(unit.id) if note.text.startswith("About the lift.")
    ]  # fmt: skip
    portal.later(minutes=1)  # some back offices know a note by its moment
    text = words.format(quoted)

    portal.session.add_note(unit.id, text, key=portal.key, kind="payment_arrangement", visibility="customer")

    (shown,) = portal.session.notes(unit.id)
    assert (shown.kind, shown.visibility) == (NoteKind.PAYMENT_ARRANGEMENT, Visibility.CUSTOMER)
    assert shown.text.startswith(text)
    (lift,) = [note for note in desk.notes(unit.id) if note.text.startswith("About the lift.")]
    assert (lift.kind, lift.visibility) == (NoteKind.MAINTENANCE, Visibility.INTERNAL)


@pytest.mark.parametrize("words", ["The lift works again, and he pays late.", "He pays late."])
@only_memory
def test_words_that_somebody_else_put_under_our_reference_are_shown_to_no_customer(portal: Portal, words: str) -> None:
    assert portal.office is not None
    portal.session.add_note("R1", "The lift works again.", key=portal.key, kind="maintenance", visibility="customer")
    portal.office.settle()
    ((code, note),) = portal.office.books.notes
    reference = note.text.partition("[")[2]
    portal.office.books.notes[0] = (
        code, note.changed(text=f"{words} [{reference}", visibility=Visibility.INTERNAL, kind=NoteKind.GENERAL),
    )  # fmt: skip

    assert portal.session.notes("R1") == ()
    (read,) = portal.bridge.staff("F1", "T1", actor="staff:ann").notes("R1")
    assert (read.kind, read.visibility) == (NoteKind.GENERAL, Visibility.INTERNAL)


@pytest.mark.fact("S1.40", "S1.42", "S1.48")
def test_a_note_keeps_its_day_and_its_whole_text_beside_earlier_ones(portal: Portal) -> None:
    unit, desk = portal.row(), portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    portal.session.add_note(unit.id, "The first.", key=portal.key)
    first = {note.text: note for note in desk.notes(unit.id)}
    text = "Pays 40.00 on the 5th and 40.00 on the 20th. " * 20
    portal.later(minutes=1)  # some back offices know a note by its moment

    portal.session.add_note(unit.id, text.strip(), key=portal.key, kind="payment_arrangement")

    notes = {note.text: note for note in desk.notes(unit.id)}
    assert {said: notes[said].kind for said in first} == {said: note.kind for said, note in first.items()}
    (after,) = [note for said, note in notes.items() if said not in first]
    assert after.kind is NoteKind.PAYMENT_ARRANGEMENT
    assert text.strip() in after.text
    told_on = after.written_on or (after.written_at and after.written_at.date())
    assert told_on == date(2026, 11, 21)


@pytest.mark.fact("S1.47")
@only_sitelink
def test_of_a_late_payer_it_is_known_what_is_due_since_when_and_how_they_paid(portal: Portal) -> None:
    session = portal.of(JUERGEN)

    (row,) = session.account().rentals
    entries = session.ledger(row.id)

    assert row.days_past_due is not None
    assert row.days_past_due > 60
    assert row.balances.past_due == row.balances.ledger
    assert {entry.kind for entry in entries} >= {EntryKind.CHARGE, EntryKind.PAYMENT}
    offer = session.dashboard().offer("pay_rental", row.id)
    assert offer is not None
    assert offer.code == "too_many_days_past_due"


@pytest.mark.fact("S1.49", "S1.45")
def test_staff_are_reminded_to_follow_up_on_a_day(portal: Portal) -> None:
    session = portal.of(portal.busy, actor="staff:ann")
    with pytest.raises(InputError):
        session.ask_staff("Follow up", "Second reminder.", key=portal.key, due_on=date(2026, 11, 20))

    view = session.ask_staff("Follow up", "Second reminder.", key=portal.key, due_on=NEXT_WEEK)
    portal.later(minutes=1)

    assert view.outcome is Outcome.SETTLED
    if portal.office is not None:
        portal.office.settle()
        (post,) = portal.office.books.board("F1")
        assert post.due_on == NEXT_WEEK
    elif portal.mapped is not None:
        (task,) = portal.mapped.books.truth.all("bulletins")
        assert task.values["due_on"] == NEXT_WEEK
    else:
        assert portal.judge is not None
        assert f"Due: {NEXT_WEEK.isoformat()}" in portal.judge.control.bulletin(portal.facility)[-1]["body"]
    assert "2026-11-28" in portal.outbox.mails[0].text


@pytest.mark.fact("S1.63")
def test_a_mail_that_does_not_arrive_is_seen_in_the_history(portal: Portal) -> None:
    portal.outbox.is_closed = True
    portal.session.ask_staff("A trolley", "Please leave one at the door.", key=portal.key)
    portal.later(minutes=1)
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")

    def mails() -> list[str]:
        return [each.state for each in desk.history() if each.kind is InteractionKind.MAIL]

    assert mails() == ["pending"]
    portal.outbox.is_closed = False
    for _ in range(4):
        portal.later(minutes=15)
    assert mails() == ["settled"]


# -- what a customer agreed to ---------------------------------------------------------------------------------------


@pytest.mark.fact("S1.23", "S1.24", "S1.25", "S4.8")
@only_memory
def test_every_purpose_is_a_switch_of_its_own_with_its_time(portal: Portal) -> None:
    session = portal.session
    answers = {
        ConsentPurpose.MARKETING: False, ConsentPurpose.PAYMENT_REMINDERS: True,
        ConsentPurpose.ACCOUNT_NOTIFICATIONS: True, ConsentPurpose.SERVICE_REMINDERS: True,
    }  # fmt: skip

    for purpose, granted in answers.items():
        session.set_consent(ConsentChannel.EMAIL, purpose, granted=granted, key=portal.key)

    tenant = session.tenant()
    assert {purpose: tenant.consent(ConsentChannel.EMAIL, purpose) for purpose in answers} == answers
    assert all(each.given_at == portal.clock.now() for each in tenant.consents)
    assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING) is None


@pytest.mark.fact("S1.23", "S1.24", "S1.25", "S4.8")
@by_hand
def test_every_purpose_is_a_switch_of_its_own_whether_or_not_there_is_a_place_for_it(portal: Portal) -> None:
    def told() -> dict[ConsentPurpose, bool | None]:
        tenant = portal.session.tenant()
        return {each: tenant.consent(ConsentChannel.EMAIL, each) for each in ConsentPurpose}

    before = told()
    views = {each: portal.session.set_consent("email", each, granted=False, key=portal.key) for each in ConsentPurpose}

    assert {each for each, view in views.items() if not view.emulated} == {ConsentPurpose.MARKETING}
    assert {view.outcome for view in views.values()} == {Outcome.SETTLED}
    assert told() == {**before, ConsentPurpose.MARKETING: False}
    tasks = [each.values["body"] for each in portal.mapped.books.truth.all("bulletins")] if portal.mapped else []
    for each in ConsentPurpose:
        asked = any(each.value.replace("_", " ") in task for task in tasks)
        assert asked is (each is not ConsentPurpose.MARKETING)


@pytest.mark.fact("S1.23", "S1.24", "S1.25", "S4.8")
@pytest.mark.parametrize("purpose", list(ConsentPurpose))
@only_sitelink
def test_an_answer_that_the_back_office_has_no_place_for_is_a_task_for_staff(
    portal: Portal, purpose: ConsentPurpose
) -> None:
    assert portal.judge is not None
    posts = len(portal.judge.control.bulletin(portal.facility))

    view = portal.session.set_consent("email", purpose, granted=False, key=portal.key)
    portal.later(minutes=1)

    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    assert len(portal.judge.control.bulletin(portal.facility)) == posts + 1
    assert purpose.value.replace("_", " ") in portal.outbox.mails[-1].text
    assert portal.session.tenant().consent(ConsentChannel.EMAIL, purpose) is None
    texts = portal.session.set_consent("sms", purpose, granted=True, key=portal.key)
    assert (texts.outcome, texts.emulated) == (Outcome.SETTLED, False)


@pytest.mark.fact("S4.7")
def test_text_messages_are_opted_in_to_and_out_of_and_the_proof_is_kept(portal: Portal) -> None:
    on = portal.session.set_consent("sms", portal.purpose, granted=True, key=portal.key)
    off = portal.session.set_consent("sms", portal.purpose, granted=False, key=portal.key)

    assert {on.outcome, off.outcome} == {Outcome.SETTLED}
    told = portal.session.tenant().consent(ConsentChannel.SMS, portal.purpose)
    assert told is False
    entry = portal.bridge.runtime.trail(on.action_id)[0]
    assert entry.at == portal.clock.now()
    assert portal.bridge.runtime.verify_trail(on.action_id)


# -- a further unit, another unit, leaving ---------------------------------------------------------------------------


def free_unit(portal: Portal) -> str:
    return portal.bridge.available_units(portal.facility)[0].id


@pytest.mark.fact("S1.27", "S1.28", "S1.33", "S2.3")
@natively
def test_a_further_unit_is_booked_on_the_record_there_is(portal: Portal) -> None:
    unit = free_unit(portal)

    view = portal.session.reserve(unit, NEXT_WEEK, key=portal.key)

    assert view.outcome is Outcome.SETTLED
    (held,) = [each for each in portal.session.reservations() if each.unit_id == unit]
    assert (held.tenant_id, held.needed_on) == (portal.busy, NEXT_WEEK)
    found = portal.bridge.find_tenants(portal.facility, TenantSearch(unit_number="015"))
    assert [each.tenant_id for each in found] == [portal.busy]


LEAVING = date(2026, 12, 12)


@pytest.mark.fact("S1.27", "S1.28", "S1.33")
@by_hand
def test_where_nothing_can_be_booked_staff_are_asked_to_book_it_on_the_record_there_is(portal: Portal) -> None:
    unit = free_unit(portal)
    before = len(portal.bridge.search_tenants(portal.facility, TenantSearch(unit_number=portal.number)))

    view = portal.session.reserve(unit, NEXT_WEEK, key=portal.key)
    portal.later(minutes=1)

    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    (mail,) = portal.outbox.mails
    assert "2026-11-28" in mail.text
    assert portal.session.tenant().name.last in mail.text
    assert len(portal.bridge.search_tenants(portal.facility, TenantSearch(unit_number=portal.number))) == before


@pytest.mark.fact("S1.29", "S1.30", "S1.32")
@by_hand
def test_where_nothing_can_be_booked_a_transfer_is_a_task_and_the_old_unit_stays_let(portal: Portal) -> None:
    unit, old = free_unit(portal), portal.row()

    view = portal.session.transfer(old.id, unit, NEXT_WEEK, leaving_on=LEAVING, key=portal.key)
    portal.later(minutes=1)

    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    row = portal.row()
    assert (row.rental.leaving_on, row.rental.state) == (None, old.rental.state)
    (mail,) = portal.outbox.mails
    for word in ("belongings", "lease", portal.number, "2026-12-12"):
        assert word in mail.text


@pytest.mark.fact("S1.29", "S1.30", "S1.32")
@natively
def test_a_transfer_holds_the_new_unit_before_it_writes_a_day_for_the_old_one(portal: Portal) -> None:
    unit, old = free_unit(portal), portal.row()

    view = portal.session.transfer(old.id, unit, NEXT_WEEK, leaving_on=LEAVING, key=portal.key)
    portal.later(minutes=1)

    assert view.outcome is Outcome.SETTLED
    assert [step.name for step in view.principal] == ["reservation", "move_out"]
    assert [each.unit_id for each in portal.session.reservations()] == [unit]
    row = portal.row()
    assert (row.rental.leaving_on, row.rental.state.is_current) == (LEAVING, True)
    (mail,) = portal.outbox.mails
    for word in ("belongings", "access codes", "lease", "015"):
        assert word in mail.text


@pytest.mark.fact("S1.32")
@pytest.mark.parametrize("fault", [Fault.REJECT, Fault.DROP_BEFORE, Fault.DROP_AFTER, Fault.REFUSE])
@pytest.mark.parametrize("step", ["reserve_unit", "schedule_move_out"])
@only_memory
def test_whatever_stops_a_transfer_the_tenant_keeps_a_unit(portal: Portal, step: str, fault: Fault) -> None:
    assert portal.office is not None
    portal.office.fail(fault, kind=step)

    portal.session.transfer("R1", "U9", NEXT_WEEK, key=portal.key)
    states = []
    for _ in range(12):
        held, leaving = portal.session.reservations(), portal.row().rental.leaving_on
        states.append((bool(held), leaving is not None))
        portal.later(minutes=20)

    assert (False, True) not in states
    expected = {Fault.REJECT: (step != "reserve_unit", False)}.get(fault, (True, True))
    assert states[-1] == expected
    assert len(portal.office.of_kind("reserve_unit")) <= 1


@pytest.mark.fact("S1.32")
@only_memory
def test_a_transfer_that_cannot_be_meant_is_refused_before_anything(portal: Portal) -> None:
    session = portal.session
    calls: tuple[tuple[Callable[[], object], type[Exception]], ...] = (
        (lambda: session.transfer("R1", "U4", NEXT_WEEK, key=portal.key), IneligibleError),
        (lambda: session.transfer("R1", "U9", date(2026, 11, 1), key=portal.key), InputError),
        (lambda: session.transfer("R1", "U9", NEXT_WEEK, leaving_on=date(2026, 11, 27), key=portal.key), InputError),
        (lambda: session.transfer("R2", "U9", NEXT_WEEK, key=portal.key), NotFoundError),
        (lambda: session.transfer("R1", "U99", NEXT_WEEK, key=portal.key), NotFoundError),
    )
    for call, error in calls:
        with pytest.raises(error):
            call()
    assert portal.changes() == 0


@pytest.mark.fact("S1.57")
@only_memory
def test_discounts_of_a_rental_are_read_live_and_from_the_copy(portal: Portal) -> None:
    assert portal.office is not None
    rental = portal.office.books.find(Rental, "F1", "R1")
    assert rental is not None
    half = Discount(name="Half off", percent=Decimal(50), until=date(2026, 12, 31))
    portal.office.books.put("F1", rental.changed(discounts=(half,)))
    portal.bridge.sync()

    assert portal.row().rental.discounts == (half,)
    assert portal.session.rental("R1").rental.discounts == (half,)
    copied = {each.id: each.discounts for each in portal.bridge.mirror.rentals("mem", "F1", "T1")}
    assert copied == {"R1": (half,), "R4": ()}


@pytest.mark.fact("S1.55")
@only_memory
def test_a_unit_under_lien_can_neither_be_paid_nor_left_here(portal: Portal) -> None:
    assert portal.office is not None
    books = portal.office.books
    unit = books.find(Unit, "F1", "U1")
    assert unit is not None
    books.put("F1", unit.changed(state=UnitState.LIEN))
    session = portal.session

    offers = {(offer.kind.value, offer.rental_id): offer for offer in session.available_actions()}
    calls: tuple[Callable[[], object], ...] = (
        lambda: session.pay_rental("R1", portal.means, key=portal.key),
        lambda: session.pay_all(portal.means, key=portal.key),
        lambda: session.request_move_out("R1", NEXT_WEEK, key=portal.key),
        lambda: session.transfer("R1", "U9", NEXT_WEEK, key=portal.key),
    )
    for call in calls:
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "under_lien"

    denied = {key for key, offer in offers.items() if offer.code == "under_lien"}
    assert {("pay_rental", "R1"), ("pay_all", None), ("request_move_out", "R1"), ("autopay_on", "R1")} <= denied
    assert offers["pay_rental", "R4"].allowed
    assert offers["edit_contact", None].allowed
    assert session.account().payment_status is PaymentStatus.DELINQUENT
    assert session.ask_staff("The lien", "What can I do?", key=portal.key).outcome is Outcome.SETTLED


@pytest.mark.fact("S1.22")
def test_who_asked_for_a_change_is_kept(portal: Portal) -> None:
    session = portal.of(portal.busy, actor="staff:ann")

    view = session.edit_contact({"address.line2": "Apt 4"}, key=portal.key)

    assert session.action(view.action_id).actor == "staff:ann"
    assert any("staff:ann" in str(entry) for entry in portal.bridge.runtime.trail(view.action_id))


@pytest.mark.fact("S1.64", "S2.14")
@pytest.mark.parametrize("back_office", ["sitelink", "cubby"], indirect=True)
def test_what_is_looked_up_most_comes_from_the_copy_with_its_age_and_nobody_is_asked(portal: Portal) -> None:
    portal.bridge.sync()
    portal.session.dashboard()
    read = portal.clock.now()
    portal.clock.advance(timedelta(hours=3))

    def asked() -> int:
        return len(portal.judge.operations()) if portal.judge else len(portal.mapped.calls) if portal.mapped else 0

    before = asked()
    board = portal.session.dashboard(live=False)

    assert asked() == before > 0
    assert board.source is Source.MIRROR
    assert abs(board.as_of - read) < timedelta(seconds=5)  # SiteLink's own clock runs
    assert portal.number in {row.rental.label for row in board.rows}
    portal.bridge.sync()
    assert portal.session.dashboard(live=False).as_of >= board.as_of


@pytest.mark.fact("S1.64", "S2.14")
@only_memory
def test_what_is_looked_up_most_comes_from_the_copy_with_its_age(portal: Portal) -> None:
    assert portal.office is not None
    session = portal.session
    session.dashboard()
    read = portal.clock.now()
    portal.clock.advance(timedelta(hours=3))
    portal.office.failing_reads = 1

    board = session.dashboard(live=False)

    assert portal.office.failing_reads == 1  # nobody was asked
    assert (board.source, board.as_of) == (Source.MIRROR, read)
    assert board.rows[0].rental.state is RentalState.ACTIVE
    portal.office.failing_reads = 0
    session.account()
    assert session.dashboard(live=False).as_of == portal.clock.now()
