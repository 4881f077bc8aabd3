"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def soon(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether something becomes true while others work."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.03)
    return condition()
