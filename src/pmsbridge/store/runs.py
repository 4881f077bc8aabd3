"""Runs by the clock: one row per name and slot, so that several processes start a night once."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import and_, func, or_, select, update

from pmsbridge.logging import redact
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store.database import Database
from pmsbridge.store.portable import insert_absent, shared_now
from pmsbridge.store.tables import runs

__all__ = ["RunState", "Runs"]

_NEVER: Final = timedelta(days=-1)


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Runs:
    """Who runs which slot.

    A run holds a lease that it renews; a run whose process died is taken over by whoever ticks the slot again. Leases
    are measured by the server's clock on PostgreSQL: machines whose clocks differ agree on who runs.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def start(self, name: str, slot: datetime, owner: str, lease: timedelta) -> bool:
        """Take a slot; False when it ran, or is running elsewhere."""
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            blank = {
                "name": name, "slot": slot, "state": RunState.RUNNING.value, "owner": "", "started_at": now,
                "lease_until": now + _NEVER,
            }  # fmt: skip
            insert_absent(connection, runs, [blank])
            is_free = and_(runs.c.state == RunState.RUNNING.value, runs.c.lease_until < now)
            taken = connection.execute(
                update(runs)
                .where(runs.c.name == name, runs.c.slot == slot, is_free)
                .values(owner=owner, started_at=now, lease_until=now + lease)
                .returning(runs.c.name)
            )
            return taken.first() is not None

    def beat(self, name: str, slot: datetime, owner: str, lease: timedelta) -> bool:
        """Renew the lease of a running run; False when somebody else has taken it over: stop."""
        with self._database.write() as connection:
            mine = and_(runs.c.name == name, runs.c.slot == slot, runs.c.owner == owner)
            until = shared_now(connection, self._clock) + lease
            kept = connection.execute(update(runs).where(mine).values(lease_until=until).returning(runs.c.name))
            return kept.first() is not None

    def let_go(self, owner: str) -> int:
        """End the leases of an owner whose process ends now, so that others take its runs over; returns how many."""
        mine = and_(runs.c.owner == owner, runs.c.state == RunState.RUNNING.value)
        with self._database.write() as connection:
            past = self._clock.now() + _NEVER
            changed = connection.execute(update(runs).where(mine).values(lease_until=past).returning(runs.c.name))
            return len(changed.all())

    def finish(self, name: str, slot: datetime, owner: str, *, error: str = "") -> None:
        """Close a run; a failed one can be asked for again with ``reopen``."""
        state = RunState.FAILED if error else RunState.DONE
        with self._database.write() as connection:
            values = {
                "state": state.value, "finished_at": shared_now(connection, self._clock), "message": redact(error),
            }  # fmt: skip
            mine = and_(runs.c.name == name, runs.c.slot == slot, runs.c.owner == owner)
            connection.execute(update(runs).where(mine).values(**values))

    def reopen(self, name: str, slot: datetime) -> bool:
        """Let a failed slot be run again; False when it did not fail."""
        with self._database.write() as connection:
            failed = and_(runs.c.name == name, runs.c.slot == slot, runs.c.state == RunState.FAILED.value)
            past = shared_now(connection, self._clock) + _NEVER
            changed = connection.execute(
                update(runs)
                .where(failed)
                .values(state=RunState.RUNNING.value, owner="", lease_until=past)
                .returning(runs.c.name)
            )
            return changed.first() is not None

    def last_success(self, name: str) -> datetime | None:
        """The newest slot that was run to its end; None when there is none."""
        query = select(func.max(runs.c.slot)).where(runs.c.name == name, runs.c.state == RunState.DONE.value)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def unfinished(self, name: str) -> tuple[datetime, ...]:
        """Slots whose process died or that failed, oldest first."""
        with self._database.read() as connection:
            now = shared_now(connection, self._clock)
            died = and_(runs.c.state == RunState.RUNNING.value, runs.c.lease_until < now)
            query = select(runs.c.slot).where(runs.c.name == name, or_(died, runs.c.state == RunState.FAILED.value))
            return tuple(connection.execute(query.order_by(runs.c.slot)).scalars())
