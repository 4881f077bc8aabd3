"""Clicks at the same instant: one key, or one business key, is one call of the back office. Counted at the call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.races.counting import calls

ROOT = Path(__file__).resolve().parents[2]
RACES = int(os.environ.get("PMSBRIDGE_TEST_RACES", "10000"))
"""Over all tests here."""


def _race(url: str, counter: Path, by: str, on: str) -> None:
    races = max(20, RACES * _SHARE[by]["sqlite" if url.startswith("sqlite") else "postgres"] // 100)
    order = {"url": url, "calls": str(counter), "by": by, "on": on, "races": races, "first": 0}
    subprocess.run(
        [sys.executable, "-m", "tests.races.field"],
        input=json.dumps(order),
        text=True,
        cwd=ROOT,
        check=True,
        timeout=600,
    )
    counted = calls(counter)
    assert len(counted) == races
    assert set(counted.values()) == {1}, {race: times for race, times in counted.items() if times != 1}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty journal. Its file is in memory where the machine offers that: a race is not about the disk."""
    if request.param == "postgres":
        yield str(request.getfixturevalue("postgres_url"))
        return
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own below it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield f"sqlite:///{folder}/races.db"


_SHARE = {"threads": {"sqlite": 15, "postgres": 5}, "processes": {"sqlite": 6, "postgres": 4}}
"""Hundredths of all races in one test. A race on PostgreSQL costs three times as much, one of processes five times."""
_ON = ("key", "business")
_PARTS = {"threads": range(2), "processes": range(1)}


def test_the_races_of_all_tests_are_as_many_as_are_wanted() -> None:
    assert sum(share * len(_ON) * len(_PARTS[by]) for by, kinds in _SHARE.items() for share in kinds.values()) == 100


@pytest.mark.slow
@pytest.mark.parametrize("on", _ON)
@pytest.mark.parametrize("part", _PARTS["threads"])
def test_threads_that_race_make_one_call(url: str, tmp_path: Path, on: str, part: int) -> None:
    _race(url, tmp_path / "calls", "threads", on)


@pytest.mark.slow
@pytest.mark.parametrize("on", _ON)
def test_processes_that_race_make_one_call(url: str, tmp_path: Path, on: str) -> None:
    _race(url, tmp_path / "calls", "processes", on)
