"""The mirror: what the back offices held when they were last asked. Every answer says when that was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select

from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Record, Source
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store import mirror_search, mirror_writes
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_writes import FinishCounts, Scope, SyncRow, UpsertCounts
from pmsbridge.store.portable import put
from pmsbridge.store.prepared import Query
from pmsbridge.store.record_rows import account_document, record_from
from pmsbridge.store.tables import accounts_seen, cursors, records, sync_reports, watched_tenants

__all__ = ["FinishCounts", "Mirror", "Scope", "SyncRow", "UpsertCounts"]


_ACCOUNT: Final = Query(
    select(accounts_seen.c.doc).where(
        accounts_seen.c.account == bindparam("account"), accounts_seen.c.facility == bindparam("facility"),
        accounts_seen.c.tenant_id == bindparam("tenant"),
    )
)  # fmt: skip


class Mirror:
    """Records, tenant accounts, cursors and sync reports."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    # -- filling -----------------------------------------------------------------------------------------------------

    def upsert(
        self,
        found: Iterable[Record],
        run_id: str,
        *,
        cursor: tuple[Scope, str] | None = None,
        changed: Callable[[Record, Record], None] | None = None,
    ) -> UpsertCounts:
        """Take records over: new and changed ones are written, unchanged ones cost a mark.

        Args:
            found: Records of any scopes.
            run_id: Which run has seen them.
            cursor: Where the next fetch of a scope starts; committed together with the records.
            changed: Called with the old and the new record of each change, after the commit.
        """
        pairs: list[tuple[Record, Record]] = []
        with self._database.write() as connection:
            counts = mirror_writes.upsert(connection, found, run_id, self._clock.now(), pairs)
            if cursor is not None:
                mirror_writes.move_cursor(connection, cursor[0], cursor[1], self._clock.now())
        if changed is not None:
            for before, after in pairs:
                changed(before, after)
        return counts

    def finish(self, scope: Scope, run_id: str, *, complete: bool, delete_cap_percent: int = 20) -> FinishCounts:
        """End the fetch of one scope: after a complete one, mark as deleted what was not seen.

        Args:
            scope: What was fetched.
            run_id: The run that fetched it.
            complete: What was fetched is everything there is.
            delete_cap_percent: When more than this share is missing (and more than a handful), nothing is deleted and a
                finding is made: a half-answered fetch must not empty a portal.
        """
        with self._database.write() as connection:
            return mirror_writes.finish(
                connection, scope, run_id, self._clock.now(), complete=complete, cap_percent=delete_cap_percent
            )

    def cursor(self, scope: Scope) -> str | None:
        """Where the next fetch starts; None for the beginning."""
        with self._database.read() as connection:
            return connection.execute(select(cursors.c.cursor).where(*scope.of(cursors))).scalar_one_or_none()

    def forget_cursor(self, scope: Scope) -> None:
        """Let the next fetch start from the beginning."""
        with self._database.write() as connection:
            mirror_writes.move_cursor(connection, scope, None, self._clock.now())

    def synced_at(self, scope: Scope) -> datetime | None:
        """When this scope was last fetched to its end; None when it never was."""
        with self._database.read() as connection:
            return connection.execute(select(cursors.c.synced_at).where(*scope.of(cursors))).scalar_one_or_none()

    # -- records -----------------------------------------------------------------------------------------------------

    def get(self, account: str, facility: str, entity: str, record_id: str) -> Record | None:
        """One record; None when it is not there or was deleted."""
        scope = Scope(account, facility, entity)
        query = select(records.c.doc).where(
            *scope.of(records), records.c.id == record_id, records.c.deleted_at.is_(None)
        )
        with self._database.read() as connection:
            doc = connection.execute(query).scalar_one_or_none()
        return record_from(entity, doc) if doc is not None else None

    def facility(self, account: str, facility: str) -> Facility | None:
        """A facility as last read."""
        found = self._list(Scope(account, facility, Facility.entity))
        return next((row for row in found if isinstance(row, Facility)), None)

    def tenant(self, account: str, facility: str, tenant_id: str) -> Tenant | None:
        """A tenant as last read."""
        found = self.get(account, facility, Tenant.entity, tenant_id)
        return found if isinstance(found, Tenant) else None

    def rentals(self, account: str, facility: str, tenant_id: str | None = None) -> tuple[Rental, ...]:
        """Rentals of a tenant, or all of a facility."""
        found = self._list(Scope(account, facility, Rental.entity), tenant_id=tenant_id)
        return tuple(row for row in found if isinstance(row, Rental))

    def units(self, account: str, facility: str, *, state: UnitState | None = None) -> tuple[Unit, ...]:
        """Units of a facility."""
        found = self._list(Scope(account, facility, Unit.entity), state=state.value if state else None)
        return tuple(row for row in found if isinstance(row, Unit))

    def _list(self, scope: Scope, *, tenant_id: str | None = None, state: str | None = None) -> list[Record]:
        query = select(records.c.doc).where(*scope.of(records), records.c.deleted_at.is_(None))
        if tenant_id is not None:
            query = query.where(records.c.tenant_id == tenant_id)
        if state is not None:
            query = query.where(records.c.record_state == state)
        with self._database.read() as connection:
            docs = connection.execute(query.order_by(records.c.unit_number, records.c.id)).scalars().all()
        return [record_from(scope.entity, doc) for doc in docs]

    def find(
        self, account: str, search: TenantSearch, *, facility: str | None = None, include_archived: bool = False
    ) -> tuple[TenantMatch, ...]:
        """Tenants that fit every field that is set; exact matches first. An empty search finds nothing."""
        if search.is_empty:
            return ()
        with self._database.read() as connection:
            return mirror_search.find_tenants(connection, account, facility, search, include_archived=include_archived)

    # -- tenant accounts ---------------------------------------------------------------------------------------------

    def save_account(self, account: TenantAccount) -> None:
        """Keep a tenant account as it was read; an older one never replaces a newer one."""
        ref = account.tenant.ref
        key = {"account": ref.account, "facility": ref.facility, "tenant_id": ref.id}
        row = {**key, "doc": account_document(account), "as_of": account.as_of}
        with self._database.write() as connection:
            put(connection, accounts_seen, [row], unless_newer="as_of")

    def account(self, account: str, facility: str, tenant_id: str) -> TenantAccount | None:
        """A tenant account as last read, with the time of that reading; None when it never was."""
        with self._database.read() as connection:
            doc = _ACCOUNT.scalar(connection, {"account": account, "facility": facility, "tenant": tenant_id})
        if doc is None:
            return None
        return TenantAccount.model_validate_json(doc).changed(source=Source.MIRROR)

    def watch(self, account: str, facility: str, tenant_id: str) -> None:
        """Refresh this tenant's account every night from now on: somebody uses the portal."""
        row = {"account": account, "facility": facility, "tenant_id": tenant_id, "asked_at": self._clock.now()}
        with self._database.write() as connection:
            put(connection, watched_tenants, [row])

    def unwatch(self, account: str, facility: str, tenant_id: str) -> None:
        """Stop refreshing this tenant's account: the back office does not know the tenant any more."""
        mine = (
            watched_tenants.c.account == account, watched_tenants.c.facility == facility,
            watched_tenants.c.tenant_id == tenant_id,
        )  # fmt: skip
        with self._database.write() as connection:
            connection.execute(delete(watched_tenants).where(*mine))

    def watched(self, account: str, facility: str, *, within: timedelta = timedelta(days=90)) -> tuple[str, ...]:
        """Tenants whose account somebody asked for lately, least recent first."""
        query = select(watched_tenants.c.tenant_id).where(
            watched_tenants.c.account == account, watched_tenants.c.facility == facility,
            watched_tenants.c.asked_at >= self._clock.now() - within,
        )  # fmt: skip
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(watched_tenants.c.asked_at)).scalars())

    # -- reports -----------------------------------------------------------------------------------------------------

    def report(self, row: SyncRow) -> None:
        """Keep what became of one scope in a run."""
        with self._database.write() as connection:
            put(connection, sync_reports, [row.values()])

    def reports(self, *, run_id: str | None = None, account: str | None = None, limit: int = 200) -> Sequence[SyncRow]:
        """Sync reports, newest first."""
        query = select(sync_reports).order_by(sync_reports.c.finished_at.desc()).limit(limit)
        if run_id is not None:
            query = query.where(sync_reports.c.run_id == run_id)
        if account is not None:
            query = query.where(sync_reports.c.account == account)
        with self._database.read() as connection:
            return [SyncRow.from_row(row) for row in connection.execute(query)]
