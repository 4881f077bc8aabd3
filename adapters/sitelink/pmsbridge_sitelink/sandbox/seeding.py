"""Generating a site: the same seed, site and size give the same books, whatever was generated before.

About four units in five are let. Of the let ones most are paid up; the rest are due, delinquent, not yet billed,
prepaid or complimentary. History is six months deep, one month when there are more than 5,000 units in all, so that
big offices open quickly.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final, Literal

from . import names
from .access import Fingerprints, seeded_web_password
from .books import Books, Receipt, add_months, next_period
from .clock import morning
from .dataset import Value
from .records import AUTOPAY_ACH, AUTOPAY_CARD, Billing, Rental, Reservation, Site, SiteProfile, Tenant, Unit, UnitType

State = Literal["paid", "due", "delinquent", "unbilled", "prepaid", "complimentary"]

_STATES: Final[tuple[State, ...]] = ("paid", "due", "delinquent", "unbilled", "prepaid", "complimentary")
_WEIGHTS: Final = (70, 13, 7, 5, 4, 1)
_LET: Final = 0.80
_SAME_TENANT: Final = 0.15
_FIRST_GENERATED_NAME: Final = 20
_LATE_FEE: Final = Decimal("25.00")
_FLAG_NAMES: Final = (
    "bCommercial bTaxExempt bSpecial bNeverLockOut bCompanyIsTenant bOnWaitingList bNoChecks bPermanent"
    " bWalkInPOS bSpecialAlert bPermanentGateLockout bSMSOptIn bDisabledWebAccess"
)
_FLAGS: Final = _FLAG_NAMES.split()


def location_code(index: int) -> str:
    """The location code of the n-th site, from 1: `L001`."""
    return f"L{index:03d}"


def site_profile(seed: int, index: int) -> SiteProfile:
    """The n-th site's public face; needs none of the other sites."""
    rng = Random(f"{seed}/profile/{index}")
    city, region, postal_code, _ = rng.choice(names.CITIES)
    code = location_code(index)
    return SiteProfile(
        index=index,
        code=code,
        site_id=9000 + index,
        name=f"{rng.choice(names.SITE_NAMES)} Self Storage {code}",
        street=f"{rng.randint(1, 999)} {rng.choice(names.STREETS)}",
        city=city,
        region=region,
        postal_code=postal_code,
        phone=f"555-01{index % 100:02d}",
        email=f"office.{code.lower()}@example.com",
        contact=f"{rng.choice(names.FIRST_NAMES)} {rng.choice(names.LAST_NAMES).replace('_', ' ')}",
        latitude=Decimal(rng.randint(42_000_000, 47_000_000)) / 1_000_000,
        longitude=Decimal(rng.randint(-80_000_000, -71_000_000)) / 1_000_000,
    )


