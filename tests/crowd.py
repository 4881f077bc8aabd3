"""The same done by many threads, all of which begin when the last is ready."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["at_once"]

_T = TypeVar("_T")


def at_once(act: Callable[[int], _T], times: int = 6) -> list[_T]:
    """Results in the order of the numbers that the threads were given, from 0; raises what the first of them raised."""
    ready = threading.Barrier(times)

    def run(number: int) -> _T:
        ready.wait()
        return act(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))
