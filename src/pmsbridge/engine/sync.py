"""The night: every facility's records into the mirror, streaming, resumable, one failure never stopping another.

Reading needs no lane: nothing is held between calls, so a person who pays never queues behind a night.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pmsbridge import telemetry
from pmsbridge.engine.deliver import Beat, Job, Runtime
from pmsbridge.errors import ConfigurationError, NotFoundError, PmsBridgeError, UnavailableError, UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.record import Record
from pmsbridge.model.rental import Rental, step_is_allowed
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.store.mirror import Mirror, Scope, SyncRow, UpsertCounts
from pmsbridge.store.mirror_writes import RUN_ID_TIME

__all__ = ["ALL_ENTITIES", "FacilityKey", "Sync", "SyncProgress", "SyncReport"]

_log = get_logger(__name__)

ALL_ENTITIES: Final = (Entity.FACILITIES, Entity.UNITS, Entity.TENANTS, Entity.RENTALS)
_NOUNS: Final = {
    Entity.FACILITIES: "facility",
    Entity.UNITS: "unit",
    Entity.TENANTS: "tenant",
    Entity.RENTALS: "rental",
}
_ACCOUNTS: Final = "account"
_ENOUGH_FAILURES: Final = 3
_A_PERSON_MUST_ACT: Final = ConfigurationError.__name__


@dataclass(frozen=True, slots=True)
class FacilityKey:
    """One facility of one account."""

    account: str
    facility: str


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far one scope is.

    Attributes:
        entity: "facility", "unit", "tenant", "rental", or "account" for tenants somebody watches.
        is_done: This scope is over; ``error`` says how.
    """

    account: str
    facility: str
    entity: str
    counts: UpsertCounts
    is_done: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a run did, one row per facility and entity."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    rows: tuple[SyncRow, ...]

    @property
    def failed(self) -> tuple[SyncRow, ...]:
        """Rows that went wrong."""
        return tuple(row for row in self.rows if row.error)

    @property
    def a_person_must_act(self) -> bool:
        """Something went wrong, and all of it is configuration: trying again does not help."""
        return bool(self.failed) and all(row.failure == _A_PERSON_MUST_ACT for row in self.failed)

    @property
    def total(self) -> UpsertCounts:
        """All rows together."""
        return sum((row.counts for row in self.rows), UpsertCounts())


class _StopError(Exception):
    """Another process has taken this run over."""


class _Night:
    """One run: what it writes, and which accounts it has given up."""

    def __init__(self, runtime: Runtime, progress: Callable[[SyncProgress], None] | None, beat: Beat | None) -> None:
        self.runtime = runtime
        self.mirror: Mirror = runtime.mirror
        self.started_at = runtime.clock.now()
        self.run_id = f"{self.started_at.strftime(RUN_ID_TIME)}-{uuid.uuid4().hex[:8]}"
        self.rows: list[SyncRow] = []
        self.given_up: dict[str, str] = {}
        self._progress = progress
        self._beat = beat

    def tell(self, scope: Scope, counts: UpsertCounts, *, is_done: bool = False, error: str = "") -> None:
        """Say how far it is, and learn whether to go on."""
        if self._progress is not None:
            self._progress(SyncProgress(scope.account, scope.facility, scope.entity, counts, is_done, error))
        if self._beat is not None and not self._beat():
            raise _StopError

    def close(
        self,
        scope: Scope,
        began: datetime,
        counts: UpsertCounts,
        *,
        deleted: int = 0,
        error: str = "",
        failure: str = "",
    ) -> None:
        """Keep what became of a scope."""
        row = SyncRow(self.run_id, scope, began, self.runtime.clock.now(), counts, deleted, error, failure)
        self.rows.append(row)
        self.mirror.report(row)
        if error:
            _log.warning("sync_failed", account=scope.account, facility=scope.facility, entity=scope.entity, why=error)
        self.tell(scope, counts, is_done=True, error=error)

    def give_up(self, account: str, error: Exception) -> None:
        """Credentials that were refused once are not tried again tonight: repeated refusals lock accounts."""
        if isinstance(error, ConfigurationError):
            self.given_up[account] = f"not tried: {error.message}"


