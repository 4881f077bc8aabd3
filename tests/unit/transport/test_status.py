"""What a status and a Retry-After header mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, PmsBridgeError, RejectedError, UnavailableError
from pmsbridge.transport.status import classify_status, parse_retry_after

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def expected(status: int, has_time: bool, is_write: bool) -> type[PmsBridgeError] | None:
    """Law 5, written once more and differently."""
    if status in range(200, 300) and status != 206:
        return None
    definite: dict[int, type[PmsBridgeError]] = {
        401: ConfigurationError,
        403: ConfigurationError,
        429: UnavailableError,
    }
    if status in definite:
        return definite[status]
    if status == 503 and has_time:
        return UnavailableError
    if status in range(400, 500) and status not in {408, 425}:
        return RejectedError
    return OutcomeUnknownError if is_write else UnavailableError


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize("has_time", [True, False], ids=["with a time", "without"])
def test_every_status_has_its_class(is_write: bool, has_time: bool) -> None:
    headers = {"retry-after": "5"} if has_time else {}
    for status in range(100, 600):
        error = classify_status(status, headers, is_write)
        wanted = expected(status, has_time, is_write)
        assert (None if error is None else type(error)) is wanted, status
        if error is not None:
            assert error.code == f"http_{status}"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("999999", timedelta(days=1)),
        ("9" * 5000, timedelta(days=1)),
        ("Fri, 01 May 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Fri, 01 May 2026 11:00:00 GMT", timedelta(0)),
        ("Fri, 01 May 2099 11:00:00 GMT", timedelta(days=1)),
        ("Fri, 01 May 2026 12:01:30 -0000", timedelta(seconds=90)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("\u0663", None),
        ("Fri, 99 May 2026 99:99:99 GMT", None),
        (None, None),
    ],
)
def test_a_wait_is_read_from_seconds_or_a_date_and_never_more_than_a_day(
    text: str | None, wait: timedelta | None
) -> None:
    assert parse_retry_after(text, now=NOW) == wait
