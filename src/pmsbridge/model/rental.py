"""The rental: the centre of the model. It carries money, state, autopay and the way out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from pmsbridge.model.earlier import Since
from pmsbridge.model.money import ExactDecimal, Money
from pmsbridge.model.record import Id, OpenEnum, Record, Value

__all__ = ["ALLOWED_STEPS", "Discount", "ItemOut", "Rental", "RentalKind", "RentalState", "step_is_allowed"]


class RentalKind(OpenEnum):
    """What a rental is about, and so how it ends.

    ``UNIT``: a unit is let until somebody moves out. ``CONTRACT``: items that are called off and brought back, line by
    line. ``ACCOUNT``: no rental at all, but the running account of a customer in a back office that keeps one: what is
    owed or in credit apart from any one rental, and the autopay that covers all of them. It is never current.
    """

    UNIT = "unit"
    CONTRACT = "contract"
    ACCOUNT = "account"
    UNKNOWN = "unknown"


class RentalState(OpenEnum):
    """Where a rental stands. Only the back office's own data ends one."""

    QUOTE = "quote"
    RESERVED = "reserved"
    ACTIVE = "active"
    NOTICE_GIVEN = "notice_given"
    OFF_RENT = "off_rent"
    RETURNED = "returned"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EVICTED = "evicted"
    UNKNOWN = "unknown"

    @property
    def is_current(self) -> bool:
        """The unit is let: rent runs."""
        return self in {RentalState.ACTIVE, RentalState.NOTICE_GIVEN}

    @property
    def is_over(self) -> bool:
        """Nothing is let any more."""
        return self in {RentalState.CLOSED, RentalState.CANCELLED, RentalState.EVICTED}


_S = RentalState
# A contract of a few hours is let and over between two looks.
_SHORT: Final = (_S.OFF_RENT, _S.RETURNED, _S.CLOSED)
ALLOWED_STEPS: Final[dict[RentalState, frozenset[RentalState]]] = {
    _S.QUOTE: frozenset({_S.RESERVED, _S.ACTIVE, _S.CANCELLED, *_SHORT}),
    _S.RESERVED: frozenset({_S.QUOTE, _S.ACTIVE, _S.CANCELLED, *_SHORT}),
    _S.ACTIVE: frozenset({_S.NOTICE_GIVEN, _S.OFF_RENT, _S.RETURNED, _S.CLOSED, _S.EVICTED, _S.CANCELLED}),
    _S.NOTICE_GIVEN: frozenset({_S.ACTIVE, _S.OFF_RENT, _S.RETURNED, _S.CLOSED, _S.EVICTED}),
    _S.OFF_RENT: frozenset({_S.ACTIVE, _S.RETURNED, _S.CLOSED}),
    _S.RETURNED: frozenset({_S.CLOSED, _S.ACTIVE}),
    _S.CLOSED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EVICTED: frozenset({_S.CLOSED}),
    _S.UNKNOWN: frozenset(RentalState),
}


def step_is_allowed(before: RentalState, after: RentalState) -> bool:
    """Whether a back office's snapshot may go from one state to another.

    A step that is not allowed becomes a finding for staff, never an exception in the sync. Staying, and any step from
    or to ``unknown``, is allowed.
    """
    return before is after or after is RentalState.UNKNOWN or after in ALLOWED_STEPS[before]


