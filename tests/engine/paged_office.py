"""A back office of units behind pages and change stamps, and two ways to read it; what it holds is the truth.

It counts time in ticks of 100 ns, has a clock of its own, shows a row only when its transaction is committed, and does
things between two pages when it is told to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pmsbridge.model.places import Unit
from pmsbridge.model.record import VendorRef
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.streams import HeldRows, Rows
from pmsbridge.ports.watermark import Watermark
from pmsbridge.store.record_rows import document
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock

TICKS = 10_000_000
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(minutes=10)


def stamp_of(tick: int) -> datetime:
    """As an instant, which is coarser: what is left over is cut off."""
    return EPOCH + timedelta(microseconds=tick // 10)


def tick_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 10


@dataclass(slots=True)
class Row:
    """One unit: when it was changed last, by the office's clock, and what it says."""

    id: str
    tick: int
    floor: int


@dataclass
class PagedOffice:
    """Rows by id.

    Attributes:
        now: The office's clock, in ticks; it has nothing to do with ours.
        late: Rows whose transaction is not committed yet: they have their stamp and are not shown.
        between: Called before every page but the first.
    """

    now: int = 1000 * TICKS
    rows: dict[str, Row] = field(default_factory=dict)
    late: list[Row] = field(default_factory=list)
    between: Callable[[], None] | None = None
    pages: int = 0

    def put(self, row_id: str, floor: int, *, tick: int | None = None) -> None:
        self.rows[row_id] = Row(row_id, self.now if tick is None else tick, floor)

    def begin(self, row_id: str, floor: int) -> None:
        """A transaction takes its stamp now and is committed later."""
        self.late.append(Row(row_id, self.now, floor))

    def commit(self) -> None:
        for row in self.late:
            self.rows[row.id] = row
        self.late.clear()

    def delete(self, row_id: str) -> None:
        self.rows.pop(row_id, None)

    def truth(self) -> dict[str, int]:
        return {row.id: row.floor for row in self.rows.values()}


@dataclass(frozen=True)
class Ways:
    """How changes are asked for. The first values are right; each other one is a way in which copies lose rows."""

    is_inclusive: bool = True
    overlap: timedelta = OVERLAP
    rounds_up: bool = False
    keeps_began: bool = True
    splits_ties: bool = False


class PagedAdapter(MemoryAdapter):
    """Reads the office page by page: all by id, or what changed by stamp and id."""

    def __init__(
        self, office: PagedOffice, *, ways: Ways = Ways(), page: int = 3, facilities: tuple[str, ...] = ("F1",)
    ) -> None:
        super().__init__(MemoryOffice(TestClock(), facilities=facilities))
        self.paged, self._ways, self._page = office, ways, page
        self.batch_hook: Callable[[int], None] = lambda _number: None

    def fingerprint(self, query: Query) -> str:
        return query.facility

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        if query.entity is not Entity.UNITS:
            yield Rows((), (), json.loads)
            return
        began = self.paged.now
        mark = Watermark.of(since, self._ways.overlap)
        number = 0
        if resume is not None:
            said = json.loads(resume)
            place, began, mark = said["place"], said["began"], Watermark.of(said["cursor"], self._ways.overlap)
        else:
            place = None
        while True:
            self.paged.pages += 1
            if self.paged.between is not None and number:
                self.paged.between()
            rows, place = self._some(since, mark if resume is None else Watermark.of(since, self._ways.overlap), place)
            for row in rows:
                mark = mark.seen(self._rounded(row.tick), began=stamp_of(began) if self._ways.keeps_began else None)
            is_last = place is None
            number += 1
            token = json.dumps({"place": place, "began": began, "cursor": mark.cursor})
            yield self._rows(query.facility, rows, mark.cursor, None if is_last else token, is_last and since is None)
            self.batch_hook(number)
            if is_last:
                return

    def _some(self, since: str | None, mark: Watermark, place: Any) -> tuple[list[Row], Any]:
        """A page, and where the next one starts; None after the last."""
        if since is None:
            found = sorted(self.paged.rows.values(), key=lambda row: row.id)
            left = [row for row in found if place is None or row.id > place]
            page = left[: self._page]
            return page, page[-1].id if len(left) > self._page else None
        start = mark.start if place is None else None
        lowest = -1 if start is None else tick_of(start)
        found = sorted(self.paged.rows.values(), key=lambda row: (row.tick, row.id))
        if place is not None:
            tick, row_id = place
            left = [r for r in found if (r.tick > tick if self._ways.splits_ties else (r.tick, r.id) > (tick, row_id))]
        elif self._ways.is_inclusive:
            left = [row for row in found if row.tick >= lowest]
        else:
            left = [row for row in found if row.tick > lowest]
        page = left[: self._page]
        return page, [page[-1].tick, page[-1].id] if len(left) > self._page else None

    def _rounded(self, tick: int) -> datetime:
        moment = stamp_of(tick)
        return moment + timedelta(microseconds=1) if self._ways.rounds_up and tick % 10 else moment

    def _rows(self, facility: str, rows: list[Row], cursor: str | None, resume: str | None, is_complete: bool) -> Rows:
        raws = [json.dumps([row.id, row.floor]).encode() for row in rows]
        return Rows(
            [row.id for row in rows], raws, lambda raw: unit_document(facility, *json.loads(raw)), cursor=cursor,
            resume=resume, is_complete=is_complete, calls=1, bytes_read=sum(map(len, raws)),
        )  # fmt: skip


class BesideAdapter(PagedAdapter):
    """Names the rows that are as they are held, instead of handing them out."""

    def pull_beside(
        self, query: Query, held: HeldRows, *, since: str | None = None, resume: str | None = None
    ) -> Iterator[Rows]:
        different: set[str] = set()
        for rows in self.pull(query, since=since, resume=resume):
            others, same = list[tuple[str, bytes]](), list[int]()
            for row_id, raw in zip(rows.ids, rows.raw, strict=True):
                key = held.find(raw) if row_id not in different else None
                if key is not None:
                    same.append(key)
                    continue
                different.add(row_id)
                others.append((row_id, raw))
            yield replace(rows, ids=[i for i, _ in others], raw=[raw for _, raw in others], same=same)


def unit_document(facility: str, row_id: str, floor: int) -> Any:
    ref = VendorRef(system="memory", account="mem", facility=facility, entity="unit", id=row_id)
    return json.loads(document(Unit(ref=ref, number=row_id, floor=str(floor)))[0])
