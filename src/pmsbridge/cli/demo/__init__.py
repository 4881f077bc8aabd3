"""``pmsbridge demo``: a tenant's day against a real back office process, judged by that back office's own books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pmsbridge.cli.screen import JsonOption, print_json, say

__all__ = ["demo"]

_EXIT_STORY_FAILED = 1


def demo(
    back_office: Annotated[
        str, typer.Option("--back-office", metavar="NAME", help="Which sandbox; the first installed one when left out.")
    ] = "",
    keep: Annotated[Path | None, typer.Option("--keep", metavar="DIR", help="Keep settings and journal there.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the story of a portal's day with a back office. Exits with 1 when the story does not hold."""
    from pmsbridge.cli.demo.stories import play
    from pmsbridge.cli.demo.telling import Teller
    from pmsbridge.logging import configure

    configure(level="error", json=False)
    teller = Teller(quiet=as_json)
    verdict = play(back_office, keep, teller)
    if as_json:
        print_json(teller.as_facts(verdict=verdict))
    elif keep is not None:
        say(f"Kept in {keep}: try 'pmsbridge --config {keep}/pmsbridge.toml actions list'.")
    if not teller.holds:
        say("The story does not hold:\n" + "\n".join(f"- {text}" for text in teller.failed))
        raise typer.Exit(_EXIT_STORY_FAILED)
