"""Tenants: search, read, create, update, log on.

Facts: filters match prefixes and an absent filter matches everybody, at most 50 rows; an update writes every field it
knows and blanks what was not sent; records carry the web password and the social security number in clear; a log-on
answers one row per matching record. Decisions: text is compared without regard to case but with regard to accents; a
web password must have 4 to 10 characters wherever it is set; a date of birth that was not sent becomes the .NET
default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from .contract import ALT_EXTRA, CONTACT, V3_EXTRA, wire_type
from .dataset import NULL_DATE, Row, Rowset, Value
from .records import Site, Tenant
from .tables import FOUND, RT_FOUND, RT_LOGIN, RT_TENANT, TENANT, TENANTS
from .visit import FAILED, INVALID_ID, Answer, Visit, answers, returned, rows

ROW_CAP: Final = 50
_PASSWORD_CHARS: Final = range(4, 11)
_SEARCHED: Final = {
    "sTenantFirstName": ("sFName",),
    "sTenantLastName": ("sLName",),
    "sAddressLine1": ("sAddr1",),
    "sAddressLine2": ("sAddr2",),
    "sCity": ("sCity",),
    "sState": ("sRegion",),
    "sZipCode": ("sPostalCode",),
    "sEmailAddress": ("sEmail",),
    "sCompany": ("sCompany",),
    "sCompanyName": ("sCompany",),
    "sAccessCode": ("sAccessCode",),
}
_PHONES: Final = ("sPhone", "sMobile", "sPhoneAlt", "sPhoneBus")
_PHONE_FILTERS: Final = ("sPhoneNumber", "sPhoneNumber2", "sPhoneNumber3", "sPhoneNumber4")
_RENAMED: Final = {"sAccessCode": "sGateCode", "sCountryCodeMobile": "sCountryCode"}
"""Columns that are written under another name than they are read."""


def tenant_row(site: Site, tenant: Tenant) -> dict[str, Value]:
    """A tenant as columns, secrets in clear as the vendor sends them."""
    return {
        **tenant.fields,
        "TenantID": tenant.tenant_id,
        "SiteID": site.profile.site_id,
        "sLocationCode": site.code,
        "bHasActiveLedger": site.has_active_rental(tenant.tenant_id),
        "dCreated": tenant.created,
        "dUpdated": tenant.updated,
    }


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _begins(tenant: Tenant, columns: Iterable[str], wanted: str) -> bool:
    return any(tenant.text(name).strip().casefold().startswith(wanted) for name in columns)


def _unit_names(site: Site, tenant: Tenant) -> set[str]:
    return {site.units[rental.unit_id].name for rental in site.active_rentals(tenant.tenant_id)}


def _matches(visit: Visit, site: Site, tenant: Tenant) -> bool:
    for name, columns in _SEARCHED.items():
        wanted = visit.text(name).strip().casefold()
        if wanted and not _begins(tenant, columns, wanted):
            return False
    for name in _PHONE_FILTERS:
        digits = _digits(visit.text(name))
        if digits and not any(_digits(tenant.text(phone)).startswith(digits) for phone in _PHONES):
            return False
    unit_name = visit.text("sUnitName").strip()
    return not unit_name or unit_name in _unit_names(site, tenant)


def _found(visit: Visit) -> Iterator[Row]:
    codes = [visit.location] if visit.location else visit.office.codes
    for code in codes:
        site = visit.office.site(code)
        yield from (tenant_row(site, t) for t in site.tenants.values() if _matches(visit, site, t))


@answers("TenantSearchDetailed", "TenantListDetailed_v2", "TenantListDetailed_v3")
def search(visit: Visit) -> Answer:
    """Tenants whose fields begin as asked: fuzzy, and cut off without a word."""
    return rows(FOUND, list(islice(_found(visit), ROW_CAP)))


@answers("TenantIDByUnitNameOrAccessCode")
def by_unit_or_code(visit: Visit) -> Answer:
    """The tenant in a unit or with a gate code; both are compared exactly."""
    unit_name, code = visit.text("sUnitName").strip(), visit.text("sAccessCode").strip()
    if not unit_name and not code:
        return returned(FAILED, "Unit name and access code are both blank.")
    site = visit.site
    for tenant in site.tenants.values():
        if (not code or tenant.text("sAccessCode") == code) and (
            not unit_name or unit_name in _unit_names(site, tenant)
        ):
            row: Row = {"Ret_Code": tenant.tenant_id, "TenantID": tenant.tenant_id}
            return Answer((Rowset(RT_FOUND, [row], inserted=True),), tenant.tenant_id)
    return returned(0, "No tenant found.")


@answers("TenantInfoByTenantID")
def information(visit: Visit) -> Answer:
    """The whole record of one tenant."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return returned(FAILED, "Invalid tenant ID.")
    return rows(TENANT, [tenant_row(visit.site, tenant)])


def _bad_password(password: str) -> bool:
    return bool(password) and len(password) not in _PASSWORD_CHARS


