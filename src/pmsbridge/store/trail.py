"""The trail: append-only, hash-chained per action, redacted. Reading it tells all that happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from pmsbridge.logging import redact
from pmsbridge.store.batch import Insert, Update, run
from pmsbridge.store.columns import plain
from pmsbridge.store.prepared import Query
from pmsbridge.store.stored import TrailEntry
from pmsbridge.store.tables import actions, trail

__all__ = [
    "ERASED",
    "Event",
    "Links",
    "append",
    "entries",
    "erased_entries",
    "fits",
    "link_hash",
    "links",
    "redacted",
    "trail_end",
    "verify",
]

ERASED: Final = "erased"
"""The entry that tells who took a person out of an action, and what stands there since."""


def redacted(value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    """The same plain data with every text redacted and fit for any database, keys included."""
    if isinstance(value, str):
        return plain(redact(value))
    if isinstance(value, Mapping):
        return {plain(redact(str(name))): redacted(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def link_hash(prev: str, action_id: str, number: int, at: datetime, event: str, data: str) -> str:
    """The digest of an entry, which covers the one before it; hex, SHA-256."""
    text = "\x1f".join((prev, action_id, str(number), at.astimezone(UTC).isoformat(), event, data))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, not yet in the trail."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Links:
    """New entries of one action, chained to what is there; and where the chain then ends."""

    rows: tuple[dict[str, Any], ...]
    length: int
    head: str


def links(action_id: str, events: Sequence[Event], at: datetime, *, length: int = 0, head: str = "") -> Links:
    """Chain events to a trail of that length and head. Texts are redacted."""
    rows = []
    for number, event in enumerate(events, start=length + 1):
        shown = {name: item for name, item in event.data.items() if item not in (None, "", {}, [], ())}
        text = json.dumps(redacted(shown), sort_keys=True, ensure_ascii=False)
        digest = link_hash(head, action_id, number, at, event.name, text)
        rows.append({
            "action_id": action_id, "number": number, "at": at, "event": event.name, "data": text, "prev_hash": head,
            "hash": digest,
        })  # fmt: skip
        head = digest
    return Links(tuple(rows), length + len(rows), head)


# The row lock keeps two lanes of one action from adding the same number; SQLite's writers exclude each other anyway.
_END: Final = Query(
    select(actions.c.trail_length, actions.c.trail_head)
    .where(actions.c.id == bindparam("action_id"))
    .with_for_update(key_share=True)
)


_ENTRIES: Final = Query(
    select(trail.c.number, trail.c.at, trail.c.event, trail.c.data, trail.c.prev_hash, trail.c.hash)
    .where(trail.c.action_id == bindparam("action_id"))
    .order_by(trail.c.number)
)


def trail_end(connection: Connection, action_id: str) -> tuple[int, str]:
    """Length and head of an action's trail; nobody else moves it before this transaction ends."""
    ((length, head),) = _END.all(connection, {"action_id": action_id})
    return length, head


def append(connection: Connection, action_id: str, events: Sequence[Event], at: datetime) -> None:
    """Add entries inside the caller's transaction; the action keeps the chain's length and head."""
    length, head = trail_end(connection, action_id)
    new = links(action_id, events, at, length=length, head=head)
    kept = {"trail_length": new.length, "trail_head": new.head, "changed_at": at}
    run(connection, [Insert(trail, new.rows), Update(actions, kept, {"id": action_id})])


def entries(connection: Connection, action_id: str) -> tuple[TrailEntry, ...]:
    """Everything that happened to an action, oldest first."""
    return tuple(
        TrailEntry(action_id, number, at, event, json.loads(data), prev_hash, digest)
        for number, at, event, data, prev_hash, digest in _ENTRIES.all(connection, {"action_id": action_id})
    )


def erased_entries(connection: Connection, action_id: str) -> dict[int, str]:
    """By number, the digests of entries out of which a person was taken; the latest word counts.

    Such an entry no longer fits its own digest, and need not: the one that it would have now, over its place, instant
    and event, too, is told by a later one, which does.
    """
    query = select(trail.c.data).where(trail.c.action_id == action_id, trail.c.event == ERASED).order_by(trail.c.number)
    found: dict[int, str] = {}
    for data in connection.execute(query).scalars():
        with suppress(ValueError, KeyError, TypeError, AttributeError):  # not as it was written: the chain tells
            found |= {int(each["number"]): str(each["digest"]) for each in json.loads(data).get("entries", ())}
    return found


def fits(erased: Mapping[int, str], number: int, expected: str, kept: str) -> bool:
    """Whether an entry is as its digest says, or as was told of it when a person was taken out."""
    return erased.get(number, kept) == expected


def verify(connection: Connection, action_id: str) -> bool:
    """Whether the chain is whole: no entry changed, removed, added or cut off the end."""
    rows = connection.execute(select(trail).where(trail.c.action_id == action_id).order_by(trail.c.number)).all()
    erased = erased_entries(connection, action_id)
    head = ""
    for number, row in enumerate(rows, start=1):
        try:
            expected = link_hash(head, action_id, number, row.at, row.event, row.data)
            is_whole = fits(erased, number, expected, row.hash)
        except (ValueError, AttributeError):
            return False
        if not is_whole or row.prev_hash != head or row.number != number:
            return False
        head = row.hash
    kept = connection.execute(
        select(actions.c.trail_length, actions.c.trail_head).where(actions.c.id == action_id)
    ).one_or_none()
    return kept is not None and tuple(kept) == (len(rows), head)
