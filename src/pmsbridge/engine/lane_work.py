"""Working on one lane: claim, do what is due, let go.

What became of one effect and "sending" of the next are one commit wherever nothing has to be asked in between; so are
taking a lane and the first "sending", and the last outcome and letting go. No transaction is open during a call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from pmsbridge import telemetry
from pmsbridge.engine.courier import Courier, Interrupted, Prepared, Underway
from pmsbridge.engine.order import Act, Focus, Pick, Picks, pick
from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.clock import Clock
from pmsbridge.store.journal import FencedError, Journal, StaleError, Turn
from pmsbridge.store.known import Known
from pmsbridge.store.stored import Held, Standing, StoredEffect, Writing

__all__ = ["DrainResult", "LaneWorker", "Tell"]

_log = get_logger(__name__)
_AGAIN_SECONDS: Final = 0.1


class Tell(Protocol):
    """Wakes workers, when there are any."""

    def __call__(self, lane: str, not_before: datetime | None = None) -> None:
        """There is something to do in a lane, now or at an instant."""


@dataclass(frozen=True, slots=True)
class DrainResult:
    """What a drain did.

    Attributes:
        delivered: Things done: sends, looks, endings.
        busy: Somebody else holds the lane; for a drain with a focus, while there is something in it to do.
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
        claimed_as: Callable[[], tuple[str, timedelta]],
        tell: Tell,
    ) -> None:
        self.journal = journal
        self.courier = courier
        self.clock = clock
        self.tell = tell
        self.patience = settings.lease_margin
        self._sealed = sealed
        self._settings = settings
        self._claimed_as = claimed_as

    def drain(self, lane: str, focus: Focus | None, stop: Callable[[], bool] | None = None) -> DrainResult:
        """Do what is due, as long as the lane is free, the budget lasts and nobody asks to stop."""
        ends = self.clock.monotonic() + self._settings.drain_budget.total_seconds()
        visit = _Visit(self, lane, focus, lambda: self.clock.monotonic() >= ends or (stop is not None and stop()))
        return visit.work()

    def take(self, seen: Standing, known: Known) -> AbstractContextManager[Turn]:
        """A turn that takes a lane as it was seen to stand."""
        owner, lease = self._claimed_as()
        return self.journal.taking(seen, owner, lease, known)

    def pick(self, lane: str, focus: Focus | None, effects: Sequence[StoredEffect]) -> Picks:
        """What is ready among these."""
        return pick(
            effects, lane=lane, now=self.clock.now(), settings=self._settings, sealed_here=self._sealed, focus=focus
        )


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


