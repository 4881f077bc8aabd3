"""Rows cut out of an answer say what the parser says of them, whatever the answer looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import UnavailableError
from pmsbridge.transport import cut_rows, same_rows
from pmsbridge.transport.cut_rows import _LAYOUTS, _MOST_LESSONS, CutRow, _any_of, cells_of_cut
from pmsbridge.transport.dataset import DataSetReader
from pmsbridge.transport.same_rows import SameRows
from tests.unit.transport.answers import answer, data_set, row, simple

POISON = frozenset({"sSSN", "sWebPassword"})
COLUMNS = ("UnitID", "sName", "sName2", "sNote", "sSSN", "sWebPassword")
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
SPECIAL = st.sampled_from(
    ["", " ", "<b>", "a & b", "]]>", "x\r\ny", "_x0041_", "</Table>", "Table", "&amp;", "'\"", "é"]
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["Table", "Table1", "RT"]), st.dictionaries(st.sampled_from(COLUMNS), TEXT | SPECIAL)),
    max_size=8,
)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def cut(
    data: bytes | Iterable[bytes], passed: SameRows | None = None, **more: object
) -> list[tuple[str, dict[str, str] | CutRow]]:
    reader = DataSetReader([data] if isinstance(data, bytes) else data, drop=POISON, **more)  # type: ignore[arg-type]
    return list(reader.cut_tables("Table", "Table1", "RT", cut={"Table", "Table1"}, passed=passed))


def plain(rows: Iterable[tuple[str, dict[str, str] | CutRow]]) -> list[tuple[str, dict[str, str]]]:
    """As cells, by table: between two tables the order may be another."""
    found = [(table, cells_of_cut(row.line) if isinstance(row, CutRow) else row) for table, row in rows]
    return sorted(found, key=lambda pair: pair[0])


def parsed(data: bytes) -> list[tuple[str, dict[str, str]]]:
    found = DataSetReader([data], drop=POISON).tables("Table", "Table1", "RT")
    return sorted(found, key=lambda pair: pair[0])


def how_many(rows: Iterable[tuple[str, object]]) -> int:
    return sum(isinstance(each, CutRow) for _, each in rows)


@given(ROWS, st.integers(1, 4000))
def test_cut_rows_say_what_the_parser_says(rows: list[tuple[str, dict[str, str]]], size: int) -> None:
    data = simple(rows)

    assert plain(cut(pieces(data, size))) == parsed(data)


@given(ROWS, st.frozensets(st.sampled_from(COLUMNS)))
def test_of_columns_that_nobody_wants_no_cell_is_told(
    rows: list[tuple[str, dict[str, str]]], only: frozenset[str]
) -> None:
    for _, found in cut(simple(rows)):
        if isinstance(found, CutRow):
            found[" leaving"] = "2026-11-30"
            cells = cells_of_cut(found.line).items()
            assert cells_of_cut(found.line, only=only) == {
                name: cell for name, cell in cells if name in only or name == " leaving"
            }


@given(ROWS)
def test_single_cells_are_found_without_the_others(rows: list[tuple[str, dict[str, str]]]) -> None:
    for _, found in cut(simple(rows)):
        if isinstance(found, CutRow):
            cells = cells_of_cut(found.line)
            assert {name: found.get(name, "absent") for name in COLUMNS} == {
                name: cells.get(name, "absent") for name in COLUMNS
            }


def test_of_a_cell_that_stands_twice_in_a_row_the_last_is_told() -> None:
    row = CutRow(b"<UnitID>1</UnitID><sName>a</sName><UnitID>2</UnitID><UnitIDs>9</UnitIDs><UnitID>3</UnitID>")

    assert row.get("UnitID") == cells_of_cut(row.line)["UnitID"] == "3"


@given(st.lists(st.sets(st.sampled_from("abcdefgh")), min_size=1, max_size=30), st.permutations("abcdefgh"))
def test_rows_that_lack_other_columns_each_are_read_alike(rows: list[set[str]], order: list[str]) -> None:
    for number, there in enumerate(rows):
        cells = {name: f"{name}{number}" for name in order if name in there}
        line = "".join(f"<{name}>{cell}</{name}>\n" for name, cell in cells.items()).encode()

        assert cells_of_cut(b"<First>1</First>" + line) == {"First": "1", **cells}


def test_a_row_is_read_at_once_when_its_columns_have_been_met_before() -> None:
    names = [f"c{number}" for number in range(40)]
    lines = [
        "".join(f"<{name}>{place}</{name}>" for place, name in enumerate(names) if (place + number) % 7 or not place)
        for number in range(14)
    ]
    for line in lines * 2:  # a pattern is made of several lessons
        cells_of_cut(line.encode())
    layout = _LAYOUTS[b"<c0", None]

    assert all(layout.cells(line) == cells_of_cut(line.encode()) for line in lines)
    assert layout.cells(lines[0].replace("<c1>", "<other>").replace("</c1>", "</other>")) is None


def test_a_row_in_another_order_is_read_and_spoils_nothing() -> None:
    cells_of_cut(b"<k>1</k><a>1</a><b>2</b>")

    assert cells_of_cut(b"<k>1</k><b>2</b><a>1</a>") == {"k": "1", "b": "2", "a": "1"}
    assert _LAYOUTS[b"<k", None].cells("<k>1</k><a>3</a><b>4</b>") == {"k": "1", "a": "3", "b": "4"}


def test_where_nothing_more_is_learned_a_row_pays_for_no_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    def cells(number: int) -> dict[str, str]:
        return cells_of_cut(f"<everchanging>1</everchanging><c{number}>2</c{number}>".encode())

    monkeypatch.setattr(cut_rows, "_LAYOUTS", {})
    for number in range(_MOST_LESSONS):
        cells(number)
    monkeypatch.setattr(cut_rows, "pairwise", lambda _: pytest.fail("one more lesson was begun"))

    assert cells(_MOST_LESSONS) == {"everchanging": "1", f"c{_MOST_LESSONS}": "2"}


# -- rows that are passed over, because somebody holds them ----------------------------------------------------------


OFFICE = st.lists(
    st.tuples(st.sampled_from("1234"), st.sampled_from(["a", "b & c", "d"]), st.sampled_from(["", "078-05-1120"])),
    max_size=12,
)  # fmt: skip


def listed(office: Iterable[tuple[str, str, str]]) -> bytes:
    rows = [{"UnitID": i, "sName": name} | ({"sSSN": secret} if secret else {}) for i, name, secret in office]
    return simple([("Table", cells) for cells in rows])


def unit_id(row: CutRow | dict[str, str]) -> str:
    return row.get("UnitID", "")


@given(OFFICE, OFFICE, st.booleans(), st.integers(1, 4000))
def test_what_is_held_and_what_is_handed_out_together_say_what_the_last_rows_say(
    before: list[tuple[str, str, str]], now: list[tuple[str, str, str]], as_they_came: bool, size: int
) -> None:
    held = {unit_id(row): row.line for _, row in cut(listed(before)) if isinstance(row, CutRow)}
    ids, numbers = list(held), {line: number for number, line in enumerate(held.values())}
    same = SameRows(numbers.get, unit_id, as_they_came=as_they_came)

    found = cut(pieces(listed(now), size), passed=same)

    told = {ids[number]: held[ids[number]] for number in same.keys}
    told |= {unit_id(row): row.line for _, row in found if isinstance(row, CutRow)}
    assert told == {unit_id(row): row.line for _, row in cut(listed(now)) if isinstance(row, CutRow)}
    assert not any(b"078-05" in line for line in told.values())


@pytest.mark.parametrize("secret", ["", "078-05-1120"])
def test_the_same_answer_again_hands_out_no_row_whatever_is_dropped_from_it(secret: str) -> None:
    data = listed([(str(number), "a", secret) for number in range(4)])
    held = {row.line: number for number, (_, row) in enumerate(cut(data)) if isinstance(row, CutRow)}
    same = SameRows(held.get, unit_id, as_they_came=True)

    assert cut(data, passed=same) == []
    assert list(same.keys) == [0, 1, 2, 3]


def test_cells_of_our_own_are_compared_with_the_row() -> None:
    leaving = {"1": "2026-11-30"}

    def prepare(row: CutRow | dict[str, str]) -> str:
        if isinstance(row, CutRow) and unit_id(row) in leaving:
            row[" leaving"] = leaving[unit_id(row)]
        return unit_id(row)

    held: dict[bytes, int] = {}
    data = listed([("1", "a", ""), ("2", "a", "")])
    for number, (_, found) in enumerate(cut(data)):
        assert isinstance(found, CutRow)
        prepare(found)
        held[found.line] = number
    same = SameRows(held.get, prepare, as_they_came=False)
    assert not cut(data, passed=same)

    leaving["1"] = "2026-12-31"
    same = SameRows(held.get, prepare, as_they_came=False)
    assert [unit_id(row) for _, row in cut(data, passed=same)] == ["1"]
    assert list(same.keys) == [1]


def test_a_row_that_is_left_out_is_not_passed_over() -> None:
    data = listed([("1", "a", ""), ("2", "a", "")])
    held = {row.line: 7 for _, row in cut(data) if isinstance(row, CutRow)}
    same = SameRows(held.get, lambda row: unit_id(row) if unit_id(row) != "2" else None, as_they_came=False)

    assert [unit_id(row) for _, row in cut(data, passed=same)] == ["2"]


def test_after_too_many_different_rows_none_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_rows, "_MOST_DIFFERENT", 1)
    old = listed([(str(number), "a", "") for number in range(4)])
    new = listed([("0", "a", ""), ("1", "b", ""), ("2", "b", ""), ("3", "a", "")])
    held = {row.line: number for number, (_, row) in enumerate(cut(old)) if isinstance(row, CutRow)}
    same = SameRows(held.get, unit_id, as_they_came=True)

    assert [unit_id(row) for _, row in cut(new, passed=same)] == ["1", "2", "3"]


def test_once_no_row_is_passed_over_no_row_is_looked_at_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_rows, "_MOST_DIFFERENT", 1)
    asked = set[str]()

    def prepare(row: CutRow) -> str:
        asked.add(unit_id(row))
        return unit_id(row)

    same = SameRows(dict[bytes, int]().get, prepare, as_they_came=False)

    assert len(cut(listed([(str(number), "a", "") for number in range(9)]), passed=same)) == 9
    assert asked == {"0", "1"}


def test_rows_that_are_passed_over_count_against_the_cap() -> None:
    data = listed([("1", "a", "")] * 3)
    same = SameRows(lambda _raw: 1, unit_id, as_they_came=True)

    with pytest.raises(UnavailableError, match="too_many_rows"):
        cut(data, passed=same, row_cap=2)


ROW = '<Table diffgr:id="Table1" msdata:rowOrder="0"><UnitID>1</UnitID>{}</Table>'
ODD = {
    "a comment": ("<!-- <sName>no</sName> --><sName>a<!-- b -->c</sName>", 0),
    "a CDATA section": ("<sName><![CDATA[</Table><Table>]]></sName>", 0),
    "an instruction": ("<?x y?><sName>a</sName>", 0),
    "a nil cell": ('<sName xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" />', 1),
    "an empty cell": ("<sName /><sNote/>", 1),
    "kept blanks": ('<sName xml:space="preserve"> </sName>', 1),
    "a number for a character": ("<sName>&#233;&#xE9;</sName>", 1),
    "an escaped name": ("<sUnit_x0020_Name>a</sUnit_x0020_Name>", 1),
    "a cell called as the table": ("<Table>a</Table>", 0),
    "text between cells": ("text<sName>a</sName>text", 1),
    "poison": ("<sSSN>078-05-1120</sSSN><sWebPassword />", 1),
    "poison with an attribute": ('<sSSN xml:space="preserve">078-05-1120</sSSN>', 1),
    "a cell twice": ("<sName>a</sName><sName>b</sName>", 1),
    "Windows line ends": ("\r\n  <sName>a\r\nb</sName>\r\n", 1),
}


@pytest.mark.parametrize(("inside", "count"), ODD.values(), ids=ODD)
def test_odd_rows_are_read_as_the_parser_reads_them(inside: str, count: int) -> None:
    data = answer(data_set([ROW.format("<sName>first</sName>"), ROW.format(inside), ROW.format("<sName>last</sName>")]))
    try:
        wanted = parsed(data)
    except UnavailableError as refused:
        with pytest.raises(UnavailableError, match=refused.code):
            cut(data)
        return
    found = cut(data)

    assert plain(found) == wanted
    assert how_many(found) == (3 if count else 1)
    assert not any(b"078-05" in row.line for _, row in found if isinstance(row, CutRow))


@pytest.mark.parametrize("inside", [
    "<sName>a</sNote>", "<sName>a", "<1a>a</1a>", "<a b>a</a b>", "<>a</>", "a & b", "<sName>a</sName>&what;",
    "<sName>&what;</sName>", "<sName><b>a</b></sName>", "<sName>]]></sName>",
])  # fmt: skip
def test_a_row_that_is_no_sound_xml_is_refused_when_it_is_read(inside: str) -> None:
    try:
        rows = cut(answer(data_set([ROW.format(inside)])))
    except UnavailableError:
        return
    with pytest.raises(ValueError, match=r"sound XML|more than text"):
        plain(rows)


@given(st.frozensets(st.text("abc.", min_size=1, max_size=4), min_size=1), st.text("abc.", max_size=5))
def test_a_name_is_found_among_names_when_it_is_one_of_them(names: frozenset[str], name: str) -> None:
    pattern = re.compile(_any_of([each.encode() for each in names]))

    assert (pattern.fullmatch(name.encode()) is not None) == (name in names)


def test_columns_whose_names_begin_as_poison_does_are_kept_and_poison_is_not() -> None:
    drop = ("sCode", "sCode2", "sOther")
    inside = (
        "<sCod>a</sCod><sCode>1</sCode><sCode2>2</sCode2><sCode22>b</sCode22><sOther>3</sOther><xsOther>c</xsOther>"
    )
    reader = DataSetReader([answer(data_set([ROW.format(inside)]))], drop=drop)
    ((_, row),) = reader.cut_tables("Table", cut={"Table"})

    assert isinstance(row, CutRow)
    assert cells_of_cut(row.line) == {"UnitID": "1", "sCod": "a", "sCode22": "b", "xsOther": "c"}


@pytest.mark.parametrize("sign", ["\x00", "\x1e", "\x1f", "\x0b"])
def test_characters_that_xml_does_not_have_refuse_the_whole_answer(sign: str) -> None:
    with pytest.raises(UnavailableError):
        cut(answer(data_set([ROW.format(f"<sName>{sign}</sName>")])))


def test_an_answer_that_breaks_off_is_refused() -> None:
    data = simple([("Table", {"UnitID": str(number)}) for number in range(3)])
    for end in range(len(data) - 1):
        with pytest.raises(UnavailableError):
            cut(data[:end].rstrip())


def test_another_encoding_is_the_parsers_business() -> None:
    data = simple([("Table", {"sName": "é"})]).decode()
    head, _, rest = data.partition("?>")
    latin = f"{head.replace('utf-8', 'iso-8859-1')}?>{rest}".encode("iso-8859-1")
    found = cut(latin)

    assert how_many(found) == 0
    assert plain(found) == [("Table", {"sName": "é"})]


def test_rows_that_were_cut_count_against_the_cap() -> None:
    with pytest.raises(UnavailableError, match="too_many_rows"):
        cut(simple([("Table", {"UnitID": "1"})] * 3), row_cap=2)


def test_cells_of_our_own_are_kept_with_the_row() -> None:
    ((_, found),) = cut(simple([("Table", {"UnitID": "1", "sName": "a & b"})]))
    assert isinstance(found, CutRow)
    before = found.line
    found[" leaving"] = "2026-11-30"

    assert (found.get(" leaving"), found.get("UnitID"), found.get("sNo")) == ("2026-11-30", "1", "")
    assert found.line != before
    assert cells_of_cut(found.line) == {"UnitID": "1", "sName": "a & b", " leaving": "2026-11-30"}
    assert cells_of_cut(found.line, {"sName"}) == {"UnitID": "1", " leaving": "2026-11-30"}


def test_memory_holds_no_row_that_does_not_end() -> None:
    endless = row("Table", {"sName": escape("x" * 600_000)}, 0)
    found = cut(pieces(answer(data_set([endless])), 32_768))

    assert how_many(found) == 0
    assert len(plain(found)[0][1]["sName"]) == 600_000
