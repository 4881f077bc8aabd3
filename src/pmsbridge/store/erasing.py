"""Forgetting a person, in one transaction: copies go, the journal keeps ids, money and outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, or_, select, update

from pmsbridge.errors import IneligibleError
from pmsbridge.model.people import Tenant
from pmsbridge.ports.clock import Clock
from pmsbridge.store import files
from pmsbridge.store.database import Database
from pmsbridge.store.departed import Hindrance, departed_now, visitors_questions
from pmsbridge.store.erasing_journal import actions_of, erase_action, refuse_open
from pmsbridge.store.heard import readings_of_accounts
from pmsbridge.store.holds import holds_at, refuse_held
from pmsbridge.store.interactions import forget_unassigned
from pmsbridge.store.person import NO_WORDS, Mirrored, Words, ids_of, logins_of, mirrored, parted, words_of
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import (
    LOGINS,
    METADATA,
    MIRROR,
    accounts_seen,
    findings,
    interactions,
    quotes,
    runs,
    watched_tenants,
)

__all__ = ["Erasure", "erase", "erase_departed", "erase_questions"]

_records: Final = METADATA.tables["pmsbridge_records"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be.

    Attributes:
        rows: By what they are, how many rows; without what there is none of.
        is_dry_run: Nothing was changed.
        comes_back: A rental of theirs is current in the last copy: the next copy brings what the back office still has.
        is_wiped: Nothing is left in pages that the database keeps for later. False where somebody was reading: it goes
            with the next checkpoint, or when the same is erased again. On PostgreSQL, VACUUM does it in its own time.
    """

    rows: dict[str, int] = field(default_factory=dict)
    is_dry_run: bool = False
    comes_back: bool = False
    is_wiped: bool = False


def erase(
    database: Database,
    clock: Clock,
    account: str,
    facility: str,
    tenant_id: str,
    *,
    actor: str,
    dry_run: bool,
    keeps_mirror: bool = False,
) -> Erasure:
    """Forget a tenant of a facility, merged records and contacts included.

    Args:
        database: Where.
        clock: For the trail.
        account: The configured account.
        facility: The facility's code.
        tenant_id: Any id of theirs.
        actor: Who decided, for the trail.
        dry_run: Only count.
        keeps_mirror: Leave the copies of what the back office lists: the next copy would bring them back.

    Raises:
        IneligibleError: Something that was asked for is not over ("actions_open"), or a hold keeps their data
            ("legal_hold"); nothing was changed.
        UnavailableError: The database cannot be used; nothing was changed, unless the connection broke in the commit.
    """
    with database.read() if dry_run else database.write() as connection:
        found_as = _Person if dry_run else _alone_with
        person = found_as(connection, account, facility, tenant_id)
        refuse_held(connection, account, facility, person.mirrored.tenant_ids)
        refuse_open(connection, person.actions)
        rows = dict(person.erased(actor, clock, dry_run=dry_run, keeps_mirror=keeps_mirror))
    return _told(database, person, rows, dry_run=dry_run, keeps_mirror=keeps_mirror)


def erase_departed(
    database: Database,
    clock: Clock,
    account: str,
    facility: str,
    tenant_id: str,
    *,
    actor: str,
    before: datetime,
    today: date,
) -> Erasure | tuple[Hindrance, ...]:
    """Forget who left, as ``erase`` does, unless something stands in the way by now; then what does.

    They are judged again where nobody can come in between: others may have signed in, been copied or been merged since
    somebody looked at the whole facility. What the back office lists stays in the mirror.

    Args:
        database: Where.
        clock: For the trail.
        account: The configured account.
        facility: The facility's code.
        tenant_id: Any id of theirs.
        actor: Who decided, for the trail.
        before: Whoever was seen since then has not left for long enough.
        today: Business date at the facility.

    Raises:
        IneligibleError: Something that was asked for and is about them is not over ("actions_open"), or a hold keeps
            their data ("legal_hold"); nothing was changed.
        UnavailableError: The database cannot be used; nothing was changed, unless the connection broke in the commit.
    """
    with database.write() as connection:
        person = _alone_with(connection, account, facility, tenant_id)
        # What was said and what is copied waits as well; and another merge may have come before that.
        for name in ("interactions", "mirror"):
            lock_scope(connection, name, account, facility)
        person = _alone_with(connection, account, facility, tenant_id)
        whose = person.mirrored.tenant_ids
        is_listed, why = departed_now(connection, account, facility, whose, before=before, today=today)
        if why:
            return why
        refuse_held(connection, account, facility, whose)
        refuse_open(connection, person.actions)
        rows = dict(person.erased(actor, clock, dry_run=False, keeps_mirror=is_listed))
    return _told(database, person, rows, dry_run=False, keeps_mirror=is_listed)


def _told(
    database: Database, person: _Person, rows: Mapping[str, int], *, dry_run: bool, keeps_mirror: bool
) -> Erasure:
    is_wiped = not dry_run and database.wipe_old_pages()
    found = {name: count for name, count in rows.items() if count}
    return Erasure(found, is_dry_run=dry_run, comes_back=person.mirrored.rents and not keeps_mirror, is_wiped=is_wiped)


