"""So many calls in so much time, shared by all processes through the gate that also spaces calls.

A budget of n calls in a span is a lane of n slots that nobody gives back: each is free again when the span is over. So
no span of that length, wherever it begins, sees more than n calls, and no process needs to know of another. Of a large
budget one slot stands for several calls, which a process makes within a short while or not at all: 1,000 an hour are
100 slots of 10 calls, each good for three minutes, and taken for an hour and three minutes.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from pmsbridge.errors import PmsBridgeError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calls import Admitted, CallAsk, CallGate, LaneLimits, Priority
from pmsbridge.transport.http import Deadline
from pmsbridge.transport.limits import InMemoryGate
from pmsbridge_rest.forking import forgets

__all__ = ["Budgets", "CallBudget"]

_log = get_logger(__name__)

_MOST_SLOTS: Final = 100
_SHARE_OF_A_SPAN: Final = 20
_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class CallBudget:
    """So many calls in so much time.

    Attributes:
        calls: How many.
        per: In which time.
        of: Which calls count.
        paths: Only calls whose path begins with one of these; empty for all.
    """

    calls: int
    per: timedelta
    of: Literal["all", "reads", "writes"] = "all"
    paths: tuple[str, ...] = ()

    def counts(self, path: str, *, is_write: bool) -> bool:
        """Whether a call draws on this budget."""
        is_of = self.of == "all" or (self.of == "writes") == is_write
        return is_of and (not self.paths or path.startswith(self.paths))

    @property
    def slots(self) -> int:
        """How many slots stand for it."""
        return min(self.calls, _MOST_SLOTS)

    @property
    def calls_of_a_slot(self) -> int:
        """How many calls one slot is good for."""
        return self.calls // self.slots

    @property
    def good_for(self) -> timedelta:
        """How long the calls of one slot may be made after it was taken."""
        return self.per / _SHARE_OF_A_SPAN if self.calls_of_a_slot > 1 else timedelta(0)


@dataclass(slots=True)
class _Left:
    """Calls of a slot that were not made yet, and until when they may be; seconds."""

    calls: int
    until: float


class Budgets:
    """Lets a call begin when all budgets that it draws on allow it; thread-safe.

    Args:
        lane: What the budgets are of; part of the names of their lanes.
        budgets: All hold at once.
        gate: What is shared with other processes; None when nothing is.
        monotonic: Seconds.
        sleep: Takes seconds.
    """

    def __init__(
        self,
        lane: str,
        budgets: Sequence[CallBudget],
        *,
        gate: CallGate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._lane = lane
        self._budgets = tuple(budgets)
        self._gate: CallGate = gate or InMemoryGate(monotonic)
        self._monotonic = monotonic
        self._sleep = sleep
        self.forget()
        forgets(self)

    def forget(self) -> None:
        """Drop what is left of slots: it is the parent process's."""
        self._lock = threading.Lock()
        self._left: dict[str, _Left] = {}

    def enter(self, path: str, deadline: Deadline, *, is_write: bool, priority: Priority) -> None:
        """Wait until the call may begin, and count it.

        Raises:
            UnavailableError: It may not before the deadline; nothing was sent. What it took of other budgets is spent.
        """
        for place, budget in enumerate(self._budgets):
            lane = f"{self._lane}:budget{place}"
            if budget.counts(path, is_write=is_write) and not self._had(lane):
                self._take(lane, budget, deadline, priority)
                self._keep(lane, budget)

    def _had(self, lane: str) -> bool:
        """Whether a call was left of a slot that this process took a short while ago."""
        with self._lock:
            left = self._left.get(lane)
            if left is None or left.calls == 0 or left.until <= self._monotonic():
                return False
            left.calls -= 1
            return True

    def _keep(self, lane: str, budget: CallBudget) -> None:
        until = self._monotonic() + budget.good_for.total_seconds()
        with self._lock:
            self._left[lane] = _Left(budget.calls_of_a_slot - 1, until)

    def _take(self, lane: str, budget: CallBudget, deadline: Deadline, priority: Priority) -> None:
        ask = CallAsk(
            lane=lane, ticket=uuid.uuid4().hex, priority=priority, limits=LaneLimits(concurrency=budget.slots),
            lease=budget.per + budget.good_for,
            counted_as=lane, month=f"{datetime.now(UTC):%Y-%m}",
        )  # fmt: skip
        tries = 0
        try:
            while not isinstance(self._gate.enter(ask, again=tries > 0), Admitted):
                tries += 1
                self._pause(lane, budget, deadline, tries)
        except BaseException:
            self._give_place_back(ask)
            raise

    def _pause(self, lane: str, budget: CallBudget, deadline: Deadline, tries: int) -> None:
        longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 1.5 ** min(tries, 20))
        self._sleep(min(random.uniform(longest / 2, longest), deadline.seconds_left()))  # noqa: S311 - no secret
        if deadline.passed():
            message = f"{lane}: {budget.calls} calls in {budget.per} are spent until the deadline; nothing was sent"
            raise UnavailableError(message, retry_after=budget.per / budget.slots, code="budget_spent")

    def _give_place_back(self, ask: CallAsk) -> None:
        try:
            self._gate.leave(ask)
        except PmsBridgeError as error:
            _log.warning("gate_not_left", lane=ask.lane, why=error.code)
