"""From a verb to its effects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from pmsbridge.actions.effects import AddNote, PostBulletin, PostFutureCharges, SendMail, TakePayment
from pmsbridge.actions.plan import Plan, When
from pmsbridge.actions.plans import Planner
from pmsbridge.actions.quotes import PaymentQuote, line_of, refuse_moved_balance
from pmsbridge.errors import IneligibleError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.payments import CardPayment, ExternalPayment, PaymentIntent
from pmsbridge.model.sealed import CardBrand, CardFace
from tests import builders as make

CARD = CardPayment(face=CardFace(brand=CardBrand.VISA, last4="4242"))
GATEWAY = ExternalPayment(gateway="stripe", reference="pi_test_0001")
TOGETHER = frozenset({"card"})
SOON = (make.TODAY + timedelta(days=7), make.TODAY + timedelta(days=10))


def planner(of: TenantAccount, *, native: frozenset[str] = make.ALL_NATIVE, action_id: str = "act_1") -> Planner:
    return Planner(
        account=of, action_id=action_id, native=native, today=make.TODAY, scribe=make.scribe(of.facility)
    )  # fmt: skip


def quote(of: TenantAccount, intent: PaymentIntent = PaymentIntent.ALL_RENTALS, **more: int) -> PaymentQuote:
    lines = [line_of(row, amount=make.usd("120.00")) for row in of.rentals]
    return PaymentQuote.make(of, intent, lines, months=more.get("months"))


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


TWO = make.account(make.row(), make.row("R2", number="A-12"))


def test_a_card_pays_several_rentals_in_one_payment_where_the_back_office_can() -> None:
    plan = planner(TWO).payment(quote(TWO), CARD, pays_together=TOGETHER)

    (step,) = plan.steps
    assert isinstance(step.effect, TakePayment)
    assert step.effect.total == make.usd("240.00")
    assert len(step.guards) == 2


def test_means_that_cannot_pay_together_become_one_payment_per_rental() -> None:
    plan = planner(TWO).payment(quote(TWO), GATEWAY, pays_together=TOGETHER)

    assert names(plan) == ["payment.1", "payment.2"]
    assert len({step.key for step in plan.steps}) == 2


@pytest.mark.fact("S0.29")
def test_pay_one_and_pay_all_share_the_guard_of_a_rental_and_amount() -> None:
    one = make.account(make.row())
    single = planner(one, action_id="act_a").payment(quote(one, PaymentIntent.BALANCE), CARD, pays_together=TOGETHER)
    both = planner(TWO, action_id="act_b").payment(quote(TWO), CARD, pays_together=TOGETHER)

    assert set(single.steps[0].guards) < set(both.steps[0].guards)


def test_the_same_action_always_plans_the_same_keys() -> None:
    first = planner(TWO).edit_contact({"phone": "1"}, {"phone": "2"})
    again = planner(TWO).edit_contact({"phone": "1"}, {"phone": "2"})
    other = planner(TWO, action_id="act_2").edit_contact({"phone": "1"}, {"phone": "2"})

    assert first == again
    assert {s.key for s in first.steps}.isdisjoint(s.key for s in other.steps)


def test_a_contact_edit_is_one_write_and_three_notices_that_wait_for_it() -> None:
    plan = planner(TWO).edit_contact({"phone": "312 555 0199"}, {"phone": "(312) 555-0101"})

    edit, *notices = plan.steps
    assert edit.is_principal
    assert {type(step.effect) for step in notices} == {SendMail, PostBulletin, AddNote}
    assert all(step.after == "edit" and step.when is When.SETTLED and not step.is_principal for step in notices)
    note = next(step.effect for step in notices if isinstance(step.effect, AddNote))
    assert "(312) 555-0101 -> 312 555 0199" in note.text


def test_without_a_facility_address_the_notices_say_that_no_mail_went_out() -> None:
    of = make.account(make.row(), at=make.facility(email=""))

    plan = planner(of).edit_contact({"phone": "1"}, {})

    assert names(plan) == ["edit", "bulletin", "note"]
    bulletin = plan.steps[1].effect
    assert isinstance(bulletin, PostBulletin)
    assert "No mail was sent" in bulletin.body


def told(kind: str, *ways: str, of: TenantAccount = TWO) -> list[str]:
    one = dataclasses.replace(planner(of, native=make.ALL_NATIVE - {"schedule_move_out"}), ways={kind: frozenset(ways)})
    if kind == "change_contact":
        return names(one.edit_contact({"phone": "1"}, {}))
    return names(one.move_out(of.rentals[0], make.TODAY + timedelta(days=30)))


NO_ADDRESS = make.account(make.row(), at=make.facility(email=""))


def test_staff_are_told_by_the_ways_the_back_office_has() -> None:
    assert told("change_contact", "mail", "note") == ["edit", "mail", "note"]
    assert told("change_contact", "bulletin") == ["edit", "bulletin"]


def test_a_kind_that_nobody_spoke_of_is_told_every_way() -> None:
    one = dataclasses.replace(planner(TWO), ways={"schedule_move_out": frozenset({"mail"})})

    assert names(one.edit_contact({"phone": "1"}, {})) == ["edit", "mail", "bulletin", "note"]


def test_a_task_that_cannot_be_posted_is_a_note_or_a_mail_and_one_of_them_is_the_action() -> None:
    assert told("schedule_move_out", "mail", "note") == ["mail", "note"]
    assert told("schedule_move_out", "mail") == ["mail"]


def test_staff_are_mailed_where_no_other_way_is_left() -> None:
    assert told("change_contact") == ["edit", "mail"]
    assert told("schedule_move_out") == ["mail"]
    assert told("change_contact", "note", of=make.account()) == ["edit", "mail"]


def test_where_nobody_can_be_told_the_action_is_refused_and_not_silently_done() -> None:
    assert told("schedule_move_out", of=NO_ADDRESS) == ["bulletin"]
    assert told("change_contact", of=NO_ADDRESS) == ["edit"]  # the portal leaves a finding


def test_a_post_names_whom_it_is_about_only_where_the_back_office_reads_it() -> None:
    plain = planner(TWO).ask_staff("Door", "It sticks.")
    beside = dataclasses.replace(planner(TWO), posts_beside=True).ask_staff("Door", "It sticks.")

    (post,) = [step.effect for step in plain.steps if isinstance(step.effect, PostBulletin)]
    (aimed,) = [step.effect for step in beside.steps if isinstance(step.effect, PostBulletin)]
    assert (post.tenant_id, post.rental_id) == (None, None)
    assert (aimed.tenant_id, aimed.rental_id) == (TWO.tenant.id, TWO.rentals[0].id)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("set_language", lambda one: one.language("fr")),
        ("order", lambda one: one.order("Lock", "Two locks.")),
        ("ask_staff", lambda one: one.ask_staff("Door", "It sticks.")),
        ("schedule_move_out", lambda one: one.transfer(TWO.rentals[0], make.unit(), *SOON, comment="")),
        ("reserve_unit", lambda one: by_hand(one).transfer(TWO.rentals[0], make.unit(), *SOON, comment="")),
    ],
)
def test_every_request_is_told_by_the_ways_of_its_own_kind(kind: str, step: Callable[[Planner], Plan]) -> None:
    everywhere = planner(TWO)
    by_mail = dataclasses.replace(everywhere, ways={kind: frozenset({"mail"})})

    assert set(names(step(everywhere))) - {"reservation", "move_out"} == {"mail", "bulletin", "note"}
    assert set(names(step(by_mail))) - {"reservation", "move_out"} == {"mail"}


def by_hand(one: Planner) -> Planner:
    return dataclasses.replace(one, native=one.native - {"reserve_unit"})


@pytest.mark.parametrize("ways", [(), ("bulletin",), ("note", "bulletin", "mail")])
def test_the_day_by_which_staff_follow_up_stands_on_the_post_even_where_nobody_could_be_told(
    ways: tuple[str, ...],
) -> None:
    one = dataclasses.replace(planner(TWO if ways else NO_ADDRESS), ways={"ask_staff": frozenset(ways)})

    posts = [step.effect for step in one.ask_staff("Door", "It sticks.", due_on=SOON[0]).steps]

    assert [post.due_on for post in posts if isinstance(post, PostBulletin)] == [SOON[0]]


@pytest.mark.fact("S0.35")
def test_what_is_not_native_becomes_a_staff_task_that_says_so() -> None:
    native = make.ALL_NATIVE - {"schedule_move_out"}

    plan = planner(TWO, native=native).move_out(TWO.rentals[0], make.TODAY + timedelta(days=30))

    assert plan.is_emulated
    chiefs = [step for step in plan.steps if step.is_principal]
    assert [(s.effect.kind, s.emulates) for s in chiefs] == [("add_note", "schedule_move_out")]
    assert "2026-12-21" in next(s.effect.text for s in chiefs if isinstance(s.effect, AddNote))


def test_a_whole_prepayment_bills_the_months_first_and_tells_staff_when_the_payment_fails() -> None:
    of = make.account(make.row(balance="0"))

    plan = planner(of).payment(quote(of, PaymentIntent.PREPAY, months=3), CARD, pays_together=TOGETHER)

    charges, payment, remorse = plan.steps
    assert isinstance(charges.effect, PostFutureCharges)
    assert (payment.after, payment.when) == ("future_charges", When.SETTLED)
    assert (remorse.after, remorse.when, remorse.is_principal) == ("payment.1", When.FAILED, False)


def test_prepaying_one_of_several_rentals_never_bills_the_others() -> None:
    of = make.account(make.row(balance="0"), make.row("R2", balance="0"))
    one = PaymentQuote.make(of, PaymentIntent.PREPAY, [line_of(of.rentals[0], amount=make.usd("120.00"))], months=1)

    plan = planner(of).payment(one, CARD, pays_together=TOGETHER)

    assert [step.effect.kind for step in plan.steps] == ["take_payment"]


def test_a_quote_is_refused_when_the_balance_moved_or_it_is_too_old() -> None:
    made = quote(TWO)
    moved = make.account(make.row(balances=Balances.of_ledger(make.usd("0"))), make.row("R2", number="A-12"))

    refuse_moved_balance(made, TWO, make.NOW)
    with pytest.raises(IneligibleError) as refused:
        refuse_moved_balance(made, moved, make.NOW)
    assert refused.value.code == "balance_moved"
    with pytest.raises(IneligibleError) as expired:
        refuse_moved_balance(made, TWO, made.valid_until)
    assert expired.value.code == "quote_expired"


@pytest.mark.fact("S1.17")
def test_a_legal_name_change_is_flagged_to_staff() -> None:
    plan = planner(TWO).edit_contact({"name.last": "Smith"}, {"name.last": "Müller"})

    assert "check the lease" in next(s.effect.text for s in plan.steps if isinstance(s.effect, AddNote))


def test_a_mail_subject_can_never_carry_a_second_header() -> None:
    plan = planner(TWO).ask_staff("Hello\r\nBcc: a@example.test", "text")

    mail = next(s.effect for s in plan.steps if isinstance(s.effect, SendMail))
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject


@pytest.mark.fact("S0.37")
def test_a_move_out_tells_staff_the_date_and_that_the_rental_runs_on() -> None:
    plan = planner(TWO).move_out(TWO.rentals[0], date(2026, 12, 31))

    bulletin = next(s.effect for s in plan.steps if isinstance(s.effect, PostBulletin))
    assert "2026-12-31" in bulletin.body
    assert "runs on" in bulletin.body
