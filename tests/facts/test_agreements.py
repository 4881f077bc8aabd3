"""What staff and tenants agree on over time: payment plans, leaving, languages, hours; and what has grown old."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from pmsbridge.actions.instalments import InstalmentState
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnavailableError
from pmsbridge.model.documents import Event, EventKind, EventState, NoteKind
from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.portal.inspecting import Inspection
from pmsbridge.portal.leaving import LeavingStep, StepState
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import PlacePortal, PortalSettings
from pmsbridge.store.outcome_feed import Outcomes
from pmsbridge.store.webhooks import Webhooks
from pmsbridge.testing.memory import Fault
from pmsbridge.webhooks.composing import of_outcome
from tests import builders as make
from tests.facts.portal import MONEY, Portal

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


PARTS = {date(2026, 12, 5): usd("30.00"), date(2026, 11, 25): usd("40.00"), date(2026, 12, 20): usd("50.00")}


@pytest.mark.fact("S1.50", "S1.48", "S1.35")
def test_a_plan_has_dated_parts_and_stands_in_the_notes(portal: Portal) -> None:
    unit, session = portal.row(), portal.of(portal.busy, actor="staff:ann")

    view = session.agree_plan(unit.id, PARTS, key=portal.key)

    found = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann").plan(unit.id)
    assert view.outcome is Outcome.SETTLED
    assert found is not None
    assert [(each.due_on, each.amount) for each in found.plan.instalments] == sorted(PARTS.items())
    assert (found.plan.total, found.plan.agreed_on) == (usd("120.00"), date(2026, 11, 21))
    (note,) = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann").notes(unit.id)
    assert "2026-11-25: 40.00 USD" in note.text
    assert note.kind is NoteKind.PAYMENT_ARRANGEMENT


@pytest.mark.fact("S1.51")
@pytest.mark.parametrize("back_office", ["memory", "cubby"], indirect=True)
def test_a_plan_is_compared_with_the_ledger_and_a_missed_part_is_told_once(portal: Portal) -> None:
    session = portal.of(portal.busy, actor="staff:ann")
    desk, rental = portal.bridge.staff("F1", portal.busy, actor="staff:ann"), portal.row().id
    session.agree_plan(rental, PARTS, key=portal.key)

    def states() -> list[InstalmentState]:
        found = desk.plan(rental)
        assert found is not None
        return list(found.states)

    def told() -> list[str]:
        return [
            f.finding.subject for f in portal.bridge.runtime.findings.open() if f.finding.code == "instalment_missed"
        ]

    paid, missed, still = InstalmentState.PAID, InstalmentState.MISSED, InstalmentState.OPEN
    assert states() == [still, still, still]
    portal.session.pay_rental(rental, portal.means, key=portal.key, amount=usd("40.00"))
    assert states() == [paid, still, still]
    portal.clock.advance(timedelta(days=15))  # 6 December: the second part is a day late
    assert states() == [paid, missed, still]
    assert told() == []  # whoever looks only reads
    for _night in range(2):
        portal.bridge.sync()
        assert told() == [f"{rental} 2026-12-05"]
    session.agree_plan(rental, {date(2026, 12, 31): usd("80.00")}, key=portal.key)  # adjusted
    assert states() == [still]


@pytest.mark.fact("S1.51")
@only_memory
def test_the_night_tells_staff_and_webhooks_of_every_missed_part_once_and_nobody_has_to_look(portal: Portal) -> None:
    runtime, office = portal.bridge.runtime, portal.office
    assert office is not None
    Webhooks(runtime.database, portal.clock).register(["crm"])
    for tenant, rental in (("T1", "R1"), ("T2", "R2")):
        portal.of(tenant, actor="staff:ann").agree_plan(rental, PARTS, key=portal.key)
    portal.of("T2").pay_rental("R2", MONEY, key=portal.key)  # all of it
    before = len(Outcomes(runtime.database).after())

    def told() -> list[tuple[str, str]]:
        rows = Outcomes(runtime.database).after()[before:]
        data = [json.loads(of_outcome(row).body) for row in rows if row.kind == "instalment_missed"]
        return [(each["type"], f"{each['data']['rental_id']} {each['data']['due_on']}") for each in data]

    portal.bridge.sync()
    assert told() == []  # no day has passed
    portal.clock.advance(timedelta(days=15))
    for _night in range(2):
        portal.bridge.sync()
        parts = ["R1 2026-11-25", "R1 2026-12-05"]
        assert told() == [("plan.instalment_missed", part) for part in parts]
    open_ = [each for each in runtime.findings.open() if each.finding.code == "instalment_missed"]
    assert [(each.finding.subject, each.times) for each in open_] == [(part, 1) for part in parts]
    own, staff = portal.of("T1"), portal.of("T1", actor="staff:ann")
    assert [each.kind for each in own.actions()] == ["agree_plan"]
    assert [each.kind for each in own.actions(limit=1)] == ["agree_plan"]
    assert own.dashboard().open_actions == ()
    assert [each.kind for each in staff.actions()] == ["instalment_missed", "instalment_missed", "agree_plan"]
    runtime.run_due()
    mails = [mail for mail in portal.outbox.mails if "a part is missing" in mail.subject]
    assert ["2026-11-25" in mail.text for mail in mails] == [True, False]


@pytest.mark.fact("S1.51")
@only_memory
def test_a_plan_that_cannot_be_read_tonight_is_told_of_by_the_next_night(portal: Portal) -> None:
    office, adapter = portal.office, portal.bridge.adapters["mem"]
    assert office is not None
    for tenant, rental in (("T1", "R1"), ("T2", "R2")):
        portal.of(tenant, actor="staff:ann").agree_plan(rental, {date(2026, 11, 22): usd("40.00")}, key=portal.key)
    portal.clock.advance(timedelta(days=3))

    def told() -> list[str]:
        rows = portal.bridge.runtime.findings.open()
        return sorted(each.finding.subject for each in rows if each.finding.code == "instalment_missed")

    with pytest.MonkeyPatch.context() as patch:
        read = adapter.ledger

        def away(facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
            if rental_id == "R1":
                message = "the memory office does not answer"
                raise UnavailableError(message)
            return read(facility, tenant_id, rental_id)

        patch.setattr(adapter, "ledger", away)
        portal.bridge.sync()
        assert told() == ["R2 2026-11-22"]
    portal.bridge.sync()
    assert told() == ["R1 2026-11-22", "R2 2026-11-22"]


@pytest.mark.fact("S1.51")
@only_memory
def test_a_plan_that_ended_long_ago_costs_a_night_nothing(portal: Portal) -> None:
    portal.of("T1", actor="staff:ann").agree_plan("R1", {date(2026, 11, 22): usd("40.00")}, key=portal.key)
    portal.pay_off("T1")
    adapter, asked = portal.bridge.adapters["mem"], list[str]()
    read = adapter.ledger

    def counted(facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        asked.append(rental_id)
        return read(facility, tenant_id, rental_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "ledger", counted)
        portal.clock.advance(timedelta(days=60))
        portal.bridge.sync()
        assert asked == ["R1"]
        portal.clock.advance(timedelta(days=3))
        portal.bridge.sync()
        assert asked == ["R1"]


@pytest.mark.fact("S1.51")
@only_memory
def test_money_that_was_taken_back_keeps_no_plan(portal: Portal) -> None:
    portal.of("T1", actor="staff:ann").agree_plan("R1", {date(2026, 11, 22): usd("40.00")}, key=portal.key)
    portal.session.pay_rental("R1", MONEY, key=portal.key, amount=usd("40.00"))
    assert portal.office is not None
    portal.office.books.enter("F1", "R1", EntryKind.REVERSAL, usd("40.00"), portal.clock.now(), "Bounced")
    portal.clock.advance(timedelta(days=3))

    found = portal.bridge.staff("F1", "T1", actor="staff:ann").plan("R1")

    assert found is not None
    assert (found.paid, found.states) == (usd("0.00"), (InstalmentState.MISSED,))


@only_memory
def test_a_plan_that_cannot_be_meant_or_is_not_of_staff_is_refused(portal: Portal) -> None:
    staff = portal.of("T1", actor="staff:ann")
    for parts in ({}, {date(2026, 11, 20): usd("1.00")}, {date(2026, 12, 1): usd("-1.00")},
                  {date(2026, 12, 1): Money.of("1.00", "CAD")}):  # fmt: skip
        with pytest.raises(InputError):
            staff.agree_plan("R1", parts, key=portal.key)
    with pytest.raises(IneligibleError) as refused:
        portal.session.agree_plan("R1", PARTS, key=portal.key)
    assert refused.value.code == "staff_only"
    with pytest.raises(NotFoundError):
        staff.agree_plan("R2", PARTS, key=portal.key)
    assert portal.bridge.staff("F1", "T1", actor="staff:ann").plan("R1") is None
    assert portal.changes() == 0


def inspect(portal: Portal, **fields: object) -> None:
    """The back office's calendar has an inspection, on the day on which the unit is left unless said otherwise."""
    assert portal.office is not None
    portal.office.books.put("F1", Event.model_validate({
        "ref": make.ref("event", "E1", account="mem"), "tenant_id": "T1", "kind": EventKind.INSPECTION,
        "title": "Inspection", "starts_at": datetime(2026, 12, 31, 16, tzinfo=UTC), **fields,
    }))  # fmt: skip


