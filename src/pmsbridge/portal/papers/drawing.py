"""A sheet drawn as a PDF: head, addressee, figures, a table over as many pages as it takes, totals, page numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import chain
from pathlib import Path
from typing import Final

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.portal.papers.canvas import (
    BLACK,
    GREY,
    PALE,
    RED,
    WHITE,
    Align,
    Canvas,
    Colour,
    Face,
    colour_of,
)
from pmsbridge.portal.papers.labels import label
from pmsbridge.portal.papers.sheet import Column, Fact, Line, Paper, Sheet

__all__ = ["draw"]

_SIDE: Final = 18.0
_TOP: Final = 16.0
_BOTTOM: Final = 24.0
_ADDRESSEE_TOP: Final = 50.0
_GAP: Final = 8.0
_GUTTER: Final = 3.0
_FOOT_TOP: Final = 8.0
_EDGE: Final = 7.0
_LEAST_POINTS: Final = 6
_PAD: Final = 1.5
_LOGO_HEIGHT: Final = 16.0
_LOGO_WIDTH: Final = 60.0
_TOTALS_WIDTH: Final = 92.0
_TOTALS_NAMES: Final = _TOTALS_WIDTH * 0.55
_TOTALS_AMOUNTS: Final = _TOTALS_WIDTH - _TOTALS_NAMES
_FOOT_PART: Final = 0.78
_TILE_GAP: Final = 3.0
_TILE_HEIGHT: Final = 16.0
_LEAST_TILES: Final = 3
_RULE: Final[Colour] = (222, 226, 232)
_TOTAL: Final = Face(size=9.5)
_SMALL: Final = Face(size=8, colour=GREY)
_CELL: Final = Face(size=8.5)
_COLUMN: Final = Face(size=8, is_bold=True)
_FOOT: Final = Face(size=7.5, colour=GREY)


def draw(sheet: Sheet) -> Paper:
    """The PDF of a sheet: the same sheet gives the same bytes.

    Raises:
        ConfigurationError: The letterhead's logo or one of its fonts cannot be used.
    """
    head = sheet.letterhead
    canvas = Canvas(head.size, head.fonts, sheet.language)
    try:
        return _Artist(sheet, canvas).paper()
    finally:
        canvas.let_go()


class _Artist:
    """Draws one sheet from top to bottom.

    Attributes:
        y: Where the next thing goes, in millimetres from the top.
        _floor: Where the foot begins, whose height is the operator's.
    """

    def __init__(self, sheet: Sheet, canvas: Canvas) -> None:
        self.sheet, self.canvas = sheet, canvas
        self.accent = colour_of(sheet.letterhead.accent)
        self.y = _TOP
        self._describe()
        foot = len(canvas.wrapped(sheet.letterhead.foot, self._width * _FOOT_PART, _FOOT)) * _FOOT.line_height
        self._floor = canvas.h - max(_BOTTOM, _FOOT_TOP + foot + _EDGE)

    @property
    def _width(self) -> float:
        return self.canvas.w - 2 * _SIDE

    def _describe(self) -> None:
        canvas, sheet = self.canvas, self.sheet
        canvas.set_title(f"{sheet.title} {sheet.subtitle} – {sheet.sender[0]}")
        canvas.set_author(sheet.sender[0])
        canvas.set_producer("pmsbridge")
        canvas.set_creation_date(datetime.combine(sheet.dated_on, time.min, UTC))
        canvas.shape_if_needed(_texts(sheet))

    def paper(self) -> Paper:
        """Draw everything."""
        self.canvas.add_page()
        self._head()
        self._addressee()
        self._tiles(self.sheet.tiles, size=12.5, height=_TILE_HEIGHT)
        self._tiles(self.sheet.aging, size=9.5, height=12.5)
        self.y += 3
        self._table()
        self._totals()
        self._notes()
        self._feet()
        content = bytes(self.canvas.output())
        return Paper(
            name=self.sheet.file_name, title=str(self.canvas.title), language=self.sheet.language, content=content,
            unprintable="".join(sorted(self.canvas.unprintable)),
        )  # fmt: skip

    # -- the head ------------------------------------------------------------------------------------------------

    def _head(self) -> None:
        canvas, sheet = self.canvas, self.sheet
        left, half = self.y, self._width * 0.58
        if sheet.letterhead.logo:
            left += self._logo(sheet.letterhead) + 2.5
        with canvas.tag("P"):
            left += canvas.put(sheet.sender[0], _SIDE, left, half - _GUTTER, Face(13, is_bold=True, colour=self.accent))
        for line in sheet.sender[1:]:
            with canvas.tag("P"):
                left += canvas.put(line, _SIDE, left, half - _GUTTER, _SMALL)
        x, width = _SIDE + half, self._width - half
        with canvas.tag("H1"):
            right = self.y + canvas.put(sheet.title, x, self.y, width, Face(20, is_bold=True, colour=self.accent), "R")
        with canvas.tag("P"):
            right += canvas.put(sheet.subtitle, x, right, width, Face(10, colour=GREY), "R")
        self.y = max(left, right) + 4
        canvas.rule(_SIDE, self.y, self._width, self.accent, 0.5)

    def _logo(self, head: Letterhead) -> float:
        """Draw it; how high it became."""
        alt = label("logo", self.sheet.language, name=self.sheet.sender[0])
        problem, height = "", 0.0
        with self.canvas.tag("Figure", alt):
            try:
                info = self.canvas.image(
                    Path(head.logo), _SIDE, self.y, _LOGO_WIDTH, _LOGO_HEIGHT, keep_aspect_ratio=True
                )
                height = info.rendered_height
            except Exception as error:  # noqa: BLE001 - pictures are taken apart in ways, and with errors, of their own
                problem = type(error).__name__
        if problem:
            message = f"portal.letterhead.logo: {head.logo} is no picture that can be used ({problem})"
            raise ConfigurationError(message, code="letterhead_logo")
        return height

    def _addressee(self) -> None:
        canvas, sheet = self.canvas, self.sheet
        top = max(self.y + _GAP, _ADDRESSEE_TOP)
        half = self._width * 0.5
        left = top
        with canvas.tag("P"):
            left += canvas.put(label("to", sheet.language), _SIDE, left, half, _SMALL) + 0.5
        for number, line in enumerate(sheet.addressee):
            with canvas.tag("P"):
                left += canvas.put(line, _SIDE, left, half - _GUTTER, Face(10, is_bold=number == 0))
        right = self._facts(_SIDE + half, top, half)
        self.y = max(left, right) + _GAP

    def _facts(self, x: float, y: float, width: float) -> float:
        """Names and values, two columns; where they end."""
        names = width * 0.42
        for fact in self.sheet.facts:
            with self.canvas.tag("P"):
                high = self.canvas.put(fact.label, x, y + 0.35, names - _GUTTER, _SMALL)
                high = max(high, self.canvas.put(fact.text, x + names, y, width - names, Face(9), "R"))
            y += high + 0.8
        return y

    def _tiles(self, tiles: Sequence[Fact], *, size: float, height: float) -> None:
        """Boxes beside each other up to the right edge, a name and a figure in each."""
        if not tiles:
            return
        canvas, room = self.canvas, max(len(tiles), _LEAST_TILES)
        width = (self._width - _TILE_GAP * (room - 1)) / room
        inside = width - 2 * 3
        fits = min(self._fitting(tile.text, inside, Face(size, is_bold=True)).size for tile in tiles)
        for number, tile in enumerate(tiles, room - len(tiles)):
            x = _SIDE + number * (width + _TILE_GAP)
            canvas.box(x, self.y, width, height, self.accent if tile.is_strong else PALE)
            colour = WHITE if tile.is_strong else RED if tile.is_warning else BLACK
            faint = (226, 231, 238) if tile.is_strong else GREY
            with canvas.tag("P"):
                canvas.put(tile.label, x + 3, self.y + 2.2, inside, Face(7.5, colour=faint))
                face = Face(fits, is_bold=True, colour=colour)
                canvas.put(tile.text, x + 3, self.y + height - face.line_height - 1.8, inside, face)
        self.y += height + 3

    def _fitting(self, text: str, width: float, face: Face) -> Face:
        """The face at the largest size at which a text stays on one line, no smaller than six points."""
        while face.size > _LEAST_POINTS and len(self.canvas.wrapped(text, width, face)) > 1:
            face = replace(face, size=face.size - 0.5)
        return face

    # -- the table -----------------------------------------------------------------------------------------------

    def _table(self) -> None:
        if not self.sheet.lines:
            return
        widths = self._column_widths()
        faces = [self._column_face(*cell, number) for number, cell in enumerate(self._cells(widths))]
        *lines, last = self.sheet.lines
        first = max(map(len, self._wrapped(self.sheet.lines[0], widths, faces))) * _CELL.line_height
        self._keep_together(self._head_high(widths) + first + _PAD + (0 if lines else self._ending_high()))
        with self.canvas.group("Table"):
            with self.canvas.group("TR"):
                self._table_head(widths, is_repeated=False)
            for line in lines:
                self._table_line(line, widths, faces)
            # So that no totals stand alone on a page.
            self._table_line(last, widths, faces, below=self._ending_high())
        self.y += 4

    def _column_face(self, column: Column, _: float, width: float, number: int) -> Face:
        """Amounts of a column are as large as lets the longest of them stand on one line: none is ever broken."""
        if not column.is_amount:
            return _CELL
        longest = max((line.cells[number] for line in self.sheet.lines), key=len)
        strong = self._fitting(longest, width, replace(_CELL, is_bold=True))
        return self._fitting(longest, width, replace(strong, is_bold=False))

    def _column_widths(self) -> list[float]:
        taken = sum(column.width or 0 for column in self.sheet.columns)
        free = sum(column.width is None for column in self.sheet.columns)
        return [(self._width - taken) / free if column.width is None else column.width for column in self.sheet.columns]

    def _table_head(self, widths: Sequence[float], *, is_repeated: bool) -> None:
        face = replace(_COLUMN, colour=self.accent)
        high = 0.0
        for column, x, width in self._cells(widths):
            with self.canvas.decoration() if is_repeated else self.canvas.tag("TH"):
                high = max(high, self.canvas.put(column.title, x, self.y, width, face, _side(column)))
        self.y += high + _PAD
        self.canvas.rule(_SIDE, self.y, self._width, self.accent, 0.35)
        self.y += _PAD

    def _cells(self, widths: Sequence[float]) -> Iterator[tuple[Column, float, float]]:
        """Each column with where its text begins and how wide it may be."""
        x = _SIDE
        for number, (column, width) in enumerate(zip(self.sheet.columns, widths, strict=True)):
            gap = 0.0 if number == len(widths) - 1 else 3.0
            yield column, x, width - gap
            x += width

    def _head_high(self, widths: Sequence[float]) -> float:
        heads = (self.canvas.wrapped(column.title, width, _COLUMN) for column, _, width in self._cells(widths))
        return max(map(len, heads)) * _COLUMN.line_height + 2 * _PAD

    def _wrapped(self, line: Line, widths: Sequence[float], faces: Sequence[Face]) -> list[list[str]]:
        return [
            self.canvas.wrapped(text, width, replace(face, is_bold=line.is_strong))
            for text, (_, _, width), face in zip(line.cells, self._cells(widths), faces, strict=True)
        ]

    def _table_line(self, line: Line, widths: Sequence[float], faces: Sequence[Face], *, below: float = 0) -> None:
        """Draw a line of the table where there is room for it and for so much below it, in millimetres.

        One that is higher than a page goes on over pages.
        """
        texts = self._wrapped(line, widths, faces)
        if self.y + max(map(len, texts)) * _CELL.line_height + _PAD + below > self._floor:
            self._new_page()
            self._table_head(widths, is_repeated=True)
        while True:
            room = max(1, int((self._floor - self.y - _PAD) / _CELL.line_height))
            self._table_cells([text[:room] for text in texts], widths, faces, is_strong=line.is_strong)
            texts = [text[room:] for text in texts]
            if not any(texts):
                return
            self._new_page()
            self._table_head(widths, is_repeated=True)

    def _table_cells(
        self, texts: Sequence[Sequence[str]], widths: Sequence[float], faces: Sequence[Face], *, is_strong: bool
    ) -> None:
        with self.canvas.group("TR"):
            for (column, x, width), face, lines in zip(self._cells(widths), faces, texts, strict=True):
                # Smaller figures stand on the line of the words beside them.
                y = self.y + (_CELL.line_height - face.line_height) * 0.75
                with self.canvas.tag("TD"):
                    told = replace(face, is_bold=is_strong)
                    self.canvas.put_lines(lines, x, y, width, told, _side(column))
        self.y += max(map(len, texts)) * _CELL.line_height + _PAD
        self.canvas.rule(_SIDE, self.y - _PAD / 2, self._width, _RULE)

    def _new_page(self) -> None:
        self.canvas.add_page()
        self.y = _TOP

    # -- the end -------------------------------------------------------------------------------------------------

    def _totals(self) -> None:
        self._keep_together(self._ending_high())
        x = _SIDE + self._width - _TOTALS_WIDTH
        for fact, names, amounts in self._told_totals():
            with self.canvas.tag("P"):
                high = self.canvas.put(fact.label, x, self.y, _TOTALS_NAMES - _GUTTER, names)
                high = max(high, self.canvas.put(fact.text, x + _TOTALS_NAMES, self.y, _TOTALS_AMOUNTS, amounts, "R"))
            self.y += high + _PAD
            self.canvas.rule(x, self.y - _PAD / 2, _TOTALS_WIDTH, _RULE)

    def _told_totals(self) -> Iterator[tuple[Fact, Face, Face]]:
        """Each total with how its name and its amount look; what has blanks is words, and may break."""
        for fact in self.sheet.totals:
            colour = RED if fact.is_warning else BLACK
            face = replace(_TOTAL, is_bold=fact.is_strong or fact.is_warning, colour=colour)
            yield fact, face, face if " " in fact.text else self._fitting(fact.text, _TOTALS_AMOUNTS, face)

    def _notes(self) -> None:
        self.y += 4
        for note in self.sheet.notes:
            self._keep_together(_SMALL.line_height)
            with self.canvas.tag("P"):
                self.y += self.canvas.put(note, _SIDE, self.y, self._width, _SMALL) + 0.6

    def _ending_high(self) -> float:
        """How high totals and notes are together, in millimetres."""
        high = 4.0
        for fact, names, amounts in self._told_totals():
            lines = self.canvas.wrapped(fact.label, _TOTALS_NAMES - _GUTTER, names)
            told = self.canvas.wrapped(fact.text, _TOTALS_AMOUNTS, amounts)
            high += max(len(lines) * names.line_height, len(told) * amounts.line_height) + _PAD
        for note in self.sheet.notes:
            high += len(self.canvas.wrapped(note, self._width, _SMALL)) * _SMALL.line_height + 0.6
        return high + 4

    def _keep_together(self, high: float) -> None:
        if self.y + high > self._floor:
            self._new_page()

    def _feet(self) -> None:
        canvas, pages = self.canvas, self.canvas.pages_count
        y = self._floor + _FOOT_TOP
        told_width = self._width * _FOOT_PART
        for page in range(1, pages + 1):
            canvas.turn_to(page)
            canvas.rule(_SIDE, y - 2.5, self._width, _RULE)
            told = label("page", self.sheet.language, page=str(page), pages=str(pages))
            with canvas.decoration():
                canvas.put(self.sheet.letterhead.foot, _SIDE, y, told_width, _FOOT)
                canvas.put(told, _SIDE + told_width, y, self._width - told_width, _FOOT, "R")


def _side(column: Column) -> Align:
    return "R" if column.is_amount else "L"


def _texts(sheet: Sheet) -> Iterable[str]:
    facts = (fact.text for fact in (*sheet.facts, *sheet.tiles, *sheet.totals))
    return chain((sheet.letterhead.foot,), sheet.sender, sheet.addressee, facts, *(line.cells for line in sheet.lines))
