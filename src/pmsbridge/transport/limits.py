"""Taking a slot of a lane before every vendor call: who goes first, how fast, how many a month.

Two stages. The threads of one process queue here, a person who waits before a write that nobody waits for, and both
before a night's reading. The one at the head asks the gate, which all processes share, in the same order. Nothing of
the gate is held while the call runs but the slot itself.
"""

from __future__ import annotations

import heapq
import os
import random
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from pmsbridge import telemetry
from pmsbridge.errors import PmsBridgeError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calling import call_began, priority_of
from pmsbridge.ports.calls import Admitted, CallAsk, CallGate, GateAnswer, LaneLimits, MonthSpent, NotYet, Priority
from pmsbridge.ports.turns import Line, left, renewed, turn
from pmsbridge.transport.deadline import Deadline

__all__ = ["InMemoryGate", "LaneLimiter", "LaneLimits", "Priority"]

_log = get_logger(__name__)

LEASE_MARGIN: Final = timedelta(seconds=10)
"""A slot outlives the deadline of its call by this, so that nobody enters while a late answer is still read."""

_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5
_LONGEST_PAUSE_OF_THE_FIRST: Final = 0.15
_GROWTH: Final = 1.3
_RENEWALS_PER_LEASE: Final = 3


class InMemoryGate:
    """A gate of one process, forgotten when it ends.

    Args:
        monotonic: Seconds; decides spacing and leases.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lines: dict[str, Line] = {}
        self._calls: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:  # noqa: ARG002 - nothing here is cheaper
        """Take a slot, count the call and start the spacing, all or nothing."""
        with self._lock:
            line, wait = turn(self._line(ask), ask, self._monotonic())
            bound = ask.refused_beyond
            if wait is None and bound is not None and self.calls(ask.counted_as, ask.month) >= bound:
                return MonthSpent()
            self._lines[ask.lane] = line
            return wait or Admitted(self._count(ask))

    def renew(self, ask: CallAsk) -> None:
        """Hold the slot for one more lease from now."""
        with self._lock:
            self._lines[ask.lane] = renewed(self._line(ask), ask, self._monotonic())

    def leave(self, ask: CallAsk) -> None:
        """Give the slot, or the place in the line, back."""
        with self._lock:
            self._lines[ask.lane] = left(self._line(ask), ask)

    def calls(self, counted_as: str, month: str) -> int:
        """Calls made so far in ``month`` ("2026-05")."""
        return self._calls.get((counted_as, month), 0)

    def _line(self, ask: CallAsk) -> Line:
        return self._lines.get(ask.lane, Line())

    def _count(self, ask: CallAsk) -> int:
        total = self._calls[ask.counted_as, ask.month] = self.calls(ask.counted_as, ask.month) + 1
        return total


@dataclass(slots=True)
class _Queue:
    in_flight: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)


_OPEN: weakref.WeakSet[LaneLimiter] = weakref.WeakSet()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LaneLimiter:
    """Hands out slots of lanes; thread-safe; one per account and process, made anew after a fork.

    Args:
        limits: What every lane of this limiter bears.
        gate: What is shared with other processes; None when nothing is.
        clock: Wall clock, aware UTC; decides the month.
        monotonic: Seconds.
        sleep: Waits; None waits so that a slot that becomes free ends the waiting.
    """

    def __init__(
        self,
        limits: LaneLimits,
        *,
        gate: CallGate | None = None,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._limits = limits
        self._shared = gate
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._warned: set[tuple[str, str]] = set()
        self.forget()
        _OPEN.add(self)

    def forget(self) -> None:
        """Drop what was inherited from a parent process: its lock, its calls in flight, its threads that wait."""
        self._gate: CallGate = self._shared or InMemoryGate(self._monotonic)
        self._changed = threading.Condition()
        self._lanes: dict[str, _Queue] = {}
        self._arrivals = 0

    @contextmanager
    def slot(
        self,
        lane: str,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        counted_as: str | None = None,
        lease: timedelta | None = None,
    ) -> Iterator[None]:
        """Hold one slot of ``lane`` while the block runs.

        Args:
            lane: What the limits are about.
            deadline: When the whole call must be over, the waiting included. Asking the gate is not cut short: a
                database that is locked answers, or refuses, up to half a minute late. Whoever gets a slot then finds
                the deadline passed, and sends nothing.
            priority: Who goes first; inside a night every call goes as ``BATCH``.
            counted_as: Under which name the call counts in its month; None for the lane's.
            lease: For a call that may last long: the slot of a process that died is free after this, and a thread
                renews it while the block runs. None for a lease that outlives the deadline.

        Raises:
            UnavailableError: No slot before the deadline, the month's calls are spent (for a night: all but those that
                are kept for people), or the gate cannot be asked; nothing was sent.
        """
        priority = priority_of(priority)
        ask = self._ask(lane, deadline, priority, counted_as or lane, lease)
        began = self._monotonic()
        try:
            admitted, queue = self._enter(ask, deadline)
        except UnavailableError as error:
            telemetry.gate_waited(self._monotonic() - began, lane=lane, priority=priority, outcome=error.code)
            raise
        telemetry.gate_waited(self._monotonic() - began, lane=lane, priority=priority, outcome="entered")
        try:
            call_began()
            self._warn_once(ask, admitted.calls)
            with self._renewed(ask, deadline):
                yield
        finally:
            self._leave(ask, queue)

    def _ask(
        self, lane: str, deadline: Deadline, priority: Priority, counted_as: str, lease: timedelta | None
    ) -> CallAsk:
        whole = deadline.left() + LEASE_MARGIN
        return CallAsk(
            lane=lane, ticket=uuid.uuid4().hex, priority=priority, limits=self._limits,
            lease=min(lease or whole, whole), counted_as=counted_as, month=f"{self._clock():%Y-%m}",
        )  # fmt: skip

    # -- the way in -------------------------------------------------------------------------------------------------

    def _enter(self, ask: CallAsk, deadline: Deadline) -> tuple[Admitted, _Queue]:
        queue, place = self._arrive(ask)
        is_in = False
        try:
            admitted = self._wait_for_turn(ask, queue, place, deadline)
            is_in = True
            return admitted, queue
        finally:
            with self._changed:
                queue.in_flight += is_in
                queue.waiting.remove(place)
                heapq.heapify(queue.waiting)
                self._changed.notify_all()

    def _arrive(self, ask: CallAsk) -> tuple[_Queue, tuple[int, int]]:
        with self._changed:
            queue = self._lanes.setdefault(ask.lane, _Queue())
            self._arrivals += 1
            place = (int(ask.priority), self._arrivals)
            heapq.heappush(queue.waiting, place)
            return queue, place

    def _wait_for_turn(self, ask: CallAsk, queue: _Queue, place: tuple[int, int], deadline: Deadline) -> Admitted:
        deadline.check()
        self._wait_until_first(ask, queue, place, deadline)
        try:
            return self._ask_until_in(ask, queue, place, deadline)
        except BaseException:
            # A place in the shared line, or a slot whose answer was lost, is not left behind.
            self._give_back(ask)
            raise

    def _ask_until_in(self, ask: CallAsk, queue: _Queue, place: tuple[int, int], deadline: Deadline) -> Admitted:
        tries = 0
        while True:
            answer = self._gate.enter(ask, again=tries > 0)
            if isinstance(answer, Admitted):
                return answer
            if isinstance(answer, MonthSpent):
                raise _spent(ask, self._clock())
            if answer.pause is not None and answer.pause >= deadline.left():
                raise _busy(ask.lane, answer.pause)
            self._pause(min(_pause_before(answer, tries), deadline.seconds_left()))
            if deadline.passed():
                raise _busy(ask.lane, None)
            tries += 1
            deadline.check()
            self._wait_until_first(ask, queue, place, deadline)

    def _wait_until_first(self, ask: CallAsk, queue: _Queue, place: tuple[int, int], deadline: Deadline) -> None:
        with self._changed:
            while queue.waiting[0] != place or queue.in_flight >= self._limits.concurrency:
                self._changed.wait(deadline.seconds_left())
                if deadline.passed():
                    raise _busy(ask.lane, None)

    def _pause(self, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
            return
        with self._changed:
            self._changed.wait(seconds)

    # -- inside, and the way out ------------------------------------------------------------------------------------

    @contextmanager
    def _renewed(self, ask: CallAsk, deadline: Deadline) -> Iterator[None]:
        """Renew a lease that is shorter than the call may last; only where somebody else could take the slot."""
        if self._shared is None or ask.lease >= deadline.left():
            yield
            return
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(ask, deadline, over), name="pmsbridge-gate", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()

    def _keep(self, ask: CallAsk, deadline: Deadline, over: threading.Event) -> None:
        while not over.wait(ask.lease.total_seconds() / _RENEWALS_PER_LEASE) and not deadline.passed():
            try:
                self._gate.renew(ask)
            except PmsBridgeError as error:
                _log.warning("gate_not_renewed", lane=ask.lane, why=error.code)

    def _leave(self, ask: CallAsk, queue: _Queue) -> None:
        self._give_back(ask)
        with self._changed:
            queue.in_flight -= 1
            self._changed.notify_all()

    def _give_back(self, ask: CallAsk) -> None:
        """What became of the call is worth more than the slot: a gate that is away frees it by the lease."""
        try:
            self._gate.leave(ask)
        except PmsBridgeError as error:
            _log.warning("gate_not_left", lane=ask.lane, why=error.code)

    def _warn_once(self, ask: CallAsk, calls: int) -> None:
        month = (ask.counted_as, ask.month)
        if month in self._warned or not self._limits.warrants_warning(calls):
            return
        self._warned.add(month)
        _log.warning(
            "monthly_calls_nearly_spent",
            lane=ask.counted_as, month=ask.month, calls=calls, limit=self._limits.monthly_calls,
        )  # fmt: skip


def _forget_all() -> None:
    for limiter in list(_OPEN):
        limiter.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _pause_before(answer: NotYet, tries: int) -> float:
    """Seconds until the next ask: exact when only the spacing is in the way, else growing, and not in step."""
    if answer.pause is not None:
        return min(answer.pause.total_seconds(), _LONGEST_PAUSE)
    longest = _LONGEST_PAUSE if answer.ahead else _LONGEST_PAUSE_OF_THE_FIRST
    grown = min(longest, _SHORTEST_PAUSE * _GROWTH ** min(tries, 20))
    return random.uniform(_SHORTEST_PAUSE, max(_SHORTEST_PAUSE, grown))  # noqa: S311 - no secret depends on it


def _busy(lane: str, retry_after: timedelta | None) -> UnavailableError:
    message = f"lane {lane!r} stayed busy until the deadline; nothing was sent"
    return UnavailableError(message, retry_after=retry_after, code="lane_busy")


def _spent(ask: CallAsk, now: datetime) -> UnavailableError:
    is_reserve = ask.refused_beyond != ask.limits.refused_beyond
    what = "that a night may make are spent, the others are kept for people" if is_reserve else "are spent"
    message = f"the month's calls of lane {ask.counted_as!r} {what}; nothing was sent"
    code = "nights_budget_spent" if is_reserve else "monthly_budget_spent"
    return UnavailableError(message, retry_after=_until_next_month(now), code=code)


def _until_next_month(now: datetime) -> timedelta:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1) - now
