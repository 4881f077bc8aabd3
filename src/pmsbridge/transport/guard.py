"""What leaves an adapter, whatever goes wrong inside: the five classes of error, and nothing else."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.logging import get_logger

__all__ = ["reading_guarded", "writing_guarded"]

_log = get_logger(__name__)

_ALLOWED: Final = (ConfigurationError, UnsupportedError, RejectedError, UnavailableError, OutcomeUnknownError)


@contextmanager
def writing_guarded() -> Iterator[None]:
    """Around carrying out an effect.

    Raises:
        ConfigurationError: As inside, or for an error of ours that is none of the five.
        UnsupportedError: As inside.
        RejectedError: As inside, or something to write to is not there.
        UnavailableError: As inside.
        OutcomeUnknownError: As inside, or a defect of the adapter: it may have struck after the send.
    """
    try:
        yield
    except _ALLOWED:
        raise
    except NotFoundError as problem:
        message = f"{problem.message} Nothing was sent."
        raise RejectedError(message, code=problem.code) from None
    except PmsBridgeError as problem:
        raise ConfigurationError(problem.message, code=problem.code) from None
    except Exception as defect:  # noqa: BLE001 - a defect of ours may have struck after the send
        _log.error("adapter_defect", kind=type(defect).__name__, where=_where(defect))
        message = f"a defect of the adapter ({type(defect).__name__}); it may have been sent"
        raise OutcomeUnknownError(message, code="adapter_defect") from None


@contextmanager
def reading_guarded() -> Iterator[None]:
    """Around looking for an effect, and around reading what a later look compares with.

    Raises:
        RejectedError: What is looked into is not there.
    """
    try:
        yield
    except NotFoundError as problem:
        raise RejectedError(problem.message, code=problem.code) from None


def _where(defect: Exception) -> str:
    """The innermost place a defect came from; neither its text nor any value."""
    frames = traceback.extract_tb(defect.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
