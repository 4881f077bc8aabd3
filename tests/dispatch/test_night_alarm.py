"""A night that did not take place is told once, over all processes, and the alarm ends with the next good one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.recovery import dispatch_health, night_health
from pmsbridge.dispatch.schedule import Nightly, Schedule
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.gauges import journal_gauges
from pmsbridge.engine.night_alarm import NightAlarm
from pmsbridge.engine.night_copy import copied_never, night_copy_of, note_copies
from pmsbridge.engine.notices.staff import FacilityStaff
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.store.feed_room import KeptFor
from tests.engine.stage import Sink, Stage

HERE = FacilityKey("mem", "F1")
NIGHTS = [
    Nightly("sync mem/F1", time(2, 30), "America/Chicago", "mem", "F1"),
    Nightly("sync mem/F2", time(2, 30), "Europe/Paris", "mem", "F2"),
]
PATIENCE = timedelta(hours=4)
A_DAY = timedelta(days=1)


class Portal:
    """One process with a clock and a watch, over the stage's database."""

    def __init__(self, stage: Stage, sink: Sink, *, mails: bool = True) -> None:
        self.runtime: Runtime = stage.runtime(mailer=sink)
        self.failing: list[Exception] = []
        self.ran: list[tuple[str, datetime]] = []
        for nightly in NIGHTS:
            self.runtime.jobs[nightly.job] = self._job(nightly.job)
        staff = FacilityStaff(self.runtime.mirror)
        alarm = NightAlarm(self.runtime, staff.scribe, mails=mails)
        self.watch = NightWatch(self.runtime, NIGHTS, alarm, patience=PATIENCE)
        self.schedule = Schedule(self.runtime, NIGHTS, watch=self.watch)

    def _job(self, name: str) -> Callable[[datetime, Any], None]:
        def job(slot: datetime, _beat: object) -> None:
            self.ran.append((name, slot))
            if self.failing:
                raise self.failing[0]

        return job


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def sink() -> Sink:
    return Sink()


def told(portal: Portal) -> list[tuple[str, int]]:
    return [(found.finding.subject, found.times) for found in portal.runtime.findings.open()]


def _copied(portal: Portal) -> None:
    Sync(portal.runtime).run()


