"""``pmsbridge sync``: copy facilities into the mirror now; what it costs, what it did, whether the copy is equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict, Unpack

import typer
from rich.console import Console

from pmsbridge.cli.findings import EXIT_A_PERSON_MUST_LOOK
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, consoles, print_json, print_table, say
from pmsbridge.cli.sync_facts import (
    event_facts,
    failure_lines,
    plan_facts,
    report_facts,
    row_facts,
    totals_of,
    verification_facts,
)
from pmsbridge.errors import ConfigurationError, InputError, NotFoundError, PmsBridgeError, UnavailableError
from pmsbridge.ports.adapter import Entity

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.engine.sync import SyncEvent

__all__ = ["group", "sync_with_bars"]

_SHOWN_CHARACTERS: Final = 60
_SHOWN_ROWS: Final = 200

group = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    subcommand_metavar="[COMMAND]",
)

FacilityOption = Annotated[
    list[str] | None, typer.Option("--facility", help="Only this one (L001 or ACCOUNT/L001); may be repeated.")
]
EntityOption = Annotated[list[Entity] | None, typer.Option("--entity", help="Only this; may be repeated.")]


class How(TypedDict, total=False):
    """What is read and written, as for ``Bridge.sync``."""

    full: bool
    rewrite: bool
    believe_deletions: bool


@group.callback()
def sync(
    context: typer.Context,
    facility: FacilityOption = None,
    entity: EntityOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything anew; only this finds deletions.")] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="With --full: also write anew what seems unchanged (see verify).")
    ] = False,
    believe_deletions: Annotated[
        bool, typer.Option("--believe-deletions", help="With --full: delete what is missing, however much it is.")
    ] = False,
    json_events: Annotated[
        bool, typer.Option("--json-events", help="Print one JSON object per event, each on a line of its own.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy facilities into the mirror. A part that fails stops no other; the exit code is 7, or 4 for settings."""
    if context.invoked_subcommand is not None:
        if facility or entity or full or rewrite or believe_deletions or json_events or as_json:
            word = context.invoked_subcommand
            raise InputError("options", "stand before the subcommand", remedy=f"Write: pmsbridge sync {word} OPTIONS")
        return
    if as_json and json_events:
        raise InputError("--json-events", "and --json do not go together", remedy="Give one or the other.")
    for option, is_given in (("--rewrite", rewrite), ("--believe-deletions", believe_deletions)):
        if is_given and not full:
            raise InputError(option, "goes with --full only", remedy=f"Write: pmsbridge sync --full {option}")
    _, err = consoles()
    how = How(full=full, rewrite=rewrite, believe_deletions=believe_deletions)
    with open_bridge(context, tells_failures=True) as bridge:
        if json_events:
            report = bridge.sync(facility or None, entities=entity or None, watch=_print_event, **how)
            facts = report_facts(report)
        else:
            facts = sync_with_bars(bridge, facility or None, entity or None, err, **how)
    if as_json:
        print_json(facts)
    elif not json_events:
        _print_report(facts["entities"])
    _finish(facts["entities"], a_person_must_act=facts["a_person_must_act"])


def sync_with_bars(
    bridge: Bridge,
    facilities: Sequence[str] | None,
    entities: Sequence[Entity] | None,
    console: Console,
    **how: Unpack[How],
) -> dict[str, Any]:
    """Sync with one progress line per facility on a console; returns the report as JSON holds it.

    Args:
        bridge: Whose.
        facilities: As for ``Bridge.sync``.
        entities: As for ``Bridge.sync``.
        console: Where the lines are drawn.
        how: ``full`` and what goes with it, as for ``Bridge.sync``.
    """
    from pmsbridge.cli.sync_bars import SyncBars

    with SyncBars(console) as bars:
        report = bridge.sync(facilities, entities=entities, watch=bars, **how)
    return report_facts(report)


def _print_event(event: SyncEvent) -> None:
    print_json(event_facts(event))


def _print_report(rows: Sequence[dict[str, Any]], most: int | None = None) -> None:
    columns = ["account", "facility", "entity", ">read", ">changed", ">deleted", ">calls", ">kB", ">s", ">findings"]
    total = {"account": "all", "facility": "", "entity": "", "result": "", **totals_of(rows)}
    cells = [_report_cells(row) for row in ([*rows[:most], total] if len(rows) > 1 else rows)]
    print_table("Sync", [*columns, "result"], cells)


