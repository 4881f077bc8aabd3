"""``pmsbridge status --stale``: what is old, and which logins have lost their tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import typer

from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import facts_of, print_json, print_table, say

if TYPE_CHECKING:
    from pmsbridge.store.staleness import Staleness

__all__ = ["show_stale"]

_SHOWN: Final = 50


def show_stale(
    context: typer.Context, older_than: timedelta, limit: int | None, now: datetime, *, as_json: bool
) -> None:
    """Print the report; asks no back office. ``limit`` is for how many rows of each table, 0 for all."""
    with open_bridge(context, asks_back_offices=False) as bridge:
        found = bridge.staleness(older_than=older_than)
    if as_json:
        print_json({"older_than_days": older_than.days, "facilities": [_facts(each, now) for each in found]})
        return
    shown = _SHOWN if limit is None else limit
    columns = ["facility", "copy of", "copied", ">old tenants", ">old accounts", ">lost logins"]
    print_table("How old what is held is", columns, [_row(each) for each in found])
    people = [(_place(each), who, f"{at:%Y-%m-%d}") for each in found for who, at in each.stale_tenants]
    _some("Tenants whose record is as it was", ["facility", "tenant", "since"], people, shown)
    accounts = [(_place(each), who, f"{at:%Y-%m-%d}") for each in found for who, at in each.stale_accounts]
    _some("Accounts that were not read since", ["facility", "tenant", "read"], accounts, shown)
    logins = [
        (_place(each), one.tenant_id, one.contact_id, one.reason, one.merged_into)
        for each in found for one in each.lost_logins
    ]  # fmt: skip
    _some("Logins that lost their tenant", ["facility", "tenant", "contact", "because", "now"], logins, shown)


def _some(title: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], shown: int) -> None:
    if not rows:
        return
    print_table(title, list(columns), list(rows[: shown or None]))
    if shown and len(rows) > shown:
        say(f"{len(rows) - shown:,} more: --limit 0")


def _place(found: Staleness) -> str:
    return f"{found.account}/{found.facility}"


def _row(found: Staleness) -> tuple[Any, ...]:
    part, at = min(found.copied_at.items(), key=lambda one: (one[1] is not None, one[1] or 0))
    copied = f"{at:%Y-%m-%d %H:%M}Z" if at is not None else "never"
    return _place(found), part, copied, len(found.stale_tenants), len(found.stale_accounts), len(found.lost_logins)


def _facts(found: Staleness, now: datetime) -> dict[str, Any]:
    oldest = found.oldest_copy_at
    return {
        **facts_of(found, "account", "facility", "copied_at"),
        "copy_age_hours": int((now - oldest).total_seconds() // 3600) if oldest is not None else None,
        "stale_tenants": [{"tenant_id": who, "unchanged_since": at} for who, at in found.stale_tenants],
        "stale_accounts": [{"tenant_id": who, "read_at": at} for who, at in found.stale_accounts],
        "lost_logins": [
            facts_of(one, "login_id", "tenant_id", "contact_id", "reason", "merged_into", "signed_in_at")
            for one in found.lost_logins
        ],
    }
