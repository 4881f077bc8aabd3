"""Full compare: everything is read anew and laid beside the mirror, field by field. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey
from pmsbridge.engine.sync.sources import fingerprint_of, rows_from
from pmsbridge.errors import UnavailableError, UnsupportedError
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store.comparing import Held, MirrorSide
from pmsbridge.store.mirror import Scope
from pmsbridge.store.row_hash import RowHash

__all__ = ["Drift", "DriftKind", "Verification", "compare"]

_MOST: Final = 1000


class DriftKind(StrEnum):
    """How mirror and back office differ.

    ``MISSING``: the back office has it, the mirror has not. ``EXTRA``: the other way round. ``FIELDS``: both have it
    and say different things. ``COLUMNS``: a column of the mirror does not say what its own record, or the identity map,
    says. ``STRAY``: a row of the mirror that belongs to no record.
    """

    MISSING = "missing"
    EXTRA = "extra"
    FIELDS = "fields"
    COLUMNS = "columns"
    STRAY = "stray"


@dataclass(frozen=True, slots=True)
class Drift:
    """One record that differs.

    Attributes:
        fields: By dotted name, or by column: what the mirror says and what it should say; empty for a whole record.
        needs_rewrite: Somebody else has written into the mirror: only a full run that rewrites heals it. Any other full
            run heals what the back office says differently.
    """

    entity: str
    id: str
    kind: DriftKind
    fields: Mapping[str, tuple[Any, Any]]
    needs_rewrite: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """What a full compare of one facility found.

    Attributes:
        compared: Records of the back office that were looked at.
        drifts: The first thousand.
        drifted: How many there are in all.
        rewrites: How many of those only a full run that rewrites heals.
        not_offered: Nouns the back office does not list.
        is_whole: The back office said that it told everything, and every row of it could be read. Where it did not,
            what looks extra is not counted.
    """

    facility: FacilityKey
    at: datetime
    compared: int
    drifts: tuple[Drift, ...]
    drifted: int
    not_offered: tuple[str, ...] = ()
    is_whole: bool = True
    rewrites: int = 0

    @property
    def is_equal(self) -> bool:
        """The mirror says what the back office says."""
        return self.is_whole and not self.drifted


@dataclass(slots=True)
class _Found:
    """What came of a compare so far."""

    compared: int = 0
    drifted: int = 0
    rewrites: int = 0
    is_whole: bool = True
    kept: list[Drift] = field(default_factory=list)

    def add(self, drift: Drift) -> None:
        self.drifted += 1
        self.rewrites += drift.needs_rewrite
        if len(self.kept) < _MOST:
            self.kept.append(drift)


def compare(runtime: Runtime, adapter: Adapter, key: FacilityKey, entities: Sequence[Entity]) -> Verification:
    """Compare one facility."""
    found, not_offered = _Found(), list[str]()
    at = runtime.clock.now()
    for entity in entities:
        scope = Scope(key.account, key.facility, entity.noun)
        try:
            for drift in _Comparison(runtime, adapter, Query(entity, key.facility), scope, found).drifts():
                found.add(drift)
        except UnsupportedError:
            not_offered.append(entity.noun)
    return Verification(
        key, at, found.compared, tuple(found.kept), found.drifted, tuple(not_offered), found.is_whole, found.rewrites
    )


class _Comparison:
    """Of one noun of one facility."""

    def __init__(self, runtime: Runtime, adapter: Adapter, query: Query, scope: Scope, found: _Found) -> None:
        self._adapter, self._query, self._entity, self._found = adapter, query, scope.entity, found
        self._side = MirrorSide(runtime.database, scope)
        self._hash = RowHash(fingerprint_of(adapter, query))
        # Of an id that comes twice the last row counts, so nothing is told before the end.
        self._differ: dict[str, Drift] = {}

    def drifts(self) -> Iterator[Drift]:
        """Read everything, and tell what differs."""
        is_complete = False
        for rows in rows_from(self._adapter, self._query, since=None, resume=None):
            self._take(rows)
            is_complete = rows.is_complete and not rows.unreadable
        self._found.is_whole = self._found.is_whole and is_complete
        yield from self._differ.values()
        if is_complete:
            yield from (Drift(self._entity, record_id, DriftKind.EXTRA, {}) for record_id in self._side.not_met())
        for record_id, columns in self._side.untrue_columns():
            if record_id in self._differ:
                columns.pop("deleted_at", None)  # told as missing
            if columns:
                yield Drift(self._entity, record_id, DriftKind.COLUMNS, columns, needs_rewrite=True)
        for record_id in self._side.strays():
            yield Drift(self._entity, record_id, DriftKind.STRAY, {}, needs_rewrite=True)

    def _take(self, rows: Rows) -> None:
        documents: dict[str, tuple[Document, bytes]] = {}
        unreadable: list[str] = []
        for row_id, raw in zip(rows.ids, rows.raw, strict=True):
            try:
                found = rows.document(raw)
            except (ValueError, UnavailableError):
                self._found.is_whole = False
                unreadable.append(row_id)
                continue
            if found is not None:
                documents[row_id] = found, raw
        self._side.look_up(unreadable)
        held = self._side.look_up(list(documents))
        for row_id, (document, raw) in documents.items():
            self._compare(row_id, document, raw, held.get(row_id))

    def _compare(self, row_id: str, document: Document, raw: bytes, mine: Held | None) -> None:
        came_before = self._differ.pop(row_id, None) is not None or (mine is not None and mine.was_met)
        self._found.compared += not came_before
        # A full run leaves a row alone that is as it was when the record was written.
        is_left = mine is not None and mine.row_hash == self._hash(raw)
        if mine is None or mine.text is None:
            self._differ[row_id] = Drift(self._entity, row_id, DriftKind.MISSING, {}, is_left)
        elif fields := _fields(mine, document):
            shown = fields if len(self._differ) < _MOST else {}
            self._differ[row_id] = Drift(self._entity, row_id, DriftKind.FIELDS, shown, is_left)


def _fields(mine: Held, document: Document) -> dict[str, tuple[Any, Any]]:
    old, new = mine.differs_from(document)
    return {name: (old[name], new[name]) for name in new}
