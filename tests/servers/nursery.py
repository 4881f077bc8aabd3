"""A process that has everything imported and makes a fork of itself for every run of a program that is asked for.

Each run is a process of its own, which can be killed like one, without the second or two that its imports take. The
nursery itself opens no database and starts no thread. In a test::

    with nursery("tests.engine.night_process") as run:
        ended = run("sqlite:///night.db", "before:1")     # what its main finds in sys.argv[1:]
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
from typing import Any, Final

__all__ = ["Run", "nursery"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_HUNG_SECONDS: Final = 120.0
_FAILED: Final = 70

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the program to its end; ``returncode`` is minus the signal that killed it. What it says on standard error is
shown."""


@contextmanager
def nursery(module: str) -> Iterator[Run]:
    """A nursery of a module's ``main``, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.servers.nursery", module]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(*given: str) -> subprocess.CompletedProcess[str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(given) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, "the nursery has ended; its words are on standard error"
            return subprocess.CompletedProcess([module, *given], *json.loads(line))

        try:
            yield run
        finally:
            process.kill()


def main() -> None:
    """Serve until standard input ends."""
    program: Any = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(_ran(program.main, json.loads(line))), flush=True)


def _ran(program: Callable[[], object], given: Sequence[str]) -> tuple[int, str]:
    """How it ended, and what it printed."""
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            _live(program, given, said.fileno())
        code = _ended(pid)
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


def _ended(pid: int) -> int:
    watched = os.pidfd_open(pid)
    try:
        if not select.select([watched], [], [], _HUNG_SECONDS)[0]:
            os.kill(pid, signal.SIGABRT)
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
