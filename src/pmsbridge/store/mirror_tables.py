"""The tables of the mirror, made from the declaration of the nouns.

A record has a row in ``ids`` (which record it is, and the hash of the row it was made of) and one, of the same key, in
its noun's table (what it says). No foreign key ties them: they are written together, by one module, in great numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy.types import TypeEngine

from pmsbridge.store.columns import BusinessDay, ExactAmount, PlainText, RowNumber, UtcInstant
from pmsbridge.store.nouns import NOUNS, Field, Kind, Noun

__all__ = ["MirrorTables", "mirror_tables"]

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()
_TYPES: Final[Mapping[Kind, TypeEngine[Any]]] = {
    **{kind: _TEXT for kind in Kind if kind.is_text}, Kind.DAY: BusinessDay(), Kind.INSTANT: UtcInstant(),
    Kind.AMOUNT: ExactAmount(), Kind.NUMBER: RowNumber, Kind.FLAG: Boolean(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MirrorTables:
    """All of them.

    Attributes:
        places: A number for every facility of every account: what the others say instead of two names.
        ids: The identity map: back office's id and ours, what a merged record became, the hash of the last row.
        streams: Per facility and noun: where the next reading starts, and how far an unfinished one has come.
        changes: What became different, in the order it was committed.
        nouns: By entity word.
    """

    places: Table
    ids: Table
    streams: Table
    changes: Table
    nouns: Mapping[str, Table]


def mirror_tables(metadata: MetaData) -> MirrorTables:
    """Declare them."""
    return MirrorTables(
        _places(metadata), _ids(metadata), _streams(metadata), _changes(metadata),
        {noun.entity: _noun_table(noun, metadata) for noun in NOUNS.values()},
    )  # fmt: skip


def _places(metadata: MetaData) -> Table:
    return Table(
        "pmsbridge_mirror_places",
        metadata,
        Column("place", Integer, primary_key=True, autoincrement=True),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        UniqueConstraint("account", "facility"),
    )


def _ids(metadata: MetaData) -> Table:
    return Table(
        "pmsbridge_mirror_ids",
        metadata,
        Column("key", RowNumber, primary_key=True, autoincrement=True),
        Column("place", Integer, nullable=False),
        Column("entity", _ID, nullable=False),
        Column("id", _ID, nullable=False),
        Column("uid", String(32), nullable=False, unique=True),
        Column("row_hash", LargeBinary, nullable=False),
        Column("merged_into", RowNumber),
        Column("first_seen", UtcInstant, nullable=False),
        Column("deleted_at", UtcInstant),
        UniqueConstraint("place", "entity", "id"),
    )


def _streams(metadata: MetaData) -> Table:
    return Table(
        "pmsbridge_mirror_streams",
        metadata,
        Column("place", Integer, primary_key=True, autoincrement=False),
        Column("entity", _ID, primary_key=True),
        Column("cursor", _TEXT),
        Column("synced_at", UtcInstant),
        Column("moved_at", UtcInstant, nullable=False),
        # The reading that is under way, where the back office's answer comes in parts that can be asked for again.
        Column("resume", _TEXT),
        Column("is_full", Boolean, nullable=False, default=False, server_default=false()),
        Column("horizon", RowNumber, nullable=False, default=0, server_default="0"),
        Column("seen", LargeBinary),
        Column("begun_at", UtcInstant),
        # Counts what readings have written: one that began before another one wrote here writes nothing any more.
        Column("reading", RowNumber, nullable=False, default=0, server_default="0"),
        Column("repeated", LargeBinary),
    )


def _changes(metadata: MetaData) -> Table:
    return Table(
        "pmsbridge_mirror_changes",
        metadata,
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("place", Integer, nullable=False),
        Column("key", RowNumber, nullable=False),
        Column("kind", String(10), nullable=False),
        Column("before", _TEXT),
        Column("after", _TEXT),
        Column("at", UtcInstant, nullable=False),
        Column("run_id", _ID, nullable=False),
        Index("pmsbridge_mirror_changes_place", "place", "seq"),
        sqlite_autoincrement=True,
    )


def _noun_table(noun: Noun, metadata: MetaData) -> Table:
    short = noun.table.removeprefix("pmsbridge_mirror_")
    searched = [field.name for field in noun.fields if field.is_searched]
    table = Table(
        noun.table,
        metadata,
        Column("key", RowNumber, primary_key=True, autoincrement=False),
        Column("place", Integer, nullable=False),
        Column("id", _ID, nullable=False),
        *(_column(field) for field in noun.fields),
        Column("extra", _TEXT, nullable=False),
        Column("doc", _TEXT, nullable=False),
        Column("changed_at", UtcInstant, nullable=False),
        Column("deleted_at", UtcInstant),
    )
    # The first index holds every row and lists a facility, too; the others leave out rows where there is nothing.
    Index(f"pmsbridge_m_{short}_place", table.c.place, *(table.c[name] for name in searched[:1]))
    for name in searched[1:]:
        column = table.c[name]
        there = column.is_not(None) if column.nullable else column != ""
        Index(f"pmsbridge_m_{short}_{name}", table.c.place, column, sqlite_where=there, postgresql_where=there)
    return table


def _column(field: Field) -> Column[Any]:
    if field.kind.is_text:
        return Column(field.name, _TYPES[field.kind], nullable=False, server_default="")
    return Column(field.name, _TYPES[field.kind])
