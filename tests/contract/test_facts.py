"""The trace of facts: complete, fresh, and unable to pass where something is missing."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.facts.listing import read_facts, read_trace, rows_of
from pmsbridge.cli.facts.page import page_of
from pmsbridge.ports import books
from tests.facts import recording
from tools import facts
from tools.fact_offices import support_of

LIST = """
[kinds]
P0 = "A portal"
[facts]
"P0.1" = { says = "It opens" }
"P0.2" = { says = "It closes", missing = "there is no door" }
"P0.3" = { says = "It is paid", effect = "pay_invoice" }
"""
MARKS = {"tests/test_door.py::test_it_opens": {"P0.1": "", "P0.3": ""}}
TWO = ("tryton", "other")


def traced(marks: facts.Marks = MARKS, listed: str = LIST, before: Sequence[str] = TWO) -> dict[str, Any]:
    passed = {test: {name: [on] if on else before for name, on in ids.items()} for test, ids in marks.items()}
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
        (
            {"tests/test_door.py::test_it_opens": dict.fromkeys(["P0.1", "P0.2", "P0.3"], "")},
            LIST,
            "P0.2: a test proves",
        ),
        ({"tests/test_door.py::test_it_opens": dict.fromkeys(["P0.1", "P0.3", "P0.9"], "")}, LIST, "P0.9 is no fact"),
        ({"tests/test_door.py::test_another": {"P0.1": "", "P0.3": ""}}, LIST, "is marked or recorded, but not both"),
        (
            {"tests/test_door.py::test_it_opens": {"P0.1": "cubby", "P0.3": ""}},
            LIST,
            "marked on cubby, but was recorded",
        ),
        (
            {"tests/test_door.py::test_it_opens": {"P0.1": "rest", "P0.3": ""}},
            LIST,
            "rest is no back office of the table",
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
    ("listed", "before", "said"),
    [
        (LIST, ["memory"], "P0.1: no back office"),
        (LIST, [], "P0.1: no back office"),
        (LIST, ["memory", "cubby"], "P0.1: only cubby has shown it"),
        (LIST, ["cubby", "tryton"], "P0.3: only tryton has shown it"),  # cubby cannot aim a payment at an invoice
        (
            LIST.replace('"It opens"', '"It opens", alone = "there is one door"'),
            TWO,
            "P0.1: tryton and other have shown",
        ),
    ],
)
def test_a_fact_that_one_back_office_alone_has_shown_is_named_and_the_double_is_none(
    listed: str, before: list[str], said: str
) -> None:
    known, record = read_facts(listed), traced(listed=listed, before=before)

    found = facts.problems(known, MARKS, record, page_of(known, rows_of(known, record)))

    assert any(problem.startswith(said) for problem in found)


def test_a_fact_that_says_why_it_stands_alone_is_no_problem() -> None:
    listed = LIST.replace('"pay_invoice"', '"pay_invoice", alone = "nobody else can"')

    (problem,) = found(listed=listed, trace=traced(listed=listed, before=["tryton"]))

    assert problem.startswith("P0.1: only tryton has shown it")  # and P0.3 is none


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
    support = support_of(read_facts(LIST).facts["P0.3"])

    assert support["tryton"] == ["native", ""]
    assert "other" not in support  # its mappings are not shipped, and claim nothing
    for office in ("sitelink", "cubby", "storedge", "buildium", "booqable"):
        assert support[office][0] == "cannot"
        assert support[office][1]


@pytest.mark.parametrize(
    ("carried", "office", "expected"),
    [
        ('effect = "set_autopay"', "cubby", "native"), ('effect = "set_autopay"', "buildium", "cannot"),
        ('effect = "reserve_unit"', "cubby", "emulated"), ('effect = "set_web_password"', "storedge", "cannot"),
        ('port = "papers"', "buildium", "native"), ('port = "papers"', "cubby", "cannot"),
        ('port = "papers", field = "documents.content"', "buildium", "native"),
        ('port = "papers", field = "documents.content"', "tryton", "native"),
        ('port = "papers", field = "documents.signature"', "buildium", "cannot"),
        ('port = "papers", field = "documents.signature"', "tryton", "cannot"),
        ('field = "tenants.portal_disabled"', "sitelink", "native"),
        ('field = "tenants.pays_cash_only"', "sitelink", "cannot"),
        ('field = "tenants.pays_cash_only"', "tryton", "native"),
        ('effect = "set_consent", field = "consents.email.marketing"', "cubby", "native"),
        ('effect = "set_consent", field = "consents.sms.marketing"', "booqable", "emulated"),
        ('effect = "set_consent", field = "consents.email.marketing"', "sitelink", "emulated"),
        ('effect = "set_consent", field = "consents.sms.marketing"', "sitelink", "native"),
    ],
)  # fmt: skip
def test_a_column_says_what_its_adapter_or_its_mapping_file_declares(carried: str, office: str, expected: str) -> None:
    fact = read_facts(LIST.replace('effect = "pay_invoice"', carried)).facts["P0.3"]

    word, reason = support_of(fact)[office]

    assert word == expected
    assert bool(reason) is (expected == "cannot")


def test_a_promise_that_no_test_ran_is_told_apart_from_one_that_was() -> None:
    listed = LIST.replace("pay_invoice", "take_payment")
    row = rows_of(read_facts(listed), traced(listed=listed))[2]

    assert (row.cells["tryton"].words, row.cells["sitelink"].words) == ("native 1", "native ?")
    assert [name for name, cell in row.cells.items() if cell.is_declared_only] == [
        "sitelink", "booqable", "buildium", "cubby", "storedge", "memory",
    ]  # fmt: skip
    assert row.proved_before == TWO


def test_what_reaches_a_back_office_is_every_question_of_every_port_and_not_what_an_adapter_knows_by_itself() -> None:
    asked = {
        name for port in map(vars(books).get, books.__all__) if str(port.__doc__).startswith("A back office")
        for name, value in vars(port).items() if inspect.isfunction(value) and "Live:" in str(value.__doc__)
    } | {"portal_account", "payment_methods"}  # fmt: skip

    assert asked < recording._ASKED
    assert "invoice" in asked
    assert recording._ASKED.isdisjoint({"keeps_consent", "takes", "settles_lines", "keeps_papers", "lane"})


def test_the_head_says_how_many_facts_reach_two_only_by_mappings_that_are_not_shipped() -> None:
    listed = read_facts(LIST.replace("pay_invoice", "take_payment"))
    passed = {
        "tests/test_a.py::test_a": {"P0.1": ["tryton", "other"], "P0.2": ["tryton", "cubby", "other"]},
        "tests/test_b.py::test_b": {"P0.3": ["memory", "other"]},
    }

    page = page_of(listed, rows_of(listed, facts.trace_of(listed, passed)))

    lines = page.splitlines()
    (head,) = (line for line in lines if line.startswith("| kind of portal"))
    (total,) = (line for line in lines if line.startswith("| all"))
    assert head.split(" | ")[3:5] == ["before two back offices", "of these, two only by *other*"]
    assert total == "| all | 3 | 3 | 2 | 1 | 1 | 0 |"


@pytest.mark.parametrize("line", ['"P9.1" = { says = "x" }', '"P0.x" = { says = "x" }', '"P0.4" = { told = "x" }'])
def test_a_list_that_cannot_be_meant_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="unknown key"):
        read_facts(LIST + line)


def test_a_run_records_what_passed_and_nothing_else(pytester_folder: Path) -> None:
    record = json.loads((pytester_folder / "record.json").read_text(encoding="utf-8"))

    assert record == {
        "tests/test_door.py::test_it_opens": {"P0.1": []},
        "tests/test_door.py::test_of_one_invoice": {"P0.1": ["memory"]},
        "tests/test_door.py::test_on_what_was_read_before": {"P0.1": ["memory"]},
        "tests/test_door.py::test_several": {"P0.1": ["other"], "P0.4": ["memory", "other"]},
        "tests/test_door.py::test_two": {"P0.3": ["memory", "cubby"]},
    }


DOOR = """
import shutil

