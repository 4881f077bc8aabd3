"""Reading the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)

from pmsbridge.actions.effects import EFFECT_KINDS, EffectBody, TakePayment, effect_class
from pmsbridge.actions.plan import When
from pmsbridge.errors import NotFoundError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.columns import UtcInstant
from pmsbridge.store.known import Ends
from pmsbridge.store.prepared import Query
from pmsbridge.store.standing import EffectState, Ended
from pmsbridge.store.stored import Standing, StoredAction, StoredEffect
from pmsbridge.store.tables import actions, effects, guards, lanes

__all__ = [
    "OPEN_STATES",
    "ActionFilter",
    "JournalCounts",
    "Page",
    "StepRow",
    "action_of",
    "count",
    "due_lanes",
    "find_actions",
    "guards_of",
    "is_free",
    "lanes_of",
    "load_action",
    "load_effect",
    "look",
    "payment_stamps",
    "payments_of",
    "recent_effects",
    "rentals_paid",
    "steps_of",
]

OPEN_STATES = tuple(state.value for state in EffectState if state.is_open)


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions to list; None means any.

    Attributes:
        kinds: Only these verbs; empty for any.
        other_than: None of these verbs.
        since: Submitted at or after this instant.
        is_open: Only those that are pending or with the office.
        limit: At most this many, newest first.
    """

    outcome: Outcome | None = None
    account: str | None = None
    facility: str | None = None
    tenant_id: str | None = None
    kind: str | None = None
    kinds: tuple[str, ...] = ()
    other_than: tuple[str, ...] = ()
    since: datetime | None = None
    is_open: bool = False
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


_ACTION_COLUMNS: Final = (
    actions.c.id, actions.c.seq, actions.c.key, actions.c.kind, actions.c.account, actions.c.facility,
    actions.c.tenant_id, actions.c.intent, actions.c.actor, actions.c.submitted_at, actions.c.changed_at,
)  # fmt: skip

_ONE: Final = Query(select(*_ACTION_COLUMNS).where(actions.c.id == bindparam("id")))
_EFFECTS: Final = Query(
    select(effects)
    .where(effects.c.action_id.in_(bindparam("ids", expanding=True)))
    .order_by(effects.c.action_id, effects.c.position)
)
_LANES: Final = Query(
    select(effects.c.lane)
    .where(effects.c.action_id == bindparam("id"), effects.c.state.in_(OPEN_STATES))
    .order_by(effects.c.position)
)


def load_action(connection: Connection, action_id: str) -> StoredAction:
    """One action with its effects.

    Raises:
        NotFoundError: There is none of that id.
    """
    row = _ONE.first(connection, {"id": action_id})
    if row is None:
        raise NotFoundError("action", "there is no action of that id", code="no_action")
    return _with_effects(connection, [row])[0]


@dataclass(frozen=True, slots=True)
class StepRow:
    """As much of an effect as the rules of ``standing`` look at."""

    name: str
    after: str | None
    when: When
    is_principal: bool
    emulates: str
    state: EffectState
    ended: Ended | None
    code: str


_STEPS: Final = Query(
    select(
        effects.c.name, effects.c.after, effects.c.run_when, effects.c.is_principal, effects.c.emulates,
        effects.c.state, effects.c.ended, effects.c.code,
    )
    .where(effects.c.action_id == bindparam("id"))
    .order_by(effects.c.position)
)  # fmt: skip


def steps_of(connection: Connection, action_id: str) -> list[StepRow]:
    """How the effects of an action stand, in plan order."""
    return [
        StepRow(
            row[0], row[1], When(row[2]), row[3], row[4], EffectState(row[5]), Ended(row[6]) if row[6] else None, row[7]
        )
        for row in _STEPS.all(connection, {"id": action_id})
    ]


_EFFECT: Final = Query(select(effects).where(effects.c.key == bindparam("key")))


def load_effect(connection: Connection, key: str) -> StoredEffect:
    """One effect.

    Raises:
        NotFoundError: There is none of that key.
    """
    row = _EFFECT.first(connection, {"key": key})
    if row is None:
        raise NotFoundError("effect", "there is no effect of that key", code="no_effect")
    return StoredEffect.from_row(row)


def _with_effects(connection: Connection, rows: Sequence[Sequence[Any]]) -> tuple[StoredAction, ...]:
    by_action: dict[str, list[StoredEffect]] = {row[0]: [] for row in rows}
    for found in _EFFECTS.all(connection, {"ids": list(by_action)}) if rows else ():
        effect = StoredEffect.from_row(found)
        by_action[effect.action_id].append(effect)
    return tuple(_action(row, by_action[row[0]]) for row in rows)


