"""What back offices have said that changed: each message once, and what is still to be read because of it.

Both are rows of the runs: a message is a run that is over, and what is to be read is one that waits for somebody to
take it. It is taken under a lease, so that a process that dies leaves it to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from pmsbridge.logging import redact
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store.database import Database
from pmsbridge.store.portable import insert_absent, lock_scope, shared_now
from pmsbridge.store.runs import HEARD, RunState
from pmsbridge.store.tables import runs

__all__ = ["HeardMessages", "ToRead", "Waiting", "readings_of_accounts"]

_LONGEST_NAME: Final = 200
_MESSAGE: Final = f"{HEARD}message "
_READ: Final = f"{HEARD}read "
_ACCOUNT: Final = "account"
_LEAST: Final = timedelta(microseconds=1)
_PAST: Final = timedelta(days=-1)


@dataclass(frozen=True, slots=True, order=True)
class ToRead:
    """What is to be read anew.

    Attributes:
        account: The configured account.
        facility: The facility's code.
        what: An entity ("rentals"), or "account" for one tenant's account.
        tenant_id: Whose account; empty for an entity.
        whole: Everything of the entity, not only what changed.
    """

    account: str
    facility: str
    what: str
    tenant_id: str = ""
    whole: bool = False

    @classmethod
    def of_account(cls, account: str, facility: str, tenant_id: str) -> ToRead:
        """One tenant's account."""
        return cls(account, facility, _ACCOUNT, tenant_id)

    @property
    def is_account(self) -> bool:
        """Whether it is one tenant's account, and not all of an entity."""
        return self.what == _ACCOUNT

    @property
    def name(self) -> str:
        """As it is kept: "main/L001/rentals"."""
        tail = f"/{self.tenant_id}" if self.tenant_id else "/" if self.whole else ""
        return f"{self.account}/{self.facility}/{self.what}{tail}"

    @property
    def fits(self) -> bool:
        """Whether it can be kept: an id of hundreds of characters cannot."""
        return len(_READ) + len(self.name) <= _LONGEST_NAME

    @classmethod
    def named(cls, name: str) -> ToRead:
        """From what was kept."""
        account, facility, what, *rest = name.split("/", 3)
        return cls(account, facility, what, "".join(rest), whole=rest == [""])


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something to be read, for one or several messages.

    Attributes:
        what: What it is.
        slots: When it was asked for, the oldest first.
        broke_off_at: When somebody last tried to read it, and ended before its end; None while nobody has.
    """

    what: ToRead
    slots: tuple[datetime, ...]
    broke_off_at: datetime | None = None


class HeardMessages:
    """Messages, and what waits to be read because of them. Leases go by the database's clock where it has one."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def note(self, account: str, key: str, wanted: Iterable[ToRead]) -> bool:
        """Write a message down, and what is to be read because of it, in one transaction.

        Args:
            account: Whose message.
            key: What tells it from others; empty when nothing does: such a message always counts as new.
            wanted: What is to be read.

        Returns:
            False when it was heard before: nothing was written.
        """
        with self._database.write() as connection:
            lock_scope(connection, "heard", account)
            now = shared_now(connection, self._clock)
            name = f"{_MESSAGE}{account}/{key}"
            known = select(runs.c.name).where(runs.c.name == name).limit(1)
            if key and connection.execute(known).first() is not None:
                return False
            over = {"state": RunState.DONE.value, "owner": "", "started_at": now, "lease_until": now}
            if key:
                insert_absent(connection, runs, [{"name": name, "slot": now, **over, "finished_at": now}])
            free = {"state": RunState.RUNNING.value, "owner": "", "started_at": now, "lease_until": now + _PAST}
            names = [f"{_READ}{each.name}" for each in sorted(set(wanted))]
            slots = _slots(connection, names, now)
            insert_absent(connection, runs, [{"name": name, "slot": slots[name], **free} for name in names])
            return True

    def waiting(self) -> list[Waiting]:
        """What nobody has taken, that which waits longest first."""
        latest = func.max(runs.c.lease_until)
        mine = and_(runs.c.name.startswith(_READ, autoescape=True), runs.c.state == RunState.RUNNING.value)
        with self._database.read() as connection:
            now = shared_now(connection, self._clock)
            free = select(runs.c.name).where(mine).group_by(runs.c.name).having(latest < now)
            columns = (runs.c.name, runs.c.slot, runs.c.finished_at)
            query = select(*columns).where(mine, runs.c.name.in_(free)).order_by(runs.c.slot)
            found: dict[str, list[tuple[datetime, datetime | None]]] = {}
            for name, *slot in connection.execute(query):
                found.setdefault(name, []).append((slot[0], slot[1]))
        return [_waiting(name, slots) for name, slots in found.items()]

    def take(self, waiting: Waiting, owner: str, lease: timedelta) -> bool:
        """Take something to be read; False when somebody else has it, any slot of it, or had it."""
        with self._database.write() as connection:
            # Two that saw different slots of the same would else each take some of them.
            lock_scope(connection, "heard", waiting.what.account)
            now = shared_now(connection, self._clock)
            same = and_(runs.c.name == _name_of(waiting), runs.c.state == RunState.RUNNING.value)
            if connection.execute(select(runs.c.slot).where(same, runs.c.lease_until >= now).limit(1)).first():
                return False
            free = and_(_of(waiting), runs.c.lease_until < now)
            values = {"owner": owner, "started_at": now, "lease_until": now + lease}
            return (
                connection.execute(update(runs).where(free).values(**values).returning(runs.c.name)).first() is not None
            )

    def keep(self, waiting: Waiting, owner: str, lease: timedelta) -> bool:
        """Renew the lease; False when it is lost."""
        with self._database.write() as connection:
            until = shared_now(connection, self._clock) + lease
            mine = and_(_of(waiting), runs.c.owner == owner)
            return connection.execute(
                update(runs).where(mine).values(lease_until=until).returning(runs.c.name)
            ).first() is not None  # fmt: skip

    def done(self, waiting: Waiting, owner: str, *, error: str = "") -> None:
        """It was read, or with an error: is given up. What was asked for meanwhile still waits."""
        state = RunState.FAILED if error else RunState.DONE
        with self._database.write() as connection:
            values = {
                "state": state.value,
                "finished_at": shared_now(connection, self._clock),
                "message": redact(error),
            }
            connection.execute(update(runs).where(_of(waiting), runs.c.owner == owner).values(**values))

    def put_off(
        self, waiting: Waiting, owner: str, wait: timedelta, *, error: str = "", broke_off_at: datetime | None = None
    ) -> None:
        """Let somebody try again after a while.

        Args:
            waiting: What was taken.
            owner: By whom.
            wait: For how long nobody takes it.
            error: Why.
            broke_off_at: When a reading of it ended before its end, by the clock of whoever read; None when none was
                tried, which forgets no earlier one.
        """
        with self._database.write() as connection:
            until = shared_now(connection, self._clock) + wait
            values: dict[str, object] = {"owner": "", "lease_until": until, "message": redact(error)}
            if broke_off_at is not None:
                values["finished_at"] = broke_off_at
            connection.execute(update(runs).where(_of(waiting), runs.c.owner == owner).values(**values))