def test_a_night_that_nobody_ran_is_told_once_by_finding_mail_and_log_and_over_all_processes(
    stage: Stage, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Portal(stage, sink), Portal(stage, sink)
    _copied(first)
    assert first.schedule.look() == 2
    stage.later(timedelta(days=3))  # no look in all this time
    with caplog.at_level(logging.ERROR):
        assert (first.watch.look(), second.watch.look(), first.watch.look()) == (6, 0, 0)

    assert sorted(told(first)) == [("sync mem/F1", 3), ("sync mem/F2", 3)]
    (finding, _) = first.runtime.findings.open()
    assert "the night of 2026-11-24 was missed; it was never started" in finding.finding.text
    assert "pmsbridge run" in finding.finding.text
    assert sum("night_missed" in record.getMessage() for record in caplog.records) == 6
    first.runtime.run_due()
    assert len(sink.mails) == len({mail.to for mail in sink.mails}) > 0
    assert all("2026-11-22" in mail.text and "2026-11-23" in mail.text for mail in sink.mails)


def test_a_night_that_is_late_is_told_after_the_patience_and_one_that_was_done_late_is_not(
    stage: Stage, sink: Sink
) -> None:
    portal = Portal(stage, sink)
    portal.schedule.look()
    stage.later(timedelta(hours=14, minutes=25))  # 05:25 UTC: Paris is four hours late in five minutes
    assert portal.watch.look() == 0
    stage.later(timedelta(minutes=5))
    assert portal.watch.look() == 1
    assert told(portal) == [("sync mem/F2", 1)]
    stage.later(timedelta(hours=6, minutes=30))
    assert portal.schedule.look() == 2  # Chicago, three and a half hours late, and Paris
    stage.later(timedelta(hours=5))

    assert portal.watch.look() == 0
    assert told(portal) == []


def test_an_alarm_ends_when_a_later_night_succeeds_and_not_before(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    portal.schedule.look()
    portal.failing.append(UnavailableError("the back office is away"))
    stage.later(timedelta(hours=24))
    portal.schedule.look()
    stage.later(PATIENCE)
    assert portal.watch.look() == 2
    assert "it failed: the back office is away" in portal.runtime.findings.open()[0].finding.text
    assert portal.watch.look() == 0
    assert len(told(portal)) == 2

    stage.later(timedelta(hours=20))
    portal.failing.clear()
    Portal(stage, sink).watch.look()
    assert len(told(portal)) == 2
    portal.schedule.look()
    portal.watch.look()

    assert told(portal) == []


def test_health_and_gauges_show_the_alarm_and_the_age_of_the_oldest_good_night(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    assert night_health(portal.runtime) == {"missed_nights": 0, "oldest_night": None}
    portal.schedule.look()
    stage.later(timedelta(days=3))
    portal.watch.look()

    health, gauges = dispatch_health(portal.runtime), journal_gauges(portal.runtime)

    assert health["missed_nights"] == gauges["missed_nights"]() == 2
    assert health["oldest_night"] == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    assert gauges["oldest_night_age"]() == pytest.approx(timedelta(days=3, hours=13.5).total_seconds(), abs=60)


def test_a_watch_whose_process_dies_before_it_told_is_followed_by_another_that_tells(stage: Stage, sink: Sink) -> None:
    dying, other = Portal(stage, sink), Portal(stage, sink)
    dying.schedule.look()
    stage.later(timedelta(days=2))
    dying.watch._alarm = Dies()  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        dying.watch.look()

    assert other.watch.look() == 0
    stage.later(timedelta(minutes=16))

    assert other.watch.look() == 4
    assert len(told(other)) == 2


class Dies:
    owner = "dying"

    def tell(self, _missed: object) -> None:
        raise RuntimeError

    def end(self, *_: object) -> int:
        return 0


def test_without_a_mail_server_the_finding_and_the_log_tell_it_alone(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink, mails=False)
    portal.schedule.look()
    stage.later(timedelta(days=2))

    assert portal.watch.look() == 4
    assert portal.runtime.actions() == ()
    assert sink.mails == []


# -- when a night is run again, and when not ---------------------------------------------------------------------------


def test_a_night_that_failed_is_tried_again_after_an_hour_and_at_a_start_but_not_where_a_person_must_act(
    stage: Stage, sink: Sink
) -> None:
    portal = Portal(stage, sink)
    portal.failing.append(UnavailableError("away"))
    stage.clock.advance(timedelta(hours=18))
    assert portal.schedule.look() == 2
    stage.later(timedelta(minutes=50))
    assert portal.schedule.look() == 0
    stage.later(timedelta(minutes=20))
    portal.failing[0] = ConfigurationError("the password is refused")
    # Paris was hours ago: that night is over.
    assert portal.schedule.look() == 1
    stage.later(timedelta(hours=2))
    assert portal.schedule.look() == 0
    portal.failing.clear()
    assert portal.schedule.catch_up() == 1
    assert portal.ran[-1][0] == "sync mem/F2"  # a start is nobody who has put the password right


def test_a_time_of_day_that_is_set_anew_does_not_give_a_second_night(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    assert portal.schedule.look() == 2
    later = [Nightly("sync mem/F1", time(5, 0), "America/Chicago", "mem", "F1")]

    changed = Schedule(portal.runtime, later)
    assert changed.look() == 0
    stage.later(A_DAY)

    assert changed.look() == 1


def test_a_night_waits_for_its_jitter_and_not_longer(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    schedule = Schedule(portal.runtime, NIGHTS[:1], jitter=timedelta(minutes=10))
    stage.clock.advance(timedelta(hours=17, minutes=35))  # 08:35 UTC: five minutes after the slot
    assert schedule.look() == 0
    stage.later(timedelta(minutes=5))

    assert schedule.look() == 1


def test_a_process_that_slept_in_a_night_does_not_begin_it_a_second_time(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    again: list[bool] = []

    def night(slot: datetime, _beat: object) -> None:
        portal.ran.append(("night", slot))
        stage.later(timedelta(hours=3))  # its lease is long over
        again.append(portal.schedule.fire(NIGHTS[0]))

    portal.runtime.jobs["sync mem/F1"] = night

    assert portal.schedule.fire(NIGHTS[0])
    assert again == [False]
    assert len(portal.ran) == 1


def test_nights_written_down_by_a_clock_that_was_ahead_run_again_when_their_day_comes(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    assert portal.schedule.look() == 2
    stage.clock._now += timedelta(days=10)
    assert portal.schedule.look() == 2
    stage.clock._now -= timedelta(days=10)

    assert portal.schedule.look() == 0  # for an hour, the clock is not believed
    stage.later(timedelta(minutes=61))
    assert portal.schedule.look() == 0
    stage.later(timedelta(days=10))
    portal.ran.clear()

    assert portal.schedule.look() == 2
    assert {slot.date().isoformat() for _, slot in portal.ran} == {"2026-12-01"}


def test_a_clock_that_is_years_behind_runs_no_night_of_its_years(stage: Stage, sink: Sink) -> None:
    portal = Portal(stage, sink)
    assert portal.schedule.look() == 2
    stage.clock._now -= timedelta(days=3000)

    assert Portal(stage, sink).schedule.catch_up() == 0
    assert portal.schedule.look() == 0
    stage.clock._now += timedelta(days=3001)

    assert portal.schedule.look() == 2


# -- the copy by hand --------------------------------------------------------------------------------------------------


def test_a_whole_copy_by_hand_after_the_slot_is_the_night_and_one_before_it_is_not(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.jobs["sync mem/F1"] = night_copy_of(runtime, HERE)
    whole = copied_never(runtime, [HERE])
    assert whole == {HERE}
    note_copies(runtime, whole, Sync(runtime).run([HERE]))
    reads = len(runtime.mirror.reports())
    schedule = Schedule(runtime, NIGHTS[:1])

    assert schedule.look() == 1
    assert len(runtime.mirror.reports()) == reads
    assert copied_never(runtime, [HERE]) == frozenset()
    stage.later(A_DAY)
    assert schedule.look() == 1
    assert len(runtime.mirror.reports()) > reads


def test_a_copy_by_hand_in_which_something_failed_is_no_night(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.jobs["sync mem/F1"] = night_copy_of(runtime, HERE)
    stage.office.failing_reads = 1
    note_copies(runtime, [HERE], Sync(runtime).run([HERE], full=True))
    reads = len(runtime.mirror.reports())

    assert Schedule(runtime, NIGHTS[:1]).look() == 1
    assert len(runtime.mirror.reports()) > reads


@pytest.mark.parametrize("away", [False, True], ids=["copied", "the back office is away"])
def test_a_night_drops_what_the_feeds_have_held_for_long(stage: Stage, *, away: bool) -> None:
    runtime = stage.runtime()
    Sync(runtime).run([HERE])
    first = runtime.mirror.changes.last()
    assert first > 0
    job = night_copy_of(runtime, HERE, kept_for=KeptFor(timedelta(days=30), timedelta(days=60)))
    stage.later(timedelta(days=29))
    job(stage.clock.now(), lambda: True)
    assert runtime.mirror.changes.after(0)

    stage.later(timedelta(days=2))
    stage.office.failing_reads = 100 if away else 0
    with suppress(UnavailableError):
        job(stage.clock.now(), lambda: True)

    assert all(change.seq > first for change in runtime.mirror.changes.after(0))
