"""Random histories of a back office, read by interrupted nights: the copy equals it, whatever happened meanwhile.

PMSBRIDGE_SYNC_HISTORIES says how many; 1,000 by default, 10,000 before a release. PMSBRIDGE_SYNC_SEED starts elsewhere.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.ports.adapter import Entity
from pmsbridge.store.database import Database, open_database
from pmsbridge.testing.memory import SimulatedCrash, TestClock
from tests.engine.paged_office import TICKS, BesideAdapter, PagedAdapter, PagedOffice, Ways

HISTORIES = int(os.environ.get("PMSBRIDGE_SYNC_HISTORIES", "1000"))
SEED = int(os.environ.get("PMSBRIDGE_SYNC_SEED", "0"))
RIGHT = Ways()
WITHIN = 500 * TICKS  # a transaction of the office is committed within this: less than the overlap


class History:
    """One office and its copy; the same number gives the same history."""

    def __init__(self, database: Database, seed: int, ways: Ways, kind: type[PagedAdapter] | None = None) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a seeded history
        self.office = PagedOffice(now=self.chance.randrange(10**6) * TICKS)
        self.clock = TestClock()
        self.key = FacilityKey("mem", f"F{seed}-{ways.is_inclusive}{ways.overlap}{ways.rounds_up}{ways.splits_ties}")
        drawn = self.chance.choice((PagedAdapter, BesideAdapter))
        self.adapter = (kind or drawn)(
            self.office, ways=ways, page=self.chance.randint(1, 5), facilities=(self.key.facility,)
        )
        self.runtime = Runtime(database, {"mem": self.adapter}, clock=self.clock)
        self.sync = Sync(self.runtime, delete_cap_percent=100)
        self.oldest_late = 0

    def happen(self) -> None:
        """One thing at the office."""
        office, chance = self.office, self.chance
        office.now += chance.choice((0, 0, 1, 3, TICKS, 30 * TICKS))
        if office.late and office.now - office.late[0].tick > WITHIN:
            office.commit()
        known = list(office.rows)
        what = chance.random()
        if what < 0.35 or not known:
            office.put(f"U{chance.randrange(60):02}", chance.randrange(100))
        elif what < 0.65:
            office.put(chance.choice(known), chance.randrange(100))
        elif what < 0.8:
            name = f"U{chance.randrange(60):02}"
            if name not in {row.id for row in office.late}:
                office.begin(name, chance.randrange(100))
        elif what < 0.9:
            office.commit()
        else:
            office.delete(chance.choice(known))

    def some_happen(self) -> None:
        for _ in range(self.chance.randrange(4)):
            self.happen()

    def night(self, *, full: bool) -> None:
        """A run that may die at any batch; then another one goes on."""
        while True:
            self.clock.advance(timedelta(minutes=self.chance.choice((1, 1, 700))))
            dies_at = self.chance.choice((None, None, 1, 2, 3))
            self.adapter.batch_hook = lambda number, at=dies_at: _die(number == at)  # type: ignore[misc]
            try:
                report = self.sync.run([self.key], [Entity.UNITS], full=full)
            except SimulatedCrash:
                continue
            assert report.failed == ()
            return

    def quiet(self) -> None:
        """Everything is committed, nothing happens any more; longer than the overlap goes by, by either clock."""
        self.office.commit()
        self.office.between = None

    def copy(self) -> dict[str, int]:
        return {unit.id: int(unit.floor) for unit in self.runtime.mirror.units("mem", self.key.facility)}

    def told(self) -> dict[str, int]:
        """What somebody holds who only followed the feed of changes."""
        held: dict[str, int] = {}
        after = 0
        while found := self.runtime.mirror.changes.after(after, facility=self.key.facility, limit=50):
            for change in found:
                if change.kind == "deleted":
                    held.pop(change.id)
                elif "floor" in change.after:
                    held[change.id] = int(change.after["floor"])
                elif change.kind == "created":  # of the first copy: the record itself says the rest
                    held[change.id] = -1
            after = found[-1].seq
        return held


def _die(now: bool) -> None:
    if now:
        raise SimulatedCrash


@pytest.fixture
def database() -> Iterator[Database]:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    opened = open_database(f"sqlite:///{folder / 'night.db'}")
    yield opened
    opened.close()
    shutil.rmtree(folder)


def lived(database: Database, seed: int, ways: Ways = RIGHT, kind: type[PagedAdapter] | None = None) -> History:
    history = History(database, seed, ways, kind)
    for _ in range(history.chance.randrange(12)):
        history.happen()
    history.office.between = history.some_happen
    for _ in range(history.chance.randint(1, 3)):
        history.night(full=history.chance.random() < 0.3)
        history.some_happen()
    history.quiet()
    return history


PARTS = 5


@pytest.mark.parametrize("part", range(PARTS))
def test_the_copy_equals_the_back_office_whatever_happened_meanwhile(database: Database, part: int) -> None:
    for seed in range(SEED + part, SEED + HISTORIES, PARTS):
        history = lived(database, seed)

        history.night(full=False)
        changed = history.copy()
        assert {i: changed.get(i) for i in history.office.rows} == history.office.truth(), f"seed {seed}, incremental"

        history.night(full=True)
        history.night(full=True)
        assert history.copy() == history.office.truth(), f"seed {seed}, full"
        history.adapter.batch_hook = lambda _number: None
        told = history.told()
        assert told.keys() == history.office.rows.keys(), f"seed {seed}, feed"
        assert all(floor in {-1, history.office.truth()[i]} for i, floor in told.items()), f"seed {seed}, feed"
        assert history.sync.verify(history.key, [Entity.UNITS]).is_equal, f"seed {seed}, verify"


@pytest.mark.parametrize("kind", [PagedAdapter, BesideAdapter])
@pytest.mark.parametrize("wrong", [
    replace(Ways(), overlap=timedelta(0)),
    replace(Ways(), splits_ties=True),
    replace(Ways(), overlap=timedelta(0), is_inclusive=False),
], ids=["no overlap", "ties split", "exclusive"])  # fmt: skip
def test_these_histories_notice_a_reading_that_loses_rows(
    database: Database, wrong: Ways, kind: type[PagedAdapter]
) -> None:
    for seed in range(400):
        history = lived(database, seed, wrong, kind)
        history.night(full=False)
        if any(history.copy().get(i) != floor for i, floor in history.office.truth().items()):
            return
    pytest.fail("no history noticed it")
