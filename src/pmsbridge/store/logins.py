"""Who may sign in, the links mailed to them, and how often somebody tried in vain."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from pmsbridge.model.portal_accounts import AccessLevel, SignInState
from pmsbridge.ports.clock import Clock
from pmsbridge.store.database import Database
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import LOGINS

__all__ = ["Login", "Logins"]

_logins, _links, _attempts = LOGINS
_TOKEN_BYTES: Final = 32
_KEPT: Final = timedelta(days=30)
"""How long an ended link is remembered."""


@dataclass(frozen=True, slots=True)
class Login:
    """One person's way into a portal.

    Attributes:
        contact_id: Of a further contact; empty for the tenant.
        name: The e-mail address it is signed in with, in lower case.
        phone: Digits that it may be signed in with too; empty for none.
        password: The salted hash; empty while there is none.
        permissions: Sections that a further contact may use.
        steps: Steps of a first visit that are done.
        opened_at: When the last invitation was first used.
    """

    id: str
    account: str
    facility: str
    tenant_id: str
    contact_id: str
    name: str
    phone: str
    password: str
    state: SignInState
    access: AccessLevel
    permissions: frozenset[str]
    steps: frozenset[str]
    invited_at: datetime | None
    opened_at: datetime | None
    claimed_at: datetime | None
    signed_in_at: datetime | None


class Logins:
    """Logins, links and attempts of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- logins --------------------------------------------------------------------------------------------------------

    def get(self, login_id: str) -> Login | None:
        """The login of that id."""
        return self._one(_logins.c.id == login_id)

    def of_person(self, account: str, facility: str, tenant_id: str, contact_id: str = "") -> Login | None:
        """The login of a tenant, or of a further contact."""
        return self._one(
            *_place(account, facility), _logins.c.tenant_id == tenant_id, _logins.c.contact_id == contact_id
        )

    def called(self, account: str, facility: str, name: str, *, digits: str = "") -> Login | None:
        """The login of an e-mail address, or of phone digits; None where several people have the same number."""
        wanted = _logins.c.name == name.casefold()
        if digits:
            wanted = or_(wanted, _logins.c.phone == digits)
        return self._one(*_place(account, facility), wanted)

    def _one(self, *where: Any) -> Login | None:
        with self._database.read() as connection:
            rows = connection.execute(select(_logins).where(*where).limit(2)).all()
        return _login(rows[0]) if len(rows) == 1 else None

    def keep(self, account: str, facility: str, tenant_id: str, contact_id: str, **values: Any) -> Login:
        """Make a login, or change the one that this person has.

        Raises:
            LookupError: Somebody else signs in with that address.
        """
        name = str(values["name"]).casefold()
        with self._database.write() as connection:
            lock_scope(connection, "login", account, facility, name, tenant_id)
            taken = connection.execute(
                select(_logins).where(*_place(account, facility), _logins.c.name == name)
            ).first()
            if taken is not None and (taken.tenant_id, taken.contact_id) != (tenant_id, contact_id):
                raise LookupError
            person = (*_place(account, facility), _logins.c.tenant_id == tenant_id, _logins.c.contact_id == contact_id)
            known = connection.execute(select(_logins.c.id).where(*person)).scalar_one_or_none()
            if known is None:
                known = f"lgn_{secrets.token_hex(12)}"
                connection.execute(insert(_logins).values(**_new(known, account, facility, tenant_id, contact_id)))
            connection.execute(update(_logins).where(_logins.c.id == known).values(**{**values, "name": name}))
            return _login(connection.execute(select(_logins).where(_logins.c.id == known)).one())

    def change(self, login_id: str, **values: Any) -> None:
        """Write some columns of a login."""
        with self._database.write() as connection:
            connection.execute(update(_logins).where(_logins.c.id == login_id).values(**values))

    def change_open(self, login_id: str, **values: Any) -> bool:
        """Write some columns of a login that is not locked; False when it is, or is gone."""
        is_open = (_logins.c.id == login_id, _logins.c.state != SignInState.LOCKED.value)
        with self._database.write() as connection:
            written = connection.execute(update(_logins).where(*is_open).values(**values).returning(_logins.c.id))
            return written.first() is not None

    def add_step(self, login_id: str, name: str) -> None:
        """A step of a first visit is done, beside those that are done at the same moment."""
        mine = _logins.c.id == login_id
        with self._database.write() as connection:
            lock_scope(connection, "login steps", login_id)
            done = connection.execute(select(_logins.c.steps).where(mine)).scalar_one_or_none()
            connection.execute(update(_logins).where(mine).values(steps=sorted({*(done or ()), name})))

    # -- links ---------------------------------------------------------------------------------------------------------

    def make_link(self, login_id: str, purpose: str, lives: timedelta) -> str:
        """A link without a token yet; whatever was mailed before for this purpose is dead."""
        made, now = f"lnk_{secrets.token_hex(12)}", self._clock.now()
        with self._database.write() as connection:
            connection.execute(delete(_links).where(_links.c.ended_at < now - _KEPT))
            self._end(connection, now, _links.c.login_id == login_id, _links.c.purpose == purpose)
            connection.execute(insert(_links).values(
                id=made, login_id=login_id, purpose=purpose, lives_seconds=int(lives.total_seconds()), made_at=now,
            ))  # fmt: skip
        return made

    def arm(self, link_id: str) -> str:
        """A fresh token for a link that is being mailed; an earlier token of it is dead. Only its hash is kept.

        Raises:
            LookupError: The link has ended meanwhile, because a newer one was asked for.
        """
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now()
        with self._database.write() as connection:
            alive = (_links.c.id == link_id, _links.c.ended_at.is_(None))
            row = connection.execute(select(_links.c.lives_seconds).where(*alive)).one_or_none()
            if row is None:
                raise LookupError
            connection.execute(update(_links).where(*alive).values(
                token=_hashed(token), expires_at=now + timedelta(seconds=row.lives_seconds)
            ))  # fmt: skip
        return token

    def hold(self, login_id: str, purpose: str, lives: timedelta) -> str:
        """A link with its token at once, for what is not mailed; others of the purpose live on."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now()
        with self._database.write() as connection:
            connection.execute(insert(_links).values(
                id=f"lnk_{secrets.token_hex(12)}", login_id=login_id, purpose=purpose, token=_hashed(token),
                lives_seconds=int(lives.total_seconds()), made_at=now, expires_at=now + lives,
            ))  # fmt: skip
        return token

    def use(self, token: str, purpose: str, *, once: bool) -> Login | None:
        """Whose token it is; None when it is unknown, too old, ended, or for something else.

        Args:
            token: As the person brought it.
            purpose: What it is used for.
            once: It cannot be used again after this.
        """
        now = self._clock.now()
        alive = (_links.c.token == _hashed(token), _links.c.purpose == purpose, _links.c.ended_at.is_(None))
        with self._database.write() as connection:
            row = connection.execute(select(_links).where(*alive).with_for_update()).one_or_none()
            if row is None or row.expires_at is None or row.expires_at <= now:
                return None
            if once:
                self._end(connection, now, _links.c.id == row.id)
            found = connection.execute(select(_logins).where(_logins.c.id == row.login_id)).one_or_none()
        return _login(found) if found is not None else None

    def end(self, token: str, purpose: str) -> None:
        """The token is of no use any more."""
        with self._database.write() as connection:
            self._end(connection, self._clock.now(), _links.c.token == _hashed(token), _links.c.purpose == purpose)

    def end_all(self, login_id: str) -> None:
        """No token of a login is of any use any more."""
        with self._database.write() as connection:
            self._end(connection, self._clock.now(), _links.c.login_id == login_id)

    @staticmethod
    def _end(connection: Connection, now: datetime, *which: Any) -> None:
        connection.execute(update(_links).where(*which, _links.c.ended_at.is_(None)).values(ended_at=now))

    def last_link(self, login_id: str, purpose: str) -> Mapping[str, Any] | None:
        """The newest link of a login for a purpose, as it is kept."""
        query = select(_links).where(_links.c.login_id == login_id, _links.c.purpose == purpose)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(_links.c.made_at.desc(), _links.c.id).limit(1)).one_or_none()
        return dict(row._mapping) if row is not None else None  # noqa: SLF001 - SQLAlchemy's own name for it

    # -- attempts ------------------------------------------------------------------------------------------------------

    def count(self, subject: str, *, within: timedelta) -> int:
        """Count an attempt; the how manyth in that time it is. The subject is kept as a hash."""
        now, hashed = self._clock.now(), _hashed(subject)
        with self._database.write() as connection:
            connection.execute(delete(_attempts).where(_attempts.c.since <= now - within))
            lock_scope(connection, "attempt", hashed)
            mine = _attempts.c.subject == hashed
            known = connection.execute(
                update(_attempts).where(mine).values(failures=_attempts.c.failures + 1).returning(_attempts.c.failures)
            ).scalar_one_or_none()
            if known is None:
                connection.execute(insert(_attempts).values(subject=hashed, failures=1, since=now))
        return int(known or 1)

    def give_back(self, subject: str) -> None:
        """An attempt that was counted was none."""
        mine = (_attempts.c.subject == _hashed(subject), _attempts.c.failures > 0)
        with self._database.write() as connection:
            connection.execute(update(_attempts).where(*mine).values(failures=_attempts.c.failures - 1))

    def forgive(self, subject: str) -> None:
        """A success: the failures before it do not count."""
        with self._database.write() as connection:
            connection.execute(delete(_attempts).where(_attempts.c.subject == _hashed(subject)))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _place(account: str, facility: str) -> tuple[Any, Any]:
    return _logins.c.account == account, _logins.c.facility == facility


def _new(login_id: str, account: str, facility: str, tenant_id: str, contact_id: str) -> dict[str, object]:
    return {
        "id": login_id, "account": account, "facility": facility, "tenant_id": tenant_id, "contact_id": contact_id,
        "name": login_id, "phone": "", "state": SignInState.NOT_INVITED.value, "access": AccessLevel.FULL.value,
        "permissions": [], "steps": [],
    }  # fmt: skip


def _login(row: Row[Any]) -> Login:
    return Login(
        id=row.id, account=row.account, facility=row.facility, tenant_id=row.tenant_id, contact_id=row.contact_id,
        name=row.name, phone=row.phone, password=row.password or "", state=SignInState(row.state),
        access=AccessLevel(row.access), permissions=frozenset(row.permissions), steps=frozenset(row.steps),
        invited_at=row.invited_at, opened_at=row.opened_at, claimed_at=row.claimed_at, signed_in_at=row.signed_in_at,
    )  # fmt: skip
