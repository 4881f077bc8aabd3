from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from pmsbridge.actions.plan import When
from pmsbridge.engine.outcomes import _message_key
from pmsbridge.errors import ConfigurationError, InputError, RejectedError, UnavailableError
from pmsbridge.ports.capability import Dedup
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import GuardHeldError
from pmsbridge.testing.memory import Fault
from tests.engine.stage import (
    LONG_LEASE,
    WINDOW,
    Stage,
    action_id,
    autopay,
    bulletin,
    edit,
    mail,
    move_out,
    note,
    pay,
    record_external,
    submission,
    take,
)


def test_a_payment_settles_with_the_receipt_as_evidence(stage: Stage) -> None:
    view = stage.runtime().submit(pay())

    assert view.outcome is Outcome.SETTLED
    assert view.message_key == "outcome.settled"
    assert view.steps[0].evidence == "receipt 1 answered"
    assert view.steps[0].vendor_ids == {"take_payment": "1"}
    assert stage.payments() == 1


def test_the_same_click_again_is_the_same_payment(stage: Stage) -> None:
    runtime = stage.runtime()
    first = runtime.submit(pay())
    again = runtime.submit(pay())

    assert again.action_id == first.action_id
    assert again.replayed
    assert not first.replayed
    assert stage.payments() == 1