class _Visit:
    """One visit to a lane: look, take it, do what is ready, let it go; and look once more.

    Whoever comes while the lane is held goes away again. So whoever held it looks after letting it go, not before: then
    nothing that was submitted meanwhile waits for the next sweep.
    """

    def __init__(self, worker: LaneWorker, lane: str, focus: Focus | None, is_over: Callable[[], bool]) -> None:
        self._worker = worker
        self._lane = lane
        self._focus = focus
        self._is_over = is_over
        self._ready: deque[Pick] = deque()
        self.known = Known()
        self._underway: Underway | None = None
        self._written: list[tuple[Writing, Sequence[str]]] = []
        self._held: Held | None = None
        self._delivered = 0
        self._next_due: datetime | None = None

    # -- the way through -----------------------------------------------------------------------------------------------

    def work(self) -> DrainResult:
        """Do what is ready until nothing is, somebody else has the lane, or the budget is used up."""
        sends = True
        while True:
            seen = self._look()
            if seen is not None and not seen.is_free:
                return self._result(is_busy=self._focus is None or bool(self._ready))
            if seen is None or not self._ready:
                return self._result(is_busy=False)
            # Who was too late to write with the taking takes it the next time without writing more.
            sends = self._take(seen, sends=sends)
            if self._held is not None:
                self._stay()
            if self._is_over():
                self._next_due = self._worker.clock.now()
                return self._result(is_busy=False)

    def _result(self, *, is_busy: bool) -> DrainResult:
        if is_busy and self._focus is None:
            return DrainResult(self._lane, self._delivered, busy=True, next_due=None)
        if self._delivered and self._focus is not None:
            self._worker.tell(self._lane)
        if self._next_due is not None and not is_busy:
            self._worker.tell(self._lane, self._next_due)
        return DrainResult(self._lane, self._delivered, busy=is_busy, next_due=self._next_due)

    def _take(self, seen: Standing, *, sends: bool) -> bool:
        """Take the lane, with the first "sending" where it can be; False when it does not stand so any more."""
        taken: Held | None = None
        try:
            with self._worker.take(seen, self.known) as turn:
                taken = turn.held
                if sends:
                    self._send_next_with(turn)
        except StaleError:
            self._forget()
            return False
        except UnavailableError:
            # The answer may be all that was lost: then the lane is ours, and nobody else has it before its lease ends.
            if taken is not None:
                with suppress(UnavailableError):
                    self._worker.journal.release(taken)
            raise
        self._held = taken
        return True

    def _stay(self) -> None:
        """Do what is ready until the lane is let go, or is lost: an effect may have moved on by somebody's hand."""
        try:
            with telemetry.span("drain", lane=self._lane):
                while self._held is not None:
                    self._one(self._held)
        except FencedError:
            _log.warning("fenced", lane=self._lane)
            self._forget()
        except UnavailableError:
            self._worker.tell(self._lane)  # who came meanwhile has gone away again
            raise
        finally:
            if self._held is not None:
                held, self._held = self._held, None
                self._worker.journal.release(held)

    def _look(self) -> Standing | None:
        """What is ready, page by page, so that a long queue of what cannot move holds nothing up; how the lane stands.

        None for a lane that nothing was ever submitted to.
        """
        self._forget()
        beyond, later = 0, None
        own = self._focus.action_id if self._focus is not None else None
        # Of a lane that somebody else holds only a person who waits has to know whether there is something to do.
        anyway = own is not None or self._held is not None
        while True:
            page = self._worker.journal.look(self._lane, action_id=own, beyond=beyond, anyway=anyway)
            self.known.learn(page.effects, page.ends)
            picks = self._choose()
            later = _earliest(later, picks.next_due)
            if self._ready or page.beyond is None:
                break
            beyond = page.beyond
        self._next_due = None
        if not self._ready:
            self._next_due = _earliest(later, page.wakes_at if self._focus is None else None)
        return page.standing

    def _choose(self) -> Picks:
        """What of everything known is ready.

        Only of an action that is known whole it is noticed when somebody else changes it. What is due is on some page
        with all of its action.
        """
        picks = self._worker.pick(self._lane, self._focus, list(self.known.effects.values()))
        self._ready = deque(chosen for chosen in picks.ready if chosen.effect.action_id in self.known.whole)
        return picks

    def _one(self, held: Held) -> None:
        """One effect: to its "sending", or to its end; or a new look around."""
        if self._underway is not None:
            underway, self._underway = self._underway, None
            self._answered(held, self._sent(held, underway))
        elif self._ready:
            self._next(held, self._ready.popleft())
        else:
            if not self._is_over():
                self._look()
            if not self._ready:
                self._decided(held, Turn.release)

    def _next(self, held: Held, chosen: Pick) -> None:
        if chosen.act is not Act.SEND:
            self._decided(held, partial(self._record, self._worker.courier.judge(chosen)))
            return
        prepared = self._worker.courier.prepare(held, chosen.effect)
        if isinstance(prepared, Writing):
            self._decided(held, partial(self._record, prepared))
            return
        began = self._worker.clock.monotonic()
        self._decided(held, lambda turn: self._mark(turn, prepared, began))

    def _sent(self, held: Held, underway: Underway) -> Writing:
        try:
            return self._worker.courier.send(underway)
        except Interrupted as interrupted:
            with self._worker.journal.turn(held) as turn:
                turn.record(interrupted.writing)
            raise interrupted.cause from None

    # -- one commit ----------------------------------------------------------------------------------------------------

    def _decided(self, held: Held, act: Callable[[Turn], None]) -> None:
        """Commit what was decided from what is known; when that is out of date, forget it and decide anew."""
        try:
            self._turn(held, act)
        except StaleError:
            self._forget()

    def _answered(self, held: Held, writing: Writing) -> None:
        """Commit what came of a call, whatever else happened meanwhile: nobody else has heard the answer."""
        try:
            self._turn(held, partial(self._record, writing))
        except StaleError:
            self._kept(held, writing)
        except UnavailableError as error:
            _log.warning("journal_away", lane=self._lane, code=error.code)
            self._kept(held, writing)

    def _kept(self, held: Held, writing: Writing) -> None:
        """Commit an answer alone, again and again while the lane may still be ours.

        Raises:
            UnavailableError: The journal stayed away: the answer is lost, and the effect is looked for after the lease.
        """
        clock = self._worker.clock
        ends = clock.monotonic() + self._worker.patience.total_seconds()
        while True:
            self._forget()
            try:
                self._turn(held, partial(self._record_alone, writing))
            except (StaleError, UnavailableError):
                if clock.monotonic() >= ends:
                    raise
                clock.sleep(_AGAIN_SECONDS)
            else:
                self._forget()
                return

    def _forget(self) -> None:
        """Nothing is known, nothing chosen: the next step is a fresh look."""
        self.known.clear()
        self._ready.clear()
        self._underway = None

    def _turn(self, held: Held, act: Callable[[Turn], None]) -> None:
        self._underway, self._written = None, []
        with self._worker.journal.turn(held, self.known) as turn:
            act(turn)
        if turn.is_over:
            self._held = None
        for writing, others in self._written:
            self._delivered += 1
            self._report(writing, others)

    def _record(self, writing: Writing, turn: Turn) -> None:
        self._record_alone(writing, turn)
        self._go_on(turn)

    def _record_alone(self, writing: Writing, turn: Turn) -> None:
        self._written.append((writing, self._others_of(writing)))
        turn.record(writing)
        if writing.added:
            self._ready.clear()  # what was chosen did not know of what follows from this

    def _go_on(self, turn: Turn) -> None:
        """Another "sending", or letting the lane go."""
        is_over = self._is_over()
        if not (is_over or self._ready):
            self._choose()
        if self._ready and not is_over:
            self._send_next_with(turn)
        else:
            turn.release()

    def _is_quick(self, chosen: Pick) -> bool:
        return chosen.act is Act.SEND and self._worker.courier.asks_nothing_first(chosen.effect)

    def _send_next_with(self, turn: Turn) -> None:
        """Mark the next effect as being sent in the same commit, where that asks nobody anything."""
        chosen = self._ready[0]
        if not self._is_quick(chosen) or not turn.may_write_about(chosen.effect.action_id):
            return
        prepared = self._worker.courier.prepare(turn.held, chosen.effect)
        if isinstance(prepared, Prepared):
            self._ready.popleft()
            self._mark(turn, prepared, self._worker.clock.monotonic())

    def _mark(self, turn: Turn, prepared: Prepared, began: float) -> None:
        sending = turn.mark_sending(prepared.effect, prepared.sending)
        self.known.put(sending)
        self._underway = Underway(sending, prepared.carrier, began)

    # -- telling others ------------------------------------------------------------------------------------------------

    def _report(self, writing: Writing, others: Sequence[str]) -> None:
        effect, change = writing.effect, writing.change
        _log.info(
            "effect", action=effect.action_id, effect=effect.name, kind=effect.kind, became=change.event,
            code=change.code,
        )  # fmt: skip
        if change.ended is not None:
            telemetry.effect_ended(kind=effect.kind, outcome=change.ended, account=effect.account)
        for lane in others:
            self._worker.tell(lane)

    def _others_of(self, writing: Writing) -> list[str]:
        """Other lanes in which something may begin once this is written."""
        effect = writing.effect
        if writing.change.state.is_open:
            return []
        steps = self.known.steps(effect.action_id)
        if steps is None:
            lanes = set(self._worker.journal.lanes_of(effect.action_id))
        else:
            lanes = {step.lane for step in steps if step.state.is_open}
        return sorted({*lanes, *(route.lane for _, route in writing.added)} - {self._lane})
