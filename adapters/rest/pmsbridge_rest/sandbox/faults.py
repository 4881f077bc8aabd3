"""Faults on request: which call goes wrong, how, and whether the books change all the same.

A rule names an operation (a shell pattern: ``take_payment.*``, ``read.tenants``, ``look.add_note``, ``*``), a kind, and
when it strikes: ``nth`` (from the n-th matching call on, default 1), ``count`` (how often, default once; with a
``probability`` as often as it hits, 0 meaning no end), ``probability`` (drawn from a generator seeded by the sandbox's
seed and the rule's number). The first rule that strikes wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
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
    LATE_AFTER_500 = "late_after_500"  # answered with 500; carried out `seconds` later
    TRUNCATE = "truncate"  # carried out; the body stops half way
    HTML_503 = "html_503"  # a web page with status 503, `retry_after` when given; nothing happens
    HTTP_429 = "http_429"  # too many requests, `retry_after` when given; nothing happens
    HTTP_500 = "http_500"  # the vendor's error with status 500; nothing happens
    REJECTED = "rejected"  # the vendor's error of a wrong request; nothing happens
    DECLINED = "declined"  # a good answer that says no, as the mapping says; nothing happens
    LOGON = "logon_401"  # the credentials are refused; nothing happens
    REDIRECT = "redirect"  # 307 to `target`, else to nowhere; nothing happens
    NOT_JSON = "not_json"  # carried out; status 200 and a web page
    WRONG_CONTENT = "wrong_content"  # carried out; status 200 and JSON of another kind
    GZIP_BOMB = "gzip_bomb"  # carried out; the answer inflates to `size` bytes
    DUPLICATE = "duplicate_delivery"  # carried out twice
    HUGE_ROWS = "huge_rows"  # carried out; the answer's list has `rows` more rows (200,000)
    JOB_FAILED = "job_failed"  # of what is answered with a ticket: the job ends badly; nothing happens
    JOB_LATE = "job_late"  # likewise: the job ends, and is carried out, `seconds` later than others
    LAG = "lag"  # carried out; reads show it `seconds` later
    STALE = "stale"  # a read shows the books as they were `seconds` ago


OF_JOBS: Final = frozenset({FaultKind.JOB_FAILED, FaultKind.JOB_LATE})
"""Kinds that only a call that is answered with a ticket can meet."""

HAPPENS: Final = frozenset(
    {
        FaultKind.DELAY,
        FaultKind.STALL,
        FaultKind.DRIP,
        FaultKind.DROP_AFTER,
        FaultKind.TRUNCATE,
        FaultKind.NOT_JSON,
        FaultKind.WRONG_CONTENT,
        FaultKind.GZIP_BOMB,
        FaultKind.HUGE_ROWS,
        FaultKind.JOB_FAILED,
        FaultKind.JOB_LATE,
        FaultKind.DUPLICATE,
        FaultKind.LAG,
        FaultKind.STALE,
    }
)
"""Kinds where the call is carried out before its answer goes wrong; the others can be told to with `after_effect`."""

_NEVER_HAPPENS: Final = frozenset(
    {FaultKind.REFUSE, FaultKind.DROP_BEFORE, FaultKind.LATE_COMMIT, FaultKind.LATE_AFTER_500}
)


class RuleError(ValueError):
    """A rule that cannot be; nothing was injected."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault to inject. Late commits, lags and stale reads follow the sandbox's clock, all else real time.

    Attributes:
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
    size: int = 50_000_000
    rows: int = 200_000
    target: str = ""
    after_effect: bool = False


_NUMBERS: Final = {
    "nth": int, "count": int, "probability": float, "seconds": float, "retry_after": int, "size": int,
    "rows": int,
}  # fmt: skip
_BOUNDS: Final = {"rows": (1, 10_000_000), "size": (1, 2_000_000_000)}
"""How much more an answer can be: there is always more, and one day it ends."""
_TEXTS: Final = frozenset({"operation", "kind", "target"})


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
    for name, (least, most) in _BOUNDS.items():
        if not least <= values.get(name, least) <= most:
            message = f"{name} is from {least} to {most}"
            raise RuleError(message)
    after = bool(asked.get("after_effect", kind in HAPPENS)) and kind not in _NEVER_HAPPENS
    values.setdefault("count", 0 if "probability" in values else 1)
    values["target"] = str(asked.get("target") or "")
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
    """The rules in force.

    Attributes:
        objection: What is against a rule in this back office; empty for nothing.
    """

    seed: int
    objection: Callable[[Rule], str] = lambda _: ""
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
            if problem := self.objection(rule):
                raise RuleError(problem)
            self._numbers += 1
            self._armed.append(_Armed(rule, Random(f"{self.seed}/fault/{rule.number}")))
            return rule

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._armed.clear()

    def strike(self, operation: str) -> Rule | None:
        """The rule that strikes this call; None when none does."""
        with self._lock:
            for armed in self._armed:
                if fnmatchcase(operation, armed.rule.operation) and armed.strikes():
                    return armed.rule
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