def ascii_slug(text: str) -> str:
    """Lower-case ASCII letters and dots of a text, for an e-mail address."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return "".join(c if c.isalnum() else "." for c in plain).strip(".") or "tenant"


@dataclass(frozen=True, slots=True)
class Person:
    """What the generator decides about a new tenant; everything else follows."""

    first: str
    last: str
    company: str | None = None
    email: str | None = None
    password: str | None = None


class Seeder:
    """Builds one site; used once."""

    def __init__(self, site: Site, books: Books, seed: int, today: date, *, units: int, months: int) -> None:
        """Prepare to fill a site with so many units and at most so many months of history as of a day."""
        self.site = site
        self.books = books
        self.today = today
        self.unit_count = units
        self.depth = months
        self.rng = Random(f"{seed}/site/{site.code}")
        self.digests = Fingerprints(seed)
        self.midnight = morning(today)

    def fill(self) -> None:
        """Units with their tenants, up to the wanted number; call `prepare` first."""
        previous: Tenant | None = None
        while len(self.site.units) < self.unit_count:
            unit = self.add_unit(self._next_name(), self.rng.choice(self.site.types))
            if self.rng.random() < _LET:
                tenant = previous if previous and self.rng.random() < _SAME_TENANT else self.add_tenant(self._person())
                self._let(unit, tenant)
                previous = tenant
            else:
                self._leave_vacant(unit)

    def prepare(self) -> None:
        """Unit types and the site's own payment type ids, which differ from site to site."""
        site, base = self.site, self.site.profile.index * 100
        for number, (name, width, length, rate, climate) in enumerate(names.UNIT_TYPES):
            site.types.append(UnitType(base + number, name, Decimal(width), Decimal(length), Decimal(rate), climate))
        kinds = ("Visa", "Master Card", "American Express", "Discover", "Check", "Cash", "ACH", "Bank Transfer")
        for number, kind in enumerate(kinds, start=11):
            site.payment_types[base + number] = (kind, "CreditCard" if number < 15 else kind)

    def payment_type(self, description: str) -> int:
        """The site's id of a payment type."""
        return next(number for number, (name, _) in self.site.payment_types.items() if name == description)

    def add_unit(self, name: str, kind: UnitType) -> Unit:
        """A new vacant unit."""
        unit_id = next(self.site.unit_ids)
        created = self.midnight - timedelta(days=900)
        unit = Unit(
            unit_id, name, kind, self.rng.randint(1, 3), updated=self.midnight - timedelta(days=60), created=created
        )
        self.site.units[unit_id] = unit
        return unit

    def add_tenant(self, person: Person) -> Tenant:
        """A new tenant record with fake secrets."""
        number = next(self.site.tenant_ids)
        city, region, postal_code, country = self.rng.choice(names.CITIES)
        fields: dict[str, Value] = dict.fromkeys(_FLAGS, False)
        fields |= {
            "sFName": person.first,
            "sLName": person.last,
            "sCompany": person.company,
            "sAddr1": f"{self.rng.randint(1, 999)} {self.rng.choice(names.STREETS)}",
            "sCity": city,
            "sRegion": region,
            "sPostalCode": postal_code,
            "sCountry": country,
            "sPhone": f"(514) 555-{number % 10000:04d}",
            "sMobile": f"(438) 555-{(number * 7) % 10000:04d}" if self.rng.random() < 0.7 else None,
            "sEmail": person.email or f"{ascii_slug(person.first)}.{ascii_slug(person.last)}.{number}@example.com",
            "sAccessCode": f"G{self.site.profile.index}{number}",
            "sWebPassword": person.password or seeded_web_password(number),
            "sSSN": f"000-00-{number % 10000:04d}",
            "dDOB": date(1950 + self.rng.randint(0, 50), self.rng.randint(1, 12), self.rng.randint(1, 28)),
            "bCommercial": person.company is not None,
            "bCompanyIsTenant": person.company is not None,
            "bSMSOptIn": self.rng.random() < 0.5,
            "bAllowedFacilityAccess": True,
        }
        created = self.midnight - timedelta(days=self.rng.randint(30, 900))
        tenant = Tenant(number, fields, created, created)
        self.site.tenants[number] = tenant
        return tenant

    def lease(
        self,
        unit: Unit,
        tenant: Tenant,
        state: State,
        *,
        months: int,
        premium: Decimal,
        anniversary: int,
        unpaid: int | None = None,
    ) -> Rental:
        """Let a unit: history up to today in the wanted state.

        Args:
            unit: A vacant unit.
            tenant: Who rents it.
            state: How the account stands today.
            months: How long ago the tenant moved in.
            premium: Insurance per month before tax; zero for none.
            anniversary: Day of the month a period starts, 1 to 28.
            unpaid: Periods a delinquent tenant owes; None draws two or three.
        """
        current = self.today.replace(day=anniversary)
        current = add_months(current, -1) if current > self.today else current
        past = min(months, self.depth)
        first = add_months(current, -past)
        ledger_id = next(self.site.ledger_ids)
        rental = Rental(
            ledger_id=ledger_id,
            tenant_id=tenant.tenant_id,
            unit_id=unit.unit_id,
            lease_number=ledger_id + 100_000,
            rent=unit.type.rate,
            premium=premium,
            moved_in=add_months(current, -months),
            anniversary=anniversary,
            paid_through=first - timedelta(days=1),
            created=morning(add_months(current, -months)),
            updated=self.midnight - timedelta(days=self.rng.randint(0, 40)),
        )
        self.site.add_rental(rental)
        if state == "complimentary":
            rental.complimentary, rental.rent, rental.premium = True, Decimal(0), Decimal(0)
            rental.paid_through = add_months(current, 1) - timedelta(days=1)
            return rental
        starts = [add_months(first, n) for n in range(past + 1)]
        owed = {"due": 1, "delinquent": unpaid or self.rng.randint(2, max(2, min(3, past)))}.get(state, 0)
        self._history(rental, starts, state, owed)
        return rental

    def _history(self, rental: Rental, starts: list[date], state: State, unpaid: int) -> None:
        billed = starts[:-1] if state == "unbilled" else starts
        for number, start in enumerate(billed):
            charges = self.books.bill_period(self.site, rental, start, at=morning(start), invoice=True)
            if number < len(billed) - unpaid:
                self._pay(
                    rental, sum((c.total for c in charges), Decimal(0)), start + timedelta(days=self.rng.randint(0, 4))
                )
            elif state == "delinquent" and start != billed[-1]:
                self.add_late_fee(rental, start + timedelta(days=10))
        if state == "prepaid":
            self._prepay(rental)

    def add_late_fee(self, rental: Rental, day: date) -> None:
        """Charge the late fee as of a day."""
        self.books.add_charge(self.site, rental, "LateFee", _LATE_FEE, start=day, at=morning(day))

    def _prepay(self, rental: Rental) -> None:
        charges = self.books.bill_period(self.site, rental, next_period(rental), at=self.midnight, invoice=False)
        self._pay(rental, sum((c.total for c in charges), Decimal(0)), self.today)

    def _pay(self, rental: Rental, amount: Decimal, day: date) -> None:
        kinds = (
            Receipt("card", "Visa ****1111", source=10),
            Receipt("check", f"Check '{1000 + rental.ledger_id % 500}'", f"{1000 + rental.ledger_id % 500}"),
            Receipt("cash", "Cash"),
        )
        at = morning(min(day, self.today))
        self.books.record(self.site, rental, amount, self.rng.choice(kinds), at=at, visible_at=at)

    def store_card(self, rental: Rental, number: str, kind: str = "Visa", *, autopay: bool = True) -> None:
        """Store a card on a rental: its last four digits and a digest, never the number."""
        expires = add_months(self.today.replace(day=1), 25) - timedelta(days=1)
        rental.billing = Billing(
            autopay=AUTOPAY_CARD if autopay else 0,
            card_type_id=self.payment_type(kind),
            card_last4=number[-4:],
            card_digest=self.digests.of(number),
            holder=self.site.tenants[rental.tenant_id].display_name,
            street=self.site.tenants[rental.tenant_id].text("sAddr1"),
            postal_code=self.site.tenants[rental.tenant_id].text("sPostalCode"),
            expires=expires,
        )

    def store_account(self, rental: Rental, number: str) -> None:
        """Bill a rental's bank account automatically."""
        digest = self.digests.of(number)
        rental.billing = Billing(
            autopay=AUTOPAY_ACH, ach_last4=number[-4:], ach_routing_last4="0021", ach_digest=digest, ach_code="1"
        )

    def reserve(self, unit: Unit, tenant: Tenant) -> None:
        """Put a unit on the waiting list for someone."""
        number = next(self.site.waiting_ids)
        needed = self.today + timedelta(days=self.rng.randint(1, 20))
        values: dict[str, Value] = {
            "dNeeded": needed,
            "dExpires": needed + timedelta(days=7),
            "dcQuotedRate": unit.type.rate,
            "sComment": "Seeded reservation",
            "QTRentalTypeID": 2,
            "iInquiryType": 2,
            "ConcessionID": -999,
        }
        global_number = self.site.profile.index * 1_000_000 + number
        self.site.reservations[number] = Reservation(
            number, global_number, tenant.tenant_id, unit.unit_id, values, 0, self.midnight, self.midnight
        )
        unit.reserved = True

    def _let(self, unit: Unit, tenant: Tenant) -> None:
        rng = self.rng
        state = rng.choices(_STATES, _WEIGHTS)[0]
        premium = Decimal("12.00") if rng.random() < 0.5 else Decimal(0)
        rental = self.lease(
            unit, tenant, state, months=rng.randint(3, 48), premium=premium, anniversary=rng.randint(1, 28)
        )
        draw = rng.random()
        if draw < 0.22:
            self.store_card(rental, f"411111111111{rng.randint(1000, 9999)}")
        elif draw < 0.27:
            self.store_account(rental, f"00012{rng.randint(1000, 9999)}")
        if rng.random() < 0.03:
            rental.scheduled_out = self.today + timedelta(days=rng.randint(3, 30))
        rental.overlocked = state == "delinquent" and rng.random() < 0.5

    def _leave_vacant(self, unit: Unit) -> None:
        draw = self.rng.random()
        unit.vacated_on = self.today - timedelta(days=self.rng.randint(1, 200))
        unit.rentable = draw > 0.06
        unit.off_website = 0.06 < draw < 0.12
        if draw > 0.88:
            self.reserve(unit, self.add_tenant(self._person()))

    def _person(self) -> Person:
        first, last = self.rng.choice(names.FIRST_NAMES), self.rng.choice(names.LAST_NAMES).replace("_", " ")
        company = self.rng.choice(names.COMPANIES) if self.rng.random() < 0.08 else None
        return Person(first, last, company)

    def _next_name(self) -> str:
        return f"{_FIRST_GENERATED_NAME + len(self.site.units):03d}"
