"""What a mapping takes of the effects that it carries out at all; asks nobody."""

from __future__ import annotations

from typing import Final

from pmsbridge.actions.effects import EffectBody, SetAutopay, SetConsent, TakePayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge_rest.aiming import OPEN_MEANS, Aim, aims_said, is_aimed, steps_by
from pmsbridge_rest.building import fitting_steps
from pmsbridge_rest.mapping.document import Mapping

__all__ = [
    "autopay_means",
    "keeps_consent",
    "names_in_autopay",
    "payment_means",
    "settles_invoices",
    "settles_lines",
    "takes",
]

_RECORDED: Final = ("external",)
"""What was paid before the back office hears of it."""


def takes(mapping: Mapping, effect: EffectBody) -> bool:
    """Whether the mapping has steps for an effect like this; one that is not mapped at all it does not take."""
    action = mapping.actions.get(str(getattr(effect, "kind", "")))
    if action is None or effect.needs_a_sealed_value:
        return False
    if isinstance(effect, SetAutopay) and effect.method_id is not None and not autopay_means(mapping):
        return False
    if isinstance(effect, TakePayment) and not (effect.means.by in payment_means(mapping) and _aims(mapping, effect)):
        return False
    if isinstance(effect, SetConsent) and not keeps_consent(mapping, effect.channel, effect.purpose):
        return False
    return bool(fitting_steps(action, effect))


def payment_means(mapping: Mapping) -> frozenset[str]:
    """By what the mapping takes payments, and has a step for: never by what was typed.

    Who only records what was taken elsewhere charges nothing that is stored.
    """
    action = mapping.actions.get("take_payment")
    ways = _RECORDED if mapping.policy.records_payments_only else OPEN_MEANS
    return frozenset(way for way in ways if action is not None and steps_by(action, way))


def settles_invoices(mapping: Mapping) -> bool:
    """Whether every payment can name the one invoice that it settles, and each invoice can be read by itself."""
    return _reads_invoices(mapping) and _says(mapping, "invoice_id")


def settles_lines(mapping: Mapping) -> bool:
    """Whether every payment can name one line of an invoice, and a line's id and what it still owes are read."""
    return settles_invoices(mapping) and _reads_lines(mapping) and _says(mapping, "invoice_id", "line_id")


def _says(mapping: Mapping, *aims: Aim) -> bool:
    """Whether a payment that aims so can say it, whatever it is paid by."""
    action, ways = mapping.actions.get("take_payment"), payment_means(mapping)
    return (
        bool(ways)
        and action is not None
        and all(aims_said(steps_by(action, way, aims)).issuperset(aims) for way in ways)
    )


def _aims(mapping: Mapping, effect: TakePayment) -> bool:
    """Whether all that a payment aims at can be said by the steps it travels by, and is read."""
    action = mapping.actions["take_payment"]
    names_invoice, names_line = (
        any(getattr(part, name) for part in effect.parts) for name in ("invoice_id", "line_id")
    )
    is_read = (not names_invoice or _reads_invoices(mapping)) and (not names_line or _reads_lines(mapping))
    return is_read and is_aimed(fitting_steps(action, effect), effect)


def _reads_invoices(mapping: Mapping) -> bool:
    invoices = mapping.entities.get("invoices")
    return invoices is not None and invoices.one is not None


def _reads_lines(mapping: Mapping) -> bool:
    invoices = mapping.entities.get("invoices")
    lines = invoices.items.get("lines") if invoices is not None else None
    return _reads_invoices(mapping) and lines is not None and {"id", "balance"} <= lines.fields.keys()


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
