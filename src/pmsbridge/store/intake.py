"""Taking an action in: once per click, once per payment, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, bindparam, literal, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.plan import PlannedEffect, Submission
from pmsbridge.errors import InputError
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store import files as kept_files
from pmsbridge.store.batch import Absence, Ensure, Insert, insert_new, not_new, run
from pmsbridge.store.columns import plain
from pmsbridge.store.deduced import plan_digest
from pmsbridge.store.portable import insert_absent, is_postgresql, lock_number, lock_scope
from pmsbridge.store.prepared import Query, driver_write
from pmsbridge.store.reading import action_of, load_action, payment_stamps
from pmsbridge.store.refusals import GuardHeldError, PaymentsMovedError
from pmsbridge.store.request_answers import refuse_answered_since
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Route, StoredAction, StoredEffect, Submitted
from pmsbridge.store.tables import actions, aliases, effects, guards, lanes, trail
from pmsbridge.store.trail import Event, append, links

__all__ = [
    "Click",
    "add_effects",
    "attach",
    "digest_of",
    "find_click",
    "guarded",
    "guarded_below",
    "put_lanes",
    "take_in",
]


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


def take_in(
    connection: Connection,
    submission: Submission,
    routes: Mapping[str, Route],
    now: datetime,
    *,
    is_own: bool = False,
    files: Mapping[str, HandedFile] | None = None,
) -> Submitted:
    """Store an action and its effects, or find what the same click or the same payment already is.

    Args:
        connection: An open transaction.
        submission: What is asked for.
        routes: By step name, how the effect will travel.
        now: Since when.
        is_own: The transaction is ours and does nothing else: it may be committed here.
        files: By step name, what is kept beside a new action.

    Raises:
        InputError: The key was used for something else, the action id was not made from the key, or the files are not
            those that the steps name.
        GuardHeldError: Some of its payments, but not all of them in one action, are being confirmed.
        IneligibleError: What it was judged by moved on since; see ``payments_seen`` and ``request_seen``.
        UnavailableError: Some of it was there already, and nobody knows why; nothing of it is left in the transaction.
    """
    _refuse_foreign_id(submission)
    kept_files.refuse_other_files(submission, files or {})
    if not files:
        return _take_in(connection, submission, routes, now, is_own=is_own)
    if not is_postgresql(connection):
        put_lanes(connection, routes.values())  # a savepoint wants a transaction that has written
    with kept_files.all_or_nothing(connection):
        taken = _take_in(connection, submission, routes, now, is_own=False)
        if not (taken.replayed or taken.attached):
            kept_files.put(connection, submission, files)
    return taken


def _take_in(
    connection: Connection, submission: Submission, routes: Mapping[str, Route], now: datetime, *, is_own: bool
) -> Submitted:
    scope = ("tenant", submission.account, submission.facility, submission.tenant_id or "")
    if is_postgresql(connection) and submission.payments_seen is None and submission.request_seen is None:
        stored = _insert_new(connection, submission, routes, now, lock=lock_number(*scope), is_own=is_own)
        if stored is not None:
            return Submitted(stored)
    lock_scope(connection, *scope)
    if not is_postgresql(connection):
        # This comes first, and writes: a transaction that begins by reading may later be refused the write lock.
        put_lanes(connection, routes.values())
    if known := find_click(connection, submission):
        return known
    wanted = _guards_of(submission)
    if held := guarded(connection, wanted):
        return _attach(connection, submission, wanted, held, now)
    if submission.request_seen is not None:
        # It may have been withdrawn, or paid, while this was being judged: one of both stands, never both.
        refuse_answered_since(connection, scope[1:], submission.request_seen)
    _refuse_moved_payments(connection, submission)
    return Submitted(_insert_action(connection, submission, routes, now))


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


_CLICK: Final = Query(
    union_all(
        select(actions.c.id, actions.c.intent, actions.c.kind, literal(0)).where(actions.c.id == bindparam("id")),
        select(aliases.c.action_id, aliases.c.intent, aliases.c.kind, literal(1)).where(
            aliases.c.id == bindparam("id")
        ),
    )
)
_GUARDS: Final = Query(
    select(guards.c.guard, guards.c.action_id).where(guards.c.guard.in_(bindparam("wanted", expanding=True)))
)


def find_click(connection: Connection, submission: Click) -> Submitted | None:
    """The action this very click already is or was attached to; None for a new click.

    Raises:
        InputError: The same key asked for something else before.
    """
    found = _CLICK.first(connection, {"id": submission.action_id})
    if found is None:
        return None
    action_id, intent, kind, attached = found
    _refuse_other_intent(submission, intent, kind)
    return Submitted(load_action(connection, action_id), replayed=True, attached=bool(attached))


def _refuse_other_intent(submission: Click, intent: str, kind: str) -> None:
    if (submission.intent, submission.kind) != (intent, kind):
        problem = "was already used for something else"
        raise InputError("key", problem, remedy="Make a new key for a new wish.", code="key_reused")


def guarded(connection: Connection, wanted: Iterable[str]) -> dict[str, str]:
    """Which of these business guards are held, and by which action."""
    names = sorted(wanted)
    return {row[0]: row[1] for row in _GUARDS.all(connection, {"wanted": names})} if names else {}


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
    asked = hashlib.sha256(click.intent.encode()).hexdigest()
    data = {
        "actor": actor, "click": click.action_id, "kind": click.kind, "intent": click.intent, "intent_digest": asked,
    }  # fmt: skip
    append(connection, holder, [Event("attached", data)], now)
    return Submitted(load_action(connection, holder), attached=True)


def _attach(
    connection: Connection, submission: Submission, wanted: set[str], held: Mapping[str, str], now: datetime
) -> Submitted:
    holders = set(held.values())
    if set(held) != wanted or len(holders) != 1:
        raise GuardHeldError(dict(held))
    return attach(connection, submission, holders.pop(), submission.actor, now)


def _guards_of(submission: Submission) -> set[str]:
    return {guard for step in submission.plan.steps for guard in step.guards}


def _insert_action(
    connection: Connection, submission: Submission, routes: Mapping[str, Route], now: datetime
) -> StoredAction:
    if is_postgresql(connection):
        stored = _insert_new(connection, submission, routes, now)
        if stored is None:
            raise not_new()
        return stored
    inserts = _inserts(submission, routes, now)
    with _all_or_nothing(connection):
        _insert(connection, inserts)
    return _as_stored(connection, inserts, submission, _SEQS.all(connection, {"id": submission.action_id}))


def _insert_new(
    connection: Connection,
    submission: Submission,
    routes: Mapping[str, Route],
    now: datetime,
    *,
    lock: int | None = None,
    is_own: bool = False,
) -> StoredAction | None:
    """On PostgreSQL, ask and store in one round trip; None when the click is known, or a guard is held.

    Args:
        connection: An open transaction.
        submission: What is asked for.
        routes: By step name, how the effect will travel.
        now: Since when.
        lock: Number of the tenant's scope; None when its lock is held already.
        is_own: It may be committed with the same round trip.
    """
    known = [Absence(actions.c.id, [submission.action_id]), Absence(aliases.c.id, [submission.action_id])]
    if wanted := sorted(_guards_of(submission)):
        known.append(Absence(guards.c.guard, wanted))
    inserts = _inserts(submission, routes, now)
    ensured = [Ensure(lanes, {"name": name, "owner": "", "epoch": 0}) for name in _lanes_of(routes.values())]
    found = insert_new(connection, inserts, ensured, _NUMBERS, unless=known, lock=lock, is_own=is_own)
    return None if found is None else _as_stored(connection, inserts, submission, found)


_NUMBERS: Final = {0: ("seq",), 1: ("seq", "position")}
"""Columns of what is inserted that only the database knows: of the action, and of its effects."""


def _inserts(submission: Submission, routes: Mapping[str, Route], now: datetime) -> list[Insert]:
    """The action, its effects, the guards they hold if any, and the beginning of its trail."""
    steps = [
        {
            "name": s.name, "kind": s.effect.kind, "after": s.after or "", "digest": digest_of(s),
            "plan": plan_digest(s, routes[s.name].lane),
        }
        for s in submission.plan.steps
    ]  # fmt: skip
    asked = hashlib.sha256(submission.intent.encode()).hexdigest()
    data = {"actor": submission.actor, "kind": submission.kind, "intent_digest": asked, "steps": steps}
    begun = links(submission.action_id, [Event("submitted", data)], now)
    row = {
        "id": submission.action_id, "key": submission.key, "kind": submission.kind, "account": submission.account,
        "facility": submission.facility, "tenant_id": submission.tenant_id or "", "intent": submission.intent,
        "actor": submission.actor, "outcome": Outcome.PENDING.value, "submitted_at": now, "changed_at": now,
        "is_partial": False, "trail_length": begun.length, "trail_head": begun.head,
    }  # fmt: skip
    travelling = [(step, routes[step.name]) for step in submission.plan.steps]
    inserts = _effect_inserts(submission.action_id, submission.tenant_id or "", travelling, now, first=0)
    return [Insert(actions, [row]), *inserts, Insert(trail, begun.rows)]


_SEQS: Final = Query(
    select(actions.c.seq, effects.c.seq, effects.c.position)
    .join(effects, effects.c.action_id == actions.c.id)
    .where(actions.c.id == bindparam("id"))
)


def _as_stored(
    connection: Connection, inserts: Sequence[Insert], submission: Submission, numbers: Sequence[Sequence[int]]
) -> StoredAction:
    """What was just inserted, as the journal would give it back.

    Args:
        connection: Where it was inserted.
        inserts: The action's row first, then those of its effects.
        submission: What they were made of.
        numbers: For every effect: the row number of the action, its own, and its position.
    """
    kept = _plain_texts if is_postgresql(connection) else dict
    steps = submission.plan.steps
    found = [
        StoredEffect.inserted(seq, kept({**inserts[1].same, **inserts[1].rows[position]}), steps[position].effect)
        for _, seq, position in sorted(numbers, key=lambda each: each[2])
    ]
    return action_of(numbers[0][0], kept(inserts[0].rows[0]), found)


def _plain_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) if isinstance(value, str) else value for name, value in row.items()}


@contextmanager
def _all_or_nothing(connection: Connection) -> Iterator[None]:
    """On SQLite, within a transaction that has written: what fails inside leaves nothing to somebody else's commit."""
    driver_write(connection, "SAVEPOINT pmsbridge_new", ())
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # where the whole transaction is gone already, so is this
            driver_write(connection, "ROLLBACK TO pmsbridge_new", ())
        raise
    driver_write(connection, "RELEASE pmsbridge_new", ())


