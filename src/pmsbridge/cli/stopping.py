"""Servers are told to stop by SIGINT and SIGTERM, whatever the shell that started them has set."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["SIGNALS", "interruptible"]

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
"""What asks a server to stop."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Both signals raise KeyboardInterrupt inside the block.

    A script starts what it puts into the background with SIGINT ignored, and Python then leaves it ignored. Outside the
    main thread nothing changes: no handler can be set there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
