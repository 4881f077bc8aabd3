"""From facts to notices: who is told, how often, and that a plan keeps its words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pmsbridge.actions.effects import AddNote, PostBulletin, SendMail
from pmsbridge.actions.plan import Plan
from pmsbridge.actions.plans import Planner
from pmsbridge.actions.scribe import addresses_in, mail_names
from pmsbridge.engine.notices import NoticeDesk
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.settings import NoticeSettings
from tests import builders as make

BARE = frozenset({"take_payment", "send_mail", "add_note", "post_bulletin"})
ONE = make.account(make.row())


def planner(of: TenantAccount, *, language: str = "en", native: frozenset[str] = make.ALL_NATIVE) -> Planner:
    settings = NoticeSettings.model_validate({"language": language})
    scribe = NoticeDesk.open(settings).scribe("north", "F1", of.facility)
    return Planner(account=of, action_id="act_1", native=native, today=make.TODAY, scribe=scribe)


def mails(plan: Plan) -> list[SendMail]:
    return [step.effect for step in plan.steps if isinstance(step.effect, SendMail)]


def note(plan: Plan) -> str:
    return next(step.effect.text for step in plan.steps if isinstance(step.effect, AddNote))


def bulletin(plan: Plan) -> PostBulletin:
    return next(step.effect for step in plan.steps if isinstance(step.effect, PostBulletin))


@pytest.mark.parametrize(("text", "found"), [
    ("", ()),
    ("n/a", ()),
    ("none@", ()),
    ("a@x.test", ("a@x.test",)),
    ("a@x.test; b@x.test", ("a@x.test", "b@x.test")),
    ("a@x.test,A@X.test b@x.test", ("A@X.test", "b@x.test")),
    ("Office <a@x.test>, see b@x.test.", ("a@x.test", "b@x.test")),
    ("a@b@c.test", ()),
    ('"x\r\nBcc: y@x.test', ("y@x.test",)),
])  # fmt: skip
def test_the_addresses_of_a_free_field_are_found(text: str, found: tuple[str, ...]) -> None:
    assert addresses_in(text) == found


def test_the_first_recipient_keeps_the_plain_name() -> None:
    assert mail_names("mail", ("a@x.test", "b@x.test")) == (("mail", "a@x.test"), ("mail.2", "b@x.test"))


def test_every_recipient_gets_a_mail_with_a_life_of_its_own() -> None:
    of = make.account(make.row(), at=make.facility(email="a@x.test; b@x.test"))

    plan = planner(of).edit_contact({"phone": "1"}, {})

    first, second = mails(plan)
    assert (first.to, second.to) == ("a@x.test", "b@x.test")
    assert first.reference != second.reference
    assert len({step.key for step in plan.steps}) == len(plan.steps) == 5


@pytest.mark.parametrize("email", ["n/a", "see the sign", "@", "a@b@c"])
def test_a_field_without_an_address_stops_no_action(email: str) -> None:
    plan = planner(make.account(make.row(), at=make.facility(email=email))).edit_contact({"phone": "1"}, {})

    assert [step.name for step in plan.steps] == ["edit", "bulletin", "note"]
    assert "No mail was sent" in bulletin(plan).body
    assert "No mail was sent" in note(plan)


def test_a_mail_carries_its_reference_in_subject_and_text_and_the_others_leave_it_to_the_adapter() -> None:
    plan = planner(ONE).edit_contact({"phone": "1"}, {})

    (mail,) = mails(plan)
    assert mail.reference in mail.subject
    assert mail.reference in mail.text
    assert "PB-" not in note(plan) + bulletin(plan).body + bulletin(plan).subject


def test_a_plan_is_written_in_the_language_of_its_facility() -> None:
    plan = planner(ONE, language="fr").edit_contact({"phone": "1", "name.last": "X"}, {"phone": "2"})

    assert mails(plan)[0].language == "fr"
    assert mails(plan)[0].subject.startswith("Coordonnées modifiées : Renée Müller [PB-")
    assert "- téléphone : 2 -> 1" in note(plan)
    assert "veuillez vérifier le bail" in note(plan)


def test_the_same_facts_always_give_the_same_words() -> None:
    assert planner(ONE).edit_contact({"phone": "1"}, {}) == planner(ONE).edit_contact({"phone": "1"}, {})


def test_what_staff_must_do_themselves_is_said_so_and_what_is_done_is_not() -> None:
    row, day = ONE.rentals[0], make.TODAY + timedelta(days=30)
    for by_hand, native in ((True, BARE), (False, make.ALL_NATIVE)):
        plan = planner(ONE, native=native)
        for made in (plan.edit_contact({"phone": "1"}, {}), plan.move_out(row, day), plan.cancel_move_out(row)):
            assert ("please do by hand" in note(made)) is by_hand
            assert made.is_emulated is by_hand


def test_consents_and_reservations_by_hand_say_everything_that_is_to_be_written() -> None:
    desk = planner(ONE, native=BARE)
    consent = desk.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=False)
    unit = make.unit()
    reservation = desk.reserve(unit, make.TODAY, expires_on=make.TODAY + timedelta(days=3), comment="Near\nthe lift")

    assert '"marketing by text message": no' in note(consent)
    said = note(reservation)
    assert f"Reserve unit {unit.number} for 2026-11-21" in said
    assert "until 2026-11-24" in said
    assert "89.50 USD" in said
    assert "Near\nthe lift" in said


def test_a_request_keeps_the_tenants_words_and_a_subject_as_long_as_it_was() -> None:
    subject = "x" * 100

    plan = planner(ONE).ask_staff(subject, "One\r\ntwo\x07\n\n\n\nthree")

    assert bulletin(plan).subject == subject
    assert note(plan).endswith("One\ntwo\n\nthree")
