"""Batches in which the collector of circular garbage seldom runs: it would look through all that the process holds.

A batch makes thousands of rows that live until it is committed. Python's collector counts them, and begins to search
everything that was imported for circles, of which a batch leaves none: in a short process a seventh of a night's time.
"""

from __future__ import annotations

import gc
import os
import threading
from typing import Final

__all__ = ["Unsearched", "unsearched"]

_MANY: Final = 250_000
"""Objects: several times what one batch makes. What else goes on in the process leaves some tens of megabytes of
garbage at most before it is looked for, however long a database keeps a batch waiting."""


class Unsearched:
    """A context in which a collection begins only after very many new objects, however many threads are inside.

    It ends with the last of them. Nothing happens where the collector is off, or runs more seldom by itself.
    """

    def __init__(self) -> None:
        """Nobody is inside."""
        self._lock = threading.Lock()
        self._inside = 0
        self._before: tuple[int, int, int] | None = None

    def __enter__(self) -> None:
        """The first one raises the bound."""
        with self._lock:
            self._inside += 1
            found = gc.get_threshold()
            if self._inside == 1 and 0 < found[0] < _MANY:
                self._before = found
                gc.set_threshold(_MANY, *found[1:])

    def __exit__(self, *_error: object) -> None:
        """Behind the last one it is what it was."""
        with self._lock:
            self._inside = max(0, self._inside - 1)
            if not self._inside:
                self._lower()

    def _lower(self) -> None:
        before, self._before = self._before, None
        # Whoever has set another one meanwhile meant it.
        if before is not None and gc.get_threshold() == (_MANY, *before[1:]):
            gc.set_threshold(*before)

    def forget_all(self) -> None:
        """After a fork: threads that were inside are not in this process."""
        self._lock = threading.Lock()
        self._inside = 0
        self._lower()


unsearched: Final = Unsearched()
"""The one of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unsearched.forget_all)
