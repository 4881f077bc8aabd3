"""What every way in stands on: from a login to a session, with what its person may use; the steps of a first visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pmsbridge.accounts.admission import lock_login, unlock_login
from pmsbridge.accounts.doorkeeper import Doorkeeper
from pmsbridge.actions.sections import Section
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.portal_accounts import AccessLevel, OnboardingStep, PortalAccount
from pmsbridge.portal.arguments import checked_id
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.portal.words import say
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.logins import Login

__all__ = ["NO_HINDRANCE", "Lobby"]

NO_HINDRANCE: Final = frozenset({"no_phone", "phone_taken", "no_postal_code", "no_name"})
"""Shortcomings that do not matter to somebody who signs in by a mailed link."""

_BEFORE_THE_LAST_STEP: Final = frozenset({Section.RENTALS, Section.EVENTS, Section.SHOP})
"""Closed until the last step of a first visit is done; the others are what the steps need."""


class Lobby:
    """A part of ``Bridge.accounts``."""

    def __init__(
        self,
        place: Callable[[str], tuple[Adapter, str]],
        office: Callable[[str, str], Office],
        keeper: Doorkeeper,
    ) -> None:
        self._place = place
        self._office = office
        self._keeper = keeper

    # -- the first visit -----------------------------------------------------------------------------------------------

    def steps(self, session: TenantSession) -> tuple[OnboardingStep, ...]:
        """Steps of a first visit, in order, and which are done. Empty where none are set.

        Raises:
            InputError: The session did not come in by a login of your own.
        """
        return self._keeper.steps_of(self._login(session))

    def step_done(self, session: TenantSession, name: str) -> TenantSession:
        """Say that a step of the first visit is done; the session as it is from now on.

        Raises:
            InputError: There is no such step, or one before it is still to do.
            IneligibleError: The person's access was taken away meanwhile ("no_access").
        """
        login = self._login(session)
        names = [step.name for step in self._keeper.steps_of(login)]
        if name not in names:
            raise InputError("name", "is no step of a first visit", remedy=f"Steps: {', '.join(names)}.")
        missing = [each for each in names[: names.index(name)] if each not in login.steps]
        if missing:
            raise InputError("name", "comes later", remedy=f"First: {missing[0]}.")
        self._keeper.logins.add_step(login.id, name)
        stepped = self._session(login)
        if stepped is None:
            message = "Your access to the portal has ended."
            raise IneligibleError(message, code="no_access", unblock="Please call the office.")
        return stepped

    def standing(self, facility: str, tenant_id: str, *, contact_id: str = "") -> PortalAccount | None:
        """For staff: how a login of your own stands, which step it is at, and what became of the invitation.

        Returns:
            None when there is no login yet.
        """
        found = self._login_of(facility, tenant_id, contact_id)
        return self._keeper.standing(found) if found is not None else None

    def lock(self, facility: str, tenant_id: str, *, actor: str, contact_id: str = "") -> None:
        """For staff: nobody comes in by this login any more, by password, link or remembered token.

        Who is signed in is out at their next ``resume``, and a password that the back office keeps for the tenant opens
        nothing either. It stands in the findings as "login_locked" until it is unlocked.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: Whose.
            actor: Who locks: "staff:NAME".
            contact_id: A further contact of the tenant; empty for the tenant.

        Raises:
            NotFoundError: There is no login of your own: switch web access off in the back office.
            InputError: The actor is no "staff:NAME".
        """
        asking, runtime = _staff(actor), self._keeper.runtime
        found = self._login_of(facility, tenant_id, contact_id)
        lock_login(self._keeper.logins, runtime.findings, runtime.clock, found, actor=asking)

    def unlock(self, facility: str, tenant_id: str, *, actor: str, contact_id: str = "") -> None:
        """For staff: the login opens again with the password it had; links and remembered tokens stay dead.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: Whose.
            actor: Who unlocks: "staff:NAME"; the finding is closed in that name.
            contact_id: A further contact of the tenant; empty for the tenant.

        Raises:
            NotFoundError: There is no login of your own.
            InputError: The actor is no "staff:NAME".
        """
        asking, runtime = _staff(actor), self._keeper.runtime
        found = self._login_of(facility, tenant_id, contact_id)
        unlock_login(self._keeper.logins, runtime.findings, runtime.clock, found, actor=asking)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _login_of(self, facility: str, tenant_id: str, contact_id: str) -> Login | None:
        office = self._office(facility, tenant_id)
        return self._keeper.logins.of_person(office.account_name, office.facility, office.tenant_id, contact_id)

    def _login(self, session: TenantSession) -> Login:
        login = self._keeper.logins.get(session._office.login_id)  # noqa: SLF001 - of this room
        if login is None:
            raise InputError("session", "did not come in by a login of the portal's own")
        return login

    def _session(self, login: Login) -> TenantSession | None:
        """The session of a login, with what its person may use as it stands now; None when they may not come in."""
        fresh = self._keeper.logins.get(login.id) or login
        if not self._keeper.admits(fresh):
            return None
        actor = f"contact:{fresh.contact_id}" if fresh.contact_id else "tenant"
        office = self._office(f"{fresh.account}/{fresh.facility}", fresh.tenant_id)
        closed = office.rules.closed_sections | _closed_to(fresh, self._keeper.steps_of(fresh))
        rules = office.rules.changed(closed_sections=closed)
        return TenantSession(replace(office, rules=rules, login_id=fresh.id, actor=actor))

    def _refuse_unready(self, office: Office, *, ignored: frozenset[str]) -> None:
        found = StaffDesk(office, self._keeper).readiness()
        for each in found.shortcomings:
            if each.code not in ignored:
                raise IneligibleError(
                    say(each.message_key), code=each.code, message_key=each.message_key, unblock=each.remedy
                )


def _staff(actor: str) -> str:
    asking = checked_id("actor", actor)
    if not asking.startswith("staff:"):
        raise InputError("actor", 'must begin with "staff:"', remedy="Say who asks, like staff:ann.")
    return asking


def _closed_to(login: Login, steps: tuple[OnboardingStep, ...]) -> frozenset[Section]:
    """What a login may not use: by its level of access, its permissions, and before the last step is done."""
    closed = frozenset[Section]()
    if login.access is not AccessLevel.FULL:
        closed |= frozenset(Section) - {Section.EVENTS}
    if login.contact_id:
        closed |= {section for section in Section if section.value not in login.permissions}
    if any(step.state.value == "to_do" for step in steps):
        closed |= _BEFORE_THE_LAST_STEP
    return closed
