"""Every call the sandbox received: what was asked, what was answered, what it changed, and which fault was injected.

Nothing secret is kept: passwords and codes are starred, numbers keep four digits. A keyed digest over the raw
parameters lets a test tell two equal requests from two different ones.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .access import Fingerprints, masked_parameter
from .clock import business_day
from .contract import AUTH


@dataclass(slots=True)
class CallRecord:
    """One call.

    Attributes:
        number: Its place in the log, from 1.
        effects: How often the books were changed by it: 0, 1, or 2 when a duplicate delivery was injected.
        return_code: The code it was or would have been answered with; None when it never got one.
        status: HTTP status answered; None when no answer was sent.
        ignored: Parameters sent under names the operation does not have.
        fault: The kind of fault injected; None when none.
    """

    number: int
    service: str
    operation: str
    location: str
    account: str
    received_at: datetime
    parameters: dict[str, str]
    digest: str
    ignored: list[str] = field(default_factory=list)
    effects: int = 0
    return_code: int | None = None
    status: int | None = None
    fault: str | None = None


class CallLog:
    """The calls in order of arrival, and how many each location made per month."""

    def __init__(self, digests: Fingerprints) -> None:
        """Start empty."""
        self._digests = digests
        self._calls: list[CallRecord] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def enter(self, service: str, operation: str, sent: Sequence[tuple[str, str]], at: datetime) -> CallRecord:
        """Write down a call as it arrives; `sent` are the parameters in the order they came."""
        raw = dict(sent)
        masked = {name: masked_parameter(name, value) for name, value in raw.items() if name not in AUTH}
        digest = self._digests.of("\n".join(f"{name}={value}" for name, value in sorted(sent)))
        location, account = raw.get("sLocationCode", ""), self._account(raw)
        with self._lock:
            record = CallRecord(len(self._calls) + 1, service, operation, location, account, at, masked, digest)
            self._calls.append(record)
            self._counts[location, f"{business_day(at):%Y-%m}"] += 1
        return record

    @staticmethod
    def _account(raw: Mapping[str, str]) -> str:
        return f"{raw.get('sCorpCode', '')}/{masked_parameter('sCorpUserName', raw.get('sCorpUserName', ''))}"

    def calls(self, operation: str | None = None) -> list[CallRecord]:
        """The calls so far, or those of one operation."""
        with self._lock:
            return [call for call in self._calls if operation in (None, call.operation)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Calls per location and month (`YYYY-MM`): what the vendor bills."""
        with self._lock:
            items = sorted(self._counts.items())
        result: dict[str, dict[str, int]] = {}
        for (location, month), number in items:
            result.setdefault(location, {})[month] = number
        return result
