"""Words for a wrong value in a file that a person wrote: what should stand there, and what does, never the value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

__all__ = ["MISSING", "problem_of", "shape_of", "without_echoes"]

MISSING: Final = object()
"""Stands for a value that is not there."""

_SPAN: Final = re.compile(r"([0-9]+) (day|hour|minute|second|microsecond)s?")
_SHORT: Final = {"day": "d", "hour": "h", "minute": "m", "second": "s", "microsecond": "us"}
_BY_TYPE: Final = {
    "bool": "not true or false; write it without quotes",
    "int": "not a whole number; write it without quotes",
    "decimal": "not a number",
    "float": "not a number",
    "string": "not a text; put it in quotes",
    "list": "not a list; put it in [ ]",
    "tuple": "not a list; put it in [ ]",
    "dict": "not a table of keys and values",
    "mapping": "not a table of keys and values",
    "model": "not a table of keys and values",
    "path": "not the path of a file",
}
_BY_PATTERN: Final = {"^[A-Z]{3}$": 'not a currency; write three capital letters, such as "USD"'}
_ELSE: Final = "not a value that can stand here"
_LIMITS: Final = {"expected": "one of", "gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def problem_of(detail: Mapping[str, Any]) -> str:
    """What is wrong with a value, from one line of a pydantic error, without a dot at the end.

    A text of our own is kept; of pydantic's own texts nothing is left, no pattern and no Python type.
    """
    kind, context = str(detail["type"]), detail.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        message = str(detail["msg"]).removeprefix("Value error, ")
        return message[:1].lower() + message[1:].rstrip(".")
    for name, words in _LIMITS.items():
        if name in context:
            return f"must be {words} {_plain(context[name])}"
    if kind.endswith(("too_short", "too_long")):
        return _size(kind, context)
    by_pattern = _BY_PATTERN.get(str(context.get("pattern")), "not written as it should be")
    return _BY_TYPE.get(kind.partition("_")[0], _ELSE) if kind != "string_pattern_mismatch" else by_pattern


def without_echoes(details: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of a pydantic error without those about a table or list in which another line names the very place."""
    places = [tuple(detail["loc"]) for detail in details]

    def is_echo(place: tuple[object, ...]) -> bool:
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    return [detail for detail, place in zip(details, places, strict=True) if not is_echo(place)]


def shape_of(value: object) -> str:
    """What a value is, without saying it."""
    match value:
        case None | bool() | int() | Decimal() | float():
            return {bool: "true or false", int: "a whole number"}.get(type(value), "a number")
        case str():
            return f"text of {len(value)} characters"
        case Mapping():
            return f"a table of {len(value)} keys"
        case list() | tuple():
            return f"a list of {len(value)}"
        case datetime() | date() | time():
            return "a date or time"
        case _:
            return "nothing" if value is MISSING else "another kind of value"


def _size(kind: str, context: Mapping[str, Any]) -> str:
    words, name = ("at least", "min_length") if kind.endswith("short") else ("at most", "max_length")
    size = context[name]
    if kind.startswith("string"):
        return "must not be empty" if (words, size) == ("at least", 1) else f"must have {words} {size} characters"
    return f"needs {words} {size} {'entry' if size == 1 else 'entries'}"


def _plain(limit: object) -> str:
    """A limit as a person would write it into the file; pydantic tells a duration in words ("1 minute")."""
    span = _SPAN.fullmatch(str(limit))
    if span is None:
        return str(limit)
    number, unit = int(span[1]), _SHORT[span[2]]
    return f'"{number // 1000}ms"' if unit == "us" else f'"{number}{unit}"'
