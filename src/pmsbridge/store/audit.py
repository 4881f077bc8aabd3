"""Is the journal as it was written? Every chain of every action, read as it is stored, in memory that does not grow."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, String, bindparam, select, type_coerce

from pmsbridge.store import trail as chain
from pmsbridge.store.columns import UtcInstant
from pmsbridge.store.database import Database
from pmsbridge.store.deduced import wrong_in_action, wrong_in_click, wrong_in_step
from pmsbridge.store.prepared import Query
from pmsbridge.store.reading import load_action
from pmsbridge.store.replaying import Told, ToldStep
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import StoredAction, StoredEffect
from pmsbridge.store.tables import actions, aliases, effects, guards, trail

__all__ = ["Audit", "Breach", "Head", "Trouble"]

_CHUNK: Final = 200
_AGAIN: Final = 3


class Breach(StrEnum):
    """What was done to the journal from outside.

    ``ENTRY``: an entry is not what was written. ``ORDER``: entries are missing, added or swapped. ``END``: the end of
    the trail is not where the action says. ``STEPS``: the action has other steps than its trail tells. ``STEP``: a step
    stands other than its trail tells. ``OUTCOME``: the action's outcome does not follow from its steps. ``ASKED``: who
    asked, when, for whom or for what, is not what the trail or the key tells. ``CLICK``: a click that was attached is
    not what the trail tells. ``GUARD``: what is held for unresolved payments is not what the steps hold. ``ORPHAN``:
    entries of an action that is not there. ``GONE``: an action that was there is not. ``CUT``: a trail is shorter, or
    other, than it was.
    """

    ENTRY = "entry"
    ORDER = "order"
    END = "end"
    STEPS = "steps"
    STEP = "step"
    OUTCOME = "outcome"
    ASKED = "asked"
    CLICK = "click"
    GUARD = "guard"
    ORPHAN = "orphan"
    GONE = "gone"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it was written.

    Attributes:
        number: Which entry of the trail; 0 when it is the action.
        text: For a person.
    """

    action_id: str
    number: int
    breach: Breach
    text: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the trail of an action ends.

    Attributes:
        seq: Order of arrival.
        length: Entries.
        digest: Digest of the last entry, which covers all before it.
    """

    seq: int
    action_id: str
    length: int
    digest: str


@dataclass(slots=True)
class Audit:
    """One look at the whole journal.

    Attributes:
        actions: Looked at so far.
        entries: Looked at so far.
    """

    database: Database
    actions: int = field(default=0, init=False)
    entries: int = field(default=0, init=False)

    def troubles(self, *, since: datetime | None = None) -> Iterator[Trouble]:
        """Everything that is not as it was written, action by action, oldest first.

        Args:
            since: Only actions submitted at or after this instant; entries without an action are then not looked for.

        What is being written meanwhile is no trouble: an action with trouble is read again before it is told.
        """
        after = 0
        while chunk := self._chunk(after, since):
            after = chunk[-1][0]
            for _, action_id in chunk:
                yield from self._of_action(action_id)
        if since is None:
            yield from self._orphans()
            yield from self._strays()

    def _chunk(self, after: int, since: datetime | None) -> Sequence[tuple[int, str]]:
        query = select(actions.c.seq, actions.c.id).where(actions.c.seq > after).order_by(actions.c.seq).limit(_CHUNK)
        if since is not None:
            query = query.where(actions.c.submitted_at >= since)
        with self.database.read() as connection:
            return [(row.seq, row.id) for row in connection.execute(query)]

    def _of_action(self, action_id: str) -> Iterator[Trouble]:
        self.actions += 1
        for attempt in range(_AGAIN):
            with self.database.read() as connection:
                look = _Look(connection, action_id)
                found = list(look.troubles())
            if not found or attempt == _AGAIN - 1:
                self.entries += look.entries
                yield from found
                return

    def _orphans(self) -> Iterator[Trouble]:
        known = select(actions.c.id)
        query = select(trail.c.action_id).where(trail.c.action_id.not_in(known)).distinct()
        with self.database.read() as connection:
            lost = connection.execute(query.limit(_CHUNK)).scalars().all()
        for action_id in lost:
            yield Trouble(str(action_id), 0, Breach.ORPHAN, "the trail has entries of an action that is not there")

    def _strays(self) -> Iterator[Trouble]:
        """Clicks and guards that no action tells of."""
        for attempt in range(_AGAIN):
            with self.database.read() as connection:
                found = [*_stray_clicks(connection), *_stray_guards(connection)]
            if not found or attempt == _AGAIN - 1:
                yield from found
                return

    # -- where all trails end ------------------------------------------------------------------------------------------

    def heads(self) -> Iterator[Head]:
        """Where the trail of every action ends, in order of arrival."""
        columns = (actions.c.seq, actions.c.id, actions.c.trail_length, actions.c.trail_head)
        after = 0
        while True:
            query = select(*columns).where(actions.c.seq > after).order_by(actions.c.seq).limit(_CHUNK)
            with self.database.read() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            yield from (Head(*row) for row in rows)
            after = rows[-1].seq

    def missing(self, kept: Sequence[Head]) -> Iterator[Trouble]:
        """Which of some actions are gone, or no longer have the trail they had; in parts of a few hundred."""
        ids = [head.action_id for head in kept]
        at_length = (trail.c.action_id == actions.c.id, trail.c.number.in_({head.length for head in kept}))
        query = select(actions.c.id, actions.c.seq).where(actions.c.id.in_(ids))
        entries = select(trail.c.action_id, trail.c.number, trail.c.hash).join(actions, at_length[0])
        with self.database.read() as connection:
            known = {row.id: row.seq for row in connection.execute(query)}
            rows = connection.execute(entries.where(actions.c.id.in_(ids), at_length[1]))
            digests = {(row.action_id, row.number): row.hash for row in rows}
        for head in kept:
            if known.get(head.action_id) != head.seq:
                yield Trouble(head.action_id, 0, Breach.GONE, "the action was there and is not")
            elif digests.get((head.action_id, head.length)) != head.digest:
                text = f"entry {head.length} is not the one that was there, so something up to it was changed"
                yield Trouble(head.action_id, head.length, Breach.CUT, text)


def _stray_clicks(connection: Connection) -> Iterator[Trouble]:
    """Attached clicks whose action says nothing of them."""
    after = ""
    query = select(aliases.c.id, aliases.c.action_id).order_by(aliases.c.id).limit(_CHUNK)
    while rows := connection.execute(query.where(aliases.c.id > after)).all():
        after = rows[-1].id
        held = {row.action_id for row in rows}
        told = connection.execute(
            select(trail.c.action_id, trail.c.data).where(trail.c.action_id.in_(held), trail.c.event == "attached")
        )
        known = {(action_id, click) for action_id, data in told for click in _clicks_in(data)}
        for row in rows:
            if (row.action_id, row.id) not in known:
                text = f"click {row.id} is attached to it, and its trail says nothing of that"
                yield Trouble(row.action_id, 0, Breach.CLICK, text)


def _clicks_in(data: object) -> Iterator[str]:
    """The click an entry tells of; none when the entry is not as it was written, which is told elsewhere."""
    with suppress(ValueError, KeyError, TypeError):
        yield str(json.loads(str(data))["click"])


def _stray_guards(connection: Connection) -> Iterator[Trouble]:
    """Guards whose effect is not there, or is another action's."""
    same = (guards.c.effect_key == effects.c.key) & (guards.c.action_id == effects.c.action_id)
    query = select(guards.c.action_id).outerjoin(effects, same).where(effects.c.key.is_(None)).limit(_CHUNK)
    for action_id in connection.execute(query).scalars():
        yield Trouble(action_id, 0, Breach.GUARD, "a payment is held for a step that it does not have")


