"""What is stored as JSON: the records, all that stands in them, and since when each field does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pmsbridge.actions.effects import EFFECT_KINDS, effect_class
from pmsbridge.actions.instalments import Instalment
from pmsbridge.actions.quotes import PaymentQuote
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.earlier import values_within
from pmsbridge.model.interactions import RecordedInteraction
from pmsbridge.model.record import Value
from pmsbridge.store.nouns import NOUNS

__all__ = ["FIELDS_FILE", "ROOTS", "stored_fields", "stored_kinds"]

FIELDS_FILE: Final = Path(__file__).with_name("stored_fields.json")
"""By schema and class, the fields that came with it."""

ROOTS: Final[tuple[type[Value], ...]] = (
    *map(effect_class, EFFECT_KINDS), PaymentQuote, TenantAccount, *(noun.record for noun in NOUNS.values()),
    Instalment, RecordedInteraction,
)  # fmt: skip


def stored_kinds() -> dict[str, type[Value]]:
    """Every class that is stored, by name."""
    found: dict[str, type[Value]] = {}
    for root in ROOTS:
        found.update((kind.__name__, kind) for kind in _with_all_within(root, found))
    return found


def _with_all_within(kind: type[Value], known: dict[str, type[Value]]) -> Iterator[type[Value]]:
    waiting, met = [kind], set(known.values())
    while waiting:
        kind = waiting.pop()
        if kind in met:
            continue
        met.add(kind)
        yield kind
        waiting.extend(inner for field in kind.model_fields.values() for inner, _ in values_within(field.annotation))


def stored_fields() -> dict[int, dict[str, list[str]]]:
    """What ``FIELDS_FILE`` says."""
    return {int(schema): kinds for schema, kinds in json.loads(FIELDS_FILE.read_text(encoding="utf-8")).items()}
