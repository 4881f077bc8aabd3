"""How a record is written so that earlier code can still read it, while old and new processes work on one database.

A record refuses fields that it does not know, in every release. So a field that came later is left out of what is
stored while it says nothing: of a record none of whose later fields says anything, earlier code reads every word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic_core import to_jsonable_python

from pmsbridge.model.record import Value

__all__ = ["Since", "as_earlier", "stored_document", "stored_json", "unsaid", "values_within"]

Exclude = dict[str, Any]
"""Fields to leave out, as pydantic's ``exclude`` takes them."""

_EACH: Final = "__all__"
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Since:
    """Marks a field that came to a stored record later: ``invoice_id: Annotated[Id | None, Since(5)] = None``.

    Attributes:
        schema: The first schema whose code knows the field. Code of an earlier one refuses a record that has it.
    """

    schema: int


@dataclass(frozen=True, slots=True)
class _Later:
    """A field that came later, in a record or within it.

    Attributes:
        path: Names of fields; ``__all__`` for each member of a list, or each value of a mapping.
        quiet: What it holds while it says nothing: its default, which is what earlier code took for granted.
        quiet_json: The same as JSON has it.
    """

    path: tuple[str, ...]
    quiet: object
    quiet_json: object


def values_within(annotation: Any) -> Iterator[tuple[type[Value], bool]]:  # noqa: ANN401 - any type there is
    """The records that a field of this type can hold, and whether it holds several of them."""
    if isinstance(annotation, type) and issubclass(annotation, Value):
        yield annotation, False
        return
    origin = get_origin(annotation)
    inner = get_args(annotation)
    is_choice = origin in {Union, UnionType, Annotated}
    for part in inner[:1] if origin is Annotated else inner:
        for found, several in values_within(part):
            yield found, several or not is_choice


@cache
def _later_in(kind: type[Value], above: tuple[type[Value], ...] = ()) -> tuple[_Later, ...]:
    found: dict[tuple[str, ...], _Later] = {}
    for name, field in kind.model_fields.items():
        if any(isinstance(mark, Since) for mark in field.metadata):
            quiet = field.get_default(call_default_factory=True)
            found[name,] = _Later((name,), quiet, to_jsonable_python(quiet))
            continue
        for inner, several in values_within(field.annotation):
            if inner not in above:  # a record within its own kind brings nothing new
                way = (name, _EACH) if several else (name,)
                found |= {
                    (*way, *each.path): _Later((*way, *each.path), each.quiet, each.quiet_json)
                    for each in _later_in(inner, (*above, kind))
                }
    return tuple(found.values())


@cache
def _leaving_out(kind: type[Value]) -> Exclude | None:
    tree: Exclude = {}
    for each in _later_in(kind):
        *way, last = each.path
        at = tree
        for name in way:
            at = at.setdefault(name, {})
        at[last] = True
    return tree or None


def _at(held: Any, path: tuple[str, ...]) -> Iterator[object]:  # noqa: ANN401 - a record, or the JSON of one
    """What stands at a path; nothing where the path ends before."""
    if not path or held is None:
        yield from () if path else (held,)
        return
    name, rest = path[0], path[1:]
    if name == _EACH:
        for member in held.values() if isinstance(held, Mapping) else held:
            yield from _at(member, rest)
        return
    inner = held.get(name, _ABSENT) if isinstance(held, Mapping) else getattr(held, name, _ABSENT)
    if inner is not _ABSENT:
        yield from _at(inner, rest)


def unsaid(value: Value) -> Exclude | None:
    """What to leave out of a record that is stored; None for nothing.

    All fields that came later, or none of them: where one says something, earlier code cannot read the record anyhow,
    and the others are kept, so that a field that is not there always means "not known then, or nothing said".
    """
    later = _later_in(type(value))
    says_something = any(found != each.quiet for each in later for found in _at(value, each.path))
    return None if says_something else _leaving_out(type(value))


def stored_json(value: Value) -> str:
    """A record as it is stored; every field has its place in it, but for what ``unsaid`` names."""
    return value.model_dump_json(exclude=unsaid(value))


def stored_document(value: Value) -> dict[str, Any]:
    """The same as JSON's own types, for a record within something else that is stored."""
    return value.model_dump(mode="json", exclude=unsaid(value))


def as_earlier(kind: type[Value], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same for the JSON of a record: the document itself where nothing is to be left out."""
    tree = _leaving_out(kind)
    return document if tree is None or _says_something(document, *_looks(kind)) else _fields_without(document, tree)


@cache
def _looks(kind: type[Value]) -> tuple[dict[str, object], tuple[_Later, ...]]:
    """What a record's own later fields hold while they say nothing; and those of the records within it."""
    later = _later_in(kind)
    own = {each.path[0]: each.quiet_json for each in later if len(each.path) == 1}
    return own, tuple(each for each in later if len(each.path) > 1)


def _says_something(document: Mapping[str, Any], own: Mapping[str, object], within: tuple[_Later, ...]) -> bool:
    # A night asks this of every new row, and most have nothing within them.
    for name, quiet in own.items():
        if document.get(name, quiet) != quiet:
            return True
    there = [each for each in within if document.get(each.path[0])]
    return any(found != each.quiet_json for each in there for found in _at(document, each.path))


def _fields_without(record: Mapping[str, Any], tree: Exclude) -> dict[str, Any]:
    kept = dict(record)
    for name, inner in tree.items():
        if inner is True:
            kept.pop(name, None)
        elif held := kept.get(name):
            kept[name] = _without(held, inner)
    return kept


def _without(held: Any, tree: Exclude) -> Any:  # noqa: ANN401 - JSON
    if _EACH in tree:
        inner = tree[_EACH]
        if isinstance(held, Mapping):
            return {key: _without(each, inner) for key, each in held.items()}
        return [_without(each, inner) for each in held or ()]
    return _fields_without(held, tree) if isinstance(held, Mapping) else held
