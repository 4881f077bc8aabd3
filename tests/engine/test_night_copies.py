"""What a night of one facility counts as: every part of it, every account in its turn, a refusal once and for all."""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from pmsbridge.dispatch.night_watch import NightWatch
from pmsbridge.dispatch.schedule import Nightly, Schedule
from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.night_alarm import NightAlarm
from pmsbridge.engine.night_copy import night_copy_of
from pmsbridge.engine.notices.staff import FacilityStaff
from pmsbridge.engine.reconcile.nightly import comparison_of
from pmsbridge.engine.refusals import LOG_ON_REFUSED, Refusals
from pmsbridge.engine.sync import FacilityKey, Sync, SyncReport
from pmsbridge.errors import ConfigurationError, RejectedError, UnavailableError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import Tenant
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.store.copies import copies
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice
from tests.engine.stage import Stage, at

F1 = FacilityKey("mem", "F1")
A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
REFUSED = ConfigurationError("the password is not accepted", code="login_failed")


def nightly(facility: str = "F1") -> Nightly:
    return Nightly(f"sync mem/{facility}", time(2, 30), "America/Chicago", "mem", facility)


def parts_fail(adapter: MemoryAdapter, *wanted: Entity, error: Exception | None = None) -> None:
    """Fetches of these nouns fail from now on."""
    inner = MemoryAdapter(adapter.office).fetch

    def fetch(query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if query.entity in wanted:
            raise error or UnavailableError("the back office is away")
        yield from inner(query, since=since)

    adapter.fetch = fetch  # type: ignore[method-assign]


# -- a night of which a part failed ------------------------------------------------------------------------------------


def test_a_night_of_which_a_part_failed_is_no_good_night(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.jobs[nightly().job] = night_copy_of(runtime, F1)
    alarm = NightAlarm(runtime, FacilityStaff(runtime.mirror).scribe, mails=False)
    watch = NightWatch(runtime, [nightly()], alarm, patience=timedelta(hours=4))
    schedule = Schedule(runtime, [nightly()], watch=watch)
    schedule.look()
    good = runtime.runs.last_success(nightly().job)
    parts_fail(stage.adapter, Entity.RENTALS)
    stage.clock.advance(timedelta(hours=18))  # half an hour after the next slot

    assert schedule.look() == 1
    stage.later(AN_HOUR + timedelta(minutes=1))
    assert schedule.look() == 1  # it is tried again
    stage.later(timedelta(hours=4))
    assert watch.look() == 1
    assert runtime.runs.last_success(nightly().job) == good
    (found,) = runtime.findings.open()
    assert "not everything (rental failed) could be read: the back office is away" in found.finding.text


def test_deletions_that_were_held_back_fail_no_night(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.jobs[nightly().job] = night_copy_of(runtime, F1)
    for number in range(30):
        stage.office.books.put("F1", a_tenant(stage, f"X{number:02d}"))
    Sync(runtime).run([F1], full=True)
    for number in range(30):
        stage.office.books.remove(Tenant, "F1", f"X{number:02d}")

    assert Schedule(runtime, [nightly()]).look() == 1
    held = [row for row in runtime.mirror.reports() if row.error]
    assert [row.error for row in held] == ["30 missing records were kept: suspiciously many"]
    assert runtime.runs.last_success(nightly().job) is not None


def a_tenant(stage: Stage, tenant_id: str) -> Tenant:
    found = stage.office.books.find(Tenant, "F1", "T1")
    assert found is not None
    return found.changed(ref=found.ref.changed(id=tenant_id))


# -- a log-on that was refused -----------------------------------------------------------------------------------------


class Fleet:
    """Thirty facilities of one account whose log-on is refused, and the clock of a process that serves them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        office = MemoryOffice(stage.clock, facilities=tuple(f"F{number}" for number in range(30)))
        self.adapter = MemoryAdapter(office)
        self.asked: list[str] = []
        self.error: Exception | None = REFUSED
        self.version = "one"
        inner = self.adapter.fetch

        def fetch(query: Query, *, since: str | None = None) -> Iterator[Batch]:
            self.asked.append(query.facility)
            if self.error is not None:
                raise self.error
            yield from inner(query, since=since)

        self.adapter.fetch = fetch  # type: ignore[method-assign]

    def process(self) -> tuple[Runtime, Schedule]:
        runtime = Runtime(self.stage.database, {"mem": self.adapter}, clock=self.stage.clock)
        runtime.refusals.know_settings(lambda _account: self.version)
        nights = [nightly(code) for code in self.adapter.facility_codes]
        for night in nights:
            runtime.jobs[night.job] = night_copy_of(runtime, FacilityKey("mem", night.facility))
        return runtime, Schedule(runtime, nights, concurrency=4)


@pytest.fixture
def fleet(stage: Stage) -> Fleet:
    return Fleet(stage)


def test_a_refused_log_on_is_met_once_by_thirty_facilities_eight_starts_and_three_nights(fleet: Fleet) -> None:
    runtime, schedule = fleet.process()

    assert schedule.look() == 30
    for _ in range(8):
        fleet.process()[1].catch_up()
    for _ in range(3):
        fleet.stage.later(A_DAY)
        schedule.look()

    assert len(fleet.asked) == 1
    (found,) = [each.finding for each in runtime.findings.open() if each.finding.code == LOG_ON_REFUSED]
    assert (found.account, found.severity.value) == ("mem", "urgent")
    assert "the password is not accepted" in found.text
    errors = {row.error for row in runtime.mirror.reports(limit=1000)}
    assert any(error.startswith("not tried: mem: the password is not accepted") for error in errors)


def test_a_refusal_is_over_when_the_settings_change(fleet: Fleet) -> None:
    runtime, schedule = fleet.process()
    schedule.look()
    fleet.version, fleet.error = "two", None
    fleet.stage.later(A_DAY)

    assert schedule.look() == 30
    assert runtime.runs.last_success("sync mem/F29") is not None
    assert runtime.findings.open() == []


def test_a_refusal_is_over_when_a_reading_a_person_asked_for_succeeds(fleet: Fleet) -> None:
    runtime, schedule = fleet.process()
    schedule.look()
    Sync(runtime).run([FacilityKey("mem", "F3")])
    assert runtime.refusals.why_not("mem")
    fleet.error = None
    Sync(fleet.process()[0]).run([FacilityKey("mem", "F3")])
    fleet.stage.later(A_DAY)

    assert runtime.refusals.why_not("mem") == ""
    assert schedule.look() == 30


def test_a_facility_that_is_refused_alone_stops_no_other_and_is_tried_again_the_next_night(fleet: Fleet) -> None:
    fleet.error = None
    refused = ConfigurationError("the location code is not valid", code="facility_refused")
    inner = fleet.adapter.fetch

    def fetch(query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if query.facility == "F7":
            fleet.asked.append("F7")
            raise refused
        yield from inner(query, since=since)

    fleet.adapter.fetch = fetch  # type: ignore[method-assign]
    runtime, schedule = fleet.process()
    schedule.look()
    for _ in range(8):
        fleet.process()[1].catch_up()

    assert fleet.asked.count("F7") == 1
    assert runtime.runs.last_success("sync mem/F8") is not None
    assert runtime.refusals.why_not("mem") == ""
    fleet.stage.later(A_DAY)
    schedule.look()
    assert fleet.asked.count("F7") == 2


@pytest.mark.parametrize("code", ["missing_extra", "secret_missing", "bad_certificates"])
def test_what_this_process_lacks_is_no_refusal_of_the_account(stage: Stage, code: str) -> None:
    runtime = stage.runtime()
    parts_fail(stage.adapter, *Entity, error=ConfigurationError("not installed here", code=code))

    report = Sync(runtime).run([F1], by_clock=True)

    assert report.a_person_must_act
    assert runtime.refusals.why_not("mem") == ""


def test_a_comparison_by_the_clock_does_not_ask_an_account_that_has_refused_us(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.refusals.remember("mem", REFUSED)

    with pytest.raises(ConfigurationError, match="not tried: mem: the password"):
        comparison_of(runtime, F1, "reconcile")(stage.clock.now(), lambda: True)


def test_turns_are_taken_until_an_account_has_answered(stage: Stage) -> None:
    refusals: Refusals = stage.runtime().refusals
    with refusals.taking_turns("mem"):
        (turn,) = refusals._turns.values()
        assert turn.locked()
    refusals.lift("mem")

    with refusals.taking_turns("mem"):
        assert not turn.locked()


# -- accounts somebody watches -----------------------------------------------------------------------------------------


class Accounts:
    """Which accounts were asked for, and which of them cannot be read."""

    def __init__(self, stage: Stage) -> None:
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}
        inner = stage.adapter.account

        def account(facility: str, tenant_id: str) -> TenantAccount:
            self.asked.append(tenant_id)
            if tenant_id in self.failing:
                raise self.failing[tenant_id]
            return inner(facility, tenant_id)

        stage.adapter.account = account  # type: ignore[method-assign]


def watched(stage: Stage, *tenants: str) -> Runtime:
    runtime = stage.runtime()
    for tenant_id in tenants:
        runtime.mirror.watch("mem", "F1", tenant_id)
    return runtime


def last(report: SyncReport) -> Any:
    return report.rows[-1]


def test_accounts_that_cannot_be_read_keep_nobody_from_having_a_turn(stage: Stage) -> None:
    accounts = Accounts(stage)
    broken = [f"BAD{number}" for number in range(3)]
    accounts.failing = dict.fromkeys(broken, UnavailableError("the server is busy", code="busy"))
    runtime = watched(stage, *broken, "T1", "T2", "T3")

    first = last(Sync(runtime).run([F1], [Entity.FACILITIES]))
    accounts.asked.clear()
    second = last(Sync(runtime).run([F1], [Entity.FACILITIES]))

    assert first.error == "3 of 3 accounts could not be read, 3 were left for the next night: the server is busy"
    assert first.failure == "UnavailableError"
    assert accounts.asked[:3] == ["T1", "T2", "T3"]
    assert second.counts.changed == 3


def test_only_errors_that_say_the_office_is_away_end_the_reading_and_only_in_a_row(stage: Stage) -> None:
    accounts = Accounts(stage)
    away, cut = UnavailableError("away"), UnavailableError("a cell is unreadable", code="unreadable_cell")
    accounts.failing = {"A1": away, "A2": away, "A3": RejectedError("no"), "A4": away, "A5": cut, "A6": cut, "A7": cut}
    runtime = watched(stage, *accounts.failing, "T1")

    row = last(Sync(runtime).run([F1], [Entity.FACILITIES]))

    assert accounts.asked == [*accounts.failing, "T1"]
    assert (row.counts.read, row.counts.changed, row.failure) == (8, 1, "")
    assert row.error == "7 of 8 accounts could not be read: a cell is unreadable"


def test_one_account_that_cannot_be_read_fails_no_night(stage: Stage) -> None:
    accounts = Accounts(stage)
    accounts.failing = {"A1": UnavailableError("an amount is missing", code="unreadable_cell")}
    runtime = watched(stage, "A1", "T1")
    runtime.jobs[nightly().job] = night_copy_of(runtime, F1)

    Schedule(runtime, [nightly()]).look()

    assert runtime.runs.last_success(nightly().job) is not None


def test_an_account_that_says_the_same_is_not_counted_as_changed_and_its_calls_are(stage: Stage) -> None:
    runtime = watched(stage, "T1", "T2")

    rows = []
    for _ in range(2):
        stage.later(A_DAY)
        rows.append(last(Sync(runtime).run([F1], [Entity.FACILITIES])))

    assert [(row.counts.read, row.counts.changed, row.counts.unchanged, row.calls) for row in rows] == [
        (2, 2, 0, 2), (2, 0, 2, 2)
    ]  # fmt: skip


def test_a_failure_of_accounts_is_over_when_nobody_is_watched_any_more(stage: Stage) -> None:
    accounts = Accounts(stage)
    accounts.failing = {"T1": UnavailableError("away")}
    runtime = watched(stage, "T1")
    Sync(runtime).run([F1])
    assert copies(runtime.database)["mem", "F1"].reports["account"].error
    runtime.mirror.unwatch("mem", "F1", "T1")
    stage.later(A_DAY)

    Sync(runtime).run([F1])
    stage.later(A_DAY)
    quiet = Sync(runtime).run([F1])

    assert copies(runtime.database)["mem", "F1"].reports["account"].error == ""
    assert [row for row in quiet.rows if row.scope.entity == "account"] == []


# -- the lease of a run ------------------------------------------------------------------------------------------------


class Waiting:
    """A job that says nothing, as one that waits for a long answer does, until something has happened."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.runtime = stage.runtime(run_lease=timedelta(seconds=0.3))
        self.runtime.jobs["night"] = self._wait
        self.told: list[object] = []

    def _lease(self) -> datetime:
        run = self.runtime.runs.newest("night")
        assert run is not None
        return run.lease_until

    def _wait(self, _slot: datetime, beat: Beat) -> None:
        for _ in range(2):
            before, tries = self._lease(), 0
            while self._lease() <= before and tries < 2000:
                self.stage.later(timedelta(milliseconds=1))
                tries += 1
                clock.sleep(0.01)
            self.told.append(self._lease() > before)
        self.told.append(self.runtime.let_go())
        gone = self._lease()
        clock.sleep(0.5)
        self.told.append(self._lease() == gone)
        self.told.append(beat())


def test_the_lease_of_a_run_is_renewed_while_it_waits_for_one_answer_and_not_when_it_was_given_up(stage: Stage) -> None:
    waiting = Waiting(stage)

    assert waiting.runtime.tick("night", at(2))

    assert waiting.told == [True, True, 1, True, False]
    assert not [thread for thread in threading.enumerate() if thread.name == "pmsbridge-lease"]
