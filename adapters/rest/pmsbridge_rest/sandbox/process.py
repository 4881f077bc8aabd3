"""The sandbox in a process of its own: blocking, or started and always ended for the caller."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from .control import SandboxControl
from .office import Office, Terms
from .server import SandboxServer

_STARTUP: Final = timedelta(seconds=30)
_STOP_SECONDS: Final = 5.0


class StartError(RuntimeError):
    """The sandbox process did not come up; nothing is left running."""


def serve(
    mapping: Path | str,
    *,
    port: int = 0,
    terms: Terms | None = None,
    ready: Callable[[str], None] | None = None,
    stopped: threading.Event | None = None,
) -> None:
    """Run a sandbox until interrupted.

    Args:
        mapping: The mapping file.
        port: TCP port on loopback; 0 takes a free one.
        terms: How the back office is set up.
        ready: Called once with the base address when it listens.
        stopped: Ends the sandbox when set; None waits for an interrupt.

    Raises:
        CannotPlayError: The mapping needs something that the sandbox does not have.
    """
    event = stopped or threading.Event()
    with SandboxServer(Office(mapping, terms), port=port) as server, suppress(KeyboardInterrupt):
        if ready is not None:
            ready(server.base_url)
        event.wait()


@contextmanager
def spawn(mapping: Path | str, *, port: int = 0, startup: timedelta = _STARTUP) -> Iterator[SandboxControl]:
    """Start a sandbox in another process, hand out its control client, and end it on leaving.

    The process also ends by itself when this one dies.

    Raises:
        StartError: It did not say in time that it listens.
    """
    command = [sys.executable, "-m", "pmsbridge_rest.sandbox", str(mapping), "--port", str(port), "--watch-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own module
        try:
            yield SandboxControl(_announced(process, startup))
        finally:
            process.kill()
            process.wait(_STOP_SECONDS)


def _announced(process: subprocess.Popen[bytes], startup: timedelta) -> str:
    """The address a starting process prints; a watchdog ends one that stays silent."""
    watchdog = threading.Timer(startup.total_seconds(), process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        watchdog.cancel()
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError):
        message = "the sandbox process ended before it listened"
        raise StartError(message) from None


def end_on_signal(stopped: threading.Event) -> None:
    """Let SIGTERM and SIGINT end the process in order."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())


def end_with_stdin(stopped: threading.Event) -> None:
    """End when standard input closes: the process that started this one is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        stopped.set()

    threading.Thread(target=watch, daemon=True).start()