class ItemOut(Record):
    """Quantities of one contract line: 0 ≤ returned ≤ out ≤ ordered, and no more called off than is out.

    Attributes:
        code: The article's number, as the operator writes it; text.
        measure: What quantities are counted in, as the back office writes it ("u", "m").
        out_on: Business date from which the first of it is out; None when nothing left yet.
        due_back_on: Business date the contract expects it back; None when it says none.
        call_off_excluded: Its rate type does not allow a call-off.
        ordered: Quantity on the contract.
        out: Quantity that left so far.
        returned: Quantity that came back.
        call_off_pending: Quantity asked to be called off, not yet acted on.
        call_off_confirmed: Quantity whose call-off the store confirmed.
    """

    entity: ClassVar[str] = "item_out"

    rental_id: Id
    code: Annotated[str, Since(5)] = ""
    description: str = ""
    measure: Annotated[str, Since(5)] = ""
    out_on: Annotated[date | None, Since(5)] = None
    due_back_on: Annotated[date | None, Since(5)] = None
    call_off_excluded: Annotated[bool, Since(5)] = False
    ordered: ExactDecimal
    out: ExactDecimal
    returned: ExactDecimal
    call_off_pending: ExactDecimal = Decimal(0)
    call_off_confirmed: ExactDecimal = Decimal(0)

    @model_validator(mode="after")
    def _quantities_fit(self) -> Self:
        if not 0 <= self.returned <= self.out <= self.ordered:
            message = "quantities must obey 0 <= returned <= out <= ordered"
            raise ValueError(message)
        if min(self.call_off_pending, self.call_off_confirmed) < 0:
            message = "a called-off quantity cannot be negative"
            raise ValueError(message)
        if self.call_off_pending + self.call_off_confirmed > self.out - self.returned:
            message = "more is called off than is out"
            raise ValueError(message)
        return self

    @property
    def on_rent(self) -> Decimal:
        """What the customer still has."""
        return self.out - self.returned

    @property
    def callable_off(self) -> Decimal:
        """What is out and not called off yet."""
        return self.on_rent - self.call_off_pending - self.call_off_confirmed


class Discount(Value):
    """What is taken off the rent, as the back office tells it. Nothing is computed from it: ``rent`` is what is paid.

    Attributes:
        name: What staff call it; empty when the back office does not say.
        amount: Taken off one period's rent, before tax; positive. None when it is a share, or is not told.
        percent: Taken off as a share of one period's rent, above 0 and at most 100; None when it is an amount, or is
            not told.
        until: Last business date on which it counts; None while it has no end, or none that is told.
    """

    name: str = ""
    amount: Money | None = None
    percent: ExactDecimal | None = Field(default=None, gt=0, le=100)
    until: date | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if self.amount is not None and self.percent is not None:
            message = "a discount is an amount or a share, not both"
            raise ValueError(message)
        if self.amount is not None and not self.amount.is_positive:
            message = "what is taken off is positive"
            raise ValueError(message)
        return self


class Rental(Record):
    """One tenant's right to one unit (or to bulk items): lease, ledger, contract, order.

    Attributes:
        kind: What it is about, and so how it ends.
        number: Of the contract, as printed; text. Empty where the unit's number names it.
        unit_id: None for bulk equipment.
        unit_number: As on the door; text.
        rent: What this tenant pays per period, before tax; None when the back office does not say.
        rent_tax: Tax on one period's rent; None when not known.
        moved_in_on: Business date.
        paid_through: Business date up to which rent is paid, inclusive.
        leaving_on: The scheduled move-out; the unit is still let.
        notice_given_on: When the move-out was asked for, where the back office keeps it.
        bills_on_day: Day of the month the bill is made; None when not known.
        next_charge_on: Business date of the next bill, which is not made yet; None when not known.
        discounts: What is taken off the rent, where the back office tells it; empty otherwise.
    """

    entity: ClassVar[str] = "rental"

    tenant_id: Id
    kind: Annotated[RentalKind, Since(5)] = RentalKind.UNIT
    number: Annotated[str, Since(5)] = ""
    unit_id: Id | None = None
    unit_number: str = ""
    state: RentalState
    vendor_state: str = ""
    rent: Money | None = None
    rent_tax: Money | None = None
    billing_period: str = ""
    bills_on_day: int | None = Field(default=None, ge=1, le=31)
    moved_in_on: date | None = None
    paid_through: date | None = None
    leaving_on: date | None = None
    notice_given_on: date | None = None
    moved_out_on: date | None = None
    items: tuple[ItemOut, ...] = ()
    discounts: Annotated[tuple[Discount, ...], Since(5)] = ()
    next_charge_on: Annotated[date | None, Since(5)] = None

    @property
    def label(self) -> str:
        """What people call it: the unit's number, else the contract's, else its id."""
        return self.unit_number or self.number or self.id

    def item(self, item_id: str) -> ItemOut | None:
        """The item of that id; None when the rental has none."""
        return next((item for item in self.items if item.id == item_id), None)
