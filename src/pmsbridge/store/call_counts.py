"""Vendor calls per lane and month, counted over all processes."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from pmsbridge.store.database import Database
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.tables import call_counts

__all__ = ["DatabaseCallCounter", "count_calls"]


class DatabaseCallCounter:
    """Calls of a month, to be looked at and to be put right; the gate counts them as they are made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lane: str, month: str, calls: int) -> int:
        """Add ``calls`` (may be negative) to ``month`` ("2026-05") of ``lane``; return the new total."""
        with self._database.write() as connection:
            return count_calls(connection, lane, month, calls) or 0

    def total(self, lane: str, month: str) -> int:
        """Calls made so far."""
        row = (call_counts.c.lane == lane, call_counts.c.month == month)
        with self._database.read() as connection:
            return connection.execute(select(call_counts.c.calls).where(*row)).scalar_one_or_none() or 0


def count_calls(
    connection: Connection, lane: str, month: str, calls: int, *, refused_beyond: int | None = None
) -> int | None:
    """Add ``calls`` to a month, exactly, whoever else does so at once.

    Args:
        connection: An open write transaction.
        lane: Under which name they count.
        month: "2026-05".
        calls: How many; may be negative.
        refused_beyond: The most the total may become; None for no bound.

    Returns:
        The new total; None when it would pass the bound, and nothing was added.
    """
    total = call_counts.c.calls + calls
    row = [call_counts.c.lane == lane, call_counts.c.month == month]
    if refused_beyond is not None:
        row.append(total <= refused_beyond)
    added = update(call_counts).where(*row).values(calls=total).returning(call_counts.c.calls)
    found: int | None = connection.execute(added).scalar_one_or_none()
    if found is None:
        insert_absent(connection, call_counts, [{"lane": lane, "month": month, "calls": 0}])
        found = connection.execute(added).scalar_one_or_none()
    return found
