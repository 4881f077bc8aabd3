"""What a person typed: texts and days, checked before anything is tried."""

from __future__ import annotations

from datetime import date
from typing import Final

from pmsbridge.errors import InputError
from pmsbridge.portal.arguments import checked_words
from pmsbridge.portal.card_numbers import refuse_card_number

__all__ = ["TEXT_LIMIT_CHARS", "checked_text", "refuse_past"]

TEXT_LIMIT_CHARS: Final = 1500


def refuse_past(field: str, day: date | None, today: date) -> None:
    """Refuse a day before today.

    Raises:
        InputError: It is.
    """
    if day is not None and day < today:
        raise InputError(field, "lies in the past", remedy=f"Choose {today} or later.")


def checked_text(field: str, text: str, *, limit: int = TEXT_LIMIT_CHARS) -> str:
    """Text that a person typed, without the blanks around it.

    Raises:
        InputError: It is none, empty, longer than ``limit`` characters, or holds a card number.
    """
    clean = checked_words(field, text)
    if not clean:
        raise InputError(field, "is empty")
    if len(clean) > limit:
        raise InputError(
            field,
            f"is longer than {limit} characters",
            shape=f"{len(clean)} characters",
            remedy="Shorten it or send it in parts; nothing is cut silently.",
        )
    refuse_card_number(field, clean)
    return clean
