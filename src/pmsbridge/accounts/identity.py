"""Match a person to a tenant. The only answers are a tenant or nothing: never why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pmsbridge.accounts.matching import CopiedPeople, IdentityMatcher
from pmsbridge.engine.sync import copied_of
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.people import Tenant
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import Adapter, Entity
from pmsbridge.store.mirror import Mirror

__all__ = ["match_gate_code", "match_login", "match_person", "no_match"]

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


def match_person(
    matcher: IdentityMatcher, mirror: Mirror, adapter: Adapter, facility: str, given: Mapping[str, str]
) -> str | None:
    """The one tenant whom a matcher finds, and who may use the portal, else None; from the last copy.

    Where several fit, none does: the office has a record twice.
    """
    people = CopiedPeople(mirror, adapter.account_name, facility)
    named = matcher.find(people, given)
    if isinstance(named, str):  # it would be taken letter by letter, and a letter can be somebody's id
        message = "an identity matcher finds ids, not one text"
        raise TypeError(message)
    found = (people.tenant(each) for each in dict.fromkeys(named))
    fitting = [each.id for each in found if each is not None and _may_enter(mirror, adapter, each)]
    return fitting[0] if len(fitting) == 1 else None


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
