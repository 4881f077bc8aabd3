"""Work whose failure ends nobody: the journal knows what is due, and the next sweep finds it."""

from __future__ import annotations

from collections.abc import Callable

from pmsbridge.logging import get_logger

__all__ = ["survived"]

_log = get_logger(__name__)


def survived(event: str, work: Callable[[], object], **words: str) -> bool:
    """Do something; whether it succeeded. An error is logged by its class alone, and goes no further.

    Args:
        event: What the log calls a failure.
        work: What to do.
        words: Which one it was, for the log.
    """
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a database, a broker or a back office that is away comes back
        _log.error(event, why=type(error).__name__, **words)
        return False
    return True