@pytest.mark.fact("S1.54")
@only_memory
def test_every_step_of_a_move_out_is_read_from_the_books(portal: Portal) -> None:
    assert portal.office is not None
    books, now = portal.office.books, portal.clock.now()
    books.enter("F1", "R1", EntryKind.DEPOSIT, usd("50.00"), now, "Deposit")

    def steps() -> tuple[list[StepState], LeavingStep | None]:
        found = portal.session.move_out_progress("R1")
        return list(found.steps.values()), found.next_step

    done, to_do = StepState.DONE, StepState.TO_DO
    assert steps() == ([to_do, to_do, to_do, to_do, to_do], LeavingStep.NOTICE)
    portal.session.request_move_out("R1", date(2026, 12, 31), key=portal.key)
    assert steps() == ([done, to_do, to_do, to_do, to_do], LeavingStep.INSPECTION)
    inspect(portal, rental_id="R1", state=EventState.PLANNED)
    assert steps() == ([done, StepState.PLANNED, to_do, to_do, to_do], LeavingStep.FINAL_PAYMENT)
    inspect(portal, rental_id="R1", state=EventState.DONE)
    portal.session.pay_rental("R1", MONEY, key=portal.key)
    assert steps()[1] is LeavingStep.DEPOSIT_RETURNED
    assert portal.session.move_out_progress("R1").deposit_held == usd("50.00")
    books.enter("F1", "R1", EntryKind.DEPOSIT, usd("-50.00"), now, "Deposit back")
    assert steps()[1] is LeavingStep.UNIT_GIVEN_BACK
    rental = books.find(Rental, "F1", "R1")
    assert rental is not None
    books.put("F1", rental.changed(state=RentalState.CLOSED, moved_out_on=date(2026, 12, 31)))
    assert steps() == ([done, done, done, done, done], None)


