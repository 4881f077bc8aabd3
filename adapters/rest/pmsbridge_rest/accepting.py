"""What a mapping takes of the effects that it carries out at all; asks nobody."""

from __future__ import annotations

from pmsbridge.actions.effects import EffectBody, SetAutopay, SetConsent
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge_rest.building import fitting_steps
from pmsbridge_rest.mapping.document import Mapping

__all__ = ["autopay_means", "keeps_consent", "names_in_autopay", "takes"]


def takes(mapping: Mapping, effect: EffectBody) -> bool:
    """Whether the mapping has steps for an effect like this; one that is not mapped at all it does not take."""
    action = mapping.actions.get(str(getattr(effect, "kind", "")))
    if action is None or effect.needs_a_sealed_value:
        return False
    if isinstance(effect, SetAutopay) and effect.method_id is not None and not autopay_means(mapping):
        return False
    if isinstance(effect, SetConsent) and not keeps_consent(mapping, effect.channel, effect.purpose):
        return False
    return bool(fitting_steps(action, effect))


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
