"""Things a machine noticed that a person should look at."""

from __future__ import annotations

from enum import StrEnum

from pmsbridge.model.record import Id, Instant, Value

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How soon somebody should look."""

    NOTICE = "notice"
    WARNING = "warning"
    URGENT = "urgent"


class Finding(Value):
    """One observation, with what it is about and why it matters.

    Attributes:
        code: Stable machine word ("impossible_rental_step").
        subject: Key of the record it is about.
        text: For a person, without secrets.
    """

    code: Id
    severity: Severity
    account: Id
    facility: Id
    subject: str
    text: str
    found_at: Instant
