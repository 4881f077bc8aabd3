"""Walking a mapping: every section and every text with places, with the key it stands at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from pmsbridge_rest.mapping.sections import Section
from pmsbridge_rest.mapping.templates import HasPlaces, Place, places_in

__all__ = ["Key", "places_of", "sections_of"]

Key = tuple[str | int, ...]
"""Where something stands: names and numbers from the top of the file."""


def sections_of(value: Any, key: Key = ()) -> Iterator[tuple[Key, Section]]:  # noqa: ANN401
    """Every section, itself first, with its key."""
    if isinstance(value, Section):
        yield key, value
        for name in type(value).model_fields:
            yield from sections_of(getattr(value, name), (*key, name))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from sections_of(each, (*key, name))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from sections_of(each, (*key, number))


def places_of(section: Section, key: Key) -> Iterator[tuple[Key, Place]]:
    """The places that stand in a section itself, not in those below it."""
    for name, field in type(section).model_fields.items():
        if _has_places(field.annotation, tuple(field.metadata)):
            yield from _places(getattr(section, name), (*key, name))


def _places(value: Any, key: Key) -> Iterator[tuple[Key, Place]]:  # noqa: ANN401
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _places(each, (*key, name))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _places(each, (*key, number))
    else:
        for place in places_in(value):
            yield key, place


def _has_places(annotation: Any, metadata: tuple[Any, ...]) -> bool:  # noqa: ANN401
    """Whether the type of a field, or a part of it, is one with places."""
    if any(isinstance(each, HasPlaces) for each in metadata):
        return True
    if isinstance(annotation, HasPlaces):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return False
    return any(_has_places(each, ()) for each in get_args(annotation))
