"""Time and turns: real threads of which exactly one runs, chosen by the schedule's own dice.

Nothing here asks the machine for the time or for chance, so the same seed gives the same turns everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from queue import SimpleQueue
from random import Random
from typing import Final, TypeVar

from pmsbridge.testing.memory import SimulatedCrash

__all__ = ["Actor", "Baton", "Dice", "SimulatedClock", "SimulatedProcess", "Timeline"]

_START: Final = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
_T = TypeVar("_T")


class Dice:
    """Chance from one seed. Only ``Random.random`` is used: it is the same in every Python."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a simulation's dice

    def chance(self, probability: float) -> bool:
        """True with that probability. Certainty and impossibility throw no dice."""
        if probability <= 0:
            return False
        return probability >= 1 or self._random.random() < probability

    def below(self, limit: int) -> int:
        """A whole number from 0 to below the limit."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + self.below(high - low + 1)

    def pick(self, among: Sequence[_T]) -> _T:
        """One of them."""
        return among[self.below(len(among))]

    def weighted(self, among: Sequence[tuple[_T, int]]) -> _T:
        """One of them, each as often as its weight says."""
        left = self.below(sum(weight for _, weight in among))
        for value, weight in among:
            left -= weight
            if left < 0:
                return value
        return among[-1][0]


@dataclass(slots=True)
class Timeline:
    """How late it is.

    Attributes:
        now: True milliseconds since the beginning; never goes back.
        wall_offset: By how many milliseconds the machine's wall clock is wrong.
    """

    now: int = 0
    wall_offset: int = 0

    def wall(self) -> datetime:
        """What the machine's clock shows."""
        return _START + timedelta(milliseconds=self.now + self.wall_offset)


@dataclass(slots=True)
class SimulatedProcess:
    """A process of ours. Everything that runs in it dies with it.

    Attributes:
        suspended: Milliseconds its monotonic clock did not count: a suspended machine's does not.
    """

    name: str
    dead: bool = False
    suspended: int = 0


class SimulatedClock:
    """A process's clocks; sleeping hands the baton on."""

    def __init__(self, baton: Baton, process: SimulatedProcess) -> None:
        self._baton = baton
        self._process = process

    def now(self) -> datetime:
        """The machine's wall clock, right or wrong."""
        return self._baton.timeline.wall()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return (self._baton.timeline.now - self._process.suspended) / 1000

    def sleep(self, seconds: float) -> None:
        """Let the others run."""
        self._baton.pause(max(1, round(seconds * 1000)))


@dataclass(eq=False, slots=True)
class Actor:
    """Somebody who does things in turn.

    Attributes:
        wake: When it wants the baton next.
        process: The process it is inside of now; None outside.
        naps: It can be woken early.
    """

    name: str
    job: Callable[[], None]
    wake: int
    process: SimulatedProcess | None = None
    naps: bool = False
    started: bool = False
    go: threading.Lock = field(default_factory=threading.Lock)


class _Stagehands:
    """Threads that are used again: starting one costs more than most actors do."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Callable[[], None]]] = []

    def lend(self, job: Callable[[], None]) -> None:
        """Do a job in a thread of its own."""
        try:
            jobs = self._idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            threading.Thread(target=self._serve, args=(jobs,), name="stagehand", daemon=True).start()
        jobs.put(job)

    def _serve(self, jobs: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            jobs.get()()
            self._idle.append(jobs)


_STAGEHANDS: Final = _Stagehands()


class Baton:
    """Hands the turn from one actor to the next."""

    def __init__(self, dice: Dice, timeline: Timeline) -> None:
        self.dice = dice
        self.timeline = timeline
        self.current: Actor | None = None
        self.failure: BaseException | None = None
        self._actors: list[Actor] = []
        self._done = threading.Lock()

    def spawn(self, name: str, job: Callable[[], None], *, after: int = 0) -> Actor:
        """Add an actor that first acts ``after`` milliseconds from now."""
        actor = Actor(name, job, self.timeline.now + after)
        actor.go.acquire()
        self._actors.append(actor)
        return actor

    def run(self) -> None:
        """Until every actor is done. Raises what an actor raised by mistake."""
        if not self._actors:
            return
        self._done.acquire()
        self._hand_to(self._choose())
        self._done.acquire()
        self._done.release()
        if self.failure is not None:
            raise self.failure

    def pause(self, milliseconds: int) -> None:
        """The current actor sleeps; the others act meanwhile."""
        me = self._me()
        me.wake = self.timeline.now + milliseconds
        self._yield(me)

    def nap(self, milliseconds: int) -> None:
        """Sleep, unless somebody calls ``rouse``."""
        me = self._me()
        me.naps = True
        self.pause(milliseconds)
        me.naps = False

    def rouse(self, *, after: int) -> None:
        """Wake whoever naps, after so many milliseconds at the latest."""
        for actor in self._actors:
            if actor.naps:
                actor.wake = min(actor.wake, self.timeline.now + max(0, after))

    def moment(self) -> None:
        """Somebody else may act here, in the middle of what the current actor does."""
        now = self.timeline.now
        me = self._me()
        if any(actor is not me and actor.wake <= now for actor in self._actors):
            me.wake = now
            self._yield(me)

    def kill(self, process: SimulatedProcess) -> None:
        """End a process: whoever is inside it never does another thing there."""
        process.dead = True
        for actor in self._actors:
            if actor.process is process:
                actor.wake = min(actor.wake, self.timeline.now)

    # -- turns -------------------------------------------------------------------------------------------------------

    def _me(self) -> Actor:
        if self.current is None:  # pragma: no cover - a mistake of the simulation itself
            message = "nobody holds the baton"
            raise AssertionError(message)
        return self.current

    def _yield(self, me: Actor) -> None:
        chosen = self._choose()
        if chosen is not me:
            self._hand_to(chosen)
            me.go.acquire()
        if me.process is not None and me.process.dead:
            raise SimulatedCrash

    def _choose(self) -> Actor:
        ready = [actor for actor in self._actors if actor.wake <= self.timeline.now]
        if not ready:
            self.timeline.now = min(actor.wake for actor in self._actors)
            ready = [actor for actor in self._actors if actor.wake <= self.timeline.now]
        return ready[0] if len(ready) == 1 else self.dice.pick(ready)

    def _hand_to(self, actor: Actor) -> None:
        self.current = actor
        if actor.started:
            actor.go.release()
        else:
            actor.started = True
            _STAGEHANDS.lend(partial(self._act, actor))

    def _act(self, actor: Actor) -> None:
        try:
            actor.job()
        except SimulatedCrash:
            pass
        except BaseException as error:  # noqa: BLE001 - told to whoever runs the simulation
            self.failure = self.failure or error
        self._actors.remove(actor)
        if self._actors:
            self._hand_to(self._choose())
        else:
            self.current = None
            self._done.release()
