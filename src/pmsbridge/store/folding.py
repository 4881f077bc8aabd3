"""How names are compared: without case, accents and doubled blanks; phones by digits; unit numbers as they are."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["digits_of", "fold"]

_LETTERS: Final = str.maketrans({"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe"})
_NOT_DIGITS: Final = bytes({*range(256)} - {*b"0123456789"})


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Case, accents and doubled blanks removed."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def digits_of(text: str) -> str:
    """Digits only."""
    return text.encode("ascii", "ignore").translate(None, _NOT_DIGITS).decode()
