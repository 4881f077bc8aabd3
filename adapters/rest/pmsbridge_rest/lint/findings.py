"""What a lint finds."""

from __future__ import annotations

from dataclasses import dataclass

from pmsbridge_rest.mapping.problems import Level
from pmsbridge_rest.mapping.walking import Key

__all__ = ["Finding", "doubt", "remark", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        key: Where.
        rule: Which lint.
        what: The problem and the remedy.
        level: ``error``, ``warning`` or ``note``.
    """

    key: Key
    rule: str
    what: str
    level: Level


def wrong(key: Key, rule: str, what: str) -> Finding:
    """What must be put right before the mapping is used."""
    return Finding(key, rule, what, "error")


def doubt(key: Key, rule: str, what: str) -> Finding:
    """What a person should look at."""
    return Finding(key, rule, what, "warning")


def remark(key: Key, rule: str, what: str) -> Finding:
    """What is said so that nobody takes it for looked at."""
    return Finding(key, rule, what, "note")
