"""Mails, calls and visits that were recorded: each once, whoever hands it in again.

Until it is known whose a mail is, it is nobody's: its tenant id is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from pmsbridge.errors import InputError, NotFoundError
from pmsbridge.model.earlier import stored_json
from pmsbridge.model.interactions import RecordedInteraction
from pmsbridge.ports.clock import Clock
from pmsbridge.store.database import Database
from pmsbridge.store.holds import holds_at
from pmsbridge.store.person import Words
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import interactions

__all__ = ["Interactions", "forget_unassigned", "forget_unassigned_before"]

_MARK_CHARS: Final = 16
_NO_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What stands in a digest for a date that nobody can have sent a mail at."""


class Interactions:
    """What was recorded at one facility."""

    def __init__(self, database: Database, clock: Clock, account: str, facility: str) -> None:
        self._database, self._clock = database, clock
        self._here = (interactions.c.account == account, interactions.c.facility == facility)
        self._place = {"account": account, "facility": facility}

    def record(self, tenant_id: str, said: RecordedInteraction) -> bool:
        """Store what a tenant and the office exchanged; whether it was there already.

        Raises:
            InputError: Something else was recorded of this tenant by that id ("key_reused"); nothing was changed.
        """
        with self._database.write() as connection:
            self._lock(connection)
            mine = (interactions.c.tenant_id == tenant_id, interactions.c.message_id == said.message_id)
            held = connection.execute(select(interactions.c.digest).where(*self._here, *mine)).scalar_one_or_none()
            if held is None:
                self._add(connection, tenant_id, said, _digest(said))
            elif held != _digest(said):
                problem, remedy = "was used for something else", "Each message has an id of its own."
                raise InputError("message_id", problem, remedy=remedy, code="key_reused")
        return held is not None

    def hear(self, tenant_id: str, said: RecordedInteraction, *, is_dated: bool = True) -> str | None:
        """Store a mail that came in by itself; None, or whose it is already: it came once before.

        Who sends a mail chooses its id. So another mail with the id of one that is there is kept beside it, under an
        id with a mark of its own, and neither hides the other.

        Args:
            tenant_id: Whose it is; empty when that is not known.
            said: The mail.
            is_dated: Its time is the sender's. Else it is that of this call, and tells no mail from another.
        """
        undated = _digest(said.changed(at=_NO_DATE))
        # A date that lay too far ahead at first may be a good one when the mail is handed in again.
        own = [_digest(said), undated] if is_dated else [undated]
        marked = {digest: said.changed(message_id=_marked(said.message_id, digest)) for digest in own}
        known = (interactions.c.message_id.in_([said.message_id, *(each.message_id for each in marked.values())]),)
        with self._database.write() as connection:
            self._lock(connection)
            query = select(interactions.c.message_id, interactions.c.tenant_id, interactions.c.digest)
            held = connection.execute(query.where(*self._here, *known)).all()
            for row in held:
                if row.digest in {*own, _digest(marked[own[0]])}:
                    return str(row.tenant_id)
            self._add(connection, tenant_id, marked[own[0]] if held else said, own[0])
        return None

    def assign(self, message_id: str, tenant_id: str) -> None:
        """Say whose a mail is that was nobody's.

        Where something else was recorded of them by its id, the mail is kept beside it, under an id with a mark.

        Raises:
            NotFoundError: There is none of that id that is nobody's.
            InputError: That id with the mark is taken, too ("key_reused"); nothing was changed.
        """
        nobodys = (*self._here, interactions.c.tenant_id == "", interactions.c.message_id == message_id)
        with self._database.write() as connection:
            self._lock(connection)
            mail = connection.execute(select(interactions.c.doc, interactions.c.digest).where(*nobodys)).first()
            if mail is None:
                raise NotFoundError("message_id", "names no mail that is nobody's")
            said, theirs = RecordedInteraction.model_validate_json(mail.doc), interactions.c.tenant_id == tenant_id
            for name in (message_id, _marked(message_id, mail.digest)):
                kept = said.changed(message_id=name)
                held = select(interactions.c.digest).where(*self._here, theirs, interactions.c.message_id == name)
                digest = connection.execute(held).scalar_one_or_none()
                if digest is None:  # what the mail is known by when it is handed in again stays as it was
                    values = {"tenant_id": tenant_id, "message_id": name, "doc": stored_json(kept)}
                    connection.execute(update(interactions).where(*nobodys).values(**values))
                    return
                if digest in {mail.digest, _digest(kept)}:
                    connection.execute(delete(interactions).where(*nobodys))  # it was recorded by hand meanwhile
                    return
        raise InputError("message_id", "was used for something else of this tenant, twice", code="key_reused")

    def of(self, tenant_id: str, *, limit: int = 1000) -> Sequence[RecordedInteraction]:
        """What was recorded of a tenant, or with an empty id what is nobody's; the newest first."""
        query = select(interactions.c.doc).where(*self._here, interactions.c.tenant_id == tenant_id)
        newest = query.order_by(interactions.c.at.desc(), interactions.c.message_id).limit(limit)
        with self._database.read() as connection:
            docs = connection.execute(newest).scalars().all()
        return [RecordedInteraction.model_validate_json(doc) for doc in docs]

    def _lock(self, connection: Connection) -> None:
        lock_scope(connection, "interactions", self._place["account"], self._place["facility"])

    def _add(self, connection: Connection, tenant_id: str, said: RecordedInteraction, digest: str) -> None:
        row = {
            **self._place, "tenant_id": tenant_id, "message_id": said.message_id, "at": said.at,
            "direction": said.direction.value, "doc": stored_json(said), "digest": digest,
            "recorded_at": self._clock.now(),
        }  # fmt: skip
        connection.execute(insert(interactions).values(**row))


def forget_unassigned(connection: Connection, account: str, facility: str, words: Words, *, dry_run: bool) -> int:
    """Take away mails that are nobody's and about a person, or count them; how many."""
    nobodys = (
        interactions.c.account == account, interactions.c.facility == facility, interactions.c.tenant_id == ""
    )  # fmt: skip
    found = []
    for row in connection.execute(select(interactions.c.message_id, interactions.c.doc).where(*nobodys)):
        said = RecordedInteraction.model_validate_json(row.doc)
        if words.are_surely_in(f"{said.sender}\n{said.subject}\n{said.text}"):
            found.append(row.message_id)
    if not dry_run:
        for message_id in found:
            connection.execute(delete(interactions).where(*nobodys, interactions.c.message_id == message_id))
    return len(found)


def forget_unassigned_before(
    database: Database, account: str, facility: str, before: datetime, *, dry_run: bool
) -> int:
    """Take away mails that were nobody's all the time and came before an instant, whatever date they bear; how many.

    None while a legal hold stands at the facility: nobody has said yet that they are not of whom it protects.
    """
    old = (
        interactions.c.account == account, interactions.c.facility == facility, interactions.c.tenant_id == "",
        interactions.c.recorded_at < before,
    )  # fmt: skip
    with database.read() as connection:
        if holds_at(connection, account, facility):
            return 0
        found = len(connection.execute(select(interactions.c.message_id).where(*old)).all())
    if found and not dry_run:
        with database.write() as connection:
            found = connection.execute(delete(interactions).where(*old)).rowcount
    return found


def _marked(message_id: str, digest: str) -> str:
    """The id under which a mail is kept beside another one of its id."""
    return f"{message_id[:180]}#{digest[:_MARK_CHARS]}"


def _digest(said: RecordedInteraction) -> str:
    """Of what was said, whoever hands it in."""
    return hashlib.sha256(stored_json(said.changed(recorded_by="")).encode()).hexdigest()
