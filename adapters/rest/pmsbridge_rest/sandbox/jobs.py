"""Jobs: what is answered with a ticket first, is worked on for a while, and ends well or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import Any, Final

from .door import Request
from .faults import Rule
from .plan import Role
from .understood import Understood

_WORKING: Final = ("running", "pending", "working", "started")


@dataclass(slots=True)
class Job:
    """One job.

    Attributes:
        id: The ticket's number, and of what it makes.
        role: The call that it came of.
        due: When it ends.
        rule: The fault that struck the call; None for none.
        end: "done" or "failed" when it is over; else empty.
        answer: The record that it made: its noun and id; None for none.
    """

    id: str
    role: Role
    request: Request
    found: Understood
    due: datetime
    rule: Rule | None = None
    end: str = ""
    answer: tuple[str, str] | None = None

    @property
    def word(self) -> str:
        """How it stands, in the vendor's word. One that failed where there is no word for that goes on for ever.

        While it is worked on it is a word that means neither end, whatever words the mapping takes for those.
        """
        said = self.role.job
        if self.end == "done":
            return str(said["done"][0])
        if self.end == "failed" and said.get("failed"):
            return str(said["failed"][0])
        ends = {str(word) for word in (*said["done"], *said.get("failed", []))}
        words = chain(_WORKING, (f"{_WORKING[0]} {number}" for number in count(2)))
        return next(word for word in words if word not in ends)


@dataclass(slots=True)
class Jobs:
    """All jobs of an office."""

    _by_id: dict[str, Job] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        """Begin one."""
        self._by_id[job.id] = job

    def next_due(self) -> Job | None:
        """The one that ends next; None when none is at work."""
        return min((job for job in self._by_id.values() if not job.end), key=lambda job: job.due, default=None)

    @property
    def last_due(self) -> datetime | None:
        """When the last one ends; None when none is at work."""
        return max((job.due for job in self._by_id.values() if not job.end), default=None)

    def asked_for(self, values: Mapping[str, Any]) -> Job | None:
        """The job that a poll names: by what an earlier answer said (``step.pay.ticket``), or by our own reference."""
        numbers = {str(value) for name, value in values.items() if name.startswith("step.")}
        if numbers:
            return self._by_id.get(numbers.pop()) if len(numbers) == 1 else None
        wanted = values.get("reference")
        named = [job for job in self._by_id.values() if wanted and job.found.values.get("reference") == wanted]
        return named[-1] if named else None
