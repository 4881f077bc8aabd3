"""Places must stand where they can be filled, and lead to something that is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from pmsbridge.model.money import Money
from pmsbridge_rest.mapping.actions import Action
from pmsbridge_rest.mapping.codec_sections import BUILT_IN
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import EntityMap
from pmsbridge_rest.mapping.model_fields import ACTIONS, effect_model
from pmsbridge_rest.mapping.paths import Step as PathStep
from pmsbridge_rest.mapping.paths import parse_path
from pmsbridge_rest.mapping.problems import did_you_mean
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import Section
from pmsbridge_rest.mapping.templates import Place
from pmsbridge_rest.mapping.walking import Key, places_of, sections_of

__all__ = ["FACILITY_PLACES", "READ_PLACES", "SIGNED_PLACES", "place_problems"]

READ_PLACES: Final = (
    "id", "tenant_id", "rental_id", "unit_id", "since", "until", "from", "months", "first_name", "last_name", "company",
    "email", "phone", "unit_number",
)  # fmt: skip
"""What a read may be asked by."""

FACILITY_PLACES: Final = ("code", "zone", "currency")
ATTEMPT_PLACES: Final = ("key", "number", "reference", "sent_at")
SIGNED_PLACES: Final = (
    "method", "url", "host", "path", "query", "path_and_query", "content_type", "body", "body_base64", "body_sha256",
    "body_sha256_base64", "body_sha512", "body_md5_base64", "timestamp", "nonce", "signature", "token", "page",
    "offset", "size",
)  # fmt: skip
"""What the wire knows of a call while it is signed, logged on or paged."""

_PLAIN: Final = frozenset({"facility", "option", "today", "now"})

Found = Iterator[tuple[Key, str, str]]


def place_problems(mapping: Mapping) -> Found:
    """Every place that cannot be filled where it stands."""
    for key, section in sections_of(mapping):
        for where, place in places_of(section, key):
            yield from _place(mapping, where, place)
    for name, action in mapping.actions.items():
        if name in ACTIONS:
            yield from _effect_places(mapping, name, action)
            yield from _output_places(name, action)
    for name, entity in mapping.entities.items():
        yield from _read_places(name, entity)
    if mapping.prepay is not None:
        yield from _bound(mapping.prepay.of_rental, ("prepay", "of_rental"), ("rental_id",))
        yield from _bound(mapping.prepay.of_rental, ("prepay", "of_rental"), ("months",))


def _allowed(key: Key) -> frozenset[str]:
    """The roots that can be filled at a key."""
    if key[0] == "auth":
        return _PLAIN | {"secret", "step"}
    if key[0] in {"entities", "prepay"}:
        return _PLAIN | {"read", "row"}
    if key[0] == "actions":
        return _PLAIN | {"attempt", "effect", "part", "step"}
    if key[0] == "pagination":
        return _PLAIN | {"step", "read"}
    return _PLAIN if key[0] == "connection" else frozenset()


def _place(mapping: Mapping, key: Key, place: Place) -> Found:
    allowed = _allowed(key)
    if place.root not in allowed:
        reason = " (secrets stand in auth only)" if place.root == "secret" else ""
        what = f"{place.root} cannot be filled here{reason}; here stand {', '.join(sorted(allowed)) or 'no places'}"
        yield key, "wrong_place", what
        return
    if place.codec and place.codec not in {**BUILT_IN, **mapping.codecs}:
        what = f"there is no codec of that name. {did_you_mean(place.codec, {**BUILT_IN, **mapping.codecs})}"
        yield key, "unknown_name", what
    yield from _known(key, place, _names(mapping, key, place.root))


def _names(mapping: Mapping, key: Key, root: str) -> Collection[str] | None:
    """What may come after a root; None where something else looks."""
    names: dict[str, Collection[str]] = {
        "option": mapping.connection.options,
        "secret": mapping.connection.secrets,
        "facility": FACILITY_PLACES,
        "attempt": ATTEMPT_PLACES,
        "read": READ_PLACES,
    }
    if root == "step" and key[0] in {"auth", "pagination"}:
        return SIGNED_PLACES
    return names.get(root)


def _known(key: Key, place: Place, names: Collection[str] | None) -> Found:
    steps = parse_path(place.path)[1:]
    if place.root in {"today", "now"}:
        if steps:
            yield key, "unknown_name", f"{place.root} stands alone"
        return
    if not steps:
        yield key, "unknown_name", f"{place.root} alone is no value; name one, like {{{place.root}.name}}"
    elif names is not None and (len(steps) > 1 or steps[0].key not in names):
        yield key, "unknown_name", f"{place.root} has no such name. {did_you_mean(steps[0].key, names)}"


def _effect_places(mapping: Mapping, name: str, action: Action) -> Found:
    """Paths into the effect, in places and in conditions on it."""
    model = effect_model(name)
    for key, section in sections_of(action, ("actions", name)):
        for where, place in places_of(section, key):
            if place.root == "effect":
                yield from _path_into(model, where, parse_path(place.path)[1:])
                yield from _money_is_spelt(mapping, where, place, _ends(model, parse_path(place.path)[1:]))
        for cases in ("accepts", "only_when"):
            for path in getattr(section, cases, {}):
                yield from _case(model, (*key, cases, path), path)
        yield from _loops(model, section, key)


def _case(model: type[BaseModel], key: Key, path: str) -> Found:
    try:
        steps = parse_path(path)
    except ValueError as problem:
        yield key, "unknown_name", str(problem)
    else:
        yield from _path_into(model, key, steps)


def _loops(model: type[BaseModel], section: Section, key: Key) -> Found:
    body = getattr(section, "body", None)
    for where, path in _each_in(body, (*key, "body")):
        root, *steps = parse_path(path)
        if root.key != "effect":
            yield where, "wrong_place", "$each goes over a list of the effect, like effect.parts"
        else:
            yield from _path_into(model, where, tuple(steps))


def _each_in(value: Any, key: Key) -> Iterator[tuple[Key, str]]:  # noqa: ANN401
    if isinstance(value, dict):
        if "$each" in value:
            yield (*key, "$each"), str(value["$each"])
        for name, each in value.items():
            yield from _each_in(each, (*key, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _each_in(each, (*key, number))


def _path_into(model: Any, key: Key, steps: tuple[PathStep, ...]) -> Found:  # noqa: ANN401
    """Whether a path leads to something in a model, or in one of several it may be."""
    for number, step in enumerate(steps):
        if not _ends(model, steps[: number + 1]):
            names = sorted({name for here in _ends(model, steps[:number]) for name in _names_in(here)})
            yield key, "unknown_name", f"the effect has no such value. {did_you_mean(step.key, names)}"
            return


def _ends(model: Any, steps: tuple[PathStep, ...]) -> list[Any]:  # noqa: ANN401
    """What a path into a model may lead to; nothing where there is no such path."""
    heres = [model]
    for step in steps:
        heres = [found for here in heres for found in _below(here, step)]
    return heres


def _money_is_spelt(mapping: Mapping, key: Key, place: Place, ends: list[Any]) -> Found:
    """Money has a codec, and the codec is one of money."""
    if Money not in ends:
        return
    codec = {**BUILT_IN, **mapping.codecs}.get(place.codec)
    if not place.codec:
        what = f"holds money; name the codec that spells it, like {{{place.path}|cents}}"
        yield key, "money_without_codec", what
    elif codec is not None and codec.kind != "money":
        yield key, "wrong_codec", f"holds money; a codec of kind {codec.kind} cannot spell it"


def _below(here: Any, step: PathStep) -> Iterator[Any]:  # noqa: ANN401
    if here is Any or step.index is not None:
        yield here
    elif isinstance(here, type) and issubclass(here, BaseModel):
        if step.key in here.model_fields:
            yield from _alternatives(here.model_fields[step.key].annotation)
        elif isinstance(getattr(here, step.key, None), property) and not step.key.startswith("_"):
            yield _of_property(here, step.key)
    elif here is dict:
        yield Any


def _of_property(model: type[BaseModel], name: str) -> Any:  # noqa: ANN401
    """What a property gives; anything where it does not say."""
    return get_type_hints(getattr(model, name).fget).get("return", Any)


def _names_in(here: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(here, type) and issubclass(here, BaseModel):
        yield from here.model_fields
        yield from (name for name in vars(here) if isinstance(vars(here)[name], property))


def _alternatives(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    """What a value of this type may be; the entries of a list stand for the list, a table for anything."""
    inside = get_args(annotation)
    if get_origin(annotation) is Literal:
        yield str
    elif isinstance(annotation, type) and not inside:
        yield annotation
    elif get_origin(annotation) is dict:
        yield dict
    for each in inside:
        if isinstance(each, type) or get_args(each):
            yield from _alternatives(each)


def _output_places(name: str, action: Action) -> Found:
    """Outputs that a step uses are outputs of a step before it, of itself after its answer, or of ``before``."""
    known: dict[str, set[str]] = {}
    if action.before is not None:
        known["before"] = set(action.before.outputs)
    for number, step in enumerate(action.steps):
        key: Key = ("actions", name, "steps", number)
        late = {**known, step.name: set(step.outputs)}
        for where, section in sections_of(step, key):
            is_late = any(part in {"verify", "compensate", "outcome"} for part in where[len(key) :])
            for spot, place in places_of(section, where):
                if place.root == "step":
                    yield from _output(spot, place, late if is_late else known)
        known = late


def _output(key: Key, place: Place, known: dict[str, set[str]]) -> Found:
    steps = [step.key for step in parse_path(place.path)[1:]]
    if len(steps) != 2 or steps[0] not in known:  # noqa: PLR2004 - a step and an output
        what = f"no step before this one has that name. {did_you_mean(steps[0] if steps else '', known)}"
        yield key, "unknown_name", what
    elif steps[1] not in known[steps[0]]:
        yield key, "unknown_name", f"that step has no such output. {did_you_mean(steps[1], known[steps[0]])}"


def _read_places(name: str, entity: EntityMap) -> Found:
    """A read by id uses the id, one of a tenant the tenant's: else it would answer the same for everybody."""
    wanted = {"one": ("id",), "of_tenant": ("tenant_id",), "of_rental": ("rental_id", "tenant_id")}
    for which, names in wanted.items():
        reading = getattr(entity, which)
        if reading is None or name == "facilities":
            continue
        yield from _bound(reading, ("entities", name, which), names)


def _bound(reading: Reading, key: Key, names: tuple[str, ...]) -> Found:
    inside = [place for _, each in sections_of(reading, key) for _, place in places_of(each, key)]
    if not {f"read.{each}" for each in names} & {place.path for place in inside}:
        yield key, "unbound_read", f"asks for everybody's; {{read.{names[0]}}} stands nowhere in it"
