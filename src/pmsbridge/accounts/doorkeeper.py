"""A portal's own logins: invited, registered, signed in, locked. Known and unknown get the same answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from pmsbridge.accounts.admission import admits, guards
from pmsbridge.accounts.identity import match_person, no_match
from pmsbridge.accounts.links import Letter, LinkMaker, submission_of
from pmsbridge.accounts.matching import IdentityMatcher, all_matchers
from pmsbridge.accounts.passwords import SHORTEST_CHARS, hashed, judged
from pmsbridge.accounts.register import digits_of, phone_in
from pmsbridge.actions.plan import Submission
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnavailableError
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.people import Tenant
from pmsbridge.model.portal_accounts import (
    AccessLevel,
    InvitationState,
    OnboardingState,
    OnboardingStep,
    PortalAccount,
    SignInState,
)
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import WebPassword
from pmsbridge.ports.adapter import Adapter, Entity, TenantSearch
from pmsbridge.settings import PortalSettings
from pmsbridge.store.logins import Login, Logins
from pmsbridge.store.mirror_writes import Scope

__all__ = ["PASSWORD", "SESSION", "SIGN_IN", "Doorkeeper"]

SIGN_IN: Final = "sign_in"
PASSWORD: Final = "password"  # noqa: S105 - what a link is for
SESSION: Final = "session"
_NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Logins of one bridge.

    Attributes:
        maker: Makes the address in a mail when it leaves.
        matchers: How people may say who they are, by name.
    """

    runtime: Runtime
    logins: Logins
    settings: PortalSettings
    maker: LinkMaker
    matchers: Mapping[str, IdentityMatcher] = field(default_factory=lambda: all_matchers(None))

    # -- mailed links --------------------------------------------------------------------------------------------------

    def invite(self, login: Login, letter: Letter, *, key: str, actor: str) -> ActionView:
        """Mail a link that signs in; the link of an earlier invitation is dead from now on.

        Raises:
            IneligibleError: Staff locked the login ("login_locked").
            ConfigurationError: ``portal.link_address`` is not set.
        """
        self.maker.checked()
        with suppress(NotFoundError):  # the same click again
            return self.runtime.action(Submission.id_for(login.account, login.facility, login.tenant_id, key))
        state = {} if login.state is SignInState.CLAIMED else {"state": SignInState.INVITED.value}
        if not self.logins.change_open(login.id, invited_at=self.runtime.clock.now(), opened_at=None, **state):
            message = "Staff locked this login."
            raise IneligibleError(message, code="login_locked", unblock="Unlock it first.")
        link = self.logins.make_link(login.id, SIGN_IN, letter.lives)
        return self.runtime.submit(submission_of(letter, login, link, key=key, actor=actor))

    def mail_link(self, login: Login | None, letter: Letter | None) -> None:
        """Mail a link behind the person's back; for nobody, only what costs the same is done."""
        self.maker.checked()
        if login is None or letter is None:
            self.logins.make_link(_NOBODY, SIGN_IN, self.settings.link_lives)
            return
        link = self.logins.make_link(login.id, letter.purpose, letter.lives)
        submission = submission_of(letter, login, link, key=f"mailed-{link}", actor="tenant")
        with self.runtime.database.write() as connection:
            self.runtime.submit(submission, connection=connection)

    def entered_by(self, token: str) -> Login | None:
        """Whose link it is; it works once. None for whoever may not come in any more, too."""
        login = self.logins.use(token, SIGN_IN, once=True)
        return self._came_in(login, opened_at=self.runtime.clock.now()) if login is not None else None

    def set_password(self, token: str, password: WebPassword) -> Login | None:
        """Set a password by a mailed link, which works once; everybody who is signed in with the old one is out.

        None for a link that is of no use, and for whoever may not come in any more.

        Raises:
            InputError: The password is too short; the link still works.
        """
        self.refuse_short(password)
        login = self.logins.use(token, PASSWORD, once=True)
        if login is None or not self.admits(login):
            password.wipe()
            return None
        if not self.logins.change_open(login.id, password=hashed(password)):
            return None
        self.logins.end_all(login.id)
        self.logins.forgive(self._subject(login.account, login.facility, login.name))
        return self._came_in(login)

    # -- passwords -----------------------------------------------------------------------------------------------------

    def refuse_short(self, password: WebPassword) -> None:
        """Refuse and wipe what is no password.

        Raises:
            InputError: It is none, or too short.
        """
        if not isinstance(password, WebPassword):
            raise InputError("password", "must be a WebPassword", shape=type(password).__name__)
        if password.length_chars < SHORTEST_CHARS:
            length = password.length_chars
            password.wipe()
            raise InputError("password", f"is shorter than {SHORTEST_CHARS} characters", shape=f"{length} characters")

    def known_by(self, account: str, facility: str, name: str, password: WebPassword) -> Login | None:
        """Whose own login and password these are; it costs the same for an unknown name. The password is wiped."""
        login = self.logins.called(account, facility, name.strip(), digits=phone_in(name))
        kept = login.password if login is not None and login.state is not SignInState.LOCKED else ""
        verdict = judged(password, kept)
        if login is None or not verdict.is_right:
            return None
        return self._came_in(login, **({"password": verdict.renewed} if verdict.renewed else {}))

    def change_password(self, login: Login, current: WebPassword, new: WebPassword) -> bool:
        """Change the password; False when the current one is another. Both are wiped.

        Raises:
            InputError: The new one is too short.
        """
        with _wiping(current, new):
            self.refuse_short(new)
            if not judged(current, login.password).is_right or not self.admits(login):
                return False
            return self.logins.change_open(login.id, password=hashed(new))

    # -- who comes in -------------------------------------------------------------------------------------------------

    def admits(self, login: Login) -> bool:
        """Whether its person may come in as things stand now: not locked, and still allowed by the last copy."""
        return admits(self.runtime.mirror, login)

    def is_guarded(self, account: str, facility: str, name: str) -> bool:
        """Whether a login of this name has a password of its own, or is locked: nothing else opens it then."""
        return guards(self.logins.called(account, facility, name.strip(), digits=phone_in(name)))

    def is_guarded_person(self, account: str, facility: str, tenant_id: str) -> bool:
        """The same of a tenant, by whatever name they came."""
        return guards(self.logins.of_person(account, facility, tenant_id))

    # -- attempts ------------------------------------------------------------------------------------------------------

    def attempt(self, account: str, facility: str, name: str, *, most: int | None = None) -> int:
        """Count an attempt before anything is compared, so that many at once are no more than one after the other.

        Args:
            account: The configured account.
            facility: The facility's code.
            name: What is tried.
            most: So many within ``attempts_within`` are looked at; None for ``most_attempts``.

        Returns:
            Its number; 0 when it is one too many: it is not looked at, and its answer is that of a wrong one.
        """
        times = self.logins.count(self._subject(account, facility, name), within=self.settings.attempts_within)
        return times if times <= (self.settings.most_attempts if most is None else most) else 0

    def failed(
        self, account: str, facility: str, times: int, *, purpose: str = "to sign in or to register as the same person"
    ) -> None:
        """An attempt of that number was in vain; the last that is looked at is told to staff, without the name."""
        if times == self.settings.most_attempts:
            self.runtime.findings.add(Finding(
                code="sign_in_locked", severity=Severity.WARNING, account=account, facility=facility, subject=facility,
                found_at=self.runtime.clock.now(),
                text=f"somebody tried {times} times in vain {purpose}; it is not looked at for a while. A customer who "
                "calls may need help.",
            ))  # fmt: skip

    def not_in_vain(self, account: str, facility: str, name: str) -> None:
        """An attempt does not count after all; those in vain before it do."""
        self.logins.give_back(self._subject(account, facility, name))

    def succeeded(self, account: str, facility: str, name: str) -> None:
        """What failed before does not count."""
        self.logins.forgive(self._subject(account, facility, name))

    def _subject(self, account: str, facility: str, name: str) -> str:
        return f"{account}\x1f{facility}\x1f{phone_in(name) or name.strip().casefold()}"

    # -- registering ---------------------------------------------------------------------------------------------------

    def refuse_before_copy(self, account: str, facility: str) -> None:
        """Refuse while nobody can be recognised, because the customers of a facility were never copied.

        Raises:
            IneligibleError: They were not ("not_ready_yet").
        """
        if self.runtime.mirror.synced_at(Scope(account, facility, Entity.TENANTS.noun)) is None:
            message = "The customers of this facility are not known yet."
            raise IneligibleError(message, code="not_ready_yet", unblock="Please try again tomorrow.")

    def matcher(self, by: str) -> IdentityMatcher:
        """The matcher of that name.

        Raises:
            InputError: There is none.
        """
        found = self.matchers.get(by)
        if found is None:
            raise InputError("by", "is no way to say who somebody is", remedy=f"One of: {', '.join(self.matchers)}.")
        return found

    def on_record(self, adapter: Adapter, facility: str, by: str, given: Mapping[str, str]) -> Tenant:
        """The tenant whom what was given fits, from the last copy.

        A matcher that breaks finds nobody, and staff are told which one.

        Raises:
            IneligibleError: Nobody, or several ("no_match").
        """
        mirror, runtime = self.runtime.mirror, self.runtime
        try:
            tenant_id = match_person(self.matcher(by), mirror, adapter, facility, given)
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell a stranger from a customer
            runtime.findings.add(Finding(
                code="matcher_failed", severity=Severity.URGENT, account=adapter.account_name, facility=facility,
                subject=by, found_at=runtime.clock.now(),
                text=f"the identity matcher {by} broke ({type(error).__name__}): nobody gets in by it.",
            ))  # fmt: skip
            tenant_id = None
        tenant = mirror.tenant(adapter.account_name, facility, tenant_id) if tenant_id is not None else None
        if tenant is None:
            raise no_match()
        return tenant

    def tell_split(self, account: str, facility: str, tenant_ids: Sequence[str]) -> None:
        """One web login of the back office opens several customers: staff are told, once until they close it."""
        self.runtime.findings.add(Finding(
            code="split_tenant", severity=Severity.NOTICE, account=account, facility=facility,
            subject=" ".join(sorted(tenant_ids)), found_at=self.runtime.clock.now(),
            text=f"one web login opens several customers: {', '.join(sorted(tenant_ids))}. If they are one person,"
            " merge them in the back office; else give each a login of its own.",
        ))  # fmt: skip

    def with_rentals_first(self, account: str, facility: str, tenant_ids: Sequence[str]) -> list[str]:
        """Those who rent something now by the last copy, before the others; else as they came."""
        mirror = self.runtime.mirror
        current = {who for who in tenant_ids if any(r.state.is_current for r in mirror.rentals(account, facility, who))}
        return sorted(tenant_ids, key=lambda who: who not in current)

    def of_mail(self, account: str, facility: str, email: str) -> Tenant | None:
        """The one tenant with that address, from the last copy; None for none or several."""
        found = self._called(account, facility, email)
        return found[0] if len(found) == 1 else None

    def _called(self, account: str, facility: str, email: str) -> list[Tenant]:
        mirror = self.runtime.mirror
        search = TenantSearch(email=email.strip())
        matches = mirror.find(account, search, facility=facility) if not search.is_empty else ()
        exact = {match.tenant_id for match in matches if match.is_exact}
        return [tenant for each in exact if (tenant := mirror.tenant(account, facility, each)) is not None]

    def login_of(
        self,
        account: str,
        facility: str,
        tenant: Tenant,
        *,
        contact_id: str = "",
        name: str = "",
        phone: str = "",
        access: AccessLevel | None = None,
        permissions: tuple[str, ...] | None = None,
    ) -> Login:
        """The login of a tenant or of a further contact, made when there is none; what is None stays as it is.

        Without a name or phone digits it is the record's that sign in.

        Raises:
            IneligibleError: Somebody else at the facility signs in with that address ("email_taken").
        """
        more: dict[str, object] = {} if access is None else {"access": access.value}
        if permissions is not None:
            more["permissions"] = sorted(permissions)
        held = digits_of(tenant.phone.digits) if tenant.phone is not None and not contact_id else ""
        try:
            return self.logins.keep(
                account, facility, tenant.id, contact_id, name=name or tenant.email, phone=phone or held, **more
            )
        except LookupError:
            message = "Another customer of the facility signs in with this address."
            raise IneligibleError(message, code="email_taken", message_key="readiness.email_taken") from None

    def _came_in(self, login: Login, **more: object) -> Login | None:
        """The login, claimed; None when its person may not come in."""
        now = self.runtime.clock.now()
        claimed = {"state": SignInState.CLAIMED.value, "signed_in_at": now, "claimed_at": login.claimed_at or now}
        is_in = self.admits(login) and self.logins.change_open(login.id, **claimed, **more)
        return login if is_in else None

    def register(self, login: Login, password: WebPassword) -> Login | None:
        """Give a login its password; it is claimed. None when its person may not come in; the password is wiped."""
        if not self.admits(login):
            password.wipe()
            return None
        return self._came_in(login, password=hashed(password))

    def tell_registered(self, login: Login, letter: Letter) -> None:
        """Mail that somebody registered, so that nobody does so unseen; it is an action, which webhooks are told of."""
        submission = submission_of(letter, login, "", key=f"registered-{login.id}", actor="tenant")
        with self.runtime.database.write() as connection:
            self.runtime.submit(submission, connection=connection)

    # -- how it stands -------------------------------------------------------------------------------------------------

    def steps_of(self, login: Login) -> tuple[OnboardingStep, ...]:
        """Steps of the first visit, in order."""
        return tuple(
            OnboardingStep(name=name, state=OnboardingState.DONE if name in login.steps else OnboardingState.TO_DO)
            for name in self.settings.steps(login.account, login.facility)
        )

    def standing(self, login: Login) -> PortalAccount:
        """How a login stands, and what became of the last invitation."""
        link = self.logins.last_link(login.id, SIGN_IN)
        now = self.runtime.clock.now()
        is_old = link is not None and link["expires_at"] is not None and link["expires_at"] <= now
        return PortalAccount(
            ref=VendorRef(
                system="pmsbridge", account=login.account, facility=login.facility, entity="portal_account", id=login.id
            ),
            tenant_id=login.tenant_id, login=login.name, state=login.state, access=login.access,
            invitation=_invitation(login, is_expired=is_old), steps=self.steps_of(login),
            last_signed_in_at=login.signed_in_at,
        )  # fmt: skip


def _invitation(login: Login, *, is_expired: bool) -> InvitationState:
    if login.invited_at is None:
        return InvitationState.NEVER
    if login.opened_at is not None:
        return InvitationState.ACCEPTED
    return InvitationState.EXPIRED if is_expired else InvitationState.SENT


@contextmanager
def _wiping(*passwords: WebPassword) -> Iterator[None]:
    try:
        yield
    finally:
        for password in passwords:
            password.wipe()