def test_a_key_used_for_something_else_is_refused(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.submit(pay())

    with pytest.raises(InputError) as error:
        runtime.submit(pay(amount="60.00", intent="something else"))

    assert error.value.field == "key"
    assert stage.payments() == 1


def test_an_action_id_that_does_not_come_from_the_key_is_refused(stage: Stage) -> None:
    foreign = pay().changed(action_id="act_somebody_elses")

    with pytest.raises(InputError, match="action_id"):
        stage.runtime().submit(foreign)


# -- rejected, unavailable, misconfigured, unsupported ----------------------------------------------------------------


def test_a_rejection_is_final_and_never_retried(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REJECT)

    view = runtime.submit(pay())
    stage.later(timedelta(hours=1))
    runtime.run_due()

    assert view.outcome is Outcome.DECLINED
    assert view.steps[0].code == "-1"
    assert len(stage.office.calls_of("execute")) == 1


def test_a_definite_refusal_is_replayed_to_the_same_click_and_a_new_click_pays(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REJECT)
    runtime.submit(pay("click-0001"))

    assert runtime.submit(pay("click-0001")).outcome is Outcome.DECLINED
    assert runtime.submit(pay("click-0002")).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_an_unavailable_office_is_asked_again_after_the_back_off(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE)

    waiting = runtime.submit(pay())
    at_once = runtime.run_due()
    stage.later(timedelta(seconds=2))
    runtime.run_due()

    assert waiting.outcome is Outcome.PENDING
    assert at_once == 0
    assert runtime.action(waiting.action_id).outcome is Outcome.SETTLED
    assert {call.key for call in stage.office.calls_of("execute")} == {waiting.steps[0].key}


def test_a_wait_the_office_asks_for_is_kept(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, retry_after=timedelta(minutes=5))
    runtime.submit(pay())

    stage.later(timedelta(minutes=4, seconds=59))
    assert runtime.run_due() == 0
    stage.later(timedelta(seconds=1))
    runtime.run_due()

    assert stage.payments() == 1


def test_a_baseline_that_cannot_be_read_sends_nothing(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.failing_reads = 1

    view = runtime.submit(pay())

    assert view.outcome is Outcome.PENDING
    assert stage.office.calls_of("execute") == []
    assert view.steps[0].attempts == 0


def test_money_that_never_arrived_is_given_up_after_so_many_tries(stage: Stage) -> None:
    runtime = stage.runtime(max_attempts=3, action_deadline=timedelta(days=1))
    stage.office.fail(Fault.REFUSE, times=99)
    runtime.submit(pay())
    for _ in range(10):
        stage.later(timedelta(minutes=20))
        runtime.run_due()

    assert runtime.action(action_id("click-0001")).outcome is Outcome.NOT_SENT
    assert len(stage.office.calls_of("execute")) == 3


def test_money_is_not_sent_after_the_person_has_gone(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, retry_after=timedelta(hours=3))
    runtime.submit(pay())

    stage.later(timedelta(minutes=15))
    runtime.run_due()
    stage.later(timedelta(hours=4))
    runtime.run_due()

    view = runtime.action(action_id("click-0001"))
    assert view.outcome is Outcome.NOT_SENT
    assert view.steps[0].code == "deadline"
    assert stage.payments() == 0


def test_money_a_gateway_already_took_is_recorded_even_hours_later(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, times=20)
    runtime.submit(record_external())
    for _ in range(30):
        stage.later(timedelta(minutes=20))
        runtime.run_due()

    assert runtime.action(action_id("click-0001")).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_wrong_credentials_wait_for_a_person_and_are_a_finding(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.CONFIGURATION, times=99)

    view = runtime.submit(pay())
    stage.later(timedelta(minutes=16))
    runtime.run_due()

    assert view.outcome is Outcome.PENDING
    assert runtime.action(view.action_id).outcome is Outcome.NOT_SENT
    assert [found.finding.code for found in runtime.findings.open()] == ["configuration"]


def test_what_the_office_cannot_do_ends_unsent_before_any_call(stage: Stage) -> None:
    stage.adapter.capabilities = {k: v for k, v in stage.adapter.capabilities.items() if k != "take_payment"}  # type: ignore[misc]

    view = stage.runtime().submit(pay())

    assert view.outcome is Outcome.NOT_SENT
    assert view.steps[0].code == "no_take_payment"
    assert stage.office.calls == []


def test_an_account_that_is_not_configured_is_refused_before_anything_is_stored(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.adapters.pop("mem")  # type: ignore[attr-defined]

    with pytest.raises(ConfigurationError):
        runtime.submit(pay())

    assert runtime.actions() == ()


# -- unknown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.FOREIGN_AFTER])
def test_a_lost_answer_is_probed_not_repeated(stage: Stage, fault: Fault) -> None:
    runtime = stage.runtime()
    stage.office.fail(fault)

    view = runtime.submit(pay())
    stage.later(WINDOW)
    runtime.run_due()

    after = runtime.action(view.action_id)
    assert view.outcome is Outcome.PENDING
    assert after.outcome is Outcome.SETTLED
    assert after.steps[0].read_back
    assert len(stage.office.calls_of("execute")) == 1
    assert stage.payments() == 1


def test_nothing_is_looked_for_before_the_settle_window_is_over(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay())

    stage.later(WINDOW - timedelta(seconds=1))
    runtime.run_due()
    assert stage.office.calls_of("probe") == []

    stage.later(timedelta(seconds=1))
    runtime.run_due()
    assert len(stage.office.calls_of("probe")) == 1


def test_nothing_makes_a_look_come_before_the_settle_window(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())
    with stage.database.write() as connection:
        connection.exec_driver_sql("update pmsbridge_effects set due_at = '2020-01-01T00:00:00.000000Z'")

    runtime.run_due(rounds=3)

    assert stage.office.calls_of("probe") == []
    assert runtime.action(view.action_id).outcome is Outcome.PENDING


def test_a_late_commit_inside_the_settle_window_is_found_and_not_doubled(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.LATE_COMMIT, after=WINDOW - timedelta(seconds=5))
    view = runtime.submit(pay())
    for _ in range(40):
        stage.later(timedelta(seconds=5))
        runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_a_settle_window_shorter_than_the_late_commit_doubles_which_proves_the_window_matters(stage: Stage) -> None:
    runtime = stage.runtime(settle_window=timedelta(seconds=10))
    stage.office.fail(Fault.LATE_COMMIT, after=WINDOW - timedelta(seconds=5))
    runtime.submit(pay())
    for _ in range(40):
        stage.later(timedelta(seconds=5))
        runtime.run_due()

    assert stage.payments() == 2


def test_what_is_conclusively_absent_is_sent_once_more_with_the_same_key(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay())

    stage.later(WINDOW)
    runtime.run_due()

    executes = stage.office.calls_of("execute")
    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert len(executes) == 2
    assert len({call.key for call in executes}) == 1
    assert stage.payments() == 1


def test_repeats_after_an_absence_are_bounded_and_end_unsent(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_BEFORE, times=99)
    view = runtime.submit(pay())
    for _ in range(10):
        stage.later(WINDOW)
        runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.NOT_SENT
    assert len(stage.office.calls_of("execute")) == 2


def test_money_is_not_repeated_after_the_person_has_gone(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay())

    stage.later(timedelta(minutes=20))
    runtime.run_due()

    after = runtime.action(view.action_id)
    assert after.outcome is Outcome.NOT_SENT
    assert after.steps[0].code == "absent"
    assert len(stage.office.calls_of("execute")) == 1


def test_absence_that_proves_nothing_goes_to_a_person_and_staff_are_told_once(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.absence_conclusive = False
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay())

    stage.later(WINDOW)
    runtime.run_due()
    stage.later(timedelta(days=1))
    runtime.run_due()

    after = runtime.action(view.action_id)
    assert after.outcome is Outcome.NEEDS_REVIEW
    assert {step.name for step in after.notices} == {
        "review.payment.bulletin", "review.payment.note", "review.payment.mail",
    }  # fmt: skip
    assert all(step.outcome is Outcome.SETTLED for step in after.notices)
    assert len(stage.office.of_kind("post_bulletin")) == len(stage.office.of_kind("add_note")) == 1
    assert len(stage.sink.mails) == 1
    assert "pmsbridge actions resolve" in stage.sink.mails[0].text
    assert "needs_review" in [found.finding.code for found in runtime.findings.open()]
    assert stage.payments() == 0


def test_absence_is_believed_only_where_the_adapter_promises_that_it_proves_something(stage: Stage) -> None:
    row = dataclasses.replace(stage.adapter.capabilities["take_payment"], absence_conclusive=False)
    stage.adapter.capabilities = {**stage.adapter.capabilities, "take_payment": row}  # type: ignore[misc]
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay())

    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.NEEDS_REVIEW
    assert len(stage.office.calls_of("execute", "take_payment")) == 1


def _takes_our_key(stage: Stage) -> None:
    row = dataclasses.replace(stage.adapter.capabilities["take_payment"], dedup=Dedup.VENDOR_KEY)
    stage.adapter.capabilities = {**stage.adapter.capabilities, "take_payment": row}  # type: ignore[misc]


def test_where_the_vendor_takes_our_key_a_repeat_is_harmless_and_asks_nobody(stage: Stage) -> None:
    _takes_our_key(stage)
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay())

    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert len({call.key for call in stage.office.calls_of("execute", "take_payment")}) == 1


def test_a_blind_office_goes_to_a_person(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())

    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.NEEDS_REVIEW
    assert len(stage.office.calls_of("execute", "take_payment")) == 1


def test_a_look_that_fails_is_made_again_and_changes_nothing(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())
    stage.later(WINDOW)
    stage.office.failing_reads = 2

    for _ in range(4):
        runtime.run_due()
        stage.later(timedelta(minutes=1))
    runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert len(stage.office.calls_of("execute")) == 1


def test_what_cannot_be_looked_for_a_whole_day_goes_to_a_person(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())
    stage.office.failing_reads = 10_000
    for _ in range(120):
        stage.later(timedelta(minutes=15))
        runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.NEEDS_REVIEW


# -- the business guard --------------------------------------------------------------------------------------------


def test_a_second_click_with_a_new_key_attaches_to_the_payment_being_confirmed(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    first = runtime.submit(pay("click-0001"))

    second = runtime.submit(pay("click-0002"))
    stage.later(WINDOW)
    runtime.run_due()

    assert second.attached
    assert second.action_id == first.action_id
    assert stage.payments() == 1
    assert "attached" in [entry.event for entry in runtime.trail(first.action_id)]


def test_an_attached_click_repeated_after_the_payment_settled_pays_no_second_time(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    first = runtime.submit(pay("click-0001"))
    runtime.submit(pay("click-0002"))
    stage.later(WINDOW)
    runtime.run_due()

    reloaded = runtime.submit(pay("click-0002"))

    assert reloaded.action_id == first.action_id
    assert reloaded.attached
    assert reloaded.replayed
    assert reloaded.outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_the_guard_is_free_again_once_the_payment_is_settled(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.submit(pay("click-0001"))

    again = runtime.submit(pay("click-0002"))

    assert not again.attached
    assert stage.payments() == 2


def test_the_guard_stays_held_while_a_person_decides(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    first = runtime.submit(pay("click-0001"))
    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.submit(pay("click-0002")).action_id == first.action_id

    runtime.resolve(first.action_id, "payment", Outcome.NOT_SENT, "not on the ledger", "staff:anna")
    assert runtime.submit(pay("click-0003")).outcome is Outcome.SETTLED
    assert stage.payments() == 2  # the lost one, which staff overlooked, and the new one


def test_pay_all_over_a_payment_being_confirmed_is_refused_whole_and_says_which_part(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    first = runtime.submit(pay("click-0001"))
    both = submission("click-0002", "pay_all", [
        take("click-0002", name="payment.1"), take("click-0002", name="payment.2", rental="R4"),
    ])  # fmt: skip

    held = runtime.guarded([guard for step in both.plan.steps for guard in step.guards])
    with pytest.raises(GuardHeldError) as error:
        runtime.submit(both)

    assert error.value.code == "payment_being_confirmed"
    assert set(held.values()) == {first.action_id}
    assert len(held) == 1
    assert len(runtime.actions()) == 1


# -- order ---------------------------------------------------------------------------------------------------------


def test_a_later_payment_of_the_same_tenant_waits_behind_an_unknown_one(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay("click-0001"))

    later = runtime.submit(pay("click-0002", rental="R4"))
    assert later.outcome is Outcome.PENDING
    assert len(stage.office.calls_of("execute")) == 1

    stage.later(WINDOW)
    runtime.run_due()
    assert runtime.action(later.action_id).outcome is Outcome.SETTLED


def test_another_tenant_of_the_same_lane_does_not_wait(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay("click-0001"))

    assert runtime.submit(pay("click-0002", tenant="T2", rental="R2")).outcome is Outcome.SETTLED


def test_a_change_of_the_same_target_waits_and_one_of_another_target_does_not(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(move_out("click-0001"))

    assert runtime.submit(autopay("click-0002")).outcome is Outcome.PENDING
    assert runtime.submit(move_out("click-0003", rental="R4")).outcome is Outcome.SETTLED


def test_the_second_payment_of_one_action_waits_for_the_first(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    both = submission("click-0001", "pay_all", [
        take("click-0001", name="payment.1"), take("click-0001", name="payment.2", rental="R4"),
    ])  # fmt: skip

    view = runtime.submit(both)
    assert len(stage.office.calls_of("execute")) == 1

    stage.later(WINDOW)
    runtime.run_due()
    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert stage.payments() == 2


def test_part_of_a_payment_declined_is_said_as_partial(stage: Stage) -> None:
    runtime = stage.runtime()
    both = submission("click-0001", "pay_all", [
        take("click-0001", name="payment.1"), take("click-0001", name="payment.2", rental="R4"),
    ])  # fmt: skip
    stage.office.fail(Fault.REFUSE)
    stage.office.fail(Fault.REJECT)

    runtime.submit(both)
    stage.later(timedelta(seconds=2))
    runtime.run_due()

    view = runtime.action(action_id("click-0001"))
    assert view.outcome is Outcome.DECLINED
    assert view.partial
    assert view.message_key == "outcome.partial"
    assert [step.outcome for step in view.steps] == [Outcome.DECLINED, Outcome.SETTLED]


# -- several effects -----------------------------------------------------------------------------------------------


@pytest.mark.fact("S0.43")
def test_a_contact_edit_tells_staff_three_ways_each_once(stage: Stage) -> None:
    view = stage.runtime().submit(edit())

    assert view.outcome is Outcome.SETTLED
    assert [step.outcome for step in view.steps] == [Outcome.SETTLED] * 4
    assert len(stage.office.of_kind("change_contact")) == 1
    assert len(stage.office.of_kind("add_note")) == len(stage.office.of_kind("post_bulletin")) == 1
    assert len(stage.sink.mails) == 1


@pytest.mark.fact("S0.43")
def test_a_failing_notice_is_retried_alone_and_never_repeats_the_edit(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, kind="add_note", times=3)
    stage.sink.fail(UnavailableError("greylisted"))

    view = runtime.submit(edit())
    assert view.outcome is Outcome.SETTLED
    assert view.step("bulletin").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    for _ in range(5):
        stage.later(timedelta(minutes=1))
        runtime.run_due()

    after = runtime.action(view.action_id)
    assert {step.outcome for step in after.steps} == {Outcome.SETTLED}
    assert len(stage.office.calls_of("execute", "change_contact")) == 1
    assert len(stage.office.of_kind("add_note")) == len(stage.sink.mails) == 1


def test_a_rejected_notice_does_not_change_the_outcome_of_the_edit(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REJECT, kind="post_bulletin")
    stage.sink.fail(RejectedError("no such mailbox"))

    view = runtime.submit(edit())

    assert view.outcome is Outcome.SETTLED
    assert view.step("bulletin").outcome is Outcome.DECLINED  # type: ignore[union-attr]
    assert view.step("mail").outcome is Outcome.DECLINED  # type: ignore[union-attr]


def test_an_unknown_notice_is_probed_and_not_doubled(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER, kind="add_note")
    view = runtime.submit(edit())

    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.action(view.action_id).step("note").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(stage.office.of_kind("add_note")) == 1


def test_a_mail_whose_answer_was_lost_goes_out_again_under_the_same_message_id(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.sink.lose_the_answer()

    view = runtime.submit(edit())
    runtime.run_due()

    assert runtime.action(view.action_id).step("mail").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(stage.sink.mails) == 2
    assert len({sent.message_id for sent in stage.sink.mails}) == 1


def test_a_mail_whose_repeat_is_refused_is_not_called_declined_the_first_may_have_arrived(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.sink.lose_the_answer()
    stage.sink.fail(RejectedError("550 no such user", code="550"))

    view = runtime.submit(edit())
    runtime.run_due()

    step = runtime.action(view.action_id).step("mail")
    assert step is not None
    assert (len(stage.sink.mails), step.outcome) == (1, Outcome.NEEDS_REVIEW)


@pytest.mark.parametrize("fault", [Fault.REJECT, Fault.CONFIGURATION, Fault.REFUSE])
def test_what_becomes_of_a_harmless_repeat_says_nothing_about_the_first_send(stage: Stage, fault: Fault) -> None:
    _takes_our_key(stage)
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    stage.office.fail(fault, times=99)
    runtime = stage.runtime()
    view = runtime.submit(pay())
    for _ in range(12):
        stage.later(WINDOW + timedelta(minutes=2))
        runtime.run_due()

    assert stage.payments() == 1
    assert runtime.action(view.action_id).outcome is Outcome.NEEDS_REVIEW
    assert "repeated" in [entry.event for entry in runtime.trail(view.action_id)]


def test_a_mail_that_never_gets_an_answer_is_not_called_unsent_and_not_repeated_for_ever(stage: Stage) -> None:
    runtime = stage.runtime()
    for _ in range(20):
        stage.sink.lose_the_answer()
    view = runtime.submit(edit())
    for _ in range(30):
        stage.later(timedelta(hours=1))
        runtime.run_due()

    assert runtime.action(view.action_id).step("mail").outcome is Outcome.NEEDS_REVIEW  # type: ignore[union-attr]
    assert len(stage.sink.mails) == 6
    assert runtime.action(view.action_id).outcome is Outcome.SETTLED


def test_a_mail_that_may_have_gone_out_is_not_called_unsent_when_its_time_is_over(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.sink.lose_the_answer()
    for _ in range(2000):
        stage.sink.fail(UnavailableError("away"))
    view = runtime.submit(edit())
    for _ in range(9 * 24):
        stage.later(timedelta(hours=1))
        runtime.run_due()

    assert runtime.action(view.action_id).step("mail").outcome is Outcome.NEEDS_REVIEW  # type: ignore[union-attr]


def test_without_a_mail_server_mails_end_unsent_with_a_finding_and_the_rest_goes_on(stage: Stage) -> None:
    runtime = stage.runtime(mailer=None)

    view = runtime.submit(edit())

    assert view.outcome is Outcome.SETTLED
    assert view.step("mail").outcome is Outcome.NOT_SENT  # type: ignore[union-attr]
    assert [found.finding.code for found in runtime.findings.open()] == ["mail_not_configured"]


def test_notices_of_a_declined_edit_are_skipped(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REJECT, kind="change_contact")

    view = runtime.submit(edit())

    assert view.outcome is Outcome.DECLINED
    assert all(step.skipped for step in view.notices)
    assert stage.sink.mails == []


@pytest.mark.parametrize(
    ("fault", "runs"), [(None, {"on_success", "anyway"}), (Fault.REJECT, {"on_failure", "anyway"})]
)
def test_an_effect_runs_on_the_end_it_waits_for(stage: Stage, fault: Fault | None, runs: set[str]) -> None:
    if fault:
        stage.office.fail(fault, kind="take_payment")
    key = "click-0001"
    steps = [
        take(key),
        bulletin(key, "on_success", after="payment", when=When.SETTLED, is_principal=False),
        bulletin(key, "on_failure", after="payment", when=When.FAILED, is_principal=False),
        mail(key, "anyway", after="payment", when=When.ALWAYS, is_principal=False),
    ]

    view = stage.runtime().submit(submission(key, "pay", steps))

    assert {step.name for step in view.notices if not step.skipped} == runs


def test_what_waits_for_a_skipped_effect_is_skipped_too(stage: Stage) -> None:
    key = "click-0001"
    steps = [
        take(key),
        bulletin(key, "on_failure", after="payment", when=When.FAILED, is_principal=False),
        mail(key, "then", after="on_failure", when=When.ALWAYS, is_principal=False),
    ]

    view = stage.runtime().submit(submission(key, "pay", steps))

    assert view.step("then").skipped  # type: ignore[union-attr]


def test_a_settled_stand_in_counts_for_what_it_replaces(stage: Stage) -> None:
    key = "click-0001"
    stage.office.fail(Fault.REJECT, kind="schedule_move_out")
    native = move_out(key).plan.steps[0]
    stand_in = note(key, "note", after="move_out", when=When.FAILED, emulates="schedule_move_out")

    view = stage.runtime().submit(submission(key, "request_move_out", [native, stand_in]))

    assert view.outcome is Outcome.SETTLED
    assert view.emulated
    assert not view.partial
    assert view.message_key == f"outcome.{view.outcome.value}"


def test_what_waits_for_an_effect_under_review_waits_for_the_person_too(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER, kind="change_contact")
    view = runtime.submit(edit())
    stage.later(WINDOW)
    runtime.run_due()
    stage.later(timedelta(days=30))
    runtime.run_due()
    assert runtime.action(view.action_id).step("note").outcome is Outcome.PENDING  # type: ignore[union-attr]

    done = runtime.resolve(view.action_id, "edit", Outcome.SETTLED, "the new address is there", "staff:anna")

    assert done.outcome is Outcome.SETTLED
    assert runtime.action(view.action_id).step("note").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(stage.office.of_kind("change_contact")) == 1


# -- a person decides ----------------------------------------------------------------------------------------------


def _under_review(stage: Stage) -> str:
    runtime = stage.runtime()
    stage.office.blind = True
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())
    stage.later(WINDOW)
    runtime.run_due()
    return view.action_id


def test_a_person_resolves_with_evidence_and_a_name_in_the_trail(stage: Stage) -> None:
    action = _under_review(stage)
    runtime = stage.runtime()

    view = runtime.resolve(action, "payment", Outcome.SETTLED, "receipt 77 on the ledger", "staff:anna")

    assert view.outcome is Outcome.SETTLED
    assert "receipt 77" in view.step("payment").evidence  # type: ignore[union-attr]
    entry = next(e for e in runtime.trail(action) if e.event == "resolved")
    assert entry.data["actor"] == "staff:anna"
    assert runtime.verify_trail(action)


@pytest.mark.parametrize(("outcome", "evidence", "actor"), [
    (Outcome.SETTLED, "  ", "staff:anna"), (Outcome.SETTLED, "seen", ""), (Outcome.PENDING, "seen", "staff:anna"),
    (Outcome.NEEDS_REVIEW, "seen", "staff:anna"),
])  # fmt: skip
def test_a_person_needs_evidence_a_name_and_a_real_outcome(
    stage: Stage, outcome: Outcome, evidence: str, actor: str
) -> None:
    action = _under_review(stage)

    with pytest.raises(InputError):
        stage.runtime().resolve(action, "payment", outcome, evidence, actor)


def test_what_has_ended_cannot_be_resolved_again(stage: Stage) -> None:
    runtime = stage.runtime()
    view = runtime.submit(pay())

    with pytest.raises(InputError, match="already ended"):
        runtime.resolve(view.action_id, "payment", Outcome.DECLINED, "no", "staff:anna")


def test_what_certainly_never_left_can_be_retried_by_a_person(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, retry_after=timedelta(hours=1))
    view = runtime.submit(pay())
    stage.later(timedelta(minutes=20))
    runtime.run_due()
    assert runtime.action(view.action_id).outcome is Outcome.NOT_SENT

    assert runtime.retry(view.action_id, "staff:anna").outcome is Outcome.SETTLED
    assert stage.payments() == 1


@pytest.mark.parametrize("fault", [None, Fault.REJECT, Fault.DROP_AFTER])
def test_nothing_else_can_be_retried(stage: Stage, fault: Fault | None) -> None:
    runtime = stage.runtime()
    if fault:
        stage.office.fail(fault)
    view = runtime.submit(pay())

    with pytest.raises(InputError, match="nothing to retry"):
        runtime.retry(view.action_id, "staff:anna")


def test_a_retry_takes_its_guard_back_or_is_refused(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE, retry_after=timedelta(hours=1))
    view = runtime.submit(pay("click-0001"))
    stage.later(timedelta(minutes=20))
    runtime.run_due()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay("click-0002"))

    with pytest.raises(GuardHeldError):
        runtime.retry(view.action_id, "staff:anna")


# -- waiting and transactions --------------------------------------------------------------------------------------


def test_a_caller_may_wait_for_an_unknown_outcome(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER)

    view = stage.runtime().submit(pay(), wait=WINDOW + timedelta(seconds=5))

    assert view.outcome is Outcome.SETTLED


def test_waiting_ends_in_time_with_the_truth(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER)
    began = stage.clock.monotonic()

    view = stage.runtime().submit(pay(), wait=timedelta(seconds=5))

    assert view.outcome is Outcome.PENDING
    assert stage.clock.monotonic() - began == pytest.approx(5)


def test_an_action_in_a_callers_transaction_that_is_rolled_back_never_was(stage: Stage) -> None:
    runtime = stage.runtime()

    def buying() -> None:
        with stage.database.write() as connection:
            runtime.submit(pay(), connection=connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        buying()

    runtime.run_due()
    assert runtime.actions() == ()
    assert stage.payments() == 0


def test_an_action_in_a_callers_transaction_is_delivered_after_its_commit(stage: Stage) -> None:
    runtime = stage.runtime()
    with stage.database.write() as connection:
        view = runtime.submit(pay(), connection=connection)
        assert stage.payments() == 0

    assert view.outcome is Outcome.PENDING
    runtime.run_due()
    assert runtime.action(view.action_id).outcome is Outcome.SETTLED


def test_a_lane_left_by_a_dead_worker_is_free_after_its_lease(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.claim("memory:mem", "somebody dead", timedelta(seconds=90))

    view = runtime.submit(pay())
    assert view.outcome is Outcome.PENDING

    stage.later(LONG_LEASE)
    runtime.sweep()
    assert stage.payments() == 1


def test_every_message_key_has_words_in_both_languages_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if "| `outcome." in line]

    assert {key.strip("`") for key, *_ in rows} == {f"outcome.{o.value}" for o in Outcome} | {"outcome.partial"}
    assert all(english and french and english != french for _, english, french in rows)


def test_a_partial_payment_of_which_a_part_is_still_open_is_said_as_pending() -> None:
    action = SimpleNamespace(outcome=Outcome.PENDING, is_partial=True)

    assert _message_key(action) == "outcome.pending"  # type: ignore[arg-type]
