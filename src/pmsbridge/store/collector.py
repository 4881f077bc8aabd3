"""Batches without the collector of circular garbage, which would look through all that the process holds meanwhile.

A batch makes thousands of rows that live until it is committed. Python's collector counts them, and begins to search
everything that was imported for circles, of which a batch leaves none: in a short process a seventh of a night's time.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import Final

__all__ = ["Unsearched", "unsearched"]

_LONGEST: Final = 10.0
"""Seconds; a batch takes a fraction of one."""


class Unsearched:
    """A context in which no collection begins, however many threads are inside; nothing if the collector is off.

    It ends with the last of them. Where there is always one inside, the first that enters after ten seconds ends it for
    all of those, so that the collector has its turn.
    """

    def __init__(self) -> None:
        """Nobody is inside."""
        self._lock = threading.Lock()
        self._inside = 0
        self._is_ours = False
        self._since = 0.0

    def __enter__(self) -> None:
        """Switch it off, unless somebody did, or it has been off for long."""
        with self._lock:
            self._inside += 1
            if self._inside == 1 and gc.isenabled():
                self._is_ours, self._since = True, time.monotonic()
                gc.disable()
            elif time.monotonic() - self._since > _LONGEST:
                self._switch_on()

    def __exit__(self, *_error: object) -> None:
        """Switch it on again behind the last one."""
        with self._lock:
            self._inside = max(0, self._inside - 1)
            if not self._inside:
                self._switch_on()

    def _switch_on(self) -> None:
        if self._is_ours:
            self._is_ours = False
            gc.enable()

    def forget_all(self) -> None:
        """After a fork: threads that were inside are not in this process."""
        self._lock = threading.Lock()
        self._inside = 0
        self._switch_on()


unsearched: Final = Unsearched()
"""The one of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unsearched.forget_all)
