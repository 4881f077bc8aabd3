"""Entities of a draft: which operations read which noun, and which key looks like which field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pmsbridge_rest.mapping.model_fields import ENTITY_MODELS, Sort, Target, required_of, targets_of
from pmsbridge_rest.scaffold.words import FIELD_WORDS, NOUN_WORDS, STATE_WORDS, noun_of, plain
from pmsbridge_rest.spec import Operation, Spec

__all__ = ["Draft", "by_likeness", "keys_of", "path_of_mapping", "propose_entities", "rows_of"]

_PLACE: Final = re.compile(r"\{[^{}]*\}")
_WRAPPERS: Final = ("data", "items", "results", "records", "rows", "content", "value")
_MOST_BESIDE_ROWS: Final = 5
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_@][A-Za-z0-9_@-]*")


@dataclass(slots=True)
class Draft:
    """What is proposed so far.

    Attributes:
        codecs: By name.
        entities: By noun.
        why_not: What was seen and not proposed, in sentences.
    """

    codecs: dict[str, Any] = field(default_factory=dict)
    entities: dict[str, Any] = field(default_factory=dict)
    why_not: list[str] = field(default_factory=list)


def propose_entities(spec: Spec, draft: Draft, paginate: str | None) -> None:
    """Propose every noun that can be read."""
    by_noun: dict[str, dict[str, tuple[Operation, str]]] = {}
    for operation in by_likeness(spec):
        found = _kind_of_read(operation) if operation.method == "get" and operation.answer is not None else None
        if found is not None:
            by_noun.setdefault(found[0], {}).setdefault(found[1], (operation, found[2]))
    for noun in NOUN_WORDS:
        if noun in by_noun:
            _propose(spec, draft, noun, by_noun[noun], paginate)


def by_likeness(spec: Spec) -> list[Operation]:
    """The operations, those first whose paths are made of nothing but words that we know."""

    def strangeness(operation: Operation) -> tuple[int, int]:
        steps = operation.path.strip("/").split("/")
        strange = [
            step for step in steps if "{" not in step and not noun_of(step) and not re.fullmatch(r"v?[0-9.]+", step)
        ]
        return len(strange), len(steps)

    return sorted(spec.operations(), key=strangeness)


def _kind_of_read(operation: Operation) -> tuple[str, str, str] | None:
    """The noun, which of its reads, and the mapping's path; None when it is none that we know."""
    steps = operation.path.strip("/").split("/")
    is_one = bool(_PLACE.fullmatch(steps[-1]))
    named = [step for step in steps if not _PLACE.search(step)]
    noun = noun_of(named[-1]) if named and (not is_one or (len(steps) > 1 and steps[-2] == named[-1])) else ""
    path = path_of_mapping(operation.path) if noun else None
    if path is None:
        return None
    if is_one:
        return noun, "one", path
    return noun, _scope_of(path), path


def _scope_of(path: str) -> str:
    if "{read.rental_id}" in path:
        return "of_rental"
    return "of_tenant" if "{read.tenant_id}" in path else "all"


def path_of_mapping(path: str, *, root: str = "read") -> str | None:
    """A path of the document with our places; None when one of them cannot be filled."""
    steps = path.strip("/").split("/")
    made = []
    for number, step in enumerate(steps):
        if not _PLACE.search(step):
            made.append(step)
            continue
        above = noun_of(steps[number - 1]) if number else "facilities"
        place = _place(above, root, is_last=number == len(steps) - 1)
        if place is None or not _PLACE.fullmatch(step):
            return None
        made.append(place)
    return "/" + "/".join(made)


def _place(noun: str, root: str, *, is_last: bool) -> str | None:
    ids = {"facilities": "{facility.code}", "tenants": f"{{{root}.tenant_id}}", "rentals": f"{{{root}.rental_id}}"}
    if root == "effect":
        ids["rentals"] = "{effect.rental_id}"
    elif is_last and noun and noun != "facilities":
        return "{read.id}"
    return ids.get(noun)


def _propose(
    spec: Spec, draft: Draft, noun: str, reads: dict[str, tuple[Operation, str]], paginate: str | None
) -> None:
    operation, _ = reads.get("one") or next(iter(reads.values()))
    keys = keys_of(spec, rows_of(spec, operation.answer)[1])
    trial = Draft()
    fields = dict(_fields(trial, noun, keys, reads))
    given = {"name", "zone", "currency"} if noun == "facilities" else set()
    missing = [name for name in required_of(ENTITY_MODELS[noun]) if name not in fields and name not in given]
    if missing or len(fields) == 1:
        known = ", ".join(missing) or "anything but its id"
        draft.why_not.append(f"{noun}: no key of {operation.path} looks like {known}")
        return
    made: dict[str, Any] = {}
    for which, (each, path) in reads.items():
        rows, _ = rows_of(spec, each.answer)
        made[which] = {"get": path, **({"rows": rows} if rows != "@" else {})}
        if which != "one" and paginate is not None:
            made[which]["paginate"] = paginate
    draft.codecs.update(trial.codecs)
    draft.entities[noun] = {**made, "fields": fields}


