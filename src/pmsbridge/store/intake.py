"""Taking an action in: once per click, once per payment, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, insert, select

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.plan import PlannedEffect, Submission
from pmsbridge.errors import InputError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.reading import load_action, payment_stamps
from pmsbridge.store.refusals import GuardHeldError, PaymentsMovedError
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Route, StoredAction, Submitted
from pmsbridge.store.tables import actions, aliases, effects, guards, lanes
from pmsbridge.store.trail import append

__all__ = ["Click", "add_effect", "attach", "find_click", "guarded", "guarded_below", "take_in"]


class Click(Protocol):
    """What tells one click of a person from another; a ``Submission`` is one."""

    @property
    def action_id(self) -> str:
        """Made from the scope and the key."""

    @property
    def kind(self) -> str:
        """The verb."""

    @property
    def intent(self) -> str:
        """The verb's arguments, without anything secret."""


def take_in(connection: Connection, submission: Submission, routes: Mapping[str, Route], now: datetime) -> Submitted:
    """Store an action and its effects, or find what the same click or the same payment already is.

    Raises:
        InputError: The key was used for something else, or the action id was not made from the key.
        GuardHeldError: Some of its payments, but not all of them in one action, are being confirmed.
    """
    _refuse_foreign_id(submission)
    # The first statement writes: a transaction that begins by reading may later be refused the write lock.
    insert_absent(connection, lanes, [{"name": lane} for lane in sorted({route.lane for route in routes.values()})])
    if known := find_click(connection, submission):
        return known
    wanted = {guard for step in submission.plan.steps for guard in step.guards}
    if held := guarded(connection, wanted):
        return _attach(connection, submission, wanted, held, now)
    _refuse_moved_payments(connection, submission)
    _insert_action(connection, submission, now)
    for position, step in enumerate(submission.plan.steps):
        add_effect(connection, submission, step, routes[step.name], position, now)
    steps = [{"name": s.name, "kind": s.effect.kind, "after": s.after or ""} for s in submission.plan.steps]
    append(connection, submission.action_id, "submitted", now, {"actor": submission.actor, "steps": steps})
    return Submitted(load_action(connection, submission.action_id))


def _refuse_moved_payments(connection: Connection, submission: Submission) -> None:
    """The balances were read and judged outside this transaction; what became of payments since counts.

    Raises:
        PaymentsMovedError: A payment for one of the rentals was stored, sent, settled or ended meanwhile.
    """
    seen = submission.payments_seen
    if seen is None:
        return
    effects_ = [step.effect for step in submission.plan.steps]
    rentals = {part.rental_id for effect in effects_ if isinstance(effect, TakePayment) for part in effect.parts}
    now = payment_stamps(connection, submission.account, submission.facility, submission.tenant_id or "")
    if any(now.get(name, 0) != seen.get(name, 0) for name in (*rentals, "*")):
        raise PaymentsMovedError


def _refuse_foreign_id(submission: Submission) -> None:
    ours = Submission.id_for(submission.account, submission.facility, submission.tenant_id, submission.key)
    if submission.action_id != ours:
        raise InputError("action_id", "is not made from the scope and the key", remedy="Use Submission.id_for.")


def find_click(connection: Connection, submission: Click) -> Submitted | None:
    """The action this very click already is or was attached to; None for a new click.

    Raises:
        InputError: The same key asked for something else before.
    """
    row = connection.execute(
        select(actions.c.id, actions.c.intent, actions.c.kind).where(actions.c.id == submission.action_id)
    ).one_or_none()
    if row is not None:
        _refuse_other_intent(submission, row.intent, row.kind)
        return Submitted(load_action(connection, row.id), replayed=True)
    alias = connection.execute(select(aliases).where(aliases.c.id == submission.action_id)).one_or_none()
    if alias is None:
        return None
    _refuse_other_intent(submission, alias.intent, alias.kind)
    return Submitted(load_action(connection, alias.action_id), replayed=True, attached=True)


def _refuse_other_intent(submission: Click, intent: str, kind: str) -> None:
    if (submission.intent, submission.kind) != (intent, kind):
        problem = "was already used for something else"
        raise InputError("key", problem, remedy="Make a new key for a new wish.", code="key_reused")


def guarded(connection: Connection, wanted: Iterable[str]) -> dict[str, str]:
    """Which of these business guards are held, and by which action."""
    rows = connection.execute(select(guards.c.guard, guards.c.action_id).where(guards.c.guard.in_(sorted(wanted))))
    return {row.guard: row.action_id for row in rows}


def guarded_below(connection: Connection, prefix: str) -> dict[str, str]:
    """Which business guards that begin so are held, and by which action."""
    rows = connection.execute(
        select(guards.c.guard, guards.c.action_id).where(guards.c.guard.startswith(prefix, autoescape=True))
    )
    return {row.guard: row.action_id for row in rows}


def attach(connection: Connection, click: Click, holder: str, actor: str, now: datetime) -> Submitted:
    """Make a click another name of an action that is not over yet."""
    # The new key is kept: the same click, repeated after the payment is confirmed, must not pay a second time.
    insert_absent(
        connection,
        aliases,
        [{
            "id": click.action_id, "action_id": holder, "intent": click.intent, "kind": click.kind, "attached_at": now,
        }],
    )  # fmt: skip
    append(connection, holder, "attached", now, {"actor": actor, "click": click.action_id, "intent": click.intent})
    return Submitted(load_action(connection, holder), attached=True)


def _attach(
    connection: Connection, submission: Submission, wanted: set[str], held: Mapping[str, str], now: datetime
) -> Submitted:
    holders = set(held.values())
    if set(held) != wanted or len(holders) != 1:
        raise GuardHeldError(dict(held))
    return attach(connection, submission, holders.pop(), submission.actor, now)


def _insert_action(connection: Connection, submission: Submission, now: datetime) -> None:
    connection.execute(
        insert(actions).values(
            id=submission.action_id, key=submission.key, kind=submission.kind, account=submission.account,
            facility=submission.facility, tenant_id=submission.tenant_id or "", intent=submission.intent,
            actor=submission.actor, outcome=Outcome.PENDING.value, submitted_at=now, changed_at=now,
        )
    )  # fmt: skip


def add_effect(
    connection: Connection,
    action: Submission | StoredAction,
    step: PlannedEffect,
    route: Route,
    position: int,
    now: datetime,
) -> None:
    """Store one effect of an action, waiting, with the guards it holds."""
    action_id = action.action_id if isinstance(action, Submission) else action.id
    insert_absent(connection, lanes, [{"name": route.lane}])
    connection.execute(
        insert(effects).values(
            action_id=action_id, position=position, name=step.name, key=step.key, kind=step.effect.kind,
            payload=step.effect.model_dump_json(), after=step.after, run_when=step.when.value,
            is_principal=step.is_principal, emulates=step.emulates, guards=list(step.guards), lane=route.lane,
            account=step.effect.account, facility=step.effect.facility, tenant_id=action.tenant_id or "",
            target=step.effect.target,
            state=EffectState.WAITING.value, vendor_ids={}, baseline={}, known_before={}, asked_at=now, due_at=now,
            sealed_until=now + route.sealed_for if route.sealed_for is not None else None,
        )
    )  # fmt: skip
    for guard in step.guards:
        connection.execute(insert(guards).values(guard=guard, action_id=action_id, effect_key=step.key, held_since=now))
