"""Papers of our own as PDFs, read by somebody else's reader."""

from __future__ import annotations

import io
import logging
import re
import struct
import sys
import zlib
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from pmsbridge.errors import ConfigurationError
from pmsbridge.portal.papers.bills import invoice_sheet, receipt_sheet
from pmsbridge.portal.papers.drawing import draw
from pmsbridge.portal.papers.lettering import STYLES, font
from pmsbridge.portal.papers.sheet import Paper
from pmsbridge.portal.papers.statements import statement_sheet
from tests.portal.papers.samples import (
    TODAY,
    alt_texts_of,
    invoice,
    letter,
    long_statement,
    opened,
    pages_of,
    payment,
    short_statement,
    tags_of,
)

LABELS = {"R1": "015", "R2": "B-7"}


@pytest.fixture(scope="module")
def long_paper() -> Paper:
    return draw(statement_sheet(long_statement(130), letter()))


def test_a_statement_can_be_read_back_figure_by_figure() -> None:
    (text,) = pages_of(draw(statement_sheet(short_statement(), letter())).content)

    for words in (
        "Northgate Self Storage", "Renée Müller", "1 Sep – 30 Nov 2026", "Rent, 1–31 Oct 2026",
        "Late fee", "Payment (0042)", "1,000.00", "1,120.00", "1,130.10 USD", "\u2212120.00", "Past due", "1,010.10",
        "Fake Inc.", "Page 1 of 1",
    ):  # fmt: skip
        assert words in text, words


def test_french_is_french_with_its_accents_spaces_and_commas() -> None:
    paper = draw(statement_sheet(short_statement(), letter("fr")))
    (text,) = pages_of(paper.content)

    for words in ("Relevé de compte", "Solde initial", "À payer maintenant", "1 130,10 USD", "Page 1 sur 1"):
        assert words in text, words
    assert paper.name == "Releve-de-compte-2026-11-30.pdf"


def test_a_long_table_repeats_its_head_counts_its_pages_and_loses_no_line(long_paper: Paper) -> None:
    pages = pages_of(long_paper.content)

    assert len(pages) > 3
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in text
        assert len(re.findall(r"Date Description Charges Payments Balance", text)) == 1
    told = re.findall(r"Movement (\d{4})", " ".join(pages))
    assert sorted(told) == [f"{n:04}" for n in range(130)]
    assert "Closing balance" in pages[-1]


def test_nothing_runs_over_the_foot_of_a_page(long_paper: Paper) -> None:
    with opened(long_paper.content) as document:
        for page in document:
            text = page.get_textpage()
            _, height = page.get_size()
            boxes = [text.get_rect(n) for n in range(text.count_rects())]
            foot = [box for box in boxes if box[1] < 24 / 25.4 * 72]
            assert "Page" in " ".join(text.get_text_bounded(*box) for box in foot)
            assert all(re.fullmatch(r"(Page \d+ of \d+|Fake Inc\.|\s)*", text.get_text_bounded(*box)) for box in foot)
            assert all(box[3] < height for box in boxes)


def test_the_same_sheet_gives_the_same_bytes_and_another_does_not() -> None:
    one, two, other = (
        draw(statement_sheet(short_statement(), letter(last=last))).content for last in ("Müller", "Müller", "Maier")
    )

    assert one == two
    assert one != other


def test_the_file_says_its_title_language_day_and_structure() -> None:
    paper = draw(statement_sheet(short_statement(), letter("fr")))

    with opened(paper.content) as document:
        facts = document.get_metadata_dict()
    assert facts["Title"] == paper.title == "Relevé de compte 30\u00a0nov.\u00a02026 – Northgate Self Storage"
    assert facts["Author"] == "Northgate Self Storage"
    assert facts["CreationDate"].startswith("D:20261130000000")
    assert re.search(rb"/Lang \(fr\)|/Lang <6672>|/Lang <FEFF00660072>", paper.content)
    assert b"/Marked true" in paper.content
    assert b"/DisplayDocTitle true" in paper.content


def test_a_screen_reader_finds_a_heading_and_a_table_of_rows_and_cells(long_paper: Paper) -> None:
    first, second = tags_of(long_paper.content), tags_of(long_paper.content, 1)

    kinds = [kind for kind, _ in first]
    assert kinds.count("H1") == 1
    assert kinds.count("Table") == 1
    assert kinds.count("TH") == 5
    depths = dict(first)
    assert depths["Table"] + 1 == depths["TR"]
    assert depths["TR"] + 1 == depths["TD"] == depths["TH"]
    assert kinds.count("TD") == 5 * (kinds.count("TR") - 1)
    # What every page repeats is decoration, so that it is not read out each time.
    assert "TH" not in [kind for kind, _ in second]
    assert "TD" in [kind for kind, _ in second]


