"""A process that makes workers: everything is imported and prepared once, and every worker is a fork of it.

So a worker costs milliseconds, is a process of its own, and can be killed like one. Orders come as JSON lines on
standard input, answers go to standard output. Started by ``tests.crashes.smithy``.
"""

from __future__ import annotations

import functools
import gc
import json
import ssl
import sys
from collections.abc import Callable
from typing import Any

import sqlalchemy


def _remembered(make: Callable[..., Any]) -> Callable[..., Any]:
    """An engine per address, kept for its compiled statements; a fork gets it without its connections."""
    made: dict[str, Any] = {}

    def remembering(url: object, **options: object) -> Any:
        if str(url) not in made:
            made[str(url)] = make(url, **options)
        return made[str(url)]

    return remembering


def main() -> None:
    """Serve orders until standard input ends."""
    # Before the product is imported; neither changes what it does, both are the price of a first use.
    sqlalchemy.create_engine = _remembered(sqlalchemy.create_engine)
    ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]
    from tests.crashes.workers import Forge

    forge = Forge(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        order = json.loads(line)
        if "rehearsal" in order:
            told = forge.rehearse(order["rehearsal"])
            gc.collect()
            gc.freeze()
            print(json.dumps(told), flush=True)
        else:
            print(json.dumps(forge.run(order)), flush=True)


if __name__ == "__main__":
    main()