def _insert(connection: Connection, inserts: Sequence[Insert]) -> None:
    touched = run(connection, inserts)
    if touched != [len(each.rows) for each in inserts]:
        raise not_new()


def put_lanes(connection: Connection, routes: Iterable[Route]) -> None:
    """Make sure that lanes have a row."""
    wanted = _lanes_of(routes)
    if is_postgresql(connection) and wanted:
        # To insert what is there already would wait for the worker that is just renewing its lease on it.
        known = {name for (name,) in _LANES.all(connection, {"names": wanted})}
        wanted = [lane for lane in wanted if lane not in known]
    insert_absent(connection, lanes, [{"name": lane} for lane in wanted])


def _lanes_of(routes: Iterable[Route]) -> list[str]:
    return sorted({route.lane for route in routes})


_LANES: Final = Query(select(lanes.c.name).where(lanes.c.name.in_(bindparam("names", expanding=True))))


def add_effects(
    connection: Connection,
    action_id: str,
    tenant_id: str,
    steps: Sequence[tuple[PlannedEffect, Route]],
    now: datetime,
    *,
    first: int = 0,
) -> None:
    """Store effects of an action, waiting, with the guards they hold.

    Args:
        connection: An open transaction.
        action_id: Whose.
        tenant_id: Whose tenant; empty for none.
        steps: What to do, and how each will travel.
        now: Since when they wait.
        first: Position of the first one in the action.
    """
    if steps:
        _insert(connection, _effect_inserts(action_id, tenant_id, steps, now, first=first))