def erase_questions(
    database: Database, clock: Clock, account: str, facility: str, before: datetime, *, actor: str, dry_run: bool
) -> int:
    """Take the words out of what nobody in particular asked, where that was over before an instant; how many.

    None while a legal hold stands at the facility: nobody can say whether a visitor is the one whom it protects.

    Raises:
        UnavailableError: The database cannot be used now; what was done before is done.
    """
    with database.read() as connection:
        if holds_at(connection, account, facility):
            return 0
        rows = visitors_questions(connection, account, facility, before)
    if dry_run:
        return len(rows)
    for row in rows:
        with database.write() as connection:
            lock_scope(connection, "tenant", account, facility, "")
            with suppress(IneligibleError):  # somebody retries it meanwhile: another night
                erase_action(connection, row, NO_WORDS, actor, clock.now(), dry_run=False)
    return len(rows)


class _Person:
    """One person in one database.

    Attributes:
        actions: Of or about them.
    """

    def __init__(self, connection: Connection, account: str, facility: str, tenant_id: str) -> None:
        self._connection, self._account, self._facility = connection, account, facility
        self._words: Words = words_of(connection, account, facility, tenant_id)
        self.mirrored: Mirrored = mirrored(connection, account, facility, tenant_id, self._words)
        self.actions = actions_of(connection, account, facility, self.mirrored.tenant_ids, self._words)

    def erased(self, actor: str, clock: Clock, *, dry_run: bool, keeps_mirror: bool) -> Iterator[tuple[str, int]]:
        """Erase, or count; how many rows of what."""
        now = clock.now()
        yield (
            "actions",
            sum(erase_action(self._connection, row, self._words, actor, now, dry_run=dry_run) for row in self.actions),
        )
        yield "files", files.forget(self._connection, [row.id for row in self.actions], dry_run=dry_run)
        yield "findings", self._findings(dry_run=dry_run)
        logins = [row.id for row in logins_of(self._connection, *self._place, self.mirrored.tenant_ids)]
        yield "links", self._gone(LOGINS.links, LOGINS.links.c.login_id.in_(logins), dry_run=dry_run)
        yield "logins", self._gone(LOGINS.logins, LOGINS.logins.c.id.in_(logins), dry_run=dry_run)
        strangers = forget_unassigned(self._connection, *self._place, self._words, dry_run=dry_run)
        yield "interactions", strangers + self._gone(interactions, self._mine(interactions), dry_run=dry_run)
        for name, table in (("quotes", quotes), ("account copies", accounts_seen), ("watched", watched_tenants)):
            yield name, self._gone(table, self._mine(table), dry_run=dry_run)
        heard = readings_of_accounts(*self._place, self.mirrored.tenant_ids)
        yield "readings to come", self._gone(runs, heard, dry_run=dry_run)
        yield "records of schema 2", self._gone(_records, self._mine(_records), dry_run=dry_run)
        if not keeps_mirror:
            yield from self._mirror(dry_run=dry_run)

    @property
    def _place(self) -> tuple[str, str]:
        return self._account, self._facility

    def _mine(self, table: Table) -> ColumnElement[bool]:
        columns, whose = table.c, self.mirrored.tenant_ids
        owned: ColumnElement[bool] = columns.tenant_id.in_(whose)
        if table is _records:
            owned = or_(owned, (columns.entity == Tenant.entity) & columns.id.in_(whose))
        return (columns.account == self._account) & (columns.facility == self._facility) & owned

    def _mirror(self, *, dry_run: bool) -> Iterator[tuple[str, int]]:
        changes = MIRROR.changes
        yield "changes of the mirror", self._gone_by(changes, changes.c.key, self.mirrored.keys, dry_run=dry_run)
        for noun, keys in self.mirrored.rows.items():
            table = MIRROR.nouns[noun]
            yield noun, self._gone_by(table, table.c.key, keys, dry_run=dry_run)
        self._gone_by(MIRROR.ids, MIRROR.ids.c.key, self.mirrored.keys, dry_run=dry_run)

    def _gone_by(self, table: Table, column: ColumnElement[Any], keys: Collection[int], *, dry_run: bool) -> int:
        return sum(self._gone(table, column.in_(part), dry_run=dry_run) for part in parted(keys))

    def _gone(self, table: Table, which: ColumnElement[bool], *, dry_run: bool) -> int:
        if dry_run:
            return int(self._connection.execute(select(func.count()).select_from(table).where(which)).scalar_one())
        return self._connection.execute(delete(table).where(which)).rowcount

    def _findings(self, *, dry_run: bool) -> int:
        """Findings stay; words of the person in those that are about them do not."""
        mine = (findings.c.account == self._account, findings.c.facility == self._facility)
        count = 0
        for row in self._connection.execute(select(findings).where(*mine)).mappings().all():
            changed = self._reworded({name: row[name] for name in ("subject", "text", "note")})
            count += bool(changed)
            if changed and not dry_run:
                self._connection.execute(update(findings).where(findings.c.seq == row["seq"]).values(**changed))
        return count

    def _reworded(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Texts of a finding that change; none where it is about another whose words are alike."""
        ours = {*self.mirrored.tenant_ids, *(row.id for row in self.actions)}
        if texts["subject"].partition("/")[0] not in ours and not self._words.are_surely_in("\n".join(texts.values())):
            return {}
        return {name: self._words.out_of(text) for name, text in texts.items() if self._words.are_in(text)}


def _alone_with(connection: Connection, account: str, facility: str, tenant_id: str) -> _Person:
    """A person, read while nobody asks for something, or retries it, under any id of theirs or under none."""
    held: set[str] = set()
    whose = ids_of(connection, account, facility, tenant_id) | {""}
    while True:
        for each in sorted(whose - held):
            lock_scope(connection, "tenant", account, facility, each)
        held |= whose
        person = _Person(connection, account, facility, tenant_id)
        # A night may have merged another record into theirs between the locks and the reading.
        whose = person.mirrored.tenant_ids
        if whose <= held:
            return person
