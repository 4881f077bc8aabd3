"""Run the sandbox of a mapping: `python -m pmsbridge_rest.sandbox vendor.yaml --port 8791`.

Prints one JSON line, `{"url": ..., "pid": ...}`, once it listens. `/control/account` says what an account of it is set
up with.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path

from .mapping_file import CannotPlayError
from .office import Terms
from .process import end_on_signal, end_with_stdin, serve

_SHIPPED = Path(__file__).parent.parent / "mappings"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pmsbridge_rest.sandbox", description="The back office of a mapping, on a local port."
    )
    parser.add_argument("mapping", help="a mapping file, or the name of one that comes with the adapter")
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 takes a free one")
    parser.add_argument("--facility", default="F1", help="the facility's code in the account")
    parser.add_argument("--zone", default="America/Chicago", help="its time zone")
    parser.add_argument("--seed", type=int, default=7, help="decides which calls a fault's probability strikes")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input closes")
    return parser.parse_args()


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()


def _file_of(word: str) -> Path:
    shipped = _SHIPPED / f"{word}.yaml"
    return shipped if shipped.is_file() else Path(word)


def main() -> int:
    """Serve until ended by a signal, or with the process that started it; 2 when the mapping cannot be played."""
    options = _options()
    stopped = threading.Event()
    end_on_signal(stopped)
    if options.watch_stdin:
        end_with_stdin(stopped)
    terms = Terms(facility=options.facility, zone=options.zone, seed=options.seed)
    try:
        serve(_file_of(options.mapping), port=options.port, terms=terms, ready=_announce, stopped=stopped)
    except CannotPlayError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
