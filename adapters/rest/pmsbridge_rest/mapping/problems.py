"""Words for what is wrong in a mapping: the place, the key, the shape of what was given and the remedy, no value."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pmsbridge.logging import redact
from pmsbridge_rest.mapping.yaml_nodes import Mark, Tree

__all__ = ["Level", "Problem", "as_text", "at", "did_you_mean", "from_validation"]

Key = tuple[str | int, ...]
Level = str
"""``error`` for what cannot be used, ``warning`` for what should be looked at, ``note`` for what was not looked at."""

_MISSING: Final = object()
_TAGS: Final = ("scheme", "style", "by", "kind", "proof")
"""What sections of several forms are told apart by."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, or doubtful.

    Attributes:
        line: In the file, from 1; 0 for the file as a whole.
        column: In the line, from 1.
        key: Where in the mapping, dotted.
        what: The problem, the shape of what was given and the remedy, in sentences.
        rule: Which rule found it ("unknown_key").
        level: Whether it can be used all the same.
    """

    line: int
    column: int
    key: str
    what: str
    rule: str = "format"
    level: Level = "error"

    def sentence(self, file: str) -> str:
        """``file:line:column: key: what``."""
        key = f"{self.key}: " if self.key else ""
        return f"{file}:{self.line}:{self.column}: {key}{self.what}"


def as_text(problems: Iterable[Problem], file: str) -> str:
    """All problems, a line each, in the order of the file."""
    return "\n".join(problem.sentence(file) for problem in sorted(problems))


def dotted(key: Sequence[str | int]) -> str:
    """A key as text; nothing that looks like a card number or a secret is in it."""
    return redact(".".join(str(part) for part in key))


def at(
    tree: Tree, key: Key, what: str, *, rule: str = "format", level: Level = "error", by_key: bool = False
) -> Problem:
    """A problem at a key of a file, or at what holds it where there is no such key."""
    mark = _mark_of(tree, key, by_key=by_key)
    return Problem(mark.line, mark.column, dotted(key), what, rule, level)


def _mark_of(tree: Tree, key: Key, *, by_key: bool) -> Mark:
    for depth in range(len(key), -1, -1):
        part = key[:depth]
        if by_key and part in tree.keys:
            return tree.keys[part]
        if part in tree.values:
            return tree.values[part]
    return Mark(1, 1)


def shape_of(value: object) -> str:
    """What a value is, without saying it."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, dict):
        return f"a table of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return {type(None): "null", bool: "true or false", int: "a whole number"}.get(type(value), "another kind of value")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The nearest known word, or all of them."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known)) or 'none'}."


def from_validation(error: ValidationError, tree: Tree, model: type[BaseModel]) -> list[Problem]:
    """A problem per mistake that the model found."""
    return [_problem(detail, tree, model) for detail in error.errors(include_url=False, include_input=False)]


def _problem(detail: ErrorDetails, tree: Tree, model: type[BaseModel]) -> Problem:
    key, holder = _resolved(detail["loc"], model)
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = list(holder.model_fields) if holder else []
        return at(tree, key, f"no such key. {did_you_mean(str(key[-1]), known)}", rule="unknown_key", by_key=True)
    if kind == "missing":
        return at(tree, key, f"missing. {_about(holder, key[-1])}", rule="missing_key")
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        return _about_tag(detail, tree, key)
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    words = message[:1].lower() + message[1:].rstrip(".")
    if detail["loc"][-1:] == ("[key]",):
        return at(tree, key, f"the key: {words}.", by_key=True)
    return at(tree, key, f"{words} (given: {shape_of(_value_at(tree.data, key))}).")


def _about_tag(detail: ErrorDetails, tree: Tree, key: Key) -> Problem:
    """Which of several forms is meant is not said, or said by an unknown word."""
    context = detail.get("ctx", {})
    name = str(context.get("discriminator", "")).strip("'")
    words = str(context.get("expected_tags", "")).replace("'", "").split(", ")
    if detail["type"] == "union_tag_not_found":
        return at(tree, key, f"{name} is missing; it says which kind this is. Add it.", rule="missing_key")
    given = _value_at(tree.data, (*key, name))
    return at(tree, (*key, name), f"not one of the known words. {did_you_mean(str(given), words)}", rule="unknown_word")


def _about(holder: type[BaseModel] | None, name: str | int) -> str:
    """What a missing key is for: its line of the section's documentation."""
    lines = (holder.__doc__ or "").splitlines() if holder else []
    for line in lines:
        if line.strip().startswith(f"{name}: "):
            return "Add it: " + line.strip().removeprefix(f"{name}: ")
    return "Add it."


def _value_at(data: object, key: Key) -> object:
    for part in key:
        if isinstance(data, dict):
            data = data.get(part, _MISSING)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return data if isinstance(data, str) else _MISSING
    return data


def _resolved(place: tuple[int | str, ...], model: type[BaseModel]) -> tuple[Key, type[BaseModel] | None]:
    """A place as pydantic names it, without the words it puts between (tags of unions), and the section it is in.

    The model is walked, because the tag of a union may be the name of a key as well.
    """
    key: list[str | int] = []
    holder: type[BaseModel] | None = model
    here: Any = model
    for part in place:
        models = list(_models_in(here))
        if part == "[key]":
            continue
        if len(models) > 1:
            here = next(each for each in models if part in _tags_of(each))
            continue
        holder = models[0] if models else None
        field = holder.model_fields.get(str(part)) if holder else None
        here = field.annotation if field else _inner(here)
        key.append(part)
    return tuple(key), holder


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401
    """The section an annotation stands for, or the several it may be; none for tables, lists and plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, Union, UnionType}:
        for each in get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]:
            yield from _models_in(each)


def _tags_of(model: type[BaseModel]) -> set[str]:
    fields = [model.model_fields[name].annotation for name in _TAGS if name in model.model_fields]
    return {str(word) for each in fields for word in get_args(each)}


def _inner(annotation: Any) -> Any:  # noqa: ANN401
    """What a table's values or a list's entries are."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return inside[1]
    if origin in {list, tuple}:
        return inside[0]
    if origin is Annotated:
        return _inner(inside[0])
    return next((_inner(each) for each in inside if get_origin(each) is not None), None) if inside else None
