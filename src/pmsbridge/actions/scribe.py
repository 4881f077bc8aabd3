"""Texts that staff read: subject, body, note. English; one place, so that a template engine can take over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pmsbridge.actions.effects import ContactField
from pmsbridge.model.account import RentalAccount, TenantAccount

__all__ = ["contact_change_text", "move_out_text", "prepay_failed_text", "staff_task_text", "tenant_line"]

_FIELD_WORDS: dict[ContactField, str] = {
    "name.title": "title", "name.first": "first name", "name.middle": "middle name", "name.last": "last name",
    "name.company": "company", "address.line1": "address line 1", "address.line2": "address line 2",
    "address.city": "city", "address.region": "state or region", "address.postal_code": "postal code",
    "address.country": "country", "phone": "phone", "mobile": "mobile", "email": "e-mail",
    "alternate.name.first": "alternate contact's first name", "alternate.name.last": "alternate contact's last name",
    "alternate.phone": "alternate contact's phone", "alternate.email": "alternate contact's e-mail",
}  # fmt: skip


def tenant_line(account: TenantAccount) -> str:
    """Who it is about: name, tenant id and units."""
    units = ", ".join(row.rental.unit_number for row in account.current) or "none"
    return f"Tenant {account.tenant.name.full} (id {account.tenant.id}), units: {units}."


def contact_change_text(
    account: TenantAccount, changes: Mapping[ContactField, str], seen: Mapping[ContactField, str]
) -> str:
    """What changed in the contact data, old and new."""
    lines = [tenant_line(account), "Changed in the customer portal:"]
    for name, new in changes.items():
        old = seen.get(name, "")
        lines.append(f"- {_FIELD_WORDS[name]}: {_shown(old)} -> {_shown(new)}")
    if "name.last" in changes or "name.company" in changes:
        lines.append("A legal name changed: please check the lease.")
    return "\n".join(lines)


def _shown(text: str) -> str:
    return text or "(empty)"


def move_out_text(account: TenantAccount, row: RentalAccount, leaving_on: date | None) -> str:
    """A move-out that was scheduled, or taken back when there is no date."""
    what = f"Move-out scheduled for {leaving_on}" if leaving_on else "The scheduled move-out was cancelled"
    return f"{what}: unit {row.rental.unit_number}.\n{tenant_line(account)}\nThe rental runs on; please follow up."


def prepay_failed_text(account: TenantAccount, months: int) -> str:
    """Charges for future periods were posted, but the payment for them failed."""
    return (
        f"{tenant_line(account)}\nCharges for {months} future month(s) were posted for a prepayment, and the payment "
        "then failed. Please remove the future charges or call the tenant."
    )


def staff_task_text(account: TenantAccount, task: str) -> str:
    """A task the back office has no operation for."""
    return f"{tenant_line(account)}\nAsked for in the customer portal; please do by hand:\n{task}"
