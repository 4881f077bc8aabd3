"""Faults on request: which call goes wrong, how, and whether the books change all the same.

A rule names an operation (a shell pattern), a kind, and when it strikes: `nth` (from the n-th matching call on,
default 1), `count` (how often, default once; with a `probability` as often as it hits, 0 meaning no end),
`probability` (drawn from a generator seeded by the sandbox's seed and the rule's number). The first rule that strikes
wins.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final


class FaultKind(StrEnum):
    """How a call goes wrong; what the books see is said for each."""

    REFUSE = "refuse"  # the connection is reset before the body is read; nothing happens
    DELAY = "delay"  # `seconds` of waiting, then everything as usual
    STALL = "stall"  # carried out at once, then `seconds` of waiting before the answer
    DRIP = "drip"  # the answer comes one byte per `seconds`; the effect happened
    DROP_BEFORE = "drop_before"  # read, closed without an answer; nothing happens
    DROP_AFTER = "drop_after"  # read, carried out, closed without an answer
    LATE_COMMIT = "late_commit"  # closed without an answer; carried out `seconds` later
    TRUNCATE = "truncate"  # carried out; the body stops half way
    HTML_503 = "html_503"  # a web page with status 503, `retry_after` when given; nothing happens
    HTTP_429 = "http_429"  # too many requests, `retry_after` when given; nothing happens
    SOAP_FAULT = "fault"  # HTTP 500 with a fault that repeats the account; nothing happens
    GZIP_BOMB = "gzip_bomb"  # carried out; the answer inflates to `size` bytes (200 MB)
    HUGE_ROWS = "huge_rows"  # carried out; the answer has `rows` more rows (200,000)
    DUPLICATE = "duplicate_delivery"  # carried out twice
    BUSY = "busy_90"  # return code -90; nothing happens
    LOGON = "logon_99"  # return code -99; nothing happens
    REDIRECT = "redirect"  # 307 to another port (`target`, else a trap that counts visitors); nothing happens
    DOCTYPE = "doctype"  # carried out; the answer has a document type with an entity
    NOT_XML = "not_xml"  # carried out; status 200 and plain text
    WRONG_CONTENT = "wrong_content"  # carried out; the answer of another operation with another content type


HAPPENS: Final = frozenset(
    {
        FaultKind.DELAY,
        FaultKind.STALL,
        FaultKind.DRIP,
        FaultKind.DROP_AFTER,
        FaultKind.TRUNCATE,
        FaultKind.GZIP_BOMB,
        FaultKind.HUGE_ROWS,
        FaultKind.DUPLICATE,
        FaultKind.DOCTYPE,
        FaultKind.NOT_XML,
        FaultKind.WRONG_CONTENT,
    }
)
"""Kinds where the call is carried out before its answer goes wrong; the others can be told to with `after_effect`."""

_NEVER_HAPPENS: Final = frozenset({FaultKind.REFUSE, FaultKind.DROP_BEFORE, FaultKind.LATE_COMMIT})


class RuleError(ValueError):
    """A rule that cannot be; nothing was injected."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault to inject. Seconds are real time, except for a late commit, which follows the sandbox's clock.

    Attributes:
        location: Only calls of this location; empty for all.
        status: HTTP status instead of the kind's own; None keeps it.
        after_effect: Whether the call is carried out first.
    """

    number: int
    operation: str
    kind: FaultKind
    nth: int = 1
    count: int = 1
    probability: float = 1.0
    seconds: float = 1.0
    retry_after: int | None = None
    size: int = 200_000_000
    rows: int = 200_000
    location: str = ""
    target: str = ""
    after_effect: bool = False


_NUMBERS: Final = {
    "nth": int,
    "count": int,
    "probability": float,
    "seconds": float,
    "retry_after": int,
    "size": int,
    "rows": int,
}
_TEXTS: Final = frozenset({"operation", "kind", "location", "target"})


def rule_from(number: int, asked: Mapping[str, Any]) -> Rule:
    """A rule from its JSON form.

    Raises:
        RuleError: An unknown key, an unknown kind, or a value that cannot be.
    """
    unknown = set(asked) - set(_NUMBERS) - _TEXTS - {"after_effect"}
    if unknown:
        message = f"unknown keys: {', '.join(sorted(unknown))}"
        raise RuleError(message)
    try:
        kind = FaultKind(str(asked.get("kind", "")))
        values: dict[str, Any] = {
            name: cast(asked[name]) for name, cast in _NUMBERS.items() if asked.get(name) is not None
        }
    except (TypeError, ValueError) as problem:
        message = f"bad rule: {problem}"
        raise RuleError(message) from None
    if values.get("nth", 1) < 1 or values.get("count", 1) < 0 or not 0 <= values.get("probability", 1) <= 1:
        message = "nth starts at 1, count at 0, a probability is between 0 and 1"
        raise RuleError(message)
    after = bool(asked.get("after_effect", kind in HAPPENS)) and kind not in _NEVER_HAPPENS
    values.setdefault("count", 0 if "probability" in values else 1)
    values |= {name: str(asked[name]) for name in ("location", "target") if asked.get(name)}
    return Rule(number, str(asked.get("operation") or "*"), kind, after_effect=after, **values)


@dataclass(slots=True)
class _Armed:
    rule: Rule
    draw: Random
    seen: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        self.seen += 1
        rule = self.rule
        spent = bool(rule.count) and self.struck >= rule.count
        if spent or self.seen < rule.nth or self.draw.random() >= rule.probability:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class FaultPlan:
    """The rules in force."""

    seed: int
    _armed: list[_Armed] = field(default_factory=list)
    _numbers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, asked: Mapping[str, Any]) -> Rule:
        """Add a rule.

        Raises:
            RuleError: It cannot be.
        """
        with self._lock:
            rule = rule_from(self._numbers + 1, asked)
            self._numbers += 1
            self._armed.append(_Armed(rule, Random(f"{self.seed}/fault/{rule.number}")))
            return rule

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._armed.clear()

    def strike(self, operation: str, location: str | None, *, unread: bool) -> Rule | None:
        """The rule that strikes this call; None when none does.

        Rules of the kind `refuse` strike before the body is read (`unread`), all others after.
        """
        with self._lock:
            for armed in self._armed:
                rule = armed.rule
                if (rule.kind is FaultKind.REFUSE) is not unread or not fnmatchcase(operation, rule.operation):
                    continue
                if rule.location and location is not None and rule.location != location:
                    continue
                if armed.strikes():
                    return rule
        return None

    def report(self) -> list[dict[str, Any]]:
        """The rules in force with how often they saw a call and struck."""
        with self._lock:
            return [
                {
                    "number": a.rule.number,
                    "operation": a.rule.operation,
                    "kind": a.rule.kind.value,
                    "seen": a.seen,
                    "struck": a.struck,
                }
                for a in self._armed
            ]
