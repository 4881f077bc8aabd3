"""The job on plain Celery, acknowledged late, in the three ways its own means allow. Runs in the peers' environment.

``chain``: four tasks, a durable message between every two, and nobody can ask afterwards what became of one.
``results``: the same, and what became of every task is kept in PostgreSQL by Celery's own result backend, as the other
engines keep it. ``rows``: one task that records every step in a row of PostgreSQL, the intent before the call and the
result after it, one commit for "this is done" and "the next begins".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import psycopg
from celery import Celery, chain
from celery.signals import worker_process_init, worker_ready

from benchmarks.engines.checkpoints import BEGIN, DONE, TABLE, finished, first_step
from benchmarks.engines.job import STEPS, Orders, calls_on, order, say, stop_with_starter

TOLD = order()
OFFICE = TOLD.office
APP = Celery("bench", broker=TOLD.url)
APP.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=TOLD.variant != "results",
    result_backend=f"db+{TOLD.extra.replace('://', '+psycopg://', 1)}" if TOLD.variant == "results" else None,
    broker_transport_options={"confirm_publish": True} if TOLD.url.startswith("amqp") else {},
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
)
DATABASE: dict[str, Any] = {}


def _step(action: int, number: int) -> None:
    OFFICE.call(action, number)


def _whole(action: int) -> None:
    connection = DATABASE["connection"]
    row = connection.execute(BEGIN, [action]).fetchone()
    for number in range(first_step(row), len(STEPS)):
        OFFICE.call(action, number)
        connection.execute(DONE, [number, number + 1, action])


step = APP.task(name="step")(_step)
whole = APP.task(name="whole")(_whole)


def _connect(**_signal: object) -> None:
    if TOLD.variant == "rows":
        DATABASE["connection"] = psycopg.connect(TOLD.extra, autocommit=True)


def submit(number: int) -> None:
    """Send an action."""
    if TOLD.variant == "rows":
        whole.delay(number)
    else:
        chain(*(step.si(number, place) for place in range(len(STEPS)))).apply_async()


def _work() -> None:
    stop_with_starter()
    worker_process_init.connect(_connect, weak=False)
    worker_ready.connect(lambda **_signal: say("ready"), weak=False)
    APP.worker_main(
        ["worker", f"--hostname=worker{os.getpid()}@%h",
            "--pool=prefork", f"--concurrency={TOLD.concurrency}", "--without-gossip", "--without-mingle",
         "--without-heartbeat", "--loglevel=ERROR"]
    )  # fmt: skip


_KEPT = "SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'"


def _check() -> None:
    if TOLD.variant != "chain":
        with psycopg.connect(TOLD.extra) as connection:
            say("done", finished(connection) if TOLD.variant == "rows" else _kept(connection))
        return
    with APP.connection_for_read() as connection:
        waiting = connection.default_channel.queue_declare(queue="celery", passive=True).message_count
    say("done", calls_on(TOLD.tape) // len(STEPS) - waiting)


def _kept(connection: Any) -> int:  # noqa: ANN401 - a connection of the driver
    row = connection.execute(_KEPT).fetchone()
    return int(row[0]) // len(STEPS)


def main() -> None:
    """One process of a run."""
    if TOLD.role == "work":
        _work()
    elif TOLD.role == "check":
        _check()
    elif TOLD.role == "prepare":
        if TOLD.variant == "rows":
            with psycopg.connect(TOLD.extra, autocommit=True) as connection:
                connection.execute(TABLE)
        elif TOLD.variant == "results":
            APP.backend.ResultSession().close()  # makes its tables
    else:
        Orders().submit_all(TOLD.actions, submit)


if __name__ == "__main__":
    main()
