"""What portals need, fact by fact, and which tests have proved it: two files beside this module.

``facts.toml`` is written by people. ``trace.json`` is written by a run of the tests that carry a fact's id.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

__all__ = ["FACTS_FILE", "TRACE_FILE", "Cell", "Fact", "FactList", "Row", "read_facts", "read_trace", "rows_of"]

FACTS_FILE: Final = "facts.toml"
TRACE_FILE: Final = "trace.json"
_KEYS: Final = frozenset({"says", "effect", "port", "missing"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a portal needs.

    Attributes:
        id: Kind of portal and number: "S0.28".
        says: One short sentence.
        effect: The effect that carries it; empty where none does.
        port: What a back office must offer beyond the two ports; empty where it must not.
        missing: What the library does not do yet; empty when a test proves the fact.
    """

    id: str
    says: str
    effect: str = ""
    port: str = ""
    missing: str = ""

    @property
    def kind(self) -> str:
        """The kind of portal: "S0"."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class FactList:
    """Every fact, in order.

    Attributes:
        kinds: What each kind of portal is, by its short name.
    """

    kinds: Mapping[str, str]
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Cell:
    """How one back office stands to one fact.

    Attributes:
        support: "native", "emulated", "cannot", "mapped" (its mapping file says), or "neutral" where the library does
            it above any back office.
        reason: Why it cannot; empty otherwise.
        tests: How many tests have proved the fact before this back office.
    """

    support: str
    reason: str = ""
    tests: int = 0

    @property
    def words(self) -> str:
        """For a table: "native (2)"; nothing where nothing is claimed."""
        if self.support == "neutral":
            return f"({self.tests})" if self.tests else ""
        return f"{self.support} ({self.tests})" if self.tests else self.support


@dataclass(frozen=True, slots=True)
class Row:
    """One fact with everything that is known of it.

    Attributes:
        cells: By back office.
        tests: The tests that passed, each with the back offices it ran before; none for a test without one.
    """

    fact: Fact
    cells: Mapping[str, Cell] = field(default_factory=dict)
    tests: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_proved(self) -> bool:
        """Whether a test has passed that proves it."""
        return bool(self.tests)


def read_facts(text: str | None = None) -> FactList:
    """The list of facts.

    Args:
        text: TOML; None for the file beside this module.

    Raises:
        ValueError: A fact has a key that none has, says nothing, or is of no known kind.
    """
    data = tomllib.loads(text if text is not None else _resource(FACTS_FILE))
    kinds: dict[str, str] = data["kinds"]
    facts = {name: _fact(name, row, kinds) for name, row in data["facts"].items()}
    return FactList(kinds, facts)


def _fact(name: str, row: Mapping[str, str], kinds: Mapping[str, str]) -> Fact:
    kind, _, number = name.partition(".")
    if kind not in kinds or not number.isdigit() or not row.get("says") or not _KEYS.issuperset(row):
        message = f"{FACTS_FILE}: {name} is of no known kind, says nothing, or has an unknown key"
        raise ValueError(message)
    return Fact(id=name, **row)


def read_trace(text: str | None = None) -> Mapping[str, Any]:
    """The record of a run: ``offices``, and by fact ``tests`` and ``support``.

    Args:
        text: JSON; None for the file beside this module.
    """
    found: dict[str, Any] = json.loads(text if text is not None else _resource(TRACE_FILE))
    return found


def rows_of(listed: FactList, trace: Mapping[str, Any]) -> tuple[Row, ...]:
    """One row per fact, in the order of the list."""
    return tuple(_row(fact, trace["facts"].get(fact.id, {}), trace["offices"]) for fact in listed.facts.values())


def _row(fact: Fact, held: Mapping[str, Any], offices: Sequence[str]) -> Row:
    tests: dict[str, list[str]] = held.get("tests", {})
    counts = {office: sum(office in before for before in tests.values()) for office in offices}
    support: dict[str, tuple[str, str]] = held.get("support", {})
    known = {office: support.get(office, ("neutral", "")) for office in offices}
    cells = {office: Cell(word, reason, counts[office]) for office, (word, reason) in known.items()}
    return Row(fact, cells, tests)


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
