"""Before the tenant comes: the check-up, the night, and the first look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.doctor import examine
from pmsbridge.cli.sync import sync_with_bars

if TYPE_CHECKING:
    from pmsbridge import Dashboard

__all__ = ["everything_is_there", "show_dashboard", "the_dashboard", "the_night"]

TENANT = "several_units"


def everything_is_there(stage: Stage, teller: Teller) -> None:
    """The doctor looks at settings, secrets, store, mail and the back office."""
    teller.scene("The doctor looks in")
    checks = list(examine(stage.bridge.settings))
    teller.show("", ["check", "status", "what"], [(c.name, c.status, c.detail) for c in checks])
    teller.note(doctor=[{"name": c.name, "status": c.status} for c in checks])
    teller.check("nothing that is needed is missing", holds=all(c.status != "failed" for c in checks))


def the_night(stage: Stage, teller: Teller) -> None:
    """Two facilities are copied into the mirror."""
    teller.scene("The nightly sync copies two facilities into the mirror")
    report = sync_with_bars(stage.bridge, None, None, teller.error_console)
    rows = report["entities"]
    columns = ["facility", "entity", ">read", ">changed", ">deleted", "result"]
    teller.show(
        "",
        columns,
        [[row[name] for name in ("facility", "entity", "read", "changed", "deleted", "result")] for row in rows],
    )
    teller.note(sync=rows)
    facilities = {row["facility"] for row in rows}
    teller.check("two facilities are in the mirror", holds=len(facilities) == 2)  # noqa: PLR2004 - the story's own number
    teller.check("no part of the sync failed", holds=all(row["result"] == "ok" for row in rows))


def the_dashboard(stage: Stage, teller: Teller) -> None:
    """The tenant opens the portal."""
    teller.scene(f"{stage.names[TENANT]} opens the portal")
    dashboard = stage.session(TENANT).dashboard()
    show_dashboard(dashboard, teller)
    teller.note(dashboard=dashboard_facts(dashboard))
    owed = stage.books.balance(stage.people[TENANT])
    teller.check(
        f"the portal says what the books say: {dashboard.total.payable_now}",
        holds=dashboard.total.payable_now.amount == owed,
    )


def show_dashboard(dashboard: Dashboard, teller: Teller) -> None:
    """Units, balances and autopay as a table."""
    rows = [
        (
            row.rental.unit_number,
            row.rental.paid_through,
            row.balances.payable_now,
            _autopay(row),
            row.rental.leaving_on,
        )
        for row in dashboard.rows
    ]
    total = dashboard.total.payable_now
    read = f"read {dashboard.source.value} at {dashboard.as_of:%H:%M:%S}Z"
    title = f"Hello {dashboard.greeting}. {dashboard.facility.name}, {total} to pay, {read}"
    teller.show(title, ["unit", "paid through", ">to pay now", "autopay", "leaving on"], rows)
    allowed = sorted({offer.kind.words for offer in dashboard.offers if offer.allowed})
    denied = [offer for offer in dashboard.offers if not offer.allowed and offer.rental_id is None]
    teller.say("May: " + ", ".join(allowed) + ".")
    for offer in denied:
        teller.say(f"May not {offer.kind.words}: {offer.message} {offer.unblock}".rstrip())


def _autopay(row: object) -> str:
    autopay = getattr(row, "autopay", None)
    if autopay is None:
        return "-"
    face = autopay.method.face if autopay.method is not None else None
    stored = f", ****{face.last4} stored" if face is not None else ""
    return ("on" if autopay.is_on else "off") + stored


def dashboard_facts(dashboard: Dashboard) -> dict[str, object]:
    """The dashboard as JSON holds it."""
    return {
        "greeting": dashboard.greeting,
        "source": dashboard.source,
        "as_of": dashboard.as_of,
        "payable_now": dashboard.total.payable_now,
        "units": [
            {
                "unit": row.rental.unit_number,
                "payable_now": row.balances.payable_now,
                "paid_through": row.rental.paid_through,
                "autopay": _autopay(row),
                "leaving_on": row.rental.leaving_on,
            }
            for row in dashboard.rows
        ],
        "may": sorted({offer.kind.value for offer in dashboard.offers if offer.allowed}),
    }
