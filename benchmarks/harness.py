"""What every benchmark here shares: fresh processes, alternating rounds, medians with their spread, claims.

A subject is measured in a process of its own each time, so that its peak memory is its own and what ran before does not
help or hinder it. Rounds alternate between the subjects, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure we want to show.

    Attributes:
        claim: What is claimed.
        wanted: The bound, in words.
        measured: What this run measured.
        holds: Whether the run bears the claim out.
    """

    claim: str
    wanted: str
    measured: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one subject in one process.

    Attributes:
        seconds: Time of the measured part, by the clock the benchmark chose.
        rows: Rows it saw; every subject must see the same.
        grown_mb: Growth of the process's peak resident memory during the measured part.
        cpu_seconds: Processor time of the process, all its threads together.
    """

    seconds: float
    rows: int
    grown_mb: float
    cpu_seconds: float = 0.0


class Subject:
    """All samples of one subject."""

    def __init__(self, name: str, samples: Sequence[Sample]) -> None:
        self.name = name
        self.samples = list(samples)

    @property
    def seconds(self) -> float:
        """Median time."""
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def spread(self) -> str:
        """Fastest and slowest time."""
        times = [sample.seconds for sample in self.samples]
        return f"{min(times):.3f}-{max(times):.3f}"

    @property
    def noise(self) -> float:
        """Slowest time over fastest: 1.0 on a quiet machine."""
        times = [sample.seconds for sample in self.samples]
        return max(times) / min(times)

    @property
    def rows_per_second(self) -> float:
        """Rows over the median time."""
        return self.samples[0].rows / self.seconds

    @property
    def facts(self) -> dict[str, object]:
        """As JSON holds it: seconds, rows per second of the median, MB."""
        times = [sample.seconds for sample in self.samples]
        return {
            "subject": self.name,
            "rounds": len(self.samples),
            "rows": self.samples[0].rows,
            "median_s": round(self.seconds, 4),
            "min_s": round(min(times), 4),
            "max_s": round(max(times), 4),
            "rows_per_second": round(self.rows_per_second),
            "peak_added_mb": round(self.grown_mb, 1),
            "cpu_s": round(self.cpu_seconds, 4),
        }

    @property
    def cpu_seconds(self) -> float:
        """Median processor time."""
        return statistics.median(sample.cpu_seconds for sample in self.samples)

    @property
    def grown_mb(self) -> float:
        """Largest growth of peak memory seen."""
        return max(sample.grown_mb for sample in self.samples)


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def measured_here(work: Callable[[], int], clock: Callable[[], float]) -> Sample:
    """Run ``work`` (it returns the rows it saw) once in this process."""
    before = peak_mb()
    began, cpu_began = clock(), time.process_time()
    rows = work()
    seconds, cpu_seconds = clock() - began, time.process_time() - cpu_began
    return Sample(seconds, rows, max(0.0, peak_mb() - before), cpu_seconds)


def last_line(script: Path, arguments: Sequence[str], *, python: str = sys.executable) -> str:
    """Run ``script`` with ``arguments`` in a fresh process; what it printed last.

    Raises:
        RuntimeError: It failed; the text has its last words.
    """
    command = [python, str(script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        message = f"{script.name} {' '.join(arguments)}: {done.stderr[-2000:]}"
        raise RuntimeError(message)
    return done.stdout.splitlines()[-1]


def said(python: str, code: str) -> str:
    """What ``python`` prints when it runs ``code``."""
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def measured_apart(script: Path, arguments: Sequence[str], *, python: str = sys.executable) -> Sample:
    """Run ``script`` with ``arguments`` in a fresh process that prints one sample as JSON."""
    found: dict[str, Any] = json.loads(last_line(script, arguments, python=python))
    return Sample(**found)


def alternate(
    subjects: Mapping[str, Callable[[], Sample]], rounds: int, *, say: Callable[[str], None] = lambda _line: None
) -> dict[str, Subject]:
    """Measure every subject ``rounds`` times, taking turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    for number in range(1, rounds + 1):
        for name, measure in subjects.items():
            say(f"round {number}/{rounds}: {name}")
            samples[name].append(measure())
    return {name: Subject(name, found) for name, found in samples.items()}


def print_sample(sample: Sample) -> None:
    """What a process that measures prints."""
    print(json.dumps(asdict(sample)))


def machine(libraries: Sequence[str], extra: Mapping[str, object] | None = None) -> dict[str, object]:
    """What the figures were measured on."""
    versions = {name: metadata.version(name) for name in libraries}
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **versions,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        **(extra or {}),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def options(description: str) -> argparse.ArgumentParser:
    """Options all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each subject")
    parser.add_argument("--quick", action="store_true", help="one small round: whether it runs, not how fast")
    return parser


def report(
    title: str,
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    claims: Sequence[Claim],
    about: Mapping[str, object],
    *,
    as_json: bool,
    subjects: Sequence[Subject] = (),
) -> None:
    """Print one JSON object, or a table for people. A claim that does not hold is said, not raised."""
    if as_json:
        facts = {"subjects": [each.facts for each in subjects]} if subjects else {}
        print(json.dumps({"claims": [asdict(claim) for claim in claims], "machine": dict(about), **facts}))
        return
    print(title)
    _print_table([list(header), *[list(line) for line in lines]])
    print()
    marked = [["yes" if claim.holds else "NO", claim.claim, claim.wanted, claim.measured] for claim in claims]
    _print_table([["holds", "claim", "wanted", "measured"], *marked])
    print()
    print(", ".join(f"{name}: {value}" for name, value in about.items()))


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
