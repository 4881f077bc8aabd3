"""Working on one lane: claim, do what is due, let go.

What became of one effect and "sending" of the next are one commit wherever nothing has to be asked in between; so are
taking a lane and the first "sending", and the last outcome and letting go. No transaction is open during a call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
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
from pmsbridge.store.journal import BeingTakenError, FencedError, Journal, StaleError, Turn
from pmsbridge.store.known import Known
from pmsbridge.store.reading import Page
from pmsbridge.store.stored import Held, StoredEffect, Writing

__all__ = ["DrainResult", "LaneWorker", "Tell"]

_log = get_logger(__name__)
_AGAIN_SECONDS: Final = 0.1
_A_MOMENT: Final = timedelta(milliseconds=100)


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
        if not self._taken(lane, visit):
            return self._found_busy(lane, focus)
        with telemetry.span("drain", lane=lane):
            return visit.work()

    def _taken(self, lane: str, visit: _Visit) -> bool:
        """Take the lane and begin; False when somebody holds it."""
        owner, lease = self._claimed_as()
        for sends in (True, False):
            try:
                with self.journal.claim_turn(lane, owner, lease, visit.known) as turn:
                    if turn is not None:
                        visit.begin(turn, sends=sends)
            except StaleError:
                continue  # somebody wrote between our reading and our writing: take it without writing more
            except BeingTakenError:
                # They may have looked before what we were woken for was there, and then let the lane be.
                self.tell(lane, self.clock.now() + _A_MOMENT)
                return False
            return turn is not None
        return False

    def _found_busy(self, lane: str, focus: Focus | None) -> DrainResult:
        """Whoever holds the lane looks once more before letting go; only a person who waits has to know for what."""
        if focus is None:
            return DrainResult(lane, 0, busy=True, next_due=None)
        picks = self.look(lane, focus, self.journal.page)
        return DrainResult(lane, 0, busy=bool(picks.ready), next_due=picks.next_due)

    def look(self, lane: str, focus: Focus | None, read: Callable[..., Page]) -> Picks:
        """What is ready; page by page, so that a long queue of what cannot move holds nothing up."""
        beyond, later = 0, None
        while True:
            page = read(lane, action_id=focus.action_id if focus else None, beyond=beyond)
            picks = self.pick(lane, focus, page.effects)
            later = _earliest(later, picks.next_due)
            # Only of an action that is known whole it is noticed when somebody else changes it. What is due is on some
            # page with all of its action.
            sure = tuple(chosen for chosen in picks.ready if chosen.effect.action_id in page.ends)
            if sure or page.beyond is None:
                return Picks(sure, later)
            beyond = page.beyond

    def pick(self, lane: str, focus: Focus | None, effects: Sequence[StoredEffect]) -> Picks:
        """What is ready among these."""
        return pick(
            effects, lane=lane, now=self.clock.now(), settings=self._settings, sealed_here=self._sealed, focus=focus
        )


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


class _Visit:
    """One stay in a lane, from taking it to letting it go."""

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

    def begin(self, turn: Turn, *, sends: bool) -> None:
        """The lane was taken in this turn: see what there is, and let go at once when there is nothing.

        Args:
            turn: Which took the lane.
            sends: Whether the first "sending" goes into the same commit, where it can.
        """
        self._forget()
        self._held = None
        self._look_around(turn)
        if not self._ready:
            turn.abandon()
            return
        self._held = turn.held
        if sends:
            self._send_next_with(turn)

    def work(self) -> DrainResult:
        """Do what is ready until nothing is, or the budget is used up."""
        try:
            while self._held is not None:
                self._one(self._held)
        except FencedError:
            _log.warning("fenced", lane=self._lane)
            return DrainResult(self._lane, self._delivered, busy=True, next_due=None)
        finally:
            if self._held is not None:
                self._worker.journal.release(self._held)
        if self._delivered and self._focus is not None:
            self._worker.tell(self._lane)
        if self._next_due is not None:
            self._worker.tell(self._lane, self._next_due)
        return DrainResult(self._lane, self._delivered, busy=False, next_due=self._next_due)

    def _one(self, held: Held) -> None:
        """One effect: to its "sending", or to its end; or a new look around."""
        if self._underway is not None:
            underway, self._underway = self._underway, None
            self._answered(held, self._sent(held, underway))
        elif not self._ready:
            self._decided(held, self._go_on)
        else:
            self._next(held, self._ready.popleft())

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
        """Another "sending", a new look around, or letting the lane go."""
        if self._is_over():
            self._next_due = self._worker.clock.now()
            turn.release()
            return
        if not self._ready:
            self._look_around(turn)
        if self._ready:
            self._send_next_with(turn)
        else:
            turn.release()

    def _look_around(self, turn: Turn) -> None:
        """What the last page has become, and when nothing in it is ready, fresh from the journal.

        Somebody may have submitted, resolved or retried meanwhile; the lane is only let go after a fresh look.
        """
        picks = self._worker.pick(self._lane, self._focus, list(self.known.effects.values()))
        sure = [chosen for chosen in picks.ready if chosen.effect.action_id in self.known.whole]
        if not sure:
            picks = self._worker.look(self._lane, self._focus, partial(self._read, turn))
            sure = list(picks.ready)
        self._ready = deque(sure)
        self._next_due = None
        if not sure:
            sleeping = turn.next_due() if self._focus is None else None
            self._next_due = _earliest(picks.next_due, sleeping)

    def _read(self, turn: Turn, _lane: str, *, action_id: str | None, beyond: int) -> Page:
        page = turn.page(action_id=action_id, beyond=beyond)
        self.known.learn(page.effects, page.ends)
        return page

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
