"""A mapping's whole proof: the kit of checks on the back office that is made of the file, case by case."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from pmsbridge.errors import ConfigurationError
from pmsbridge.testing.conformance import Subject
from pmsbridge.testing.proving import Case, Result, cases
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import Key, Problem, at
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.mapping.yaml_nodes import Tree, read_tree
from pmsbridge_rest.sandbox import CannotPlayError
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing.harness import opened_subject
from pmsbridge_rest.testing.judging import OfficeJudge

__all__ = ["proved"]

_LAST_CALLS: Final = 4
_READ_AT: Final[dict[str, Key]] = {
    "test_an_account_adds_up_and_belongs_together": ("entities", "rentals", "account"),
    "test_a_ledger_adds_up_to_its_balance": ("entities", "ledger_entries"),
    "test_an_unknown_tenant_is_not_found": ("entities", "tenants", "one"),
    "test_what_is_stored_to_pay_with_is_one_tenants_and_masked": ("entities", "payment_methods"),
    "test_checks_of_doctor_have_a_remedy_when_they_fail": ("connection", "check"),
    "test_reads_in_bad_weather_say_so_and_nothing_else": ("errors",),
    "test_every_promise_has_an_example_and_a_source": ("actions",),
    "test_a_fetch_brings_records_of_its_kind_and_says_when_it_is_whole": ("entities",),
    "test_a_pull_makes_the_records_of_a_fetch_and_the_same_bytes_twice": ("entities",),
}
_ABOUT_LOOKS: Final = re.compile(
    r"the look says|absent for good|found, and it is not|begun, and nothing|by two sends|called (ours|absent)"
)
_ABOUT_ANSWERS: Final = re.compile(r"Error for something done|a receipt for something done")


def proved(file: Path, *, vendor: Path | None = None) -> Iterator[dict[str, Any]]:
    """Every case of the kit, and everything that is not promised, each as soon as it is known.

    Each has ``check``, ``about`` (an effect), ``weather``, ``words``, ``result`` (ok, not_possible, failed),
    ``expected``, ``seen``, and of what failed the ``calls`` that led there and ``line``, ``column`` and ``key`` of the
    mapping.

    Args:
        file: The mapping file.
        vendor: The mapping that the back office is made of, where that is another.

    Raises:
        ConfigurationError: A mapping cannot be used, or says what the sandbox cannot play.
    """
    mapping = load_mapping(file)
    tree, _ = read_tree(file.read_bytes())
    try:
        with opened_subject(file, vendor=None if vendor is None else file_of(str(vendor))) as subject:
            for case in cases(subject):
                yield _told(case, mapping, tree, subject)
            yield from _not_promised(mapping, tree)
            yield from _not_played(cast("OfficeJudge", subject.judge).office.notes)
    except CannotPlayError as problem:
        raise ConfigurationError(str(problem), code="cannot_play") from None


def _told(case: Case, mapping: Mapping, tree: Tree, subject: Subject) -> dict[str, Any]:
    found = _row(
        case.check, case.about, case.words, case.result, case.seen, weather=case.weather, expected=case.expected
    )
    if case.result is not Result.FAILED:
        return found
    calls = cast("OfficeJudge", subject.judge).office.calls[-_LAST_CALLS:]
    said = [f"{call.method} {call.path} -> {call.status or 'no answer'} ({call.name or 'unknown'})" for call in calls]
    return {**found, "calls": said, **_at(tree, _place(case, mapping))}


def _row(
    check: str, about: str, words: str, result: Result, seen: str, *, weather: str = "", expected: str = ""
) -> dict[str, Any]:
    return {
        "check": check, "about": about, "weather": weather, "words": words, "result": result.value,
        "expected": expected, "seen": seen,
    }  # fmt: skip


def _not_promised(mapping: Mapping, tree: Tree) -> Iterator[dict[str, Any]]:
    """What the mapping says that it cannot be asked for, with its reason."""
    for kind, gap in mapping.unsupported.items():
        row = _row("unsupported", kind, "is not promised", Result.NOT_POSSIBLE, gap.because)
        yield {**row, **_at(tree, ("unsupported", kind))}


def _not_played(notes: list[str]) -> Iterator[dict[str, Any]]:
    for note in notes:
        yield _row("not_played", "", "what the sandbox leaves out is not looked at", Result.NOT_POSSIBLE, note)


def _at(tree: Tree, key: Key) -> dict[str, Any]:
    """Where in the file something stands, or what holds it where there is no such key."""
    while key and key not in tree.values:
        key = key[:-1]
    problem: Problem = at(tree, key, "", by_key=True)
    return {"line": problem.line, "column": problem.column, "key": problem.key}


def _place(case: Case, mapping: Mapping) -> Key:
    """The part of a mapping that most likely made a case fail."""
    if case.about in mapping.actions:
        return _in_action(case, mapping)
    noun = case.seen.partition(":")[0]
    if noun in mapping.entities:
        return "entities", noun, "all"
    return _READ_AT.get(case.check, ())


def _in_action(case: Case, mapping: Mapping) -> Key:
    steps = mapping.actions[case.about].steps
    named = (n for n, step in enumerate(steps) if re.search(rf"\b{re.escape(step.name)}(:| answered)", case.seen))
    key: Key = ("actions", case.about, "steps", next(named, 0))
    if _ABOUT_LOOKS.search(case.seen):
        return (*key, "idempotency", "look_up", "match")
    return (*key, "outcome") if _ABOUT_ANSWERS.search(case.seen) else key
