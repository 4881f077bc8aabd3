"""The trace of facts: complete, fresh, and unable to pass where something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.facts.listing import read_facts, read_trace, rows_of
from pmsbridge.cli.facts.page import page_of
from tools import facts

LIST = """
[kinds]
P0 = "A portal"
[facts]
"P0.1" = { says = "It opens" }
"P0.2" = { says = "It closes", missing = "there is no door" }
"P0.3" = { says = "It is paid", effect = "pay_invoice" }
"""
MARKS = {"tests/test_door.py::test_it_opens": frozenset({"P0.1", "P0.3"})}


def traced(marks: facts.Marks = MARKS, listed: str = LIST) -> dict[str, Any]:
    passed = {test: {name: ["memory"] for name in ids} for test, ids in marks.items()}
    return facts.trace_of(read_facts(listed), passed)


def found(marks: facts.Marks = MARKS, listed: str = LIST, trace: dict[str, Any] | None = None) -> list[str]:
    known = read_facts(listed)
    record = trace or traced(MARKS)
    return list(facts.problems(known, marks, record, page_of(known, rows_of(known, record))))


def test_there_are_181_facts_and_each_is_proved_or_says_what_is_missing() -> None:
    listed = read_facts()

    assert len(listed.facts) == 181
    assert list(listed.kinds) == ["S0", "S1", "S2", "S3", "S4"]
    trace = read_trace()
    page = facts.PAGE.read_text(encoding="utf-8")
    assert list(facts.problems(listed, facts.marks_below(facts.ROOT / "tests"), trace, page)) == []


def test_a_fresh_trace_has_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("marks", "listed", "said"),
    [
        ({}, LIST, "P0.1: no test proves it"),
        ({"tests/test_door.py::test_it_opens": frozenset({"P0.1", "P0.2", "P0.3"})}, LIST, "P0.2: a test proves it"),
        ({"tests/test_door.py::test_it_opens": frozenset({"P0.1", "P0.3", "P0.9"})}, LIST, "P0.9 is no fact"),
        (
            {"tests/test_door.py::test_another": frozenset({"P0.1", "P0.3"})},
            LIST,
            "is marked or recorded, but not both",
        ),
        (MARKS, LIST.replace("It closes", "It shuts"), "is not what the record says"),
        (MARKS, LIST.replace("pay_invoice", "take_payment"), "has learned or lost it"),
    ],
)
def test_what_is_missing_or_stale_is_named(marks: facts.Marks, listed: str, said: str) -> None:
    known, record = read_facts(listed), traced()
    page = page_of(read_facts(LIST), rows_of(read_facts(LIST), record))

    assert any(said in problem for problem in facts.problems(known, marks, record, page))


@pytest.mark.parametrize(
    "text",
    [
        'import pytest\nFACT = pytest.mark.fact("P0.1")\n',
        "import pytest\n@pytest.mark.fact(NAME)\ndef test_x(): ...\n",
        "import pytest\n@pytest.mark.fact()\ndef test_x(): ...\n",
    ],
)
def test_a_mark_that_could_not_be_collected_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"tests/test_x\.py"):
        facts.marks_below(tmp_path / "tests")


def test_what_a_back_office_cannot_is_said_with_the_reason() -> None:
    support = facts.support_of(read_facts(LIST).facts["P0.3"])

    assert support["tryton"] == ["native", ""]
    assert support["rest"] == ["mapped", ""]
    assert support["sitelink"][0] == "cannot"
    assert support["sitelink"][1]


@pytest.mark.parametrize("line", ['"P9.1" = { says = "x" }', '"P0.x" = { says = "x" }', '"P0.4" = { told = "x" }'])
def test_a_list_that_cannot_be_meant_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="unknown key"):
        read_facts(LIST + line)


def test_a_run_records_what_passed_and_nothing_else(pytester_folder: Path) -> None:
    record = json.loads((pytester_folder / "record.json").read_text(encoding="utf-8"))

    assert record == {
        "tests/portal/test_door.py::test_it_opens": {"P0.1": ["memory"]},
        "tests/portal/test_door.py::test_several": {"P0.1": ["three"], "P0.4": ["memory"]},
        "tests/portal/test_door.py::test_two": {"P0.3": ["one", "two"]},
    }


@pytest.fixture
def pytester_folder(tmp_path: Path) -> Path:
    """A suite of its own, run in a process of its own."""
    folder = tmp_path / "tests/portal"
    folder.mkdir(parents=True)
    conftest = "from tests.facts.recording import record_facts\ndef pytest_configure(config): record_facts(config)\n"
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "test_door.py").write_text(
        "import pytest\n"
        "@pytest.mark.fact('P0.1')\ndef test_it_opens(): ...\n"
        "@pytest.mark.fact('P0.2')\n@pytest.mark.parametrize('x', [1, 2])\ndef test_half(x): assert x == 1\n"
        "@pytest.mark.fact('P0.2')\ndef test_skipped(): pytest.skip('no server')\n"
        "@pytest.mark.fact('P0.3')\n@pytest.mark.parametrize('back_office', ['one', 'two'])\n"
        "def test_two(back_office): ...\n"
        "@pytest.mark.fact('P0.1', on='three')\n@pytest.mark.fact('P0.4')\ndef test_several(): ...\n"
        "def test_unmarked(): ...\n",
        encoding="utf-8",
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}",
         "--import-mode=importlib", "tests"],
        cwd=tmp_path, check=False, capture_output=True,
        env={**os.environ, facts.RECORD_AT: str(tmp_path / "record.json"), "PYTHONPATH": os.pathsep.join(
            [str(facts.ROOT), *sys.path]
        )},
    )  # fmt: skip
    return tmp_path
