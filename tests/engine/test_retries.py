"""A person asks once more for what was not sent: nothing that was paid since is paid again, nothing is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import InputError
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.capability import Dedup, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Outcome, Probed, Receipt
from pmsbridge.testing.memory import Fault, MemoryAdapter
from tests.engine.stage import Stage, action_id, move_out, note, pay, submission, take, usd


class ByAmount(MemoryAdapter):
    """Finds payments as a back office without references does: by amount, among those that were not there before."""

    def _same(self, effect: TakePayment) -> list[str]:
        there = [(each.number, each.effect) for each in self.office.of_kind("take_payment")]
        return [str(n) for n, other in there if isinstance(other, TakePayment) and other.total == effect.total]

    @handles(TakePayment, dedup=Dedup.NATURAL_KEY, absence_conclusive=True, source="test")
    def _pay(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @baselines(TakePayment)
    def _before_payment(self, effect: TakePayment) -> Mapping[str, str]:
        return {"receipts": "\n".join(self._same(effect))}

    @probes(TakePayment)
    def _probe_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        fresh = [n for n in self._same(effect) if n not in attempt.baseline.get("receipts", "").split("\n")]
        return Found(Receipt(evidence=f"read back: {fresh[0]}", at=self._now)) if fresh else Absent("none")


def rounds(stage: Stage, count: int, each: timedelta) -> None:
    for _ in range(count):
        stage.later(each)
        stage.runtime().run_due()


def refused_then_paid(stage: Stage) -> tuple[TenantSession, str]:
    """A payment that was not sent, and the same paid with a new click."""
    runtime = stage.runtime()
    office = Office(
        adapter=stage.adapter, runtime=runtime, clock=stage.clock, facility="F1", tenant_id="T1", actor="tenant",
        wait=None,
    )  # fmt: skip
    session = TenantSession(office)
    stage.office.fail(Fault.REFUSE, kind="take_payment", retry_after=timedelta(hours=1))
    first = session.pay_rental("R1", StoredMethod(method_id="M1"), key="click-0001")
    stage.later(timedelta(minutes=20))
    runtime.run_due()
    assert runtime.action(first.action_id).outcome is Outcome.NOT_SENT
    assert session.pay_rental("R1", StoredMethod(method_id="M1"), key="click-0002").outcome is Outcome.SETTLED
    return session, first.action_id


def test_what_was_paid_since_is_not_paid_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session, first = refused_then_paid(stage)

    with pytest.raises(InputError, match="another payment for the same rental was asked for since") as refused:
        stage.runtime().retry(first, "anna")

    assert refused.value.code == "balance_moved"
    assert stage.payments() == 1
    assert stage.runtime().action(first).outcome is Outcome.NOT_SENT
    assert session.account().rentals[0].balances.payable_now.is_zero


def test_whoever_means_both_payments_says_so_and_the_balance_is_told_as_it_is(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session, first = refused_then_paid(stage)
    before = session.account().rentals[0].balances.ledger
    stage.later(timedelta(seconds=1))

    assert stage.runtime().retry(first, "anna", anyway=True).outcome is Outcome.SETTLED

    assert stage.payments() == 2
    assert session.account().rentals[0].balances.ledger == before - usd("120.00")


def test_a_payment_of_another_rental_stands_in_nobodys_way(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, kind="take_payment", retry_after=timedelta(hours=1))
    runtime.submit(pay("click-0001"))
    rounds(stage, 1, timedelta(minutes=20))
    assert runtime.submit(pay("click-0002", rental="R2")).outcome is Outcome.SETTLED

    assert runtime.retry(action_id("click-0001"), "anna").outcome is Outcome.SETTLED


def test_the_note_about_a_payment_is_written_late_although_its_request_was_withdrawn_since(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runtime, intent = stage.runtime(), '{"request_id": "act_asked"}'
    for _ in range(2):
        stage.office.fail(Fault.DROP_BEFORE, kind="add_note")
    told = note("click-0001", "note", after="payment", is_principal=False)
    runtime.submit(submission("click-0001", "pay_request", [take("click-0001"), told], intent=intent))
    rounds(stage, 6, timedelta(minutes=3))
    runtime.submit(submission("click-0002", "withdraw_request", [note("click-0002", "back")], intent=intent))
    assert [step.outcome for step in runtime.action(action_id("click-0001")).steps] == [
        Outcome.SETTLED, Outcome.NOT_SENT,
    ]  # fmt: skip

    view = runtime.retry(action_id("click-0001"), "anna")

    assert [step.outcome for step in view.steps] == [Outcome.SETTLED] * 2


def test_a_gateways_payment_is_recorded_late_only_by_somebody_who_has_looked_there(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runtime = stage.runtime()
    for _ in range(2):
        stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    asked = runtime.submit(pay("click-0001", means=ExternalPayment(gateway="stripe", reference="pi_test_0001")))
    rounds(stage, 6, timedelta(minutes=3))
    assert runtime.action(asked.action_id).outcome is Outcome.NOT_SENT

    with pytest.raises(InputError, match=r"may have let go of stripe payment pi_test_0001.*--anyway") as refused:
        runtime.retry(asked.action_id, "anna")

    assert (refused.value.code, stage.payments()) == ("gateway_let_go", 0)
    assert runtime.retry(asked.action_id, "anna", anyway=True).outcome is Outcome.SETTLED


def test_a_payment_made_since_is_not_taken_for_the_one_asked_for_once_more(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.adapter = ByAmount(stage.office)
    runtime = stage.runtime()
    for _ in range(2):
        stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    runtime.submit(pay("click-0001", amount="40.00"))
    rounds(stage, 6, timedelta(minutes=3))
    assert runtime.action(action_id("click-0001")).outcome is Outcome.NOT_SENT
    assert runtime.submit(pay("click-0002", amount="40.00")).outcome is Outcome.SETTLED

    stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    runtime.retry(action_id("click-0001"), "anna", anyway=True)
    rounds(stage, 3, timedelta(minutes=3))

    assert (runtime.action(action_id("click-0001")).outcome is Outcome.SETTLED) == (stage.payments() == 2)


def test_whoever_has_to_look_a_second_time_is_told_a_second_time(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_BEFORE, kind="schedule_move_out")
    runtime.submit(move_out("click-0001"))
    rounds(stage, 20, timedelta(minutes=10))
    first = runtime.action(action_id("click-0001"))
    assert first.outcome is Outcome.NEEDS_REVIEW
    mails = len(stage.sink.mails)

    runtime.resolve(first.action_id, "move_out", Outcome.NOT_SENT, "looked, is not there", "anna")
    stage.office.fail(Fault.DROP_AFTER, kind="schedule_move_out")
    runtime.retry(first.action_id, "anna")
    rounds(stage, 20, timedelta(minutes=10))

    second = runtime.action(first.action_id)
    assert second.outcome is Outcome.NEEDS_REVIEW
    assert len(stage.sink.mails) == mails + 1
    names = {step.name for step in second.steps}
    assert {"review.move_out.bulletin", "review2.move_out.bulletin"} <= names


def test_a_mail_is_asked_for_again_alone_and_the_payment_it_tells_of_is_not(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.office.blind = True
    stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    runtime = stage.runtime(mailer=None)
    asked = runtime.submit(pay("click-0001"))
    rounds_of(stage, runtime, 20)
    runtime.resolve(asked.action_id, "payment", Outcome.NOT_SENT, "not on the ledger", "anna")
    (mail,) = [step.name for step in runtime.action(asked.action_id).steps if step.kind == "send_mail"]

    view = stage.runtime().retry(asked.action_id, "anna", step=mail)

    assert [step.outcome for step in view.steps if step.name in {"payment", mail}] == [
        Outcome.NOT_SENT, Outcome.SETTLED,
    ]  # fmt: skip
    assert (stage.payments(), len(stage.sink.mails)) == (0, 1)
    with pytest.raises(InputError, match="nothing to retry"):
        runtime.retry(asked.action_id, "anna", step=mail)
    with pytest.raises(InputError, match="no such effect"):
        runtime.retry(asked.action_id, "anna", step="payment.9")


def rounds_of(stage: Stage, runtime: Runtime, count: int) -> None:
    for _ in range(count):
        stage.later(timedelta(minutes=10))
        runtime.run_due()


class LateToShow(ByAmount):
    """As that, and a payment shows in reads only after the office's lag."""

    def _same(self, effect: TakePayment) -> list[str]:
        shown = {str(each.number) for each in self.office.of_kind("take_payment") if each.visible_at <= self._now}
        return [number for number in super()._same(effect) if number in shown]


