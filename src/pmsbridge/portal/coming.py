"""What is coming up for a tenant, by the day: as every back office tells, and its calendar where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.sections import Section
from pmsbridge.errors import UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Event, EventState, Reservation, ReservationState
from pmsbridge.model.money import Money
from pmsbridge.model.record import Instant, Value, VendorRef
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.office import Office

__all__ = ["Coming", "ComingKind", "coming_for", "events_of"]


class ComingKind(StrEnum):
    """What a day is of."""

    EVENT = "event"
    MOVE_IN = "move_in"
    MOVE_OUT = "move_out"
    RETURN = "return"
    BILL = "bill"
    PAYMENT_REQUEST = "payment_request"

    @property
    def message_key(self) -> str:
        """Key of its words."""
        return f"coming.{self.value}"


class Coming(Value):
    """One day to come.

    Attributes:
        on: Business date at the facility.
        starts_at: When it begins, of an event; None for what has a day and no hour.
        title: What it is about, in the back office's or the office's own words: the event's title, the unit, the item,
            the reason of a payment request.
        amount: Of a payment request; None for everything else.
        rental_id: The rental it is about; None when it is about none, or about which is not told.
        ref: The back office's own record; None for what only we know.
    """

    kind: ComingKind
    on: date
    starts_at: Instant | None = None
    title: str
    amount: Money | None = None
    rental_id: str | None = None
    ref: VendorRef | None = None


_SECTION: Final = {
    ComingKind.MOVE_IN: Section.SHOP, ComingKind.MOVE_OUT: Section.RENTALS, ComingKind.RETURN: Section.RENTALS,
    ComingKind.BILL: Section.BILLING, ComingKind.PAYMENT_REQUEST: Section.BILLING,
}  # fmt: skip


def events_of(office: Office, events: Iterable[Event], *, to_come: bool) -> tuple[Event, ...]:
    """This tenant's events and those for everybody: the next first, or those that have ended, the newest first."""
    now = office.clock.now()
    found = [
        each for each in events
        if each.tenant_id in {None, office.tenant_id} and ((each.ends_at or each.starts_at) > now) is to_come
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: (each.starts_at, each.id), reverse=not to_come))


def coming_for(office: Office) -> tuple[Coming, ...]:
    """Everything that is coming up from today on, the next first, without what belongs to a section that is closed.

    Raises:
        UnavailableError: The back office cannot be read now.
    """
    account = office.read_live()
    today, closed = office.today(account), office.rules.closed_sections
    found = [*_Days(account).all(), *_of_calendar(office, account)]
    if Section.SHOP not in closed:
        found += _of_reservations(office, account)
    if Section.BILLING not in closed:
        found += _of_payment_requests(AskedPayments(office).all(account))
    kept = (each for each in found if each.on >= today and _SECTION.get(each.kind) not in closed)
    return tuple(sorted(kept, key=lambda each: (each.on, each.starts_at is not None, each.starts_at, each.title)))


@dataclass(frozen=True, slots=True)
class _Days:
    """Days that rentals themselves carry."""

    account: TenantAccount

    def all(self) -> Iterator[Coming]:
        """Of every current rental: its end, its next bill, and when its items are expected back."""
        for row in self.account.current:
            rental = row.rental
            for kind, on in ((ComingKind.MOVE_OUT, rental.leaving_on), (ComingKind.BILL, rental.next_charge_on)):
                if on is not None:
                    yield Coming(kind=kind, on=on, title=rental.label, rental_id=rental.id, ref=rental.ref)
        for rental, item in self.account.items_out:
            if item.due_back_on is not None:
                title = item.description or item.code or rental.label
                yield Coming(
                    kind=ComingKind.RETURN, on=item.due_back_on, title=title, rental_id=rental.id, ref=item.ref
                )


def _of_calendar(office: Office, account: TenantAccount) -> Iterator[Coming]:
    if (keeper := office.calendar) is None:
        return
    zone = ZoneInfo(account.facility.zone)
    for event in events_of(office, keeper.events(office.facility, office.tenant_id), to_come=True):
        if event.state is not EventState.CANCELLED:
            begins = event.starts_at.astimezone(zone).date()
            yield Coming(
                kind=ComingKind.EVENT, on=max(begins, office.today(account)), starts_at=event.starts_at,
                title=event.title, rental_id=event.rental_id, ref=event.ref,
            )  # fmt: skip


def _of_reservations(office: Office, account: TenantAccount) -> Iterator[Coming]:
    held: Iterable[Reservation] = ()
    with suppress(UnsupportedError):
        held = office.adapter.reservations(office.facility, office.tenant_id)
    let = {row.rental.unit_id for row in account.current} - {None}
    for each in held:
        is_waited_for = each.state is ReservationState.ACTIVE and each.unit_id not in let
        if is_waited_for and each.needed_on is not None and each.tenant_id == office.tenant_id:
            yield Coming(kind=ComingKind.MOVE_IN, on=each.needed_on, title=_unit(office, each), ref=each.ref)


def _unit(office: Office, reservation: Reservation) -> str:
    """The unit's number, where the copy knows it; else the number of the reservation."""
    number = office.unit_number(reservation.unit_id) if reservation.unit_id is not None else ""
    return number or reservation.global_number or reservation.id


def _of_payment_requests(requests: Iterable[PaymentRequest]) -> Iterator[Coming]:
    for each in requests:
        if each.is_open and each.due_on is not None:
            yield Coming(
                kind=ComingKind.PAYMENT_REQUEST, on=each.due_on, title=each.reason, amount=each.amount,
                rental_id=each.rental_id,
            )  # fmt: skip