def _action(row: Sequence[Any], effects_: Sequence[StoredEffect]) -> StoredAction:
    id_, seq, key, kind, account, facility, tenant_id, intent, actor, submitted_at, changed_at = row
    return StoredAction(
        seq, id_, key, kind, account, facility, tenant_id, intent, actor, submitted_at, changed_at, tuple(effects_)
    )


def action_of(seq: int, row: Mapping[str, Any], found: Sequence[StoredEffect]) -> StoredAction:
    """From an action's row number, its columns by name, and its effects in plan order."""
    return _action([seq if column is actions.c.seq else row[column.name] for column in _ACTION_COLUMNS], found)


def find_actions(connection: Connection, wanted: ActionFilter) -> tuple[StoredAction, ...]:
    """Actions that fit, newest first."""
    query = select(*_ACTION_COLUMNS).order_by(actions.c.seq.desc()).limit(wanted.limit)
    exact = {
        actions.c.outcome: wanted.outcome.value if wanted.outcome else None,
        actions.c.account: wanted.account,
        actions.c.facility: wanted.facility,
        actions.c.tenant_id: wanted.tenant_id,
        actions.c.kind: wanted.kind,
    }
    query = query.where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.kinds:
        query = query.where(actions.c.kind.in_(wanted.kinds))
    if wanted.other_than:
        query = query.where(actions.c.kind.not_in(wanted.other_than))
    if wanted.since is not None:
        query = query.where(actions.c.submitted_at >= wanted.since)
    if wanted.is_open:
        query = query.where(actions.c.outcome.in_([Outcome.PENDING.value, Outcome.NEEDS_REVIEW.value]))
    return _with_effects(connection, connection.execute(query).all())


@dataclass(frozen=True, slots=True)
class Page:
    """What decides what a lane does next, all of one moment.

    Attributes:
        effects: In order of arrival: what is due, everything else of the same actions, and what is open at the same
            tenants or for the same targets, because it may have to go first.
        ends: Where the trails of those actions end of which every effect is here.
        beyond: Ask again with this for more; None when this was all.
        standing: How the lane stands; None for one that nothing was ever submitted to.
        wakes_at: When something in the lane that sleeps now is due; None when nothing sleeps.
    """

    effects: tuple[StoredEffect, ...] = ()
    ends: Ends = field(default_factory=dict)
    beyond: int | None = None
    standing: Standing | None = None
    wakes_at: datetime | None = None


_PAGE_ROWS: Final = 200
_IS_OPEN: Final = effects.c.state.in_(OPEN_STATES)
_NOTICES: Final = tuple(kind for kind in EFFECT_KINDS if effect_class(kind).is_notice)
_above = effects.alias("above")
_asleep = effects.alias("asleep")
_own_lane = lanes.alias("own_lane")
# A notice has nothing to do, not even to expire, before the effect it waits for has ended.
_MAY_BEGIN: Final = or_(
    effects.c.after.is_(None),
    effects.c.kind.not_in(_NOTICES),
    effects.c.state != EffectState.WAITING.value,
    _above.c.seq.is_(None),
    _above.c.ended.is_not(None),
)
_WITH_ABOVE: Final = effects.outerjoin(
    _above, and_(_above.c.action_id == effects.c.action_id, _above.c.name == effects.c.after)
)
_DUE: Final = and_(
    effects.c.lane == bindparam("lane"), _IS_OPEN, effects.c.due_at <= bindparam("now"),
    effects.c.seq > bindparam("beyond"), _MAY_BEGIN,
)  # fmt: skip
_OWN: Final = and_(effects.c.action_id == bindparam("action_id"), effects.c.seq > bindparam("beyond"))


def is_free(now: ColumnElement[Any], of: FromClause = lanes) -> ColumnElement[bool]:
    """Whether nobody holds a lane at that instant; ``of`` is the table of lanes, or another name of it."""
    return or_(of.c.lease_until.is_(None), of.c.lease_until < now)


