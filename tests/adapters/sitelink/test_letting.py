"""Move-outs, notes, bulletin posts and reservations, judged by what the back office holds."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

import pmsbridge_sitelink
from pmsbridge.actions.effects import AddNote, CancelMoveOut, PostBulletin, ReserveUnit, ScheduleMoveOut
from pmsbridge.errors import OutcomeUnknownError, RejectedError
from pmsbridge.model.documents import ReservationState
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.outcome import Absent, CannotTell, Found
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.sandbox import SandboxControl
from pmsbridge_sitelink.wire import OPERATIONS
from tests.adapters.sitelink.office import ANAIS, LUKASZ, RENEE, SITE, TODAY, Judge, adapter_on, attempt, usd

LEAVING = TODAY + timedelta(days=30)


def move_out(rental: dict[str, object], tenant_id: str, leaving_on: date = LEAVING) -> ScheduleMoveOut:
    return ScheduleMoveOut(
        account="demo", facility=SITE, tenant_id=tenant_id, rental_id=str(rental["ledger_id"]),
        leaving_on=leaving_on, notice_given_on=TODAY,
    )  # fmt: skip


def cancel(rental: dict[str, object], tenant_id: str) -> CancelMoveOut:
    return CancelMoveOut(account="demo", facility=SITE, tenant_id=tenant_id, rental_id=str(rental["ledger_id"]))


def note(rental: dict[str, object], tenant_id: str, text: str = "Please call.") -> AddNote:
    return AddNote(
        account="demo", facility=SITE, tenant_id=tenant_id, rental_id=str(rental["ledger_id"]), text=text,
        reference="PB-NOTE00000001",
    )  # fmt: skip


@pytest.mark.fact("S0.35", "S0.36")
def test_a_scheduled_move_out_leaves_the_unit_let(adapter: SiteLinkAdapter, judge: Judge) -> None:
    receipt = adapter.execute(move_out(judge.rental(RENEE, "015"), RENEE), attempt())

    held = judge.rental(RENEE, "015")
    assert held["scheduled_out"][:10] == LEAVING.isoformat()
    assert held["active"]
    assert receipt.read_back
    (row,) = [row for row in adapter.account(SITE, RENEE).rentals if row.rental.unit_number == "015"]
    assert (row.rental.state, row.rental.leaving_on) == (RentalState.NOTICE_GIVEN, LEAVING)


@pytest.mark.fact("S0.34")
def test_a_move_out_can_be_changed_and_taken_back(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(ANAIS, "F-03")

    adapter.execute(move_out(rental, ANAIS, LEAVING), attempt())
    assert judge.rental(ANAIS, "F-03")["scheduled_out"][:10] == LEAVING.isoformat()
    adapter.execute(cancel(rental, ANAIS), attempt())

    assert judge.rental(ANAIS, "F-03")["scheduled_out"] is None


def test_cancelling_leaves_the_date_out_because_an_empty_one_breaks_the_call(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    adapter.execute(cancel(judge.rental(ANAIS, "F-03"), ANAIS), attempt())

    (call,) = office.calls("ScheduleMoveOut")
    assert "dScheduledOut" not in call["parameters"]


@pytest.mark.parametrize(
    ("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent), ("late_commit", Absent)]
)
def test_a_lost_answer_is_settled_by_reading_the_rental(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str, outcome: type
) -> None:
    effect = move_out(judge.rental(RENEE, "015"), RENEE)
    office.inject("ScheduleMoveOut", fault, seconds=30)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt())

    assert isinstance(adapter.probe(effect, attempt()), outcome)
    if fault == "late_commit":
        office.advance(30)
        assert isinstance(adapter.probe(effect, attempt()), Found)


def test_a_move_out_of_an_unknown_rental_is_refused(adapter: SiteLinkAdapter, judge: Judge) -> None:
    wrong: dict[str, object] = {"ledger_id": 999999}

    with pytest.raises(RejectedError):
        adapter.execute(move_out(wrong, RENEE), attempt())

    assert judge.effects() == 0


@pytest.mark.fact("S0.36")
def test_nothing_here_can_end_a_rental() -> None:
    assert "MoveOut" not in OPERATIONS
    folder = Path(pmsbridge_sitelink.__file__).parent
    sources = [path for path in folder.rglob("*") if path.suffix in {".py", ".wsdl"} and "sandbox" not in path.parts]
    assert len(sources) > 15
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for word in ('"MoveOut"', 'name="MoveOut', "'MoveOut'", "/MoveOut"):
            assert word not in text, path.name


# notes and posts


@pytest.mark.fact("S0.42", "S1.40")
def test_a_note_carries_its_reference_and_is_found_by_it(adapter: SiteLinkAdapter, judge: Judge) -> None:
    effect = note(judge.rental(RENEE, "A-12"), RENEE, 'Vidéo: 5 > 3 & "x"')

    receipt = adapter.execute(effect, attempt())

    (held,) = judge.rental(RENEE, "A-12")["notes"]
    assert held["text"] == 'Vidéo: 5 > 3 & "x"\n[PB-NOTE00000001]'
    assert held["type"] == 0
    assert receipt.vendor_ids == {"note": str(held["id"])}
    found = adapter.probe(effect, attempt())
    assert isinstance(found, Found)
    assert found.receipt.vendor_ids == {"note": str(held["id"])}
    (read,) = adapter.notes(SITE, RENEE, effect.rental_id)
    assert read.text.endswith("[PB-NOTE00000001]")
    assert read.visibility.value == "internal"


def test_a_note_that_never_arrived_is_absent(adapter: SiteLinkAdapter, judge: Judge) -> None:
    assert isinstance(adapter.probe(note(judge.rental(RENEE, "A-12"), RENEE), attempt()), Absent)


@pytest.mark.fact("S1.40")
def test_a_note_over_the_limit_is_refused_and_never_cut(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(note(judge.rental(RENEE, "A-12"), RENEE, "x" * 1990), attempt())

    assert refused.value.code == "note_too_long"
    assert judge.operations() == []


def test_text_that_cannot_be_written_is_refused(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(note(judge.rental(RENEE, "A-12"), RENEE, "a\x00b"), attempt())

    assert refused.value.code == "unsendable_text"
    assert judge.operations() == []


def post(subject: str = "Contact data changed", body: str = "Renée has a new phone.") -> PostBulletin:
    return PostBulletin(
        account="demo", facility=SITE, subject=subject, body=body, due_on=LEAVING, reference="PB-POST00000001"
    )


@pytest.mark.fact("S0.41")
def test_a_bulletin_post_says_when_it_is_due_and_how_to_find_it(
    adapter: SiteLinkAdapter, office: SandboxControl
) -> None:
    receipt = adapter.execute(post(), attempt())

    (held,) = office.bulletin(SITE)
    assert held["subject"] == "Contact data changed"
    assert held["body"] == f"Renée has a new phone.\nDue: {LEAVING.isoformat()}\n[PB-POST00000001]"
    assert receipt.vendor_ids == {"bulletin": str(held["id"])}


def test_nobody_can_tell_by_machine_whether_a_post_is_there(adapter: SiteLinkAdapter) -> None:
    assert isinstance(adapter.probe(post(), attempt()), CannotTell)
    assert not adapter.capabilities["post_bulletin"].can_probe


def test_a_post_over_the_limit_is_refused(office: SandboxControl, judge: Judge) -> None:
    adapter = adapter_on(office, bulletin_subject_limit_chars=20)

    with pytest.raises(RejectedError) as refused:
        adapter.execute(post(subject="x" * 21), attempt())

    assert refused.value.code == "bulletin_too_long"
    assert judge.operations() == []


# reservations


def reservation(unit_id: str, **fields: object) -> ReserveUnit:
    given = {"needed_on": LEAVING, "reference": "PB-RESV00000001", "comment": "Ground floor", **fields}
    return ReserveUnit(account="demo", facility=SITE, tenant_id=LUKASZ, unit_id=unit_id, **given)  # type: ignore[arg-type]


@pytest.mark.fact("S1.28", "S2.3")
def test_a_reservation_is_held_and_found_by_its_reference(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    unit = next(adapter.units(SITE, available_only=True))
    effect = reservation(unit.id, quoted_rate=usd("95.50"), expires_on=LEAVING + timedelta(days=3))

    receipt = adapter.execute(effect, attempt())

    held = office.state(SITE)["sites"][SITE]["reservations"][receipt.vendor_ids["reservation"]]
    assert held["values"]["sComment"] == "Ground floor [PB-RESV00000001]"
    assert held["values"]["dcQuotedRate"] == "95.50"
    assert held["values"]["iSource"] == 5
    assert isinstance(adapter.probe(effect, attempt()), Found)
    (read,) = adapter.reservations(SITE, LUKASZ)
    assert (read.state, read.needed_on, read.unit_id) == (ReservationState.ACTIVE, LEAVING, unit.id)
    assert read.global_number == receipt.vendor_ids["global_number"]


def test_a_reservation_without_an_end_gets_the_facilitys_own(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    unit = next(adapter.units(SITE, available_only=True))

    receipt = adapter.execute(reservation(unit.id), attempt())

    held = office.state(SITE)["sites"][SITE]["reservations"][receipt.vendor_ids["reservation"]]
    assert held["values"]["dExpires"][:10] == (LEAVING + timedelta(days=7)).isoformat()


def test_a_reservation_of_an_unknown_unit_is_refused(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(RejectedError):
        adapter.execute(reservation("999999"), attempt())

    assert judge.effects() == 0
