"""The bridge: settings, back offices, journal and mirror put together. What a portal imports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from pmsbridge.accounts.doorkeeper import Doorkeeper
from pmsbridge.accounts.links import LinkMaker
from pmsbridge.dispatch.choosing import make_dispatcher
from pmsbridge.dispatch.night_places import NightPlaces
from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.port import Dispatcher
from pmsbridge.dispatch.schedule import Nightly, Schedule
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.hearing import Heard, Hearing
from pmsbridge.engine.mail import SmtpMailer, SmtpSettings
from pmsbridge.engine.night_alarm import NightAlarm
from pmsbridge.engine.night_copy import copied_never, make_room, night_copy_of, note_copies
from pmsbridge.engine.notices import FacilityScribe, NoticeDesk
from pmsbridge.engine.reconcile.comparing import Days, Reconciler
from pmsbridge.engine.reconcile.nightly import after_sync, comparison_of
from pmsbridge.engine.reconcile.report import ReconcileReport
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.engine.sync import (
    BELIEVE_ALL_PERCENT,
    DELETE_CAP_PERCENT,
    FacilityKey,
    Sync,
    SyncEvent,
    SyncPlan,
    SyncProgress,
    SyncReport,
    Verification,
)
from pmsbridge.errors import ConfigurationError, InputError, NotFoundError, UnsupportedError
from pmsbridge.logging import assert_redaction_installed, install_filters
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.rental import Rental
from pmsbridge.portal.arguments import checked_day, checked_flag, checked_id, checked_whole, checked_words
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.duplicates import Duplicate, duplicates_among
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.figures import CustomerFigures, figures_of
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.ports.adapter import Adapter, Entity, Secrets, TenantSearch
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.mailer import Mailer
from pmsbridge.registry import build_adapter
from pmsbridge.secrets import ReferenceSecrets, StoreSecrets
from pmsbridge.settings import Settings, load_settings
from pmsbridge.settings.changing import version_of
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.feed_room import KeptFor
from pmsbridge.store.gates import DatabaseGate
from pmsbridge.store.journal import Journal
from pmsbridge.store.logins import Logins
from pmsbridge.store.mirror import Mirror
from pmsbridge.store.mirror_writes import Scope

__all__ = ["Bridge"]


class Bridge:
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

        Raises:
            ConfigurationError: A template of the operator's own is broken; the message names file, line and variable.
                Or ``notices.places`` or ``portal.places`` names no facility of an account.
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
        self._doorkeeper = Doorkeeper(self.runtime, self.logins, settings.portal, links)
        self.runtime.refusals.know_settings(self._settings_version)
        self._wait = wait
        self._facilities: dict[str, Facility] = {}
        self._dispatcher: Dispatcher | None = None

    @classmethod
    def from_config(
        cls, path: Path | str | None = None, *, wait: timedelta | None = None, asks_back_offices: bool = True
    ) -> Self:
        """Build everything a settings file names. No network is touched yet.

        Args:
            path: The settings file; None looks at ``PMSBRIDGE_CONFIG``, then for ``pmsbridge.toml``.
            wait: How long a verb waits for an outcome that is not known at once before it answers ``pending``; None
                for not at all.
            asks_back_offices: False for a bridge that only looks into journal and mirror: it needs no secret but the
                store's, and nothing can be sent or read through it.

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
        return cls(settings, database=database, adapters=adapters, mailer=_mailer(settings, secrets), wait=wait)

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
        return StaffDesk(self._office(facility, tenant_id, actor))

    def _office(self, facility: str, tenant_id: str, actor: str = "tenant") -> Office:
        who, asking = checked_id("tenant_id", tenant_id), checked_id("actor", actor)
        adapter, code = self.place(facility)
        # What is switched off is switched off for tenants; staff still work there.
        rules = self.settings.portal.rules(adapter.account_name, code)
        if _is_staff(asking):
            rules = rules.changed(closed_sections=frozenset(), hidden_unit_fields=frozenset())
        return Office(
            adapter=adapter, runtime=self.runtime, clock=self.clock, facility=code,
            tenant_id=who, actor=asking, wait=self._wait, notices=self.notices, rules=rules,
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

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """For staff: who matches at a facility, exact matches first. Live.

        Raises:
            InputError: The search is empty, or holds a card number.
        """
        _refuse_search(search)
        adapter, code = self.place(facility)
        return sorted(adapter.find_tenants(code, search), key=lambda match: not match.is_exact)

    def search_tenants(
        self, facility: str, search: TenantSearch, *, include_archived: bool = False
    ) -> Sequence[TenantMatch]:
        """For staff: who may be meant, from the last copy, however the name is spelled; best first. Asks nobody.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            search: Every field that is set must fit; see ``Mirror.find`` for what counts as fitting.
            include_archived: Also tenants who are archived or were deleted.

        Returns:
            Matches at the facility; where there are none, those of other facilities of the same account, marked
            ``is_elsewhere``: a hint where to look.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The search is empty, or holds a card number.
        """
        _refuse_search(search)
        adapter, code = self.place(facility)
        return self.mirror.find(
            adapter.account_name, search, facility=code, include_archived=include_archived, hints=True
        )

    def duplicates(self, facility: str, *, least_percent: int = 60) -> tuple[Duplicate, ...]:
        """For staff: customers of a facility who may be in the books twice, the surest first. From the last copy.

        Nothing is merged: back offices do that. Ids of records that were merged there keep resolving.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            least_percent: Pairs below this score are left out, 1 to 100.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The score is none.
        """
        least = checked_whole("least_percent", least_percent, low=1, high=100)
        adapter, code = self.place(facility)
        account = adapter.account_name
        current = Counter(each.tenant_id for each in self.mirror.rentals(account, code) if each.state.is_current)
        found = self.mirror.list(Scope(account, code, Tenant.entity))
        return duplicates_among((each for each in found if isinstance(each, Tenant)), current, least_percent=least)

    def customer_figures(
        self, facility: str, since: date, until: date, *, read_ledgers: bool = False
    ) -> tuple[CustomerFigures, ...]:
        """For reports: how long every customer of a facility rented between two business dates. From the last copy.

        ``pmsbridge.portal.exporting`` makes a file of them.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            since: First business date.
            until: Last business date, inclusive.
            read_ledgers: Also say how they paid: reads the ledger of every rental there is in the copy, a live call or
                two each. What a customer paid is not known where the back office has no ledger of a rental any more.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: A day is none, or they are the wrong way round.
            UnavailableError: Ledgers: the back office cannot be read now.
        """
        checked_flag("read_ledgers", read_ledgers)
        checked_day("since", since)
        if checked_day("until", until) < since:
            raise InputError("until", "lies before since")
        adapter, code = self.place(facility)
        by_tenant: dict[str, list[Rental]] = {}
        for rental in self.mirror.rentals(adapter.account_name, code):
            by_tenant.setdefault(rental.tenant_id, []).append(rental)
        copy = self.mirror.facility(adapter.account_name, code)
        found = (
            figures_of(
                who, rentals, since=since, until=until, currency=copy.currency if copy is not None else "",
                ledgers=_ledgers(adapter, code, rentals) if read_ledgers and copy is not None else None,
            )
            for who, rentals in sorted(by_tenant.items())
        )  # fmt: skip
        return tuple(each for each in found if each.rentals)

    def stale_tenants(self, facility: str, *, older_than: timedelta) -> tuple[str, ...]:
        """For staff: ids of customers whose record is as it was so long ago, the oldest first. From the last copy.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: The time is none.
        """
        if older_than <= timedelta(0):
            raise InputError("older_than", "must be a time span", remedy="Like timedelta(days=365).")
        adapter, code = self.place(facility)
        scope = Scope(adapter.account_name, code, Tenant.entity)
        return tuple(self.mirror.unchanged_since(scope, self.clock.now() - older_than))

    def available_units(self, facility: str) -> tuple[Unit, ...]:
        """Units that can be let now, with asking rates before tax, in the facility's currency. Live.

        Raises:
            NotFoundError: No account has such a facility.
            UnavailableError: The back office cannot be read now.
        """
        adapter, code = self.place(facility)
        return tuple(adapter.units(code, available_only=True))

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

    # -- the night, by the clock ---------------------------------------------------------------------------------

    def nightly(self) -> Schedule:
        """The clock of this process, not started yet.

        Every facility is synced at ``schedule.nightly``, and its payments are compared with the back office at
        ``schedule.reconcile``, or after the sync when that has no time of its own; in the facility's own time. Several
        processes may each have one: a slot runs once over all of them, and one that was missed is caught up. A facility
        that was copied wholly by hand since its slot is not copied again. Staff are told of a night that was missed.

        A facility's time zone is taken from the settings, or from its last copy; else its back office is asked, now
        and, while it is away, again by the clock. A facility that cannot be read has a finding, and stops no other.

        Raises:
            ConfigurationError: ``schedule.nightly`` and ``schedule.reconcile`` are "never".
        """
        wanted = self.settings.schedule
        if wanted.nightly is None and wanted.reconcile is None:
            message = 'schedule.nightly is "never"; set a time of day to have a nightly sync'
            raise ConfigurationError(message, code="no_schedule")
        places = NightPlaces(self.runtime, self._keys(None), self._nights)
        nights = places.ask()
        alarm = NightAlarm(self.runtime, self._scribe, mails=self.settings.mail.host is not None)
        watch = NightWatch(self.runtime, nights, alarm, patience=wanted.alarm_after)
        threads = self.settings.dispatch.concurrency
        return Schedule(self.runtime, nights, concurrency=threads, jitter=wanted.jitter, watch=watch, places=places)

    def _nights(self, key: FacilityKey, zone: str) -> Iterator[Nightly]:
        """What is done at one facility by the clock; its jobs are known to the runtime from now on."""
        wanted, jobs, runtime = self.settings.schedule, self.runtime.jobs, self.runtime
        night, evening = f"sync {key.account}/{key.facility}", f"reconcile {key.account}/{key.facility}"
        sync = night_copy_of(runtime, key, kept_for=self._kept_for)
        comparison = comparison_of(
            runtime, key, evening, close_at=wanted.daily_close, every_rental=wanted.reconcile_every_rental
        )
        if wanted.nightly is not None:
            jobs[night] = sync if wanted.reconcile is not None else after_sync(runtime, sync, comparison, evening)
            yield Nightly(night, wanted.nightly, zone, key.account, key.facility)
        if wanted.reconcile is not None:
            jobs[evening] = comparison
            yield Nightly(evening, wanted.reconcile, zone, key.account, key.facility)

    # -- the night -----------------------------------------------------------------------------------------------

    def sync(
        self,
        facilities: Sequence[str] | None = None,
        *,
        entities: Sequence[Entity] | None = None,
        progress: Callable[[SyncProgress], None] | None = None,
        watch: Callable[[SyncEvent], None] | None = None,
        full: bool = False,
        rewrite: bool = False,
        believe_deletions: bool = False,
    ) -> SyncReport:
        """Copy facilities into the mirror: incremental where the back office can, resumable, one failure isolated.

        Args:
            facilities: "L001" or "account/L001"; None for every configured one.
            entities: What to copy; None for all that a night copies: facilities, units, tenants, rentals, and what the
                back office lists besides.
            progress: Told after every batch.
            watch: Told every event of the run.
            full: Read everything anew instead of what changed; only this finds deletions. When its process is killed
                and the same is asked for within six hours, it leaves out what it had brought to its end.
            rewrite: Also write anew what the back office says as before, where somebody else has written into the
                mirror; with ``full`` only.
            believe_deletions: Delete what is missing from a complete answer, however much it is; otherwise
                suspiciously much is kept, with a finding.

        Raises:
            NotFoundError: No account has a facility of one of these names; nothing was read.
            InputError: ``rewrite`` without ``full``; nothing was read.

        What a back office refuses or fails to answer is in the report, per facility and entity. A facility that was
        read wholly and without a failure needs no night any more, until its next slot.
        """
        keys = self._keys(facilities)
        whole = keys if full else copied_never(self.runtime, keys)
        cap = BELIEVE_ALL_PERCENT if believe_deletions else DELETE_CAP_PERCENT
        sync = Sync(self.runtime, delete_cap_percent=cap)
        report = sync.run(keys, entities, progress, full=full, rewrite=rewrite, watch=watch)
        if entities is None:
            note_copies(self.runtime, whole, report)
        make_room(self.runtime, self._kept_for)
        return report

    def plan_sync(
        self, facilities: Sequence[str] | None = None, *, entities: Sequence[Entity] | None = None
    ) -> SyncPlan:
        """How many calls a night would make of each account, and whether the month bears them; nobody is asked.

        Args:
            facilities: "L001" or "account/L001"; None for every configured one.
            entities: What would be copied; None for all that a night copies.

        Raises:
            NotFoundError: No account has a facility of one of these names.
        """
        return Sync(self.runtime).plan(self._keys(facilities), entities)

    def verify_sync(self, facility: str, *, entities: Sequence[Entity] | None = None) -> Verification:
        """Read a facility anew and compare it with the mirror, field by field; nothing is written.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            entities: What to compare; None for all that a night copies.

        Raises:
            NotFoundError: No account has such a facility.
            ConfigurationError: The back office refuses our log-on.
            UnavailableError: The back office could not be read to the end.
        """
        (key,) = self._keys([facility])
        return Sync(self.runtime).verify(key, entities)

    @property
    def _kept_for(self) -> KeptFor:
        return KeptFor(self.settings.store.keep_feeds, self.settings.store.keep_untold)

    def _keys(self, facilities: Sequence[str] | None) -> list[FacilityKey]:
        chosen = (
            [self.place(name) for name in facilities]
            if facilities is not None
            else [(adapter, code) for adapter in self.adapters.values() for code in adapter.facility_codes]
        )
        return [FacilityKey(adapter.account_name, code) for adapter, code in chosen]

    # -- what back offices say by themselves ---------------------------------------------------------------------

    def hear(self, account: str, headers: Mapping[str, str], body: bytes, *, address: str = "") -> Heard:
        """Take a message that an account's back office has posted: it is checked, noted once, and never believed.

        Nothing is asked here, so that the sender has its answer at once: what the message is about is read anew by
        ``read_heard``, which ``pmsbridge run`` calls by itself. Answer a 2xx, or what the error says.

        Args:
            account: The configured account whose back office has sent it.
            headers: Of the request; names in any case.
            body: The bytes as they came, before anything parsed them.
            address: The path to which it was posted, for back offices whose only secret is in it.

        Raises:
            NotFoundError: No account has that name. Answer 404.
            InputError: It is not genuine ("webhook_headers", "webhook_time", "webhook_signature"): answer 401. Or it
                is, and cannot be read ("webhook_body"): answer 400.
            UnsupportedError: Nothing says how messages of this back office are known. Answer 404.
            ConfigurationError: The secret is not there. Answer 503, and look into it.
            UnavailableError: The database cannot be used now. Answer 503: the sender tries again.
        """
        return Hearing(self.runtime).hear(account, headers, body, address=address)

    def read_heard(self) -> int:
        """Read what messages were about, as far as no other process does; returns how many things were read. Live.

        What cannot be read now is tried again by later calls, and after a day is left to the night.

        Raises:
            UnavailableError: The database cannot be used now.
        """
        return Hearing(self.runtime).read()

    # -- the end of the day --------------------------------------------------------------------------------------

    def reconcile(
        self,
        facilities: Sequence[str] | None = None,
        *,
        since: date | None = None,
        until: date | None = None,
        close_at: time | None = None,
        every_rental: bool = False,
    ) -> ReconcileReport:
        """Compare our payments with what the back offices show, and bring the findings up to date. Changes no payment.

        Args:
            facilities: "L001" or "account/L001"; None for every configured one.
            since: First business day, in each facility's own zone; None for ``until`` alone.
            until: Last business day, inclusive; None for today, and never later than that.
            close_at: Local time of the back offices' daily close; None takes ``schedule.daily_close``.
            every_rental: Read all rentals in the mirror, one call each, not only those paid through us: only this
                shows payments at the desk on other rentals.

        Raises:
            NotFoundError: No account has a facility of one of these names; nothing was read.
            InputError: The first day is after the last one, or has not begun at a facility.

        What a back office refuses or fails to answer is in the report, per facility.
        """
        days = Days(since=since, until=until, close_at=close_at or self.settings.schedule.daily_close)
        return Reconciler(self.runtime).run(self._keys(facilities), days, every_rental=every_rental)


def _ledgers(adapter: Adapter, facility: str, rentals: Sequence[Rental]) -> list[Sequence[LedgerEntry]] | None:
    """One whole ledger per rental of a customer; None where the back office does not tell one of them."""
    try:
        return [adapter.ledger(facility, rental.tenant_id, rental.id) for rental in rentals]
    except (NotFoundError, UnsupportedError):
        return None


def _is_staff(actor: str) -> bool:
    return actor.startswith("staff:")


def _refuse_search(search: TenantSearch) -> None:
    if not isinstance(search, TenantSearch):
        raise InputError("search", "must be a TenantSearch", shape=type(search).__name__)
    if search.is_empty:
        raise InputError("search", "is empty", remedy="Give a name, e-mail, phone, company or unit number.")
    for field, text in search.model_dump().items():
        refuse_card_number(f"search.{field}", text, is_phone=field == "phone")


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
