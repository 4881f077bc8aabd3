"""Paths: they read a value out of a document and write it back to the same place, so they can be inverted.

::

    tenant.first_name           a key in a key
    "first name".value          a key that is not a plain word, in double quotes
    phones[0].number            the first entry of a list
    phones[type=home].number    the entry whose key "type" is the text "home"; made when there is none
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

__all__ = ["ABSENT", "Absent", "Path", "Step", "parse_path", "path_of", "read_at", "without", "write_at"]

_STEP: Final = re.compile(
    r"""(?P<dot>\.)?(?:
        (?P<name>[A-Za-z_@$][A-Za-z0-9_@$:-]*)
      | "(?P<quoted>[^"\\]{1,100})"
      | \[(?P<index>0|[1-9][0-9]{0,3})\]
      | \[(?P<key>[A-Za-z_][A-Za-z0-9_-]*)=(?P<value>[^\]\[="]{1,100})\]
    )""",
    re.VERBOSE,
)
_LONGEST: Final = 300


class Absent(Enum):
    """The type of ``ABSENT``."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent.ABSENT
"""There is no such key: neither null nor empty."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path.

    Attributes:
        key: The key to take, or the key that an entry of a list is chosen by.
        index: Which entry of a list; None for a key.
        equals: The text that the chosen entry's key holds; None for a plain key or index.
    """

    key: str = ""
    index: int | None = None
    equals: str | None = None


@lru_cache(maxsize=4096)
def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path.

    Raises:
        ValueError: It is no path; the message says where.
    """
    steps: list[Step] = []
    place = 0
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None or not _joins(found, is_first=not steps):
            message = f"not a path, at its character {place + 1}; write it like phones[type=home].number"
            raise ValueError(message)
        steps.append(_step(found))
        place = found.end()
    if not steps:
        message = "an empty path"
        raise ValueError(message)
    return tuple(steps)


def _joins(found: re.Match[str], *, is_first: bool) -> bool:
    """A dot stands before every key but the first, and before no bracket."""
    is_key = found["name"] is not None or found["quoted"] is not None
    return bool(found["dot"]) == (is_key and not is_first)


def _step(found: re.Match[str]) -> Step:
    if found["index"] is not None:
        return Step(index=int(found["index"]))
    if found["key"] is not None:
        return Step(key=found["key"], equals=found["value"])
    return Step(key=found["name"] if found["name"] is not None else found["quoted"])


def path_of(steps: tuple[Step, ...]) -> str:
    """The text of some steps."""
    words = (f'."{s.key}"' if s.index is None and s.equals is None else _bracket(s) for s in steps)
    return "".join(words).removeprefix(".")


def _bracket(step: Step) -> str:
    return f"[{step.index}]" if step.index is not None else f"[{step.key}={step.equals}]"


def _is_path(text: str) -> str:
    parse_path(text)
    return text


Path = Annotated[str, Field(min_length=1, max_length=_LONGEST), AfterValidator(_is_path)]
"""A path that reads and writes."""


def read_at(document: Any, path: str) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The value at a path; ``ABSENT`` where there is no such key or entry (null is a value: None)."""
    here = document
    for step in parse_path(path):
        here = _below(here, step)
        if here is ABSENT:
            return ABSENT
    return here


def _below(here: Any, step: Step) -> Any:  # noqa: ANN401
    if step.index is not None:
        return here[step.index] if isinstance(here, list) and step.index < len(here) else ABSENT
    if step.equals is not None:
        return _chosen(here, step)
    return here.get(step.key, ABSENT) if isinstance(here, dict) else ABSENT


def _chosen(here: Any, step: Step) -> Any:  # noqa: ANN401
    entries = here if isinstance(here, list) else []
    return next((row for row in entries if isinstance(row, dict) and row.get(step.key) == step.equals), ABSENT)


def write_at(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """A copy of a document with a value at a path; keys and entries on the way are made. The given one is as before.

    Raises:
        ValueError: Something on the way is of another kind, or an entry would leave a gap in a list.
    """
    written: dict[str, Any] = _written(document, parse_path(path), value, path)
    return written


def _written(here: Any, steps: tuple[Step, ...], value: Any, path: str) -> Any:  # noqa: ANN401
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step.index is None and step.equals is None:
        table = _as(dict, here, path)
        return {**table, step.key: _written(table.get(step.key, ABSENT), rest, value, path)}
    entries = _as(list, here, path)
    place = _place(entries, step, path)
    old = entries[place] if place < len(entries) else _new(step)
    return [*entries[:place], _written(old, rest, value, path), *entries[place + 1 :]]


def _as(kind: type[Any], here: Any, path: str) -> Any:  # noqa: ANN401
    """What is there, or an empty one where there is nothing."""
    if here is ABSENT or here is None:
        return kind()
    if isinstance(here, kind):
        return here
    message = f"{path}: something else stands on the way"
    raise ValueError(message)


def _new(step: Step) -> Any:  # noqa: ANN401
    return ABSENT if step.equals is None else {step.key: step.equals}


def _place(entries: list[Any], step: Step, path: str) -> int:
    if step.equals is not None:
        found = (n for n, row in enumerate(entries) if isinstance(row, dict) and row.get(step.key) == step.equals)
        return next(found, len(entries))
    if step.index is None or step.index > len(entries):
        message = f"{path}: the list is too short"
        raise ValueError(message)
    return step.index


def without(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of a document without what is at a path; the same where there is nothing. Entries of lists go too."""
    if read_at(document, path) is ABSENT:
        return document
    removed: dict[str, Any] = _removed(document, parse_path(path))
    return removed


def _removed(here: Any, steps: tuple[Step, ...]) -> Any:  # noqa: ANN401
    step, rest = steps[0], steps[1:]
    if step.index is None and step.equals is None:
        if not rest:
            return {key: each for key, each in here.items() if key != step.key}
        return {**here, step.key: _removed(here[step.key], rest)}
    place = _place(here, step, "")
    middle = [_removed(here[place], rest)] if rest else []
    return [*here[:place], *middle, *here[place + 1 :]]
