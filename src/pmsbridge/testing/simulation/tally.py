"""Many schedules at once: played in a range, added up over processes, written down for those who come later."""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pmsbridge
from pmsbridge.errors import InputError
from pmsbridge.testing.simulation.run import Run, Simulator

__all__ = ["Tally", "code_digest", "play_many", "play_range", "replay_command", "soak", "stage_of"]

_CHUNK: Final = 200
_COLLECT_EVERY: Final = 50
_YOUNG, _ALL = 1, 2
"""Generations of objects."""
_KEPT: Final = 50


@dataclass(slots=True)
class Tally:
    """Schedules, added up.

    Attributes:
        by_kind: Violations.
        examples: The first ones, as text.
        bad_seeds: Seeds with violations.
        seconds: Wall time, of whoever waited.
        office: Which back office was played, as ``module:factory``; empty for the simulated ones.
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
    office: str = ""

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
            "replay": [replay_command(seed, self.office) for seed in self.bad_seeds],
            "coverage": dict(sorted(self.coverage.items())), "python": sys.version.split()[0],
        }  # fmt: skip


def replay_command(seed: int, office: str = "") -> str:
    """What plays one seed again and prints its events."""
    return f"python -m pmsbridge.testing.simulation --only-seed {seed}" + (f" --office {office}" if office else "")


def stage_of(office: str) -> type[Run]:
    """The stage that a back office is played on; the simulated ones for an empty text.

    Args:
        office: ``module:factory``; the factory makes the stage.

    Raises:
        InputError: There is no such module or factory, or it makes something else.
    """
    if not office:
        return Run
    module, _, factory = office.partition(":")
    try:
        made = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as problem:
        remedy = "Write it as module:factory, where the factory makes a stage."
        raise InputError("office", f"cannot be played ({type(problem).__name__})", remedy=remedy) from None
    if not (isinstance(made, type) and issubclass(made, Run)):
        raise InputError("office", "makes no stage", remedy="Let it return a subclass of simulation.Run.")
    return made


def play_range(first: int, count: int, office: str = "") -> Tally:
    """Play so many seeds, one after the other, in this process."""
    logging.disable(logging.CRITICAL)
    collects = gc.isenabled()
    gc.disable()  # a tenth of the time would go into looking at what lives on
    tally, began = Tally(office=office), time.monotonic()
    try:
        with Simulator(stage_of(office)) as simulator:
            for seed in range(first, first + count):
                verdict = simulator.play_seed(seed)
                if tally.schedules % _COLLECT_EVERY == 0:
                    # What lived before is looked at once; what dies now was made since the last look.
                    gc.collect(_YOUNG if tally.schedules else _ALL)
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


def play_many(first: int, count: int, *, jobs: int = 1, office: str = "") -> Tally:
    """Play so many seeds over so many processes."""
    total, began = Tally(office=office), time.monotonic()
    for part in _parts(first, count, jobs, office):
        total.add(part)
    total.seconds = time.monotonic() - began
    return total


def _parts(first: int, count: int, jobs: int, office: str) -> Iterator[Tally]:
    chunks = [(start, min(_CHUNK, first + count - start), office) for start in range(first, first + count, _CHUNK)]
    if jobs <= 1:
        yield from (play_range(*chunk) for chunk in chunks)
        return
    # Spawned, not forked: a worker starts with nothing open.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(play_range, *zip(*chunks, strict=True))


def soak(first: int, count: int, *, jobs: int, record: Path) -> Tally:
    """Play very many, in pieces: each is written down, what is written down is not played again.

    Ends at the first piece with a violation, and then again at once until the code is another.

    Args:
        first: The first seed.
        count: How many seeds in all, those played before an interruption included.
        jobs: Processes.
        record: JSON lines, one per piece: when, what, how many, how fast, and by which code.

    Returns:
        All pieces together, those of earlier runs included.

    Raises:
        InputError: The record was made by other code; nothing was played.
    """
    code = code_digest()
    total, start = _recorded(record, first, code)
    while start < first + count and not total.violations:
        size = min(_CHUNK * jobs * 5, first + count - start)
        part = play_many(start, size, jobs=jobs)
        _write_down(record, part, first=start, code=code)
        start += size
        total.add(part)
        total.seconds += part.seconds
    return total


def code_digest() -> str:
    """Tells the code that is played from any other: one figure may not stand for two."""
    room = Path(pmsbridge.__file__).parent
    files = sorted(file.relative_to(room).as_posix() for file in room.rglob("*.py"))
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{name}\0".encode() + (room / name).read_bytes())
    return digest.hexdigest()[:16]


def _recorded(record: Path, first: int, code: str) -> tuple[Tally, int]:
    """What a record holds from the first seed on without a gap, and the seed that comes next."""
    total, start = Tally(), first
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    for line in lines:
        with suppress(json.JSONDecodeError):  # a piece whose line was cut off is played again
            kept = json.loads(line)
            if kept["code"] != code:
                problem = f"{record} was made by other code"
                raise InputError("record", problem, shape=kept["code"], remedy="Name another file, or remove it.")
            if kept["first"] == start:
                start += kept["schedules"]
                total.add(_read_back(kept))
                total.seconds += kept["seconds"]
    return total, start


def _read_back(kept: Mapping[str, Any]) -> Tally:
    return Tally(
        schedules=kept["schedules"], by_kind=Counter(kept["by_kind"]), bad_seeds=list(kept["bad_seeds"]),
        steps=kept["steps"], calls=kept["calls"],
    )  # fmt: skip


def _write_down(record: Path, part: Tally, *, first: int, code: str) -> None:
    told = {name: value for name, value in part.as_json().items() if name not in {"coverage", "examples"}}
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "first": first, "code": code,
        "command": f"python -m pmsbridge.testing.simulation --schedules {part.schedules} --seed {first}", **told,
    }  # fmt: skip
    ends_whole = not record.is_file() or record.read_bytes()[-1:] in {b"", b"\n"}
    with record.open("a", encoding="utf-8") as file:
        file.write(("" if ends_whole else "\n") + json.dumps(line) + "\n")