def _sent(visit: Visit, column: str) -> Value:
    """A column's new value: what was sent, else the blank of its type."""
    name = _RENAMED.get(column, column)
    kind = wire_type(name)
    if kind == "boolean":
        return visit.flag(name)
    if kind == "dateTime":
        return visit.moment(name) or NULL_DATE
    return visit.text(name)


def _columns(*extra: str) -> tuple[str, ...]:
    written = {"sCountryCode": "sCountryCodeMobile"}
    return ("sAccessCode", "sWebPassword", *CONTACT, *(written.get(name, name) for name in extra))


_WRITTEN: Final = {
    "TenantUpdate": _columns(),
    "TenantUpdate_v2": _columns(*ALT_EXTRA),
    "TenantUpdate_v3": _columns(*ALT_EXTRA, *V3_EXTRA),
    "TenantNewDetailed_v3": _columns(*ALT_EXTRA, *V3_EXTRA),
}


def _gate_code_taken(site: Site, code: str, tenant_id: int) -> bool:
    return bool(code) and any(t.text("sAccessCode") == code for t in site.tenants.values() if t.tenant_id != tenant_id)


@answers("TenantUpdate", "TenantUpdate_v2", "TenantUpdate_v3")
def update(visit: Visit) -> Answer:
    """Write every field this version knows; what was not sent becomes blank."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return returned(INVALID_ID, "Invalid tenant ID.")
    if _bad_password(visit.text("sWebPassword")):
        return returned(FAILED, "The web password must have 4 to 10 characters.")
    if _gate_code_taken(visit.site, visit.text("sGateCode"), tenant.tenant_id):
        return returned(-2, "Invalid or duplicate gate code.")
    tenant.fields.update({column: _sent(visit, column) for column in _WRITTEN[visit.operation]})
    tenant.updated = visit.now
    return returned(tenant.tenant_id, changed=True)


@answers("TenantNewDetailed_v3")
def create(visit: Visit) -> Answer:
    """A new record; nothing keeps one person from having several."""
    site, code = visit.site, visit.text("sGateCode")
    if not visit.text("sLName").strip():
        return returned(FAILED, "Last name is required.")
    if _bad_password(visit.text("sWebPassword")):
        return returned(FAILED, "The web password must have 4 to 10 characters.")
    if _gate_code_taken(site, code, 0):
        return returned(-2, "Invalid or duplicate gate code.")
    number = next(site.tenant_ids)
    fields = {column: _sent(visit, column) for column in _WRITTEN["TenantNewDetailed_v3"]}
    fields["sAccessCode"] = code or f"G{site.profile.index}{number}"
    tenant = site.tenants[number] = Tenant(number, fields, visit.now, visit.now)
    made: Row = {"Ret_Code": 1, "TenantID": number, "AccessCode": tenant.text("sAccessCode")}
    return Answer(
        (Rowset(RT_TENANT, [made], inserted=True), Rowset(TENANTS, [tenant_row(site, tenant)])), 1, changed=True
    )


@answers("TenantSMSOptInUpdate")
def sms_opt_in(visit: Visit) -> Answer:
    """Set one flag and nothing else."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return returned(INVALID_ID, "Invalid tenant ID.")
    tenant.fields["bSMSOptIn"] = visit.flag("bSMSOptIn")
    tenant.updated = visit.now
    return returned(tenant.tenant_id, changed=True)


@answers("TenantLogin")
def log_in(visit: Visit) -> Answer:
    """One return row per record with this e-mail and password, its tenant id as the code."""
    login, password = visit.text("sTenantLogin").strip().casefold(), visit.text("sTenantPassword")
    found = [
        tenant
        for tenant in visit.site.tenants.values()
        if login and password and tenant.text("sEmail").casefold() == login and tenant.text("sWebPassword") == password
    ]
    allowed = [tenant for tenant in found if not tenant.fields.get("bDisabledWebAccess")]
    if not allowed:
        return returned(FAILED, "Invalid logon credentials.")
    matches: list[Row] = [
        {
            "Ret_Code": tenant.tenant_id,
            "sWebPassword": tenant.text("sWebPassword"),
            "bHasActiveLedger": visit.site.has_active_rental(tenant.tenant_id),
        }
        for tenant in allowed
    ]
    return Answer((Rowset(RT_LOGIN, matches, inserted=True),), allowed[0].tenant_id)


@answers("TenantLoginAndSecurityUpdate")
def change_login(visit: Visit) -> Answer:
    """Set e-mail and web password; 4 to 10 characters."""
    tenant, password = visit.tenant("TenantID"), visit.text("sWebPassword")
    if tenant is None:
        return returned(INVALID_ID, "Invalid tenant ID.")
    if len(password) not in _PASSWORD_CHARS:
        return returned(FAILED, "The web password must have 4 to 10 characters.")
    tenant.fields["sEmail"] = visit.text("sEmail")
    tenant.fields["sWebPassword"] = password
    tenant.updated = visit.now
    return returned(tenant.tenant_id, changed=True)
