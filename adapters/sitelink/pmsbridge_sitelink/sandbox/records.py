"""What the simulated back office holds: sites, units, tenants, rentals (it calls them ledgers) and what hangs on them.

Everything here is mutable state guarded by the office's lock. No full card number is ever stored: a stored card is
four digits and a keyed digest, enough to tell that it was kept or replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Final, Literal

from .dataset import Value
from .ledger import ZERO

Category = Literal["POS", "SecDep", "Rent", "Insurance", "Recurring", "LateFee", "Other"]
Method = Literal["card", "ach", "check", "cash", "transfer"]

CATEGORIES: Final[dict[Category, str]] = {
    "POS": "Merchandise",
    "SecDep": "Security Deposit",
    "Rent": "Rent",
    "Insurance": "Insurance",
    "Recurring": "Recurring Charges",
    "LateFee": "Late Fees",
    "Other": "Other Fees",
}
"""The seven rows of a balance answer, in the order clients see them."""

AUTOPAY_OFF, AUTOPAY_CARD, AUTOPAY_ACH = 0, 1, 2


@dataclass(slots=True)
class UnitType:
    """A kind of unit at a site; widths in feet, rates per month before tax."""

    type_id: int
    name: str
    width: Decimal
    length: Decimal
    rate: Decimal
    climate: bool
    notice_days: int = 14


@dataclass(slots=True)
class Unit:
    """One unit; `ledger_id` is None while nobody rents it."""

    unit_id: int
    name: str
    type: UnitType
    floor: int
    updated: datetime
    created: datetime
    rentable: bool = True
    reserved: bool = False
    off_website: bool = False
    ledger_id: int | None = None
    vacated_on: date | None = None
    note: str | None = None


@dataclass(slots=True)
class Tenant:
    """One tenant record; `fields` are its columns by the vendor's name, None meaning NULL."""

    tenant_id: int
    fields: dict[str, Value]
    created: datetime
    updated: datetime
    online_blocked: bool = False

    def text(self, name: str) -> str:
        """A text column; empty when NULL."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def display_name(self) -> str:
        """Company, else first and last name."""
        person = f"{self.text('sFName')} {self.text('sLName')}".strip()
        return self.text("sCompany") or person


@dataclass(slots=True)
class Charge:
    """One charge; price and taxes in the site's currency, start and end inclusive."""

    charge_id: int
    category: Category
    description: str
    price: Decimal
    tax1: Decimal
    tax2: Decimal
    start: date
    end: date
    due: date
    posted_at: datetime
    invoice: int | None = None
    invoiced_on: date | None = None
    allocations: list[tuple[str, Decimal]] = field(default_factory=list)
    reversed: bool = False
    paid: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Price and taxes."""
        return self.price + self.tax1 + self.tax2

    @property
    def open(self) -> Decimal:
        """What is still owed on it."""
        return ZERO if self.reversed else self.total - self.paid


@dataclass(slots=True)
class Payment:
    """One payment.

    Attributes:
        receipt: Unique per site; the only handle a reader has.
        reference: Check or transfer number; empty for cards and cash.
        test: Sent with the test flag: the card was not processed, the record is real.
        posted_at: When the money was booked.
        visible_at: From when reads show it.
        applied: Whether reads show it already.
        unapplied: What is left over after open charges were paid.
    """

    receipt: str
    amount: Decimal
    method: Method
    description: str
    reference: str
    source: int
    test: bool
    posted_at: datetime
    visible_at: datetime
    applied: bool = False
    unapplied: Decimal = ZERO


@dataclass(slots=True)
class Billing:
    """How a rental is billed automatically; the card number itself is not kept."""

    autopay: int = AUTOPAY_OFF
    card_type_id: int = 0
    card_last4: str = ""
    card_digest: str = ""
    holder: str = ""
    street: str = ""
    postal_code: str = ""
    expires: Value = None
    ach_last4: str = ""
    ach_routing_last4: str = ""
    ach_digest: str = ""
    ach_code: str = ""
    days_past_due: int = 0


@dataclass(slots=True)
class Note:
    """A note on a rental or on a reservation."""

    note_id: int
    text: str
    kind: int
    written_at: datetime


@dataclass(slots=True)
class Rental:
    """One rental of one unit by one tenant: what the vendor calls a ledger; rent per month before tax."""

    ledger_id: int
    tenant_id: int
    unit_id: int
    lease_number: int
    rent: Decimal
    premium: Decimal
    moved_in: date
    anniversary: int
    paid_through: date
    created: datetime
    updated: datetime
    scheduled_out: Value = None
    moved_out: date | None = None
    overlocked: bool = False
    locked: bool = False
    complimentary: bool = False
    invoiced: bool = False
    charges: list[Charge] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    billing: Billing = field(default_factory=Billing)

    @property
    def active(self) -> bool:
        """Whether the unit is still let."""
        return self.moved_out is None


@dataclass(slots=True)
class Bulletin:
    """One post on a site's bulletin board."""

    bulletin_id: int
    subject: str
    body: str
    posted_at: datetime


