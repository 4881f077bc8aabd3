"""How papers look: nothing outside the margins, on top of something else, or alone on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pypdfium2.raw as pdfium
import pytest
from PIL import ImageChops

from pmsbridge.portal.papers.drawing import draw
from pmsbridge.portal.papers.statements import StatementFacts, statement_sheet
from tests.portal.papers.samples import TODAY, entry, letter, opened, pages_of, statement
from tests.portal.papers.specimens import Specimen, specimens

MM = 72 / 25.4
SIDE, TOP, FOOT, EDGE = (round(mm * MM) for mm in (17.8, 15, 24, 5))

# In one language each: what is set is the same, French is longer, and drawing all of them takes long.
SHOWN = [each for each in specimens() if each.name.endswith("-plain-en" if "-plain" in each.name else "-awkward-fr")]


@pytest.mark.parametrize("specimen", SHOWN, ids=lambda specimen: specimen.name)
def test_a_paper_keeps_its_margins_leaves_no_page_empty_and_writes_nothing_over_anything(specimen: Specimen) -> None:
    paper = draw(specimen.sheet)
    with opened(paper.content) as document:
        assert (len(document) > 1) is specimen.is_long
        for page in document:
            picture = ImageChops.invert(page.render(grayscale=True).to_pil())
            width, height = picture.size
            left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)
            assert left >= SIDE
            assert top >= TOP
            assert right <= width - SIDE
            assert bottom <= height - EDGE
            assert picture.crop((0, 0, width, height - FOOT)).getbbox(), "nothing but the foot"
            assert [*_clashes(page)] == []
    pages = pages_of(paper.content)
    text = " ".join(pages)
    for line in specimen.sheet.lines:
        told = [cell for column, cell in zip(specimen.sheet.columns, line.cells, strict=True) if column.is_amount]
        assert all(" ".join(cell.split()) in text for cell in told), "an amount is never broken"
    if specimen.is_long and specimen.sheet.totals:
        assert specimen.sheet.columns[0].title in pages[-1], "totals never stand alone"


def test_a_line_higher_than_a_page_goes_on_over_pages_and_loses_no_word() -> None:
    words = " ".join(f"word{n:04}" for n in range(600))
    facts = StatementFacts(statement(entry(1, "120.00", TODAY, words)))

    text = " ".join(pages_of(draw(statement_sheet(facts, letter())).content))

    assert sorted(set(re.findall(r"word\d{4}", text))) == sorted(words.split())


def test_a_foot_of_many_lines_pushes_the_page_up() -> None:
    paper = draw(statement_sheet(StatementFacts(statement()), letter(foot="Registered office.\n" * 9 + "No. 7.")))

    with opened(paper.content) as document:
        picture = ImageChops.invert(document[0].render(grayscale=True).to_pil())
        assert (picture.getbbox() or (0, 0, 0, 0))[3] <= picture.height - EDGE


def _clashes(page: Any) -> Iterator[tuple[str, str]]:
    """Texts that touch: pieces of one line may stand close, those of two columns or lines may not."""
    texts = [(each.get_matrix().f, each.get_bounds()) for each in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT])]
    reader = page.get_textpage()
    for (its, one), (theirs, other) in combinations(texts, 2):
        if min(one[3], other[3]) <= max(one[1], other[1]):
            continue
        air = -0.5 if its == theirs else 1.5
        beside = min(one[2], other[2]) - max(one[0], other[0]) + air > 0
        deep = min(one[3], other[3]) - max(one[1], other[1])
        if beside and deep > 0.3 * min(one[3] - one[1], other[3] - other[1]):
            yield reader.get_text_bounded(*one), reader.get_text_bounded(*other)