def _slots(connection: Connection, names: Sequence[str], now: datetime) -> dict[str, datetime]:
    """A slot for each that no earlier message had: clocks stand still, and go back."""
    query = select(runs.c.name, func.max(runs.c.slot)).where(runs.c.name.in_(names)).group_by(runs.c.name)
    newest: dict[str, datetime] = {row[0]: row[1] for row in connection.execute(query)}
    return {name: max(now, newest[name] + _LEAST) if name in newest else now for name in names}


def _waiting(name: str, slots: Sequence[tuple[datetime, datetime | None]]) -> Waiting:
    ends = [ended for _, ended in slots if ended is not None]
    what = ToRead.named(name.removeprefix(_READ))
    return Waiting(what, tuple(slot for slot, _ in slots), max(ends, default=None))


def readings_of_accounts(account: str, facility: str, tenant_ids: Iterable[str]) -> ColumnElement[bool]:
    """Rows that say that these tenants' accounts are, or were, to be read because of a message."""
    return runs.c.name.in_([f"{_READ}{ToRead.of_account(account, facility, each).name}" for each in tenant_ids])


def _name_of(waiting: Waiting) -> str:
    return f"{_READ}{waiting.what.name}"


def _of(waiting: Waiting) -> ColumnElement[bool]:
    return and_(
        runs.c.name == _name_of(waiting), runs.c.slot.in_(waiting.slots), runs.c.state == RunState.RUNNING.value
    )
