"""Templates: texts with places to fill, ``/tenants/{effect.tenant_id}``.

A place names where its value comes from, may be left out when there is none (``?``) and may name the codec that spells
it: ``{effect.total|cents}``, ``{effect.days_after_due?}``. A text that is nothing but one place gives the value itself,
a number as a number; any other gives text. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from pmsbridge_rest.mapping.paths import parse_path

__all__ = ["HAS_PLACES", "ROOTS", "HasPlaces", "Place", "Template", "parse_template", "places_in", "templates_in"]

ROOTS: Final = (
    "attempt", "effect", "facility", "now", "option", "part", "read", "row", "secret", "step", "today",
)  # fmt: skip
"""What a place may begin with."""

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([^{}]+)|[{}]")
_INSIDE: Final = re.compile(
    r"\s*(?P<path>[a-z][^?|\s]*)(?P<optional>\?)?\s*(?:\|\s*(?P<codec>[a-z][a-z0-9_]{0,39})\s*)?"
)
_LONGEST: Final = 4000


@dataclass(frozen=True, slots=True)
class Place:
    """One place to fill.

    Attributes:
        root: What it begins with ("effect").
        path: The whole path, its root included ("effect.total").
        is_optional: What holds it is left out when there is no value.
        codec: How the value is spelt; empty for as it is.
    """

    root: str
    path: str
    is_optional: bool = False
    codec: str = ""


@lru_cache(maxsize=4096)
def parse_template(text: str) -> tuple[str | Place, ...]:
    """Texts and places in order.

    Raises:
        ValueError: A brace stands alone, or a place is none.
    """
    pieces: list[str | Place] = []
    for found in _PIECE.finditer(text):
        if found[0] in {"{{", "}}"}:
            pieces.append(found[0][0])
        elif found[0] in {"{", "}"}:
            message = f"a brace stands alone at character {found.start() + 1}; write {{{{ or }}}} for a brace"
            raise ValueError(message)
        else:
            pieces.append(found[2] if found[2] is not None else _place(found[1]))
    return tuple(pieces)


def _place(inside: str) -> Place:
    found = _INSIDE.fullmatch(inside)
    if found is None:
        message = "not a place to fill; write it like {effect.tenant_id}, {effect.total|cents} or {effect.due_on?}"
        raise ValueError(message)
    root = str(parse_path(found["path"])[0].key)
    if root not in ROOTS:
        message = f"a place begins with one of {', '.join(ROOTS)}"
        raise ValueError(message)
    return Place(root, found["path"], found["optional"] is not None, found["codec"] or "")


def _is_template(text: str) -> str:
    parse_template(text)
    return text


@dataclass(frozen=True, slots=True)
class HasPlaces:
    """Marks the type of a value in which places stand, so that their names can be looked up."""


HAS_PLACES: Final = HasPlaces()

Template = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_is_template), HAS_PLACES]
"""A text with places to fill."""


def places_in(value: Any) -> Iterator[Place]:  # noqa: ANN401 - a text, or tables and lists of texts
    """Every place in a template or in a structure of templates."""
    for pieces in templates_in(value):
        yield from (piece for piece in pieces if isinstance(piece, Place))


def templates_in(value: Any) -> Iterator[tuple[str | Place, ...]]:  # noqa: ANN401 - a text, or tables and lists of texts
    """The pieces of every template in a structure of templates."""
    if isinstance(value, str):
        yield parse_template(value)
    elif isinstance(value, dict):
        for each in value.values():
            yield from templates_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from templates_in(each)
