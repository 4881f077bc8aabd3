"""What an account can bear: how many calls at once, how many a second, how many a month.

Every vendor call takes a slot of its lane here first. A person who waits goes before a write that nobody waits for,
and both go before a night's reading.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from pmsbridge.errors import UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calls import CallCounter
from pmsbridge.transport.deadline import Deadline

__all__ = ["CallBudget", "CallCounter", "InMemoryCallCounter", "LaneLimiter", "LaneLimits", "Priority"]

_log = get_logger(__name__)


class Priority(IntEnum):
    """Who goes first when several wait for the same lane; the lowest number first."""

    INTERACTIVE = 0
    WRITE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class CallBudget:
    """Calls a lane may make in a calendar month (UTC).

    Attributes:
        calls_per_month: None when unlimited.
        warn_at_percent: Share of the month's calls at which a person is warned, once.
    """

    calls_per_month: int | None
    warn_at_percent: int = 80

    def is_spent(self, calls: int) -> bool:
        """Whether call number ``calls`` of the month is one too many."""
        return self.calls_per_month is not None and calls > self.calls_per_month

    def warrants_warning(self, calls: int) -> bool:
        """Whether call number ``calls`` of the month has reached the warning share."""
        return self.calls_per_month is not None and calls * 100 >= self.calls_per_month * self.warn_at_percent


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """What one lane (an account, a facility) bears.

    Attributes:
        concurrency: Calls in flight at once.
        calls_per_second: Calls started per second, evenly spaced; None when unlimited.
        monthly_calls: Calls per calendar month (UTC); None when unlimited.
        warn_at_percent: Share of ``monthly_calls`` at which one warning is logged.
    """

    concurrency: int = 1
    calls_per_second: Decimal | None = None
    monthly_calls: int | None = None
    warn_at_percent: int = 80

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            message = "concurrency must be at least 1"
            raise ValueError(message)
        if self.calls_per_second is not None and self.calls_per_second <= 0:
            message = "calls_per_second must be positive"
            raise ValueError(message)

    @property
    def budget(self) -> CallBudget:
        """The monthly part of the limits."""
        return CallBudget(self.monthly_calls, self.warn_at_percent)

    @property
    def seconds_between_calls(self) -> float:
        """Spacing that ``calls_per_second`` asks for; 0 when unlimited."""
        return float(1 / self.calls_per_second) if self.calls_per_second else 0.0


class InMemoryCallCounter:
    """Counts for one process, forgotten when it ends."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def add(self, lane: str, month: str, calls: int) -> int:
        """Add ``calls`` and return the new total."""
        with self._lock:
            total = self._totals.get((lane, month), 0) + calls
            self._totals[lane, month] = total
            return total


@dataclass(slots=True)
class _Lane:
    in_flight: int = 0
    next_start: float = 0.0
    waiting: list[tuple[int, int]] = field(default_factory=list)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LaneLimiter:
    """Hands out slots of lanes; thread-safe; one per process.

    Args:
        limits: What every lane of this limiter bears.
        counter: Where monthly calls are counted; in memory when None.
        clock: Wall clock, aware UTC; decides the month.
        monotonic: Seconds; decides the spacing.
        sleep: Waits for the spacing; None waits on the lane itself.
    """

    def __init__(
        self,
        limits: LaneLimits,
        *,
        counter: CallCounter | None = None,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._limits = limits
        self._counter = counter or InMemoryCallCounter()
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._changed = threading.Condition()
        self._lanes: dict[str, _Lane] = {}
        self._tickets = 0
        self._warned: set[tuple[str, str]] = set()

    @contextmanager
    def slot(self, lane: str, *, deadline: Deadline, priority: Priority = Priority.INTERACTIVE) -> Iterator[None]:
        """Hold one slot of ``lane`` while the block runs.

        Raises:
            UnavailableError: No slot before the deadline, or the month's calls are spent; nothing was sent.
        """
        self._enter(lane, deadline, priority)
        try:
            self._count(lane)
            yield
        finally:
            self._leave(lane)

    def _enter(self, name: str, deadline: Deadline, priority: Priority) -> None:
        with self._changed:
            lane = self._lanes.setdefault(name, _Lane())
            self._tickets += 1
            ticket = (int(priority), self._tickets)
            heapq.heappush(lane.waiting, ticket)
            try:
                self._wait_for_turn(name, lane, ticket, deadline)
                lane.in_flight += 1
                lane.next_start = max(lane.next_start, self._monotonic()) + self._limits.seconds_between_calls
            finally:
                lane.waiting.remove(ticket)
                heapq.heapify(lane.waiting)
                self._changed.notify_all()

    def _wait_for_turn(self, name: str, lane: _Lane, ticket: tuple[int, int], deadline: Deadline) -> None:
        while True:
            deadline.check()
            first = lane.waiting[0] == ticket and lane.in_flight < self._limits.concurrency
            pause = lane.next_start - self._monotonic() if first else None
            if pause is not None and pause <= 0:
                return
            if pause is not None and pause >= deadline.seconds_left():
                raise _busy(name, timedelta(seconds=pause))
            if not self._pause(pause, deadline):
                raise _busy(name, None)

    def _pause(self, seconds: float | None, deadline: Deadline) -> bool:
        """Wait for the spacing (``seconds``) or for another to leave (None); False when the deadline passed."""
        if seconds is None:
            self._changed.wait(deadline.seconds_left())
        elif self._sleep is None:
            self._changed.wait(seconds)
        else:
            self._changed.release()
            try:
                self._sleep(seconds)
            finally:
                self._changed.acquire()
        return not deadline.passed()

    def _leave(self, name: str) -> None:
        with self._changed:
            self._lanes[name].in_flight -= 1
            self._changed.notify_all()

    def _count(self, lane: str) -> None:
        now = self._clock()
        month = f"{now:%Y-%m}"
        calls = self._counter.add(lane, month, 1)
        budget = self._limits.budget
        if budget.is_spent(calls):
            self._counter.add(lane, month, -1)
            message = f"the month's calls of lane {lane!r} are spent; nothing was sent"
            raise UnavailableError(message, retry_after=_until_next_month(now), code="monthly_budget_spent")
        if budget.warrants_warning(calls):
            self._warn_once(lane, month, calls)

    def _warn_once(self, lane: str, month: str, calls: int) -> None:
        with self._changed:
            if (lane, month) in self._warned:
                return
            self._warned.add((lane, month))
        _log.warning(
            "monthly_calls_nearly_spent", lane=lane, month=month, calls=calls, limit=self._limits.monthly_calls
        )


def _busy(lane: str, retry_after: timedelta | None) -> UnavailableError:
    message = f"lane {lane!r} stayed busy until the deadline; nothing was sent"
    return UnavailableError(message, retry_after=retry_after, code="lane_busy")


def _until_next_month(now: datetime) -> timedelta:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1) - now
