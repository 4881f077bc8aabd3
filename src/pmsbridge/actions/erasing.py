"""What stays of an effect when the person it was about is forgotten: ids, days, money, consents; no words and no data.

Pure. What was paid stays as it is, because books have to be kept: amounts, references, and the end of a card's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pmsbridge.actions.effects import (
    AddNote,
    AttachDocument,
    ChangeContact,
    Effect,
    PostBulletin,
    RequestCallOff,
    ReserveUnit,
    SendMail,
    SetAutopay,
    SetWebPassword,
)

__all__ = ["ERASED", "ERASED_INTENT", "without_person"]

ERASED: Final = "[erased]"
"""Stands where a text of or about the person stood."""

ERASED_INTENT: Final = '{"erased": true}'
"""Stands where the arguments of a verb stood."""

_WITHOUT: Final[Mapping[type, Mapping[str, Any]]] = {
    SendMail: {"to": "erased@erased.invalid", "subject": ERASED, "text": ERASED},
    PostBulletin: {"subject": ERASED, "body": ERASED},
    AddNote: {"text": ERASED},
    AttachDocument: {"title": ERASED, "size": 1, "sha256": "0" * 64},
    ReserveUnit: {"comment": ""},
    RequestCallOff: {"place": "", "comment": ""},
    SetAutopay: {"method": None, "method_id": None, "stored_face": None},
    SetWebPassword: {"login": ERASED},
}


def without_person(effect: Effect) -> Effect:
    """The same effect with nothing in it that a person wrote, is called or is reached by."""
    if isinstance(effect, ChangeContact):
        return effect.changed(changes=dict.fromkeys(effect.changes, ERASED), seen={})
    changes = _WITHOUT.get(type(effect))
    return effect.changed(**changes) if changes is not None else effect
