"""Names that a mapping uses must be names it declares: codecs, paginations, entities, fields, actions, secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final

from pmsbridge_rest.mapping.actions import Action, Step, Update
from pmsbridge_rest.mapping.attachments import file_problems
from pmsbridge_rest.mapping.codec_sections import BUILT_IN
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import Consent, EntityMap, FieldMap
from pmsbridge_rest.mapping.model_fields import (
    ACCOUNT_FIELDS,
    ACTIONS,
    BY_UNIT,
    ENTITY_MODELS,
    KINDS_OF,
    PREPAY_FIELDS,
    Sort,
    Target,
    item_model,
    required_of,
    targets_of,
)
from pmsbridge_rest.mapping.pagination import Since
from pmsbridge_rest.mapping.places import place_problems
from pmsbridge_rest.mapping.poison import poison_problems
from pmsbridge_rest.mapping.problems import Problem, at, did_you_mean
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.walking import Key, sections_of
from pmsbridge_rest.mapping.yaml_nodes import Tree

__all__ = ["STAFF_CAN_DO", "reference_problems"]

STAFF_CAN_DO: Final = frozenset(
    {
        "accept_quote",
        "cancel_move_out",
        "change_contact",
        "order",
        "request_call_off",
        "reserve_unit",
        "schedule_move_out",
        "set_consent",
        "set_language",
        "withdraw_call_off",
    }
)
"""Effects that a member of staff can do by hand from a task."""

_TOLD: Final = ("change_contact", "schedule_move_out", "cancel_move_out")
"""Effects after which a plan tells staff."""

_MUST_SAY: Final = frozenset({Sort.MONEY, Sort.ENUM, Sort.NAME})
"""Sorts that no spelling goes without saying for."""

_SECRET_FIELDS: Final = ("token", "password", "consumer_key", "consumer_secret", "client_id", "client_secret", "key",
                         "refresh_token")  # fmt: skip

_OWNERS: Final = ("tenants", "rentals")
"""Nouns whose own id says whose account it is."""

Found = Iterator[tuple[Key, str, str]]
"""Key, rule and words of a problem."""


def reference_problems(mapping: Mapping, tree: Tree) -> Iterator[Problem]:
    """Every name that leads nowhere, and every field that cannot be made."""
    checks: tuple[Callable[[Mapping], Found], ...] = (
        _names_of_codecs, _paginations, _since, _entities, _actions, _unsupported, _secrets, _webhooks, _prepay,
        place_problems,
        poison_problems, file_problems,
    )  # fmt: skip
    for check in checks:
        for key, rule, what in check(mapping):
            yield at(tree, key, what, rule=rule)


def _unknown(key: Key, what: str, name: str, known: Collection[str]) -> tuple[Key, str, str]:
    return key, "unknown_name", f"there is no {what} of that name. {did_you_mean(name, known)}"


def _names_of_codecs(mapping: Mapping) -> Found:
    """No declared codec has a built-in one's name."""
    for name in mapping.codecs.keys() & BUILT_IN.keys():
        yield ("codecs", name), "duplicate_name", "a built-in codec has that name; choose another"


def _paginations(mapping: Mapping) -> Found:
    for key, section in sections_of(mapping):
        name = section.paginate if isinstance(section, Reading) else None
        if name is not None and name not in mapping.pagination:
            yield _unknown((*key, "paginate"), "pagination", name, mapping.pagination)


def _since(mapping: Mapping) -> Found:
    for key, section in sections_of(mapping):
        if isinstance(section, Since):
            for field in ("spelt_as", "row_codec"):
                yield from _codec(mapping, (*key, field), getattr(section, field), {"instant", "date"})


def _codec(mapping: Mapping, key: Key, name: str, kinds: Collection[str]) -> Found:
    """A codec that is there and makes the right sort of value."""
    known = {**BUILT_IN, **mapping.codecs}
    if name not in known:
        yield _unknown(key, "codec", name, known)
    elif known[name].kind not in kinds:
        yield key, "wrong_codec", f"a codec of kind {known[name].kind}; {' or '.join(sorted(kinds))} is wanted here"


def _entities(mapping: Mapping) -> Found:
    for name, entity in mapping.entities.items():
        key: Key = ("entities", name)
        if name not in ENTITY_MODELS:
            yield _unknown(key, "entity", name, ENTITY_MODELS)
            continue
        targets = targets_of(ENTITY_MODELS[name])
        yield from _fields(mapping, (*key, "fields"), entity.fields, targets)
        yield from _missing(key, name, entity)
        if name != "events" and entity.for_everybody:
            yield (*key, "for_everybody"), "wrong_place", "for_everybody belongs to events"
        if name == "events" and entity.all is not None:
            yield from _whose(key, entity.fields.get("tenant_id"))
        if name == "autopay" and entity.all is not None and BY_UNIT in entity.fields:
            what = f"no reading of all says which rental has the unit; without {BY_UNIT}, or by of_tenant, it is known"
            yield (*key, "all"), "wrong_place", what
        yield from _lists(mapping, key, name, entity)
        yield from _fields(mapping, (*key, "account"), entity.account, ACCOUNT_FIELDS)
        yield from _account(mapping, key, name, entity)
        for part in ("shown", "file"):
            if name != "documents" and getattr(entity, part) is not None:
                yield (*key, part), "wrong_place", f"{part} belongs to documents"
        for number, consent in enumerate(entity.consents):
            yield from _consent(mapping, (*key, "consents", number), consent, name)


