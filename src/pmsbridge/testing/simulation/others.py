"""Everybody else: workers, operators at the desk and at the console, and whoever sets the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pmsbridge.actions.effects import TakePayment
from pmsbridge.engine.outcomes import ActionView, StepView
from pmsbridge.errors import PmsBridgeError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter
from pmsbridge.testing.history import Statement
from pmsbridge.testing.memory import SimulatedCrash
from pmsbridge.testing.simulation.baton import Dice
from pmsbridge.testing.simulation.plan import STEP_MS, WINDOW_MS
from pmsbridge.testing.simulation.world import World

if TYPE_CHECKING:
    from pmsbridge.testing.simulation.run import OurProcess, Run

__all__ = ["Clockmaker", "Desk", "Operator", "Worker"]

_IDLE_MS: Final = 1_200_000
_FIRST_PAUSE_MS: Final = 2_000
_QUIET_ROUNDS: Final = 6
_RESTART_MS: Final = 3_000
_STUMBLE_MS: Final = 5_000
_STUMBLES: Final = 20
_LONG_MS: Final = 3_600_000
_DESK_LOOKS: Final = 24
_DESK_LOOK_MS: Final = 5_000


class Worker:
    """A worker process: does what is due, sleeps until something is, and is started again when it dies."""

    def __init__(self, run: Run, name: str) -> None:
        self._run = run
        self._world = run.world
        self._name = name
        self._quiet = 0
        self._stumbles = 0
        self._next: datetime | None = None

    def act(self) -> None:
        """Until everybody has gone and nothing is open."""
        process = self._start()
        while self._world.timeline.now <= self._run.closing_time:
            nap = self._round(process)
            if process.process.dead:
                process = self._start()
            if nap is None and self._run.everybody_gone:
                return
            self._world.baton.nap(_IDLE_MS if nap is None else nap)

    def _start(self) -> OurProcess:
        process = self._run.new_process(self._name)
        process.runtime.on_poke = self._poked
        return process

    def _poked(self, _lane: str, not_before: datetime | None) -> None:
        """The engine says when a lane is next due; a worker that only sweeps does not listen."""
        if not_before is not None and not self._world.schedule.by_sweep:
            self._next = not_before if self._next is None else min(self._next, not_before)

    def _round(self, process: OurProcess) -> int | None:
        """Work once; how long to sleep then, None when nothing is open, or what is open waits for a person."""
        self._next = None
        try:
            with self._run.inside(process):
                done = process.runtime.run_due()
        except SimulatedCrash:
            return _RESTART_MS
        except PmsBridgeError as error:
            self._world.log("worker stumbled", code=error.code)
            return _STUMBLE_MS
        except Exception as error:  # noqa: BLE001 - a dispatcher goes on, and the judge hears of it
            self._world.stumbled(self._name, error)
            self._stumbles += 1
            return _STUMBLE_MS if self._stumbles < _STUMBLES else _IDLE_MS
        self._quiet = 0 if done else self._quiet + 1
        if self._run.everybody_gone and not done and (self._quiet > _QUIET_ROUNDS or self._run.nothing_open):
            return None
        return self._pause(process.clock.now())

    def _pause(self, now: datetime) -> int:
        """Until the next thing that was planned; without a plan, ever longer."""
        if self._next is None:
            return min(_FIRST_PAUSE_MS << 2 * self._quiet, _IDLE_MS)
        return min(_IDLE_MS, max(1, round((self._next - now).total_seconds() * 1000) + 1))


class Operator:
    """Somebody at the console: resolves what no machine can know, retries what was not sent; careful or not."""

    def __init__(self, run: Run, *, careful: bool) -> None:
        self._run = run
        self._world = run.world
        self._careful = careful

    def act(self) -> None:
        """Look at every action once."""
        process = self._run.new_process("console")
        try:
            with self._run.inside(process):
                for view in process.runtime.actions(ActionFilter(limit=20)):
                    self._judge(process, view)
        except (SimulatedCrash, PmsBridgeError):
            self._world.log("console closed")

    def _judge(self, process: OurProcess, view: ActionView) -> None:
        for step in view.steps:
            if step.outcome is Outcome.NEEDS_REVIEW or (
                not self._careful and step.outcome is Outcome.PENDING and step.sent_at and self._world.dice.chance(0.2)
            ):
                self._resolve(process, view, step)
        unsent = any(step.outcome is Outcome.NOT_SENT and not step.skipped for step in view.steps)
        if unsent and view.kind in {"edit_contact", "ask_staff", "pay_rental"} and self._world.dice.chance(0.5):
            self._speak(view, "", "retry", lambda: process.runtime.retry(view.action_id, "staff:test"))

    def _resolve(self, process: OurProcess, view: ActionView, step: StepView) -> None:
        says = self._verdict(step)
        there = self._only_there(process, view, step) if says is Outcome.SETTLED else None
        if there:
            self._world.count("operator partial")
        if says is not None:
            self._speak(view, step.name, says.value, lambda: process.runtime.resolve(
                view.action_id, step.key, says, "seen in the office", "staff:test", there=there))  # fmt: skip

    def _only_there(self, process: OurProcess, view: ActionView, step: StepView) -> dict[str, str] | None:
        """Rentals that got their part of a payment, when others did not; somebody careless does not look."""
        stored = process.runtime.journal.action(view.action_id).effect_named(step.name)
        effect = stored.effect if stored is not None else None
        there = {line.subject: str(line.number) for line in self._run.office.lines if line.key == step.key}
        is_whole = not isinstance(effect, TakePayment) or {part.rental_id for part in effect.parts} <= set(there)
        return None if is_whole or not there or not self._careful else there

    def _verdict(self, step: StepView) -> Outcome | None:
        """What the office shows; somebody careless guesses."""
        if not self._careful and self._world.dice.chance(0.5):
            return self._world.dice.pick((Outcome.SETTLED, Outcome.NOT_SENT, Outcome.DECLINED))
        self._run.office.settle()
        is_there = any(line.key == step.key for line in self._run.office.lines)
        is_there = is_there or any(mail.key == step.key for mail in self._world.history.mails)
        return Outcome.SETTLED if is_there else Outcome.NOT_SENT

    def _speak(self, view: ActionView, step: str, says: str, act: Callable[[], object]) -> None:
        world = self._world
        said = Statement(world.order(), world.timeline.now, view.action_id, step, says)
        world.history.statements.append(said)
        world.log("says", action=view.action_id, step=step, says=says)
        # The statement stands from the moment it is stored; what follows from it may still fail.
        before = len(self._run.anybody.runtime.trail(view.action_id))
        try:
            act()
            said.accepted = True
        except PmsBridgeError as error:
            world.log("statement failed", code=error.code)
            raise
        finally:
            with self._run.outside() as onlooker:
                events = [entry.event for entry in onlooker.runtime.trail(view.action_id)[before:]]
            said.accepted = said.accepted or bool({"resolved", "retried"} & set(events))
            world.count(f"operator {says}{'' if said.accepted else ' refused'}")


class Desk:
    """Staff take money at the desk; the payment's text tells so, or does not.

    Then they watch for a payment through the portal whose answer was lost, and enter the same once or twice: the tenant
    stands before them, and says that it did not work.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._dice = Dice(run.world.schedule.seed)

    def act(self) -> None:
        """Record one payment, and what somebody is unsure of."""
        dice = self._run.world.dice
        self._run.world.count("desk payment")
        self._run.office.pay_at_the_desk(
            dice.pick(("R1", "R4", "R2")), dice.pick(("120.00", "40.00")), dice.pick(("desk", ""))
        )
        for _ in range(_DESK_LOOKS):
            lost = self._run.office.unanswered_payment
            if lost:
                self._copy(lost)
                return
            self._run.world.baton.nap(_DESK_LOOK_MS)

    def _copy(self, lost: Sequence[tuple[str, str]]) -> None:
        mark = self._dice.pick(("desk", "", ""))
        for rental, amount in lost[: self._dice.between(1, len(lost))]:
            for _ in range(self._dice.between(1, 2)):
                self._run.world.count("desk copy of an unknown payment")
                self._run.office.pay_at_the_desk(rental, amount, mark)


class Clockmaker:
    """Steps the wall clock: back by any time, forward by little; by hours only while nothing is under way."""

    def __init__(self, world: World, run: Run) -> None:
        self._world = world
        self._run = run
        self._forward = 0

    def act(self) -> None:
        """One step."""
        dice, timeline = self._world.dice, self._world.timeline
        self._run.office.settle()
        if dice.chance(0.5):
            step = -dice.between(1, 600_000)
        elif self._run.is_at_rest and dice.chance(0.7):
            step = dice.between(WINDOW_MS, _LONG_MS)
        else:
            step = dice.between(1, max(1, STEP_MS - self._forward))
            self._forward += step
        timeline.wall_offset += step
        self._world.count("clock stepped " + ("back" if step < 0 else "forward" if step <= STEP_MS else "far forward"))
        self._world.log("clock stepped", ms=step)
