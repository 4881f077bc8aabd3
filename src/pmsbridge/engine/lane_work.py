"""Working on one lane: claim, do what is due, let go, look once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pmsbridge.engine.courier import Courier
from pmsbridge.engine.order import Focus, Picks, pick
from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.logging import get_logger
from pmsbridge.ports.clock import Clock
from pmsbridge.store.journal import FencedError, Journal
from pmsbridge.store.stored import Held

__all__ = ["DrainResult", "LaneWorker", "Tell"]

_log = get_logger(__name__)


class Tell(Protocol):
    """Wakes workers, when there are any."""

    def __call__(self, lane: str, not_before: datetime | None = None) -> None:
        """There is something to do in a lane, now or at an instant."""


@dataclass(frozen=True, slots=True)
class DrainResult:
    """What a drain did.

    Attributes:
        delivered: Things done: sends, looks, endings.
        busy: Somebody else holds the lane; they look once more after letting it go.
        next_due: When the lane next has something to do; None when it waits for something else or for nothing.
    """

    lane: str
    delivered: int
    busy: bool
    next_due: datetime | None


class LaneWorker:
    """Does the work of lanes; holds nothing between calls."""

    def __init__(
        self,
        *,
        journal: Journal,
        courier: Courier,
        sealed: SealedValues,
        clock: Clock,
        settings: EngineSettings,
        claim: Callable[[str], Held | None],
        tell: Tell,
    ) -> None:
        self._journal = journal
        self._courier = courier
        self._sealed = sealed
        self._clock = clock
        self._settings = settings
        self._claim = claim
        self._tell = tell

    def drain(self, lane: str, focus: Focus | None) -> DrainResult:
        """Do what is due, as long as the lane is free and the budget lasts."""
        ends = self._clock.monotonic() + self._settings.drain_budget.total_seconds()
        delivered = 0
        while True:
            picks = self._picks(lane, focus)
            if not picks.ready:
                if picks.next_due is not None:
                    self._tell(lane, picks.next_due)
                return DrainResult(lane, delivered, busy=False, next_due=picks.next_due)
            if delivered and self._clock.monotonic() >= ends:
                self._tell(lane)
                return DrainResult(lane, delivered, busy=False, next_due=self._clock.now())
            held = self._claim(lane)
            if held is None:
                return DrainResult(lane, delivered, busy=True, next_due=None)
            try:
                delivered += self._work(held, focus, ends)
            except FencedError:
                _log.warning("fenced", lane=lane, epoch=held.epoch)
                return DrainResult(lane, delivered, busy=True, next_due=None)
            finally:
                # After this the loop looks once more: whoever found the lane busy meanwhile relies on it.
                self._journal.release(held)
            if focus is not None:
                self._tell(lane)

    def _picks(self, lane: str, focus: Focus | None) -> Picks:
        return pick(
            self._journal.queue(lane),
            lane=lane,
            now=self._clock.now(),
            settings=self._settings,
            sealed_here=self._sealed,
            focus=focus,
        )

    def _work(self, held: Held, focus: Focus | None, ends: float) -> int:
        done = 0
        while True:
            ready = self._picks(held.lane, focus).ready
            for chosen in ready:
                self._courier.handle(held, chosen)
                done += 1
                self._wake_others(chosen.effect.action_id, held.lane)
                if self._clock.monotonic() >= ends:
                    return done
            if not ready:
                return done

    def _wake_others(self, action_id: str, lane: str) -> None:
        """What ended may let something in another lane begin."""
        for other in self._journal.lanes_of(action_id):
            if other != lane:
                self._tell(other)
