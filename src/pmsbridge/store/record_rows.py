"""Records as rows: the document, its hash, and the columns it is found by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import SecretStr

from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Reservation
from pmsbridge.model.people import Phone, Tenant
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.record import Record
from pmsbridge.model.rental import Rental
from pmsbridge.store.folding import fold

__all__ = ["RECORD_CLASSES", "account_document", "document", "record_from", "search_columns"]

RECORD_CLASSES: Final[Mapping[str, type[Record]]] = {
    kind.entity: kind for kind in (Facility, Unit, Tenant, Rental, Reservation)
}
"""What the mirror holds, by entity name."""

_WHEN_SEEN: Final = {"ref": {"seen_at"}}


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, SecretStr):
        return None
    message = f"a {type(value).__name__} has no place in the mirror"
    raise TypeError(message)


def document(record: Record) -> tuple[str, str]:
    """A record as text and the hash of it. When it was read does not count as content, and sets are sorted."""
    # A float would be written by json without asking; the model has none.
    text = json.dumps(
        record.model_dump(exclude=_WHEN_SEEN), default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return text, hashlib.sha256(text.encode()).hexdigest()


def account_document(account: TenantAccount) -> str:
    """A tenant account as text, without tokens."""
    return json.dumps(account.model_dump(), default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def record_from(entity: str, doc: str) -> Record:
    """Read a document back.

    Raises:
        KeyError: The mirror does not hold such records.
    """
    return RECORD_CLASSES[entity].model_validate_json(doc)


def search_columns(record: Record) -> dict[str, str]:
    """What a record is found by, folded; a column that does not fit it is empty."""
    columns: dict[str, Any] = dict.fromkeys(
        ("tenant_id", "first_name", "last_name", "company", "email", "phone_digits", "unit_number", "record_state"), ""
    )
    columns["tenant_id"] = getattr(record, "tenant_id", "") or ""
    if isinstance(record, Tenant):
        columns |= _of_tenant(record)
    elif isinstance(record, Rental):
        columns |= {"unit_number": record.unit_number, "record_state": record.state.value}
    elif isinstance(record, Unit):
        columns |= {"unit_number": record.number, "record_state": record.state.value}
    elif isinstance(record, Reservation):
        columns |= {"record_state": record.state.value}
    return columns


def _of_tenant(tenant: Tenant) -> dict[str, str]:
    return {
        "tenant_id": tenant.id,
        "first_name": fold(tenant.name.first),
        "last_name": fold(tenant.name.last),
        "company": fold(tenant.name.company),
        "email": fold(tenant.email),
        "phone_digits": _phones(tenant.phone, tenant.mobile),
        "record_state": {True: "active", False: "archived", None: ""}[tenant.is_active],
    }


def _phones(*phones: Phone | None) -> str:
    """Every number's digits between blanks, so that a whole number can be looked for."""
    found = [phone.digits for phone in phones if phone is not None and phone.digits]
    return f" {' '.join(found)} " if found else ""
