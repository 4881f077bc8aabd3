"""The process dies at every step; another one finishes. The office is the judge."""

from __future__ import annotations

import pytest

from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault, SimulatedCrash
from tests.engine.stage import LONG_LEASE, WINDOW, Stage, action_id, edit, pay

WHEN = ("before", "after")
EDIT_COMMITS = 7
PAYMENT_COMMITS = 4


def _finish(stage: Stage) -> None:
    """A new process, long after."""
    runtime = stage.runtime()
    for _ in range(12):
        stage.later(LONG_LEASE)
        runtime.run_due()
        stage.later(WINDOW)
        runtime.run_due()


def test_the_crash_tests_below_reach_every_commit(stage: Stage) -> None:
    runtime, database = stage.dying()
    runtime.submit(edit())
    assert database.commits == EDIT_COMMITS
    database.commits = 0
    runtime.submit(pay())
    assert database.commits == PAYMENT_COMMITS


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("nth", range(1, EDIT_COMMITS + 1))
def test_a_contact_edit_survives_a_crash_at_every_commit(stage: Stage, when: str, nth: int) -> None:
    runtime, database = stage.dying()
    database.die(when, nth)
    with pytest.raises(SimulatedCrash):
        runtime.submit(edit())

    _finish(stage)

    runtime = stage.runtime()
    view = runtime.submit(edit())
    _finish(stage)
    view = runtime.action(view.action_id)
    assert view.outcome is Outcome.SETTLED
    assert {step.outcome for step in view.steps if step.name != "bulletin"} == {Outcome.SETTLED}
    assert len(stage.office.of_kind("change_contact")) == 1
    assert len(stage.office.of_kind("add_note")) == 1
    # A bulletin cannot be read back: one that may or may not have been posted is left to a person, never posted twice.
    posted = len(stage.office.of_kind("post_bulletin"))
    assert (posted, view.step("bulletin").outcome) in {  # type: ignore[union-attr]
        (1, Outcome.SETTLED), (1, Outcome.NEEDS_REVIEW), (0, Outcome.NEEDS_REVIEW),
    }  # fmt: skip
    assert len({mail.message_id for mail in stage.sink.mails}) == 1
    assert runtime.verify_trail(view.action_id)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("nth", range(1, PAYMENT_COMMITS + 1))
@pytest.mark.parametrize("fault", [None, Fault.DROP_AFTER, Fault.DROP_BEFORE, Fault.REFUSE])
def test_a_payment_survives_a_crash_at_every_commit(stage: Stage, when: str, nth: int, fault: Fault | None) -> None:
    runtime, database = stage.dying()
    database.die(when, nth)
    if fault:
        stage.office.fail(fault)
    with pytest.raises(SimulatedCrash):
        runtime.submit(pay())

    _finish(stage)

    stored = stage.runtime().actions()
    if not stored:
        assert (when, nth) == ("before", 1)
        assert stage.payments() == 0
        return
    # Never sent again once the person has gone: then it is said to be unsent, and it is.
    assert stored[0].outcome is (Outcome.SETTLED if stage.payments() else Outcome.NOT_SENT)
    assert stage.payments() <= 1


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("journal_dies", [True, False])
def test_a_crash_in_the_middle_of_the_call_is_looked_for_and_not_repeated_blindly(
    stage: Stage, fault: Fault, journal_dies: bool
) -> None:
    runtime, database = stage.dying()
    if journal_dies:
        database.die("before", PAYMENT_COMMITS)
    stage.office.fail(fault)
    with pytest.raises(SimulatedCrash):
        runtime.submit(pay())
    applied = stage.payments()

    again = stage.runtime()
    stage.later(LONG_LEASE)
    again.run_due()
    stage.later(WINDOW)
    again.run_due()

    assert applied == (1 if fault is Fault.CRASH_AFTER else 0)
    assert again.action(action_id("click-0001")).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_a_crashed_send_is_not_looked_for_while_its_bytes_may_still_leave_or_commit(stage: Stage) -> None:
    runtime, database = stage.dying()
    database.die("after", PAYMENT_COMMITS - 1)
    with pytest.raises(SimulatedCrash):
        runtime.submit(pay())

    # The dead worker's right to send has just ended: what it sent last may still commit for a settle window.
    again = stage.runtime()
    stage.later(LONG_LEASE)
    again.run_due()
    assert "unknown" in [entry.event for entry in again.trail(action_id("click-0001"))]
    assert stage.office.calls_of("probe") == []

    stage.later(WINDOW)
    again.run_due()
    assert len(stage.office.calls_of("probe")) == 1
    assert again.action(action_id("click-0001")).outcome is Outcome.SETTLED


def test_an_interrupt_in_mid_call_is_recorded_as_unknown_and_passed_on(stage: Stage) -> None:
    runtime = stage.runtime()

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    stage.office.execute = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        runtime.submit(pay())

    view = runtime.action(action_id("click-0001"))
    assert view.outcome is Outcome.PENDING
    assert "unknown" in [entry.event for entry in runtime.trail(view.action_id)]


def test_the_intent_is_on_disk_before_the_first_byte_leaves(stage: Stage) -> None:
    runtime = stage.runtime()
    seen: list[str] = []
    honest = stage.office.execute

    def looking(*args: object) -> object:
        seen.extend(entry.event for entry in stage.runtime().trail(action_id("click-0001")))
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = looking  # type: ignore[method-assign, assignment]
    runtime.submit(pay())

    assert seen[-1] == "sending"


def test_a_process_frozen_before_the_send_does_not_send_when_it_wakes(stage: Stage) -> None:
    runtime, database = stage.dying()
    database.freeze(PAYMENT_COMMITS - 1, lambda: stage.later(LONG_LEASE))
    view = runtime.submit(pay())

    assert stage.office.calls_of("execute") == []
    assert view.outcome is Outcome.PENDING
