"""One time for all machines over one database.

A settle window is begun by one worker and ended by another. Were each to go by its own clock, a worker whose clock is
ahead would look, and send again, before a late commit can show.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store import postgres
from pmsbridge.store.database import Database
from pmsbridge.store.portable import database_now

__all__ = ["AgreedClock", "agreed"]

_ASK_EVERY_SECONDS: Final = 60
_STEP: Final = timedelta(seconds=1)


class AgreedClock(SystemClock):
    """The database server's time, carried on by this machine's clocks between two looks at it.

    It is asked again every minute, and at once when this machine's wall clock and its monotonic clock disagree: one of
    them was set, or the machine slept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._base: tuple[datetime, datetime, float, int] | None = None

    def now(self) -> datetime:
        """The instant, aware, UTC; this machine's own while the database cannot be asked."""
        with self._lock:
            if self._base is None or self._is_doubtful(self._base):
                self._base = self._asked() or self._base
            if self._base is None:
                return self._local()
            theirs, _, began, _ = self._base
            return theirs + timedelta(seconds=self.monotonic() - began)

    def _local(self) -> datetime:
        return super().now()

    def _is_doubtful(self, base: tuple[datetime, datetime, float, int]) -> bool:
        _, ours, began, pid = base
        passed = self.monotonic() - began
        stepped = self._local() - ours - timedelta(seconds=passed)
        return passed > _ASK_EVERY_SECONDS or abs(stepped) > _STEP or pid != os.getpid()

    def _asked(self) -> tuple[datetime, datetime, float, int] | None:
        began = self.monotonic()
        try:
            with self._database.read() as connection:
                theirs = database_now(connection)
        except UnavailableError:
            return None
        # The answer was made somewhere between: half way is at most half a round trip wrong.
        middle = (began + self.monotonic()) / 2
        return theirs, self._local() - timedelta(seconds=self.monotonic() - middle), middle, os.getpid()


def agreed(clock: Clock, database: Database) -> Clock:
    """The clock itself, or one that all machines agree on where machines share a database server."""
    is_plain = type(clock) is SystemClock
    return AgreedClock(database) if is_plain and database.kind == postgres.KIND else clock
