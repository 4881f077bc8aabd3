"""Build the server of tests ahead of time, and say what takes long.

``python -m tests.servers.tryton [SERIES]``: on SQLite, and on PostgreSQL where this machine has one.
``python -m tests.servers.tryton serve [SERIES]``: and run it, on SQLite, until it is interrupted.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.servers.tryton.building import Tell, built
from tests.servers.tryton.recipe import NoTrytonError, Recipe, recipe
from tests.servers.tryton.serving import running_tryton


def main(arguments: list[str]) -> int:
    """Build; 0 also when it cannot be built here: the tests say so then, and are skipped."""
    is_served = arguments[:1] == ["serve"]
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] Tryton for the tests: {what} ...", file=sys.stderr, flush=True)

    try:
        wanted = recipe(*arguments[is_served:][:1])
        books = built(wanted, tell)
        if is_served:
            return _serve(wanted, books)
        _on_postgres(wanted, tell)
    except NoTrytonError as problem:
        print(f"Tryton cannot be built; tests that need it are skipped: {problem}", file=sys.stderr)
    return 0


def _serve(wanted: Recipe, books: Path) -> int:
    with running_tryton(wanted, books) as server:
        people = {name: user["password"] for name, user in server.facts["users"].items()}
        print(json.dumps({"url": server.url, "database": server.database, "users": people}), flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


def _on_postgres(wanted: Recipe, tell: Tell) -> None:
    try:
        from tests.servers.postgres import NoPostgresError, running_postgres
        from tests.servers.tryton.on_postgres import books_on_postgres, dump_of
    except ImportError:
        return
    try:
        if dump_of(wanted).is_dir():
            return
        with running_postgres(in_memory=True) as postgres:
            books_on_postgres(wanted, postgres, tell)
    except NoPostgresError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
