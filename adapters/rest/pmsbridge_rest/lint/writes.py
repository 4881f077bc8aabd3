"""Lints of what is sent: keys, looks, card numbers, fields that can only be read, times that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pmsbridge_rest.lint.findings import Finding, doubt, wrong
from pmsbridge_rest.mapping.actions import Action, BodyFieldKey, HeaderKey, Look, NoKey, Step, Verify
from pmsbridge_rest.mapping.answers import Job
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.model_fields import ACTIONS, effect_model
from pmsbridge_rest.mapping.paths import parse_path
from pmsbridge_rest.mapping.templates import places_in
from pmsbridge_rest.mapping.walking import Key

__all__ = ["key_findings", "look_findings", "read_only_findings", "sealed_findings", "steps_of", "time_findings"]

_CARRIED_ELSEWHERE = frozenset({"card", "bank_debit"})
_REFERENCES = frozenset({"attempt.reference", "effect.reference", "attempt.key"})


def steps_of(mapping: Mapping) -> Iterator[tuple[str, Action, Key, Step]]:
    """Every step of every action, with its key."""
    for name, action in mapping.actions.items():
        for number, step in enumerate(action.steps):
            yield name, action, ("actions", name, "steps", number), step


def _moves_money(name: str) -> bool:
    return name in ACTIONS and effect_model(name).moves_money


def key_findings(mapping: Mapping) -> Iterator[Finding]:
    """A money step without a key is an error; another one without is a doubt."""
    for name, _, key, step in steps_of(mapping):
        where = (*key, "idempotency")
        if isinstance(step.idempotency, NoKey):
            if _moves_money(name):
                what = (
                    "a step that moves money and that nothing recognises; declare a key, a reference or a natural key"
                )
                yield wrong(where, "money_without_key", what)
            else:
                what = "nothing recognises it: an unanswered one goes to a person"
                yield doubt(where, "write_without_key", what)
        if isinstance(step.idempotency, HeaderKey | BodyFieldKey) and step.idempotency.look_up is None:
            what = "after the vendor has forgotten the key, nothing finds it; give look_up as well"
            yield doubt(where, "key_without_look", what)


def look_findings(mapping: Mapping) -> Iterator[Finding]:
    """A look that would find somebody else's row proves nothing."""
    for name, _, key, step in steps_of(mapping):
        look: Look | None = getattr(step.idempotency, "look_up", None)
        if look is None:
            continue
        where = (*key, "idempotency", "look_up", "match")
        used = {place.path for demand in look.match.values() for place in places_in(demand.model_dump())}
        by = step.idempotency.by
        if by == "client_reference" and not used & _REFERENCES:
            yield wrong(
                where, "unbound_look", "the reference is not among what must match; any row would be taken for it"
            )
        elif by == "client_reference" and not _own(used) & _own(_sent_places(step)):
            yield wrong(
                where, "unsent_reference", "the step does not send the reference that must match; nothing is found"
            )
        if by == "natural_key" and _moves_money(name) and not _has_amount(used):
            yield wrong(
                where, "unbound_look", "the amount is not among what must match; another payment would be taken for it"
            )
        if by == "natural_key" and not used:
            yield wrong(where, "unbound_look", "nothing of the effect is among what must match")
        if by == "state" and not used and not any(demand.present is not None for demand in look.match.values()):
            yield doubt(where, "unbound_look", "nothing of the effect is among what must match")


def _own(paths: set[str]) -> set[str]:
    """What of ours is among them; an effect that has a reference is attempted under it."""
    return {path.replace("effect.", "attempt.") for path in paths & _REFERENCES}


def _sent_places(step: Step) -> set[str]:
    sent = {"path": step.path, **step.model_dump(include={"query", "headers", "body"})}
    return {place.path for place in places_in(sent)}


def _has_amount(paths: set[str]) -> bool:
    return any(path.endswith((".total", ".amount")) for path in paths)


def sealed_findings(mapping: Mapping) -> Iterator[Finding]:
    """Cards, bank accounts and passwords travel sealed, and no mapping can open them."""
    for name, action in mapping.actions.items():
        if name in ACTIONS and effect_model(name).needs_sealed:
            yield wrong(("actions", name), "sealed_value", "what it needs travels sealed; no mapping can send it")
        if _moves_money(name) and not _only_open_means(action):
            what = "cards and bank accounts travel sealed; say accepts: {means.by: [external, stored]} or one of these"
            yield wrong(("actions", name, "accepts"), "sealed_value", what)


def _only_open_means(action: Action) -> bool:
    demand = action.accepts.get("means.by")
    if demand is None:
        return False
    words = set(demand.among or ()) | {demand.equals}
    return not words & _CARRIED_ELSEWHERE and bool(words - {None})


def read_only_findings(mapping: Mapping) -> Iterator[Finding]:
    """A field that can only be read is not written by another way."""
    for name, entity in mapping.entities.items():
        closed = {field.at for field in entity.fields.values() if field.dir == "read" and field.at is not None}
        open_ = {field: where.at for field, where in entity.fields.items() if where.is_written}
        for field, path in open_.items():
            if path in closed:
                what = "another field says that this path is only read; mark one of the two"
                yield wrong(("entities", name, "fields", field), "read_only_written", what)
        own = entity.fields["id"].at if "id" in entity.fields else None  # a command says whose record it changes
        for key, path in _written_paths(mapping, name):
            if path in closed and (path != own or "body" not in key):
                yield wrong(key, "read_only_written", "writes a path that a field of the entity says is only read")


def _written_paths(mapping: Mapping, entity: str) -> Iterator[tuple[Key, str]]:
    """Paths that updates of an entity write beside its fields: reshaped ones, and keys of the body."""
    for _, _, key, step in steps_of(mapping):
        if step.update is None or step.update.entity != entity:
            continue
        guard = step.update.guard.at if step.update.guard is not None else None
        for number, reshape in enumerate(step.update.reshape):
            yield (*key, "update", "reshape", number, "write"), reshape.write
        for path in _body_paths(step.body, ""):
            if path != guard:
                yield (*key, "body", *[each.key for each in parse_path(path)]), path


def _body_paths(value: Any, above: str) -> Iterator[str]:  # noqa: ANN401 - a body
    for name, each in value.items() if isinstance(value, dict) else ():
        path = f"{above}.{name}".removeprefix(".")
        if not name.startswith("$") and name.replace("_", "a").isalnum():
            yield path
            yield from _body_paths(each, path)


def time_findings(mapping: Mapping) -> Iterator[Finding]:
    """Waiting that does not fit into what may be waited, and a settle window shorter than the vendor's own lag."""
    write = mapping.connection.timeouts.write
    for _, _, key, step in steps_of(mapping):
        waiting: tuple[tuple[Key, Verify | Job | None], ...] = (
            (("verify",), step.verify),
            (("outcome", "job"), step.outcome.job),
        )
        for below, section in waiting:
            if section is not None and section.within >= write:
                what = "waits longer than connection.timeouts.write lets an action take"
                yield wrong((*key, *below, "within"), "too_long", what)
        look: Look | None = getattr(step.idempotency, "look_up", None)
        if look is not None and look.lag > mapping.connection.settle_window:
            what = "the lag is longer than connection.settle_window: a look would come too early"
            yield wrong((*key, "idempotency", "look_up", "lag"), "too_long", what)
