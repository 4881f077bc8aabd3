"""Rows out of DataSet answers: exact, streaming, and bounded whatever arrives."""

from __future__ import annotations

import gc
import itertools
import json
import random
import string
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError, UnavailableError
from pmsbridge.transport._dataset_parser import CELL_CHARACTER_CAP
from pmsbridge.transport.dataset import Column, DataSetReader
from tests.unit.transport.answers import DIFFGRAM, ENVELOPE, answer, data_set, fault, row, schema, simple
from tests.unit.transport.attacks import ATTACKS

UNITS = schema({"Table": [("UnitID", "int"), ("sUnitName", "string")], "RT": [("Ret_Code", "int")]})


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes | Iterable[bytes], **options: object) -> dict[str, list[dict[str, str]]]:
    return DataSetReader([data] if isinstance(data, bytes) else data, **options).read()  # type: ignore[arg-type]


def code_of(data: bytes | Iterable[bytes], **options: object) -> str:
    with pytest.raises(UnavailableError) as caught:
        read(data, **options)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.code


def test_rows_come_by_table_with_null_absent_and_empty_as_empty_text() -> None:
    data = simple([("Table", {"UnitID": "1", "sUnitName": ""}), ("Table", {"UnitID": "2"}), ("RT", {"Ret_Code": "1"})])

    assert read(data) == {"Table": [{"UnitID": "1", "sUnitName": ""}, {"UnitID": "2"}], "RT": [{"Ret_Code": "1"}]}


def test_a_table_is_selected_by_its_element_name_and_not_by_the_row_id() -> None:
    data = answer(data_set([row("Table", {"a": "1"}, 0), row("Table1", {"a": "2"}, 0)]))

    assert list(DataSetReader([data]).rows("Table1")) == [{"a": "2"}]


def test_tables_come_in_document_order() -> None:
    data = simple([("A", {"x": "1"}), ("B", {"x": "2"}), ("A", {"x": "3"}), ("C", {"x": "4"})])

    assert list(DataSetReader([data]).tables("A", "C")) == [("A", {"x": "1"}), ("A", {"x": "3"}), ("C", {"x": "4"})]


def test_a_reader_told_its_tables_reads_no_others_and_counts_no_others() -> None:
    data = simple([("A", {"x": "1"}), *[("B", {"x": "2"})] * 10])

    assert read(data, tables={"A"}, row_cap=1) == {"A": [{"x": "1"}]}


def test_the_schema_declares_empty_tables_too() -> None:
    reader = DataSetReader([answer(data_set([row("RT", {"Ret_Code": "1"})]), UNITS)])

    assert dict(reader.schema) == {
        "Table": (Column("UnitID", "int", required=False), Column("sUnitName", "string", required=False)),
        "RT": (Column("Ret_Code", "int", required=False),),
    }
    assert reader.read() == {"RT": [{"Ret_Code": "1"}]}


def test_a_schema_may_hold_restrictions_attributes_and_escaped_names() -> None:
    declared = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="NewDataSet">'
        "<xs:complexType><xs:choice>"
        '<xs:element name="My_x0020_Table"><xs:complexType><xs:sequence><xs:element name="sCode"><xs:simpleType>'
        '<xs:restriction base="xs:string"><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element>'
        '</xs:sequence><xs:attribute name="Amount" type="xs:decimal" use="required"/></xs:complexType></xs:element>'
        "</xs:choice></xs:complexType></xs:element></xs:schema>"
    )

    assert dict(DataSetReader([answer("", declared)]).schema) == {
        "My Table": (Column("sCode", "string", required=True), Column("Amount", "decimal", required=True))
    }


@pytest.mark.parametrize(
    "data",
    [
        answer(DIFFGRAM.format(data=""), UNITS),
        answer(DIFFGRAM.format(data='<NewDataSet xmlns=""/>'), UNITS),
        answer("", UNITS),
        answer(DIFFGRAM.format(data="")),
    ],
    ids=["empty diffgram", "empty data set", "schema only", "no schema"],
)
def test_an_answer_may_hold_no_row(data: bytes) -> None:
    assert read(data) == {}


def test_attributes_without_a_prefix_are_columns_and_prefixed_ones_are_not() -> None:
    written = row("Table", {"x": "1"}, attributes={"ChargeID": "7", "dcAmt": "1.50", "diffgr:hasChanges": "inserted"})

    assert read(answer(data_set([written]))) == {"Table": [{"ChargeID": "7", "dcAmt": "1.50", "x": "1"}]}


