"""Links that are mailed: invitations, signing in without a password, choosing one. Known and unknown look the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from pmsbridge.accounts.doorkeeper import PASSWORD, SIGN_IN
from pmsbridge.accounts.even_time import evened
from pmsbridge.accounts.links import LINK_MARK, Letter
from pmsbridge.actions.scribe import addresses_in
from pmsbridge.actions.sections import Section
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.people import Contact, Tenant
from pmsbridge.model.portal_accounts import AccessLevel, SignInState
from pmsbridge.model.sealed import WebPassword
from pmsbridge.portal.arguments import checked_choice, checked_id, checked_key, checked_words
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.letters import names_in_letters
from pmsbridge.portal.lobby import NO_HINDRANCE, Lobby
from pmsbridge.portal.office import Office
from pmsbridge.portal.papers.formats import spoken
from pmsbridge.portal.session import TenantSession
from pmsbridge.store.logins import Login

__all__ = ["MailedLinks"]


class MailedLinks(Lobby):
    """A part of ``Bridge.accounts``."""

    def invite(
        self,
        facility: str,
        tenant_id: str,
        *,
        key: str,
        actor: str,
        contact_id: str = "",
        access: AccessLevel | str = AccessLevel.FULL,
        permissions: Collection[Section | str] = (),
    ) -> ActionView:
        """Mail a link that signs in once, without a password. Inviting again kills the link of the mail before.

        ``Bridge.staff(...).readiness()`` shows beforehand whom it goes to and what is missing.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: Whom.
            key: The idempotency key of this click.
            actor: Who invites: "staff:NAME".
            contact_id: A further contact of the tenant; empty for the tenant.
            access: "full", or "tickets_only" for events alone.
            permissions: Sections that a further contact may use.

        Raises:
            IneligibleError: Something is missing; the code says what ("no_email", "email_taken", "not_copied" ...); or
                staff locked the login ("login_locked").
            NotFoundError: There is no such tenant or contact.
            ConfigurationError: ``portal.link_address`` is not set.
            UnavailableError: The back office cannot be read now, and there is no copy.
        """
        checked, asking = checked_key(key), checked_id("actor", actor)
        level = checked_choice("access", AccessLevel, access)
        allowed = tuple(checked_choice("permissions", Section, each).value for each in permissions)
        office = self._office(facility, tenant_id)
        self._refuse_unready(office, ignored=NO_HINDRANCE)
        self._refuse_locked(office, contact_id)
        tenant = office.read().tenant
        contact = _contact_of(tenant, contact_id) if contact_id else None
        login = self._keeper.login_of(
            office.account_name, office.facility, tenant, contact_id=contact_id,
            name=contact.email if contact is not None else "", access=level, permissions=allowed,
        )  # fmt: skip
        letter = self._letter("invite", SIGN_IN, office, tenant, contact)
        return self._keeper.invite(login, letter, key=checked, actor=asking)

    def _refuse_locked(self, office: Office, contact_id: str) -> None:
        known = self._keeper.logins.of_person(office.account_name, office.facility, office.tenant_id, contact_id)
        if known is not None and known.state is SignInState.LOCKED:
            message = "Staff locked this login."
            raise IneligibleError(message, code="login_locked", unblock="Unlock it first.")

    def ask_link(self, facility: str, email: str, *, purpose: str = SIGN_IN) -> None:
        """Mail a link to sign in ("sign_in") or to choose a password ("password"), if the address is known.

        There is no answer: known and unknown addresses look the same, and take as long. The mail is sent by a worker.

        Raises:
            InputError: The address is empty or holds a card number, or there is no such purpose.
            ConfigurationError: ``portal.link_address`` is not set.
        """
        if purpose not in {SIGN_IN, PASSWORD}:
            raise InputError("purpose", "is no purpose of a link", remedy="sign_in or password.")
        name = checked_words("email", email)
        if not name:
            raise InputError("email", "is empty")
        refuse_card_number("email", name)
        adapter, code = self._place(facility)
        with evened(self._keeper.runtime.clock):
            self._mail_if_known(adapter.account_name, code, name, purpose)

    def _mail_if_known(self, account: str, code: str, name: str, purpose: str) -> None:
        keeper = self._keeper
        may = keeper.attempt(account, code, f"link {name}")  # nobody is flooded with mails
        found = self._addressee(account, code, name) if may else None
        if found is None:
            keeper.mail_link(None, None)
            return
        login, tenant = found
        contact = _contact_or_none(tenant, login.contact_id)
        if not addresses_in(_email_of(tenant, contact)):  # known by what is no address ("n/a"): nobody can be mailed
            keeper.mail_link(None, None)
            return
        office = self._office(f"{account}/{code}", tenant.id)
        kind = "link" if purpose == SIGN_IN else "password"
        keeper.mail_link(login, self._letter(kind, purpose, office, tenant, contact))

    def _addressee(self, account: str, code: str, email: str) -> tuple[Login, Tenant] | None:
        keeper = self._keeper
        login = keeper.logins.called(account, code, email)
        if login is not None:
            tenant = keeper.runtime.mirror.tenant(account, code, login.tenant_id)
            return (login, tenant) if tenant is not None and keeper.admits(login) else None
        tenant = keeper.of_mail(account, code, email)
        if tenant is None or tenant.portal_disabled:
            return None
        return keeper.login_of(account, code, tenant), tenant

    def enter(self, token: str) -> TenantSession | None:
        """Sign in by a mailed link. It works once; None when it is unknown, used, replaced or too old.

        None too when the person may not come in any more: see ``Entrance.resume``.
        """
        login = self._keeper.entered_by(checked_words("token", token))
        return self._session(login) if login is not None else None

    def set_password(self, token: str, password: WebPassword) -> TenantSession | None:
        """Choose a password by a mailed link. It works once; None when it is unknown, used, replaced or too old.

        Whoever was signed in before is out, and a password that the back office keeps for the tenant opens nothing from
        then on. None too when the person may not come in any more: see ``Entrance.resume``.

        Raises:
            InputError: The password is too short; the link still works.
        """
        login = self._keeper.set_password(checked_words("token", token), password)
        return self._session(login) if login is not None else None

    def _letter(self, kind: str, purpose: str, office: Office, tenant: Tenant, contact: Contact | None) -> Letter:
        lives = self._keeper.settings.link_lives
        facility = office.runtime.mirror.facility(office.account_name, office.facility)
        staff_language = office.notices.scribe(office.account_name, office.facility, facility).language
        language = office.language_of(tenant) or staff_language
        greeting = (contact.name if contact is not None else tenant.name).greeting
        names = names_in_letters(office, greeting, facility)
        more = {"hours": str(lives // timedelta(hours=1)), "link": LINK_MARK}
        written = office.notices.letter(kind, spoken(language), {**names, **more})
        return Letter(
            kind={"invite": "invite", "registered": "register"}.get(kind, "ask_link"),
            to=next(iter(addresses_in(_email_of(tenant, contact))), ""),
            subject=written.subject, text=written.text, language=language, purpose=purpose, lives=lives,
        )  # fmt: skip


def _email_of(tenant: Tenant, contact: Contact | None) -> str:
    """As the record has it: one address, several, or none."""
    return contact.email if contact is not None else tenant.email


def _contact_or_none(tenant: Tenant, contact_id: str) -> Contact | None:
    return next((contact for contact in tenant.contacts if contact.id == contact_id), None) if contact_id else None


def _contact_of(tenant: Tenant, contact_id: str) -> Contact:
    contact = _contact_or_none(tenant, contact_id)
    if contact is None:
        raise NotFoundError("contact_id", "is no contact of this tenant")
    if not addresses_in(contact.email):
        message = "The contact has no e-mail address."
        raise IneligibleError(message, code="no_email", message_key="readiness.no_email")
    return contact
