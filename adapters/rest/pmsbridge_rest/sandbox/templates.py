"""Texts with places, read backwards: what arrived is matched, and what stood in the places comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from .files import Handed
from .paths import ABSENT
from .spelling import SpellingError

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([^{}]+)")
_INSIDE: Final = re.compile(r"\s*([^?|\s]+)(\?)?\s*(?:\|\s*(\w+)\s*)?")
_INDEX: Final = re.compile(r"\[\d+\]")
_SAME: Final = {
    "effect.total": "amount",
    "effect.parts.amount": "amount",
    "part.amount": "amount",
    "attempt.reference": "reference",
    "effect.means.reference": "gateway_reference",
    "effect.means.gateway": "gateway",
    "effect.means.method_id": "method_id",
}
_ROOTS: Final = ("effect", "part", "read")

Reader = Callable[[str | None, Any], Any]
"""Reads a raw value by a codec's name; raises SpellingError."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place.

    Attributes:
        name: What stands there, by one name for all that mean the same: "rental_id", "amount", "reference".
        optional: It may be left out.
        codec: How it is spelt; None for as it is.
    """

    name: str
    optional: bool
    codec: str | None


@dataclass(slots=True)
class Matched:
    """What came out of a match.

    Attributes:
        values: By name.
        wrong: Where something is wrong, and what, in plain words.
    """

    values: dict[str, Any] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def take(self, other: Matched) -> None:
        """Add what another match found; a name that comes twice must mean the same both times."""
        for name, value in other.values.items():
            if self.values.setdefault(name, value) != value:
                self.wrong.append((name, "two different values"))
        self.wrong += other.wrong


@lru_cache(maxsize=4096)
def pieces_of(template: str) -> tuple[str | Slot, ...]:
    """Texts and places in order."""
    return tuple(_pieces(template))


def _pieces(template: str) -> Iterator[str | Slot]:
    for found in _PIECE.finditer(template):
        if found[1] is None:
            yield found[0][0] if found[0] in {"{{", "}}"} else found[0]
        else:
            inside = _INSIDE.fullmatch(found[1])
            name, optional, codec = inside.groups() if inside is not None else (found[1], None, None)
            yield Slot(one_name(name), optional is not None, codec)


def one_name(path: str) -> str:
    """One name for all places that mean the same."""
    plain = _INDEX.sub("", path)
    if plain in _SAME:
        return _SAME[plain]
    root, _, rest = plain.partition(".")
    return rest.removeprefix("parts.") if root in _ROOTS and rest else plain


def slots_in(structure: Any) -> Iterator[Slot]:  # noqa: ANN401 - any structure of templates
    """Every place in it."""
    if isinstance(structure, str):
        yield from (piece for piece in pieces_of(structure) if isinstance(piece, Slot))
    elif isinstance(structure, Mapping):
        for each in structure.values():
            yield from slots_in(each)
    elif isinstance(structure, list):
        for each in structure:
            yield from slots_in(each)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A text with its places filled from plain values; what is not there is empty."""
    return "".join(p if isinstance(p, str) else str(values.get(p.name, "")) for p in pieces_of(template))


def path_pattern(template: str) -> re.Pattern[str]:
    """What an address looks like; each place is one segment, or a part of one."""
    return re.compile("".join(re.escape(p) if isinstance(p, str) else "([^/]+)" for p in pieces_of(template)))


