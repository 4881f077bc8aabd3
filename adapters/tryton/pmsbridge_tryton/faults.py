"""What an answer that is no success says about the back office: whether it changed, and whether to ask again.

The vendor puts an exception's kind and text into one place, so kinds are known by an allow-list, and by their shape:
anything else is a failure whose effect is unknown. Texts are translations, and some are the raw ids of messages; they
are shown, never read.

A refusal of the allow-list is raised before the vendor commits, and its transaction is rolled back: nothing changed.
Work that the vendor queues for after the commit keeps its refusals to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from pmsbridge.errors import ConfigurationError, PmsBridgeError, RejectedError, UnavailableError
from pmsbridge.logging import redact
from pmsbridge.transport.status import classify_status, no_usable_answer

__all__ = ["LOGIN_PAUSE", "StaleError", "WarningRaisedError", "fault_of", "status_fault", "told"]

LOGIN_PAUSE: Final = timedelta(minutes=5)
"""How long the vendor counts failed log-ons, unless its operator set another ``session.timeout``."""

_TOLD_CHARACTERS: Final = 200
_UNEXPECTED: Final = "server_error"
# The path or the database is not there, or the server is of a series that listens elsewhere.
_WRONG_ADDRESS: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


class StaleError(RejectedError):
    """A record was changed since its stamp was read; nothing was written. Read it again before anything else."""


class WarningRaisedError(RejectedError):
    """The back office wants a person to confirm; nothing was written. It is never confirmed by itself.

    Attributes:
        name: The warning's own name as it came, which says of which records it is; empty when it has none.
    """

    def __init__(self, message: str, *, name: str = "", code: str = "") -> None:
        super().__init__(message, code=code)
        self.name = name

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_warning, (self.message, self.name, self.code))


def _rebuild_warning(message: str, name: str, code: str) -> WarningRaisedError:
    return WarningRaisedError(message, name=name, code=code)


def told(message: object) -> str:
    """The back office's own text, made safe to repeat, on one line; empty when it said nothing."""
    return " ".join(redact(message).split())[:_TOLD_CHARACTERS] if isinstance(message, str) else ""


def fault_of(error: object, *, subject: str, is_write: bool) -> PmsBridgeError:
    """The error that the ``error`` of an envelope stands for.

    Args:
        error: What the answer holds there, whatever its shape.
        subject: What was asked of whom.
        is_write: Whether the back office may have changed.
    """
    kind, held = _shape(error)
    parts = held if isinstance(held, list) else [held]
    texts = [told(part) for part in parts]
    if kind == "UserError" and isinstance(held, list):
        return RejectedError(_said(subject, "refused", texts[:2]), code="user_error")
    if kind == "UserWarning" and isinstance(held, list):
        name = parts[0] if parts and isinstance(parts[0], str) else ""
        return WarningRaisedError(_said(subject, "wants a confirmation", texts[1:3]), name=name, code="user_warning")
    if kind == "ConcurrencyException" and isinstance(held, str):
        return StaleError(_said(subject, "the record was changed meanwhile; nothing was written", []), code="stale")
    if kind == "LoginException" and isinstance(held, list):
        message = f"{subject}: the log-on asks for more than a password; use a user that needs only one"
        return ConfigurationError(message, code="login_question")
    return no_usable_answer(f"{subject}: the server failed", is_write=is_write, code=_UNEXPECTED)


def status_fault(status: int, headers: Mapping[str, str], *, subject: str, is_write: bool) -> PmsBridgeError | None:
    """The error of an HTTP status; None for a usable success, and for a session that ended (401 is the client's)."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        # Only log-ons are counted, and each one that is tried makes it worse. The vendor never says how long.
        problem = classify_status(status, headers, is_write, subject=subject)
        wait = (problem.retry_after if isinstance(problem, UnavailableError) else None) or LOGIN_PAUSE
        return UnavailableError(f"{subject}: too many failed log-ons", retry_after=wait, code="too_many_logins")
    if status in _WRONG_ADDRESS:
        message = (
            f"{subject}: HTTP {status}, no such database or service. Check url and database; series 8.0 and newer "
            "are understood."
        )
        return ConfigurationError(message, code=f"http_{status}")
    return classify_status(status, headers, is_write, subject=subject)


def _shape(error: object) -> tuple[str, Any]:
    if isinstance(error, list) and len(error) == 2 and isinstance(error[0], str):  # noqa: PLR2004 - kind and rest
        return error[0], error[1]
    return "", None


def _said(subject: str, what: str, texts: list[str]) -> str:
    quoted = " ".join(text for text in texts if text)
    return f'{subject}: {what}: "{quoted}"' if quoted else f"{subject}: {what}"
