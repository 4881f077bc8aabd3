"""Answers that take equally long whoever asks: what is found or not found must not show in the time it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pmsbridge.ports.clock import Clock

__all__ = ["STEP_SECONDS", "evened"]

STEP_SECONDS: Final = 0.25
"""What happens behind such an answer takes a few hundredths of a second; the next step is for a busy machine."""


@contextmanager
def evened(clock: Clock) -> Iterator[None]:
    """Let the block, however it ends, end on a whole number of steps after its beginning."""
    began = clock.monotonic()
    try:
        yield
    finally:
        clock.sleep(STEP_SECONDS - (clock.monotonic() - began) % STEP_SECONDS)