def match_text(template: str, raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401 - a value as it came
    """Match one value against a template. A place that is all of it takes the value as it is."""
    pieces = pieces_of(template)
    found = Matched()
    if len(pieces) == 1 and isinstance(pieces[0], Slot):
        _keep(found, pieces[0], raw, read, at)
        return found
    groups = "".join(_group(piece) for piece in pieces)
    hit = re.fullmatch(groups, raw, re.DOTALL) if isinstance(raw, str) else None
    if hit is None:
        found.wrong.append((at, "another text is expected"))
        return found
    slots = [piece for piece in pieces if isinstance(piece, Slot)]
    for slot, text in zip(slots, hit.groups(), strict=True):
        _keep(found, slot, text, read, at)
    return found


def _group(piece: str | Slot) -> str:
    if isinstance(piece, str):
        return re.escape(piece)
    return "(.*)" if piece.optional else "(.+)"


def _keep(found: Matched, slot: Slot, raw: Any, read: Reader, at: str) -> None:  # noqa: ANN401
    if raw in (None, "") and not slot.optional:
        found.wrong.append((at, "is missing"))
        return
    try:
        found.values[slot.name] = read(slot.codec, raw)
    except SpellingError as problem:
        found.wrong.append((at, str(problem)))


def match_structure(template: Any, raw: Any, read: Reader, at: str = "") -> Matched:  # noqa: ANN401
    """Match a body against the structure it is made by, strictly: no unknown key, no missing one, no other constant."""
    if isinstance(template, str):
        return match_text(template, raw, read, at)
    if isinstance(template, Mapping):
        return _match_table(template, raw, read, at)
    if isinstance(template, list):
        return _match_list(template, raw, read, at)
    is_same = type(template) is type(raw) and template == raw
    return Matched() if is_same else Matched(wrong=[(at, "another value is expected")])


def _match_list(template: list[Any], raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401
    found = Matched()
    if not isinstance(raw, list) or len(raw) != len(template):
        found.wrong.append((at, "a list is expected"))
        return found
    for number, (each, value) in enumerate(zip(template, raw, strict=True)):
        found.take(match_structure(each, value, read, f"{at}[{number}]"))
    return found


def _match_table(template: Mapping[str, Any], raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401
    if "$file" in template:
        return match_file(str(template["$file"]), raw, read, at)
    if "$value" in template:
        return _match_value(template, raw, read, at)
    if "$each" in template:
        return _match_each(template, raw, read, at)
    found = Matched()
    if not isinstance(raw, dict):
        found.wrong.append((at, "a table is expected"))
        return found
    for key, each in template.items():
        inside, value = f"{at}.{key}".removeprefix("."), raw.get(key, ABSENT)
        if value is not ABSENT:
            found.take(match_structure(each, value, read, inside))
        elif not _may_be_left_out(each):
            found.wrong.append((inside, "is missing"))
    found.wrong += [(f"{at}.{key}".removeprefix("."), "is not known") for key in raw if key not in template]
    return found


def match_file(called: str, raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401
    """Match a file that came against what it is to be called; what else is said of it must be true."""
    if not isinstance(raw, Handed):
        return Matched(wrong=[(at, "a file is expected")])
    found = match_text(called, raw["name"], read, at) if called else Matched()
    found.take(Matched({"sha256": raw["sha256"], "media_type": raw["media_type"], "file.size": raw["size"]}))
    return found


def _may_be_left_out(template: Any) -> bool:  # noqa: ANN401
    if isinstance(template, Mapping) and "$file" in template:
        return False
    if isinstance(template, Mapping) and "$value" in template:
        return template.get("$none", "omit") == "omit" and _may_be_left_out(template["$value"])
    if isinstance(template, Mapping | list):
        inside = list(template.values() if isinstance(template, Mapping) else template)
        return all(_may_be_left_out(each) for each in inside)
    return isinstance(template, str) and any(slot.optional for slot in slots_in(template))


def _match_value(template: Mapping[str, Any], raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401
    codec = template.get("$as")
    if raw in (None, "") and template.get("$none") in {"null", "empty"}:
        return Matched()
    try:
        whole = read(codec, raw) if codec else raw
    except SpellingError as problem:
        return Matched(wrong=[(at, str(problem))])
    return match_text(str(template["$value"]), whole, read, at)


def _match_each(template: Mapping[str, Any], raw: Any, read: Reader, at: str) -> Matched:  # noqa: ANN401
    if not isinstance(raw, list) or not raw:
        return Matched(wrong=[(at, "a list is expected")])
    found = Matched(values={"parts": []})
    for number, value in enumerate(raw):
        one = match_structure(template["$make"], value, read, f"{at}[{number}]")
        found.values["parts"].append(one.values)
        found.wrong += one.wrong
    return found
