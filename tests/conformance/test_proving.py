"""The kit without a test runner: case by case, with what was expected and what was seen."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, cast
from unittest import SkipTest

from pmsbridge.errors import UnavailableError
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather
from pmsbridge.testing.proving import BY_EFFECT, BY_WEATHER, Case, Result, cases
from tests.unit.model.specimens import PAY

OTHER = PAY.changed(tenant_id="T2")
JUDGE = SimpleNamespace(weathers=frozenset({Weather.BUSY, Weather.FAULT}))
SUBJECT = Subject(
    adapter=cast("Any", SimpleNamespace()), judge=cast("Any", JUDGE), examples=[Example(PAY), Example(OTHER)],
    facility="F1", tenant_id="T1", unknown_tenant_id="T9",
)  # fmt: skip


class Kit(Conformance):
    """Checks of our own in place of some, told what to come to."""

    def test_done_once_is_there_once(self, subject: Subject) -> None:
        """One is one."""
        (example,) = subject.examples
        if example.effect is OTHER:
            raise AssertionError("it is there twice")

    def test_bad_weather_never_makes_the_adapter_tell_a_falsehood(self, subject: Subject) -> None:
        """Weather is weather."""
        (weather,) = subject.weather
        if weather is Weather.BUSY:
            raise UnavailableError("gone fishing")

    def test_an_account_adds_up_and_belongs_together(self, subject: Subject) -> None:
        """It adds up."""
        assert len(subject.examples) == 2
        raise SkipTest("it tells no accounts")

    def test_an_unknown_tenant_is_not_found(self, subject: Subject) -> None:
        """Nobody is nobody."""
        raise KeyError(subject.facility)


def of(found: list[Case], check: str) -> list[tuple[str, str, Result, str]]:
    return [(case.about, case.weather, case.result, case.seen) for case in found if case.check == check]


def test_every_case_is_told_whatever_came_of_the_others() -> None:
    found = list(cases(SUBJECT, Kit))

    assert of(found, "test_done_once_is_there_once") == [
        ("take_payment", "", Result.OK, ""), ("take_payment", "", Result.FAILED, "it is there twice"),
    ]  # fmt: skip
    weather = of(found, "test_bad_weather_never_makes_the_adapter_tell_a_falsehood")
    assert [(each[1], each[2]) for each in weather] == [("busy", Result.FAILED), ("fault", Result.OK)] * 2
    assert weather[0][3] == "UnavailableError: gone fishing"
    assert of(found, "test_an_account_adds_up_and_belongs_together") == [
        ("", "", Result.NOT_POSSIBLE, "it tells no accounts")
    ]
    assert of(found, "test_an_unknown_tenant_is_not_found") == [("", "", Result.FAILED, "KeyError left the adapter")]
    told = next(case for case in found if case.check == "test_done_once_is_there_once")
    assert (told.words, told.expected) == ("done once is there once", "One is one.")
    assert {case.check for case in found} == {name for name in dir(Kit) if name.startswith("test_")}


def test_every_check_that_goes_by_effects_or_weather_is_made_for_each() -> None:
    """One that looks at all of them by itself would stop at the first that fails."""
    checks = {name: inspect.getsource(each) for name, each in vars(Conformance).items() if name.startswith("test_")}
    whole = {"test_every_promise_has_an_example_and_a_source"}

    assert {n for n, text in checks.items() if "subject.examples" in text or "(subject)" in text} - whole == BY_EFFECT
    assert {n for n, text in checks.items() if "subject.weather" in text} - {"test_no_secret_shows"} == BY_WEATHER
