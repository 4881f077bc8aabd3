"""Access codes: told behind an identity check, kept track of, changed in a transfer, and nowhere to be found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.documents import Visibility
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.sealed import GateCode
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault
from tests.facts.portal import Portal

with_codes = pytest.mark.parametrize("back_office", ["memory", "sitelink"], indirect=True)
only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)
NEXT_WEEK = date(2026, 11, 28)
NEW_CODE = "73915#"


def proof(portal: Portal) -> IdentityCheck:
    """What the busy tenant would answer."""
    tenant = portal.session.tenant()
    assert tenant.phone is not None
    return IdentityCheck(phone=tenant.phone.raw, postal_code=tenant.address.postal_code.lower())


def opened(code: GateCode) -> str:
    with code.open() as parts:
        return parts["gate_code"]


def files_of(tmp_path: Path) -> bytes:
    return b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.fact("S1.52")
@with_codes
def test_staff_are_told_a_lost_code_after_an_identity_check_and_the_look_is_kept(
    portal: Portal, tmp_path: Path
) -> None:
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    row = portal.row()

    code, view = desk.access_code(row.id, proof(portal), key=portal.key)

    assert repr(code) == "<gate code>"
    assert opened(code) == portal.codes["015"]
    assert code.is_wiped
    assert (view.kind, view.actor, view.outcome) == ("look_up_code", "staff:ann", Outcome.SETTLED)
    assert portal.bridge.runtime.trail(view.action_id)[0].data["actor"] == "staff:ann"
    (note,) = [each for each in desk.notes(row.id) if "identity check" in each.text]
    assert "(phone, postal code)" in note.text
    assert note.visibility is Visibility.INTERNAL
    assert portal.outbox.mails == []
    written = repr(portal.bridge.runtime.trail(view.action_id)).encode() + files_of(tmp_path)
    assert portal.codes["015"].encode() not in written


@pytest.mark.fact("S1.52")
@with_codes
def test_whoever_does_not_know_the_answers_is_told_nothing_and_cannot_try_for_ever(portal: Portal) -> None:
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    rental, right = portal.row().id, proof(portal)
    wrong = IdentityCheck(phone=right.phone, postal_code="00000")
    before = portal.changes()
    told = set()

    for _ in range(portal.bridge.settings.portal.most_attempts):
        with pytest.raises(IneligibleError) as refused:
            desk.access_code(rental, wrong, key=portal.key)
        told.add((refused.value.code, str(refused.value)))
    with pytest.raises(IneligibleError) as refused:
        desk.access_code(rental, right, key=portal.key)

    assert {*told, (refused.value.code, str(refused.value))} == {("identity_not_proved", str(refused.value))}
    assert portal.changes() == before
    found = next(each.finding for each in portal.bridge.runtime.findings.open())
    assert found.code == "sign_in_locked"
    assert "access code" in found.text
    assert portal.busy not in found.text
    portal.clock.advance(portal.bridge.settings.portal.attempts_within)
    assert opened(desk.access_code(rental, right, key=portal.key)[0]) == portal.codes["015"]


@with_codes
def test_nobody_looks_twice_with_one_click(portal: Portal) -> None:
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    row, right, key = portal.row(), proof(portal), portal.key
    desk.access_code(row.id, right, key=key)

    with pytest.raises(IneligibleError) as refused:
        desk.access_code(row.id, right, key=key)

    assert refused.value.code == "looked_up_already"
    assert opened(desk.access_code(row.id, right, key=portal.key)[0]) == portal.codes["015"]
    assert len([each for each in desk.notes(row.id) if "identity check" in each.text]) == 2


@pytest.mark.fact("S1.52")
@only_memory
def test_a_birth_date_counts_as_an_answer_and_one_answer_is_too_few(portal: Portal) -> None:
    assert portal.office is not None
    books, born = portal.office.books, date(1990, 1, 2)
    tenant = books.find(Tenant, "F1", "T1")
    assert tenant is not None
    books.put("F1", tenant.changed(birth_date=born))
    desk = portal.bridge.staff("F1", "T1", actor="staff:ann")
    thin: tuple[IdentityCheck, ...] = (
        IdentityCheck(), IdentityCheck(birth_date=born), IdentityCheck(phone="12", postal_code="78701"),
        IdentityCheck(birth_date=born, postal_code=" - "),
    )  # fmt: skip

    for identity in thin:
        with pytest.raises(InputError):
            desk.access_code("R1", identity, key=portal.key)
    for wrong in (date(1990, 1, 3), date(1991, 1, 2)):
        with pytest.raises(IneligibleError):
            desk.access_code("R1", IdentityCheck(birth_date=wrong, postal_code="78701"), key=portal.key)
    code, _ = desk.access_code("R1", IdentityCheck(birth_date=born, postal_code="78701"), key=portal.key)

    assert opened(code) == "9911#"
    assert "1990" not in repr(thin)


@pytest.mark.fact("S1.52")
@only_memory
def test_a_code_is_told_for_ones_own_unit_only_and_never_under_a_lien(portal: Portal) -> None:
    assert portal.office is not None
    desk, right = portal.bridge.staff("F1", "T1", actor="staff:ann"), proof(portal)
    with pytest.raises(NotFoundError):
        desk.access_code("R2", right, key=portal.key)
    with pytest.raises(NotFoundError, match="none on record"):
        desk.access_code("R4", right, key=portal.key)
    unit = portal.office.books.find(Unit, "F1", "U1")
    assert unit is not None
    portal.office.books.put("F1", unit.changed(state=UnitState.LIEN))

    with pytest.raises(IneligibleError) as refused:
        desk.access_code("R1", right, key=portal.key)

    assert refused.value.code == "under_lien"
    offers = {each.kind: each for each in portal.session.available_actions("R1")}
    assert offers[ActionKind.LOOK_UP_CODE].code == "staff_only"


@pytest.mark.fact("S1.31", "S1.52")
@with_codes
def test_a_code_is_changed_and_told_to_nobody(portal: Portal, tmp_path: Path) -> None:
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    rental, typed = portal.row().id, GateCode(NEW_CODE)

    view = portal.of(portal.busy, actor="staff:ann").change_access_code(rental, typed, key=portal.key)

    assert view.outcome is Outcome.SETTLED
    assert typed.is_wiped
    assert opened(desk.access_code(rental, proof(portal), key=portal.key)[0]) == NEW_CODE
    assert portal.outbox.mails == []
    assert NEW_CODE.encode() not in files_of(tmp_path)
    assert NEW_CODE not in repr(portal.bridge.runtime.trail(view.action_id))


@pytest.mark.fact("S1.31")
@with_codes
def test_a_transfer_changes_the_access_code_last(portal: Portal, tmp_path: Path) -> None:
    unit = next(each.id for each in portal.bridge.available_units(portal.facility))
    row, typed = portal.row(), GateCode(NEW_CODE)

    view = portal.session.transfer(row.id, unit, NEXT_WEEK, key=portal.key, access_code=typed)

    assert view.outcome is Outcome.SETTLED
    assert [step.name for step in view.principal] == ["reservation", "move_out", "access_code"]
    assert typed.is_wiped
    desk = portal.bridge.staff(portal.facility, portal.busy, actor="staff:ann")
    assert opened(desk.access_code(row.id, proof(portal), key=portal.key)[0]) == NEW_CODE
    assert NEW_CODE.encode() not in files_of(tmp_path)
    assert all(NEW_CODE not in mail.text for mail in portal.outbox.mails)


@pytest.mark.fact("S1.31")
@pytest.mark.parametrize("step", ["reserve_unit", "schedule_move_out"])
@only_memory
def test_a_transfer_that_stops_leaves_the_code_as_it_is(portal: Portal, step: str) -> None:
    assert portal.office is not None
    portal.office.fail(Fault.REJECT, kind=step)

    view = portal.session.transfer("R1", "U9", NEXT_WEEK, key=portal.key, access_code=GateCode(NEW_CODE))

    assert view.outcome is not Outcome.SETTLED
    assert portal.office.books.gate_codes["F1", "015"] == "9911#"
    assert portal.office.of_kind("change_access_code") == []


@pytest.mark.fact("S1.31")
@only_memory
def test_a_back_office_without_codes_says_so_before_anything(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    session, right = portal.session, proof(portal)
    adapter = type(session._office.adapter)
    held = session._office.adapter.capabilities
    rows = {kind: row for kind, row in held.items() if kind != "change_access_code"}
    monkeypatch.setattr(adapter, "capabilities", rows)
    for room in ("access", "abilities"):
        monkeypatch.setattr(f"pmsbridge.portal.{room}.AccessPort", frozenset)  # it is none
    typed = GateCode(NEW_CODE)

    with pytest.raises(UnsupportedError):
        session.transfer("R1", "U9", NEXT_WEEK, key=portal.key, access_code=typed)
    with pytest.raises(UnsupportedError):
        portal.bridge.staff("F1", "T1", actor="staff:ann").access_code("R1", right, key=portal.key)

    assert typed.is_wiped
    assert portal.changes() == 0
