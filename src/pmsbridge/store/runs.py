"""Runs by the clock: one row per name and slot, so that several processes start a night once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, tuple_, update

from pmsbridge.logging import redact
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store.database import Database
from pmsbridge.store.portable import insert_absent, lock_scope, shared_now
from pmsbridge.store.tables import runs

__all__ = ["FULL_SYNC", "HEARD", "Run", "RunState", "Runs"]

FULL_SYNC: Final = "full sync "
"""How names begin of runs by hand that read everything anew; what follows says what they read."""

HEARD: Final = "heard "
"""How names begin of messages of back offices, and of what is read because of them."""

_NEVER: Final = timedelta(days=-1)
_NAMES_AT_ONCE: Final = 200


class RunState(StrEnum):
    """Where a run stands. ``REFUSED`` has failed, too, and fails again until a person acts."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


_FAILED: Final = (RunState.FAILED.value, RunState.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Run:
    """One slot that was started.

    Attributes:
        started_at: When it was last started.
        lease_until: Until when its owner has it, while it runs.
        finished_at: None while it has not ended.
        message: Why it failed; empty for any other.
    """

    name: str
    slot: datetime
    state: RunState
    started_at: datetime
    lease_until: datetime
    finished_at: datetime | None
    message: str


class Runs:
    """Who runs which slot.

    A run holds a lease that it renews; a run whose process died is taken over by whoever ticks the slot again. Leases
    are measured by the server's clock on PostgreSQL: machines whose clocks differ agree on who runs.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def start(
        self,
        name: str,
        slot: datetime,
        owner: str,
        lease: timedelta,
        *,
        night: tuple[datetime, datetime] | None = None,
    ) -> bool:
        """Take a slot; False when it ran, or is running elsewhere.

        Args:
            name: What runs.
            slot: Which one.
            owner: Who takes it.
            lease: How long it stays taken without a beat.
            night: From when to before when another slot is the same night: the time of day may have been set anew, and
                processes with the old one may still be there. None when only the slot itself counts.
        """
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            if night is not None and self._has_run(connection, name, slot, night, now):
                return False
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

    @staticmethod
    def _has_run(
        connection: Connection, name: str, slot: datetime, night: tuple[datetime, datetime], now: datetime
    ) -> bool:
        lock_scope(connection, "run", name)
        since, until = night
        works = and_(runs.c.state == RunState.RUNNING.value, runs.c.lease_until >= now)
        of_the_night = and_(runs.c.name == name, runs.c.slot >= since, runs.c.slot < until, runs.c.slot != slot)
        query = select(runs.c.slot).where(of_the_night, or_(runs.c.state == RunState.DONE.value, works))
        return connection.execute(query).first() is not None

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

    def finish(
        self, name: str, slot: datetime, owner: str, *, error: str = "", a_person_must_act: bool = False
    ) -> None:
        """Close a run; a failed one can be asked for again with ``reopen``."""
        failed = RunState.REFUSED if a_person_must_act else RunState.FAILED
        state = failed if error else RunState.DONE
        with self._database.write() as connection:
            values = {
                "state": state.value, "finished_at": shared_now(connection, self._clock), "message": redact(error),
            }  # fmt: skip
            mine = and_(runs.c.name == name, runs.c.slot == slot, runs.c.owner == owner)
            connection.execute(update(runs).where(mine).values(**values))

    def reopen(self, name: str, slot: datetime, *, failed_before: datetime | None = None, refused: bool = True) -> bool:
        """Let a failed slot be run again; False when there is none such.

        Args:
            name: What ran.
            slot: Which one.
            failed_before: Only one that failed earlier than that, and that may succeed without a person; None for any.
            refused: Also one that fails again until a person acts, and ``failed_before`` is None.
        """
        again: ColumnElement[bool] = runs.c.state.in_(_FAILED if refused else (RunState.FAILED.value,))
        if failed_before is not None:
            again = and_(runs.c.state == RunState.FAILED.value, runs.c.finished_at < failed_before)
        with self._database.write() as connection:
            past = shared_now(connection, self._clock) + _NEVER
            changed = connection.execute(
                update(runs)
                .where(runs.c.name == name, runs.c.slot == slot, again)
                .values(state=RunState.RUNNING.value, owner="", lease_until=past)
                .returning(runs.c.name)
            )
            return changed.first() is not None

    def note(self, name: str, slot: datetime, owner: str) -> None:
        """Write down something that was done by hand, as a run that came to its end."""
        if self.start(name, slot, owner, timedelta(0)):
            self.finish(name, slot, owner)

    def forget_after(self, names: Iterable[str], instant: datetime) -> int:
        """Drop what was started, or was to be started, later than an instant: a clock was ahead; returns how many."""
        ahead = or_(runs.c.started_at > instant, runs.c.slot > instant)
        with self._database.write() as connection:
            gone = connection.execute(delete(runs).where(runs.c.name.in_(tuple(names)), ahead).returning(runs.c.slot))
            return len(gone.all())

    # -- reading -------------------------------------------------------------------------------------------------------

    def newest(self, name: str) -> Run | None:
        """The run of the newest slot; None when there is none."""
        query = select(runs).where(runs.c.name == name).order_by(runs.c.slot.desc()).limit(1)
        with self._database.read() as connection:
            found = connection.execute(query).first()
            return _run(found) if found is not None else None

    def standing(self, slots: Mapping[str, datetime]) -> dict[str, Run]:
        """By name, how a slot of it stands; who was never started is not among them."""
        wanted, found = list(slots.items()), dict[str, Run]()
        with self._database.read() as connection:
            for at in range(0, len(wanted), _NAMES_AT_ONCE):
                some = wanted[at : at + _NAMES_AT_ONCE]
                query = select(runs).where(tuple_(runs.c.name, runs.c.slot).in_(some))
                found.update({row.name: _run(row) for row in connection.execute(query)})
        return found

    def since(self, name: str, slot: datetime) -> tuple[Run, ...]:
        """The runs of a name from a slot on, oldest first."""
        query = select(runs).where(runs.c.name == name, runs.c.slot >= slot).order_by(runs.c.slot)
        with self._database.read() as connection:
            return tuple(_run(row) for row in connection.execute(query))

    def first_slot(self, name: str) -> datetime | None:
        """The oldest slot that was ever started; None when none was."""
        query = select(func.min(runs.c.slot)).where(runs.c.name == name)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

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
            query = select(runs.c.slot).where(runs.c.name == name, or_(died, runs.c.state.in_(_FAILED)))
            return tuple(connection.execute(query.order_by(runs.c.slot)).scalars())


def _run(row: Row[Any]) -> Run:
    return Run(
        row.name, row.slot, RunState(row.state), row.started_at, row.lease_until, row.finished_at, row.message
    )  # fmt: skip
