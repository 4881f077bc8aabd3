"""Who has left: people of a facility without anything that runs, by what journal and mirror say. Nothing is changed.

What stands in the way of forgetting somebody is told with its code. Whether they owe or are owed something is known
here only as far as the last copies tell; of people whom the back office still lists it is asked there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, exists, or_, select, true

from pmsbridge.actions.erasing import ERASED_INTENT
from pmsbridge.model.documents import Reservation, ReservationState
from pmsbridge.model.interactions import Direction
from pmsbridge.model.invoices import Invoice, InvoiceState
from pmsbridge.model.payments import Payment, PaymentState
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.rental import Rental, RentalKind, RentalState
from pmsbridge.model.requests import CallOff, MoveOut, Request, RequestState
from pmsbridge.store.holds import holds_at
from pmsbridge.store.mirror_writes import known_place
from pmsbridge.store.standing import EffectState
from pmsbridge.store.tables import (
    LOGINS,
    MIRROR,
    accounts_seen,
    actions,
    effects,
    interactions,
    quotes,
    trail,
    watched_tenants,
)
from pmsbridge.store.trail import ERASED

__all__ = ["Departed", "Hindrance", "departed", "departed_now", "visitors_questions"]

_IN_PERSON: Final = ("tenant", "contact:")
"""How an actor begins who is the person, or acts for them."""

_NOT_LET: Final = frozenset({RentalState.QUOTE.value, *(state.value for state in RentalState if state.is_over)})
"""States of a rental that holds nobody: a price that somebody once asked for is none."""

_PENDING_REQUEST: Final = tuple(
    state.value for state in (RequestState.NEW, RequestState.SENT, RequestState.ACKNOWLEDGED, RequestState.UNKNOWN)
)
_PENDING_PAYMENT: Final = tuple(
    state.value
    for state in (
        PaymentState.PLANNED, PaymentState.SENT, PaymentState.PENDING, PaymentState.UNCERTAIN, PaymentState.DISPUTED
    )
)  # fmt: skip
_BILLED: Final = (InvoiceState.SENT.value, InvoiceState.PARTIALLY_PAID.value)
_RESERVED: Final = (ReservationState.ACTIVE.value, ReservationState.UNKNOWN.value)
_HELD_UNIT: Final = (UnitState.LIEN.value, UnitState.OVERLOCKED.value)
_IS_ERASED: Final = exists().where(trail.c.action_id == actions.c.id, trail.c.event == ERASED)
_IS_RUNNING: Final = exists().where(effects.c.action_id == actions.c.id, effects.c.state != EffectState.DONE.value)


@dataclass(frozen=True, slots=True, order=True)
class Hindrance:
    """Why somebody is not forgotten.

    Attributes:
        code: "rental_open", "reservation_open", "request_open", "action_open", "payment_open", "balance_open",
            "balance_unknown", "lien", "legal_hold" or "seen_lately".
        text: The same for staff.
    """

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Departed:
    """Somebody without a rental that runs.

    Attributes:
        tenant_id: The id that the others were merged into.
        tenant_ids: All ids that mean them.
        is_listed: The back office still lists their record: what is copied of it comes back with every night.
        last_seen_at: The last sign of life: the end of the last rental, or, where there never was one, when the back
            office was last seen to list them; a later payment, sign-in or request counts more. None for no sign.
        ended_at: When their last rental ended; None where they never had one, or one runs.
        has_ours: Something is held of them that no copy would bring back.
        hindrances: What stands in the way; empty when nothing does.
    """

    tenant_id: str
    tenant_ids: frozenset[str]
    is_listed: bool
    last_seen_at: datetime | None
    ended_at: datetime | None
    has_ours: bool
    hindrances: tuple[Hindrance, ...] = ()


def departed(
    connection: Connection, account: str, facility: str, *, before: datetime, today: date
) -> tuple[int, tuple[Departed, ...]]:
    """How many people still rent, and everybody else of a facility, by tenant id.

    Args:
        connection: Only read.
        account: The configured account.
        facility: The facility's code.
        before: Whoever was seen since then has not left for long enough.
        today: Business date at the facility.
    """
    facts = _Facts(connection, account, facility, today)
    renting, found = 0, []
    for person in facts.people():
        one = facts.judged(person, before)
        if any(each.code == "rental_open" for each in one.hindrances):
            renting += 1
        elif one.has_ours or not one.is_listed:
            found.append(one)
    return renting, tuple(sorted(found, key=lambda each: each.tenant_id))


def departed_now(
    connection: Connection, account: str, facility: str, tenant_ids: Collection[str], *, before: datetime, today: date
) -> tuple[bool, tuple[Hindrance, ...]]:
    """Whether the back office still lists a person, and what stands in the way now; only what is theirs is read.

    Args:
        connection: Only read; whoever may write of them waits for its end.
        account: The configured account.
        facility: The facility's code.
        tenant_ids: All ids that mean them.
        before: Whoever was seen since then has not left for long enough.
        today: Business date at the facility.
    """
    facts = _Facts(connection, account, facility, today, whose=frozenset(tenant_ids))
    found = [facts.judged(person, before) for person in facts.people()]
    why = {each for one in found for each in one.hindrances}
    return any(one.is_listed for one in found), tuple(sorted(why))


def visitors_questions(connection: Connection, account: str, facility: str, before: datetime) -> list[Any]:
    """Actions of nobody in particular that were over before an instant, and whose words still stand."""
    query = (
        select(actions.c.id, actions.c.kind, actions.c.intent, actions.c.tenant_id)
        .where(actions.c.account == account, actions.c.facility == facility, actions.c.tenant_id == "")
        .where(actions.c.changed_at < before, actions.c.intent != ERASED_INTENT, ~_IS_RUNNING, ~_IS_ERASED)
        .order_by(actions.c.seq)
    )
    return list(connection.execute(query))


@dataclass(slots=True)
class _Person:
    """Ids that mean one person.

    Attributes:
        since: When the back office was first seen to list them.
        gone_at: When it was last seen to list no more one of the records; None where it lists all.
    """

    tenant_id: str
    tenant_ids: set[str]
    is_listed: bool = False
    since: datetime | None = None
    gone_at: datetime | None = None

    def add(self, row: Any) -> None:  # noqa: ANN401 - a row of ids
        """One more record of the back office that means them."""
        self.tenant_ids.add(row.id)
        self.is_listed = self.is_listed or row.deleted_at is None
        self.since = row.first_seen if self.since is None else min(self.since, row.first_seen)
        if row.deleted_at is not None:
            self.gone_at = row.deleted_at if self.gone_at is None else max(self.gone_at, row.deleted_at)


class _Let(NamedTuple):
    """One rental, as far as it counts here.

    Attributes:
        runs: It is not over, and the back office still lists it.
        ended_at: When it ended, as far as that is known; of one that runs, when it last became different.
    """

    id: str
    tenant_id: str
    unit_id: str
    runs: bool
    ended_at: datetime


class _Facts:
    """What is held of a facility, read once for all its people, or for those whose ids are given."""

    def __init__(
        self,
        connection: Connection,
        account: str,
        facility: str,
        today: date,
        *,
        whose: frozenset[str] | None = None,
    ) -> None:
        self._connection, self._account, self._facility, self._today = connection, account, facility, today
        self._whose = whose
        self._place = known_place(connection, account, facility)
        self._seen: dict[str, list[datetime]] = defaultdict(list)
        self._ours: set[str] = set()
        self._let: dict[str, list[_Let]] = defaultdict(list)
        self._why: dict[str, list[Hindrance]] = defaultdict(list)
        held = holds_at(connection, account, facility)
        self._held = {each.tenant_id: each for each in held if whose is None or each.tenant_id in whose}
        self._read_ours()
        self._read_actions()
        if self._place is not None:
            self._read_rentals()
            self._read_records()

    # -- what is held ------------------------------------------------------------------------------------------------

    def _read_ours(self) -> None:
        moments = ("invited_at", "opened_at", "claimed_at", "signed_in_at")
        for row in self._connection.execute(self._mine(LOGINS.logins, *moments)):
            self._ours.add(row.tenant_id)
            self._seen[row.tenant_id] += [at for name in moments if (at := getattr(row, name)) is not None]
        for row in self._connection.execute(self._mine(watched_tenants, "asked_at")):
            self._ours.add(row.tenant_id)
            self._seen[row.tenant_id].append(row.asked_at)
        came_in = (interactions.c.direction == Direction.IN.value).label("came_in")
        for row in self._connection.execute(self._mine(interactions, "at", "recorded_at").add_columns(came_in)):
            self._ours.add(row.tenant_id)
            if row.came_in:
                # Who sends a mail writes its date: it counts from its arrival at the latest.
                self._seen[row.tenant_id].append(min(row.at, row.recorded_at))
        for table in (accounts_seen, quotes):
            self._ours |= set(self._connection.execute(self._mine(table)).scalars())

    def _mine(self, table: Table, *columns: str) -> Select[Any]:
        wanted = [table.c[name] for name in ("tenant_id", *columns)]
        here = (table.c.account == self._account, table.c.facility == self._facility)
        return select(*wanted).where(*here, self._is_theirs(table.c.tenant_id))

    def _is_theirs(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        return true() if self._whose is None else column.in_(self._whose)

    def _read_actions(self) -> None:
        query = self._mine(actions, "submitted_at", "actor").add_columns(_IS_ERASED.label("is_erased"))
        for row in self._connection.execute(query.where(actions.c.tenant_id != "")):
            if not row.is_erased:
                self._ours.add(row.tenant_id)
            if row.actor.startswith(_IN_PERSON):
                self._seen[row.tenant_id].append(row.submitted_at)
        self._ours.discard("")
        running = self._mine(effects).where(effects.c.state != EffectState.DONE.value).distinct()
        for tenant_id in self._connection.execute(running).scalars():
            self._add(tenant_id, "action_open", "something that was asked for is not over")

    def _read_rentals(self) -> None:
        table, units = MIRROR.nouns[Rental.entity], MIRROR.nouns[Unit.entity]
        held = select(units.c.id).where(units.c.place == self._place, units.c.state.in_(_HELD_UNIT))
        locked = set(self._connection.execute(held.where(units.c.deleted_at.is_(None))).scalars())
        columns = ("id", "tenant_id", "unit_id", "state", "moved_out_on", "changed_at", "deleted_at", "doc")
        # Who came after them into a unit is read as well: the lien on it is the other's.
        units_of = select(table.c.unit_id).where(table.c.place == self._place, self._is_theirs(table.c.tenant_id))
        near = true() if self._whose is None else or_(self._is_theirs(table.c.tenant_id), table.c.unit_id.in_(units_of))
        query = select(*(table.c[name] for name in columns)).where(table.c.place == self._place, near)
        newest: dict[str, _Let] = {}
        for row in self._connection.execute(query):
            let = _let(row)
            if self._whose is None or row.tenant_id in self._whose:
                self._let[row.tenant_id].append(let)
            if let.unit_id in locked:
                newest[let.unit_id] = max(
                    newest.get(let.unit_id, let), let, key=lambda each: (each.runs, each.ended_at)
                )
        for let in newest.values():
            self._add(let.tenant_id, "lien", f"the unit of rental {let.id} is locked or under lien")

    def _read_records(self) -> None:
        """What of the copies is pending, by noun."""
        for entity in (Request.entity, MoveOut.entity, CallOff.entity):
            for row in self._living(entity, _PENDING_REQUEST):
                self._add(row.tenant_id, "request_open", f"{entity} {row.id} is not over")
        for row in self._living(Payment.entity, _PENDING_PAYMENT):
            self._add(row.tenant_id, "payment_open", f"payment {row.id} is not over")
        for row in self._living(Invoice.entity, _BILLED, "balance"):
            if row.balance:
                self._add(row.tenant_id, "balance_open", f"invoice {row.id} is not paid")
        for row in self._living(Reservation.entity, _RESERVED, "expires_on", "needed_on"):
            last = row.expires_on or row.needed_on
            if last is None or last >= self._today:
                self._add(row.tenant_id, "reservation_open", f"reservation {row.id} stands")
        payments = MIRROR.nouns[Payment.entity]
        theirs = (payments.c.place == self._place, self._is_theirs(payments.c.tenant_id))
        paid = select(payments.c.tenant_id, payments.c.paid_on).where(*theirs)
        for who, paid_on in self._connection.execute(paid.where(payments.c.paid_on.is_not(None))):
            self._seen[who].append(_at(paid_on))

    def _living(self, entity: str, states: Collection[str], *columns: str) -> Sequence[Row[Any]]:
        table = MIRROR.nouns[entity]
        query = select(*(table.c[name] for name in ("id", "tenant_id", *columns)))
        here = (table.c.place == self._place, table.c.deleted_at.is_(None), table.c.state.in_(states))
        return self._connection.execute(
            query.where(*here, self._is_theirs(table.c.tenant_id)).order_by(table.c.id)
        ).all()

    def _add(self, tenant_id: str, code: str, text: str) -> None:
        self._why[tenant_id].append(Hindrance(code, text))

    # -- people ------------------------------------------------------------------------------------------------------

    def people(self) -> Iterator[_Person]:
        """Everybody of whom anything is held, each once however many records became theirs."""
        known = dict(self._listed()) if self._place is not None else {}
        yield from {id(person): person for person in known.values()}.values()
        for tenant_id in sorted({*self._ours, *self._let} - known.keys() - {""}):
            yield _Person(tenant_id, {tenant_id})

    def _listed(self) -> Iterator[tuple[str, _Person]]:
        """By every id, whose it is."""
        ids = MIRROR.ids
        query = select(ids.c.key, ids.c.id, ids.c.merged_into, ids.c.first_seen, ids.c.deleted_at)
        here = (ids.c.place == self._place, ids.c.entity == Tenant.entity, self._is_theirs(ids.c.id))
        rows = self._connection.execute(query.where(*here)).all()
        by_key: dict[int, Any] = {row.key: row for row in rows}
        found: dict[int, _Person] = {}
        for row in rows:
            root: Any = row
            seen = {row.key}
            while root.merged_into in by_key and root.merged_into not in seen:
                root = by_key[root.merged_into]
                seen.add(root.key)
            person = found.setdefault(root.key, _Person(root.id, set()))
            person.add(row)
            yield row.id, person

    def judged(self, person: _Person, before: datetime) -> Departed:
        """A person, with everything that stands in the way."""
        let = [each for tenant_id in person.tenant_ids for each in self._let.get(tenant_id, ())]
        why = [each for tenant_id in person.tenant_ids for each in self._why.get(tenant_id, ())]
        why += [Hindrance("rental_open", f"rental {each.id} is not over") for each in let if each.runs]
        ended = [each.ended_at for each in let]
        known = ended or [at for at in (person.since, person.gone_at) if at is not None]
        seen = [*known, *(at for tenant_id in person.tenant_ids for at in self._seen.get(tenant_id, ()))]
        last = max(seen, default=None)
        if last is not None and last >= before:
            why.append(Hindrance("seen_lately", f"last seen on {last.date()}"))
        held = [self._held[tenant_id] for tenant_id in person.tenant_ids & self._held.keys()]
        why += [Hindrance("legal_hold", f"a legal hold since {each.since.date()}") for each in held]
        return Departed(
            person.tenant_id, frozenset(person.tenant_ids), is_listed=person.is_listed, last_seen_at=last,
            ended_at=max(ended, default=None),
            has_ours=not self._ours.isdisjoint(person.tenant_ids), hindrances=tuple(sorted(set(why))),
        )  # fmt: skip


def _let(row: Row[Any]) -> _Let:
    runs = row.deleted_at is None and row.state not in _NOT_LET and not _is_account(row.doc)
    ended_at = _at(row.moved_out_on) if row.moved_out_on is not None else row.deleted_at or row.changed_at
    return _Let(row.id, row.tenant_id, row.unit_id, runs, row.changed_at if runs else ended_at)


def _is_account(doc: str) -> bool:
    return bool(json.loads(doc).get("kind") == RentalKind.ACCOUNT.value)


def _at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
