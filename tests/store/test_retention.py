"""How long people are kept: who left is forgotten, everybody else stays, and it is told why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from pmsbridge.accounts.admission import admits
from pmsbridge.engine.night_copy import forget_departed, night_copy_of
from pmsbridge.engine.retention import BY_THE_NIGHT, Judged, Retention, retain
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.errors import ConfigurationError, IneligibleError, InputError, UnavailableError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Reservation, ReservationState
from pmsbridge.model.interactions import Channel, Direction, RecordedInteraction
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings import AccountSettings, PortalSettings, Settings, StoreSettings
from pmsbridge.store.audit import Audit
from pmsbridge.store.database import open_database
from pmsbridge.store.feed_room import KeptFor
from pmsbridge.store.mirror import Scope
from pmsbridge.store.person_room import Passed, PersonRoom
from pmsbridge.store.record_rows import rows_of
from pmsbridge.store.tables import METADATA, accounts_seen, actions, effects, trail
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

YEARS = timedelta(days=730)
ANN = "staff:ann"


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
    return MemoryOffice(TestClock())


@pytest.fixture
def adapter(office: MemoryOffice) -> MemoryAdapter:
    return MemoryAdapter(office)


@pytest.fixture
def bridge(address: str, office: MemoryOffice, adapter: MemoryAdapter) -> Iterator[Bridge]:
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        store=StoreSettings(keep_people=YEARS),
        portal=PortalSettings(link_address="https://portal.example/enter?token={token}"),
    )
    with Bridge(
        settings, database=open_database(address), adapters={"mem": adapter}, mailer=Outbox(), clock=office.clock
    ) as made:
        yield made


def later(office: MemoryOffice, time: timedelta) -> None:
    assert isinstance(office.clock, TestClock)
    office.clock.advance(time)


def leave(office: MemoryOffice, tenant_id: str = "T1", on: date = date(2026, 11, 1)) -> None:
    """Their rentals end and are paid."""
    for rental in list(office.books.all(Rental, "F1")):
        if rental.tenant_id == tenant_id:
            office.books.put("F1", rental.changed(state=RentalState.CLOSED, moved_out_on=on))
            owed = office.books.balance("F1", rental.id)
            if owed.is_positive:
                office.books.enter("F1", rental.id, EntryKind.PAYMENT, -owed, office.clock.now(), "Cash")


def gone(office: MemoryOffice, tenant_id: str = "T1") -> None:
    """The back office lists nothing of theirs any more."""
    for rental in list(office.books.all(Rental, "F1")):
        if rental.tenant_id == tenant_id:
            office.books.remove(Rental, "F1", rental.id)
    office.books.remove(Tenant, "F1", tenant_id)


def judge(bridge: Bridge, *, dry_run: bool = True, older_than: timedelta | None = None) -> Retention:
    (found,) = bridge.erase_stale(["F1"], actor=ANN, older_than=older_than, dry_run=dry_run)
    return found


def of(found: Retention, tenant_id: str) -> Judged:
    (one,) = [each for each in found.people if each.tenant_id == tenant_id]
    return one


def why(found: Retention, tenant_id: str) -> set[str]:
    return {each.code for each in of(found, tenant_id).hindrances}


def lived(bridge: Bridge) -> None:
    """A login, a dashboard, a question with their words: what is ours alone."""
    bridge.logins.keep("mem", "F1", "T1", "", name="ann@example.test", signed_in_at=bridge.clock.now())
    session = bridge.tenant("F1", "T1")
    session.dashboard()
    session.ask_staff("Question", "Ann asks: please call.", key="ask-T1-00000001")
    bridge.runtime.run_due()


def left(bridge: Bridge, office: MemoryOffice) -> None:
    """T1 used the portal, left, and three years went by."""
    bridge.sync(full=True)
    lived(bridge)
    leave(office)
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)


@pytest.fixture(autouse=True)
def _copies_by_hand_forget_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge.portal.nights.forget_departed", lambda *_: None)


# -- who goes ----------------------------------------------------------------------------------------------------------


def test_who_left_long_ago_is_forgotten_and_what_the_back_office_lists_stays(
    bridge: Bridge, office: MemoryOffice
) -> None:
    left(bridge, office)
    shown = judge(bridge)

    done = judge(bridge, dry_run=False)

    assert [each.tenant_id for each in shown.going] == ["T1"]
    assert not of(shown, "T1").is_erased
    assert of(done, "T1").is_erased
    assert of(done, "T1").rows == of(shown, "T1").rows
    assert {"actions", "logins"} <= set(of(done, "T1").rows)
    assert "tenant" not in of(done, "T1").rows
    assert done.renting == 2  # T2 and T3
    assert bridge.mirror.tenant("mem", "F1", "T1") is not None
    assert bridge.logins.of_person("mem", "F1", "T1") is None
    assert "please call" not in held(bridge)
    assert list(Audit(bridge.database).troubles()) == []
    assert judge(bridge).people == ()


def held(bridge: Bridge) -> str:
    with bridge.database.read() as connection:
        return repr([connection.execute(select(table)).all() for table in (actions, effects, trail, accounts_seen)])


def test_whom_the_back_office_lists_no_more_goes_as_a_whole(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    lived(bridge)
    leave(office)
    bridge.sync(full=True)
    later(office, timedelta(days=3 * 365))
    gone(office)
    bridge.sync(full=True)

    (one,) = judge(bridge, dry_run=False).going

    assert {"tenant", "rental", "actions"} <= set(one.rows)
    with bridge.database.read() as connection:
        rows = [row for table in METADATA.sorted_tables for row in connection.execute(select(table))]
    assert "ann@example.test" not in repr(rows)


def test_the_trail_tells_who_forgot_and_proves_itself(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    (asked,) = [each for each in bridge.tenant("F1", "T1").actions() if each.kind == "ask_staff"]

    judge(bridge, dry_run=False)

    (told,) = [each for each in bridge.runtime.trail(asked.action_id) if each.event == "erased"]
    assert told.data["actor"] == ANN
    assert bridge.runtime.verify_trail(asked.action_id)


def test_a_dry_run_changes_nothing(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    before = held(bridge)

    assert judge(bridge).going

    assert held(bridge) == before


def test_what_visitors_asked_goes_when_it_is_as_old(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    bridge.accounts.contact_us("F1", name="Bo Vee", email="bo@x.test", text="Prices?", key="visitor-00001")
    bridge.runtime.run_due()
    later(office, timedelta(days=700))
    bridge.sync(full=True)
    bridge.accounts.contact_us("F1", name="Cy Dee", email="cy@x.test", text="Hours?", key="visitor-00002")
    bridge.runtime.run_due()
    assert judge(bridge).questions == 0
    later(office, timedelta(days=31))
    bridge.sync(full=True)
    assert judge(bridge).questions == 1

    assert judge(bridge, dry_run=False).questions == 1

    assert "bo@x.test" not in held(bridge)
    assert "cy@x.test" in held(bridge)
    assert judge(bridge).questions == 0
    assert list(Audit(bridge.database).troubles()) == []


# -- who stays, and why ------------------------------------------------------------------------------------------------


@only_sqlite
def test_who_left_lately_stays(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    lived(bridge)
    leave(office)
    later(office, YEARS - timedelta(days=1))
    bridge.sync(full=True)

    assert why(judge(bridge), "T1") == {"seen_lately"}
    later(office, timedelta(days=2))
    bridge.sync(full=True)
    assert why(judge(bridge), "T1") == set()
    assert why(judge(bridge, older_than=timedelta(days=900)), "T1") == {"seen_lately"}


@only_sqlite
def test_who_came_back_to_the_portal_stays(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    bridge.tenant("F1", "T1").dashboard()

    assert why(judge(bridge), "T1") == {"seen_lately"}


@only_sqlite
def test_who_still_rents_is_not_even_listed(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)

    assert {each.tenant_id for each in judge(bridge, older_than=timedelta(days=1)).people} == {"T1"}


@only_sqlite
@pytest.mark.parametrize("kind", [EntryKind.CHARGE, EntryKind.CREDIT])
def test_who_owes_or_is_owed_stays(bridge: Bridge, office: MemoryOffice, kind: EntryKind) -> None:
    left(bridge, office)
    money = Money.of("5.00", "USD")
    office.books.enter("F1", "R1", kind, money if kind is EntryKind.CHARGE else -money, office.clock.now(), "Late")

    found = judge(bridge, dry_run=False)

    assert why(found, "T1") == {"balance_open"}
    assert not of(found, "T1").is_erased
    assert "please call" in held(bridge)


@only_sqlite
def test_who_is_owed_by_one_rental_what_another_owes_stays(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    for rental, money in (("R1", "5.00"), ("R4", "-5.00")):
        kind = EntryKind.CHARGE if rental == "R1" else EntryKind.CREDIT
        office.books.enter("F1", rental, kind, Money.of(money, "USD"), office.clock.now(), "Late")

    assert why(judge(bridge), "T1") == {"balance_open"}


@only_sqlite
def test_whose_debt_was_seen_last_before_the_back_office_forgot_them_stays(
    bridge: Bridge, office: MemoryOffice
) -> None:
    bridge.sync(full=True)
    leave(office)
    office.books.enter("F1", "R1", EntryKind.CHARGE, Money.of("5.00", "USD"), office.clock.now(), "Broken lock")
    bridge.sync(full=True)
    lived(bridge)  # after the end
    gone(office)
    later(office, timedelta(days=3))
    bridge.sync(full=True)
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)

    assert why(judge(bridge), "T1") == {"balance_open"}


@only_sqlite
def test_who_cannot_be_asked_about_stays(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)

    def away(*_: object) -> None:
        raise UnavailableError("the back office is away")

    monkeypatch.setattr(adapter, "account", away)

    assert why(judge(bridge, dry_run=False), "T1") == {"balance_unknown"}
    assert "please call" in held(bridge)


@only_sqlite
def test_a_back_office_that_is_away_is_not_asked_about_everybody(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = office.books.find(Tenant, "F1", "T1")
    assert person is not None
    for number in range(10, 20):
        office.books.put("F1", person.changed(ref=person.ref.changed(id=f"T{number}")))
    bridge.sync(full=True)
    for number in range(10, 20):
        bridge.logins.keep("mem", "F1", f"T{number}", "", name=f"{number}@example.test")
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)
    asked = []

    def away(*_: object) -> None:
        asked.append(1)
        raise UnavailableError("the back office is away")

    monkeypatch.setattr(adapter, "account", away)

    assert len(judge(bridge).staying) == 10
    assert len(asked) == 3


@only_sqlite
def test_whose_request_is_not_over_stays(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    lived(bridge)
    office.fail(Fault.DROP_AFTER, kind="add_note")
    bridge.tenant("F1", "T1").add_note("R1", "Please call.", key="note-0001-1")
    leave(office)
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)

    assert why(judge(bridge), "T1") == {"action_open"}


@only_sqlite
def test_who_has_a_unit_under_lien_stays(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    unit = office.books.find(Unit, "F1", "U1")
    assert unit is not None
    office.books.put("F1", unit.changed(state=UnitState.LIEN))
    bridge.sync(full=True)

    assert why(judge(bridge), "T1") == {"lien"}


@only_sqlite
def test_the_lien_of_who_came_after_keeps_nobody(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    unit, rental = office.books.find(Unit, "F1", "U1"), office.books.find(Rental, "F1", "R2")
    assert unit is not None
    assert rental is not None
    office.books.put("F1", unit.changed(state=UnitState.LIEN))
    office.books.put("F1", rental.changed(unit_id="U1", unit_number=unit.number))
    bridge.sync(full=True)

    assert why(judge(bridge), "T1") == set()


@only_sqlite
@pytest.mark.parametrize(("expires_on", "stays"), [(date(2029, 12, 31), True), (date(2029, 1, 1), False), (None, True)])
def test_who_has_reserved_stays(bridge: Bridge, office: MemoryOffice, expires_on: date | None, *, stays: bool) -> None:
    left(bridge, office)
    ref = VendorRef(system="memory", account="mem", facility="F1", entity="reservation", id="V1")
    held_unit = Reservation(ref=ref, tenant_id="T1", state=ReservationState.ACTIVE, expires_on=expires_on)
    bridge.mirror.reading(Scope("mem", "F1", Reservation.entity), "r1", is_full=False).take(rows_of([held_unit]))

    assert why(judge(bridge), "T1") == ({"reservation_open"} if stays else set())


@only_sqlite
def test_nobody_is_judged_by_an_old_copy(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    later(office, timedelta(days=3))

    found = judge(bridge, dry_run=False)

    assert (found.problem, found.people) == ("copy_too_old", ())
    assert "please call" in held(bridge)


@only_sqlite
def test_a_record_that_became_another_is_one_person_with_it(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    bridge.mirror.identities.merge(Scope("mem", "F1", Tenant.entity), "T1", "T2")  # who rents

    assert judge(bridge).people == ()


@only_sqlite
def test_without_a_time_nobody_is_judged(bridge: Bridge) -> None:
    bridge.settings = bridge.settings.model_copy(update={"store": StoreSettings()})

    with pytest.raises(ConfigurationError, match="keep_people") as refused:
        bridge.erase_stale(actor=ANN)

    assert refused.value.code == "no_keep_people"
    with pytest.raises(InputError, match="older_than"):
        bridge.erase_stale(actor=ANN, older_than=timedelta(hours=1))


# -- legal holds -------------------------------------------------------------------------------------------------------


def test_a_legal_hold_keeps_somebody_from_everybody_until_it_is_lifted(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    bridge.hold("F1", "T1", reason="file 12/26", actor=ANN)
    bridge.hold("F1", "T1", reason="file 12/26", actor="staff:bo")  # the same, once more
    with pytest.raises(IneligibleError) as other:  # lifting one must not end the other
        bridge.hold("F1", "T1", reason="file 13/26", actor="staff:bo")
    assert other.value.code == "held_already"

    assert why(judge(bridge, dry_run=False), "T1") == {"legal_hold"}
    for dry_run in (True, False):
        with pytest.raises(IneligibleError) as refused:
            bridge.erase("F1", "T1", actor=ANN, dry_run=dry_run)
        assert refused.value.code == "legal_hold"
    assert [(each.tenant_id, each.reason, each.actor) for each in bridge.holds()] == [("T1", "file 12/26", ANN)]
    assert bridge.lift_hold("F1", "T1")
    assert not bridge.lift_hold("F1", "T1")
    assert bridge.erase("F1", "T1", actor=ANN).rows


@only_sqlite
def test_a_hold_on_a_record_that_was_merged_keeps_the_person(bridge: Bridge) -> None:
    bridge.sync(full=True)
    bridge.mirror.identities.merge(Scope("mem", "F1", Tenant.entity), "T3", "T1")
    bridge.hold("F1", "T3", reason="file 12/26", actor=ANN)

    with pytest.raises(IneligibleError):
        bridge.erase("F1", "T1", actor=ANN)


@only_sqlite
@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "card 4111 1111 1111 1111"])
def test_a_hold_without_a_fit_reason_is_refused(bridge: Bridge, reason: str) -> None:
    with pytest.raises(InputError):
        bridge.hold("F1", "T1", reason=reason, actor=ANN)
    assert bridge.holds() == ()


# -- mails that bear a day to come -------------------------------------------------------------------------------------


@only_sqlite
def test_a_mail_dated_in_the_future_keeps_nobody_for_ever(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    person = office.books.find(Tenant, "F1", "T1")
    assert person is not None
    assert person.email
    far = datetime(2090, 1, 1, tzinfo=UTC)
    bridge.record_mail("F1", message_id="<1>", sender=person.email, at=far, text="I wrote this.")
    bridge.record_mail("F1", message_id="<2>", sender="nobody@x.example", at=far, text="Prices?")
    bridge.sync(full=True)
    assert why(judge(bridge), "T1") == {"seen_lately"}

    later(office, YEARS + timedelta(days=1))
    bridge.sync(full=True)
    done = judge(bridge, dry_run=False)

    assert of(done, "T1").is_erased
    assert done.questions == 1
    assert bridge.unassigned_mails("F1") == ()


# -- who comes back while others are judged ----------------------------------------------------------------------------


def meanwhile(
    adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object], tenant_id: str = "T1"
) -> None:
    """Something happens while the back office is asked what somebody owes."""
    asked = adapter.account

    def account(facility: str, who: str) -> TenantAccount:
        if who == tenant_id:
            happens()
        return asked(facility, who)

    monkeypatch.setattr(adapter, "account", account)


def test_who_calls_while_the_others_are_judged_stays(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)
    called = RecordedInteraction(
        message_id="call-1", direction=Direction.IN, channel=Channel.PHONE, at=office.clock.now(), text="I come back."
    )
    meanwhile(adapter, monkeypatch, lambda: bridge.staff("F1", "T1", actor=ANN).record_interaction(called))

    found = judge(bridge, dry_run=False)

    assert why(found, "T1") == {"seen_lately"}
    assert not of(found, "T1").is_erased
    assert "please call" in held(bridge)


@only_sqlite
def test_who_signs_in_while_the_others_are_judged_stays(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)
    now = office.clock.now()
    meanwhile(
        adapter,
        monkeypatch,
        lambda: bridge.logins.keep("mem", "F1", "T1", "", name="ann@example.test", signed_in_at=now),
    )

    assert why(judge(bridge, dry_run=False), "T1") == {"seen_lately"}
    assert bridge.logins.of_person("mem", "F1", "T1") is not None


@only_sqlite
def test_who_rents_again_while_the_others_are_judged_stays_with_their_copy(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)

    def rents() -> None:
        office.books.add_rental("F1", "NEW", "T1", "NEW-1", office.clock.now())
        bridge.sync(["F1"])

    meanwhile(adapter, monkeypatch, rents)

    assert "rental_open" in why(judge(bridge, dry_run=False), "T1")
    assert "NEW" in {each.id for each in bridge.mirror.rentals("mem", "F1", "T1")}
    assert "please call" in held(bridge)


def test_whose_record_becomes_that_of_somebody_who_rents_stays(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)
    scope = Scope("mem", "F1", Tenant.entity)
    meanwhile(adapter, monkeypatch, lambda: bridge.mirror.identities.merge(scope, "T1", "T2"))

    assert "rental_open" in why(judge(bridge, dry_run=False), "T1")
    assert "please call" in held(bridge)


@only_sqlite
def test_the_lien_of_who_came_after_keeps_nobody_from_going(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    unit, rental = office.books.find(Unit, "F1", "U1"), office.books.find(Rental, "F1", "R2")
    assert unit is not None
    assert rental is not None
    office.books.put("F1", unit.changed(state=UnitState.LIEN))
    office.books.put("F1", rental.changed(unit_id="U1", unit_number=unit.number))
    bridge.sync(full=True)

    assert of(judge(bridge, dry_run=False), "T1").is_erased


# -- what a hold covers ------------------------------------------------------------------------------------------------


@only_sqlite
def test_a_hold_keeps_questions_and_mails_of_nobodys_at_its_facility(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    bridge.accounts.contact_us("F1", name="Bo Vee", email="bo@x.test", text="Prices?", key="visitor-00001")
    bridge.runtime.run_due()
    bridge.record_mail("F1", message_id="<1>", sender="bo@x.test", at=office.clock.now(), text="I saw it.")
    hold = ("F1", "T3")
    bridge.hold(*hold, reason="file 12/26", actor=ANN)
    later(office, YEARS + timedelta(days=1))
    bridge.sync(full=True)

    assert judge(bridge).questions == judge(bridge, dry_run=False).questions == 0
    assert "bo@x.test" in held(bridge)
    assert len(bridge.unassigned_mails("F1")) == 1

    bridge.lift_hold(*hold)
    assert judge(bridge, dry_run=False).questions == 2


@only_sqlite
def test_a_hold_keeps_what_else_would_go_by_age(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    mine = bridge.logins.keep("mem", "F1", "T1", "", name="ann@example.test")
    for _ in range(2):
        bridge.logins.arm(bridge.logins.make_link(mine.id, "sign_in", timedelta(hours=1)))
    session = bridge.tenant("F1", "T1")
    session.quote(session.dashboard().rows[0].id)
    bridge.mirror.identities.merge(Scope("mem", "F1", Tenant.entity), "T3", "T1")
    bridge.hold("F1", "T3", reason="file 12/26", actor=ANN)
    later(office, timedelta(days=200))
    room = PersonRoom(bridge.database)

    assert room.make(office.clock.now(), attempts_within=YEARS) == Passed(watched=1)

    bridge.lift_hold("F1", "T3")
    assert room.make(office.clock.now(), attempts_within=YEARS) == Passed(links=1, quotes=1, account_copies=1)


@only_sqlite
def test_a_time_beyond_all_reckoning_is_refused(bridge: Bridge) -> None:
    with pytest.raises(InputError):
        judge(bridge, older_than=timedelta(days=800_000))
    with pytest.raises(InputError):
        bridge.staleness(older_than=timedelta(days=800_000))
    with pytest.raises(ValueError, match="keep_people"):
        StoreSettings(keep_people=timedelta(days=800_000))


@only_sqlite
def test_whoever_is_told_to_stop_judges_nobody_more(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)

    found = retain(bridge.runtime, FacilityKey("mem", "F1"), YEARS, actor=ANN, dry_run=False, beat=lambda: False)

    assert found.people == ()
    assert "please call" in held(bridge)


# -- by night ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept_for", [YEARS, None])
@only_sqlite
def test_a_night_forgets_where_a_time_is_set_and_nobody_else(
    bridge: Bridge, office: MemoryOffice, kept_for: timedelta | None
) -> None:
    left(bridge, office)
    night = night_copy_of(bridge.runtime, FacilityKey("mem", "F1"), kept_for=KeptFor(people=kept_for))
    later(office, timedelta(hours=12))

    night(office.clock.now(), lambda: True)

    assert ("please call" in held(bridge)) is (kept_for is None)
    events = [e for a in bridge.runtime.actions() for e in bridge.runtime.trail(a.action_id) if e.event == "erased"]
    assert {e.data["actor"] for e in events} == ({BY_THE_NIGHT} if kept_for is not None else set())


@only_sqlite
def test_a_night_that_failed_forgets_nobody(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)
    night = night_copy_of(bridge.runtime, FacilityKey("mem", "F1"), kept_for=KeptFor(people=YEARS))
    later(office, timedelta(hours=12))

    def away(*_: object, **__: object) -> None:
        raise UnavailableError("the back office is away")

    monkeypatch.setattr(adapter, "fetch", away)
    with pytest.raises(UnavailableError):
        night(office.clock.now(), lambda: True)

    assert "please call" in held(bridge)


# -- what is held for a while ------------------------------------------------------------------------------------------


def test_links_attempts_quotes_and_copies_go_by_night_when_their_time_is_over(
    bridge: Bridge, office: MemoryOffice
) -> None:
    bridge.sync(full=True)
    mine = bridge.logins.keep("mem", "F1", "T1", "", name="ann@example.test")
    for _ in range(2):
        bridge.logins.arm(bridge.logins.make_link(mine.id, "sign_in", timedelta(hours=1)))
    bridge.logins.hold(mine.id, "password", timedelta(hours=1))
    bridge.logins.count("ann@example.test", within=timedelta(minutes=15))
    session = bridge.tenant("F1", "T1")
    session.quote(session.dashboard().rows[0].id)
    room, within = PersonRoom(bridge.database), timedelta(minutes=15)
    assert room.make(office.clock.now(), attempts_within=within) == Passed()

    later(office, timedelta(days=29))
    assert room.make(office.clock.now(), attempts_within=within) == Passed(attempts=1, quotes=1)
    later(office, timedelta(days=3))
    assert room.make(office.clock.now(), attempts_within=within) == Passed(links=1)  # the newest of each purpose stays
    assert bridge.logins.last_link(mine.id, "sign_in") is not None
    later(office, timedelta(days=59))
    assert room.make(office.clock.now(), attempts_within=within) == Passed(watched=1, account_copies=1)
    assert bridge.mirror.account("mem", "F1", "T1") is None


@only_sqlite
def test_the_copy_of_somebody_who_can_be_asked_about_no_more_stays(bridge: Bridge, office: MemoryOffice) -> None:
    bridge.sync(full=True)
    bridge.tenant("F1", "T1").dashboard()
    gone(office)
    bridge.sync(full=True)
    later(office, timedelta(days=200))

    assert (
        PersonRoom(bridge.database).make(office.clock.now(), attempts_within=YEARS) == Passed()
    )  # the night stopped watching
    assert bridge.mirror.account("mem", "F1", "T1") is not None


@only_sqlite
def test_what_was_due_before_the_end_keeps_whom_the_back_office_knows_no_more(
    bridge: Bridge, office: MemoryOffice
) -> None:
    bridge.sync(full=True)
    rented = bridge.tenant("F1", "T1").account()  # 240.00 are due, and both rentals run
    later(office, timedelta(days=1))
    leave(office, on=date(2026, 11, 22))
    bridge.sync(full=True)
    gone(office)
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)
    with bridge.database.write() as connection:
        connection.execute(delete(accounts_seen))
    bridge.mirror.save_account(rented)

    assert why(judge(bridge, dry_run=False), "T1") == {"balance_unknown"}

    with bridge.database.write() as connection:
        connection.execute(delete(accounts_seen))
    assert [each.tenant_id for each in judge(bridge).going] == ["T1"]


@only_sqlite
@pytest.mark.parametrize("is_away", [False, True])
def test_a_debt_of_whom_the_lists_name_no_more_is_asked_for(
    bridge: Bridge, office: MemoryOffice, adapter: MemoryAdapter, monkeypatch: pytest.MonkeyPatch, *, is_away: bool
) -> None:
    bridge.sync(full=True)
    leave(office)
    office.books.enter("F1", "R1", EntryKind.CHARGE, Money.of("5.00", "USD"), office.clock.now(), "Broken lock")
    owes = adapter.account("F1", "T1")
    gone(office)
    later(office, timedelta(days=3))
    bridge.sync(full=True)
    later(office, timedelta(days=3 * 365))
    bridge.sync(full=True)

    def account(*_: object) -> TenantAccount:
        if is_away:
            raise UnavailableError("the back office is away")
        return owes

    monkeypatch.setattr(adapter, "account", account)

    assert why(judge(bridge, dry_run=False), "T1") == {"balance_unknown" if is_away else "balance_open"}
    assert not of(judge(bridge, dry_run=False), "T1").is_erased


@only_sqlite
def test_every_reason_is_told(bridge: Bridge, office: MemoryOffice) -> None:
    left(bridge, office)
    bridge.hold("F1", "T1", reason="file 12/26", actor=ANN)
    bridge.tenant("F1", "T1").dashboard()

    assert why(judge(bridge), "T1") == {"legal_hold", "seen_lately"}


@only_sqlite
def test_a_good_copy_by_hand_forgets_as_a_night_does(
    bridge: Bridge, office: MemoryOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(bridge, office)
    monkeypatch.setattr("pmsbridge.portal.nights.forget_departed", forget_departed)

    bridge.sync(full=True)

    assert "please call" not in held(bridge)


# -- staleness ---------------------------------------------------------------------------------------------------------


def test_the_age_of_copies_of_tenants_and_of_accounts_is_told(bridge: Bridge, office: MemoryOffice) -> None:
    (never,) = bridge.staleness(older_than=timedelta(days=30))
    assert never.oldest_copy_at is None
    assert set(never.copied_at.values()) == {None}
    bridge.sync(full=True)
    read_at = office.clock.now()
    bridge.tenant("F1", "T1").dashboard()
    later(office, timedelta(days=29))
    (young,) = bridge.staleness(older_than=timedelta(days=30))
    later(office, timedelta(days=2))
    (old,) = bridge.staleness(["F1"], older_than=timedelta(days=30))

    assert (young.stale_tenants, young.stale_accounts) == ((), ())
    assert old.oldest_copy_at == read_at
    assert set(old.copied_at) == {"facility", "unit", "tenant", "rental"}
    assert [who for who, _ in old.stale_tenants] == ["T1", "T2", "T3"]
    assert old.stale_accounts == (("T1", read_at),)
    with pytest.raises(InputError):
        bridge.staleness(older_than=timedelta(0))


@only_sqlite
def test_who_is_archived_may_still_sign_in_to_see_their_papers(bridge: Bridge, office: MemoryOffice) -> None:
    person = office.books.find(Tenant, "F1", "T1")
    assert person is not None
    office.books.put("F1", person.changed(is_active=False))
    bridge.sync(full=True)
    login = bridge.logins.keep("mem", "F1", "T1", "", name="ann@example.test")

    (found,) = bridge.staleness(["F1"], older_than=timedelta(days=365))

    assert [one.reason for one in found.lost_logins] == ["archived"]
    assert admits(bridge.mirror, login)


def test_logins_whose_tenant_is_gone_archived_merged_or_unknown_are_told(bridge: Bridge, office: MemoryOffice) -> None:
    person = office.books.find(Tenant, "F1", "T1")
    assert person is not None
    for number in range(4, 7):
        office.books.put("F1", person.changed(ref=person.ref.changed(id=f"T{number}")))
    bridge.sync(full=True)
    for who in ("T1", "T4", "T5", "T6", "T9"):
        bridge.logins.keep("mem", "F1", who, "", name=f"{who}@example.test".casefold())
    bridge.logins.keep("mem", "F2", "T9", "", name="elsewhere@example.test")
    office.books.remove(Tenant, "F1", "T4")
    office.books.put("F1", person.changed(ref=person.ref.changed(id="T5"), is_active=False))
    bridge.sync(full=True)
    bridge.mirror.identities.merge(Scope("mem", "F1", Tenant.entity), "T6", "T1")

    (found,) = bridge.staleness(older_than=timedelta(days=365))

    assert [(one.tenant_id, one.reason, one.merged_into) for one in found.lost_logins] == [
        ("T4", "gone", ""), ("T5", "archived", ""), ("T6", "merged", "T1"), ("T9", "unknown", ""),
    ]  # fmt: skip
