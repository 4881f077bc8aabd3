"""Full compare: everything is read anew and laid beside the mirror, field by field. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey
from pmsbridge.engine.sync.sources import rows_from
from pmsbridge.errors import UnavailableError, UnsupportedError
from pmsbridge.ports.adapter import Adapter, Entity, Query
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store.comparing import Held, MirrorSide
from pmsbridge.store.mirror import Scope

__all__ = ["Drift", "DriftKind", "Verification", "compare"]

_MOST: Final = 1000


class DriftKind(StrEnum):
    """How mirror and back office differ.

    ``MISSING``: the back office has it, the mirror has not. ``EXTRA``: the other way round. ``FIELDS``: both have it
    and say different things. ``COLUMNS``: a column of the mirror does not say what its own record says.
    """

    MISSING = "missing"
    EXTRA = "extra"
    FIELDS = "fields"
    COLUMNS = "columns"


@dataclass(frozen=True, slots=True)
class Drift:
    """One record that differs.

    Attributes:
        fields: By dotted name, or by column: what the mirror says and what it should say; empty for a whole record.
    """

    entity: str
    id: str
    kind: DriftKind
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a full compare of one facility found.

    Attributes:
        compared: Records of the back office that were looked at.
        drifts: The first thousand.
        drifted: How many there are in all.
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

    @property
    def is_equal(self) -> bool:
        """The mirror says what the back office says."""
        return self.is_whole and not self.drifted


@dataclass(slots=True)
class _Count:
    compared: int = 0
    is_whole: bool = True


def compare(runtime: Runtime, adapter: Adapter, key: FacilityKey, entities: Sequence[Entity]) -> Verification:
    """Compare one facility."""
    kept: list[Drift] = []
    drifted = 0
    count = _Count()
    not_offered: list[str] = []
    at = runtime.clock.now()
    for entity in entities:
        scope = Scope(key.account, key.facility, entity.noun)
        try:
            for drift in _drifts(runtime, adapter, Query(entity, key.facility), scope, count):
                drifted += 1
                if len(kept) < _MOST:
                    kept.append(drift)
        except UnsupportedError:
            not_offered.append(entity.noun)
    return Verification(key, at, count.compared, tuple(kept), drifted, tuple(not_offered), count.is_whole)


def _drifts(runtime: Runtime, adapter: Adapter, query: Query, scope: Scope, count: _Count) -> Iterator[Drift]:
    side = MirrorSide(runtime.database, scope)
    is_complete = False
    for rows in rows_from(adapter, query, since=None, resume=None):
        yield from _of_batch(side, scope, rows, count)
        is_complete = rows.is_complete and not rows.unreadable
    count.is_whole = count.is_whole and is_complete
    if is_complete:
        yield from (Drift(scope.entity, record_id, DriftKind.EXTRA, {}) for record_id in side.not_met())
    yield from (
        Drift(scope.entity, record_id, DriftKind.COLUMNS, columns) for record_id, columns in side.untrue_columns()
    )


def _of_batch(side: MirrorSide, scope: Scope, rows: Rows, count: _Count) -> Iterator[Drift]:
    documents: dict[str, Document] = {}
    unreadable: list[str] = []
    for row_id, raw in zip(rows.ids, rows.raw, strict=True):
        try:
            found = rows.document(raw)
        except (ValueError, UnavailableError):
            count.is_whole = False
            unreadable.append(row_id)
            continue
        if found is not None:
            documents[row_id] = found
    side.look_up(unreadable)
    held = side.look_up(list(documents))
    count.compared += len(documents)
    for row_id, document in documents.items():
        mine = held.get(row_id)
        if mine is None:
            yield Drift(scope.entity, row_id, DriftKind.MISSING, {})
        elif fields := _fields(mine, document):
            yield Drift(scope.entity, row_id, DriftKind.FIELDS, fields)


def _fields(mine: Held, document: Document) -> dict[str, tuple[Any, Any]]:
    old, new = mine.differs_from(document)
    return {name: (old[name], new[name]) for name in new}
