"""The portal's entrance: sign in, claim, register, invite; ending in a tenant session or in one generic refusal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from pmsbridge.accounts.doorkeeper import PASSWORD, SESSION, SIGN_IN, Doorkeeper
from pmsbridge.accounts.identity import match_contact, match_gate_code, match_login, no_match
from pmsbridge.accounts.links import LINK_MARK, Letter
from pmsbridge.accounts.register import digits_of
from pmsbridge.actions.plan import Submission
from pmsbridge.actions.sections import Section
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import ConfigurationError, IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.people import Contact, Tenant
from pmsbridge.model.portal_accounts import AccessLevel, OnboardingStep, PortalAccount, SignInState
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.arguments import checked_choice, checked_id, checked_key, checked_words, wiped_on_refusal
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.office import Office
from pmsbridge.portal.requesting import checked_text
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.portal.visiting import question_of
from pmsbridge.portal.words import say
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.logins import Login

__all__ = ["Entrance"]

_NO_HINDRANCE: Final = frozenset({"no_phone", "phone_taken", "no_postal_code", "no_name"})
"""Shortcomings that do not matter to somebody who signs in by a mailed link."""

_BEFORE_THE_LAST_STEP: Final = frozenset({Section.RENTALS, Section.EVENTS, Section.SHOP})
"""Closed until the last step of a first visit is done; the others are what the steps need."""


class Entrance:
    """``Bridge.accounts``: how a person becomes a tenant session."""

    def __init__(
        self,
        place: Callable[[str], tuple[Adapter, str]],
        office: Callable[[str, str], Office],
        keeper: Doorkeeper,
    ) -> None:
        self._place = place
        self._office = office
        self._keeper = keeper

    # -- signing in ----------------------------------------------------------------------------------------------------

    def sign_in(self, facility: str, login: str, password: WebPassword) -> TenantSession | None:
        """Sign in with an e-mail address or phone digits: a login of your own, else one that the back office keeps.

        One e-mail may belong to several tenants; the one with an active rental comes first. After too many failures
        nothing is looked at for a while, and the answer is the same.

        Returns:
            The session, or None when login and password do not match: the same for known and unknown logins.

        Raises:
            InputError: The login is empty, too long, or holds a card number; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        keeper = self._keeper
        with wiped_on_refusal(password):
            refuse_card_number("login", checked_words("login", login))
            adapter, code = self._place(facility)
            account = adapter.account_name
            if not keeper.may_try(account, code, login):
                password.wipe()
                return None
            own, theirs = password.split(2)
        known = keeper.known_by(account, code, login, own)
        session = self._session(known) if known is not None else self._by_back_office(adapter, code, login, theirs)
        theirs.wipe()
        if session is None:
            keeper.failed(account, code, login)
        else:
            keeper.succeeded(account, code, login)
        return session

    def _by_back_office(self, adapter: Adapter, code: str, login: str, password: WebPassword) -> TenantSession | None:
        try:
            found = match_login(adapter, code, login=login, password=password)
        except UnsupportedError:
            return None  # it keeps no logins
        return TenantSession(self._office(f"{adapter.account_name}/{code}", found[0])) if found else None

    def claim(
        self, facility: str, *, unit_number: str, gate_code: GateCode, login: str, password: WebPassword, key: str
    ) -> tuple[TenantSession, ActionView]:
        """Claim an account with unit number and gate code, and set its login. All units of the tenant come with it.

        Raises:
            IneligibleError: They do not match ("no_match"), whatever the reason.
            InputError: The unit number is empty or a card number, or the login or key does not fit; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        keeper = self._keeper
        try:
            with wiped_on_refusal(gate_code):
                unit = checked_words("unit_number", unit_number)
                refuse_card_number("unit_number", unit)
                refuse_card_number("login", checked_words("login", login))
                checked_key(key)
                adapter, code = self._place(facility)
                if not keeper.may_try(adapter.account_name, code, f"unit {unit}"):
                    raise no_match()
            tenant_id = match_gate_code(adapter, code, unit_number=unit_number, gate_code=gate_code)
            if tenant_id is None:
                keeper.failed(adapter.account_name, code, f"unit {unit}")
                raise no_match()
            session = TenantSession(self._office(facility, tenant_id))
            return session, session.change_password(login, password, key=key)
        finally:
            password.wipe()

    def register(
        self, facility: str, *, phone: str, email: str, postal_code: str, password: WebPassword | None = None
    ) -> TenantSession:
        """Find the tenant who has this telephone number, e-mail address and postal code on record, and let them in.

        It looks into the last copy: whom the office entered or let in after the last night gets in after the next copy.
        All three must be right, however they are written, and the tenant must be allowed to use the portal. After too
        many failures about one number or address nothing is looked at for a while, and the answer is the same.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            phone: Part of the claim, never a password.
            email: As on the record, but for case.
            postal_code: As on the record, but for case and blanks.
            password: With one, a login of the portal's own is made, which the number or the address signs in with, and
                the customer is told by mail. None where your portal keeps the passwords; then nobody is asked.

        Raises:
            IneligibleError: They do not match ("no_match"), whatever the reason; or the customers of the facility were
                never copied ("not_ready_yet"), whoever asks.
            InputError: One is empty, too long, no telephone number, or a card number, or the password is too short;
                nothing was looked for.
            UnavailableError: With a password: the back office cannot be read now, and there is no copy.
        """
        keeper = self._keeper
        with wiped_on_refusal(password):
            for field, text in (("phone", phone), ("email", email), ("postal_code", postal_code)):
                refuse_card_number(field, checked_words(field, text), is_phone=field == "phone")
            if password is not None:
                keeper.refuse_short(password)
            adapter, code = self._place(facility)
            account = adapter.account_name
            keeper.refuse_before_copy(account, code)
            if not all(keeper.may_try(account, code, name) for name in (phone, email)):
                raise no_match()
            try:
                tenant = self._on_record(adapter, code, phone=phone, email=email, postal_code=postal_code)
                return self._let_in(self._office(f"{account}/{code}", tenant.id), tenant, phone, password)
            except IneligibleError:
                for name in (phone, email):
                    keeper.failed(account, code, name)
                raise no_match() from None

    def _on_record(self, adapter: Adapter, code: str, *, phone: str, email: str, postal_code: str) -> Tenant:
        mirror = self._keeper.runtime.mirror
        tenant_id = match_contact(mirror, adapter, code, phone=phone, email=email, postal_code=postal_code)
        tenant = mirror.tenant(adapter.account_name, code, tenant_id) if tenant_id is not None else None
        if tenant is None:
            raise no_match()
        return tenant

    def _let_in(self, office: Office, tenant: Tenant, phone: str, password: WebPassword | None) -> TenantSession:
        """The session of who fits the record; with a password, by a login that is made now."""
        keeper = self._keeper
        known = keeper.logins.of_person(office.account_name, office.facility, tenant.id)
        if known is not None and (known.password or known.state is SignInState.LOCKED):
            raise no_match()  # what is on a record is no secret: whoever has a password changes it by a mailed link
        if password is None:
            return self._session(known) if known is not None else TenantSession(office)
        self._refuse_unready(office, ignored=_NO_HINDRANCE)
        made = keeper.login_of(office.account_name, office.facility, tenant, phone=digits_of(phone))
        login = keeper.register(made, password)
        keeper.tell_registered(login, self._letter("registered", "", office, tenant, None))
        return self._session(login)

    # -- links that are mailed -----------------------------------------------------------------------------------------

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
            IneligibleError: Something is missing; the code says what ("no_email", "email_taken", "not_copied" ...).
            NotFoundError: There is no such tenant or contact.
            ConfigurationError: ``portal.link_address`` is not set.
            UnavailableError: The back office cannot be read now, and there is no copy.
        """
        checked, asking = checked_key(key), checked_id("actor", actor)
        level = checked_choice("access", AccessLevel, access)
        allowed = tuple(checked_choice("permissions", Section, each).value for each in permissions)
        office = self._office(facility, tenant_id)
        self._refuse_unready(office, ignored=_NO_HINDRANCE)
        tenant = office.read().tenant
        contact = _contact_of(tenant, contact_id) if contact_id else None
        login = self._keeper.login_of(
            office.account_name, office.facility, tenant, contact_id=contact_id,
            name=contact.email if contact is not None else "", access=level, permissions=allowed,
        )  # fmt: skip
        letter = self._letter("invite", SIGN_IN, office, tenant, contact)
        return self._keeper.invite(login, letter, key=checked, actor=asking)

    def ask_link(self, facility: str, email: str, *, purpose: str = SIGN_IN) -> None:
        """Mail a link to sign in ("sign_in") or to choose a password ("password"), if the address is known.

        There is no answer: known and unknown addresses look the same. The mail is sent by a worker.

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
        keeper, account = self._keeper, adapter.account_name
        may = keeper.may_try(account, code, f"link {name}")
        keeper.counted(account, code, f"link {name}")  # nobody is flooded with mails
        found = self._addressee(account, code, name) if may else None
        if found is None:
            keeper.mail_link(None, None)
            return
        login, tenant = found
        office = self._office(f"{account}/{code}", tenant.id)
        kind = "link" if purpose == SIGN_IN else "password"
        keeper.mail_link(login, self._letter(kind, purpose, office, tenant, _contact_or_none(tenant, login.contact_id)))

    def _addressee(self, account: str, code: str, email: str) -> tuple[Login, Tenant] | None:
        keeper = self._keeper
        login = keeper.logins.called(account, code, email)
        if login is not None:
            tenant = keeper.runtime.mirror.tenant(account, code, login.tenant_id)
            return (login, tenant) if tenant is not None and not tenant.portal_disabled else None
        tenant = keeper.of_mail(account, code, email)
        if tenant is None or tenant.portal_disabled:
            return None
        return keeper.login_of(account, code, tenant), tenant

    def enter(self, token: str) -> TenantSession | None:
        """Sign in by a mailed link. It works once; None when it is unknown, used, replaced or too old."""
        login = self._keeper.entered_by(checked_words("token", token))
        return self._session(login) if login is not None else None

    def set_password(self, token: str, password: WebPassword) -> TenantSession | None:
        """Choose a password by a mailed link. It works once; None when it is unknown, used, replaced or too old.

        Whoever was signed in before is out.

        Raises:
            InputError: The password is too short; the link still works.
        """
        login = self._keeper.set_password(checked_words("token", token), password)
        return self._session(login) if login is not None else None

    def change_password(self, session: TenantSession, current: WebPassword, new: WebPassword) -> bool:
        """Change the password of a login of your own; False when the current one is another. Both are wiped.

        Raises:
            InputError: The session came in another way, or the new password is too short.
        """
        with wiped_on_refusal(new), wiped_on_refusal(current):
            return self._keeper.change_password(self._login(session), current, new)

    # -- a question from the sign-in page ------------------------------------------------------------------------------

    def contact_us(self, facility: str, *, name: str, email: str, text: str, key: str) -> ActionView:
        """Ask the office something without being signed in: staff get a mail, and a post where there is a board.

        Raises:
            InputError: A text is empty, too long or holds a card number; nothing was tried.
            IneligibleError: Too many questions came from this address ("too_many_questions").
            ConfigurationError: Neither an address of the staff nor a bulletin board is known.
        """
        who, mail = checked_text("name", name, limit=100), checked_text("email", email, limit=200)
        words, checked = checked_text("text", text), checked_key(key)
        adapter, code = self._place(facility)
        keeper, account = self._keeper, adapter.account_name
        with suppress(NotFoundError):  # the same click again
            return keeper.runtime.action(Submission.id_for(account, code, None, checked))
        if not keeper.may_try(account, code, f"question {mail}"):
            message = "Too many questions came from this address."
            raise IneligibleError(message, code="too_many_questions", unblock="Please call the office.")
        keeper.counted(account, code, f"question {mail}")
        office = self._office(f"{account}/{code}", "visitor")
        known = office.runtime.mirror.facility(account, code)
        scribe = office.notices.scribe(account, code, known)
        has_board = "post_bulletin" in office.native
        if not scribe.staff and not has_board:
            message = "nobody could read a question: set notices.addresses"
            raise ConfigurationError(message, code="no_staff_address")
        asked = question_of(account, code, scribe, name=who, email=mail, text=words, key=checked, has_board=has_board)
        return office.runtime.submit(asked)

    # -- staying signed in ---------------------------------------------------------------------------------------------

    def remember(self, session: TenantSession) -> str:
        """A token for a browser's cookie that opens the same session again, for ``portal.session_lives``.

        Raises:
            InputError: The session did not come in by a login of your own.
        """
        keeper = self._keeper
        return keeper.logins.hold(self._login(session).id, SESSION, keeper.settings.session_lives)

    def resume(self, token: str) -> TenantSession | None:
        """The session of a remembered token; None when it is unknown, too old or signed out."""
        login = self._keeper.logins.use(checked_words("token", token), SESSION, once=False)
        return self._session(login) if login is not None else None

    def sign_out(self, token: str) -> None:
        """The remembered token is of no use any more."""
        self._keeper.logins.end(checked_words("token", token), SESSION)

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

    def _letter(self, kind: str, purpose: str, office: Office, tenant: Tenant, contact: Contact | None) -> Letter:
        lives = self._keeper.settings.link_lives
        facility = office.runtime.mirror.facility(office.account_name, office.facility)
        spoken = office.notices.scribe(office.account_name, office.facility, facility).language
        language = self._keeper.language_of(office.account_name, office.facility, tenant) or spoken
        facts = {
            "name": _one_line((contact.name if contact is not None else tenant.name).greeting),
            "facility": _one_line(facility.name if facility is not None else office.facility),
            "hours": str(lives // timedelta(hours=1)), "link": LINK_MARK,
        }  # fmt: skip
        return Letter(
            kind={"invite": "invite", "registered": "register"}.get(kind, "ask_link"),
            to=contact.email if contact is not None else tenant.email,
            subject=say(f"mail.{kind}_subject", language, facts), text=say(f"mail.{kind}_text", language, facts),
            language=language, purpose=purpose, lives=lives,
        )  # fmt: skip


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


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _contact_or_none(tenant: Tenant, contact_id: str) -> Contact | None:
    return next((contact for contact in tenant.contacts if contact.id == contact_id), None) if contact_id else None


def _contact_of(tenant: Tenant, contact_id: str) -> Contact:
    contact = _contact_or_none(tenant, contact_id)
    if contact is None:
        raise NotFoundError("contact_id", "is no contact of this tenant")
    if not contact.email:
        message = "The contact has no e-mail address."
        raise IneligibleError(message, code="no_email", message_key="readiness.no_email")
    return contact
