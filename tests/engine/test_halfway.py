"""An effect that takes several steps there: what stands half way is gone on with, and never told as nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError, RejectedError, UnavailableError
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Outcome, Probed, Receipt
from pmsbridge.store.audit import Audit
from pmsbridge.testing.memory import MemoryAdapter
from tests.engine.stage import Stage, action_id, pay

STEPS = 4


class ByStep(MemoryAdapter):
    """Books a payment in four steps; a send goes on where the last one stopped.

    Attributes:
        stands: Steps made.
        weather: Of the sends to come, one each: after how many more steps which error; a send beyond them is good.
    """

    stands = 0
    sends = 0

    def __init__(self, stage: Stage, *weather: tuple[int, PmsBridgeError]) -> None:
        super().__init__(stage.office)
        self.weather = list(weather)

    @handles(TakePayment, dedup=Dedup.REFERENCE, absence_conclusive=True, source="test")
    def _pay(self, _effect: TakePayment, _attempt: Attempt) -> Receipt:
        self.sends += 1
        more, error = self.weather.pop(0) if self.weather else (STEPS, None)
        self.stands = min(max(self.stands + more, 0), STEPS)
        if error is not None:
            raise error
        return Receipt(evidence="made", at=self._now)

    @probes(TakePayment)
    def _look(self, _effect: TakePayment, _attempt: Attempt) -> Probed:
        if self.stands == STEPS:
            return Found(Receipt(evidence="read back: made", at=self._now))
        return Absent(f"{self.stands} steps are made", begun=self.stands > 0)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.close()


def ended(stage: Stage, adapter: ByStep, *, days: int = 0, **settings: Any) -> tuple[Runtime, Outcome]:
    """What a payment of gateway money comes to when it is left alone for some hours, or days."""
    stage.adapter = adapter
    runtime = stage.runtime(**settings)
    asked = runtime.submit(pay(means=ExternalPayment(gateway="stripe", reference="pi_halfway")))
    for hours in (*[0] * 40, *[1] * 24, *[12] * days * 2):
        stage.later(timedelta(minutes=2) + timedelta(hours=hours))
        runtime.run_due()
    return runtime, runtime.action(asked.action_id).outcome


def lost(steps: int) -> tuple[int, PmsBridgeError]:
    return steps, OutcomeUnknownError("no answer")


def test_a_payment_that_loses_the_answer_of_every_step_is_settled(stage: Stage) -> None:
    adapter = ByStep(stage, lost(1), lost(1), lost(1), lost(1))

    runtime, outcome = ended(stage, adapter)

    assert (outcome, adapter.sends) == (Outcome.SETTLED, STEPS)
    assert runtime.action(action_id("click-0001")).steps[0].evidence == "read back: made"


def test_what_stands_half_way_and_gets_no_further_is_for_a_person(stage: Stage) -> None:
    adapter = ByStep(stage, lost(2), *[lost(0)] * 20)

    _, outcome = ended(stage, adapter)

    assert (outcome, adapter.sends) == (Outcome.NEEDS_REVIEW, 5)


@pytest.mark.parametrize("error", [UnavailableError("away"), RejectedError("no")])
def test_what_a_later_send_says_is_not_believed_of_what_stands_half_way(stage: Stage, error: PmsBridgeError) -> None:
    adapter = ByStep(stage, lost(1), *[(0, error)] * 900)

    _, outcome = ended(stage, adapter, days=9)

    assert adapter.stands == 1
    assert outcome is Outcome.NEEDS_REVIEW


def test_what_was_begun_and_is_gone_at_the_next_look_is_not_sent(stage: Stage) -> None:
    adapter = ByStep(stage, lost(1), lost(-1))

    _, outcome = ended(stage, adapter)

    assert (outcome, adapter.sends, adapter.stands) == (Outcome.NOT_SENT, 2, 0)


@pytest.mark.parametrize("error", [UnavailableError("away"), RejectedError("the gateway's money is gone")])
def test_what_was_begun_and_then_cleanly_taken_back_is_not_sent(stage: Stage, error: PmsBridgeError) -> None:
    adapter = ByStep(stage, lost(1), (-1, error), *[(0, error)] * 900)

    runtime, outcome = ended(stage, adapter, days=9)

    assert (outcome, adapter.stands) == (Outcome.NOT_SENT, 0)
    (step,) = runtime.action(action_id("click-0001")).steps
    assert step.message.startswith("an earlier try may have arrived; the last one: ")
    assert "0 steps are made" in step.message
    assert list(Audit(stage.database).troubles()) == []


def test_a_no_after_what_was_begun_is_asked_no_second_time(stage: Stage) -> None:
    adapter = ByStep(stage, lost(1), (-1, RejectedError("no")), (STEPS, UnavailableError("never reached")))

    _, outcome = ended(stage, adapter, max_resends=4)

    assert (outcome, adapter.sends) == (Outcome.NOT_SENT, 2)


def test_what_stands_half_way_after_a_no_is_for_a_person_at_the_next_look(stage: Stage) -> None:
    adapter = ByStep(stage, lost(1), (0, RejectedError("no")))

    _, outcome = ended(stage, adapter, max_resends=4)

    assert (outcome, adapter.sends, adapter.stands) == (Outcome.NEEDS_REVIEW, 2, 1)


def test_what_shows_as_whole_after_a_no_is_settled(stage: Stage) -> None:
    adapter = ByStep(stage, lost(1), (STEPS, RejectedError("done already")))

    _, outcome = ended(stage, adapter)

    assert (outcome, adapter.sends) == (Outcome.SETTLED, 2)


def test_what_never_began_is_sent_once_more_and_then_not_sent(stage: Stage) -> None:
    adapter = ByStep(stage, *[lost(0)] * 20)

    _, outcome = ended(stage, adapter)

    assert (outcome, adapter.sends) == (Outcome.NOT_SENT, 2)
