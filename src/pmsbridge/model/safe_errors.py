"""Validation errors that repeat nothing of what was given.

Somebody will type a card number into the name field. Pydantic's own errors hold the input in ``errors()``, name
unknown keys, and repeat an unknown tag of a union even when inputs are hidden. A cleaned error keeps the fields, the
rules and the count.
"""

from __future__ import annotations

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

__all__ = ["without_input"]

_OWN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_.\[\],-]{0,80}|[A-Za-z_]{1,20}[0-9]{1,2}")
_UNKNOWN_KEY: Final = "(a key of the input)"
# These messages are made with a piece of the input.
_OWN_WORDS: Final = {
    "union_tag_invalid": "Input tag does not match any of the expected tags",
    "literal_error": "Input is not one of the expected words",
    "extra_forbidden": "Extra inputs are not permitted",
}


def _place(part: int | str) -> int | str:
    """A field's name or an index; a key that may be somebody's input is not named."""
    return part if isinstance(part, int) or _OWN_NAME.fullmatch(part) else _UNKNOWN_KEY


def without_input(error: ValidationError) -> ValidationError:
    """The same error without the input, its keys and its tags.

    Raise the result outside the ``except`` block, or the original stays reachable as its context.
    """
    lines = [
        InitErrorDetails(
            type=PydanticCustomError(line["type"], _OWN_WORDS.get(line["type"], line["msg"])),
            loc=tuple(_place(part) for part in line["loc"]),
            input=None,
        )
        for line in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ValidationError.from_exception_data(error.title, lines, input_type="python", hide_input=True)
