"""How each back office carries a fact, and why one does not: derived from its adapter, or from its mapping file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pmsbridge.actions.kinds import EMULATABLE
from pmsbridge.cli.facts.listing import DOUBLE, OTHER_MAPPINGS, Fact
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.books import (
    AccessPort,
    CallOffPort,
    CustomerAccountPort,
    EventPort,
    InvoicePort,
    PaperPort,
)
from pmsbridge.ports.capability import Capability, Support
from pmsbridge_rest.accepting import keeps_consent, settles_invoices
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.promises import capabilities_of
from pmsbridge_rest.shipped import shipped_mappings

__all__ = ["OFFICES", "support_of"]

_CLASSES: Final[Mapping[str, str]] = MappingProxyType({
    "sitelink": "pmsbridge_sitelink.adapter:SiteLinkAdapter",
    "tryton": "pmsbridge_tryton.adapter:TrytonAdapter",
    DOUBLE: "pmsbridge.testing.memory_billing:BillingMemoryAdapter",
})  # fmt: skip
OFFICES: Final = ("sitelink", "tryton", *shipped_mappings(), OTHER_MAPPINGS, DOUBLE)
"""Columns of the table: adapters, shipped mappings, mappings of tests and pages, the library's own double."""

_PORTS: Final[Mapping[str, type]] = MappingProxyType({
    "papers": PaperPort, "call_offs": CallOffPort, "account": CustomerAccountPort, "events": EventPort,
    "access_codes": AccessPort,
})  # fmt: skip
_READ_FOR: Final[Mapping[str, str]] = MappingProxyType({
    "papers": "documents", "call_offs": "call_offs", "events": "events",
})  # fmt: skip
"""What a mapping reads where an adapter has a port; what is not here no mapping has."""

_Found = tuple[str, str]


def support_of(fact: Fact) -> dict[str, list[str]]:
    """By back office how it carries a fact ("native", "emulated", "cannot"), and why not.

    Empty where the library does it above any of them. Mappings of tests and pages claim nothing.
    """
    if not (fact.effect or fact.port or fact.field):
        return {}
    return {office: list(_support(fact, office)) for office in OFFICES if office != OTHER_MAPPINGS}


def _support(fact: Fact, office: str) -> _Found:
    if (place := _CLASSES.get(office)) is not None:
        return _of_adapter(fact, place, is_double=office == DOUBLE)
    return _of_mapping(fact, _mapping(office))


def _of_adapter(fact: Fact, place: str, *, is_double: bool) -> _Found:
    module, _, name = place.partition(":")
    adapter: Any = getattr(importlib.import_module(module), name)
    package = module.partition(".")[0]
    if fact.port:
        has = issubclass(adapter, _PORTS[fact.port])
        names = is_double or not fact.field or _names(package, fact.field)
        return _told(has and names, fact.port if not has else fact.field)
    if fact.effect == "set_consent":
        keeps = getattr(adapter, "keeps_consent", None)  # asks nobody, and knows nothing of an account
        has_a_place = keeps is None or keeps(None, *_consent(fact.field))
        return _of_effect(fact.effect, adapter.capabilities.get(fact.effect), has_a_place=has_a_place)
    if fact.field:
        return _told(is_double or _names(package, fact.field), fact.field)
    if fact.effect in {"pay_invoice", "pay_on_account"}:
        wanted = InvoicePort if fact.effect == "pay_invoice" else CustomerAccountPort
        return _aimed(is_aimed=issubclass(adapter, wanted))
    return _of_effect(fact.effect, adapter.capabilities.get(fact.effect))


def _of_mapping(fact: Fact, mapping: MappingDocument) -> _Found:
    rows = capabilities_of(mapping)
    if fact.effect == "set_consent":
        has_a_place = keeps_consent(mapping, *_consent(fact.field))
        return _of_effect(fact.effect, rows.get(fact.effect), has_a_place=has_a_place)
    if fact.field:
        return _told(_reads(mapping, fact.field), fact.field)
    if fact.port:
        return _told(_READ_FOR.get(fact.port, "") in mapping.entities, fact.port)
    if fact.effect in {"pay_invoice", "pay_on_account"}:
        return _aimed(is_aimed=fact.effect == "pay_invoice" and settles_invoices(mapping))
    return _of_effect(fact.effect, rows.get(fact.effect))


def _consent(place: str) -> tuple[ConsentChannel, ConsentPurpose]:
    """Of a fact about consents, which one: "consents.email.marketing"."""
    _, channel, purpose = place.split(".")
    return ConsentChannel(channel), ConsentPurpose(purpose)


def _told(is_told: bool, what: str) -> _Found:  # noqa: FBT001 - the question is in the name
    return ("native", "") if is_told else ("cannot", f"it does not tell ({what.replace('_', ' ').replace('.', ': ')})")


def _aimed(*, is_aimed: bool) -> _Found:
    return ("native", "") if is_aimed else ("cannot", "it cannot aim a payment so")


def _of_effect(effect: str, row: Capability | None, *, has_a_place: bool = True) -> _Found:
    is_native = row is not None and row.support is Support.NATIVE
    if is_native and has_a_place:
        return "native", ""
    if effect in EMULATABLE and (row is None or row.by_hand or is_native):
        return "emulated", ""
    return "cannot", row.source if row is not None else f"it has no way to {effect.replace('_', ' ')}"


@cache
def _mapping(name: str) -> MappingDocument:
    return load_mapping(shipped_mappings()[name])


def _reads(mapping: MappingDocument, place: str) -> bool:
    """Whether a mapping reads a field ("documents.signature"), a list, or a paper's bytes ("documents.content")."""
    noun, _, name = place.partition(".")
    entity = mapping.entities.get(noun)
    if entity is None:
        return False
    field = entity.fields.get(name)
    has_bytes = name == "content" and entity.file is not None
    return (field is not None and field.is_read) or name in entity.items or has_bytes


@cache
def _names(package: str, place: str) -> bool:
    """Whether an adapter's own code, its sandbox apart, names a field of the model: else it cannot tell it."""
    word = place.partition(".")[2]
    folder = Path(str(importlib.import_module(package).__file__)).parent
    files = (path for path in folder.rglob("*.py") if "sandbox" not in path.parts)
    said = (f"{word}=", f'"{word}"', f"def {word}(")
    return any(each in text for text in (path.read_text("utf-8") for path in files) for each in said)
