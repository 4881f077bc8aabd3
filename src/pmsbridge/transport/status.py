"""What an HTTP status says about the back office: whether it changed, and whether to ask again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)

__all__ = ["classify_status", "no_usable_answer", "parse_retry_after"]

_LONGEST_WAIT = timedelta(days=1)
_DIGITS_OF_A_WAIT = 9
# The server gave up on, or refused to look at, a request it may have seen in part: neither a refusal nor a success.
_UNSETTLED_4XX = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def no_usable_answer(
    message: str, *, is_write: bool, code: str, retry_after: timedelta | None = None
) -> PmsBridgeError:
    """The error for "asked, and no usable answer": unknown for a write, ask again for a read."""
    if is_write:
        return OutcomeUnknownError(message, code=code)
    return UnavailableError(message, retry_after=retry_after, code=code)


def classify_status(
    status: int,
    headers: Mapping[str, str],
    is_write: bool,  # noqa: FBT001  (three plain facts, in the order they are known)
    *,
    subject: str = "the call",
) -> PmsBridgeError | None:
    """The error an HTTP status stands for; None for a usable success.

    Args:
        status: HTTP status code.
        headers: Response headers, names in lower case.
        is_write: Whether the request may have changed the back office.
        subject: What was asked of whom, for the message ("PaymentSimple at host").
    """
    message = f"{subject}: HTTP {status}"
    code = f"http_{status}"
    wait = parse_retry_after(headers.get("retry-after"))
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.PARTIAL_CONTENT:
        return None
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None):
        return UnavailableError(message, retry_after=wait, code=code)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ConfigurationError(message, code=code)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _UNSETTLED_4XX:
        return RejectedError(message, code=code)
    return no_usable_answer(message, is_write=is_write, code=code, retry_after=wait)


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> timedelta | None:
    """The wait a ``Retry-After`` header asks for: seconds or an HTTP date; None when absent or unreadable.

    Never negative and never more than a day, whatever the header says.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= _DIGITS_OF_A_WAIT else math.inf
        return _LONGEST_WAIT if seconds > _LONGEST_WAIT.total_seconds() else timedelta(seconds=seconds)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - (now or datetime.now(UTC)), timedelta(0)), _LONGEST_WAIT)
