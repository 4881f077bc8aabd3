"""Runs races: threads or processes that submit at the same instant, one race after the other. A program of its own.

One JSON object on standard input: ``url``, ``calls`` (a file), ``by`` ("threads", "processes"), ``on`` ("key",
"business"), ``races`` (how many) and ``first`` (the number of the first). Racers are 2 to 8 at a time. It ends with 0
when all races were run, whatever came of them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.ports.clock import SystemClock
from pmsbridge.store.database import Database, open_database
from tests.races.counting import ACCOUNT, CountingAdapter, payment

_PATIENCE_SECONDS: Final = 120
_HEAT: Final = 20
"""Races that the same racers run before others take over."""

_SETTLED_EVERY: Final = 10
"""Of the payments whose answer was lost, every tenth is found in the end."""

Order = dict[str, Any]


def main() -> None:
    """Run what is ordered."""
    order: Order = json.load(sys.stdin)
    run = _by_threads if order["by"] == "threads" else _by_processes
    open_database(order["url"]).close()
    for racers, races in _heats(order):
        run(order, racers, races)
    _finish(order)
    if order["on"] == "business":
        _settle_some(order)


def _finish(order: Order) -> None:
    """A worker comes by: on PostgreSQL nobody waits for a lane that somebody else is about to take, and may let be."""
    database = open_database(order["url"])
    runtime = _runtime(order, database)
    while runtime.run_due():
        pass
    database.close()


class _NextDay(SystemClock):
    """A day later: what was unknown can be looked for."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


def _settle_some(order: Order) -> None:
    """Let some of the payments be found: whatever waited behind one in vain, or wrongly, goes now."""
    database = open_database(order["url"])
    runtime = _runtime(order, database, clock=_NextDay())
    for race in range(order["first"], order["first"] + order["races"], _SETTLED_EVERY):
        while runtime.drain(f"count:T{race}").delivered:
            pass
    database.close()


def _heats(order: Order) -> Iterator[tuple[int, range]]:
    """Two at once are more frequent than more: most races are between two clicks."""
    sizes = (2, 3, 2, 2, 8, 2, 4, 2, 2, 5, 2, 3, 2, 2, 6, 2, 2, 7)
    first, races = order["first"], order["races"]
    for number, begin in enumerate(range(first, first + races, _HEAT)):
        yield sizes[number % len(sizes)], range(begin, min(begin + _HEAT, first + races))


def _by_threads(order: Order, racers: int, races: range) -> None:
    """Threads of one process, as a web server has them: two runtimes on one database."""
    database, barrier = open_database(order["url"]), threading.Barrier(racers)
    runtimes = [_runtime(order, database) for _ in range(2)]
    failures: list[BaseException] = []

    def race(racer: int) -> None:
        try:
            _run(runtimes[racer % 2], barrier.wait, order, racer, races)
        except BaseException as failure:  # noqa: BLE001 - told by the main thread
            failures.append(failure)
            barrier.abort()

    threads = [threading.Thread(target=race, args=(racer,)) for racer in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_SECONDS)
    database.close()
    if failures:
        raise failures[0]


def _by_processes(order: Order, racers: int, races: range) -> None:
    """Processes forked from one, as application servers do it; each opens its own connections."""
    barrier = multiprocessing.get_context("fork").Barrier(racers)
    pids = [_fork(order, barrier.wait, racer, races) for racer in range(racers)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    if any(ended):
        message = f"racers ended with {ended}"
        raise RuntimeError(message)


def _fork(order: Order, start: Callable[[float], object], racer: int, races: range) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        _run(_runtime(order, open_database(order["url"])), start, order, racer, races)
        code = 0
    except BaseException:  # noqa: BLE001 - the fork must end here, whatever happens
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(runtime: Runtime, start: Callable[[float], object], order: Order, racer: int, races: range) -> None:
    for race in races:
        key = f"click-{race:06}" if order["on"] == "key" else f"click-{race:06}-{racer}"
        submission = payment(f"T{race}", key)
        start(_PATIENCE_SECONDS)
        runtime.submit(submission)


def _runtime(order: Order, database: Database, clock: SystemClock | None = None) -> Runtime:
    # A payment that is answered is resolved; one whose answer is lost holds its business key.
    adapter = CountingAdapter(Path(order["calls"]), answers=order["on"] == "key")
    settings = EngineSettings(busy_wait=timedelta(0), action_deadline=timedelta(days=9))
    return Runtime(database, {ACCOUNT: adapter}, settings=settings, clock=clock)


if __name__ == "__main__":
    main()