@pytest.mark.parametrize(
    ("apart", "fault", "outcome"),
    [
        (timedelta(seconds=2), Fault.DROP_BEFORE, Outcome.NEEDS_REVIEW),
        (timedelta(seconds=2), Fault.DROP_AFTER, Outcome.NEEDS_REVIEW),
        (timedelta(minutes=10), Fault.DROP_AFTER, Outcome.SETTLED),
    ],
)
def test_what_was_paid_just_before_is_not_taken_for_the_same_paid_once_more(
    tmp_path: Path, apart: timedelta, fault: Fault, outcome: Outcome
) -> None:
    stage = Stage(tmp_path)
    stage.adapter = LateToShow(stage.office)
    stage.office.lag = timedelta(seconds=10)
    runtime = stage.runtime()
    assert runtime.submit(pay("click-0001", amount="40.00")).outcome is Outcome.SETTLED
    stage.later(apart)
    stage.office.fail(fault, kind="take_payment")
    second = runtime.submit(pay("click-0002", amount="40.00"))
    rounds(stage, 3, timedelta(minutes=3))

    assert runtime.action(second.action_id).outcome is outcome


class ByReference(LateToShow):
    """As that, and where it shows the gateway's reference it says so."""

    @probes(TakePayment)
    def _probe_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        mine = {str(row.number) for row in self.office.of_kind("take_payment") if _means(row.effect) == effect.means}
        fresh = [n for n in self._same(effect) if n not in attempt.baseline.get("receipts", "").split("\n")]
        found = [number for number in fresh if number in mine]
        receipt = Receipt(evidence=f"read back: {found}", at=self._now)
        return Found(receipt, shows_reference=True) if found else Absent("none")


def _means(effect: object) -> object:
    return effect.means if isinstance(effect, TakePayment) else None


@pytest.mark.parametrize(
    ("second", "outcome"), [("pi_test_0002", Outcome.SETTLED), ("pi_test_0001", Outcome.NEEDS_REVIEW)]
)
def test_what_shows_a_gateways_reference_is_not_taken_for_a_payment_by_another_one(
    tmp_path: Path, second: str, outcome: Outcome
) -> None:
    stage = Stage(tmp_path)
    stage.adapter, stage.office.lag = ByReference(stage.office), timedelta(seconds=30)
    runtime = stage.runtime()
    first = ExternalPayment(gateway="stripe", reference="pi_test_0001")
    assert runtime.submit(pay("click-0001", amount="40.00", means=first)).outcome is Outcome.SETTLED
    stage.later(timedelta(seconds=2))

    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    runtime.submit(pay("click-0002", amount="40.00", means=ExternalPayment(gateway="stripe", reference=second)))
    rounds(stage, 3, timedelta(minutes=3))

    assert runtime.action(action_id("click-0002")).outcome is outcome
