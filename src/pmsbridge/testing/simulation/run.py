"""One run: everybody is put on the stage, plays until nothing is left to do, and then the books are opened."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.journal import ActionFilter
from pmsbridge.testing.history import History, Violation, check
from pmsbridge.testing.simulation.adapters import adapter_for
from pmsbridge.testing.simulation.baton import Dice, SimulatedClock, SimulatedProcess
from pmsbridge.testing.simulation.books import FACILITY, BackOffice
from pmsbridge.testing.simulation.journal_file import JournalFile, SimulatedDatabase
from pmsbridge.testing.simulation.others import Clockmaker, Desk, Operator, Worker
from pmsbridge.testing.simulation.people import Person, tell
from pmsbridge.testing.simulation.plan import Schedule, draw
from pmsbridge.testing.simulation.requests import note_answer
from pmsbridge.testing.simulation.staff_mail import SimulatedMailer
from pmsbridge.testing.simulation.world import World

__all__ = ["OfficeInPlay", "OurProcess", "Run", "Simulator", "Verdict"]

_PATIENCE_MS = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one schedule.

    Attributes:
        log: The events, a line each.
        coverage: How often each step, fault, crash and outcome came up.
        steps: Steps of our processes, each a place to die.
        calls: Writes to the back office; ``reads`` and ``mails`` likewise.
    """

    seed: int
    violations: tuple[Violation, ...]
    log: tuple[str, ...]
    coverage: Counter[str]
    history: History
    steps: int
    calls: int
    reads: int
    mails: int

    @property
    def digest(self) -> str:
        """SHA-256 of the event log."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OurProcess:
    """A process of ours with everything it made for itself."""

    process: SimulatedProcess
    clock: SimulatedClock
    runtime: Runtime
    adapter: Adapter

    def session(self, tenant_id: str, wait: timedelta, actor: str = "tenant") -> TenantSession:
        """A portal session of one tenant; or of staff, on behalf of one."""
        office = Office(
            adapter=self.adapter, runtime=self.runtime, clock=self.clock, facility=FACILITY, tenant_id=tenant_id,
            actor=actor, wait=wait or None,
        )  # fmt: skip
        return TenantSession(office)


class OfficeInPlay(Protocol):
    """A back office that a run takes place in. Its truth is what the run is judged by."""

    @property
    def lines(self) -> Sequence[KeyedLine]:
        """What was done, with the key of the request that did it; empty for what staff did."""

    @property
    def last_event(self) -> int:
        """When the last thing that is still to come will have come, in milliseconds; 0 for nothing to come."""

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way, and every read shows everything."""

    @property
    def unanswered_payment(self) -> Sequence[tuple[str, str]]:
        """Rentals and amounts of the latest payment whose answer was lost a moment ago; empty when there is none."""

    def settle(self) -> None:
        """Let what is due take effect, in order."""

    def pay_at_the_desk(self, rental: str, amount: str, mark: str) -> None:
        """Staff take money themselves; ``mark`` is what their text says, if it says anything."""


class KeyedLine(Protocol):
    """One thing that was done."""

    @property
    def key(self) -> str:
        """Of the request that did it."""

    @property
    def subject(self) -> str:
        """What was changed: the rental, of a payment."""

    @property
    def number(self) -> int:
        """What the back office calls it."""


