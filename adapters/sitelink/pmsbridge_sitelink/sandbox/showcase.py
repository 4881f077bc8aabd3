"""The people at L001 a demonstration or a test can rely on: same ids, same units, same troubles under every seed.

Amounts follow from fixed rents and today's date, not from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from .books import Receipt
from .records import Rental, Tenant
from .seeding import Person, Seeder, State

FIRST_SITE: Final = 1
UNITS: Final = 17
_INSURED: Final = Decimal("12.00")
_FREE: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One showcase tenant: the part it plays, its number, and a sentence about it."""

    role: str
    tenant_id: int
    story: str


FIGURES: Final = (
    Figure(
        "several_units",
        1001,
        'Renée Dubois-Lefèvre rents "015", "A-12" and "B 7", all billed and due; "015" is paid by card ****4242.',
    ),
    Figure(
        "former_record",
        1000,
        "An older record of Renée with the same e-mail and password and nothing rented: log-on finds both.",
    ),
    Figure(
        "unbilled_unit",
        1002,
        'Siobhán O\'Brien rents "C-01", billed and due, and "C-02", whose new period is not billed yet.',
    ),
    Figure("zero_balance", 1003, 'Łukasz Wójcik rents "15" (not "015"), paid up, nothing due: may prepay.'),
    Figure("blocked", 1004, 'Jürgen Müller rents "D-09", months behind and locked out: online payments are refused.'),
    Figure(
        "company",
        1005,
        'Nguyễn & Söhne GmbH rents "E-01" and "E-02", invoiced, paid from a bank account automatically.',
    ),
    Figure("complimentary", 1006, 'Zoë Gagné has "F-01" for free: no payment is needed or taken.'),
    Figure("prepaid", 1007, 'François Côté rents "F-02" and is a month ahead with 10.00 to spare.'),
    Figure(
        "leaving",
        1008,
        'Anaïs Tremblay rents "F-03" and leaves in twenty days; a Master Card ****5454 is stored, autopay is off.',
    ),
    Figure("half_enrolled", 1009, 'Søren Østergaard rents "F-04": autopay says card, but no card is stored.'),
)


class Showcase:
    """Fills the first site's first units."""

    def __init__(self, seeder: Seeder) -> None:
        """Use the site's generator before it fills the rest."""
        self._seeder = seeder
        self._site = seeder.site

    def build(self) -> None:
        """Add the figures in the order of their numbers."""
        former = self._person("Renée", "Dubois-Lefèvre", email="renee.dubois@example.com")
        renee = self._person("Renée", "Dubois-Lefèvre", email="renee.dubois@example.com")
        former.fields["sWebPassword"] = renee.fields["sWebPassword"]
        self._several_units(renee)
        siobhan = self._person("Siobhán", "O'Brien")
        self._let(siobhan, "C-01", 1, "due", premium=_INSURED)
        self._let(siobhan, "C-02", 2, "unbilled")
        self._let(self._person("Łukasz", "Wójcik"), "15", 1, "paid")
        self._blocked()
        self._company()
        self._let(self._person("Zoë", "Gagné"), "F-01", 4, "complimentary")
        self._prepaid()
        self._leaving()
        half = self._let(self._person("Søren", "Østergaard"), "F-04", 1, "due")
        half.billing.autopay = 1
        half.billing.card_type_id = self._seeder.payment_type("Visa")
        for name in ("V-01", "V-02", "V-03"):
            self._seeder.add_unit(name, self._site.types[1])
        self._seeder.reserve(self._site.units[max(self._site.units)], former)

    def _person(self, first: str, last: str, **more: str | None) -> Tenant:
        return self._seeder.add_tenant(Person(first, last, **more))

    def _let(
        self, tenant: Tenant, unit_name: str, kind: int, state: State, *, premium: Decimal = _FREE, months: int = 6
    ) -> Rental:
        unit = self._seeder.add_unit(unit_name, self._site.types[kind])
        return self._seeder.lease(unit, tenant, state, months=months, premium=premium, anniversary=1)

    def _several_units(self, renee: Tenant) -> None:
        insured = self._let(renee, "015", 2, "due", premium=_INSURED)
        self._let(renee, "A-12", 1, "due")
        self._seeder.add_late_fee(self._let(renee, "B 7", 0, "due"), self._seeder.today)
        self._seeder.store_card(insured, "4242424242424242")

    def _blocked(self) -> None:
        unit = self._seeder.add_unit("D-09", self._site.types[3])
        juergen = self._person("Jürgen", "Müller")
        rental = self._seeder.lease(unit, juergen, "delinquent", months=12, premium=_INSURED, anniversary=1, unpaid=3)
        rental.overlocked = True
        self._site.tenants[rental.tenant_id].online_blocked = True

    def _company(self) -> None:
        firm = self._person("Thị", "Nguyễn", company="Nguyễn & Söhne GmbH")
        for name, kind in (("E-01", 2), ("E-02", 3)):
            rental = self._let(firm, name, kind, "due", premium=_INSURED)
            rental.invoiced = True
            self._seeder.store_account(rental, "000123456789")

    def _prepaid(self) -> None:
        rental = self._let(self._person("François", "Côté"), "F-02", 1, "prepaid")
        at = self._seeder.midnight
        cash = Receipt("cash", "Cash")
        self._seeder.books.record(self._site, rental, Decimal("10.00"), cash, at=at, visible_at=at)

    def _leaving(self) -> None:
        rental = self._let(self._person("Anaïs", "Tremblay"), "F-03", 4, "paid")
        rental.scheduled_out = self._seeder.today + timedelta(days=20)
        self._seeder.store_card(rental, "5555555555555454", "Master Card", autopay=False)