def test_what_was_before_a_change_and_errors_are_no_data() -> None:
    before = '<diffgr:before><Table diffgr:id="Table1" xmlns=""><x>old</x></Table></diffgr:before>'
    errors = '<diffgr:errors><Table diffgr:id="Table1" diffgr:Error="no" xmlns=""/></diffgr:errors>'
    now = f'<NewDataSet xmlns="">{row("Table", {"x": "new"})}</NewDataSet>'

    assert read(answer(DIFFGRAM.format(data=now + before + errors))) == {"Table": [{"x": "new"}]}
    assert read(answer(DIFFGRAM.format(data=before))) == {}


def test_text_is_taken_as_it_is_meant() -> None:
    cells = (
        "<a>&lt;&amp;&gt;&#233;</a><b><![CDATA[<x>&amp;]]></b><c xml:space='preserve'>  </c><d>one<!-- not --> two</d>"
        "<e>one<?pi?>two</e><f xsi:nil='true'/><g xsi:nil='false'>x</g><h>a<![CDATA[b]]>c</h><i> 015 </i>"
        "<sUnit_x0020_Name>A_x0041_</sUnit_x0020_Name><_x0031_st>1</_x0031_st>"
    )
    data = answer(data_set([f"<Table>{cells}</Table>"]))

    assert read(data) == {
        "Table": [
            {
                "a": "<&>\u00e9", "b": "<x>&amp;", "c": "  ", "d": "one two", "e": "onetwo", "g": "x", "h": "abc",
                "i": " 015 ", "sUnit Name": "A_x0041_", "1st": "1",
            }
        ]
    }  # fmt: skip


def test_white_space_between_elements_is_nothing() -> None:
    rows = "\n  <Table>\n    <a>1</a>\n    <b/>\n  </Table>\n  <!-- x -->\n  <Table>\n  </Table>\n"

    assert read(answer(data_set([rows]))) == {"Table": [{"a": "1", "b": ""}, {}]}


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_comments_and_instructions_are_nothing_wherever_they_stand(size: int) -> None:
    rows = "<!--a--><T><!--b--><x>1<!--c-->2<?d?>3</x><!--e--></T><!--f--><?g?><T><x>4</x></T><!--h-->"
    data = answer(data_set([rows]), UNITS).decode().replace("<soap:Body>", "<!--i--><soap:Body><?j?>")
    data = data.replace("?><soap", "?><!--k--><?l?><soap") + "<!--m-->"

    assert read(cut(data.encode(), size)) == {"T": [{"x": "123"}, {"x": "4"}]}


