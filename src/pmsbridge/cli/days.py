"""Days as they are typed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final

import typer

__all__ = ["DAY", "read_day", "start_of"]

DAY: Final = "YYYY-MM-DD"
"""How a day is written."""


def read_day(text: str) -> date:
    """The day that was typed.

    Raises:
        BadParameter: It is none; says the shape of what was typed, and how to write a day.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a business day has no zone
    except ValueError:
        message = f"not a day (given: text of {len(text)} characters). Write it as {DAY}, such as 2026-11-21."
    raise typer.BadParameter(message)


def start_of(day: date | None) -> datetime | None:
    """Its first instant in UTC; None stays None."""
    return datetime.combine(day, time.min, UTC) if day is not None else None
