"""Build the server of tests ahead of time: ``python -m tests.servers.tryton [SERIES]``; says what takes long."""

from __future__ import annotations

import sys
import time

from tests.servers.tryton.building import built
from tests.servers.tryton.recipe import NoTrytonError, recipe


def main(arguments: list[str]) -> int:
    """Build; 0 also when it cannot be built here: the tests say so then, and are skipped."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {what} ...", file=sys.stderr, flush=True)

    try:
        built(recipe(*arguments[:1]), tell)
    except NoTrytonError as problem:
        print(f"Tryton cannot be built; tests that need it are skipped: {problem}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
