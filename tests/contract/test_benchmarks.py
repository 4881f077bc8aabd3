"""What a benchmark prints with ``--json``, and how a run of an engine is judged."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks import harness, journal
from benchmarks.engines import checkpoints, job, running, subjects


def printed(capsys: pytest.CaptureFixture[str], *subjects: harness.Subject) -> dict[str, object]:
    claim = harness.Claim("fast", ">= 2 times", "3.0 times", holds=True)
    harness.report("title", ("a",), [["b"]], [claim], {"cores": 2}, as_json=True, subjects=subjects)
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_object_has_the_figures_of_every_subject_beside_the_claims(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [
        harness.Sample(seconds, 100, mb, cpu)
        for seconds, mb, cpu in ((2.0, 1.0, 0.5), (1.0, 3.5, 0.25), (4.0, 2.0, 3.0))
    ]

    found = printed(capsys, harness.Subject("ours", samples))

    assert set(found) == {"claims", "machine", "subjects"}
    assert found["claims"] == [{"claim": "fast", "wanted": ">= 2 times", "measured": "3.0 times", "holds": True}]
    assert found["subjects"] == [
        {
            "subject": "ours",
            "rounds": 3,
            "rows": 100,
            "median_s": 2.0,
            "min_s": 1.0,
            "max_s": 4.0,
            "rows_per_second": 50,
            "peak_added_mb": 3.5,
            "cpu_s": 0.5,
        }
    ]


def test_a_benchmark_without_subjects_prints_claims_and_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(printed(capsys)) == {"claims", "machine"}


# -- the tape that a run of an engine is judged by ---------------------------------------------------------------------


def tape_of(folder: Path, *calls: tuple[int, int]) -> Path:
    office = job.Office(folder / "tape")
    for action, step in calls:
        office.call(action, step)
    return folder / "tape"


ALL_OF_TWO = [(action, step) for step in range(4) for action in range(2)]


def test_a_run_with_every_step_once_and_the_change_first_has_no_problem(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, *ALL_OF_TWO)

    assert job.calls_on(tape) == 8
    assert job.problems_of(tape, 2) == []


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        (ALL_OF_TWO[:-1], "1 steps missing"),
        ([*ALL_OF_TWO, (1, 3)], "1 steps doubled"),
        ([(0, 1), (0, 0), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)], "1 steps too early"),
        ([*ALL_OF_TWO, (2, 0)], "1 steps unknown"),
    ],
)
def test_a_step_lost_doubled_or_out_of_order_is_a_problem(
    tmp_path: Path, calls: list[tuple[int, int]], problem: str
) -> None:
    assert job.problems_of(tape_of(tmp_path, *calls), 2) == [problem]


def test_a_checkpoint_that_says_a_step_began_refuses_to_repeat_it() -> None:
    assert checkpoints.first_step((0, -1, False)) == 0
    assert checkpoints.first_step((4, 3, True)) == 4
    with pytest.raises(RuntimeError, match="may have happened"):
        checkpoints.first_step((2, 1, True))


# -- runs of real processes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_of_ours_delivers_every_step_once_in_processes_of_its_own(workers: int) -> None:
    script = running.Script(sys.executable, "ours", workers=workers, per_worker=2)

    found = running.run(script, subjects.SQLITE, actions=6, lanes=3)

    assert found.actions == 6
    assert found.seconds > 0
    assert found.submit_seconds > 0
    assert found.cpu_ms > 0 or not sys.platform.startswith("linux")


def test_the_work_of_one_action_is_counted_in_statements_and_commits() -> None:
    found = running.ask(running.Script(sys.executable, "ours"), subjects.SQLITE, "statements", actions=4, lanes=2)

    assert found["submit commits"] == 1
    assert found["drain commits"] >= 4
    assert found["drain statements"] > found["drain commits"]


STUB = """#!{python}
import sys
role, told = sys.argv[2], dict(word[2:].split("=", 1) for word in sys.argv[3:])
if role == "check":
    print("done", {done})
elif role != "prepare":
    print("ready", flush=True)
    sys.stdin.readline()
    with open(told["tape"], "w") as tape:
        tape.writelines(f"{{action:07d}} {{step}}\\n" for action in range({calls}) for step in range(4))
    print("submitted 0.5", flush=True)
    sys.stdin.read()
