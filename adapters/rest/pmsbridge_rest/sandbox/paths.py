"""Places in documents: read, written, taken out; and expressions that only read, turned round where that can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

ABSENT: Final = object()
"""There is no such key: neither null nor empty."""

Step = tuple[str, str, str]
"""What a step is ("key", "index", "entry"), its key or number, and the text that chooses an entry."""

_STEP: Final = re.compile(
    r"""\.?(?:(?P<name>[A-Za-z_@$][\w@$:-]*)|"(?P<quoted>[^"]+)"|\[(?P<index>\d+)\]|\[(?P<key>[\w-]+)=(?P<value>[^\]]+)\])""",
    re.VERBOSE,
)
_CHOSEN: Final = re.compile(
    r"""^(?P<list>[\w."]+)\[\?(?P<key>[\w"]+)\s*==\s*[`'"]+(?P<value>[^`'"]+)[`'"]+\](?:\.(?P<field>[\w."]+))?\s*\|\s*\[0\](?:\.(?P<after>[\w."]+))?$"""
)


class PathError(ValueError):
    """Not a path, or something else stands on the way."""


def steps_of(path: str) -> list[Step]:
    """The steps of a path.

    Raises:
        PathError: It is none.
    """
    steps: list[Step] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            message = f"{path!r} is no path"
            raise PathError(message)
        if found["index"] is not None:
            steps.append(("index", found["index"], ""))
        elif found["key"] is not None:
            steps.append(("entry", found["key"], found["value"]))
        else:
            steps.append(("key", found["name"] or found["quoted"], ""))
        place = found.end()
    return steps


def get(document: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """What stands at a path; ``ABSENT`` for nothing."""
    here = document
    for step in steps_of(path):
        here = _below(here, step)
        if here is ABSENT:
            return ABSENT
    return here


def _below(here: Any, step: Step) -> Any:  # noqa: ANN401
    kind, key, text = step
    if kind == "key":
        return here.get(key, ABSENT) if isinstance(here, dict) else ABSENT
    rows = here if isinstance(here, list) else []
    if kind == "index":
        return rows[int(key)] if int(key) < len(rows) else ABSENT
    return next((row for row in rows if isinstance(row, dict) and str(row.get(key)) == text), ABSENT)


def put(document: dict[str, Any], path: str, value: Any) -> None:  # noqa: ANN401
    """Write a value to a path; tables, lists and entries on the way are made.

    Raises:
        PathError: Something else stands on the way.
    """
    _put(document, steps_of(path), value)


def _put(here: Any, steps: list[Step], value: Any) -> None:  # noqa: ANN401
    (kind, key, text), rest = steps[0], steps[1:]
    slot: int | str = key
    if kind == "key":
        if not isinstance(here, dict):
            raise PathError(key)
    else:
        slot = _slot(here, kind, key, text)
    if not rest:
        here[slot] = value
        return
    inside = here.get(slot) if isinstance(here, dict) else here[slot]
    wanted = dict if rest[0][0] == "key" else list
    if inside is None:
        inside = here[slot] = wanted()
    if not isinstance(inside, wanted):
        raise PathError(key)
    _put(inside, rest, value)


def _slot(here: Any, kind: str, key: str, text: str) -> int:  # noqa: ANN401
    """The number of a list's entry; made when it is not there."""
    if not isinstance(here, list):
        raise PathError(key)
    if kind == "index":
        here.extend({} for _ in range(int(key) + 1 - len(here)))
        return int(key)
    for number, row in enumerate(here):
        if isinstance(row, dict) and str(row.get(key)) == text:
            return number
    here.append({key: text})
    return len(here) - 1


def take_out(document: dict[str, Any], path: str) -> None:
    """Take what stands at a path out; nothing happens where there is nothing."""
    *above, last = steps_of(path)
    here: Any = document
    for step in above:
        here = _below(here, step)
    found = _below(here, last)
    if found is ABSENT:
        return
    if isinstance(here, dict):
        del here[last[1]]
    else:
        here.remove(found)


def take_out_whole(document: dict[str, Any], path: str) -> None:
    """Take what stands at a path out, and every table that is left empty by that."""
    steps = steps_of(path)
    take_out(document, path)
    for length in range(len(steps) - 1, 0, -1):
        here: Any = document
        for step in steps[: length - 1]:
            here = _below(here, step)
        above = _below(here, steps[length - 1])
        if above != {} or not isinstance(here, dict):
            return
        del here[steps[length - 1][1]]


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every value that is no table, with its path; lists count as one value, empty tables as none."""
    if isinstance(document, dict):
        for key, value in document.items():
            quoted = key if re.fullmatch(r"[A-Za-z_@$][\w@$:-]*", key) else f'"{key}"'
            yield from leaves(value, f"{path}.{quoted}" if path else quoted)
    elif path:
        yield path, document


def is_plain(expression: str) -> bool:
    """Whether an expression is a path."""
    try:
        return bool(steps_of(expression))
    except PathError:
        return False


def turned_round(expression: str) -> str | None:
    """The path that an expression reads; None when it is of a form that this cannot turn round."""
    text = expression.strip()
    if text == "@":
        return ""
    if is_plain(text):
        return text
    if "||" in text:
        return turned_round(text.split("||")[0])
    found = _CHOSEN.match(text)
    if found is None:
        return None
    field = found["field"] or found["after"]
    key = found["key"].strip('"')
    return f"{found['list']}[{key}={found['value']}]" + (f".{field}" if field else "")
