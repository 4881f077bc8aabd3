"""The job on plain DBOS: a workflow of four steps on a queue. Runs in the peers' environment.

``wal``: on SQLite, in a file that was switched to write-ahead logging beforehand, which it does not do by itself.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID  # type: ignore[import-not-found]

from benchmarks.engines.job import STEPS, Orders, order, say

TOLD = order()
OFFICE = TOLD.office
QUEUE = "bench"
POLL_SECONDS = 0.05


@DBOS.step()  # type: ignore[untyped-decorator]
def step(action: int, number: int) -> str:
    """One step; DBOS records its result before the next one."""
    return OFFICE.call(action, number)


@DBOS.workflow()  # type: ignore[untyped-decorator]
def whole(action: int) -> None:
    """All steps of one action."""
    for number in range(len(STEPS)):
        step(action, number)


def _launch() -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": TOLD.url,
        "executor_id": str(os.getpid()),
        "application_version": "1",
        "log_level": "ERROR",
        "sys_db_pool_size": max(20, TOLD.concurrency + 4),
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=TOLD.concurrency, polling_interval_sec=POLL_SECONDS)


def _prepare() -> None:
    if TOLD.variant == "wal":
        with sqlite3.connect(TOLD.url.removeprefix("sqlite:///")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    _launch()
    DBOS.destroy()


def _check() -> None:
    engine = sqlalchemy.create_engine(TOLD.url)
    schema = "dbos." if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        ended = f"SELECT count(*) FROM {schema}workflow_status WHERE status = 'SUCCESS' AND name LIKE '%whole'"  # noqa: S608
        steps = f"SELECT count(*) FROM {schema}operation_outputs WHERE function_name LIKE '%step'"  # noqa: S608
        done = connection.execute(sqlalchemy.text(ended)).scalar_one()
        recorded = connection.execute(sqlalchemy.text(steps)).scalar_one()
    say("done", min(done, recorded // len(STEPS)))
    engine.dispose()


def _submit_here(number: int) -> None:
    with SetWorkflowID(f"click-{number:07d}"):
        DBOS.enqueue_workflow(QUEUE, whole, number)


def _submit() -> None:
    client = DBOSClient(system_database_url=TOLD.url)
    name = whole.__qualname__

    def enqueue(number: int) -> None:
        client.enqueue(
            {"queue_name": QUEUE, "workflow_name": name, "workflow_id": f"click-{number:07d}", "app_version": "1"},
            number,
        )

    Orders().submit_all(TOLD.actions, enqueue)
    client.destroy()


def main() -> None:
    """One process of a run."""
    if TOLD.role == "prepare":
        _prepare()
    elif TOLD.role == "check":
        _check()
    elif TOLD.role == "submit":
        _submit()
    else:
        orders = Orders()
        _launch()
        if TOLD.role == "work":
            say("ready")
        else:
            orders.submit_all(TOLD.actions, _submit_here)
        orders.stop.wait()
        DBOS.destroy(workflow_completion_timeout_sec=10)


if __name__ == "__main__":
    main()
