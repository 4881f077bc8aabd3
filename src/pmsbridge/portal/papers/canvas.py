"""Pages to draw on: our font, marked content, and texts that break where they must."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.errors import FPDFException
from fpdf.fonts import TTFFont
from fpdf.prefs import ViewerPreferences

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.letterhead import PaperSize
from pmsbridge.portal.papers.lettering import STYLES, font
from pmsbridge.portal.papers.tags import Structure

__all__ = ["BLACK", "GREY", "PALE", "RED", "WHITE", "Align", "Canvas", "Colour", "Face", "colour_of"]

Colour = tuple[int, int, int]
Align = Literal["L", "R", "C"]

BLACK: Final[Colour] = (28, 32, 38)
GREY: Final[Colour] = (98, 106, 118)
PALE: Final[Colour] = (243, 245, 248)
RED: Final[Colour] = (176, 30, 30)
WHITE: Final[Colour] = (255, 255, 255)

_FAMILY: Final = "paper"
_FORMATS: Final = {PaperSize.A4: "A4", PaperSize.LETTER: "Letter"}
_BOX: Final = "\u25a1"
_SPACE: Final = "\u00a0"
_POINTS_PER_MM: Final = 72 / 25.4
_LEADING: Final = 1.32
_FOREIGN: Final = "further"
_WORDS: Final = re.compile("[^ ]+ *| +")
_PARTS: Final = re.compile("[^-]*-+ *|[^-]+")


@dataclass(frozen=True, slots=True)
class Face:
    """How a text looks.

    Attributes:
        size: In points.
    """

    size: float = 9.0
    is_bold: bool = False
    colour: Colour = BLACK

    @property
    def line_height(self) -> float:
        """From one line to the next, in millimetres."""
        return self.size / _POINTS_PER_MM * _LEADING


class Canvas(FPDF):
    """Pages in millimetres; nothing breaks by itself.

    Attributes:
        unprintable: Signs that no font has; each is drawn as a box.
    """

    def __init__(self, size: PaperSize, fonts: Iterable[str], language: str) -> None:
        super().__init__(unit="mm", format=_FORMATS[size])
        self.struct_builder: Structure = Structure()
        self.pdf_version = "1.7"
        self.set_auto_page_break(auto=False)
        self.set_margin(0)
        self.c_margin = 0
        self.unprintable: set[str] = set()
        self._further = tuple(fonts)
        self._room = TemporaryDirectory(prefix="pmsbridge-paper-")
        try:
            self._load_fonts()
        except BaseException:
            self.let_go()
            raise
        self.set_lang(language)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)

    def _load_fonts(self) -> None:
        # The library takes a file, and reads it as long as it draws.
        for style, name in STYLES.items():
            path = Path(self._room.name, f"{name}.ttf")
            path.write_bytes(font(style))
            self.add_font(_FAMILY, style, path)
        for number, name in enumerate(self._further):
            self._load_further(f"{_FOREIGN}{number}", Path(name))
        self.set_fallback_fonts([f"{_FOREIGN}{number}" for number in range(len(self._further))], exact_match=False)

    def let_go(self) -> None:
        """Close the files of the fonts; nothing can be drawn after that."""
        for each in self.fonts.values():
            if isinstance(each, TTFFont):
                each.ttfont.close()
        self._room.cleanup()

    def _load_further(self, family: str, file: Path) -> None:
        try:
            # From memory first: of a file that is no font the library would leave the handle open.
            TTFont(io.BytesIO(file.read_bytes()), fontNumber=0).close()
            self.add_font(family, "", file)
        except Exception as error:  # noqa: BLE001 - the library takes a font apart in ways, and with errors, of its own
            problem = type(error).__name__
        else:
            return
        message = f"portal.letterhead.fonts: {file} is no font that can be used ({problem})"
        raise ConfigurationError(message, code="letterhead_font")

    # -- texts ---------------------------------------------------------------------------------------------------

    def printable(self, text: str) -> str:
        """The text with a box for every sign that no font has, and a space of common width for such a space."""
        lacking = {sign for sign in text if sign != "\n" and not self._has(sign)}
        if not lacking:
            return text
        self.unprintable |= {sign for sign in lacking if not sign.isspace()}
        return "".join(sign if sign not in lacking else _SPACE if sign.isspace() else _BOX for sign in text)

    def _has(self, sign: str) -> bool:
        return any(isinstance(each, TTFFont) and ord(sign) in each.cmap for each in self.fonts.values())

    def wrapped(self, text: str, width: float, face: Face) -> list[str]:
        """The text in lines that fit a width in millimetres; at least one.

        A word that is wider than a line breaks after its hyphens first, and within only where it has none.
        """
        self._choose(face)
        lines: list[str] = []
        for told in self.printable(text).split("\n"):
            if self._fits(told, width):
                lines.append(told)
                continue
            lines.append("")
            for word in _WORDS.findall(told):
                if self._fits(lines[-1] + word, width):
                    lines[-1] += word
                    continue
                for part in [word] if self._fits(word, width) else _PARTS.findall(word):
                    self._append(lines, part, width)
        return [line.rstrip(" ") for line in lines]

    def _append(self, lines: list[str], part: str, width: float) -> None:
        """Add a part of a text to the last line, or to new ones."""
        if lines[-1] and not self._fits(lines[-1] + part, width):
            lines.append("")
        lines[-1] += part
        while not self._fits(lines[-1], width):
            whole, room = lines[-1], 1
            while room < len(whole) - 1 and self._fits(whole[: room + 1], width):
                room += 1
            while room > 1 and unicodedata.combining(whole[room]):
                room -= 1
            if room >= len(whole):
                return
            lines[-1:] = [whole[:room], whole[room:]]

    def _fits(self, text: str, width: float) -> bool:
        return self.get_string_width(text.rstrip(" ")) <= width

    def put(self, text: str, x: float, y: float, width: float, face: Face, align: Align = "L") -> float:
        """Write a text into a box, broken where it must be.

        Returns:
            How high it became, in millimetres.
        """
        return self.put_lines(self.wrapped(text, width, face), x, y, width, face, align)

    def put_lines(self, lines: Sequence[str], x: float, y: float, width: float, face: Face, align: Align) -> float:
        """Write lines that are known to fit; how high they became."""
        for number, line in enumerate(lines):
            self._choose(face)
            self.set_xy(x, y + number * face.line_height)
            self.cell(width, face.line_height, line, align=align)
        return len(lines) * face.line_height

    def _choose(self, face: Face) -> None:
        self.set_font(_FAMILY, "B" if face.is_bold else "", face.size)
        self.set_text_color(*face.colour)

    def shape_if_needed(self, texts: Iterable[str]) -> None:
        """Join, turn and pile up signs where a text is of a writing that needs it, such as Arabic, Hebrew or Thai."""
        if any(_needs_shaping(sign) for text in texts for sign in text):
            with suppress(FPDFException):  # the library that does it is not there: letters stand apart
                self.set_text_shaping(use_shaping_engine=True)

    # -- marks ---------------------------------------------------------------------------------------------------

    @contextmanager
    def group(self, kind: str) -> Iterator[None]:
        """What is marked within belongs together ("Table", "TR")."""
        with self.struct_builder.group(kind, self.page):
            yield

    @contextmanager
    def tag(self, kind: str, alt: str | None = None) -> Iterator[None]:
        """What is drawn within is one thing to a screen reader ("H1", "P", "TD", "Figure")."""
        page = self.pages[self.page]
        number = self.struct_builder.mark(kind, self.page, page, alt)
        page.struct_parents = self.struct_builder.parents_of(self.page)
        self._out(f"/{kind} <</MCID {number}>> BDC")
        yield
        self._out("EMC")

    @contextmanager
    def decoration(self) -> Iterator[None]:
        """What is drawn within is no content: rules, and what every page repeats."""
        self._out("/Artifact BMC")
        yield
        self._out("EMC")

    def turn_to(self, page: int) -> None:
        """Go on drawing on a page that is there already."""
        self.page = page
        self.current_font_is_set_on_page = False

    # -- shapes --------------------------------------------------------------------------------------------------

    def rule(self, x: float, y: float, width: float, colour: Colour, thick: float = 0.1) -> None:
        """A line across."""
        with self.decoration():
            self.set_draw_color(*colour)
            self.set_line_width(thick)
            self.line(x, y, x + width, y)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled box with soft corners."""
        with self.decoration():
            self.set_fill_color(*colour)
            self.rect(x, y, width, height, style="F", round_corners=True, corner_radius=1.2)


def colour_of(text: str) -> Colour:
    """The colour of "#1f3a5f"."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _needs_shaping(sign: str) -> bool:
    return unicodedata.bidirectional(sign) in {"R", "AL"} or unicodedata.category(sign) in {"Mn", "Mc"}
