"""Writes of a worker that holds a lane. Each commit carries the lane's epoch and renews its lease, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

from sqlalchemy import ColumnElement, Connection, Interval, Select, bindparam, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from pmsbridge.actions.plan import PlannedEffect
from pmsbridge.store import findings as finding_rows
from pmsbridge.store import reading
from pmsbridge.store.batch import Delete, Insert, Update, Write, run
from pmsbridge.store.columns import UtcInstant
from pmsbridge.store.deduced import plan_digest
from pmsbridge.store.intake import add_effects, digest_of, put_lanes
from pmsbridge.store.known import Known
from pmsbridge.store.portable import insert_absent, is_postgresql, lock_scope
from pmsbridge.store.prepared import Query
from pmsbridge.store.refusals import BeingTakenError, FencedError, StaleError
from pmsbridge.store.standing import EffectState, action_outcome, is_partial
from pmsbridge.store.stored import Change, Held, Route, Sending, StoredEffect, Writing
from pmsbridge.store.tables import actions, effects, guards, lanes, trail
from pmsbridge.store.trail import Event, links, redacted, trail_end

__all__ = ["Pen", "Turn", "apply_change", "claim", "fence", "lock", "refresh_action", "release"]


_free: Final = lanes.alias("free")


def _claim(now: ColumnElement[Any], until: ColumnElement[Any]) -> ReturningUpdate[Any]:
    # Whoever is taking the lane has its row locked: there is nothing to be had by waiting for that commit.
    free = select(_free.c.name).where(_free.c.name == bindparam("lane"), reading.is_free(now, _free))
    return (
        update(lanes)
        .where(lanes.c.name == free.with_for_update(skip_locked=True).scalar_subquery())
        .values(owner=bindparam("holder"), epoch=lanes.c.epoch + 1, lease_until=until)
        .returning(lanes.c.epoch)
    )


def _standing(now: ColumnElement[Any]) -> Select[Any]:
    return select(reading.is_free(now)).where(lanes.c.name == bindparam("lane"))


_NOW: Final = bindparam("now", type_=UtcInstant())
_CLAIM: Final = Query(_claim(_NOW, bindparam("until", type_=UtcInstant())))
_CLAIM_SHARED: Final = Query(
    _claim(func.clock_timestamp(), func.clock_timestamp() + bindparam("lease", type_=Interval()))
)
_STANDING: Final = Query(_standing(_NOW))
_STANDING_SHARED: Final = Query(_standing(func.clock_timestamp()))


def claim(connection: Connection, lane: str, owner: str, lease: timedelta, now: datetime | None) -> Held | None:
    """Take a free lane; None when somebody holds it. Every claim raises the epoch.

    Args:
        connection: An open transaction.
        lane: Which.
        owner: Who takes it.
        lease: For how long.
        now: Since when; None asks the database's clock, which all machines share.

    Raises:
        BeingTakenError: Somebody is about to take it, and may yet let it be.
    """
    taken = _claimed(connection, lane, owner, lease, now)
    if taken is None and _is_new(connection, lane, now):
        taken = _claimed(connection, lane, owner, lease, now)
    return None if taken is None else Held(lane, owner, taken, lease)


def _claimed(connection: Connection, lane: str, owner: str, lease: timedelta, now: datetime | None) -> int | None:
    wanted: dict[str, Any] = {"lane": lane, "holder": owner}
    if now is None:
        epoch: int | None = _CLAIM_SHARED.scalar(connection, {**wanted, "lease": lease})
    else:
        epoch = _CLAIM.scalar(connection, {**wanted, "now": now, "until": now + lease})
    return epoch


def _is_new(connection: Connection, lane: str, now: datetime | None) -> bool:
    """Make the row of a lane that nothing was ever submitted to."""
    standing = _STANDING_SHARED if now is None else _STANDING
    is_free = standing.scalar(connection, {"lane": lane} if now is None else {"lane": lane, "now": now})
    if is_free:
        raise BeingTakenError
    if is_free is None:
        insert_absent(connection, lanes, [{"name": lane}])
    return is_free is None


def fence(held: Held, now: datetime | None) -> Update:
    """What proves that the lane is still ours, and renews its lease; ``now`` None goes by the database's clock."""
    mine = {"name": held.lane, "owner": held.owner, "epoch": held.epoch}
    if now is None:
        return Update(lanes, {}, mine, {"lease_until": held.lease})
    return Update(lanes, {"lease_until": now + held.lease}, mine)


def release(connection: Connection, held: Held) -> None:
    """Let the lane go; does nothing when it is no longer ours."""
    mine = {"name": held.lane, "owner": held.owner, "epoch": held.epoch}
    run(connection, [Update(lanes, {"owner": "", "lease_until": None}, mine)])


