"""The letters of our papers: FiraGO, with figures of one width, so that amounts stand under each other."""

from __future__ import annotations

import io
from functools import cache
from typing import Any, Final

import pymupdf_fonts
from fontTools.ttLib import TTFont

__all__ = ["STYLES", "font"]

STYLES: Final = {"": "figo", "B": "figbo"}
"""Regular and bold, under the names by which the collection hands them out."""

_ONE_WIDTH: Final = "tnum"
_STAND_INS: Final = {0x202F: 0x00A0, 0x2009: 0x00A0, 0x25A1: 0x25AF}
"""Narrow blanks, and the box for what cannot be printed: signs the font lacks, each by what comes nearest."""


@cache
def font(style: str) -> bytes:
    """A font as a file holds it: Latin, Greek, Cyrillic, Hebrew, Arabic, Thai, Devanagari and Georgian.

    Args:
        style: "" or "B".
    """
    read = TTFont(io.BytesIO(pymupdf_fonts.myfont(STYLES[style])))
    cmap = read.getBestCmap()
    figures = _figures(read)
    instead = {sign: figures[cmap[sign]] for sign in map(ord, "0123456789")}
    instead |= {sign: cmap[near] for sign, near in _STAND_INS.items()}
    for table in read["cmap"].tables:
        if table.isUnicode():
            table.cmap.update(instead)
    kept = io.BytesIO()
    read.save(kept)
    return kept.getvalue()


def _figures(read: Any) -> dict[str, str]:  # noqa: ANN401 - the library has no types
    """By glyph, the one that is as wide as all other figures."""
    rules = read["GSUB"].table
    lookups = {
        number
        for feature in rules.FeatureList.FeatureRecord if feature.FeatureTag == _ONE_WIDTH
        for number in feature.Feature.LookupListIndex
    }  # fmt: skip
    found: dict[str, str] = {}
    for number in sorted(lookups):
        for table in rules.LookupList.Lookup[number].SubTable:
            found |= getattr(getattr(table, "ExtSubTable", table), "mapping", {})
    return found
