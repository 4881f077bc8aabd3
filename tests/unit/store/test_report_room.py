"""Old reports and runs go; what was said last stays, and is found without reading all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, insert, select

from pmsbridge.store.copies import copies
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror import Mirror, Scope, SyncRow
from pmsbridge.store.report_room import Forgotten, ReportRoom
from pmsbridge.store.runs import FULL_SYNC, Runs
from pmsbridge.store.tables import runs, sync_reports
from pmsbridge.testing.memory import TestClock

NOW = datetime(2026, 9, 30, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    on_postgresql = request.param == "postgresql"
    made = open_database(
        request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 'r.db'}"
    )
    yield made
    made.close()


def line(age: timedelta, facility: str = "F1", error: str = "", run: str = "") -> SyncRow:
    at = NOW - age
    return SyncRow(run or f"{at:%Y%m%dT%H%M%S}-{facility}", Scope("mem", facility, "unit"), at, at, error=error)


def test_old_lines_go_and_the_newest_of_every_scope_is_still_told(database: Database) -> None:
    mirror = Mirror(database)
    for age in (200, 120, 91, 89, 1):
        mirror.report(line(age * DAY))
    mirror.report(line(150 * DAY, "F2", "away"))

    assert ReportRoom(database).make(NOW) == Forgotten(reports=4, runs=0)
    assert ReportRoom(database).make(NOW) == Forgotten()

    assert [row.finished_at for row in mirror.reports()] == [NOW - DAY, NOW - 89 * DAY]
    told = {facility: copy.reports["unit"] for (_, facility), copy in copies(database).items()}
    assert told == {"F1": line(DAY), "F2": line(150 * DAY, "F2", "away")}


def test_an_older_line_never_replaces_a_newer_one(database: Database) -> None:
    mirror = Mirror(database)
    mirror.report(line(DAY))
    mirror.report(line(2 * DAY, error="away"))

    assert copies(database)["mem", "F1"].reports["unit"] == line(DAY)


def test_old_runs_go_and_the_last_good_one_of_every_name_stays(database: Database) -> None:
    clock = TestClock()
    kept = Runs(database, clock)
    for name, ages in {"sync mem/F1": (200, 120, 1), "sync mem/F2": (300, 200), f"{FULL_SYNC}abc": (100, 99)}.items():
        for age in ages:
            kept.start(name, NOW - age * DAY, "w", timedelta(seconds=-1))
            kept.finish(name, NOW - age * DAY, "w")
    kept.start("sync mem/F2", NOW - 100 * DAY, "w", DAY)
    kept.finish("sync mem/F2", NOW - 100 * DAY, "w", error="away")

    assert ReportRoom(database).make(NOW).runs == 5

    assert kept.last_success("sync mem/F1") == NOW - DAY
    assert kept.last_success("sync mem/F2") == NOW - 200 * DAY
    assert kept.unfinished("sync mem/F2") == (NOW - 100 * DAY,)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(runs)).scalar_one() == 3


def test_many_old_lines_go_in_parts(database: Database) -> None:
    rows = [line(200 * DAY, f"F{number}").values() for number in range(1001)]
    with database.write() as connection:
        connection.execute(insert(sync_reports), rows)

    assert ReportRoom(database).make(NOW).reports == 1001


def test_the_newest_lines_are_found_without_reading_the_others(database: Database) -> None:
    said: list[str] = []
    engine = database.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    copies(database)
    event.remove(engine, "before_cursor_execute", note)

    assert any("pmsbridge_newest_reports" in statement for statement in said)
    assert not any("pmsbridge_sync_reports" in statement for statement in said)
