"""Many schedules at once: played in a range, added up over processes, written down for those who come later."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pmsbridge.testing.simulation.run import Simulator

__all__ = ["Tally", "play_many", "play_range", "replay_command", "soak"]

_CHUNK: Final = 200
_COLLECT_EVERY: Final = 50
_KEPT: Final = 50


@dataclass(slots=True)
class Tally:
    """Schedules, added up.

    Attributes:
        by_kind: Violations.
        examples: The first ones, as text.
        bad_seeds: Seeds with violations.
        seconds: Wall time, of whoever waited.
        steps: Places at which a process could have died.
        calls: Writes to back offices.
    """

    schedules: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    bad_seeds: list[int] = field(default_factory=list)
    coverage: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    calls: int = 0
    seconds: float = 0.0

    @property
    def violations(self) -> int:
        """How many there were."""
        return sum(self.by_kind.values())

    @property
    def rate(self) -> float:
        """Schedules per second of wall time."""
        return self.schedules / self.seconds if self.seconds else 0.0

    def add(self, other: Tally) -> None:
        """Take another one in; times are not added, they ran side by side."""
        self.schedules += other.schedules
        self.by_kind += other.by_kind
        self.coverage += other.coverage
        self.steps += other.steps
        self.calls += other.calls
        self.examples = (self.examples + other.examples)[:_KEPT]
        self.bad_seeds = sorted({*self.bad_seeds, *other.bad_seeds})[:_KEPT]

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "schedules": self.schedules, "violations": self.violations, "by_kind": dict(sorted(self.by_kind.items())),
            "schedules_per_second": round(self.rate, 1), "seconds": round(self.seconds, 1), "steps": self.steps,
            "calls": self.calls, "bad_seeds": self.bad_seeds, "examples": self.examples,
            "replay": [replay_command(seed) for seed in self.bad_seeds],
            "coverage": dict(sorted(self.coverage.items())), "python": sys.version.split()[0],
        }  # fmt: skip


def replay_command(seed: int) -> str:
    """What plays one seed again and prints its events."""
    return f"python -m pmsbridge.testing.simulation --only-seed {seed}"


def play_range(first: int, count: int) -> Tally:
    """Play so many seeds, one after the other, in this process."""
    logging.disable(logging.CRITICAL)
    collects = gc.isenabled()
    gc.disable()  # a tenth of the time would go into looking at what lives on
    tally, began = Tally(), time.monotonic()
    try:
        with Simulator() as simulator:
            for seed in range(first, first + count):
                verdict = simulator.play_seed(seed)
                if tally.schedules % _COLLECT_EVERY == 0:
                    gc.collect()
                tally.schedules += 1
                tally.steps += verdict.steps
                tally.calls += verdict.calls
                tally.coverage += verdict.coverage
                tally.by_kind.update(found.kind for found in verdict.violations)
                tally.examples.extend(str(found) for found in verdict.violations[: _KEPT - len(tally.examples)])
                tally.bad_seeds.extend([seed] if verdict.violations else [])
    finally:
        logging.disable(logging.NOTSET)
        if collects:
            gc.enable()
    tally.seconds = time.monotonic() - began
    return tally


def play_many(first: int, count: int, *, jobs: int = 1) -> Tally:
    """Play so many seeds over so many processes."""
    total, began = Tally(), time.monotonic()
    for part in _parts(first, count, jobs):
        total.add(part)
    total.seconds = time.monotonic() - began
    return total


def _parts(first: int, count: int, jobs: int) -> Iterator[Tally]:
    chunks = [(start, min(_CHUNK, first + count - start)) for start in range(first, first + count, _CHUNK)]
    if jobs <= 1:
        yield from (play_range(start, size) for start, size in chunks)
        return
    # Spawned, not forked: a worker starts with nothing open.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(play_range, *zip(*chunks, strict=True))


def soak(first: int, count: int, *, jobs: int, progress: Path, record: Path) -> Tally:
    """Play very many, in pieces: goes on where it was interrupted, and writes every piece down.

    Args:
        first: The first seed.
        count: How many seeds in all, those played before an interruption included.
        jobs: Processes.
        progress: Where the next seed is kept.
        record: JSON lines, one per piece: when, what, how many, how fast.
    """
    total, began = Tally(), time.monotonic()
    start = _resumed(progress, first)
    while start < first + count:
        size = min(_CHUNK * jobs * 5, first + count - start)
        part = play_many(start, size, jobs=jobs)
        start += size
        total.add(part)
        progress.write_text(json.dumps({"first": first, "next": start}), encoding="utf-8")
        _write_down(record, part, first=start - size)
        if part.violations:
            break
    total.seconds = time.monotonic() - began
    return total


def _resumed(progress: Path, first: int) -> int:
    if not progress.is_file():
        return first
    kept = json.loads(progress.read_text(encoding="utf-8"))
    return int(kept["next"]) if kept.get("first") == first else first


def _write_down(record: Path, part: Tally, *, first: int) -> None:
    told = {name: value for name, value in part.as_json().items() if name not in {"coverage", "examples"}}
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python -m pmsbridge.testing.simulation --schedules {part.schedules} --seed {first}", **told,
    }  # fmt: skip
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
