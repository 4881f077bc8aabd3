"""One process of a fleet's night: it fires every facility's job, in as many threads as it has lanes.

It is the real clock's own way: a slot of a facility runs once over all processes, whoever comes first. It says
``ready``, waits for ``go`` on standard input, and prints how many it ran and what that cost.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.night.ours import write_settings
from pmsbridge import Bridge
from pmsbridge.dispatch.schedule import Nightly, Schedule


def run(schedule: Schedule, lanes: int) -> int:
    """Fire all; how many ran here."""
    waiting, lock = iter(schedule.nights), Lock()

    def ours() -> Iterator[Nightly]:
        while True:
            with lock:
                found = next(waiting, None)
            if found is None:
                return
            yield found

    with ThreadPoolExecutor(lanes) as pool:
        return sum(pool.map(lambda _: sum(schedule.fire(nightly) for nightly in ours()), range(lanes)))


def main() -> None:
    """One process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--office", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--facilities", type=int, required=True)
    parser.add_argument("--lanes", type=int, required=True)
    parser.add_argument("--account-lanes", type=int, required=True)
    told = parser.parse_args()
    told.folder.mkdir(exist_ok=True)
    settings = write_settings(told.folder, told.url, told.office, told.facilities, concurrency=told.account_lanes)
    with Bridge.from_config(settings) as bridge:
        schedule = bridge.nightly()
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.process_time()
        ran = run(schedule, told.lanes)
        print(json.dumps({"ran": ran, "cpu_seconds": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    main()
