"""Renewing a lease for work that says nothing for a while: one answer of a back office may take hours to come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import get_logger

__all__ = ["kept"]

_log = get_logger(__name__)

_AT_MOST: Final = timedelta(days=1)
"""Whoever works on one thing for longer than this hangs."""


@contextmanager
def kept(renew: Callable[[], bool], every: timedelta, *, at_most: timedelta = _AT_MOST) -> Iterator[None]:
    """Renew a lease from a thread while the block runs. A process that dies or freezes renews nothing.

    Args:
        renew: Renews it; False when it is lost, or given up: that is the end of renewing.
        every: How often; a few times a lease.
        at_most: For how long.
    """
    over = threading.Event()
    times = int(at_most / every)
    keeper = threading.Thread(target=_keep, args=(renew, every, times, over), name="pmsbridge-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(renew: Callable[[], bool], every: timedelta, times: int, over: threading.Event) -> None:
    for _ in range(times):
        if over.wait(every.total_seconds()):
            return
        try:
            if not renew():
                return
        except PmsBridgeError as error:
            _log.warning("lease_not_renewed", why=error.code)
