"""Wake-ups carried by Procrastinate on PostgreSQL: workers on any number of machines, no server but the database.

The queue holds hints only. What is due, in which order, and who may do it, the journal says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Final

import psycopg
from procrastinate import App, Blueprint, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status

from pmsbridge.dispatch.poke_link import CONNECTING, PokeLink, libpq_address, session_options
from pmsbridge.dispatch.recovery import night_health, recovery_time
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import get_logger

__all__ = ["QUEUE", "ProcrastinateDispatcher", "blueprint"]

_log = get_logger(__name__)

QUEUE: Final = "pmsbridge"
"""The only queue our workers read."""

_NAMESPACE: Final = "pmsbridge"
_BEFORE_DRAINS: Final = 10
_HEARTBEAT: Final = timedelta(seconds=5)
_DEAD_AFTER: Final = timedelta(seconds=30)
_LOOK_AT_STOP: Final = 0.1
_PAUSE_SECONDS: Final = 1.0
_MINUTE: Final = 60


def blueprint(
    runtime_of: Callable[[], Runtime],
    *,
    sweep_every: timedelta = timedelta(seconds=2),
    on_sweep: Callable[[], object] | None = None,
) -> Blueprint:
    """The tasks ``drain``, ``later``, ``sweep``, ``tick``, ``tidy``: for ``app.add_tasks_from(..., "pmsbridge")``.

    Args:
        runtime_of: Gives the runtime of this process.
        sweep_every: How often due work is looked for; whole seconds, at most 30.
        on_sweep: Told after every sweep of this process that succeeded.
    """
    tasks = Blueprint()

    @tasks.task(name="drain", queue=QUEUE)
    def drain(lane: str) -> None:
        survived("drain_failed", lambda: runtime_of().drain(lane), lane=lane)

    waiting: set[asyncio.Task[None]] = set()

    @tasks.task(name="later", queue=QUEUE, priority=_BEFORE_DRAINS, pass_context=True)
    async def later(context: JobContext, lane: str, seconds: float) -> None:
        # It holds no place of a worker while it waits. What is forgotten when the worker ends, a sweep finds.
        reminder = asyncio.create_task(_remind(context.app, lane, seconds))
        waiting.add(reminder)
        reminder.add_done_callback(waiting.discard)

    @tasks.periodic(cron=f"* * * * * */{_seconds(sweep_every)}")
    @tasks.task(name="sweep", queue=QUEUE, queueing_lock="sweep", priority=_BEFORE_DRAINS)
    def sweep(timestamp: int) -> None:  # noqa: ARG001 - the queue's signature
        if survived("sweep_failed", lambda: runtime_of().sweep()) and on_sweep is not None:
            on_sweep()

    @tasks.task(name="tick", queue=QUEUE)
    def tick(job: str, slot: str) -> None:
        survived("tick_failed", lambda: runtime_of().tick(job, datetime.fromisoformat(slot)), job=job)

    @tasks.periodic(cron="* * * * *")
    @tasks.task(name="tidy", queue=QUEUE, queueing_lock="tidy", priority=_BEFORE_DRAINS, pass_context=True)
    async def tidy(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - the queue's signature
        await _drop_orphans(context.app)

    return tasks


async def _remind(app: App, lane: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    try:
        task = app.configure_task(f"{_NAMESPACE}:drain", queue=QUEUE, queueing_lock=lane)
        await task.defer_async(lane=lane)
    except AlreadyEnqueued:
        return
    except Exception as error:  # noqa: BLE001 - a queue that is away comes back
        _log.warning("poke_lost", lane=lane, why=type(error).__name__)


def _seconds(every: timedelta) -> int:
    return min(max(int(every.total_seconds()), 1), _MINUTE // 2)


async def _drop_orphans(app: App) -> int:
    """Delete what dead workers had taken. The next sweep finds the work itself once its lease is over."""
    dead_after = _DEAD_AFTER.total_seconds()
    jobs = list(await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=dead_after))
    for job in jobs:
        if job.id is not None:
            await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
    return len(jobs)


class ProcrastinateDispatcher:
    """Pokes from any process, and workers in as many as there are.

    Poking needs no thread: one connection per process, made on first use and forgotten after a fork.
    """

    def __init__(
        self, runtime: Runtime, address: str, *, sweep_every: timedelta = timedelta(seconds=2), concurrency: int = 4
    ) -> None:
        """Put together, and let the runtime's wake-ups come here; nothing is connected yet.

        Args:
            runtime: Whose work.
            address: ``postgresql://...``, its password in it. Not a PgBouncer in transaction mode: workers listen.
            sweep_every: How often due work is looked for; whole seconds, at most 30.
            concurrency: Lanes one worker works on at once, unless ``run`` says otherwise.

        Raises:
            ConfigurationError: The address is not one of PostgreSQL.
        """
        self._runtime = runtime
        self._address = libpq_address(address)
        self._sweep_every = timedelta(seconds=_seconds(sweep_every))
        self._concurrency = concurrency
        self._link = PokeLink(self._address)
        # Never opened: jobs are put in over the connection of the link.
        self._teller = App(connector=SyncPsycopgConnector())
        self._last_beat: datetime | None = None
        self.start()

    def install(self) -> bool:
        """Make the queue's tables, in a schema of their own; False when they are there. A worker does it by itself.

        Raises:
            UnavailableError: PostgreSQL cannot be reached.
            ConfigurationError: The role may not make a schema.
        """
        return self._link.install()

    def start(self) -> None:
        """Have the wake-ups of this process carried, as it is from the beginning; nothing is connected yet."""
        self._runtime.on_poke = self.poke

    def stop(self, *, within: timedelta | None = None) -> bool:  # noqa: ARG002 - the port's signature
        """Wake nobody any more, and let go of the connection that pokes; nothing works here but a ``run``."""
        if self._runtime.on_poke == self.poke:
            self._runtime.on_poke = None
        self._link.close()
        return True

    # -- poking --------------------------------------------------------------------------------------------------------

    def poke(self, lane: str, not_before: datetime | None = None) -> None:
        """Put a drain in the queue, unless one waits there already. Never raises: a sweep finds what is due.

        What is wanted before the next sweep could find it, a worker is told at once, and waits for it. Anything later
        lies in the queue until it is due, which workers see when they next look: as often as they sweep.
        """
        try:
            self._link.use(lambda connection: self._put(connection, lane, not_before), is_patient=False)
        except (PmsBridgeError, ConnectorException, psycopg.Error) as error:
            _log.warning("poke_lost", lane=lane, why=type(error).__name__)

    def _put(self, connection: psycopg.Connection[Any], lane: str, not_before: datetime | None) -> None:
        wait = not_before - self._runtime.clock.now() if not_before is not None else timedelta(0)
        if not_before is None or wait <= timedelta(0):
            self._defer(connection, "drain", lane, lane=lane)
            return
        # A delayed drain has a lock of its own: it must not hide one that is wanted now.
        lock = f"{lane} @{int(not_before.timestamp())}"
        if wait <= self._sweep_every:
            self._defer(connection, "later", lock, lane=lane, seconds=wait.total_seconds())
        else:
            self._defer(connection, "drain", lock, due=not_before, lane=lane)

    def _defer(
        self, connection: psycopg.Connection[Any], task: str, lock: str, *, due: datetime | None = None, **words: Any
    ) -> None:
        deferrer = self._teller.configure_task(
            f"{_NAMESPACE}:{task}", queue=QUEUE, queueing_lock=lock, schedule_at=due, connection=connection
        )
        try:
            deferrer.defer(**words)
        except AlreadyEnqueued:
            return
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.OperationalError):
                raise error.__cause__ from None
            raise

    # -- working -------------------------------------------------------------------------------------------------------

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: Event) -> None:
        """Work until ``stop`` is set, through every absence of PostgreSQL; then let every drain finish.

        Not to be called where an event loop runs.

        Raises:
            ConfigurationError: The role may not make the queue's tables.
        """
        self._runtime = runtime
        runtime.on_poke = self.poke
        while not stop.is_set():
            try:
                self._link.install()
                asyncio.run(self._work(concurrency or self._concurrency, stop))
            except (PmsBridgeError, ConnectorException, psycopg.Error, OSError) as error:
                if isinstance(error, PmsBridgeError) and error.code == "queue_schema":
                    raise
                _log.error("worker_lost_its_queue", why=type(error).__name__)
            # The worker returns when PostgreSQL goes away, without a word.
            stop.wait(_PAUSE_SECONDS)
        self._link.close()

    async def _work(self, concurrency: int, stop: Event) -> None:
        # Drains are blocking code: each has a thread of its own, and sweeps find one too.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(concurrency + 2, "pmsbridge-drain"))
        app = self._app(concurrency)
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE], name="pmsbridge", concurrency=concurrency, install_signal_handlers=False,
                    delete_jobs="always", fetch_job_polling_interval=self._sweep_every.total_seconds(),
                    update_heartbeat_interval=_HEARTBEAT.total_seconds(),
                    stalled_worker_timeout=_DEAD_AFTER.total_seconds(),
                )
            )  # fmt: skip
            while not worker.done() and not stop.is_set():
                await asyncio.wait({worker}, timeout=_LOOK_AT_STOP)
            # A tick ends at its next beat; else the worker would wait for the night.
            await asyncio.to_thread(survived, "let_go_failed", self._runtime.let_go)
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker

    def _app(self, concurrency: int) -> App:
        """An app of this process and this loop."""
        settings = {**CONNECTING, "options": session_options()}
        pool: dict[str, Any] = {"min_size": 2, "max_size": concurrency + 4, "timeout": 10.0, "reconnect_timeout": 10.0}
        app = App(connector=PsycopgConnector(conninfo=self._address, kwargs=settings, **pool))
        tasks = blueprint(lambda: self._runtime, sweep_every=self._sweep_every, on_sweep=self._note_sweep)
        app.add_tasks_from(tasks, namespace=_NAMESPACE)
        return app

    def _note_sweep(self) -> None:
        self._last_beat = self._runtime.clock.now()

    def tidy(self) -> int:
        """Delete what dead workers had taken; returns how much. A worker does it every minute.

        Not to be called where an event loop runs.

        Raises:
            UnavailableError: PostgreSQL cannot be reached.
        """
        self.install()
        return asyncio.run(self._tidy())

    async def _tidy(self) -> int:
        app = self._app(1)
        async with app.open_async():
            return await _drop_orphans(app)

    def health(self) -> Mapping[str, object]:
        """Workers, their last heartbeat, this one's last sweep, what waits and what is being done. Never raises."""
        facts: dict[str, object] = {
            "dispatcher": "procrastinate",
            "last_beat": self._last_beat,
            "recovery_seconds": int(recovery_time(self._runtime, self._sweep_every).total_seconds()),
            **night_health(self._runtime),
        }
        try:
            return {**facts, "reachable": True, **self._link.use(_counts, is_patient=False)}
        except (PmsBridgeError, psycopg.Error) as error:
            return {
                **facts,
                "reachable": False,
                "why": str(error) if isinstance(error, PmsBridgeError) else "no tables",
            }


def _counts(connection: psycopg.Connection[Any]) -> dict[str, object]:
    jobs = connection.execute(
        "SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing')"
        " FROM procrastinate_jobs WHERE queue_name = %s",
        (QUEUE,),
    ).fetchone()
    workers = connection.execute(
        "SELECT count(*), max(last_heartbeat) FROM procrastinate_workers"
        " WHERE last_heartbeat > now() - make_interval(secs => %s)",
        (_DEAD_AFTER.total_seconds(),),
    ).fetchone()
    waiting, doing = jobs or (0, 0)
    alive, beat = workers or (0, None)
    return {"waiting": waiting, "doing": doing, "workers": alive, "last_heartbeat": beat}
