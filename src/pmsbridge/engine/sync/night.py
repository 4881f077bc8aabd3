"""A run over facilities and nouns.

Reading needs no lane: nothing is held between calls, so a person who pays never queues behind a night.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from pmsbridge import telemetry
from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.refusals import concerns_account
from pmsbridge.engine.sync.comparing import Verification, compare
from pmsbridge.engine.sync.facts import A_PERSON_MUST_ACT, FacilityKey, SyncProgress, SyncReport, Wanted, words_of
from pmsbridge.engine.sync.missed_instalments import MissedInstalments, note_plans_left
from pmsbridge.engine.sync.one_run import Began, How, Night, StopError
from pmsbridge.engine.sync.planning import SyncPlan, due_accounts, plan
from pmsbridge.engine.sync.reading import Reading, Tally
from pmsbridge.engine.sync.resuming import LongRun, kind_of
from pmsbridge.engine.sync.sources import copied_of
from pmsbridge.engine.sync.telling import BatchTaken, EntityStarted, RunFinished, RunStarted, SyncEvent
from pmsbridge.engine.sync.watching import Watched
from pmsbridge.errors import ConfigurationError, InputError, UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.store.copies import newest_row
from pmsbridge.store.mirror import Scope

__all__ = ["BELIEVE_ALL_PERCENT", "DELETE_CAP_PERCENT", "Sync"]

_log = get_logger(__name__)

DELETE_CAP_PERCENT: Final = 20
"""The share of the records of a scope beyond which what is missing is not believed to be deleted."""

BELIEVE_ALL_PERCENT: Final = 100
"""However much is missing, it is."""

_ACCOUNTS: Final = "account"
_LAST: Final = Entity.RENTALS.noun


class Sync:
    """Fills the mirror."""

    def __init__(self, runtime: Runtime, *, delete_cap_percent: int = DELETE_CAP_PERCENT, watches: bool = True) -> None:
        """Nothing is read yet.

        Args:
            runtime: Whose adapters are read and whose mirror is filled.
            delete_cap_percent: A complete fetch that would delete more than this share of a scope deletes nothing and
                makes a finding; 100 believes any answer.
            watches: A run also reads watched accounts anew.
        """
        self._runtime = runtime
        self._watches = watches
        self._cap = delete_cap_percent

    def run(
        self,
        facilities: Iterable[FacilityKey] | None = None,
        entities: Iterable[Entity] | None = None,
        progress: Callable[[SyncProgress], None] | None = None,
        *,
        full: bool = False,
        rewrite: bool = False,
        beat: Beat | None = None,
        watch: Callable[[SyncEvent], None] | None = None,
        by_clock: bool = False,
    ) -> SyncReport:
        """Read, in order: facilities, units, tenants, rentals, what else the adapter copies; then watched accounts.

        At the end of each facility, staff are told of parts of payment plans that did not come.

        Args:
            facilities: Which; None for every facility of every account.
            entities: Which, in this order; None for all that the adapter says a night copies.
            progress: Called after every committed batch and at the end of every scope.
            full: Read everything anew instead of what changed since the stored cursors; only this finds deletions where
                the back office has cursors.
            rewrite: Write every record anew, also where the back office says what it said: for a mirror in which
                somebody else has written. It has to be ``full``.
            beat: Called as often as ``progress``; when it says False, the run ends where it is.
            watch: Called with every event of the run.
            by_clock: Nobody asked for it: an account whose log-on was refused is not tried before its settings change.

        Never raises for a back office's failure: that is in the report. A run that ended early goes on from its last
        committed batch next time; a full one whose process was killed, and that is asked for again within six hours,
        leaves out what it had brought to its end.

        Raises:
            InputError: ``rewrite`` without ``full``; nothing was read.
        """
        if rewrite and not full:
            raise InputError("rewrite", "goes with a full run only", remedy="Give full=True, too.")
        keys = tuple(facilities) if facilities is not None else tuple(self._all_facilities())
        wanted = self._wanted(keys, entities)
        long = None
        if full and beat is None:
            long = LongRun(self._runtime, kind_of(self._runtime, wanted, rewrite, self._cap))
        night = Night(self._runtime, How(full, rewrite, self._cap), progress, watch, beat, long, by_clock=by_clock)
        parts = sum(len(wanted[key]) for key in keys)
        night.say(RunStarted(night.run_id, night.started_at, keys, parts))
        try:
            for key in keys:
                self._traced(night, key, wanted[key])
        except StopError:
            _log.warning("sync_taken_over", run=night.run_id)
        if long is not None:
            long.end()
        report = SyncReport(night.run_id, night.started_at, self._runtime.clock.now(), tuple(night.rows))
        night.say(RunFinished(report))
        return report

    def plan(
        self, facilities: Iterable[FacilityKey] | None = None, entities: Iterable[Entity] | None = None
    ) -> SyncPlan:
        """How many calls a night would make, and whether the month bears them; no back office is asked.

        Raises:
            ConfigurationError: An account is not configured.
        """
        keys = tuple(facilities) if facilities is not None else tuple(self._all_facilities())
        return plan(self._runtime, self._wanted(keys, entities))

    def verify(self, facility: FacilityKey, entities: Iterable[Entity] | None = None) -> Verification:
        """Read everything anew and compare it with the mirror, field by field; nothing is written.

        Raises:
            ConfigurationError: The account is not configured, or its settings are wrong.
            UnavailableError: The back office could not be read to the end.
        """
        adapter = self._runtime.adapters.get(facility.account)
        if adapter is None:
            message = f"account {facility.account!r} is not configured"
            raise ConfigurationError(message, code="account_not_found")
        return compare(self._runtime, adapter, facility, self._wanted([facility], entities)[facility])

    def _wanted(self, keys: Iterable[FacilityKey], entities: Iterable[Entity] | None) -> Wanted:
        """What is read of each facility."""
        named = None if entities is None else tuple(entities)
        return {
            key: copied_of(self._runtime.adapters.get(key.account)) if named is None else named for key in keys
        }  # fmt: skip

    def _all_facilities(self) -> list[FacilityKey]:
        return [
            FacilityKey(account, code)
            for account, adapter in self._runtime.adapters.items()
            for code in adapter.facility_codes
        ]

    def _traced(self, night: Night, key: FacilityKey, entities: Iterable[Entity]) -> None:
        done = len(night.rows)
        with telemetry.span("sync", account=key.account, facility=key.facility) as span:
            self._facility(night, key, entities)
            span.set(outcome="failed" if any(row.error for row in night.rows[done:]) else "synced")

    def _facility(self, night: Night, key: FacilityKey, entities: Iterable[Entity]) -> None:
        adapter = self._runtime.adapters.get(key.account)
        if adapter is None:
            self._not_configured(night, key, entities)
            return
        wanted = tuple(entities)
        for entity in wanted:
            scope = Scope(key.account, key.facility, entity.noun)
            if night.has_done(scope):
                continue
            with self._runtime.refusals.taking_turns(key.account):
                why_not = night.why_not(scope)
                if not why_not:
                    self._scope(night, adapter, Query(entity, key.facility), scope)
            if why_not:
                night.close(scope, Began.now(self._runtime), Tally(), error=why_not, failure=A_PERSON_MUST_ACT)
        accounts = Scope(key.account, key.facility, _ACCOUNTS)
        if self._watches and not night.has_done(accounts) and not night.why_not(accounts):
            self._watched(night, adapter, accounts)
        if self._watches and _LAST in {entity.noun for entity in wanted}:
            self._missed(night, adapter, accounts)

    def _not_configured(self, night: Night, key: FacilityKey, entities: Iterable[Entity]) -> None:
        problem = f"account {key.account!r} is not configured"
        for entity in entities:
            scope = Scope(key.account, key.facility, entity.noun)
            night.close(scope, Began.now(self._runtime), Tally(), error=problem, failure=A_PERSON_MUST_ACT)

    def _scope(self, night: Night, adapter: Adapter, query: Query, scope: Scope) -> None:
        began = Began.now(self._runtime)
        reading = Reading(self._runtime, adapter, query, scope, night.run_id)
        tally = reading.tally

        def told() -> None:
            seconds = began.seconds(self._runtime)
            night.say(BatchTaken(night.run_id, scope, tally.counts, tally.calls, tally.bytes_read, seconds))
            night.tell(scope, tally.counts)

        try:
            if night.how.rewrite:
                night.mirror.distrust(scope)
            started = reading.begin(is_full=night.how.full)
            is_full, is_resumed = started.since is None, started.resume is not None
            if watch := night.watch:
                watch(EntityStarted(night.run_id, scope, is_full, is_resumed, night.mirror.count(scope)))
            reading.run(started, cap_percent=night.how.cap_percent, told=told)
            if scope.entity == _LAST and tally.is_complete:
                reading.look_around()
        except StopError:
            raise
        except UnsupportedError:
            _log.info("sync_not_offered", account=scope.account, entity=scope.entity)
        except Exception as error:  # noqa: BLE001 - one facility's failure never stops another's
            night.give_up(scope, error)
            night.close(scope, began, tally, error=words_of(error), failure=type(error).__name__)
        else:
            self._runtime.refusals.lift(scope.account)
            night.close(scope, began, tally, error=_held(tally))

    def _watched(self, night: Night, adapter: Adapter, scope: Scope) -> None:
        """Refresh the accounts of tenants who use the portal."""
        tenants = due_accounts(self._runtime, adapter, FacilityKey(scope.account, scope.facility))
        if not tenants and not self._has_failed(scope):
            return
        began, watched = Began.now(self._runtime), Watched(self._runtime, adapter, scope)
        watched.read(tenants, lambda: night.tell(scope, watched.tally.counts))
        for error in watched.errors:
            night.give_up(scope, error)
        night.close(scope, began, watched.tally, error=watched.words, failure=watched.failure)

    def _missed(self, night: Night, adapter: Adapter, scope: Scope) -> None:
        """Have staff told of parts of payment plans that did not come; what fails here is left to the next night."""
        key = FacilityKey(scope.account, scope.facility)
        plans = MissedInstalments(self._runtime, adapter, key)
        if why_not := night.why_not(scope):
            plans.note_left(why_not)
            return
        try:
            problem = plans.look(night.go_on)
        except StopError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing that was read fails by it, and no other facility
            problem = error
        note_plans_left(self._runtime, key, words_of(problem) if problem is not None else "")
        if problem is not None and concerns_account(problem):
            night.give_up(scope, problem)
        if problem is not None:
            _log.warning("plans_left", account=scope.account, facility=scope.facility, why=words_of(problem))

    def _has_failed(self, scope: Scope) -> bool:
        """A failure of which nothing is left is over, and the report must say so."""
        last = newest_row(self._runtime.database, scope)
        return last is not None and bool(last.error)


def _held(tally: Tally) -> str:
    if not tally.held:
        return ""
    told = f"{tally.held} missing records were kept: suspiciously many"
    return f"{told}; if they are gone: pmsbridge sync --full --believe-deletions"
