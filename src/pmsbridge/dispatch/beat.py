"""A thread that does one thing every so often, and survives its errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pmsbridge.logging import get_logger

__all__ = ["Beat"]

_log = get_logger(__name__)


class Beat:
    """Calls a function at once and then every so often, until stopped.

    Attributes:
        last: When the function last succeeded; None for never.
    """

    def __init__(self, what: Callable[[], object], every: timedelta, *, name: str) -> None:
        self._what = what
        self._every = every.total_seconds()
        self._name = name
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.last: datetime | None = None

    def start(self) -> None:
        """Start; does nothing when it runs."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._what()
                self.last = datetime.now(UTC)
            except Exception as error:  # noqa: BLE001 - what is away comes back
                _log.error("beat_failed", beat=self._name, why=type(error).__name__)
            self._stop.wait(self._every)
