"""What ``pmsbridge doctor`` found out about one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import redact

__all__ = ["Check", "Status", "tried"]

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        remedy: What to do; empty when there is nothing to do.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""


def tried(name: str, look: Callable[[], str]) -> Check:
    """What a look says, or the error it ended with."""
    try:
        return Check(name, "ok", look())
    except PmsBridgeError as error:
        return Check(name, "failed", redact(str(error)))
