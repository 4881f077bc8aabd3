"""What a sync has to tell, as JSON holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pmsbridge.cli.screen import facts_of
from pmsbridge.logging import redact, redact_value

if TYPE_CHECKING:
    from pmsbridge.engine.sync import Drift, PlannedAccount, SyncEvent, SyncReport, Verification
    from pmsbridge.store.mirror import Scope, SyncRow, UpsertCounts

__all__ = [
    "NOT_TRIED",
    "drift_facts",
    "event_facts",
    "failure_lines",
    "plan_facts",
    "report_facts",
    "row_facts",
    "totals_of",
    "verification_facts",
]

NOT_TRIED: Final = "not tried: "
"""How a report begins the reason of a part that was left out because another part of the account had failed."""

_SUMMED: Final = ("read", "changed", "unchanged", "deleted", "calls", "bytes_read", "milliseconds", "findings")


# -- reports -----------------------------------------------------------------------------------------------------------


def report_facts(report: SyncReport) -> dict[str, Any]:
    """A sync report."""
    rows = [row_facts(row) for row in report.rows]
    return {
        "ok": not report.failed,
        "a_person_must_act": report.a_person_must_act,
        "run_id": report.run_id,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "totals": totals_of(rows),
        "entities": rows,
    }


def row_facts(row: SyncRow) -> dict[str, Any]:
    """One line of a report."""
    return {
        **_place(row.scope),
        **_counts(row.counts),
        "deleted": row.deleted,
        "calls": row.calls,
        "bytes_read": row.bytes_read,
        "milliseconds": round(row.seconds * 1000),
        "findings": row.findings,
        "result": row.error or "ok",
    }


def totals_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """All lines of a report together."""
    return {name: sum(row[name] for row in rows) for name in _SUMMED}


def failure_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line per account, however many of its parts failed: its first reason, and how many others there are."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["result"] != "ok":
            reasons.setdefault(row["account"], []).append(str(row["result"]).removeprefix(NOT_TRIED))
    for account, told in reasons.items():
        others = len(set(told)) - 1
        more = f" ({others} more with --json)" if others else ""
        yield f"{account}, {len(told)} parts failed: {told[0]}{more}"


def _place(scope: Scope) -> dict[str, Any]:
    return facts_of(scope, "account", "facility", "entity")


def _counts(counts: UpsertCounts) -> dict[str, Any]:
    return facts_of(counts, "read", "changed", "unchanged")


# -- events ------------------------------------------------------------------------------------------------------------


def event_facts(event: SyncEvent) -> dict[str, Any]:
    """An event of a run; ``event`` says which, and ``run_id`` of which run."""
    from pmsbridge.engine.sync import BatchTaken, EntityFinished, EntityStarted, RunStarted

    match event:
        case RunStarted():
            places = [facts_of(key, "account", "facility") for key in event.facilities]
            told: dict[str, Any] = {"event": "run_started", **facts_of(event, "run_id", "at", "entities")}
            return {**told, "facilities": places}
        case EntityStarted():
            told = {"event": "entity_started", "run_id": event.run_id, **_place(event.scope)}
            return {**told, **facts_of(event, "is_full", "is_resumed", "held")}
        case BatchTaken():
            told = {"event": "batch_taken", "run_id": event.run_id, **_place(event.scope), **_counts(event.counts)}
            return {**told, **facts_of(event, "calls", "bytes_read"), "milliseconds": round(event.seconds * 1000)}
        case EntityFinished():
            return {"event": "entity_finished", "run_id": event.run_id, **row_facts(event.row)}
        case _:
            facts = report_facts(event.report)
            return {"event": "run_finished", **{name: facts[name] for name in facts if name != "entities"}}


# -- plans and comparisons ---------------------------------------------------------------------------------------------


def plan_facts(line: PlannedAccount) -> dict[str, Any]:
    """What a night asks of one account."""
    own = facts_of(
        line, "account", "facilities", "calls", "calls_at_most", "watched", "watched_at_most", "used_this_month",
        "budget",
    )  # fmt: skip
    parts = {name: calls for name, calls in line.calls_by_part.items() if calls}
    return {
        **own,
        "calls_by_part": parts,
        **facts_of(line, "kept_for_people", "beyond", "is_known"),
        "fits": not line.beyond,
    }


def verification_facts(found: Verification) -> dict[str, Any]:
    """What a full compare of one facility found."""
    return {
        **facts_of(found.facility, "account", "facility"),
        **facts_of(found, "at", "is_equal", "is_whole", "compared", "drifted", "rewrites", "not_offered"),
        "drifts": [drift_facts(drift) for drift in found.drifts],
    }


def drift_facts(drift: Drift) -> dict[str, Any]:
    """One record that differs; what looks like a secret is left out, in the mirror and in the back office."""
    fields = [
        {"field": name, "mirror": _shown(name, old), "back_office": _shown(name, new)}
        for name, (old, new) in sorted(drift.fields.items())
    ]
    remedy = "sync --full --rewrite" if drift.needs_rewrite else "sync --full"
    return {**facts_of(drift, "entity", "id"), "kind": drift.kind, "healed_by": remedy, "fields": fields}


def _shown(name: str, value: object) -> Any:  # noqa: ANN401 - a value of any column, as JSON holds it
    """The value without secrets, by every field's name and by what it looks like; what JSON has no form for as text."""
    clean: Any = redact_value({name: _opened(value)})
    (shown,) = clean.values()
    if isinstance(shown, dict | list):
        return json.dumps(shown, ensure_ascii=False, default=str)
    return shown if shown is None or isinstance(shown, bool | int) else redact(str(shown))


def _opened(value: object) -> object:
    """What a text of JSON holds: names inside of it say what is secret."""
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
