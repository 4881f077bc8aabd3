"""The job every engine does, and the tape that says what was done. Standard library only: every engine imports it.

One action is four steps, each one call of a back office that takes no time, or as long as told. The back office writes
every call down with one short write, so that a run can be verified: each step of each action exactly once, in order.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STEPS: Final = ("change", "note", "bulletin", "notice")
_LINE: Final = len(f"{0:07d} 0\n")


class Office:
    """The back office: it takes its time and writes the call down.

    Attributes:
        seconds: How long one call takes.
    """

    def __init__(self, tape: str | Path, seconds: float = 0.0) -> None:
        self._tape = tape
        self._file: tuple[int, int] | None = None
        self.seconds = seconds

    def call(self, action: int, step: int) -> str:
        """Carry out one step of one action; returns the receipt."""
        if self.seconds:
            time.sleep(self.seconds)
        os.write(self._descriptor(), f"{action:07d} {step}\n".encode())
        return f"{action}-{step}"

    def _descriptor(self) -> int:
        # One append of one line is atomic between processes; a forked child opens its own.
        if self._file is None or self._file[0] != os.getpid():
            self._file = (os.getpid(), os.open(self._tape, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644))
        return self._file[1]


def calls_on(tape: Path) -> int:
    """How many calls were made so far."""
    return tape.stat().st_size // _LINE if tape.exists() else 0


def problems_of(tape: Path, actions: int) -> list[str]:
    """What is wrong with a finished run: a step that is missing, doubled or out of order. Empty when all is well."""
    lines = [line.split() for line in tape.read_text().splitlines()]
    calls = [(int(action), int(step)) for action, step in lines]
    times = Counter(calls)
    wanted = {(action, step) for action in range(actions) for step in range(len(STEPS))}
    doubled = [call for call, count in times.items() if count > 1]
    first = {action: at for at, (action, step) in reversed(list(enumerate(calls))) if step == 0}
    early = [call for at, call in enumerate(calls) if call[1] and at < first.get(call[0], len(calls))]
    found = {"missing": wanted - set(times), "doubled": doubled, "unknown": set(times) - wanted, "too early": early}
    return [f"{len(which)} steps {what}" for what, which in found.items() if which]


@dataclass(frozen=True, slots=True)
class Order:
    """What one process of a run is told.

    Attributes:
        url: The database or broker.
        tape: Where the back office writes its calls down.
        actions: How many are submitted.
        lanes: Over how many lanes.
        concurrency: Things one worker does at once.
        seconds: How long a call takes.
        variant: Which way of writing the job, where there are several.
        extra: A second address: where results or checkpoints go.
    """

    role: str
    url: str
    tape: Path
    actions: int
    lanes: int
    concurrency: int
    seconds: float
    variant: str
    extra: str

    @property
    def office(self) -> Office:
        """A back office on this run's tape."""
        return Office(self.tape, self.seconds)


def order() -> Order:
    """From the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("prepare", "work", "submit", "both", "check", "latency", "statements"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--tape", type=Path, required=True)
    parser.add_argument("--actions", type=int, required=True)
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--variant", default="")
    parser.add_argument("--extra", default="")
    return Order(**vars(parser.parse_args()))


def say(*words: object) -> None:
    """One line to whoever started this process."""
    print(*words, flush=True)


class Orders:
    """What whoever started this process says over its standard input: "go", and at its end: stop. SIGTERM stops too.

    Make it in the main thread. A process whose starter was killed stops as well.
    """

    def __init__(self) -> None:
        self.go = threading.Event()
        self.stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.stop.set())
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "go":
                self.go.set()
        self.go.set()
        self.stop.set()

    def submit_all(self, actions: int, submit: Callable[[int], object]) -> None:
        """Submit every action with ``submit(number)`` when told to go, say how long it took, and wait."""
        say("ready")
        self.go.wait()
        began = time.perf_counter()
        for number in range(actions):
            submit(number)
        say("submitted", time.perf_counter() - began)
        # A process that is gone takes its processor time with it.
        self.stop.wait()


def stop_with_starter() -> None:
    """End this process by SIGTERM when whoever started it is gone: for a program with signal handlers of its own."""

    def listen() -> None:
        # Not sys.stdin.read(): a fork would copy its lock as held, and the child could not close its input.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
