"""What an account bears holds over processes: real processes, real databases, and a paper they all write on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from sqlalchemy import event

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calls import Admitted, CallAsk, LaneLimits, MonthSpent, NotYet, Priority
from pmsbridge.store.call_counts import DatabaseCallCounter
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.gates import DatabaseGate
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.limits import LaneLimiter
from tests.servers.nursery import Grown, Nursery, nursery

PATIENCE = 90.0
Moment = dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


class Paper:
    """What several processes write down.

    Attributes:
        callers: Makes them.
    """

    def __init__(self, path: Path, callers: Nursery) -> None:
        self.path, self.callers = path, callers
        path.touch()

    def moments(self, what: str = "") -> list[Moment]:
        lines = [line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]
        found = [json.loads(line) for line in lines]
        return sorted((one for one in found if what in {"", one["what"]}), key=lambda one: float(one["at"]))

    def most_inside(self) -> int:
        inside = most = 0
        for moment in self.moments():
            inside += {"in": 1, "out": -1}.get(moment["what"], 0)
            most = max(most, inside)
        return most

    def go(self) -> None:
        Path(f"{self.path}.go").touch()

    def stop(self) -> None:
        Path(f"{self.path}.stop").touch()


@pytest.fixture(scope="module")
def _callers() -> Iterator[Nursery]:
    with nursery("tests.store.gate_caller") as grow:
        yield grow


@pytest.fixture
def paper(tmp_path: Path, _callers: Nursery) -> Paper:
    return Paper(tmp_path / "paper", _callers)


@contextmanager
def caller(url: str, paper: Paper, **job: Any) -> Iterator[Grown]:
    """A process that calls; killed at the end if it still runs."""
    order = json.dumps({"url": url, "paper": str(paper.path), **job})
    process = paper.callers.start(order)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


@contextmanager
def callers(url: str, paper: Paper, jobs: list[dict[str, Any]]) -> Iterator[list[Grown]]:
    """Several of them, which begin together."""
    with ExitStack() as held:
        processes = [held.enter_context(caller(url, paper, **job)) for job in jobs]
        until(lambda: len(paper.moments("ready")) == len(jobs) or any(process.poll() for process in processes))
        paper.go()
        yield processes


def run(url: str, paper: Paper, jobs: list[dict[str, Any]]) -> None:
    with callers(url, paper, jobs) as processes:
        assert [process.wait(PATIENCE) for process in processes] == [0] * len(jobs)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def ask(lane: str = "lane", *, limits: LaneLimits | None = None, ticket: str = "one", lease: float = 60) -> CallAsk:
    return CallAsk(
        lane, ticket, Priority.INTERACTIVE, limits or LaneLimits(), timedelta(seconds=lease), lane, "2026-05"
    )


def soon(seconds: float = 60.0) -> Deadline:
    return Deadline(timedelta(seconds=seconds))


# -- over processes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("concurrency", "calls", "hold"), [(1, 4, 0.01), (2, 1, 0.3)])
def test_never_more_calls_in_flight_than_the_account_bears(
    url: str, database: Database, paper: Paper, concurrency: int, calls: int, hold: float
) -> None:
    run(url, paper, [{"calls": calls, "threads": 2, "hold": hold, "concurrency": concurrency}] * 4)

    assert len(paper.moments("out")) == 4 * 2 * calls
    assert paper.most_inside() == concurrency


def test_calls_of_all_processes_together_are_spaced_by_the_rate(url: str, database: Database, paper: Paper) -> None:
    run(url, paper, [{"calls": 3, "per_second": "4", "concurrency": 8}] * 3)

    begun, asked = [one["at"] for one in paper.moments("in")], paper.moments("ask")
    assert len(begun) == 9
    assert begun[-1] - asked[0]["at"] >= 8 * 0.25 * 0.99
    # A process may be slow to write down that it is inside, so a single distance proves nothing.
    assert median(late - early for early, late in pairwise(begun)) > 0.15


def test_the_calls_of_a_month_are_exactly_those_that_were_agreed(url: str, database: Database, paper: Paper) -> None:
    run(url, paper, [{"calls": 4, "threads": 2, "monthly": 20, "concurrency": 4}] * 4)

    refused = paper.moments("refused")
    assert len(paper.moments("in")) == 20
    assert [one["code"] for one in refused] == ["monthly_budget_spent"] * 12
    assert DatabaseCallCounter(database).total("lane", f"{time.strftime('%Y-%m', time.gmtime())}") == 20


def test_a_person_waits_for_no_more_than_two_calls_of_a_night_in_other_processes(
    url: str, database: Database, paper: Paper
) -> None:
    night = {"calls": 10_000, "threads": 3, "hold": 0.02, "priority": int(Priority.BATCH)}
    person = {"calls": 5, "hold": 0.0, "priority": int(Priority.INTERACTIVE)}
    with callers(url, paper, [night, night, person]) as processes:
        assert processes[2].wait(PATIENCE) == 0
        until(lambda: len([one for one in paper.moments("in") if one["priority"] == Priority.BATCH]) > 3)
        paper.stop()
        assert [process.wait(PATIENCE) for process in processes[:2]] == [0, 0]

    moments = paper.moments()
    mine = [one for one in moments if one["priority"] == Priority.INTERACTIVE]
    asked, begun = ([one["at"] for one in mine if one["what"] == what] for what in ("ask", "in"))
    batch = [one["at"] for one in moments if one["what"] == "in" and one["priority"] == Priority.BATCH]
    overtaken = [sum(since < at < till for at in batch) for since, till in zip(asked, begun, strict=True)]
    assert len(begun) == 5
    assert max(overtaken) <= 2, overtaken
    assert paper.most_inside() == 1


def test_two_processes_of_one_class_take_turns(url: str, database: Database, paper: Paper) -> None:
    greedy = {"calls": 10_000, "hold": 0.01}
    with callers(url, paper, [greedy, greedy]) as processes:
        until(lambda: sorted(Counter(one["pid"] for one in paper.moments("in")).values())[-2:-1] >= [6])
        paper.stop()
        assert [process.wait(PATIENCE) for process in processes] == [0, 0]

    begun = paper.moments("in")
    # One of them may have been there long before the other.
    both = next(at for at, one in enumerate(begun) if one["pid"] != begun[0]["pid"])
    begun = begun[both:]
    # Each waits in the line while the other is inside, so neither goes often without the other.
    changes = sum(one["pid"] != other["pid"] for one, other in pairwise(begun))
    assert changes >= len(begun) // 3


def test_the_slot_of_a_killed_process_is_free_after_its_lease_and_not_before(
    url: str, database: Database, paper: Paper
) -> None:
    limiter = LaneLimiter(LaneLimits(), gate=DatabaseGate(database))
    with callers(url, paper, [{"hold": 60, "lease": 3.0}]) as (holder,):
        until(lambda: bool(paper.moments("in")))
        # It is alive and renews: twice its lease is not enough for another to get in.
        with pytest.raises(UnavailableError) as caught, limiter.slot("lane", deadline=soon(5)):
            raise AssertionError("two were inside")
        assert caught.value.code == "lane_busy"

        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(PATIENCE)
        assert len(DatabaseGate(database).line("lane").inside) == 1
        with limiter.slot("lane", deadline=soon()):
            assert len(DatabaseGate(database).line("lane").inside) == 1


# -- one process -------------------------------------------------------------------------------------------------------


def test_entering_is_one_transaction_and_leaving_another(database: Database) -> None:
    limits = LaneLimits(concurrency=2, calls_per_second=Decimal(1000), monthly_calls=100)
    gate = DatabaseGate(database)
    limiter = LaneLimiter(limits, gate=gate)
    with limiter.slot("lane", deadline=soon()):
        pass
    # The database's clock says when the spacing is over, and it is this machine's.
    until(lambda: time.time() > gate.line("lane").next_start)
    begun: list[str] = []
    event.listen(database.engine, "begin", lambda _: begun.append("begin"))
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *said: statements.append(str(said[2])))

    with limiter.slot("lane", deadline=soon()):
        entering = (len(begun), len([one for one in statements if not one.startswith("BEGIN")]))

    assert entering[0] == 1
    assert entering[1] <= 4, statements
    assert len(begun) == 2


def test_nothing_of_the_database_is_held_while_the_call_runs(
    database: Database, url: str, request: pytest.FixtureRequest
) -> None:
    limiter = LaneLimiter(LaneLimits(), gate=DatabaseGate(database))
    with limiter.slot("lane", deadline=soon()):
        if url.startswith("sqlite"):
            other = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            other.close()
        else:
            server = request.getfixturevalue("postgres_server")
            with server.connect() as watcher:
                found = watcher.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state LIKE 'idle in transaction%%'",
                    [url.rpartition("/")[2]],
                ).fetchone()
            assert found == (0,)
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_whoever_waits_again_reads_and_does_not_write(database: Database) -> None:
    gate = DatabaseGate(database)
    assert isinstance(gate.enter(ask(ticket="holder")), Admitted)
    assert isinstance(gate.enter(ask(ticket="waiter")), NotYet)
    written: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *said: written.append(said[2]) if "UPDATE" in said[2] else None
    )

    assert isinstance(gate.enter(ask(ticket="waiter"), again=True), NotYet)
    assert written == []

    gate.leave(ask(ticket="holder"))
    assert isinstance(gate.enter(ask(ticket="waiter"), again=True), Admitted)


def test_a_call_that_is_refused_for_the_month_takes_no_slot_and_no_place(database: Database) -> None:
    gate, limits = DatabaseGate(database), LaneLimits(monthly_calls=1)
    assert gate.enter(ask(limits=limits)) == Admitted(1)
    gate.leave(ask(limits=limits))

    assert gate.enter(ask(limits=limits, ticket="two")) == MonthSpent()

    line = gate.line("lane")
    assert (line.inside, line.waiting) == ((), ())
    assert DatabaseCallCounter(database).total("lane", "2026-05") == 1


def test_a_caller_who_gives_up_leaves_no_place_behind(database: Database) -> None:
    gate = DatabaseGate(database)
    gate.enter(ask(ticket="holder"))
    limiter = LaneLimiter(LaneLimits(), gate=gate)

    with pytest.raises(UnavailableError, match="nothing was sent"), limiter.slot("lane", deadline=soon(0.3)):
        pass

    line = gate.line("lane")
    assert [call.ticket for call in line.inside] == ["holder"]
    assert line.waiting == ()


def test_leaving_twice_or_without_having_entered_changes_nothing(database: Database) -> None:
    gate = DatabaseGate(database)
    gate.enter(ask(ticket="one"))

    gate.leave(ask(ticket="other"))
    assert len(gate.line("lane").inside) == 1
    gate.leave(ask(ticket="one"))
    gate.leave(ask(ticket="one"))
    gate.renew(ask(ticket="one"))

    assert gate.line("lane").inside == ()


def test_a_database_that_is_away_refuses_the_call_before_it_is_made(
    url: str, database: Database, request: pytest.FixtureRequest
) -> None:
    limiter = LaneLimiter(LaneLimits(), gate=DatabaseGate(database))
    database.close()
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        for part in path.parent.glob(path.name + "*"):
            part.unlink()
        path.mkdir()
    else:
        request.getfixturevalue("postgres_server").drop_database(url)

    with pytest.raises(UnavailableError) as caught, limiter.slot("lane", deadline=soon(5)):
        raise AssertionError("the call was made")

    assert caught.value.code == "database_unavailable"
