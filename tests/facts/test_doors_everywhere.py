"""Logins of a portal's own before SiteLink and before a back office that a mapping describes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from pmsbridge.actions.sections import Section
from pmsbridge.errors import IneligibleError, InputError, UnavailableError
from pmsbridge.model.portal_accounts import InvitationState, SignInState
from pmsbridge.model.sealed import WebPassword
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome
from tests.facts.portal import Portal

REAL = ["sitelink", "cubby"]
PASSWORD = "fake-pw-77"
pytestmark = pytest.mark.parametrize("back_office", REAL, indirect=True)


@dataclass(slots=True)
class Door:
    """The entrance of a portal, and one customer of whom its back office has everything that a login needs."""

    portal: Portal
    who: str
    first_name: str
    email: str
    phone: str
    postal_code: str

    @property
    def accounts(self) -> Entrance:
        return self.portal.bridge.accounts

    @property
    def session(self) -> TenantSession:
        return self.portal.of(self.who)

    @property
    def rental_id(self) -> str:
        return self.session.account().current[0].id

    def work(self) -> None:
        self.portal.bridge.runtime.sweep()
        self.portal.bridge.runtime.run_due()

    def token(self) -> str:
        """The token in the newest mail."""
        (found,) = re.findall(r"token=([\w-]+)", self.portal.outbox.mails[-1].text)
        return str(found)

    def invited(self, **more: Any) -> str:
        self.accounts.invite(self.portal.facility, self.who, key=self.portal.key, actor="staff:ann", **more)
        self.work()
        return self.token()

    def registered(self, **other: str) -> TenantSession:
        given = {"phone": self.phone, "email": self.email, "postal_code": self.postal_code, **other}
        return self.accounts.register(self.portal.facility, **given, password=WebPassword(PASSWORD))

    def signed_in(self, login: str, password: str = PASSWORD) -> TenantSession | None:
        return self.accounts.sign_in(self.portal.facility, login, WebPassword(password))


@pytest.fixture
def unread(portal: Portal) -> Door:
    """Nothing was copied yet before SiteLink."""
    who = portal.busy if portal.mapped is not None else portal.other
    tenant = portal.of(who).tenant()
    assert tenant.phone is not None
    if portal.mapped is not None:
        portal.enter("tenants", portal.other, phone="(312) 555-0177")
        portal.bridge.sync()
    return Door(portal, who, tenant.name.first, tenant.email, tenant.phone.raw, tenant.address.postal_code)


@pytest.fixture
def door(unread: Door) -> Door:
    unread.portal.bridge.sync()
    return unread


@pytest.mark.fact("S2.15", "S2.17", "S2.19", "S2.20", "S2.22")
def test_a_customer_registers_once_there_is_a_copy_signs_in_by_phone_and_out_again(unread: Door) -> None:
    door = unread
    if door.portal.mapped is None:
        with pytest.raises(IneligibleError) as too_early:
            door.registered()
        assert too_early.value.code == "not_ready_yet"
        door.portal.bridge.sync()
    with pytest.raises(IneligibleError) as refused:
        door.registered(postal_code="00000")
    assert refused.value.code == "no_match"

    session = door.registered()
    door.work()
    by_phone = door.signed_in(".".join(re.findall(r"\d+", door.phone)))
    here, there = door.accounts.remember(session), door.accounts.remember(session)
    door.accounts.sign_out(here)

    assert by_phone is not None
    assert (session.tenant_id, by_phone.tenant_id) == (door.who, door.who)
    assert [(mail.to, "sign in" in mail.text) for mail in door.portal.outbox.mails] == [(door.email, True)]
    assert [(each.kind, each.outcome) for each in door.session.actions()] == [("register", Outcome.SETTLED)]
    assert door.accounts.resume(here) is None
    assert door.accounts.resume(there) is not None


@pytest.mark.fact("S2.16", "S2.18")
def test_after_too_many_attempts_the_right_answer_is_a_wrong_one_too_and_staff_are_told(door: Door) -> None:
    door.registered()
    for _ in range(5):
        assert door.signed_in(door.phone, "fake-pw-00") is None

    locked = door.signed_in(door.phone)
    told = [each.finding.code for each in door.portal.bridge.runtime.findings.open()]
    door.portal.clock.advance(door.portal.bridge.settings.portal.attempts_within)

    assert locked is None
    assert told.count("sign_in_locked") == 1
    assert door.signed_in(door.phone) is not None


@pytest.mark.fact("S3.9", "S3.10", "S3.11", "S3.12")
def test_an_invitation_goes_to_who_was_shown_signs_in_once_and_a_second_one_kills_it(door: Door) -> None:
    shown = door.portal.bridge.staff(door.portal.facility, door.who, actor="staff:ann").readiness()

    first = door.invited()
    (mail,) = door.portal.outbox.mails
    second = door.invited()
    session = door.accounts.enter(second)

    assert (shown.is_ready, shown.email, mail.to) == (True, door.email, door.email)
    assert shown.name in mail.text
    assert door.accounts.enter(first) is None
    assert session is not None
    assert session.tenant_id == door.who
    assert door.accounts.enter(second) is None
    found = door.accounts.standing(door.portal.facility, door.who)
    assert found is not None
    assert (found.state, found.invitation) == (SignInState.CLAIMED, InvitationState.ACCEPTED)


@pytest.mark.fact("S3.12", "S3.13", "S4.14")
def test_a_link_that_is_too_old_opens_nothing_and_a_new_one_goes_only_to_the_address_on_file(door: Door) -> None:
    old = door.invited()
    door.portal.clock.advance(door.portal.bridge.settings.portal.link_lives)
    for mail in (door.email.upper(), "nobody@example.test"):
        door.accounts.ask_link(door.portal.facility, mail)
    before = len(door.portal.outbox.mails)
    door.work()

    assert door.accounts.enter(old) is None
    assert [mail.to for mail in door.portal.outbox.mails[before:]] == [door.email]
    assert door.accounts.enter(door.token()) is not None


@pytest.mark.fact("S4.14", "S4.15", "S4.16")
def test_a_mailed_link_sets_a_password_and_sets_it_anew_when_it_is_forgotten(door: Door) -> None:
    tokens = []
    for _ in range(2):
        door.accounts.ask_link(door.portal.facility, door.email, purpose="password")
        door.work()
        tokens.append(door.token())
        assert door.accounts.set_password(tokens[-1], WebPassword(f"fake-pw-{len(tokens)}{len(tokens)}")) is not None

    assert door.accounts.set_password(tokens[0], WebPassword("fake-pw-99")) is None
    assert door.signed_in(door.email, "fake-pw-11") is None
    assert door.signed_in(door.email, "fake-pw-22") is not None


@pytest.mark.fact("S1.20", "S1.21", "S4.17")
def test_every_later_mail_follows_the_language_that_was_asked_for(door: Door) -> None:
    door.invited()
    hello = door.portal.outbox.mails[-1]
    door.session.set_language("fr", key=door.portal.key)
    door.invited()

    assert f"Hello {door.first_name}" in hello.text
    assert f"Bonjour {door.first_name}" in door.portal.outbox.mails[-1].text
    assert door.session.account().facility.name in hello.subject


@pytest.mark.fact("S4.9")
def test_a_visitor_asks_the_office_and_is_heard_so_often_and_no_more(door: Door) -> None:
    def ask(number: int) -> Any:
        given = {"name": "Jo Visitor", "email": "jo@example.test", "text": "Do you have a larger unit?"}
        return door.accounts.contact_us(door.portal.facility, **given, key=f"question-0{number}")

    views = [ask(number) for number in range(5)]
    with pytest.raises(IneligibleError) as refused:
        ask(6)
    asked = door.session.ask_staff("The door", "It squeaks.", key=door.portal.key)
    door.work()

    assert {view.outcome for view in views} == {Outcome.SETTLED}
    assert refused.value.code == "too_many_questions"
    assert asked.outcome is Outcome.SETTLED
    heard = [mail.text for mail in door.portal.outbox.mails]
    assert sum("Do you have a larger unit?" in text for text in heard) == 5
    assert sum("It squeaks." in text for text in heard) == 1


@pytest.mark.fact("S3.22")
@pytest.mark.parametrize("rules", [{"first_steps": ("profile", "contract")}], ids=["steps"])
def test_the_portal_opens_after_the_last_step_and_steps_come_in_order(door: Door) -> None:
    session = door.registered()

    assert Section.RENTALS not in session.sections
    with pytest.raises(IneligibleError) as refused:
        session.rental(door.rental_id)
    with pytest.raises(InputError, match="First: profile"):
        door.accounts.step_done(session, "contract")
    for step in ("profile", "contract"):
        session = door.accounts.step_done(session, step)

    assert refused.value.code == "section_off"
    assert session.rental(door.rental_id).rental.tenant_id == door.who


@pytest.mark.fact("S3.26")
def test_access_to_tickets_only_is_access_to_events_alone(door: Door) -> None:
    session = door.accounts.enter(door.invited(access="tickets_only"))

    assert session is not None
    assert session.sections == (Section.EVENTS,)
    for call in (session.invoices, lambda: session.rental(door.rental_id)):
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "section_off"


@pytest.mark.fact("S1.60")
def test_whoever_is_forgotten_is_gone_from_the_copy_and_nobody_else_is(door: Door) -> None:
    bridge, here = door.portal.bridge, door.portal.facility
    other = door.portal.other if door.portal.mapped is not None else door.portal.busy
    for each in (door.who, other):
        bridge.tenant(here, each).account()
    assert door.session.account(live=False).tenant.id == door.who

    bridge.erase(here, door.who, actor="staff:ann")

    with pytest.raises(UnavailableError):
        door.session.account(live=False)
    assert bridge.search_tenants(here, TenantSearch(email=door.email)) == ()
    assert bridge.tenant(here, other).account(live=False).tenant.id == other