def _look(wanted: ColumnElement[bool], lease_now: ColumnElement[Any]) -> Query:
    """One statement for all of a page: what it says is of one moment, and one round trip away."""
    scope = (effects.c.account, effects.c.facility, effects.c.tenant_id)
    row = (effects.c.seq, effects.c.action_id, *scope, effects.c.target, effects.c.kind)
    mine = exists().where(_own_lane.c.name == bindparam("lane"), is_free(lease_now, _own_lane))
    due = (
        select(*row)
        .select_from(_WITH_ABOVE)
        .where(wanted, or_(bindparam("anyway", type_=Boolean), mine))
        .order_by(effects.c.seq)
        .limit(_PAGE_ROWS)
        .cte("due")
    )
    own = select(due.c.action_id).distinct().subquery()
    tenants = select(*(due.c[each.name] for each in scope)).where(due.c.tenant_id != "").distinct().subquery()
    targets = select(due.c.target).where(due.c.kind.not_in(_NOTICES)).distinct().subquery()
    # Of an action with something due all is read; of others what may have to go first. Whoever reads it puts it in
    # order, and forgets what comes twice: joining it once more would cost more.
    ends = (actions.c.trail_length, actions.c.trail_head)
    unknown = (null(), null())
    is_other = and_(_IS_OPEN, effects.c.action_id.not_in(select(due.c.action_id)))
    around = union_all(
        select(*ends, *effects.columns)
        .join(own, own.c.action_id == effects.c.action_id)
        .join(actions, actions.c.id == effects.c.action_id),
        select(*unknown, *effects.columns)
        .join(tenants, and_(*(tenants.c[each.name] == each for each in scope)))
        .where(is_other),
        select(*unknown, *effects.columns).join(targets, targets.c.target == effects.c.target).where(is_other),
    ).subquery()
    wakes_at = select(func.min(_asleep.c.due_at)).where(
        _asleep.c.lane == bindparam("lane"), _asleep.c.state.in_(OPEN_STATES), _asleep.c.due_at > bindparam("now")
    )
    return Query(
        select(
            lanes.c.owner, lanes.c.epoch, lanes.c.lease_until, is_free(lease_now), wakes_at.scalar_subquery(),
            select(func.count()).select_from(due).scalar_subquery(), select(func.max(due.c.seq)).scalar_subquery(),
            *around.columns,
        )
        .select_from(lanes.outerjoin(around, true()))
        .where(lanes.c.name == bindparam("lane"))
    )  # fmt: skip


_OF_LANE: Final = 7
_OF_ACTION: Final = 2
_LEASE_NOW: Final = bindparam("lease_now", type_=UtcInstant())
_LOOKS: Final = {
    (is_own, is_shared): _look(_OWN if is_own else _DUE, func.statement_timestamp() if is_shared else _LEASE_NOW)
    for is_own in (True, False)
    for is_shared in (True, False)
}


def look(
    connection: Connection,
    lane: str,
    now: datetime,
    lease_now: datetime | None,
    *,
    action_id: str | None = None,
    beyond: int = 0,
    anyway: bool = False,
) -> Page:
    """What decides what a lane does next, and how the lane stands.

    Args:
        connection: An open transaction, or one that is alone with this statement.
        lane: Which.
        now: What is due by then.
        lease_now: What leases are measured by; None goes by the database's clock.
        action_id: Only this action's work counts as due; None for everything.
        beyond: Where the page before ended.
        anyway: Read what there is to do although somebody holds the lane; else nothing of it is read then.
    """
    given: dict[str, Any] = {"lane": lane, "now": now, "beyond": beyond, "anyway": anyway}
    given |= {} if action_id is None else {"action_id": action_id}
    given |= {} if lease_now is None else {"lease_now": lease_now}
    rows = _LOOKS[action_id is not None, lease_now is None].all(connection, given)
    if not rows:
        return Page()
    owner, epoch, lease_until, is_free_, wakes_at, count, last = rows[0][:_OF_LANE]
    found: dict[int, StoredEffect] = {}
    ends: Ends = {}
    for row in rows if count else ():
        effect = StoredEffect.from_row(row[_OF_LANE + _OF_ACTION :])
        found[effect.seq] = effect
        if row[_OF_LANE] is not None:
            ends[effect.action_id] = (row[_OF_LANE], row[_OF_LANE + 1])
    standing = Standing(lane, owner, epoch, lease_until, is_free=bool(is_free_))
    in_order = tuple(found[seq] for seq in sorted(found))
    return Page(in_order, ends, last if count == _PAGE_ROWS else None, standing, wakes_at)


def lanes_of(connection: Connection, action_id: str) -> tuple[str, ...]:
    """Lanes in which an action has open effects, in plan order."""
    return tuple(dict.fromkeys(lane for (lane,) in _LANES.all(connection, {"id": action_id})))


