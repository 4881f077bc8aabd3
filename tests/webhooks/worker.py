"""Tells one endpoint in a process of its own; run as ``python worker.py URL ENDPOINT KILL``.

KILL is "" or a number: kill -9 when that many messages have arrived and the last one's place is not noted yet. Ends
when everything is told.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pmsbridge.store.database import open_database
from pmsbridge.store.webhooks import Webhooks
from pmsbridge.webhooks import Sender, delivery
from pmsbridge.webhooks.endpoint import Endpoint
from tests.webhooks.stage import Known, settings


def arrange(kill: int) -> None:
    delivery.LEASE_MARGIN = timedelta(seconds=1)  # type: ignore[misc]
    arrived, posted = Webhooks.arrived, 0

    def noting(self: Any, held: Any, head: Any) -> bool:
        nonlocal posted
        posted += 1
        if posted == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return arrived(self, held, head)

    Webhooks.arrived = noting  # type: ignore[method-assign]


def main() -> None:
    address, url, kill = sys.argv[1:]
    arrange(int(kill or 0))
    database = open_database(address)
    sender = Sender(database, [Endpoint(settings(url, timeout="5s"), Known())], look_every=timedelta(milliseconds=50))
    sender.start()
    store = Webhooks(database)
    # Held is asked before and after: a dead process's lease may end, or ours begin, between two questions.
    while _is_held(sender) or store.is_due("crm") or _is_held(sender) or sender.states()["crm"].delivered_at is None:
        time.sleep(0.05)
    sender.stop()
    database.close()


def _is_held(sender: Sender) -> bool:
    state = sender.states()["crm"]
    from datetime import UTC, datetime

    return state.lease_until > datetime.now(UTC)


if __name__ == "__main__":
    main()
