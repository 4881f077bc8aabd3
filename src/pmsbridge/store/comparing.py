"""The mirror's side of a full compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

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


@dataclass(frozen=True, slots=True)
class Held:
    """A record as the mirror has it, its JSON as text."""

    text: str

    def differs_from(self, document: Document) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it says differently: its own and the other's, by dotted name."""
        try:
            mine = json.loads(self.text)
        except ValueError:
            mine = {}
        return different_fields(mine if isinstance(mine, dict) else {}, document)


class MirrorSide:
    """Living records of one scope; remembers which of them were met."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database, self._scope = database, scope
        self._sql = noun_sql(scope.entity)
        self._seen = SeenKeys()
        with database.read() as connection:
            self._place = known_place(connection, scope.account, scope.facility)

    def look_up(self, ids: Sequence[str]) -> dict[str, Held]:
        """Living records of these ids."""
        if self._place is None:
            return {}
        with self._database.read() as connection:
            known = known_rows(connection, self._place, self._scope.entity, ids)
            living = {row_id: row.key for row_id, row in known.items() if not row.is_deleted}
            held = self._sql.documents(connection, list(living.values()))
        self._seen.add(living.values())
        return {row_id: Held(held[key]) for row_id, key in living.items() if key in held}

    def not_met(self) -> Iterator[str]:
        """Ids of living records that were not looked up."""
        ids = MIRROR.ids
        query = select(ids.c.key, ids.c.id).where(
            ids.c.place == self._place, ids.c.entity == self._scope.entity, ids.c.deleted_at.is_(None)
        )
        with self._database.read() as connection:
            yield from (row.id for row in connection.execute(query) if row.key not in self._seen)

    def untrue_columns(self) -> Iterator[tuple[str, dict[str, tuple[Any, Any]]]]:
        """Living records of which a column says something else than the record: its value, and what it should be."""
        noun, table = NOUNS[self._scope.entity], MIRROR.nouns[self._scope.entity]
        values = row_function(noun.entity, instants=lambda moment: moment)
        after = 0
        while True:
            query = (
                select(table)
                .where(table.c.place == self._place, table.c.deleted_at.is_(None), table.c.key > after)
                .order_by(table.c.key)
                .limit(_CHUNK)
            )
            with self._database.read() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                if untrue := _untrue(noun, dict(row), values):
                    yield row["id"], untrue
            if not rows:
                return
            after = rows[-1]["key"]


def _untrue(noun: Noun, row: Mapping[str, Any], values: Values) -> dict[str, tuple[Any, Any]]:
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
