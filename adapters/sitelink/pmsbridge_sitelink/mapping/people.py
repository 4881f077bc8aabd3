"""Tenants, their contacts, and matches of a search."""

from __future__ import annotations

from datetime import date
from typing import Final

from pmsbridge.actions.effects import ContactField
from pmsbridge.model.people import (
    ConsentChannel,
    ConsentPurpose,
    ConsentRecord,
    Contact,
    ContactRole,
    PersonName,
    PostalAddress,
    Tenant,
    TenantMatch,
)
from pmsbridge_sitelink.mapping.cells import Row, Scope, boolean, day, phone, required, text

__all__ = ["CONTACT_COLUMNS", "birth_date", "consents_of", "is_portal_disabled", "match_of", "tenant_of"]

CONTACT_COLUMNS: Final[dict[ContactField, str]] = {
    "name.title": "sMrMrs",
    "name.first": "sFName",
    "name.middle": "sMI",
    "name.last": "sLName",
    "name.company": "sCompany",
    "address.line1": "sAddr1",
    "address.line2": "sAddr2",
    "address.city": "sCity",
    "address.region": "sRegion",
    "address.postal_code": "sPostalCode",
    "address.country": "sCountry",
    "phone": "sPhone",
    "mobile": "sMobile",
    "email": "sEmail",
    "alternate.name.first": "sFNameAlt",
    "alternate.name.last": "sLNameAlt",
    "alternate.phone": "sPhoneAlt",
    "alternate.email": "sEmailAlt",
}
"""Where each editable field is read from and written to."""

_PLACEHOLDER_YEAR = 1900


def tenant_of(row: Row, scope: Scope) -> Tenant:
    """A tenant, from the tenant's own record or from the copy that every rental row carries."""
    tenant_id = required(row, "TenantID")
    return Tenant(
        ref=scope.ref("tenant", tenant_id, version=text(row, "uTS") or None),
        name=_name(row, ""),
        address=_address(row, ""),
        phone=phone(row, "sPhone"),
        mobile=phone(row, "sMobile"),
        email=text(row, "sEmail"),
        birth_date=birth_date(row),
        contacts=tuple(_contacts(row, scope, tenant_id)),
        consents=consents_of(row),
        is_company=bool(boolean(row, "bCompanyIsTenant")),
        is_active=boolean(row, "bHasActiveLedger"),
        portal_disabled=is_portal_disabled(row),
    )


def is_portal_disabled(row: Row) -> bool:
    """Whether the back office forbids this tenant web access."""
    return bool(boolean(row, "bDisabledWebAccess"))


def _name(row: Row, suffix: str) -> PersonName:
    return PersonName(
        title=text(row, f"sMrMrs{suffix}"),
        first=text(row, f"sFName{suffix}"),
        middle=text(row, f"sMI{suffix}"),
        last=text(row, f"sLName{suffix}"),
        company=text(row, f"sCompany{suffix}"),
    )


def _address(row: Row, suffix: str) -> PostalAddress:
    return PostalAddress(
        line1=text(row, f"sAddr1{suffix}"),
        line2=text(row, f"sAddr2{suffix}"),
        city=text(row, f"sCity{suffix}"),
        region=text(row, f"sRegion{suffix}"),
        postal_code=text(row, f"sPostalCode{suffix}"),
        country=text(row, f"sCountry{suffix}"),
    )


def birth_date(row: Row) -> date | None:
    """When a tenant was born; a placeholder of the back office is None."""
    found = day(row, "dDOB")
    return None if found is None or found.year <= _PLACEHOLDER_YEAR else found


def _contacts(row: Row, scope: Scope, tenant_id: str) -> list[Contact]:
    roles = (("Alt", ContactRole.ALTERNATE), ("Bus", ContactRole.BUSINESS), ("Add", ContactRole.OTHER))
    found = []
    for suffix, role in roles:
        name, address, number = _name(row, suffix), _address(row, suffix), phone(row, f"sPhone{suffix}")
        email = text(row, f"sEmail{suffix}")
        if not (name.full or number or email or address != PostalAddress()):
            continue
        found.append(
            Contact(
                ref=scope.ref("contact", f"{tenant_id}:{suffix}"),
                tenant_id=tenant_id,
                role=role,
                vendor_role=text(row, f"sRelationship{suffix}") or suffix,
                name=name,
                address=address,
                phone=number,
                email=email,
            )
        )
    return found


def consents_of(row: Row) -> tuple[ConsentRecord, ...]:
    """The one switch for text messages, under every purpose: the back office does not tell purposes apart."""
    granted = boolean(row, "bSMSOptIn")
    if granted is None:
        return ()
    return tuple(
        ConsentRecord(channel=ConsentChannel.SMS, purpose=purpose, granted=granted, source="back office")
        for purpose in ConsentPurpose
    )


def match_of(row: Row, scope: Scope, *, is_exact: bool) -> TenantMatch:
    """A hit of a search: enough to choose by."""
    return TenantMatch(
        tenant_id=required(row, "TenantID"),
        account=scope.account,
        facility=scope.facility,
        name=_name(row, ""),
        email=text(row, "sEmail"),
        phone=phone(row, "sPhone") or phone(row, "sMobile"),
        has_active_rental=boolean(row, "bHasActiveLedger"),
        is_exact=is_exact,
    )
