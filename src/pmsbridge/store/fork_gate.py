"""Forking while the database is in use: nobody is inside it, and no connection is inherited.

A child that inherits an open SQLite connection, even one that rests in a pool, believes that its process holds the file
locks of its parent. When the parent closes, the write-ahead log is removed under the child, and what the child commits
from then on is lost. A thread that is inside the database at that moment leaves its locks held in the child for ever.
So a fork waits until nobody is inside, connections that rest are closed first, and who wants in waits until it is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

__all__ = ["GATE", "ForkGate"]

_LONGEST_WAIT: Final = timedelta(seconds=10)


class ForkGate:
    """Counts who is inside, and stays shut while a fork is under way.

    Attributes:
        missed: Forks that went ahead although somebody stayed inside for too long.
    """

    def __init__(self, longest_wait: timedelta = _LONGEST_WAIT) -> None:
        """Open, nobody inside.

        Args:
            longest_wait: After this long a fork goes ahead, whoever is inside.
        """
        self._longest_wait = longest_wait.total_seconds()
        self.missed = 0
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: dict[int, int] = {}
        self._closed_by: int | None = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside the database; waits while a fork is under way. May be nested."""
        me = threading.get_ident()
        with self._changed:
            # Who is inside already must get on, or the fork would wait for it in vain.
            while self._closed_by not in {None, me} and me not in self._inside:
                self._changed.wait()
            self._inside[me] = self._inside.get(me, 0) + 1
        try:
            yield
        finally:
            self._leave(me)

    def _leave(self, me: int) -> None:
        with self._changed:
            left = self._inside.get(me, 0) - 1
            if left > 0:
                self._inside[me] = left
            else:
                self._inside.pop(me, None)
                self._changed.notify_all()

    def close(self) -> bool:
        """Let nobody in, and wait until everybody else is out; False when somebody stayed inside for too long."""
        me, ends = threading.get_ident(), time.monotonic() + self._longest_wait
        with self._changed:
            while self._closed_by not in {None, me} and time.monotonic() < ends:
                self._changed.wait(max(0, ends - time.monotonic()))
            self._closed_by = me
            while others := self._inside.keys() - {me}:
                left = ends - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self.missed += bool(others)
        return not others

    def open(self) -> None:
        """In the process that forked: go on."""
        with self._changed:
            self._closed_by = None
            self._changed.notify_all()

    def forget(self) -> None:
        """In the child: only the thread that forked is here, and it keeps its place."""
        me = threading.get_ident()
        mine = self._inside.get(me, 0)
        self._reset()
        if mine:
            self._inside[me] = mine


GATE: Final = ForkGate()
"""The gate of this process; every transaction of every ``Database`` is inside it."""
