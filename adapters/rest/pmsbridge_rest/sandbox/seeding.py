"""What there is on the first day: a facility, units, two tenants with rentals that owe money. All of it made up."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from .paths import put
from .records import Record

TENANTS: Final = ("1001", "1002")
RENTALS: Final = {"2001": "1001", "2002": "1001", "2003": "1002"}
UNITS: Final = {"2001": "3001", "2002": "3002", "2003": "3003"}
METHODS: Final = {"1001": "4001", "1002": "4002"}
RENT: Final = Decimal("120.05")
CALLED_OFF: Final = "PB-SAMPLE765432"
"""The reference of the call-off that nobody has looked at."""
_PEOPLE: Final = {"1001": ("Ada", "Byron", "ada@tenant.example"), "1002": ("Grace", "Murray", "grace@tenant.example")}
_SPARE_UNITS: Final = 4
_CALLED_OFF_RENTAL: Final = "2001"
_ASKED_BEFORE, _WANTED_IN = timedelta(days=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Start:
    """How it begins.

    Attributes:
        facility: Its code.
        zone: Its time zone's name.
        currency: ISO 4217.
        today: Its business date.
        now: The instant.
        owed: What each rental owes.
        autopay_on: Rentals that are charged automatically.
        leaving: Rentals whose tenants have said when they leave.
        kept: By noun, what the vendor keeps beside: paths and values.
        consents: Answers of every tenant, by channel and purpose ("sms.marketing").
    """

    facility: str
    zone: str
    currency: str
    today: date
    now: datetime
    owed: Mapping[str, Decimal]
    autopay_on: frozenset[str] = frozenset()
    leaving: Mapping[str, date] = field(default_factory=dict)
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)


def first_day(start: Start) -> list[Record]:
    """Every record there is."""
    records = [_facility(start), *_units(start)]
    for tenant in TENANTS:
        records += [_tenant(start, tenant), _method(tenant)]
    for rental in RENTALS:
        records += [_rental(start, rental), _autopay(start, rental), *_money(start, rental), *_moves(start, rental)]
    records.append(_call_off(start))
    for record in records:
        for path, value in start.kept.get(record.noun, {}).items():
            put(record.raw, path, copy.deepcopy(value))
        record.changed_at = start.now - timedelta(days=30)
    return records


def _facility(start: Start) -> Record:
    values = {
        "id": start.facility, "name": "Sample Facility", "zone": start.zone, "currency": start.currency,
        "email": "office@facility.example", "phone": "555 0110", "address.line1": "1 Sample Quay",
        "address.city": "Sampleton", "address.region": "IL", "address.postal_code": "00001", "address.country": "US",
    }  # fmt: skip
    return Record("facilities", start.facility, values)


def _units(start: Start) -> list[Record]:
    del start
    let = set(UNITS.values())
    numbers = [*UNITS.values(), *(str(3900 + spare) for spare in range(_SPARE_UNITS))]
    return [
        Record(
            "units", number,
            {
                "id": number, "number": f"{place:03}", "kind": "storage", "type_name": "Standard",
                "state": "occupied" if number in let else "vacant", "vendor_state": "", "asking_rate": RENT,
                "size.width": Decimal(10), "size.length": Decimal("20.5"), "size.height": Decimal(8), "floor": "1",
                "features": ["inside"],
            },
        )
        for place, number in enumerate(numbers, 1)
    ]  # fmt: skip


def _tenant(start: Start, key: str) -> Record:
    first, last, email = _PEOPLE[key]
    values: dict[str, Any] = {
        "id": key, "name.first": first, "name.last": last, "name.middle": "", "name.title": "", "name.company": "",
        "email": email, "phone": "(312) 555-0100", "mobile": "(312) 555-0101", "address.line1": "1 Sample Street",
        "address.line2": "", "address.city": "Sampleton", "address.region": "IL", "address.postal_code": "01234",
        "address.country": "US", "birth_date": date(1985, 12, 10), "language": "en", "is_company": False,
        "is_active": True, "portal_disabled": False, "has_gate_code": False, "tenant_id": key,
        "alternate.name.first": "Annabella", "alternate.name.last": "Milbanke", "alternate.phone": "(312) 555-0102",
        "alternate.email": "alternate@tenant.example",
    }  # fmt: skip
    values.update({f"consent.{name}": granted for name, granted in start.consents.items()})
    return Record("tenants", key, values)


def _method(tenant: str) -> Record:
    values = {
        "id": METHODS[tenant], "tenant_id": tenant, "holder": "Test Payer", "is_usable": True,
        "face.brand": "visa", "face.last4": "1111", "face.expires_on": date(2035, 12, 31),
    }  # fmt: skip
    return Record("payment_methods", METHODS[tenant], values)


def _rental(start: Start, key: str) -> Record:
    leaving = start.leaving.get(key)
    values = {
        "id": key, "rental_id": key, "tenant_id": RENTALS[key], "unit_id": UNITS[key], "kind": "unit", "number": key,
        "unit_number": f"{list(RENTALS).index(key) + 1:03}", "state": "notice_given" if leaving else "active",
        "vendor_state": "", "rent": RENT, "rent_tax": Decimal("0.00"), "moved_in_on": start.today - timedelta(days=400),
        "paid_through": start.today + timedelta(days=20), "leaving_on": leaving, "bills_on_day": 1,
        "next_charge_on": start.today + timedelta(days=21),
        "notice_given_on": start.today if leaving else None, "moved_out_on": None, "billing_period": "month",
        "autopay.on": key in start.autopay_on,
    }  # fmt: skip
    return Record("rentals", key, values)


def _autopay(start: Start, rental: str) -> Record:
    tenant = RENTALS[rental]
    is_on = rental in start.autopay_on
    values = {
        "rental_id": rental, "tenant_id": tenant, "id": rental, "state": "card" if is_on else "off",
        "autopay.on": is_on, "days_after_due": 0, "method.id": METHODS[tenant], "method_id": METHODS[tenant],
        "method_usable": True, "mandatory": False, "vendor_state": "", "method.holder": "Test Payer",
        "method.face.last4": "1111", "method.face.brand": "visa",
    }  # fmt: skip
    return Record("autopay", rental, values)


def _money(start: Start, rental: str) -> list[Record]:
    day, at = start.today - timedelta(days=10), start.now - timedelta(days=10)
    rows = [
        ("charge", "Rent", start.owed.get(rental, Decimal(0)) + Decimal("30.00")),
        ("payment", "Payment", Decimal("-30.00")),
    ]
    return [
        entry_record(f"{rental}{number}", rental, RENTALS[rental], kind, effect, day, at, text)
        for number, (kind, text, effect) in enumerate(rows, 1)
    ]  # fmt: skip


def entry_record(
    key: str, rental: str, tenant: str, kind: str, effect: Decimal, day: date, at: datetime, text: str
) -> Record:
    """One movement on a rental's account."""
    values = {
        "id": key, "rental_id": rental, "tenant_id": tenant, "kind": kind, "effect": effect, "effective_on": day,
        "posted_at": at, "description": text, "receipt": key, "vendor_state": "", "amount": abs(effect),
        "paid_on": day, "paid_at": at, "state": "succeeded",
    }  # fmt: skip
    return Record("ledger_entries", key, values)


def _moves(start: Start, rental: str) -> list[Record]:
    leaving = start.leaving.get(rental)
    if leaving is None:
        return []
    values = {
        "id": f"5{rental}", "rental_id": rental, "tenant_id": RENTALS[rental], "leaving_on": leaving,
        "notice_given_on": start.today, "state": "requested",
    }  # fmt: skip
    return [Record("move_outs", rental, values)]


def _call_off(start: Start) -> Record:
    """What one tenant called off before the first day, and nobody has looked at."""
    tenant = RENTALS[_CALLED_OFF_RENTAL]
    values = {
        "id": "8001", "rental_id": _CALLED_OFF_RENTAL, "tenant_id": tenant, "item_id": "5001", "quantity": Decimal(2),
        "state": "sent", "call_off_state": "requested", "reference": CALLED_OFF, "asked_at": start.now - _ASKED_BEFORE,
        "wanted_on": start.today + _WANTED_IN, "pickup_on": start.today + _WANTED_IN,
    }  # fmt: skip
    return Record("call_offs", "8001", values)
