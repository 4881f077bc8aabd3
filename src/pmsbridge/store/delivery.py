"""Writes of a worker that holds a lane. Each one carries the lane's epoch and renews its lease, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, or_, update

from pmsbridge.actions.plan import PlannedEffect
from pmsbridge.logging import redact
from pmsbridge.model.finding import Finding
from pmsbridge.store import findings as finding_rows
from pmsbridge.store.intake import add_effect
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.reading import load_action, load_effect
from pmsbridge.store.refusals import FencedError
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Change, Held, Route, StoredEffect
from pmsbridge.store.tables import actions, effects, guards, lanes
from pmsbridge.store.trail import append, redacted

__all__ = ["Sending", "apply_change", "claim", "fence", "mark_sending", "record", "refresh_action", "release"]


def claim(connection: Connection, lane: str, owner: str, lease: timedelta, now: datetime) -> Held | None:
    """Take a free lane; None when somebody holds it. Every claim raises the epoch."""
    insert_absent(connection, lanes, [{"name": lane}])
    free = or_(lanes.c.lease_until.is_(None), lanes.c.lease_until < now)
    epoch = connection.execute(
        update(lanes)
        .where(lanes.c.name == lane, free)
        .values(owner=owner, epoch=lanes.c.epoch + 1, lease_until=now + lease)
        .returning(lanes.c.epoch)
    ).scalar_one_or_none()
    return None if epoch is None else Held(lane, owner, epoch, lease)


def fence(connection: Connection, held: Held, now: datetime) -> None:
    """Prove that the lane is still ours and renew its lease.

    Raises:
        FencedError: Somebody else has it.
    """
    kept = connection.execute(
        update(lanes)
        .where(lanes.c.name == held.lane, lanes.c.owner == held.owner, lanes.c.epoch == held.epoch)
        .values(lease_until=now + held.lease)
        .returning(lanes.c.epoch)
    ).scalar_one_or_none()
    if kept is None:
        message = f"lane {held.lane} is no longer ours"
        raise FencedError(message)


def release(connection: Connection, held: Held) -> None:
    """Let the lane go; does nothing when it is no longer ours."""
    connection.execute(
        update(lanes)
        .where(lanes.c.name == held.lane, lanes.c.owner == held.owner, lanes.c.epoch == held.epoch)
        .values(owner="", lease_until=None)
    )


@dataclass(frozen=True, slots=True)
class Sending:
    """What is written before the first byte leaves.

    Attributes:
        quiet_until: If this is the last thing ever written about the send: when it may be looked for.
    """

    baseline: Mapping[str, str]
    known_before: Mapping[str, str]
    quiet_until: datetime


def mark_sending(
    connection: Connection, held: Held, effect: StoredEffect, sending: Sending, now: datetime
) -> StoredEffect:
    """Say that bytes may leave from now on; returns the effect as it is now.

    Raises:
        FencedError: The lane is no longer ours, or the effect is no longer waiting.
    """
    fence(connection, held, now)
    values = {
        "state": EffectState.SENDING.value, "attempts": effect.attempts + 1, "baseline": dict(sending.baseline),
        "known_before": dict(sending.known_before), "last_sent_at": now, "first_sent_at": effect.first_sent_at or now,
        "quiet_until": sending.quiet_until, "due_at": now,
    }  # fmt: skip
    _write(connection, effect, values, expected=EffectState.WAITING)
    data = {"effect": effect.name, "attempt": effect.attempts + 1, "lane": held.lane, "epoch": held.epoch}
    append(connection, effect.action_id, "sending", now, data)
    return load_effect(connection, effect.key)


def record(
    connection: Connection,
    held: Held,
    effect: StoredEffect,
    change: Change,
    now: datetime,
    *,
    added: Sequence[tuple[PlannedEffect, Route]] = (),
    found: Sequence[Finding] = (),
) -> None:
    """Write what became of an effect, what follows from it, and what a person should know, in one commit.

    Raises:
        FencedError: The lane is no longer ours, or somebody resolved the effect meanwhile.
    """
    fence(connection, held, now)
    apply_change(connection, effect, change, now, by={"epoch": held.epoch})
    if added:
        _add(connection, effect, added, now)
    for finding in found:
        finding_rows.add(connection, finding)


def _add(
    connection: Connection, effect: StoredEffect, added: Sequence[tuple[PlannedEffect, Route]], now: datetime
) -> None:
    action = load_action(connection, effect.action_id)
    known = {e.name for e in action.effects}
    position = len(action.effects)
    for step, route in added:
        if step.name not in known:
            add_effect(connection, action, step, route, position, now)
            append(connection, action.id, "added", now, {"effect": step.name, "kind": step.effect.kind})
            position += 1


def apply_change(
    connection: Connection, effect: StoredEffect, change: Change, now: datetime, *, by: Mapping[str, Any]
) -> None:
    """Write a change of one effect, free its guards when it is over, and derive the action's outcome again.

    Raises:
        FencedError: The effect is not as it was when it was read.
    """
    _write(connection, effect, _values(effect, change, now), expected=effect.state)
    if change.state is EffectState.DONE:
        connection.execute(delete(guards).where(guards.c.effect_key == effect.key))
    receipt = change.receipt
    data = {
        "effect": effect.name, "why": change.why, "code": change.code, "not_before": change.not_before,
        "evidence": receipt.evidence if receipt else "", "vendor_ids": receipt.vendor_ids if receipt else {}, **by,
    }  # fmt: skip
    append(connection, effect.action_id, change.event, now, data)
    refresh_action(connection, effect.action_id)


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


def _write(connection: Connection, effect: StoredEffect, values: Mapping[str, Any], *, expected: EffectState) -> None:
    fits = (effects.c.key == effect.key, effects.c.version == effect.version, effects.c.state == expected.value)
    changed = connection.execute(
        update(effects).where(*fits).values(**values, version=effect.version + 1).returning(effects.c.key)
    ).scalar_one_or_none()
    if changed is None:
        message = f"effect {effect.key} has moved on"
        raise FencedError(message)


def refresh_action(connection: Connection, action_id: str) -> None:
    """Derive the action's outcome from its effects and keep it for queries."""
    action = load_action(connection, action_id)
    connection.execute(
        update(actions)
        .where(actions.c.id == action_id)
        .values(outcome=action.outcome.value, is_partial=action.is_partial)
    )
