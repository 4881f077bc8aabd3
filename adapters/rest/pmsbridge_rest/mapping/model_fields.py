"""What the model has: which fields each noun has, and what sort of value each field holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from pmsbridge.actions.effects import EFFECT_KINDS, EffectBody, effect_class
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.documents import Bulletin, Document, Event, Note, Quote, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import Balances, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, Payment, PaymentMethod
from pmsbridge.model.people import Contact, PersonName, Phone, Tenant
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.record import Value
from pmsbridge.model.rental import ItemOut, Rental
from pmsbridge.model.requests import CallOff, MoveOut, Request
from pmsbridge.model.sealed import BankAccountKind, CardFace

__all__ = [
    "ACCOUNT_FIELDS",
    "ACTIONS",
    "ALTERNATE",
    "BY_UNIT",
    "ENTITY_MODELS",
    "KINDS_OF",
    "METHOD",
    "PREPAY_FIELDS",
    "Sort",
    "Target",
    "item_model",
    "required_of",
    "target_of",
    "targets_of",
]

ENTITY_MODELS: Final[dict[str, type[Value]]] = {
    "facilities": Facility,
    "units": Unit,
    "tenants": Tenant,
    "rentals": Rental,
    "contacts": Contact,
    "items_out": ItemOut,
    "ledger_entries": LedgerEntry,
    "invoices": Invoice,
    "payments": Payment,
    "payment_methods": PaymentMethod,
    "autopay": Autopay,
    "documents": Document,
    "quotes": Quote,
    "reservations": Reservation,
    "notes": Note,
    "bulletins": Bulletin,
    "events": Event,
    "requests": Request,
    "move_outs": MoveOut,
    "call_offs": CallOff,
    "portal_accounts": PortalAccount,
}
"""What a noun of a mapping becomes.

Autopay is a value; its record is made around it, and has its tenant beside it. Its ``method_id`` names what is stored
to be charged, whether it is charged now or not.
"""

ACTIONS: Final = tuple(kind for kind in EFFECT_KINDS if kind != "send_mail")
"""Effects that a mapping can carry out. Mail is sent by ourselves."""

ALTERNATE: Final = ("alternate.name.first", "alternate.name.last", "alternate.phone", "alternate.email")
"""Fields of a tenant that become a contact of their own."""


BY_UNIT: Final = "unit_id"
"""Of autopay: what a row names in place of the rental."""

METHOD: Final = "method_id"
"""Of autopay: what is charged, to be found among the payment methods."""


class Sort(StrEnum):
    """What sort of value a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    MONEY = "money"
    DATE = "date"
    INSTANT = "instant"
    ENUM = "enum"
    PHONE = "phone"
    NAME = "name"
    WORDS = "words"


KINDS_OF: Final[dict[Sort, frozenset[str]]] = {
    Sort.TEXT: frozenset({"text", "enum", "integer", "last_digits"}),
    Sort.INTEGER: frozenset({"integer"}),
    Sort.DECIMAL: frozenset({"decimal", "integer"}),
    Sort.BOOLEAN: frozenset({"boolean"}),
    Sort.MONEY: frozenset({"money"}),
    Sort.DATE: frozenset({"date", "month"}),
    Sort.INSTANT: frozenset({"instant"}),
    Sort.ENUM: frozenset({"enum"}),
    Sort.PHONE: frozenset({"phone"}),
    Sort.NAME: frozenset({"name"}),
    Sort.WORDS: frozenset({"words"}),
}
"""Which kinds of codec make a value of a sort."""

_SORTS: Final[tuple[tuple[type, Sort], ...]] = (
    (bool, Sort.BOOLEAN),
    (int, Sort.INTEGER),
    (Decimal, Sort.DECIMAL),
    (datetime, Sort.INSTANT),
    (date, Sort.DATE),
    (StrEnum, Sort.ENUM),
    (str, Sort.TEXT),
    (Money, Sort.MONEY),
    (Phone, Sort.PHONE),
    (PersonName, Sort.NAME),
    (frozenset, Sort.WORDS),
)
_APART: Final = frozenset(
    {"allocations", "consents", "contacts", "discounts", "extra", "items", "lines", "method", "policy", "ref", "token"}
)
"""Fields that are filled in another way than from one value of a row, or not at all."""


