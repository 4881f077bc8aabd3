"""Writes of a worker that holds a lane. Each commit carries the lane's epoch and renews its lease, or is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal, or_, select, update

from pmsbridge.actions.plan import PlannedEffect
from pmsbridge.logging import redact
from pmsbridge.store import findings as finding_rows
from pmsbridge.store import reading
from pmsbridge.store.columns import UtcInstant
from pmsbridge.store.intake import add_effects, put_lanes
from pmsbridge.store.portable import insert_absent, lock_scope
from pmsbridge.store.refusals import FencedError
from pmsbridge.store.standing import EffectState, action_outcome, is_partial
from pmsbridge.store.stored import Change, Held, Route, Sending, StoredEffect, Writing
from pmsbridge.store.tables import actions, effects, guards, lanes
from pmsbridge.store.trail import Event, append, redacted

__all__ = ["Turn", "apply_change", "claim", "fence", "is_free", "lock", "refresh_action", "release"]

_MINE: Final = (
    lanes.c.name == bindparam("lane"), lanes.c.owner == bindparam("holder"), lanes.c.epoch == bindparam("held_epoch"),
)  # fmt: skip
_RELEASE: Final = update(lanes).where(*_MINE).values(owner="", lease_until=None)


def _instant(now: datetime | None) -> ColumnElement[Any]:
    """Now, as leases see it: the caller's clock, or the database's own when there is none."""
    return func.clock_timestamp() if now is None else literal(now, UtcInstant())


def is_free(now: datetime | None) -> ColumnElement[bool]:
    """Whether nobody holds a lane; ``now`` None asks the database's clock."""
    return or_(lanes.c.lease_until.is_(None), lanes.c.lease_until < _instant(now))


def _until(now: datetime | None, lease: timedelta) -> ColumnElement[Any]:
    return func.clock_timestamp() + lease if now is None else literal(now + lease, UtcInstant())


def claim(connection: Connection, lane: str, owner: str, lease: timedelta, now: datetime | None) -> Held | None:
    """Take a free lane; None when somebody holds it. Every claim raises the epoch.

    Args:
        connection: An open transaction.
        lane: Which.
        owner: Who takes it.
        lease: For how long.
        now: Since when; None asks the database's clock, which all machines share.
    """
    query = (
        update(lanes)
        .where(lanes.c.name == lane, is_free(now))
        .values(owner=owner, epoch=lanes.c.epoch + 1, lease_until=_until(now, lease))
        .returning(lanes.c.epoch)
    )
    epoch = connection.execute(query).scalar_one_or_none()
    if epoch is None and _is_new(connection, lane):
        epoch = connection.execute(query).scalar_one_or_none()
    return None if epoch is None else Held(lane, owner, epoch, lease)


def _is_new(connection: Connection, lane: str) -> bool:
    """Make the row of a lane that nothing was ever submitted to."""
    known = connection.execute(select(lanes.c.name).where(lanes.c.name == lane)).first() is not None
    if not known:
        insert_absent(connection, lanes, [{"name": lane}])
    return not known


def fence(connection: Connection, held: Held, now: datetime | None) -> None:
    """Prove that the lane is still ours and renew its lease.

    Raises:
        FencedError: Somebody else has it.
    """
    query = update(lanes).where(*_MINE).values(lease_until=_until(now, held.lease))
    if connection.execute(query, _as_mine(held)).rowcount != 1:
        message = f"lane {held.lane} is no longer ours"
        raise FencedError(message)


def release(connection: Connection, held: Held) -> None:
    """Let the lane go; does nothing when it is no longer ours."""
    connection.execute(_RELEASE, _as_mine(held))


def _as_mine(held: Held) -> dict[str, object]:
    return {"lane": held.lane, "holder": held.owner, "held_epoch": held.epoch}


