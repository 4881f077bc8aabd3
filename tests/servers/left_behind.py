"""No test leaves a process behind: whatever is still there when a run is over is named, ended, and fails the run.

A process belongs to a run by what it inherited: the environment of the test process that started it, whoever its
parent is by now. One that has overwritten its environment is found while it is still a child.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["watch_processes"]

_NAME: Final = "processes-left-behind"
_MARK: Final = "STARTED_BY_TEST_PROCESS"
_PROCESSES: Final = Path("/proc")
_PATIENCE_SECONDS: Final = 10.0
# Python's own, which ends with the process that it keeps books for.
_PYTHONS_OWN: Final = "multiprocessing.resource_tracker"


def watch_processes(config: pytest.Config) -> None:
    """Begin to watch this run, once; does nothing on a system that does not show its processes as files."""
    if (_PROCESSES / "self" / "environ").exists() and not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(_Watch(config), _NAME)


class _Watch:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._left: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        os.environ[_MARK] = str(os.getpid())

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._left += [_described(process) for process in _still_there()]
        if hasattr(self._config, "workerinput"):
            self._config.workeroutput["left"] = self._left  # type: ignore[attr-defined]
        elif self._left:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._left += getattr(node, "workeroutput", {}).get("left", [])

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._left:
            terminalreporter.section("processes left behind", red=True)
            for line in self._left:
                terminalreporter.write_line(line)


def _still_there() -> list[int]:
    """What does not end by itself, a moment after everything was told to."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    while (found := list(_ours())) and time.monotonic() < ends:
        time.sleep(0.1)
    return found


def _ours() -> Iterator[int]:
    mark, me = f"{_MARK}={os.getpid()}".encode(), os.getpid()
    for folder in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError, IndexError):
            # Behind the name, which may hold anything: the state, and the parent.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            is_marked = mark in (folder / "environ").read_bytes().split(b"\0")
            is_ours = state != "Z" and (is_marked or int(parent) == me)
            if is_ours and int(folder.name) != me and _PYTHONS_OWN not in _command(folder):
                yield int(folder.name)


def _described(process: int) -> str:
    """Its command and the test that started it; it is ended."""
    folder = _PROCESSES / str(process)
    said = f"process {process}"
    with suppress(OSError):
        kept = dict(part.partition(b"=")[::2] for part in (folder / "environ").read_bytes().split(b"\0"))
        test = kept.get(b"PYTEST_CURRENT_TEST", b"no test").decode(errors="replace")
        said = f"{test}: {_command(folder)} ({said})"
        os.kill(process, signal.SIGKILL)
    return said


def _command(folder: Path) -> str:
    return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