def _effect_inserts(
    action_id: str, tenant_id: str, steps: Sequence[tuple[PlannedEffect, Route]], now: datetime, *, first: int
) -> list[Insert]:
    rows = [
        {"position": position, **_effect_row(step, route, now)} for position, (step, route) in enumerate(steps, first)
    ]
    same = {
        "action_id": action_id, "tenant_id": tenant_id, "state": EffectState.WAITING.value, "asked_at": now,
        "due_at": now, **_UNTOUCHED,
    }  # fmt: skip
    held = [
        {"guard": guard, "action_id": action_id, "effect_key": step.key, "held_since": now}
        for step, _ in steps
        for guard in step.guards
    ]
    return [Insert(effects, rows, same), *([Insert(guards, held)] if held else [])]


def digest_of(step: PlannedEffect) -> str:
    """What the trail keeps of what the back office is asked, so that nobody changes it unseen; hex, SHA-256."""
    return hashlib.sha256(step.effect.as_stored.encode()).hexdigest()


_UNTOUCHED: Final[Mapping[str, Any]] = {
    "vendor_ids": {}, "baseline": {}, "message": "", "code": "", "evidence": "",
    "is_read_back": False, "is_emulated": False, "is_doubtful": False, "attempts": 0, "looks": 0, "resends": 0,
    "version": 0,
}  # fmt: skip


def _effect_row(step: PlannedEffect, route: Route, now: datetime) -> dict[str, Any]:
    return {
        "name": step.name, "key": step.key, "kind": step.effect.kind, "payload": step.effect.as_stored,
        "after": step.after, "run_when": step.when.value, "is_principal": step.is_principal,
        "emulates": step.emulates, "guards": list(step.guards), "lane": route.lane, "account": step.effect.account,
        "facility": step.effect.facility, "target": step.effect.target, "known_before": dict(step.known_before),
        "sealed_until": now + route.sealed_for if route.sealed_for is not None else None,
    }  # fmt: skip
