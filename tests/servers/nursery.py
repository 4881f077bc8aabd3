"""A process that has everything imported and makes a fork of itself for every run of a program that is asked for.

Each run is a process of its own, which can be killed like one, without the second or two that its imports take. The
nursery itself opens no database and starts no thread. In a test::

    with nursery("tests.engine.night_process") as grow:
        ended = grow.run("sqlite:///night.db", "before:1")     # what its main finds in sys.argv[1:]
        living = grow.start("sqlite:///night.db", "")          # the same, beside the test
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

__all__ = ["Grown", "Nursery", "nursery"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_HUNG_SECONDS: Final = 120.0
_FAILED: Final = 70


class Nursery:
    """The test's side of a nursery. What its programs say on standard error is shown."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *given: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end; ``returncode`` is minus the signal that killed it."""
        code, said = self.start(*given).ended(_HUNG_SECONDS)
        return subprocess.CompletedProcess(given, code, said)

    def start(self, *given: str) -> Grown:
        """Start the program."""
        return Grown(self, self.ask("start", list(given)))

    def ask(self, *order: object) -> Any:
        """One order, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the nursery has ended; its words are on standard error"
        return json.loads(line)


class Grown:
    """A process that runs the program."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self._end: tuple[int, str] | None = None
        self.pid = pid

    def poll(self) -> int | None:
        """How it ended; None while it lives."""
        self._end = self._end or self._nursery.ask("look", self.pid, 0.0)
        return None if self._end is None else self._end[0]

    def ended(self, seconds: float) -> tuple[int, str]:
        """How it ended, and what it printed.

        Raises:
            TimeoutExpired: It lives on.
        """
        self._end = self._end or self._nursery.ask("look", self.pid, seconds)
        if self._end is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds)
        return self._end

    def wait(self, seconds: float) -> int:
        """How it ended. Raises TimeoutExpired."""
        return self.ended(seconds)[0]

    def kill(self) -> None:
        """As kill -9 does; nothing when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


@contextmanager
def nursery(module: str) -> Iterator[Nursery]:
    """A nursery of a module's ``main``, for as long as the block runs; what still lives then is killed."""
    command = [sys.executable, "-m", "tests.servers.nursery", module]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)


def main() -> None:
    """Serve until standard input ends."""
    program: Any = importlib.import_module(sys.argv[1])
    alive: dict[int, IO[bytes]] = {}
    for line in sys.stdin:
        order, *given = json.loads(line)
        answer = _started(program.main, given[0], alive) if order == "start" else _look(given[0], given[1], alive)
        print(json.dumps(answer), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _started(program: Callable[[], object], given: Sequence[str], alive: dict[int, IO[bytes]]) -> int:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its process has ended
    pid = os.fork()
    if pid == 0:
        _live(program, given, said.fileno())
    alive[pid] = said
    return pid


def _look(pid: int, seconds: float, alive: dict[int, IO[bytes]]) -> tuple[int, str] | None:
    """How a process ended, and what it printed; None when it has not ended within so many seconds."""
    watched = os.pidfd_open(pid)
    try:
        if not select.select([watched], [], [], seconds)[0]:
            return None
    finally:
        os.close(watched)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with alive.pop(pid) as said:
        said.seek(0)
        return code, said.read().decode()


def _live(program: Callable[[], object], given: Sequence[str], said: int) -> None:
    code = _FAILED
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        sys.argv[1:] = given
        program()
        sys.stdout.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - the fork must end here, whatever happens
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
