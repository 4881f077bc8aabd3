"""The kit of checks without a test runner: every promise of an adapter, one after the other, and what came of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from unittest import SkipTest

from pmsbridge.errors import PmsBridgeError
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather

__all__ = ["BY_EFFECT", "BY_WEATHER", "Case", "Result", "cases"]

_PREFIX: Final = "test_"

BY_WEATHER: Final = frozenset({
    "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "test_reads_in_bad_weather_say_so_and_nothing_else",
})  # fmt: skip
"""Checks that are made once for every kind of weather."""

BY_EFFECT: Final = frozenset({
    "test_done_once_is_there_once",
    "test_a_look_finds_what_was_done_and_not_what_was_never_sent",
    "test_a_key_that_makes_a_repetition_harmless_does",
    "test_what_staff_enter_meanwhile_is_never_called_ours",
    "test_ours_is_never_called_absent_for_what_staff_enter_meanwhile",
    "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "test_a_sealed_value_is_needed_and_wiped",
    "test_no_secret_shows",
})  # fmt: skip
"""Checks that are made once for every effect."""


class Result(StrEnum):
    """What came of a case."""

    OK = "ok"
    NOT_POSSIBLE = "not_possible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Case:
    """One check of one thing.

    Attributes:
        check: The check's name, ``test_done_once_is_there_once``.
        about: The effect it is about; empty for one that is about none.
        weather: In which weather; empty where there was none.
        result: What came of it.
        expected: What the check holds an adapter to.
        seen: What was seen instead, or why nothing could be looked at; empty where all is well.
    """

    check: str
    about: str
    weather: str
    result: Result
    expected: str
    seen: str = ""

    @property
    def words(self) -> str:
        """The check's name as a sentence."""
        return self.check.removeprefix(_PREFIX).replace("_", " ")


def cases(subject: Subject, kit: type[Conformance] = Conformance) -> Iterator[Case]:
    """Every case of the kit, each as soon as it is over.

    Args:
        subject: What is judged.
        kit: The checks; one that has more is asked for all of them.
    """
    checks = [name for name, each in inspect.getmembers(kit, callable) if name.startswith(_PREFIX)]
    for name in sorted(checks, key=lambda name: inspect.getsourcelines(getattr(kit, name))[1]):
        yield from _cases_of(kit, name, subject)


def _cases_of(kit: type[Conformance], name: str, subject: Subject) -> Iterator[Case]:
    examples: list[Example | None] = [*subject.examples] if name in BY_EFFECT else [None]
    weathers: list[Weather | None] = [*subject.weather] if name in BY_WEATHER else [None]
    for example in examples:
        own = subject if example is None else replace(subject, examples=[example])
        for weather in weathers:
            narrowed = own if weather is None else replace(own, weathers=frozenset({weather}))
            about = "" if example is None else str(getattr(example.effect, "kind", ""))
            yield _case(kit, name, narrowed, about, "" if weather is None else weather.value)


def _case(kit: type[Conformance], name: str, subject: Subject, about: str, weather: str) -> Case:
    check = getattr(kit(), name)
    result, seen = Result.OK, ""
    try:
        check(subject)
    except SkipTest as reason:
        result, seen = Result.NOT_POSSIBLE, str(reason)
    except AssertionError as claim:
        result, seen = Result.FAILED, str(claim)
    except PmsBridgeError as error:
        result, seen = Result.FAILED, f"{type(error).__name__}: {error.message}"
    except Exception as error:  # noqa: BLE001 - one check that breaks must not keep the others from being made
        result, seen = Result.FAILED, f"{type(error).__name__} left the adapter"
    return Case(name, about, weather, result, inspect.getdoc(check) or "", seen)
