"""Amounts, days and texts as they are printed: exact, and in the manner of a language."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.logging import redact
from pmsbridge.model.money import Money
from pmsbridge.portal.words import LANGUAGES

__all__ = ["clean", "day", "figure", "file_name", "is_negative", "money", "one_line", "period", "spoken"]

_SPACE: Final = "\u00a0"
"""Keeps what belongs together on one line."""
_MINUS: Final = "\u2212"
_MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
}
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME_CHARS: Final = 60
_LINE_ENDS: Final = "\t\r\n\v\f"
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs"})


def spoken(language: str) -> str:
    """The language of a tag that we print in ("fr-CA" is "fr"); English for any other."""
    short = language.lower().replace("_", "-").partition("-")[0]
    return short if short in LANGUAGES else LANGUAGES[0]


def figure(amount: Decimal, language: str) -> str:
    """An amount without its currency: "1,234.50", in French "1 234,50"; a real minus sign."""
    text = format(abs(amount), ",f")
    if language == "fr":
        text = text.replace(",", _SPACE).replace(".", ",")
    return f"{_MINUS}{text}" if amount < 0 else text


def is_negative(told: str) -> bool:
    """Whether a figure is printed as less than nothing."""
    return told.startswith(_MINUS)


def money(value: Money, language: str) -> str:
    """An amount and its currency, which is written by its code because "$" is said of many."""
    return f"{figure(value.amount, language)}{_SPACE}{value.currency}"


def day(value: date, language: str) -> str:
    """A business date: "31 Dec 2026", in French "31 déc. 2026": neither can be read with day and month exchanged."""
    number = "1er" if language == "fr" and value.day == 1 else str(value.day)
    return _SPACE.join((number, _MONTHS[language][value.month - 1], str(value.year)))


def period(first: date, last: date, language: str) -> str:
    """Two business dates, both included, without what both share: "1–31 Oct 2026", "1 Oct – 15 Nov 2026"."""
    begin, month, year = day(first, language).split(_SPACE)
    if (first.year, first.month) == (last.year, last.month):
        return f"{begin}–{day(last, language)}" if first != last else day(last, language)
    shared = () if first.year == last.year else (year,)
    return f"{_SPACE.join((begin, month, *shared))} – {day(last, language)}"


def one_line(text: str) -> str:
    """A name or a number from outside on one line, without control signs."""
    normal = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if sign in _LINE_ENDS else sign for sign in normal if _is_seen(sign)).split())


def clean(text: str) -> str:
    """Free text from outside on one line, without control signs, and without card numbers that somebody typed there."""
    return redact(one_line(text))


def _is_seen(sign: str) -> bool:
    return sign in _LINE_ENDS or unicodedata.category(sign) not in _UNSEEN


def file_name(*parts: str) -> str:
    """A file name of parts, plain ASCII, with the ending of a PDF."""
    plain = unicodedata.normalize("NFKD", "-".join(parts)).encode("ascii", "ignore").decode()
    return (_NOT_IN_NAMES.sub("-", plain).strip("-.")[:_LONGEST_NAME_CHARS] or "document") + ".pdf"
