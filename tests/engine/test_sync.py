from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from pmsbridge.engine.night_copy import night_copy_of
from pmsbridge.engine.notices.staff import FacilityStaff
from pmsbridge.engine.sync import (
    BatchTaken,
    EntityFinished,
    EntityStarted,
    FacilityKey,
    RunFinished,
    RunStarted,
    Sync,
    SyncEvent,
    SyncProgress,
)
from pmsbridge.engine.sync.sources import rows_from
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.mirror import Scope
from pmsbridge.store.nouns import NOUNS
from tests.engine.paged_office import BesideAdapter, PagedAdapter, PagedOffice
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


def test_what_is_held_is_read_only_where_an_adapter_can_leave_it_out() -> None:
    asked = list[type[PagedAdapter]]()
    for kind in (PagedAdapter, BesideAdapter):
        office = PagedOffice()
        office.put("U1", 1)
        held = partial(asked.append, kind)
        rows = rows_from(kind(office), Query(Entity.UNITS, "F1"), since=None, resume=None, held=held)
        # Of too much, or of nothing, nothing is held: then every row is handed out.
        assert [row_id for each in rows for row_id in each.ids] == ["U1"]

    assert asked == [BesideAdapter]


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
    runtime.jobs["nightly"] = night_copy_of(runtime, F1)
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

    assert FacilityStaff(runtime.mirror).address("mem", kept) == "manager@f1.example"
    assert FacilityStaff(runtime.mirror).address("mem", "F9") == ""


def test_every_event_of_a_run_is_told_in_order(stage: Stage) -> None:
    told: list[SyncEvent] = []

    report = Sync(stage.runtime()).run([F1], [Entity.UNITS], watch=told.append)

    assert [type(event).__name__ for event in told] == [
        "RunStarted", "EntityStarted", "BatchTaken", "BatchTaken", "BatchTaken", "EntityFinished", "RunFinished",
    ]  # fmt: skip
    started, entity, *batches, finished, over = told
    assert isinstance(started, RunStarted)
    assert started.facilities == (F1,)
    assert isinstance(entity, EntityStarted)
    assert (entity.is_full, entity.is_resumed, entity.held) == (True, False, 0)
    assert [event.counts.read for event in batches if isinstance(event, BatchTaken)] == [2, 4, 5]
    assert isinstance(finished, EntityFinished)
    assert finished.row == report.rows[0]
    assert isinstance(over, RunFinished)
    assert over.report == report


def test_calls_bytes_and_findings_of_a_run_are_in_its_report(stage: Stage) -> None:
    runtime = stage.runtime()
    Sync(runtime).run([F1])
    for unit in stage.office.books.all(Unit, "F1"):
        stage.office.books.remove(Unit, "F1", unit.id)

    report = Sync(runtime).run([F1], [Entity.UNITS], full=True, watch=lambda _event: stage.later(timedelta(seconds=2)))

    (kept,) = runtime.mirror.reports(run_id=report.run_id)
    assert kept == report.rows[0]
    assert (kept.deleted, kept.findings) == (0, 1)
    assert "suspiciously many" in kept.error
    assert kept.seconds > 0


@pytest.mark.parametrize(("change", "code"), [
    ({"unit_id": "U2"}, "unit_let_twice"),
    ({"tenant_id": "T77"}, "rental_without_tenant"),
    ({"unit_id": "U77"}, "rental_without_unit"),
])  # fmt: skip
def test_a_state_that_cannot_be_is_a_finding_and_is_copied_as_it_is(
    stage: Stage, change: dict[str, str], code: str
) -> None:
    runtime = stage.runtime()
    rental = stage.office.books.find(Rental, "F1", "R1")
    assert rental is not None
    stage.office.books.put("F1", rental.changed(**change))

    report = Sync(runtime).run([F1], full=True)
    Sync(runtime).run([F1], full=True)

    assert [(row.finding.code, row.times) for row in runtime.findings.open()] == [(code, 2)]
    assert report.rows[-1].findings == 1
    assert report.failed == ()
    kept = next(row for row in runtime.mirror.rentals("mem", "F1") if row.id == "R1")
    assert kept == rental.changed(**change)


def test_a_rental_that_is_over_may_name_what_is_gone(stage: Stage) -> None:
    runtime = stage.runtime()
    rental = stage.office.books.find(Rental, "F1", "R1")
    assert rental is not None
    stage.office.books.put("F1", rental.changed(state=RentalState.CLOSED, tenant_id="T77"))

    Sync(runtime).run([F1], full=True)

    assert runtime.findings.open() == []


def test_a_noun_that_an_office_does_not_list_is_no_failure(stage: Stage) -> None:
    report = Sync(stage.runtime()).run([F1], [Entity.EVENTS, Entity.UNITS])

    assert report.failed == ()
    assert [row.scope.entity for row in report.rows] == ["unit"]


def test_the_word_of_every_noun_has_a_table() -> None:
    assert {entity.noun for entity in Entity} == set(NOUNS)
