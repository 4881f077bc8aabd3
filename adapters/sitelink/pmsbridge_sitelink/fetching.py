"""Nightly reads: units, tenants and rentals of one facility, streamed in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final

from pmsbridge.errors import RejectedError, UnavailableError, UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.model.record import Record
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.transport.limits import Priority
from pmsbridge_sitelink.mapping.cells import Row, text, ticks_of
from pmsbridge_sitelink.mapping.people import tenant_of
from pmsbridge_sitelink.mapping.places import unit_of
from pmsbridge_sitelink.mapping.rentals import leaving_dates, past_due_balances, rental_of_roll
from pmsbridge_sitelink.reading import Reading, midnight
from pmsbridge_sitelink.wire import Table

__all__ = ["EVERYTHING", "LATE_COMMITS", "OVERLAP", "Fetching", "polled_since"]

_log = get_logger(__name__)

_BATCH_ROWS: Final = 500
OVERLAP: Final = timedelta(days=1)
LATE_COMMITS: Final = timedelta(hours=1)
"""How far before the back office's own mark an incremental read starts: what was stamped before the mark and committed
after it comes, too. What comes again costs a look-up."""

_TICKS_OF_A_SECOND: Final = 10_000_000
EVERYTHING: Final = "0"


def polled_since(cursor: str | None) -> str:
    """What is asked for changes since: the mark less an hour; everything where there is no mark in ticks."""
    if cursor is None:
        return EVERYTHING
    ticks = int(cursor) if cursor.isascii() and cursor.isdigit() else 0
    return str(max(ticks - int(LATE_COMMITS.total_seconds()) * _TICKS_OF_A_SECOND, 0))


class Fetching(Reading):
    """The nightly half of the reading port."""

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Stream one entity of one facility in batches; memory does not grow with the answer.

        Units and tenants have a cursor (the back office's own polling mark); rentals always come whole. A row that
        cannot be read is left out with a warning, and the fetch then does not claim to be complete. Calls: facilities
        2, units 1, tenants 1, rentals 2.
        """
        fetchers: dict[Entity, Callable[[str, str | None], Iterator[Batch]]] = {
            Entity.FACILITIES: self._fetch_facility,
            Entity.UNITS: self._fetch_units,
            Entity.TENANTS: self._fetch_tenants,
            Entity.RENTALS: self._fetch_rentals,
        }
        self._connection.facility(query.facility)
        fetcher = fetchers.get(query.entity)
        if fetcher is None:
            message = f"the back office has no list of {query.entity.value}"
            raise UnsupportedError(message, code="not_listed")
        yield from fetcher(query.facility, since)

    def _fetch_facility(self, facility: str, _since: str | None) -> Iterator[Batch]:
        self._facilities.pop(facility, None)
        yield Batch(records=[self.facility(facility)], is_complete=True)

    def _fetch_units(self, facility: str, since: str | None) -> Iterator[Batch]:
        """Deleted units are left out of a full fetch; an incremental one tells them as out of service."""
        scope = self._connection.scope(facility)
        params = {"lngLastTimePolled": polled_since(since), "bReturnExcludedFromWebsiteUnits": True}
        rows = self._connection.stream("UnitsInformation_v3", facility, params, Table.ROWS, Table.ROWS_1)

        def mapped(row: Row) -> Record | None:
            if not text(row, "UnitID"):
                return None
            unit = unit_of(row, scope)
            return None if unit.vendor_state == "deleted" and since is None else unit

        yield from _batches(rows, mapped, is_full=since is None, fallback=since)

    def _fetch_tenants(self, facility: str, since: str | None) -> Iterator[Batch]:
        """When the back office returns no polling mark, the fetch's own start less a day is the next one.

        The day covers the zones in which the back office may count; records that come twice do no harm.
        """
        scope = self._connection.scope(facility)
        fallback = ticks_of(self._connection.clock.now() - OVERLAP)
        params = {"lngLastTimePolled": polled_since(since)}
        rows = self._connection.stream(
            "TenantListComplete_v2", facility, params, Table.TENANTS, Table.ROWS, Table.ROWS_1
        )

        def mapped(row: Row) -> Record | None:
            return tenant_of(row, scope) if text(row, "TenantID") else None

        yield from _batches(rows, mapped, is_full=since is None, fallback=fallback)

    def _fetch_rentals(self, facility: str, _since: str | None) -> Iterator[Batch]:
        """The rent roll, with scheduled move-outs merged in. The roll is of now, whatever dates are asked for."""
        leaving, past_due = self._leaving(facility), self._past_due(facility)
        scope = self._connection.scope(facility)
        rows = self._connection.stream("RentRoll", facility, self._period(facility), Table.RENT_ROLL)
        yield from _batches(
            rows, lambda row: rental_of_roll(row, scope, leaving, past_due), is_full=True, fallback=None
        )

    def _leaving(self, facility: str) -> dict[str, date]:
        """Scheduled move-outs by ledger; one call."""
        answer = self._connection.read("ScheduledMoveOuts", facility, {}, priority=Priority.BATCH)
        return leaving_dates(answer.get(Table.LEAVING, ()))

    def _past_due(self, facility: str) -> dict[str, str]:
        """What is past due by ledger; one call. An account that may not read this report knows nothing of it."""
        try:
            answer = self._connection.read("PastDueBalances", facility, self._period(facility), priority=Priority.BATCH)
        except RejectedError as refused:
            _log.info("report_refused", report="PastDueBalances", code=refused.code)
            return {}
        return past_due_balances(answer.get(Table.PAST_DUE, ()))

    def _period(self, facility: str) -> dict[str, object]:
        """Today, as the reports want it."""
        today = self._today(facility)
        return {"dReportDateStart": midnight(today), "dReportDateEnd": midnight(today + timedelta(days=1))}


def _batches(
    rows: Iterator[tuple[str, Row]], mapped: Callable[[Row], Record | None], *, is_full: bool, fallback: str | None
) -> Iterator[Batch]:
    """Records in batches of a few hundred; the last batch carries the cursor.

    An answer without a single row is no proof that everything was deleted: it is never complete.
    """
    records: list[Record] = []
    cursor, count, unreadable = fallback, 0, 0
    for table, row in rows:
        if table == Table.ROWS_1:
            cursor = text(row, "lngLastTimePolled") or cursor
            continue
        count += 1
        try:
            record = mapped(row)
        except (UnavailableError, ValueError) as problem:
            unreadable += 1
            _log.warning("row_left_out", table=table, problem=_problem(problem))
            continue
        if record is not None:
            records.append(record)
        if len(records) == _BATCH_ROWS:
            yield Batch(records=records)
            records = []
    # Changes since the old mark are asked for again while one of them cannot be read.
    yield Batch(
        records=records, cursor=None if unreadable else cursor, is_complete=is_full and count > 0 and not unreadable
    )


def _problem(problem: Exception) -> str:
    """What is wrong with a row, without repeating a cell."""
    return problem.message if isinstance(problem, UnavailableError) else type(problem).__name__
