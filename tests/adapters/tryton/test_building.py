"""A build is whole or not there, made once by whoever comes first, and made anew when what it is made of changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pmsbridge_tryton.sandbox.building import alone, built, configuration, installed, made, run, tell_nobody
from pmsbridge_tryton.sandbox.recipe import SERIES, NoTrytonError, Recipe, recipe


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    def fails(part: Path) -> None:
        part.mkdir()
        (part / "half").touch()
        raise NoTrytonError("no more")

    with pytest.raises(NoTrytonError):
        made(tmp_path / "books", fails)

    assert list(tmp_path.iterdir()) == []


def test_a_program_that_fails_is_told_by_its_last_words() -> None:
    with pytest.raises(NoTrytonError, match=r"python.* failed: so it goes"):
        run([sys.executable, "-c", "import sys; sys.exit('so it goes')"], {})
    with pytest.raises(NoTrytonError, match="does not run"):
        run(["/nowhere/at-all"], {})


def test_a_machine_without_packages_is_told_so_and_tried_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    here = replace(recipe(SERIES[0]), cache=tmp_path)

    def no_packages(command: list[str], environment: object) -> None:
        steps.append(command[2])
        if command[2] == "pip":
            raise NoTrytonError("no packages")

    monkeypatch.setattr("pmsbridge_tryton.sandbox.building.run", no_packages)
    for _ in range(2):
        with pytest.raises(NoTrytonError, match="no packages"):
            built(here)

    assert steps == ["venv", "pip", "venv", "pip"]


def test_what_is_installed_is_not_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    here = replace(recipe(SERIES[0]), cache=tmp_path)

    def installs(command: list[str], environment: object) -> None:
        steps.append(command[2])
        here.environment.mkdir(exist_ok=True)

    monkeypatch.setattr("pmsbridge_tryton.sandbox.building.run", installs)
    for _ in range(2):
        installed(here, tell_nobody)

    assert steps == ["venv", "pip"]


def test_every_series_has_its_own_place_and_another_year_other_books(tmp_path: Path) -> None:
    rooms = [Recipe(series, tmp_path, year) for series in SERIES for year in (2026, 2027)]

    assert len({room.environment for room in rooms}) == len({room.activated for room in rooms}) == len(SERIES)
    assert len({room.books for room in rooms}) == len(rooms)
    assert all(room.constraints.is_file() and room.seed.is_file() for room in rooms)


def test_a_series_that_nobody_builds_is_refused() -> None:
    with pytest.raises(NoTrytonError, match=r"8\.2"):
        recipe("5.0")


def test_of_many_who_want_it_one_builds(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from pmsbridge_tryton.sandbox.building import alone, made\n"
        "room = Path(sys.argv[1])\n"
        "def make(part):\n"
        "    time.sleep(0.3); part.touch()\n"
        "    with (room / 'log').open('a') as log: log.write('made\\n')\n"
        "with alone(room / 'lock', lambda _what: None):\n"
        "    if not (room / 'it').exists(): made(room / 'it', make)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    several = [subprocess.Popen(command, env={"PYTHONPATH": ":".join(sys.path)}) for _ in range(3)]

    assert [one.wait(60) for one in several] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "made\n"


def test_whoever_waits_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    program = (
        "import sys; from pathlib import Path; from pmsbridge_tryton.sandbox.building import alone\n"
        "with alone(Path(sys.argv[1]), lambda _what: None): print('in', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lock")], env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()

        def let_go(what: str) -> None:
            said.append(what)
            holder.stdin.close()  # type: ignore[union-attr]

        with alone(tmp_path / "lock", let_go):
            pass

    assert said == ["waiting for another process that builds it"]


def test_a_configuration_is_sections_of_names_and_values(tmp_path: Path) -> None:
    file = configuration(tmp_path / "x.conf", {"session": {"timeout": 2}, "web": {"listen": "127.0.0.1:1"}})

    assert file.read_text().split() == ["[session]", "timeout", "=", "2", "[web]", "listen", "=", "127.0.0.1:1"]
    tell_nobody("")
