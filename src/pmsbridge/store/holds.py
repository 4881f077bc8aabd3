"""Legal holds: whose data nobody may erase, until somebody lifts it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, false, or_, select

from pmsbridge.errors import IneligibleError
from pmsbridge.ports.clock import Clock
from pmsbridge.store.database import Database
from pmsbridge.store.person import ids_of
from pmsbridge.store.portable import lock_scope, put
from pmsbridge.store.tables import holds

__all__ = ["Hold", "Holds", "holds_at", "is_held", "refuse_held"]

_ALL: Final = select(holds).order_by(holds.c.since, holds.c.account, holds.c.facility, holds.c.tenant_id)


@dataclass(frozen=True, slots=True)
class Hold:
    """One tenant whose data stay.

    Attributes:
        reason: In the words of whoever put it there.
        actor: Who did.
        since: When.
    """

    account: str
    facility: str
    tenant_id: str
    reason: str
    actor: str
    since: datetime


class Holds:
    """Legal holds of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def put(self, account: str, facility: str, tenant_id: str, *, reason: str, actor: str) -> None:
        """Hold a tenant's data, known or not; saying the same once more changes nothing.

        Whoever is being erased at this moment is erased first: the hold waits for that.

        Raises:
            IneligibleError: A hold stands for another reason ("held_already"): lifting one must not end the other.
        """
        row = {
            "account": account, "facility": facility, "tenant_id": tenant_id, "reason": reason, "actor": actor,
            "since": self._clock.now(),
        }  # fmt: skip
        with self._database.write() as connection:
            lock_scope(connection, "tenant", account, facility, tenant_id)
            mine = (holds.c.account == account, holds.c.facility == facility, holds.c.tenant_id == tenant_id)
            stands = connection.execute(select(holds).where(*mine)).first()
            if stands is None:
                put(connection, holds, [row])
            elif stands.reason != reason:
                message = f"A legal hold stands since {stands.since.date()} for another reason."
                raise IneligibleError(
                    message, code="held_already", unblock="Lift it, then put one that names both reasons."
                )

    def lift(self, account: str, facility: str, tenant_id: str) -> bool:
        """Take a hold away; whether there was one."""
        mine = (holds.c.account == account, holds.c.facility == facility, holds.c.tenant_id == tenant_id)
        with self._database.write() as connection:
            return connection.execute(delete(holds).where(*mine)).rowcount == 1

    def all(self) -> tuple[Hold, ...]:
        """Every hold, the oldest first."""
        with self._database.read() as connection:
            return tuple(_hold(row) for row in connection.execute(_ALL))


def holds_at(connection: Connection, account: str, facility: str) -> tuple[Hold, ...]:
    """Holds on tenants of a facility, the oldest first."""
    here = _ALL.where(holds.c.account == account, holds.c.facility == facility)
    return tuple(_hold(row) for row in connection.execute(here))


def is_held(connection: Connection, table: Table) -> ColumnElement[bool]:
    """Which rows of a table with account, facility and tenant id are of people under a hold, by any id of theirs."""
    columns = table.c
    held = (
        and_(
            columns.account == each.account,
            columns.facility == each.facility,
            columns.tenant_id.in_(ids_of(connection, each.account, each.facility, each.tenant_id)),
        )
        for each in (_hold(row) for row in connection.execute(_ALL).all())
    )
    return or_(false(), *held)


def refuse_held(connection: Connection, account: str, facility: str, tenant_ids: Collection[str]) -> None:
    """Refuse to erase whom a hold protects.

    Raises:
        IneligibleError: One does ("legal_hold").
    """
    for found in holds_at(connection, account, facility):
        if found.tenant_id not in tenant_ids:
            continue
        message = f"A legal hold keeps these data since {found.since.date()}."
        raise IneligibleError(message, code="legal_hold", unblock="Have whoever put it there lift it; then erase.")


def _hold(row: Row[Any]) -> Hold:
    return Hold(row.account, row.facility, row.tenant_id, row.reason, row.actor, row.since)
