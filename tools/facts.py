"""The trace of facts: which test proves what a portal needs, before which back office.

``--write`` runs the tests that carry a fact's id and writes the record and the page (or makes them of records written
before: name the files). ``--check`` runs nothing: it collects the marks and compares.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pmsbridge.cli.facts.listing import TRACE_FILE, FactList, Row, read_facts, read_trace, rows_of
from pmsbridge.cli.facts.page import page_of
from tools.fact_offices import OFFICES, support_of

ROOT: Final = Path(__file__).resolve().parent.parent
TRACE: Final = ROOT / "src/pmsbridge/cli/facts" / TRACE_FILE
PAGE: Final = ROOT / "docs/facts.md"
RECORD_AT: Final = "PMSBRIDGE_TEST_FACTS"
"""The variable that names the file which a run of the tests writes its record to."""

Marks = Mapping[str, Mapping[str, str]]
"""By test the facts it is marked with, each with the back office that the mark names; empty where it names none."""


# -- marks in the tests ------------------------------------------------------------------------------------------------


def marks_below(folder: Path) -> dict[str, dict[str, str]]:
    """By test ("tests/x/test_y.py::test_z") the facts it is marked with; collected without running anything.

    Raises:
        ValueError: A mark is on something else than a test function, or its ids are no plain texts.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.fact(" in text:
            found.update(_marks_in(ast.parse(text), path.relative_to(folder.parent).as_posix()))
    return found


def _marks_in(tree: ast.Module, file: str) -> Iterator[tuple[str, dict[str, str]]]:
    seen = set[ast.expr]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [mark for mark in node.decorator_list if _is_mark(mark)]
            seen.update(marks)
            if marks:
                yield f"{file}::{node.name}", {name: _on(mark) for mark in marks for name in _ids(mark, file)}
    stray = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.expr) and _is_mark(n) and n not in seen]
    if stray:
        message = f"{file}:{stray[0]}: a fact is a mark of a test function"
        raise ValueError(message)


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fact"


def _ids(mark: ast.expr, file: str) -> list[str]:
    assert isinstance(mark, ast.Call)  # noqa: S101 - _is_mark has looked
    ids = [each.value for each in mark.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if not ids or len(ids) != len(mark.args):
        message = f"{file}:{mark.lineno}: the ids of facts are plain texts"
        raise ValueError(message)
    return ids


def _on(mark: ast.expr) -> str:
    assert isinstance(mark, ast.Call)  # noqa: S101 - _is_mark has looked
    named = (each.value.value for each in mark.keywords if isinstance(each.value, ast.Constant))
    return str(next(named, ""))


# -- the record --------------------------------------------------------------------------------------------------------


def trace_of(listed: FactList, passed: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    """The record: by fact its tests and what each back office can.

    Args:
        listed: The facts.
        passed: By test the facts it proves, each with the back offices it was proved before.
    """
    held = {name: {"tests": {}, "support": support_of(fact)} for name, fact in listed.facts.items()}
    for test in sorted(passed):
        for name, offices in passed[test].items():
            held[name]["tests"][test] = sorted(offices)
    return {"offices": list(OFFICES), "facts": held}


def run_tests(paths: Sequence[str]) -> dict[str, Any]:
    """Run the tests that carry a fact's id and return what passed.

    Raises:
        SystemExit: One of them failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "fact", *(paths or ["tests"])]
        ended = subprocess.run(command, cwd=ROOT, env={**os.environ, RECORD_AT: str(record)}, check=False)
        if ended.returncode:
            raise SystemExit(ended.returncode)
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return found


def written(trace: Mapping[str, Any]) -> str:
    """The record as its file holds it."""
    return json.dumps(trace, indent=1, ensure_ascii=False) + "\n"


# -- checking ----------------------------------------------------------------------------------------------------------


def problems(listed: FactList, marks: Marks, trace: Mapping[str, Any], page: str) -> Iterator[str]:
    """What is wrong, one sentence each; nothing when every fact is traced."""
    marked = {name for ids in marks.values() for name in ids}
    for test, ids in sorted(marks.items()):
        yield from (f"{test}: {name} is no fact of the list" for name in sorted(ids.keys() - listed.facts.keys()))
        yield from (f"{test}: {on} is no back office of the table" for on in sorted({*ids.values()} - {"", *OFFICES}))
    for name, fact in listed.facts.items():
        if name not in marked and not fact.missing:
            yield f"{name}: no test proves it ({fact.says}); mark one, or say in facts.toml what is missing"
        if name in marked and fact.missing:
            yield f"{name}: a test proves it; take `missing` away in facts.toml"
    yield from _drift(listed, marks, trace, page)
    for row in rows_of(listed, trace):
        yield from _offices_wanting(row)


def _offices_wanting(row: Row) -> Iterator[str]:
    """Every fact that is proved runs before two back offices that can do it, or says why it does not."""
    before = row.proved_before
    if row.is_proved and not before:
        yield f"{row.fact.id}: no back office; only the library's own double, or none, has shown it ({row.fact.says})"
    elif len(before) == 1 and not row.fact.alone:
        yield (
            f"{row.fact.id}: only {before[0]} has shown it; run a test before a second back office, "
            "or say in facts.toml why it stands `alone`"
        )
    elif len(before) > 1 and row.fact.alone:
        yield f"{row.fact.id}: {' and '.join(before)} have shown it; take `alone` away in facts.toml"


def _drift(listed: FactList, marks: Marks, trace: Mapping[str, Any], page: str) -> Iterator[str]:
    for name in listed.facts:
        held = trace["facts"].get(name, {})
        now = {test for test, ids in marks.items() if name in ids}
        for test in sorted(now ^ set(held.get("tests", {}))):
            yield f"{name}: {test} is marked or recorded, but not both; run make facts"
        for test, before in held.get("tests", {}).items():
            on = marks.get(test, {}).get(name, "")
            if on and before != [on]:
                yield f"{name}: {test} is marked on {on}, but was recorded on {', '.join(before)}; run make facts"
        if held.get("support", {}) != support_of(listed.facts[name]):
            yield f"{name}: a back office has learned or lost it; run make facts"
    if page != page_of(listed, rows_of(listed, trace)):
        yield f"{PAGE.relative_to(ROOT)} is not what the record says; run make facts"


def _merged(records: Sequence[Path]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records:
        found.update(json.loads(record.read_text(encoding="utf-8")))
    return found


def main() -> int:
    """Write or check; 1 when a check finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, run nothing")
    parser.add_argument("--write", action="store_true", help="run the tests that prove facts, and write what passed")
    parser.add_argument("records", nargs="*", type=Path, help="records of earlier runs instead of a run")
    asked = parser.parse_args()
    listed = read_facts()
    if asked.write:
        passed = _merged(asked.records) if asked.records else run_tests([])
        trace = trace_of(listed, passed)
        TRACE.write_text(written(trace), encoding="utf-8")
        PAGE.write_text(page_of(listed, rows_of(listed, trace)), encoding="utf-8")
    found = list(problems(listed, marks_below(ROOT / "tests"), read_trace(), PAGE.read_text(encoding="utf-8")))
    for problem in found:
        print(problem)
    print(f"facts: {len(listed.facts)} listed, {sum(bool(f.missing) for f in listed.facts.values())} open")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
