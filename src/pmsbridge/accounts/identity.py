"""Match a person to a tenant. The only answers are a tenant or nothing: never why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pmsbridge.accounts.register import digits_of, is_phone, plain_postal_code, same_mail, same_number, same_postal_code
from pmsbridge.engine.sync import copied_of
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.people import Tenant
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import Adapter, Entity
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.spelling import phone_tail

__all__ = ["match_contact", "match_gate_code", "match_login", "no_match"]

_LONGEST_LOGIN_CHARS: Final = 200


def match_login(adapter: Adapter, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
    """Tenants whose web login this is, active rentals first; empty when it does not match.

    The password is used for one question and wiped.

    Raises:
        InputError: The login does not look like one; nothing was asked.
        UnavailableError: The back office cannot be asked now.
    """
    name = login.strip()
    try:
        if not name or len(name) > _LONGEST_LOGIN_CHARS:
            raise InputError("login", "is empty or too long", shape=f"{len(name)} characters")
        return tuple(adapter.sign_in(facility, login=name, password=password))
    finally:
        password.wipe()


def match_gate_code(adapter: Adapter, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
    """The tenant of this unit with this gate code, else None. Both must match exactly: "015" is not "15".

    Raises:
        InputError: The unit number is empty; nothing was asked.
        UnavailableError: The back office cannot be asked now.
    """
    unit = unit_number.strip()
    try:
        if not unit:
            raise InputError("unit_number", "is empty")
        return adapter.match_gate_code(facility, unit_number=unit, gate_code=gate_code)
    finally:
        gate_code.wipe()


def match_contact(
    mirror: Mirror, adapter: Adapter, facility: str, *, phone: str, email: str, postal_code: str
) -> str | None:
    """The tenant with this telephone number, e-mail address and postal code, else None; from the last copy.

    All three must be on record, and be the same: digits with or without the country's, the address but for case, the
    code but for case and blanks, of a ZIP code the first five digits. A tenant who may not use the portal is none.
    Where several fit, none does: the office has a record twice.

    Raises:
        InputError: One of them is empty, too long, or no telephone number; nothing was looked for.
    """
    for field, given, is_one in (
        ("phone", phone, is_phone(phone)), ("email", email, bool(email.strip())),
        ("postal_code", postal_code, bool(plain_postal_code(postal_code))),
    ):  # fmt: skip
        if not is_one or len(given) > _LONGEST_LOGIN_CHARS:
            raise InputError(field, "is empty, or does not look like one", shape=f"{len(given)} characters")
    fitting = {
        tenant.id
        for tenant in _with_number(mirror, Scope(adapter.account_name, facility, Tenant.entity), phone)
        if same_mail(email, tenant.email)
        and same_postal_code(postal_code, tenant.address.postal_code)
        and _may_enter(mirror, adapter, tenant)
    }
    return fitting.pop() if len(fitting) == 1 else None


def _with_number(mirror: Mirror, scope: Scope, asked: str) -> list[Tenant]:
    """Tenants with this telephone or mobile number, found by an index."""
    tail = phone_tail(digits_of(asked))
    found = [*mirror.list(scope, phone_tail=tail), *mirror.list(scope, mobile_tail=tail)]
    return [
        each for each in found
        if isinstance(each, Tenant) and any(same_number(asked, own) for own in (each.phone, each.mobile))
    ]  # fmt: skip


def _may_enter(mirror: Mirror, adapter: Adapter, tenant: Tenant) -> bool:
    """What the back office says of a tenant's portal account, where it lists them; else of the tenant."""
    if Entity.PORTAL_ACCOUNTS not in copied_of(adapter):
        return not tenant.portal_disabled and tenant.is_active is not False
    account = mirror.get(adapter.account_name, tenant.ref.facility, PortalAccount.entity, tenant.id)
    return isinstance(account, PortalAccount) and account.access is not AccessLevel.NONE


def no_match() -> IneligibleError:
    """The one answer to every claim that does not match, whatever the reason."""
    message = "These details do not match an account."
    return IneligibleError(message, code="no_match", unblock="Check them, or call the office.")
