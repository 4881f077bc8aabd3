"""The thread that reads what back offices have said: a message is answered at once, and read a moment later."""

from __future__ import annotations

import threading
from datetime import timedelta

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.hearing import Hearing
from pmsbridge.logging import get_logger

__all__ = ["HeardReader"]

_log = get_logger(__name__)


class HeardReader:
    """Looks for what is to be read and reads it, until it is stopped. Several processes may each have one."""

    def __init__(self, runtime: Runtime, *, look_every: timedelta = timedelta(seconds=2)) -> None:
        """Nothing starts yet.

        Args:
            runtime: Whose adapters are read and whose mirror is filled.
            look_every: How often it looks.
        """
        self._hearing = Hearing(runtime)
        self._look_every = look_every.total_seconds()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pmsbridge-heard", daemon=True)

    def start(self) -> None:
        """Start the thread; once, after a fork."""
        self._thread.start()

    def stop(self, *, within: timedelta = timedelta(seconds=70)) -> bool:
        """Let the call that is under way finish, and end; False when it did not in time. The rest is left to others.

        Args:
            within: How long to wait.
        """
        self._stop.set()
        self._thread.join(within.total_seconds())
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                read = self._hearing.read(self._stop.is_set)
            except Exception as error:  # noqa: BLE001 - what is away comes back
                read = 0
                _log.error("heard_look_failed", why=type(error).__name__)
            if not read:
                self._stop.wait(self._look_every)
