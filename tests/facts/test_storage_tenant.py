"""What a storage tenant's own portal needs, told in the order in which a tenant meets it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pmsbridge.errors import IneligibleError, NotFoundError
from pmsbridge.model.ledger import Balances, EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Allocation, AutopayState, Payment, PaymentState
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.sealed import Card, GateCode, WebPassword
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault
from tests.facts.portal import Portal

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)
only_sitelink = pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
with_gate_codes = pytest.mark.parametrize("back_office", ["memory", "sitelink"], indirect=True)


def new_card() -> Card:
    return Card(number="5555555555554444", expires_on=date(2029, 5, 31), holder="Test Holder", cvv="123")


@pytest.mark.fact("S0.2", "S0.20", "S0.21", "S0.22")
def test_from_the_sign_in_to_the_receipt_it_is_one_flow(portal: Portal) -> None:
    session = portal.signed_in()
    assert session is not None
    unit = next(row for row in session.dashboard().rows if row.rental.label == portal.number)
    before = portal.changes()

    quote = session.quote(unit.id)
    paid = session.pay(quote.id, portal.means, key=quote.id)

    assert quote.total == unit.balances.payable_now
    assert paid.outcome is Outcome.SETTLED
    assert paid.principal[0].vendor_ids or paid.principal[0].reference
    assert portal.changes() == before + 1
    assert [payment.amount for payment in session.payments(unit.id)][:1] == [quote.total]
    assert portal.row().balances.payable_now.is_zero


@pytest.mark.fact("S0.3", "S0.4")
@with_gate_codes
def test_a_claim_by_one_unit_opens_all_of_the_tenant_and_15_is_not_015(portal: Portal) -> None:
    def claim(number: str, code: GateCode) -> str:
        opened, _ = portal.bridge.accounts.claim(
            portal.facility, unit_number=number, gate_code=code, login=portal.login[0],
            password=WebPassword("geheim42"), key=portal.key,
        )  # fmt: skip
        return opened.tenant_id

    with pytest.raises(IneligibleError) as refused:
        claim("15", portal.gate_code())
    assert refused.value.code == "no_match"

    assert claim("015", portal.gate_code()) == portal.busy
    units = {row.rental.unit_number for row in portal.session.dashboard().rows}
    assert "015" in units
    assert len(units) > 1


@pytest.mark.fact("S0.5", "S0.6", "S0.8", "S0.9", "S0.12", "S2.1")
def test_one_call_greets_lists_the_units_and_adds_up(portal: Portal) -> None:
    board = portal.session.dashboard()

    assert board.greeting in {"Ana", "Renée", "Ada"}
    assert portal.number in [row.rental.label for row in board.rows]
    assert board.total == Balances.total((row.balances for row in board.account.rentals), board.facility.currency)
    assert board.total.payable_now.is_positive


@pytest.mark.fact("S0.5")
@only_sitelink
def test_a_dashboard_costs_three_calls_of_the_back_office(portal: Portal) -> None:
    portal.session.dashboard()
    assert portal.judge is not None
    before = len(portal.judge.operations())

    portal.session.dashboard()

    assert len(portal.judge.operations()) - before <= 3


@pytest.mark.fact("S0.7", "S1.2", "S1.11")
@only_memory
def test_what_has_ended_stands_apart_from_what_is_let(portal: Portal) -> None:
    assert portal.office is not None
    books = portal.office.books
    ended = books.find(Rental, "F1", "R4")
    assert ended is not None
    books.put("F1", ended.changed(state=RentalState.CLOSED, moved_out_on=date(2026, 10, 31)))

    board = portal.session.dashboard()

    assert [row.rental.unit_number for row in board.rows] == ["015"]
    assert {row.rental.unit_number for row in board.account.rentals} == {"015", "B-7"}
    assert board.total.payable_now == sum_of(board.account.rentals[0], board.account.rentals[1])


def sum_of(*rows: object) -> Money:
    return Balances.total((row.balances for row in rows), "USD").payable_now  # type: ignore[attr-defined]


@pytest.mark.fact("S0.1")
def test_no_method_reaches_a_unit_of_somebody_else(portal: Portal) -> None:
    stranger = portal.of(portal.other).account().rentals[0].id
    session, before = portal.session, portal.changes()

    for reach in (
        lambda: session.quote(stranger),
        lambda: session.rental(stranger),
        lambda: session.payments(stranger),
        lambda: session.ledger(stranger),
        lambda: session.statement(stranger, date(2026, 11, 21)),
        lambda: session.notes(stranger),
        lambda: session.available_actions(stranger),
        lambda: session.pay_rental(stranger, portal.means, key=portal.key),
        lambda: session.set_autopay(stranger, on=False, key=portal.key),
        lambda: session.request_move_out(stranger, date(2026, 12, 31), key=portal.key),
    ):
        with pytest.raises(NotFoundError):
            reach()
    assert portal.changes() == before


@only_memory
def test_a_dashboard_shows_what_is_still_open_and_nothing_that_is_over(portal: Portal) -> None:
    assert portal.office is not None
    session = portal.session
    portal.office.fail(Fault.DROP_AFTER, kind="add_note")
    waiting = session.add_note("R1", "Is it there?", key=portal.key)
    for number in range(3):
        assert session.set_sms_consent(bool(number % 2), key=portal.key).outcome is Outcome.SETTLED

    assert [each.action_id for each in session.dashboard().open_actions] == [waiting.action_id]
    assert [each.action_id for each in session.dashboard(live=False).open_actions] == [waiting.action_id]
    portal.later(minutes=20)
    assert session.dashboard().open_actions == ()


@only_memory
def test_a_dashboard_takes_no_payment_while_one_is_being_confirmed(portal: Portal) -> None:
    assert portal.office is not None
    session = portal.session
    session.dashboard()
    portal.office.fail(Fault.DROP_AFTER, kind="take_payment")
    assert session.pay_rental("R1", portal.means, key=portal.key).outcome is Outcome.PENDING

    for live in (True, False):
        offer = session.dashboard(live=live).offer("pay_rental", "R4")
        assert offer is not None
        assert offer.code == "payment_being_confirmed"
    portal.later(minutes=20)
    offer = session.dashboard().offer("pay_rental", "R4")
    assert offer is not None
    assert offer.allowed


@pytest.mark.fact("S0.10", "S0.19")
def test_every_unit_says_what_may_be_done_and_if_not_why(portal: Portal) -> None:
    board = portal.session.dashboard()

    for row in board.rows:
        pay, prepay = board.offer("pay_rental", row.id), board.offer("prepay")
        leave, stay = board.offer("request_move_out", row.id), board.offer("cancel_move_out", row.id)
        assert pay is not None
        assert pay.allowed
        assert leave is not None
        assert leave.allowed
        assert leave.facts["earliest_on"] >= "2026-11-21"
        assert stay is not None
        assert (stay.allowed, stay.code, stay.message_key) == (False, "no_move_out", "eligibility.no_move_out")
        assert prepay is not None
        assert prepay.code == "balance_not_zero"
        assert board.offer("autopay_on", row.id) is not None


@pytest.mark.fact("S0.11", "S0.12", "S0.13", "S0.14", "S0.15", "S0.17", "S1.26")
@only_sitelink
def test_the_page_of_a_unit_has_type_number_size_price_and_dates(portal: Portal) -> None:
    assert portal.judge is not None
    held = portal.judge.rental(portal.busy, "015")

    row = portal.session.rental(portal.row().id)

    assert row.unit is not None
    assert row.unit.type_name
    assert (row.unit.number, row.rental.unit_number) == ("015", "015")
    assert row.unit.size is not None
    assert row.unit.size.text == "10 x 10 ft"
    assert row.rental.rent == Money.of(held["rent"], "USD")
    assert type(row.rental.moved_in_on) is date
    assert row.rental.paid_through == date.fromisoformat(held["paid_through"])


@pytest.mark.fact("S0.12", "S0.14", "S0.15", "S1.26")
@only_memory
def test_the_page_of_a_unit_has_number_price_and_move_in_day(portal: Portal) -> None:
    row = portal.session.rental("R1")

    assert (row.rental.unit_number, row.rental.rent, row.rental.moved_in_on) == (
        "015", Money.of("120.00", "USD"), date(2025, 1, 1),
    )  # fmt: skip


@pytest.mark.fact("S0.16", "S0.18", "S1.3")
def test_a_payment_made_now_is_the_last_one_and_in_the_history(portal: Portal) -> None:
    unit = portal.row()
    portal.session.pay_rental(unit.id, portal.means, key=portal.key, amount=Money.of("20.00", "USD"))

    page = portal.session.rental(unit.id)

    assert page.last_payment_on == date(2026, 11, 21)
    assert portal.session.payments(unit.id)[0].amount == Money.of("20.00", "USD")
    assert portal.session.ledger(unit.id)[-1].kind is EntryKind.PAYMENT


@pytest.mark.fact("S1.3", "S2.1", "S4.2")
def test_payments_of_everything_are_one_list_in_which_none_is_told_twice(portal: Portal) -> None:
    session = portal.session
    before = session.payments()
    session.pay_all(portal.means, key=portal.key)

    after = session.payments()
    per_rental = [paid for row in session.account().rentals for paid in session.payments(row.id)]

    assert {paid.ref.key for paid in after} == {paid.ref.key for paid in per_rental}
    assert len(after) == len({paid.ref.key for paid in after}) > len(before)
    assert [paid.paid_on for paid in after] == sorted((paid.paid_on for paid in after), reverse=True)


@pytest.mark.fact("S0.16", "S0.18")
@only_memory
def test_a_payment_that_was_taken_back_is_history_and_not_the_last_payment(portal: Portal) -> None:
    assert portal.office is not None
    amount = Money.of("20.00", "USD")
    for number, (day, state) in enumerate(
        ((date(2026, 11, 1), PaymentState.SUCCEEDED), (date(2026, 11, 9), PaymentState.REVERSED))
    ):
        ref = VendorRef(system="memory", account="mem", facility="F1", entity="payment", id=f"P{number}")
        kept = Payment(
            ref=ref, tenant_id="T1", amount=amount, state=state, paid_on=day,
            allocations=(Allocation(rental_id="R1", amount=amount),),
        )  # fmt: skip
        portal.office.books.payments.append(("F1", kept))

    assert portal.session.rental("R1").last_payment_on == date(2026, 11, 1)
    assert [payment.state for payment in portal.session.payments("R1")] == [
        PaymentState.REVERSED, PaymentState.SUCCEEDED,
    ]  # fmt: skip


@pytest.mark.fact("S0.17", "S0.25", "S0.26")
@only_sitelink
def test_paid_through_moves_with_a_prepayment_which_a_balance_forbids(portal: Portal) -> None:
    with pytest.raises(IneligibleError) as refused:
        portal.session.quote_prepay(2)
    assert refused.value.code == "balance_not_zero"
    session = portal.of(portal.paid_up)
    before = session.account().rentals[0].rental.paid_through
    assert before is not None

    paid = session.prepay(2, portal.means, key=portal.key)

    after = session.account().rentals[0].rental.paid_through
    assert paid.outcome is Outcome.SETTLED
    assert after is not None
    assert after > before + timedelta(days=40)


@pytest.mark.fact("S0.27", "S0.29", "S4.3")
def test_everything_is_paid_by_one_click_and_a_single_unit_still_can_be(portal: Portal) -> None:
    session = portal.session
    single = session.pay_rental(portal.row().id, portal.means, key=portal.key)
    left = session.account().total.payable_now

    quote = session.quote_all()
    every = session.pay(quote, portal.means, key=portal.key)

    assert (single.outcome, every.outcome) == (Outcome.SETTLED, Outcome.SETTLED)
    assert quote.total == left
    assert len(every.principal) in {1, len(quote.lines)}
    assert session.account().total.payable_now.is_zero


@pytest.mark.fact("S0.28")
@only_sitelink
def test_paying_all_waits_for_the_last_bill_and_names_its_unit(portal: Portal) -> None:
    session = portal.of(portal.other)

    offer = session.dashboard().offer("pay_all")
    with pytest.raises(IneligibleError) as refused:
        session.pay_all(portal.means, key=portal.key)

    assert offer is not None
    assert (offer.allowed, offer.code) == (False, "not_all_billed")
    assert "C-02" in offer.message
    assert refused.value.code == offer.code


@pytest.mark.fact("S0.30")
@only_memory
def test_autopay_goes_on_with_a_rental_that_was_made_this_minute(portal: Portal) -> None:
    assert portal.office is not None
    portal.office.books.add_rental("F1", "R9", "T1", "C-9", portal.clock.now())

    view = portal.session.set_autopay("R9", on=True, method=new_card(), key=portal.key)

    assert view.outcome is Outcome.SETTLED
    row = portal.session.account().rental("R9")
    assert row is not None
    assert row.autopay is not None
    assert row.autopay.is_on


@pytest.mark.fact("S0.31", "S0.32", "S0.33", "S4.6")
def test_autopay_goes_on_and_off_and_is_what_the_back_office_says(portal: Portal) -> None:
    unit, session = portal.row(portal.second), portal.session

    on = session.set_autopay(unit.id, on=True, method=portal.charged, key=portal.key)
    told = {row.rental_id: row for row in portal.bridge.adapters[on.account].autopay(portal.facility, portal.busy)}
    again = session.set_autopay(unit.id, on=True, method=portal.charged, key=portal.key)
    off = session.set_autopay(unit.id, on=False, key=portal.key)
    after = {row.rental_id: row for row in portal.bridge.adapters[on.account].autopay(portal.facility, portal.busy)}

    assert {on.outcome, again.outcome, off.outcome} == {Outcome.SETTLED}
    assert (told[unit.id].is_on, told[unit.id].state) == (True, AutopayState.CARD)
    assert not after[unit.id].is_on


@pytest.mark.fact("S0.34", "S0.35", "S0.36", "S0.37", "S1.29")
def test_a_move_out_is_written_told_to_staff_and_ends_nothing(portal: Portal) -> None:
    unit, leaving = portal.row(), date(2026, 12, 31)
    before = unit.autopay is not None and unit.autopay.state

    asked = portal.session.request_move_out(unit.id, leaving, key=portal.key)
    portal.later(minutes=1)

    row = portal.row()
    assert asked.outcome is Outcome.SETTLED
    assert (row.rental.state, row.rental.leaving_on) == (RentalState.NOTICE_GIVEN, leaving)
    assert row.rental.state.is_current
    assert (row.balances, row.autopay is not None and row.autopay.state) == (unit.balances, before)
    (mail,) = portal.outbox.mails
    assert "2026" in mail.text
    assert "31" in mail.text
    moved = portal.session.request_move_out(unit.id, leaving + timedelta(days=7), key=portal.key)
    assert moved.outcome is Outcome.SETTLED
    assert portal.row().rental.leaving_on == leaving + timedelta(days=7)
    stays = portal.session.cancel_move_out(unit.id, key=portal.key)
    assert stays.outcome is Outcome.SETTLED
    assert stays.emulated is (portal.row().rental.leaving_on is not None)  # by hand, where no call takes it back


@pytest.mark.fact(
    "S0.38", "S0.39", "S0.40", "S0.41", "S0.42", "S0.43", "S1.1", "S1.14", "S1.15", "S1.16", "S1.19",
    "S3.19",
)  # fmt: skip
def test_an_edit_changes_what_it_names_and_staff_hear_of_it_three_ways(portal: Portal) -> None:
    session = portal.session
    before = session.tenant()

    wanted = {"email": "new@example.com", "phone": "617-555-0199", "address.line2": "Apt 4"}

    edit = session.edit_contact(wanted, key=portal.key)
    portal.later(minutes=1)

    after = session.tenant()
    assert edit.outcome is Outcome.SETTLED
    assert (after.email, after.address.line2) == ("new@example.com", "Apt 4")
    assert after.phone is not None
    assert after.phone.digits.endswith("6175550199")
    assert after.name == before.name
    assert after.address.changed(line2=before.address.line2) == before.address
    view = session.action(edit.action_id)
    assert {step.name: step.outcome for step in view.notices} == dict.fromkeys(
        ("mail", "bulletin", "note"), Outcome.SETTLED
    )
    assert portal.outbox.mails[0].to == session.account().facility.email


@pytest.mark.fact("S0.44")
@only_sitelink
def test_a_changed_password_signs_in_and_the_old_one_does_not(portal: Portal) -> None:
    login, old = portal.login[0], portal.password

    view = portal.session.change_password(login, WebPassword("geheim42"), key=portal.key)

    assert view.outcome is Outcome.SETTLED
    opened = portal.bridge.accounts.sign_in(portal.facility, login, WebPassword("geheim42"))
    assert opened is not None
    assert opened.tenant_id == portal.busy
    former = portal.bridge.accounts.sign_in(portal.facility, login, old)
    assert former is None or former.tenant_id != portal.busy  # an older record of hers keeps the old one
