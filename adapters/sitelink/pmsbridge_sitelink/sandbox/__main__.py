"""Run the sandbox: `python -m pmsbridge_sitelink.sandbox --port 8080 --units 200 --sites 2`.

Prints one JSON line, `{"url": ..., "pid": ...}`, once it listens.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from datetime import date

from .process import end_on_signal, end_with_stdin, serve


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pmsbridge_sitelink.sandbox", description="A SiteLink back office on a local port."
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=7, help="decides all generated data")
    parser.add_argument("--units", type=int, default=40, help="units per location")
    parser.add_argument("--sites", type=int, default=2, help="number of locations")
    parser.add_argument("--today", type=date.fromisoformat, default=None, help="business day to start on (YYYY-MM-DD)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input closes")
    return parser.parse_args()


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until ended by a signal, or with the process that started it."""
    options = _options()
    stopped = threading.Event()
    end_on_signal(stopped)
    if options.watch_stdin:
        end_with_stdin(stopped)
    serve(
        port=options.port,
        seed=options.seed,
        units=options.units,
        sites=options.sites,
        today=options.today,
        ready=_announce,
        stopped=stopped,
    )


if __name__ == "__main__":
    main()
