"""``pmsbridge status``: how old the copy is, how the journal stands, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.cli.durations import duration_of
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.cli.setting_checks import Declared, setting_checks
from pmsbridge.cli.stale import show_stale
from pmsbridge.cli.sync_facts import NOT_TRIED
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.store.copies import Copy
    from pmsbridge.store.mirror import SyncRow

__all__ = ["age", "status"]

_SHOWN: Final = 50
_CODES_TOLD: Final = 20
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_UNITS: Final = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))
_RECORD_OF: Final = {
    Entity.FACILITIES: "facility",
    Entity.UNITS: "unit",
    Entity.TENANTS: "tenant",
    Entity.RENTALS: "rental",
}


def status(
    context: typer.Context,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="How many facilities; 0 for all. 50 when left out, with --json all."),
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Instead: old copies, records and accounts, logins without their tenant.")
    ] = False,
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="With --stale: what is older than that; 365d when left out.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show facilities and the age of their copy, oldest first, actions by outcome, and open findings. Asks nobody."""
    now = datetime.now(UTC)
    if stale:
        show_stale(context, duration_of(older_than or "365d", "--older-than"), limit, now, as_json=as_json)
        return
    if older_than:
        raise typer.BadParameter("goes together with --stale", param_hint="--older-than")
    with open_bridge(context, asks_back_offices=False) as bridge:
        every = _facilities(bridge, now)
        journal, found = _journal(bridge, now), _findings(bridge)
        declared = {name: Declared.of(adapter) for name, adapter in bridge.adapters.items()}
        wrong = [f"{check.name}: {check.detail}. {check.remedy}" for check in setting_checks(bridge.settings, declared)]
    shown = (0 if as_json else _SHOWN) if limit is None else limit
    facts = {
        "facilities_in_all": len(every),
        "facilities": every[: shown or None],
        "journal": journal,
        "findings": found,
        "settings": wrong,
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts, every)


def age(span: timedelta) -> str:
    """A length of time in its largest whole unit: "3 h"."""
    for unit, word in _UNITS:
        if span >= unit:
            return f"{span // unit} {word}"
    return f"{max(int(span.total_seconds()), 0)} s"


def _facilities(bridge: Bridge, now: datetime) -> list[dict[str, Any]]:
    """All of them: without a whole copy first, then those with the oldest."""
    from pmsbridge.store.copies import Copy, copies

    known = copies(bridge.database)
    found = [
        _facility(account, code, known.get((account, code), Copy()), now)
        for account, adapter in bridge.adapters.items()
        for code in adapter.facility_codes
    ]
    return sorted(found, key=lambda facts: facts["copied_at"] or _NEVER)


def _facility(account: str, code: str, known: Copy, now: datetime) -> dict[str, Any]:
    """The copy is as old as its oldest part; where a part was never copied, there is no whole copy and no age."""
    copied = {entity: known.synced_at.get(record) for entity, record in _RECORD_OF.items()}
    never = [entity.value for entity, at in copied.items() if at is None]
    oldest = None if never else min(at for at in copied.values() if at is not None)
    failed = [row for row in known.reports.values() if row.error]
    return {
        "account": account,
        "facility": code,
        "name": known.name,
        "copied_at": oldest,
        "age": age(now - oldest) if oldest is not None else None,
        "never_copied": never,
        "last_sync": _last_sync(has_failed=bool(failed), parts=len(copied), missing=len(never)),
        "failed_sync": _failed_sync(failed),
    }


def _last_sync(*, has_failed: bool, parts: int, missing: int) -> str:
    """In one word; "ok" only when every part is there and none failed last time."""
    if has_failed:
        return "failed"
    if missing == parts:
        return "never"
    return "partly" if missing else "ok"


def _failed_sync(failed: Sequence[SyncRow]) -> dict[str, Any] | None:
    """What went wrong when a facility was last copied; None when nothing did."""
    if not failed:
        return None
    told = [row for row in failed if not row.error.startswith(NOT_TRIED)] or list(failed)
    return {
        "at": max(row.finished_at for row in failed),
        "parts": sorted(row.scope.entity for row in failed),
        "why": min(told, key=lambda row: row.finished_at).error,
    }


def _journal(bridge: Bridge, now: datetime) -> dict[str, Any]:
    counts = bridge.journal.counts()
    oldest = counts.oldest_pending_at
    return {
        "actions": {outcome.value: counts.by_outcome.get(outcome, 0) for outcome in Outcome},
        "open_effects": counts.open_effects,
        "oldest_pending_at": oldest,
        "oldest_pending_age": age(now - oldest) if oldest is not None else None,
    }


def _findings(bridge: Bridge) -> list[dict[str, Any]]:
    from pmsbridge.store.findings import Findings

    return [
        {"number": each.number, "times": each.times, "seen_at": each.seen_at, **each.finding.model_dump(mode="json")}
        for each in Findings(bridge.database).open()
    ]


def _print(facts: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (f["account"], f["facility"], f["name"], _age_of(f), ", ".join(f["never_copied"]), f["last_sync"])
        for f in facts["facilities"]
    ]
    columns = ["account", "facility", "name", ">age of copy", "not copied yet", "last sync"]
    print_table("Facilities", columns, rows)
    if untold := len(every) - len(facts["facilities"]):
        say(f"{untold:,} facilities with younger copies are not shown, of {len(every):,}: pmsbridge status --limit 0")
    for line in _failures(every):
        say(line)
    journal = facts["journal"]
    print_table("Actions", list(journal["actions"]), [list(journal["actions"].values())])
    found = [(f["number"], f["severity"], f["facility"], f["code"], f["text"], f["times"]) for f in facts["findings"]]
    if found:
        print_table("Open findings", [">#", "severity", "facility", "code", "what", ">seen"], found)
    for line in facts["settings"]:
        say(line)
    _advise(every, journal)


def _age_of(facility: Mapping[str, Any]) -> str:
    if facility["age"]:
        return str(facility["age"])
    return "no copy" if len(facility["never_copied"]) == len(_RECORD_OF) else "no whole copy"


def _failures(facilities: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per account and reason."""
    reasons: dict[tuple[str, str], tuple[datetime, list[str]]] = {}
    for facility in facilities:
        if failed := facility["failed_sync"]:
            _, codes = reasons.setdefault((facility["account"], failed["why"]), (failed["at"], []))
            codes.append(facility["facility"])
    for (account, why), (at, codes) in reasons.items():
        some = ", ".join(codes[:_CODES_TOLD]) + (
            f" and {len(codes) - _CODES_TOLD:,} more" if codes[_CODES_TOLD:] else ""
        )
        yield f"The last sync of {account} ({some}) failed at {at:%Y-%m-%d %H:%M}Z: {why}"


def _advise(facilities: Sequence[Mapping[str, Any]], journal: Mapping[str, Any]) -> None:
    if any(facility["last_sync"] in {"never", "partly"} for facility in facilities):
        say("What is not copied yet comes with the next night, or now: pmsbridge sync")
    if journal["actions"]["needs_review"]:
        say("Some actions wait for a person: pmsbridge actions list --outcome needs_review")
    if journal["oldest_pending_age"]:
        say(f"The oldest pending action was asked for {journal['oldest_pending_age']} ago.")
