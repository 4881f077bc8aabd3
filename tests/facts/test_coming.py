"""What is coming up for a tenant: days that every back office tells, in the order of the calendar."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.sections import Section
from pmsbridge.errors import IneligibleError, UnavailableError, UnsupportedError
from pmsbridge.model.documents import Event, EventKind, EventState, Reservation, ReservationState
from pmsbridge.model.money import Money
from pmsbridge.model.rental import ItemOut, Rental, RentalState
from pmsbridge.portal.coming import Coming, ComingKind
from pmsbridge.portal.words import say
from pmsbridge.settings import PortalSettings
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice
from tests import builders as make
from tests.facts.portal import Portal, in_memory

K = ComingKind
TODAY = date(2026, 11, 21)


def told(portal: Portal, *, tenant_id: str = "T1") -> list[tuple[ComingKind, date, str]]:
    return [(each.kind, each.on, each.title) for each in portal.of(tenant_id).upcoming()]


def rental_of(office: MemoryOffice, rental_id: str, **changes: Any) -> None:
    rental = office.books.find(Rental, "F1", rental_id)
    assert rental is not None
    office.books.put("F1", rental.changed(**changes))


def item(office: MemoryOffice, due_back_on: date) -> ItemOut:
    return ItemOut(
        ref=make.ref("item_out", "I1"), rental_id="R4", description="Trolley", ordered=Decimal(1), out=Decimal(1),
        returned=Decimal(0), due_back_on=due_back_on,
    )  # fmt: skip


def fill(portal: Portal) -> None:
    """Days of every kind, some of which are nobody's business, over, or somebody else's."""
    assert portal.office is not None
    office, now = portal.office, portal.clock.now()
    rental_of(
        office, "R1", state=RentalState.NOTICE_GIVEN, leaving_on=date(2026, 12, 20), next_charge_on=date(2026, 12, 1)
    )
    rental_of(office, "R4", items=(item(office, date(2026, 11, 28)),), next_charge_on=date(2026, 11, 1))
    rental_of(office, "R2", leaving_on=date(2026, 12, 2))
    for name, day, who, state in (
        ("W1", date(2026, 12, 5), "T1", ReservationState.ACTIVE), ("W2", date(2026, 12, 6), "T2", None),
        ("W3", date(2026, 12, 7), "T1", ReservationState.CANCELLED),
    ):  # fmt: skip
        office.books.put("F1", Reservation(
            ref=make.ref("reservation", name), tenant_id=who, unit_id=f"U-{name}", needed_on=day,
            state=state or ReservationState.ACTIVE, global_number=f"no. {name}",
        ))  # fmt: skip
    events: tuple[tuple[str, int, str | None, EventState], ...] = (
        ("Oil change", -48, "T1", EventState.DONE), ("Party", 72, None, EventState.PLANNED),
        ("Delivery", 24, "T2", EventState.PLANNED), ("Called off", 24, "T1", EventState.CANCELLED),
    )  # fmt: skip
    for name, hours, whose, event_state in events:
        office.books.put("F1", Event(
            ref=make.ref("event", name), tenant_id=whose, kind=EventKind.SOCIAL, state=event_state, title=name,
            starts_at=now + timedelta(hours=hours),
        ))  # fmt: skip
    portal.of("T1", actor="staff:ann").ask_payment(
        Money.of("5.00", "USD"), "A lock", key=portal.key, rental_id="R1", due_on=date(2026, 11, 30)
    )


@pytest.mark.fact("S3.14", "S4.12")
def test_everything_that_has_a_day_to_come_is_told_in_its_order_and_nothing_of_anybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        fill(portal)
        books, adapter = portal.office.books, portal.bridge.adapters["mem"]
        monkeypatch.setattr(adapter, "events", lambda *_: books.all(Event, "F1"))  # too much
        monkeypatch.setattr(adapter, "reservations", lambda *_: books.all(Reservation, "F1"))
        found = portal.session.upcoming()

        assert [(each.kind, each.on, each.title) for each in found] == [
            (K.EVENT, date(2026, 11, 24), "Party"),
            (K.RETURN, date(2026, 11, 28), "Trolley"),
            (K.PAYMENT_REQUEST, date(2026, 11, 30), "A lock"),
            (K.BILL, date(2026, 12, 1), "015"),
            (K.MOVE_IN, date(2026, 12, 5), "no. W1"),
            (K.MOVE_OUT, date(2026, 12, 20), "015"),
        ]
        assert [each.starts_at is not None for each in found] == [True, *[False] * 5]
        assert [each.amount for each in found if each.amount is not None] == [Money.of("5.00", "USD")]
        assert told(portal, tenant_id="T2")[0] == (K.EVENT, date(2026, 11, 22), "Delivery")
        for each in found:
            assert say(each.kind.message_key, "fr") != say(each.kind.message_key)


@pytest.mark.parametrize(
    ("closed", "left"),
    [
        ({Section.BILLING}, {K.EVENT, K.RETURN, K.MOVE_IN, K.MOVE_OUT}),
        ({Section.RENTALS}, {K.EVENT, K.PAYMENT_REQUEST, K.BILL, K.MOVE_IN}),
        ({Section.SHOP}, {K.EVENT, K.PAYMENT_REQUEST, K.BILL, K.RETURN, K.MOVE_OUT}),
    ],
)
def test_what_belongs_to_a_section_that_is_switched_off_is_left_out(
    tmp_path: Path, closed: set[Section], left: set[ComingKind]
) -> None:
    with in_memory(tmp_path) as portal:
        fill(portal)
        rules = PortalSettings(closed_sections=frozenset(closed))
        portal.bridge.settings = portal.bridge.settings.model_copy(update={"portal": rules})
        assert {each.kind for each in portal.session.upcoming()} == left


def test_where_events_are_switched_off_nothing_is_told(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        rules = PortalSettings(closed_sections=frozenset({Section.EVENTS}))
        portal.bridge.settings = portal.bridge.settings.model_copy(update={"portal": rules})
        with pytest.raises(IneligibleError) as refused:
            portal.session.upcoming()
        assert refused.value.code == "section_off"


def test_while_the_back_office_is_away_no_days_of_the_copy_are_told_as_if_they_were_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_memory(tmp_path) as portal:
        assert portal.office is not None
        monkeypatch.setattr(MemoryAdapter, "keeps_calendar", False, raising=False)
        monkeypatch.setattr(portal.bridge.adapters["mem"], "reservations", lambda *_: ())
        fill(portal)
        assert portal.session.upcoming()
        portal.office.failing_reads = 1
        with pytest.raises(UnavailableError):
            portal.session.upcoming()


@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_a_back_office_without_a_calendar_tells_its_days_all_the_same(portal: Portal) -> None:
    portal.bridge.sync()
    row, today = portal.row(), portal.session.account().today(portal.clock.now())
    free = portal.bridge.available_units(portal.facility)
    with pytest.raises(UnsupportedError):
        portal.session.events()
    portal.session.request_move_out(row.id, today + timedelta(days=20), key=portal.key)

    found: tuple[Coming, ...] = portal.session.upcoming()
    assert (K.MOVE_OUT, today + timedelta(days=20), "015") in {(each.kind, each.on, each.title) for each in found}
    if free:
        portal.session.reserve(free[0].id, today + timedelta(days=3), key=portal.key)
        held = next(each for each in portal.session.upcoming() if each.kind is K.MOVE_IN)
        assert (held.on, held.title) == (today + timedelta(days=3), free[0].number)