class Turn:
    """One transaction of a worker that holds a lane: what became of one effect, and "sending" of the next.

    Everything in it is committed together, or nothing is.

    Attributes:
        held: The lane.
        is_over: The lane was let go in this turn.
    """

    def __init__(self, connection: Connection, held: Held, now: datetime, about: Sequence[StoredEffect] = ()) -> None:
        self.held = held
        self.is_over = False
        self._scopes = {effect.scope for effect in about}
        lock(connection, self._scopes)
        self._connection = connection
        self._now = now
        self._events: dict[str, list[Event]] = {}
        self._changed: set[str] = set()

    def record(self, writing: Writing) -> StoredEffect:
        """Write what became of an effect, the effects that follow from it, and findings; returns it as it is now.

        Raises:
            FencedError: Somebody resolved the effect meanwhile.
        """
        effect, change = writing.effect, writing.change
        self._lock(effect)
        values = _change_effect(self._connection, effect, change, self._now)
        events = self._events.setdefault(effect.action_id, [])
        events.append(_event(effect, change, by={"epoch": self.held.epoch}))
        events.extend(_add(self._connection, effect, writing.added, self._now))
        if effect.is_principal or change.state is EffectState.REVIEW:
            self._changed.add(effect.action_id)
        for finding in writing.found:
            finding_rows.add(self._connection, finding)
        return effect.after_write(values)

    def mark_sending(self, effect: StoredEffect, sending: Sending) -> StoredEffect:
        """Say that bytes may leave once this turn is committed; returns the effect as it is then.

        Raises:
            FencedError: The effect is no longer waiting.
        """
        self._lock(effect)
        values = {
            "state": EffectState.SENDING.value, "attempts": effect.attempts + 1, "baseline": dict(sending.baseline),
            "known_before": dict(sending.known_before), "last_sent_at": self._now,
            "first_sent_at": effect.first_sent_at or self._now, "quiet_until": sending.quiet_until,
            "due_at": self._now,
        }  # fmt: skip
        _write(self._connection, effect, values, expected=EffectState.WAITING)
        data = {"effect": effect.name, "attempt": effect.attempts + 1, "lane": self.held.lane, "epoch": self.held.epoch}
        self._events.setdefault(effect.action_id, []).append(Event("sending", data))
        return effect.after_write(values)

    def may_write(self, effect: StoredEffect) -> bool:
        """Whether an effect's tenant is ours in this turn, or still can be: two lanes never wait for each other."""
        return not self._scopes or effect.scope in self._scopes

    def _lock(self, effect: StoredEffect) -> None:
        if effect.scope not in self._scopes:
            lock(self._connection, [effect.scope])
            self._scopes.add(effect.scope)

    def page(self, *, action_id: str | None = None, beyond: int = 0) -> reading.Page:
        """What decides what the lane does next; see ``reading.page``."""
        return reading.page(self._connection, self.held.lane, self._now, action_id=action_id, beyond=beyond)

    def next_due(self) -> datetime | None:
        """When something in the lane that sleeps now is due."""
        return reading.next_due(self._connection, self.held.lane, self._now)

    def release(self) -> None:
        """Let the lane go with this commit."""
        release(self._connection, self.held)
        self.is_over = True

    def abandon(self) -> None:
        """Undo the turn: the lane was taken and there is nothing to do in it."""
        transaction = self._connection.get_transaction()
        if transaction is not None:
            transaction.rollback()
        self._events.clear()
        self.is_over = True

    def close(self) -> None:
        """Write the trail of everything in this turn, and derive the outcomes it changed."""
        for action_id, events in self._events.items():
            values = _outcome(self._connection, action_id) if action_id in self._changed else None
            append(self._connection, action_id, events, self._now, values)


def _add(
    connection: Connection, effect: StoredEffect, added: Sequence[tuple[PlannedEffect, Route]], now: datetime
) -> list[Event]:
    """Store the effects that follow from one, unless they are there already."""
    if not added:
        return []
    action = reading.load_action(connection, effect.action_id)
    known = {e.name for e in action.effects}
    new = [(step, route) for step, route in added if step.name not in known]
    put_lanes(connection, [route for _, route in new])
    add_effects(connection, action.id, action.tenant_id, new, now, first=len(action.effects))
    return [Event("added", {"effect": step.name, "kind": step.effect.kind}) for step, _ in new]


