"""A machine in virtual time: it sleeps, its clock is set, and two processes with nightly clocks live and die on it.

One thing moves at a time. What takes time (a night at work) stands still until the virtual clock has come there.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pmsbridge.dispatch.night_trigger import NightTrigger
from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.nights import Nightly
from pmsbridge.dispatch.schedule import Schedule
from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.night_alarm import MissedNight
from pmsbridge.errors import UnavailableError
from pmsbridge.store.database import Database, open_database
from tests.clock.calendar import Place, Seen, Span

LOOK, WATCH = timedelta(minutes=40), timedelta(hours=2)
JITTER, PATIENCE = timedelta(minutes=10), timedelta(hours=6)
CALM = timedelta(hours=5)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Killed(BaseException):
    """The process is gone, wherever it was."""


class WallClock:
    """What programs on the machine see: the true time and an error; and the seconds it was awake."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def now(self) -> datetime:
        return self._machine.now + self._machine.error

    def monotonic(self) -> float:
        return (self._machine.now - self._machine.slept).timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError


class Turns:
    """One thing moves at a time: what stands still in the middle of its work lets another thread go on with the rest.

    Nothing is handed from thread to thread for what runs to its end, and that is nearly everything.
    """

    def __init__(self, step: Callable[[], bool], end: Callable[[], None]) -> None:
        """Nothing moves yet.

        Args:
            step: Does one thing; False when there is nothing more to do.
            end: Called once, when that is so or a step has failed; whatever stands still afterwards is to be over.
        """
        self._step, self._end = step, end
        self._standing: list[threading.Semaphore] = []
        self._spare: list[threading.Semaphore] = []
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._is_over = False

    def run(self) -> None:
        """Do everything; raises what a step has raised."""
        self._go_on()
        for thread in self._threads:
            thread.join(10)
        if self._error is not None:
            raise self._error

    def stand_still(self, until: Callable[[Callable[[], None]], None]) -> None:
        """Called from within a step: ``until`` is given what wakes us, as a step of its own."""
        mine = threading.Semaphore(0)
        self._standing.append(mine)
        until(lambda: self._hand_over(mine))
        if self._spare:
            self._spare.pop().release()
        else:
            self._threads.append(threading.Thread(target=self._go_on, daemon=True))
            self._threads[-1].start()
        mine.acquire()

    def _hand_over(self, to: threading.Semaphore) -> None:
        here = threading.Semaphore(0)
        self._spare.append(here)
        self._standing.remove(to)
        to.release()
        here.acquire()

    def _go_on(self) -> None:
        while not self._is_over:
            try:
                goes_on = self._step()
            except BaseException as error:  # noqa: BLE001 - the test shows it
                self._error, goes_on = error, False
            if not (goes_on or self._is_over):
                self._is_over = True
                self._end()
        # Whoever stands still comes to its end now, one after the other.
        for waiting in (self._standing, self._spare):
            if waiting:
                waiting.pop().release()
                return