"""


def stub(folder: Path, *, calls: int = 2, done: int = 2) -> running.Script:
    """An engine that makes so many actions' calls and then says how many are done."""
    program = folder / "stub"
    program.write_text(STUB.format(python=sys.executable, calls=calls, done=done))
    program.chmod(0o755)
    return running.Script(str(program), "stub", workers=0)


def test_an_engine_that_did_its_job_has_a_figure(tmp_path: Path) -> None:
    assert running.run(stub(tmp_path), "", actions=2).submit_seconds == 0.5


@pytest.mark.parametrize(("calls", "done"), [(3, 2), (2, 1)])
def test_the_figure_of_an_engine_that_did_not_do_its_job_does_not_count(tmp_path: Path, calls: int, done: int) -> None:
    with pytest.raises(running.WrongRunError, match=r"unknown|recorded as done"):
        running.run(stub(tmp_path, calls=calls, done=done), "", actions=2)


def test_an_engine_that_ends_before_it_is_ready_is_told_by_its_own_words() -> None:
    with pytest.raises(running.WrongRunError, match=r"sqlite:///nowhere/at/all|store|unable|cannot"):
        running.run(running.Script(sys.executable, "ours"), "nonsense", actions=1)


# -- what the figures say ----------------------------------------------------------------------------------------------


def measured(family: str, store: str, workers: int, *rates: float, way: str = "") -> journal.Measured:
    engine = subjects.Engine(family, way, store, running.Script("python", "none", workers=workers))
    return journal.Measured(engine, [running.Run(100, 100 / rate, 0.1, 1.0, 0.0) for rate in rates])


ALONE = journal.Alone(lane={"SQLite, embedded": 60.0}, slow={1: 10.0, 4: 35.0}, latency={}, statements={})


def claimed(*found: journal.Measured) -> dict[str, harness.Claim]:
    return {claim.claim: claim for claim in journal.claims(found, ALONE)}


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds_against_the_fastest_peer() -> None:
    said = claimed(
        measured("pmsbridge", "PostgreSQL", 1, 30.0, 20.0, 100.0), measured("DBOS", "PostgreSQL", 1, 10.0, 10.0, 50.0),
        measured("Procrastinate", "PostgreSQL", 1, 5.0, 5.0, 5.0, way="chain"),
        measured("Procrastinate", "PostgreSQL", 1, 40.0, 40.0, 40.0, way="own rows"),
        measured("Celery", "RabbitMQ", 1, 25.0, 25.0, 25.0, way="chain, nothing kept"),
    )  # fmt: skip

    plain = said["PostgreSQL, 1 workers, against the fastest peer, each keeping what became of every step"]
    assert plain.measured == "2.00 times DBOS (PostgreSQL)"
    assert plain.holds
    bare = said["PostgreSQL, 1 workers, against the fastest peer, a queue that keeps nothing included"]
    assert bare.measured == "1.20 times Celery, chain, nothing kept (RabbitMQ)"
    assert not bare.holds
    by_hand = said["PostgreSQL, 1 workers, against the fastest peer, a journal written by hand included"]
    assert by_hand.measured == "0.75 times Procrastinate, own rows (PostgreSQL)"
    assert not by_hand.holds


def test_what_was_not_measured_does_not_hold() -> None:
    said = claimed(measured("pmsbridge", "PostgreSQL", 1, 30.0))

    assert not said["PostgreSQL, 1 workers, against the fastest peer, each keeping what became of every step"].holds
    assert not said["SQLite embedded, against DBOS as it comes"].holds


def test_the_bounds_without_a_peer_are_fifty_a_lane_and_three_point_six_times_one_worker() -> None:
    said = claimed()

    assert said["one lane, SQLite, embedded"].holds
    assert not said["4 workers, 200 ms per call, 64 lanes"].holds


# -- the peers ---------------------------------------------------------------------------------------------------------


def test_the_peers_are_pinned_by_name_version_and_hash_only() -> None:
    text = (harness.ROOT / "benchmarks" / "constraints.txt").read_text()
    lines = [line.removesuffix(" \\") for line in text.splitlines()]

    pinned = [line for line in lines if not line.startswith("    ")]
    assert {"celery", "dbos", "procrastinate", "psycopg"} <= {line.partition("==")[0] for line in pinned}
    assert all(re.fullmatch(r"[a-z0-9._-]+(\[.*\])?==[^ ]+( ; .+)?", line) for line in pinned)
    hashes = [line.strip() for line in lines if line.startswith("    ")]
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes)
    assert len(hashes) >= len(pinned)