def _account(mapping: Mapping, key: Key, name: str, entity: EntityMap) -> Found:
    if name != "rentals" and entity.account:
        yield (*key, "account"), "wrong_place", "account belongs to rentals"
    if name != "rentals" and entity.ledger_is_summed:
        yield (*key, "ledger_is_summed"), "wrong_place", "ledger_is_summed belongs to rentals"
    if not entity.ledger_is_summed:
        return
    entries = mapping.entities.get("ledger_entries")
    if "ledger" in entity.account:
        yield (*key, "ledger_is_summed"), "both", "the account says the ledger's balance; keep one of the two"
    if entries is None or entries.of_rental is None:
        yield (*key, "ledger_is_summed"), "no_read", "nothing to sum up; give of_rental in ledger_entries"


def _fields(mapping: Mapping, key: Key, fields: dict[str, FieldMap], targets: dict[str, Target]) -> Found:
    for name, field in fields.items():
        if name not in targets:
            yield _unknown((*key, name), "field", name, targets)
        else:
            yield from _field(mapping, (*key, name), field, targets[name])


def _field(mapping: Mapping, key: Key, field: FieldMap, target: Target) -> Found:
    if field.codec is not None:
        yield from _codec(mapping, (*key, "codec"), field.codec, KINDS_OF[target.sort])
        yield from _words(mapping, (*key, "codec"), field, target)
    elif target.sort in _MUST_SAY and field.value is None:
        rule = "money_without_codec" if target.sort is Sort.MONEY else "no_codec"
        yield key, rule, f"holds {_article(target.sort)}; name the codec that spells it"
    if field.currency_at is not None and target.sort is not Sort.MONEY:
        yield (*key, "currency_at"), "wrong_place", "only money has a currency"
    if field.is_reckoned and target.sort is not Sort.MONEY:
        yield key, "wrong_place", "only money is reckoned (less, negate_when)"


def _article(sort: Sort) -> str:
    return {Sort.MONEY: "money", Sort.ENUM: "one of our own words", Sort.NAME: "a whole name"}[sort]


def _words(mapping: Mapping, key: Key, field: FieldMap, target: Target) -> Found:
    """An enumeration gives words that the field knows, and can write what is written."""
    codec = mapping.codecs.get(field.codec or "")
    if codec is None or codec.kind != "enum" or not target.words:
        return
    for vendor, word in codec.words.items():
        if word not in target.words:
            where: Key = ("codecs", str(field.codec), "words", vendor)
            what = f"gives a word that {target.name} does not know. {did_you_mean(word, target.words)}"
            yield where, "unknown_word", what
    if field.is_written and field.dir is not None and codec.doubtful:
        what = f"several words mean {codec.doubtful[0]}; the codec must say in write which one is written"
        yield key, "doubtful_word", what


def _missing(key: Key, name: str, entity: EntityMap) -> Found:
    given = {field for field, where in entity.fields.items() if where.is_read}
    from_settings = {"zone", "currency", "name"} if name == "facilities" else set()
    in_place_of = {"rental_id": BY_UNIT} if name == "autopay" else {}
    for field in required_of(ENTITY_MODELS[name]):
        if field not in given and field not in from_settings and in_place_of.get(field) not in given:
            yield (*key, "fields"), "missing_field", f"{field} is missing; a record cannot be without it"


def _whose(key: Key, field: FieldMap | None) -> Found:
    """Whose a row of everybody's is, the row itself says: what says nothing is shown to every tenant."""
    what = "whose each row is must be read from it (tenant_id): all brings everybody's, and every tenant is shown them"
    if field is None or not field.is_read:
        yield (*key, "fields"), "missing_field", what
    elif field.value is not None:
        yield (*key, "fields", "tenant_id"), "wrong_place", what


def _lists(mapping: Mapping, key: Key, name: str, entity: EntityMap) -> Found:
    for each, items in entity.items.items():
        model = item_model(name, each)
        if model is None:
            yield (*key, "items", each), "unknown_name", "this noun has no such list"
            continue
        yield from _fields(mapping, (*key, "items", each, "fields"), items.fields, targets_of(model))
        given = set(items.fields) | {"tenant_id", "rental_id"}
        for field in required_of(model):
            if field not in given:
                where = (*key, "items", each, "fields")
                yield where, "missing_field", f"{field} is missing; an entry cannot be without it"