@pytest.mark.parametrize("size", [1, 300, 1_000_000])
@pytest.mark.parametrize(
    ("start", "encoding"),
    [
        (b"", "utf-8"),
        (b"\n ", "utf-8"),
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n", "utf-8"),
        (b'<?xml version="1.0" encoding="ISO-8859-1" standalone="yes" ?>', "latin-1"),
    ],
)
def test_an_answer_may_begin_in_several_ways(start: bytes, encoding: str, size: int) -> None:
    text = simple([("T", {"x": "\u00e9"})]).decode().partition("?>")[2]

    assert read(cut(start + text.encode(encoding), size)) == {"T": [{"x": "\u00e9"}]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding_no_service_uses_is_refused(encoding: str) -> None:
    assert code_of(simple([("T", {"x": "1"})]).decode().partition("?>")[2].encode(encoding)) == "unreadable_xml"


def test_the_namespace_of_the_result_does_not_matter() -> None:
    assert read(answer(data_set([row("T", {"x": "1"})]), namespace="urn:other")) == {"T": [{"x": "1"}]}


@pytest.mark.parametrize("where", ["cell", "attribute"])
def test_a_dropped_column_is_nowhere(where: str) -> None:
    secret = {"sWebPassword": "canary"}
    written = row("T", {"a": "1", **secret}) if where == "cell" else row("T", {"a": "1"}, attributes=secret)
    reader = DataSetReader([answer(data_set([written]))], drop={"sWebPassword"})

    assert reader.read() == {"T": [{"a": "1"}]}
    if where == "cell":
        gc.collect()
        # Other threads change their own dicts while we look.
        held = [
            item
            for item in gc.get_objects()
            if isinstance(item, dict) and any(type(cell) is str and cell == "canary" for cell in list(item.values()))
        ]
        assert held in ([], [secret])


def test_a_dropped_column_may_hold_anything() -> None:
    data = answer(data_set(["<T><a>1</a><sSSN><x>canary</x></sSSN><b>2</b></T>"]))

    assert read(data, drop={"sSSN"}) == {"T": [{"a": "1", "b": "2"}]}


def test_a_cell_that_holds_an_element_is_refused() -> None:
    assert code_of(answer(data_set(["<T><a>1<b>2</b></a></T>"]))) == "nested_cell"


@pytest.mark.parametrize(("rows", "fits"), [(2, True), (3, True), (4, False)])
def test_the_row_cap_is_exact(rows: int, fits: bool) -> None:
    data = simple([("T", {"x": str(number)}) for number in range(rows)])
    if fits:
        assert len(read(data, row_cap=3)["T"]) == rows
    else:
        assert code_of(data, row_cap=3) == "too_many_rows"


@pytest.mark.parametrize(
    ("size", "fits"), [(CELL_CHARACTER_CAP - 1, True), (CELL_CHARACTER_CAP, True), (CELL_CHARACTER_CAP + 1, False)]
)
@pytest.mark.parametrize("neighbours", [0, 500])
def test_the_cell_cap_is_exact(size: int, fits: bool, neighbours: int) -> None:
    around = [row("T", {"x": "1"})] * neighbours
    data = answer(data_set([*around, row("T", {"x": "y" * size}), *around]))
    if fits:
        assert max(len(each["x"]) for each in read(cut(data, 65_536))["T"]) == size
    else:
        assert code_of(cut(data, 65_536)) == "cell_too_long"


@pytest.mark.parametrize("data", [fault("no"), fault("no").replace(b"soap/envelope/", b"soap/envelope/")])
def test_a_fault_inside_a_success_is_no_answer(data: bytes) -> None:
    assert code_of(data) == "soap_fault"


def test_a_soap_12_fault_is_understood() -> None:
    inner = "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>why</s:Text></s:Reason></s:Fault>"
    data = f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{inner}</s:Body></s:Envelope>'

    with pytest.raises(UnavailableError, match="SOAP fault Sender: why"):
        read(data.encode())


def test_a_fault_text_is_redacted_and_cut() -> None:
    data = fault("Login failed for user Admin:::LICENCEKEY " + "x" * 5000)

    with pytest.raises(UnavailableError) as caught:
        read(data)

    assert "LICENCEKEY" not in str(caught.value)
    assert len(str(caught.value)) < 400


BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty_answer"),
    "white space": (b"  \n ", "unreadable_xml"),
    "text": (b"Service unavailable", "unreadable_xml"),
    "html": (b"<html><body><br>Down</body></html>", "unreadable_xml"),
    "xhtml": (b"<html><body>Down</body></html>", "not_a_dataset"),
    "html with doctype": (b"<!DOCTYPE html><html><body>Down</body></html>", "doctype_refused"),
    "json": (b'{"error": 1}', "unreadable_xml"),
    "no data set": (ENVELOPE.format(body="<OpResponse/>").encode(), "not_a_dataset"),
    "scalar": (ENVELOPE.format(body="<R><Result>1</Result></R>").encode(), "not_a_dataset"),
    "cut": (simple([("T", {"x": "1"})])[:-20], "unreadable_xml"),
    "two data sets": (answer(data_set([]) + data_set([])), "two_data_sets"),
    "two roots": (simple([("T", {"x": "1"})]) + b"<more/>", "unreadable_xml"),
    "wrong nesting": (simple([("T", {"x": "1"})]).replace(b"</T>", b"</U>"), "unreadable_xml"),
    "unknown entity": (answer(data_set(["<T><x>&nope;</x></T>"])), "unreadable_xml"),
    "bad bytes": (simple([("T", {"x": "1"})]).replace(b"<x>1", b"<x>\xff\xfe"), "unreadable_xml"),
    "control character": (simple([("T", {"x": "1"})]).replace(b"<x>1", b"<x>\x01"), "unreadable_xml"),
    "undeclared prefix": (answer("<a:b/>"), "unreadable_xml"),
    "unknown encoding": (simple([("T", {"x": "1"})]).replace(b"utf-8", b"utf-99"), "unreadable_xml"),
    "NUL": (b"\x00" * 100, "unreadable_xml"),
}


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_answer_is_unknown_for_a_write_and_unavailable_for_a_read(case: str, is_write: bool) -> None:
    data, code = BROKEN[case]

    with pytest.raises(PmsBridgeError) as caught:
        read(data, is_write=is_write)

    assert type(caught.value) is (OutcomeUnknownError if is_write else UnavailableError)
    assert caught.value.code == code


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE: dict[str, str] = {
    "doctype": "<!DOCTYPE x>",
    "external DTD": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "billion laughs": f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>',
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("size", [1_000_000, 100])
def test_a_doctype_is_refused_and_nothing_of_it_is_used(case: str, size: int) -> None:
    reference = {"external entity": "&e;", "billion laughs": "&a9;"}.get(case, "")
    data = answer(data_set([f"<T><x>{reference}</x></T>"])).decode().replace("?><soap", f"?>{HOSTILE[case]}<soap")

    assert code_of(cut(data.encode(), size)) in {"doctype_refused", "unreadable_xml"}


def test_an_attribute_that_expands_entities_is_refused() -> None:
    doctype = f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>'
    data = answer(data_set(['<T y="&a9;"/>'])).decode().replace("?><soap", f"?>{doctype}<soap")

    assert code_of(data.encode()) in {"doctype_refused", "unreadable_xml"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_in_our_error_soon_and_in_little_memory(attack: str) -> None:
    """In a process of its own: libxml2's memory is not Python's, and the peak of a process never falls."""
    command = [sys.executable, "-m", "tests.unit.transport.attacks", attack]
    outcome = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    assert outcome["code"] in ATTACKS[attack][1]
    assert outcome["megabytes"] < 64
    assert outcome["cpu_seconds"] < 2.5


def test_a_hundred_thousand_attributes_on_a_cell_cost_nothing() -> None:
    attributes = "".join(f' a{number}="1"' for number in range(100_000))

    assert read(answer(data_set([f"<T><x{attributes}>1</x></T>"]))) == {"T": [{"x": "1"}]}


def test_rows_already_handed_out_stand_when_the_answer_breaks() -> None:
    whole = simple([("T", {"x": "y" * 100}) for _ in range(5000)])
    got: list[dict[str, str]] = []

    with pytest.raises(UnavailableError):
        got.extend(DataSetReader(cut(whole[: len(whole) // 2], 65_536)).rows("T"))

    assert 1000 < len(got) < 2600


def test_an_error_of_the_stream_passes_as_it_is() -> None:
    def broken() -> Iterator[bytes]:
        yield simple([("T", {"x": "1"})])[:50]
        raise OutcomeUnknownError("lost", code="deadline")

    with pytest.raises(OutcomeUnknownError, match="lost"):
        read(broken())


def test_an_answer_is_read_once() -> None:
    reader = DataSetReader([simple([("T", {"x": "1"})])])
    reader.read()

    with pytest.raises(RuntimeError):
        reader.read()


def test_memory_does_not_grow_with_the_answer() -> None:
    line = row("T", {f"c{number}": "some text" for number in range(20)}).encode()
    head, _, tail = answer(data_set(["@"])).partition(b"@")

    def stream(rows: int) -> Iterator[bytes]:
        yield head
        for _ in range(rows // 100):
            yield line * 100
        yield tail

    def peak(rows: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in DataSetReader(stream(rows)).rows("T")) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1000)
    assert peak(20_000) < 1.2 * peak(2000) + 200_000


# -- any data set, in any pieces

NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=6).map(lambda name: f"c{name}")
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=("Cs", "Cc", "Cn"))
    | st.sampled_from("\n\t<>&\"' "),
    max_size=12,
)
ROWS = st.lists(
    st.tuples(st.sampled_from(["Table", "Table1", "RT", "NewDataSet"]), st.dictionaries(NAMES, TEXTS, max_size=5)),
    max_size=8,
)


@given(rows=ROWS, size=st.integers(1, 400))
def test_any_rows_come_back_whatever_the_pieces(rows: list[tuple[str, dict[str, str]]], size: int) -> None:
    assert list(DataSetReader(cut(simple(rows), size)).tables()) == rows


@given(rows=ROWS, cuts=st.lists(st.integers(0, 5000), max_size=6))
def test_the_parser_itself_does_not_mind_where_it_is_cut(
    rows: list[tuple[str, dict[str, str]]], cuts: list[int]
) -> None:
    from pmsbridge.transport._dataset_parser import DataSetParser

    data = simple(rows)
    parser = DataSetParser(wanted=None, drop=(), row_cap=100)
    places = [0, *sorted({min(place, len(data)) for place in cuts}), len(data)]
    for start, end in itertools.pairwise(places):
        parser.feed(data[start:end])
    parser.finish()

    assert parser.rows == rows


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 8), size=st.integers(1, 3000))
def test_damaged_answers_raise_nothing_but_our_errors(seed: int, changes: int, size: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    data = bytearray(
        simple([("Table", {"a": "1", "b": "x & y"}), ("RT", {"Ret_Code": "-1"})]) if seed % 3 else fault("text")
    )
    for _ in range(changes):
        at = chance.randrange(len(data))
        action = chance.randrange(4)
        if action == 0:
            data[at] = chance.randrange(256)
        elif action == 1:
            del data[at : at + chance.randrange(30)]
        elif action == 2:
            data[at:at] = chance.choice(
                [b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!DOCTYPE x>", b"\x00", b"</a>", b'"']
            )
        else:
            data[at:at] = data[chance.randrange(len(data)) :][:50]
        if not data:
            break
    try:
        for table, found in DataSetReader(cut(bytes(data), size)).tables():
            assert isinstance(table, str)
            assert all(isinstance(value, str) for value in found.values())
    except UnavailableError:
        pass
