"""The nightly clock of a worker process: it starts as soon as it can be put together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from pmsbridge.dispatch.schedule import Schedule
from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.logging import get_logger

__all__ = ["NightClock"]

_log = get_logger(__name__)


class NightClock:
    """Puts a schedule together and starts it; again while the database is away, but not when a person must act."""

    def __init__(self, make: Callable[[], Schedule], *, again_after: timedelta = timedelta(minutes=1)) -> None:
        """Nothing starts yet.

        Args:
            make: Puts the schedule together; it may ask back offices for their time zones.
            again_after: How long to wait after a failure.
        """
        self._make = make
        self._again_after = again_after.total_seconds()
        self._stop = threading.Event()
        self._schedule: Schedule | None = None
        self._thread = threading.Thread(target=self._start, name="pmsbridge-night-clock", daemon=True)

    def start(self) -> None:
        """Start; call it once."""
        self._thread.start()

    def _start(self) -> None:
        while not self._stop.is_set():
            try:
                schedule = self._make()
                if not self._stop.is_set():
                    schedule.start()
                    self._schedule = schedule
            except ConfigurationError as error:
                _log.error("no_night_clock", code=error.code, why=error.message)
                return
            except Exception as error:  # noqa: BLE001 - the clock of a worker outlives whatever is away
                why = error.message if isinstance(error, PmsBridgeError) else type(error).__name__
                _log.error("no_night_clock_yet", why=why)
                self._stop.wait(self._again_after)
            else:
                return

    def stop(self) -> bool:
        """Stop the clock without waiting for a night; False when one is still at work in this process."""
        self._stop.set()
        # Asking a back office may take its time; a thread that does only this holds nothing.
        self._thread.join(1)
        return self._schedule is None or self._schedule.stop(waits=False)
