"""``pmsbridge hold``: whose data nobody may erase."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say

__all__ = ["hold"]


def hold(
    context: typer.Context,
    facility: Annotated[str, typer.Argument(help="L001, or ACCOUNT/L001; without one, all holds are listed.")] = "",
    tenant: Annotated[str, typer.Argument(help="The back office's id of the tenant.")] = "",
    *,
    reason: Annotated[str, typer.Option(help="Why, such as a file number.")] = "",
    actor: Annotated[str, typer.Option(help="Who decided (staff:ann).")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="The data may be erased again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep a tenant's data from being erased, by hand or by night, until the hold is lifted; or list all holds."""
    if bool(facility) != bool(tenant):
        raise typer.BadParameter("name a facility and a tenant, or none", param_hint="FACILITY TENANT")
    if tenant and not lift and not (reason and actor):
        raise typer.BadParameter("say why with --reason, and who decided with --actor", param_hint="--reason --actor")
    with open_bridge(context, asks_back_offices=False) as bridge:
        was_there = bridge.lift_hold(facility, tenant) if tenant and lift else None
        if tenant and not lift:
            bridge.hold(facility, tenant, reason=reason, actor=actor)
        found = bridge.holds()
    if was_there is False:
        say("There was no hold on this tenant.")
    if as_json:
        print_json({"holds": [asdict(each) for each in found]})
        return
    if not found:
        say("No data are held.")
        return
    columns = ["facility", "tenant", "since", "reason", "by"]
    rows = [(f"{e.account}/{e.facility}", e.tenant_id, e.since.date().isoformat(), e.reason, e.actor) for e in found]
    print_table("Legal holds", columns, rows)
