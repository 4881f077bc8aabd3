"""Parties: tenants, their ways to be reached, and whether they may use a portal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pmsbridge.model.people import PersonName, Phone, PostalAddress, Tenant, TenantMatch
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount
from pmsbridge_tryton.mapping.scope import Scope, living, one, text
from pmsbridge_tryton.wire import Row, nested

__all__ = ["address_of", "first_of", "match_of", "phone_of", "portal_account_of", "reasons_against", "tenant_of"]

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def first_of(row: Mapping[str, Any], kind: str) -> Row | None:
    """The first way of a kind to reach a party; None when there is none."""
    return next((one for one in living(nested(row, "contact_mechanisms")) if one.get("type") == kind), None)


def phone_of(mechanism: Row | None) -> Phone | None:
    """A telephone number; the vendor keeps its compact form where it could read it."""
    if mechanism is None or not text(mechanism, "value"):
        return None
    compact = text(mechanism, "value_compact")
    return Phone(raw=text(mechanism, "value"), e164=compact if _E164.fullmatch(compact) else None)


def address_of(row: Mapping[str, Any]) -> PostalAddress:
    """The first address; its street's first line, and all others as the second."""
    found = next(iter(living(nested(row, "addresses"))), None)
    if found is None:
        return PostalAddress()
    first, _, rest = text(found, "street").partition("\n")
    return PostalAddress(
        line1=first.strip(), line2=", ".join(rest.split("\n")).strip(), city=text(found, "city"),
        region=text(one(found, "subdivision"), "name"), postal_code=text(found, "postal_code"),
        country=text(one(found, "country"), "name"),
    )  # fmt: skip


def tenant_of(row: Row, scope: Scope, *, portal_category: int | None, cash_only_category: int | None = None) -> Tenant:
    """A party. The vendor keeps one name in one field, of a company or of a person: it is never taken apart.

    Args:
        row: With its addresses and ways to be reached.
        scope: Where from.
        portal_category: Id of the category that opens the portal; None when it is open to all.
        cash_only_category: Id of the category of who pays cash only; None when there is none.
    """
    categories = row.get("categories") or ()
    email = first_of(row, "email")
    return Tenant(
        ref=scope.ref("tenant", row["id"]),
        name=PersonName(company=text(row, "name")),
        address=address_of(row),
        phone=phone_of(first_of(row, "phone")),
        mobile=phone_of(first_of(row, "mobile")),
        email=text(email, "value") if email is not None else "",
        language=text(one(row, "lang"), "code"),
        is_company=True,
        is_active=row.get("active") is not False,
        portal_disabled=portal_category is not None and portal_category not in categories,
        pays_cash_only=cash_only_category is not None and cash_only_category in categories,
        extra={"code": text(row, "code")} if text(row, "code") else {},
    )


def reasons_against(tenant: Tenant, *, has_history: bool) -> tuple[str, ...]:
    """Why a customer cannot use the portal yet, each with its own code; empty when nothing is in the way."""
    checks = (
        ("portal_disabled", tenant.portal_disabled),
        ("no_phone", (tenant.phone or tenant.mobile) is None),
        ("no_email", not tenant.email),
        ("no_postal_code", not tenant.address.postal_code),
        ("no_history", not has_history),
        ("cash_only", tenant.pays_cash_only),
        ("not_active", tenant.is_active is False),
    )
    return tuple(code for code, is_in_the_way in checks if is_in_the_way)


def portal_account_of(tenant: Tenant, scope: Scope, *, has_history: bool) -> PortalAccount:
    """Who may sign in: the telephone number's digits are the name."""
    reasons = reasons_against(tenant, has_history=has_history)
    phone = tenant.phone or tenant.mobile
    return PortalAccount(
        ref=scope.ref("portal_account", tenant.id),
        tenant_id=tenant.id,
        login=phone.digits if phone is not None else "",
        access=AccessLevel.NONE if reasons else AccessLevel.FULL,
        eligibility_reasons=reasons,
    )


def match_of(tenant: Tenant, *, is_exact: bool, has_active_rental: bool | None = None) -> TenantMatch:
    """A hit of a search."""
    return TenantMatch(
        tenant_id=tenant.id, account=tenant.ref.account, facility=tenant.ref.facility, name=tenant.name,
        email=tenant.email, phone=tenant.phone or tenant.mobile, has_active_rental=has_active_rental,
        is_exact=is_exact,
    )  # fmt: skip