@pytest.mark.fact("S1.54")
@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_who_is_leaving_sees_what_is_left_to_do(portal: Portal) -> None:
    session = portal.of("1008")
    (row,) = session.account().rentals

    found = session.move_out_progress(row.id)

    assert found.leaving_on == row.rental.leaving_on
    assert found.steps[LeavingStep.NOTICE] is StepState.DONE
    assert found.next_step is LeavingStep.INSPECTION


@pytest.mark.fact("S1.54")
def test_staff_note_an_inspection_where_the_back_office_has_no_calendar_of_it(portal: Portal) -> None:
    who = "1008" if portal.back_office == "sitelink" else portal.busy
    staff, tenant = portal.of(who, actor="staff:ann"), portal.of(who)
    rental_id = staff.account().current[0].id
    today = staff.account().today(portal.clock.now())
    if portal.back_office != "sitelink":
        tenant.request_move_out(rental_id, today + timedelta(days=14), key=portal.key)

    def seen() -> tuple[StepState, Inspection | None]:
        found = tenant.move_out_progress(rental_id)
        return found.steps[LeavingStep.INSPECTION], found.inspection

    assert seen() == (StepState.TO_DO, None)
    planned = staff.note_inspection(rental_id, today, key=portal.key)
    assert planned.outcome is Outcome.SETTLED
    assert not planned.emulated
    assert seen() == (StepState.PLANNED, Inspection(on=today, is_done=False, noted_by="staff:ann"))
    staff.note_inspection(rental_id, today, is_done=True, findings="A lock is left.", key=portal.key)

    state, inspection = seen()
    assert state is StepState.WITH_FINDINGS
    assert inspection is not None
    assert inspection.findings == ""  # internal, unless it is said to be for the tenant
    told = staff.move_out_progress(rental_id).inspection
    assert told is not None
    assert told.findings == "A lock is left."
    assert not any("A lock is left." in note.text for note in tenant.notes(rental_id))
    notes = portal.bridge.staff(portal.facility, who, actor="staff:ann").notes(rental_id)
    assert any("A lock is left." in note.text for note in notes)
    assert not any("A lock is left." in line.text for line in tenant.history())
    staff.note_inspection(
        rental_id, today, is_done=True, findings="A lock is left.", visibility="customer", key=portal.key
    )
    assert (seen()[1] or inspection).findings == "A lock is left."


