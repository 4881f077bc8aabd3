"""``pmsbridge trail``: everything that happened to an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.cli.opening import open_bridge, stored_action
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say

if TYPE_CHECKING:
    from pmsbridge.store.stored import TrailEntry

__all__ = ["trail", "trail_facts"]

_SHOWN: Final = 110


def trail(
    context: typer.Context,
    action_id: Annotated[str, typer.Argument(metavar="ACTION", help="The action's id (act_...).", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show everything that happened to an action, and whether the trail is whole."""
    with open_bridge(context, asks_back_offices=False) as bridge:
        outcome = stored_action(bridge, action_id).outcome
        entries = [trail_facts(entry) for entry in bridge.journal.trail(action_id)]
        is_whole = bridge.journal.verify_trail(action_id)
    if as_json:
        print_json({"action_id": action_id, "outcome": outcome, "whole": is_whole, "trail": entries})
        return
    rows = [(e["number"], e["at"], e["event"], _shown(e["data"])) for e in entries]
    print_table(f"Trail of {action_id}", [">#", "at (UTC)", "event", "data"], rows)
    say("The trail is whole: no entry was changed, added or removed." if is_whole else "THE TRAIL WAS TAMPERED WITH.")


def trail_facts(entry: TrailEntry) -> dict[str, Any]:
    """A trail entry as JSON holds it."""
    return {"number": entry.number, "at": entry.at, "event": entry.event, "data": dict(entry.data), "hash": entry.hash}


def _shown(data: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in data.items() if not isinstance(value, Mapping | list))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
