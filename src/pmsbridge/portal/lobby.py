"""What every way in stands on: from a login to a session, with what its person may use; the steps of a first visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pmsbridge.accounts.doorkeeper import Doorkeeper
from pmsbridge.actions.sections import Section
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.portal_accounts import AccessLevel, OnboardingStep, PortalAccount
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
        """
        login = self._login(session)
        names = [step.name for step in self._keeper.steps_of(login)]
        if name not in names:
            raise InputError("name", "is no step of a first visit", remedy=f"Steps: {', '.join(names)}.")
        missing = [each for each in names[: names.index(name)] if each not in login.steps]
        if missing:
            raise InputError("name", "comes later", remedy=f"First: {missing[0]}.")
        self._keeper.logins.change(login.id, steps=sorted({*login.steps, name}))
        return self._session(login)

    def standing(self, facility: str, tenant_id: str, *, contact_id: str = "") -> PortalAccount | None:
        """For staff: how a login of your own stands, which step it is at, and what became of the invitation.

        Returns:
            None when there is no login yet.
        """
        office = self._office(facility, tenant_id)
        found = self._keeper.logins.of_person(office.account_name, office.facility, office.tenant_id, contact_id)
        return self._keeper.standing(found) if found is not None else None

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _login(self, session: TenantSession) -> Login:
        login = self._keeper.logins.get(session._office.login_id)  # noqa: SLF001 - of this room
        if login is None:
            raise InputError("session", "did not come in by a login of the portal's own")
        return login

    def _session(self, login: Login) -> TenantSession:
        """The session of a login, with what its person may use as it stands now."""
        fresh = self._keeper.logins.get(login.id) or login
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
