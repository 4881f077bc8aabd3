"""Customers that a demonstration can rely on: same names, same troubles. Dates follow from today's."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from .bookkeeping import Customer, now
from .yard import Yard

__all__ = ["fill"]


def fill(yard: Yard) -> dict[str, dict[str, Any]]:
    """Bring the people into the books; what is known of each, by the part they play."""
    return {
        "renter": _renter(yard),
        "not_let_in": _known(yard, yard.customer("Prairie Example Events", portal=False), "ready, but not let in"),
        "cash_only": _known(yard, yard.customer("Example & Daughter", cash_only=True), "pays cash only"),
        "newcomer": _figure(yard.customer("Newcomer Example"), "has neither contract nor quote"),
    }


def _figure(customer: Customer, story: str) -> dict[str, Any]:
    return {
        "tenant_id": str(customer.id), "name": customer.name, "phone": customer.phone, "email": customer.email,
        "postal_code": customer.postal_code, "story": story,
    }  # fmt: skip


def _known(yard: Yard, customer: Customer, story: str) -> dict[str, Any]:
    yard.quote(customer, {"GEN-20": 1}, start=_day(5), days=3)
    return _figure(customer, story)


def _renter(yard: Yard) -> dict[str, Any]:
    """A repair that was paid, a contract of which a part is out and billed, an offer, and one that waits."""
    renter = yard.customer("Lakeside Example Builders")
    repair = yard.invoice(renter, Decimal("120.00"), on=_day(-40), text="Repair of a fence panel")
    yard.take_payment(renter, repair, "CHEQUE-1")
    contract = yard.contract(renter, {"FENCE-8": 10, "GEN-20": 2}, start=_day(-20), days=60)
    yard.pick_up(contract, {"FENCE-8": 6, "GEN-20": 2}, at=_day(-20))
    invoice = yard.bill(contract, until=_day(-10))
    waiting = yard.contract(renter, {"LIFT-26": 1}, start=_day(3), days=4)
    offer = yard.quote(renter, {"LIFT-26": 2}, start=_day(14), days=7)
    return {
        **_figure(renter, "has items out, an invoice to pay, a reservation and a quote"),
        "contract": f"sale.rental,{contract}", "reservation": f"sale.rental,{waiting}",
        "quote": f"sale.rental,{offer}", "invoice": str(invoice),
    }  # fmt: skip


def _day(count: int) -> dt.date:
    return now().date() + dt.timedelta(days=count)
