"""Figures of customers as files: read back by somebody else's readers."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.money import Money
from pmsbridge.model.record import Source
from pmsbridge.portal.exporting import as_csv, as_html, as_json, as_xlsx
from pmsbridge.portal.figures import CustomerFigures
from pmsbridge.portal.reports.formulas import is_risky
from pmsbridge.portal.reports.page import page
from pmsbridge.portal.reports.words import _WORDS, word
from pmsbridge.portal.words import LANGUAGES
from tests import builders as make

SINCE, UNTIL = date(2026, 1, 1), date(2026, 12, 31)
FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "\uff1d1+1", "=HYPERLINK(0)", "=5"]


def row(who: str = "T1", **fields: Any) -> CustomerFigures:
    return CustomerFigures(**{
        "tenant_id": who, "since": SINCE, "until": UNTIL, "rentals": 1, "longest_days": 200, "average_days": 150,
        "paid": make.usd("1234.50"), "charges": 10, "late_charges": 1, "upgrades": 1, **fields,
    })  # fmt: skip


def cells(content: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    return [list(line) for line in sheet.iter_rows()]


def xlsx(*rows: CustomerFigures, **options: Any) -> bytes:
    return as_xlsx(rows, title="North Yard", dated_on=UNTIL, **options)


# -- the workbook -----------------------------------------------------------------------------------------------------


def test_a_workbook_has_numbers_as_numbers_and_days_as_days() -> None:
    heads, line, bare = cells(xlsx(row(), row("T2", paid=None, charges=None, late_charges=None)))
    found = dict(zip([cell.value for cell in heads], line, strict=True))

    assert (found["Paid"].value, found["Paid"].number_format, found["Currency"].value) == (1234.5, "#,##0.00", "USD")
    assert (found["From"].value, found["From"].number_format) == (datetime(2026, 1, 1), "yyyy-mm-dd")  # noqa: DTZ001
    assert (found["Rentals"].value, found["Rentals"].data_type) == (1, "n")
    assert bare[0].value == "T2"
    assert None in [cell.value for cell in bare]


def test_heads_are_in_the_language() -> None:
    assert "Encaissé" in [cell.value for cell in cells(xlsx(row(), language="fr-CA"))[0]]


@pytest.mark.parametrize(
    ("amount", "currency", "told", "shape"),
    [("1200", "JPY", 1200, "#,##0"), ("1.234", "KWD", 1.234, "#,##0.000"), ("-0.05", "USD", -0.05, "#,##0.00")],
)
def test_an_amount_has_the_digits_of_its_currency(amount: str, currency: str, told: float, shape: str) -> None:
    heads, line = cells(xlsx(row(paid=Money.of(amount, currency))))
    cell = dict(zip([each.value for each in heads], line, strict=True))["Paid"]

    assert (cell.value, cell.number_format) == (told, shape)


@settings(max_examples=25)
@given(st.decimals(min_value="-99999999999", max_value="99999999999", places=2))
def test_no_cent_is_lost_on_the_way_into_a_workbook(amount: Decimal) -> None:
    heads, line = cells(xlsx(row(paid=Money.of(amount, "USD"))))

    written = dict(zip([each.value for each in heads], line, strict=True))["Paid"].value
    assert Decimal(str(written)).quantize(Decimal("0.01")) == amount


def test_an_amount_with_more_digits_than_a_spreadsheet_has_is_text() -> None:
    heads, line = cells(xlsx(row(paid=Money.of("123456789012345.67", "USD"))))

    assert dict(zip([each.value for each in heads], line, strict=True))["Paid"].value == "123456789012345.67"


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_in_a_workbook_or_a_file_of_values(text: str) -> None:
    content = xlsx(row(text))
    cell = cells(content)[1][0]
    with zipfile.ZipFile(io.BytesIO(content)) as inside:
        sheet = inside.read("xl/worksheets/sheet1.xml").decode()
    (line,) = csv.DictReader(io.StringIO(as_csv([row(text)])))

    assert cell.data_type == "s"
    assert cell.quotePrefix
    assert "<f>" not in sheet
    assert line["tenant_id"] == f"'{text}"


@pytest.mark.parametrize("text", ["-5.00", "+49", "T-1", "a=b", "", "015"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert not is_risky(text)


def test_the_same_rows_give_the_same_workbook() -> None:
    assert xlsx(row()) == xlsx(row())
    assert cells(xlsx()) in ([], [[None]]) or cells(xlsx())[0][0].value is None


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pmsbridge.portal.reports.workbook", raising=False)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'pmsbridge\[reports\]'"):
        xlsx(row())


# -- the page ---------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Notes every element with its attributes, and the text of cells; complains of what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


PEOPLE = (
    row("T1", longest_days=30), row("T2", longest_days=400, late_charges=5, paid=make.usd("99.00")),
    row("T3", longest_days=800, late_charges=0, upgrades=0, downgrades=2, paid=make.usd("5.00")),
)  # fmt: skip


def html(*rows: CustomerFigures, language: str = "en", place: str = "North Yard") -> str:
    return as_html(rows, place=place, since=SINCE, until=UNTIL, language=language)


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    reader = read(html(*PEOPLE))
    names = {tag for tag, _ in reader.found}

    assert names.isdisjoint({"script", "link", "iframe", "img", "object", "embed", "form", "base", "audio", "video"})
    for _, attributes in reader.found:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "href", "xlink:href"}}
    assert not re.search(r"url\(|@import|https?://", html(*PEOPLE))
    assert "default-src 'none'" in html(*PEOPLE)


def test_every_chart_has_words_for_who_does_not_see_it_and_a_table_with_the_same_figures() -> None:
    reader = read(html(*PEOPLE))
    ids = {attributes["id"] for _, attributes in reader.found if "id" in attributes}
    charts = [attributes for tag, attributes in reader.found if tag == "svg"]

    assert len(charts) == 4
    for chart in charts:
        assert chart["role"] == "img"
        assert set((chart["aria-labelledby"] or "").split()) <= ids
    figures = [text for tag, text in reader.texts if tag == "text"]
    tables = [text for tag, text in reader.texts if tag in {"td", "th"}]
    assert set(figures) <= set(tables)
    assert len(re.findall(r"<desc[^>]*>[^<]+:", html(*PEOPLE))) == 4


def bars(text: str, name: str) -> dict[str, tuple[str, int]]:
    """Figure and length of every bar of a chart, by its label."""
    part = text[text.index(f'id="{name}-t"') :].partition("</svg>")[0]
    found = re.findall(r'class="name"[^>]*>([^<]*)<.*?width="(\d+)".*?class="figure"[^>]*>([^<]*)<', part, re.DOTALL)
    return {label: (figure, int(width)) for label, width, figure in found}


def test_customers_are_counted_into_the_right_groups() -> None:
    text = html(*PEOPLE)

    assert {label: told for label, (told, _) in bars(text, "length").items()} == {
        "Under 3 months": "1", "3 to 6 months": "0", "6 to 12 months": "0", "1 to 2 years": "1",
        "2 years and more": "1",
    }  # fmt: skip
    assert {label: told for label, (told, _) in bars(text, "reliability").items()} == {
        "Always": "1", "90 to 99 %": "1", "75 to 89 %": "0", "50 to 74 %": "1", "Under 50 %": "0",
    }  # fmt: skip
    assert {label: told for label, (told, _) in bars(text, "moves").items()} == {
        "Dearer unit": "2", "Cheaper unit": "2",
    }  # fmt: skip
    value = bars(text, "value")
    assert list(value) == ["T1", "T2", "T3"]
    assert value["T1"][0] == "1,234.50"
    assert "1,338.50" in text


@pytest.mark.parametrize("days", [0, 89, 90, 179, 180, 364, 365, 729, 730, 5000])
def test_every_customer_is_in_exactly_one_group(days: int) -> None:
    told = [int(figure) for figure, _ in bars(html(row(longest_days=days)), "length").values()]

    assert sum(told) == 1


@pytest.mark.parametrize("late", range(11))
def test_every_payer_is_in_exactly_one_group(late: int) -> None:
    told = [int(figure) for figure, _ in bars(html(row(late_charges=late)), "reliability").values()]

    assert sum(told) == 1


def test_a_bar_is_as_long_as_its_figure_and_less_than_nothing_has_none() -> None:
    found = bars(html(row("A", paid=make.usd("200.00")), row("B", paid=make.usd("100.00")),
                      row("C", paid=make.usd("-5.00")), row("D", paid=make.usd("0.00"))), "value")  # fmt: skip

    assert found["A"][1] == 2 * found["B"][1] > 0
    assert found["C"][1] == found["D"][1] == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_room_for_every_label_before_its_bar(language: str) -> None:
    own = [key for key in _WORDS if key.startswith(("l_", "r_", "m_"))]
    found = bars(html(row("3f2b8c1e-0d5a-4f6e-9b7c-fake00000001")), "value")

    assert len(own) == 12
    assert all(len(word(key, language)) <= 20 for key in own)
    assert list(found) == ["3f2b8c1e-0d5a-4f6e-…"]


def test_without_ledgers_nothing_is_said_of_payments() -> None:
    text = html(row(paid=None, charges=None, late_charges=None))

    assert "Payments were not read" in text
    assert 'id="value-t"' not in text
    assert 'id="reliability-t"' not in text


def test_nobody_is_said() -> None:
    assert "Nobody rented in this time." in html()
    assert "<svg" not in html()


def test_what_somebody_typed_is_text_on_the_page() -> None:
    text = html(row("<script>alert(1)</script>"), place='"><img src=x onerror=alert(1)>')

    assert "<script>" not in text
    assert "<img" not in text
    read(text)


def test_the_page_speaks_the_language_that_is_wanted() -> None:
    text = html(*PEOPLE, language="fr-CA")

    assert '<html lang="fr">' in text
    assert "Durée des locations" in text
    assert "1\u00a0338,50" in text
    assert "1er\u00a0janv.\u00a02026" in text


def test_the_same_figures_give_the_same_page_and_both_faces_have_colours() -> None:
    assert html(*PEOPLE) == html(*PEOPLE) == page(PEOPLE, place="North Yard", since=SINCE, until=UNTIL, language="en")
    light, dark = html().split("prefers-color-scheme: dark")
    names = set(re.findall(r"(--[a-z]+): #", light))
    assert names == set(re.findall(r"(--[a-z]+): #", dark.partition("* {")[0]))


def test_every_word_is_there_in_both_languages() -> None:
    for key, pair in _WORDS.items():
        assert all(pair), key
        assert pair[0].count("{") == pair[1].count("{"), key
    assert word("title", "fr", place="X") == "Clients de X"


def test_what_was_paid_in_all_and_what_a_mean_stay_brings_stand_in_every_file() -> None:
    worth = row(
        lifetime_paid=make.usd("98765.43"), mean_stay_days=244, expected_value=make.usd("1203.68"),
        ledger_source=Source.MIRROR, ledger_as_of=datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
    )  # fmt: skip
    (line,) = csv.DictReader(io.StringIO(as_csv([worth])))
    (fact,) = json.loads(as_json([worth]))
    heads, cells_ = cells(xlsx(worth))
    sheet = dict(zip([cell.value for cell in heads], cells_, strict=True))
    text = html(worth)
    told = [part for tag, part in read(text).texts if tag in {"td", "dd", "p"}]

    assert (line["lifetime_paid.amount"], line["expected_value.amount"]) == ("98765.43", "1203.68")
    assert (line["mean_stay_days"], line["ledger_source"]) == ("244", "mirror")
    assert (fact["lifetime_paid"]["amount"], fact["expected_value"]["amount"]) == ("98765.43", "1203.68")
    assert fact["ledger_as_of"].startswith("2026-11-20T02:30")
    assert (sheet["Paid in all"].value, sheet["Rent of a mean stay"].value) == (98765.43, 1203.68)
    assert told.count("98,765.43") == 1
    assert "1,203.68" in told
    assert any("2026" in part and "02:30" in part and "244 days" in part for part in told)
    assert "244" in html(worth, language="fr")


def test_a_page_without_money_says_nothing_of_its_age() -> None:
    text = html(row(paid=None, charges=None, late_charges=None))

    assert "Payments as the back office told them" not in text
    assert "Rent of a mean stay:" not in text
