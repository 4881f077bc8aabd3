"""``pmsbridge sandbox``: a faithful stand-in for a back office, on loopback."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from datetime import date
from typing import Annotated

import typer

from pmsbridge.cli.days import DAY, read_day
from pmsbridge.cli.screen import JsonOption, print_json, say
from pmsbridge.cli.stopping import interruptible
from pmsbridge.errors import NotFoundError, UnavailableError
from pmsbridge.registry import PreparedSandbox, SandboxPlugin, sandboxes

__all__ = ["named_sandbox", "prepared", "sandbox"]

_Today = Annotated[
    date | None,
    typer.Option(parser=read_day, metavar=DAY, help="The back office's business date; else the machine's."),
]


def sandbox(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which back office.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people, units and money.")] = 1,
    units: Annotated[int, typer.Option(min=1, max=100_000, help="Units per site.")] = 200,
    sites: Annotated[int, typer.Option(min=1, max=10_000, help="Sites.")] = 2,
    today: _Today = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a sandbox until told to stop (SIGTERM, Ctrl-C)."""
    plugin = named_sandbox(name)
    prepared(plugin, say)

    def ready(url: str) -> None:
        say(f"The {name} sandbox listens on {url}. Stop it with Ctrl-C.")
        say(f"Settings for it: pmsbridge init --sandbox {name} --url {url}")
        if as_json:
            print_json({"url": url, "pid": os.getpid()})

    try:
        with interruptible():
            plugin.serve(port=port, seed=seed, units=units, sites=sites, today=today, ready=ready)
    except RuntimeError as problem:
        raise _cannot_run(plugin, problem) from None
    except OSError as error:
        message = f"port {port} cannot be used ({error.strerror}). Name another with --port, or 0 for a free one."
        raise UnavailableError(message, code="port") from None


def prepared(plugin: SandboxPlugin, tell: Callable[[str], None]) -> None:
    """Have a sandbox built that needs it; ``tell`` hears what takes long.

    Raises:
        UnavailableError: It cannot be built on this machine.
    """
    if not isinstance(plugin, PreparedSandbox):
        return
    try:
        plugin.prepare(lambda what: tell(f"{plugin.name}: {what} ..."))
    except RuntimeError as problem:
        raise _cannot_run(plugin, problem) from None


def _cannot_run(plugin: SandboxPlugin, problem: RuntimeError) -> UnavailableError:
    return UnavailableError(f"the sandbox {plugin.name!r} cannot run here: {problem}", code="sandbox")


def named_sandbox(name: str) -> SandboxPlugin:
    """The installed sandbox of that name; the first one for an empty name.

    Raises:
        NotFoundError: None of that name is installed.
    """
    installed = sandboxes()
    wanted = name or next(iter(installed), "")
    if wanted in installed:
        return installed[wanted]
    close = difflib.get_close_matches(wanted, list(installed), n=1)
    known = f"Installed: {', '.join(installed) or 'none'}. Of a mapping: pmsbridge map sandbox FILE."
    remedy = f"Did you mean {close[0]}? {known}" if close else known
    raise NotFoundError("sandbox", "none of that name is installed", remedy=remedy)
