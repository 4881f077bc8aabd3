from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from tests.dispatch.crew import ROOT, SWEEP
from tests.dispatch.office import Ledger, runtime_over, store_payments
from tests.dispatch.waiting import soon
from tests.servers.rabbitmq import RabbitServer

pytest.importorskip("celery", reason="needs celery: install pmsbridge[celery]")
redis = pytest.importorskip("redis", reason="needs redis: install pmsbridge[celery]")

from pmsbridge.dispatch.by_celery import QUEUE, CeleryDispatcher, make_app, register  # noqa: E402

Places = Callable[[str, str], tuple[str, str]]


def _fake() -> Any:
    """A runtime that is only woken."""
    return SimpleNamespace(
        on_poke=None, lease=timedelta(seconds=2), clock=SystemClock(), adapters={}, findings=SimpleNamespace(open=list)
    )


@pytest.fixture
def broker(places: Places) -> str:
    return places("celery", "sqlite")[1]


@contextmanager
def telling(broker: str) -> Iterator[CeleryDispatcher]:
    dispatcher = CeleryDispatcher(make_app(broker), _fake, sweep_every=SWEEP)
    try:
        yield dispatcher
    finally:
        dispatcher.stop()


def _messages(broker: str) -> list[dict[str, Any]]:
    client = redis.Redis.from_url(broker)
    try:
        return [json.loads(text) for text in client.lrange(QUEUE, 0, -1)]
    finally:
        client.close()


def test_a_poke_is_one_message_of_json(broker: str) -> None:
    with telling(broker) as dispatcher:
        dispatcher.poke("wire:F1")
        health = dispatcher.health()

    (message,) = _messages(broker)
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "pmsbridge.drain"
    assert health["waiting"] == 1
    assert health["recovery_seconds"] == 3


def test_what_is_wanted_soon_waits_in_a_worker_and_what_has_come_does_not_wait(broker: str) -> None:
    now = datetime.now(UTC)
    with telling(broker) as dispatcher:
        dispatcher.poke("wire:F1", now + timedelta(minutes=22))
        dispatcher.poke("wire:F2", now - timedelta(seconds=1))

    first, second = (message["headers"]["eta"] for message in reversed(_messages(broker)))
    assert timedelta(minutes=21) < datetime.fromisoformat(first) - now < timedelta(minutes=23)
    assert second is None


@pytest.mark.parametrize(("visible", "wait"), [(None, 23 * 60), (60, 46)])
def test_what_a_broker_would_not_bear_to_wait_for_is_left_to_the_sweeps(
    broker: str, visible: int | None, wait: int
) -> None:
    with telling(broker) as dispatcher:
        if visible is not None:
            dispatcher._app.conf.broker_transport_options["visibility_timeout"] = visible
        dispatcher.poke("wire:F1", datetime.now(UTC) + timedelta(seconds=wait))
        assert dispatcher.health()["waiting"] == 0
        dispatcher.poke("wire:F1", datetime.now(UTC) + timedelta(seconds=wait - 2))
        assert dispatcher.health()["waiting"] == int(visible is not None)

    assert len(_messages(broker)) == int(visible is not None)


def test_a_poke_never_raises_and_gives_up_quickly_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with telling("redis://:hunter2-canary@127.0.0.1:1/0") as dispatcher:
        tried: list[int] = []
        honest = dispatcher._connected

        def counted() -> Any:
            tried.append(1)
            return honest()

        monkeypatch.setattr(dispatcher, "_connected", counted)
        for _ in range(50):
            dispatcher.poke("wire:F1")
        assert len(tried) == 1
        health = dispatcher.health()

    assert health["reachable"] is False
    assert "hunter2-canary" not in str(health)


def test_a_forked_child_pokes_over_a_connection_of_its_own(broker: str) -> None:
    with telling(broker) as dispatcher:
        dispatcher.poke("parent")
        parents = dispatcher._producer
        child = os.fork()
        if child == 0:
            code = 1
            try:
                dispatcher.poke("child")
                assert dispatcher._producer is not parents
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        dispatcher.poke("parent again")

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(_messages(broker)) == 3


def test_the_last_beat_is_the_last_sweep_that_succeeded() -> None:
    runtime, fails = _fake(), [True]

    def sweep() -> None:
        if fails.pop():
            raise RuntimeError("the database is away")

    runtime.sweep = sweep
    dispatcher = CeleryDispatcher(make_app("redis://127.0.0.1:1/0"), lambda: runtime)
    asked = dispatcher._app.tasks["pmsbridge.sweep"]

    asked()
    assert dispatcher.health()["last_beat"] is None
    fails.append(False)
    asked()
    assert dispatcher.health()["last_beat"] is not None


