"""The server with its people, for as long as a block runs, or until interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from .building import built
from .control import YardControl
from .cutting import cut_wire
from .people import fill
from .recipe import NoTrytonError, Recipe, recipe
from .serving import TrytonServer, running_tryton
from .yard import Yard

__all__ = ["serve", "spawn"]


def serve(
    *,
    port: int,
    seed: int,
    units: int,
    sites: int,
    today: date | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run it until interrupted.

    Args:
        port: On loopback; 0 takes a free one.
        seed: Means nothing here: the books are always the same.
        units: Means nothing here, either.
        sites: Nor does this: it is one yard.
        today: Must be None: a real server goes by the machine's date.
        ready: Told the address once it listens.

    Raises:
        NoTrytonError: It cannot be built or started, or another day is wanted.
        OSError: The port is taken.
    """
    del seed, units, sites
    if today is not None:
        message = "a real server goes by the machine's date; leave the day out"
        raise NoTrytonError(message)
    made, books = _made()
    with running_tryton(made, books, port=port) as server, suppress(KeyboardInterrupt):
        _filled(server)
        if ready is not None:
            ready(server.url)
        threading.Event().wait()


@contextmanager
def spawn(**_sizes: Any) -> Iterator[YardControl]:
    """Start it, hand out its control, and end it on leaving. What the library is told to be the server is a wire.

    Raises:
        NoTrytonError: It cannot be built or started here.
    """
    made, books = _made()
    with running_tryton(made, books) as server, cut_wire(server) as wire:
        yield YardControl(server, wire, _filled(server))


def _made() -> tuple[Recipe, Path]:
    made = recipe()
    return made, built(made)


def _filled(server: TrytonServer) -> dict[str, dict[str, Any]]:
    return fill(Yard(server.caller("staff"), server.facts))
