"""``pmsbridge schema``: the JSON Schemas of the model."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from pmsbridge.cli.screen import JsonOption, print_json
from pmsbridge.errors import NotFoundError

__all__ = ["schema"]


def schema(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="One schema; all names when left out.", show_default=False)
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Print the JSON Schema of a record, an effect or a plan."""
    from pmsbridge.model.schemas import json_schemas

    known = json_schemas()
    if name:
        print_json(known[_exact(name, list(known))])
    elif as_json:
        print_json({"schemas": sorted(known)})
    else:
        print("\n".join(sorted(known)))


def _exact(name: str, known: list[str]) -> str:
    by_small = {each.lower(): each for each in known}
    if name.lower() in by_small:
        return by_small[name.lower()]
    close = difflib.get_close_matches(name.lower(), list(by_small), n=1)
    remedy = f"Did you mean {by_small[close[0]]}?" if close else "Run 'pmsbridge schema' for the names."
    raise NotFoundError("name", "no schema of that name", shape=f"text of {len(name)} characters", remedy=remedy)
