"""Words to staff: notes on a record, and posts to those who follow a contract. Looked for before they are written."""

from __future__ import annotations

from typing import Final

from pmsbridge.actions.effects import AddNote, AttachDocument, PostBulletin
from pmsbridge.errors import RejectedError
from pmsbridge.model.documents import Visibility
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.mapping.papers import note_text
from pmsbridge_tryton.mapping.scope import account_id
from pmsbridge_tryton.paying import Paying
from pmsbridge_tryton.vocabulary import ATTACHMENT, CHANNEL, NOTE, PARTY
from pmsbridge_tryton.wire import Row

__all__ = ["Telling"]

_INTERNAL: Final = "internal"


class Telling(Paying):
    """Notes and posts. Neither has a key of its own: the reference stands in the text."""

    @handles(
        AddNote,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: notes of a record are found by their text, and cannot be changed afterwards",
    )
    def _add_note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        """Look, then write; three calls."""
        end = self._write_deadline(attempt)
        resource = self._own_resource(effect.tenant_id, effect.rental_id)
        if (known := self._note_with(resource, effect.reference, end)) is not None:
            return self._note_receipt(known["id"], effect.reference, is_look=True)
        mark = self._desk.settings.customer_mark if effect.visibility is Visibility.CUSTOMER else ""
        return self._write_note(resource, note_text(effect.text, effect.reference, mark=mark), effect.reference, end)

    def _write_note(self, resource: str, words: str, reference: str, end: Deadline) -> Receipt:
        (made,) = self._desk.client.create(NOTE, [{"resource": resource, "message": words}], deadline=end)
        return self._note_receipt(made, reference, is_look=False)

    def _note_with(self, resource: str, reference: str, end: Deadline | None = None) -> Row | None:
        """The note that carries a reference; None when there is none. A reference holds no sign of a pattern."""
        domain = [["resource", "=", resource], ["message", "like", f"%[{reference}]%"]]
        rows = self._desk.read(NOTE, domain, ["message"], order=[("id", "ASC")], deadline=end)
        return rows[0] if rows else None

    def _note_receipt(self, note: int, reference: str, *, is_look: bool) -> Receipt:
        seen = "read back: " if is_look else ""
        return Receipt(
            evidence=f"{seen}note {note} with reference {reference}", vendor_ids={"note": str(note)},
            at=self._desk.clock.now(), read_back=is_look,
        )  # fmt: skip

    @probes(AddNote)
    def _find_note(self, effect: AddNote, _attempt: Attempt) -> Probed:
        resource = self._own_resource(effect.tenant_id, effect.rental_id)
        found = self._note_with(resource, effect.reference)
        if found is None:
            return Absent(f"no note of {resource} has the reference")
        return Found(self._note_receipt(found["id"], effect.reference, is_look=True))

    @handles(
        AttachDocument,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: files of a record are found by their description",
    )
    def _attach(self, effect: AttachDocument, attempt: Attempt) -> Receipt:
        """Look, then put it there; three calls. The customer sees it: the description begins with the mark."""
        end = self._write_deadline(attempt)
        resource = self._own_resource(effect.tenant_id, effect.rental_id or account_id(effect.tenant_id))
        if (known := self._file_with(resource, effect.reference, end)) is not None:
            return self._file_receipt(known, is_look=True)
        record = {
            "name": effect.title, "resource": resource, "type": "data", "data": _file_of(attempt),
            "description": f"{self._desk.settings.customer_mark} [{effect.reference}]",
        }  # fmt: skip
        (made,) = self._desk.client.create(ATTACHMENT, [record], deadline=end)
        return self._file_receipt(made, is_look=False)

    def _file_with(self, resource: str, reference: str, end: Deadline | None = None) -> int | None:
        domain = [["resource", "=", resource], ["description", "like", f"%[{reference}]%"]]
        rows = self._desk.read(ATTACHMENT, domain, ["name"], order=[("id", "ASC")], deadline=end)
        return rows[0]["id"] if rows else None

    def _file_receipt(self, file: int, *, is_look: bool) -> Receipt:
        return Receipt(
            evidence=f"{'read back: ' if is_look else ''}file {file}", vendor_ids={"document": f"file-{file}"},
            at=self._desk.clock.now(), read_back=is_look,
        )  # fmt: skip

    @probes(AttachDocument)
    def _find_file(self, effect: AttachDocument, _attempt: Attempt) -> Probed:
        resource = self._own_resource(effect.tenant_id, effect.rental_id or account_id(effect.tenant_id))
        found = self._file_with(resource, effect.reference)
        return (
            Absent(f"no file of {resource} has the reference")
            if found is None
            else Found(self._file_receipt(found, is_look=True))
        )

    @handles(
        PostBulletin,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: a post to a contract's board reaches its followers; a party has no board, but notes",
        posts_beside=True,
    )
    def _post(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        """Look, then post; two calls."""
        end, place = self._write_deadline(attempt), self._board(effect)
        if (known := self._post_with(place, effect.reference, end)) is not None:
            return self._post_receipt(place, known, is_look=True)
        due = f"\nDue {effect.due_on.isoformat()}" if effect.due_on is not None else ""
        words = note_text(f"{effect.subject}{due}\n\n{effect.body}", effect.reference)
        if _is_note(place):
            return self._write_note(place, words, effect.reference, end)
        made = self._desk.client.send(f"model.{CHANNEL}.post", place, words, _INTERNAL, deadline=end)
        return self._post_receipt(place, made if isinstance(made, int) else 0, is_look=False)

    def _board(self, effect: PostBulletin) -> str:
        """Where it is posted: beside the contract it is about, else on its party, else on our own company's party."""
        if effect.rental_id is not None:
            return effect.rental_id
        return account_id(effect.tenant_id or self._desk.company().get("party"))

    def _post_with(self, place: str, reference: str, end: Deadline | None = None) -> int | None:
        """The number of the post that carries a reference; None when there is none."""
        if _is_note(place):
            found = self._note_with(place, reference, end)
            return found["id"] if found is not None else None
        posts = self._desk.client.ask(f"model.{CHANNEL}.get", place, None, None, deadline=end)
        own = [post for post in posts or () if f"[{reference}]" in str(post.get("content"))]
        return next((int(post.get("id") or 0) for post in own), None)

    def _post_receipt(self, place: str, post: int, *, is_look: bool) -> Receipt:
        seen = "read back: " if is_look else ""
        return Receipt(
            evidence=f"{seen}post {post} on {place}", vendor_ids={"post": str(post)}, at=self._desk.clock.now(),
            read_back=is_look,
        )  # fmt: skip

    @probes(PostBulletin)
    def _find_post(self, effect: PostBulletin, _attempt: Attempt) -> Probed:
        place = self._board(effect)
        found = self._post_with(place, effect.reference)
        if found is None:
            return Absent(f"no post on {place} has the reference")
        return Found(self._post_receipt(place, found, is_look=True))


def _file_of(attempt: Attempt) -> HandedFile:
    """What travels beside the effect.

    Raises:
        RejectedError: Nothing does; nothing was sent.
    """
    if attempt.file is None:
        message = "the file that was handed in is not there; nothing was sent"
        raise RejectedError(message, code="no_file")
    return attempt.file


def _is_note(place: str) -> bool:
    return place.startswith(f"{PARTY},")