def rows_of(spec: Spec, answer: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - a schema
    """Where an answer has its rows, and the schema of one."""
    schema = spec.resolved(answer)
    if schema.get("type") == "array" or "items" in schema:
        return "@", spec.resolved(schema.get("items"))
    properties = spec.shape(schema).properties
    for name, each in properties.items() if len(properties) <= _MOST_BESIDE_ROWS else ():
        inner = spec.resolved(each)
        is_list = inner.get("type") == "array"
        if name in _WRAPPERS or (is_list and noun_of(name)):
            row = spec.resolved(inner.get("items")) if is_list else inner
            return name, row
    if len(properties) == 1:
        name, each = next(iter(properties.items()))
        if spec.shape(each).properties:
            return name, spec.resolved(each)
    return "@", schema


def keys_of(spec: Spec, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The keys of a row by their path, two levels deep."""
    made: dict[str, dict[str, Any]] = {}
    for name, each in spec.shape(schema).properties.items():
        made[_quoted(name)] = each
        for inner, below in spec.shape(each).properties.items() if each.get("type") != "array" else ():
            made[f"{_quoted(name)}.{_quoted(inner)}"] = below
    return made


def _quoted(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else f'"{name}"'


def _fields(
    draft: Draft, noun: str, keys: dict[str, dict[str, Any]], reads: dict[str, tuple[Operation, str]]
) -> Iterator[tuple[str, Any]]:
    for name, target in targets_of(ENTITY_MODELS[noun]).items():
        if target.sort is Sort.NAME:
            continue
        path = _best(name, noun, keys, target)
        if path is not None:
            made = _spelt(draft, noun, path, keys[path], target)
            if made is not None:
                yield name, made
        elif name in {"tenant_id", "rental_id"} and all(_asks(which, name) for which in reads):
            yield name, {"value": f"{{read.{name}}}"}
        elif name == "id" and noun == "facilities":
            yield name, {"value": "{facility.code}"}


def _asks(which: str, name: str) -> bool:
    return which == {"tenant_id": "of_tenant", "rental_id": "of_rental"}[name]


def _best(name: str, noun: str, keys: dict[str, dict[str, Any]], target: Target) -> str | None:
    """The key that looks most like a field; its own level goes before one below."""
    words = FIELD_WORDS.get(name, (plain(name),))
    for word in words:
        for path in sorted(keys, key=lambda each: each.count(".")):
            above, _, last = path.rpartition(".")
            is_part = name.startswith("address.") and "address" in plain(above)
            fits = plain(last) == word and (not above or is_part or plain(above) + plain(last) in words)
            own_id = name == "id" and plain(path) in {f"{each}id" for each in NOUN_WORDS.get(noun, ())}
            joined = plain(path) == word and bool(above)
            if (fits or joined or own_id) and _holds(keys[path], target):
                return path
    return None


def _holds(schema: dict[str, Any], target: Target) -> bool:
    """Whether a key of such a type can hold such a field."""
    kind = schema.get("type")
    wanted: dict[Sort, tuple[str, ...]] = {
        Sort.TEXT: ("string", "integer"),
        Sort.ENUM: ("string", "integer"),
        Sort.MONEY: ("number", "integer", "string"),
        Sort.DECIMAL: ("number", "integer", "string"),
        Sort.INTEGER: ("integer",),
        Sort.BOOLEAN: ("boolean",),
        Sort.DATE: ("string",),
        Sort.INSTANT: ("string",),
        Sort.PHONE: ("string",),
        Sort.WORDS: ("array",),
    }
    return kind is None or kind in wanted.get(target.sort, ())


def _spelt(draft: Draft, noun: str, path: str, schema: dict[str, Any], target: Target) -> Any:  # noqa: ANN401
    """A field with the codec that its type suggests; None where nothing does."""
    read_only = {"dir": "read"} if schema.get("readOnly") or target.name in {"id", "version"} else {}
    if target.sort is Sort.MONEY:
        return {"at": path, "codec": _money(path, schema), **read_only}
    if target.sort is Sort.ENUM:
        codec = _vocabulary(draft, f"{noun}_{target.name.replace('.', '_')}", schema, target)
        return None if codec is None else {"at": path, "codec": codec, **read_only}
    if target.sort is Sort.DATE and schema.get("format") == "date-time":
        draft.codecs.setdefault("day_of_instant", {"kind": "date", "ignore_time": True})
        return {"at": path, "codec": "day_of_instant", **read_only}
    return {"at": path, **read_only} if read_only else path


def _money(path: str, schema: dict[str, Any]) -> str:
    if "cents" in path.lower():
        return "cents"
    return {"integer": "cents", "string": "amount_text"}.get(str(schema.get("type")), "amount_number")


def _vocabulary(draft: Draft, name: str, schema: dict[str, Any], target: Target) -> str | None:
    """A codec of the vendor's words; a word whose meaning cannot be guessed reads as unknown."""
    vendors = [str(word) for word in schema.get("enum") or () if isinstance(word, str | int) and str(word)]
    if not vendors:
        return None
    ours = {vendor: _meaning(vendor, target) for vendor in vendors}
    kind = "integer" if schema.get("type") == "integer" else "text"
    draft.codecs[name] = {"kind": "enum", "words": ours, **({"spelt": kind} if kind == "integer" else {})}
    return name


def _meaning(vendor: str, target: Target) -> str:
    for word in target.words:
        if plain(vendor) == plain(word) or plain(vendor) in STATE_WORDS.get(word, ()):
            return word
    return "unknown" if "unknown" in target.words else target.words[0]  # the closed one of visibilities and rights
