"""Card numbers in the wrong place: found before anything is tried, and never repeated.

A card number in a note, a name or a key would be stored, shown to staff and mailed. What is refused here is exactly
what the redactor would take out of a log line, except where a field has a shape of its own.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pmsbridge.errors import InputError
from pmsbridge.logging import redact

__all__ = ["refuse_card_in_id", "refuse_card_number"]

_GAP: Final = r"[ \t\u00a0\u2009\u200b\u202f._+\-\u2010-\u2015\u2212/|]{0,3}"
_RUN: Final = re.compile(rf"\+?[0-9](?:{_GAP}[0-9]){{12,}}")
_LONGEST_PHONE_DIGITS: Final = 15
_SHORTEST_CARD_IN_A_PHONE_DIGITS: Final = 14
"""A phone number with its country code may have 13 digits and pass as an old card number; no card has 13 now."""

_ALONE: Final = r"[0-9]{13,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}"
_WHOLE: Final = re.compile(rf"(?<![0-9A-Za-z])(?:{_ALONE})(?![0-9A-Za-z])")
"""A card number standing alone: in an id or a key, digits of a UUID are no card number."""


def refuse_card_number(field: str, text: str, *, is_phone: bool = False) -> None:
    """Refuse text with a card number in it.

    Args:
        field: Which input, as the caller spells it.
        text: What was given.
        is_phone: The text is a phone number by itself.

    Raises:
        InputError: There is one. The error does not repeat it.
    """
    shortest = _SHORTEST_CARD_IN_A_PHONE_DIGITS if is_phone else 0
    for hit in _RUN.finditer(unicodedata.normalize("NFKC", text)):
        digits = sum(char.isdigit() for char in hit[0])
        is_international = hit[0].startswith("+") and digits <= _LONGEST_PHONE_DIGITS
        if digits >= shortest and not is_international and _is_card(hit[0]):
            raise _refusal(field, text)


def refuse_card_in_id(field: str, text: str) -> None:
    """Refuse an id, a key or a reference that is a card number, or has one standing alone in it.

    Raises:
        InputError: It is one. The error does not repeat it.
    """
    if any(_is_card(hit[0]) for hit in _WHOLE.finditer(unicodedata.normalize("NFKC", text))):
        raise _refusal(field, text)


def _is_card(run: str) -> bool:
    return redact(run) != run


def _refusal(field: str, text: str) -> InputError:
    return InputError(
        field, "looks like it holds a card number", shape=f"{len(text)} characters",
        remedy="Remove it; a card is given as a Card, never in text.", code="card_number_in_text",
    )  # fmt: skip
