"""Asking again, for reads alone. There is no such thing for a write: a write is probed, never repeated here."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.deadline import Deadline

__all__ = ["read_with_retry"]

T = TypeVar("T")


def read_with_retry(
    call: Callable[[], T],
    *,
    attempts: int,
    deadline: Deadline,
    first_pause: timedelta = timedelta(seconds=1),
    longest_pause: timedelta = timedelta(seconds=30),
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Ask up to ``attempts`` times while the answer is "not now".

    Only ``UnavailableError`` is asked again. Pauses grow exponentially with jitter up to ``longest_pause``, and are
    never shorter than what the other side asked for. When the pause would outlast the deadline, the last error is
    raised at once.

    Args:
        call: The read; it must be safe to run any number of times.
        attempts: Calls in all, at least 1.
        deadline: When asking must be over.
        first_pause: Upper bound of the first pause.
        longest_pause: Upper bound of every pause of our own choosing.
        sleep: Takes seconds.

    Raises:
        UnavailableError: The last answer was still "not now".
    """
    wait = wait_random_exponential(multiplier=first_pause.total_seconds(), max=longest_pause.total_seconds())

    def pause(state: RetryCallState) -> float:
        return max(wait(state), _asked_for(state))

    def is_over(state: RetryCallState) -> bool:
        return stop_after_attempt(attempts)(state) or state.upcoming_sleep >= deadline.seconds_left()

    retrying = Retrying(
        retry=retry_if_exception_type(UnavailableError), wait=pause, stop=is_over, sleep=sleep, reraise=True
    )
    return retrying(call)


def _asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, UnavailableError) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return 0.0
