"""Asking again: reads alone, and only when the answer was "not now"."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest

import pmsbridge.transport.retry
from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.retry import read_with_retry


class World:
    """A clock that moves when somebody sleeps, and a call that fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.seconds = 0.0
        self.naps: list[float] = []
        self.calls = 0
        self.failures = list(failures)

    def call(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds

    def ask(self, attempts: int = 3, span: timedelta = timedelta(minutes=5)) -> str:
        start = datetime(2026, 5, 1, tzinfo=UTC)
        deadline = Deadline(span, clock=lambda: start + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds)
        return read_with_retry(self.call, attempts=attempts, deadline=deadline, sleep=self.sleep)


def test_a_read_is_asked_again_until_it_answers() -> None:
    world = World(UnavailableError("later"), UnavailableError("later"))

    assert world.ask() == "answer"
    assert world.calls == 3


def test_the_last_error_is_raised_when_the_attempts_are_used_up() -> None:
    world = World(*[UnavailableError(f"later {number}") for number in range(9)])

    with pytest.raises(UnavailableError, match="later 2"):
        world.ask(attempts=3)

    assert world.calls == 3


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknownError("lost"), RejectedError("no"), ConfigurationError("wrong"), InputError("x", "wrong"),
        PmsBridgeError("?"), ValueError("bug"), TimeoutError(),
    ],
)  # fmt: skip
def test_nothing_but_unavailable_is_asked_again(error: Exception) -> None:
    world = World(error)

    with pytest.raises(type(error)):
        world.ask()

    assert world.calls == 1


def test_the_wait_the_other_side_asked_for_is_never_shortened() -> None:
    world = World(UnavailableError("later", retry_after=timedelta(seconds=90)))

    world.ask()

    assert world.naps == [90]


def test_a_wait_beyond_the_deadline_ends_it_at_once() -> None:
    world = World(UnavailableError("later", retry_after=timedelta(seconds=90)))

    with pytest.raises(UnavailableError):
        world.ask(span=timedelta(seconds=60))

    assert world.naps == []


def test_pauses_of_our_own_stay_below_their_bound() -> None:
    world = World(*[UnavailableError("later") for _ in range(20)])

    world.ask(attempts=30, span=timedelta(hours=2))

    assert len(world.naps) == 20
    assert max(world.naps) <= 30


def test_there_is_no_retry_for_writes() -> None:
    assert pmsbridge.transport.retry.__all__ == ["read_with_retry"]
    assert "is_write" not in inspect.signature(read_with_retry).parameters
