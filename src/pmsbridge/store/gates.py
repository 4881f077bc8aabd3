"""The gate of an account, shared by all processes and machines that use one database.

One row per lane says who is inside, who waits and when the next may start. A slot of a process that died is free after
its lease. On PostgreSQL the database's clock rules, so machines need not agree on the time; processes that share a
SQLite file are on one machine.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select, update

from pmsbridge.ports.calls import Admitted, CallAsk, GateAnswer, MonthSpent, NotYet
from pmsbridge.ports.turns import Line, document_of, left, line_of, renewed, turn
from pmsbridge.store.call_counts import count_calls
from pmsbridge.store.database import Database
from pmsbridge.store.portable import database_now, insert_absent
from pmsbridge.store.tables import gates

__all__ = ["DatabaseGate"]


class DatabaseGate:
    """Where callers of a lane take turns; every answer is one short transaction, none is open during a call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        """Take a slot, count the call and start the spacing, in one transaction; never waits for a slot.

        Raises:
            UnavailableError: The database cannot be used now. No slot is taken, or it is free again after the lease.
        """
        still = self._look(ask) if again else None
        if still is not None:
            return still
        with self._database.write() as connection:
            line, now = _locked(connection, ask.lane)
            after, wait = turn(line, ask, now)
            calls = _count(connection, ask) if wait is None else None
            if wait is None and calls is None:
                return MonthSpent()
            _put(connection, ask.lane, after)
            return wait or Admitted(calls or 0)

    def renew(self, ask: CallAsk) -> None:
        """Hold the slot for one more lease from now; nothing when it is held no more.

        Raises:
            UnavailableError: The database cannot be used now; the lease runs on.
        """
        with self._database.write() as connection:
            line, now = _locked(connection, ask.lane)
            _put(connection, ask.lane, renewed(line, ask, now))

    def leave(self, ask: CallAsk) -> None:
        """Give the slot, or the place in the line, back. Idempotent.

        Raises:
            UnavailableError: The database cannot be used now; the slot is free after its lease.
        """
        with self._database.write() as connection:
            line, _ = _locked(connection, ask.lane)
            _put(connection, ask.lane, left(line, ask))

    def line(self, lane: str) -> Line:
        """Who is inside and who waits now, for whoever wants to look."""
        with self._database.read() as connection:
            return _read(connection, lane, for_update=False) or Line()

    def _look(self, ask: CallAsk) -> NotYet | None:
        """Whether there is still nothing to be had, by reading alone; None when it is worth a transaction."""
        with self._database.read() as connection:
            line = _read(connection, ask.lane, for_update=False) or Line()
            now = database_now(connection).timestamp()
        _, wait = turn(line, ask, now)
        return wait if line.keeps_place(ask, now) else None


def _count(connection: Connection, ask: CallAsk) -> int | None:
    return count_calls(connection, ask.counted_as, ask.month, 1, refused_beyond=ask.refused_beyond)


def _locked(connection: Connection, lane: str) -> tuple[Line, float]:
    """The line, held until the transaction ends, and the instant after it was had."""
    line = _read(connection, lane, for_update=True)
    if line is None:
        insert_absent(connection, gates, [{"lane": lane, "doc": _text(Line())}])
        line = _read(connection, lane, for_update=True) or Line()
    return line, database_now(connection).timestamp()


def _read(connection: Connection, lane: str, *, for_update: bool) -> Line | None:
    wanted = select(gates.c.doc).where(gates.c.lane == lane)
    text = connection.execute(wanted.with_for_update() if for_update else wanted).scalar_one_or_none()
    return None if text is None else line_of(json.loads(text))


def _put(connection: Connection, lane: str, line: Line) -> None:
    connection.execute(update(gates).where(gates.c.lane == lane).values(doc=_text(line)))


def _text(line: Line) -> str:
    return json.dumps(document_of(line), separators=(",", ":"))
