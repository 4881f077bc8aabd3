"""Whether the person of a login may come in: asked at every way in, since access may have been taken away meanwhile."""

from __future__ import annotations

from typing import Final

from pmsbridge.errors import NotFoundError
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount, SignInState
from pmsbridge.ports.clock import Clock
from pmsbridge.store.findings import Findings
from pmsbridge.store.logins import Login, Logins
from pmsbridge.store.mirror import Mirror

__all__ = ["admits", "copy_admits", "guards", "lock_login", "unlock_login"]

_LOCKED: Final = "login_locked"


def admits(mirror: Mirror, login: Login) -> bool:
    """Whether the person of a login may come in.

    Not when staff locked it; when the last copy does not hold the tenant, or has their access switched off; or when the
    further contact is none of the tenant's any more.
    """
    if login.state is SignInState.LOCKED or mirror.tenant(login.account, login.facility, login.tenant_id) is None:
        return False
    return copy_admits(mirror, login.account, login.facility, login.tenant_id) and (
        not login.contact_id or _is_contact(mirror, login)
    )


def copy_admits(mirror: Mirror, account: str, facility: str, tenant_id: str) -> bool:
    """Whether no copy says that a tenant may not use the portal; also when there is none."""
    listed = mirror.tenant(account, facility, tenant_id)
    read = mirror.account(account, facility, tenant_id)
    told = mirror.get(account, facility, PortalAccount.entity, tenant_id)
    if isinstance(told, PortalAccount) and told.access is AccessLevel.NONE:
        return False
    seen = (listed, read.tenant if read is not None else None)
    return not any(each.portal_disabled for each in seen if each is not None)


def _is_contact(mirror: Mirror, login: Login) -> bool:
    """By the account as last read, which an invitation goes by, and which the night reads again when it has changed."""
    read = mirror.account(login.account, login.facility, login.tenant_id)
    tenant = read.tenant if read is not None else mirror.tenant(login.account, login.facility, login.tenant_id)
    return tenant is not None and any(contact.id == login.contact_id for contact in tenant.contacts)


def guards(login: Login | None) -> bool:
    """Whether only the portal's own password opens a login: it has one, or is locked. None guards nothing."""
    return login is not None and (bool(login.password) or login.state is SignInState.LOCKED)


def lock_login(logins: Logins, findings: Findings, clock: Clock, login: Login | None, *, actor: str) -> None:
    """Lock a login: whoever is signed in by it is out. Who did it stays as a finding until it is unlocked.

    Raises:
        NotFoundError: There is no login.
    """
    known = _known(login)
    logins.change(known.id, state=SignInState.LOCKED.value)
    logins.end_all(known.id)
    findings.add(Finding(
        code=_LOCKED, severity=Severity.NOTICE, account=known.account, facility=known.facility,
        subject=known.id, found_at=clock.now(), text=f"{actor} locked the login of tenant {known.tenant_id}.",
    ))  # fmt: skip


def unlock_login(logins: Logins, findings: Findings, clock: Clock, login: Login | None, *, actor: str) -> None:
    """Let the person of a login in again; nothing happens when it is not locked.

    Raises:
        NotFoundError: There is no login.
    """
    known = _known(login)
    if known.state is not SignInState.LOCKED:
        return
    before = SignInState.CLAIMED if known.claimed_at else SignInState.INVITED
    logins.change(known.id, state=(before if known.claimed_at or known.invited_at else SignInState.NOT_INVITED).value)
    for each in findings.open(account=known.account, facility=known.facility):
        if (each.finding.code, each.finding.subject) == (_LOCKED, known.id):
            findings.close(each.number, clock.now(), by=actor, note="unlocked")


def _known(login: Login | None) -> Login:
    if login is None:
        raise NotFoundError("tenant_id", "has no login of the portal's own", remedy="Switch it off in the back office.")
    return login
