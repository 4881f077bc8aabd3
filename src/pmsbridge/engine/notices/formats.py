"""Values as people of one language write them: exact, and never to be taken for another value."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.logging import REDACTED, redact
from pmsbridge.model.money import Money

__all__ = ["LANGUAGES", "cleaned", "one_line", "paragraph", "shown"]

LANGUAGES: Final = ("en", "fr")
_SPACE: Final = "\u00a0"
"""Keeps a number and its currency on one line."""
_MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_LINE_END: Final = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_GAP: Final = r"[ \t\u00a0\u2009\u200b\u202f._+\-\u2010-\u2015\u2212/|]{0,3}"
_LONG_NUMBER: Final = re.compile(rf"\+?[0-9](?:{_GAP}[0-9]){{12,}}")
_LONGEST_PHONE_DIGITS: Final = 15


def shown(value: object, language: str) -> object:
    """A value in words of a language; anything that has no such form stays as it is."""
    if isinstance(value, Money):
        return _money(value, language)
    if isinstance(value, datetime):
        return _moment(value, language)
    if isinstance(value, date):
        return _day(value, language)
    if isinstance(value, Decimal):
        return _number(value, language)
    return value


def _money(value: Money, language: str) -> str:
    """``1,234.50 USD``, in French ``1 234,50 USD``: the currency by its code, because "$" is said of many."""
    space = _SPACE if language == "fr" else " "
    return f"{_number(value.amount, language)}{space}{value.currency}"


def _number(value: Decimal, language: str) -> str:
    text = format(value, ",f")
    return text.replace(",", _SPACE).replace(".", ",") if language == "fr" else text


def _day(value: date, language: str) -> str:
    """``2026-12-31``, in French ``31 décembre 2026``: neither can be read with day and month exchanged."""
    if language != "fr":
        return value.isoformat()
    return f"{'1er' if value.day == 1 else value.day} {_MONTHS[value.month - 1]} {value.year}"


def _moment(value: datetime, language: str) -> str:
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else value.tzname() or ""
    link = " à " if language == "fr" else " "
    return f"{_day(value.date(), language)}{link}{value:%H:%M} ({zone})"


# -- what comes from outside ------------------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """Text without line ends, control characters and what reverses the reading direction; blanks are single."""
    return " ".join(_printable(_LINE_END.sub(" ", text)).split())


def paragraph(text: str) -> str:
    """The same with its line ends, at most one empty line in a row."""
    lines = [" ".join(_printable(line).split()) for line in _LINE_END.split(text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _printable(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    return "".join(" " if char == "\t" else char for char in normal if char == "\t" or not _is_unseen(char))


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs"}


def cleaned(facts: object, zone: ZoneInfo, paragraphs: frozenset[str]) -> dict[str, object]:
    """The fields of a dataclass as a template may see them: clean text, no card number, instants in local time.

    Raises:
        TypeError: It is no dataclass instance.
    """
    if not is_dataclass(facts):
        message = "facts are a dataclass"
        raise TypeError(message)
    return {f.name: _clean(getattr(facts, f.name), zone, paragraphs, f.name) for f in fields(facts)}


def _clean(value: object, zone: ZoneInfo, paragraphs: frozenset[str], name: str = "") -> object:
    if isinstance(value, str):
        return _without_cards(paragraph(value) if name in paragraphs else one_line(value))
    if isinstance(value, datetime):
        return value.astimezone(zone)
    if isinstance(value, tuple):
        return tuple(_clean(item, zone, paragraphs) for item in value)
    if is_dataclass(value):
        return cleaned(value, zone, paragraphs)
    return value


def _without_cards(text: str) -> str:
    """The portal refuses card numbers; one that came another way is taken out, and the gap shows."""
    return _LONG_NUMBER.sub(_unless_card, text)


def _unless_card(hit: re.Match[str]) -> str:
    is_phone = hit[0].startswith("+") and sum(char.isdigit() for char in hit[0]) <= _LONGEST_PHONE_DIGITS
    return hit[0] if is_phone or redact(hit[0]) == hit[0] else REDACTED
