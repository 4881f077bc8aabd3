"""Made-up effects and records, to show what a mapping would send. Ids are plain digits: some vendors take no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from pydantic import ValidationError

from pmsbridge.actions.effects import AttachDocument, EffectBody, effect_from_json
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.files import HandedFile
from pmsbridge_rest.accepting import takes
from pmsbridge_rest.mapping.actions import Update
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import write_at
from pmsbridge_rest.matching import case_fits

__all__ = ["sample_effect", "sample_effects", "sample_file", "sample_record"]

_WHERE: Final = {"account": "main", "facility": "F1"}
_REFERENCE: Final = "PB-SAMPLE234567"
_CALLED_OFF: Final = "PB-SAMPLE765432"
"""The reference of the call-off that a sandbox begins with."""
_FILE: Final = HandedFile.of_bytes(
    (b"%PDF-1.4\n" + b"% nothing but a sample\n" * 2096)[:48_210], name="insurance.pdf", media_type="application/pdf"
)
_MEANS: Final[tuple[dict[str, Any], ...]] = (
    {"by": "external", "gateway": "gateway", "reference": "gw_0001"},
    {"by": "stored", "method_id": "4001"},
)


def _payments(currency: str) -> Iterator[dict[str, Any]]:
    amount = {"amount": "120.05", "currency": currency}
    part = {"rental_id": "2001", "unit_id": "3001", "unit_number": "015", "amount": amount}
    for means in _MEANS:
        yield {"tenant_id": "1001", "parts": [part], "means": means, "reference": _REFERENCE}


def _aimed(currency: str) -> Iterator[dict[str, Any]]:
    """The same for one line of an invoice, and for a whole one."""
    for aim in ({"invoice_id": "6001", "line_id": "7001"}, {"invoice_id": "6001"}):
        for payment in _payments(currency):
            yield {**payment, "parts": [{**part, **aim} for part in payment["parts"]]}


def _others(today: date, currency: str) -> dict[str, list[dict[str, Any]]]:
    rental = {"tenant_id": "1001", "rental_id": "2001"}
    leaving = (today + timedelta(days=30)).isoformat()
    text = {"text": "The tenant asks for a call.", "reference": _REFERENCE}
    changes = {"email": "new@example.test", "phone": "555 0100", "address.line1": "1 Sample Street"}
    consent = {"tenant_id": "1001", "channel": "email", "purpose": "marketing", "granted": False}
    line = {"item_id": "5001", "description": "Breaker hammer", "quantity": "2", "wanted_on": leaving}
    back = {**rental, "item_id": line["item_id"], "quantity": line["quantity"], "reference": _REFERENCE}
    paper = {
        "title": _FILE.name,
        "media_type": _FILE.media_type,
        "size": _FILE.size,
        "sha256": _FILE.sha256,
    }
    unit = {"tenant_id": "1001", "unit_id": "3001", "needed_on": leaving, "reference": _REFERENCE}
    return {
        "take_payment": list(_payments(currency)),
        "post_future_charges": [{"tenant_id": "1001", "months": 3}],
        "set_autopay": [
            {**rental, "on": False, "unit_id": "3001"},
            {**rental, "on": True},
            {**rental, "on": True, "method_id": "4001", "unit_id": "3001"},
        ],
        "schedule_move_out": [{**rental, "leaving_on": leaving, "notice_given_on": today.isoformat()}],
        "cancel_move_out": [rental],
        "request_call_off": [{**rental, **line, "reference": _REFERENCE}],
        "withdraw_call_off": [{**back, "called_off": _CALLED_OFF}, back],
        "attach_document": [{**rental, **paper, "reference": _REFERENCE}],
        "change_contact": [{"tenant_id": "1001", "changes": {field: changes[field]}} for field in changes],
        "set_consent": [consent, {**consent, "channel": "sms"}],
        "add_note": [{**rental, **text}],
        "post_bulletin": [{"subject": "A call", "body": text["text"], "reference": _REFERENCE}],
        "reserve_unit": [{**unit, "quoted_rate": {"amount": "99.00", "currency": currency}}],
    }


def sample_effects(kind: str, *, today: date, currency: str) -> list[EffectBody]:
    """Effects of a kind, one per case that a mapping may treat apart."""
    found = _others(today, currency).get(kind, [])
    return [_made({"kind": kind, **_WHERE, **fields}) for fields in found]


def sample_file(effect: EffectBody) -> HandedFile | None:
    """The file that a sample names; None where it names none."""
    return _FILE if isinstance(effect, AttachDocument) else None


def sample_effect(kind: str, mapping: Mapping, *, today: date, currency: str) -> EffectBody:
    """The first sample that an action is for; of payments one that is aimed as closely as the mapping can.

    Raises:
        ConfigurationError: No sample fits; one must be given.
    """
    aimed = [
        _made({"kind": kind, **_WHERE, **fields}) for fields in (_aimed(currency) if kind == "take_payment" else ())
    ]
    found = next((each for each in aimed if takes(mapping, each)), None)
    samples = sample_effects(kind, today=today, currency=currency) if found is None else []
    found = found or next((each for each in samples if case_fits(mapping.actions[kind].accepts, each)), None)
    if found is None:
        message = f"no sample of {kind} fits what the action accepts. Give one with --effect FILE, as JSON."
        raise ConfigurationError(message, code="no_sample")
    return found


def _made(fields: dict[str, Any]) -> EffectBody:
    try:
        return effect_from_json(json.dumps(fields))
    except ValidationError as error:
        message = f"not an effect: {error.errors(include_input=False, include_url=False)[0]['msg']}"
    raise ConfigurationError(message, code="no_effect")


def sample_record(mapping: Mapping, update: Update) -> dict[str, Any]:
    """A record as a read would give it: every key that the mapping knows of, with a word that says so."""
    made: dict[str, Any] = {}
    entity = mapping.entities[update.entity]
    paths = [field.at for field in entity.fields.values() if field.at is not None]
    paths += [consent.at for consent in entity.consents]
    if update.guard is not None and update.guard.at is not None:
        paths.append(update.guard.at)
    for path in paths:
        try:
            made = write_at(made, path, "(as read)")
        except ValueError:
            continue
    return made
