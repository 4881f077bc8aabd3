"""Nightly reads: every row of a noun as bytes that are compared before they are mapped, and only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from pmsbridge.errors import ConfigurationError, UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.model.record import Record
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.ports.calls import Priority
from pmsbridge.ports.streams import Document, MonthBudget, Rows
from pmsbridge.ports.watermark import Watermark
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.bodies.exact_json import read_json, write_json
from pmsbridge_rest.calendars import Calendars
from pmsbridge_rest.calling_off import CallOffs
from pmsbridge_rest.codecs.making import codec_named
from pmsbridge_rest.codecs.scene import CodecError, say
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.lists import Listing
from pmsbridge_rest.lists import Rows as PageRows
from pmsbridge_rest.mapping.model_fields import METHOD
from pmsbridge_rest.mapping.pagination import Since
from pmsbridge_rest.mapping.paths import read_at
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.matching import condition_holds
from pmsbridge_rest.rows import RowError, RowReader

__all__ = ["Nightly"]

_log = get_logger(__name__)

_CAREFUL: Final = timedelta(days=1)
_VERSION: Final = "1"
"""Of what is done with rows here: another one maps every row anew once."""


@dataclass(frozen=True, slots=True)
class _Added:
    """What asks only for changes: names in the query, headers, fields of the document."""

    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


class Nightly(Calendars, CallOffs):
    """The half of the reading port that fills a copy."""

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Stream one noun of one facility in batches; a row that is no record is left out, and nothing is complete."""
        if query.entity is Entity.FACILITIES:
            self._facilities.pop(query.facility, None)
            yield Batch([self.facility(query.facility)], is_complete=True)
            return
        unreadable = 0
        for rows in self.pull(query, since=since):
            records: list[Record] = []
            reader = self._copy_reader(query)
            for raw in rows.raw:
                try:
                    records.append(reader.record(read_json(raw)))
                except RowError as problem:
                    unreadable += 1
                    _log.warning("row_left_out", noun=query.entity.value, problem=str(problem))
            yield Batch(records, rows.cursor, is_complete=rows.is_complete and not unreadable)

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        """Stream one noun of one facility.

        Raises:
            UnsupportedError: The mapping has no list of it.
        """
        self._connection.facility(query.facility)
        if query.entity is Entity.FACILITIES:
            yield self._pulled_facility(query.facility)
            return
        reading = self._list_of(query)
        yield from self._pulled(query, reading, since, resume or "")

    def fingerprint(self, query: Query) -> str:
        """The noun's part of the mapping, its codecs, and the facility's zone and currency."""
        scope = self._connection.scope(query.facility, seen_at=None)
        mapping = self._connection.mapping
        entity = mapping.entities.get(query.entity.value)
        said = "" if entity is None else entity.model_dump_json()
        codecs = "".join(codec.model_dump_json() for _, codec in sorted(mapping.codecs.items()))
        digest = hashlib.blake2b(f"{said}{codecs}".encode(), digest_size=12).hexdigest()
        return f"{_VERSION}/{digest}/{scope.account}/{scope.facility}/{scope.currency}/{scope.zone.key}"

    # what a night costs

    @property
    def account_calls(self) -> int:
        """Calls to read one tenant's account anew, pages and the reads of each rental's account not counted."""
        entities = self._connection.mapping.entities
        autopay = entities.get("autopay")
        is_read = autopay is not None and autopay.of_tenant is not None
        is_named = autopay is not None and METHOD in autopay.fields and "payment_methods" in entities
        return 2 + is_read + (is_read and is_named)

    @property
    def accounts_follow_rows(self) -> bool:
        """An account may change without its rows; only a vendor's word could say otherwise, and no mapping has it."""
        return False

    def calls_of(self, query: Query) -> int:
        """At least one call where the noun is listed; how many pages there are is not known before."""
        if query.entity is Entity.FACILITIES:
            return 1
        entity = self._connection.mapping.entities.get(query.entity.value)
        return int(entity is not None and entity.all is not None)

    def budget_of(self, facility: str) -> MonthBudget:  # noqa: ARG002 - counted for the account
        """Calls are counted for the account."""
        return MonthBudget(self._connection.lane, self._connection.settings.monthly_calls)

    # pulling

    def _list_of(self, query: Query) -> Reading:
        entity = self._connection.mapping.entities.get(query.entity.value)
        if entity is None or entity.all is None:
            message = f"the back office has no list of {query.entity.value} that is mapped"
            raise UnsupportedError(message, code="not_listed")
        return entity.all

    def _pulled_facility(self, facility: str) -> Rows:
        self._facilities.pop(facility, None)
        found = self.facility(facility).model_dump(mode="json")
        found["ref"].pop("seen_at")
        raw = write_json(found)
        return Rows((facility,), (raw,), read_json, is_complete=True, calls=1, bytes_read=len(raw))

    def _pulled(self, query: Query, reading: Reading, since: str | None, position: str) -> Iterator[Rows]:
        began, position = _resumed(position)
        careful = self._connection.clock.now() - _CAREFUL
        marks = _Marks(reading.since, self._reads_from(reading.since, since), careful, began)
        added = self._changes_only(query, reading.since, marks.mark)
        reader = self._copy_reader(query)
        listing = self._night_listing(query, reading, reader, added)
        unreadable = 0
        for page in listing.pages(deadline=self._batch_end, position=position):
            marks = marks.after(page, self._stamped(query, reading.since))
            rows = self._rows_of(page, reader, reading.since, query)
            unreadable += rows.unreadable
            is_over = page.position is None and page.walk.is_over
            is_whole = page.walk.is_complete and since is None and not position and not unreadable
            yield Rows(
                rows.ids, rows.raw, rows.document, gone=rows.gone,
                cursor=marks.cursor if is_over else None, resume=marks.resume(page.position),
                is_complete=is_over and is_whole and page.walk.rows > 0 and not page.is_missing,
                calls=1, bytes_read=page.came.bytes_read, unreadable=rows.unreadable,
            )  # fmt: skip

    def _night_listing(self, query: Query, reading: Reading, reader: RowReader, added: _Added) -> Listing:
        filler = self._connection.read_filler(query.facility)
        plain = self._listing(query.entity.value, query.facility, reading, filler, reader, priority=Priority.BATCH)
        return Listing(
            plain.connection, plain.facility, plain.reading, plain.filler, plain.operation, plain.priority, plain.key,
            added.query, added.headers, added.body,
        )  # fmt: skip

    def _rows_of(self, page: PageRows, reader: RowReader, since: Since | None, query: Query) -> Rows:
        ids: list[str] = []
        raws: list[bytes] = []
        gone: list[str] = []
        unreadable = 0
        for row in page.rows:
            try:
                own_id = reader.id_of(row)
            except RowError:
                unreadable += 1
                continue
            if _is_deleted(since, row):
                gone.append(own_id)
                continue
            ids.append(own_id)
            raws.append(write_json(row))
        document = partial(_document, reader)
        if unreadable:
            _log.warning("rows_without_id", noun=query.entity.value, count=unreadable)
        return Rows(ids, raws, document, gone=gone, unreadable=unreadable)

    def _copy_reader(self, query: Query) -> RowReader:
        filler = self._connection.read_filler(query.facility)
        return self._connection.rows(query.entity.value, filler, query.facility, for_copy=True)

    # only what changed

    def _reads_from(self, since: Since | None, cursor: str | None) -> Watermark | None:
        if since is None:
            return None
        try:
            return Watermark.of(cursor, since.overlap)
        except ValueError:
            return Watermark(None, since.overlap)

    def _changes_only(self, query: Query, since: Since | None, mark: Watermark | None) -> _Added:
        """What is added to the request; nothing for a reading of everything.

        Raises:
            ConfigurationError: The instant cannot be spelt as the mapping says.
        """
        if since is None or mark is None or mark.start is None:
            return _Added()
        filler = self._connection.read_filler(query.facility)
        try:
            start = mark.start.replace(microsecond=0)
            spelt = say(codec_named(filler.mapping, since.spelt_as), start, filler.scene)
        except CodecError as problem:
            message = f"entities.{query.entity.value}.all.since: {problem}"
            raise ConfigurationError(message, code="bad_mapping") from None
        return _placed(since, spelt, filler)

    def _stamped(self, query: Query, since: Since | None) -> Callable[[Any], datetime | None]:
        """Reads the instant of a row's last change."""
        scene = self._connection.scope(query.facility, seen_at=None).scene
        if since is None or since.row_changed_at is None:
            return lambda _row: None
        codec, path = codec_named(self._connection.mapping, since.row_codec), since.row_changed_at

        def stamp(row: Any) -> datetime | None:  # noqa: ANN401 - one row as answered
            try:
                found = codec.decode(read_at(row, path), scene)
            except CodecError:
                return None
            return found if isinstance(found, datetime) else None

        return stamp

    def _batch_end(self) -> Deadline:
        return self._connection.deadline(self._connection.mapping.connection.timeouts.batch)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Where the next incremental reading starts.

    Attributes:
        since: How changes are asked for; None when they cannot be.
        mark: The latest change that was read.
        careful: Stands for when the reading began where the back office does not tell its time.
        began: When the reading began, by the back office's clock, an earlier part of it included; None before its
            first page.
    """

    since: Since | None
    mark: Watermark | None
    careful: datetime
    began: datetime | None = None

    def after(self, page: PageRows, stamp: Callable[[Any], datetime | None]) -> _Marks:
        """After a page."""
        began = self.began or _server_time(page) or self.careful
        if self.mark is None or self.since is None:
            return replace(self, began=began)
        mark = self.mark.seen(began, began=began) if self.since.server_date else self.mark
        for row in page.rows:
            changed_at = stamp(row)
            mark = mark if changed_at is None else mark.seen(changed_at, began=began)
        return replace(self, mark=mark, began=began)

    def resume(self, position: str | None) -> str | None:
        """Where the reading goes on, and when it began: what changed behind it meanwhile is asked for next time."""
        return None if position is None or self.began is None else f"{self.began.isoformat()} {position}"

    @property
    def cursor(self) -> str | None:
        """As text; None when there is nothing to go on from."""
        return None if self.mark is None else self.mark.cursor


def _resumed(text: str) -> tuple[datetime | None, str]:
    """When an unfinished reading began, and where it goes on."""
    began, _, position = text.partition(" ")
    try:
        return datetime.fromisoformat(began), position
    except ValueError:
        return None, ""


def _server_time(page: PageRows) -> datetime | None:
    """The back office's clock, by its answer's ``Date``; None when it does not say."""
    try:
        moment = parsedate_to_datetime(page.came.headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None


def _placed(since: Since, spelt: Any, filler: Filler) -> _Added:  # noqa: ANN401 - text or number
    if since.filter is not None:
        made = filler.with_places(read={"since": spelt}).structure(since.filter.json_text)
        return _carried(since, since.filter.name, write_json(made).decode())
    return _carried(since, since.name or "", spelt)


def _carried(since: Since, name: str, value: Any) -> _Added:  # noqa: ANN401 - text or number
    if since.carried == "body":
        return _Added(body={name: value})
    if since.carried == "header":
        return _Added(headers={name: str(value)})
    return _Added(query={name: str(value)})


def _is_deleted(since: Since | None, row: Any) -> bool:  # noqa: ANN401 - one row as answered
    if since is None or since.deleted_when is None:
        return False
    return condition_holds(since.deleted_when, status=200, headers={}, body=row)


def _document(reader: RowReader, raw: bytes) -> Document | None:
    """A row's record as JSON holds it, without the time it was seen at."""
    found: dict[str, Any] = reader.record(read_json(raw)).model_dump(mode="json")
    found["ref"].pop("seen_at", None)
    return found
