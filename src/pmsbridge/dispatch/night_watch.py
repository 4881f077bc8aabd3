"""Nights that did not take place: each is told once over all processes, and the alarm ends with the next good night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pmsbridge.dispatch.nights import Nightly, latest_slot, night_of, slots_between
from pmsbridge.dispatch.sober_clock import missed_name
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import MissedNight, NightAlarm
from pmsbridge.store.runs import Run, RunState

__all__ = ["NightWatch"]

_LOOK_BACK: Final = timedelta(days=31)
_TELLING: Final = timedelta(minutes=15)
_A_MOMENT: Final = timedelta(microseconds=1)


class NightWatch:
    """Looks for missed nights. Every process may have one: each night is told once.

    A night is missed when it has not come to its end within the patience, and when the next one has come.
    """

    def __init__(self, runtime: Runtime, nights: Iterable[Nightly], alarm: NightAlarm, *, patience: timedelta) -> None:
        """Nothing is looked at yet.

        Args:
            runtime: Whose record of what ran.
            nights: What should take place.
            alarm: Whom to tell.
            patience: How long a night may be late, and how long one may take.
        """
        self._runtime = runtime
        self._nights = tuple(nights)
        self._alarm = alarm
        self._patience = patience
        self._began = runtime.clock.now()
        # Until which slot, by job, everything is known to be done or told.
        self._known: dict[str, datetime] = {}
        self._looked_at = self._began

    def add(self, nights: Iterable[Nightly]) -> None:
        """Some more that should take place."""
        self._nights += tuple(nights)

    def look(self) -> int:
        """Tell of what was missed, and end alarms; returns how many nights were told."""
        now = self._runtime.clock.now()
        if now < self._looked_at:
            self._known.clear()
            self._began = min(self._began, now)
        self._looked_at = now
        told: list[MissedNight] = []
        for nightly in self._nights:
            survived("watch_failed", partial(self._look_at, nightly, now, told), job=nightly.job)
        if told:
            self._alarm.tell(told)
        for missed in told:
            self._runtime.runs.finish(missed_name(missed.job), missed.slot, self._alarm.owner)
        return len(told)

    def _look_at(self, nightly: Nightly, now: datetime, told: list[MissedNight]) -> None:
        latest = latest_slot(nightly, now)
        if self._known.get(nightly.job) == latest:
            return
        since = self._since(nightly, now)
        ran = self._runtime.runs.since(nightly.job, since - timedelta(days=1))
        done = {night_of(nightly, run.slot) for run in ran if run.state is RunState.DONE}
        slots = [*slots_between(nightly, since - _A_MOMENT, latest)]
        undone = {slot: _run_of(ran, slot) for slot in slots if night_of(nightly, slot) not in done}
        late = [slot for slot, run in undone.items() if self._is_missed(slot, run, latest, now)]
        untold = [slot for slot in late if not self._is_told(nightly, slot)]
        told += [missed for slot in untold if (missed := self._claimed(nightly, slot, undone[slot])) is not None]
        # What is being told now, here or elsewhere, may yet be told by nobody.
        if len(late) == len(undone) and not untold:
            self._known[nightly.job] = latest
        if slots and latest not in undone:
            self._alarm.end(nightly.job, nightly.account, nightly.facility, night_of(nightly, latest))

    def _since(self, nightly: Nightly, now: datetime) -> datetime:
        known = self._known.get(nightly.job)
        if known is not None:
            return max(known + _A_MOMENT, now - _LOOK_BACK)
        first = self._runtime.runs.first_slot(nightly.job)
        return latest_slot(nightly, self._began) if first is None else max(first, now - _LOOK_BACK)

    def _is_missed(self, slot: datetime, run: Run | None, latest: datetime, now: datetime) -> bool:
        if run is not None and run.state is RunState.RUNNING and run.lease_until >= now:
            return now - run.started_at >= self._patience
        return slot < latest or now - max(slot, self._began) >= self._patience

    def _is_told(self, nightly: Nightly, slot: datetime) -> bool:
        claim = self._runtime.runs.standing({missed_name(nightly.job): slot}).get(missed_name(nightly.job))
        return claim is not None and claim.state is RunState.DONE

    def _claimed(self, nightly: Nightly, slot: datetime, run: Run | None) -> MissedNight | None:
        """What to tell; None when another process is telling it."""
        if not self._runtime.runs.start(missed_name(nightly.job), slot, self._alarm.owner, _TELLING):
            return None
        return MissedNight(
            nightly.job, slot, night_of(nightly, slot), nightly.account, nightly.facility, " ".join(_why(run))
        )  # fmt: skip


def _run_of(ran: Iterable[Run], slot: datetime) -> Run | None:
    return next((run for run in ran if run.slot == slot), None)


def _why(run: Run | None) -> Iterator[str]:
    if run is None:
        yield "it was never started: no process with the nightly clock was at work"
    elif run.state is RunState.RUNNING:
        yield "it was started and has not ended"
    else:
        yield f"it failed: {run.message.rstrip('.')}"
