"""Contact fields as a portal edits them: which there are, what fits, and what the record holds now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, get_args

from pmsbridge.actions.effects import ContactField
from pmsbridge.errors import InputError
from pmsbridge.model.people import ContactRole, PersonName, Phone, Tenant
from pmsbridge.portal.arguments import checked_mapping
from pmsbridge.portal.card_numbers import refuse_card_number

__all__ = ["FIELD_LIMIT_CHARS", "checked_changes", "checked_seen", "contact_values", "refuse_nameless"]

FIELD_LIMIT_CHARS: Final = 80
_FIELDS: Final[tuple[ContactField, ...]] = get_args(ContactField)
_FIELD_NAME: Final = re.compile(r"[a-z_.]{1,40}")
_EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$")
_PHONE: Final = re.compile(r"^[0-9+(). /x-]{6,30}$")


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
    if not checked_mapping(argument, changes):
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


def checked_seen(seen: Mapping[str, str] | None, wanted: Mapping[ContactField, str]) -> dict[str, str]:
    """What the person saw, of the fields that are to change; it is stored with the wish, the rest is not.

    Raises:
        InputError: It is no text by field name, or holds a card number.
    """
    shown = {name: str(value) for name, value in checked_mapping("seen", seen or {}).items() if name in wanted}
    for name, text in shown.items():
        refuse_card_number(f"seen.{name}", text, is_phone=name.endswith("phone") or name == "mobile")
    return shown


def _checked(field: ContactField, value: str) -> str:
    if not isinstance(value, str):
        raise InputError(field, "must be text", shape=type(value).__name__)
    text = value.strip()
    if len(text) > FIELD_LIMIT_CHARS:
        raise InputError(
            field,
            f"is longer than {FIELD_LIMIT_CHARS} characters",
            shape=f"{len(text)} characters",
            remedy="Shorten it; nothing is cut silently.",
        )
    if any(ord(char) < 32 for char in text):  # noqa: PLR2004 - control characters
        raise InputError(field, "holds line breaks or control characters", remedy="Give one line of text.")
    is_phone = field in {"phone", "mobile", "alternate.phone"}
    refuse_card_number(field, text, is_phone=is_phone)
    if field in {"email", "alternate.email"} and text and not _EMAIL.match(text):
        raise InputError(
            field, "is not an e-mail address", shape=f"{len(text)} characters", remedy="Like name@example.com."
        )
    if is_phone and text and not _PHONE.match(text):
        raise InputError(
            field,
            "is not a phone number",
            shape=f"{len(text)} characters",
            remedy="Digits, spaces and + ( ) . - / only.",
        )
    return text
