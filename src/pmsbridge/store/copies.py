"""How old every facility's copy is and what its last readings said: a few questions, however many facilities."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from pmsbridge.model.places import Facility
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_writes import RUN_ID_TIME, Scope, SyncRow
from pmsbridge.store.tables import MIRROR, sync_reports

__all__ = ["Copy", "copies", "newest_row", "rows_of_run"]

_LAST_CHARACTER = "\U0010ffff"


@dataclass(slots=True)
class Copy:
    """What is known of one facility's copy.

    Attributes:
        name: The facility's; None when it was never read.
        synced_at: By the record's word, when it was last read to its end.
        reports: By the record's word, the newest line of a report.
    """

    name: str | None = None
    synced_at: dict[str, datetime] = field(default_factory=dict)
    reports: dict[str, SyncRow] = field(default_factory=dict)


def copies(database: Database) -> Mapping[tuple[str, str], Copy]:
    """Everything that was ever copied, by account and facility."""
    found: dict[tuple[str, str], Copy] = {}
    with database.read() as connection:
        _add_readings(connection, found)
        _add_names(connection, found)
        _add_reports(connection, found)
    return found


def _add_readings(connection: Connection, found: dict[tuple[str, str], Copy]) -> None:
    places, streams = MIRROR.places, MIRROR.streams
    query = select(places.c.account, places.c.facility, streams.c.entity, streams.c.synced_at).join(
        streams, streams.c.place == places.c.place
    )
    for row in connection.execute(query.where(streams.c.synced_at.is_not(None))):
        found.setdefault((row.account, row.facility), Copy()).synced_at[row.entity] = row.synced_at


def _add_names(connection: Connection, found: dict[tuple[str, str], Copy]) -> None:
    places, facilities = MIRROR.places, MIRROR.nouns[Facility.entity]
    query = select(places.c.account, places.c.facility, facilities.c.doc).join(
        facilities, facilities.c.place == places.c.place
    )
    for row in connection.execute(query.where(facilities.c.deleted_at.is_(None)).order_by(facilities.c.key.desc())):
        found.setdefault((row.account, row.facility), Copy()).name = json.loads(row.doc).get("name")


def _add_reports(connection: Connection, found: dict[tuple[str, str], Copy]) -> None:
    scope = (sync_reports.c.account, sync_reports.c.facility, sync_reports.c.entity)
    newest = select(*scope, func.max(sync_reports.c.finished_at).label("at")).group_by(*scope).subquery()
    query = select(sync_reports).join(
        newest,
        (sync_reports.c.account == newest.c.account)
        & (sync_reports.c.facility == newest.c.facility)
        & (sync_reports.c.entity == newest.c.entity)
        & (sync_reports.c.finished_at == newest.c.at),
    )
    for row in connection.execute(query):
        line = SyncRow.from_row(row)
        found.setdefault((row.account, row.facility), Copy()).reports[line.scope.entity] = line


def newest_row(database: Database, scope: Scope) -> SyncRow | None:
    """What the last reading of a scope said; None when there was none."""
    mine = (
        sync_reports.c.account == scope.account, sync_reports.c.facility == scope.facility,
        sync_reports.c.entity == scope.entity,
    )  # fmt: skip
    query = select(sync_reports).where(*mine).order_by(sync_reports.c.finished_at.desc()).limit(1)
    with database.read() as connection:
        found = connection.execute(query).first()
        return SyncRow.from_row(found) if found is not None else None


def rows_of_run(database: Database, run: str | None = None) -> tuple[SyncRow, ...]:
    """The lines of a report: the newest run first, each by account, facility and the order in which they ended.

    Args:
        database: Where the mirror is.
        run: A run's id, or how ids begin ("20260930": every run of that day, UTC); None for the last day: the newest
            run, and every one that began within the 24 hours before it.
    """
    begun = sync_reports.c.run_id
    with database.read() as connection:
        wanted = run or connection.execute(select(func.max(begun))).scalar_one()
        if not wanted:
            return ()
        since = wanted if run else _a_day_before(wanted)
        query = select(sync_reports).where(begun >= since, begun <= wanted + _LAST_CHARACTER)
        order = (sync_reports.c.account, sync_reports.c.facility, sync_reports.c.finished_at, sync_reports.c.entity)
        return tuple(SyncRow.from_row(row) for row in connection.execute(query.order_by(begun.desc(), *order)))


def _a_day_before(run_id: str) -> str:
    """How ids begin that are a day older; the id itself when it tells no time."""
    try:
        began = datetime.strptime(run_id.partition("-")[0], RUN_ID_TIME)  # noqa: DTZ007 - compared with its like only
    except ValueError:
        return run_id
    return (began - timedelta(days=1)).strftime(RUN_ID_TIME)