import pytest

from pmsbridge.errors import NotFoundError
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from pmsbridge.testing.memory_billing import BillingMemoryAdapter
from pmsbridge_rest.shipped import file_of
from tests.facts.portal import before_mapping


def ask_memory():
    MemoryAdapter(MemoryOffice(TestClock())).account("F1", "T1")


def ask_cubby(folder, name="cubby"):
    with before_mapping(folder, name) as portal:
        portal.session.account()


def ask_own(folder):
    own = folder / "own.yaml"
    shutil.copy(file_of("cubby"), own)
    shutil.copy(file_of("cubby").with_suffix(".office.yaml"), folder / "own.office.yaml")
    ask_cubby(folder, str(own))


@pytest.mark.fact("P0.1")
def test_it_opens():
    MemoryAdapter(MemoryOffice(TestClock())).lane  # asks nobody


@pytest.mark.fact("P0.1")
def test_of_one_invoice():
    office = BillingMemoryAdapter(MemoryOffice(TestClock()))
    with pytest.raises(NotFoundError):
        office.invoice("F1", "T1", "INV-0")


@pytest.fixture
def read_before():
    ask_memory()


@pytest.mark.fact("P0.1")
def test_on_what_was_read_before(read_before):
    assert True  # what was read there is a copy by now, and asks nobody


@pytest.mark.fact("P0.2")
@pytest.mark.parametrize("x", [1, 2])
def test_half(x):
    assert x == 1


@pytest.mark.fact("P0.2")
def test_skipped():
    pytest.skip("no server")


@pytest.mark.fact("P0.2", on="sitelink")
def test_that_claims_another_one():
    ask_memory()


@pytest.mark.fact("P0.3")
@pytest.mark.parametrize("ask", [lambda _: ask_memory(), ask_cubby])
def test_two(ask, tmp_path):
    ask(tmp_path)


@pytest.mark.fact("P0.1", on="other")
@pytest.mark.fact("P0.4")
def test_several(tmp_path):
    ask_memory()
    ask_own(tmp_path)


def test_unmarked():
    ask_memory()
"""


@pytest.fixture
def pytester_folder(tmp_path: Path) -> Path:
    """A suite of its own, run in a process of its own."""
    folder = tmp_path / "tests"
    folder.mkdir()
    conftest = "from tests.facts.recording import record_facts\ndef pytest_configure(config): record_facts(config)\n"
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "test_door.py").write_text(DOOR, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}",
         "--import-mode=importlib", "tests"],
        cwd=tmp_path, check=False, capture_output=True,
        env={**os.environ, facts.RECORD_AT: str(tmp_path / "record.json"), "PYTHONPATH": os.pathsep.join(
            [str(facts.ROOT), *sys.path]
        )},
    )  # fmt: skip
    return tmp_path
