"""Small records for tests: every field has a sensible value, and a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from pmsbridge.actions.eligibility import Subject
from pmsbridge.engine.notices import FacilityScribe, built_in_desk
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, AutopayState, PaymentMethod
from pmsbridge.model.people import PersonName, Phone, Tenant
from pmsbridge.model.places import Facility, FacilityPolicy, Unit
from pmsbridge.model.record import Source, VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.sealed import CardBrand, CardFace

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
TODAY = date(2026, 11, 21)
ALL_NATIVE = frozenset({
    "take_payment", "post_future_charges", "set_autopay", "schedule_move_out", "cancel_move_out", "change_contact",
    "set_consent", "add_note", "post_bulletin", "send_mail", "reserve_unit", "set_web_password",
})  # fmt: skip


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def ref(entity: str, id_: str, *, facility: str = "F1", account: str = "north") -> VendorRef:
    return VendorRef(system="memory", account=account, facility=facility, entity=entity, id=id_)


def facility(*, email: str = "office@example.test", **policy: Any) -> Facility:
    return Facility(
        ref=ref("facility", "F1"), name="North Yard", zone="America/Chicago", currency="USD", email=email,
        policy=FacilityPolicy(**policy),
    )  # fmt: skip


def unit(**fields: Any) -> Unit:
    return Unit(**{"ref": ref("unit", "U7"), "number": "B-7", "asking_rate": usd("89.50"), **fields})


def tenant(**fields: Any) -> Tenant:
    given: dict[str, Any] = {
        "ref": ref("tenant", "T1"), "name": PersonName(first="Renée", last="Müller"), "email": "renee@example.test",
        "phone": Phone(raw="(312) 555-0101"),
    }  # fmt: skip
    return Tenant(**{**given, **fields})


def stored_card(*, expires_on: date | None = date(2030, 1, 31)) -> PaymentMethod:
    return PaymentMethod(
        ref=ref("payment_method", "M1"), tenant_id="T1",
        face=CardFace(brand=CardBrand.VISA, last4="4242", expires_on=expires_on), is_usable=True,
    )  # fmt: skip


def row(id_: str = "R1", *, balance: str = "120.00", number: str = "015", **fields: Any) -> RentalAccount:
    """A rental account. Fields of the rental itself are recognised by name; the rest belong to the row."""
    rental_fields = {name: fields.pop(name) for name in list(fields) if name in Rental.model_fields}
    rental = Rental(**{
        "ref": ref("rental", id_), "tenant_id": "T1", "unit_id": f"U{id_[1:]}", "unit_number": number,
        "state": RentalState.ACTIVE, "rent": usd("120.00"), "moved_in_on": date(2025, 1, 15),
        **rental_fields,
    })  # fmt: skip
    given: dict[str, Any] = {
        "rental": rental, "balances": Balances.of_ledger(usd(balance)), "billed": True, "days_past_due": 0,
        "autopay": Autopay(rental_id=id_, state=AutopayState.OFF),
    }  # fmt: skip
    return RentalAccount(**{**given, **fields})


def account(
    *rows: RentalAccount, at: Facility | None = None, who: Tenant | None = None, as_of: datetime = NOW
) -> TenantAccount:
    return TenantAccount(
        facility=at or facility(), tenant=who or tenant(), rentals=rows, as_of=as_of, source=Source.LIVE
    )


def subject(of: TenantAccount, *, native: frozenset[str] = ALL_NATIVE) -> Subject:
    return Subject(account=of, today=TODAY, native=native)


def scribe(at: Facility) -> FacilityScribe:
    """English, in our own words, to the facility's own address."""
    return built_in_desk().scribe(at.ref.account, at.ref.facility, at)
