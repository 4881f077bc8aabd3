"""A full compare finds every difference, to the field, whoever made it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import DriftKind, FacilityKey, Sync, Verification
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Entity
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

    said = {drift.id: (drift.kind.value, next(iter(drift.fields), "")) for drift in found.drifts}
    assert said == planted
    assert found.drifted == len(planted) == 60
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
