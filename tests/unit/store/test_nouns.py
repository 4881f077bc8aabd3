"""One declaration makes tables, indexes and row functions; every noun of the model with an id has one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pmsbridge.model.record import Record
from pmsbridge.store.comparing import MirrorSide
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.nouns import NOUNS, Kind, row_function
from pmsbridge.store.record_rows import document, rows_of
from pmsbridge.store.tables import MIRROR
from tests import builders
from tests.unit.model.specimens import SPECIMENS

RECORDS = [specimen for specimen in SPECIMENS if isinstance(specimen, Record)]
SEARCHED = {
    "tenant": {"last_key", "last_head", "last_tail", "company", "email", "phone_tail", "mobile_tail"},
    "rental": {"tenant_id", "unit_key"},
    "contact": {"last_name", "company", "email", "phone_digits", "tenant_id"},
    "unit": {"number", "state"},
}


def concrete(kind: type[Record]) -> Iterator[type[Record]]:
    if "entity" in kind.__dict__:
        yield kind
    for child in kind.__subclasses__():
        yield from concrete(child)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def mirror(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mirror]:
    on_postgresql = request.param == "postgresql"
    database = open_database(
        request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 'm.db'}"
    )
    yield Mirror(database)
    database.close()


def test_every_noun_of_the_model_that_has_an_id_has_a_table() -> None:
    ours = {kind.entity for kind in concrete(Record) if kind.__module__.startswith("pmsbridge.")}

    assert set(NOUNS) == ours == {record.entity for record in RECORDS}
    assert {noun.record.entity for noun in NOUNS.values()} == set(NOUNS)


@pytest.mark.parametrize("entity", sorted(NOUNS))
def test_every_column_is_a_field_of_the_record(entity: str) -> None:
    doc = json.loads(document(next(record for record in RECORDS if record.entity == entity))[0])
    for field in NOUNS[entity].fields:
        first, _, rest = field.path.partition(".")
        assert first in doc, field.path
        assert not rest or doc[first] is None or rest in doc[first], field.path


@pytest.mark.parametrize(("entity", "columns"), SEARCHED.items())
def test_what_people_are_looked_up_by_has_an_index(entity: str, columns: set[str]) -> None:
    indexed = {column.name for index in MIRROR.nouns[entity].indexes for column in list(index.columns)[1:]}

    assert columns <= indexed
    assert all(next(iter(index.columns)).name == "place" for index in MIRROR.nouns[entity].indexes)


def test_every_noun_is_kept_comes_back_and_has_columns_that_say_what_it_says(mirror: Mirror) -> None:
    for record in RECORDS:
        scope = Scope(record.ref.account, record.ref.facility, record.entity)
        reading = mirror.reading(scope, "r", is_full=False)
        reading.take(rows_of([record]))
        reading.finish(is_complete=False, cap_percent=20)

        kept = mirror.get(scope.account, scope.facility, scope.entity, record.id)

        assert kept is not None
        assert document(kept) == document(record)
        assert list(MirrorSide(mirror._database, scope).untrue_columns()) == []


def test_columns_are_typed(mirror: Mirror) -> None:
    rental = builders.row().rental
    reading = mirror.reading(Scope("north", "F1", "rental"), "r", is_full=True)
    reading.take(rows_of([rental]))

    with mirror._database.read() as connection:
        row: Any = connection.execute(select(MIRROR.nouns["rental"])).one()

    assert rental.rent is not None
    assert row.rent == rental.rent.amount
    assert isinstance(row.rent, Decimal)
    assert isinstance(row.moved_in_on, date)
    assert isinstance(row.changed_at, datetime)
    assert row.changed_at.tzinfo is UTC or row.changed_at.utcoffset() is not None


def test_a_record_written_before_a_field_existed_has_an_empty_column() -> None:
    values = row_function("rental", instants=lambda moment: moment)({"tenant_id": "T1"})

    named = dict(zip((field.name for field in NOUNS["rental"].fields), values, strict=True))
    assert named["tenant_id"] == "T1"
    assert named["state"] == ""
    assert named["rent"] is None
    assert {field.kind for field in NOUNS["rental"].fields} <= set(Kind)


def test_what_postgresql_cannot_hold_is_replaced_there_and_kept_here(mirror: Mirror) -> None:
    scope = Scope("north", "F1", "tenant")
    odd = builders.tenant(name=builders.tenant().name.changed(last="Nul\x00l"))
    reading = mirror.reading(scope, "r", is_full=True)
    reading.take(rows_of([odd]))
    reading.finish(is_complete=True, cap_percent=20)

    kept = mirror.tenant("north", "F1", "T1")

    assert kept is not None
    assert kept.name.last == "Nul\x00l"
    again = mirror.reading(scope, "r", is_full=True)
    again.take(rows_of([odd]))
    assert again.counts.unchanged == 1
