"""Not by chance: die at every step, and fail at every call in every way, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pmsbridge.testing.history import Violation
from pmsbridge.testing.simulation.books import FAULTS
from pmsbridge.testing.simulation.plan import Character, Schedule, Wish
from pmsbridge.testing.simulation.run import Simulator
from pmsbridge.testing.simulation.staff_mail import MAIL_FAULTS

__all__ = ["Sweep", "calm_schedule", "sweep_crash_pairs", "sweep_crashes", "sweep_faults"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep did.

    Attributes:
        points: Places there were: steps, pairs of steps, or calls times ways to fail.
        reached: Places at which something really went wrong.
    """

    points: int
    reached: int
    violations: tuple[Violation, ...]


def calm_schedule(verb: str, character: Character, *, means: str = "stored") -> Schedule:
    """One wish, one worker, and nothing that goes wrong."""
    is_money = verb.startswith("pay")
    wish = Wish(0, verb, "T1", "R1", means if is_money else "", "", start=10, again="", polls=4, retries=3)
    wishes: tuple[Wish, ...] = (wish,)
    if verb == "cancel_move_out":
        wishes = (replace(wish, verb="move_out"), replace(wish, number=1, start=3_000))
    if verb == "prepay":  # whoever owes nothing
        due = replace(wish, verb="pay", tenant="T2", rental="R2", means="stored")
        wishes = (due, replace(due, number=1, verb=verb, means=means, start=3_000))
    return Schedule(seed=1, character=character, wishes=wishes, judge_at_end=True)


def sweep_crashes(simulator: Simulator, calm: Schedule) -> Sweep:
    """A process dies at step k, for every k of the calm run."""
    steps = simulator.play(calm).steps
    return _played(simulator, [replace(calm, crash_at=(k,)) for k in range(1, steps + 1)], "crash ")


def sweep_crash_pairs(simulator: Simulator, calm: Schedule, *, every: int = 1) -> Sweep:
    """A process dies at step k, and one dies again at step j, for every j after k of what then happens.

    Args:
        simulator: Plays.
        calm: What happens when nothing goes wrong.
        every: Only every so many second steps, another one for each k.
    """
    steps = simulator.play(calm).steps
    points = reached = 0
    violations: list[Violation] = []
    for k in range(1, steps + 1):
        then = simulator.play(replace(calm, crash_at=(k,))).steps
        pairs = [replace(calm, crash_at=(k, j)) for j in range(k + 1 + k % every, then + 1, every)]
        done = _played(simulator, pairs, "crash ", times=2)
        points, reached = points + done.points, reached + done.reached
        violations.extend(done.violations)
    return Sweep(points, reached, tuple(violations))


def sweep_faults(simulator: Simulator, calm: Schedule) -> Sweep:
    """Every write, read and mail of the calm run goes wrong, in every way there is."""
    return _played(simulator, list(_failing(simulator, calm)), "fault ")


def _failing(simulator: Simulator, calm: Schedule) -> Iterator[Schedule]:
    seen = simulator.play(calm)
    for n in range(1, seen.calls + 1):
        for name in FAULTS:
            if name != "part done" or (n == 1 and calm.wishes[0].verb == "pay_all" and _pays_together(calm)):
                yield replace(calm, fault_at=((n, name),))
    for n in range(1, seen.reads + 1):
        yield replace(calm, read_fault_at=(n,))
    for n in range(1, seen.mails + 1):
        for name in MAIL_FAULTS:
            yield replace(calm, mail_fault_at=((n, name),))


def _pays_together(calm: Schedule) -> bool:
    return calm.character in {Character.REFERENCE, Character.BLIND}


def _played(simulator: Simulator, schedules: list[Schedule], what: str, *, times: int = 1) -> Sweep:
    reached = 0
    violations: list[Violation] = []
    for schedule in schedules:
        verdict = simulator.play(schedule)
        hits = sum(number for name, number in verdict.coverage.items() if name.startswith(what))
        reached += hits >= times
        violations.extend(verdict.violations)
    return Sweep(len(schedules), reached, tuple(violations))
