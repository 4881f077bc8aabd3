"""An adapter of steps that does not tell the truth about what stands half way is found out by the kit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pmsbridge.actions.effects import AddNote, EffectBody
from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge.testing.conformance import Conformance, Example, StepJudge, Subject, Weather

NOTE = AddNote(
    account="made-up", facility="F1", tenant_id="1", rental_id="1", text="Please call.", reference="PB-NOTE01"
)


class TwoSteps:
    """An adapter and its judge in one: a note takes two steps, and the second may be put off, or neither arrive.

    Attributes:
        lie: What it says that is not so; empty for an honest one.
        stands: Steps made.
    """

    weathers = frozenset({Weather.BUSY, Weather.LOST_BEFORE})

    def __init__(self, lie: str) -> None:
        self.lie, self.stands, self.weather = lie, 0, Weather.BUSY

    def baseline(self, _effect: EffectBody) -> Mapping[str, str]:
        return {}

    def execute(self, _effect: EffectBody, _attempt: Attempt) -> Receipt:
        self.stands = int(self.weather is Weather.BUSY)
        if self.weather is Weather.BUSY and self.lie == "nothing changed":
            message = "later"
            raise UnavailableError(message)
        message = "no answer"
        raise OutcomeUnknownError(message)

    def probe(self, _effect: EffectBody, _attempt: Attempt) -> Probed:
        if self.stands == 2:
            return Found(Receipt(evidence="read back", at=datetime.now(UTC)))
        begun = {"nothing stands": False, "always begun": True}.get(self.lie, self.stands > 0)
        return Absent(f"{self.stands} steps", begun=begun)

    def reset(self) -> None:
        self.stands = 0

    def times_done(self, _effect: EffectBody) -> int:
        return int(self.stands == 2)

    def calls(self) -> int:
        return 0

    def writes(self, _effect: EffectBody) -> int:
        return 1

    def set_weather(self, weather: Weather, _effect: EffectBody | None) -> None:
        self.weather = weather

    def standing(self, _effect: EffectBody) -> object:
        return self.stands


def judged(lie: str) -> None:
    both: Any = TwoSteps(lie)
    is_of_steps = isinstance(TwoSteps(lie), StepJudge)
    subject = Subject(
        adapter=both, judge=both, examples=[Example(NOTE)], facility="F1", tenant_id="1", unknown_tenant_id="2"
    )
    assert is_of_steps
    Conformance().test_bad_weather_never_makes_the_adapter_tell_a_falsehood(subject)


def test_an_honest_one_passes() -> None:
    judged("")


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("nothing changed", "UnavailableError, and something of it stands half way"),
        ("nothing stands", "absent for good, and a part of it is there"),
        ("always begun", "begun, and nothing of it stands"),
    ],
)
def test_a_lie_about_what_stands_half_way_is_found_out(lie: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judged(lie)