def test_the_runtime_is_made_when_a_process_first_needs_it(broker: str) -> None:
    made: list[int] = []

    def runtime_of() -> Any:
        made.append(1)
        return _fake()

    dispatcher = register(make_app(broker), runtime_of)
    assert made == []
    runtime = dispatcher.attach()
    dispatcher.attach()

    assert made == [1]
    assert runtime.on_poke == dispatcher.poke


HOST = """
import os
from datetime import timedelta
from celery import Celery
from pmsbridge.dispatch.by_celery import register
from tests.dispatch.office import runtime_over
app = Celery("portal", broker=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True
@app.task
def own():
    pass
register(app, lambda: runtime_over(os.environ["STORE"], os.environ["OFFICE"]), sweep_every=timedelta(seconds=1))
"""


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_the_workers_of_a_host_that_has_celery_do_the_work_without_a_poke(
    pool: str, places: Places, office: tuple[str, Ledger], tmp_path: Path
) -> None:
    (url, ledger), (store, broker) = office, places("celery", "sqlite")
    (tmp_path / "hostapp.py").write_text(HOST, encoding="utf-8")
    runtime = runtime_over(store, url)
    store_payments(runtime, range(20))
    environment = {
        **os.environ, "BROKER": broker, "STORE": store, "OFFICE": url,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), *sys.path]),
    }  # fmt: skip
    command = [sys.executable, "-m", "celery", "-A", "hostapp", "worker", "-Q", QUEUE, "-c", "2", "--pool", pool]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--prefetch-multiplier", "1"], env=environment, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        assert soon(lambda: runtime.counts().by_outcome == {Outcome.SETTLED: 20}, 90), (tmp_path / "log").read_text()
        worker.terminate()
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait()

    assert ledger.doubled() == []
    assert ledger.overlaps() == []
    runtime.database.close()


@pytest.mark.slow
def test_a_worker_of_ours_goes_on_after_the_broker_was_away(tmp_path: Path, office: tuple[str, Ledger]) -> None:
    from tests.servers.redis import NoRedisError, running_redis

    url, ledger = office
    try:
        running = running_redis()
        server = running.__enter__()
    except NoRedisError as error:
        pytest.skip(f"needs Redis: {error}")
    runtime = runtime_over(f"sqlite:///{tmp_path / 'j.db'}", url)
    from tests.dispatch.crew import crew

    try:
        with crew(1, by="celery", store=f"sqlite:///{tmp_path / 'j.db'}", office=url, broker=server.url) as (worker,):
            store_payments(runtime, range(1))
            assert soon(lambda: len(ledger.calls) == 1)
            server.kill()
            store_payments(runtime, range(1, 2))
            threading.Event().wait(1)
            server.start()
            assert soon(lambda: runtime.counts().by_outcome == {Outcome.SETTLED: 2}, 90)
            assert worker.poll() is None
    finally:
        running.__exit__(None, None, None)
    assert ledger.doubled() == []
    runtime.database.close()


@pytest.mark.slow
def test_over_rabbitmq_workers_are_woken_now_and_later_and_one_that_is_killed_is_replaced(
    tmp_path: Path, office: tuple[str, Ledger], rabbit_server: RabbitServer
) -> None:
    from tests.dispatch.crew import crew, dispatcher_over

    (url, ledger), store = office, f"sqlite:///{tmp_path / 'j.db'}"
    runtime = runtime_over(store, url)
    teller = dispatcher_over(runtime, "celery", rabbit_server.url)
    ledger.holding.set()

    with crew(2, by="celery", store=store, office=url, broker=rabbit_server.url) as workers:
        store_payments(runtime, range(1))
        teller.poke("wire:F0", datetime.now(UTC) + timedelta(milliseconds=200))
        assert soon(lambda: len(ledger.calls) == 1)
        next(worker for worker in workers if worker.pid == ledger.calls[0].pid).kill()
        ledger.holding.clear()
        ledger.released.set()
        store_payments(runtime, range(1, 40))
        assert soon(lambda: runtime.counts().open_effects == 0, 120)
        health = teller.health()

    assert health["reachable"] is True
    assert ledger.doubled() == []
    assert ledger.overlaps() == []
    assert runtime.counts().by_outcome == {Outcome.SETTLED: 40}
    assert len({call.pid for call in ledger.calls}) == 2
    teller.stop()
    runtime.database.close()
