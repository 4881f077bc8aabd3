"""The end of a call: a moment on two clocks, and the moment after which no byte may leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmsbridge.errors import UnavailableError

__all__ = ["Deadline"]

_NOTHING = timedelta(0)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Deadline:
    """When a call must be over, on the monotonic and on the wall clock, whichever comes first.

    The monotonic clock is not moved by a clock correction; the wall clock sees the time a frozen machine lost.
    ``not_after`` is the end of a lease: past it another worker may own the work, so nothing may be sent any more,
    although an answer may still be read.

    Attributes:
        not_after: Aware UTC instant after which no request may start to leave; None when no lease applies.
    """

    __slots__ = ("_clock", "_ends_at", "_ends_monotonic", "_monotonic", "not_after")

    def __init__(
        self,
        span: timedelta,
        *,
        not_after: datetime | None = None,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not_after is not None and not_after.tzinfo is None:
            message = "not_after must be an aware datetime"
            raise ValueError(message)
        self._clock = clock
        self._monotonic = monotonic
        self._ends_at = clock() + span
        self._ends_monotonic = monotonic() + span.total_seconds()
        self.not_after = not_after

    def __repr__(self) -> str:
        return f"Deadline(left={self.left().total_seconds():.3f}s)"

    def left(self) -> timedelta:
        """Time left until the call must be over; never negative."""
        return timedelta(seconds=self.seconds_left())

    def seconds_left(self) -> float:
        """The same in seconds, for socket timeouts."""
        by_monotonic = self._ends_monotonic - self._monotonic()
        by_wall = (self._ends_at - self._clock()).total_seconds()
        return max(0.0, min(by_monotonic, by_wall))

    def passed(self) -> bool:
        """Whether the call should have been over by now."""
        return self.seconds_left() <= 0.0

    def lease_left(self) -> timedelta | None:
        """Time left in which a request may start to leave; None when no lease applies; never negative."""
        if self.not_after is None:
            return None
        return max(_NOTHING, self.not_after - self._clock())

    def check(self) -> None:
        """Refuse to start when time or lease is over. Asked before anything is sent, so the refusal is certain.

        Raises:
            UnavailableError: The deadline has passed or the lease is over; nothing was sent.
        """
        if self.not_after is not None and self._clock() >= self.not_after:
            raise UnavailableError("lease over; nothing was sent", code="lease_over")
        if self.passed():
            raise UnavailableError("deadline passed; nothing was sent", code="deadline")
