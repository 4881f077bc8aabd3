"""Calls of one live dashboard, by back office, each counted where they arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks import harness
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import Adapter
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge_sitelink.sandbox import spawn
from pmsbridge_tryton.sandbox.recipe import NoTrytonError, recipe
from pmsbridge_tryton.sandbox.serving import running_tryton
from pmsbridge_tryton.sandbox.yard import Yard
from tests import live_dashboards
from tests.adapters.sitelink.office import RENEE, SITE, adapter_on
from tests.adapters.tryton.account import FACILITY, adapter_of, days
from tests.adapters.tryton.weather import weather_before

__all__ = ["Live", "live_calls"]


@dataclass(frozen=True, slots=True)
class Live:
    """What one live dashboard costs a back office.

    Attributes:
        rentals: Of the tenant, ended ones and the account of a customer too.
        wanted: The most calls that are promised for so many rentals.
        why: Why these may be more than three.
    """

    office: str
    rentals: int
    calls: int
    wanted: int = live_dashboards.MOST
    why: str = ""

    @property
    def claim(self) -> harness.Claim:
        """That it takes no more than is promised."""
        because = f" ({self.why})" if self.wanted > live_dashboards.MOST else ""
        return harness.Claim(
            f"live dashboard, {self.office}, rentals: {self.rentals}", f"<= {self.wanted} calls{because}",
            f"{self.calls} calls", self.calls <= self.wanted,
        )  # fmt: skip


def live_calls(folder: Path, say: Callable[[str], None]) -> list[Live]:
    """Of every back office that can be run here."""
    found = [_of_sitelink(folder)]
    for name, cost in live_dashboards.MAPPED.items():
        (own := folder / name).mkdir()
        with live_dashboards.before(name, own) as look:
            for tenant_id in ("1001", "1002"):
                rentals, calls = look(tenant_id)
                found.append(Live(name, rentals, calls, max(live_dashboards.MOST, cost.of(rentals)), cost.why))
    return found + _of_tryton(folder, say)


def _of_sitelink(folder: Path) -> Live:
    with (
        spawn(today=date(2026, 11, 21), units=40, sites=1) as control,
        _bridge(folder, "sitelink", adapter_on(control)) as bridge,
    ):
        rentals, calls = _second_look(bridge.tenant(SITE, RENEE), lambda: len(control.calls()))
    return Live("SiteLink", rentals, calls)


def _of_tryton(folder: Path, say: Callable[[str], None]) -> list[Live]:
    """Of a real server; nothing where none is installed."""
    try:
        made = recipe()
    except NoTrytonError:
        made = None
    if made is None or not (made.installed_mark.exists() and made.books.is_dir()):
        say("Tryton is not installed here (pmsbridge sandbox tryton installs it): its calls are not counted")
        return []
    with running_tryton(made, made.books) as server, weather_before("127.0.0.1", server.port) as way:
        yard = Yard(server.caller("staff"), server.facts)
        customer = yard.customer()
        yard.on_rent(customer, {"GEN-20": 2}, start=days(-20), days=60)
        adapter = adapter_of(server, url=way.url)
        with _bridge(folder, "tryton", adapter) as bridge:
            session = bridge.tenant(FACILITY, str(customer.id))
            rentals, calls = _second_look(session, lambda: len(way.calls))
        adapter.close()
    return [Live("Tryton", rentals, calls, live_dashboards.TRYTON.of(rentals) + 1, live_dashboards.TRYTON.why)]


def _bridge(folder: Path, system: str, adapter: Adapter) -> Bridge:
    name, database = adapter.account_name, open_database(f"sqlite:///{folder}/{system}.db")
    settings = Settings(accounts={name: AccountSettings(system=system)})
    return Bridge(settings, database=database, adapters={name: adapter}, mailer=None)


def _second_look(session: TenantSession, count: Callable[[], int]) -> tuple[int, int]:
    """How many rentals there are, and calls of a look; the facility itself was read by the first."""
    session.dashboard()
    before = count()
    return len(session.dashboard().account.rentals), count() - before
