"""Vendor calls per lane and month, counted over all processes."""

from __future__ import annotations

from sqlalchemy import select, update

from pmsbridge.store.database import Database
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.tables import call_counts

__all__ = ["DatabaseCallCounter"]


class DatabaseCallCounter:
    """A call counter that several processes share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lane: str, month: str, calls: int) -> int:
        """Add ``calls`` (may be negative) to ``month`` ("2026-05") of ``lane``; return the new total."""
        row = (call_counts.c.lane == lane, call_counts.c.month == month)
        with self._database.write() as connection:
            insert_absent(connection, call_counts, [{"lane": lane, "month": month, "calls": 0}])
            total: int = connection.execute(
                update(call_counts).where(*row).values(calls=call_counts.c.calls + calls).returning(call_counts.c.calls)
            ).scalar_one()
            return total

    def total(self, lane: str, month: str) -> int:
        """Calls made so far."""
        row = (call_counts.c.lane == lane, call_counts.c.month == month)
        with self._database.read() as connection:
            return connection.execute(select(call_counts.c.calls).where(*row)).scalar_one_or_none() or 0
