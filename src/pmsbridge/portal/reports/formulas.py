"""Texts that a spreadsheet would take for a formula: somebody may have typed one into a name."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_risky"]

_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER: Final = re.compile(r"[+-]\d+(\.\d+)?", re.ASCII)


def is_risky(text: str) -> bool:
    """Whether a text would run; a signed number does not."""
    return text.startswith(_BEGINNINGS) and _NUMBER.fullmatch(text) is None
