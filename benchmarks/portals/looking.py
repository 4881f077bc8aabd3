"""One process of a portal that shows dashboards from the copy; prints the milliseconds of each as JSON."""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.portals.filling import LOOKERS, bridge_on
from pmsbridge.store.database import open_database

_WARM_UP = 20


def main(url: str, looks: int) -> None:
    """Look so many times, one tenant after the other."""
    with bridge_on(open_database(url)) as bridge:
        times = []
        for number, tenant in enumerate(islice(cycle(LOOKERS), looks + _WARM_UP)):
            began = time.perf_counter()
            shown = bridge.tenant("F1", tenant).dashboard(live=False)
            took = time.perf_counter() - began
            if number >= _WARM_UP:
                times.append(took * 1000)
            if len(shown.rows) != 10 or not shown.offers:
                message = "a dashboard does not show ten units"
                raise SystemExit(message)
    print(json.dumps(times))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
