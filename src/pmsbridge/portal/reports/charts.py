"""Bar charts as numbers to draw by: lying bars, a label before each and its figure behind.

Bars are all these reports need. The libraries that draw them bring scripts from elsewhere or a megabyte of their own,
so the few coordinates are counted here, and the page writes them as SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

__all__ = ["BAR_LEFT", "WIDTH", "Bar", "Chart", "chart_of"]

WIDTH: Final = 640
BAR_LEFT: Final = 190
_BAR_RIGHT: Final = 500
_ROW: Final = 34
_LONGEST_CHARS: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        told: The figure as it is written behind the bar and in the table.
        y: The upper end, in units of the drawing.
        width: How long it is; 0 for nothing, and for less than nothing.
    """

    label: str
    told: str
    y: int
    width: int

    @property
    def short(self) -> str:
        """As much of the label as there is room for before the bar; the table beside has all of it."""
        return self.label if len(self.label) <= _LONGEST_CHARS else f"{self.label[: _LONGEST_CHARS - 1]}…"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and what a table beside it says.

    Attributes:
        text: What is counted, for those who do not see it.
        heads: Above the two columns of the table.
    """

    name: str
    title: str
    text: str
    heads: tuple[str, str]
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        """Of the drawing."""
        return len(self.bars) * _ROW + 8


def chart_of(
    name: str, title: str, text: str, heads: tuple[str, str], rows: Sequence[tuple[str, Decimal | int, str]]
) -> Chart:
    """A chart of rows: what each is called, how much it is, and how that is written."""
    most = max((Decimal(value) for _, value, _ in rows), default=Decimal(0))
    bars = tuple(
        Bar(label, told, number * _ROW + 8, _width(Decimal(value), most))
        for number, (label, value, told) in enumerate(rows)
    )
    return Chart(name, title, text, heads, bars)


def _width(value: Decimal, most: Decimal) -> int:
    if value <= 0:
        return 0
    return max(2, int((_BAR_RIGHT - BAR_LEFT) * value / most))
