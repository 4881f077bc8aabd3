"""How stale a facility's data are: the age of its copy, records that nothing renewed, logins without their tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.rental import Rental
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_writes import known_place
from pmsbridge.store.tables import LOGINS, MIRROR, accounts_seen

__all__ = ["LostLogin", "Staleness", "staleness_of"]

_PARTS: Final = (Facility.entity, Unit.entity, Tenant.entity, Rental.entity)


@dataclass(frozen=True, slots=True)
class LostLogin:
    """A login whose tenant is not what it was.

    Attributes:
        login_id: Of the login of the portal's own.
        tenant_id: Whose it was made for.
        contact_id: Of a further contact; empty for the tenant.
        reason: "gone": the back office lists them no more; "archived": it says that they are not active; "merged": the
            record became another; "unknown": no copy ever held them.
        merged_into: The tenant whose record it became; empty otherwise.
        signed_in_at: When it was last used; None for never.
    """

    login_id: str
    tenant_id: str
    contact_id: str
    reason: str
    merged_into: str = ""
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Staleness:
    """What was found at one facility.

    Attributes:
        copied_at: By part ("tenant"), when the copy of it was last read to its end; None for never.
        stale_accounts: Tenants whose account was read before the instant, with when, the oldest first: what a dashboard
            shows of them while the back office is away.
        stale_tenants: Tenants whose record is as it was before the instant, with since when, the oldest first.
        lost_logins: Logins whose tenant is gone, archived, merged or unknown, by tenant id.
    """

    account: str
    facility: str
    copied_at: dict[str, datetime | None]
    stale_accounts: tuple[tuple[str, datetime], ...]
    stale_tenants: tuple[tuple[str, datetime], ...]
    lost_logins: tuple[LostLogin, ...]

    @property
    def oldest_copy_at(self) -> datetime | None:
        """When the oldest part of the copy was read; None where a part never was."""
        read = [at for at in self.copied_at.values() if at is not None]
        return min(read) if len(read) == len(self.copied_at) else None


def staleness_of(database: Database, account: str, facility: str, before: datetime) -> Staleness:
    """Look at one facility; asks the store only.

    Args:
        database: Where.
        account: The configured account.
        facility: The facility's code.
        before: What was read, or became different, before this instant is stale.
    """
    with database.read() as connection:
        place = known_place(connection, account, facility)
        return Staleness(
            account, facility, _copied_at(connection, place), tuple(_accounts(connection, account, facility, before)),
            tuple(_tenants(connection, place, before)),
            tuple(sorted(_lost(connection, account, facility, place), key=lambda one: (one.tenant_id, one.contact_id))),
        )  # fmt: skip


def _copied_at(connection: Connection, place: int | None) -> dict[str, datetime | None]:
    streams = MIRROR.streams
    rows = connection.execute(select(streams.c.entity, streams.c.synced_at).where(streams.c.place == place))
    read: dict[str, datetime | None] = {row.entity: row.synced_at for row in rows}
    return {part: read.get(part) for part in _PARTS}


def _accounts(connection: Connection, account: str, facility: str, before: datetime) -> Iterator[tuple[str, datetime]]:
    seen = accounts_seen.c
    mine = (seen.account == account, seen.facility == facility, seen.as_of < before)
    query = select(seen.tenant_id, seen.as_of).where(*mine).order_by(seen.as_of, seen.tenant_id)
    for row in connection.execute(query):
        yield row.tenant_id, row.as_of


def _tenants(connection: Connection, place: int | None, before: datetime) -> Iterator[tuple[str, datetime]]:
    table = MIRROR.nouns[Tenant.entity].c
    old = (table.place == place, table.deleted_at.is_(None), table.changed_at < before)
    for row in connection.execute(select(table.id, table.changed_at).where(*old).order_by(table.changed_at, table.id)):
        yield row.id, row.changed_at


def _lost(connection: Connection, account: str, facility: str, place: int | None) -> Iterator[LostLogin]:
    logins, ids, tenants = LOGINS.logins, MIRROR.ids, MIRROR.nouns[Tenant.entity]
    records = select(ids.c.key, ids.c.id, ids.c.merged_into).where(ids.c.place == place, ids.c.entity == Tenant.entity)
    by_key: dict[int, Any] = {row.key: row for row in connection.execute(records)}
    by_id = {row.id: row for row in by_key.values()}
    held = select(tenants.c.key, tenants.c.is_active, tenants.c.deleted_at).where(tenants.c.place == place)
    state: dict[int, Any] = {row.key: row for row in connection.execute(held)}
    mine = select(logins).where(logins.c.account == account, logins.c.facility == facility)
    for login in connection.execute(mine):
        record = by_id.get(login.tenant_id)
        reason, into = "unknown", ""
        if record is not None and record.merged_into in by_key:
            reason, into = "merged", by_key[record.merged_into].id
        elif record is not None:
            reason = _reason(state.get(record.key))
        if reason:
            yield LostLogin(
                login.id, login.tenant_id, login.contact_id, reason, merged_into=into,
                signed_in_at=login.signed_in_at,
            )  # fmt: skip


def _reason(record: Any) -> str:  # noqa: ANN401 - a row of tenants, or None
    """Why a login has lost its tenant's record; empty when it has not."""
    if record is None or record.deleted_at is not None:
        return "gone"
    return "archived" if record.is_active is False else ""
