"""``pmsbridge erase``: forget a person, or whoever left long ago."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pmsbridge.cli.durations import duration_of
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, facts_of, print_json, print_table, say
from pmsbridge.errors import UnavailableError

if TYPE_CHECKING:
    from pmsbridge.engine.retention import Judged, Retention
    from pmsbridge.store.erasing import Erasure

__all__ = ["erase"]


def erase(
    context: typer.Context,
    facility: Annotated[str, typer.Argument(help="L001, or ACCOUNT/L001; with --stale may be left out.")] = "",
    tenant: Annotated[str, typer.Argument(help="The back office's id of the tenant; not with --stale.")] = "",
    *,
    actor: Annotated[str, typer.Option(help="Who decided, for the trail (staff:ann).")],
    stale: Annotated[bool, typer.Option("--stale", help="Everybody who left long ago, and nobody else.")] = False,
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="With --stale: how long ago (730d); else store.keep_people.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go, and what keeps whom.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a tenant: copies of their data go; of what was done, ids, money and outcomes stay, and every trail holds.

    Erase them in the back office first: what it still lists comes back with the next copy.

    With --stale, forget everybody who left: nothing rented, owed, pending or under lien, no legal hold, and no sign of
    them for so long. Back offices are asked what they owe. The exit code is 7 where the copy is too old to judge by.
    """
    if stale:
        if tenant:
            raise typer.BadParameter("--stale takes no tenant: it finds them", param_hint="TENANT")
        _erase_stale(
            context,
            facility,
            actor,
            duration_of(older_than, "--older-than") if older_than else None,
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    if not facility or not tenant:
        raise typer.BadParameter("name a facility and a tenant, or say --stale", param_hint="FACILITY TENANT")
    if older_than:
        raise typer.BadParameter("goes together with --stale", param_hint="--older-than")
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


def _erase_stale(
    context: typer.Context, facility: str, actor: str, older_than: timedelta | None, *, dry_run: bool, as_json: bool
) -> None:
    with open_bridge(context) as bridge:
        found = bridge.erase_stale(
            [facility] if facility else None, actor=actor, older_than=older_than, dry_run=dry_run
        )
    if as_json:
        print_json({"is_dry_run": dry_run, "facilities": [_retention_facts(each) for each in found]})
    else:
        _show_stale(found, dry_run=dry_run)
    if any(each.problem for each in found):
        raise typer.Exit(UnavailableError.exit_code)


def _show_stale(found: Sequence[Retention], *, dry_run: bool) -> None:
    going = [(*_who(each, one), sum(one.rows.values())) for each in found for one in each.going]
    staying = [
        (*_who(each, one), why.code, why.text) for each in found for one in each.staying for why in one.hindrances
    ]
    if going:
        print_table("Would go" if dry_run else "Forgotten", ["facility", "tenant", "last seen", ">rows"], going)
    if staying:
        print_table("Stay", ["facility", "tenant", "last seen", "because", ""], staying)
    for each in found:
        for line in _told(each):
            say(line)


def _who(found: Retention, one: Judged) -> tuple[str, str, str]:
    last = one.last_seen_at.date().isoformat() if one.last_seen_at is not None else "never"
    return f"{found.account}/{found.facility}", one.tenant_id, last


def _told(found: Retention) -> Iterator[str]:
    place = f"{found.account}/{found.facility}"
    if found.problem:
        yield f"{place}: nobody was judged: tenants and rentals were not copied in the last two days (pmsbridge sync)"
        return
    verb = "would go" if found.is_dry_run else "went"
    yield f"{place}: {len(found.going)} {verb}, {len(found.staying)} stay, {found.renting} still rent"
    if found.questions:
        yield f"{place}: the words of {found.questions} questions of visitors {verb}"


def _retention_facts(found: Retention) -> dict[str, Any]:
    return {
        **facts_of(found, "account", "facility", "problem", "renting", "questions"),
        "kept_for_days": found.kept_for.days,
        "people": [
            {
                **facts_of(each, "tenant_id", "last_seen_at", "rows", "is_erased"),
                "goes": not each.hindrances,
                "because": [asdict(why) for why in each.hindrances],
            }
            for each in found.people
        ],
    }


def _warnings(found: Erasure) -> list[str]:
    lines = []
    if found.comes_back:
        lines.append("They still rent: the next copy brings back what the back office lists.")
    if not found.is_dry_run and not found.is_wiped:
        lines.append("Old versions of rows lie in the database's files until its next checkpoint or VACUUM.")
    return lines