@only_memory
def test_the_calendar_goes_before_a_note_and_what_is_not_of_this_move_out_does_not_count(portal: Portal) -> None:
    staff = portal.of("T1", actor="staff:ann")

    def seen() -> Inspection | None:
        return staff.move_out_progress("R1").inspection

    staff.note_inspection("R1", date(2026, 11, 21), is_done=True, key=portal.key)
    assert seen() is None  # nobody leaves
    staff.request_move_out("R1", date(2026, 12, 31), key=portal.key)
    assert (seen() or Inspection(on=date.min, is_done=False)).noted_by == "staff:ann"
    for other in (
        {"rental_id": "R4"}, {"tenant_id": None, "rental_id": "R1"}, {"rental_id": None},
        {"rental_id": "R1", "kind": EventKind.APPOINTMENT}, {"rental_id": "R1", "state": EventState.CANCELLED},
        {"rental_id": "R1", "starts_at": datetime(2026, 3, 1, 16, tzinfo=UTC)}, {"tenant_id": "T2"},
    ):  # fmt: skip
        inspect(portal, **other)
        assert (seen() or Inspection(on=date.min, is_done=False)).noted_by == "staff:ann", other
    inspect(portal, rental_id="R1", findings="Paint on the floor", state=EventState.DONE)
    assert seen() == Inspection(on=date(2026, 12, 31), is_done=True, has_findings=True, findings="Paint on the floor")
    inspect(portal, rental_id="R1")
    assert seen() == Inspection(on=date(2026, 12, 31), is_done=False)
    portal.clock.advance(timedelta(days=60))
    assert seen() == Inspection(on=date(2026, 12, 31), is_done=True)


@only_memory
def test_an_inspection_that_contradicts_itself_or_is_not_of_staff_is_refused(portal: Portal) -> None:
    staff, today = portal.of("T1", actor="staff:ann"), date(2026, 11, 21)
    for on, more in (
        (today - timedelta(days=1), {}), (today + timedelta(days=1), {"is_done": True}),
        (today, {"findings": "A lock"}), (today, {"is_done": "yes"}), (today, {"visibility": "everybody"}),
    ):  # fmt: skip
        with pytest.raises(InputError):
            staff.note_inspection("R1", on, key=portal.key, **more)
    with pytest.raises(IneligibleError) as refused:
        portal.session.note_inspection("R1", today, key=portal.key)
    assert refused.value.code == "staff_only"
    assert portal.changes() == 0


@pytest.mark.fact("S1.54")
@only_memory
def test_an_inspection_that_did_not_reach_the_back_office_is_not_shown(portal: Portal) -> None:
    assert portal.office is not None
    staff = portal.of("T1", actor="staff:ann")
    staff.request_move_out("R1", date(2026, 12, 31), key=portal.key)
    portal.office.fail(Fault.DROP_AFTER, kind="add_note")

    waiting = staff.note_inspection("R1", date(2026, 11, 21), is_done=True, key=portal.key)

    assert waiting.outcome is Outcome.PENDING
    assert staff.move_out_progress("R1").inspection is None
    portal.later(minutes=20)
    assert staff.move_out_progress("R1").inspection is not None


@pytest.mark.fact("S1.20")
def test_a_language_is_asked_for_and_staff_write_it_down(portal: Portal) -> None:
    view = portal.session.set_language("fr-CA", key=portal.key)
    portal.later(minutes=1)

    assert view.outcome is Outcome.SETTLED
    assert view.emulated
    assert "fr-CA" in portal.outbox.mails[0].text
    for wrong in ("", "de", "french", "fr CA"):
        with pytest.raises(InputError):
            portal.session.set_language(wrong, key=portal.key)


@pytest.mark.fact("S1.53")
def test_hours_and_whom_to_call_are_told_per_facility() -> None:
    portal = PortalSettings(
        office_hours="Mon-Fri 9-17", access_hours="6-22", emergency_contact="555-0100",
        places={"mem/F2": PlacePortal(access_hours="always", emergency_contact="")},
    )  # fmt: skip

    here, there = portal.rules("mem", "F1"), portal.rules("mem", "F2")

    assert (here.office_hours, here.access_hours, here.emergency_contact) == ("Mon-Fri 9-17", "6-22", "555-0100")
    assert (there.office_hours, there.access_hours, there.emergency_contact) == ("Mon-Fri 9-17", "always", "")


@pytest.mark.fact("S3.25")
@only_memory
def test_records_that_have_grown_old_are_told(portal: Portal) -> None:
    portal.bridge.sync()
    portal.clock.advance(timedelta(days=400))
    portal.session.edit_contact({"phone": "512 555 0199"}, key=portal.key)
    portal.bridge.sync()

    assert portal.bridge.stale_tenants("F1", older_than=timedelta(days=365)) == ("T2", "T3")
    assert portal.bridge.stale_tenants("F1", older_than=timedelta(days=500)) == ()
    with pytest.raises(InputError):
        portal.bridge.stale_tenants("F1", older_than=timedelta(0))
