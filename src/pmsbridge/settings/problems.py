"""Words for wrong settings: the place, the key, the shape of what was given and the remedy, never the value."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pmsbridge.settings.sections import AccountSettings, Settings

__all__ = ["Origin", "describe", "shape_of", "unknown_variable"]

_MISSING: Final = object()
_PREFIX: Final = "PMSBRIDGE_"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where settings came from.

    Attributes:
        place: The file, or "the environment".
        env: To tell whether one key came from a variable; never shown.
    """

    place: str
    env: Mapping[str, str] = field(repr=False)

    def of(self, key: Sequence[str]) -> str:
        """The variable or file that set a dotted key."""
        variables = {name.upper() for name in self.env}
        for depth in range(len(key), 0, -1):
            name = _PREFIX + "__".join(key[:depth]).upper()
            if name in variables:
                return name
        return self.place


def describe(error: ValidationError, given: Mapping[str, Any], origin: Origin) -> str:
    """All mistakes of one validation as one text, a line each."""
    lines = [_line(detail, given, origin) for detail in error.errors(include_url=False, include_input=False)]
    return "\n".join(dict.fromkeys(lines))


def unknown_variable(name: str, section: str) -> str:
    """Words for an environment variable that sets nothing."""
    close = _did_you_mean(section, Settings.model_fields, lambda word: f"{_PREFIX}{word.upper()}__...")
    return f"{name}: no such section. {close}"


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
            return "nothing" if value is _MISSING else "another kind of value"


def _line(detail: ErrorDetails, given: Mapping[str, Any], origin: Origin) -> str:
    key = [str(part) for part in detail["loc"] if part != "[key]"]
    place = f"{origin.of(key)}: {'.'.join(key)}"
    if detail["type"] == "extra_forbidden":
        return f"{place}: no such key. {_did_you_mean(key[-1], _names_at(key[:-1]))}"
    if detail["type"] == "missing":
        return f"{place}: missing. Add it."
    return f"{place}: {_problem(detail)} (given: {shape_of(_value_at(given, key))})."


def _problem(detail: ErrorDetails) -> str:
    if "[key]" in detail["loc"]:
        return "an account's name is a small letter followed by at most 39 small letters, digits, - or _"
    message = detail["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:].rstrip(".")


def _value_at(given: object, key: Sequence[str]) -> object:
    for part in key:
        given = given.get(part, _MISSING) if isinstance(given, Mapping) else _MISSING
    return given


def _names_at(key: Sequence[str]) -> Collection[str]:
    """The keys a table may hold."""
    if not key:
        return Settings.model_fields
    if key[0] == "accounts":
        return AccountSettings.model_fields
    section = Settings.model_fields.get(key[0])
    models = [section.annotation, *get_args(section.annotation)] if section else []
    fields = [m.model_fields for m in models if isinstance(m, type) and issubclass(m, BaseModel)]
    return fields[0] if fields else ()


def _did_you_mean(word: str, known: Collection[str], show: Callable[[str], str] = str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {show(close[0])}?" if close else f"Known: {', '.join(show(name) for name in sorted(known))}."
