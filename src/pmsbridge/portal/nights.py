"""The nights and the end of the day: by the clock or by hand, over every facility."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time

from pmsbridge.dispatch.night_places import NightPlaces
from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.schedule import Nightly, Schedule
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import NightAlarm
from pmsbridge.engine.night_copy import copied_never, forget_departed, make_room, night_copy_of, note_copies
from pmsbridge.engine.notices import FacilityScribe
from pmsbridge.engine.reconcile.comparing import Days, Reconciler
from pmsbridge.engine.reconcile.nightly import after_sync, comparison_of
from pmsbridge.engine.reconcile.report import ReconcileReport
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
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Adapter, Entity
from pmsbridge.settings import Settings
from pmsbridge.store.feed_room import KeptFor

__all__ = ["Nights"]


class Nights(ABC):
    """Copies and comparisons; a part of ``Bridge``."""

    settings: Settings
    runtime: Runtime
    adapters: dict[str, Adapter]

    @abstractmethod
    def place(self, facility: str) -> tuple[Adapter, str]:
        """The adapter and the code of a facility."""

    @abstractmethod
    def _scribe(self, account: str, facility: str) -> FacilityScribe:
        """Who writes to the staff of a facility."""

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
        failed = {FacilityKey(row.scope.account, row.scope.facility) for row in report.failed}
        forget_departed(self.runtime, [key for key in keys if key not in failed], self._kept_for)
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
        store = self.settings.store
        return KeptFor(
            store.keep_feeds, store.keep_untold, store.keep_files,
            attempts=self.settings.portal.attempts_within, people=store.keep_people,
        )  # fmt: skip

    def _keys(self, facilities: Sequence[str] | None) -> list[FacilityKey]:
        chosen = (
            [self.place(name) for name in facilities]
            if facilities is not None
            else [(adapter, code) for adapter in self.adapters.values() for code in adapter.facility_codes]
        )
        return [FacilityKey(adapter.account_name, code) for adapter, code in chosen]

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
