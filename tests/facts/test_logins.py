"""Logins of a portal's own: register, invite, links, passwords, first steps, further contacts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pmsbridge.accounts import passwords
from pmsbridge.accounts.even_time import STEP_SECONDS, evened
from pmsbridge.actions.sections import Section
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import ConfigurationError, IneligibleError, InputError
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.model.people import Contact, ContactRole, PersonName, Phone, Tenant
from pmsbridge.model.portal_accounts import InvitationState, OnboardingState, SignInState
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.duplicates import duplicates_among
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, NoticeSettings, PlacePortal, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.store.tables import LOGINS
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests import builders as make
from tests.facts.portal import MONEY
from tests.mailbox import Outbox

ANA: dict[str, Any] = {"phone": "1 (512) 555-0101", "email": " ANA@example.test", "postal_code": "78701-1234"}


def fresh(text: str = "fake-pw-77") -> WebPassword:
    return WebPassword(text)


@dataclass(slots=True)
class Door:
    """A bridge with logins of its own, its mails and its clock."""

    bridge: Bridge
    office: MemoryOffice
    clock: TestClock
    outbox: Outbox

    @property
    def accounts(self) -> Entrance:
        return self.bridge.accounts

    def work(self) -> None:
        self.bridge.runtime.sweep()
        self.bridge.runtime.run_due()

    def token(self) -> str:
        """The token in the newest mail."""
        (found,) = re.findall(r"token=([\w-]+)", self.outbox.mails[-1].text)
        return str(found)

    def invited(self, tenant_id: str = "T1", key: str = "invite-0001", **more: object) -> str:
        self.accounts.invite("F1", tenant_id, key=key, actor="staff:ann", **more)  # type: ignore[arg-type]
        self.work()
        return self.token()

    def kept_password(self) -> str:
        """What is stored of the password of T1."""
        login = self.bridge.logins.of_person("mem", "F1", "T1")
        assert login is not None
        return login.password

    def registered(self) -> TenantSession:
        return self.accounts.register("F1", **ANA, password=fresh())


@contextmanager
def opened(folder: Path, *, store: str = "", notices: NoticeSettings | None = None, **portal: object) -> Iterator[Door]:
    clock, outbox = TestClock(), Outbox()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    given = {"link_address": "https://portal.example/enter?token={token}", **portal}
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        portal=PortalSettings(**given),  # type: ignore[arg-type]
        notices=notices or NoticeSettings(),
    )
    with Bridge(
        settings, database=open_database(store or f"sqlite:///{folder}/door.db"),
        adapters={"mem": MemoryAdapter(office)}, mailer=outbox, clock=clock,
    ) as bridge:  # fmt: skip
        yield Door(bridge, office, clock, outbox)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as made:
        made.bridge.sync()
        yield made


# -- registering with what is on the record ---------------------------------------------------------------------------


@pytest.mark.fact("S2.15")
def test_nobody_registers_before_the_first_copy_and_the_reason_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as door:
        with pytest.raises(IneligibleError) as refused:
            door.registered()
        assert refused.value.code == "not_ready_yet"

        door.bridge.sync()

        assert door.registered().tenant_id == "T1"


@pytest.mark.fact("S2.16", "S2.17", "S2.20")
def test_phone_mail_and_postal_code_register_however_they_are_written_and_then_the_phone_signs_in(door: Door) -> None:
    session = door.registered()

    by_phone = door.accounts.sign_in("F1", "512.555.0101", fresh())
    by_mail = door.accounts.sign_in("F1", "Ana@Example.test", fresh())

    assert by_phone is not None
    assert by_mail is not None
    assert {session.tenant_id, by_phone.tenant_id, by_mail.tenant_id} == {"T1"}
    assert door.accounts.sign_in("F1", "512.555.0101", WebPassword("5125550101")) is None
    assert session.pay_rental("R1", MONEY, key="click-0001").outcome is Outcome.SETTLED


@pytest.mark.fact("S2.18")
@pytest.mark.parametrize(
    "wrong", [{"phone": "512 555 0102"}, {"email": "chloé@example.test"}, {"postal_code": "78702"}]
)
def test_what_does_not_fit_gets_one_answer_whatever_it_is(door: Door, wrong: dict[str, str]) -> None:
    with pytest.raises(IneligibleError) as refused:
        door.accounts.register("F1", **{**ANA, **wrong}, password=fresh())
    with pytest.raises(IneligibleError) as unknown:
        door.accounts.register(
            "F1", phone="999 555 0199", email="nobody@example.test", postal_code="1", password=fresh()
        )

    assert refused.value.code == "no_match"
    assert (refused.value.message, refused.value.unblock) == (unknown.value.message, unknown.value.unblock)
    assert door.accounts.sign_in("F1", "512 555 0101", fresh()) is None


@pytest.mark.fact("S2.18", "S2.16")
def test_after_too_many_attempts_the_right_answer_is_a_wrong_one_too_and_staff_are_told(door: Door) -> None:
    door.registered()
    for _ in range(5):
        assert door.accounts.sign_in("F1", "512 555 0101", fresh("fake-pw-00")) is None

    locked = door.accounts.sign_in("F1", "(512) 555-0101", fresh())
    told = [found.finding for found in door.bridge.runtime.findings.open() if found.finding.code == "sign_in_locked"]
    door.clock.advance(door.bridge.settings.portal.attempts_within)
    later = door.accounts.sign_in("F1", "(512) 555-0101", fresh())

    assert locked is None
    assert len(told) == 1
    assert "5125550101" not in told[0].text
    assert later is not None


def test_addresses_that_share_a_digit_do_not_share_their_attempts(door: Door) -> None:
    door.registered()
    for number in range(5):
        assert door.accounts.sign_in("F1", f"somebody{number}.5125550101@example.test", fresh()) is None

    assert door.accounts.sign_in("F1", "(512) 555-0101", fresh()) is not None
    assert door.accounts.sign_in("F1", "5125550101@example.test", fresh()) is None  # no phone number


def test_ended_links_are_forgotten_after_a_while(door: Door) -> None:
    for number in range(5):
        door.clock.advance(timedelta(days=40))
        door.accounts.ask_link("F1", f"nobody{number}@example.test")

    with door.bridge.database.read() as connection:
        assert len(connection.execute(select(LOGINS.links)).all()) <= 2


def test_a_registered_customer_is_not_registered_again_by_what_is_on_the_record(door: Door) -> None:
    door.registered()

    with pytest.raises(IneligibleError) as refused:
        door.accounts.register("F1", **ANA, password=fresh("fake-pw-99"))

    assert refused.value.code == "no_match"
    assert door.accounts.sign_in("F1", "ana@example.test", fresh("fake-pw-99")) is None
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is not None


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_customer_whose_web_access_is_off_gets_the_same_answer_as_a_stranger(door: Door, is_copied: bool) -> None:
    tenant = door.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    door.office.books.put("F1", tenant.changed(portal_disabled=True))
    if is_copied:
        door.bridge.sync()

    with pytest.raises(IneligibleError) as refused:
        door.registered()

    assert refused.value.code == "no_match"
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is None


@pytest.mark.parametrize("password", [None, "fake-pw-77"])
@pytest.mark.parametrize("same", ["phone", "email"])
def test_whoever_guesses_what_is_on_a_record_is_not_looked_at_for_a_while(
    door: Door, password: str | None, same: str
) -> None:
    def ask(**other: str) -> str:
        chosen = None if password is None else WebPassword(password)
        try:
            return door.accounts.register("F1", **{**ANA, **other}, password=chosen).tenant_id
        except IneligibleError as refusal:
            return refusal.code

    other = "email" if same == "phone" else "phone"
    guesses = [f"somebody{n}@example.test" if other == "email" else f"512555020{n}" for n in range(5)]
    assert {ask(**{other: guess}) for guess in guesses} == {"no_match"}

    assert ask() == "no_match"
    door.clock.advance(door.bridge.settings.portal.attempts_within)
    assert ask() == "T1"


def test_without_a_password_no_login_is_made_and_one_that_is_there_says_what_may_be_used(door: Door) -> None:
    assert door.accounts.register("F1", **ANA).sections[0] is Section.RENTALS
    assert door.accounts.standing("F1", "T1") is None
    door.invited(access="tickets_only")

    assert door.accounts.register("F1", **ANA).sections == (Section.EVENTS,)


def test_whoever_has_a_password_does_not_come_in_by_what_is_on_the_record(door: Door) -> None:
    door.registered()

    with pytest.raises(IneligibleError) as refused:
        door.accounts.register("F1", **ANA)

    assert refused.value.code == "no_match"


def test_the_number_that_somebody_registered_with_signs_in(door: Door) -> None:
    tenant = door.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    door.office.books.put("F1", tenant.changed(phone=None, mobile=Phone(raw="512-555-0177")))
    door.bridge.sync()

    door.accounts.register("F1", **{**ANA, "phone": "(512) 555-0177"}, password=fresh())

    assert door.accounts.sign_in("F1", "512 555 0177", fresh()) is not None


# -- invitations ------------------------------------------------------------------------------------------------------


@pytest.mark.fact("S3.9", "S3.11", "S3.12")
def test_an_invitation_goes_to_who_was_shown_and_its_link_signs_in_once(door: Door) -> None:
    shown = door.bridge.staff("F1", "T1", actor="staff:ann").readiness()

    token = door.invited()

    (mail,) = door.outbox.mails
    assert (mail.to, shown.email, shown.name in mail.text) == ("ana@example.test", "ana@example.test", True)
    session = door.accounts.enter(token)
    assert session is not None
    assert [row.rental.unit_number for row in session.dashboard().rows] == ["015", "B-7"]
    assert door.accounts.enter(token) is None
    assert door.accounts.enter("made-up") is None


@pytest.mark.fact("S3.10")
def test_a_second_invitation_kills_the_first_link_and_the_state_is_known(door: Door) -> None:
    def state() -> InvitationState:
        found = door.accounts.standing("F1", "T1")
        return found.invitation if found is not None else InvitationState.NEVER

    before = state()
    first = door.invited()
    sent = state()
    again = door.accounts.invite("F1", "T1", key="invite-0001", actor="staff:ann")  # the same click
    mails = len(door.outbox.mails)
    second = door.invited(key="invite-0002")

    assert (before, sent, mails) == (InvitationState.NEVER, InvitationState.SENT, 1)
    assert again.outcome is Outcome.SETTLED
    assert door.accounts.enter(first) is None
    assert door.accounts.enter(second) is not None
    found = door.accounts.standing("F1", "T1")
    assert found is not None
    assert (found.state, found.invitation) == (SignInState.CLAIMED, InvitationState.ACCEPTED)


@pytest.mark.fact("S3.12", "S3.13")
def test_a_link_that_is_too_old_opens_nothing_and_a_new_one_is_asked_for(door: Door) -> None:
    token = door.invited()
    door.clock.advance(door.bridge.settings.portal.link_lives)
    found = door.accounts.standing("F1", "T1")

    assert found is not None
    assert found.invitation is InvitationState.EXPIRED
    assert door.accounts.enter(token) is None
    door.accounts.ask_link("F1", "Ana@example.test")
    door.work()
    assert door.token() != token
    assert door.accounts.enter(door.token()) is not None


@pytest.mark.fact("S3.13", "S4.14")
def test_asking_for_a_link_says_the_same_to_everybody_and_mails_only_whom_the_record_names(door: Door) -> None:
    for mail in ("ana@example.test", "nobody@example.test"):
        door.accounts.ask_link("F1", mail)
    assert door.outbox.mails == []  # nobody waits for a mail server, so nothing shows in the time it takes

    door.work()

    assert [mail.to for mail in door.outbox.mails] == ["ana@example.test"]
    for _ in range(9):
        door.accounts.ask_link("F1", "ana@example.test")
    door.work()
    assert len(door.outbox.mails) <= 5


def test_the_token_is_nowhere_in_the_database_files(door: Door, tmp_path: Path) -> None:
    token = door.invited()
    door.registered()

    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    assert token.encode() not in held
    assert b"fake-pw-77" not in held
    assert b"portal.example" not in held


def test_without_an_address_nobody_is_invited(tmp_path: Path) -> None:
    with opened(tmp_path, link_address="") as door:
        door.bridge.sync()
        with pytest.raises(ConfigurationError, match="link_address"):
            door.accounts.invite("F1", "T1", key="invite-0001", actor="staff:ann")
        with pytest.raises(ConfigurationError, match="link_address"):
            door.accounts.ask_link("F1", "nobody@example.test")


@pytest.mark.fact("S3.8", "S3.2", "S3.3")
def test_whoever_is_not_ready_is_not_invited_and_it_is_said_why(door: Door) -> None:
    books = door.office.books
    tenant = books.find(Tenant, "F1", "T2")
    assert tenant is not None
    for email, code in (("", "no_email"), ("ana@example.test", "email_taken")):
        books.put("F1", tenant.changed(email=email))
        door.bridge.sync()
        with pytest.raises(IneligibleError) as refused:
            door.accounts.invite("F1", "T2", key="invite-0001", actor="staff:ann")
        assert refused.value.code == code
    assert door.outbox.mails == []


# -- passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.fact("S4.14", "S4.15", "S4.16")
def test_a_mailed_link_sets_a_password_and_sets_it_anew_when_it_is_forgotten(door: Door) -> None:
    door.accounts.ask_link("F1", "ana@example.test", purpose="password")
    door.work()
    first = door.token()
    with pytest.raises(InputError):
        door.accounts.set_password(first, WebPassword("short"))
    session = door.accounts.set_password(first, fresh())
    assert session is not None
    kept = door.accounts.remember(session)

    door.accounts.ask_link("F1", "ana@example.test", purpose="password")
    door.work()
    assert door.accounts.enter(door.token()) is None  # a link for a password signs nobody in
    again = door.accounts.set_password(door.token(), fresh("fake-pw-88"))

    assert again is not None
    assert door.accounts.set_password(first, fresh("fake-pw-99")) is None
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is None
    assert door.accounts.sign_in("F1", "ana@example.test", fresh("fake-pw-88")) is not None
    assert door.accounts.resume(kept) is None  # whoever was signed in is out


@pytest.mark.fact("S0.44")
def test_a_password_is_changed_by_whoever_knows_the_one_before(door: Door) -> None:
    session = door.registered()

    assert not door.accounts.change_password(session, fresh("fake-pw-00"), fresh("fake-pw-88"))
    assert door.accounts.change_password(session, fresh(), fresh("fake-pw-88"))

    assert door.accounts.sign_in("F1", "ana@example.test", fresh("fake-pw-88")) is not None
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is None
    with pytest.raises(InputError):
        door.accounts.change_password(door.bridge.tenant("F1", "T1"), fresh(), fresh("fake-pw-99"))


@pytest.mark.fact("S2.22")
def test_whoever_signs_out_has_to_sign_in_again(door: Door) -> None:
    session = door.registered()
    here, there = door.accounts.remember(session), door.accounts.remember(session)
    assert door.accounts.resume(here) is not None

    door.accounts.sign_out(here)

    assert door.accounts.resume(here) is None
    assert door.accounts.resume(there) is not None
    door.clock.advance(door.bridge.settings.portal.session_lives)
    assert door.accounts.resume(there) is None


def test_a_hash_made_at_another_cost_opens_once_more_and_is_made_anew(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.registered()
    old = door.kept_password()
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is not None
    assert door.kept_password() == old
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    assert door.accounts.sign_in("F1", "ana@example.test", fresh("fake-pw-78")) is None
    assert door.kept_password() == old

    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is not None

    assert "m=64," in door.kept_password()
    assert door.accounts.sign_in("F1", "ana@example.test", fresh()) is not None
    assert door.accounts.sign_in("F1", "ana@example.test", fresh("fake-pw-78")) is None


def test_a_password_is_kept_as_argon2id_at_the_costs_of_rfc_9106(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    typed = fresh()

    kept = passwords.hashed(typed)

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert typed.is_wiped
    assert passwords.judged(fresh(), kept) == passwords.Verdict(is_right=True)
    assert passwords.judged(fresh("fake-pw-78"), kept) == passwords.Verdict(is_right=False)


def test_what_is_no_hash_opens_nothing(door: Door) -> None:
    for kept in ("", "fake-pw-77", "scrypt$16384$5$AAAA$AAAA"):
        typed = fresh()
        assert passwords.judged(typed, kept) == passwords.Verdict(is_right=False)
        assert typed.is_wiped


def test_an_unknown_name_is_hashed_like_a_known_one(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.registered()
    asked: list[str] = []
    fits = passwords._fits

    def counted(kept: str, password: str) -> bool:
        asked.append(kept.rpartition("$")[0].rpartition("$")[0])
        return fits(kept, password)

    monkeypatch.setattr(passwords, "_fits", counted)
    for name in ("ana@example.test", "nobody@example.test"):
        assert door.accounts.sign_in("F1", name, fresh("fake-pw-78")) is None

    assert len(asked) == 2
    assert asked[0] == asked[1]
    assert asked[0].startswith("$argon2id$")


def test_an_answer_that_tells_nothing_takes_as_long_whoever_asks(door: Door) -> None:
    door.registered()
    took = []
    for name in ("ana@example.test", "robert@example.test", "nobody@example.test"):
        began = door.clock.monotonic()
        door.accounts.ask_link("F1", name)
        took.append(door.clock.monotonic() - began)
    for phone in ("5125550102", "5125559999"):
        began = door.clock.monotonic()
        with pytest.raises(IneligibleError):
            door.accounts.register("F1", **{**ANA, "phone": phone})
        took.append(door.clock.monotonic() - began)

    door.office.books.gate_codes["F1", "015"] = "9911#"  # whose tenant has a password of ours: claimed by nobody
    for unit, code in (("015", "0000"), ("nowhere", "0000"), ("015", "9911#")):
        began = door.clock.monotonic()
        with pytest.raises(IneligibleError):
            door.accounts.claim(
                "F1", unit_number=unit, gate_code=GateCode(code), login="ana@example.test", password=fresh(),
                key=f"claim-{unit}-{code}",
            )  # fmt: skip
        took.append(door.clock.monotonic() - began)

    assert took == pytest.approx([STEP_SECONDS] * 8)


@pytest.mark.parametrize(("work", "whole"), [(0.0, 0.25), (0.1, 0.25), (0.3, 0.5), (0.6, 0.75)])
def test_an_answer_ends_on_a_whole_step_even_when_it_fails(work: float, whole: float) -> None:
    clock = TestClock()

    with suppress(ValueError), evened(clock):
        clock.sleep(work)
        raise ValueError

    assert clock.monotonic() == pytest.approx(whole, abs=0.001)


# -- what a person may use --------------------------------------------------------------------------------------------


@pytest.mark.fact("S3.22")
def test_the_portal_opens_after_the_last_step_and_steps_come_in_order(tmp_path: Path) -> None:
    with opened(tmp_path, first_steps=("profile", "contract", "method")) as door:
        door.bridge.sync()
        session = door.registered()

        assert Section.RENTALS not in session.sections
        with pytest.raises(IneligibleError) as refused:
            session.request_move_out("R1", date(2026, 12, 31), key="click-0001")
        assert refused.value.code == "section_off"
        with pytest.raises(InputError, match="First: profile"):
            door.accounts.step_done(session, "contract")
        session = door.accounts.step_done(session, "profile")
        standing = door.accounts.standing("F1", "T1")
        assert standing is not None
        assert standing.next_step is not None
        assert (standing.next_step.name, standing.next_step.state) == ("contract", OnboardingState.TO_DO)
        for step in ("contract", "method"):
            session = door.accounts.step_done(session, step)

        assert Section.RENTALS in session.sections
        assert session.request_move_out("R1", date(2026, 12, 31), key="click-0001").outcome is Outcome.SETTLED


@pytest.mark.fact("S3.22")
def test_the_steps_of_one_facility_keep_nobody_at_another_waiting(tmp_path: Path) -> None:
    places = {"mem": PlacePortal(first_steps=("profile",)), "mem/F2": PlacePortal(first_steps=())}
    with opened(tmp_path, first_steps=("contract",), places=places) as door:
        door.bridge.sync()
        here = door.registered()
        there = door.accounts.register("F2", **ANA, password=fresh())

        assert [step.name for step in door.accounts.steps(here)] == ["profile"]
        assert (Section.RENTALS in here.sections, Section.RENTALS in there.sections) == (False, True)
        assert door.accounts.steps(there) == ()


@pytest.mark.fact("S3.26")
def test_access_to_tickets_only_is_access_to_events_alone(door: Door) -> None:
    session = door.accounts.enter(door.invited(access="tickets_only"))

    assert session is not None
    assert session.sections == (Section.EVENTS,)
    for call in (session.invoices, lambda: session.rental("R1"), lambda: session.pay_all(MONEY, key="click-0001")):
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "section_off"
    door.accounts.ask_link("F1", "ana@example.test")
    door.work()
    again = door.accounts.enter(door.token())
    assert again is not None
    assert again.sections == (Section.EVENTS,)  # a link asked for by oneself opens no more


@pytest.mark.fact("S3.23")
def test_a_further_contact_is_invited_with_permissions_of_its_own(door: Door) -> None:
    tenant = door.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    contact = Contact(
        ref=VendorRef(system="memory", account="mem", facility="F1", entity="contact", id="C1"), tenant_id="T1",
        role=ContactRole.BOOKKEEPER, name=PersonName(first="Odile"), email="odile@example.test",
    )  # fmt: skip
    door.office.books.put("F1", tenant.changed(contacts=(contact,)))

    session = door.accounts.enter(door.invited(contact_id="C1", permissions=["billing"]))

    assert session is not None
    assert door.outbox.mails[-1].to == "odile@example.test"
    assert "Odile" in door.outbox.mails[-1].text
    assert (session.tenant_id, session.sections) == ("T1", (Section.BILLING,))
    paid = session.pay_rental("R1", MONEY, key="click-0001")
    assert (paid.outcome, paid.actor) == (Outcome.SETTLED, "contact:C1")
    with pytest.raises(IneligibleError):
        session.edit_contact({"phone": "512 555 0199"}, key="click-0002")


@pytest.mark.fact("S2.19")
def test_that_somebody_registered_is_an_action_and_a_mail_to_the_customer(door: Door) -> None:
    door.registered()
    door.work()

    (mail,) = door.outbox.mails
    (action,) = door.bridge.tenant("F1", "T1").actions()
    assert (mail.to, "sign in" in mail.text) == ("ana@example.test", True)
    assert (action.kind, action.outcome) == ("register", Outcome.SETTLED)


@pytest.mark.fact("S1.20", "S1.21")
def test_every_later_mail_follows_the_language_that_was_asked_for(door: Door) -> None:
    door.invited()
    door.bridge.tenant("F1", "T1").set_language("fr", key="language-01")
    door.invited(key="invite-0002")

    assert "Bonjour Ana" in door.outbox.mails[-1].text


@pytest.mark.fact("S1.21", "S4.17")
@pytest.mark.parametrize(("language", "said"), [("fr-CA", "Bonjour Ana"), ("", "Hello Ana")])
def test_an_invitation_is_in_the_customers_language_with_the_facilitys_own_name(
    door: Door, language: str, said: str
) -> None:
    tenant = door.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    door.office.books.put("F1", tenant.changed(language=language))

    door.invited()

    (mail,) = door.outbox.mails
    assert said in mail.text
    assert "Facility F1" in mail.subject
    assert "https://portal.example/enter?token=" in mail.text
    assert "{" not in mail.text


# -- a question from the sign-in page ---------------------------------------------------------------------------------


def ask(door: Door, key: str, **more: str) -> ActionView:
    given = {"name": "Jo Visitor", "email": "jo@example.test", "text": "Do you have a larger unit?", **more}
    return door.accounts.contact_us("F1", **given, key=key)


@pytest.mark.fact("S4.9")
def test_a_visitor_asks_the_office_without_being_known_to_it(door: Door) -> None:
    first, again = ask(door, "question-01"), ask(door, "question-01")
    door.work()

    (mail,) = door.outbox.mails
    assert (first.outcome, first.tenant_id, again.action_id) == (Outcome.SETTLED, None, first.action_id)
    assert mail.to == "manager@f1.example"
    for words in ("Do you have a larger unit?", "jo@example.test", "Jo Visitor"):
        assert words in mail.text
    assert len(door.office.of_kind("post_bulletin")) == 1
    assert door.bridge.tenant("F1", "T1").actions() == ()


@pytest.mark.fact("S4.9")
def test_so_many_questions_of_one_address_are_enough(door: Door) -> None:
    for number in range(5):
        ask(door, f"question-0{number}")

    with pytest.raises(IneligibleError) as refused:
        ask(door, "question-05")
    assert refused.value.code == "too_many_questions"
    assert ask(door, "question-06", email="kim@example.test").outcome is Outcome.SETTLED
    for field, text in (("text", "my card is 4111 1111 1111 1111"), ("text", ""), ("name", "x" * 101)):
        with pytest.raises(InputError):
            ask(door, "question-07", **{field: text})


# -- who is in the books twice ----------------------------------------------------------------------------------------


@pytest.mark.fact("S1.62")
def test_whoever_may_be_in_the_books_twice_is_told_with_score_and_reasons(door: Door) -> None:
    ana = door.office.books.find(Tenant, "F1", "T1")
    chloe = door.office.books.find(Tenant, "F1", "T3")
    assert ana is not None
    assert chloe is not None
    twin = ana.changed(ref=ana.ref.changed(id="T9"), email="ANA@example.test", address=ana.address.changed(line1="x"))
    namesake = chloe.changed(ref=chloe.ref.changed(id="T8"), email="other@example.test", phone=None)
    for record in (twin, namesake):
        door.office.books.put("F1", record)
    door.bridge.sync()

    found = door.bridge.duplicates("F1")

    assert [(each.primary_id, each.other_id, each.score_percent) for each in found] == [("T1", "T9", 100)]
    assert found[0].reasons == ("email", "phone", "name", "postal_code")
    weaker = door.bridge.duplicates("F1", least_percent=30)
    assert [(each.other_id, each.reasons) for each in weaker[1:]] == [("T8", ("name", "postal_code"))]
    assert door.bridge.duplicates("F2") == ()
    with pytest.raises(InputError):
        door.bridge.duplicates("F1", least_percent=0)


def test_a_number_that_very_many_share_makes_nobody_a_duplicate() -> None:
    many = [
        make.tenant(ref=make.ref("tenant", f"T{n}"), name=PersonName(last=f"N{n}"), email="") for n in range(60)
    ]  # fmt: skip

    assert duplicates_among(many, {}, least_percent=1) == ()
    assert len(duplicates_among(many[:3], {}, least_percent=1)) == 3


# -- what is not licensed ---------------------------------------------------------------------------------------------


@pytest.mark.fact("S2.7")
def test_what_is_not_licensed_is_denied_before_anybody_tries(tmp_path: Path) -> None:
    with opened(tmp_path, unlicensed=frozenset({"set_autopay"})) as door:
        session = door.bridge.tenant("F1", "T1")
        with pytest.raises(IneligibleError) as refused:
            session.set_autopay("R1", on=False, key="click-0001")
        offers = {offer.kind.value: offer.code for offer in session.available_actions("R1")}

        assert refused.value.code == "not_licensed"
        assert {offers[kind] for kind in ("autopay_on", "autopay_change", "autopay_off")} == {"not_licensed"}
        assert offers["pay_rental"] == ""
        assert door.office.applied == []
    with pytest.raises(ValueError, match="no effect"):
        PortalSettings(unlicensed=frozenset({"take_paymint"}))


# -- letters in own words ---------------------------------------------------------------------------------------------


def own_letters(folder: Path, language: str, **files: str) -> NoticeSettings:
    place = folder / "texts" / language
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / f"letter_{name.replace('__', '.')}.txt").write_text(text, encoding="utf-8")
    return NoticeSettings(templates=folder / "texts")


@pytest.mark.fact("S4.17")
@pytest.mark.parametrize(("language", "said"), [("en", "Dear Ana"), ("fr", "Chère Ana")])
def test_customers_are_written_to_in_an_operators_own_words_and_in_their_language(
    tmp_path: Path, language: str, said: str
) -> None:
    own_letters(tmp_path, "en", invite__subject="Come to {{ facility }}",
                invite__text="Dear {{ name }}: {{ link }}\n{{ business }}, {{ email }}{{ phone }}")  # fmt: skip
    notices = own_letters(
        tmp_path, "fr", invite__subject="Venez à {{ facility }}",
        invite__text="Chère {{ name }} : {{ link }}\n{{ business }}, {{ email }}{{ phone }}",
    )  # fmt: skip
    with opened(tmp_path, notices=notices, letterhead=Letterhead(name="Yards Ltd")) as door:
        door.bridge.sync()
        door.bridge.tenant("F1", "T1").set_language(language, key="click-0001")

        token = door.invited()

        mail = door.outbox.mails[-1]
        assert mail.text.startswith(said)
        assert "Facility F1" in mail.subject
        assert mail.text.endswith("\nYards Ltd, manager@f1.example")
        assert door.accounts.enter(token) is not None
        door.accounts.ask_link("F1", "ana@example.test")
        door.work()
        assert door.outbox.mails[-1].text.startswith("Bonjour" if language == "fr" else "Hello")
        assert door.accounts.enter(door.token()) is not None


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("link__text", "Come in.", "customers need to be told link"),
        ("link__subject", "Come: {{ link }}", "the link belongs into the text"),
        ("password__text", "{% if not name %}{{ link }}{% endif %}!", "does not always say the link"),
        ("invite__text", "{{ link }} {{ balance }}", "'balance' is no variable"),
        ("registered__text", "{{ link }}", "'link' is no variable"),
        ("invite__text", "{% if link %}", "line 1"), ("welcome__text", "x", "no template has that name"),
    ],
)  # fmt: skip
def test_a_letter_that_would_be_of_no_use_is_refused_when_the_bridge_opens(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    with (
        pytest.raises(ConfigurationError, match=why),
        opened(tmp_path, notices=own_letters(tmp_path, "en", **{name: text})),
    ):
        pass


def test_a_letter_whose_own_words_leave_out_the_link_this_once_is_written_in_ours(tmp_path: Path) -> None:
    odd = "Hi{% if facility != 'Facility F1' %} {{ link }}{% endif %}."
    with opened(tmp_path, notices=own_letters(tmp_path, "en", invite__text=odd)) as door:
        door.bridge.sync()

        assert door.accounts.enter(door.invited()) is not None
        assert door.outbox.mails[-1].text.startswith("Hello Ana")