def apply_change(
    connection: Connection, effect: StoredEffect, change: Change, now: datetime, *, by: Mapping[str, Any]
) -> None:
    """Write a change of one effect outside a lane: by a person, or by the process that alone could send it.

    Raises:
        FencedError: The effect is not as it was when it was read.
    """
    _change_effect(connection, effect, change, now)
    values = _outcome(connection, effect.action_id)
    append(connection, effect.action_id, [_event(effect, change, by=by)], now, values)


def _change_effect(connection: Connection, effect: StoredEffect, change: Change, now: datetime) -> dict[str, Any]:
    """Write a change, and free the effect's guards when it is over; returns the columns written."""
    values = _values(effect, change, now)
    _write(connection, effect, values, expected=effect.state)
    if effect.guards and change.state is EffectState.DONE:
        connection.execute(_FREE, {"key": effect.key})
    return values


def _event(effect: StoredEffect, change: Change, *, by: Mapping[str, Any]) -> Event:
    receipt = change.receipt
    data = {
        "effect": effect.name, "why": change.why, "code": change.code, "not_before": change.not_before,
        "evidence": receipt.evidence if receipt else "", "vendor_ids": receipt.vendor_ids if receipt else {}, **by,
    }  # fmt: skip
    return Event(change.event, data)


def _values(effect: StoredEffect, change: Change, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        "state": change.state.value,
        "ended": change.ended.value if change.ended else None,
        "message": redact(change.why),
        "code": redact(change.code),
        "due_at": change.not_before or now,
        "looks": effect.looks + change.looked,
        "resends": effect.resends + change.resend,
        "finished_at": None if change.state.is_open else now,
    }
    if change.quiet_until is not None:
        values["quiet_until"] = change.quiet_until
    if change.state is EffectState.WAITING and not (effect.resends or change.resend):
        values["first_sent_at"] = None  # it certainly never left: a later look need not go back to it
    if change.receipt is not None:
        values |= {
            "evidence": redact(change.receipt.evidence), "vendor_ids": redacted(change.receipt.vendor_ids),
            "receipt_at": change.receipt.at, "is_read_back": change.receipt.read_back,
            "is_emulated": change.receipt.emulated,
        }  # fmt: skip
    return values


_FREE: Final = delete(guards).where(guards.c.effect_key == bindparam("key"))
_CHANGE: Final = (
    update(effects)
    .where(
        effects.c.key == bindparam("its_key"), effects.c.version == bindparam("its_version"),
        effects.c.state == bindparam("its_state"),
    )
    .values(version=effects.c.version + 1)
)  # fmt: skip


def _write(connection: Connection, effect: StoredEffect, values: Mapping[str, Any], *, expected: EffectState) -> None:
    where = {"its_key": effect.key, "its_version": effect.version, "its_state": expected.value}
    if connection.execute(_CHANGE, {**values, **where}).rowcount != 1:
        message = f"effect {effect.key} has moved on"
        raise FencedError(message)


def _outcome(connection: Connection, action_id: str) -> dict[str, Any]:
    steps = reading.steps_of(connection, action_id)
    return {"outcome": action_outcome(steps).value, "is_partial": is_partial(steps)}


def refresh_action(connection: Connection, action_id: str) -> None:
    """Derive the action's outcome from its effects and keep it for queries."""
    connection.execute(update(actions).where(actions.c.id == action_id).values(**_outcome(connection, action_id)))


def lock(connection: Connection, scopes: Iterable[tuple[str, str, str]]) -> None:
    """Keep every other write about these tenants out until this transaction ends; always in the same order."""
    for scope in sorted(set(scopes)):
        lock_scope(connection, "tenant", *scope)
