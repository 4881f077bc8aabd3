"""A full compare finds every difference, to the field, whoever made it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import DriftKind, FacilityKey, Sync, Verification
from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.streams import Rows
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror import Scope
from pmsbridge.store.tables import MIRROR
from pmsbridge.testing.memory import TestClock
from tests.engine.paged_office import PagedAdapter, PagedOffice
from tests.engine.stage import Stage

F1 = FacilityKey("mem", "F1")
TABLE = MIRROR.nouns["unit"]
UNITS = 120


class Scene:
    def __init__(self, url: str) -> None:
        self.office = PagedOffice()
        for number in range(UNITS):
            self.office.put(f"U{number:03}", 0)
        self.database = open_database(url)
        self.adapter = PagedAdapter(self.office, page=50)
        self.runtime = Runtime(self.database, {"mem": self.adapter}, clock=TestClock())
        self.sync = Sync(self.runtime)
        self.sync.run([F1], [Entity.UNITS])

    def verify(self) -> Verification:
        return self.sync.verify(F1, [Entity.UNITS])

    def doc(self, row_id: str) -> dict[str, object]:
        with self.database.read() as connection:
            found: dict[str, object] = json.loads(
                connection.execute(select(TABLE.c.doc).where(TABLE.c.id == row_id)).scalar_one()
            )
        return found

    def change(self, row_id: str, **columns: str) -> None:
        with self.database.write() as connection:
            connection.execute(update(TABLE).where(TABLE.c.id == row_id).values(**columns))

    def run(self, statement: str, *values: object) -> None:
        sign = "%s" if self.database.kind == "postgresql" else "?"
        with self.database.write() as connection:
            done = connection.exec_driver_sql(statement.replace("?", sign), values)
            assert done.rowcount == 1


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    on_postgresql = request.param == "postgresql"
    made = Scene(request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 'v.db'}")
    yield made
    made.database.close()


def test_a_copy_that_equals_the_back_office_is_called_equal(scene: Scene) -> None:
    found = scene.verify()

    assert found.is_equal
    assert (found.compared, found.drifted, found.is_whole) == (UNITS, 0, True)


def test_every_planted_difference_is_found_and_named(scene: Scene) -> None:
    chance = random.Random(7)  # noqa: S311 - the same every time
    ids = chance.sample(sorted(scene.office.rows), 60)
    planted: dict[str, tuple[str, str]] = {}
    for number, row_id in enumerate(ids):
        kind = ("field", "column", "missing", "extra", "hidden", "office", "extra column")[number % 7]
        if kind == "field":
            name = chance.choice(("floor", "type_name", "vendor_state"))
            doc = scene.doc(row_id)
            doc[name] = "planted"
            scene.change(row_id, doc=json.dumps(doc), **{name: "planted"})
            planted[row_id] = ("fields", name)
        elif kind == "column":
            scene.change(row_id, state="vacant")
            planted[row_id] = ("columns", "state")
        elif kind == "extra column":
            scene.change(row_id, extra="[1]")
            planted[row_id] = ("columns", "extra")
        elif kind == "missing":
            scene.run("DELETE FROM pmsbridge_mirror_ids WHERE id = ?", row_id)
            planted[row_id] = ("missing", "")
        elif kind == "hidden":
            scene.run("UPDATE pmsbridge_mirror_ids SET deleted_at = first_seen WHERE id = ?", row_id)
            planted[row_id] = ("missing", "")
        elif kind == "extra":
            scene.office.delete(row_id)
            planted[row_id] = ("extra", "")
        else:
            scene.office.put(row_id, 55)
            planted[row_id] = ("fields", "floor")

    found = scene.verify()

    strays = {drift.id for drift in found.drifts if drift.kind is DriftKind.STRAY}
    others = [drift for drift in found.drifts if drift.kind is not DriftKind.STRAY]
    assert {drift.id: (drift.kind.value, next(iter(drift.fields), "")) for drift in others} == planted
    assert len(others) == len(planted) == 60
    # Of a record without identity, the row is a second difference: the next run would list it twice.
    assert strays == {row_id for number, row_id in enumerate(ids) if number % 7 == 2}
    assert found.drifted == len(others) + len(strays)
    assert not found.is_equal
    one = next(drift for drift in found.drifts if drift.kind is DriftKind.FIELDS and drift.fields.get("floor"))
    assert one.fields["floor"] in {("0", "55"), ("planted", "0")}


def test_a_compare_writes_nothing_and_a_run_heals_what_it_found(scene: Scene) -> None:
    scene.office.put("U001", 55)
    scene.office.delete("U002")
    last = scene.runtime.mirror.changes.last()

    assert scene.verify().drifted == 2
    assert scene.runtime.mirror.changes.last() == last
    scene.sync.run([F1], [Entity.UNITS], full=True)

    assert scene.verify().is_equal


def test_what_somebody_else_wrote_or_took_out_is_healed_when_the_mirror_is_distrusted(scene: Scene) -> None:
    scene.change("U001", doc="{broken", floor="planted")
    scene.change("U002", state="vacant")
    scene.run("DELETE FROM pmsbridge_mirror_units WHERE id = ?", "U003")
    assert scene.verify().drifted == 4  # of the first one both record and columns

    scene.sync.run([F1], [Entity.UNITS], full=True)
    assert scene.verify().drifted == 4
    scene.runtime.mirror.distrust(Scope("mem", "F1", "unit"))
    scene.sync.run([F1], [Entity.UNITS], full=True)

    assert scene.verify().is_equal


PLANTS = (
    "hidden row",
    "other id",
    "stray",
    "second row",
    "merged",
    "other place",
    "shown ghost",
    "no row",
    "written over",
)


def plant(scene: Scene, what: str) -> None:
    """Write into the mirror behind its back."""
    ids = MIRROR.ids
    with scene.database.write() as connection:
        row = dict(connection.execute(select(TABLE).where(TABLE.c.id == "U005")).mappings().one())
        mine, other = TABLE.c.id == "U005", select(ids.c.key).where(ids.c.id == "U006").scalar_subquery()
        doc = json.dumps({**json.loads(row["doc"]), "floor": "77"}, separators=(",", ":"))
        statements = {
            "hidden row": update(TABLE).where(mine).values(deleted_at=TABLE.c.changed_at),
            "other id": update(TABLE).where(mine).values(id="ZZZ"),
            "other place": update(TABLE).where(mine).values(place=77),
            "stray": insert(TABLE).values({**row, "key": 999_999, "id": "GHOST", "number": "GHOST"}),
            "second row": insert(TABLE).values({**row, "key": 999_999}),
            "merged": update(ids).where(ids.c.id == "U005").values(merged_into=other),
            "shown ghost": update(TABLE).where(TABLE.c.id == "GONE").values(deleted_at=None),
            "no row": delete(TABLE).where(mine),
            "written over": update(TABLE).where(mine).values(doc=doc, floor="77"),
        }
        assert connection.execute(statements[what]).rowcount != 0  # -1: an INSERT on PostgreSQL


@pytest.mark.parametrize("what", PLANTS)
def test_what_was_written_behind_the_mirrors_back_is_found_and_healed_by_the_remedy_that_is_named(
    scene: Scene, what: str
) -> None:
    scene.office.put("GONE", 1)
    scene.sync.run([F1], [Entity.UNITS], full=True)
    scene.office.delete("GONE")
    scene.sync.run([F1], [Entity.UNITS], full=True)
    last = scene.runtime.mirror.changes.last()
    plant(scene, what)

    found = scene.verify()

    assert (found.is_equal, found.drifted, found.rewrites) == (False, 1, 1)
    assert [drift.needs_rewrite for drift in found.drifts] == [True]
    report = scene.sync.run([F1], [Entity.UNITS], full=True, rewrite=True)
    assert report.failed == ()
    assert scene.verify().is_equal
    listed = scene.runtime.mirror.units("mem", "F1")
    assert [unit.id for unit in listed] == sorted(scene.office.rows)
    assert {unit.id: int(unit.floor) for unit in listed} == scene.office.truth()
    got = scene.runtime.mirror.get("mem", "F1", "unit", "U005")
    assert got is not None
    assert got.id == "U005"
    told = [change.kind.value for change in scene.runtime.mirror.changes.after(last)]
    assert set(told) <= {"changed", "restored"}
    assert len(told) <= 1


def test_what_the_back_office_says_differently_needs_no_rewriting(scene: Scene) -> None:
    scene.office.put("U001", 55)
    scene.office.delete("U002")
    scene.office.put("NEW", 1)
    scene.run("UPDATE pmsbridge_mirror_ids SET deleted_at = first_seen WHERE id = ?", "U003")

    found = scene.verify()

    assert (found.drifted, found.rewrites) == (4, 0)
    scene.sync.run([F1], [Entity.UNITS], full=True)
    assert scene.verify().is_equal


def test_only_a_full_run_rewrites(scene: Scene) -> None:
    with pytest.raises(InputError, match="full run only"):
        scene.sync.run([F1], rewrite=True)


def test_a_rewriting_run_copes_with_a_rental_of_which_the_document_is_broken(stage: Stage) -> None:
    runtime = stage.runtime()
    Sync(runtime).run()
    table = MIRROR.nouns["rental"]
    for broken in ("{broken", "[]", "{}", '{"state": "no such state"}'):
        with runtime.database.write() as connection:
            connection.execute(update(table).where(table.c.id == "R1").values(doc=broken))

        assert Sync(runtime).run([F1], full=True, rewrite=True).failed == ()
        assert Sync(runtime).verify(F1).is_equal


def test_a_compare_lets_the_last_row_of_an_id_count(scene: Scene) -> None:
    pull = scene.adapter.pull

    def twice(*given: object, **named: object) -> Iterator[Rows]:
        pages = list(pull(*given, **named))  # type: ignore[arg-type]
        first = pages[0]
        raw = (json.dumps([first.ids[0], 66]).encode(), *first.raw[1:])
        return iter([replace(first, raw=raw), replace(pages[0], is_complete=False), *pages[1:]])

    scene.adapter.pull = twice  # type: ignore[method-assign]

    found = scene.verify()

    assert (found.is_equal, found.compared) == (True, UNITS)


def test_an_answer_that_is_not_whole_is_not_called_equal(scene: Scene) -> None:
    pull = scene.adapter.pull

    def half(*given: object, **named: object) -> object:
        return list(pull(*given, **named))[:1]  # type: ignore[arg-type]

    scene.adapter.pull = half  # type: ignore[method-assign, assignment]

    found = scene.verify()

    assert (found.is_whole, found.is_equal, found.drifted) == (False, False, 0)


def test_an_account_that_is_not_configured_is_refused(scene: Scene) -> None:
    with pytest.raises(ConfigurationError, match="not configured"):
        scene.sync.verify(FacilityKey("nobody", "F1"))


def test_a_back_office_read_record_by_record_is_compared_too(stage: Stage) -> None:
    runtime = stage.runtime()
    sync = Sync(runtime)
    sync.run([F1])

    assert sync.verify(F1).is_equal
    stage.office.books.remove(type(runtime.mirror.units("mem", "F1")[0]), "F1", "U9")
    assert [(drift.entity, drift.id, drift.kind.value) for drift in sync.verify(F1).drifts] == [("unit", "U9", "extra")]
