"""What an account can bear, and the gate where everybody who calls it agrees on who goes next. As a port.

The threads of one process queue in their own limiter; the gate is what processes and machines share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Protocol

__all__ = ["Admitted", "CallAsk", "CallGate", "GateAnswer", "LaneLimits", "MonthSpent", "NotYet", "Priority"]


class Priority(IntEnum):
    """Who goes first when several wait for the same lane; the lowest number first."""

    INTERACTIVE = 0
    WRITE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """What one lane (an account, a facility) bears, all processes together.

    Attributes:
        concurrency: Calls in flight at once.
        calls_per_second: Calls started per second, evenly spaced; None when unlimited.
        monthly_calls: Calls per calendar month (UTC); None when unlimited.
        stop_at_monthly_calls: Whether calls beyond ``monthly_calls`` are refused; otherwise they are only warned of.
        warn_at_percent: Share of ``monthly_calls`` at which one warning is logged.
        nights_percent: Share of ``monthly_calls`` that calls of the class ``BATCH`` may use up, where further ones are
            refused: the others are kept for people.
    """

    concurrency: int = 1
    calls_per_second: Decimal | None = None
    monthly_calls: int | None = None
    stop_at_monthly_calls: bool = True
    warn_at_percent: int = 80
    nights_percent: int = 95

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            message = "concurrency must be at least 1"
            raise ValueError(message)
        if self.calls_per_second is not None and self.calls_per_second <= 0:
            message = "calls_per_second must be positive"
            raise ValueError(message)

    @property
    def seconds_between_calls(self) -> float:
        """Spacing that ``calls_per_second`` asks for; 0 when unlimited."""
        return float(1 / self.calls_per_second) if self.calls_per_second else 0.0

    @property
    def refused_beyond(self) -> int | None:
        """Calls of a month after which the next is refused; None when none ever is."""
        return self.monthly_calls if self.stop_at_monthly_calls else None

    @property
    def batch_refused_beyond(self) -> int | None:
        """The same for calls of the class ``BATCH``; of a bound that is too small to share, all."""
        bound = self.refused_beyond
        return bound if bound is None else bound - bound * (100 - self.nights_percent) // 100

    def warrants_warning(self, calls: int) -> bool:
        """Whether call number ``calls`` of the month has reached the warning share."""
        return self.monthly_calls is not None and calls * 100 >= self.monthly_calls * self.warn_at_percent


@dataclass(frozen=True, slots=True)
class CallAsk:
    """One call that wants to begin.

    Attributes:
        lane: What the limits are about ("office:main").
        ticket: Who asks: unique, and the same at every try of this call.
        priority: Who goes first.
        limits: What the lane bears.
        lease: How long the slot stays taken when nobody gives it back: longer than the call can last.
        counted_as: Under which name the call counts in its month.
        month: "2026-05", UTC.
    """

    lane: str
    ticket: str
    priority: Priority
    limits: LaneLimits
    lease: timedelta
    counted_as: str
    month: str

    @property
    def refused_beyond(self) -> int | None:
        """Calls of the month after which this one is refused; None when it never is."""
        return self.limits.batch_refused_beyond if self.priority is Priority.BATCH else self.limits.refused_beyond


@dataclass(frozen=True, slots=True)
class Admitted:
    """The slot is taken until it is given back.

    Attributes:
        calls: Calls of the month, this one included.
    """

    calls: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """Ask again; the place in the line is kept for some seconds.

    Attributes:
        pause: When only the spacing of calls is in the way: how long it still is. Else None.
        ahead: How many who wait go first.
    """

    pause: timedelta | None
    ahead: int


@dataclass(frozen=True, slots=True)
class MonthSpent:
    """The month's calls are used up, as far as this class may use them; it was not counted and no slot is taken."""


GateAnswer = Admitted | NotYet | MonthSpent


class CallGate(Protocol):
    """Where callers of one lane take turns; a database-backed one lets processes and machines share what they may."""

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        """Take a slot, count the call and start the spacing, all or nothing; never waits.

        Args:
            ask: The call.
            again: The last answer to this ask was "not yet": it may be looked at more cheaply.

        Raises:
            UnavailableError: The gate cannot be asked now. No slot is taken, or it is free again after the lease.
        """

    def renew(self, ask: CallAsk) -> None:
        """Hold the slot for one more lease from now; nothing when it is held no more.

        Raises:
            UnavailableError: The gate cannot be asked now; the lease runs on.
        """

    def leave(self, ask: CallAsk) -> None:
        """Give the slot, or the place in the line, back. Idempotent.

        Raises:
            UnavailableError: The gate cannot be asked now; the slot is free after its lease.
        """
