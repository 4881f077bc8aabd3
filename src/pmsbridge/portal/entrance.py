"""The portal's entrance: sign in, claim, register, invite; ending in a tenant session or in one generic refusal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pmsbridge.accounts.admission import copy_admits, guards
from pmsbridge.accounts.doorkeeper import SESSION
from pmsbridge.accounts.even_time import evened
from pmsbridge.accounts.identity import match_gate_code, match_login, no_match
from pmsbridge.accounts.matching import CONTACT, IdentityMatcher
from pmsbridge.accounts.register import digits_of
from pmsbridge.actions.plan import Submission
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import ConfigurationError, IneligibleError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.people import Tenant
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.arguments import checked_identity, checked_key, checked_words, wiped_on_refusal
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.lobby import NO_HINDRANCE
from pmsbridge.portal.mailed_links import MailedLinks
from pmsbridge.portal.office import Office
from pmsbridge.portal.requesting import checked_login
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.typed import checked_text
from pmsbridge.portal.visiting import question_of
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.logins import Login

__all__ = ["Entrance"]

_NOBODY: Final = "nobody"
"""Asked about where the back office knows none; nobody comes in by it."""


class Entrance(MailedLinks):
    """``Bridge.accounts``: how a person becomes a tenant session."""

    # -- signing in ----------------------------------------------------------------------------------------------------

    def sign_in(self, facility: str, login: str, password: WebPassword) -> TenantSession | None:
        """Sign in with an e-mail address or phone digits: a login of your own, else one that the back office keeps.

        Who has a password of your own signs in with that alone: what the back office keeps opens nothing then. Whose
        login is locked, or who may not use the portal by the last copy, does not come in. One login of the back office
        may open several tenants: this is the first of ``sign_in_all``. After too many failures nothing is looked at for
        a while, and the answer is the same.

        Returns:
            The session, or None when login and password do not match: the same for known and unknown logins.

        Raises:
            InputError: The login is empty, too long, or holds a card number; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        return next(iter(self.sign_in_all(facility, login, password)), None)

    def sign_in_all(self, facility: str, login: str, password: WebPassword) -> tuple[TenantSession, ...]:
        """Sign in, and get a session for each tenant whom this login opens: a portal may let the person choose.

        Several are one person whose records were never merged, or people who share an address and a password. Whoever
        rents something now comes first, then in the back office's order. Staff find it among the findings, as
        "split_tenant"; ``Bridge.duplicates`` says how much their records share. A login of your own opens one.

        Returns:
            The sessions; none when login and password do not match.

        Raises:
            InputError: As for ``sign_in``.
            UnavailableError: The back office cannot be asked now.
        """
        keeper = self._keeper
        with wiped_on_refusal(password):
            refuse_card_number("login", checked_words("login", login))
            adapter, code = self._place(facility)
            account = adapter.account_name
            times = keeper.attempt(account, code, login)
            if not times:
                password.wipe()
                return ()
            own, theirs = password.split(2)
        known = keeper.known_by(account, code, login, own)
        session = self._session(known) if known is not None else None
        sessions = (session,) if session is not None else self._by_back_office(adapter, code, login, theirs)
        theirs.wipe()
        if sessions:
            keeper.succeeded(account, code, login)
        else:
            keeper.failed(account, code, times)
        return sessions

    def _by_back_office(
        self, adapter: Adapter, code: str, login: str, password: WebPassword
    ) -> tuple[TenantSession, ...]:
        try:
            found = match_login(adapter, code, login=login, password=password)
        except UnsupportedError:
            return ()  # it keeps no logins
        account, keeper, mirror = adapter.account_name, self._keeper, self._keeper.runtime.mirror
        # All of it is asked whoever comes, also about nobody: the time tells neither who has a password of the portal's
        # own, nor that one is right there which opens nothing here.
        is_guarded, may = keeper.is_guarded(account, code, login), list[str]()
        for who in dict.fromkeys(found or [_NOBODY]):
            is_guarded = keeper.is_guarded_person(account, code, who) or is_guarded
            if copy_admits(mirror, account, code, who) and who in found:
                may.append(who)
        if is_guarded:
            return ()
        if len(may) > 1:
            keeper.tell_split(account, code, may)
            may = keeper.with_rentals_first(account, code, may)
        return tuple(TenantSession(self._office(f"{account}/{code}", who)) for who in may)

    def claim(
        self, facility: str, *, unit_number: str, gate_code: GateCode, login: str, password: WebPassword, key: str
    ) -> tuple[TenantSession, ActionView]:
        """Claim an account with unit number and gate code, and set its login. All units of the tenant come with it.

        Raises:
            IneligibleError: They do not match ("no_match"), whatever the reason: who may not use the portal, has
                a locked login, or has a password of your own, which is changed by a mailed link, is told the same.
            InputError: The unit number is empty or a card number, or the login or key does not fit; nothing was asked.
            UnavailableError: The back office cannot be asked now.
        """
        keeper = self._keeper
        try:
            with wiped_on_refusal(gate_code):
                unit = checked_words("unit_number", unit_number)
                refuse_card_number("unit_number", unit)
                checked_login(login)
                checked_key(key)
                adapter, code = self._place(facility)
            with evened(keeper.runtime.clock):
                tenant_id, times = self._by_gate_code(adapter, code, unit, gate_code)
                account = adapter.account_name
                try:
                    if tenant_id is None or keeper.is_guarded_person(account, code, tenant_id):
                        raise no_match()
                    session = TenantSession(self._office(f"{account}/{code}", tenant_id))
                    view = session.change_password(login, password, key=key)
                except IneligibleError:
                    keeper.failed(account, code, times)
                    raise no_match() from None
                keeper.succeeded(account, code, f"unit {unit}")
                return session, view
        finally:
            password.wipe()

    def _by_gate_code(self, adapter: Adapter, code: str, unit: str, gate_code: GateCode) -> tuple[str | None, int]:
        """Who has the unit and the code, and the attempt's number; a code beyond the limit is not looked at."""
        keeper, account = self._keeper, adapter.account_name
        with wiped_on_refusal(gate_code):
            times = keeper.attempt(account, code, f"unit {unit}")
            if not times:
                raise no_match()
        try:
            return match_gate_code(adapter, code, unit_number=unit, gate_code=gate_code), times
        except UnavailableError:
            keeper.not_in_vain(account, code, f"unit {unit}")  # nothing was compared
            raise

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
            IneligibleError: They do not match ("no_match"), whatever the reason: with a password, also when the back
                office cannot be read now and there is no copy; or the customers of the facility were never copied
                ("not_ready_yet"), whoever asks.
            InputError: One is empty, too long, no telephone number, or a card number, or the password is too short;
                nothing was looked for.
        """
        given = {"phone": phone, "email": email, "postal_code": postal_code}
        return self.identify(facility, CONTACT, given, password=password)

    def identify(
        self, facility: str, by: str, given: Mapping[str, str], *, password: WebPassword | None = None
    ) -> TenantSession:
        """Find the tenant whom something fits that people know of themselves, and let them in.

        As ``register``, by a way of your own: ``Bridge(identity={"customer_number": ...})`` gets an
        ``IdentityMatcher``. It looks into the last copy. The same limits of attempts, even time and generic answer are
        around every way.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            by: The name of the way; "contact" is ours.
            given: What was typed, by the names of the way's ``fields``.
            password: As for ``register``.

        Raises:
            IneligibleError: As for ``register``.
            ConfigurationError: The way reads nothing by which attempts could be counted.
            InputError: There is no such way; a field is missing, unknown, empty, too long or a card number, or cannot
                be meant; or the password is too short. Nothing was looked for.
        """
        keeper = self._keeper
        with wiped_on_refusal(password):
            matcher = keeper.matcher(by)
            read = _read(matcher, checked_identity(matcher.fields, given))
            if password is not None:
                keeper.refuse_short(password)
            adapter, code = self._place(facility)
            account = adapter.account_name
            keeper.refuse_before_copy(account, code)
            names = [_counted_as(by, field, read[field]) for field in matcher.counted]
            with evened(keeper.runtime.clock):
                counted = [keeper.attempt(account, code, name) for name in names]
                if not all(counted):
                    raise no_match()
                try:
                    tenant = keeper.on_record(adapter, code, by, read)
                    office = self._office(f"{account}/{code}", tenant.id)
                    session = self._let_in(office, tenant, read["phone"] if by == CONTACT else "", password)
                except (IneligibleError, UnavailableError):  # the second only for who is on record
                    for times in counted:
                        keeper.failed(account, code, times)
                    raise no_match() from None
                for name in names:
                    keeper.not_in_vain(account, code, name)
                return session

    def _let_in(self, office: Office, tenant: Tenant, phone: str, password: WebPassword | None) -> TenantSession:
        """The session of who fits the record; with a password, by a login that is made now."""
        keeper = self._keeper
        known = keeper.logins.of_person(office.account_name, office.facility, tenant.id)
        if guards(known):
            raise no_match()  # what is on a record is no secret: whoever has a password changes it by a mailed link
        if password is None:
            return self._admitted(known) if known is not None else TenantSession(office)
        self._refuse_unready(office, ignored=NO_HINDRANCE)
        made = keeper.login_of(office.account_name, office.facility, tenant, phone=digits_of(phone))
        login = keeper.register(made, password)
        session = self._admitted(login)
        keeper.tell_registered(made, self._letter("registered", "", office, tenant, None))
        return session

    def _admitted(self, login: Login | None) -> TenantSession:
        session = self._session(login) if login is not None else None
        if session is None:
            raise no_match()
        return session

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
            IneligibleError: Too many questions came from this address, or to this facility (``portal.most_questions``),
                within ``portal.attempts_within`` ("too_many_questions").
            ConfigurationError: Neither an address of the staff nor a bulletin board is known.
        """
        who, mail = checked_text("name", name, limit=100), checked_text("email", email, limit=200)
        words, checked = checked_text("text", text), checked_key(key)
        adapter, code = self._place(facility)
        keeper, account = self._keeper, adapter.account_name
        with suppress(NotFoundError):  # the same click again
            return keeper.runtime.action(Submission.id_for(account, code, None, checked))
        # Anybody can write any address. The address comes first: one that asks for ever does not use up what all may.
        if not (
            keeper.attempt(account, code, f"question {mail}")
            and keeper.attempt(account, code, "questions of all", most=keeper.settings.most_questions)
        ):
            message = "Too many questions came in."
            raise IneligibleError(message, code="too_many_questions", unblock="Please call the office.")
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
        """The session of a remembered token; None when it is unknown, too old or signed out.

        None too when the person may not come in any more: staff locked the login, the last copy does not hold the
        tenant or has their access switched off, or the further contact is none of theirs any more.
        """
        login = self._keeper.logins.use(checked_words("token", token), SESSION, once=False)
        return self._session(login) if login is not None else None

    def sign_out(self, token: str) -> None:
        """The remembered token is of no use any more."""
        self._keeper.logins.end(checked_words("token", token), SESSION)


def _read(matcher: IdentityMatcher, given: Mapping[str, str]) -> Mapping[str, str]:
    read = matcher.read(given)
    if missing := [name for name in matcher.counted if not read.get(name)]:
        message = f"an identity matcher reads nothing as {', '.join(missing)}, by which attempts are counted"
        raise ConfigurationError(message, code="bad_matcher")
    return read


def _counted_as(by: str, field: str, value: str) -> str:
    """A telephone number and an address are one name with those that sign in."""
    return value if by == CONTACT else f"{by} {field} {value}"
