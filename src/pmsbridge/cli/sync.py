"""``pmsbridge sync``: copy facilities into the mirror now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, consoles, print_json, print_table, say
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.ports.adapter import Entity

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.engine.sync import SyncProgress, SyncReport

__all__ = ["failure_lines", "sync", "sync_with_bars"]

_NOT_TRIED: Final = "not tried: "
"""How a report begins the reason of a part that was left out because another part of the account had failed."""


def sync(
    context: typer.Context,
    facility: Annotated[
        list[str] | None, typer.Option("--facility", help="Only this one (L001 or ACCOUNT/L001); may be repeated.")
    ] = None,
    entity: Annotated[list[Entity] | None, typer.Option("--entity", help="Only this; may be repeated.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything anew; only this finds deletions.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy facilities into the mirror. A part that fails stops no other; the exit code is 7, or 4 for settings."""
    _, err = consoles()
    with open_bridge(context, tells_failures=True) as bridge:
        facts = sync_with_bars(bridge, facility or None, entity or None, err, full=full)
    if as_json:
        print_json(facts)
    else:
        columns = ["account", "facility", "entity", ">read", ">changed", ">deleted", "result"]
        rows = [{**row, "result": "ok" if row["result"] == "ok" else "failed"} for row in facts["entities"]]
        print_table("Sync", columns, [[row[name.lstrip(">")] for name in columns] for row in rows])
    if not facts["ok"]:
        for line in failure_lines(facts["entities"]):
            say(line)
        say("A part of the sync failed; what was copied before stays as it was.")
        raise typer.Exit((ConfigurationError if facts["a_person_must_act"] else UnavailableError).exit_code)


def failure_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per account, however many of its parts failed: its first reason, and how many others there are."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["result"] != "ok":
            reasons.setdefault(row["account"], []).append(str(row["result"]).removeprefix(_NOT_TRIED))
    for account, told in reasons.items():
        others = len(set(told)) - 1
        more = f" ({others} more with --json)" if others else ""
        yield f"{account}, {len(told)} parts failed: {told[0]}{more}"


def sync_with_bars(
    bridge: Bridge,
    facilities: Sequence[str] | None,
    entities: Sequence[Entity] | None,
    console: Console,
    *,
    full: bool = False,
) -> dict[str, Any]:
    """Sync with one progress line per facility on a console; returns the report as JSON holds it."""
    from pmsbridge.engine.sync import ALL_ENTITIES

    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(24),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        bars = _Bars(progress, parts=len(entities or ALL_ENTITIES))
        report = bridge.sync(facilities, entities=entities, progress=bars, full=full)
    return report_facts(report)


class _Bars:
    """One line per facility; its bar moves on with every entity that is done."""

    def __init__(self, progress: Progress, *, parts: int) -> None:
        self._progress, self._parts = progress, parts
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __call__(self, step: SyncProgress) -> None:
        place = (step.account, step.facility)
        if place not in self._tasks:
            self._tasks[place] = self._progress.add_task("/".join(place), total=self._parts, words="")
        told = f"{step.entity}: {step.counts.read} read, {step.counts.changed} changed"
        self._progress.update(self._tasks[place], advance=int(step.is_done), words="failed" if step.error else told)


def report_facts(report: SyncReport) -> dict[str, Any]:
    """A sync report as JSON holds it."""
    rows = [
        {
            "account": row.scope.account,
            "facility": row.scope.facility,
            "entity": row.scope.entity,
            "read": row.counts.read,
            "changed": row.counts.changed,
            "unchanged": row.counts.unchanged,
            "deleted": row.deleted,
            "calls": row.calls,
            "bytes_read": row.bytes_read,
            "milliseconds": round(row.seconds * 1000),
            "findings": row.findings,
            "result": row.error or "ok",
        }
        for row in report.rows
    ]
    return {
        "ok": not report.failed,
        "a_person_must_act": report.a_person_must_act,
        "run_id": report.run_id,
        "entities": rows,
    }
