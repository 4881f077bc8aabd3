"""Money rules of one rental: billing periods, taxes, payments becoming visible, balances, paid-through.

Facts: tax is truncated per line, not rounded; a balance is the sum of seven category rows; a payment shows in reads
only after a while. Our decisions: payments pay the oldest open charge first; what is left over is held as prepaid
rent and shows as a negative rent balance; rent is billed per month on the anniversary day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final

from .ledger import ZERO, Journal
from .records import Category, Charge, Method, Payment, Rental, Site

CENT: Final = Decimal("0.01")
_DAY: Final = timedelta(days=1)
_HUNDRED: Final = Decimal(100)


def add_months(day: date, months: int) -> date:
    """The same day of the month so many months later; anniversary days never exceed 28, later days are cut to 28."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, min(day.day, 28))


def tax(price: Decimal, percent: Decimal) -> Decimal:
    """Tax on a price, truncated to the cent."""
    return (price * percent / _HUNDRED).quantize(CENT, ROUND_DOWN)


def period_end(start: date) -> date:
    """Last day of the monthly period that starts on a day."""
    return add_months(start, 1) - _DAY


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is needed to record a payment besides the amount."""

    method: Method
    description: str
    reference: str = ""
    source: int = 0
    test: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """One category of what a rental owes; `tax` is included in `total`."""

    category: Category
    total: Decimal
    tax: Decimal
    start: date | None
    end: date | None


class Books:
    """The books of all sites: every change of money goes through here and into the journal."""

    def __init__(self, journal: Journal) -> None:
        """Write into a journal."""
        self.journal = journal

    def add_charge(
        self,
        site: Site,
        rental: Rental,
        category: Category,
        price: Decimal,
        *,
        start: date,
        at: datetime,
        due: date | None = None,
    ) -> Charge:
        """Post one charge with its tax; existing prepaid money pays it at once."""
        percent = {"Rent": site.profile.rent_tax, "Insurance": site.profile.insurance_tax}.get(category, ZERO)
        description = {"Rent": "Monthly Rent Fee", "Insurance": "Insurance Premium", "LateFee": "Late Charge"}.get(
            category, category
        )
        end = period_end(start) if category in {"Rent", "Insurance", "Recurring"} else start
        charge_id = next(site.charge_ids)
        charge = Charge(
            charge_id, category, description, price, tax(price, percent), ZERO, start, end, due or start, at
        )
        rental.charges.append(charge)
        self.journal.charge(
            at,
            site.code,
            rental.ledger_id,
            reference=str(charge_id),
            category=category,
            price=price,
            tax=charge.tax1 + charge.tax2,
        )
        self._use_credit(rental)
        return charge

    def bill_period(
        self, site: Site, rental: Rental, start: date, *, at: datetime, invoice: bool, due: date | None = None
    ) -> list[Charge]:
        """Post rent and insurance of one period; with `invoice` they share a new invoice number."""
        prices: list[tuple[Category, Decimal]] = [("Rent", rental.rent), ("Insurance", rental.premium)]
        posted = [
            self.add_charge(site, rental, name, price, start=start, at=at, due=due) for name, price in prices if price
        ]
        if invoice and posted:
            number = next(site.invoice_numbers)
            for charge in posted:
                charge.invoice, charge.invoiced_on = number, start - timedelta(days=7)
        return posted

    def unbill(self, site: Site, rental: Rental, at: datetime) -> None:
        """Take back the charges of the newest period when nothing has been paid on them."""
        newest = max((c.start for c in rental.charges if c.category == "Rent" and not c.reversed), default=None)
        for charge in rental.charges:
            if charge.start == newest and not charge.reversed and not charge.paid:
                charge.reversed = True
                charge.invoice = None
                self.journal.credit(
                    at,
                    site.code,
                    rental.ledger_id,
                    reference=str(charge.charge_id),
                    category=charge.category,
                    price=charge.price,
                    tax=charge.tax1 + charge.tax2,
                )

    def record(
        self, site: Site, rental: Rental, amount: Decimal, receipt: Receipt, *, at: datetime, visible_at: datetime
    ) -> Payment:
        """Book a payment now; reads show it from `visible_at`."""
        number = str(next(site.receipt_numbers))
        payment = Payment(
            number,
            amount,
            receipt.method,
            receipt.description,
            receipt.reference,
            receipt.source,
            receipt.test,
            at,
            visible_at,
        )
        rental.payments.append(payment)
        self.journal.payment(at, site.code, rental.ledger_id, receipt=number, method=receipt.method, amount=amount)
        apply_visible(rental, at)
        return payment

    def delete(self, site: Site, rental: Rental, receipt: str, *, at: datetime) -> bool:
        """Take a payment out of the books, and out of every charge it paid; False when there is none.

        Decision: the deletion leaves nothing in what reads show; only the journal has the reverse posting.
        """
        payment = next((each for each in rental.payments if each.receipt == receipt), None)
        if payment is None:
            return False
        rental.payments.remove(payment)
        for charge in rental.charges:
            kept = [(name, part) for name, part in charge.allocations if name != receipt]
            charge.paid -= sum((part for name, part in charge.allocations if name == receipt), ZERO)
            charge.allocations[:] = kept
        owed = [c.start for c in rental.charges if c.category == "Rent" and c.open > 0 and not c.reversed]
        rental.paid_through = min([rental.paid_through, *(start - _DAY for start in owed)])
        name, amount = payment.method, -payment.amount
        self.journal.payment(at, site.code, rental.ledger_id, receipt=receipt, method=name, amount=amount)
        return True

    def true_balance(self, site: Site, rental: Rental) -> Decimal:
        """What the rental owes by the journal, whether reads show it yet or not."""
        return self.journal.balance(f"receivable:{site.code}:{rental.ledger_id}")

    @staticmethod
    def _use_credit(rental: Rental) -> None:
        for payment in rental.payments:
            if payment.applied and payment.unapplied:
                _allocate(rental, payment)
                refresh_paid_through(rental)


def _allocate(rental: Rental, payment: Payment) -> None:
    for charge in sorted((c for c in rental.charges if c.open > 0), key=lambda c: (c.due, c.charge_id)):
        if not payment.unapplied:
            return
        part = min(payment.unapplied, charge.open)
        charge.paid += part
        charge.allocations.append((payment.receipt, part))
        payment.unapplied -= part


def apply_visible(rental: Rental, now: datetime) -> None:
    """Let every payment whose time has come pay charges."""
    changed = False
    for payment in rental.payments:
        if not payment.applied and payment.visible_at <= now:
            payment.applied = True
            payment.unapplied = payment.amount
            _allocate(rental, payment)
            changed = True
    if changed:
        refresh_paid_through(rental)


def refresh_paid_through(rental: Rental) -> None:
    """Move the paid-through day to the end of the last period up to which all rent is paid."""
    later = [c for c in rental.charges if c.category == "Rent" and c.end > rental.paid_through and not c.reversed]
    for charge in sorted(later, key=lambda c: c.start):
        if charge.open > 0:
            return
        rental.paid_through = max(rental.paid_through, charge.end)


def next_period(rental: Rental) -> date:
    """First day of the period after the last one charged."""
    ends = (c.end for c in rental.charges if c.category == "Rent" and not c.reversed)
    return max(ends, default=rental.paid_through) + _DAY


def credit(rental: Rental) -> Decimal:
    """Prepaid money not used up by charges."""
    return sum((p.unapplied for p in rental.payments if p.applied), ZERO)


def visible_balance(rental: Rental) -> Decimal:
    """What reads say the rental owes; negative when prepaid."""
    return sum((c.open for c in rental.charges), ZERO) - credit(rental)


def dues(rental: Rental, future: Iterable[Charge] = ()) -> dict[Category, Due]:
    """What is owed per category with something in it; prepaid money lowers rent."""
    result: dict[Category, Due] = {}
    for charge in (*rental.charges, *future):
        if charge.open <= 0:
            continue
        part = charge.tax1 + charge.tax2 if not charge.paid else ZERO
        old = result.get(charge.category)
        if old is None:
            result[charge.category] = Due(charge.category, charge.open, part, charge.start, charge.end)
        else:
            start, end = min(old.start or charge.start, charge.start), max(old.end or charge.end, charge.end)
            result[charge.category] = Due(charge.category, old.total + charge.open, old.tax + part, start, end)
    prepaid = credit(rental)
    if prepaid:
        rent = result.get("Rent", Due("Rent", ZERO, ZERO, None, None))
        result["Rent"] = Due("Rent", rent.total - prepaid, rent.tax, rent.start, rent.end)
    return result


def quoted_periods(site: Site, rental: Rental, periods: int, at: datetime) -> list[Charge]:
    """The charges of the next periods without posting them; a complimentary rental has none."""
    quoted: list[Charge] = []
    start = next_period(rental)
    for number in range(periods):
        first = add_months(start, number)
        prices: list[tuple[Category, Decimal, Decimal]] = [
            ("Rent", rental.rent, site.profile.rent_tax),
            ("Insurance", rental.premium, site.profile.insurance_tax),
        ]
        quoted.extend(
            Charge(0, name, name, price, tax(price, percent), ZERO, first, period_end(first), first, at)
            for name, price, percent in prices
            if price and not rental.complimentary
        )
    return quoted
