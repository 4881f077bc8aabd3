"""Where a run takes place: the dice, the clocks, what is written down, and where processes die."""

from __future__ import annotations

import traceback
from collections import Counter
from decimal import Decimal
from typing import Final

from pmsbridge.testing.history import Answer, Booked, History, Request
from pmsbridge.testing.memory import SimulatedCrash
from pmsbridge.testing.simulation.baton import Baton, Dice, SimulatedProcess, Timeline
from pmsbridge.testing.simulation.plan import MONTHS, Schedule

__all__ = ["OWED", "World"]

RENT: Final = Decimal("120.00")
OWED: Final = {"R1": Decimal("120.00"), "R2": Decimal("120.00"), "R4": Decimal("120.00")}
_STAFF_TOLD_BY: Final = ("post_bulletin", "add_note", "send_mail")
_SHORTEST_FREEZE_MS, _LONGEST_FREEZE_MS = 5_000, 400_000


def _owed(schedule: Schedule) -> dict[str, Decimal]:
    """What is due, and what is billed ahead at the tenants' own wish."""
    ahead = Counter(wish.rental for wish in schedule.wishes if wish.verb == "prepay")
    return {rental: due + RENT * MONTHS * ahead[rental] for rental, due in OWED.items()}


class World:
    """One run's surroundings.

    Attributes:
        calm: Nothing goes wrong any more.
        coverage: How often each step, fault, crash and outcome came up.
        lines: The event log.
        steps: Steps taken so far, over all processes.
        calls: Writes that left for the back office; ``reads`` and ``mails`` likewise.
    """

    def __init__(self, schedule: Schedule, dice: Dice) -> None:
        self.schedule = schedule
        self.dice = dice
        self.timeline = Timeline()
        self.baton = Baton(dice, self.timeline)
        self.history = History(seed=schedule.seed, owed=_owed(schedule), staff_told_by=_STAFF_TOLD_BY)
        self.coverage: Counter[str] = Counter()
        self.lines: list[str] = []
        self.calm = False
        self.steps = 0
        self.calls = 0
        self.reads = 0
        self.mails = 0
        self._order = 0
        self._crashes = set(schedule.crash_at)

    # -- writing down ------------------------------------------------------------------------------------------------

    def order(self) -> int:
        """The next number of everything watched."""
        self._order += 1
        return self._order

    def log(self, event: str, **details: object) -> None:
        """One line of the event log."""
        who = self.baton.current.name if self.baton.current is not None else "-"
        told = " ".join(f"{name}={value}" for name, value in details.items())
        self.lines.append(f"{self.timeline.now:>10} {who:<12} {event} {told}".rstrip())

    def count(self, what: str) -> None:
        """Count what came up."""
        self.coverage[what] += 1

    def book(self, row: Booked) -> None:
        """Something was really done."""
        self.history.booked.append(row)
        self.log("done", kind=row.kind, subject=row.subject, what=row.what, key=row.key[:12], at=row.at)

    def asked(self, request: Request) -> None:
        """A write reached the back office."""
        self.history.requests.append(request)
        self.log("request", kind=request.kind, key=request.key[:12], answer=request.answer, ended=request.ended)

    def stumbled(self, who: str, error: Exception) -> None:
        """Something that is none of the library's errors came out of it."""
        place = traceback.extract_tb(error.__traceback__)
        ours = [frame.name for frame in place if "pmsbridge" in frame.filename][-3:]
        told = f"{type(error).__name__} in {' > '.join(ours)}"
        self.log("stumbled", error=told)
        self.history.answers.append(Answer(self.order(), self.timeline.now, who, error=told, foreign=True))

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    @property
    def troubled(self) -> bool:
        """Things may still go wrong."""
        return not self.calm and self.timeline.now < self.schedule.until

    def mishap(self, probability: float) -> bool:
        """Whether something goes wrong now."""
        return self.troubled and self.dice.chance(probability)

    def must_live(self) -> None:
        """A dead process does nothing. Raises SimulatedCrash in one."""
        actor = self.baton.current
        if actor is not None and actor.process is not None and actor.process.dead:
            raise SimulatedCrash

    def step(self, point: str, *, pauses: bool = True) -> None:
        """A step of a process: it may die here, stop for long, or let another one act.

        Raises:
            SimulatedCrash: It died, here or before.
        """
        actor = self.baton.current
        process = actor.process if actor is not None else None
        if process is None:
            return
        if process.dead:
            raise SimulatedCrash
        self.steps += 1
        self.coverage[f"step {point}"] += 1
        if self.steps in self._crashes or self.mishap(self.schedule.crash):
            self._crash(point, process)
        if not pauses:
            return
        if self.mishap(self.schedule.freeze):
            self._freeze(point, process)
        else:
            self.baton.moment()

    def _crash(self, point: str, process: SimulatedProcess) -> None:
        self.coverage[f"crash {point}"] += 1
        self.log("crash", process=process.name, point=point)
        self.baton.kill(process)
        raise SimulatedCrash

    def _freeze(self, point: str, process: SimulatedProcess) -> None:
        """The process stops and goes on later; a suspended machine's monotonic clock does not even notice."""
        length = self.dice.between(_SHORTEST_FREEZE_MS, _LONGEST_FREEZE_MS)
        is_suspended = process.name.startswith("worker") and self.dice.chance(0.5)
        self.coverage[f"freeze {point}{' suspended' if is_suspended else ''}"] += 1
        self.log("freeze", point=point, ms=length, suspended=is_suspended)
        self.baton.pause(length)
        process.suspended += length if is_suspended else 0
