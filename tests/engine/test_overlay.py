from __future__ import annotations

from datetime import date, timedelta

import pytest

from pmsbridge.actions.effects import CancelMoveOut, SetConsent
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.payments import Autopay, AutopayState, PaymentMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.record import Source
from pmsbridge.model.rental import RentalState
from pmsbridge.model.sealed import BankAccountFace, BankAccountKind, CardBrand, CardFace
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault
from tests.engine.stage import WINDOW, Stage, action_id, autopay, edit, move_out, pay, step, submission, take, usd


def _read(stage: Stage) -> TenantAccount:
    return stage.adapter.account("F1", "T1")


def _payable(account: TenantAccount, rental: str = "R1") -> str:
    row = account.rental(rental)
    assert row is not None
    return str(row.balances.payable_now)


def test_an_account_without_writes_of_ours_is_returned_as_it_is(stage: Stage) -> None:
    account = _read(stage)

    assert stage.runtime().overlaid(account) is account


def test_a_settled_payment_shows_on_an_older_read(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    runtime.submit(pay(amount="50.00"))

    shown = runtime.overlaid(account)

    assert shown.source is Source.OVERLAY
    assert _payable(shown) == "70.00 USD"
    assert shown.rental("R1").balances.ledger == usd("70.00")  # type: ignore[union-attr]
    assert _payable(shown, "R4") == "120.00 USD"
    assert account.source is Source.LIVE


def test_a_read_that_already_shows_the_payment_is_not_reduced_twice(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.mirror.save_account(_read(stage))
    runtime.submit(pay(amount="50.00"))
    stage.later(timedelta(seconds=1))

    fresh = _read(stage)

    assert _payable(fresh) == "70.00 USD"
    assert _payable(runtime.overlaid(fresh)) == "70.00 USD"


def test_a_read_that_lags_behind_the_payment_shows_it_all_the_same(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.lag = timedelta(seconds=40)
    runtime.mirror.save_account(_read(stage))
    runtime.submit(pay(amount="50.00"))
    stage.later(timedelta(seconds=1))

    lagging = _read(stage)

    assert _payable(lagging) == "120.00 USD"
    assert _payable(runtime.overlaid(lagging)) == "70.00 USD"


def test_a_payment_being_confirmed_lowers_only_what_may_be_paid_now(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    stage.office.fail(Fault.DROP_BEFORE)
    assert runtime.submit(pay()).outcome is Outcome.PENDING

    shown = runtime.overlaid(account)

    assert _payable(shown) == "0.00 USD"
    assert shown.rental("R1").balances.ledger == usd("120.00")  # type: ignore[union-attr]


def _with_ledger(account: TenantAccount, ledger: str) -> TenantAccount:
    """The account as a read shows it when all that R1 owes is this."""
    rows = tuple(
        row.changed(balances=row.balances.changed(ledger=usd(ledger), due=usd(ledger), payable_now=usd(ledger)))
        if row.id == "R1" else row
        for row in account.rentals
    )  # fmt: skip
    return account.changed(rentals=rows)


@pytest.mark.parametrize("fault", [None, Fault.DROP_AFTER])
def test_what_the_desk_took_is_not_asked_for_again_by_a_read_that_is_older(stage: Stage, fault: Fault | None) -> None:
    """The desk took 40 of 120, 80 were paid; a later read lags behind both."""
    runtime, account = stage.runtime(), _read(stage)
    runtime.mirror.save_account(_with_ledger(account, "80.00"))
    if fault is not None:
        stage.office.fail(fault)
    runtime.submit(pay(amount="80.00"))
    stage.later(timedelta(seconds=1))

    shown = runtime.overlaid(account.changed(as_of=stage.clock.now()))

    assert _payable(shown) == "0.00 USD"
    assert _payable(shown, "R4") == "120.00 USD"


def test_what_was_judged_counts_before_anything_was_sent_and_after_a_read_that_is_older(stage: Stage) -> None:
    runtime, account = stage.runtime(), _read(stage)
    asked = take("click-0001", amount="80.00").changed(known_before={"R1": "80.00"})
    stage.office.fail(Fault.REFUSE)
    runtime.submit(submission("click-0001", "pay_rental", [asked]))
    assert runtime.action(action_id("click-0001")).outcome is Outcome.PENDING
    stage.later(timedelta(seconds=1))
    older = account.changed(as_of=stage.clock.now())
    assert _payable(runtime.overlaid(older)) == "0.00 USD"

    runtime.mirror.save_account(older)
    stage.office.fail(Fault.DROP_AFTER)
    stage.later(timedelta(minutes=2))
    runtime.sweep()

    (sent,) = runtime.journal.action(action_id("click-0001")).effects
    assert (sent.first_sent_at is not None, dict(sent.known_before)) == (True, {"R1": "80.00"})
    assert _payable(runtime.overlaid(older.changed(as_of=stage.clock.now()))) == "0.00 USD"


def test_part_after_part_may_be_paid_while_the_first_is_being_confirmed(stage: Stage) -> None:
    runtime, account = stage.runtime(), _read(stage)
    runtime.mirror.save_account(account)
    left = []
    for number, amount in enumerate(("50.00", "30.00", "20.00")):
        stage.office.fail(Fault.DROP_BEFORE)
        runtime.submit(pay(f"click-000{number}", amount=amount))
        stage.later(timedelta(seconds=1))
        left.append(_payable(runtime.overlaid(account.changed(as_of=stage.clock.now()))))

    assert left == ["70.00 USD", "40.00 USD", "20.00 USD"]


@pytest.mark.parametrize("read", ["70.00", "120.00"])
def test_what_is_known_before_a_payment_may_include_those_before_it_or_not(stage: Stage, read: str) -> None:
    """50 of 120 are booked, then 60 are on their way: 10 are left, whatever was read between the two."""
    runtime, account = stage.runtime(), _read(stage)
    runtime.mirror.save_account(account)
    runtime.submit(pay("click-0001", amount="50.00"))
    stage.later(timedelta(seconds=1))
    runtime.mirror.save_account(_with_ledger(account, read))
    stage.office.fail(Fault.DROP_BEFORE)
    runtime.submit(pay("click-0002", amount="60.00"))
    stage.later(timedelta(seconds=1))

    shown = runtime.overlaid(account.changed(as_of=stage.clock.now()))

    assert _payable(shown) == "10.00 USD"


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.REFUSE])
def test_what_is_not_over_for_weeks_holds_back_its_own_amount_and_no_more(stage: Stage, fault: Fault) -> None:
    """100 of 120 are unknown, or not sent, and nobody looks; the rent of the next months comes."""
    runtime, account = stage.runtime(), _read(stage)
    runtime.mirror.save_account(account)
    stage.office.fail(fault)
    asked = take("click-0001", amount="100.00").changed(known_before={"R1": "120.00"})
    assert runtime.submit(submission("click-0001", "pay_rental", [asked])).outcome is Outcome.PENDING
    billed = _with_ledger(account, "420.00")
    assert _payable(runtime.overlaid(billed.changed(as_of=stage.clock.now() + WINDOW))) == "20.00 USD"

    later = billed.changed(as_of=stage.clock.now() + WINDOW + timedelta(seconds=1))

    assert _payable(runtime.overlaid(later)) == "320.00 USD"


def test_a_charge_that_came_since_is_asked_for_once_the_window_is_over(stage: Stage) -> None:
    runtime, account = stage.runtime(), _read(stage)
    runtime.mirror.save_account(account)
    runtime.submit(pay(amount="120.00"))
    stage.later(timedelta(seconds=1))
    charged = _with_ledger(account, "25.00")
    assert _payable(runtime.overlaid(charged.changed(as_of=stage.clock.now()))) == "0.00 USD"
    stage.later(WINDOW + timedelta(minutes=5))

    assert _payable(runtime.overlaid(charged.changed(as_of=stage.clock.now()))) == "25.00 USD"


def test_a_declined_payment_shows_nowhere(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    stage.office.fail(Fault.REJECT)
    runtime.submit(pay())

    assert runtime.overlaid(account) is account


def test_paying_more_than_is_due_shows_a_credit(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    runtime.submit(pay(amount="200.00"))

    balances = runtime.overlaid(account).rental("R1").balances  # type: ignore[union-attr]

    assert (balances.payable_now, balances.credit) == (usd("0.00"), usd("80.00"))


def test_a_scheduled_move_out_gives_notice_and_a_cancelled_one_takes_it_back(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    runtime.submit(move_out())
    leaving = runtime.overlaid(account).rental("R1").rental  # type: ignore[union-attr]
    cancel = CancelMoveOut(account="mem", facility="F1", tenant_id="T1", rental_id="R1")
    runtime.submit(submission("click-cancel", "cancel_move_out", [step("click-cancel", "cancel", cancel)]))
    staying = runtime.overlaid(account).rental("R1").rental  # type: ignore[union-attr]

    assert (leaving.state, leaving.leaving_on) == (RentalState.NOTICE_GIVEN, date(2026, 12, 31))
    assert leaving.state.is_current
    assert (staying.state, staying.leaving_on) == (RentalState.ACTIVE, None)


def test_contact_consent_and_autopay_show_at_once(stage: Stage) -> None:
    runtime = stage.runtime()
    account = _read(stage)
    stage.later(timedelta(seconds=1))
    changes = {"email": "new@example.test", "phone": "512-555-0000", "name.last": "Meier", "address.city": "Dallas"}
    runtime.submit(edit("click-edit", **changes))
    consent = SetConsent(
        account="mem", facility="F1", tenant_id="T1", channel=ConsentChannel.SMS, purpose=ConsentPurpose.MARKETING,
        granted=True,
    )  # fmt: skip
    runtime.submit(submission("click-sms", "set_consent", [step("click-sms", "consent", consent)]))
    runtime.submit(autopay("click-auto", on=False))

    shown = runtime.overlaid(account)

    assert (shown.tenant.email, shown.tenant.name.last) == ("new@example.test", "Meier")
    assert shown.tenant.phone.raw == "512-555-0000"  # type: ignore[union-attr]
    assert shown.tenant.address.city == "Dallas"
    assert shown.tenant.address.line1 == account.tenant.address.line1
    assert shown.tenant.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING) is True
    assert shown.rental("R1").autopay.state is AutopayState.OFF  # type: ignore[union-attr]


def test_autopay_of_which_only_is_known_that_it_is_on_shows_as_off_once_it_is(stage: Stage) -> None:
    runtime, account = stage.runtime(), _read(stage)
    told = Autopay(rental_id="R1", state=AutopayState.UNKNOWN, is_enrolled=True)
    account = account.changed(rentals=tuple(
        each.changed(autopay=told) if each.id == "R1" else each for each in account.rentals
    ))  # fmt: skip
    stage.later(timedelta(seconds=1))
    runtime.submit(autopay(on=False))

    after = runtime.overlaid(account).rental("R1").autopay  # type: ignore[union-attr]

    assert after is not None
    assert (after.state, after.is_enrolled) == (AutopayState.OFF, False)


CARD = CardFace(brand=CardBrand.VISA, last4="1111", expires_on=date(2031, 1, 31))
BANK = BankAccountFace(kind=BankAccountKind.CONSUMER_CHECKING, last4="7654")


@pytest.mark.parametrize(
    ("state", "read", "face", "named", "shown"),
    [
        ("off", None, None, "m1", ("unknown", "")),
        ("unknown", None, None, "m1", ("unknown", "")),
        ("card", None, None, "m1", ("card", "m1")),
        ("bank_debit", None, None, "m1", ("bank_debit", "m1")),
        ("card", CARD, None, "m2", ("card", "")),
        ("off", CARD, None, "m1", ("card", "m1")),
        ("unknown", BANK, None, "m1", ("bank_debit", "m1")),
        ("card", CARD, BANK, "m2", ("bank_debit", "")),
        ("card", CARD, CARD, "m1", ("card", "m1")),
    ],
)
def test_autopay_by_what_is_stored_keeps_what_is_known_and_shows_no_other_method(
    stage: Stage, state: str, read: CardFace | BankAccountFace | None, face: CardFace | BankAccountFace | None,
    named: str, shown: tuple[str, str],
) -> None:  # fmt: skip
    """``m1`` is what was read as charged."""
    runtime, account = stage.runtime(), _read(stage)
    row = account.rental("R1")
    assert row is not None
    method = PaymentMethod(ref=row.rental.ref.changed(entity="payment_method", id="m1"), tenant_id="T1", face=read)
    is_read = (state in {"card", "bank_debit"}) or read is not None
    told = Autopay(rental_id="R1", state=AutopayState(state), method=method if is_read else None)
    account = account.changed(rentals=tuple(
        each.changed(autopay=told) if each.id == "R1" else each for each in account.rentals
    ))  # fmt: skip
    stage.later(timedelta(seconds=1))
    runtime.submit(autopay(method_id=named, stored_face=face))

    after = runtime.overlaid(account).rental("R1").autopay  # type: ignore[union-attr]

    assert after is not None
    assert (after.state.value, after.method.id if after.method is not None else "") == shown
    assert (after.is_on, after.is_enrolled) == (shown[0] != "unknown", shown[0] == "unknown")


@pytest.mark.parametrize("submitted", [move_out(), edit()])
def test_a_read_after_the_settle_window_needs_no_overlay(stage: Stage, submitted: object) -> None:
    runtime = stage.runtime()
    runtime.submit(submitted)  # type: ignore[arg-type]
    stage.later(WINDOW + timedelta(minutes=5))
    fresh = _read(stage)

    assert runtime.overlaid(fresh) is fresh


def test_another_tenants_account_is_untouched(stage: Stage) -> None:
    runtime = stage.runtime()
    other = stage.adapter.account("F1", "T2")
    stage.later(timedelta(seconds=1))
    runtime.submit(pay())

    assert runtime.overlaid(other) is other
