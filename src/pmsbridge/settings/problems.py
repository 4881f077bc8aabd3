"""Words for wrong settings: the place, the key, the shape of what was given and the remedy, never the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from pmsbridge.logging import redact
from pmsbridge.model.wrong_values import MISSING, problem_of, shape_of, without_echoes
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.settings.values import is_account_name

__all__ = ["Origin", "describe", "unknown_variable"]

_PREFIX: Final = "PMSBRIDGE_"
_ABOUT_A_KEY: Final = re.compile(r"([a-z_]+(?:\.[a-z_]+)*): (.+)", re.DOTALL)


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
    details = without_echoes([dict(row) for row in error.errors(include_url=False, include_input=False)])
    return "\n".join(dict.fromkeys(_line(detail, given, origin) for detail in details))


def unknown_variable(name: str, section: str) -> str:
    """Words for an environment variable that sets nothing."""
    close = _did_you_mean(section, Settings.model_fields, lambda word: f"{_PREFIX}{word.upper()}__...")
    return f"{name}: no such section. {close}"


def _line(detail: Mapping[str, Any], given: Mapping[str, Any], origin: Origin) -> str:
    key = [str(part) for part in detail["loc"] if part != "[key]"]
    if detail["type"] == "extra_forbidden":
        return f"{_place(key, given, origin)}: no such key. {_did_you_mean(key[-1], _names_at(key[:-1]))}"
    if detail["type"] == "missing":
        return f"{_place(key, given, origin)}: missing. Add it."
    problem = problem_of(detail)
    if "[key]" in detail["loc"]:
        return f"{_place(key, given, origin)}: {problem} (given: {shape_of(key[-1])})."
    if (about := _ABOUT_A_KEY.fullmatch(problem)) and about[1].partition(".")[0] in _names_at(key):
        # A rule over several keys says which one to change.
        key, problem = [*key, *about[1].split(".")], about[2]
    return f"{_place(key, given, origin)}: {problem} (given: {shape_of(_value_at(given, key))})."


def _place(key: Sequence[str], given: Mapping[str, Any], origin: Origin) -> str:
    """File or variable, and the key as it stands there; an endpoint of ``[[webhooks]]`` goes by its name."""
    if len(key) > 1 and key[0] == "webhooks":
        name = _value_at(given, [*key[:2], "name"])
        is_fit = isinstance(name, str) and is_account_name(name) and redact(name) == name
        table = f'webhooks "{name}"' if is_fit else f"webhooks.{key[1]}"
        return ": ".join([origin.of(key), table, *([".".join(key[2:])] if key[2:] else [])])
    return f"{origin.of(key)}: {'.'.join(key)}"


def _value_at(given: object, key: Sequence[str]) -> object:
    for part in key:
        if isinstance(given, Mapping):
            given = given.get(part, MISSING)
        elif isinstance(given, list | tuple) and part.isdecimal() and int(part) < len(given):
            given = given[int(part)]
        else:
            return MISSING
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
