"""Two runs of one facility, rows that cannot be read, runs that were killed, findings that are over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import BELIEVE_ALL_PERCENT, EntityFinished, FacilityKey, Sync
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror import Scope
from pmsbridge.testing.memory import TestClock
from tests.engine.paged_office import TICKS, PagedAdapter, PagedOffice, unit_document
from tests.engine.stage import Stage

F1, F2 = FacilityKey("mem", "F1"), FacilityKey("mem", "F2")
UNITS = [Entity.UNITS]


class Whole(PagedAdapter):
    """Its answer comes whole, as it was at the time of asking, in two batches."""

    def __init__(self, office: PagedOffice) -> None:
        super().__init__(office)
        self.meanwhile: Callable[[], object] | None = None
        self.broken = ""
        self.again: dict[str, int] = {}

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        now, lowest = self.paged.now, int(since) if since else -1
        rows = [(row.id, row.floor) for row in sorted(self.paged.rows.values(), key=lambda row: row.id)]
        changed = [(row_id, floor) for row_id, floor in rows if self.paged.rows[row_id].tick >= lowest]
        half = len(changed) // 2
        yield self._batch(query.facility, changed[:half])
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        last = [*changed[half:], *self.again.items()]
        yield self._batch(query.facility, last, cursor=str(now), is_complete=since is None)

    def _batch(
        self, facility: str, rows: list[tuple[str, int]], *, cursor: str | None = None, is_complete: bool = False
    ) -> Rows:
        raws = [json.dumps(row).encode() for row in rows]
        return Rows(
            [row_id for row_id, _ in rows], raws, lambda raw: self._document(facility, raw), cursor=cursor,
            is_complete=is_complete,
        )  # fmt: skip

    def _document(self, facility: str, raw: bytes) -> Document:
        row_id, floor = json.loads(raw)
        if row_id == self.broken:
            raise ValueError
        found: Document = unit_document(facility, row_id, floor)
        return found


class Scene:
    def __init__(self, url: str) -> None:
        self.office = PagedOffice()
        for number in range(8):
            self.office.put(f"U{number}", 1)
        self.adapter = Whole(self.office)
        self.database = open_database(url)
        self.clock = TestClock()
        self.runtime = Runtime(self.database, {"mem": self.adapter}, clock=self.clock)
        self.sync = Sync(self.runtime)
        self.sync.run([F1], UNITS, full=True)
        self.later()

    def later(self) -> None:
        self.office.now += 10_000 * TICKS

    def held(self) -> dict[str, int]:
        return {unit.id: int(unit.floor) for unit in self.runtime.mirror.units("mem", "F1")}

    def told(self) -> list[tuple[str, str]]:
        return [(each.id, each.kind.value) for each in self.runtime.mirror.changes.after(0) if each.kind != "created"]

    def findings(self) -> list[str]:
        return [each.finding.code for each in self.runtime.findings.open()]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    on_postgresql = request.param == "postgresql"
    made = Scene(request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 's.db'}")
    yield made
    made.database.close()


# -- two runs of one facility ------------------------------------------------------------------------------------------


def test_a_night_that_was_overtaken_by_a_run_by_hand_stops_and_undoes_nothing(scene: Scene) -> None:
    scene.office.put("U7", 2)
    scene.later()

    def by_hand() -> None:
        scene.office.put("U7", 3)
        scene.office.delete("U6")
        scene.later()
        assert scene.sync.run([F1], UNITS, full=True).failed == ()

    scene.adapter.meanwhile = by_hand
    night = scene.sync.run([F1], UNITS, full=True)

    assert "another run has written unit records" in night.rows[0].error
    assert scene.held() == scene.office.truth()
    assert sorted(scene.told()) == [("U6", "deleted"), ("U7", "changed")]
    assert scene.sync.verify(F1, UNITS).is_equal


def test_a_run_that_begins_while_a_night_writes_stops_and_the_night_goes_on(scene: Scene) -> None:
    scene.office.put("U1", 2)
    scene.adapter.meanwhile = lambda: None
    seen: list[str] = []

    def by_hand() -> None:
        scene.adapter.meanwhile = lambda: scene.sync.run([F1], UNITS, full=True)
        seen.extend(row.error for row in scene.sync.run([F1], UNITS, full=True).rows)

    scene.adapter.meanwhile = by_hand
    scene.sync.run([F1], UNITS, full=True)

    assert len([error for error in seen if "another run" in error]) == 1
    assert scene.held() == scene.office.truth()


# -- rows that cannot be read, and that come twice ---------------------------------------------------------------------


def test_a_change_that_could_not_be_read_is_asked_for_again_until_it_can(scene: Scene) -> None:
    scene.office.put("U3", 2)
    scene.later()
    scene.office.put("U5", 2)
    scene.adapter.broken = "U3"
    scene.sync.run([F1], UNITS)
    assert scene.held()["U5"] == 2
    scene.adapter.broken = ""
    for hour in range(3):
        scene.later()
        scene.office.put("U7", 10 + hour)
        scene.sync.run([F1], UNITS)

    assert scene.held() == scene.office.truth()


def test_an_id_that_comes_twice_is_a_finding_until_it_does_not(scene: Scene) -> None:
    scene.adapter.again = {"U1": 7}
    for _ in range(3):
        report = scene.sync.run([F1], UNITS, full=True)
        scene.clock.advance(timedelta(days=1))

    assert scene.told() == [("U1", "changed")]
    assert (report.total.read, report.total.changed, report.rows[0].findings) == (8, 0, 1)
    assert scene.findings() == ["id_came_twice"]
    assert scene.sync.verify(F1, UNITS).is_equal

    scene.adapter.again = {}
    scene.sync.run([F1], UNITS, full=True)
    assert scene.held() == scene.office.truth()
    assert scene.findings() == []


# -- deletions, and findings that are over -----------------------------------------------------------------------------


def test_a_mass_deletion_that_was_held_names_its_remedy_and_is_believed_when_a_person_says_so(scene: Scene) -> None:
    for number in range(6):
        scene.office.delete(f"U{number}")

    held = scene.sync.run([F1], UNITS, full=True)

    (finding,) = scene.runtime.findings.open()
    assert finding.finding.code == "mass_deletion_held"
    assert "pmsbridge sync --full --believe-deletions --facility mem/F1" in finding.finding.text
    assert "--believe-deletions" in held.rows[0].error
    assert len(scene.held()) == 8

    believed = Sync(scene.runtime, delete_cap_percent=BELIEVE_ALL_PERCENT).run([F1], UNITS, full=True)

    assert (believed.failed, believed.rows[0].deleted) == ((), 6)
    assert scene.held() == scene.office.truth()
    assert scene.findings() == []


def test_unreadable_rows_are_a_finding_until_a_whole_reading_reads_them(scene: Scene) -> None:
    scene.office.put("U3", 2)
    scene.adapter.broken = "U3"
    scene.sync.run([F1], UNITS, full=True)
    assert scene.findings() == ["unreadable_rows"]
    scene.adapter.broken = ""

    scene.sync.run([F1], UNITS, full=True)

    assert scene.findings() == []


def test_an_impossible_state_is_a_finding_until_it_is_possible_again(stage: Stage) -> None:
    runtime, sync = stage.runtime(), Sync(stage.runtime())
    rental = stage.office.books.find(Rental, "F1", "R1")
    assert rental is not None
    stage.office.books.put("F1", rental.changed(tenant_id="T77"))
    stage.office.books.put("F2", rental.changed(ref=rental.ref.changed(facility="F2"), tenant_id="T77"))
    sync.run(full=True)
    assert [row.finding.code for row in runtime.findings.open()] == ["rental_without_tenant"] * 2

    stage.office.books.put("F1", rental)
    sync.run(full=True)

    (other,) = runtime.findings.open()
    assert (other.finding.facility, other.times) == ("F2", 2)


# -- runs that were killed ---------------------------------------------------------------------------------------------


def killed_at(stage: Stage, facility: str, entity: Entity) -> list[tuple[str, str]]:
    """Let the process die when this is asked for the first time; what was asked for is in the list."""
    asked: list[tuple[str, str]] = []
    fetch, deaths = stage.adapter.fetch, [(facility, entity)]

    def dying(query: Query, *, since: str | None = None) -> Iterator[Batch]:
        asked.append((query.facility, query.entity.noun))
        if (query.facility, query.entity) in deaths:
            deaths.clear()
            raise KeyboardInterrupt
        yield from fetch(query, since=since)

    stage.adapter.fetch = dying  # type: ignore[method-assign]
    return asked


def test_a_full_run_that_was_killed_leaves_out_what_it_had_brought_to_its_end(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.mirror.watch("mem", "F1", "T1")
    asked = killed_at(stage, "F2", Entity.TENANTS)
    with pytest.raises(KeyboardInterrupt):
        Sync(runtime).run(full=True)
    asked.clear()
    stage.later(timedelta(minutes=1))
    finished: list[str] = []

    report = Sync(stage.runtime()).run(
        full=True,
        watch=lambda event: finished.append(event.row.scope.entity) if isinstance(event, EntityFinished) else None,
    )

    assert asked == [("F2", "tenant"), ("F2", "rental")]
    assert len(report.rows) == len(finished) == 9
    assert report.failed == ()
    assert {row.run_id for row in report.rows} == {report.run_id}
    assert report.started_at == min(row.started_at for row in report.rows)
    assert Sync(runtime).verify(F2).is_equal

    stage.later(timedelta(minutes=1))
    asked.clear()
    again = Sync(runtime).run(full=True)
    assert len(asked) == 8  # what has come to its end is read anew
    assert again.run_id != report.run_id


@pytest.mark.parametrize("other", ["entities", "facilities", "rewrite", "an old one", "incremental"])
def test_only_the_same_run_goes_on_and_within_hours(stage: Stage, other: str) -> None:
    asked = killed_at(stage, "F2", Entity.UNITS)
    with pytest.raises(KeyboardInterrupt):
        Sync(stage.runtime()).run(full=True)
    asked.clear()
    stage.later(timedelta(hours=7) if other == "an old one" else timedelta(minutes=1))
    sync = Sync(stage.runtime())

    if other == "entities":
        sync.run(entities=[Entity.FACILITIES, Entity.UNITS], full=True)
    elif other == "facilities":
        sync.run([F1], full=True)
    elif other == "incremental":
        sync.run()
    else:
        sync.run(full=True, rewrite=other == "rewrite")

    assert asked[:2] == [("F1", "facility"), ("F1", "unit")]


def test_a_part_that_failed_before_the_kill_is_read_again(stage: Stage) -> None:
    asked = killed_at(stage, "F2", Entity.UNITS)
    runtime = stage.runtime()
    scope = Scope("mem", "F1", "unit")
    for unit in stage.office.books.all(Unit, "F1"):
        runtime.mirror.watch("mem", "F1", unit.id)
    dying = stage.adapter.fetch

    def fetch(query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if (query.facility, query.entity) == ("F1", Entity.UNITS) and len(asked) == 1:
            asked.append(("F1", "unit"))
            raise ValueError
        yield from dying(query, since=since)

    stage.adapter.fetch = fetch  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        Sync(runtime).run(full=True)
    assert runtime.mirror.synced_at(scope) is None
    asked.clear()

    Sync(runtime).run(full=True)

    assert asked == [("F1", "unit"), ("F2", "unit"), ("F2", "tenant"), ("F2", "rental")]