def _consent(mapping: Mapping, key: Key, consent: Consent, entity: str) -> Found:
    if entity != "tenants":
        yield key, "wrong_place", "consents belong to tenants"
    yield from _codec(mapping, (*key, "codec"), consent.codec, {"boolean"})
    yield from _codec(mapping, (*key, "given_codec"), consent.given_codec, {"instant"})


def _actions(mapping: Mapping) -> Found:
    for name, action in mapping.actions.items():
        key: Key = ("actions", name)
        if name not in ACTIONS:
            yield _unknown(key, "action", name, ACTIONS)
            continue
        yield from _action(mapping, key, name, action)
        for number, step in enumerate(action.steps):
            yield from _update(mapping, (*key, "steps", number), name, step)


def _action(mapping: Mapping, key: Key, name: str, action: Action) -> Found:
    if action.reverses is not None and action.reverses not in mapping.actions:
        yield _unknown((*key, "reverses"), "action", action.reverses, mapping.actions)
    ways = {"note": "add_note", "bulletin": "post_bulletin"}
    for number, way in enumerate(action.announce):
        if way in ways and ways[way] not in mapping.actions:
            yield (*key, "announce", number), "no_way", f"staff cannot be told by {way} without the action {ways[way]}"
    if action.announce and name not in _TOLD:
        yield (*key, "announce"), "not_told", f"staff are not told of {name}; announce belongs to {', '.join(_TOLD)}"
    if name == "change_contact" and all(step.update is None for step in action.steps):
        yield (*key, "steps"), "no_update", "no step says how fields are changed; add update with its strategy"


def _update(mapping: Mapping, key: Key, action: str, step: Step) -> Found:
    if step.update is None:
        return
    if action not in {"change_contact", "set_consent"}:
        yield (*key, "update"), "wrong_place", "update belongs to change_contact and set_consent"
    yield from _updated(mapping, (*key, "update"), step.update)


def _updated(mapping: Mapping, key: Key, update: Update) -> Found:
    entity = mapping.entities.get(update.entity)
    if entity is None:
        yield _unknown((*key, "entity"), "entity", update.entity, mapping.entities)
        return
    needs_read = update.strategy == "put_full" or update.guard is not None
    if needs_read and update.read is None and entity.one is None:
        yield (*key, "strategy"), "no_read", f"the record must be read first; give read here or one in {update.entity}"
    if not any(field.is_written for field in entity.fields.values()) and not entity.consents:
        yield (*key, "entity"), "nothing_written", f"no field of {update.entity} can be written"


def _unsupported(mapping: Mapping) -> Found:
    for name, section in mapping.unsupported.items():
        key: Key = ("unsupported", name)
        if name not in ACTIONS:
            yield _unknown(key, "action", name, ACTIONS)
        elif name in mapping.actions:
            yield key, "both", "is among the actions too; keep one of the two"
        elif section.fallback == "staff" and name not in STAFF_CAN_DO:
            what = "staff cannot do that from a task: money and secrets do not travel in one"
            yield (*key, "fallback"), "no_fallback", what


def _secrets(mapping: Mapping) -> Found:
    """Secrets that are named rather than placed."""
    known = mapping.connection.secrets
    for field in _SECRET_FIELDS:
        name = getattr(mapping.auth, field, None)
        if name is not None and name not in known:
            yield _unknown(("auth", field), "secret in connection.secrets", name, known)
    if mapping.webhooks is not None and mapping.webhooks.verify.key not in known:
        where: Key = ("webhooks", "verify", "key")
        yield _unknown(where, "secret in connection.secrets", mapping.webhooks.verify.key, known)


def _webhooks(mapping: Mapping) -> Found:
    events = mapping.webhooks.events if mapping.webhooks is not None else {}
    for name, event in events.items():
        key: Key = ("webhooks", "events", name)
        entity = mapping.entities.get(event.entity)
        if entity is None:
            yield _unknown((*key, "entity"), "entity", event.entity, mapping.entities)
        elif entity.all is None and event.entity not in _OWNERS and event.tenant_at is None and event.rental_at is None:
            what = f"nothing to read: {event.entity} has no list (all), and the message does not say whose it is"
            yield key, "nothing_read", f"{what}; give tenant_at or rental_at, or leave the event out"


def _prepay(mapping: Mapping) -> Found:
    if mapping.prepay is None:
        return
    yield from _field(mapping, ("prepay", "future"), mapping.prepay.future, PREPAY_FIELDS["future"])
    if mapping.prepay.through is not None:
        yield from _field(mapping, ("prepay", "through"), mapping.prepay.through, PREPAY_FIELDS["through"])
    if "take_payment" not in mapping.actions:
        yield ("prepay",), "no_way", "nobody can pay ahead without the action take_payment"