class Pen:
    """What one transaction writes about effects: collected, and written together with the trail when it is flushed.

    Attributes:
        known: What the writer believes about actions; about others it asks.
    """

    def __init__(self, connection: Connection, now: datetime, known: Known | None = None) -> None:
        self.known = known if known is not None else Known()
        self._connection = connection
        self._now = now
        self._writes: list[Write] = []
        self._events: dict[str, list[Event]] = {}
        self._derive: set[str] = set()
        self._locked: set[tuple[str, str, str]] = set()
        self._written: set[str] = set()

    def change(self, effect: StoredEffect, change: Change, by: Mapping[str, Any]) -> StoredEffect:
        """Write a change of an effect; it frees its guards when it is over. Returns the effect as it is then."""
        self._lock(effect)
        after = self._write(effect, _values(effect, change, self._now))
        if effect.guards and change.state is EffectState.DONE:
            self._writes.append(Delete(guards, {"effect_key": effect.key}))
        self._tell(effect.action_id, _event(effect, change, by=by))
        if effect.is_principal or EffectState.REVIEW in {change.state, effect.state}:
            self._derive.add(effect.action_id)
        return after

    def _write(self, effect: StoredEffect, values: Mapping[str, Any]) -> StoredEffect:
        if any(write.where.get("key") == effect.key for write in self._writes if isinstance(write, Update)):
            self.flush()  # one statement does not change a row twice
        version = effect.version + 1
        where = {"key": effect.key, "version": effect.version, "state": effect.state.value}
        self._writes.append(Update(effects, {**values, "version": version}, where))
        after = effect.after_write(values)
        self.known.put(after)
        return after

    def _tell(self, action_id: str, *events: Event) -> None:
        self._events.setdefault(action_id, []).extend(events)

    def _lock(self, effect: StoredEffect) -> None:
        """Keep submits of the same tenant out: they judge by what payments and guards there are."""
        if (effect.moves_ledger or effect.guards) and effect.scope not in self._locked:
            lock(self._connection, effect.scope)
            self._locked.add(effect.scope)

    def flush(self, *, is_last: bool = False) -> None:
        """Write everything collected so far.

        Args:
            is_last: The transaction commits next: where this is all it does, it is committed in one round trip.

        Raises:
            FencedError: An effect, or the lane, is not as it was: nothing may be committed.
            StaleError: Somebody else wrote about an action since it was read: do the same again, asking first.
        """
        if not all(action_id in self.known.ends for action_id in self._events):
            # Effects before actions, always: then no two transactions wait for each other.
            self._run(self._writes)
            self._writes = []
            for action_id in sorted(self._events):
                self.known.ends[action_id] = trail_end(self._connection, action_id)
                self.known.whole.discard(action_id)
        moved = self._ends()
        self._run([*self._writes, *moved], is_whole=is_last)
        self._written.update(self._events)
        self._writes, self._events, self._derive = [], {}, set()

    def _ends(self) -> list[Write]:
        """The trail of everything collected, and what the actions keep of it."""
        moved: list[Write] = []
        rows: list[dict[str, Any]] = []
        for action_id in sorted(self._events):
            length, head = self.known.ends[action_id]
            new = links(action_id, self._events[action_id], self._now, length=length, head=head)
            kept = {"trail_length": new.length, "trail_head": new.head, "changed_at": self._now}
            where = {"id": action_id, "trail_length": length, "trail_head": head}
            moved.append(Update(actions, {**kept, **self._outcome(action_id)}, where))
            rows.extend(new.rows)
            self.known.ends[action_id] = (new.length, new.head)
        return [*moved, Insert(trail, rows)] if rows else moved

    def _outcome(self, action_id: str) -> dict[str, Any]:
        if action_id not in self._derive:
            return {}
        steps = self.known.steps(action_id)
        if steps is None:
            self._run(self._writes)
            self._writes = []
            return _outcome(self._connection, action_id)
        return {"outcome": action_outcome(steps).value, "is_partial": is_partial(steps)}

    def _run(self, writes: Sequence[Write], *, is_whole: bool = False) -> None:
        for write, touched in zip(writes, run(self._connection, writes, is_whole=is_whole), strict=True):
            if isinstance(write, Update | Insert) and touched != (len(write.rows) if isinstance(write, Insert) else 1):
                _refuse(write)


def _refuse(write: Update | Insert) -> NoReturn:
    if write.table in {actions, trail}:
        raise StaleError
    name = write.where.get("key") or write.where.get("name") if isinstance(write, Update) else write.table.name
    message = f"{name} has moved on"
    raise FencedError(message)


