"""Running one subject once: start its processes, say go, wait until all is done, verify, count processor time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.engines.job import STEPS, calls_on, problems_of

__all__ = ["Run", "Script", "WrongRunError", "ask", "run"]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_PATIENCE_SECONDS: Final = 180
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class WrongRunError(Exception):
    """A run did not do its job: its figure does not count. The text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Script:
    """How a subject is run.

    Attributes:
        python: The interpreter of its environment.
        name: The module beside this one.
        variant: Which way of writing the job.
        workers: Processes that work; 0 for one process that submits and works.
        per_worker: What one worker does at once.
        servers: Processes of servers whose processor time counts.
    """

    python: str
    name: str
    variant: str = ""
    workers: int = 1
    per_worker: int = 8
    servers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What one run measured.

    Attributes:
        seconds: First submit to last step.
        submit_seconds: First submit to last submit.
        cpu_ms: Processor time of submitter and workers per action, in milliseconds.
        server_ms: The same of the servers.
    """

    actions: int
    seconds: float
    submit_seconds: float
    cpu_ms: float
    server_ms: float


def run(
    script: Script,
    url: str,
    *,
    actions: int,
    lanes: int = 16,
    seconds: float = 0.0,
    extra: str = "",
    submitted_before: bool = False,
) -> Run:
    """One run.

    Args:
        script: What runs.
        url: Its empty database or broker; FOLDER in it stands for a fresh folder.
        actions: How many actions.
        lanes: Over how many lanes.
        seconds: How long one call of the back office takes.
        extra: Where checkpoints go.
        submitted_before: Everything waits before the workers begin; the clock starts when they do.

    Raises:
        WrongRunError: A step was lost, doubled or out of order, or it did not end.
    """
    with tempfile.TemporaryDirectory(prefix="pmsbridge-bench-") as folder, ExitStack() as stack:
        tape = Path(folder) / "tape"
        command = _command(script, url.replace("FOLDER", folder), tape, f"--actions={actions}", f"--lanes={lanes}",
                           f"--seconds={seconds}", f"--extra={extra}")  # fmt: skip
        _finish(command, "prepare")
        roles = ["work"] * script.workers + ["submit"] if script.workers else ["both"]
        processes = [stack.enter_context(_started(command, role)) for role in roles]
        clients = [process.pid for process in processes]
        *workers, submitter = processes
        submit_seconds: float | None = None
        before = (_cpu(clients), _cpu(script.servers))
        began = time.perf_counter()
        for process in (submitter,) if submitted_before else processes:
            _tell(process, "go")
        if submitted_before:
            submit_seconds = float(_line(submitter, "submitted"))
            began = time.perf_counter()
            for process in workers:
                _tell(process, "go")
        _wait(tape, actions * len(STEPS), processes)
        took = time.perf_counter() - began
        after = (_cpu(clients), _cpu(script.servers))
        if submit_seconds is None:
            submit_seconds = float(_line(submitter, "submitted"))
        for process in processes:
            _end(process)
        wrong = problems_of(tape, actions)
        if wrong or (done := int(_finish(command, "check"))) != actions:
            message = ", ".join(wrong) or f"{done} of {actions} actions are recorded as done"
            raise WrongRunError(message)
        each = [(late - early) * 1000 / actions for early, late in zip(before, after, strict=True)]
        return Run(actions, took, submit_seconds, each[0], each[1])


def _command(script: Script, url: str, tape: Path, *more: str) -> list[str]:
    file = ROOT / "benchmarks" / "engines" / f"{script.name}.py"
    return [
        script.python, str(file), f"--url={url}", f"--tape={tape}", f"--concurrency={script.per_worker}",
        f"--variant={script.variant}", *more,
    ]  # fmt: skip


def ask(script: Script, url: str, role: str, *, actions: int, lanes: int = 16) -> dict[str, Any]:
    """What a process that only measures itself says, as JSON."""
    with tempfile.TemporaryDirectory(prefix="pmsbridge-bench-") as folder:
        command = _command(
            script, url.replace("FOLDER", folder), Path(folder) / "tape", f"--actions={actions}", f"--lanes={lanes}"
        )
        found: dict[str, Any] = json.loads(_output(command, role))
        return found


def _output(command: Sequence[str], role: str) -> str:
    done = subprocess.run([*command[:2], role, *command[2:]], check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        message = f"{Path(command[1]).stem} {role}: {done.stderr[-2000:]}"
        raise WrongRunError(message)
    return done.stdout


def _finish(command: Sequence[str], role: str) -> str:
    words = _output(command, role).split()
    return words[-1] if words else ""


@contextmanager
def _started(command: Sequence[str], role: str) -> Iterator[subprocess.Popen[str]]:
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*command[:2], role, *command[2:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            text=True, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
        try:
            _line(process, "ready", errors)
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
            process.stdin.close()  # type: ignore[union-attr]


def _line(process: subprocess.Popen[str], word: str, errors: IO[str] | None = None) -> str:
    """What follows a word that the process says.

    Raises:
        WrongRunError: It ended without saying it.
    """
    timer = threading.Timer(_PATIENCE_SECONDS, process.kill)
    timer.start()
    try:
        for line in process.stdout or ():
            if line.startswith(word):
                return line[len(word) :].strip()
    finally:
        timer.cancel()
    if errors is not None:
        errors.seek(0)
    message = f"a process ended without saying {word}: {errors.read()[-2000:] if errors else ''}"
    raise WrongRunError(message)


def _tell(process: subprocess.Popen[str], word: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{word}\n")
        process.stdin.flush()


def _wait(tape: Path, calls: int, processes: Sequence[subprocess.Popen[str]]) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while calls_on(tape) < calls:
        if time.monotonic() > ends or any(process.poll() not in {None, 0} for process in processes):
            message = f"{calls_on(tape)} of {calls} steps were done"
            raise WrongRunError(message)
        time.sleep(0.005)


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()


# -- processor time of processes and of all their children ------------------------------------------------------------


def _cpu(roots: Sequence[int]) -> float:
    """Seconds of processor time; 0 where the system does not show it."""
    if not sys.platform.startswith("linux"):
        return 0.0
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            stats[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    family = {pid for pid in roots if pid}  # 0: a server that somebody else runs
    while more := {pid for pid, (parent, _) in stats.items() if parent in family} - family:
        family |= more
    return sum(stats[pid][1] for pid in family if pid in stats) / _TICKS
