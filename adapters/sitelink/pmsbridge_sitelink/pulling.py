"""Nightly reads, as rows that are compared before they are mapped: units, tenants and rentals of one facility."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final

from pmsbridge.errors import UnsupportedError
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.streams import HeldRows, MonthBudget, Rows
from pmsbridge_sitelink.connection import RawAnswer, RowCells, cells_of
from pmsbridge_sitelink.fetching import OVERLAP, Fetching, polled_since
from pmsbridge_sitelink.mapping.cells import Row, text, ticks_of
from pmsbridge_sitelink.mapping.documents import (
    LEAVING,
    PAST_DUE,
    TENANT_COLUMNS,
    Place,
    rental_document,
    tenant_document,
    unit_document,
)
from pmsbridge_sitelink.wire import POISON, Table

__all__ = ["Pulling"]

_BATCH_ROWS: Final = 1000
_CALLS: Final[Mapping[Entity, int]] = {
    Entity.FACILITIES: 2, Entity.UNITS: 1, Entity.TENANTS: 1, Entity.RENTALS: 3,
}  # fmt: skip
_MAPPING: Final = "2"
"""Of the functions in ``mapping.documents``: another number maps every row anew once."""


class Pulling(Fetching):
    """The half of the reading port that fills a copy."""

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        """Stream one entity of one facility; see ``fetch`` for calls and cursors.

        An answer comes whole, so a reading that died starts anew; what it had stored costs no write again.

        Raises:
            UnsupportedError: The back office cannot list this noun.
        """
        yield from self.pull_beside(query, None, since=since, resume=resume)

    def pull_beside(
        self,
        query: Query,
        held: HeldRows | None,
        *,
        since: str | None = None,
        resume: str | None = None,  # noqa: ARG002 - the port's shape
    ) -> Iterator[Rows]:
        """As ``pull``; rows that ``held`` finds are named, and neither kept on disk nor handed out.

        Raises:
            UnsupportedError: The back office cannot list this noun.
        """
        pullers: dict[Entity, Callable[[str, str | None, HeldRows | None], Iterator[Rows]]] = {
            Entity.FACILITIES: self._pull_facility,
            Entity.UNITS: self._pull_units,
            Entity.TENANTS: self._pull_tenants,
            Entity.RENTALS: self._pull_rentals,
        }
        self._connection.facility(query.facility)
        puller = pullers.get(query.entity)
        if puller is None:
            message = f"the back office has no list of {query.entity.value}"
            raise UnsupportedError(message, code="not_listed")
        yield from puller(query.facility, since, held)

    account_calls: ClassVar[int] = 3
    accounts_follow_rows: ClassVar[bool] = True

    def calls_of(self, query: Query) -> int:
        """How many calls one noun of one facility costs a night, however many rows it has; 0 for what is not listed."""
        return _CALLS.get(query.entity, 0)

    def budget_of(self, facility: str) -> MonthBudget:
        """Calls are counted per facility, as the vendor bills them."""
        connection = self._connection
        limits = connection.bears
        return MonthBudget(f"{connection.lane}:{facility}", limits.monthly_calls, limits.batch_refused_beyond)

    def zone_of(self, facility: str) -> str:
        """The settings say it: the back office writes its own server's zone."""
        return self._connection.facility(facility).zone

    def fingerprint(self, query: Query) -> str:
        """Currency, measure and zone of the facility, the version of the mapping, and what is dropped.

        A row is looked for before anything is dropped: where one more column is, no row may be found as it was kept.
        """
        scope = self._connection.scope(query.facility)
        dropped = hashlib.blake2b(" ".join(sorted(POISON)).encode(), digest_size=8).hexdigest()
        return f"{_MAPPING}/{dropped}/{scope.account}/{scope.facility}/{scope.currency}/{scope.measure}/{scope.zone}"

    def _place(self, facility: str) -> Place:
        scope = self._connection.scope(facility)
        return Place(scope.account, scope.facility, scope.currency, scope.measure)

    def _pull_facility(self, facility: str, _since: str | None, _held: HeldRows | None) -> Iterator[Rows]:
        """A handful of cells from two answers and the settings: the record itself is what is compared."""
        self._facilities.pop(facility, None)
        found = self.facility(facility).model_dump(mode="json")
        found["ref"].pop("seen_at")
        raw = json.dumps(found, ensure_ascii=False, sort_keys=True).encode()
        yield Rows((facility,), (raw,), json.loads, is_complete=True, calls=_CALLS[Entity.FACILITIES])

    def _pull_units(self, facility: str, since: str | None, held: HeldRows | None) -> Iterator[Rows]:
        """Deleted units are left out of a full reading; an incremental one tells them as out of service."""
        params = {"lngLastTimePolled": polled_since(since), "bReturnExcludedFromWebsiteUnits": True}
        is_full = since is None

        def prepare(row: RowCells) -> str | None:
            return None if is_full and text(row, "dDeleted")[:4] > "0001" else text(row, "UnitID")

        document = partial(_made, unit_document, self._place(facility))
        tables = (Table.ROWS, Table.ROWS_1)
        with self._connection.raw(
            "UnitsInformation_v3", facility, params, *tables, prepare=prepare, held=held
        ) as answer:
            yield from _batches(answer, document, is_full=is_full, fallback=since)

    def _pull_tenants(self, facility: str, since: str | None, held: HeldRows | None) -> Iterator[Rows]:
        """When the back office returns no polling mark, the reading's own start less a day is the next one."""
        fallback = ticks_of(self._connection.clock.now() - OVERLAP)
        params = {"lngLastTimePolled": polled_since(since)}
        document = partial(_made, tenant_document, self._place(facility), only=TENANT_COLUMNS)
        tables = (Table.TENANTS, Table.ROWS, Table.ROWS_1)
        with self._connection.raw(
            "TenantListComplete_v2", facility, params, *tables, prepare=_tenant_id, held=held, as_they_came=True
        ) as answer:
            yield from _batches(answer, document, is_full=since is None, fallback=fallback)

    def _pull_rentals(self, facility: str, _since: str | None, held: HeldRows | None) -> Iterator[Rows]:
        """The rent roll; scheduled move-outs and past-due balances are written into its rows, to be compared, too."""
        leaving = {ledger: found.isoformat() for ledger, found in self._leaving(facility).items()}
        past_due = self._past_due(facility)

        def prepare(row: RowCells) -> str | None:
            ledger = text(row, "LedgerID")
            if not ledger or ledger == "0" or not text(row, "TenantID"):
                return None
            if ledger in leaving:
                row[LEAVING] = leaving[ledger]
            if ledger in past_due:
                row[PAST_DUE] = past_due[ledger]
            return ledger

        document = partial(_made, rental_document, self._place(facility))
        with self._connection.raw(
            "RentRoll", facility, self._period(facility), Table.RENT_ROLL, prepare=prepare, held=held
        ) as answer:
            yield from _batches(answer, document, is_full=True, fallback=None, calls=_CALLS[Entity.RENTALS])


