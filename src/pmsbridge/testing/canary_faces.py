"""Everything that can be seen of an object from outside: what a log, a crash report or a cache would write of it."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Any, Final

__all__ = ["chain_of", "faces"]

_LONGEST_CHAIN: Final = 50
_OLDEST_PROTOCOL: Final = 0

Face = tuple[str, bytes]


def faces(value: object, *, ignoring: tuple[str, ...] = ()) -> Iterator[Face]:
    """The views of an object, by name, as bytes. A view that fails shows the text of its failure.

    Args:
        value: Anything. Of an exception the whole chain is looked at: causes, contexts, groups, notes, arguments and
            the local variables of every frame.
        ignoring: Parts of file names; frames of code in such files are the caller's own and keep their variables.
    """
    if not isinstance(value, BaseException):
        yield from _object_faces(value)
        return
    for place, error in enumerate(chain_of(value)):
        for name, text in (*_object_faces(error), *_error_faces(error, ignoring)):
            yield f"error {place} ({type(error).__name__}): {name}", text


def chain_of(error: BaseException) -> list[BaseException]:
    """An exception with its causes, contexts (suppressed ones too) and the members of groups."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < _LONGEST_CHAIN:
        link = waiting.pop()
        if link is None or any(link is known for known in found):
            continue
        found.append(link)
        waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
    return found


def _object_faces(value: object) -> Iterator[Face]:
    for name, view in _views(value).items():
        try:
            seen = view()
        except Exception as refusal:  # noqa: BLE001 - whatever refuses to be seen, its text is seen
            seen = f"{refusal!r} {refusal.args!r}"
        yield name, seen if isinstance(seen, bytes) else str(seen).encode("utf-8", "backslashreplace")


def _views(value: object) -> dict[str, Callable[[], object]]:
    anything: Any = value
    views: dict[str, Callable[[], object]] = {
        "repr": partial(repr, value),
        "str": partial(str, value),
        "format": partial(format, value),
        "attributes": lambda: repr(vars(anything)),
        "oldest pickle": partial(pickle.dumps, value, protocol=_OLDEST_PROTOCOL),
        "pickle": partial(pickle.dumps, value),
        "copy": lambda: repr(copy.copy(value)),
        "deep copy": lambda: repr(copy.deepcopy(value)),
        "JSON": partial(json.dumps, value, default=repr),
    }
    if hasattr(value, "model_dump"):
        views["model dump"] = lambda: repr(anything.model_dump())
        views["model JSON"] = anything.model_dump_json
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        views["fields"] = lambda: repr(asdict(anything))
    return views


def _error_faces(error: BaseException, ignoring: tuple[str, ...]) -> Iterator[Face]:
    yield "arguments", repr(error.args).encode("utf-8", "backslashreplace")
    yield "notes", repr(getattr(error, "__notes__", ())).encode("utf-8", "backslashreplace")
    for name in ("errors", "json"):  # pydantic repeats what it was given
        if callable(view := getattr(error, name, None)):
            yield from ((f"{name}()", text) for _, text in _call(view))
    yield from _frames(error.__traceback__, ignoring)


def _call(view: Callable[[], object]) -> Iterator[Face]:
    try:
        yield "", repr(view()).encode("utf-8", "backslashreplace")
    except Exception as refusal:  # noqa: BLE001 - whatever refuses to be seen, its text is seen
        yield "", repr(refusal).encode("utf-8", "backslashreplace")


def _frames(trace: TracebackType | None, ignoring: tuple[str, ...]) -> Iterator[Face]:
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        if any(part in code.co_filename for part in ignoring):
            continue
        for name, text in list(frame.f_locals.items()):
            place = f"{code.co_filename.rpartition('/')[2]}:{line} {code.co_name}: {name}"
            yield from ((place, seen) for _, seen in _call(partial(_shown, text)))


def _shown(value: object) -> object:
    """As crash reporters show a variable: its repr, and one level of its attributes."""
    return value, getattr(value, "__dict__", None)
