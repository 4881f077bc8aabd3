"""Build the server of tests ahead of time, and say what takes long.

``python -m tests.servers.tryton [SERIES]``: on SQLite, and on PostgreSQL where this machine has one.
"""

from __future__ import annotations

import sys
import time

from pmsbridge_tryton.sandbox.building import Tell, built
from pmsbridge_tryton.sandbox.recipe import NoTrytonError, Recipe, recipe


def main(arguments: list[str]) -> int:
    """Build; 0 also when it cannot be built here: the tests say so then, and are skipped."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] Tryton for the tests: {what} ...", file=sys.stderr, flush=True)

    try:
        wanted = recipe(*arguments[:1])
        built(wanted, tell)
        _on_postgres(wanted, tell)
    except NoTrytonError as problem:
        print(f"Tryton cannot be built; tests that need it are skipped: {problem}", file=sys.stderr)
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