def _made(
    mapped: Callable[[Row, Place], dict[str, Any]], place: Place, raw: bytes, *, only: frozenset[str] | None = None
) -> dict[str, Any]:
    return mapped(cells_of(raw, only), place)


def _tenant_id(row: RowCells) -> str:
    return text(row, "TenantID")


def _batches(
    answer: RawAnswer,
    document: Callable[[bytes], dict[str, Any]],
    *,
    is_full: bool,
    fallback: str | None,
    calls: int = 1,
) -> Iterator[Rows]:
    """Rows a thousand at a time; the last batch carries the cursor.

    An answer without a single row is no proof that everything was deleted: it is never complete.
    """
    ids: list[str] = []
    raws: list[bytes] = []
    cursor, count, unreadable, size = fallback, len(answer.same), 0, answer.bytes_read
    if answer.same:
        yield Rows((), (), document, calls=calls, bytes_read=size, same=answer.same)
        calls = size = 0
    for row in answer:
        if row.table == Table.ROWS_1:
            cursor = text(cells_of(row.line), "lngLastTimePolled") or cursor
            continue
        count += 1
        if not row.id:
            unreadable += 1
            continue
        ids.append(row.id)
        raws.append(row.line)
        if len(ids) == _BATCH_ROWS:
            yield Rows(ids, raws, document, calls=calls, bytes_read=size)
            ids, raws, calls, size = [], [], 0, 0
    yield Rows(
        ids, raws, document, cursor=cursor, is_complete=is_full and count > 0 and not unreadable, calls=calls,
        bytes_read=size, unreadable=unreadable,
    )  # fmt: skip
