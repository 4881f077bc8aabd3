"""Plain data as YAML that every reader reads alike: quotes wherever readers could disagree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["as_yaml"]

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_TRAPS: Final = re.compile(r"y|n|yes|no|on|off|true|false|null", re.IGNORECASE)
_WIDTH: Final = 110


def as_yaml(data: dict[str, Any]) -> str:
    """Tables in block form, short ones on one line."""
    return "\n".join(_block(data, 0)) + "\n"


def _block(table: dict[str, Any], indent: int) -> Iterator[str]:
    blanks = " " * indent
    for key, value in table.items():
        line = f"{blanks}{_text(key)}: {_flow(value)}"
        if not isinstance(value, dict | list) or not value or (indent and len(line) <= _WIDTH):
            yield line
        elif isinstance(value, dict):
            yield f"{blanks}{_text(key)}:"
            yield from _block(value, indent + 2)
        else:
            yield f"{blanks}{_text(key)}:"
            yield from _entries(value, indent + 2)


def _entries(values: list[Any], indent: int) -> Iterator[str]:
    for value in values:
        line = f"{' ' * indent}- {_flow(value)}"
        if not isinstance(value, dict) or len(line) <= _WIDTH:
            yield line
            continue
        first, *rest = _block(value, indent + 2)
        yield f"{' ' * indent}- {first.lstrip()}"
        yield from rest


def _flow(value: Any) -> str:  # noqa: ANN401 - plain data
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _TRAPS.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)
