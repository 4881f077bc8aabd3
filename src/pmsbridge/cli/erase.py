"""``pmsbridge erase``: forget a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say

if TYPE_CHECKING:
    from pmsbridge.store.erasing import Erasure

__all__ = ["erase"]


def erase(
    context: typer.Context,
    facility: Annotated[str, typer.Argument(help="L001, or ACCOUNT/L001.", show_default=False)],
    tenant: Annotated[str, typer.Argument(help="The back office's id of the tenant.", show_default=False)],
    actor: Annotated[str, typer.Option(help="Who decided, for the trail (staff:ann).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a tenant: copies of their data go; of what was done, ids, money and outcomes stay, and every trail holds.

    Erase them in the back office first: what it still lists comes back with the next copy.
    """
    with open_bridge(context, asks_back_offices=False) as bridge:
        found = bridge.erase(facility, tenant, actor=actor, dry_run=dry_run)
    if as_json:
        print_json({"facility": facility, "tenant_id": tenant, **asdict(found)})
        return
    if not found.rows:
        say("Nothing is held of this tenant.")
        return
    print_table("Would go" if dry_run else "Erased", ["what", ">rows"], sorted(found.rows.items()))
    for line in _warnings(found):
        say(line)


def _warnings(found: Erasure) -> list[str]:
    lines = []
    if found.comes_back:
        lines.append("They still rent: the next copy brings back what the back office lists.")
    if not found.is_dry_run and not found.is_wiped:
        lines.append("Old versions of rows lie in the database's files until its next checkpoint or VACUUM.")
    return lines
