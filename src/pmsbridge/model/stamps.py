"""Our reference in a text that people read: how it is told apart from references that the text itself quotes."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["without_stamp"]

_REFERENCE: Final = r"PB-[A-Z0-9-]{6,40}"
_IN_BRACKETS: Final = re.compile(rf"\s*\[({_REFERENCE})\]")
_BARE_AT_THE_END: Final = re.compile(rf"\s*(?<!\S)({_REFERENCE})\s*\Z")


def without_stamp(text: str, *, or_bare: bool = False) -> tuple[str, str]:
    """A text without our stamp, and the reference that stood in it.

    The stamp is the last reference in brackets: whoever writes puts it behind the words. All others are the words'
    own ("Follows PB-7AJBTBT4GC7H") and stay.

    Args:
        text: As the back office tells it.
        or_bare: Whether a reference without brackets at the very end is one too, where none stands in brackets.
            Payments are described so; of a note its last word could be a quoted one.

    Returns:
        The words, and the reference; the text as it is and "" where it carries no stamp.
    """
    found = list(_IN_BRACKETS.finditer(text))
    stamp = found[-1] if found else _BARE_AT_THE_END.search(text) if or_bare else None
    return (text, "") if stamp is None else (text[: stamp.start()] + text[stamp.end() :], stamp[1])
