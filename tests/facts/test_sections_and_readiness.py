"""Sections of a portal, what stands before an invitation, and what only some back offices tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.sections import SECTION_OF, PortalRules, Section, ShopItem
from pmsbridge.errors import ConfigurationError, IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Document, DocumentKind, Event, EventKind, SignatureState
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.people import PersonName, Phone, PostalAddress, Tenant
from pmsbridge.model.places import UnitKind
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.words import say
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, PlacePortal, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests import builders as make
from tests.facts.portal import MONEY, Portal, in_memory
from tests.mailbox import Outbox

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)


def bridge_with(folder: Path, portal: PortalSettings) -> Bridge:
    clock = TestClock()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    return Bridge(
        Settings(accounts={"mem": AccountSettings(system="memory")}, portal=portal),
        database=open_database(f"sqlite:///{folder}/closed.db"), adapters={"mem": MemoryAdapter(office)},
        mailer=Outbox(), clock=clock,
    )  # fmt: skip


@pytest.mark.fact("S3.1", "S3.6")
def test_what_is_switched_off_is_off_for_buttons_verbs_and_reads_alike(tmp_path: Path) -> None:
    closed = PortalSettings(closed_sections=frozenset({Section.BILLING, Section.DOCUMENTS}))
    with bridge_with(tmp_path, closed) as bridge:
        session = bridge.tenant("F1", "T1")
        assert session.sections == (Section.RENTALS, Section.EVENTS, Section.SHOP, Section.SETTINGS)
        calls: tuple[Callable[[], object], ...] = (
            lambda: session.quote("R1"), lambda: session.pay_rental("R1", MONEY, key="click-0001"),
            lambda: session.pay_all(MONEY, key="click-0002"),
            lambda: session.set_autopay("R1", on=False, key="click-0003"),
            lambda: session.ledger("R1"), lambda: session.payments("R1"), session.invoices,
            lambda: session.statement("R1", date(2026, 11, 21)), session.documents, session.quotes,
            lambda: session.document("D1"),
        )  # fmt: skip
        for call in calls:
            with pytest.raises(IneligibleError) as refused:
                print(call())
            assert refused.value.code == "section_off"
        offers = session.available_actions()
        assert {offer.kind for offer in offers if offer.code == "section_off"} == {
            kind for kind, section in SECTION_OF.items()
            if section is Section.BILLING and kind not in {ActionKind.PAY_INVOICE, ActionKind.PAY_ON_ACCOUNT}
        }  # fmt: skip
        with pytest.raises(IneligibleError) as refused:  # a link that nobody could pay by
            bridge.tenant("F1", "T1", actor="staff:ann").ask_payment(
                Money.of("5.00", "USD"), "A lock", key="click-0005", rental_id="R1"
            )
        assert refused.value.code == "section_off"
        assert session.request_move_out("R1", date(2026, 12, 31), key="click-0004").outcome is Outcome.SETTLED
        assert bridge.tenant("F1", "T1", actor="staff:ann").payments("R1") == []


@pytest.mark.fact("S3.6", "S3.20")
def test_a_facility_goes_before_its_account_and_that_before_everywhere(tmp_path: Path) -> None:
    portal = PortalSettings(
        closed_sections=frozenset({Section.SHOP}), opens_with=Section.EVENTS,
        places={
            "mem": PlacePortal(opens_with=Section.BILLING),
            "mem/F2": PlacePortal(closed_sections=frozenset({Section.BILLING})),
        },
    )  # fmt: skip
    with bridge_with(tmp_path, portal) as bridge:
        here, there = bridge.tenant("F1", "T1").sections, bridge.tenant("F2", "T1").sections

    assert (here[0], Section.SHOP in here) == (Section.BILLING, False)
    assert there[0] is Section.RENTALS  # what would come first is closed there
    assert (Section.BILLING in there, Section.SHOP in there) == (False, True)


def test_a_place_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"portal\.places: mem/F9"):
        bridge_with(tmp_path, PortalSettings(places={"mem/F9": PlacePortal()}))


def test_every_verb_but_notes_and_questions_belongs_to_a_section() -> None:
    always = {
        ActionKind.ADD_NOTE, ActionKind.AGREE_PLAN, ActionKind.ASK_PAYMENT, ActionKind.ASK_STAFF,
        ActionKind.LOOK_UP_CODE, ActionKind.NOTE_INSPECTION, ActionKind.WITHDRAW_REQUEST,
    }  # fmt: skip
    assert set(ActionKind) - set(SECTION_OF) == always
    assert PortalRules(closed_sections=frozenset(Section)).sections == ()


@pytest.mark.fact("S2.8", "S2.10", "S2.11", "S2.12", "S3.2", "S3.3", "S3.8", "S2.9", "S3.24")
def test_before_an_invitation_everything_that_is_missing_is_told(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        books = portal.office.books
        bare = books.find(Tenant, "F1", "T3")
        ana = books.find(Tenant, "F1", "T1")
        assert bare is not None
        assert ana is not None
        new = bare.changed(
            ref=bare.ref.changed(id="T9"), name=PersonName(last="Neu"), address=PostalAddress(), email="",
            phone=Phone(raw="512.555.0101"), portal_disabled=True,
        )  # fmt: skip
        books.put("F1", new)
        desk = portal.bridge.staff("F1", "T9", actor="staff:ann")
        before = desk.readiness().codes
        portal.bridge.sync()

        after = desk.readiness()
        ready = portal.bridge.staff("F1", "T3", actor="staff:ann").readiness()
        twice = portal.bridge.staff("F1", "T1", actor="staff:ann").readiness()

        assert before[0] == "not_copied"
        assert after.codes == ("portal_disabled", "no_history", "no_email", "no_postal_code", "phone_taken")
        assert all(each.remedy and say(each.message_key, "fr") for each in after.shortcomings)
        assert (ready.is_ready, ready.name, ready.email, ready.units) == (
            True, "Chloé", "chloé@example.test", ("A-101",),
        )  # fmt: skip
        assert twice.codes == ("phone_taken",)


@pytest.mark.fact("S3.21", "S1.26")
def test_every_line_of_a_portal_leads_to_the_back_offices_own_record(portal: Portal) -> None:
    portal.session.pay_rental(portal.row().id, portal.means, key=portal.key)
    board = portal.session.dashboard()

    for row in board.rows:
        lines = [row.rental, *portal.session.ledger(row.id), *portal.session.payments(row.id)]
        assert all(line.ref.id and line.ref.system == portal.back_office for line in lines)
        assert all(line.ref.facility == portal.facility for line in lines)
    assert board.account.tenant.ref.id == portal.busy


@pytest.mark.fact("S3.4")
def test_a_vehicle_is_a_unit_like_any_other(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        books = portal.office.books
        books.put("F1", make.unit(
            ref=books.all(Tenant, "F1")[0].ref.changed(entity="unit", id="U1"), number="Roadster 1962",
            kind=UnitKind.VEHICLE,
        ))  # fmt: skip

        page = portal.session.rental("R1")

        assert page.unit is not None
        assert (page.unit.kind, page.unit.number) == (UnitKind.VEHICLE, "Roadster 1962")
        assert portal.session.request_move_out("R1", date(2026, 12, 31), key=portal.key).outcome is Outcome.SETTLED


@pytest.mark.fact("S2.1", "S2.6", "S2.23", "S2.24", "S4.1", "S4.2", "S3.17")
def test_the_summary_has_balance_last_payment_and_a_statement_that_foots(portal: Portal) -> None:
    unit, today = portal.row(), date(2026, 11, 21)
    opened = portal.session.account_statement(today)
    portal.session.pay_rental(unit.id, portal.means, key=portal.key)

    statement = portal.session.account_statement(today)

    assert opened.closing == sum_ledger(portal) + unit.balances.payable_now
    assert statement.closing == sum_ledger(portal)
    assert statement.opening + sum_entries(statement.entries, statement.closing.currency) == statement.closing
    (paid,) = [each for each in portal.session.payments(unit.id) if each.paid_on == today]
    assert paid.amount == unit.balances.payable_now


def sum_ledger(portal: Portal) -> Money:
    return portal.session.account().total.ledger


def sum_entries(entries: Iterable[LedgerEntry], currency: str) -> Money:
    return sum_money((entry.effect for entry in entries), currency)


@pytest.mark.fact("S4.2")
@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_a_credit_that_is_still_to_be_used_is_told(portal: Portal) -> None:
    total = portal.of("1007").account().total

    assert total.credit.amount == Decimal("10.00")
    assert total.payable_now.is_zero


@pytest.mark.fact("S4.4")
def test_past_due_is_said_in_the_readers_language() -> None:
    status = make.account(make.row(days_past_due=3)).payment_status

    assert say(f"payment_status.{status.value}") == "Past due"
    assert say(f"payment_status.{status.value}", "fr-CA") == "En retard"


@only_memory
def test_a_denial_says_in_both_languages_what_it_is(portal: Portal) -> None:
    with pytest.raises(IneligibleError) as refused:
        portal.session.quote_prepay(13)

    assert say(refused.value.message_key, "fr") != say(refused.value.message_key, "en")


@pytest.mark.fact("S3.15")
def test_a_field_that_is_not_shared_is_shown_nowhere_but_to_staff(tmp_path: Path) -> None:
    hidden = PortalSettings(hidden_unit_fields=frozenset({"asking_rate"}))
    with bridge_with(tmp_path, hidden) as bridge:
        session = bridge.tenant("F1", "T1")
        shown = [
            session.unit("R1"), session.rental("R1").unit, session.dashboard().rows[0].unit,
            session.dashboard(live=False).rows[0].unit,
        ]  # fmt: skip
        told = bridge.tenant("F1", "T1", actor="staff:ann").unit("R1")

    assert [(unit.number, unit.asking_rate) for unit in shown if unit is not None] == [("015", None)] * 4
    assert told is not None
    assert told.asking_rate is not None
    with pytest.raises(ValueError, match="held back"):
        PortalSettings(hidden_unit_fields=frozenset({"number"}))


@pytest.mark.fact("S0.12", "S1.26")
def test_a_unit_that_only_the_night_tells_has_its_number_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_memory(tmp_path) as portal:
        portal.bridge.sync()
        adapter = portal.bridge.adapters["mem"]
        whole = adapter.account

        def bare(facility: str, tenant_id: str) -> TenantAccount:
            account = whole(facility, tenant_id)
            rows = [row.changed(unit=None, rental=row.rental.changed(unit_number="")) for row in account.rentals]
            return account.changed(rentals=tuple(rows))

        monkeypatch.setattr(adapter, "account", bare)
        live = portal.session.dashboard()
        portal.bridge.sync()
        copy = portal.session.dashboard(live=False)

        for board in (live, copy):
            assert [row.rental.label for row in board.rows] == ["015", "B-7"]
            assert [row.unit is not None and row.unit.number for row in board.rows] == ["015", "B-7"]
        assert portal.bridge.staff("F1", "T1", actor="staff:ann").readiness().units == ("015", "B-7")


@pytest.mark.fact("S3.14", "S4.12")
def test_what_is_to_come_and_what_was_is_told_apart_and_nobody_elses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        books = portal.office.books
        adapter = portal.bridge.adapters["mem"]
        monkeypatch.setattr(adapter, "events", lambda _facility, _tenant: books.all(Event, "F1"))  # too much
        now = portal.clock.now()
        for name, hours, who in (
            ("Oil change", -48, "T1"), ("Inspection", 24, "T1"), ("Summer party", 48, None), ("Delivery", 24, "T2"),
            ("Being washed", -1, "T1"),
        ):  # fmt: skip
            starts = now + timedelta(hours=hours)
            portal.office.books.put("F1", Event(
                ref=make.ref("event", name), tenant_id=who, kind=EventKind.APPOINTMENT, title=name, starts_at=starts,
                ends_at=starts + timedelta(hours=2),
            ))  # fmt: skip

        assert [each.title for each in portal.session.events()] == ["Being washed", "Inspection", "Summer party"]
        assert [each.title for each in portal.session.events(to_come=False)] == ["Oil change"]


@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_a_back_office_without_a_calendar_says_so(portal: Portal) -> None:
    with pytest.raises(UnsupportedError):
        portal.session.events()


@pytest.mark.fact("S3.16")
def test_what_the_shop_has_is_asked_for_and_nothing_else(tmp_path: Path) -> None:
    shop = (ShopItem(id="lock", name="Disc lock", price="12.00 USD"), ShopItem(id="wash", name="Car wash"))
    with bridge_with(tmp_path, PortalSettings(shop=shop)) as bridge:
        session = bridge.tenant("F1", "T1")
        view = session.order("lock", 2, key="click-0001", comment="By Friday, please.")
        notes = bridge.staff("F1", "T1", actor="staff:ann").notes()
        with pytest.raises(NotFoundError):
            session.order("key", 1, key="click-0002")
        with pytest.raises(InputError):
            session.order("lock", 0, key="click-0003")

    assert [item.name for item in session.rules.shop] == ["Disc lock", "Car wash"]
    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    assert [("2 x Disc lock (lock)" in note.text, "By Friday" in note.text) for note in notes] == [(True, True)]
    for closed, code in ((frozenset({Section.SHOP}), "section_off"), (frozenset(), "nothing_to_order")):
        with bridge_with(tmp_path, PortalSettings(closed_sections=closed)) as bridge:
            with pytest.raises(IneligibleError) as refused:
                bridge.tenant("F1", "T1").order("lock", 1, key="click-0004")
            assert refused.value.code == code


@pytest.mark.fact("S3.18", "S3.5")
def test_a_paper_says_whether_it_is_signed_and_reaches_only_its_tenant(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        books = portal.office.books
        for name, who, signature in (("D1", "T1", "signed"), ("D2", "T1", "wanted"), ("D3", "T2", "signed")):
            books.put("F1", Document(
                ref=make.ref("document", name), tenant_id=who, kind=DocumentKind.CONTRACT, title=name,
                signature=SignatureState(signature), dated_on=date(2026, 1, int(name[1])),
            ))  # fmt: skip
            books.paper_bytes["F1", name] = b"%PDF-1.7 " + name.encode()

        found = portal.session.documents()

        assert [(paper.id, paper.signature) for paper in found] == [
            ("D2", SignatureState.WANTED), ("D1", SignatureState.SIGNED),
        ]  # fmt: skip
        with portal.session.document("D1") as paper:
            assert b"".join(paper.chunks) == b"%PDF-1.7 D1"
        with pytest.raises(NotFoundError), portal.session.document("D3"):
            pass
