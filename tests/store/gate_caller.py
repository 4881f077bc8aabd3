"""A process that calls through the gate of a database and writes down when it was inside. Run as a program.

It reads one JSON object from its only argument and appends a line of JSON per moment to the paper: what happened, when
(the machine's monotonic clock, the same in every process), and who says so.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calls import LaneLimits, Priority
from pmsbridge.store.database import open_database
from pmsbridge.store.gates import DatabaseGate
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.limits import LaneLimiter


@dataclass
class Job:
    """What a process does.

    Attributes:
        url: The database.
        paper: Where moments are written down.
        calls: How many calls each thread makes; it stops early when the paper's ``.stop`` appears.
        hold: Seconds inside.
        lease: Seconds; None for the limiter's own.
    """

    url: str
    paper: str
    calls: int = 1
    hold: float = 0.0
    threads: int = 1
    priority: int = 0
    concurrency: int = 1
    per_second: str = ""
    monthly: int = 0
    deadline: float = 60.0
    lease: float | None = None

    def limits(self) -> LaneLimits:
        rate = Decimal(self.per_second) if self.per_second else None
        return LaneLimits(self.concurrency, rate, self.monthly or None)


def say(job: Job, what: str, **more: Any) -> None:
    line = json.dumps({"what": what, "at": time.monotonic(), "pid": os.getpid(), "priority": job.priority, **more})
    with Path(job.paper).open("a", encoding="utf-8") as paper:
        paper.write(line + "\n")


def work(job: Job, limiter: LaneLimiter) -> None:
    for _ in range(job.calls):
        if Path(job.paper + ".stop").exists():
            return
        say(job, "ask")
        try:
            with limiter.slot(
                "lane",
                deadline=Deadline(timedelta(seconds=job.deadline)),
                priority=Priority(job.priority),
                lease=None if job.lease is None else timedelta(seconds=job.lease),
            ):
                say(job, "in")
                time.sleep(job.hold)
                say(job, "out")
        except UnavailableError as error:
            say(job, "refused", code=error.code)


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    database = open_database(job.url)
    limiter = LaneLimiter(job.limits(), gate=DatabaseGate(database))
    say(job, "ready")
    while not Path(job.paper + ".go").exists():
        time.sleep(0.005)
    threads = [threading.Thread(target=work, args=(job, limiter)) for _ in range(job.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()


if __name__ == "__main__":
    main()