class Run:
    """The stage of one schedule. Another back office is another stage: see ``make_office``."""

    settings: EngineSettings = EngineSettings(
        busy_pause=timedelta(milliseconds=1_700), wait_pause=timedelta(milliseconds=1_900)
    )
    """How patient the engine is: as in production, except that who waits for a lane looks less often."""
    notices: tuple[str, ...] = ("send_mail", "post_bulletin", "add_note")
    """Who of the staff hears of an edit, a move-out and its cancellation: the kinds of effects that tell them."""

    def __init__(self, file: JournalFile, schedule: Schedule, dice: Dice) -> None:
        self.world = World(schedule, dice)
        self.office: OfficeInPlay = self.make_office()
        self.closing_time = schedule.until + _PATIENCE_MS
        self._file = file
        self._present = 0
        self._web: OurProcess | None = None
        self.anybody = self.new_process("onlooker")

    # -- what is played ----------------------------------------------------------------------------------------------

    @classmethod
    def suited(cls, schedule: Schedule) -> Schedule:
        """What of a schedule this stage can play."""
        return schedule

    def make_office(self) -> OfficeInPlay:
        """The back office of this run, in the schedule's character."""
        return BackOffice(self.world)

    def make_adapter(self, clock: SimulatedClock) -> Adapter:
        """A process's own way to the back office."""
        assert isinstance(self.office, BackOffice)  # noqa: S101 - a stage with another office makes its own adapter
        return adapter_for(self.world.schedule.character)(self.office, self.world, clock)

    # -- processes ---------------------------------------------------------------------------------------------------

    def new_process(self, name: str) -> OurProcess:
        """Start a process of ours."""
        process = SimulatedProcess(name)
        clock = SimulatedClock(self.world.baton, process)
        adapter = self.make_adapter(clock)
        runtime = Runtime(
            SimulatedDatabase(self._file, self.world), {adapter.account_name: adapter},
            mailer=SimulatedMailer(self.world), clock=clock, settings=self.settings,
            staff_address=lambda _account, _facility: "manager@f1.example",
        )  # fmt: skip
        if name == "web" and self.world.schedule.workers:
            runtime.on_poke = self._poke
        return OurProcess(process, clock, runtime, adapter)

    def _poke(self, _lane: str, not_before: object) -> None:
        """Wake the workers; a wake-up call may get lost."""
        if self.world.dice.chance(self.world.schedule.poke_loss):
            return
        if not_before is None:
            self.world.baton.rouse(after=5)

    @contextmanager
    def inside(self, process: OurProcess) -> Iterator[OurProcess]:
        """The current actor is inside of a process, and dies with it."""
        actor = self.world.baton.current
        assert actor is not None  # noqa: S101 - only actors act
        actor.process = process.process
        try:
            yield process
        finally:
            actor.process = None

    @contextmanager
    def outside(self) -> Iterator[OurProcess]:
        """The current actor looks from outside of whatever process it is in, also when that died."""
        actor = self.world.baton.current
        assert actor is not None  # noqa: S101 - only actors act
        before, actor.process = actor.process, None
        try:
            yield self.anybody
        finally:
            actor.process = before

    @contextmanager
    def inside_web(self) -> Iterator[OurProcess]:
        """Inside of the portal's process; it is started again when it died."""
        if self._web is None or self._web.process.dead:
            self._web = self.new_process("web")
        with self.inside(self._web) as process:
            yield process

    # -- who is there ------------------------------------------------------------------------------------------------

    @property
    def everybody_gone(self) -> bool:
        """Nobody clicks any more."""
        return self._present == 0

    @property
    def is_at_rest(self) -> bool:
        """Nothing is under way anywhere."""
        return self.office.is_idle and self.nothing_open

    @property
    def nothing_open(self) -> bool:
        """The engine has nothing more to do."""
        return self.anybody.runtime.counts().open_effects == 0

    def somebody(self, name: str, job: Callable[[], None], *, after: int = 0) -> None:
        """A person who comes, acts and goes."""
        self._present += 1

        def stay() -> None:
            try:
                job()
            finally:
                self._present -= 1
                if self._present == 0:
                    self.world.baton.rouse(after=0)

        self.world.baton.spawn(name, stay, after=after)

    # -- the play ----------------------------------------------------------------------------------------------------

    def play(self) -> Verdict:
        """Play to the end and judge."""
        world, schedule = self.world, self.world.schedule
        for wish in schedule.wishes:
            self.somebody(f"wish-{wish.number}", Person(self, wish).act, after=wish.start)
        for number in range(schedule.workers):
            world.baton.spawn(f"worker-{number}", Worker(self, f"worker-{number}").act, after=number * 7)
        self._visitors(schedule)
        world.baton.run()
        self._evening()
        if schedule.judge_at_end:
            world.baton.spawn("operator", Operator(self, careful=True).act)
            world.baton.run()
            self._evening()
        world.baton.spawn("auditor", self._audit)
        world.baton.run()
        return Verdict(
            schedule.seed, check(world.history), tuple(world.lines), world.coverage, world.history, world.steps,
            world.calls, world.reads, world.mails,
        )  # fmt: skip

    def _visitors(self, schedule: Schedule) -> None:
        dice = self.world.dice
        for _ in range(schedule.steps):
            self.somebody("clock", Clockmaker(self.world, self).act, after=dice.below(300_000))
        for _ in range(schedule.desk):
            self.somebody("desk", Desk(self).act, after=dice.below(60_000))
        for _ in range(schedule.operator):
            careful = dice.chance(0.5)
            self.somebody("operator", Operator(self, careful=careful).act, after=dice.between(60_000, 600_000))

    def _evening(self) -> None:
        """Faults are over: one worker finishes what is left, and what is late arrives."""
        world = self.world
        world.calm = True
        self.closing_time = world.timeline.now + _PATIENCE_MS
        world.baton.spawn("evening", Worker(self, "evening").act)
        world.baton.run()
        world.timeline.now = max(world.timeline.now, self.office.last_event)
        self.office.settle()

    def _audit(self) -> None:
        """Every tenant looks at everything once more."""
        runtime = self.anybody.runtime
        for view in reversed(runtime.actions(ActionFilter(limit=200))):
            tell(self, view, "")
            note_answer(self, view)
            trail = runtime.trail(view.action_id)
            self.world.log("trail", action=view.action_id, head=trail[-1].hash, events=len(trail))


class Simulator:
    """Plays schedules, one after the other, on one journal file. Use it as a context manager."""

    def __init__(self, stage: type[Run] = Run) -> None:
        self._stage = stage
        self._file = JournalFile()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the journal file."""
        self._file.close()

    def play_seed(self, seed: int) -> Verdict:
        """Play the schedule of a seed."""
        schedule, dice = draw(seed)
        return self.play(self._stage.suited(schedule), dice)

    def play(self, schedule: Schedule, dice: Dice | None = None) -> Verdict:
        """Play a schedule of one's own making."""
        self._file.reset()
        return self._stage(self._file, schedule, dice or Dice(schedule.seed)).play()
