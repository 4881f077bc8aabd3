"""Contact fields as a portal edits them: which there are, what fits, and what the record holds now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, get_args

from pmsbridge.actions.effects import ContactField
from pmsbridge.errors import InputError
from pmsbridge.model.people import ContactRole, PersonName, Phone, Tenant
from pmsbridge.model.sealed import luhn_holds

__all__ = ["FIELD_LIMIT_CHARS", "checked_changes", "contact_values", "refuse_card_number", "refuse_nameless"]

FIELD_LIMIT_CHARS: Final = 80
_FIELDS: Final[tuple[ContactField, ...]] = get_args(ContactField)
_FIELD_NAME: Final = re.compile(r"[a-z_.]{1,40}")
_EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$")
_PHONE: Final = re.compile(r"^[0-9+(). /x-]{6,30}$")
_CARD_LIKE: Final = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")


def refuse_card_number(field: str, text: str) -> None:
    """Refuse text with a card number in it; it would be stored, shown to staff and mailed.

    Raises:
        InputError: There is one. The error does not repeat it.
    """
    for hit in _CARD_LIKE.finditer(text):
        digits = re.sub(r"[ -]", "", hit.group())
        if luhn_holds(digits) and len(set(digits)) > 1:
            raise InputError(
                field, "looks like it holds a card number", shape=f"{len(text)} characters",
                remedy="Remove it; a card is given as a Card, never in text.", code="card_number_in_text",
            )  # fmt: skip


def contact_values(tenant: Tenant) -> dict[ContactField, str]:
    """What the record holds in every editable field; what does not exist is empty text."""
    alternate = next((c for c in tenant.contacts if c.role is ContactRole.ALTERNATE), None)
    other = alternate.name if alternate is not None else PersonName()
    name, address = tenant.name, tenant.address
    return {
        "name.title": name.title,
        "name.first": name.first,
        "name.middle": name.middle,
        "name.last": name.last,
        "name.company": name.company,
        "address.line1": address.line1,
        "address.line2": address.line2,
        "address.city": address.city,
        "address.region": address.region,
        "address.postal_code": address.postal_code,
        "address.country": address.country,
        "phone": _raw(tenant.phone),
        "mobile": _raw(tenant.mobile),
        "email": tenant.email,
        "alternate.name.first": other.first,
        "alternate.name.last": other.last,
        "alternate.phone": _raw(alternate.phone if alternate is not None else None),
        "alternate.email": alternate.email if alternate is not None else "",
    }


def refuse_nameless(tenant: Tenant, changes: Mapping[ContactField, str]) -> None:
    """Refuse an edit that would leave neither a family name nor a company.

    Raises:
        InputError: It would.
    """
    last = changes.get("name.last", tenant.name.last)
    company = changes.get("name.company", tenant.name.company)
    if not last and not company:
        raise InputError("name.last", "cannot be empty without a company", remedy="Give the family name or a company.")


def _raw(phone: Phone | None) -> str:
    return phone.raw if phone is not None else ""


def checked_changes(changes: Mapping[str, str], *, argument: str = "changes") -> dict[ContactField, str]:
    """Check an edit before anything is tried: known fields, text that fits, nothing that cannot be meant.

    Raises:
        InputError: Names the field, the value's shape and the remedy; nothing was tried.
    """
    if not changes:
        raise InputError(argument, "is empty", remedy="Name at least one field.")
    known = {name: name for name in _FIELDS}
    checked: dict[ContactField, str] = {}
    for name, value in changes.items():
        field = known.get(name)  # type: ignore[call-overload]  # any text may be asked for
        if field is None:
            shown = f"[{name!r}]" if _FIELD_NAME.fullmatch(name) else ""
            remedy = "Known fields: " + ", ".join(_FIELDS) + "."
            raise InputError(argument + shown, "names something that is not a contact field", remedy=remedy)
        checked[field] = _checked(field, value)
    return checked


def _checked(field: ContactField, value: str) -> str:
    if not isinstance(value, str):
        raise InputError(field, "must be text", shape=type(value).__name__)
    text = value.strip()
    if len(text) > FIELD_LIMIT_CHARS:
        raise InputError(field, f"is longer than {FIELD_LIMIT_CHARS} characters", shape=f"{len(text)} characters",
                         remedy="Shorten it; nothing is cut silently.")
    if any(ord(char) < 32 for char in text):  # noqa: PLR2004 - control characters
        raise InputError(field, "holds line breaks or control characters", remedy="Give one line of text.")
    refuse_card_number(field, text)
    if field in {"email", "alternate.email"} and text and not _EMAIL.match(text):
        raise InputError(field, "is not an e-mail address", shape=f"{len(text)} characters",
                         remedy="Like name@example.com.")
    if field in {"phone", "mobile", "alternate.phone"} and text and not _PHONE.match(text):
        raise InputError(field, "is not a phone number", shape=f"{len(text)} characters",
                         remedy="Digits, spaces and + ( ) . - / only.")
    return text