_HELD: Final = Query(
    select(guards.c.guard, guards.c.action_id, guards.c.effect_key, guards.c.held_since).where(
        guards.c.effect_key.in_(bindparam("keys", expanding=True))
    )
)


class _Look:
    """One action, as it is stored."""

    def __init__(self, connection: Connection, action_id: str) -> None:
        self._connection, self._id = connection, action_id
        self.entries = 0
        self._told = Told()
        self._head = ""
        self._first_at: datetime | None = None
        self._erased = chain.erased_entries(connection, action_id)

    def troubles(self) -> Iterator[Trouble]:
        try:
            row = self._connection.execute(select(actions).where(actions.c.id == self._id)).one_or_none()
        except (ValueError, TypeError, AttributeError):
            yield self._trouble(0, Breach.ASKED, "the action holds what no action can hold")
            return
        if row is None:
            yield self._trouble(0, Breach.GONE, "the action is no longer there")
            return
        broken = list(self._entries())
        yield from broken
        if (row.trail_length, row.trail_head) != (self.entries, self._head):
            text = f"the action says that its trail ends at entry {row.trail_length}; {self.entries} fit together"
            yield self._trouble(0, Breach.END, text)
        elif not broken:
            yield from self._action(row)

    def _trouble(self, number: int, breach: Breach, text: str) -> Trouble:
        return Trouble(self._id, number, breach, text)

    # -- the chain -----------------------------------------------------------------------------------------------------

    def _entries(self) -> Iterator[Trouble]:
        """Entry by entry, each as the bytes that are stored."""
        columns = (
            trail.c.number, trail.c.event, trail.c.data, trail.c.prev_hash, trail.c.hash,
            type_coerce(trail.c.at, String).label("at"),
        )  # fmt: skip
        rows = self._connection.execute(select(*columns).where(trail.c.action_id == self._id).order_by(trail.c.number))
        for row in rows:
            expected = self.entries + 1
            if row.number != expected:
                yield self._trouble(expected, Breach.ORDER, f"entry {expected} is missing, or {row.number} was added")
                return
            problem = self._problem_of(row)
            if problem:
                yield self._trouble(expected, Breach.ENTRY, problem)
                return
            self.entries, self._head = expected, row.hash
            if expected == 1:
                self._first_at = self._instant(row.at)

    def _problem_of(self, row: Row[Any]) -> str:
        """What is wrong with an entry; empty when nothing is. A well-formed one is read into what the trail tells."""
        texts = (row.event, row.data, row.prev_hash, row.hash)
        at = self._instant(row.at)
        if at is None or not all(isinstance(text, str) for text in texts):
            return "a column does not hold what is written there"
        if row.prev_hash != self._head:
            return "it does not follow on the entry before it"
        expected = chain.link_hash(self._head, self._id, row.number, at, row.event, row.data)
        if not chain.fits(self._erased, row.number, expected, row.hash):
            return "its content does not fit its digest"
        try:
            self._told.read(row.event, json.loads(row.data), at)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "its content is none of ours"
        return ""

    def _instant(self, stored: object) -> datetime | None:
        """A stored instant, only when it is spelled as it is written: many spellings mean the same instant."""
        kind, dialect = UtcInstant(), self._connection.dialect
        try:
            instant = kind.process_result_value(stored, dialect)
            is_ours = kind.process_bind_param(instant, dialect) == stored
        except (ValueError, TypeError, AttributeError):
            return None
        return instant if is_ours else None

    # -- what the trail tells, and what the tables say -----------------------------------------------------------------

    def _action(self, row: Row[Any]) -> Iterator[Trouble]:
        told = self._told
        for event in told.strange:
            yield self._trouble(0, Breach.ENTRY, f"no entry of ours says {event!r} of such a step")
        if chain.redacted(row.actor) != told.actor or row.submitted_at != self._first_at:
            yield self._trouble(0, Breach.ASKED, "who asked, or when, is not what its trail tells")
        if told.intent_digest and not _is_digest_of(told.intent_digest, row.intent):
            yield self._trouble(0, Breach.ASKED, "what was asked for is not what its trail tells")
        try:
            action = load_action(self._connection, self._id)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield self._trouble(0, Breach.STEP, "a step holds what no step can hold")
            return
        if wrong := list(wrong_in_action(action, told)):
            text = f"{', '.join(wrong)} of the action is not what its key and its trail tell"
            yield self._trouble(0, Breach.ASKED, text)
        yield from self._steps(action)
        yield from self._clicks()
        yield from self._guards(action)
        if (row.outcome, row.is_partial) != (action.outcome.value, action.is_partial):
            text = f"its outcome is stored as {row.outcome}, its steps make it {action.outcome.value}"
            yield self._trouble(0, Breach.OUTCOME, text)

    def _steps(self, action: StoredAction) -> Iterator[Trouble]:
        names, told = {effect.name for effect in action.effects}, self._told.steps
        if names != set(told):
            others = ", ".join(sorted(names ^ set(told)))
            yield self._trouble(0, Breach.STEPS, f"steps that only the trail or only the action has: {others}")
        for effect in action.effects:
            step = told.get(effect.name)
            wrong = (
                [] if step is None else [*_contradictions(effect, step), *wrong_in_step(effect, step, action.tenant_id)]
            )
            if wrong:
                text = f"step {effect.name}: {', '.join(sorted(set(wrong)))} is not what its trail tells"
                yield self._trouble(0, Breach.STEP, text)

    def _clicks(self) -> Iterator[Trouble]:
        """Every click the trail tells of, as it is stored."""
        told = self._told.clicks
        query = select(aliases).where(aliases.c.id.in_(list(told)))
        rows = {row["id"]: dict(row) for row in self._connection.execute(query).mappings()} if told else {}
        for click_id, click in told.items():
            row = rows.get(click_id)
            wrong = ["it"] if row is None else list(wrong_in_click(row, self._id, click))
            if wrong:
                text = f"click {click_id}, which was attached: {', '.join(wrong)} is not what its trail tells"
                yield self._trouble(0, Breach.CLICK, text)

    def _guards(self, action: StoredAction) -> Iterator[Trouble]:
        """What is held is what the steps that are not over hold, since they were asked for."""
        holders = [effect for effect in action.effects if effect.guards]
        keys = [effect.key for effect in holders]
        held = {tuple(row) for row in _HELD.all(self._connection, {"keys": keys})} if keys else set()
        due = {
            (guard, action.id, effect.key, effect.asked_at)
            for effect in holders
            if effect.state is not EffectState.DONE
            for guard in effect.guards
        }
        if held != due:
            yield self._trouble(0, Breach.GUARD, "what is held for its payments is not what its steps hold")


