from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pmsbridge.dispatch.schedule import Nightly, Schedule, latest_slot
from pmsbridge.engine.deliver import Beat
from pmsbridge.errors import ConfigurationError, UnavailableError
from tests.engine.stage import Stage, at

CHICAGO = Nightly("nightly", time(2, 30), "America/Chicago")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("now", "slot"), [
    ("2026-11-21T15:00", "2026-11-21T08:30"),
    ("2026-11-21T08:30", "2026-11-21T08:30"),
    ("2026-11-21T08:29", "2026-11-20T08:30"),
    ("2026-07-01T12:00", "2026-07-01T07:30"),
])  # fmt: skip
def test_the_newest_slot_is_the_last_local_time_of_day_that_has_come(now: str, slot: str) -> None:
    assert latest_slot(CHICAGO, instant(now)) == instant(slot)


def test_every_local_day_of_ten_years_has_exactly_one_slot() -> None:
    now, slots = instant("2026-01-01T12:00"), []
    while now < instant("2036-01-01T12:00"):
        slots.append(latest_slot(CHICAGO, now))
        now += timedelta(days=1)

    days = [slot.astimezone(ZoneInfo("America/Chicago")).date() for slot in slots]
    assert len(set(slots)) == len(slots)
    assert days == [date(2026, 1, 1) + timedelta(days=n) for n in range(len(days))]


def _schedule(stage: Stage, ran: list[datetime]) -> Schedule:
    runtime = stage.runtime()
    runtime.jobs["nightly"] = lambda slot, _beat: ran.append(slot)
    return Schedule(runtime, [CHICAGO])


def test_a_missed_night_is_caught_up_once_over_all_processes(tmp_path: Path) -> None:
    stage, ran = Stage(tmp_path), list[datetime]()
    first, second = _schedule(stage, ran), _schedule(stage, ran)

    assert first.catch_up() == 1
    assert second.catch_up() == 0
    stage.later(timedelta(days=3))
    assert second.catch_up() == 1

    assert ran == [instant("2026-11-21T08:30"), instant("2026-11-24T08:30")]


def test_a_failed_night_is_tried_again_at_the_next_start_only(tmp_path: Path) -> None:
    stage, ran = Stage(tmp_path), list[datetime]()
    schedule = _schedule(stage, ran)
    failing = stage.runtime()
    failing.jobs["nightly"] = lambda _slot, _beat: (_ for _ in ()).throw(RuntimeError)
    Schedule(failing, [CHICAGO]).look()

    assert schedule.look() == 0
    assert schedule.catch_up() == 1


def test_the_clock_starts_and_stops_and_catches_up(tmp_path: Path) -> None:
    stage, ran = Stage(tmp_path), list[datetime]()
    schedule = _schedule(stage, ran)

    schedule.start()
    schedule.start()
    schedule.stop()
    schedule.stop()

    assert ran == [instant("2026-11-21T08:30")]


def test_a_job_nobody_registered_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nightly"):
        Schedule(Stage(tmp_path).runtime(), [CHICAGO]).start()


