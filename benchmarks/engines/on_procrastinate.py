"""The job on plain Procrastinate, in the two ways its own means allow. Runs in the peers' environment.

``chain``: four jobs, each deferring the next when its step is done. ``rows``: one job that records every step in a row
of PostgreSQL, the intent before the call and the result after it, one commit for "this is done" and "the next begins".
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from psycopg_pool import AsyncConnectionPool

from benchmarks.engines.checkpoints import BEGIN, DONE, TABLE, finished, first_step
from benchmarks.engines.job import STEPS, Orders, order, say

TOLD = order()
OFFICE = TOLD.office
POOL = AsyncConnectionPool(TOLD.url, min_size=1, max_size=TOLD.concurrency, open=False, kwargs={"autocommit": True})
APP = App(
    connector=PsycopgConnector(conninfo=TOLD.url)
    if TOLD.role in {"work", "prepare"}
    else SyncPsycopgConnector(conninfo=TOLD.url)
)


@APP.task(name="step")
async def step(action: int, number: int) -> None:
    """One of four jobs."""
    OFFICE.call(action, number)
    if number + 1 < len(STEPS):
        await step.defer_async(action=action, number=number + 1)


@APP.task(name="whole")
async def whole(action: int) -> None:
    """All steps in one job; a row says how far it is."""
    async with POOL.connection() as connection:
        row = await (await connection.execute(BEGIN, [action])).fetchone()
        for number in range(first_step(row), len(STEPS)):
            OFFICE.call(action, number)
            await connection.execute(DONE, [number, number + 1, action])


def submit(number: int) -> None:
    """Defer an action."""
    if TOLD.variant == "rows":
        whole.defer(action=number)
    else:
        step.defer(action=number, number=0)


async def _work() -> None:
    stop = Orders().stop
    async with APP.open_async(), POOL:
        worker = asyncio.create_task(
            APP.run_worker_async(
                concurrency=TOLD.concurrency, fetch_job_polling_interval=0.1, install_signal_handlers=False
            )
        )
        await asyncio.sleep(0.3)
        say("ready")
        await asyncio.to_thread(stop.wait)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def _prepare() -> None:
    async with APP.open_async():
        await APP.schema_manager.apply_schema_async()
    async with await psycopg.AsyncConnection.connect(TOLD.url, autocommit=True) as connection:
        await connection.execute(TABLE)


def _check() -> None:
    with psycopg.connect(TOLD.url) as connection:
        if TOLD.variant == "rows":
            say("done", finished(connection))
        row = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded' AND task_name = 'step'"
        ).fetchone()
        if TOLD.variant != "rows" and row is not None:
            say("done", row[0] // len(STEPS))


def main() -> None:
    """One process of a run."""
    if TOLD.role == "work":
        asyncio.run(_work())
    elif TOLD.role == "prepare":
        asyncio.run(_prepare())
    elif TOLD.role == "check":
        _check()
    else:
        with APP.open():
            Orders().submit_all(TOLD.actions, submit)


if __name__ == "__main__":
    main()
