"""A night that is killed at any batch is gone on with from the last committed one: nothing lost, nothing twice."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.store import changes
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.portable import insert_absent
from pmsbridge.store.tables import MIRROR
from tests.engine.night_process import PAGE, UNITS
from tests.engine.paged_office import PagedAdapter, PagedOffice
from tests.servers.nursery import nursery

BATCHES = -(-UNITS // PAGE)
KILLS = [f"{when}:{number}" for number in range(1, BATCHES + 1) for when in ("before", "within", "after")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_journal")
        return found
    return f"sqlite:///{tmp_path / 'night.db'}"


Night = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """A night in a process of its own: from an address, and where it dies, to how it ended and what it said."""
    with nursery("tests.engine.night_process") as grow:

        def one(address: str, kill: str = "") -> tuple[int, dict[str, Any]]:
            done = grow.run(address, kill)
            assert done.returncode in {0, -signal.SIGKILL}
            return done.returncode, json.loads(done.stdout) if done.returncode == 0 else {}

        yield one


def committed(kill: str) -> int:
    when, _, number = kill.partition(":")
    return int(number) - (0 if when == "after" else 1)


@pytest.fixture
def opened(address: str) -> Iterator[Database]:
    database = open_database(address)
    yield database
    database.close()


@pytest.mark.parametrize("kill", KILLS)
def test_a_night_killed_at_a_batch_goes_on_from_the_last_committed_one(
    address: str, opened: Database, night: Night, kill: str
) -> None:
    mirror = Mirror(opened)
    before = committed(kill)

    assert night(address, kill)[0] == -signal.SIGKILL
    held = {unit.id for unit in mirror.units("mem", "F1")}
    assert held == {f"U{n:02}" for n in range(min(before * PAGE, UNITS))}

    code, said = night(address)

    # The last batch names no place to go on from: when only the end was missing, it is read once more.
    assert (code, said["error"], said["resumed"]) == (0, "", before > 0)
    assert said["pages"] == max(BATCHES - before, 1)
    assert {unit.id for unit in mirror.units("mem", "F1")} == {f"U{n:02}" for n in range(UNITS)}
    told = mirror.changes.after(0, limit=1000)
    assert sorted(change.id for change in told) == [f"U{n:02}" for n in range(UNITS)]
    assert {change.kind.value for change in told} == {"created"}
    assert mirror.synced_at(Scope("mem", "F1", "unit")) is not None


def test_a_night_after_a_whole_one_reads_all_and_changes_nothing(address: str, night: Night) -> None:
    night(address)

    _, said = night(address)

    assert (said["read"], said["changed"], said["resumed"]) == (UNITS, 0, False)


# -- the feed is read without gaps while several write it -------------------------------------------------------------


@pytest.mark.postgresql
def test_no_change_of_a_lower_number_appears_after_a_reader_has_passed_it(postgres_journal: str) -> None:
    database = open_database(postgres_journal)
    holds, may_commit, second_done = threading.Event(), threading.Event(), threading.Event()
    now = Runtime(database, {"mem": PagedAdapter(PagedOffice())}).clock.now()
    with database.write() as connection:
        insert_absent(connection, MIRROR.places, [{"place": 1, "account": "mem", "facility": "F1"}])
        connection.exec_driver_sql(
            "INSERT INTO pmsbridge_mirror_ids (place, entity, id, uid, row_hash, first_seen) "
            "VALUES (1, 'unit', 'U1', 'u', '', now())"
        )
        key = connection.exec_driver_sql("SELECT key FROM pmsbridge_mirror_ids").scalar_one()

    def first() -> None:
        with database.write() as connection:
            changes.append(connection, 1, [(key, "changed", "{}", "{}")], now, "slow")
            holds.set()
            may_commit.wait(10)

    def second() -> None:
        holds.wait(10)
        with database.write() as connection:
            changes.append(connection, 1, [(key, "changed", "{}", "{}")], now, "quick")
        second_done.set()

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    holds.wait(10)
    feed = Mirror(database).changes
    overtaken = second_done.wait(0.5)
    passed = [change.seq for change in feed.after(0)]
    may_commit.set()
    for thread in threads:
        thread.join()
    everything = [change.seq for change in feed.after(0)]
    database.close()

    assert not overtaken
    assert passed == []
    assert len(everything) == 2
    assert [change for change in everything if change not in passed] == everything
