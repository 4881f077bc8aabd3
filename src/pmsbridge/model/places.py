"""Places: facilities and the units in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from pmsbridge.model.earlier import Since
from pmsbridge.model.money import Currency, ExactDecimal, Money
from pmsbridge.model.people import Phone, PostalAddress
from pmsbridge.model.record import Id, OpenEnum, Record, Value, Words

__all__ = ["Facility", "FacilityPolicy", "Unit", "UnitKind", "UnitSize", "UnitState", "ZoneName"]


def _existing(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        message = "not an IANA time zone such as America/Chicago"
        raise ValueError(message) from None
    return zone


ZoneName = Annotated[str, AfterValidator(_existing)]
"""The name of an IANA time zone."""


class FacilityPolicy(Value):
    """The operator's rules that decide what a tenant may do; from the back office where it holds them, else settings.

    Attributes:
        accepts_online_payments: The facility's own switch.
        allows_partial_payments: An amount below the balance may be paid.
        max_prepay_months: 1 to 12; how far ahead a tenant may pay.
        move_out_notice_days: Whole days between the request and the leaving date.
        move_out_max_days: How far ahead a move-out may be scheduled.
        blocked_from_days_past_due: From this many days past due on, online payment is refused; None for never.
        autopay_is_mandatory: A tenant may change the method but not switch autopay off.
        call_off_notice_days: Whole days between a call-off and the first day it may be for; 0 when today will do.
        takes_money_on_account: A customer may pay more than is due, where the back office keeps an account for it.
    """

    accepts_online_payments: bool = True
    allows_partial_payments: bool = True
    max_prepay_months: int = Field(default=12, ge=1, le=12)
    move_out_notice_days: int = Field(default=0, ge=0, le=365)
    move_out_max_days: int = Field(default=365, ge=1, le=1095)
    blocked_from_days_past_due: int | None = Field(default=None, ge=1)
    autopay_is_mandatory: bool = False
    call_off_notice_days: Annotated[int, Since(5)] = Field(default=0, ge=0, le=365)
    takes_money_on_account: Annotated[bool, Since(5)] = True


class Facility(Record):
    """One site of an operator.

    Attributes:
        name: As the operator writes it.
        zone: IANA time zone; business dates are dates in this zone.
        currency: What money at this facility is in.
        email: The primary address; notices to staff go there. Empty when the back office has none.
        policy: The operator's rules.
    """

    entity: ClassVar[str] = "facility"

    name: str
    address: PostalAddress = PostalAddress()
    phone: Phone | None = None
    email: str = ""
    zone: ZoneName
    currency: Currency
    policy: FacilityPolicy = FacilityPolicy()


class UnitKind(OpenEnum):
    """What is let."""

    STORAGE = "storage"
    DWELLING = "dwelling"
    PARKING = "parking"
    VEHICLE = "vehicle"
    EQUIPMENT = "equipment"
    UNKNOWN = "unknown"


class UnitState(OpenEnum):
    """Whether a unit can be let, and if not, why."""

    VACANT = "vacant"
    RESERVED = "reserved"
    OCCUPIED = "occupied"
    OVERLOCKED = "overlocked"
    LIEN = "lien"
    OUT_OF_SERVICE = "out_of_service"
    UNKNOWN = "unknown"


class UnitSize(Value):
    """Width by length, and height where known, in one unit of measure."""

    width: ExactDecimal
    length: ExactDecimal
    height: ExactDecimal | None = None
    measure: str = Field(default="ft", pattern=r"^(ft|m)$")

    @property
    def text(self) -> str:
        """For people: "10 x 20 ft", without trailing zeros."""
        sides = [self.width, self.length] + ([self.height] if self.height is not None else [])
        return " x ".join(_plain(side) for side in sides) + f" {self.measure}"


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Unit(Record):
    """Something that is let: a storage unit, a dwelling, a bay, a vehicle, a machine.

    Attributes:
        number: What stands on the door; text, leading zeros kept.
        type_name: The operator's word for the type.
        asking_rate: What a new tenant would pay per period, before tax; None when not published.
        notice_days: Notice that the back office asks for a move-out of this unit; None when it does not say.
    """

    entity: ClassVar[str] = "unit"

    number: Id
    kind: UnitKind = UnitKind.STORAGE
    type_name: str = ""
    size: UnitSize | None = None
    floor: str = ""
    state: UnitState = UnitState.UNKNOWN
    vendor_state: str = ""
    asking_rate: Money | None = None
    notice_days: int | None = Field(default=None, ge=0)
    features: Words = frozenset()
    last_changed_on: date | None = None
