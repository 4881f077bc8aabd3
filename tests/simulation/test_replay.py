"""One seed is one run: the same events, to the byte, wherever it is played."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pmsbridge.errors import InputError
from pmsbridge.testing.simulation import Simulator, tally
from pmsbridge.testing.simulation.__main__ import main
from pmsbridge.testing.simulation.tally import Tally, play_many, soak

SEEDS = (1, 5, 10, 41, 573, 1003)
COMMAND = "pmsbridge.testing.simulation"
ROOT = Path(__file__).resolve().parents[2]


def _played(python: str, seed: int, **environment: str) -> dict[str, object]:
    """Play a seed in another process."""
    done = subprocess.run(
        [python, "-m", COMMAND, "--only-seed", str(seed), "--json"], capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_seed_gives_the_same_events_each_time() -> None:
    with Simulator() as one, Simulator() as other:
        for seed in SEEDS:
            first, then = one.play_seed(seed), other.play_seed(seed)
            assert first.log == then.log
            assert first.digest == then.digest
            assert len(first.log) > 3


def test_different_seeds_give_different_events() -> None:
    with Simulator() as simulator:
        assert len({simulator.play_seed(seed).digest for seed in SEEDS}) == len(SEEDS)


def test_the_hash_seed_of_the_interpreter_changes_nothing() -> None:
    with Simulator() as simulator:
        here = simulator.play_seed(10).digest

    assert {_played(sys.executable, 10, PYTHONHASHSEED=n)["sha256"] for n in ("1", "2")} == {here}


def _others() -> list[str]:
    """Interpreters of other versions on this machine that have what is needed installed."""
    found = []
    for minor in (11, 12, 13):
        ours = ROOT / f".venv-3.{minor}/bin/python"
        path = str(ours) if ours.exists() else shutil.which(f"python3.{minor}")
        if path is None or minor == sys.version_info.minor:
            continue
        works = subprocess.run([path, "-c", f"import {COMMAND}"], capture_output=True, check=False, timeout=120)
        if works.returncode == 0:
            found.append(path)
    return found


def test_another_python_gives_the_same_events() -> None:
    others = _others()
    if not others:
        pytest.skip("needs another Python that has the package installed, such as those of `make venv-matrix`")
    with Simulator() as simulator:
        digests = {seed: simulator.play_seed(seed).digest for seed in SEEDS[:3]}

    for python in others:
        assert {seed: _played(python, seed)["sha256"] for seed in digests} == digests


def test_the_command_reports_what_it_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schedules", "5", "--seed", "100", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["schedules"], told["violations"], told["by_kind"], told["bad_seeds"]) == (5, 0, {}, [])
    assert told["schedules_per_second"] > 0
    assert told["coverage"]["step after a commit"] > 0


def test_the_command_writes_the_events_of_one_seed_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only-seed", "5", "--log", str(tmp_path / "events.txt")]) == 0

    with Simulator() as simulator:
        verdict = simulator.play_seed(5)
    assert json.loads(capsys.readouterr().out)["sha256"] == verdict.digest
    assert (tmp_path / "events.txt").read_text(encoding="utf-8") == "\n".join(verdict.log) + "\n"


def test_processes_add_up() -> None:
    alone, together = play_many(300, 12), play_many(300, 12, jobs=2)

    assert (alone.schedules, alone.steps, alone.calls, alone.coverage) == (
        together.schedules, together.steps, together.calls, together.coverage,
    )  # fmt: skip


def test_a_soak_goes_on_where_it_stopped_and_writes_every_piece_down(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"

    first = soak(700, 4, jobs=1, record=record)
    again = soak(700, 4, jobs=1, record=record)
    more = soak(700, 6, jobs=1, record=record)

    assert (first.schedules, again.schedules, more.schedules) == (4, 4, 6)
    assert (again.steps, again.calls, again.seconds) == (first.steps, first.calls, round(first.seconds, 1))
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert [line["schedules"] for line in lines] == [4, 2]
    assert all(line["violations"] == 0 and line["python"] for line in lines)
    assert lines[1]["command"].endswith("--schedules 2 --seed 704")


def test_a_piece_whose_line_was_cut_off_is_played_again(tmp_path: Path) -> None:
    record = tmp_path / "soak.jsonl"
    whole = soak(700, 2, jobs=1, record=record)
    record.write_text(record.read_text(encoding="utf-8")[:-40], encoding="utf-8")

    assert soak(700, 2, jobs=1, record=record).calls == whole.calls
    assert soak(700, 2, jobs=1, record=record).calls == whole.calls
    assert len(record.read_text(encoding="utf-8").splitlines()) == 2


def test_a_soak_that_found_something_finds_it_until_the_code_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "soak.jsonl"
    bad = Tally(schedules=2, by_kind=Counter(double=1), bad_seeds=[701], seconds=1.0)
    monkeypatch.setattr(tally, "play_many", lambda _first, _count, *, jobs: bad)

    assert soak(700, 2, jobs=1, record=record).bad_seeds == [701]
    monkeypatch.undo()
    assert soak(700, 4, jobs=1, record=record).bad_seeds == [701]
    assert main(["--seed", "700", "--schedules", "4", "--record", str(record)]) == 1

    monkeypatch.setattr(tally, "code_digest", lambda: "another")
    with pytest.raises(InputError, match=r"soak\.jsonl was made by other code"):
        soak(700, 4, jobs=1, record=record)
