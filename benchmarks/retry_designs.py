"""Retry designs beside ours, on the same simulated back offices: how often each pays twice, and how often it lies.

``python benchmarks/retry_designs.py`` prints the table, ``--json`` one object. One seed is one schedule: a person pays
what is due for one rental, and comes back until told that it is paid or the patience ends. The back office has no
idempotency keys; what it did can be read back by our reference, or by the amount, or (a sixth of the offices) not at
all. For every design a seed means the same office, the same pauses between visits, and the same way in which the n-th
call goes wrong. Reads fail or lag and processes die at their steps as often for one design as for another; a design
with more steps has more of them to die at. The judge of all is ``pmsbridge.testing.history``: it sees the back office's
books and what the person was told, and no design.

How the designs are written is in ``benchmarks/retry_portals.py``.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from benchmarks.retry_portals import DESIGNS, LEVELS, OURS, PLAIN, Level, schedule_of
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.simulation import Simulator
from pmsbridge.testing.simulation.baton import Dice
from pmsbridge.testing.simulation.run import Verdict

_CHUNK: Final = 100
COLUMNS: Final = {
    "double": ("double",),
    "told failed, was charged": ("told_failed_but_done",),
    "told paid, was not": ("told_done_but_not",),
    "lost or stuck": ("lost", "stuck", "phantom"),
}
"""By column, the violations it counts."""


@dataclass(slots=True)
class Row(harness.Subject):
    """What became of all schedules of one design at one level.

    Attributes:
        found: By kind of violation, in how many schedules it was found;         columns: By column, how many schedules.
        calls: Payment calls in all.
        events: A hash over the event logs of all schedules: the same seeds give the same one.
    """

    design: str
    level: Level
    schedules: int = 0
    found: Counter[str] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    events: str = ""

    def add(self, verdict: Verdict) -> None:
        """Take one schedule in."""
        history = verdict.history
        kinds = {violation.kind for violation in verdict.violations}
        at_the_end = {answer.outcome for answer in history.answers if answer.action and not answer.wish}
        is_paid = any(row.kind == "take_payment" for row in history.booked)
        self.schedules += 1
        self._chain(verdict.digest)
        self.calls += sum(request.kind == "take_payment" for request in history.requests)
        self.found.update(kinds)
        self.columns.update(name for name, counted in COLUMNS.items() if kinds.intersection(counted))
        self.columns["needs_review"] += Outcome.NEEDS_REVIEW.value in at_the_end
        self.columns["paid"] += is_paid

    def _chain(self, digest: str) -> None:
        self.events = hashlib.sha256((self.events + digest).encode()).hexdigest()

    def share(self, column: str) -> str:
        """Of all schedules, as the table shows it; a plain 0 is none at all."""
        times = self.columns[column]
        return f"{times / self.schedules:.2%}" if times else "0"

    @property
    def facts(self) -> dict[str, object]:
        """As JSON holds it: counts of schedules, and the violations by their own names."""
        names = (*COLUMNS, "needs_review", "paid")
        return {
            "subject": self.design, "new_keys": not DESIGNS[self.design].is_loyal, "fault": self.level.fault,
            "crash": self.level.crash, "schedules": self.schedules, "calls": self.calls,
            "percent": {name: round(100 * self.columns[name] / self.schedules, 3) for name in names},
            "counts": {name: self.columns[name] for name in names}, "by_kind": dict(sorted(self.found.items())),
            "events": self.events,
        }  # fmt: skip

    def merge(self, other: Row) -> None:
        """Take other schedules of the same design and level in."""
        self.schedules += other.schedules
        self._chain(other.events)
        self.calls += other.calls
        self.found += other.found
        self.columns += other.columns


def play(design: str, level: Level, first: int, count: int) -> Row:
    """Play so many seeds of one design at one level, in this process."""
    row = Row(design, level)
    logging.disable(logging.CRITICAL)
    try:
        with Simulator(DESIGNS[design]) as simulator:
            for seed in range(first, first + count):
                row.add(_played_seed(simulator, row, seed))
    finally:
        logging.disable(logging.NOTSET)
    return row


def _played_seed(simulator: Simulator, row: Row, seed: int) -> Verdict:
    try:
        return simulator.play(schedule_of(seed, row.level), Dice(3 * seed + 2))
    except Exception as error:
        error.add_note(f"{row.design}, {row.level.name}, seed {seed}")
        raise


def play_all(first: int, count: int, *, jobs: int) -> list[Row]:
    """Every design at every level, over so many processes."""
    rows = {(design, level): Row(design, level) for level in LEVELS for design in DESIGNS}
    starts = range(first, first + count, _CHUNK)
    pieces = [(*row, start, min(_CHUNK, first + count - start)) for row in rows for start in starts]
    for part in _played(pieces, jobs):
        rows[part.design, part.level].merge(part)
    return list(rows.values())


def _played(pieces: Sequence[tuple[str, Level, int, int]], jobs: int) -> Iterator[Row]:
    if jobs <= 1:
        yield from (play(*piece) for piece in pieces)
        return
    # Spawned, not forked: a worker starts with nothing open.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(play, *zip(*pieces, strict=True))


# -- the report -------------------------------------------------------------------------------------------------------

HEADER: Final = ("fault / crash", "design", "schedules", *COLUMNS, "needs_review", "paid")


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """The table."""
    return [[row.level.name, row.design, str(row.schedules), *map(row.share, HEADER[3:])] for row in rows]


def claims(rows: Sequence[Row]) -> list[harness.Claim]:
    """What the table is to show."""
    ours = [row for row in rows if row.design == OURS]
    plain = [row for row in rows if row.design == PLAIN]
    bad = sum((row.found for row in ours), Counter[str]())
    played = sum(row.schedules for row in ours)
    doubled = [row.columns["double"] for row in plain]
    return [
        harness.Claim(
            "ours: no double, no lie, nothing lost, nor any other violation", f"0 of {played} schedules",
            str(dict(bad) or 0), not bad,
        ),
        harness.Claim(
            "plain retry pays twice, and more often when more goes wrong", "0 < few faults < many faults",
            " < ".join(map(str, doubled)), 0 < doubled[0] < doubled[-1],
        ),
    ]  # fmt: skip


def main() -> None:
    """Play and report."""
    parser = harness.options("Doubles and lies of retry designs on the simulated back offices.")
    parser.add_argument("--schedules", type=int, default=200, metavar="N", help="of each design at each level")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first one")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes")
    settings = parser.parse_args()
    if settings.quick:
        settings.schedules = min(settings.schedules, 10)
    rows = play_all(settings.seed, settings.schedules, jobs=settings.jobs)
    command = f"python benchmarks/retry_designs.py --schedules {settings.schedules} --seed {settings.seed}"
    harness.report(
        f"One payment, {settings.schedules} schedules of each design; shares of schedules",
        HEADER, lines(rows), claims(rows), harness.machine(("sqlalchemy", "tenacity"), {"command": command}),
        as_json=settings.json, subjects=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
