"""The trail: append-only, hash-chained per action, redacted. Reading it tells all that happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pmsbridge.logging import redact
from pmsbridge.store.stored import TrailEntry
from pmsbridge.store.tables import actions, trail

__all__ = ["append", "entries", "redacted", "verify"]


def redacted(value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    """The same plain data with every text redacted, keys included."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(name)): redacted(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def _hash(prev: str, action_id: str, number: int, at: datetime, event: str, data: str) -> str:
    text = "\x1f".join((prev, action_id, str(number), at.astimezone(UTC).isoformat(), event, data))
    return hashlib.sha256(text.encode()).hexdigest()


def append(connection: Connection, action_id: str, event: str, at: datetime, data: Mapping[str, Any]) -> None:
    """Add one entry inside the caller's transaction; the action keeps the chain's length and head."""
    where = actions.c.id == action_id
    length, head = connection.execute(select(actions.c.trail_length, actions.c.trail_head).where(where)).one()
    shown = {name: item for name, item in data.items() if item not in (None, "", {}, [], ())}
    text = json.dumps(redacted(shown), sort_keys=True, ensure_ascii=False)
    digest = _hash(head, action_id, length + 1, at, event, text)
    connection.execute(
        insert(trail).values(
            action_id=action_id, number=length + 1, at=at, event=event, data=text, prev_hash=head, hash=digest
        )
    )
    connection.execute(update(actions).where(where).values(trail_length=length + 1, trail_head=digest, changed_at=at))


def entries(connection: Connection, action_id: str) -> tuple[TrailEntry, ...]:
    """Everything that happened to an action, oldest first."""
    rows = connection.execute(select(trail).where(trail.c.action_id == action_id).order_by(trail.c.number))
    return tuple(
        TrailEntry(r.action_id, r.number, r.at, r.event, json.loads(r.data), r.prev_hash, r.hash) for r in rows
    )


def verify(connection: Connection, action_id: str) -> bool:
    """Whether the chain is whole: no entry changed, removed, added or cut off the end."""
    rows = connection.execute(select(trail).where(trail.c.action_id == action_id).order_by(trail.c.number)).all()
    head = ""
    for number, row in enumerate(rows, start=1):
        try:
            fits = row.hash == _hash(head, action_id, number, row.at, row.event, row.data)
        except (ValueError, AttributeError):
            return False
        if not fits or row.prev_hash != head or row.number != number:
            return False
        head = row.hash
    kept = connection.execute(
        select(actions.c.trail_length, actions.c.trail_head).where(actions.c.id == action_id)
    ).one_or_none()
    return kept is not None and tuple(kept) == (len(rows), head)