class Target(Value):
    """A field of a noun.

    Attributes:
        name: Dotted.
        sort: What it holds.
        is_required: A record cannot be without it.
        words: Of an enum: ours.
    """

    name: str
    sort: Sort
    is_required: bool = False
    words: tuple[str, ...] = ()


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - a type of any shape
    """The type without what it is annotated with and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        inside = [each for each in get_args(annotation) if each is not type(None)]
        return CardFace if CardFace in inside else _bare(inside[0])
    return annotation


def _targets(model: type[BaseModel], above: str = "", *, is_needed: bool = True) -> Iterator[Target]:
    for name, field in model.model_fields.items():
        if name in _APART:
            continue
        bare, needed = _bare(field.annotation), is_needed and field.is_required()
        kind = get_origin(bare) or bare
        if not isinstance(kind, type):
            continue
        sort = next((sort for base, sort in _SORTS if issubclass(kind, base)), None)
        if sort is not None:
            words = tuple(str(word.value) for word in kind) if issubclass(kind, StrEnum) else ()
            yield Target(name=above + name, sort=sort, is_required=needed, words=words)
        if issubclass(kind, BaseModel) and kind not in {Money, Phone}:
            yield from _targets(kind, f"{above}{name}.", is_needed=False)


@cache
def targets_of(model: type[BaseModel]) -> dict[str, Target]:
    """The fields of a noun by their dotted name; ``id`` and ``version`` stand for its reference."""
    own = {target.name: target for target in _targets(model)}
    if issubclass(model, Autopay):
        own["tenant_id"] = Target(name="tenant_id", sort=Sort.TEXT, is_required=True)
        own.update({name: Target(name=name, sort=Sort.TEXT) for name in (BY_UNIT, METHOD)})
    elif "ref" in model.model_fields:
        own["id"] = Target(name="id", sort=Sort.TEXT, is_required=True)
        own["version"] = Target(name="version", sort=Sort.TEXT)
    if model is PaymentMethod:  # of a card and of a bank account: a row is one of the two
        words = tuple(kind.value for kind in BankAccountKind)
        own["face.kind"] = Target(name="face.kind", sort=Sort.ENUM, words=words)
    if model is Tenant:
        sorts = {"phone": Sort.PHONE}
        own.update({n: Target(name=n, sort=sorts.get(n.rpartition(".")[2], Sort.TEXT)) for n in ALTERNATE})
    return own


def target_of(entity: str, name: str) -> Target | None:
    """A field of a noun; None when it has none of that name."""
    return targets_of(ENTITY_MODELS[entity]).get(name)


def required_of(model: type[BaseModel]) -> list[str]:
    """Fields that a record cannot be without. A whole name may come in parts."""
    return [name for name, target in targets_of(model).items() if target.is_required and target.sort is not Sort.NAME]


def item_model(entity: str, name: str) -> type[Value] | None:
    """What the entries of a noun's list are; None when there is no such list."""
    field = ENTITY_MODELS[entity].model_fields.get(name)
    inside = get_args(field.annotation) if field is not None and get_origin(field.annotation) is tuple else ()
    found = inside[0] if inside else None
    return found if isinstance(found, type) and issubclass(found, Value) and name != "consents" else None


def _account_fields() -> dict[str, Target]:
    own = {name: target for name, target in targets_of(RentalAccount).items() if "." not in name}
    return {**own, **targets_of(Balances)}


ACCOUNT_FIELDS: Final = _account_fields()
"""What an account says beside the rental: its balances, and whether it is billed, late or blocked."""


PREPAY_FIELDS: Final = {
    "future": Target(name="future", sort=Sort.MONEY, is_required=True),
    "through": Target(name="through", sort=Sort.DATE),
}
"""What a price for months ahead says."""


def effect_model(action: str) -> type[EffectBody]:
    """The effect of an action."""
    return effect_class(action)
