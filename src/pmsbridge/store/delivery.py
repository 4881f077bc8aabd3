"""Writes of a worker that holds a lane. Each commit carries the lane's epoch and renews its lease, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from sqlalchemy import Connection, update

from pmsbridge.actions.plan import PlannedEffect
from pmsbridge.store import findings as finding_rows
from pmsbridge.store import reading
from pmsbridge.store.batch import Commit, Delete, Insert, Update, Write, commit_alone, run
from pmsbridge.store.deduced import plan_digest
from pmsbridge.store.intake import add_effects, digest_of, put_lanes
from pmsbridge.store.known import Known
from pmsbridge.store.portable import is_postgresql, lock_number, lock_scope
from pmsbridge.store.refusals import FencedError, StaleError
from pmsbridge.store.standing import EffectState, action_outcome, is_partial
from pmsbridge.store.stored import Change, Held, Route, Sending, Standing, StoredEffect, Writing
from pmsbridge.store.tables import actions, effects, guards, lanes, trail
from pmsbridge.store.trail import Event, links, redacted, trail_end

__all__ = [
    "Pen",
    "TakingTurn",
    "Turn",
    "apply_change",
    "fence",
    "letting_go",
    "lock",
    "refresh_action",
    "release",
    "taking",
]


def taking(seen: Standing, owner: str, lease: timedelta, now: datetime | None) -> tuple[Held, Update]:
    """What takes a lane that was seen to be free, as long as it still stands as it was seen.

    Whoever takes a lane raises its epoch, and whoever renews a lease, even one that is over, moves its end.

    Args:
        seen: How it stands.
        owner: Who takes it.
        lease: For how long.
        now: Since when; None asks the database's clock, which all machines share.
    """
    held = Held(seen.lane, owner, seen.epoch + 1, lease)
    new: dict[str, Any] = {"owner": owner, "epoch": held.epoch}
    if now is None:
        return held, Update(lanes, new, _as_seen(seen), {"lease_until": lease})
    return held, Update(lanes, {**new, "lease_until": now + lease}, _as_seen(seen))


def _as_seen(seen: Standing) -> dict[str, Any]:
    where = {"name": seen.lane, "epoch": seen.epoch}
    return {**where, "owner": ""} if seen.lease_until is None else {**where, "lease_until": seen.lease_until}


def fence(held: Held, now: datetime | None) -> Update:
    """What proves that the lane is still ours, and renews its lease; ``now`` None goes by the database's clock."""
    if now is None:
        return Update(lanes, {}, _as_held(held), {"lease_until": held.lease})
    return Update(lanes, {"lease_until": now + held.lease}, _as_held(held))


def letting_go(held: Held) -> Update:
    """What proves that the lane is still ours, and lets it go."""
    return Update(lanes, {"owner": "", "lease_until": None}, _as_held(held))


def _as_held(held: Held) -> dict[str, Any]:
    return {"name": held.lane, "owner": held.owner, "epoch": held.epoch}


def release(connection: Connection, held: Held) -> None:
    """Let the lane go; does nothing when it is no longer ours."""
    run(connection, [letting_go(held)])


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
        self._to_lock: list[tuple[str, str, str]] = []
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
            self._to_lock.append(effect.scope)
            self._locked.add(effect.scope)

    def _enter(self) -> None:
        """Wait for what has to be locked; before anything is read or written."""
        for scope in self._to_lock:
            lock(self._connection, scope)
        self._to_lock = []

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
            self._enter()
            for action_id in sorted(self._events):
                self.known.ends[action_id] = trail_end(self._connection, action_id)
                self.known.whole.discard(action_id)
        moved = self._ends()
        writes = [*self._writes, *moved]
        if not (is_last and self._committed(writes)):
            self._run(writes)
        self._written.update(self._events)
        self._writes, self._events, self._derive = [], {}, set()

    def _committed(self, writes: Sequence[Write]) -> bool:
        """Whether the writes could be all that the transaction does, and are committed."""
        return self._try_alone(writes) is Commit.MADE

    def _try_alone(self, writes: Sequence[Write]) -> Commit:
        return commit_alone(self._connection, writes, locks=[lock_number("tenant", *each) for each in self._to_lock])

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

    def _run(self, writes: Sequence[Write]) -> None:
        self._enter()
        for write, touched in zip(writes, run(self._connection, writes), strict=True):
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
        self, connection: Connection, held: Held, now: datetime, known: Known | None = None, *, proof: Update | None
    ) -> None:
        """Begin; nothing is written yet.

        Args:
            connection: An open transaction.
            held: The lane.
            now: The instant of everything in it.
            known: What the worker believes about actions.
            proof: What takes the lane, or proves that it is ours: the first thing that is written.
        """
        super().__init__(connection, now, known)
        self.held = held
        self.is_over = False
        self._proof = proof

    def flush(self, *, is_last: bool = False) -> None:
        """As ``Pen.flush``; the lane comes first."""
        if self._proof is not None:
            self._writes.insert(0, self._proof)
            self._proof = None
        super().flush(is_last=is_last)

    def record(self, writing: Writing) -> StoredEffect:
        """Write what became of an effect, the effects that follow from it, and findings; returns it as it is then."""
        after = self.change(writing.effect, writing.change, {"epoch": self.held.epoch})
        if writing.added or writing.found:
            self._enter()
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

    def release(self) -> None:
        """Let the lane go with this commit."""
        self._proof = letting_go(self.held)
        self.is_over = True


class TakingTurn(Turn):
    """The turn that takes a lane. Whatever is not as it was seen, it is looked at again."""

    def _committed(self, writes: Sequence[Write]) -> bool:
        made = self._try_alone(writes)
        if made is Commit.REFUSED:
            raise StaleError
        return made is Commit.MADE

    def _run(self, writes: Sequence[Write]) -> None:
        try:
            super()._run(writes)
        except FencedError:
            raise StaleError from None


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
