"""Whose paper it is: what stands at the head and at the foot of a paper that we make."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from pmsbridge.model.record import Value

__all__ = ["Letterhead", "PaperSize"]


class PaperSize(StrEnum):
    """What a paper is printed on."""

    A4 = "a4"
    LETTER = "letter"


class Letterhead(Value):
    """What an operator's own papers look like.

    Attributes:
        name: The company; empty for the facility's name.
        lines: Address and how to reach the company, a line each; none for what the back office holds of the facility.
        logo: A PNG or JPEG file; empty for none.
        foot: What stands at the foot of every page: registered office, tax number.
        size: What it is printed on.
        accent: The colour of titles and rules, "#" and six hexadecimal digits.
        fonts: TrueType or OpenType files for writing that the built-in font has no signs for, tried in this order.
    """

    name: str = ""
    lines: tuple[str, ...] = ()
    logo: str = ""
    foot: str = ""
    size: PaperSize = PaperSize.A4
    accent: Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")] = "#1f3a5f"
    fonts: tuple[str, ...] = ()
