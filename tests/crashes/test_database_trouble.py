"""The database itself goes away, is full, or loses its writer in the middle of a commit."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.crashes.smithy import Scene, Smithy, Wish
from tests.crashes.verdict import violations

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer


def _some_of_each(scene: Scene, times: int) -> list[Wish]:
    return [scene.wish(verb) for _ in range(times) for verb in ("pay", "edit", "autopay")]


@pytest.mark.slow
def test_workers_outlive_a_database_server_that_is_killed_and_started_again(
    postgres_smithy: Smithy, postgres_server: PostgresServer
) -> None:
    if postgres_server.folder is None:
        pytest.skip("needs a PostgreSQL of its own to kill")
    scene = Scene(postgres_smithy)
    wishes = _some_of_each(scene, 6)

    ended: list[dict[str, Any]] = []

    def work() -> None:
        jobs = [scene.job(*wishes[n::3], patience_seconds=30) for n in range(3)]
        ended.extend(scene.run(*jobs, *(scene.job(works=True, patience_seconds=4) for _ in range(2))))

    working = threading.Thread(target=work)
    working.start()
    # The server dies with the thread that started it, so it is this one that does.
    for _ in range(3):
        time.sleep(0.4)
        postgres_server.kill()
        time.sleep(0.3)
        postgres_server.restart()
    working.join()

    assert [worker["status"] for worker in ended] == [0] * 5
    assert any(answer.get("code") == "database_unavailable" for answer in scene.told)
    scene.finish()
    assert violations(scene) == []
    assert set(scene.views()) == set(scene.wishes)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["pay", "edit"])
def test_a_full_disk_is_told_and_loses_nothing(sqlite_smithy: Smithy, verb: str) -> None:
    scene = Scene(sqlite_smithy)
    log = Path(sqlite_smithy.url.removeprefix("sqlite:///") + "-wal")
    refused = 0
    for room in range(1, scene.left(verb)):
        # A reader keeps the log from being written back, so that it is the file that grows.
        with sqlite3.connect(sqlite_smithy.url.removeprefix("sqlite:///")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM pmsbridge_actions").fetchone()
            size = log.stat().st_size if log.exists() else 0
            scene.run(scene.job(scene.wish(verb), file_limit_bytes=max(size, 40_000) + 25_000 * room))
        reader.close()
        answer = scene.told[-1]
        refused += answer.get("code") == "database_unavailable"
        scene.later()
    assert refused

    scene.finish()
    scene.run(scene.job(*scene.wishes.values()))
    scene.finish()
    assert violations(scene) == []
    assert set(scene.views()) == set(scene.wishes)


@pytest.mark.slow
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_a_process_that_dies_inside_a_commit_leaves_a_sound_journal(smithy: Smithy) -> None:
    scene = Scene(smithy)
    boundary = 0
    for wish in _some_of_each(scene, 6):
        boundary = boundary % 12 + 1
        scene.run(scene.job(wish, die_at=boundary, die_later_seconds=scene.chance.uniform(0, 0.002)))
        scene.later()
    assert scene.kills >= 12

    if smithy.url.startswith("sqlite"):
        with sqlite3.connect(smithy.url.removeprefix("sqlite:///")) as found:
            assert found.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found.close()
    scene.finish(killing=2)
    scene.run(scene.job(*scene.wishes.values()))
    scene.finish()
    assert violations(scene) == []
