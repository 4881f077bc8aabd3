"""Room for what comes: what is held of people for a while goes when its time is over, whoever comes next or does not.

Links, attempts and quotes also go with the next of their kind. Where nobody signs in or pays any more, only this takes
the last ones away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Table, delete, exists, func, or_, select

from pmsbridge.model.people import Tenant
from pmsbridge.store.database import Database
from pmsbridge.store.holds import is_held
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import LOGINS, MIRROR, accounts_seen, quotes, watched_tenants

__all__ = ["Passed", "PersonRoom"]

_links, _attempts, _logins = LOGINS.links, LOGINS.attempts, LOGINS.logins
_AT_ONCE: Final = 500
_LINK_KEPT: Final = timedelta(days=30)
_QUOTE_KEPT: Final = timedelta(days=1)
_WATCHED_FOR: Final = timedelta(days=90)
"""For so long after somebody's last visit their account is refreshed by night."""


@dataclass(frozen=True, slots=True)
class Passed:
    """How many rows went."""

    links: int = 0
    attempts: int = 0
    quotes: int = 0
    watched: int = 0
    account_copies: int = 0

    @property
    def any(self) -> bool:
        """Whether one went."""
        return self != Passed()


class PersonRoom:
    """Drops what is held of people for longer than it is of use; nothing of whom a legal hold protects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, now: datetime, *, attempts_within: timedelta) -> Passed:
        """Drop what is old, some rows per transaction; any number of processes may do so at once.

        Args:
            now: The time.
            attempts_within: For how long a failed attempt counts.

        Raises:
            UnavailableError: The database cannot be used now; the rest goes next time.
        """
        long_ago = now - _WATCHED_FOR
        with self._database.read() as connection:
            login_held, quote_held, copy_held = (is_held(connection, each) for each in (_logins, quotes, accounts_seen))
        held_links = _links.c.login_id.in_(select(_logins.c.id).where(login_held))
        return Passed(
            links=self._links(now - _LINK_KEPT, ~held_links),
            attempts=self._gone(_attempts, _attempts.c.since <= now - attempts_within),
            quotes=self._gone(quotes, quotes.c.valid_until < now - _QUOTE_KEPT, ~quote_held),
            account_copies=self._account_copies(long_ago, ~copy_held),
            watched=self._gone(watched_tenants, watched_tenants.c.asked_at < long_ago),
        )

    def _links(self, before: datetime, may_go: ColumnElement[bool]) -> int:
        """Those that ended, or could not be used any more; the newest of a login stays and tells what became of it."""
        newer = _links.alias()
        has_newer = exists().where(
            newer.c.login_id == _links.c.login_id, newer.c.purpose == _links.c.purpose,
            or_(newer.c.made_at > _links.c.made_at, (newer.c.made_at == _links.c.made_at) & (newer.c.id < _links.c.id)),
        )  # fmt: skip
        last = func.coalesce(_links.c.ended_at, _links.c.expires_at, _links.c.made_at)
        return self._gone(_links, last < before, has_newer, may_go)

    def _account_copies(self, before: datetime, may_go: ColumnElement[bool]) -> int:
        """Of tenants whom nobody looked up for long, and of whom the back office can be asked anew."""
        places, tenants = MIRROR.places, MIRROR.nouns[Tenant.entity]
        mine = accounts_seen.c
        is_watched = exists().where(
            watched_tenants.c.account == mine.account, watched_tenants.c.facility == mine.facility,
            watched_tenants.c.tenant_id == mine.tenant_id, watched_tenants.c.asked_at >= before,
        )  # fmt: skip
        is_listed = exists().where(
            places.c.account == mine.account, places.c.facility == mine.facility, tenants.c.place == places.c.place,
            tenants.c.id == mine.tenant_id, tenants.c.deleted_at.is_(None),
        )  # fmt: skip
        return self._gone(accounts_seen, mine.as_of < before, ~is_watched, is_listed, may_go)

    def _gone(self, table: Table, *which: ColumnElement[bool]) -> int:
        """Take rows away by their keys, as long as there are any; asked without a lock first."""
        keys = list(table.primary_key.columns)
        some = select(*keys).where(*which).limit(_AT_ONCE)
        total = 0
        while True:
            with self._database.read() as connection:
                if connection.execute(some.limit(1)).first() is None:
                    return total
            with self._database.write() as connection:
                lock_scope(connection, "person room")
                rows = connection.execute(some).all()
                for row in rows:
                    mine = (key == value for key, value in zip(keys, row, strict=True))
                    total += connection.execute(delete(table).where(*mine, *which)).rowcount
