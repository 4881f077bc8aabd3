"""What is measured: every engine, on every store, with so many workers; and what their runs need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.engines.brokers import Broker
from benchmarks.engines.running import Run, Script, run
from tests.servers.postgres import PostgresServer

__all__ = ["SQLITE", "WORKERS", "Engine", "Stage", "engines", "ours"]

SQLITE: Final = "sqlite:///FOLDER/journal.db"
WORKERS: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine on one store, with so many workers.

    Attributes:
        family: Whose it is: "pmsbridge", "Celery", "Procrastinate", "DBOS".
        way: How the job is written; empty where there is one way.
        store: Where what is done is kept.
        share: Of the ordinary number of actions, so that slow engines take no longer than fast ones.
    """

    family: str
    way: str
    store: str
    script: Script
    share: float = 1.0

    @property
    def name(self) -> str:
        """As the table shows it."""
        way = f", {self.way}" if self.way else ""
        return f"{self.family}{way} ({self.store})"

    @property
    def workers(self) -> int:
        """Processes; 0 for embedded."""
        return self.script.workers


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs measure on.

    Attributes:
        peers: The interpreter that has them; None when they are not installed.
        broker: For Celery; None when there is none.
    """

    postgres: PostgresServer
    broker: Broker | None
    peers: str | None
    server_pid: int

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh database; gone afterwards."""
        url = self.postgres.create_database()
        try:
            yield url
        finally:
            self.postgres.drop_database(url)

    def run(self, engine: Engine, actions: int, **more: Any) -> Run:
        """One run of an engine."""
        if engine.script.name == "on_celery":
            assert self.broker is not None
            with self.database() as url:
                return run(engine.script, self.broker.url, actions=actions, extra=_plain(url), **more)
        if "SQLite" in engine.store:
            return run(engine.script, SQLITE, actions=actions, **more)
        with self.database() as url:
            is_ours = engine.script.name != "on_procrastinate"
            return run(engine.script, url if is_ours else _plain(url), actions=actions, **more)


def _plain(url: str) -> str:
    """A database's address without the name of the driver."""
    return url.replace("+psycopg", "")


# -- the engines ------------------------------------------------------------------------------------------------------


def ours(store: str, workers: int, server_pid: int = 0, *, by: str = "", per_worker: int = 2) -> Engine:
    """The job on pmsbridge.

    Args:
        store: Its database.
        workers: Processes that work.
        server_pid: Of the database's server; 0 for none.
        by: What carries the wake-ups between its processes, when not their own sweeps.
        per_worker: Lanes at once. More than two threads of one interpreter only wait for each other, unless they wait
            for a back office.
    """
    servers = (server_pid,) if server_pid else ()
    script = Script(sys.executable, "ours", by, workers, per_worker, servers)
    return Engine("pmsbridge", by, store, script)


def engines(stage: Stage) -> list[Engine]:
    """Everything that can be measured here."""
    server = stage.server_pid
    found = [ours("SQLite, embedded", 0), *(ours("SQLite", workers) for workers in WORKERS)]
    found += [ours("PostgreSQL", workers, server, by=by) for by in ("", "procrastinate") for workers in WORKERS]
    if stage.peers is None:
        return found
    for way, variant, share in (("chain", "chain", 1.0), ("own rows", "rows", 1.0)):
        for workers in WORKERS:
            script = Script(stage.peers, "on_procrastinate", variant, workers, servers=(server,))
            found.append(Engine("Procrastinate", way, "PostgreSQL", script, share))
    for workers in WORKERS:
        script = Script(stage.peers, "on_dbos", workers=workers, per_worker=16, servers=(server,))
        found.append(Engine("DBOS", "", "PostgreSQL", script, 0.5))
    for way, variant in (("", ""), ("write-ahead log", "wal")):
        script = Script(stage.peers, "on_dbos", variant, workers=0, per_worker=16)
        found.append(Engine("DBOS", way, "SQLite, embedded", script, 0.5))
    return found + _celery(stage)


def _celery(stage: Stage) -> list[Engine]:
    if stage.broker is None or stage.peers is None:
        return []
    broker = stage.broker.name.partition(",")[0]
    found = []
    for way, variant in (("chain, nothing kept", "chain"), ("chain", "results"), ("own rows", "rows")):
        for workers in WORKERS:
            servers = (stage.server_pid, stage.broker.pid)
            script = Script(stage.peers, "on_celery", variant, workers, per_worker=4, servers=servers)
            store = broker if variant == "chain" else f"{broker}, PostgreSQL"
            found.append(Engine("Celery", way, store, script))
    return found
