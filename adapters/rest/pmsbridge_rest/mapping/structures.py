"""Structures that are sent: tables and lists whose texts have places to fill, and a few keys that make more of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, WithJsonSchema

from pmsbridge_rest.mapping.templates import HAS_PLACES, parse_template

__all__ = ["SPECIAL", "Body", "Structure"]

SPECIAL: Final = frozenset({"$each", "$make", "$value", "$as", "$none", "$record", "$file"})
"""Keys that say how something is made; everything else that begins with $ is refused."""

_DEEPEST: Final = 20
_ALONE: Final = (
    {"$file"}, {"$each", "$make"}, {"$value"}, {"$value", "$as"}, {"$value", "$none"}, {"$value", "$as", "$none"},
)  # fmt: skip


def _checked(value: Any) -> Any:  # noqa: ANN401 - tables, lists and plain values
    _check_body(value, _DEEPEST)
    return value


def _check_body(value: Any, depth: int) -> None:  # noqa: ANN401
    if not depth:
        message = f"deeper than {_DEEPEST} tables and lists"
        raise ValueError(message)
    if isinstance(value, str):
        parse_template(value)
    elif isinstance(value, dict):
        _check_special(value)
        for each in value.values():
            _check_body(each, depth - 1)
    elif isinstance(value, list):
        for each in value:
            _check_body(each, depth - 1)


def _check_special(table: dict[str, Any]) -> None:
    """Keys that begin with $ say how something is made."""
    ours = {key for key in table if key.startswith("$")}
    if unknown := sorted(ours - SPECIAL):
        message = f"{unknown[0]} is not one of {', '.join(sorted(SPECIAL))}"
        raise ValueError(message)
    if ours and ours != {"$record"} and (ours != set(table) or ours not in _ALONE):
        message = (
            "special keys stand alone: $file, $each with $make, $value with $as or $none; only $record has others "
            "beside it"
        )
        raise ValueError(message)
    if not isinstance(table.get("$file", ""), str):
        message = '$file says what the file is called: $file: "{effect.title}"'
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a field error
    if table.get("$none", "omit") not in {"omit", "null", "empty", "refuse"}:
        message = "$none is omit, null, empty or refuse"
        raise ValueError(message)
    if table.get("$record", "whole") not in {"whole", "changes"}:
        message = "$record is whole or changes"
        raise ValueError(message)


Body = Annotated[
    dict[str, Any],
    AfterValidator(_checked),
    HAS_PLACES,
    WithJsonSchema({"type": "object", "description": "Tables, lists and texts with places to fill."}),
]
"""What is sent: tables and lists of plain values and of texts with places to fill.

``$each`` with ``$make``: a list, one entry for every entry of the path after ``$each``, in which ``{part...}`` is that
entry. ``$value`` with ``$as`` (a codec) or ``$none`` (omit, null, empty, refuse): one value, in the long form.
``$file``: the file that was handed in, called as the text says; multipart only.
``$record``: what an update makes, the whole record or its changes; keys beside it are added.
"""

Structure = Annotated[
    Any,
    AfterValidator(_checked),
    HAS_PLACES,
    WithJsonSchema({"type": ["object", "array"], "description": "Tables, lists and texts with places to fill."}),
]
"""As a body, or a list."""
