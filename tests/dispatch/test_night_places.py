"""Every facility has its night by itself: one that cannot be read stops no other, and is not asked without end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest

from pmsbridge.dispatch.night_clock import NightClock
from pmsbridge.dispatch.night_places import NightPlaces
from pmsbridge.dispatch.schedule import Nightly, Schedule
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.night_alarm import NIGHT_WITHOUT_TIME, missed_nights
from pmsbridge.engine.refusals import LOG_ON_REFUSED
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.places import Facility
from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

ONE = FacilityKey("south", "F1")
REFUSED = ConfigurationError("the password is not accepted", code="login_failed")


class Asked(MemoryAdapter):
    """An office that can be told to say no, and remembers who was asked for."""

    def __init__(self, office: MemoryOffice) -> None:
        super().__init__(office)
        self.asked: list[str] = []
        self.errors: dict[str, Exception] = {}

    def facility(self, facility: str) -> Facility:
        self.asked.append(facility)
        if facility in self.errors:
            raise self.errors[facility]
        return super().facility(facility)


class Two:
    """A healthy account that is copied, and one whose facilities were never read."""

    def __init__(self, folder: Path) -> None:
        self.clock = TestClock()
        self.north, self.south = (
            Asked(MemoryOffice(self.clock, account=name, facilities=("F1", "F2"))) for name in ("north", "south")
        )
        self.bridge = Bridge(
            Settings(accounts={name: AccountSettings(system="memory") for name in ("north", "south")}),
            database=open_database(f"sqlite:///{folder}/bridge.db"),
            adapters={"north": self.north, "south": self.south},
            mailer=Outbox(),
            clock=self.clock,
        )
        self.bridge.sync(["north/F1", "north/F2"])
        self.north.asked.clear()
        self.south.asked.clear()

    @property
    def runtime(self) -> Runtime:
        return self.bridge.runtime

    def codes(self) -> list[tuple[str, str]]:
        found = [each.finding for each in self.runtime.findings.open()]
        return sorted((finding.code, f"{finding.account}/{finding.facility}") for finding in found)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    with made.bridge:
        yield made


def synced(schedule: Schedule) -> list[str]:
    return [f"{night.account}/{night.facility}" for night in schedule.nights if night.job.startswith("sync")]


def test_an_account_that_refuses_us_is_asked_once_and_the_others_have_their_nights(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    two.south.errors = dict.fromkeys(("F1", "F2"), REFUSED)
    with caplog.at_level(logging.ERROR):
        schedule = two.bridge.nightly()
        for _ in range(5):
            assert schedule.ask() == 0
        two.bridge.nightly()

    assert two.south.asked == ["F1"]
    assert synced(schedule) == ["north/F1", "north/F2"]
    assert two.north.asked == []
    assert two.codes() == [
        (LOG_ON_REFUSED, "south/-"), (NIGHT_WITHOUT_TIME, "south/F1"), (NIGHT_WITHOUT_TIME, "south/F2")
    ]  # fmt: skip
    assert missed_nights(two.runtime) == 2
    told = [record.getMessage() for record in caplog.records if "no_night_yet" in record.getMessage()]
    assert any("south" in line and "F1" in line and "the password is not accepted" in line for line in told)
    assert schedule.look() == 2


def test_a_facility_that_is_away_is_asked_again_and_then_has_its_night(two: Two) -> None:
    two.south.errors = dict.fromkeys(("F1", "F2"), UnavailableError("the back office is away"))
    schedule = two.bridge.nightly()
    assert two.south.asked == ["F1"]  # who is away for one is away for the other
    schedule.ask()
    assert two.south.asked == ["F1", "F1"]
    assert two.codes() == [(NIGHT_WITHOUT_TIME, "south/F1")]
    two.south.errors = {}

    assert schedule.ask() == 2
    assert synced(schedule) == ["north/F1", "north/F2", "south/F1", "south/F2"]
    assert two.codes() == []
    assert missed_nights(two.runtime) == 0
    assert schedule.look() == 4
    assert two.runtime.runs.last_success("sync south/F2") is not None
    asked = len(two.south.asked)
    schedule.ask()
    assert len(two.south.asked) == asked


def test_a_facility_that_is_refused_alone_is_asked_once_and_has_its_night_when_it_was_copied(two: Two) -> None:
    two.south.errors = {"F1": ConfigurationError("the location code is not valid", code="facility_refused")}
    schedule = two.bridge.nightly()
    schedule.ask()

    assert two.south.asked == ["F1", "F2"]
    assert synced(schedule) == ["north/F1", "north/F2", "south/F2"]
    two.south.errors = {}
    Sync(two.runtime).run([ONE])
    asked = len(two.south.asked)

    assert schedule.ask() == 1
    assert len(two.south.asked) == asked
    assert two.codes() == []


def test_a_zone_the_settings_name_needs_no_answer(two: Two) -> None:
    class Settled(Asked):
        def zone_of(self, facility: str) -> str:
            return {"F1": "Europe/Paris", "F2": "Mars/Base"}[facility]

    adapter = Settled(two.south.office)
    runtime = Runtime(two.bridge.database, {"south": adapter}, clock=two.clock)
    places = NightPlaces(
        runtime, [ONE, FacilityKey("south", "F2")], lambda key, zone: [Nightly(key.facility, time(2), zone)]
    )

    assert [(night.job, night.zone) for night in places.ask()] == [("F1", "Europe/Paris")]
    assert adapter.asked == []
    assert two.codes() == [(NIGHT_WITHOUT_TIME, "south/F2")]


def test_a_clock_that_runs_takes_new_nights_in_and_watches_them(two: Two) -> None:
    two.south.errors = dict.fromkeys(("F1", "F2"), UnavailableError("away"))
    schedule = two.bridge.nightly()
    schedule.start()
    try:
        two.south.errors = {}
        schedule.ask()
        jobs = {job.id for job in schedule._scheduler.get_jobs()}
    finally:
        schedule.stop()

    assert "sync south/F2@America/Chicago" in jobs
    assert schedule._watch is not None
    assert {night.account for night in schedule._watch._nights} == {"north", "south"}


def test_nights_whose_place_is_not_known_are_looked_for_by_facility(two: Two) -> None:
    made: list[FacilityKey] = []

    def nights_of(key: FacilityKey, zone: str) -> Iterator[Nightly]:
        made.append(key)
        yield Nightly("sync", time(2), zone)

    places = NightPlaces(two.runtime, [ONE, FacilityKey("north", "F1")], nights_of)
    two.south.errors = {"F1": UnavailableError("away")}

    assert len(places.ask()) == 1
    assert made == [FacilityKey("north", "F1")]
    assert places.missing == (ONE,)


def test_a_clock_that_a_person_must_mend_is_not_put_together_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []

    def make() -> Schedule:
        tried.append(1)
        raise ConfigurationError("the clock needs a library", code="no_apscheduler")

    clock = NightClock(make, again_after=timedelta(0))
    with caplog.at_level(logging.ERROR):
        clock.start()
        clock._thread.join(30)

    assert tried == [1]
    assert clock.stop()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "no_night_clock" in line
    assert "the clock needs a library" in line
