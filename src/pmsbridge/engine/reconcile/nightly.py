"""The comparison by the clock: at a time of its own, or after the nightly sync of its facility."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.engine.deliver import Beat, Job, Runtime
from pmsbridge.engine.reconcile.comparing import Days, Reconciler
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.engine.zones import zone_of
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calling import for_a_night

__all__ = ["after_sync", "comparison_of"]

_log = get_logger(__name__)

_DAY: Final = timedelta(days=1)
_LOOK_BACK: Final = timedelta(days=31)


def comparison_of(
    runtime: Runtime, key: FacilityKey, name: str, *, close_at: time | None = None, every_rental: bool = False
) -> Job:
    """A job for ``Runtime.jobs`` that compares a facility's payments up to the business day of its slot.

    It begins with the business day on which it last came to its end, so that nothing falls between two runs; the first
    time with the day before. It goes back 31 days at most. It fails when anything could not be read: that
    is a finding, and the next run begins with the same day. An account that has refused our log-on is not asked.

    Args:
        runtime: Whose journal and adapters are compared.
        key: Which facility.
        name: What the job is called in ``Runtime.jobs``.
        close_at: Local time of the back office's daily close; None when it is not known.
        every_rental: Read every rental in the mirror, one call each, not only those paid through us.
    """

    def job(slot: datetime, beat: Beat) -> None:
        if why := runtime.refusals.why_not(key.account):
            message = f"not tried: {why}"
            raise ConfigurationError(message, code="reconcile_failed")
        with for_a_night():
            days = _days_since_success(runtime, key, name, slot, close_at)
            reports = Reconciler(runtime).run([key], days, every_rental=every_rental, beat=beat).facilities
        if not reports:
            message = "another process has taken the comparison over"
            raise UnavailableError(message, code="reconcile_taken_over")
        if reports[0].unread:
            raise UnavailableError(reports[0].unread_text, code="reconcile_failed")

    return job


def _days_since_success(runtime: Runtime, key: FacilityKey, name: str, slot: datetime, close_at: time | None) -> Days:
    zone = _zone_or_utc(runtime, key)
    until = slot.astimezone(zone).date()
    since = min(_compared_until(runtime, name, slot).astimezone(zone).date(), until)
    if since < until - _LOOK_BACK:
        _log.warning("reconcile_days_left_out", job=name, since=since.isoformat(), days=_LOOK_BACK.days)
    return Days(since=max(since, until - _LOOK_BACK), until=until, close_at=close_at)


def _compared_until(runtime: Runtime, name: str, slot: datetime) -> datetime:
    """The last slot that came to its end; a day before the first one that did not, where none ever did."""
    last = runtime.runs.last_success(name)
    return last if last is not None else min((*runtime.runs.unfinished(name), slot)) - _DAY


def _zone_or_utc(runtime: Runtime, key: FacilityKey) -> ZoneInfo:
    try:
        return zone_of(runtime, key)
    except Exception:  # noqa: BLE001 - the comparison meets it again, and reports it
        return ZoneInfo("UTC")


class _AfterSync:
    """A night: the sync, then the comparison as a run of its own, whose failure is not the sync's."""

    def __init__(self, runtime: Runtime, sync: Job, comparison: Job, name: str) -> None:
        self._runtime, self._sync, self._comparison, self._name = runtime, sync, comparison, name
        self._beat: Beat = _always

    def night(self, slot: datetime, beat: Beat) -> None:
        self._sync(slot, beat)
        self._beat = beat
        try:
            self._runtime.tick(self._name, slot)
        except Exception as error:  # noqa: BLE001 - the sync is done, and stays done
            _log.error("reconcile_not_started", job=self._name, why=type(error).__name__)
        finally:
            self._beat = _always  # a comparison tried again later is nobody's night

    def comparison(self, slot: datetime, beat: Beat) -> None:
        """Holds the night's run as well as its own while it works."""
        self._comparison(slot, lambda: beat() and self._beat())


def _always() -> bool:
    return True


def after_sync(runtime: Runtime, sync: Job, comparison: Job, name: str) -> Job:
    """A job that does the sync and then the comparison, which is from now on ``Runtime.jobs[name]``.

    A sync that fails is not followed by a comparison: the back office is away, or refuses us. A comparison that fails
    never fails the sync.
    """
    both = _AfterSync(runtime, sync, comparison, name)
    runtime.jobs[name] = both.comparison
    return both.night
