"""The mirror's side of a full compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import exists, select

from pmsbridge.model.earlier import as_earlier
from pmsbridge.ports.streams import Document
from pmsbridge.store.changes import different_fields
from pmsbridge.store.database import Database
from pmsbridge.store.mirror_batch import text_of
from pmsbridge.store.mirror_sql import known_rows, noun_sql
from pmsbridge.store.mirror_writes import Scope, known_place
from pmsbridge.store.nouns import NOUNS, Kind, Noun, Values, row_function
from pmsbridge.store.seen_keys import SeenKeys
from pmsbridge.store.tables import MIRROR

__all__ = ["Held", "MirrorSide"]

_CHUNK: Final = 1000
_ids: Final = MIRROR.ids

Columns = dict[str, tuple[Any, Any]]
"""By name, what a column says and what it should say."""


@dataclass(frozen=True, slots=True)
class Held:
    """A record as the mirror has it.

    Attributes:
        entity: The noun.
        text: Its JSON; None when the row with it is not there.
        row_hash: Of the row it was made of.
        was_met: It was looked up before.
    """

    entity: str
    text: str | None
    row_hash: bytes
    was_met: bool

    def differs_from(self, document: Document) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it says differently: its own and the other's, by dotted name."""
        try:
            mine = json.loads(self.text or "")
        except ValueError:
            mine = {}
        record = NOUNS[self.entity].record
        held = as_earlier(record, mine if isinstance(mine, dict) else {})
        return different_fields(held, as_earlier(record, document))


class MirrorSide:
    """Records of one scope; remembers which of them were met."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database, self._scope = database, scope
        self._sql, self._table = noun_sql(scope.entity), MIRROR.nouns[scope.entity]
        self._seen = SeenKeys()
        with database.read() as connection:
            self._place = known_place(connection, scope.account, scope.facility)
        self._mine = (_ids.c.place == self._place, _ids.c.entity == scope.entity)

    def look_up(self, ids: Sequence[str]) -> dict[str, Held]:
        """Living records of these ids."""
        if self._place is None:
            return {}
        with self._database.read() as connection:
            known = known_rows(connection, self._place, self._scope.entity, ids)
            living = {row_id: row for row_id, row in known.items() if not row.is_deleted}
            texts = self._sql.documents(connection, [row.key for row in living.values()])
        found = {
            row_id: Held(self._scope.entity, texts.get(row.key), row.row_hash, row.key in self._seen)
            for row_id, row in living.items()
        }
        self._seen.add(row.key for row in living.values())
        return found

    def not_met(self) -> Iterator[str]:
        """Ids of living records that were not looked up."""
        query = select(_ids.c.key, _ids.c.id).where(*self._mine, _ids.c.deleted_at.is_(None))
        with self._database.read() as connection:
            yield from (row.id for row in connection.execute(query) if row.key not in self._seen)

    def strays(self) -> Iterator[str]:
        """Ids in rows of the facility's that belong to no record of it."""
        its_own = select(_ids.c.key).where(_ids.c.key == self._table.c.key, *self._mine)
        query = select(self._table.c.id).where(self._table.c.place == self._place, ~exists(its_own))
        with self._database.read() as connection:
            yield from connection.execute(query).scalars()

    def untrue_columns(self) -> Iterator[tuple[str, Columns]]:
        """Records of which a column says something else than the record: its value, and what it should be.

        Ids are those of the identity map; for a row and the identity map, the latter is right.
        """
        yield from self._untrue_rows()
        yield from self._elsewhere()
        yield from self._merged()

    def _untrue_rows(self) -> Iterator[tuple[str, Columns]]:
        values = row_function(self._scope.entity, instants=lambda moment: moment)
        table, after = self._table, 0
        right = (_ids.c.id.label("true_id"), _ids.c.deleted_at.label("true_deleted_at"))
        while True:
            query = (
                select(table, *right)
                .join(_ids, _ids.c.key == table.c.key)
                .where(table.c.place == self._place, *self._mine, table.c.key > after)
                .order_by(table.c.key)
                .limit(_CHUNK)
            )
            with self._database.read() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                if untrue := _untrue(NOUNS[self._scope.entity], dict(row), values):
                    yield row["true_id"], untrue
            if not rows:
                return
            after = rows[-1]["key"]

    def _elsewhere(self) -> Iterator[tuple[str, Columns]]:
        """Records whose row says that it is another facility's."""
        table = self._table
        query = select(_ids.c.id, table.c.place).join(table, table.c.key == _ids.c.key)
        query = query.where(*self._mine, table.c.place != self._place)
        with self._database.read() as connection:
            yield from ((row.id, {"place": (row.place, self._place)}) for row in connection.execute(query))

    def _merged(self) -> Iterator[tuple[str, Columns]]:
        """Records that answer as another one, although the back office still lists them."""
        query = select(_ids.c.key, _ids.c.id, _ids.c.merged_into).where(*self._mine, _ids.c.merged_into.is_not(None))
        with self._database.read() as connection:
            for row in connection.execute(query):
                if row.key in self._seen:
                    yield row.id, {"merged_into": (row.merged_into, None)}


def _untrue(noun: Noun, row: Mapping[str, Any], values: Values) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    if row["id"] != row["true_id"]:
        found["id"] = (row["id"], row["true_id"])
    if (row["deleted_at"] is None) is not (row["true_deleted_at"] is None):
        found["deleted_at"] = (row["deleted_at"], row["true_deleted_at"])
    return found if row["true_deleted_at"] is not None else {**found, **_untrue_record(noun, row, values)}


def _untrue_record(noun: Noun, row: Mapping[str, Any], values: Values) -> dict[str, tuple[Any, Any]]:
    try:
        document = json.loads(row["doc"])
    except ValueError:
        return {"doc": (row["doc"], None)}
    found: dict[str, tuple[Any, Any]] = {}
    for field, wanted in zip(noun.fields, values(document), strict=True):
        if not _same(field.kind, row[field.name], wanted):
            found[field.name] = (row[field.name], wanted)
    extra = text_of(document.get("extra") or {})
    if row["extra"] != extra:
        found["extra"] = (row["extra"], extra)
    return found


def _same(kind: Kind, held: Any, wanted: Any) -> bool:  # noqa: ANN401 - values of any column
    if held is None or wanted is None:
        return held is wanted
    if kind is Kind.DAY:
        return bool(held.isoformat() == wanted)
    if kind is Kind.AMOUNT:
        return bool(held == type(held)(wanted))
    return bool(held == wanted)
