"""The reference of the mapping format, made from its sections: every key, what may stand there, what it is for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pmsbridge_rest.mapping import conditions, connection, entities, expressions, paths, requests, sections, structures
from pmsbridge_rest.mapping import templates as templates_room
from pmsbridge_rest.mapping.codec_sections import BUILT_IN
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.model_fields import ACTIONS, ENTITY_MODELS
from pmsbridge_rest.mapping.places import ATTEMPT_PLACES, FACILITY_PLACES, READ_PLACES, SIGNED_PLACES
from pmsbridge_rest.mapping.schema import attributes_of

__all__ = ["built_in_codecs", "mapping_places", "mapping_sections"]

_NAMED: Final[tuple[tuple[Any, str], ...]] = (
    (sections.Span, "duration"),
    (sections.ExactNumber, "whole number"),
    (sections.Word, "name"),
    (sections.HeaderName, "header"),
    (expressions.Expression, "JMESPath"),
    (paths.Path, "path"),
    (connection.Address, "address"),
    (connection.TokenAddress, "address or path"),
    (requests.PathTemplate, "path of the address, with places"),
    (templates_room.Template, "text with places"),
    (structures.Body, "structure with places"),
    (structures.Structure, "structure with places"),
    (conditions.Statuses, "statuses"),
    (conditions.Scalar, "text, whole number, true, false or null"),
    (entities.FieldName, "field"),
)
"""Kinds of plain values, told apart by what their types are annotated with."""


def mapping_sections() -> str:
    """Every section once, in the order in which a mapping leads to them."""
    return "\n\n".join(_section(model) for model in _reached())


def _reached() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    waiting: list[type[BaseModel]] = [Mapping]
    while waiting:
        model = waiting.pop(0)
        if model in found:
            continue
        found.append(model)
        inner = [each for field in model.model_fields.values() for each in _models(field.annotation)]
        waiting = [*inner, *waiting]
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type of any shape
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def _section(model: type[BaseModel]) -> str:
    first, *_ = (inspect.getdoc(model) or "").split("\nAttributes:", 1)
    said = attributes_of(model)
    lines = [f"### {model.__name__}", "", " ".join(first.split()), ""]
    lines += ["| key | what stands there | without it | what it is |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        kind = _kind(field.annotation, tuple(field.metadata)).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {_default(field)} | {said.get(name, '').replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def _kind(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:  # noqa: ANN401
    """What may stand at a key, in words."""
    if get_origin(annotation) is Annotated:
        bare, *marks = get_args(annotation)
        return _kind(bare, (*marks, *metadata))
    named = _named(metadata)
    return named or _by_origin(annotation)


def _named(metadata: tuple[Any, ...]) -> str:
    """The first kind whose own marks are all there."""
    best = ""
    longest = 0
    for kind, words in _NAMED:
        every = get_args(kind)[1:]
        marks = [each for each in every if isinstance(each, AfterValidator | BeforeValidator)] or list(every)
        if (
            marks
            and all(any(mark is each or mark == each for each in metadata) for mark in marks)
            and len(marks) > longest
        ):
            best, longest = words, len(marks)
    return best


def _by_origin(annotation: Any) -> str:  # noqa: ANN401
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inside)
    if origin in {Union, UnionType}:
        words = [_kind(each) for each in inside if each is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin is dict:
        return f"table: {_kind(inside[0])} to {_kind(inside[1])}"
    if origin in {tuple, list}:
        return f"list of {_kind(inside[0])}"
    return _plain(annotation)


def _plain(annotation: Any) -> str:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{word.value}`" for word in annotation)
    return {str: "text", bool: "true or false", int: "whole number"}.get(annotation, "anything")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or value in ("", (), {}):
        return "-"
    if isinstance(value, BaseModel):
        return "its own defaults"
    if isinstance(value, timedelta):
        return f"`{_span(value)}`"
    return f"`{_shown(value)}`"


def _shown(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else re.sub(r"\|", r"\\|", str(value))


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds * 1000)}ms"


def built_in_codecs() -> str:
    """The codecs that need no declaration."""
    rows = ["| codec | is short for |", "|---|---|"]
    for name, section in BUILT_IN.items():
        given = ", ".join(f"{key}: {value}" for key, value in section.model_dump(exclude_defaults=True).items())
        rows.append(f"| `{name}` | `{{{given}}}` |")
    return "\n".join(rows)


def mapping_places() -> str:
    """What places may begin with, and what comes after it."""
    rows = ["| place | what comes after it |", "|---|---|"]
    rows += [
        "| `effect` | whatever the effect of the action has: see [the schemas](../../schemas) of the effects |",
        f"| `attempt` | {_words(ATTEMPT_PLACES)} |",
        f"| `facility` | {_words(FACILITY_PLACES)} |",
        "| `option` | an option of the account that `connection.options` declares |",
        "| `secret` | a secret that `connection.secrets` declares; in `auth` only |",
        f"| `read` | {_words(READ_PLACES)}; in `entities` only |",
        f"| `step` | in actions `NAME.OUTPUT` of a step before; in `auth` and `pagination` {_words(SIGNED_PLACES)} |",
        "| `part` | a value of the entry that `$make` is made for |",
        "| `today`, `now` | nothing: the facility's business date, the instant |",
        "",
        f"Nouns: {_words(tuple(ENTITY_MODELS))}.",
        "",
        f"Actions: {_words(ACTIONS)}.",
    ]
    return "\n".join(rows)


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
