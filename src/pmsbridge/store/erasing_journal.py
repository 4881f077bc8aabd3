"""Forgetting a person in the journal: words go, ids and outcomes stay, and every trail still proves itself.

What changed is the last entry of each trail: who erased, and the digests of what stands there now. An entry that held
words of the person keeps its digest and its place; its new content is told by that last entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Row, Select, select, update

from pmsbridge.actions.effects import effect_from_json
from pmsbridge.actions.erasing import ERASED_INTENT, without_person
from pmsbridge.actions.kinds import MONEY_KINDS
from pmsbridge.errors import IneligibleError
from pmsbridge.store.columns import plain
from pmsbridge.store.person import Words
from pmsbridge.store.standing import EffectState
from pmsbridge.store.tables import actions, aliases, effects, trail
from pmsbridge.store.trail import ERASED, Event, append, link_hash

__all__ = ["actions_of", "erase_action", "refuse_open"]

_MONEY: Final = frozenset(kind.value for kind in MONEY_KINDS)


def actions_of(
    connection: Connection, account: str, facility: str, tenant_ids: Collection[str], words: Words
) -> list[Row[Any]]:
    """Actions of a person, and those of nobody in particular that are about them, oldest first."""
    mine = (actions.c.account == account, actions.c.facility == facility)
    columns = (actions.c.id, actions.c.kind, actions.c.intent, actions.c.tenant_id)
    query: Select[Any] = (
        select(*columns).where(*mine, actions.c.tenant_id.in_([*tenant_ids, ""])).order_by(actions.c.seq)
    )
    rows = connection.execute(query).all()
    return [row for row in rows if row.tenant_id or _is_about(connection, row.id, words)]


def _is_about(connection: Connection, action_id: str, words: Words) -> bool:
    payloads = connection.execute(select(effects.c.payload).where(effects.c.action_id == action_id)).scalars()
    return any(words.are_surely_in_document(payload) for payload in payloads)


def refuse_open(connection: Connection, rows: Collection[Row[Any]]) -> None:
    """Refuse while something of a person is under way.

    Raises:
        IneligibleError: It is ("actions_open"); the message names the actions.
    """
    ids = [row.id for row in rows]
    query = select(effects.c.action_id).where(effects.c.state != EffectState.DONE.value).distinct()
    is_open = [action_id for action_id in connection.execute(query).scalars() if action_id in set(ids)]
    if is_open:
        raise _open(is_open)


def _open(action_ids: Collection[str]) -> IneligibleError:
    message = f"Not everything that was asked for is over: {', '.join(sorted(action_ids)[:5])}."
    return IneligibleError(message, code="actions_open", unblock="Wait until it is, or resolve it; then erase again.")


def erase_action(
    connection: Connection, row: Row[Any], words: Words, actor: str, now: datetime, *, dry_run: bool
) -> bool:
    """Take a person out of one action; whether there was anything to take out.

    Raises:
        IneligibleError: A step of it is not over ("actions_open").
    """
    found = _Changes(connection, row, words)
    if found.told and not dry_run:
        found.write()
        append(connection, row.id, [Event(ERASED, {"actor": actor, **found.told})], now)
    return bool(found.told)


class _Changes:
    """What is to change in one action.

    Attributes:
        told: For the trail; empty when nothing is to change.
    """

    def __init__(self, connection: Connection, row: Row[Any], words: Words) -> None:
        self._connection, self._row, self._words = connection, row, words
        self._intent = row.intent if row.kind in _MONEY else ERASED_INTENT
        self._steps = {name: values for name, values in self._steps_changed() if values}
        self._clicks = dict(self._clicks_changed())
        self._entries = {number: (data, digest) for number, data, digest in self._entries_changed()}
        self.told: dict[str, Any] = {
            "intent_digest": _digest(self._intent) if self._intent != row.intent else "",
            "steps": [
                {"effect": name, "digest": _digest(values["payload"])}
                for name, values in self._steps.items()
                if "payload" in values
            ],
            "clicks": [{"click": each, "digest": _digest(intent)} for each, intent in self._clicks.items()],
            "entries": [{"number": number, "digest": digest} for number, (_, digest) in self._entries.items()],
        }
        if not any(self.told.values()) and not self._steps:
            self.told = {}

    def write(self) -> None:
        """Write it."""
        self._connection.execute(update(actions).where(actions.c.id == self._row.id).values(intent=self._intent))
        for name, values in self._steps.items():
            mine = (effects.c.action_id == self._row.id, effects.c.name == name)
            over = effects.c.state == EffectState.DONE.value  # what may still be sent is sent as it was asked for
            if self._connection.execute(update(effects).where(*mine, over).values(**values)).rowcount != 1:
                raise _open([self._row.id])
        for click, intent in self._clicks.items():
            self._connection.execute(update(aliases).where(aliases.c.id == click).values(intent=intent))
        for number, (data, _) in self._entries.items():
            one = (trail.c.action_id == self._row.id, trail.c.number == number)
            self._connection.execute(update(trail).where(*one).values(data=data))

    def _steps_changed(self) -> Iterator[tuple[str, dict[str, Any]]]:
        columns = (effects.c.name, effects.c.payload, effects.c.message, effects.c.evidence, effects.c.baseline)
        for step in self._connection.execute(select(*columns).where(effects.c.action_id == self._row.id)):
            values: dict[str, Any] = {
                name: self._words.out_of(text)
                for name, text in (("message", step.message), ("evidence", step.evidence))
                if self._words.are_in(text)
            }
            payload, target = _without(step.payload)
            if payload != step.payload:
                values |= {"payload": payload, "baseline": {}, **({"target": target} if target else {})}
            yield step.name, values

    def _clicks_changed(self) -> Iterator[tuple[str, str]]:
        held = select(aliases.c.id, aliases.c.intent).where(aliases.c.action_id == self._row.id)
        for click in self._connection.execute(held):
            if self._words.are_in(click.intent):
                yield click.id, ERASED_INTENT

    def _entries_changed(self) -> Iterator[tuple[int, str, str]]:
        """Number and new content of an entry, and the digest that it would have in its place in the chain."""
        columns = (trail.c.number, trail.c.at, trail.c.event, trail.c.data, trail.c.prev_hash)
        held = select(*columns).where(trail.c.action_id == self._row.id).order_by(trail.c.number)
        for entry in self._connection.execute(held):
            data = json.loads(entry.data)
            without = {name: part if name in _OURS else self._words.out_of_all(part) for name, part in data.items()}
            if without != data:
                left = json.dumps(without, sort_keys=True, ensure_ascii=False)
                yield (
                    entry.number, left,
                    link_hash(entry.prev_hash, self._row.id, entry.number, entry.at, entry.event, left),
                )  # fmt: skip


_OURS: Final = frozenset({
    "actor", "click", "clicks", "code", "digest", "effect", "effects", "entries", "intent_digest", "kind", "lane",
    "not_before", "plan", "steps",
})  # fmt: skip
"""Parts of an entry that are words of ours, and what others are compared with."""


def _without(payload: str) -> tuple[str, str]:
    """A stored effect without the person, and its target; what this version cannot read goes as a whole."""
    try:
        asked = effect_from_json(payload)
    except ValidationError:
        held: Mapping[str, Any] = json.loads(payload)
        return json.dumps({"kind": held.get("kind", ""), "erased": True}), ""
    left = without_person(asked)
    return (payload, "") if left == asked else (left.as_stored, plain(left.target) or "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
