"""Edits of a record: what is there, whether it is so already, whether somebody else was faster, what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any, Final

from pmsbridge.actions.effects import ChangeContact, SetConsent
from pmsbridge.errors import NotFoundError, RejectedError, UnavailableError
from pmsbridge.model.people import Tenant
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.bodies.exact_json import UnwritableError, write_json
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.lists import Listing
from pmsbridge_rest.mapping.actions import Step, Update
from pmsbridge_rest.mapping.paths import without
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.rows import RowError
from pmsbridge_rest.updating import Edit, Updating, changed_meanwhile, not_as_asked

__all__ = ["Editing", "Found"]

_BEFORE: Final = "before."


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it was answered.

    Attributes:
        record: Its envelope taken off.
        etag: The version the answer's header named; empty when there is none.
    """

    record: dict[str, Any]
    etag: str = ""

    def __repr__(self) -> str:
        return "<a record>"


@dataclass(frozen=True, slots=True)
class Editing:
    """One edit.

    Attributes:
        connection: The account.
        step: The step that writes it.
        effect: What is asked for.
        filler: Fills places.
    """

    connection: Connection
    step: Step
    effect: Edit
    filler: Filler

    @property
    def update(self) -> Update:
        """How the record is changed."""
        if self.step.update is None:
            raise AssertionError
        return self.step.update

    @property
    def updating(self) -> Updating:
        """The pure half."""
        scene = self.connection.scope(self.effect.facility, seen_at=None).scene
        return Updating(self.connection.mapping, self.update, self.effect, scene)

    @property
    def places(self) -> Filler:
        """The places, and ``read.id``: the id of the record that is changed."""
        read = dict(self.filler.places.get("read", {}))
        own = read.get("rental_id" if self.update.entity == "rentals" else "tenant_id", "")
        return self.filler.with_places(read={**read, "id": own})

    @property
    def needs_record(self) -> bool:
        """Whether the record has to be read before it is written."""
        has_seen = isinstance(self.effect, ChangeContact) and bool(self.effect.seen)
        return has_seen or self.update.strategy == "put_full" or self._updating_needs()

    def read(self, deadline: Deadline) -> Found:
        """The record now.

        Raises:
            NotFoundError: There is none.
            UnavailableError: No usable answer.
        """
        operation = f"{self.effect.kind}.read"
        listing = Listing(self.connection, self.effect.facility, self._reading(), self.places, operation)
        pages = list(listing.pages(deadline=lambda: deadline))
        rows = [row for page in pages for row in page.rows]
        if not rows:
            raise NotFoundError("tenant", "the back office has no such record", code="tenant_not_found")
        if len(rows) > 1 or not isinstance(rows[0], dict):
            problem = f"{self.effect.kind}: the read of one record answered with something else"
            raise UnavailableError(problem, code="bad_envelope")
        guard = self.update.guard
        etag = pages[0].came.headers.get(guard.etag.lower(), "") if guard is not None else ""
        return Found(rows[0], etag)

    def is_so(self, found: Found) -> bool:
        """Whether the record is as it is asked to be."""
        if isinstance(self.effect, SetConsent):
            return self._consent(found) is self.effect.granted
        return not not_as_asked(self.effect, self.texts(found))

    def check_unchanged(self, found: Found) -> None:
        """Compare with what the person saw while editing.

        Raises:
            RejectedError: Somebody else changed a field meanwhile; nothing was sent.
        """
        stale = changed_meanwhile(self.effect, self.texts(found)) if isinstance(self.effect, ChangeContact) else []
        if stale:
            message = f"changed meanwhile in the back office: {', '.join(stale)}; nothing was sent"
            raise RejectedError(message, code="changed_meanwhile")

    def records(self, found: Found | None) -> dict[str, Any]:
        """What is written.

        Raises:
            RejectedError: It cannot be said; nothing was sent.
        """
        try:
            return self.updating.records(None if found is None else found.record)
        except CannotSayError as problem:
            message = f"{self.effect.kind}: {problem}; nothing was sent"
        raise RejectedError(message, code="cannot_be_said")

    def differences(self, before: Found, after: Found) -> list[str]:
        """Keys beside what was asked for that are not as they were."""
        found = self.updating.differences(self._without_moving(before.record), self._without_moving(after.record))
        return list(found)

    def baseline(self, found: Found) -> dict[str, str]:
        """What a later look compares with: the fields as they are, and one digest of all others."""
        if isinstance(self.effect, SetConsent):
            stands = self._consent(found)
            return {"consent": "" if stands is None else str(stands).lower(), "others": self.digest(found)}
        texts = self.texts(found)
        before = {f"{_BEFORE}{name}": texts.get(name, "") for name in self.effect.changes}
        return {**before, "others": self.digest(found)}

    def is_as_before(self, found: Found, baseline: Table[str, str]) -> bool:
        """Whether the fields are as they were before the send."""
        now = self.baseline(found)
        return all(baseline.get(name) == text for name, text in now.items() if name != "others")

    def digest(self, found: Found) -> str:
        """One digest over everything that the edit must leave alone; keyed by the edit, so that it tells nothing.

        Empty for a record that cannot be written out: what changed in it cannot be told.
        """
        record = self._without_moving(found.record)
        for path in (*self.updating.paths(), *self.updating.read_elsewhere(), *self.update.moves):
            record = without(record, _entry_or(path))
        key = hashlib.blake2b(self.effect.model_dump_json().encode(), digest_size=32).digest()
        try:
            return hashlib.blake2b(_sorted(record), digest_size=16, key=key).hexdigest()
        except UnwritableError:
            return ""

    def _without_moving(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record less what every write moves: its version, and when it was changed last."""
        entity = self.connection.mapping.entities.get(self.update.entity)
        version = entity.fields.get("version") if entity is not None else None
        since = entity.all.since if entity is not None and entity.all is not None else None
        paths = (
            self.update.guard.at if self.update.guard is not None else None,
            version.at if version is not None else None,
            since.row_changed_at if since is not None else None,
        )
        for path in paths:
            record = record if path is None else without(record, path)
        return record

    def texts(self, found: Found) -> dict[str, str]:
        """Contact fields as a person sees them.

        Raises:
            UnavailableError: The record cannot be read.
        """
        reader = self.connection.rows(self.update.entity, self.places, self.effect.facility)
        try:
            return reader.contact_texts(found.record)
        except RowError as problem:
            message = f"{self.effect.kind}: the record cannot be read: {problem}"
        raise UnavailableError(message, code="unreadable_row")

    def _consent(self, found: Found) -> bool | None:
        reader = self.connection.rows(self.update.entity, self.filler, self.effect.facility)
        try:
            record = reader.record(found.record)
        except RowError as problem:
            message = f"{self.effect.kind}: the record cannot be read: {problem}"
        else:
            effect = self.effect
            is_whole = isinstance(record, Tenant) and isinstance(effect, SetConsent)
            return record.consent(effect.channel, effect.purpose) if is_whole else None  # type: ignore[attr-defined, union-attr]
        raise UnavailableError(message, code="unreadable_row")

    def _updating_needs(self) -> bool:
        try:
            return self.updating.needs_record
        except CannotSayError as problem:
            message = f"{self.effect.kind}: {problem}; nothing was sent"
        raise RejectedError(message, code="cannot_be_said")

    def _reading(self) -> Reading:
        entity = self.connection.mapping.entities.get(self.update.entity)
        reading = self.update.read or (entity.one if entity is not None else None)
        if reading is None:
            message = f"{self.effect.kind}: the mapping has no read of the record that is changed"
            raise RejectedError(message, code="not_mapped")
        return reading


def _entry_or(path: str) -> str:
    """The entry of a list that a path goes through, which an edit may have made; else the path."""
    return path[: path.rindex("]") + 1] if "]" in path else path


def _sorted(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    return write_json(_in_order(value))


def _in_order(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(each) for each in value] if isinstance(value, list) else value