class Sync:
    """Fills the mirror."""

    def __init__(self, runtime: Runtime, *, delete_cap_percent: int = 20) -> None:
        """Nothing is read yet.

        Args:
            runtime: Whose adapters are read and whose mirror is filled.
            delete_cap_percent: A complete fetch that would delete more than this share of a scope deletes nothing and
                makes a finding.
        """
        self._runtime = runtime
        self._cap = delete_cap_percent

    def run(
        self,
        facilities: Iterable[FacilityKey] | None = None,
        entities: Iterable[Entity] = ALL_ENTITIES,
        progress: Callable[[SyncProgress], None] | None = None,
        *,
        full: bool = False,
        beat: Beat | None = None,
    ) -> SyncReport:
        """Read, in order: facilities, units, tenants, rentals; then the accounts somebody watches.

        Args:
            facilities: Which; None for every facility of every account.
            entities: Which, in this order.
            progress: Called after every committed batch and at the end of every scope.
            full: Read everything anew instead of what changed since the stored cursors; only this finds deletions where
                the back office has cursors.
            beat: Called as often as ``progress``; when it says False, the run ends where it is.

        Never raises for a back office's failure: that is in the report. A run that ended early goes on from its last
        committed batch next time.
        """
        night = _Night(self._runtime, progress, beat)
        wanted = tuple(entities)
        try:
            for key in list(facilities) if facilities is not None else self._all_facilities():
                self._traced(night, key, wanted, full=full)
        except _StopError:
            _log.warning("sync_taken_over", run=night.run_id)
        return SyncReport(night.run_id, night.started_at, self._runtime.clock.now(), tuple(night.rows))

    def nightly_of(self, facilities: Sequence[FacilityKey]) -> Job:
        """A job for ``Runtime.jobs`` that syncs these facilities; see ``nightly``."""

        def job(_slot: datetime, beat: Beat) -> None:
            self._night(facilities, beat)

        return job

    def nightly(self, slot: datetime, beat: Beat) -> None:  # noqa: ARG002 - the shape of a job
        """A job for ``Runtime.jobs`` that syncs everything anew: only a full read finds what was deleted.

        Raises:
            UnavailableError: Nothing at all could be read.
        """
        self._night(None, beat)

    def _night(self, facilities: Sequence[FacilityKey] | None, beat: Beat) -> None:
        report = self.run(facilities, full=True, beat=beat)
        if report.rows and len(report.failed) == len(report.rows):
            message = f"nothing could be read: {report.rows[0].error}"
            raise UnavailableError(message, code="night_failed")

    def _all_facilities(self) -> list[FacilityKey]:
        return [
            FacilityKey(account, code)
            for account, adapter in self._runtime.adapters.items()
            for code in adapter.facility_codes
        ]

    def _traced(self, night: _Night, key: FacilityKey, entities: Sequence[Entity], *, full: bool) -> None:
        done = len(night.rows)
        with telemetry.span("sync", account=key.account, facility=key.facility) as span:
            self._facility(night, key, entities, full=full)
            span.set(outcome="failed" if any(row.error for row in night.rows[done:]) else "synced")

    def _facility(self, night: _Night, key: FacilityKey, entities: Sequence[Entity], *, full: bool) -> None:
        adapter = self._runtime.adapters.get(key.account)
        for entity in entities:
            scope = Scope(key.account, key.facility, _NOUNS[entity])
            began = self._runtime.clock.now()
            if adapter is None:
                night.close(
                    scope,
                    began,
                    UpsertCounts(),
                    error=f"account {key.account!r} is not configured",
                    failure=_A_PERSON_MUST_ACT,
                )
            elif key.account in night.given_up:
                night.close(scope, began, UpsertCounts(), error=night.given_up[key.account], failure=_A_PERSON_MUST_ACT)
            else:
                self._scope(night, adapter, Query(entity, key.facility), scope, full=full)
        if adapter is not None and key.account not in night.given_up:
            self._watched(night, adapter, key)

    def _scope(self, night: _Night, adapter: Adapter, query: Query, scope: Scope, *, full: bool) -> None:
        began, counts = self._runtime.clock.now(), UpsertCounts()
        is_complete = False
        try:
            since = None if full else night.mirror.cursor(scope)
            for batch in adapter.fetch(query, since=since):
                cursor = (scope, batch.cursor) if batch.cursor is not None else None
                counts += night.mirror.upsert(batch.records, night.run_id, cursor=cursor, changed=self._watch_step)
                is_complete = batch.is_complete
                night.tell(scope, counts)
            ended = night.mirror.finish(scope, night.run_id, complete=is_complete, delete_cap_percent=self._cap)
        except _StopError:
            raise
        except UnsupportedError:
            _log.info("sync_not_offered", account=scope.account, entity=scope.entity)
        except Exception as error:  # noqa: BLE001 - one facility's failure never stops another's
            night.give_up(scope.account, error)
            night.close(scope, began, counts, error=_words(error), failure=type(error).__name__)
        else:
            held = f"{ended.held} missing records were kept: suspiciously many" if ended.held else ""
            night.close(scope, began, counts, deleted=ended.deleted, error=held)

    def _watch_step(self, before: Record, after: Record) -> None:
        """A rental that took a step no rental takes is for a person to look at."""
        if isinstance(before, Rental) and isinstance(after, Rental) and not step_is_allowed(before.state, after.state):
            text = f"rental {after.id} (unit {after.unit_number}) went from {before.state} to {after.state}"
            self._runtime.findings.add(
                Finding(
                    code="impossible_rental_step", severity=Severity.WARNING, account=after.ref.account,
                    facility=after.ref.facility, subject=after.ref.key, text=text,
                    found_at=self._runtime.clock.now(),
                )
            )  # fmt: skip

    def _watched(self, night: _Night, adapter: Adapter, key: FacilityKey) -> None:
        """Refresh the accounts of tenants who use the portal."""
        tenants = night.mirror.watched(key.account, key.facility)
        if not tenants:
            return
        scope = Scope(key.account, key.facility, _ACCOUNTS)
        began, counts, errors = self._runtime.clock.now(), UpsertCounts(), list[Exception]()
        for tenant_id in tenants:
            counts += UpsertCounts(read=1)
            try:
                night.mirror.save_account(adapter.account(key.facility, tenant_id))
                counts += UpsertCounts(changed=1)
            except NotFoundError:
                night.mirror.unwatch(key.account, key.facility, tenant_id)
            except Exception as error:  # noqa: BLE001 - one tenant's failure never stops another's
                errors.append(error)
                night.give_up(key.account, error)
                if key.account in night.given_up or len(errors) >= _ENOUGH_FAILURES:
                    break
            night.tell(scope, counts)
        last = errors[-1] if errors else None
        failure = type(last).__name__ if last is not None else ""
        night.close(scope, began, counts, error=_words(last) if last is not None else "", failure=failure)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, PmsBridgeError) else f"unexpected {type(error).__name__}"