def _report_cells(row: dict[str, Any]) -> list[object]:
    result = row["result"] if row["result"] in {"ok", ""} else "failed"
    sizes = f"{row['bytes_read'] / 1000:,.1f}", f"{row['milliseconds'] / 1000:,.1f}"
    counts = [row[name] for name in ("account", "facility", "entity", "read", "changed", "deleted", "calls")]
    return [*counts, *sizes, row["findings"], result]


def _finish(rows: Sequence[dict[str, Any]], *, a_person_must_act: bool) -> None:
    if all(row["result"] == "ok" for row in rows):
        return
    for line in failure_lines(rows):
        say(line)
    say("A part of the sync failed; what was copied before stays as it was.")
    raise typer.Exit((ConfigurationError if a_person_must_act else UnavailableError).exit_code)


# -- what it did -------------------------------------------------------------------------------------------------------


@group.command("report")
def report(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id, or how ids begin (20260930: every run of that day, UTC); the last day when left out.",
            show_default=False,
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what runs read, changed and deleted, newest first: calls, bytes, time, findings. Asks no back office.

    A night is one run for each facility; the last day are the runs of 24 hours, up to the newest one.
    """
    from pmsbridge.store.copies import rows_of_run

    with open_bridge(context, asks_back_offices=False) as bridge:
        found = rows_of_run(bridge.database, run.strip() or None)
    if not found and run:
        shape = f"text of {len(run)} characters"
        raise NotFoundError("run", "there is no run of that id", shape=shape, remedy="The last: pmsbridge sync report")
    rows = [row_facts(row) for row in found]
    runs = sorted({row.run_id for row in found})
    if as_json:
        began, ended = [row.started_at for row in found], [row.finished_at for row in found]
        times = {"started_at": min(began, default=None), "finished_at": max(ended, default=None)}
        has_failed = any(row.error for row in found)
        print_json({"ok": not has_failed, "runs": runs, **times, "totals": totals_of(rows), "entities": rows})
        return
    if not rows:
        say("Nothing was copied yet. Now: pmsbridge sync")
        return
    _print_report(rows, _SHOWN_ROWS)
    if len(rows) > _SHOWN_ROWS:
        say(f"{len(rows) - _SHOWN_ROWS:,} older lines are not shown, of {len(rows):,}: more with --json")
    say(f"Run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs, {runs[0]} to {runs[-1]}")
    for line in failure_lines(rows):
        say(line)


# -- what it will cost -------------------------------------------------------------------------------------------------


@group.command("plan")
def plan(
    context: typer.Context, facility: FacilityOption = None, entity: EntityOption = None, as_json: JsonOption = False
) -> None:
    """Count the calls a night will make, against the month's budget. Asks no back office. Exit code 9 beyond it."""
    with open_bridge(context) as bridge:
        found = bridge.plan_sync(facility or None, entities=entity or None)
    lines = [plan_facts(line) for line in found.lines]
    if as_json:
        told = {"fits": found.fits, "calls": found.calls, "calls_at_most": found.calls_at_most}
        print_json({**told, "accounts": lines})
    else:
        _print_plan(lines)
    if not found.fits:
        say("The month of some facilities does not bear this night.")
        raise typer.Exit(EXIT_A_PERSON_MUST_LOOK)


def _print_plan(lines: Sequence[dict[str, Any]]) -> None:
    columns = [
        "account",
        ">facilities",
        "calls by part",
        ">portal accounts",
        ">calls",
        ">this month",
        ">budget",
        "fits",
    ]
    rows = [
        (
            line["account"], line["facilities"], _parts(line["calls_by_part"]), _span(line, "watched"),
            _span(line, "calls"), f"{line['used_this_month']:,}", _budget(line["budget"]), line["fits"],
        )
        for line in lines
    ]  # fmt: skip
    print_table("A night's calls", columns, rows)
    for line in lines:
        if not line["is_known"]:
            say(f"{line['account']}: the adapter does not say what its reads cost; one call per part is assumed.")
        if line["beyond"]:
            some = ", ".join(line["beyond"][:20])
            say(f"{line['account']}: beyond the month's budget: {len(line['beyond'])} facilities ({some})")
        if line["calls"] < line["calls_at_most"]:
            say(
                f"{line['account']}: accounts of tenants who use the portal are read when something about them changed."
            )
        if line["kept_for_people"]:
            say(f"{line['account']}: of the budget, {line['kept_for_people']:,} calls are kept for people.")


def _parts(calls: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in calls.items()) or "-"


def _span(line: dict[str, Any], name: str) -> str:
    least, most = line[name], line[f"{name}_at_most"]
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _budget(calls: int | None) -> str:
    return "none" if calls is None else f"{calls:,}"


# -- whether the copy is equal -----------------------------------------------------------------------------------------


@group.command("verify")
def verify(
    context: typer.Context, facility: FacilityOption = None, entity: EntityOption = None, as_json: JsonOption = False
) -> None:
    """Read everything anew and compare it with the mirror, field by field. Writes nothing. Exit code 9 on drift."""
    failed: dict[str, PmsBridgeError] = {}
    compared: list[dict[str, Any]] = []
    with open_bridge(context, tells_failures=True) as bridge:
        for name in [_name(bridge, each) for each in facility] if facility else _all_names(bridge):
            try:
                compared.append(verification_facts(bridge.verify_sync(name, entities=entity or None)))
            except (ConfigurationError, UnavailableError) as error:
                failed[name] = error
    is_equal = not failed and all(each["is_equal"] for each in compared)
    if as_json:
        told = [{"facility": name, "why": error.message} for name, error in failed.items()]
        print_json({"is_equal": is_equal, "facilities": compared, "failed": told})
    else:
        _print_verified(compared)
    _end_verify(compared, failed)


def _name(bridge: Bridge, facility: str) -> str:
    """Refuses an unknown one before anything is read."""
    adapter, code = bridge.place(facility)
    return f"{adapter.account_name}/{code}"


def _all_names(bridge: Bridge) -> list[str]:
    return [f"{account}/{code}" for account, adapter in bridge.adapters.items() for code in adapter.facility_codes]


def _print_verified(compared: Sequence[dict[str, Any]]) -> None:
    rows = [(f["account"], f["facility"], f["compared"], f["drifted"], _verdict(f)) for f in compared]
    print_table("Compared with the back office", ["account", "facility", ">records", ">different", "result"], rows)
    drifts = [line for found in compared for drift in found["drifts"] for line in _drift_lines(found, drift)]
    if drifts:
        columns = ["facility", "entity", "!id", "drift", "field", "mirror", "back office"]
        print_table("Drift", columns, drifts)
    untold = sum(found["drifted"] - len(found["drifts"]) for found in compared)
    if untold:
        say(f"{untold} more records are different.")


def _verdict(found: dict[str, Any]) -> str:
    if found["drifted"]:
        return "different"
    return "ok" if found["is_whole"] else "not whole"


def _drift_lines(found: dict[str, Any], drift: dict[str, Any]) -> list[Sequence[object]]:
    record = (f"{found['account']}/{found['facility']}", drift["entity"], drift["id"], drift["kind"])
    fields = [(each["field"], _short(each["mirror"]), _short(each["back_office"])) for each in drift["fields"]]
    return [(*record, *each) for each in fields or [("", "", "")]]


def _short(value: object) -> object:
    text = value if isinstance(value, str) else ""
    return f"{text[:_SHOWN_CHARACTERS]}... (more with --json)" if len(text) > _SHOWN_CHARACTERS else value


def _remedies(compared: Sequence[dict[str, Any]]) -> Iterator[str]:
    if any(found["drifted"] > found["rewrites"] for found in compared):
        yield "What the back office says differently is healed by: pmsbridge sync --full"
    if rewrites := sum(found["rewrites"] for found in compared):
        yield f"Somebody else has written into the mirror ({rewrites} differences). All is healed by:"
        yield "pmsbridge sync --full --rewrite"


def _end_verify(compared: Sequence[dict[str, Any]], failed: dict[str, PmsBridgeError]) -> None:
    for name, error in failed.items():
        say(f"{name} could not be compared: {error.message}")
    for found in compared:
        if not found["is_whole"]:
            say(f"{found['account']}/{found['facility']}: the back office's answer was not whole.")
    if any(not found["is_equal"] for found in compared):
        for line in _remedies(compared):
            say(line)
        raise typer.Exit(EXIT_A_PERSON_MUST_LOOK)
    if failed:
        is_ours = all(isinstance(error, ConfigurationError) for error in failed.values())
        raise typer.Exit((ConfigurationError if is_ours else UnavailableError).exit_code)
