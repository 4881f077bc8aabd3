from __future__ import annotations

import contextlib
import os
from datetime import timedelta

import pytest

from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.errors import InputError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault, SimulatedCrash
from tests.engine.stage import LONG_LEASE, PAN, WINDOW, Stage, action_id, card, pay, pay_by_card


def test_a_card_is_sent_once_wiped_and_never_on_disk(stage: Stage) -> None:
    typed = card()

    view = stage.runtime().submit(pay_by_card(), sealed=typed)

    assert view.outcome is Outcome.SETTLED
    assert stage.office.sealed_seen == ["cvv,holder,number,postal_code,street"]
    assert typed.is_wiped
    assert PAN.encode() not in stage.bytes_on_disk()
    assert b"Test Payer" not in stage.bytes_on_disk()


@pytest.mark.parametrize("fault", list(Fault))
def test_a_card_is_wiped_and_off_the_disk_whatever_happens(stage: Stage, fault: Fault) -> None:
    typed = card()
    stage.office.fail(fault)
    with contextlib.suppress(SimulatedCrash):
        stage.runtime().submit(pay_by_card(), sealed={"payment": typed})

    assert typed.is_wiped
    assert PAN.encode() not in stage.bytes_on_disk()


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.CONFIGURATION])
def test_a_card_that_could_not_be_sent_ends_unsent_at_once(stage: Stage, fault: Fault) -> None:
    stage.office.fail(fault)

    view = stage.runtime().submit(pay_by_card(), sealed=card())

    assert view.outcome is Outcome.NOT_SENT
    assert stage.payments() == 0


def test_a_card_payment_with_a_lost_answer_is_probed_and_settles_without_the_card(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay_by_card(), sealed=card())

    stage.later(WINDOW)
    runtime.run_due()

    assert runtime.action(view.action_id).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_a_person_with_a_card_does_not_wait_for_an_unknown_outcome(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER)
    began = stage.clock.monotonic()

    view = stage.runtime().submit(pay_by_card(), sealed=card())

    assert view.outcome is Outcome.PENDING
    assert stage.clock.monotonic() == began


def test_a_card_payment_that_is_conclusively_absent_asks_for_the_card_again(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_BEFORE)
    view = runtime.submit(pay_by_card(), sealed=card())

    stage.later(WINDOW)
    runtime.run_due()

    after = runtime.action(view.action_id)
    assert after.outcome is Outcome.NOT_SENT
    assert after.steps[0].code == "enter_again"
    assert len(stage.office.calls_of("execute")) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [2, 3, 4])
def test_a_card_lost_in_a_crash_ends_by_probe_or_unsent_and_is_never_sent_again(
    stage: Stage, when: str, nth: int
) -> None:
    runtime, database = stage.dying()
    database.die(when, nth)
    with pytest.raises(SimulatedCrash):
        runtime.submit(pay_by_card(), sealed=card())
    sent = len(stage.office.calls_of("execute"))

    again = stage.runtime()
    for _ in range(6):
        stage.later(LONG_LEASE)
        again.run_due()
    view = again.action(action_id("click-0001"))

    assert view.outcome is (Outcome.SETTLED if stage.payments() else Outcome.NOT_SENT)
    assert len(stage.office.calls_of("execute")) == sent
    if view.outcome is Outcome.NOT_SENT:
        assert view.steps[0].code == "enter_again"


def test_another_process_leaves_a_card_payment_to_the_one_that_has_the_card(stage: Stage) -> None:
    runtime, database = stage.dying()
    database.die("after", 1)
    with pytest.raises(SimulatedCrash):
        runtime.submit(pay_by_card(), sealed=card())

    stage.runtime().run_due()

    assert stage.runtime().action(action_id("click-0001")).outcome is Outcome.PENDING
    assert stage.office.calls == []


def test_a_person_with_a_card_does_not_wait_for_ever_for_a_busy_lane(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.claim("memory:mem", "a long night", timedelta(hours=1))
    typed = card()

    view = runtime.submit(pay_by_card(), sealed=typed, wait=timedelta(seconds=3))

    assert view.outcome is Outcome.NOT_SENT
    assert view.steps[0].code == "lane_busy"
    assert typed.is_wiped
    assert stage.office.calls == []


def test_a_card_behind_an_unknown_payment_of_the_same_tenant_is_not_sent(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay("click-0001"))

    view = runtime.submit(pay_by_card("click-0002", rental="R4"), sealed=card(), wait=timedelta(seconds=1))

    assert view.outcome is Outcome.NOT_SENT
    assert len(stage.office.calls_of("execute")) == 1


def test_a_card_payment_without_the_card_is_refused_and_nothing_is_stored(stage: Stage) -> None:
    runtime = stage.runtime()

    with pytest.raises(InputError, match="sealed"):
        runtime.submit(pay_by_card())

    assert runtime.actions() == ()


def test_asking_again_how_a_card_payment_stands_needs_no_card(stage: Stage) -> None:
    runtime = stage.runtime()
    first = runtime.submit(pay_by_card(), sealed=card())

    again = runtime.submit(pay_by_card())

    assert again.replayed
    assert again.action_id == first.action_id


def test_a_card_nobody_needs_is_refused_and_wiped(stage: Stage) -> None:
    typed = card()

    with pytest.raises(InputError):
        stage.runtime().submit(pay(), sealed=typed)

    assert typed.is_wiped


def test_a_card_cannot_travel_in_somebody_elses_transaction(stage: Stage) -> None:
    typed = card()

    with stage.database.write() as connection, pytest.raises(InputError):
        stage.runtime().submit(pay_by_card(), sealed=typed, connection=connection)

    assert typed.is_wiped


def test_a_second_card_for_the_same_click_is_not_charged_and_is_wiped(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.submit(pay_by_card(), sealed=card())
    second = card()

    view = runtime.submit(pay_by_card(), sealed=second)

    assert view.replayed
    assert second.is_wiped
    assert stage.payments() == 1


def test_a_card_in_mid_send_is_wiped_by_the_send_and_not_by_who_brought_it() -> None:
    values, typed = SealedValues(), card()
    with values.hold({"key": typed}):
        taken = values.take("key")
        assert taken is typed
        assert values.take("key") is None
    assert not typed.is_wiped
    assert values.is_in_use(typed)

    values.done(typed)
    assert typed.is_wiped
    assert not values.is_in_use(typed)


def test_a_card_nobody_took_is_wiped_when_the_call_ends_whatever_happened() -> None:
    values, typed = SealedValues(), card()

    with pytest.raises(ZeroDivisionError), values.hold({"key": typed}):
        raise ZeroDivisionError

    assert typed.is_wiped
    assert "key" not in values
    assert repr(values) == "<0 sealed values>"


def test_a_forked_child_inherits_no_card() -> None:
    values, typed = SealedValues(), card()
    out, into = os.pipe()
    with values.hold({"key": typed}):
        child = os.fork()
        if child == 0:
            os.write(into, bytes([typed.is_wiped, "key" not in values]))
            os._exit(0)
        os.waitpid(child, 0)
        assert not typed.is_wiped

    assert os.read(out, 2) == b"\1\1"
    assert typed.is_wiped


def test_a_card_payment_cannot_be_retried_from_the_journal(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.REFUSE)
    view = runtime.submit(pay_by_card(), sealed=card())

    with pytest.raises(InputError, match="is gone"):
        runtime.retry(view.action_id, "staff:anna")