class Turn(Pen):
    """One transaction of a worker that holds a lane: what became of one effect, and "sending" of the next.

    Everything in it is committed together, or nothing is.

    Attributes:
        held: The lane.
        is_over: The lane was let go in this turn.
    """

    def __init__(
        self, connection: Connection, held: Held, now: datetime, known: Known | None = None, *, fence: Update | None
    ) -> None:
        super().__init__(connection, now, known)
        self.held = held
        self.is_over = False
        if fence is not None:
            self._writes.append(fence)

    def record(self, writing: Writing) -> StoredEffect:
        """Write what became of an effect, the effects that follow from it, and findings; returns it as it is then."""
        after = self.change(writing.effect, writing.change, {"epoch": self.held.epoch})
        if writing.added:
            self._tell(writing.effect.action_id, *_add(self._connection, writing.effect, writing.added, self._now))
            self.known.forget(writing.effect.action_id)
        for finding in sorted(writing.found, key=lambda f: (f.code, f.account, f.facility, f.subject)):
            finding_rows.add(self._connection, finding)
        return after

    def mark_sending(self, effect: StoredEffect, sending: Sending) -> StoredEffect:
        """Say that bytes may leave once this turn is committed; returns the effect as it is then."""
        self._lock(effect)
        values = {
            "state": EffectState.SENDING.value, "attempts": effect.attempts + 1, "baseline": dict(sending.baseline),
            "known_before": dict(sending.known_before), "last_sent_at": self._now,
            "first_sent_at": effect.first_sent_at or self._now, "quiet_until": sending.quiet_until,
            "due_at": self._now,
        }  # fmt: skip
        data = {"effect": effect.name, "attempt": effect.attempts + 1, "lane": self.held.lane, "epoch": self.held.epoch}
        self._tell(effect.action_id, Event("sending", data))
        return self._write(effect, values)

    def may_write_about(self, action_id: str) -> bool:
        """Whether this turn may go on with that action.

        What is flushed together is locked in one order. What comes after a flush is not: with several writers, two
        turns that each go on with the other's action would wait for each other.
        """
        return not is_postgresql(self._connection) or not self._written or action_id in self._written

    def page(self, *, action_id: str | None = None, beyond: int = 0) -> reading.Page:
        """What decides what the lane does next; see ``reading.page``."""
        self.flush()
        return reading.page(self._connection, self.held.lane, self._now, action_id=action_id, beyond=beyond)

    def next_due(self) -> datetime | None:
        """When something in the lane that sleeps now is due."""
        self.flush()
        return reading.next_due(self._connection, self.held.lane, self._now)

    def release(self) -> None:
        """Let the lane go with this commit."""
        self.flush()
        release(self._connection, self.held)
        self.is_over = True

    def abandon(self) -> None:
        """Undo the turn: the lane was taken and there is nothing to do in it."""
        transaction = self._connection.get_transaction()
        if transaction is not None:
            transaction.rollback()
        self._writes, self._events = [], {}
        self.is_over = True


def _add(
    connection: Connection, effect: StoredEffect, added: Sequence[tuple[PlannedEffect, Route]], now: datetime
) -> list[Event]:
    """Store the effects that follow from one, unless they are there already."""
    action = reading.load_action(connection, effect.action_id)
    known = {e.name for e in action.effects}
    new = [(step, route) for step, route in added if step.name not in known]
    put_lanes(connection, [route for _, route in new])
    add_effects(connection, action.id, action.tenant_id, new, now, first=len(action.effects))
    return [
        Event("added", {
            "effect": step.name, "kind": step.effect.kind, "digest": digest_of(step),
            "plan": plan_digest(step, route.lane),
        })
        for step, route in new
    ]  # fmt: skip


def apply_change(
    connection: Connection, effect: StoredEffect, change: Change, now: datetime, *, by: Mapping[str, Any]
) -> None:
    """Write a change of one effect outside a lane: by a person, or by the process that alone could send it.

    Raises:
        FencedError: The effect is not as it was when it was read.
    """
    pen = Pen(connection, now)
    pen.change(effect, change, by)
    pen.flush()


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
        "message": redacted(change.why),
        "code": redacted(change.code),
        "due_at": change.not_before or now,
        "looks": effect.looks + change.looked,
        "resends": effect.resends + change.resend,
        "finished_at": None if change.state.is_open else now,
    }
    if change.doubtful is not None:
        values["is_doubtful"] = change.doubtful
    if change.quiet_until is not None:
        values["quiet_until"] = change.quiet_until
    if change.state is EffectState.WAITING and not (effect.resends or change.resend):
        values["first_sent_at"] = None  # it certainly never left: a later look need not go back to it
    if change.receipt is not None:
        values |= {
            "evidence": redacted(change.receipt.evidence), "vendor_ids": redacted(change.receipt.vendor_ids),
            "receipt_at": change.receipt.at, "is_read_back": change.receipt.read_back,
            "is_emulated": change.receipt.emulated,
        }  # fmt: skip
    return values


def _outcome(connection: Connection, action_id: str) -> dict[str, Any]:
    steps = reading.steps_of(connection, action_id)
    return {"outcome": action_outcome(steps).value, "is_partial": is_partial(steps)}


def refresh_action(connection: Connection, action_id: str) -> None:
    """Derive the action's outcome from its effects and keep it for queries."""
    connection.execute(update(actions).where(actions.c.id == action_id).values(**_outcome(connection, action_id)))


def lock(connection: Connection, scope: tuple[str, str, str]) -> None:
    """Keep submits of a tenant, and whoever writes about its payments, out until this transaction ends."""
    lock_scope(connection, "tenant", *scope)