_MASKED: Final = re.compile(r"([0-9a-f]*)\[?card ending ([0-9]{4})\]?([0-9a-f]*)")


def _is_digest_of(told: str, text: str) -> bool:
    """Whether it is the digest, or what an earlier release kept of it: it masked digits like a card number's in it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    masked = _MASKED.fullmatch(told)
    if masked is None:
        return told == digest
    before, last_four, after = masked.groups()
    hidden = digest[len(before) : len(digest) - len(after)]
    return digest.startswith(before) and digest.endswith(after) and hidden.isdecimal() and hidden.endswith(last_four)


def _contradictions(effect: StoredEffect, step: ToldStep) -> Iterator[str]:
    """Which parts of a step are not what its trail tells."""
    if effect.kind != step.kind:
        yield "kind"
    if step.digest and not _is_digest_of(step.digest, effect.payload):
        yield "payload"
    if (effect.state, effect.ended) not in step.standings:
        yield "state"
    if step.change is not None:
        yield from _changed_parts(effect, step.change)


def _changed_parts(effect: StoredEffect, change: Mapping[str, Any]) -> Iterator[str]:
    if effect.message != change.get("why", ""):
        yield "message"
    if effect.code != change.get("code", ""):
        yield "code"
    if (effect.evidence, dict(effect.vendor_ids)) != (change.get("evidence", ""), change.get("vendor_ids", {})):
        yield "evidence"
