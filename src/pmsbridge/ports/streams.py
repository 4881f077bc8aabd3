"""How a night reads: rows as the back office sent them, which are mapped only when they are new or different.

An adapter that has ``pull`` is read through it. One that has only ``fetch`` is read through that; it costs a record per
row and night. Nothing here knows what a row looks like: XML cells, JSON or columns of a query, as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pmsbridge.ports.adapter import Entity, Query

__all__ = [
    "BesidePort",
    "CostPort",
    "Document",
    "HeldRows",
    "MonthBudget",
    "NightPort",
    "PullPort",
    "Rows",
    "ZonePort",
]

Document = Mapping[str, Any]
"""A record of the model as JSON holds it (``Record.model_dump(mode="json")``), without the time it was seen at."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows, and where the reading stands after them.

    Attributes:
        ids: The back office's id of each row; an id that comes twice counts once, the last row wins.
        raw: The rows, in the same order, as bytes: equal bytes say the same. Everything a record is made of is in
            them, and nothing that differs between two readings of an unchanged record.
        document: Makes a row's record; None when the row is no record. Called for new and different rows only, by the
            thread that reads; that of the last rows also after them, for any row of the reading. It raises ValueError
            or UnavailableError for a row that cannot be read.
        gone: Ids that the back office says are deleted.
        cursor: Where the next incremental reading starts; it is kept when the reading has come to its end.
        resume: Where this reading goes on when the process dies after these rows; None when it would have to start
            anew. It must not miss what moves between pages meanwhile.
        is_complete: On the last rows: what was sent is everything there is, so a missing record was deleted.
        calls: Calls made for these rows.
        bytes_read: Bytes of the answers to them, decoded.
        unreadable: Rows left out because not even their id could be read; such a reading is never complete.
        same: What ``HeldRows.find`` gave for rows that are neither in ``ids`` nor in ``raw``, because they are as they
            are held. No row of another content, under the id of one of these, came before it in the same answer.
    """

    ids: Sequence[str]
    raw: Sequence[bytes]
    document: Callable[[bytes], Document | None]
    gone: Sequence[str] = ()
    cursor: str | None = None
    resume: str | None = None
    is_complete: bool = False
    calls: int = 0
    bytes_read: int = 0
    unreadable: int = 0
    same: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class MonthBudget:
    """What a facility may cost.

    Attributes:
        counted_as: Under which name its calls are counted.
        calls: Calls a month (UTC); None when nothing bounds them.
        nights_calls: Calls a month after which those of a night are refused, so that the others are left for people;
            None when they never are.
    """

    counted_as: str
    calls: int | None
    nights_calls: int | None = None

    @property
    def bound(self) -> int | None:
        """After how many calls of the month a night had better make none; None when nothing bounds it."""
        return min((each for each in (self.calls, self.nights_calls) if each is not None), default=None)


@runtime_checkable
class CostPort(Protocol):
    """An adapter that knows what a night costs before it begins.

    Attributes:
        account_calls: Calls to read one tenant's account anew.
        accounts_follow_rows: Whenever an account is different, so is a row of the tenant or of one of the rentals; an
            account whose rows are as they were need not be read again every night.
    """

    account_calls: int
    accounts_follow_rows: bool

    def calls_of(self, query: Query) -> int:
        """How many calls reading one noun of one facility costs; 0 when it is not listed."""

    def budget_of(self, facility: str) -> MonthBudget:
        """What bounds the calls of a facility."""


@runtime_checkable
class NightPort(Protocol):
    """An adapter that lists more than what every adapter lists, and says which of it a night copies, too.

    Attributes:
        copied_besides: In the order in which they are read, after facilities, units, tenants and rentals.
    """

    copied_besides: Sequence[Entity]


@runtime_checkable
class ZonePort(Protocol):
    """An adapter whose settings say in which time zone its facilities are: a night needs no answer to have its time."""

    def zone_of(self, facility: str) -> str:
        """The IANA zone of a facility; asks nobody.

        Raises:
            NotFoundError: It is not configured for this account.
        """


@runtime_checkable
class PullPort(Protocol):
    """Reading for a copy. May raise what every read may raise."""

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        """Stream one entity of one facility; memory does not grow with the answer.

        Args:
            query: What to read.
            since: The cursor of the last reading that came to its end; None for everything.
            resume: Where an unfinished reading with the same ``since`` stopped; None for its beginning.

        Raises:
            UnsupportedError: The back office has no such entity, or cannot list it.
        """

    def fingerprint(self, query: Query) -> str:
        """What beside the rows decides what records are made of them: settings such as currency or measure."""


class HeldRows(Protocol):
    """The rows that the living records of a copy were made of, as they were when the reading began."""

    def find(self, raw: bytes) -> int | None:
        """The record that was made of exactly these bytes; None when none is known, and the row has to be handed out.

        Args:
            raw: A row as it would stand in ``Rows.raw``. The record's id is part of it: two records are never made of
                equal bytes.
        """


@runtime_checkable
class BesidePort(Protocol):
    """An adapter that leaves out what is as it is held, before it does anything with it, and only names it.

    Worth it where a row costs something before it is handed out: an answer that comes whole and waits on disk.
    """

    def pull_beside(
        self, query: Query, held: HeldRows, *, since: str | None = None, resume: str | None = None
    ) -> Iterator[Rows]:
        """As ``PullPort.pull``, with ``Rows.same`` for any of the rows that ``held`` finds."""
