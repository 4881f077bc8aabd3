"""A night in a process of its own that kills itself where it is told; its arguments are the database and KILL.

KILL is "" or "before:N", "within:N", "after:N": kill -9 before the batch N is taken, with its rows written and the
transaction open, or right after its commit. Prints what it read.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import EntityStarted, FacilityKey, Sync
from pmsbridge.ports.adapter import Entity
from pmsbridge.store import changes, mirror_pass
from pmsbridge.store.database import open_database
from tests.engine.paged_office import PagedAdapter, PagedOffice

UNITS, PAGE = 13, 5


def office(floor: int = 0) -> PagedOffice:
    made = PagedOffice()
    for number in range(UNITS):
        made.put(f"U{number:02}", floor)
    return made


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arrange(kill: str) -> None:
    when, _, number = kill.partition(":")
    taken = 0
    take, append = mirror_pass.Pass.take, changes.append

    def taking(self: Any, rows: Any) -> Any:
        nonlocal taken
        taken += 1
        if (when, str(taken)) == ("before", number):
            die()
        found = take(self, rows)
        if (when, str(taken)) == ("after", number):
            die()
        return found

    def appending(*given: Any, **named: Any) -> None:
        append(*given, **named)
        if (when, str(taken)) == ("within", number):
            die()

    mirror_pass.Pass.take = taking  # type: ignore[method-assign]
    changes.append = appending


def main() -> None:
    url, kill = sys.argv[1:]
    arrange(kill)
    adapter = PagedAdapter(office(), page=PAGE)
    database = open_database(url)
    told: list[Any] = []
    report = Sync(Runtime(database, {"mem": adapter})).run(
        [FacilityKey("mem", "F1")], [Entity.UNITS], full=True, watch=told.append
    )
    database.close()
    resumed = [event.is_resumed for event in told if isinstance(event, EntityStarted)]
    row = report.rows[0]
    print(json.dumps({
        "read": row.counts.read, "changed": row.counts.changed, "error": row.error, "resumed": resumed[0],
        "pages": adapter.paged.pages,
    }))  # fmt: skip