@dataclass(slots=True)
class Reservation:
    """One entry of the waiting list; `status` 0 is active, 2 is cancelled."""

    waiting_id: int
    global_number: int
    tenant_id: int
    unit_id: int
    values: dict[str, Value]
    status: int
    placed: datetime
    updated: datetime
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """What is known of a site without opening its books; taxes in percent."""

    index: int
    code: str
    site_id: int
    name: str
    street: str
    city: str
    region: str
    postal_code: str
    phone: str
    email: str
    contact: str
    latitude: Decimal
    longitude: Decimal
    rent_tax: Decimal = Decimal("9.0")
    insurance_tax: Decimal = Decimal("8.0")


@dataclass(slots=True)
class Site:
    """One site with its books; ids are numbered per site and mean nothing elsewhere."""

    profile: SiteProfile
    types: list[UnitType] = field(default_factory=list)
    units: dict[int, Unit] = field(default_factory=dict)
    tenants: dict[int, Tenant] = field(default_factory=dict)
    rentals: dict[int, Rental] = field(default_factory=dict)
    rentals_of: dict[int, list[int]] = field(default_factory=dict)
    bulletins: list[Bulletin] = field(default_factory=list)
    reservations: dict[int, Reservation] = field(default_factory=dict)
    payment_types: dict[int, tuple[str, str]] = field(default_factory=dict)
    move_outs: list[tuple[int, date]] = field(default_factory=list)
    days_past_due_limit: int = 30
    online_disabled: bool = False
    has_processor: bool = True
    charge_ids: count[int] = field(default_factory=lambda: count(70001))
    receipt_numbers: count[int] = field(default_factory=lambda: count(30001))
    invoice_numbers: count[int] = field(default_factory=lambda: count(8001))
    note_ids: count[int] = field(default_factory=lambda: count(50001))
    bulletin_ids: count[int] = field(default_factory=lambda: count(601))
    waiting_ids: count[int] = field(default_factory=lambda: count(40001))
    tenant_ids: count[int] = field(default_factory=lambda: count(1000))
    ledger_ids: count[int] = field(default_factory=lambda: count(2001))
    unit_ids: count[int] = field(default_factory=lambda: count(5001))

    @property
    def code(self) -> str:
        """Its location code."""
        return self.profile.code

    def active_rentals(self, tenant_id: int) -> list[Rental]:
        """The running rentals of a tenant, by ledger id."""
        return [r for r in (self.rentals[i] for i in self.rentals_of.get(tenant_id, ())) if r.active]

    def has_active_rental(self, tenant_id: int) -> bool:
        """Whether a tenant rents anything now."""
        return any(self.rentals[i].active for i in self.rentals_of.get(tenant_id, ()))

    def add_rental(self, rental: Rental) -> Rental:
        """Enter a rental and mark its unit as let."""
        self.rentals[rental.ledger_id] = rental
        self.rentals_of.setdefault(rental.tenant_id, []).append(rental.ledger_id)
        self.units[rental.unit_id].ledger_id = rental.ledger_id
        return rental
