"""Access that was taken away: no way in opens any more; old passwords; attempts that come at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pmsbridge.accounts import passwords
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnavailableError
from pmsbridge.model.people import Contact, ContactRole, PersonName, Tenant
from pmsbridge.model.portal_accounts import SignInState
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.testing.memory import MemoryAdapter
from tests.facts.portal import Portal
from tests.facts.test_logins import ANA, Door, ask, door, fresh, opened

__all__ = ["door"]

LOGIN = "ana@example.test"


def edit(door: Door, **fields: object) -> None:
    tenant = door.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    door.office.books.put("F1", tenant.changed(**fields))


def contact() -> Contact:
    ref = VendorRef(system="memory", account="mem", facility="F1", entity="contact", id="C1")
    return Contact(
        ref=ref, tenant_id="T1", role=ContactRole.BOOKKEEPER, name=PersonName(first="Odile"), email="odile@example.test"
    )


def state(door: Door, contact_id: str = "") -> SignInState:
    found = door.accounts.standing("F1", "T1", contact_id=contact_id)
    assert found is not None
    return found.state


def mailed(door: Door, purpose: str, email: str = LOGIN) -> str:
    door.accounts.ask_link("F1", email, purpose=purpose)
    door.work()
    return door.token()


def ways(door: Door, email: str = LOGIN) -> dict[str, Callable[[], object]]:
    """Every way in of somebody who has a password, a remembered token and two mailed links; each works once."""
    session = door.accounts.set_password(mailed(door, "password", email), fresh())
    assert session is not None
    token = door.accounts.remember(session)
    link, reset = mailed(door, "sign_in", email), mailed(door, "password", email)
    return {
        "sign_in": lambda: door.accounts.sign_in("F1", email, fresh()),
        "resume": lambda: door.accounts.resume(token),
        "enter": lambda: door.accounts.enter(link),
        "set_password": lambda: door.accounts.set_password(reset, fresh("fake-pw-88")),
    }


def switched_off(door: Door) -> None:
    edit(door, portal_disabled=True)
    door.bridge.sync()


def gone(door: Door) -> None:
    door.office.books.remove(Tenant, "F1", "T1")
    door.bridge.sync(full=True)


def locked(door: Door) -> None:
    door.accounts.lock("F1", "T1", actor="staff:ann")


@pytest.mark.parametrize("way", ["sign_in", "resume", "enter", "set_password"])
@pytest.mark.parametrize("take_away", [switched_off, locked, gone])
def test_no_way_in_opens_once_access_was_taken_away(door: Door, way: str, take_away: Callable[[Door], None]) -> None:
    known = ways(door)

    take_away(door)

    assert known[way]() is None
    assert door.kept_password()
    assert state(door) is (SignInState.LOCKED if take_away is locked else SignInState.CLAIMED)


@pytest.mark.parametrize("way", ["sign_in", "resume", "enter", "set_password"])
def test_each_way_in_opens_while_nothing_was_taken_away(door: Door, way: str) -> None:
    assert ways(door)[way]() is not None


@pytest.mark.parametrize("way", ["sign_in", "resume", "enter", "set_password"])
def test_a_contact_who_was_removed_does_not_come_in_and_their_link_is_mailed_to_nobody(door: Door, way: str) -> None:
    edit(door, contacts=(contact(),))
    door.invited(contact_id="C1", permissions=["billing"])
    known = ways(door, "odile@example.test")
    edit(door, contacts=())
    door.bridge.sync()
    mails = len(door.outbox.mails)

    assert known[way]() is None
    door.accounts.ask_link("F1", "odile@example.test")
    door.work()
    assert len(door.outbox.mails) == mails


def test_a_contact_who_is_still_there_comes_in_after_the_night(door: Door) -> None:
    edit(door, contacts=(contact(),))
    door.invited(contact_id="C1", permissions=["billing"])
    known = ways(door, "odile@example.test")
    door.bridge.sync()

    assert known["sign_in"]() is not None


def test_staff_lock_and_unlock_a_login_and_both_are_kept_with_who_did_it(door: Door) -> None:
    session = door.registered()
    token = door.accounts.remember(session)

    door.accounts.lock("F1", "T1", actor="staff:ann")
    (found,) = (each.finding for each in door.bridge.runtime.findings.open() if each.finding.code == "login_locked")
    with pytest.raises(IneligibleError) as refused:
        door.invited()
    with pytest.raises(IneligibleError):
        door.registered()
    assert not door.accounts.change_password(session, fresh(), fresh("fake-pw-88"))
    mails = len(door.outbox.mails)
    door.accounts.ask_link("F1", LOGIN)
    door.work()

    assert ("staff:ann" in found.text, "T1" in found.text, refused.value.code) == (True, True, "login_locked")
    assert [mail.to for mail in door.outbox.mails[mails:] if "token=" in mail.text] == []
    assert state(door) is SignInState.LOCKED
    door.accounts.unlock("F1", "T1", actor="staff:bea")
    assert [each for each in door.bridge.runtime.findings.open() if each.finding.code == "login_locked"] == []
    assert state(door) is SignInState.CLAIMED
    assert door.accounts.resume(token) is None
    assert door.accounts.sign_in("F1", LOGIN, fresh()) is not None


def test_only_staff_lock_and_only_a_login_that_is_there(door: Door) -> None:
    with pytest.raises(NotFoundError):
        door.accounts.lock("F1", "T1", actor="staff:ann")
    door.registered()
    for call in (door.accounts.lock, door.accounts.unlock):
        with pytest.raises(InputError):
            call("F1", "T1", actor="tenant")
    assert state(door) is SignInState.CLAIMED


def test_a_login_locked_while_somebody_comes_in_stays_locked(door: Door) -> None:
    door.registered()
    admits = door.bridge.accounts._keeper.admits.__func__  # type: ignore[attr-defined]

    def just_before(keeper: Any, login: Any) -> bool:
        answer = bool(admits(keeper, login))
        locked(door)
        return answer

    with patch.object(type(door.bridge.accounts._keeper), "admits", just_before):
        assert door.accounts.sign_in("F1", LOGIN, fresh()) is None
    assert state(door) is SignInState.LOCKED


# -- the back office's own passwords ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["link", "lock"])
@pytest.mark.parametrize("back_office", ["memory", "sitelink"], indirect=True)
def test_the_back_offices_password_opens_nothing_beside_one_of_ours_or_a_lock(portal: Portal, by: str) -> None:
    bridge = portal.bridge
    object.__setattr__(bridge.accounts._keeper.maker, "address", "https://portal.example/enter?token={token}")
    bridge.sync()
    name, old = portal.login
    assert bridge.accounts.sign_in(portal.facility, name, WebPassword(old)) is not None

    if by == "lock":
        (account,) = bridge.adapters
        tenant = bridge.mirror.tenant(account, portal.facility, portal.busy)
        assert tenant is not None
        bridge.accounts._keeper.login_of(tenant.ref.account, portal.facility, tenant)
        bridge.accounts.lock(portal.facility, portal.busy, actor="staff:ann")
    else:
        bridge.accounts.ask_link(portal.facility, name, purpose="password")
        bridge.runtime.sweep()
        bridge.runtime.run_due()
        token = portal.outbox.mails[-1].text.partition("token=")[2].split()[0]
        assert bridge.accounts.set_password(token, fresh("fake-pw-88")) is not None
        assert bridge.accounts.sign_in(portal.facility, name, fresh("fake-pw-88")) is not None

    assert bridge.accounts.sign_in(portal.facility, name, WebPassword(old)) is None


def test_whoever_has_a_password_of_ours_claims_nothing_by_the_gate_code(door: Door) -> None:
    door.office.books.gate_codes["F1", "015"] = "9911#"
    door.registered()

    assert claimed(door) == "no_match"
    assert door.office.of_kind("set_web_password") == []


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_claim_says_the_same_when_access_is_off_and_counts_as_in_vain(door: Door, is_copied: bool) -> None:
    door.office.books.gate_codes["F1", "015"] = "9911#"
    edit(door, portal_disabled=True)
    if is_copied:
        door.bridge.sync()

    assert {claimed(door) for _ in range(5)} == {"no_match"}
    edit(door, portal_disabled=False)
    assert claimed(door) == "no_match"  # too many in vain
    door.clock.advance(door.bridge.settings.portal.attempts_within)
    assert claimed(door) == ""


def claimed(door: Door, code: str = "9911#") -> str:
    """The code of the refusal; empty for none."""
    number = len(door.outbox.mails) + int(door.clock.monotonic() * 1e6)
    try:
        door.accounts.claim(
            "F1", unit_number="015", gate_code=GateCode(code), login=LOGIN, password=fresh(), key=f"claim-{number:012}"
        )
    except IneligibleError as refused:
        return refused.code
    return ""


def test_registering_while_the_back_office_is_away_says_the_same_to_everybody(door: Door) -> None:
    with patch.object(MemoryAdapter, "account", side_effect=UnavailableError("away", code="away")):
        for other in ({}, {"postal_code": "1"}):
            with pytest.raises(IneligibleError) as refused:
                door.accounts.register("F1", **{**ANA, **other}, password=fresh())
            assert refused.value.code == "no_match"


# -- attempts that come at once ---------------------------------------------------------------------------------------


def test_attempts_that_come_while_one_is_compared_are_counted_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.registered()
    compared: list[str] = []

    def slow(kept: str, password: str) -> bool:
        compared.append(kept)
        if len(compared) < 12:
            door.accounts.sign_in("F1", LOGIN, fresh("fake-pw-00"))
        return False

    monkeypatch.setattr(passwords, "_fits", slow)
    assert door.accounts.sign_in("F1", LOGIN, fresh("fake-pw-00")) is None

    assert len(compared) == door.bridge.settings.portal.most_attempts
    told = [each for each in door.bridge.runtime.findings.open() if each.finding.code == "sign_in_locked"]
    assert len(told) == 1


def test_claims_that_come_while_one_is_compared_are_counted_too(door: Door) -> None:
    compared: list[int] = []

    def slow(*_: object, **__: object) -> None:
        compared.append(1)
        if len(compared) < 12:
            claimed(door, "0000")

    with patch.object(MemoryAdapter, "match_gate_code", slow):
        claimed(door, "0000")
    assert len(compared) == door.bridge.settings.portal.most_attempts


def test_identity_checks_that_come_while_one_is_compared_are_counted_too(door: Door) -> None:
    desk = door.bridge.staff("F1", "T1", actor="staff:ann")
    said = IdentityCheck(phone="5125550101", postal_code="00000")
    compared: list[int] = []

    def asked() -> None:
        with pytest.raises(IneligibleError):
            desk.access_code("R1", said, key=f"click-{len(compared):08}")

    def slow(*_: object) -> bool:
        compared.append(1)
        if len(compared) < 12:
            asked()
        return False

    with patch.object(IdentityCheck, "fits", slow):
        asked()
    assert len(compared) == door.bridge.settings.portal.most_attempts


def test_who_comes_in_often_is_never_one_too_many(door: Door) -> None:
    door.office.books.gate_codes["F1", "015"] = "9911#"
    for _ in range(7):
        assert door.accounts.register("F1", **ANA).tenant_id == "T1"
        door.clock.sleep(0.01)
        assert claimed(door) == ""
    door.registered()
    for _ in range(7):
        assert door.accounts.sign_in("F1", LOGIN, fresh()) is not None


def test_a_claim_that_the_back_office_could_not_compare_does_not_count(door: Door) -> None:
    door.office.books.gate_codes["F1", "015"] = "9911#"
    with patch.object(MemoryAdapter, "match_gate_code", side_effect=UnavailableError("away", code="away")):
        for _ in range(7):
            with pytest.raises(UnavailableError):
                claimed(door)

    assert claimed(door) == ""


def test_questions_of_ever_new_addresses_come_to_an_end_too(tmp_path: Path) -> None:
    with opened(tmp_path, most_questions=3) as door:
        door.bridge.sync()
        for number in range(3):
            ask(door, f"question-0{number}", email=f"jo{number}@example.test")

        with pytest.raises(IneligibleError) as refused:
            ask(door, "question-09", email="jo9@example.test")
        assert refused.value.code == "too_many_questions"
        assert len(door.office.of_kind("post_bulletin")) == 3
        elsewhere = door.accounts.contact_us("F2", name="Jo", email="jo9@example.test", text="Hi?", key="question-09")
        assert elsewhere.facility == "F2"  # another facility still listens
        door.clock.advance(door.bridge.settings.portal.attempts_within)
        ask(door, "question-10", email="jo9@example.test")


# -- first steps ------------------------------------------------------------------------------------------------------


def test_a_step_that_is_done_at_the_same_moment_as_another_loses_none(tmp_path: Path) -> None:
    with opened(tmp_path, first_steps=("profile", "contract")) as door:
        door.bridge.sync()
        session = door.registered()
        logins = door.bridge.logins
        before = logins.of_person("mem", "F1", "T1")
        door.accounts.step_done(door.accounts.step_done(session, "profile"), "contract")

        with patch.object(logins, "get", return_value=before):  # read before the other's were written
            door.accounts.step_done(session, "profile")

        found = logins.of_person("mem", "F1", "T1")
        assert found is not None
        assert found.steps == {"profile", "contract"}
