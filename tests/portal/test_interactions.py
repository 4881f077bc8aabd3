"""The line of time: which way everything went, and the mails and calls that somebody recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pmsbridge.errors import InputError, NotFoundError
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.interactions import AttachedPaper, Channel, Direction, RecordedInteraction
from pmsbridge.model.people import Contact, ContactRole, Tenant
from pmsbridge.model.record import VendorRef
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.portal.timeline import Interaction, InteractionKind, of_recorded
from pmsbridge.portal.views import HeardMail
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.store.interactions import Interactions
from pmsbridge.store.mirror import Scope
from pmsbridge.store.record_rows import rows_of
from pmsbridge.store.tables import interactions
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.facts.portal import MONEY
from tests.mailbox import Outbox

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ADA, PAN = "ada@example.test", "4111 1111 1111 1111"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


only_sqlite = pytest.mark.parametrize("address", ["sqlite"], indirect=True)


@pytest.fixture
def office() -> MemoryOffice:
    return MemoryOffice(TestClock(), facilities=("F1", "F2"))


@pytest.fixture
def bridge(address: str, office: MemoryOffice) -> Iterator[Bridge]:
    with Bridge(
        Settings(accounts={"mem": AccountSettings(system="memory")}), database=open_database(address),
        adapters={"mem": MemoryAdapter(office)}, mailer=Outbox(), clock=office.clock,
    ) as made:  # fmt: skip
        made.sync()
        yield made


def desk(bridge: Bridge, tenant_id: str = "T1") -> StaffDesk:
    return bridge.staff("F1", tenant_id, actor="staff:ann")


def call(message_id: str = "call-1", **fields: Any) -> RecordedInteraction:
    given: dict[str, Any] = {"direction": Direction.IN, "channel": Channel.PHONE, "at": AT, "text": "Asked for a lock."}
    return RecordedInteraction(message_id=message_id, **{**given, **fields})


def mail(bridge: Bridge, sender: str = ADA, message_id: str = "<1@example.test>", **fields: Any) -> HeardMail:
    given: dict[str, Any] = {"subject": "A lock", "text": "Where do I get one?", "at": AT}
    return bridge.record_mail("F1", message_id=message_id, sender=sender, **{**given, **fields})


def email_of(office: MemoryOffice, tenant_id: str = "T1") -> str:
    found = office.books.find(Tenant, "F1", tenant_id)
    assert found is not None
    return found.email


def recorded(found: tuple[Interaction, ...]) -> list[Interaction]:
    return [each for each in found if each.message_id]


# -- which way ---------------------------------------------------------------------------------------------------------


@only_sqlite
def test_what_a_tenant_asks_is_in_what_they_are_sent_is_out_and_what_staff_say_is_internal(bridge: Bridge) -> None:
    session, staff = bridge.tenant("F1", "T1"), bridge.tenant("F1", "T1", actor="staff:ann")
    session.pay_rental("R1", MONEY, key="pay-00000001")
    session.ask_staff("A trolley", "Please.", key="ask-00000001")
    session.add_note("R1", "I moved.", key="note-0000001")
    staff.add_note("R1", "Pays late.", key="note-0000002")
    staff.add_note("R1", "You may keep it.", key="note-0000003", visibility=Visibility.CUSTOMER)
    staff.add_note("R1", "Called about the gate.", key="note-0000004", kind=NoteKind.INTERACTION)
    staff.ask_payment(_five(), "A lock", key="request-0001", rental_id="R1")
    bridge.runtime.run_due()

    found = desk(bridge).history()

    ways = {(each.kind.value, each.text.partition(" [")[0]): (each.direction, each.channel) for each in found}
    assert ways["payment", _paid(found)] == (Direction.IN, Channel.OFFICE)
    assert ways["request", "ask staff"] == (Direction.IN, Channel.PORTAL)
    assert ways["note", "I moved."] == (Direction.IN, Channel.PORTAL)
    assert ways["note", "Pays late."] == (Direction.INTERNAL, Channel.OFFICE)
    assert ways["note", "You may keep it."] == (Direction.OUT, Channel.OFFICE)
    assert ways["call", "Called about the gate."] == (Direction.UNKNOWN, Channel.PHONE)
    assert ways["mail", "ask staff"] == (Direction.INTERNAL, Channel.EMAIL)
    assert ways["mail", "ask payment"] == (Direction.OUT, Channel.EMAIL)
    out = desk(bridge).history(direction="out")
    assert {each.direction for each in out} == {Direction.OUT}
    assert {each.text.partition(" [")[0] for each in out} >= {"You may keep it.", "ask payment"}
    assert {each.channel for each in desk(bridge).history(channel="email")} == {Channel.EMAIL}
    for wrong in ({"direction": "sideways"}, {"channel": "pigeon"}):
        with pytest.raises(InputError):
            desk(bridge).history(**wrong)  # type: ignore[arg-type]


def _five() -> Any:
    from pmsbridge.model.money import Money

    return Money.of("5.00", "USD")


def _paid(found: tuple[Interaction, ...]) -> str:
    (paid,) = [each for each in found if each.kind is InteractionKind.PAYMENT]
    return paid.text.partition(" [")[0]


# -- what staff record -------------------------------------------------------------------------------------------------


def test_a_call_is_recorded_once_and_stands_in_the_line_of_time(bridge: Bridge) -> None:
    paper = AttachedPaper(name="photo.jpg", media_type="image/jpeg", size_bytes=12, reference="s3://papers/1")
    said = call(attachments=(paper,), rental_id="R1")

    assert not desk(bridge).record_interaction(said)
    assert bridge.staff("F1", "T1", actor="staff:bo").record_interaction(said)

    (one,) = recorded(desk(bridge).history(direction="in", channel="phone"))
    assert (one.kind, one.on, one.author, one.text) == (
        InteractionKind.CALL, date(2026, 11, 20), "staff:ann", "Asked for a lock."
    )  # fmt: skip
    assert (one.attachments, one.rental_id, one.message_id) == ((paper,), "R1", "call-1")
    with pytest.raises(InputError) as refused:
        desk(bridge).record_interaction(call(text="Something else."))
    assert refused.value.code == "key_reused"


@only_sqlite
def test_the_tenant_reads_what_is_meant_for_them_and_nobody_reads_anothers(bridge: Bridge) -> None:
    desk(bridge).record_interaction(call("call-1"))
    desk(bridge).record_interaction(call("call-2", visibility=Visibility.CUSTOMER, channel=Channel.DESK))

    (shown,) = recorded(bridge.tenant("F1", "T1").history())
    assert (shown.message_id, shown.kind) == ("call-2", InteractionKind.MESSAGE)
    assert recorded(bridge.tenant("F1", "T2").history()) == []
    assert recorded(desk(bridge, "T2").history()) == []
    assert recorded(bridge.staff("F2", "T1", actor="staff:ann").history()) == []
    assert not desk(bridge, "T2").record_interaction(call("call-1", text="Another person's."))


@only_sqlite
def test_no_card_number_is_kept(bridge: Bridge) -> None:
    paper = AttachedPaper(name=f"{PAN}.pdf", reference="s3://papers/1")
    desk(bridge).record_interaction(call(text=f"Card {PAN}", subject=PAN, attachments=(paper,)))
    mail(bridge, text=f"password=hunter2 {PAN}", subject=PAN, sender=f"{PAN} <x@example.test>")

    assert "4111" not in held(bridge)
    assert "hunter2" not in held(bridge)
    with pytest.raises(InputError):
        desk(bridge).record_interaction(call(PAN))


def held(bridge: Bridge) -> str:
    with bridge.database.read() as connection:
        return repr(connection.execute(select(interactions)).all())


@only_sqlite
@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "x" * 50_001}, {"subject": "x" * 501}, {"at": AT.replace(tzinfo=None)}, {"sender": "x" * 321},
        {"message_id": ""}, {"attachments": [AttachedPaper(name="a", reference="b")] * 51}, {"attachments": ["a.pdf"]},
        {"text": 7},
    ],
)  # fmt: skip
def test_what_is_too_long_or_none_is_refused_and_nothing_is_cut(bridge: Bridge, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        mail(bridge, **wrong)
    assert held(bridge) == "[]"
    with pytest.raises(InputError):
        desk(bridge).record_interaction("called")  # type: ignore[arg-type]


# -- mails that come in ------------------------------------------------------------------------------------------------


def test_a_mail_is_laid_to_whoever_has_the_address_and_comes_once(bridge: Bridge, office: MemoryOffice) -> None:
    sender = f"Someone <{email_of(office).upper()}>"

    assert mail(bridge, sender) == HeardMail("T1", replayed=False)
    assert mail(bridge, sender) == HeardMail("T1", replayed=True)

    (one,) = recorded(desk(bridge).history(direction="in"))
    assert (one.kind, one.channel, one.subject, one.visibility) == (
        InteractionKind.MAIL, Channel.EMAIL, "A lock", Visibility.INTERNAL
    )  # fmt: skip
    assert recorded(bridge.tenant("F1", "T1").history()) == []


@only_sqlite
def test_a_mail_of_a_contact_is_the_tenants(bridge: Bridge) -> None:
    ref = VendorRef(system="memory", account="mem", facility="F1", entity="contact", id="C1")
    contact = Contact(ref=ref, tenant_id="T2", role=ContactRole.SPOUSE, email="Spouse@Example.test")
    bridge.mirror.reading(Scope("mem", "F1", Contact.entity), "r1", is_full=False).take(rows_of([contact]))

    assert mail(bridge, "spouse@example.test").tenant_id == "T2"


def test_a_mail_of_nobody_or_of_several_waits_for_staff(bridge: Bridge, office: MemoryOffice) -> None:
    other = office.books.find(Tenant, "F1", "T2")
    assert other is not None
    office.books.put("F1", other.changed(email=email_of(office)))
    bridge.sync()

    assert mail(bridge, email_of(office), "<1@x>") == HeardMail(None, replayed=False)
    assert mail(bridge, "stranger@example.test", "<2@x>", at=AT + timedelta(hours=1)) == HeardMail(None, replayed=False)
    assert [each.message_id for each in bridge.unassigned_mails("F1")] == ["<2@x>", "<1@x>"]
    assert bridge.unassigned_mails("F2") == ()

    desk(bridge).take_mail("<2@x>")

    assert [each.message_id for each in recorded(desk(bridge).history())] == ["<2@x>"]
    assert [each.message_id for each in bridge.unassigned_mails("F1")] == ["<1@x>"]
    assert mail(bridge, "stranger@example.test", "<2@x>", at=AT + timedelta(hours=1)) == HeardMail("T1", replayed=True)
    for gone in ("<2@x>", "<9@x>"):
        with pytest.raises(NotFoundError):
            desk(bridge, "T2").take_mail(gone)


@only_sqlite
def test_nobody_hides_a_mail_by_sending_another_with_its_id(bridge: Bridge, office: MemoryOffice) -> None:
    mail(bridge, "thief@example.test", text="Never mind.")

    assert mail(bridge, email_of(office)) == HeardMail("T1", replayed=False)
    assert mail(bridge, email_of(office)) == HeardMail("T1", replayed=True)

    assert [each.text for each in recorded(desk(bridge).history())] == ["Where do I get one?"]
    assert [each.text for each in bridge.unassigned_mails("F1")] == ["Never mind."]
    assert mail(bridge, email_of(office), text="One more.") == HeardMail("T1", replayed=False)
    assert {each.text for each in recorded(desk(bridge).history())} == {"Where do I get one?", "One more."}


def test_a_mail_that_is_taken_stands_beside_what_staff_noted_under_its_id(bridge: Bridge) -> None:
    mail(bridge, "stranger@example.test")
    desk(bridge).record_interaction(call("<1@example.test>", text="They say they wrote to us."))

    desk(bridge).take_mail("<1@example.test>")

    found = {each.text: each.message_id for each in recorded(desk(bridge).history())}
    assert set(found) == {"They say they wrote to us.", "Where do I get one?"}
    assert found["They say they wrote to us."] == "<1@example.test>"
    assert found["Where do I get one?"].startswith("<1@example.test>#")
    assert bridge.unassigned_mails("F1") == ()
    assert mail(bridge, "stranger@example.test") == HeardMail("T1", replayed=True)


@only_sqlite
@pytest.mark.parametrize("message_id", ["<1@example.test>", "x" * 190, "x" * 900])
def test_a_mail_that_is_taken_is_known_again_whatever_its_id_and_date(bridge: Bridge, message_id: str) -> None:
    odd = datetime(1, 1, 1, tzinfo=UTC)
    mail(bridge, "stranger@example.test", message_id, at=odd)
    (waiting,) = bridge.unassigned_mails("F1")
    desk(bridge).record_interaction(call(waiting.message_id))

    desk(bridge).take_mail(waiting.message_id)

    assert len(recorded(desk(bridge).history())) == 2
    assert mail(bridge, "stranger@example.test", message_id, at=odd) == HeardMail("T1", replayed=True)


@only_sqlite
def test_a_mail_that_staff_recorded_themselves_stands_there_once(bridge: Bridge) -> None:
    mail(bridge, "stranger@example.test")
    (waiting,) = bridge.unassigned_mails("F1")
    desk(bridge).record_interaction(waiting)

    desk(bridge).take_mail(waiting.message_id)

    assert len(recorded(desk(bridge).history())) == 1
    assert bridge.unassigned_mails("F1") == ()


@only_sqlite
def test_a_mail_is_lost_to_no_note_under_its_marked_id(bridge: Bridge) -> None:
    given: dict[str, Any] = {"message_id": "<1@x>", "sender": "stranger@example.test", "text": "Prices?", "at": AT}
    for facility in ("F1", "F2"):
        bridge.record_mail(facility, **given)
        bridge.staff(facility, "T1", actor="staff:ann").record_interaction(call("<1@x>"))
    desk(bridge).take_mail("<1@x>")
    marked = next(each.message_id for each in recorded(desk(bridge).history()) if each.message_id != "<1@x>")
    there = bridge.staff("F2", "T1", actor="staff:ann")
    there.record_interaction(call(marked))

    with pytest.raises(InputError) as refused:
        there.take_mail("<1@x>")

    assert refused.value.code == "key_reused"
    assert [each.text for each in bridge.unassigned_mails("F2")] == ["Prices?"]


@only_sqlite
def test_ids_of_any_length_tell_mails_apart(bridge: Bridge, office: MemoryOffice) -> None:
    for tail in ("a", "b", "b"):
        mail(bridge, email_of(office), "x" * 900 + tail)

    assert len(recorded(desk(bridge).history())) == 2


# -- dates that nobody can have written a mail at ----------------------------------------------------------------------

WEST, EAST = timezone(timedelta(hours=-5)), timezone(timedelta(hours=14))
ODD_DATES = [
    datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=EAST), datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=WEST), datetime(1969, 12, 31, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC),
]  # fmt: skip


@only_sqlite
@pytest.mark.parametrize("odd", ODD_DATES)
def test_a_mail_of_an_odd_date_is_kept_once_at_the_time_it_came_in(
    bridge: Bridge, office: MemoryOffice, odd: datetime
) -> None:
    assert isinstance(office.clock, TestClock)
    came_in = office.clock.now()

    assert mail(bridge, email_of(office), at=odd) == HeardMail("T1", replayed=False)
    office.clock.advance(timedelta(hours=2))
    assert mail(bridge, email_of(office), at=odd) == HeardMail("T1", replayed=True)
    assert mail(bridge, email_of(office), at=odd, text="Another.") == HeardMail("T1", replayed=False)
    assert mail(bridge, email_of(office), at=odd, text="Another.") == HeardMail("T1", replayed=True)

    found = recorded(desk(bridge).history())
    assert [each.at for each in found] == [came_in + timedelta(hours=2), came_in]
    assert recorded(bridge.tenant("F1", "T1").history()) == []


@only_sqlite
def test_a_date_that_lay_ahead_is_the_same_mail_when_it_has_come(bridge: Bridge, office: MemoryOffice) -> None:
    assert isinstance(office.clock, TestClock)
    ahead = office.clock.now() + timedelta(days=3)

    mail(bridge, email_of(office), at=ahead)
    office.clock.advance(timedelta(days=4))

    assert mail(bridge, email_of(office), at=ahead) == HeardMail("T1", replayed=True)


@only_sqlite
@pytest.mark.parametrize("odd", [each for each in ODD_DATES if each.utcoffset() == timedelta(0)])
def test_staff_are_told_of_an_odd_date(bridge: Bridge, odd: datetime) -> None:
    with pytest.raises(InputError) as refused:
        desk(bridge).record_interaction(call(at=odd))

    assert refused.value.field == "at"
    assert held(bridge) == "[]"


@pytest.mark.parametrize("odd", [datetime(1, 1, 1, tzinfo=EAST), datetime(9999, 12, 31, 23, 59, tzinfo=WEST)])
def test_an_instant_that_is_none_in_utc_is_no_instant(odd: datetime) -> None:
    with pytest.raises(ValueError, match="calendar"):
        call(at=odd)


@only_sqlite
@pytest.mark.parametrize("odd", ODD_DATES[::2])
def test_an_odd_date_that_was_stored_before_breaks_no_history(bridge: Bridge, odd: datetime) -> None:
    said = call(at=odd, visibility=Visibility.CUSTOMER)
    Interactions(bridge.database, bridge.runtime.clock, "mem", "F1").record("T1", said)

    assert [each.at for each in recorded(desk(bridge).history())] == [odd]
    assert [each.at for each in recorded(bridge.tenant("F1", "T1").history())] == [odd]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("odd", ODD_DATES[::2])
def test_every_zone_has_a_day_for_an_odd_date(odd: datetime, zone: str) -> None:
    (line,) = of_recorded([call(at=odd)], zone)

    assert abs(line.on - odd.date()) <= timedelta(days=1)


# -- forgetting --------------------------------------------------------------------------------------------------------


def test_what_was_recorded_goes_with_the_person(bridge: Bridge, office: MemoryOffice) -> None:
    sender = email_of(office)
    mail(bridge, sender, "<1@x>")
    mail(bridge, "elsewhere@example.test", "<2@x>", text=f"I am {sender}, write to me here.")
    mail(bridge, "stranger@example.test", "<3@x>", text="Prices?")
    desk(bridge, "T2").record_interaction(call())
    shown = bridge.erase("F1", "T1", actor="staff:ann", dry_run=True)

    done = bridge.erase("F1", "T1", actor="staff:ann")

    assert done.rows["interactions"] == shown.rows["interactions"] == 2
    assert sender not in held(bridge)
    assert {"<3@x>", "call-1"} == {row for row in ("<1@x>", "<2@x>", "<3@x>", "call-1") if row in held(bridge)}


@only_sqlite
def test_mails_of_nobody_go_by_age_and_a_mail_is_a_sign_of_life(bridge: Bridge, office: MemoryOffice) -> None:
    mail(bridge, "stranger@example.test", "<3@x>")
    assert isinstance(office.clock, TestClock)
    office.clock.advance(timedelta(days=900))
    desk(bridge).record_interaction(call(at=office.clock.now()))
    for rental in office.books.rentals_of("F1", "T1"):
        office.books.put("F1", rental.changed(state="closed", moved_out_on=date(2026, 11, 1)))
    office.clock.advance(timedelta(days=100))
    bridge.sync(full=True)
    (found,) = bridge.erase_stale(["F1"], actor="staff:ann", older_than=timedelta(days=730))

    assert found.questions == 1
    assert bridge.unassigned_mails("F1") == ()
    (one,) = [each for each in found.people if each.tenant_id == "T1"]
    assert {why.code for why in one.hindrances} == {"seen_lately"}
