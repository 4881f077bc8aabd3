"""What a mapping promises of each effect, as rows of the capability table; read, not hand-written."""

from __future__ import annotations

from collections.abc import Mapping as Table
from types import MappingProxyType
from typing import Final

from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge_rest.mapping.actions import (
    Action,
    BodyFieldKey,
    ByState,
    ClientReference,
    HeaderKey,
    Idempotency,
    Look,
    NaturalKey,
    Step,
)
from pmsbridge_rest.mapping.document import Mapping

__all__ = ["capabilities_of", "dedup_of", "look_of"]

_WEAKEST_FIRST: Final = (Dedup.NONE, Dedup.NATURAL_KEY, Dedup.REFERENCE, Dedup.STATE, Dedup.VENDOR_KEY)


def capabilities_of(mapping: Mapping) -> Table[str, Capability]:
    """A row for every effect that is mapped, and for every one that the mapping says is not."""
    rows = {kind: _row(kind, action, mapping) for kind, action in mapping.actions.items()}
    for kind, missing in mapping.unsupported.items():
        support = Support.VENDOR_CANNOT if missing.cannot else Support.NOT_YET
        rows[kind] = Capability(
            kind, support, Dedup.NONE, absence_conclusive=False, can_probe=False, source=missing.because,
            reads_before=False, by_hand=missing.fallback == "staff",
        )  # fmt: skip
    return MappingProxyType(rows)


def _row(kind: str, action: Action, mapping: Mapping) -> Capability:
    steps = action.steps
    return Capability(
        effect=kind,
        support=Support.NATIVE,
        dedup=min((dedup_of(step.idempotency) for step in steps), key=_WEAKEST_FIRST.index),
        absence_conclusive=all(_is_conclusive(step.idempotency) for step in steps),
        can_probe=all(look_of(step.idempotency) is not None for step in steps),
        source=action.source or f"{mapping.vendor.evidence.value}: {mapping.vendor.source}",
        reads_before=any(_reads_before(step) for step in steps),
        announce=action.announce or None,
        posts_beside=kind == "post_bulletin" and _names_whom(action),
        max_bytes=action.max_bytes,
        without=_left_out(action) if kind == "set_autopay" else frozenset(),
    )


def _left_out(action: Action) -> frozenset[str]:
    """What of autopay no step says, besides what it charges."""
    return frozenset() if "effect.days_after_due" in action.model_dump_json() else frozenset({"days_after_due"})


def _names_whom(action: Action) -> bool:
    written = action.model_dump_json()
    return any(f"{{{place}" in written for place in ("effect.tenant_id", "effect.rental_id", "read."))


def dedup_of(key: Idempotency) -> Dedup:
    """How a second delivery of a step is recognised."""
    match key:
        case HeaderKey() | BodyFieldKey():
            return Dedup.VENDOR_KEY
        case ClientReference():
            return Dedup.REFERENCE
        case NaturalKey():
            return Dedup.NATURAL_KEY
        case ByState():
            return Dedup.STATE
        case _:
            return Dedup.NONE


def look_of(key: Idempotency) -> Look | None:
    """The read that finds a step's work; None when there is none."""
    return getattr(key, "look_up", None)


def _is_conclusive(key: Idempotency) -> bool:
    """Without a look nothing is conclusive; with a vendor's key an absence is as good as its list."""
    return look_of(key) is not None and bool(getattr(key, "absence_conclusive", True))


def _reads_before(step: Step) -> bool:
    return step.update is not None or isinstance(step.idempotency, NaturalKey)
