"""The simulated back office: its sites (opened on first use), its clock, its settings, and what is still to happen."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Final

from .access import Fingerprints
from .books import Books, apply_visible
from .calllog import CallLog
from .clock import Clock, RunningClock, business_day, morning
from .ledger import Journal
from .records import Rental, Site, SiteProfile
from .seeding import Seeder, location_code, site_profile
from .showcase import FIRST_SITE, UNITS, Showcase

_HISTORY_MONTHS: Final = 6
_SMALL: Final = 5000


@dataclass(slots=True)
class Settings:
    """What the control endpoint can change for the whole office.

    Attributes:
        payment_delay: Seconds until a payment shows in reads (real ones need up to 10).
        overlap_refused: Answer -99 to a call while another of the same account is running.
        bare_dates_refused: Answer HTTP 500 to a date without a time; accounts of the real service disagree.
        multiple_stops_after: Let a payment of several units stop after so many and then fail; None pays all or nothing.
        wsdl_drift: Changes to the published description, see `wsdl.py`.
    """

    payment_delay: float = 0.0
    overlap_refused: bool = False
    bare_dates_refused: bool = False
    multiple_stops_after: int | None = None
    wsdl_drift: list[dict[str, str]] = field(default_factory=list)


class Office:
    """Everything the back office holds. Take `lock` around any use of it."""

    def __init__(
        self, *, seed: int, sites: int, units: int, today: date | None = None, clock: Clock | None = None
    ) -> None:
        """An office of so many sites with so many units each.

        Args:
            seed: Decides all generated data.
            sites: Number of sites, `L001` onwards.
            units: Units per site; the first site has at least its showcase.
            today: Business day to start on; None is the real one.
            clock: Where time comes from; None runs from mid-morning of `today`.
        """
        self.seed, self.site_count, self.unit_count = seed, sites, units
        self.clock = clock or RunningClock(morning(today) if today else None)
        self.opened_on = today or business_day(self.clock.now())
        self.lock = threading.RLock()
        self.digests = Fingerprints(seed)
        self.settings = Settings()
        self.journal = Journal()
        self.books = Books(self.journal)
        self.log = CallLog(self.digests)
        self._sites: dict[str, Site] = {}
        self._codes = [location_code(n) for n in range(1, sites + 1)]
        self._positions = {code: n for n, code in enumerate(self._codes, start=1)}
        self._profiles: dict[str, SiteProfile] = {}
        self._later: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._pinned = threading.local()
        if sites:
            self.site(location_code(FIRST_SITE))

    @property
    def codes(self) -> list[str]:
        """All location codes in order."""
        return self._codes

    def now(self) -> datetime:
        """The present instant (UTC), or the one a late effect is happening at."""
        pinned: datetime | None = getattr(self._pinned, "instant", None)
        return pinned or self.clock.now()

    def today(self) -> date:
        """The business day at the server."""
        return business_day(self.now())

    def knows(self, code: str) -> bool:
        """Whether a location code exists."""
        return code in self._positions

    def profile(self, code: str) -> SiteProfile:
        """A site's public face, without opening its books."""
        if code not in self._profiles:
            self._profiles[code] = site_profile(self.seed, self._positions[code])
        return self._profiles[code]

    def site(self, code: str) -> Site:
        """A site with its books; generated on first use."""
        with self.lock:
            if code not in self._sites:
                self._sites[code] = self._generate(code)
            return self._sites[code]

    def open_sites(self) -> list[Site]:
        """The sites generated so far, by code."""
        return [self._sites[code] for code in sorted(self._sites)]

    def _generate(self, code: str) -> Site:
        site = Site(self.profile(code))
        first = site.profile.index == FIRST_SITE
        units = max(self.unit_count, UNITS) if first else self.unit_count
        months = _HISTORY_MONTHS if self.unit_count * self.site_count <= _SMALL else 1
        seeder = Seeder(site, self.books, self.seed, self.opened_on, units=units, months=months)
        seeder.prepare()
        if first:
            Showcase(seeder).build()
        seeder.fill()
        return site

    def rental(self, site: Site, ledger_id: int) -> Rental | None:
        """A running rental with every payment applied whose time has come; None when there is none of this number."""
        rental = site.rentals.get(ledger_id)
        if rental is None or not rental.active:
            return None
        apply_visible(rental, self.now())
        return rental

    def rentals(self, site: Site, tenant_id: int) -> list[Rental]:
        """The running rentals of a tenant, up to date."""
        found = site.active_rentals(tenant_id)
        for rental in found:
            apply_visible(rental, self.now())
        return found

    def touch(self, site: Site, rental: Rental) -> None:
        """Remember that a rental changed now."""
        rental.updated = self.now()
        site.units[rental.unit_id].updated = self.now()

    def do_later(self, seconds: float, effect: Callable[[], None]) -> None:
        """Let an effect happen so many seconds from now on this office's clock."""
        with self.lock:
            heapq.heappush(self._later, (self.now() + timedelta(seconds=seconds), next(self._order), effect))

    def catch_up(self) -> None:
        """Let everything happen whose time has come, each at its own time. Called before anybody looks."""
        with self.lock:
            while self._later and self._later[0][0] <= self.clock.now():
                due, _, effect = heapq.heappop(self._later)
                with self._at(due):
                    effect()

    @property
    def waiting_effects(self) -> int:
        """How many late effects have not happened yet."""
        return len(self._later)

    @contextmanager
    def _at(self, instant: datetime) -> Iterator[None]:
        self._pinned.instant = instant
        try:
            yield
        finally:
            self._pinned.instant = None
