"""The mirror: what the back offices held when they were last asked. Every answer says when that was."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update

from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Record, Source
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store.changes import Changes
from pmsbridge.store.database import Database
from pmsbridge.store.identities import Identities
from pmsbridge.store.mirror_distrust import distrust
from pmsbridge.store.mirror_pass import Pass
from pmsbridge.store.mirror_search import TenantLookup
from pmsbridge.store.mirror_writes import FinishCounts, Scope, SyncRow, UpsertCounts, known_place, place_of
from pmsbridge.store.portable import put
from pmsbridge.store.prepared import Query
from pmsbridge.store.record_rows import account_document, record_from
from pmsbridge.store.tables import MIRROR, accounts_seen, newest_reports, sync_reports, watched_tenants

__all__ = ["FinishCounts", "Mirror", "Scope", "SyncRow", "UpsertCounts"]


_ACCOUNT: Final = Query(
    select(accounts_seen.c.doc).where(
        accounts_seen.c.account == bindparam("account"), accounts_seen.c.facility == bindparam("facility"),
        accounts_seen.c.tenant_id == bindparam("tenant"),
    )
)  # fmt: skip


_WATCHED: Final = Query(
    select(watched_tenants.c.tenant_id)
    .where(watched_tenants.c.account == bindparam("account"), watched_tenants.c.facility == bindparam("facility"))
    .where(watched_tenants.c.asked_at >= bindparam("since"))
    .order_by(watched_tenants.c.asked_at)
)
_TENANTS: Final = MIRROR.nouns[Tenant.entity]
_RENTALS: Final = MIRROR.nouns[Rental.entity]


class Mirror:
    """Records, tenant accounts, cursors and sync reports.

    Attributes:
        identities: The back office's ids and ours.
        changes: What became different, in order.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self.identities = Identities(database)
        self.changes = Changes(database)

    # -- filling -----------------------------------------------------------------------------------------------------

    def reading(self, scope: Scope, run_id: str, *, is_full: bool, fingerprint: str = "") -> Pass:
        """Begin to read one noun of one facility, or go on where an unfinished reading stopped.

        Args:
            scope: What is read.
            run_id: Which run reads it.
            is_full: Read everything anew; only this finds deletions where the back office has cursors.
            fingerprint: What beside the rows decides what records are made of them; another one makes all rows count
                as different once.
        """
        return Pass(self._database, self._clock, scope, run_id, is_full=is_full, fingerprint=fingerprint)

    def cursor(self, scope: Scope) -> str | None:
        """Where the next incremental reading starts; None for the beginning."""
        with self._database.read() as connection:
            return connection.execute(_stream(scope, MIRROR.streams.c.cursor)).scalar_one_or_none()

    def keep_cursor(self, scope: Scope, cursor: str) -> None:
        """Say where the next reading starts of something that is not read as a stream."""
        with self._database.write() as connection:
            place = place_of(connection, scope)
            row = {"place": place, "entity": scope.entity, "cursor": cursor, "moved_at": self._clock.now()}
            put(connection, MIRROR.streams, [row])

    def forget_cursor(self, scope: Scope) -> None:
        """Let the next reading start from the beginning."""
        streams = MIRROR.streams
        with self._database.write() as connection:
            place = known_place(connection, scope.account, scope.facility)
            mine = (streams.c.place == place, streams.c.entity == scope.entity)
            connection.execute(update(streams).where(*mine).values(cursor=None, resume=None, seen=None))

    def distrust(self, scope: Scope) -> None:
        """Let the next full reading write every record of a scope anew, whatever its rows say.

        For a mirror in which somebody else has written: an unchanged row would otherwise leave it as it is. What
        belongs to no record is taken out now. ``Sync.run(full=True, rewrite=True)`` does this and reads.
        """
        with self._database.write() as connection:
            distrust(connection, scope)

    def synced_at(self, scope: Scope) -> datetime | None:
        """When this scope was last read to its end; None when it never was."""
        with self._database.read() as connection:
            return connection.execute(_stream(scope, MIRROR.streams.c.synced_at)).scalar_one_or_none()

    def reading_moved_at(self, scope: Scope) -> datetime | None:
        """When a reading that has not come to its end kept its place last; None when there is none such."""
        query = _stream(scope, MIRROR.streams.c.moved_at).where(MIRROR.streams.c.resume.is_not(None))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    # -- records -----------------------------------------------------------------------------------------------------

    def get(self, account: str, facility: str, entity: str, record_id: str) -> Record | None:
        """One record; None when it is not there or was deleted. A merged one answers as what it became."""
        with self._database.read() as connection:
            key = self.identities.key_of(connection, Scope(account, facility, entity), record_id)
            if key is None:
                return None
            table = MIRROR.nouns[entity]
            query = select(table.c.doc).where(table.c.key == key, table.c.deleted_at.is_(None))
            doc = connection.execute(query).scalar_one_or_none()
        return record_from(entity, doc) if doc is not None else None

    def facility(self, account: str, facility: str) -> Facility | None:
        """A facility as last read."""
        found = self.list(Scope(account, facility, Facility.entity))
        return next((row for row in found if isinstance(row, Facility)), None)

    def tenant(self, account: str, facility: str, tenant_id: str) -> Tenant | None:
        """A tenant as last read."""
        found = self.get(account, facility, Tenant.entity, tenant_id)
        return found if isinstance(found, Tenant) else None

    def rentals(self, account: str, facility: str, tenant_id: str | None = None) -> tuple[Rental, ...]:
        """Rentals of a tenant, or all of a facility."""
        wanted = {} if tenant_id is None else {"tenant_id": tenant_id}
        found = self.list(Scope(account, facility, Rental.entity), sort_by="unit_number", **wanted)
        return tuple(row for row in found if isinstance(row, Rental))

    def units(self, account: str, facility: str, *, state: UnitState | None = None) -> tuple[Unit, ...]:
        """Units of a facility."""
        wanted = {} if state is None else {"state": state.value}
        found = self.list(Scope(account, facility, Unit.entity), sort_by="number", **wanted)
        return tuple(row for row in found if isinstance(row, Unit))

    def list(self, scope: Scope, *, sort_by: str = "", **equal: object) -> builtins.list[Record]:
        """Records of one noun of one facility whose columns hold these values, deleted ones left out.

        Args:
            scope: Which.
            sort_by: A column; ids decide where it is equal.
            equal: Columns as ``nouns`` declares them.

        Raises:
            KeyError: There is no such noun, or it has no such column.
        """
        table, places = MIRROR.nouns[scope.entity], MIRROR.places
        query = (
            select(table.c.doc)
            .join(places, places.c.place == table.c.place)
            .where(places.c.account == scope.account, places.c.facility == scope.facility)
            .where(table.c.deleted_at.is_(None), *(table.c[name] == value for name, value in equal.items()))
            .order_by(*([table.c[sort_by]] if sort_by else []), table.c.id)
        )
        with self._database.read() as connection:
            docs = connection.execute(query).scalars().all()
        return [record_from(scope.entity, doc) for doc in docs]

    def unchanged_since(self, scope: Scope, instant: datetime) -> builtins.list[str]:
        """Ids of records that are held as they were before an instant, the oldest first."""
        table, places = MIRROR.nouns[scope.entity], MIRROR.places
        query = (
            select(table.c.id)
            .join(places, places.c.place == table.c.place)
            .where(places.c.account == scope.account, places.c.facility == scope.facility)
            .where(table.c.deleted_at.is_(None), table.c.changed_at < instant)
            .order_by(table.c.changed_at, table.c.id)
        )
        with self._database.read() as connection:
            return [str(each) for each in connection.execute(query).scalars()]

    def count(self, scope: Scope) -> int:
        """How many living records of one noun a facility has."""
        ids, places = MIRROR.ids, MIRROR.places
        query = (
            select(func.count())
            .select_from(ids.join(places, places.c.place == ids.c.place))
            .where(places.c.account == scope.account, places.c.facility == scope.facility)
            .where(ids.c.entity == scope.entity, ids.c.deleted_at.is_(None))
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def find(
        self,
        account: str,
        search: TenantSearch,
        *,
        facility: str | None = None,
        include_archived: bool = False,
        hints: bool = False,
    ) -> tuple[TenantMatch, ...]:
        """Tenants who fit every field that is set, best first: two hundred at most. An empty search finds nothing.

        Names fit however they are spelled: case, accents, "ae" for "ä", hyphens, apostrophes and "Mc" for "Mac" make no
        difference; one part of a name of several is enough, first and last name may be swapped, the name may be longer
        than what was asked, and one letter may be wrong. A phone fits with and without country prefix and trunk zero,
        an e-mail but for case, a unit number but for case, blanks, signs and leading zeros.

        Args:
            account: Which; no answer ever crosses accounts.
            search: What is known of the tenant.
            facility: Only this one; None for all of the account.
            include_archived: Also tenants who are archived or were deleted.
            hints: When nobody is found at the facility, look at the account's others for the same name in another
                spelling, number, e-mail or company; such a match is marked ``is_elsewhere``, and is never exact.
        """
        if search.is_empty:
            return ()
        with self._database.read() as connection:
            looked = TenantLookup(connection, account, facility, include_archived=include_archived)
            found = looked.find(search)
            if found or not hints or facility is None:
                return found
            everywhere = TenantLookup(connection, account, None, include_archived=include_archived)
            return everywhere.find_hints(search)

    # -- tenant accounts ---------------------------------------------------------------------------------------------

    def save_account(self, account: TenantAccount) -> None:
        """Keep a tenant account as it was read; an older one never replaces a newer one."""
        ref = account.tenant.ref
        key = {"account": ref.account, "facility": ref.facility, "tenant_id": ref.id}
        row = {**key, "doc": account_document(account), "as_of": account.as_of}
        with self._database.write() as connection:
            put(connection, accounts_seen, [row], unless_newer="as_of")

    def renew_account(self, account: TenantAccount) -> bool:
        """As ``save_account``, where a copy of this account is kept already, and none newer; False where it is not."""
        ref, columns = account.tenant.ref, accounts_seen.c
        mine = (columns.account == ref.account, columns.facility == ref.facility, columns.tenant_id == ref.id)
        values = {"doc": account_document(account), "as_of": account.as_of}
        with self._database.write() as connection:
            kept = update(accounts_seen).where(*mine, columns.as_of <= account.as_of).values(**values)
            return connection.execute(kept).rowcount == 1

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
        given = {"account": account, "facility": facility, "since": self._clock.now() - within}
        with self._database.read() as connection:
            return tuple(row[0] for row in _WATCHED.all(connection, given))

    def watched_and_changed(
        self, account: str, facility: str, *, within: timedelta = timedelta(days=90), age: timedelta = timedelta(days=7)
    ) -> tuple[str, ...]:
        """Those of ``watched`` whose tenant or rentals became different since their account was read.

        Args:
            account: Whose.
            facility: Where.
            within: As for ``watched``.
            age: An account that was read longer ago is always among them.
        """
        watched = self.watched(account, facility, within=within)
        if not watched:
            return ()
        with self._database.read() as connection:
            place = known_place(connection, account, facility)
            mine = (accounts_seen.c.account == account, accounts_seen.c.facility == facility)
            seen = connection.execute(select(accounts_seen.c.tenant_id, accounts_seen.c.as_of).where(*mine))
            read_at: dict[str, datetime] = {row.tenant_id: row.as_of for row in seen}
            since = min(read_at.values(), default=self._clock.now())
            changed: dict[str, datetime] = {}
            for table, owner in ((_TENANTS, _TENANTS.c.id), (_RENTALS, _RENTALS.c.tenant_id)):
                latest = select(owner, func.max(table.c.changed_at)).where(
                    table.c.place == place, table.c.changed_at >= since
                )
                for name, at in connection.execute(latest.group_by(owner)):
                    changed[name] = max(at, changed.get(name, at))
        oldest = self._clock.now() - age
        return tuple(
            name
            for name in watched
            if (at := read_at.get(name)) is None or at <= oldest or changed.get(name, oldest) >= at
        )

    # -- reports -----------------------------------------------------------------------------------------------------

    def report(self, row: SyncRow) -> None:
        """Keep what became of one scope in a run."""
        values = row.values()
        with self._database.write() as connection:
            put(connection, sync_reports, [values])
            put(connection, newest_reports, [values], unless_newer="finished_at")

    def reports(self, *, run_id: str | None = None, account: str | None = None, limit: int = 200) -> Sequence[SyncRow]:
        """Sync reports, newest first."""
        query = select(sync_reports).order_by(sync_reports.c.finished_at.desc()).limit(limit)
        if run_id is not None:
            query = query.where(sync_reports.c.run_id == run_id)
        if account is not None:
            query = query.where(sync_reports.c.account == account)
        with self._database.read() as connection:
            return [SyncRow.from_row(row) for row in connection.execute(query)]


def _stream(scope: Scope, column: ColumnElement[Any]) -> Select[Any]:
    places, streams = MIRROR.places, MIRROR.streams
    return (
        select(column)
        .join(places, places.c.place == streams.c.place)
        .where(places.c.account == scope.account, places.c.facility == scope.facility)
        .where(streams.c.entity == scope.entity)
    )
