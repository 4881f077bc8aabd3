"""The ways in which copies by a change stamp were seen to lose rows; each is shown to be one, and not to be ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.watermark import Watermark
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from tests.engine.paged_office import TICKS, PagedAdapter, PagedOffice, Ways

F1 = FacilityKey("mem", "F1")
RIGHT = Ways()
Copy = Callable[[], dict[str, int]]


class Scene:
    """An office, and a copy of it read by one of the ways."""

    def __init__(self, url: str, ways: Ways) -> None:
        self.office = PagedOffice()
        self.adapter = PagedAdapter(self.office, ways=ways)
        self.database = open_database(url)
        self.runtime = Runtime(self.database, {"mem": self.adapter}, clock=TestClock())

    def run(self) -> None:
        report = Sync(self.runtime).run([F1], [Entity.UNITS])
        assert report.failed == ()

    def copy(self) -> dict[str, int]:
        return {unit.id: int(unit.floor) for unit in self.runtime.mirror.units("mem", "F1")}

    def fill(self, count: int = 4) -> None:
        for number in range(count):
            self.office.now += TICKS
            self.office.put(f"U{number}", 0)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Callable[[Ways], Scene]]:
    made: list[Scene] = []

    def another(ways: Ways) -> Scene:
        made.append(Scene(f"sqlite:///{tmp_path / f'{len(made)}.db'}", ways))
        return made[-1]

    yield another
    for each in made:
        each.database.close()


def right_and_wrong(wrong: Ways) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("ways", "loses"), [(RIGHT, False), (wrong, True)], ids=["ours", "the defect"])


NO_OVERLAP = replace(RIGHT, overlap=timedelta(0))


@right_and_wrong(replace(NO_OVERLAP, is_inclusive=False))
def test_a_row_with_the_stamp_of_the_cursor_that_lands_after_the_run(
    scene: Callable[[Ways], Scene], ways: Ways, loses: bool
) -> None:
    at = scene(ways)
    at.fill()
    at.run()
    at.office.put("tie", 7)  # the clock has not moved since the last row
    at.run()

    assert ("tie" not in at.copy()) is loses


@right_and_wrong(replace(RIGHT, splits_ties=True))
def test_more_rows_of_one_stamp_than_a_page_has(scene: Callable[[Ways], Scene], ways: Ways, loses: bool) -> None:
    at = scene(ways)
    at.fill()
    at.run()
    at.office.now += 3600 * TICKS
    for number in range(10):
        at.office.put(f"T{number}", 7)
    at.run()

    assert (at.copy() != at.office.truth()) is loses


@right_and_wrong(NO_OVERLAP)
def test_a_row_that_is_committed_after_one_with_a_later_stamp(
    scene: Callable[[Ways], Scene], ways: Ways, loses: bool
) -> None:
    at = scene(ways)
    at.fill()
    at.office.begin("slow", 7)
    at.office.now += 5 * TICKS
    at.office.put("quick", 1)
    at.run()
    at.office.commit()
    at.run()

    assert ("slow" not in at.copy()) is loses


@right_and_wrong(replace(NO_OVERLAP, keeps_began=False))
def test_a_row_that_lands_while_the_pages_are_read(scene: Callable[[Ways], Scene], ways: Ways, loses: bool) -> None:
    """Of a full reading by id: it lands behind the page that was read, another one moves the mark past its stamp."""
    at = scene(ways)
    at.fill(8)

    def between() -> None:
        at.office.now += TICKS
        at.office.put("A-behind", 7)
        at.office.now += TICKS
        at.office.put("Z-ahead", 8)
        at.office.between = None

    at.office.between = between
    at.run()
    assert "A-behind" not in at.copy()
    at.run()

    assert ("A-behind" not in at.copy()) is loses


@right_and_wrong(replace(NO_OVERLAP, rounds_up=True))
def test_a_row_whose_stamp_is_finer_than_the_cursor(scene: Callable[[Ways], Scene], ways: Ways, loses: bool) -> None:
    at = scene(ways)
    at.fill()
    at.office.now += TICKS + 3
    at.office.put("fine", 1)
    at.office.now += 100 * TICKS  # the reading begins later; the mark is the row's own
    at.run()
    at.office.put("gap", 7, tick=at.office.rows["fine"].tick + 2)
    at.run()

    assert ("gap" not in at.copy()) is loses


@right_and_wrong(NO_OVERLAP)
def test_rows_of_which_a_lagging_replica_shows_only_some(
    scene: Callable[[Ways], Scene], ways: Ways, loses: bool
) -> None:
    at = scene(ways)
    at.fill()
    for number in range(6):
        at.office.now += 20
        (at.office.begin if number % 2 == 0 else at.office.put)(f"R{number}", 7)
    at.run()
    at.office.commit()
    at.run()

    assert (at.copy() != at.office.truth()) is loses


# -- the mark itself ---------------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_mark_starts_the_overlap_before_the_latest_stamp_and_never_goes_back() -> None:
    mark = Watermark.of(None, timedelta(minutes=10))
    assert (mark.start, mark.cursor) == (None, None)

    mark = mark.seen(NOON).seen(NOON - timedelta(hours=1))

    assert mark.start == NOON - timedelta(minutes=10)
    assert Watermark.of(mark.cursor, timedelta(minutes=10)) == mark


def test_a_stamp_of_the_future_moves_the_mark_to_where_the_reading_began_at_most() -> None:
    mark = Watermark.of(None, timedelta(0)).seen(NOON + timedelta(days=400), began=NOON)

    assert mark.high == NOON
