"""Reading the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from pmsbridge.actions.effects import TakePayment
from pmsbridge.errors import NotFoundError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.standing import EffectState, Ended
from pmsbridge.store.stored import StoredAction, StoredEffect
from pmsbridge.store.tables import actions, effects, guards, lanes

__all__ = [
    "OPEN_STATES",
    "ActionFilter",
    "JournalCounts",
    "count",
    "due_lanes",
    "find_actions",
    "guards_of",
    "lanes_of",
    "load_action",
    "load_effect",
    "payment_stamps",
    "queue",
    "recent_effects",
]

OPEN_STATES = tuple(state.value for state in EffectState if state.is_open)


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions to list; None means any.

    Attributes:
        since: Submitted at or after this instant.
        limit: At most this many, newest first.
    """

    outcome: Outcome | None = None
    account: str | None = None
    facility: str | None = None
    tenant_id: str | None = None
    kind: str | None = None
    since: datetime | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """The journal in numbers.

    Attributes:
        by_outcome: Actions by outcome.
        open_effects: Effects the engine still has something to do with.
        oldest_pending_at: When the oldest pending action was submitted; None when none is pending.
    """

    by_outcome: dict[Outcome, int]
    open_effects: int
    oldest_pending_at: datetime | None


def load_action(connection: Connection, action_id: str) -> StoredAction:
    """One action with its effects.

    Raises:
        NotFoundError: There is none of that id.
    """
    row = connection.execute(select(actions).where(actions.c.id == action_id)).one_or_none()
    if row is None:
        raise NotFoundError("action", "there is no action of that id", code="no_action")
    return _with_effects(connection, [row])[0]


def load_effect(connection: Connection, key: str) -> StoredEffect:
    """One effect.

    Raises:
        NotFoundError: There is none of that key.
    """
    row = connection.execute(select(effects).where(effects.c.key == key)).one_or_none()
    if row is None:
        raise NotFoundError("effect", "there is no effect of that key", code="no_effect")
    return StoredEffect.from_row(row)


def _with_effects(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[StoredAction, ...]:
    ids = [row.id for row in rows]
    found = connection.execute(
        select(effects).where(effects.c.action_id.in_(ids)).order_by(effects.c.action_id, effects.c.position)
    )
    by_action: dict[str, list[StoredEffect]] = {id_: [] for id_ in ids}
    for row in found:
        by_action[row.action_id].append(StoredEffect.from_row(row))
    return tuple(
        StoredAction(
            r.seq, r.id, r.key, r.kind, r.account, r.facility, r.tenant_id, r.intent, r.actor, r.submitted_at,
            r.changed_at, tuple(by_action[r.id]),
        )
        for r in rows
    )  # fmt: skip


def find_actions(connection: Connection, wanted: ActionFilter) -> tuple[StoredAction, ...]:
    """Actions that fit, newest first."""
    query = select(actions).order_by(actions.c.seq.desc()).limit(wanted.limit)
    exact = {
        actions.c.outcome: wanted.outcome.value if wanted.outcome else None,
        actions.c.account: wanted.account,
        actions.c.facility: wanted.facility,
        actions.c.tenant_id: wanted.tenant_id,
        actions.c.kind: wanted.kind,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.since is not None:
        query = query.where(actions.c.submitted_at >= wanted.since)
    return _with_effects(connection, connection.execute(query).all())


def queue(connection: Connection, lane: str) -> tuple[StoredEffect, ...]:
    """Everything that decides what a lane does next, in order of arrival.

    These are all effects, open or over, of the actions that have open effects at the accounts the lane works for: an
    effect may wait for one in another lane.
    """
    is_open = effects.c.state.in_(OPEN_STATES)
    accounts = select(effects.c.account).where(is_open, effects.c.lane == lane)
    involved = select(effects.c.action_id).where(is_open, effects.c.account.in_(accounts))
    rows = connection.execute(select(effects).where(effects.c.action_id.in_(involved)).order_by(effects.c.seq))
    return tuple(StoredEffect.from_row(row) for row in rows)


def lanes_of(connection: Connection, action_id: str) -> tuple[str, ...]:
    """Lanes in which an action has open effects, in plan order."""
    rows = connection.execute(
        select(effects.c.lane)
        .where(effects.c.action_id == action_id, effects.c.state.in_(OPEN_STATES))
        .order_by(effects.c.position)
    )
    return tuple(dict.fromkeys(rows.scalars()))


def due_lanes(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Lanes that nobody holds and in which something is due, or was left in the middle of a send."""
    free = or_(lanes.c.lease_until.is_(None), lanes.c.lease_until < now)
    due = or_(
        and_(effects.c.state.in_(OPEN_STATES), effects.c.due_at <= now), effects.c.state == EffectState.SENDING.value
    )
    rows = connection.execute(
        select(effects.c.lane).join(lanes, lanes.c.name == effects.c.lane).where(due, free).distinct()
    )
    return tuple(sorted(rows.scalars()))


def guards_of(connection: Connection, effect_key: str) -> tuple[str, ...]:
    """The guards an effect holds now."""
    return tuple(connection.execute(select(guards.c.guard).where(guards.c.effect_key == effect_key)).scalars())


def recent_effects(
    connection: Connection, account: str, facility: str, tenant_id: str, as_of: datetime
) -> tuple[StoredEffect, ...]:
    """Principal effects of a tenant that a read made at ``as_of`` may not show yet, in order of arrival."""
    fresh = and_(effects.c.ended == Ended.SETTLED.value, effects.c.quiet_until >= as_of)
    rows = connection.execute(
        select(effects)
        .where(
            effects.c.account == account,
            effects.c.facility == facility,
            effects.c.tenant_id == tenant_id,
            effects.c.is_principal,
            or_(effects.c.state != EffectState.DONE.value, fresh),
        )
        .order_by(effects.c.seq)
    )
    return tuple(StoredEffect.from_row(row) for row in rows)


def payment_stamps(connection: Connection, account: str, facility: str, tenant_id: str) -> dict[str, int]:
    """By rental, a number that changes whenever a payment for it is stored or moves on; "*" for all rentals at once."""
    rows = connection.execute(
        select(effects).where(
            effects.c.account == account, effects.c.facility == facility, effects.c.tenant_id == tenant_id,
            effects.c.kind.in_(["take_payment", "post_future_charges"]),
        )
    )  # fmt: skip
    stamps: dict[str, int] = {}
    for stored in map(StoredEffect.from_row, rows):
        effect = stored.effect
        rentals = [part.rental_id for part in effect.parts] if isinstance(effect, TakePayment) else ["*"]
        for rental_id in rentals:
            stamps[rental_id] = stamps.get(rental_id, 0) + stored.version + 1
    return stamps


def count(connection: Connection) -> JournalCounts:
    """The journal in numbers."""
    by_outcome = connection.execute(select(actions.c.outcome, func.count()).group_by(actions.c.outcome)).all()
    is_open = effects.c.state.in_(OPEN_STATES)
    open_effects = connection.execute(select(func.count()).select_from(effects).where(is_open)).scalar_one()
    pending = actions.c.outcome == Outcome.PENDING.value
    oldest = connection.execute(
        select(actions.c.submitted_at).where(pending).order_by(actions.c.seq).limit(1)
    ).scalar_one_or_none()
    return JournalCounts({Outcome(name): number for name, number in by_outcome}, open_effects, oldest)
