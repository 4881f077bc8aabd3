from __future__ import annotations

from datetime import timedelta

import pytest

from pmsbridge.engine.sync import EntityStarted, FacilityKey, Sync, SyncEvent, SyncProgress
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.mirror import Scope
from tests.engine.stage import Stage, at, pay

F1, F2 = FacilityKey("mem", "F1"), FacilityKey("mem", "F2")


def test_a_night_fills_the_mirror_and_reports_every_scope(stage: Stage) -> None:
    runtime = stage.runtime()

    report = Sync(runtime).run()

    assert {(row.scope.facility, row.scope.entity) for row in report.rows} == {
        (facility, entity) for facility in ("F1", "F2") for entity in ("facility", "unit", "tenant", "rental")
    }
    assert report.failed == ()
    assert len(runtime.mirror.units("mem", "F1")) == 5
    assert runtime.mirror.facility("mem", "F2") is not None
    assert len(runtime.mirror.reports(run_id=report.run_id)) == 8
    assert report.total.changed == report.total.read == 2 * (1 + 5 + 3 + 4)


def test_the_next_night_reads_only_what_changed(stage: Stage) -> None:
    runtime = stage.runtime()
    Sync(runtime).run()
    unit = stage.office.books.find(Unit, "F1", "U9")
    assert unit is not None
    stage.office.books.put("F1", unit.changed(floor="2"))

    report = Sync(runtime).run()

    assert (report.total.read, report.total.changed) == (1, 1)


def test_only_a_full_run_finds_what_was_deleted(stage: Stage) -> None:
    runtime = stage.runtime()
    Sync(runtime).run()
    stage.office.books.remove(Unit, "F1", "U9")

    Sync(runtime).run()
    assert len(runtime.mirror.units("mem", "F1")) == 5
    report = Sync(runtime).run(full=True)

    assert len(runtime.mirror.units("mem", "F1")) == 4
    assert sum(row.deleted for row in report.rows) == 1
    assert report.total.changed == 0


def test_one_failing_facility_never_stops_another(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.failing_fetches["F1"] = UnavailableError("away")

    report = Sync(runtime).run()

    assert {row.scope.facility for row in report.failed} == {"F1"}
    assert len(report.failed) == 4
    assert len(runtime.mirror.units("mem", "F2")) == 5


def test_a_foreign_exception_is_reported_by_its_class_only(stage: Stage) -> None:
    stage.office.failing_fetches["F1"] = ValueError("4111111111111111")

    report = Sync(stage.runtime()).run([F1])

    assert {row.error for row in report.failed} == {"unexpected ValueError"}


def test_a_run_that_broke_off_goes_on_from_its_last_committed_batch(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.failing_fetches["F1"] = UnavailableError("away")
    Sync(runtime).run([F1], [Entity.UNITS])
    assert len(runtime.mirror.units("mem", "F1")) == 2
    assert runtime.mirror.cursor(Scope("mem", "F1", "unit")) is None
    stage.office.failing_fetches.clear()
    told: list[SyncEvent] = []

    report = Sync(runtime).run([F1], [Entity.UNITS], watch=told.append)

    assert [event.is_resumed for event in told if isinstance(event, EntityStarted)] == [True]
    assert report.total.read == 3
    assert len(runtime.mirror.units("mem", "F1")) == 5
    assert runtime.mirror.cursor(Scope("mem", "F1", "unit")) is not None


def test_refused_credentials_are_tried_once_a_night(stage: Stage) -> None:
    stage.office.failing_fetches["F1"] = ConfigurationError("the password is wrong")

    report = Sync(stage.runtime()).run([F1, F2])

    assert len(report.failed) == 8
    assert report.rows[0].error == "the password is wrong"
    assert all(row.error.startswith("not tried") for row in report.rows[1:])


def test_an_impossible_step_of_a_rental_is_a_finding_and_is_taken_over(stage: Stage) -> None:
    runtime = stage.runtime()
    rental = stage.office.books.find(Rental, "F1", "R1")
    assert rental is not None
    stage.office.books.put("F1", rental.changed(state=RentalState.CLOSED))
    Sync(runtime).run()
    stage.office.books.put("F1", rental.changed(state=RentalState.ACTIVE))
    Sync(runtime).run()

    found = runtime.findings.open()
    assert [f.finding.code for f in found] == ["impossible_rental_step"]
    assert runtime.mirror.rentals("mem", "F1", "T1")[0].state is RentalState.ACTIVE


def test_accounts_somebody_watches_are_refreshed(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.mirror.watch("mem", "F1", "T1")
    runtime.mirror.watch("mem", "F1", "T99")

    report = Sync(runtime).run([F1])

    assert runtime.mirror.account("mem", "F1", "T1") is not None
    assert runtime.mirror.watched("mem", "F1") == ("T1",)
    assert report.rows[-1].scope.entity == "account"
    assert report.failed == ()


def test_progress_is_told_after_every_batch_and_at_every_end(stage: Stage) -> None:
    told: list[SyncProgress] = []

    Sync(stage.runtime()).run([F1], [Entity.UNITS], told.append)

    assert [p.counts.read for p in told] == [2, 4, 5, 5]
    assert [p.is_done for p in told] == [False, False, False, True]


def test_a_run_that_was_taken_over_stops_where_it_is(stage: Stage) -> None:
    runtime = stage.runtime()
    beats = iter([True, False])

    report = Sync(runtime).run([F1, F2], beat=lambda: next(beats))

    assert len(report.rows) == 1


def test_an_account_that_is_not_configured_is_reported(stage: Stage) -> None:
    report = Sync(stage.runtime()).run([FacilityKey("nobody", "F1")], [Entity.UNITS])

    assert "not configured" in report.rows[0].error


def test_a_night_where_nothing_could_be_read_counts_as_failed(stage: Stage) -> None:
    runtime = stage.runtime()
    sync = Sync(runtime)
    runtime.jobs["nightly"] = sync.nightly
    stage.office.failing_reads = 999

    runtime.tick("nightly", at(2))
    assert runtime.runs.last_success("nightly") is None

    stage.office.failing_reads = 0
    runtime.runs.reopen("nightly", at(2))
    runtime.tick("nightly", at(2))
    assert runtime.runs.last_success("nightly") == at(2)


def test_a_person_can_pay_in_the_middle_of_a_night(stage: Stage) -> None:
    runtime = stage.runtime()
    outcomes: list[Outcome] = []

    def clicking(progress: SyncProgress) -> None:
        if not outcomes:
            outcomes.append(runtime.submit(pay()).outcome)

    Sync(runtime).run([F1], progress=clicking)

    assert outcomes == [Outcome.SETTLED]


def test_a_run_id_sorts_by_time(stage: Stage) -> None:
    first = Sync(stage.runtime()).run([F1], [Entity.FACILITIES])
    stage.later(timedelta(days=1))
    second = Sync(stage.runtime()).run([F1], [Entity.FACILITIES])

    assert first.run_id < second.run_id


@pytest.mark.parametrize("kept", ["F1"])
def test_staff_are_reached_at_the_facilitys_primary_address_from_the_mirror(stage: Stage, kept: str) -> None:
    runtime = stage.runtime()
    Sync(runtime).run()

    assert runtime._primary_address("mem", kept) == "manager@f1.example"
    assert runtime._primary_address("mem", "F9") == ""
