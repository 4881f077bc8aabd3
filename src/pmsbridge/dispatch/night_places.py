"""Which facilities have their nights already: each becomes known by itself, and one that cannot be read stops no other.

A night needs the facility's time zone. The settings have it, or the last copy; only else is the back office asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from pmsbridge.dispatch.nights import Nightly
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import NIGHT_WITHOUT_TIME
from pmsbridge.engine.refusals import concerns_account
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.engine.zones import checked_zone, known_zone
from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.store.findings import OpenFinding

__all__ = ["NightPlaces"]

_log = get_logger(__name__)
_WHAT_TO_DO: Final = "It has no night until its time zone is known; `pmsbridge sync` copies it, and then it is"


class NightPlaces:
    """Facilities, of which some may have to be asked for their time zone; for one thread at a time."""

    def __init__(
        self,
        runtime: Runtime,
        facilities: Iterable[FacilityKey],
        nights_of: Callable[[FacilityKey, str], Iterable[Nightly]],
    ) -> None:
        """Nobody is asked yet.

        Args:
            runtime: Whose adapters, mirror and findings.
            facilities: Those that should have nights.
            nights_of: From a facility and its zone to what is done there by the clock.
        """
        self._runtime = runtime
        self._missing = list(facilities)
        self._nights_of = nights_of
        self._told: set[FacilityKey] = set()
        # A person must act; what is the whole account's, its refusal says.
        self._in_vain: set[FacilityKey] = set()

    @property
    def missing(self) -> tuple[FacilityKey, ...]:
        """Those without a night so far."""
        return tuple(self._missing)

    def ask(self) -> list[Nightly]:
        """The nights of facilities that had none so far. Never raises.

        A back office that is away is asked for one facility and no more; one that says no is asked only once.
        """
        found: list[Nightly] = []
        away: set[str] = set()
        told: dict[FacilityKey, list[OpenFinding]] = {}
        survived("night_findings_not_read", lambda: told.update(self._open()))
        for key in self.missing:
            try:
                nights = self._nights(key, away)
            except Exception as error:  # noqa: BLE001 - one facility's failure never stops another's
                self._heed(key, error, away)
                continue
            if nights:
                found += nights
                self._missing.remove(key)
                for each in told.get(key, ()):
                    survived("finding_not_closed", partial(self._close, each))
        return found

    def _nights(self, key: FacilityKey, away: set[str]) -> list[Nightly]:
        """Its nights; none while nobody may be asked."""
        zone = known_zone(self._runtime, key)
        if zone is None:
            if key in self._in_vain or key.account in away:
                return []
            if why := self._runtime.refusals.why_not(key.account):
                raise ConfigurationError(why, code="log_on_refused")
            zone = self._runtime.adapters[key.account].facility(key.facility).zone
        checked_zone(zone)
        return list(self._nights_of(key, zone))

    def _heed(self, key: FacilityKey, error: Exception, away: set[str]) -> None:
        if concerns_account(error):
            survived("refusal_not_kept", partial(self._remember, key, error))
        elif isinstance(error, ConfigurationError):
            self._in_vain.add(key)
        else:
            away.add(key.account)
        if key not in self._told:
            self._told.add(key)
            why = error.message if isinstance(error, PmsBridgeError) else type(error).__name__
            _log.error("no_night_yet", account=key.account, facility=key.facility, why=why)
            survived("finding_not_kept", partial(self._runtime.findings.add, self._finding(key, why)))

    def _remember(self, key: FacilityKey, error: Exception) -> None:
        # What was met before, and is not asked again, is no new refusal.
        if not self._runtime.refusals.why_not(key.account):
            self._runtime.refusals.remember(key.account, error)

    def _finding(self, key: FacilityKey, why: str) -> Finding:
        place = f"{key.account}/{key.facility}"
        return Finding(
            code=NIGHT_WITHOUT_TIME, severity=Severity.URGENT, account=key.account, facility=key.facility,
            subject=place, text=f"{place}: {why.rstrip('.')}. {_WHAT_TO_DO}.", found_at=self._runtime.clock.now(),
        )  # fmt: skip

    def _open(self) -> dict[FacilityKey, list[OpenFinding]]:
        found: dict[FacilityKey, list[OpenFinding]] = {}
        for each in self._runtime.findings.open():
            if each.finding.code == NIGHT_WITHOUT_TIME:
                found.setdefault(FacilityKey(each.finding.account, each.finding.facility), []).append(each)
        return found

    def _close(self, found: OpenFinding) -> None:
        now = self._runtime.clock.now()
        self._runtime.findings.close(found.number, now, by="pmsbridge", note="its time zone is known")
