"""Money verbs of a tenant session, judged by what the back office holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pmsbridge.actions.plan import Submission
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnavailableError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, PaymentIntent
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault
from tests.portal.conftest import TEST_PAN, World, card

GATEWAY = ExternalPayment(gateway="stripe", reference="pi_test_0001")


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@pytest.mark.fact("S0.20", "S4.3")
def test_a_quote_is_paid_and_the_balance_is_gone(world: World) -> None:
    session = world.session()
    quote = session.quote("R1")

    view = session.pay(quote, card(), key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert quote.total == usd("120.00")
    row = session.account().rental("R1")
    assert row is not None
    assert row.balances.payable_now.is_zero


def test_the_same_click_never_pays_twice_and_gets_the_same_answer(world: World) -> None:
    session = world.session()
    first = session.pay_rental("R1", card(), key="click-0001")
    again = session.pay_rental("R1", card(), key="click-0001")

    assert world.payments == 1
    assert again.replayed
    assert (again.action_id, again.outcome) == (first.action_id, first.outcome)


@pytest.mark.parametrize("fault", [None, Fault.DROP_AFTER], ids=["settled", "pending"])
def test_a_click_that_comes_twice_at_once_gets_the_same_answer_twice(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    first, second = world.session(), world.session()
    if fault is not None:
        world.office.fail(fault, kind="take_payment")
    read, won = world.adapter.account, list[ActionView]()

    def overtaken(facility: str, tenant_id: str) -> TenantAccount:
        """Between the look at the journal and the read, the other one pays."""
        monkeypatch.setattr(world.adapter, "account", read)
        won.append(first.pay_rental("R1", card(), key="click-0001"))
        return read(facility, tenant_id)

    monkeypatch.setattr(world.adapter, "account", overtaken)
    lost = second.pay_rental("R1", card(), key="click-0001")

    assert (lost.action_id, lost.outcome, lost.replayed) == (won[0].action_id, won[0].outcome, True)
    world.later(minutes=10)
    assert world.payments == 1


def test_a_click_whose_twin_was_stored_while_it_could_not_read_is_not_told_that_nothing_was_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.session(), world.session()
    read = world.adapter.account

    def away(_facility: str, _tenant_id: str) -> TenantAccount:
        monkeypatch.setattr(world.adapter, "account", read)
        first.pay_rental("R1", card(), key="click-0001")
        raise UnavailableError("the back office is away")

    monkeypatch.setattr(world.adapter, "account", away)

    assert second.pay_rental("R1", card(), key="click-0001").outcome is Outcome.SETTLED
    assert world.payments == 1


def test_a_key_used_for_something_else_is_refused(world: World) -> None:
    session = world.session()
    session.pay_rental("R1", card(), key="click-0001")

    with pytest.raises(InputError, match="key"):
        session.pay_rental("R4", card(), key="click-0001")
    assert world.payments == 1


def test_a_lost_answer_is_pending_then_found_and_never_sent_again(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")

    view = session.pay_rental("R1", card(), key="click-0001")
    assert view.outcome is Outcome.PENDING

    world.later(minutes=10)
    assert session.action(view.action_id).outcome is Outcome.SETTLED
    assert world.payments == 1


@pytest.mark.fact("S0.22")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.LATE_COMMIT])
def test_a_second_click_with_a_new_key_attaches_to_the_unresolved_payment(world: World, fault: Fault) -> None:
    session = world.session()
    world.office.fail(fault, kind="take_payment", after=timedelta(seconds=30))
    first = session.pay_rental("R1", card(), key="click-0001")

    second = session.pay_rental("R1", card(), key="click-0002")

    assert second.attached
    assert second.action_id == first.action_id
    world.later(minutes=10)
    assert world.payments == 1
    assert session.pay_rental("R1", card(), key="click-0002").outcome is Outcome.SETTLED
    assert world.payments == 1


def test_paying_an_old_quote_while_its_payment_is_unresolved_attaches_too(world: World) -> None:
    session = world.session()
    quote = session.quote("R1")
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    first = session.pay(quote, card(), key="click-0001")

    second = session.pay(quote, card(), key="click-0002")

    assert second.attached
    assert second.action_id == first.action_id


def test_the_rest_of_a_balance_is_no_second_click_for_an_open_payment_of_the_same_amount(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    # The books hold it already, and 80 are left; less what we think is still open that looks like another 40.
    session.pay_rental("R1", GATEWAY, key="click-0001", amount=usd("40.00"))

    other = ExternalPayment(gateway="stripe", reference="pi_test_0002")
    with pytest.raises(IneligibleError) as refused:
        session.pay_rental("R1", other, key="click-0002")

    assert refused.value.code == "payment_being_confirmed"
    world.later(minutes=10)
    rest = session.pay_rental("R1", other, key="click-0002")
    assert (rest.outcome, rest.attached) == (Outcome.SETTLED, False)
    assert [part.amount for row in world.office.of_kind("take_payment") for part in row.effect.parts] == [  # type: ignore[attr-defined]
        usd("40.00"),
        usd("80.00"),
    ]


@pytest.mark.fact("S0.29")
def test_pay_all_leaves_out_what_is_still_being_confirmed(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.LATE_COMMIT, kind="take_payment", after=timedelta(seconds=30))
    session.pay_rental("R1", card(), key="click-0001")

    session.pay_all(GATEWAY, key="click-0002")
    world.later(minutes=10)

    paid = [part.rental_id for row in world.office.of_kind("take_payment") for part in row.effect.parts]  # type: ignore[attr-defined]
    assert sorted(paid) == ["R1", "R4"]


def test_a_card_never_waits_behind_an_unresolved_payment_of_the_same_tenant(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    session.pay_rental("R1", card(), key="click-0001")

    before = world.clock.now()
    with pytest.raises(IneligibleError) as refused:
        session.pay_rental("R4", card(), key="click-0002")

    assert refused.value.code == "payment_being_confirmed"
    assert world.clock.now() == before
    offers = [o for o in session.available_actions() if o.kind.value == "pay_rental"]
    assert {offer.code for offer in offers} <= {"payment_being_confirmed", "nothing_due"}
    world.later(minutes=10)
    assert world.payments == 1
    assert session.pay_rental("R4", card(), key="click-0002").outcome is Outcome.SETTLED


@pytest.mark.fact("S0.27")
def test_pay_all_is_one_payment_with_a_part_per_rental(world: World) -> None:
    session = world.session()

    view = session.pay(session.quote_all(), card(), key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert world.payments == 1
    assert session.account().total.payable_now.is_zero


@pytest.mark.fact("S0.21")
def test_a_quote_is_refused_when_the_balance_moved(world: World) -> None:
    session = world.session()
    quote = session.quote("R1")
    session.pay_rental("R1", GATEWAY, key="click-0001", amount=usd("20.00"))

    with pytest.raises(IneligibleError) as refused:
        session.pay(quote, card(), key="click-0002")

    assert refused.value.code == "balance_moved"
    assert world.payments == 1


def test_a_quote_that_is_too_old_is_refused(world: World) -> None:
    session = world.session()
    quote = session.quote("R1")
    world.clock.advance(timedelta(minutes=31))

    with pytest.raises(IneligibleError) as refused:
        session.pay(quote, card(), key="click-0001")
    assert refused.value.code == "quote_expired"


def test_a_quote_of_another_tenant_is_refused(world: World) -> None:
    quote = world.session("T2").quote("R2")

    with pytest.raises(InputError):
        world.session("T1").pay(quote, card(), key="click-0001")
    assert world.payments == 0


@pytest.mark.fact("S0.1")
def test_a_rental_of_another_tenant_cannot_be_paid_or_seen(world: World) -> None:
    session = world.session("T1")

    for reach in (
        lambda: session.quote("R2"),
        lambda: session.pay_rental("R2", card(), key="click-0001"),
        lambda: session.payments("R2"),
        lambda: session.ledger("R2"),
        lambda: session.notes("R2"),
        lambda: session.unit("R2"),
        lambda: session.available_actions("R2"),
        lambda: session.cancel_move_out("R2", key="click-0002"),
        lambda: session.set_autopay("R2", on=False, key="click-0003"),
        lambda: session.add_note("R2", "hello", key="click-0004"),
    ):
        with pytest.raises(NotFoundError):
            reach()
    assert not world.office.applied


def test_a_declined_card_changes_nothing_and_a_new_key_may_try_again(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.REJECT, kind="take_payment")

    declined = session.pay_rental("R1", card(), key="click-0001")
    paid = session.pay_rental("R1", card(), key="click-0002")

    assert (declined.outcome, paid.outcome) == (Outcome.DECLINED, Outcome.SETTLED)
    assert world.payments == 1


def test_a_card_that_certainly_never_left_ends_not_sent(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.REFUSE, kind="take_payment")

    view = session.pay_rental("R1", card(), key="click-0001")

    assert view.outcome is Outcome.NOT_SENT
    world.later(hours=1)
    assert world.payments == 0


def test_a_recorded_gateway_payment_is_never_given_up_because_the_back_office_is_away(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.REFUSE, kind="take_payment", times=3)

    view = session.pay_rental("R1", GATEWAY, key="click-0001")
    assert view.outcome is Outcome.PENDING

    for _ in range(10):
        world.later(minutes=15)
    assert session.action(view.action_id).outcome is Outcome.SETTLED
    assert world.payments == 1


@pytest.mark.fact("S0.23")
def test_the_card_is_wiped_whatever_happens(world: World) -> None:
    session = world.session()
    refused, paid = card(), card()
    with pytest.raises(NotFoundError):
        session.pay_rental("R2", refused, key="click-0001")
    session.pay_rental("R1", paid, key="click-0002")

    assert refused.is_wiped
    assert paid.is_wiped


@pytest.mark.fact("S0.23")
def test_the_card_number_is_nowhere_in_the_database_files(world: World) -> None:
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    world.session().pay_rental("R1", card(), key="click-0001")

    held = b"".join(path.read_bytes() for path in world.path.parent.iterdir())

    assert TEST_PAN.encode() not in held
    assert b"1111" in held


@pytest.mark.fact("S0.25", "S0.26")
def test_prepaying_everything_needs_a_zero_balance_and_bills_first(world: World) -> None:
    session = world.session()
    with pytest.raises(IneligibleError) as refused:
        session.prepay(3, card(), key="click-0001")
    assert refused.value.code == "balance_not_zero"
    session.pay_all(card(), key="click-0002")

    view = session.prepay(3, card(), key="click-0003")

    assert view.outcome is Outcome.SETTLED
    kinds = [row.effect.kind for row in world.office.applied]  # type: ignore[attr-defined]
    assert kinds == ["take_payment", "post_future_charges", "take_payment"]


@pytest.mark.fact("S0.25")
@pytest.mark.parametrize("months", [0, 13, -1])
def test_prepaying_thirteen_months_is_refused_before_anything_is_asked(world: World, months: int) -> None:
    session = world.session()
    session.pay_all(card(), key="click-0001")

    with pytest.raises(IneligibleError) as refused:
        session.quote_prepay(months)
    assert refused.value.code == "months_out_of_range"


def test_a_prepayment_whose_payment_fails_tells_staff_that_the_charges_stayed(world: World) -> None:
    session = world.session()
    session.pay_all(card(), key="click-0001")
    world.office.fail(Fault.REJECT, kind="take_payment")

    view = session.prepay(1, card(), key="click-0002")

    assert view.outcome is Outcome.DECLINED
    assert view.partial
    posts = [row.effect for row in world.office.of_kind("post_bulletin")]
    assert any("remove the future charges" in post.body for post in posts)  # type: ignore[attr-defined]


def test_prepay_is_quoted_per_rental(world: World) -> None:
    session = world.session()
    session.pay_all(card(), key="click-0001")

    quote = session.quote_prepay(2, "R1")

    assert quote.intent is PaymentIntent.PREPAY
    assert [line.rental_id for line in quote.lines] == ["R1"]
    assert quote.total == usd("240.00")


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001", "120.01"])
def test_an_amount_that_cannot_be_paid_is_refused(world: World, amount: str) -> None:
    with pytest.raises(IneligibleError):
        world.session().pay_rental("R1", card(), key="click-0001", amount=usd(amount))
    assert world.payments == 0


def test_a_card_number_as_text_is_no_way_to_pay(world: World) -> None:
    with pytest.raises(InputError) as refused:
        world.session().pay_rental("R1", TEST_PAN, key="click-0001")  # type: ignore[arg-type]

    assert TEST_PAN not in str(refused.value)
    assert refused.value.field == "means"


@pytest.mark.parametrize("key", ["short", "has a space", "x" * 201, "tab\tinside"])
def test_a_bad_key_is_refused_before_anything(world: World, key: str) -> None:
    with pytest.raises(InputError) as refused:
        world.session().pay_rental("R1", card(), key=key)
    assert refused.value.field == "key"


def test_money_is_never_decided_on_an_old_copy(world: World) -> None:
    session = world.session()
    session.account()
    world.office.failing_reads = 9

    with pytest.raises(UnavailableError):
        session.pay_rental("R1", card(), key="click-0001")
    assert world.payments == 0


def test_a_lost_answer_does_not_keep_the_person_waiting_for_the_settle_window(world: World) -> None:
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    before = world.clock.now()

    view = world.session().pay_rental("R1", card(), key="click-0001")

    assert view.outcome is Outcome.PENDING
    assert world.clock.now() - before < timedelta(seconds=1)


def test_a_quote_is_paid_by_its_id_alone_and_an_altered_one_is_refused(world: World) -> None:
    session = world.session()
    quote = session.quote_all()
    cheaper = quote.changed(lines=(quote.lines[0].changed(amount=usd("1.00")), *quote.lines[1:]))

    with pytest.raises(InputError):
        session.pay(cheaper, card(), key="click-0001")
    assert world.payments == 0

    assert session.pay(quote.id, card(), key="click-0002").outcome is Outcome.SETTLED
    with pytest.raises(InputError):
        world.session("T2").pay(quote.id, card(), key="click-0003")


def test_a_click_judged_before_another_payment_settled_is_refused_not_paid(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = world.session(), world.session()
    submit = world.runtime.submit

    def interrupted(submission: Submission, **more: object) -> ActionView:
        monkeypatch.setattr(world.runtime, "submit", submit)
        quick.pay_rental("R1", card(), key="click-0001")
        return submit(submission, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(world.runtime, "submit", interrupted)
    with pytest.raises(IneligibleError) as refused:
        slow.pay_rental("R1", card(), key="click-0002")

    assert refused.value.code == "balance_moved"
    assert world.payments == 1


def test_two_payments_the_back_office_does_not_show_yet_are_both_taken_into_account(world: World) -> None:
    world.office.lag = timedelta(seconds=50)
    session = world.session()
    session.pay_rental("R1", GATEWAY, key="click-0001", amount=usd("30.00"))
    other = ExternalPayment(gateway="stripe", reference="pi_test_0002")
    session.pay_rental("R1", other, key="click-0002", amount=usd("40.00"))

    row = session.account().rental("R1")
    assert row is not None
    assert row.balances.payable_now == usd("50.00")
    assert row.balances.ledger == usd("50.00")

    world.later(minutes=10)
    row = session.account().rental("R1")
    assert row is not None
    assert row.balances.ledger == usd("50.00")


def test_a_fee_posted_while_a_payment_is_unknown_waits_until_that_is_over(world: World) -> None:
    """A read with more than was known may as well be of a time before something the desk took."""
    session = world.session()
    world.office.fail(Fault.LATE_COMMIT, kind="take_payment", after=timedelta(seconds=30))
    session.pay_rental("R1", card(), key="click-0001")
    world.office.books.enter("F1", "R1", EntryKind.CHARGE, usd("5.00"), world.clock.now(), "Fee")

    row = session.account().rental("R1")
    assert row is not None
    assert (row.balances.ledger, row.balances.payable_now) == (usd("125.00"), usd("0.00"))
    for amount in (usd("125.00"), usd("5.00")):
        with pytest.raises(IneligibleError) as refused:
            session.pay_rental("R1", GATEWAY, key="click-0002", amount=amount)
        assert refused.value.code == "payment_being_confirmed"

    world.later(minutes=10)
    world.runtime.sweep()
    row = session.account().rental("R1")
    assert row is not None
    assert row.balances.payable_now == usd("5.00")
    assert session.pay_rental("R1", card(), key="click-0003").outcome is Outcome.SETTLED
    row = session.account().rental("R1")
    assert row is not None
    assert row.balances.ledger == usd("0.00")


def test_a_prepayment_shows_no_phantom_credit(world: World) -> None:
    session = world.session()
    session.pay_all(card(), key="click-0001")
    world.later(minutes=10)

    session.prepay(2, card(), key="click-0002")

    for row in session.account().rentals:
        assert row.balances.ledger.is_zero
        assert row.balances.credit.is_zero


def test_another_amount_is_never_answered_by_the_payment_that_is_being_confirmed(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    first = session.pay_rental("R1", GATEWAY, key="click-0001", amount=usd("40.00"))
    other = ExternalPayment(gateway="stripe", reference="pi_test_0002")

    with pytest.raises(IneligibleError) as refused:
        session.pay_rental("R1", other, key="click-0002", amount=usd("100.00"))

    assert refused.value.code == "amount_exceeds_balance"
    assert first.outcome is Outcome.PENDING


def test_a_second_gateway_charge_that_is_not_recorded_is_reported_for_a_refund(world: World) -> None:
    session = world.session()
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    session.pay_rental("R1", GATEWAY, key="click-0001")
    again = session.pay_rental("R1", GATEWAY, key="click-0002")
    assert again.attached
    assert not [f for f in world.runtime.findings.open() if f.finding.code == "second_gateway_charge"]

    other = ExternalPayment(gateway="stripe", reference="pi_test_0002")
    view = session.pay_rental("R1", other, key="click-0003")

    assert view.attached
    (found,) = [f for f in world.runtime.findings.open() if f.finding.code == "second_gateway_charge"]
    assert "pi_test_0002" in found.finding.text
    assert any("pi_test_0002" in str(entry) for entry in world.runtime.trail(view.action_id))


@pytest.mark.fact("S0.16")
def test_the_page_of_one_rental_has_its_unit_and_the_date_of_the_last_payment(world: World) -> None:
    session = world.session()
    session.pay_rental("R1", card(), key="click-0001")

    row = session.rental("R1")

    assert row.unit is not None
    assert row.unit.number == "015"
    assert row.last_payment_on is not None
    assert session.rental("R4").last_payment_on is None
    with pytest.raises(NotFoundError):
        session.rental("R2")
