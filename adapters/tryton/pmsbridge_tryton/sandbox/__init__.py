"""A real Tryton for tests and demonstrations: an ERP that nobody here wrote, in a process of its own.

Nothing of it is shipped or imported: it is installed from pinned packages, activated, seeded by a script that runs in
its environment, and spoken to over loopback only. What takes long is kept in a cache of the user's. This package needs
nothing but the standard library, and shares no code with the adapter that it judges.

===============  ===================================================================================
``recipe``       which versions, which modules, where the cache is, what a build depends on
``building``     installs, activates, seeds; once for all processes of the machine
``seed``         what is in the books before anybody comes; runs in the server's environment
``serving``      starts a server on a copy of the seeded books; kills, freezes and restarts it
``rpc``          the few lines it takes to speak to it
``cutting``      a wire to it that loses answers
``bookkeeping``  what its office does
``yard``         what the people at its counter and in its yard do
``people``       customers that a demonstration can rely on
``control``      a look behind its counter, for a demonstration
``process``      all of it for as long as a block runs
===============  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .control import YardControl

__all__ = ["SandboxPlugin", "plugin", "prepare", "serve", "spawn"]


def prepare(tell: Callable[[str], None]) -> None:
    """Install, activate and seed what is not there yet; see `building.built`. ``tell`` hears what takes long."""
    from .building import built  # noqa: PLC0415 - importing this package must stay cheap
    from .recipe import recipe  # noqa: PLC0415 - as above

    built(recipe(), tell)


def serve(
    *,
    port: int,
    seed: int,
    units: int,
    sites: int,
    today: date | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run it, with its people, until interrupted; see `process.serve`."""
    from .process import serve as run  # noqa: PLC0415 - importing this package must stay cheap

    run(port=port, seed=seed, units=units, sites=sites, today=today, ready=ready)


def spawn(**sizes: Any) -> AbstractContextManager[YardControl]:
    """Run it, with its people, for the length of a `with` block; see `process.spawn`."""
    from .process import spawn as start  # noqa: PLC0415 - importing this package must stay cheap

    return start(**sizes)


@dataclass(frozen=True, slots=True)
class SandboxPlugin:
    """What a command line needs to offer this sandbox.

    Attributes:
        name: The back office it is.
        prepare: Builds it.
        serve: Runs it until interrupted.
        spawn: Runs it for the length of a `with` block.
    """

    name: str
    prepare: Callable[[Callable[[str], None]], None]
    serve: Callable[..., None]
    spawn: Callable[..., AbstractContextManager[YardControl]]


plugin = SandboxPlugin("tryton", prepare, serve, spawn)
