"""The bridge: settings, back offices, journal and mirror put together. What a portal imports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from pmsbridge.accounts.doorkeeper import Doorkeeper
from pmsbridge.accounts.links import LinkMaker
from pmsbridge.accounts.matching import IdentityMatcher, all_matchers
from pmsbridge.dispatch.choosing import make_dispatcher
from pmsbridge.dispatch.port import Dispatcher
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.mail import SmtpMailer, SmtpSettings
from pmsbridge.engine.notices import FacilityScribe, NoticeDesk
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import ConfigurationError, InputError, NotFoundError
from pmsbridge.logging import assert_redaction_installed, install_filters
from pmsbridge.model.places import Facility
from pmsbridge.portal.arguments import checked_id, checked_words
from pmsbridge.portal.corresponding import Corresponding
from pmsbridge.portal.directory import Directory
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.keeping import Keeping
from pmsbridge.portal.listening import Listening
from pmsbridge.portal.nights import Nights
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.ports.adapter import Adapter, Secrets
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.mailer import Mailer
from pmsbridge.registry import build_adapter
from pmsbridge.secrets import ReferenceSecrets, StoreSecrets
from pmsbridge.settings import Settings, load_settings
from pmsbridge.settings.changing import version_of
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.gates import DatabaseGate
from pmsbridge.store.journal import Journal
from pmsbridge.store.logins import Logins
from pmsbridge.store.mirror import Mirror

__all__ = ["Bridge"]


class Bridge(Directory, Listening, Nights, Keeping, Corresponding):
    """One configured bridge: every account and facility of one settings file, one journal, one mirror.

    Use it as a context manager, or call ``close``. It starts no thread; hand ``runtime`` to a dispatcher for that. It
    may be made before a fork: everything with a connection is made on first use per process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        adapters: Mapping[str, Adapter],
        mailer: Mailer | None,
        clock: Clock | None = None,
        wait: timedelta | None = None,
        identity: Mapping[str, IdentityMatcher] | None = None,
    ) -> None:
        """Put ready parts together; ``from_config`` makes them.

        Args:
            settings: As loaded.
            database: Where journal and mirror live.
            adapters: By account name.
            mailer: Hands mails to a server; None when none is set: mails then end unsent, with a finding.
            clock: Where now comes from.
            wait: How long a verb waits for an outcome that is not known at once before it answers ``pending``; None
                for not at all.
            identity: Ways of your own for people to say who they are, by the name that ``accounts.identify`` gets.

        Raises:
            ConfigurationError: A template of the operator's own is broken; the message names file, line and variable.
                Or ``notices.places`` or ``portal.places`` names no facility of an account, or a matcher is none.
        """
        self.settings = settings
        self.database = database
        self.adapters = dict(adapters)
        self.clock = clock or SystemClock()
        self._refuse_unknown_places()
        self.notices = NoticeDesk.open(settings.notices, settings.folder)
        engine = settings.engine
        self.logins = Logins(database, self.clock)
        links = LinkMaker(self.logins, settings.portal.link_address)
        self.runtime = Runtime(
            database, self.adapters, mailer=mailer, clock=self.clock,
            settings=EngineSettings(
                settle_window=engine.settle_window, action_deadline=engine.action_deadline,
                notice_deadline=engine.notice_deadline, max_attempts=engine.max_attempts,
            ),
            staff_address=lambda account, facility: ", ".join(self._scribe(account, facility).staff),
            scribe_of=self._scribe,
            make_link=links,
        )  # fmt: skip
        self._doorkeeper = Doorkeeper(self.runtime, self.logins, settings.portal, links, all_matchers(identity))
        self.runtime.refusals.know_settings(self._settings_version)
        self._wait = wait
        self._facilities: dict[str, Facility] = {}
        self._dispatcher: Dispatcher | None = None

    @classmethod
    def from_config(
        cls,
        path: Path | str | None = None,
        *,
        wait: timedelta | None = None,
        asks_back_offices: bool = True,
        identity: Mapping[str, IdentityMatcher] | None = None,
    ) -> Self:
        """Build everything a settings file names. No network is touched yet.

        Args:
            path: The settings file; None looks at ``PMSBRIDGE_CONFIG``, then for ``pmsbridge.toml``.
            wait: How long a verb waits for an outcome that is not known at once before it answers ``pending``; None
                for not at all.
            asks_back_offices: False for a bridge that only looks into journal and mirror: it needs no secret but the
                store's, and nothing can be sent or read through it.
            identity: Ways of your own for people to say who they are, by the name that ``accounts.identify`` gets.

        Raises:
            ConfigurationError: A setting, a secret or an adapter is missing or wrong; the message names it.
        """
        settings = load_settings(Path(path) if path is not None else None)
        # The host application's logging is its own; ours is redacted before it gets there.
        install_filters()
        assert_redaction_installed()
        own = ReferenceSecrets(folder=settings.folder)
        secrets = own if asks_back_offices else StoreSecrets(own, settings.store.password)
        database = open_database(settings.store.address(secrets), connections=settings.store.connections)
        gate = DatabaseGate(database)
        adapters = {
            name: build_adapter(name, account.system, account.options, secrets=secrets, gate=gate, file=settings.file)
            for name, account in settings.accounts.items()
        }
        return cls(
            settings, database=database, adapters=adapters, mailer=_mailer(settings, secrets), wait=wait,
            identity=identity,
        )  # fmt: skip

    @property
    def journal(self) -> Journal:
        """Actions, effects and the trail."""
        return self.runtime.journal

    @property
    def mirror(self) -> Mirror:
        """What the back offices held when they were last asked."""
        return self.runtime.mirror

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection. Idempotent; what is journalled stays and is finished by whoever opens it next.

        Workers of this process finish what they are sending first, however long that may take; to wait for less, call
        ``dispatcher().stop(within=...)`` and end the process.
        """
        if self._dispatcher is not None:
            self._dispatcher.stop()
        for adapter in self.adapters.values():
            adapter.close()
        self.database.close()

    # -- facilities ----------------------------------------------------------------------------------------------

    def facilities(self) -> tuple[Facility, ...]:
        """Every configured facility of every account, as the back offices describe them. Live.

        Raises:
            ConfigurationError: A back office refuses our log-on; the message says which.
            UnavailableError: A back office cannot be read now.
        """
        return tuple(facility for adapter in self.adapters.values() for facility in adapter.facilities())

    def place(self, facility: str) -> tuple[Adapter, str]:
        """The adapter and the code of a facility named "L001", or "account/L001" where several accounts have one.

        Raises:
            NotFoundError: No account has a facility of that name.
            InputError: Several accounts have one; name the account.
        """
        account, slash, code = checked_words("facility", facility).rpartition("/")
        if slash and account not in self.adapters:
            raise NotFoundError(
                "facility",
                "names an account that is not configured",
                remedy=f"Accounts: {', '.join(sorted(self.adapters))}.",
            )
        among = [self.adapters[account]] if slash else list(self.adapters.values())
        found = [adapter for adapter in among if code in adapter.facility_codes]
        if not found:
            known = sorted(c for adapter in self.adapters.values() for c in adapter.facility_codes)
            raise NotFoundError(
                "facility",
                "is not configured",
                shape=f"{len(facility)} characters",
                remedy=f"Configured: {', '.join(known[:20])}.",
            )
        if len(found) > 1:
            accounts = ", ".join(sorted(adapter.account_name for adapter in found))
            remedy = f"Write ACCOUNT/{code}; accounts: {accounts}."
            raise InputError("facility", "exists in several accounts", remedy=remedy)
        return found[0], code

    # -- people --------------------------------------------------------------------------------------------------

    def tenant(self, facility: str, tenant_id: str, *, actor: str = "tenant") -> TenantSession:
        """A session bound to one tenant of one facility. Nothing is read yet.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: The back office's tenant id, as text. Take it from a sign-in, never from the browser.
            actor: Who asks, for the trail: "tenant", or "staff:NAME".

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The tenant id is no text, empty, or a card number.
        """
        return TenantSession(self._office(facility, tenant_id, actor))

    def staff(self, facility: str, tenant_id: str, *, actor: str) -> StaffDesk:
        """What staff see of one tenant: internal notes, the whole history, readiness. Nothing is read yet.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            tenant_id: The back office's tenant id, as text.
            actor: Who looks: "staff:NAME".

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The tenant id is no text, empty, or a card number; or the actor is no "staff:NAME".
        """
        if not _is_staff(checked_id("actor", actor)):
            raise InputError("actor", 'must begin with "staff:"', remedy="Say who looks, like staff:ann.")
        return StaffDesk(self._office(facility, tenant_id, actor), self._doorkeeper)

    def _office(self, facility: str, tenant_id: str, actor: str = "tenant") -> Office:
        who, asking = checked_id("tenant_id", tenant_id), checked_id("actor", actor)
        adapter, code = self.place(facility)
        # What is switched off is switched off for tenants; staff still work there.
        told = rules = self.settings.portal.rules(adapter.account_name, code)
        if _is_staff(asking):
            rules = rules.changed(closed_sections=frozenset(), hidden_unit_fields=frozenset())
        return Office(
            adapter=adapter, runtime=self.runtime, clock=self.clock, facility=code,
            tenant_id=who, actor=asking, wait=self._wait, notices=self.notices, rules=rules,
            closed_to_tenants=told.closed_sections,
        )  # fmt: skip

    def _refuse_unknown_places(self) -> None:
        for part, places in (("notices", self.settings.notices.places), ("portal", self.settings.portal.places)):
            for name in places:
                account, _, code = name.partition("/")
                if code and code not in self.adapters[account].facility_codes:
                    known = ", ".join(self.adapters[account].facility_codes[:20])
                    place = self.settings.file or "the environment"
                    message = f"{place}: {part}.places: {name}: account {account} has no such facility; it has {known}"
                    raise ConfigurationError(message, code="unknown_place")

    def _settings_version(self, account: str) -> str:
        found = self.settings.accounts.get(account)
        return version_of(found, self.settings.folder) if found is not None else ""

    def _scribe(self, account: str, facility: str) -> FacilityScribe:
        """Who writes to the staff of a facility, by the settings and the last copy of the facility."""
        return self.notices.scribe(account, facility, self.mirror.facility(account, facility))

    @property
    def accounts(self) -> Entrance:
        """Sign in, claim, register, invite; logins that the back office keeps, and logins of your own."""
        return Entrance(self.place, self._office, self._doorkeeper)

    # -- who does the rest ---------------------------------------------------------------------------------------

    def dispatcher(self) -> Dispatcher:
        """What ``dispatch.by`` names, the same one every time: from then on verbs wake its workers.

        It has started no thread and made no connection yet. Whichever it is, a web process says
        ``bridge.dispatcher().start()`` once, after it has forked, and ``bridge.dispatcher().stop()`` at its end: with
        "embedded" that works in threads of this process, with the others it wakes those who work.

        Raises:
            ConfigurationError: A library is missing, or the broker is not named, or is no address that fits.
        """
        if self._dispatcher is None:
            self._dispatcher = make_dispatcher(
                self.runtime, self.settings.dispatch, store=self.settings.store,
                secrets=ReferenceSecrets(folder=self.settings.folder),
            )  # fmt: skip
        return self._dispatcher


def _is_staff(actor: str) -> bool:
    return actor.startswith("staff:")


def _mailer(settings: Settings, secrets: Secrets) -> Mailer | None:
    mail = settings.mail
    if mail.host is None:
        return None
    password = SecretStr(secrets.get(mail.password)) if mail.password is not None else None
    return SmtpMailer(
        SmtpSettings(
            host=mail.host, port=mail.port, sender=mail.sender, reply_to=settings.notices.reply_to,
            starttls=mail.starttls, username=mail.username, password=password,
        )
    )  # fmt: skip
