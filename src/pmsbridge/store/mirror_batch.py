"""What becomes of one batch of rows, and the small things that is made with."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from pydantic_core import to_json
from sqlalchemy import Connection

from pmsbridge.errors import UnavailableError
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.streams import Document
from pmsbridge.store.changes import NewChange
from pmsbridge.store.columns import plain
from pmsbridge.store.mirror_sql import Known
from pmsbridge.store.mirror_writes import Scope
from pmsbridge.store.portable import is_postgresql

__all__ = [
    "Batch",
    "Different",
    "Made",
    "New",
    "extra_of",
    "new_uids",
    "parsed",
    "storable",
    "storable_blob",
    "suspicious",
    "text_of",
    "words_of",
]

_spelled: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def text_of(document: object) -> str:
    """JSON, in the order in which the adapter gives it."""
    try:
        return orjson.dumps(document).decode()  # what nearly every record is written by
    except TypeError:
        pass
    try:
        return to_json(document).decode()
    except ValueError:
        return _spelled(document)  # half of a surrogate pair: JSON has it, UTF-8 has not


@dataclass(frozen=True, slots=True)
class Different:
    """A record that says something else than before."""

    id: str
    before: Document
    after: Document


class Made(NamedTuple):
    """What is kept of a record; the record itself is let go at once, so that a batch does not hold a thousand of them.

    Attributes:
        text: The record as JSON, as it is told; empty where nobody is told of it.
        kept: The same as it is stored: without later fields that say nothing.
        columns: The noun's own.
        extra: The vendor's own fields as JSON.
    """

    text: str
    kept: str
    columns: tuple[Any, ...]
    extra: str


New = tuple[str, bytes, Made]
"""Id, hash of the row, and record of a new row."""


@dataclass(slots=True)
class Batch:
    """What becomes of one batch: new rows by id and hash, different ones by what is held of them besides.

    Attributes:
        coming: New rows that are made while they are written; ``at_most`` so many.
    """

    new: list[New] = field(default_factory=list)
    coming: Iterator[New] = field(default_factory=lambda: iter(()))
    at_most: int = 0
    rewritten: list[tuple[Known, str, bytes, Made]] = field(default_factory=list)
    touched: list[tuple[int, bytes]] = field(default_factory=list)
    changes: list[NewChange] = field(default_factory=list)
    different: list[Different] = field(default_factory=list)
    deleted: int = 0

    @property
    def most_new(self) -> int:
        """How many new rows it can have."""
        return len(self.new) + self.at_most


def parsed(text: str) -> Document:
    """A record as it is held; nothing when somebody else has written there."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def extra_of(document: Document) -> str:
    """The vendor's own fields as text."""
    extra = document.get("extra")
    return text_of(extra) if extra else "{}"


def storable(connection: Connection) -> Callable[[str], str]:
    """Makes of a text what the database can hold."""
    if not is_postgresql(connection):
        return _as_is
    return lambda text: plain(text) or ""


def _as_is(text: str) -> str:
    return text


def storable_blob(connection: Connection) -> Callable[[bytes], bytes | bytearray]:
    """Makes of bytes what the driver takes at once: SQLite's first asks others whether they adapt themselves."""
    return bytes if is_postgresql(connection) else bytearray


def new_uids(now: datetime, count: int) -> list[str]:
    """Our own ids: unique over all databases, and ascending, so that an index grows at its end."""
    first = int(now.timestamp() * 1000) << 80 | secrets.randbits(79)
    return [f"{number:032x}" for number in range(first, first + count)]


def words_of(problem: Exception) -> str:
    """What is wrong with a row, without repeating a cell."""
    return problem.message if isinstance(problem, UnavailableError) else type(problem).__name__


def suspicious(scope: Scope, gone: int, total: int, now: datetime) -> Finding:
    """What a person is told when nothing was deleted."""
    place = f"{scope.account}/{scope.facility}"
    return Finding(
        code="mass_deletion_held", severity=Severity.URGENT, account=scope.account, facility=scope.facility,
        subject=f"{place}/{scope.entity}",
        text=f"{gone} of {total} {scope.entity} records were missing from the back office's answer; none was deleted. "
        f"If they are really gone: pmsbridge sync --full --believe-deletions --facility {place}",
        found_at=now,
    )  # fmt: skip
