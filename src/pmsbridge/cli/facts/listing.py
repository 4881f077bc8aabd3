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

__all__ = [
    "DOUBLE", "FACTS_FILE", "OTHER_MAPPINGS", "TRACE_FILE", "Cell", "Fact", "FactList", "Row", "read_facts",
    "read_trace", "rows_of",
]  # fmt: skip

FACTS_FILE: Final = "facts.toml"
TRACE_FILE: Final = "trace.json"
DOUBLE: Final = "memory"
"""The library's own double for tests: no back office, and never counted as one."""

OTHER_MAPPINGS: Final = "other"
"""Back offices of mappings that are not shipped: those of tests, and of the pages for portal developers."""

_KEYS: Final = frozenset({"says", "effect", "port", "field", "alone", "missing"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a portal needs.

    Attributes:
        id: Kind of portal and number: "S0.28".
        says: One short sentence.
        effect: The effect that carries it; empty where none does.
        port: What a back office must offer beyond the two ports; empty where it must not.
        field: What a back office must tell that not every one does ("tenants.portal_disabled"), and of a consent, which
            one it must keep ("consents.email.marketing"); empty otherwise.
        alone: Why it is proved before one back office only; empty where two are asked for.
        missing: What the library does not do yet; empty when a test proves the fact.
    """

    id: str
    says: str
    effect: str = ""
    port: str = ""
    field: str = ""
    alone: str = ""
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
        support: What its adapter or mapping declares: "native", "emulated", "cannot", or "neutral" where the library
            does it above any back office, or nothing is declared.
        reason: Why it cannot; empty otherwise.
        tests: How many tests have proved the fact before this back office; of one that cannot, that it says so.
    """

    support: str
    reason: str = ""
    tests: int = 0

    @property
    def words(self) -> str:
        """For a table: "native 2", "native ?" where it is declared and no test ran; nothing where nothing is known."""
        counted = str(self.tests) if self.tests else "?" if self.is_declared_only else ""
        word = "" if self.support == "neutral" else self.support
        return f"{word} {counted}".strip()

    @property
    def is_run(self) -> bool:
        """Whether a test proved before this back office that it works there."""
        return self.tests > 0 and self.support != "cannot"

    @property
    def is_declared_only(self) -> bool:
        """Whether it is claimed, and nothing was run that shows it."""
        return self.support in {"native", "emulated"} and not self.tests


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

    def of(self, offices: Sequence[str]) -> Row:
        """With the cells of some back offices only."""
        return Row(self.fact, {office: self.cells[office] for office in offices}, self.tests)

    @property
    def proved_before(self) -> tuple[str, ...]:
        """Back offices before which it was run and works; the library's own double is none."""
        return tuple(office for office, cell in self.cells.items() if cell.is_run and office != DOUBLE)

    @property
    def needs_other(self) -> bool:
        """Whether it is proved before two only because mappings that are not shipped count as one."""
        return len(self.proved_before) == 2 and OTHER_MAPPINGS in self.proved_before  # noqa: PLR2004 - one and another


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