class Recorder:
    """Stands where people are told, and writes down what they were told."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.owner = f"watch {process.number}"

    def tell(self, missed: Sequence[MissedNight]) -> None:
        machine = self._process.machine
        if machine.chance(0.05):
            self._process.kill()
            raise Killed
        machine.told += [(each.job, each.night) for each in missed if not machine.is_wrong]

    def end(self, job: str, *_: object) -> int:
        self._process.machine.ended.append(job)
        return 0


class Process:
    """A process with a nightly clock, made of the library's own parts."""

    def __init__(self, machine: Machine, number: int) -> None:
        self.machine, self.number = machine, number
        self.is_alive = True
        self.runtime = Runtime(machine.database, {}, clock=WallClock(machine))
        for place in machine.places:
            self.runtime.jobs[place.name] = self._night_of(place)
        nights = [Nightly(place.name, place.at, place.zone) for place in machine.places]
        self.schedule = machine.parts.schedule(self.runtime, nights, jitter=JITTER)
        self.watch = machine.parts.watch(self.runtime, nights, Recorder(self), patience=PATIENCE)
        self._later(timedelta(0), self._first_look)
        self._later(timedelta(0), self._watch)
        for nightly in nights:
            self._cron(nightly)

    def kill(self) -> None:
        """As kill -9: whoever is at work in it never comes back."""
        self.is_alive = False

    def stop(self) -> None:
        """As told by a signal: what runs is given back, and the process ends a little later."""
        self.schedule.stop(waits=False)
        self.machine.after(MINUTE, self.kill)

    def _later(self, wait: timedelta, work: Callable[[], object]) -> None:
        def act() -> None:
            if self.is_alive:
                work()

        self.machine.after(wait, act)

    def _first_look(self) -> None:
        self._later(self.machine.parts.look_every, self._look)
        self.schedule.catch_up()

    def _look(self) -> None:
        # As in the process: the next look comes a while after this one is over.
        self.schedule.look()
        self._later(self.machine.parts.look_every, self._look)

    def _watch(self) -> None:
        self._later(WATCH, self._watch)
        self.watch.look()

    def _cron(self, nightly: Nightly, before: datetime | None = None) -> None:
        """The library's own trigger, whose wake-ups get lost now and then, and come late after a sleep."""
        wall = WallClock(self.machine).now()
        due = self.machine.parts.trigger(nightly, JITTER).get_next_fire_time(before, wall)
        wait = max(due - wall, timedelta(0))

        def fire() -> None:
            self._cron(nightly, due)
            if not self.machine.chance(0.1):
                self.schedule.fire(nightly)

        self._later(wait, fire)

    def _night_of(self, place: Place) -> Callable[[datetime, Beat], None]:
        machine = self.machine

        def night(_slot: datetime, beat: Beat) -> None:
            if machine.chance(0.01):
                self.kill()
                raise Killed
            seen = Seen(place.name, machine.now, machine.now + machine.error, clock_was_wrong=machine.is_wrong)
            machine.seen.append(seen)
            for _ in range(machine.random.randint(1, 4)):
                machine.wait(self, machine.random.choice((MINUTE, 4 * MINUTE, 9 * MINUTE)))
                if not beat():
                    return
            seen.ended, seen.failed = machine.now, machine.is_away
            seen.clock_was_wrong |= machine.is_wrong
            if seen.failed:
                message = "the back office is away"
                raise UnavailableError(message)
            if machine.chance(0.01):
                # Done, and nobody could write it down: the next one does it again, and that is the one that counts.
                seen.ended = None
                self.kill()
                raise Killed

        return night


@dataclass(frozen=True, slots=True)
class Parts:
    """What is tested; a planted bug puts something else here."""

    schedule: Callable[..., Schedule] = Schedule
    watch: Callable[..., NightWatch] = NightWatch
    trigger: Callable[..., NightTrigger] = NightTrigger
    look_every: timedelta = LOOK


