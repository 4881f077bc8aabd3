"""What a mapping takes of the effects that it carries out at all; asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pmsbridge.actions.effects import EffectBody, SetAutopay, SetConsent, TakePayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge_rest.building import fitting_steps
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.templates import places_in
from pmsbridge_rest.matching import row_fits

__all__ = [
    "autopay_means",
    "keeps_consent",
    "names_in_autopay",
    "payment_means",
    "settles_invoices",
    "settles_lines",
    "takes",
]

_OPEN_MEANS: Final = ("external", "stored")
"""What is typed now travels sealed, and no mapping can open it."""


def takes(mapping: Mapping, effect: EffectBody) -> bool:
    """Whether the mapping has steps for an effect like this; one that is not mapped at all it does not take."""
    action = mapping.actions.get(str(getattr(effect, "kind", "")))
    if action is None or effect.needs_a_sealed_value:
        return False
    if isinstance(effect, SetAutopay) and effect.method_id is not None and not autopay_means(mapping):
        return False
    if isinstance(effect, TakePayment) and not _aims(mapping, effect):
        return False
    if isinstance(effect, SetConsent) and not keeps_consent(mapping, effect.channel, effect.purpose):
        return False
    return bool(fitting_steps(action, effect))


def payment_means(mapping: Mapping) -> frozenset[str]:
    """By what the mapping takes payments: never by what was typed."""
    action = mapping.actions.get("take_payment")
    demand = action.accepts.get("means.by") if action is not None else None
    taken = [way for way in _OPEN_MEANS if demand is None or row_fits({"by": demand}, {"by": way})]
    return frozenset(taken if action is not None else ())


def settles_invoices(mapping: Mapping) -> bool:
    """Whether a payment can name the one invoice that it settles, and each invoice can be read by itself."""
    invoices = mapping.entities.get("invoices")
    return "invoice_id" in set(_aims_said(mapping)) and invoices is not None and invoices.one is not None


def settles_lines(mapping: Mapping) -> bool:
    """Whether a payment can name one line of an invoice, and a line's id and what it still owes are read."""
    invoices = mapping.entities.get("invoices")
    lines = invoices.items.get("lines") if invoices is not None else None
    told = lines is not None and {"id", "balance"} <= lines.fields.keys()
    return settles_invoices(mapping) and "line_id" in set(_aims_said(mapping)) and told


def _aims(mapping: Mapping, effect: TakePayment) -> bool:
    """Whether all that a payment aims at can be said."""
    names_invoice, names_line = (
        any(getattr(part, name) for part in effect.parts) for name in ("invoice_id", "line_id")
    )
    return (not names_invoice or settles_invoices(mapping)) and (not names_line or settles_lines(mapping))


def _aims_said(mapping: Mapping) -> Iterator[str]:
    """What of a payment's part stands in what is sent: "invoice_id", "line_id"."""
    action = mapping.actions.get("take_payment")
    for step in action.steps if action is not None else ():
        sent = {"path": step.path, **step.model_dump(include={"query", "headers", "body"})}
        for place in places_in(sent):
            if place.path.startswith(("effect.parts[", "part.")):
                yield place.path.rpartition(".")[2]


def autopay_means(mapping: Mapping) -> frozenset[str]:
    """What autopay can be told to charge: what is stored, where the mapping names it; never what was typed."""
    return frozenset({"stored"} if names_in_autopay(mapping, "method_id") else ())


def names_in_autopay(mapping: Mapping, field: str) -> bool:
    """Whether the switching of autopay, or the look for it, has a place for a field of the effect."""
    action = mapping.actions.get("set_autopay")
    written = action.model_dump_json() if action is not None else ""
    return any(f"{{effect.{field}{end}" in written for end in "}?|")


def keeps_consent(mapping: Mapping, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:
    """Whether an answer about this channel and purpose has a place: the action accepts it, and a path leads there."""
    action, tenants = mapping.actions.get("set_consent"), mapping.entities.get("tenants")
    if action is None:
        return False
    wish = SetConsent(account="-", facility="-", tenant_id="-", channel=channel, purpose=purpose, granted=False)
    steps = fitting_steps(action, wish)
    written = {(one.channel, one.purpose) for one in (tenants.consents if tenants else ()) if one.dir != "read"}
    has_path = (channel.value, purpose.value) in written
    return bool(steps) and (has_path or all(step.update is None for step in steps))
