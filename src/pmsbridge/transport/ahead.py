"""Reading ahead: the next page is asked for while the last one is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

from pmsbridge.ports.calling import CallMeter, counted_apart, counts_taken_over

__all__ = ["Ahead"]

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """A piece of work that has begun in a thread of its own.

    It goes as the work that began it: a night's calls go behind people. What it cost counts for whoever takes the
    result, so a result that nobody takes counts nowhere.

    Args:
        work: Makes calls; it is begun at once.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._meter = CallMeter()
        self._result: list[_T] = []
        self._problem: BaseException | None = None
        context = copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._run), name="pmsbridge-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with counted_apart(self._meter):
                self._result.append(self._work())
        except BaseException as problem:  # noqa: BLE001 - it is raised where the result is taken
            self._problem = problem

    def take(self) -> _T:
        """Wait for the end, and give what came of it; raises what the work raised."""
        self._thread.join()
        counts_taken_over(self._meter)
        if self._problem is not None:
            raise self._problem
        return self._result[0]
