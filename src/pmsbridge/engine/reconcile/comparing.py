"""Reading both sides of the books for some business days, comparing them, and keeping what a person should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.reconcile.books import asked_rows, shown_rows, without_voided
from pmsbridge.engine.reconcile.difference import Difference, Moment
from pmsbridge.engine.reconcile.judging import judge
from pmsbridge.engine.reconcile.keeping import PREFIX, keep_findings
from pmsbridge.engine.reconcile.matching import Asked, Pair, Shown, match
from pmsbridge.engine.reconcile.report import FacilityReport, ReconcileReport, Unread
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.engine.zones import zone_of
from pmsbridge.errors import ConfigurationError, InputError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.payments_asked import PaymentsAsked
from pmsbridge.store.put_aside import put_aside

__all__ = ["Days", "Reconciler"]

_log = get_logger(__name__)

_NEIGHBOUR: Final = timedelta(days=1)
_ENOUGH_FAILURES: Final = 3


@dataclass(frozen=True, slots=True)
class Days:
    """Which business days to compare, in each facility's own zone.

    Attributes:
        since: First one; None for the last one alone.
        until: Last one, inclusive; None for today. A day that has not begun is not compared: the last is then today.
        close_at: Local time of the back office's daily close; None when it is not known.

    Raises:
        InputError: The first day is after the last one.
    """

    since: date | None = None
    until: date | None = None
    close_at: time | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise InputError("since", "is after until")

    def within(self, today: date, place: str) -> tuple[date, date]:
        """First and last day to compare at a facility.

        Raises:
            InputError: None of them has begun there.
        """
        since = self.since or self.until or today
        if since > today:
            problem = f"{since.isoformat()} has not begun at {place}, where it is {today.isoformat()}"
            raise InputError("since", problem, remedy="Name a day that has begun, or leave it out.")
        return since, min(self.until or today, today)


class Reconciler:
    """Compares what the journal says about payments with what the back offices show. Changes no payment."""

    def __init__(self, runtime: Runtime, *, close_together: timedelta = timedelta(hours=24)) -> None:
        """Nothing is read yet.

        Args:
            runtime: Whose journal and adapters are compared.
            close_together: Two settled wishes of one payer for the same rental and amount within this time are shown
                to a person.
        """
        self._runtime = runtime
        self._close_together = close_together
        self._asked = PaymentsAsked(runtime.database)

    def run(
        self,
        facilities: Iterable[FacilityKey] | None = None,
        days: Days | None = None,
        *,
        every_rental: bool = False,
        beat: Beat | None = None,
    ) -> ReconcileReport:
        """Compare, and bring the findings up to date: new ones are opened, those that are gone are closed.

        Args:
            facilities: Which; None for every facility of every account.
            days: Which business days; None for today.
            every_rental: Read the payments of all rentals in the mirror, not only of those that were paid through us:
                only this shows payments at the desk on other rentals. One call each.
            beat: Called after every rental; when it says False, the run ends where it is.

        Never raises for a back office's failure: that is in the report.

        Raises:
            InputError: The days have not begun at one of the facilities; the earlier ones were compared.
        """
        started = self._runtime.clock.now()
        keys = list(facilities) if facilities is not None else self._all_facilities()
        reports = []
        try:
            for key in keys:
                work = _Facility(self._runtime, key, days or Days(), self._close_together, self._asked, beat)
                report = work.compare(every_rental=every_rental)
                keep_findings(self._runtime.findings, report, self._runtime.clock.now())
                reports.append(report)
        except _StopError:
            _log.warning("reconcile_taken_over")
        return ReconcileReport(started, tuple(reports))

    def _all_facilities(self) -> list[FacilityKey]:
        return [
            FacilityKey(account, code)
            for account, adapter in self._runtime.adapters.items()
            for code in adapter.facility_codes
        ]


class _StopError(Exception):
    """Another process has taken this run over."""


class _Facility:
    """One facility's comparison."""

    def __init__(
        self,
        runtime: Runtime,
        key: FacilityKey,
        days: Days,
        close_together: timedelta,
        asked: PaymentsAsked,
        beat: Beat | None,
    ) -> None:
        self._runtime, self._key, self._days, self._beat = runtime, key, days, beat
        self._close_together, self._asked = close_together, asked
        self._unread: list[Unread] = []
        self._read: set[str] = set()
        self._known: set[str] = set()

    def compare(self, *, every_rental: bool) -> FacilityReport:
        try:
            adapter, zone = self._adapter(), zone_of(self._runtime, self._key)
        except Exception as error:  # noqa: BLE001 - one facility's failure never stops another's
            self._failed("", error)
            return self._report(self._unknown_moment())
        moment = self._moment(zone, self._runtime.settings.settle_window or adapter.settle_window)
        wanted = self._rentals(self._asked_rows(moment, zone), every_rental=every_rental)
        shown = self._shown_rows(adapter, wanted, moment)
        # Read once more: a payment that was made while the back office was read is ours, too.
        asked = [row for row in self._asked_rows(moment, zone) if row.rental_id in self._read]
        return self._compared(moment, asked, shown)

    def _adapter(self) -> Adapter:
        adapter = self._runtime.adapters.get(self._key.account)
        if adapter is None:
            message = f"account {self._key.account!r} is not configured"
            raise ConfigurationError(message, code="no_account")
        return adapter

    def _moment(self, zone: ZoneInfo, settle_window: timedelta) -> Moment:
        now = self._runtime.clock.now()
        since, until = self._days.within(now.astimezone(zone).date(), f"{self._key.account}/{self._key.facility}")
        close_at = self._days.close_at
        closes = datetime.combine(until, close_at, zone) if close_at is not None else None
        return Moment(
            since=since, until=until, read_at=now, settle_window=settle_window,
            close_together=self._close_together, close_at=close_at,
            before_close=None if closes is None else now < closes.astimezone(UTC),
        )  # fmt: skip

    def _unknown_moment(self) -> Moment:
        """The days as they were asked for: which ones have begun is not known without the facility's zone."""
        now = self._runtime.clock.now()
        until = self._days.until or max(now.date(), self._days.since or now.date())
        return Moment(self._days.since or until, until, now, timedelta(0), close_at=self._days.close_at)

    def _asked_rows(self, moment: Moment, zone: ZoneInfo) -> list[Asked]:
        """Payments of these days and of the days beside them: one that was sent at midnight may be posted after it."""
        since = datetime.combine(moment.since - _NEIGHBOUR, time.min, zone).astimezone(UTC)
        until = datetime.combine(moment.until + 2 * _NEIGHBOUR, time.min, zone).astimezone(UTC)
        return list(asked_rows(self._asked.between(self._key.account, self._key.facility, since, until), zone))

    def _rentals(self, asked: Iterable[Asked], *, every_rental: bool) -> dict[str, str]:
        """Rentals to read, with their tenants."""
        wanted = {row.rental_id: row.tenant_id for row in asked}
        mirrored = {
            row.id: row.tenant_id for row in self._runtime.mirror.rentals(self._key.account, self._key.facility)
        }
        self._known = {*wanted, *mirrored}
        return {**mirrored, **wanted} if every_rental else wanted

    def _shown_rows(self, adapter: Adapter, rentals: dict[str, str], moment: Moment) -> list[Shown]:
        found: list[Shown] = []
        first, last = moment.since - _NEIGHBOUR, moment.until + _NEIGHBOUR
        for rental_id, tenant_id in rentals.items():
            if self._has_given_up:
                self._unread.append(Unread(rental_id, f"not tried: {self._unread[-1].why}", self._must_act))
                continue
            try:
                payments = adapter.payments(self._key.facility, tenant_id, rental_id)
                found += [row for row in without_voided(shown_rows(payments, rental_id)) if first <= row.day <= last]
                self._read.add(rental_id)
            except Exception as error:  # noqa: BLE001 - one rental's failure never stops another's
                self._failed(rental_id, error)
            if self._beat is not None and not self._beat():
                raise _StopError
        return found

    def _failed(self, rental_id: str, error: Exception) -> None:
        self._unread.append(_failure(rental_id, error))
        self._runtime.refusals.remember(self._key.account, error)

    @property
    def _must_act(self) -> bool:
        return any(row.a_person_must_act for row in self._unread)

    @property
    def _has_given_up(self) -> bool:
        """Refused credentials are not tried again: repeated refusals lock accounts."""
        return self._must_act or len(self._unread) >= _ENOUGH_FAILURES

    def _compared(self, moment: Moment, asked: Iterable[Asked], shown: Iterable[Shown]) -> FacilityReport:
        matching = match(asked, shown)
        pairs = tuple(pair for pair in matching.pairs if moment.holds(pair.shown.day))
        alone = tuple(row for row in matching.shown_alone if moment.holds(row.day))
        both = tuple(sorted((*(pair.shown for pair in pairs), *alone), key=lambda row: row.order))
        aside = put_aside(self._runtime.database, self._key.account, self._key.facility, PREFIX)
        judged = judge(matching, moment)
        differences = tuple(replace(row, closed_by=aside.get((row.code, row.subject), "")) for row in judged)
        return self._report(moment, found=pairs, shown=both, differences=differences)

    def _report(
        self,
        moment: Moment,
        *,
        found: tuple[Pair, ...] = (),
        shown: tuple[Shown, ...] = (),
        differences: tuple[Difference, ...] = (),
    ) -> FacilityReport:
        return FacilityReport(
            account=self._key.account, facility=self._key.facility, since=moment.since, until=moment.until,
            close_at=moment.close_at, before_close=moment.before_close, read_at=moment.read_at,
            rentals_read=len(self._read), rentals_known=len(self._known), unread=tuple(self._unread),
            found=found, shown=shown, differences=differences,
        )  # fmt: skip


def _failure(rental_id: str, error: Exception) -> Unread:
    why = error.message if isinstance(error, PmsBridgeError) else f"unexpected {type(error).__name__}"
    return Unread(rental_id, why, isinstance(error, ConfigurationError))