@dataclass
class Machine:
    """Everything of one simulation."""

    seed: int
    places: Sequence[Place]
    folder: Path
    since: datetime
    years: float
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a life that can be lived again
        random.seed(self.seed)  # the jitter is drawn from it
        self.database: Database = open_database(f"sqlite:///{self.folder / f'clock-{self.seed}.db'}")
        self.now, self.until = self.since, self.since + self.years * 365.25 * DAY
        self.error, self.slept = timedelta(0), timedelta(0)
        self.is_wrong = self.is_away = False
        self._calm_until = self.since
        self._asleep_until: datetime | None = None
        self.seen: list[Seen] = []
        self.told: list[tuple[str, date]] = []
        self.ended: list[str] = []
        self.awake: list[Span] = []
        self.wrong: list[Span] = []
        self.away: list[Span] = []
        self._up_since: datetime | None = None
        self._heap: list[tuple[datetime, int, bool, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._turns = Turns(self._step_on, self._kill_all)
        self.processes: dict[int, Process] = {}

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Short ones are more frequent than long ones."""
        return low + (high - low) * self.random.random() ** 3

    # -- time ----------------------------------------------------------------------------------------------------------

    def after(self, wait: timedelta, work: Callable[[], object], *, while_awake: bool = True) -> None:
        heapq.heappush(self._heap, (self.now + wait, next(self._numbers), while_awake, work))

    def wait(self, process: Process, length: timedelta) -> None:
        """Stand still within a night."""
        self._note_who_is_up()
        self._turns.stand_still(lambda wake: self.after(length, wake))
        if not process.is_alive:
            raise Killed

    def run(self) -> Machine:
        for event in (self._restart_one, self._restart_two, self._sleep, self._go_away):
            self.after(self.between(timedelta(0), DAY), event, while_awake=False)
        self.after(20 * DAY, self._step, while_awake=False)
        self._turns.run()
        self.database.close()
        return self

    def _step_on(self) -> bool:
        if not (self._heap and self._heap[0][0] < self.until):
            return False
        self.now, _, _, work = heapq.heappop(self._heap)
        self._note_awake(is_up=False)
        with suppress(Killed):
            work()
        self._note_who_is_up()
        return True

    def _kill_all(self) -> None:
        self.now = self.until
        for process in self.processes.values():
            process.kill()
        self._note_awake(is_up=False)

    def _note_who_is_up(self) -> None:
        self._note_awake(is_up=any(each.is_alive for each in self.processes.values()))

    def _note_awake(self, *, is_up: bool) -> None:
        """Keep when somebody could have worked: one stretch as long as the same processes live."""
        if is_up and self._asleep_until is None:
            self._up_since = self._up_since or self.now
        elif self._up_since is not None and not is_up and self._nobody_is_up():
            self.awake.append(Span(self._up_since, self.now))
            self._up_since = None

    def _nobody_is_up(self) -> bool:
        return self._asleep_until is not None or not any(each.is_alive for each in self.processes.values())

    # -- what happens to it --------------------------------------------------------------------------------------------

    def _restart_one(self) -> None:
        self._restart(1)

    def _restart_two(self) -> None:
        self._restart(2)

    def _restart(self, number: int) -> None:
        again = self._restart_one if number == 1 else self._restart_two
        if self._is_calm():
            self.after(HOUR, again, while_awake=False)
            return
        old = self.processes.get(number)
        if old is not None and old.is_alive:
            old.stop() if self.chance(0.5) else old.kill()
            self._cut()
            self.after(self.between(2 * MINUTE, 30 * HOUR), again, while_awake=False)
        else:
            self.processes[number] = Process(self, number)
            self.after(self.between(5 * MINUTE, 20 * DAY), again, while_awake=False)

    def _cut(self) -> None:
        """A death ends the stretch: what it had must be taken over first."""
        if self._up_since is not None:
            self.awake.append(Span(self._up_since, self.now))
            self._up_since = None

    def _sleep(self) -> None:
        if not self._is_calm() and self._asleep_until is None:
            length = self.between(MINUTE, 60 * HOUR)
            self._cut()
            self._asleep_until = self.now + length
            self._heap = [
                (due + length if awake else due, number, awake, work) for due, number, awake, work in self._heap
            ]
            heapq.heapify(self._heap)
            self.slept += length
            self.after(length, self._wake, while_awake=False)
        self.after(self.between(HOUR, 18 * DAY), self._sleep, while_awake=False)

    def _wake(self) -> None:
        self._asleep_until = None

    def _step(self) -> None:
        """The clock is set: a little, as every clock is, or wrongly, until somebody sets it right."""
        if not self._is_calm() and self._asleep_until is None and not self.is_wrong:
            if self.chance(0.8):
                self.error = timedelta(seconds=self.random.randint(-60, 60))
            else:
                self._set_wrong()
        self.after(self.between(DAY, 60 * DAY), self._step, while_awake=False)

    def _set_wrong(self) -> None:
        behind = self.chance(0.4)
        length = self.between(MINUTE, 45 * MINUTE) if behind else self.between(MINUTE, 2 * DAY)
        self.error = -self.between(10 * MINUTE, 3000 * DAY) if behind else self.between(10 * MINUTE, 40 * DAY)
        self.is_wrong = True
        self._calm_until = self.now + length + CALM
        began = self.now

        def set_right() -> None:
            self.error, self.is_wrong = timedelta(0), False
            self.wrong.append(Span(began, self.now + CALM))

        self.after(length, set_right, while_awake=False)

    def _is_calm(self) -> bool:
        """While a clock is wrong, and until it is believed again, nothing else happens."""
        return self.now < self._calm_until

    def _go_away(self) -> None:
        began, length = self.now, self.between(5 * MINUTE, 14 * HOUR)
        self.is_away = True

        def come_back() -> None:
            self.is_away = False
            self.away.append(Span(began, self.now))
            self.after(self.between(DAY, 40 * DAY), self._go_away, while_awake=False)

        self.after(length, come_back, while_awake=False)


START = datetime(2016, 1, 1, tzinfo=UTC)