def _due_lanes(lease_now: ColumnElement[Any]) -> Select[Any]:
    due = or_(
        and_(_IS_OPEN, effects.c.due_at <= bindparam("now"), _MAY_BEGIN), effects.c.state == EffectState.SENDING.value
    )
    lanes_of_due = select(effects.c.lane).select_from(_WITH_ABOVE.join(lanes, lanes.c.name == effects.c.lane))
    return lanes_of_due.where(due, is_free(lease_now)).distinct()


_DUE_LANES: Final = Query(_due_lanes(_LEASE_NOW))
_DUE_LANES_SHARED: Final = Query(_due_lanes(func.clock_timestamp()))


def due_lanes(connection: Connection, now: datetime, lease_now: datetime | None) -> tuple[str, ...]:
    """Lanes that nobody holds and in which something is due, or was left in the middle of a send.

    Args:
        connection: An open transaction.
        now: What is due by then.
        lease_now: What leases are measured by; None goes by the database's clock.
    """
    if lease_now is None:
        rows = _DUE_LANES_SHARED.all(connection, {"now": now})
    else:
        rows = _DUE_LANES.all(connection, {"now": now, "lease_now": lease_now})
    return tuple(sorted(lane for (lane,) in rows))


def guards_of(connection: Connection, effect_key: str) -> tuple[str, ...]:
    """The guards an effect holds now."""
    return tuple(connection.execute(select(guards.c.guard).where(guards.c.effect_key == effect_key)).scalars())


def recent_effects(
    connection: Connection, account: str, facility: str, tenant_id: str, as_of: datetime
) -> tuple[StoredEffect, ...]:
    """Principal effects of a tenant that a read made at ``as_of`` may not show yet, in order of arrival."""
    scope = {"account": account, "facility": facility, "tenant": tenant_id, "as_of": as_of}
    return tuple(StoredEffect.from_row(row) for row in _RECENT.all(connection, scope))


_OF_TENANT: Final = (
    effects.c.account == bindparam("account"), effects.c.facility == bindparam("facility"),
    effects.c.tenant_id == bindparam("tenant"),
)  # fmt: skip
_RECENT: Final = Query(
    select(effects)
    .where(
        *_OF_TENANT,
        effects.c.is_principal,
        or_(
            effects.c.state != EffectState.DONE.value,
            and_(effects.c.ended == Ended.SETTLED.value, effects.c.quiet_until >= bindparam("as_of")),
        ),
    )
    .order_by(effects.c.seq)
)
_PAYMENTS: Final = Query(
    select(effects).where(*_OF_TENANT, effects.c.kind.in_(["take_payment", "post_future_charges"]))
)


def payments_of(connection: Connection, account: str, facility: str, tenant_id: str) -> list[StoredEffect]:
    """Everything that moves money for a tenant, however it stands."""
    rows = _PAYMENTS.all(connection, {"account": account, "facility": facility, "tenant": tenant_id})
    return [StoredEffect.from_row(row) for row in rows]


def rentals_paid(effect: EffectBody) -> tuple[str, ...]:
    """The rentals that an effect moves money for; "*" for all at once."""
    return tuple(part.rental_id for part in effect.parts) if isinstance(effect, TakePayment) else ("*",)


def payment_stamps(connection: Connection, account: str, facility: str, tenant_id: str) -> dict[str, int]:
    """By rental, a number that changes whenever a payment for it is stored or moves on; "*" for all rentals at once."""
    stamps: dict[str, int] = {}
    for stored in payments_of(connection, account, facility, tenant_id):
        for rental_id in rentals_paid(stored.effect):
            stamps[rental_id] = stamps.get(rental_id, 0) + stored.version + 1
    return stamps


_BY_OUTCOME: Final = Query(select(actions.c.outcome, func.count()).group_by(actions.c.outcome))
_OPEN: Final = Query(select(func.count()).select_from(effects).where(_IS_OPEN))
_OLDEST_PENDING: Final = Query(
    select(actions.c.submitted_at).where(actions.c.outcome == Outcome.PENDING.value).order_by(actions.c.seq).limit(1)
)


def count(connection: Connection) -> JournalCounts:
    """The journal in numbers."""
    by_outcome = {Outcome(name): number for name, number in _BY_OUTCOME.all(connection)}
    return JournalCounts(by_outcome, _OPEN.scalar(connection), _OLDEST_PENDING.scalar(connection))
