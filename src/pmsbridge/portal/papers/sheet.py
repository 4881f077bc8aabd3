"""What stands on a paper, in words and in order, before anything is drawn: pure values, made from the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from pmsbridge.model.letterhead import Letterhead

__all__ = ["Column", "Fact", "Line", "Paper", "Sheet"]


@dataclass(frozen=True, slots=True)
class Paper:
    """A finished paper.

    Attributes:
        name: A file name without a folder, plain ASCII.
        title: As its reader's program shows it.
        language: "en" or "fr".
        content: The bytes of the PDF.
        unprintable: Signs that no font had; each is a box on the paper. Empty as a rule.
    """

    name: str
    title: str
    language: str
    content: bytes = field(repr=False)
    unprintable: str = ""
    media_type: str = "application/pdf"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something with a name to it.

    Attributes:
        is_strong: What the reader looks for first.
        is_warning: Something the reader has to act on.
    """

    label: str
    text: str
    is_strong: bool = False
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        width: In millimetres; None for what the others leave.
        is_amount: Stands right.
    """

    title: str
    width: int | None = None
    is_amount: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, a text per column."""

    cells: tuple[str, ...]
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole paper.

    Attributes:
        file_name: What it is saved as.
        dated_on: The business date it is of; also the day in the file's own properties.
        letterhead: Colours, size, logo and foot.
        sender: The company, and below it how to reach it.
        addressee: Whom it is for, a line each.
        facts: Beside the addressee.
        tiles: Large, above the table; the last one is what the paper is about.
        aging: What is owed by how long, below the tiles; empty where nobody tells.
        totals: Below the table.
        notes: Sentences at the end.
    """

    language: str
    file_name: str
    title: str
    subtitle: str
    dated_on: date
    letterhead: Letterhead
    sender: tuple[str, ...]
    addressee: tuple[str, ...]
    facts: tuple[Fact, ...]
    tiles: tuple[Fact, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    totals: tuple[Fact, ...]
    aging: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
