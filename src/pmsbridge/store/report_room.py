"""Room for what comes: lines of old reports and old runs are dropped, and what they said last is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, delete, exists, or_, select, tuple_

from pmsbridge.store.database import Database
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.runs import FULL_SYNC, HEARD, RunState
from pmsbridge.store.tables import runs, sync_reports

__all__ = ["KEPT_FOR", "Forgotten", "ReportRoom"]

KEPT_FOR: Final = timedelta(days=90)
"""How long the lines of a report, and runs, are kept after their end."""

_AT_ONCE: Final = 1000
_LINE: Final = (sync_reports.c.run_id, sync_reports.c.account, sync_reports.c.facility, sync_reports.c.entity)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows went."""

    reports: int = 0
    runs: int = 0


class ReportRoom:
    """Drops old rows of reports and runs.

    The newest line of every scope is kept apart, and the newest good run of every name is left: how old a copy is, what
    failed last and when a night was last good is told however long ago it was.
    """

    def __init__(self, database: Database, kept_for: timedelta = KEPT_FOR) -> None:
        self._database, self._kept_for = database, kept_for

    def make(self, now: datetime) -> Forgotten:
        """Drop what is old, a thousand rows per transaction; any number of processes may do so at once.

        Raises:
            UnavailableError: The database cannot be used now; the rest goes next time.
        """
        before = now - self._kept_for
        return Forgotten(self._reports(before), self._runs(before))

    def _reports(self, before: datetime) -> int:
        old = select(*_LINE).where(sync_reports.c.finished_at < before)
        total = 0
        while self._is_there(old):
            with self._database.write() as connection:
                lock_scope(connection, "report room")
                some = connection.execute(old.order_by(sync_reports.c.finished_at).limit(_AT_ONCE))
                rows = [tuple(row) for row in some]
                connection.execute(delete(sync_reports).where(tuple_(*_LINE).in_(rows)))
            total += len(rows)
        return total

    def _runs(self, before: datetime) -> int:
        newer = runs.alias()
        has_newer = exists().where(
            newer.c.name == runs.c.name, newer.c.slot > runs.c.slot, newer.c.state == RunState.DONE.value
        )
        by_name = (runs.c.name.startswith(begins, autoescape=True) for begins in (FULL_SYNC, HEARD))
        goes = or_(has_newer, *by_name)
        old = select(runs.c.name, runs.c.slot).where(and_(runs.c.slot < before, goes))
        total = 0
        while self._is_there(old):
            with self._database.write() as connection:
                lock_scope(connection, "report room")
                rows = [tuple(row) for row in connection.execute(old.order_by(runs.c.slot).limit(_AT_ONCE))]
                connection.execute(delete(runs).where(tuple_(runs.c.name, runs.c.slot).in_(rows)))
            total += len(rows)
        return total

    def _is_there(self, old: Select[Any]) -> bool:
        """Asked without a lock: on most nights there is nothing to do."""
        with self._database.read() as connection:
            return connection.execute(old.limit(1)).first() is not None
