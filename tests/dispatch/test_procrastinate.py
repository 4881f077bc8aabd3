from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.clock import SystemClock
from tests.dispatch.crew import SWEEP
from tests.dispatch.office import Ledger, runtime_over, store_payments
from tests.dispatch.waiting import soon

pytest.importorskip("procrastinate", reason="needs procrastinate: install pmsbridge[postgres]")

from pmsbridge.dispatch.by_procrastinate import QUEUE, ProcrastinateDispatcher
from pmsbridge.dispatch.poke_link import queue_schema
from tests.servers.postgres import PostgresServer, running_postgres


def _fake() -> Any:
    """A runtime that is only woken."""
    return SimpleNamespace(
        on_poke=None, lease=timedelta(seconds=2), clock=SystemClock(), adapters={}, findings=SimpleNamespace(open=list)
    )


@pytest.fixture
def teller(postgres_url: str) -> Iterator[ProcrastinateDispatcher]:
    dispatcher = ProcrastinateDispatcher(_fake(), postgres_url)
    dispatcher.install()
    yield dispatcher
    dispatcher.stop()


def _jobs(teller: ProcrastinateDispatcher) -> list[tuple[Any, ...]]:
    query = "SELECT args->>'lane', queueing_lock, lock, scheduled_at FROM procrastinate_jobs ORDER BY id"
    return teller._link.use(lambda connection: connection.execute(query).fetchall())


def test_pokes_of_one_lane_are_merged_and_use_no_lock(teller: ProcrastinateDispatcher) -> None:
    for lane in ("a", "b", "a", "a"):
        teller.poke(lane)

    assert _jobs(teller) == [("a", "a", None, None), ("b", "b", None, None)]


def test_a_poke_for_later_hides_none_for_now(teller: ProcrastinateDispatcher) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    teller.poke("a", later)
    teller.poke("a", later)
    teller.poke("a")

    assert [(lane, at) for lane, _, _, at in _jobs(teller)] == [("a", later), ("a", None)]


def test_poking_needs_no_thread(teller: ProcrastinateDispatcher) -> None:
    before = threading.active_count()
    teller.poke("a")

    assert threading.active_count() == before


def test_the_queue_lives_in_a_schema_of_its_own_and_is_made_once(
    teller: ProcrastinateDispatcher, postgres_url: str
) -> None:
    others = [ProcrastinateDispatcher(_fake(), postgres_url) for _ in range(4)]
    made: list[bool] = []
    threads = [threading.Thread(target=lambda o=other: made.append(o.install())) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.stop()

    schemas = teller._link.use(
        lambda c: c.execute("SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name ~ 'procrast'")
    ).fetchall()
    assert schemas == [(queue_schema(),)]
    assert made == [False] * 4


def test_four_processes_that_install_at_once_make_it_once(postgres_url: str) -> None:
    tellers = [ProcrastinateDispatcher(_fake(), postgres_url) for _ in range(4)]
    made: list[bool] = []
    threads = [threading.Thread(target=lambda t=each: made.append(t.install())) for each in tellers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in tellers:
        each.stop()

    assert sorted(made) == [False, False, False, True]


def test_a_poke_never_raises_and_gives_up_quickly_while_postgresql_is_away(
    teller: ProcrastinateDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ProcrastinateDispatcher(_fake(), "postgresql://nobody@127.0.0.1:1/none")
    tried: list[int] = []
    honest = away._link._connected

    def counted() -> Any:
        tried.append(1)
        return honest()

    monkeypatch.setattr(away._link, "_connected", counted)

    for _ in range(50):
        away.poke("a")

    assert len(tried) == 1
    assert away.health()["reachable"] is False


def test_before_the_tables_are_there_a_poke_is_lost_and_health_says_so(postgres_url: str) -> None:
    early = ProcrastinateDispatcher(_fake(), postgres_url)
    early.poke("a")
    health = early.health()
    early.stop()

    assert health["reachable"] is False
    assert "tables" in str(health["why"])


def test_a_forked_child_pokes_over_a_connection_of_its_own(teller: ProcrastinateDispatcher) -> None:
    teller.poke("parent")
    parents = teller._link.use(lambda connection: connection.info.backend_pid)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            teller.poke("child")
            assert teller._link.use(lambda connection: connection.info.backend_pid) != parents
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    teller.poke("parent again")

    assert os.waitstatus_to_exitcode(status) == 0
    assert [row[0] for row in _jobs(teller)] == ["parent", "child", "parent again"]


def test_tidying_drops_what_dead_workers_had_taken(teller: ProcrastinateDispatcher) -> None:
    teller.poke("dead")
    teller.poke("waiting")
    teller._link.use(
        lambda c: c.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE queueing_lock = 'dead'"
        )
    )

    assert teller.tidy() == 1
    assert [row[0] for row in _jobs(teller)] == ["waiting"]
    assert teller.tidy() == 0


@pytest.mark.parametrize("address", ["sqlite:///journal.db", "mysql://db/x", "postgresql://"])
def test_only_an_address_of_postgresql_will_do(address: str) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL"):
        ProcrastinateDispatcher(_fake(), address)


def test_what_is_in_an_address_is_in_no_message() -> None:
    dispatcher = ProcrastinateDispatcher(_fake(), "postgresql://user:hunter2-canary@127.0.0.1:1/none")
    dispatcher.poke("a")

    assert "hunter2-canary" not in str(dict(dispatcher.health()))


def test_the_last_beat_is_the_last_sweep_that_succeeded() -> None:
    runtime, fails = _fake(), [True]

    def sweep() -> None:
        if fails.pop():
            raise RuntimeError("the database is away")

    runtime.sweep = sweep
    dispatcher = ProcrastinateDispatcher(runtime, "postgresql://nobody@127.0.0.1:1/none")
    asked = dispatcher._app(1).tasks["pmsbridge:sweep"]

    asked(timestamp=0)
    assert dispatcher.health()["last_beat"] is None
    fails.append(False)
    asked(timestamp=0)
    assert dispatcher.health()["last_beat"] is not None


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with running_postgres(external="") as server:
        yield server


@pytest.mark.slow
def test_a_worker_goes_on_after_postgresql_was_away(
    own_postgres: PostgresServer, tmp_path: Path, office: tuple[str, Ledger]
) -> None:
    url, ledger = office
    runtime = runtime_over(f"sqlite:///{tmp_path / 'j.db'}", url)
    dispatcher = ProcrastinateDispatcher(runtime, own_postgres.create_database(), sweep_every=SWEEP, concurrency=2)
    stop = threading.Event()
    worker = threading.Thread(target=dispatcher.run, args=(runtime,), kwargs={"stop": stop})
    worker.start()
    try:
        store_payments(runtime, range(1))
        assert soon(lambda: len(ledger.calls) == 1)
        own_postgres.kill()
        store_payments(runtime, range(1, 2))
        assert soon(lambda: dispatcher.health()["reachable"] is False)
        own_postgres.restart()
        assert soon(lambda: len(ledger.calls) == 2)
        assert soon(lambda: runtime.counts().open_effects == 0)
    finally:
        stop.set()
        worker.join(60)

    assert not worker.is_alive()
    assert ledger.doubled() == []
    assert QUEUE == "pmsbridge"
    runtime.database.close()