@pytest.mark.parametrize(("size", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_it_is_printed_on_the_operators_paper(size: str, points: tuple[int, int]) -> None:
    paper = draw(receipt_sheet(payment(), letter(size=size), labels=LABELS, rental_id="R1"))

    with opened(paper.content) as document:
        assert tuple(round(side) for side in document[0].get_size()) == points


def test_an_invoice_and_a_receipt_can_be_read_back() -> None:
    (bill,) = pages_of(draw(invoice_sheet(invoice(), letter(), labels=LABELS, today=TODAY)).content)
    (receipt,) = pages_of(draw(receipt_sheet(payment(), letter(), labels=LABELS, rental_id="R1")).content)

    for words in ("2026-0007", "15 Nov 2026", "Rent December", "129.60", "141.60 USD", "Past due", "100.00 USD"):
        assert words in bill, words
    for words in ("0042", "Visa ****4242", "155.50 USD", "Payment for Unit B-7, Invoice I7", "Thank you"):
        assert words in receipt, words


@pytest.mark.parametrize("name", ["Żółć", "Παπαδοπούλου", "Юлия", "Đặng", "Ægir Ñandú ß", "ลดา", "ნინო"])
def test_names_of_other_writings_are_printed(name: str) -> None:
    paper = draw(receipt_sheet(payment(), letter(last=name), labels=LABELS, rental_id="R1"))

    assert paper.unprintable == ""
    assert f"Renée {name}" in pages_of(paper.content)[0]


def test_figures_are_of_one_width_so_that_amounts_stand_under_each_other() -> None:
    for style in STYLES:
        with TTFont(io.BytesIO(font(style))) as read:
            glyphs, widths = read.getBestCmap(), read["hmtx"]

            assert len({widths[glyphs[ord(figure)]][0] for figure in "0123456789"}) == 1


def test_a_narrow_blank_is_a_blank_and_no_box() -> None:
    paper = draw(receipt_sheet(payment(), letter(last="Van\u202fDam\u2009Jr"), labels=LABELS, rental_id="R1"))

    assert paper.unprintable == ""
    assert "Renée Van Dam Jr" in pages_of(paper.content)[0].replace("\u00a0", " ")


def test_a_sign_that_no_font_has_is_a_box_and_is_told_and_no_log_repeats_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        paper = draw(receipt_sheet(payment(), letter(last="漢字"), labels=LABELS, rental_id="R1"))

    assert paper.unprintable == "字漢"
    assert "Renée \u25a1\u25a1" in pages_of(paper.content)[0]
    assert "漢" not in caplog.text


def test_a_further_font_prints_what_ours_cannot(tmp_path: Path) -> None:
    font = font_of(tmp_path / "further.ttf", "漢")
    paper = draw(receipt_sheet(payment(), letter(last="漢", fonts=(str(font),)), labels=LABELS, rental_id="R1"))

    assert paper.unprintable == ""
    assert "Renée 漢" in pages_of(paper.content)[0]


def test_letters_that_are_written_from_the_right_are_turned_and_joined() -> None:
    pytest.importorskip("uharfbuzz", reason="uharfbuzz, which joins letters, is not installed")
    paper = draw(receipt_sheet(payment(), letter(last="שלום"), labels=LABELS, rental_id="R1"))

    assert paper.unprintable == ""
    assert pages_of(paper.content)


def test_a_logo_is_shown_with_words_for_those_who_do_not_see_it(tmp_path: Path) -> None:
    logo = png_of(tmp_path / "logo.png")
    content = draw(receipt_sheet(payment(), letter(logo=str(logo)), labels=LABELS, rental_id="R1")).content

    assert alt_texts_of(content) == ["Logo of Northgate Self Storage"]
    assert tags_of(content)[1][0] == "Figure"


@pytest.mark.parametrize("content", [None, b"<svg onload='x'/>"])
def test_a_logo_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    logo = tmp_path / "logo.png"
    if content is not None:
        logo.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"portal\.letterhead\.logo") as refused:
        draw(receipt_sheet(payment(), letter(logo=str(logo)), labels=LABELS, rental_id="R1"))

    assert refused.value.code == "letterhead_logo"
    assert refused.value.__cause__ is None


def test_a_font_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"not a font")

    with pytest.raises(ConfigurationError, match=r"portal\.letterhead\.fonts"):
        draw(receipt_sheet(payment(), letter(fonts=(str(tmp_path / "broken.ttf"),)), labels=LABELS, rental_id="R1"))


def test_a_long_name_and_a_large_amount_break_and_shrink_instead_of_running_over() -> None:
    last = "von und zu " + "Verylongname" * 8
    facts = long_statement(2)
    paper = draw(statement_sheet(facts, letter(last=last, name="The " + "Storage " * 20)))

    with opened(paper.content) as document:
        page = document[0]
        text, (width, _) = page.get_textpage(), page.get_size()
        assert all(box[2] <= width - 17 / 25.4 * 72 for box in (text.get_rect(n) for n in range(text.count_rects())))


def png_of(path: Path, side: int = 8) -> Path:
    """A blue square, written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x20\x60\xc0" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def font_of(path: Path, sign: str) -> Path:
    """A font that has one sign."""
    pen = TTGlyphPen(None)
    for move, points in (("moveTo", [(0, 0)]), ("lineTo", [(0, 700)]), ("lineTo", [(700, 700)])):
        getattr(pen, move)(*points)
    pen.closePath()
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder([".notdef", "one"])
    made.setupCharacterMap({ord(sign): "one"})
    made.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "one": pen.glyph()})
    made.setupHorizontalMetrics({".notdef": (500, 0), "one": (800, 0)})
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": "Further", "styleName": "Regular"})
    made.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    made.setupPost()
    made.save(path)
    return path


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pmsbridge.portal.papers.library import drawer

    for name in [
        name for name in sys.modules if name == "fpdf" or name.startswith(("fpdf.", "pmsbridge.portal.papers"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fpdf", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'pmsbridge\[pdf\]'"):
        drawer()
