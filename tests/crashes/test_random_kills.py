"""Several workers alive at once, each killed from outside at an instant of nobody's choosing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pmsbridge.store.database import open_database
from pmsbridge_sitelink.sandbox import spawn
from tests.crashes.smithy import KINDS, Scene, Smithy, emptied, open_smithy
from tests.crashes.verdict import violations

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

ROUNDS = int(os.environ.get("PMSBRIDGE_TEST_KILL_ROUNDS", "12"))
"""Per test: in each, six processes live at once and are killed."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smithy", ["sqlite", "postgres"], indirect=True)
def test_workers_killed_at_random_lose_and_double_nothing(smithy: Smithy, seed: int) -> None:
    scene = Scene(smithy, seed)
    for _ in range(ROUNDS):
        portals = [_some_wishes(scene) for _ in range(3)]
        jobs = [scene.job(*wishes, kill_after=_an_instant(scene)) for wishes in portals]
        jobs += [scene.job(works=True, kill_after=_an_instant(scene)) for _ in range(3)]
        scene.run(*jobs)
        scene.later()

    scene.finish()
    scene.run(scene.job(*(wish for key, wish in scene.wishes.items() if int(key[-4:]) % 3)))
    scene.finish()
    assert violations(scene) == []
    assert scene.kills >= ROUNDS


@pytest.mark.slow
def test_those_alive_take_over_from_the_dead_when_the_servers_clock_says_so(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = postgres_server.create_database()
    open_database(url).close()
    wipe = emptied(postgres_server, url)
    with spawn(sites=3) as control, open_smithy(url, tmp_path, control, wipe, by_real_time=True) as smithy:
        scene = Scene(smithy)
        for _ in range(2):
            dying = [scene.job(*_some_wishes(scene), kill_after=_an_instant(scene)) for _ in range(6)]
            living = [scene.job(*_some_wishes(scene), works=True, patience_seconds=9) for _ in range(2)]
            scene.run(*dying, *living)
        scene.run(scene.job(*scene.wishes.values(), works=True))
        scene.finish()
        assert violations(scene) == []
        assert set(scene.views()) == set(scene.wishes)
        assert scene.kills
    postgres_server.drop_database(url)


def _an_instant(scene: Scene) -> float:
    return scene.chance.uniform(0.01, 0.3)


def _some_wishes(scene: Scene) -> list[dict[str, str]]:
    able = [verb for verb in KINDS if scene.left(verb)]
    return [scene.wish(scene.chance.choice(able))] if able else []
