"""Rows as records in JSON, without a model in between: what a night makes of new and different rows.

Each function says exactly what the JSON of its counterpart in the other modules says; a test compares them. They are
apart because a night maps tens of thousands of rows, and building validated objects costs ten times as much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from pmsbridge.model.money import Money
from pmsbridge.model.people import PersonName, PostalAddress, Tenant
from pmsbridge.model.places import Unit, UnitSize
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge_sitelink.mapping import people, places, rentals
from pmsbridge_sitelink.mapping.cells import Row, boolean, day, decimal, required, text

__all__ = ["LEAVING", "PAST_DUE", "TENANT_COLUMNS", "Place", "rental_document", "tenant_document", "unit_document"]

LEAVING: Final = " leaving"
PAST_DUE: Final = " past_due"
"""The cell that holds a rental's scheduled move-out, which another answer tells; no column has such a name."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ID_LENGTH: Final = 200
_Texts = Callable[[Callable[[str, str], str]], dict[str, str]]
_WORDS: Final[Mapping[str | None, bool | None]] = {"true": True, "false": False, None: None}
_CONTACTS: Final = (("Alt", "alternate"), ("Bus", "business"), ("Add", "other"))
# Keys stand in the order of the alphabet, here and below: so the text of a record is the same by any way to it.
_NAME_COLUMNS: Final = {"company": "sCompany", "first": "sFName", "last": "sLName", "middle": "sMI", "title": "sMrMrs"}
_ADDRESS_COLUMNS: Final = {
    "city": "sCity", "country": "sCountry", "line1": "sAddr1", "line2": "sAddr2", "postal_code": "sPostalCode",
    "region": "sRegion",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows come from, and what its money and sizes are in."""

    account: str
    facility: str
    currency: str
    measure: str

    def ref(self, entity: str, vendor_id: str, version: str | None = None) -> dict[str, Any]:
        """The reference of a record of this facility."""
        return {
            "account": self.account, "entity": entity, "facility": self.facility, "id": vendor_id,
            "system": "sitelink", "version": version,
        }  # fmt: skip


def _blank(record: type[Any], **needed: Any) -> dict[str, Any]:
    """A record of which only what it cannot be without is known."""
    ref = VendorRef(system="x", account="x", facility="x", entity=record.entity, id="x")
    return dict(sorted(record(ref=ref, **needed).model_dump(mode="json").items()))


_TENANT: Final = _blank(Tenant, name=PersonName())
_UNIT: Final = _blank(Unit, number="x")
_RENTAL: Final = _blank(Rental, tenant_id="x", state=RentalState.ACTIVE)
_NO_ADDRESS: Final = PostalAddress().model_dump(mode="json")
_CONSENTS: Final = {
    granted: [
        dict(sorted(each.model_dump(mode="json").items())) for each in people.consents_of({"bSMSOptIn": str(granted)})
    ]
    for granted in (True, False)
}


def _checked(found: str) -> str:
    if len(found) > _ID_LENGTH or _CONTROL.search(found):
        message = "not an identifier"
        raise ValueError(message)
    return found


def _texts(columns: Mapping[str, str], suffix: str) -> _Texts:
    """The function that reads columns of a row as the texts of parts, compiled: it runs several times a row."""
    parts = (f"{part!r}: get({column + suffix!r}, '').strip()" for part, column in columns.items())
    made: _Texts = eval(f"lambda get: {{{', '.join(parts)}}}")  # noqa: S307 - of our own columns, nothing from outside
    return made


def _flag(row: Row, column: str) -> bool | None:
    word = row.get(column)
    return _WORDS[word] if word in _WORDS else boolean(row, column)


@lru_cache(maxsize=4096)
def _money(amount: str, currency: str) -> dict[str, Any]:
    return Money.of(Decimal(amount), currency).model_dump(mode="json")


def _maybe_money(row: Row, column: str, place: Place) -> dict[str, Any] | None:
    return None if decimal(row, column) is None else _money(text(row, column), place.currency)


def _day(row: Row, column: str) -> str | None:
    found = day(row, column)
    return None if found is None else found.isoformat()


def _phone(row: Row, column: str) -> dict[str, Any] | None:
    raw = row.get(column, "")
    return {"e164": None, "raw": raw} if raw and not raw.isspace() else None


# -- tenants -----------------------------------------------------------------------------------------------------------


class _Person:
    """Where somebody's cells stand in a row.

    Attributes:
        suffix: What the names of the columns end in.
        role: What a contact is to the tenant; the tenant's own is empty.
        columns: All that say that there is somebody.
    """

    __slots__ = ("address", "columns", "email", "name", "phone", "relationship", "role", "suffix")

    def __init__(self, suffix: str = "", role: str = "") -> None:
        self.suffix, self.role = suffix, role
        self.name, self.address = _texts(_NAME_COLUMNS, suffix), _texts(_ADDRESS_COLUMNS, suffix)
        self.phone, self.email, self.relationship = f"sPhone{suffix}", f"sEmail{suffix}", f"sRelationship{suffix}"
        named = (*_NAME_COLUMNS.values(), *_ADDRESS_COLUMNS.values())
        self.columns = (*(column + suffix for column in named), self.phone, self.email)


_OWN: Final = _Person()
_OTHERS: Final = tuple(_Person(suffix, role) for suffix, role in _CONTACTS)

TENANT_COLUMNS: Final = frozenset((
    "TenantID", "uTS", "sMobile", "bSMSOptIn", "dDOB", "bCompanyIsTenant", "bHasActiveLedger", "bDisabledWebAccess",
    *_OWN.columns, *(column for person in _OTHERS for column in (*person.columns, person.relationship)),
))  # fmt: skip
"""All that a tenant is made of: a row has as many again."""


def tenant_document(row: Row, place: Place) -> dict[str, Any]:
    """A tenant."""
    tenant_id = _checked(required(row, "TenantID"))
    get = row.get
    granted = _flag(row, "bSMSOptIn")
    born = people.birth_date(row)
    return {
        **_TENANT,
        "ref": place.ref("tenant", tenant_id, get("uTS", "").strip() or None),
        "name": _OWN.name(get),
        "address": _OWN.address(get),
        "phone": _phone(row, "sPhone"),
        "mobile": _phone(row, "sMobile"),
        "email": get("sEmail", "").strip(),
        "birth_date": None if born is None else born.isoformat(),
        "contacts": _contacts(row, place, tenant_id),
        "consents": [] if granted is None else _CONSENTS[granted],
        "is_company": bool(_flag(row, "bCompanyIsTenant")),
        "is_active": _flag(row, "bHasActiveLedger"),
        "portal_disabled": bool(_flag(row, "bDisabledWebAccess")),
    }


def _contacts(row: Row, place: Place, tenant_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    get = row.get
    cells = row.keys()
    for person in _OTHERS:
        if cells.isdisjoint(person.columns):
            continue  # most rows have no cell of any contact
        name, address = person.name(get), person.address(get)
        phone, email = _phone(row, person.phone), get(person.email, "").strip()
        named = name["first"] or name["middle"] or name["last"] or name["company"]
        if not (named or phone or email or address != _NO_ADDRESS):
            continue
        found.append(
            {
                "address": address, "email": email, "extra": {}, "name": name, "permissions": [], "phone": phone,
                "ref": place.ref("contact", _checked(f"{tenant_id}:{person.suffix}")), "role": person.role,
                "tenant_id": tenant_id, "vendor_role": text(row, person.relationship) or person.suffix,
            }
        )  # fmt: skip
    return found


# -- units -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _size(width: Decimal, length: Decimal, measure: str) -> dict[str, Any]:
    size = UnitSize(width=width, length=length, measure=measure)
    return {"height": None, "length": f"{size.length:f}", "measure": measure, "width": f"{size.width:f}"}


def unit_document(row: Row, place: Place) -> dict[str, Any]:
    """A unit."""
    state, word = places.state_of(row)
    width, length = decimal(row, "dcWidth"), decimal(row, "dcLength")
    rate = "dcWebRate" if decimal(row, "dcWebRate") else "dcStdRate"
    return {
        **_UNIT,
        "ref": place.ref("unit", _checked(required(row, "UnitID"))),
        "number": _checked(required(row, "sUnitName")),
        "kind": places.kind_of(text(row, "sTypeName")).value,
        "type_name": text(row, "sTypeName"),
        "size": _size(width, length, place.measure) if width and length else None,
        "floor": text(row, "iFloor"),
        "state": state.value,
        "vendor_state": word,
        "asking_rate": _maybe_money(row, rate, place),
        "notice_days": places.notice_of(row),
        "features": places.features_of(row),
        "last_changed_on": _day(row, "dUpdated"),
        "extra": places.extra_of(row),
    }


# -- rentals -----------------------------------------------------------------------------------------------------------


def rental_document(row: Row, place: Place) -> dict[str, Any]:
    """A rental, from a row of the rent roll."""
    leaving = row.get(LEAVING)
    unit_id = text(row, "UnitID")
    return {
        **_RENTAL,
        "ref": place.ref("rental", _checked(required(row, "LedgerID")), text(row, "uTS") or None),
        "tenant_id": _checked(required(row, "TenantID")),
        "unit_id": _checked(unit_id) if unit_id else None,
        "unit_number": text(row, "sUnitName") or text(row, "sUnit"),
        "state": (RentalState.NOTICE_GIVEN if leaving else RentalState.ACTIVE).value,
        "vendor_state": "rented",
        "rent": _maybe_money(row, "dcRent", place),
        "moved_in_on": _day(row, "dLeaseDate"),
        "paid_through": _day(row, "dPaidThru"),
        "leaving_on": leaving,
        "extra": rentals.extra_of_roll(row, row.get(PAST_DUE)),
    }
