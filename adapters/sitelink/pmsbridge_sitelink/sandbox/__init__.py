"""A SiteLink back office for tests and demonstrations: real HTTP and SOAP on loopback.

It needs nothing but the standard library. It shares no code with the adapter it is there to judge, and keeps its own
double-entry books, so that a test can ask what the back office holds and not what an answer said. The same seed gives
the same data.

What is fact (seen in production clients): addresses, SOAPAction routing, namespaces, parameter and column names,
table names; unknown names ignored and missing value types defaulted; HTTP 500 for unreadable values; faults that
repeat the account; -89, -98, -97 before anything else; return codes per operation; four-decimal money, offset dates,
omitted NULL columns; seven balance rows per unit; charges as attributes; ids that repeat from site to site; masked
cards that keep the stored one; updates that blank; log-ons with several rows; fifty-row searches by prefix; future
charges that stay when the payment fails; payments that show later; duplicates taken twice; -90 and -99; test mode
that writes; refused cards (-100) and refusals told apart by text; polling in .NET ticks; reports that ignore or cut
their dates; discount plans in tables of their own; a move-in that wants its exact total, else -11 with the right one.

What is our decision, each written where it is made: the order of the credential checks, the form of the mask, oldest
charge paid first, prepaid money as negative rent, inclusive invoice ranges, several units paid all or nothing, tables
whose columns nobody recorded, the fees of a move-in.

Fixtures for pytest come with it, see `pytest_plugin`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from .access import (
    CORP_CODE,
    CORP_PASSWORD,
    CORP_USER,
    CORP_USERNAME,
    LICENCE_KEY,
    USAGE_PASSWORD,
    seeded_web_password,
)

if TYPE_CHECKING:
    from .control import ControlError, SandboxControl
    from .server import SandboxServer

__all__ = [
    "CORP_CODE",
    "CORP_PASSWORD",
    "CORP_USER",
    "CORP_USERNAME",
    "LICENCE_KEY",
    "USAGE_PASSWORD",
    "ControlError",
    "SandboxControl",
    "SandboxPlugin",
    "SandboxServer",
    "plugin",
    "seeded_web_password",
    "serve",
    "spawn",
]


def serve(
    *,
    port: int,
    seed: int,
    units: int,
    sites: int,
    today: date | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run a sandbox in this process until interrupted; see `process.serve`."""
    from .process import serve as run  # noqa: PLC0415 - importing this package must stay cheap

    run(port=port, seed=seed, units=units, sites=sites, today=today, ready=ready)


def spawn(
    *, seed: int = 7, sites: int = 2, units: int = 40, today: date | None = None, port: int = 0
) -> AbstractContextManager[SandboxControl]:
    """Run a sandbox in another process for the length of a `with` block; see `process.spawn`."""
    from .process import spawn as start  # noqa: PLC0415 - importing this package must stay cheap

    return start(seed=seed, sites=sites, units=units, today=today, port=port)


@dataclass(frozen=True, slots=True)
class SandboxPlugin:
    """What a command line needs to offer this sandbox.

    Attributes:
        name: The back office it stands for.
        serve: Runs it here until interrupted.
        spawn: Runs it in another process for the length of a `with` block.
    """

    name: str
    serve: Callable[..., None]
    spawn: Callable[..., AbstractContextManager[SandboxControl]]


plugin = SandboxPlugin("sitelink", serve, spawn)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the signature Python asks for
    """Load the server and its client only when somebody wants them."""
    if name == "SandboxServer":
        from .server import SandboxServer  # noqa: PLC0415 - importing this package must stay cheap

        return SandboxServer
    if name in {"SandboxControl", "ControlError"}:
        from . import control  # noqa: PLC0415 - importing this package must stay cheap

        return getattr(control, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