def test_importing_the_room_does_not_load_the_clock_library() -> None:
    import subprocess
    import sys

    program = (
        "import sys, pmsbridge.dispatch.schedule, pmsbridge.dispatch.embedded; print('apscheduler' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"
    assert at(2).tzinfo is UTC


def test_a_process_that_stops_gives_its_night_back_and_no_later_beat_takes_it_again(tmp_path: Path) -> None:
    stage, ran, heard = Stage(tmp_path), list[datetime](), list[bool]()
    stopping, elsewhere = stage.runtime(), _schedule(stage, ran)
    clock = Schedule(stopping, [CHICAGO, Nightly("next", time(2, 30), "America/Chicago")])

    def night(_slot: datetime, beat: Beat) -> None:
        heard.append(beat())
        assert not clock.stop(waits=False)
        heard.append(beat())
        assert elsewhere.look() == 1
        heard.append(beat())
        raise UnavailableError("told to stop")

    stopping.jobs["nightly"] = night
    stopping.jobs["next"] = lambda slot, _beat: ran.append(slot)

    assert clock.look() == 1

    assert heard == [True, False, False]
    assert ran == [instant("2026-11-21T08:30")]
    assert stopping.runs.last_success("nightly") == instant("2026-11-21T08:30")
    assert stopping.runs.unfinished("nightly") == ()


def test_a_night_given_back_that_nobody_has_taken_yet_has_neither_ended_nor_failed(tmp_path: Path) -> None:
    stage, ran = Stage(tmp_path), list[datetime]()
    stopping = stage.runtime()

    def night(_slot: datetime, beat: Beat) -> None:
        stopping.let_go()
        if not beat():
            return

    stopping.jobs["nightly"] = night
    Schedule(stopping, [CHICAGO]).look()

    assert stopping.runs.last_success("nightly") is None
    assert _schedule(stage, ran).look() == 1


def test_a_job_that_ends_before_it_hears_that_its_process_stops_has_ended(tmp_path: Path) -> None:
    stopping = Stage(tmp_path).runtime()

    def night(_slot: datetime, _beat: Beat) -> None:
        stopping.let_go()

    stopping.jobs["nightly"] = night

    Schedule(stopping, [CHICAGO]).look()

    assert stopping.runs.last_success("nightly") == instant("2026-11-21T08:30")


@pytest.mark.parametrize("died", [True, False])
def test_what_a_night_started_and_did_not_end_is_done_again_without_the_night(tmp_path: Path, died: bool) -> None:
    stage, ran, broken = Stage(tmp_path), list[str](), [True]
    runtime = stage.runtime()
    schedule = Schedule(runtime, [CHICAGO])

    def comparison(slot: datetime, _beat: Beat) -> None:
        ran.append("comparison")
        if broken:
            raise UnavailableError("the back office is away")

    def night(slot: datetime, _beat: Beat) -> None:
        ran.append("night")
        if died:
            runtime.runs.start("reconcile mem/F1", slot, "somebody dead", timedelta(minutes=15))
        else:
            runtime.tick("reconcile mem/F1", slot)

    runtime.jobs.update({"nightly": night, "reconcile mem/F1": comparison})
    assert schedule.look() == 1
    ran.clear()
    broken.clear()

    stage.later(timedelta(minutes=16))
    # A failure waits for the next start, a death for the next look; as with nights.
    assert schedule.look() == int(died)
    assert schedule.catch_up() == int(not died)
    assert schedule.catch_up() == 0

    assert ran == ["comparison"]


def test_an_old_failure_that_a_newer_run_made_good_is_left_alone(tmp_path: Path) -> None:
    stage, runtime = Stage(tmp_path), Stage(tmp_path).runtime()

    def comparison(slot: datetime, _beat: Beat) -> None:
        if slot == at(2):
            raise UnavailableError("the back office is away")

    runtime.jobs["comparison"] = comparison
    assert runtime.tick("comparison", at(2))
    assert runtime.tick("comparison", at(3))

    assert Schedule(runtime, []).catch_up() == 0
    assert stage.runtime().runs.unfinished("comparison") == (at(2),)


def test_a_job_that_beats_all_the_time_writes_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path)
    runtime = stage.runtime()
    renewed: list[datetime] = []
    beat_of = runtime.runs.beat

    def counted(*given: Any) -> bool:
        renewed.append(stage.clock.now())
        return beat_of(*given)

    monkeypatch.setattr(runtime.runs, "beat", counted)

    def night(_slot: datetime, beat: Beat) -> None:
        assert all(beat() for _ in range(100))
        stage.later(timedelta(seconds=10))
        assert all(beat() for _ in range(100))
        assert stage.runtime().tick("nightly", _slot) is False  # it is still held

    runtime.jobs["nightly"] = night
    Schedule(runtime, [CHICAGO]).look()

    assert len(renewed) == 2


def test_a_beat_after_the_machine_slept_notices_that_another_has_the_night(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    sleeper, other = stage.runtime(), stage.runtime()
    heard: list[bool] = []

    def night(slot: datetime, beat: Beat) -> None:
        heard.append(beat())
        stage.later(timedelta(hours=1))
        other.jobs["nightly"] = lambda _slot, _beat: None
        assert other.tick("nightly", slot)
        heard.append(beat())

    sleeper.jobs["nightly"] = night
    Schedule(sleeper, [CHICAGO]).look()

    assert heard == [True, False]
