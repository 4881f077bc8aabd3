"""Moving in: what it costs, and doing it.

Facts: the cost is one row per charge with its return code in the row; what has to be paid is the sum of `dcTotal` over
the required rows, `dcTotal` includes tax, tax is truncated per line; the payment must be that sum exactly, else -11
with the right amount in the text; a unit that is let is -2, as is a payment of nothing; the answer of a move-in is the
ledger id with the lease number; test mode skips the card and writes all the same; a start more than two months back is
-83, debit without test mode -84; the frequency 3 is monthly and others are refused with -28.

Decisions: leasing is by anniversary, so the first month is a whole one; there is a required fee and an optional lock,
so that a sum over all rows is wrong, and neither is taxed; a discounted rent is posted as one charge of what is left;
the end date sent is not looked at; 28-day billing and insurance are not offered (-28 and -3); a frequency left out is
monthly; pay methods beyond cash are numbered as most clients number them; a reservation stays on the waiting list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .access import last4
from .books import Receipt, add_months, period_end, tax
from .dataset import Row, Rowset
from .discounts import NO_PLAN, plan_of
from .ledger import ZERO
from .payments import CARD_BRANDS, card_number_holds, processor_refusal
from .records import Category, Rental, Site, Tenant, Unit
from .tables import MOVE_IN_COST, RT_LEASE
from .visit import INVALID_ID, Answer, Visit, answers, returned, rows

_UNAVAILABLE: Final = -2
_BAD_COVERAGE: Final = -3
_BAD_CARD_TYPE: Final = -4
_BAD_PAYMENT_TYPE: Final = -5
_WRONG_AMOUNT: Final = -11
_BAD_CARD_NUMBER: Final = -14
_BAD_PLAN: Final = -17
_BAD_COST_PLAN: Final = -2
_NO_PROCESSOR: Final = -20
_BAD_UNIT: Final = -25
_BAD_FREQUENCY: Final = -28
_TOO_LONG_AGO: Final = -83
_DEBIT: Final = -84

_NO_COVERAGE: Final = frozenset({0, -999})
_MONTHLY: Final = frozenset({0, 3})
_CARD, _CHECK, _CASH, _DEBIT_CARD, _ACCOUNT = range(5)
_FEE: Final = Decimal("20.00")
_LOCK: Final = Decimal("15.00")


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of what moving in costs; before tax unless it says otherwise.

    Attributes:
        category: Where the charge is booked.
        description: What a client shows.
        price: Before the discount.
        discount: Taken off the price.
        tax: On what is left, truncated to the cent.
        required: Whether it has to be paid to move in.
    """

    category: Category
    description: str
    price: Decimal
    discount: Decimal = ZERO
    tax: Decimal = ZERO
    required: bool = True

    @property
    def net(self) -> Decimal:
        """What is charged before tax."""
        return self.price - self.discount

    @property
    def total(self) -> Decimal:
        """What is to be paid, tax included."""
        return self.net + self.tax


def costs(site: Site, unit: Unit, plan_id: int) -> list[Cost]:
    """The lines of a move-in; the plan must exist or be none."""
    plan = plan_of(site, plan_id)
    rent = unit.type.rate
    off = plan.off(rent) if plan else ZERO
    return [
        Cost("Rent", "First Monthly Rent Fee", rent, off, tax(rent - off, site.profile.rent_tax)),
        Cost("Other", "Administrative Fee", _FEE),
        Cost("POS", "Disc Lock", _LOCK, required=False),
    ]


def required_total(lines: list[Cost]) -> Decimal:
    """What has to be paid to move in."""
    return sum((line.total for line in lines if line.required), ZERO)


def _offer_refusal(visit: Visit, unit: Unit, bad_plan: int) -> Answer | None:
    if visit.number("InsuranceCoverageID") not in _NO_COVERAGE:
        return returned(_BAD_COVERAGE, "Invalid Insurance Coverage ID.")
    number = visit.number("ConcessionPlanID")
    plan = plan_of(visit.site, number)
    if number not in NO_PLAN and not (plan and plan.fits(unit.type)):
        return returned(bad_plan, "Invalid Concession Plan ID.")
    return None


@answers("MoveInCostRetrieveWithDiscount_v4")
def move_in_cost(visit: Visit) -> Answer:
    """What moving into a unit on a day costs, line by line; nothing is held or changed."""
    unit = visit.site.units.get(visit.number("iUnitID"))
    if unit is None:
        return returned(_BAD_UNIT, "Invalid Unit ID.")
    refusal = _offer_refusal(visit, unit, _BAD_COST_PLAN)
    if refusal:
        return refusal
    moment = visit.moment("dMoveInDate")
    start = moment.date() if moment else visit.today
    plan_id = visit.number("ConcessionPlanID")
    return rows(
        MOVE_IN_COST, [_row(visit.site, unit, line, start, plan_id) for line in costs(visit.site, unit, plan_id)]
    )


def _row(site: Site, unit: Unit, line: Cost, start: date, plan_id: int) -> Row:
    kind = unit.type
    percent = site.profile.rent_tax if line.category == "Rent" else ZERO
    return {
        "Ret_Code": 1,
        "UnitID": unit.unit_id,
        "ChargeDescription": line.description,
        "ChargeAmount": line.price,
        "ChargeAmountRnd": line.price,
        "TaxAmount": line.tax,
        "TaxAmount2": ZERO,
        "StartDate": start,
        "EndDate": period_end(start) if line.category == "Rent" else start,
        "Width": int(kind.width),
        "Length": int(kind.length),
        "bClimate": kind.climate,
        "UnitName": unit.name,
        "TypeName": kind.name,
        "dcPushRate": kind.rate,
        "bAnnivDateLeasing": True,
        "b2ndMonthProrate": "false",
        "iDayStrtProrating": 0,
        "iDayStrtProratePlusNext": 0,
        "bMoveInRequired": line.required,
        "dcDiscount": line.discount,
        "dcTotal": line.total,
        "ConcessionID": plan_id if line.discount else -999,
        "dcTenantRate": kind.rate,
        "WebRate": kind.rate - 5,
        "dcTax1": percent,
        "dcTax2": ZERO,
        "dcPriceTax1": line.tax,
        "dcPriceTax2": ZERO,
        "dcRM_RoundTo": ZERO,
        "iCurrencyDecimalPlaces": 2,
    }


@answers("MoveInWithDiscount_v7")
def move_in(visit: Visit) -> Answer:
    """Let a unit and take its first payment: both or neither."""
    site, moment = visit.site, visit.moment("dStartDate")
    tenant, unit = visit.tenant("TenantID"), site.units.get(visit.number("UnitID"))
    if tenant is None:
        return returned(INVALID_ID, "Invalid Tenant ID.")
    if unit is None:
        return returned(_BAD_UNIT, "Invalid Unit ID.")
    if unit.ledger_id is not None or not unit.rentable:
        return returned(_UNAVAILABLE, "The unit is not available.")
    if moment is None or moment.date() < add_months(visit.today, -2):
        return returned(_TOO_LONG_AGO, "The move-in date is more than two months in the past.")
    refusal = _offer_refusal(visit, unit, _BAD_PLAN) or _terms_refusal(visit)
    if refusal:
        return refusal
    lines = [line for line in costs(site, unit, visit.number("ConcessionPlanID")) if line.required]
    refusal = _amount_refusal(visit, required_total(lines)) or _means_refusal(visit)
    return refusal or _moved_in(_let(visit, tenant, unit, moment.date(), lines))


def _terms_refusal(visit: Visit) -> Answer | None:
    frequency = visit.number("iBillingFrequency")
    if frequency not in _MONTHLY:
        return returned(_BAD_FREQUENCY, f"Invalid Billing Frequency value ({frequency})")
    method = visit.number("iPayMethod")
    if method not in range(5):
        return returned(_BAD_PAYMENT_TYPE, "Invalid payment type ID.")
    if method == _DEBIT_CARD and not visit.flag("bTestMode"):
        return returned(_DEBIT, "Debit needs test mode.")
    return None


def _amount_refusal(visit: Visit, wanted: Decimal) -> Answer | None:
    amount = visit.money("dcPaymentAmount")
    if amount <= 0:
        return returned(_UNAVAILABLE, "Payment amount must be greater than zero.")
    if amount != wanted:
        return returned(_WRONG_AMOUNT, f"Payment amount does not match required payment of ${wanted:.2f}")
    return None


def _means_refusal(visit: Visit) -> Answer | None:
    if visit.number("iPayMethod") != _CARD:
        return None
    if visit.number("iCreditCardType") not in CARD_BRANDS:
        return returned(_BAD_CARD_TYPE, "Unable to get Credit Card Type ID.")
    number = visit.text("sCreditCardNumber").strip()
    if not card_number_holds(number):
        return returned(_BAD_CARD_NUMBER, "The credit card number is invalid.")
    if visit.flag("bTestMode"):
        return None
    if not visit.site.has_processor:
        return returned(_NO_PROCESSOR, "The site is not set up for a credit card processor.")
    return processor_refusal(visit, number)


def _receipt(visit: Visit) -> Receipt:
    source, test = visit.number("iSource"), visit.flag("bTestMode")
    method = visit.number("iPayMethod")
    if method in {_CARD, _DEBIT_CARD}:
        brand = CARD_BRANDS.get(visit.number("iCreditCardType"), "Card")
        return Receipt("card", f"{brand} ****{last4(visit.text('sCreditCardNumber'))}", source=source, test=test)
    if method == _ACCOUNT:
        return Receipt("ach", f"ACH ****{last4(visit.text('sAccountNum'))}", source=source, test=test)
    if method == _CHECK:
        return Receipt("check", "Check", source=source, test=test)
    return Receipt("cash", "Cash", source=source, test=test)


def _let(visit: Visit, tenant: Tenant, unit: Unit, start: date, lines: list[Cost]) -> Rental:
    """Enter the rental, its first charges and the payment of all of them."""
    site, books, now = visit.site, visit.office.books, visit.now
    ledger_id = next(site.ledger_ids)
    rental = Rental(
        ledger_id=ledger_id,
        tenant_id=tenant.tenant_id,
        unit_id=unit.unit_id,
        lease_number=ledger_id + 100_000,
        rent=unit.type.rate,
        premium=ZERO,
        moved_in=start,
        anniversary=min(start.day, 28),
        paid_through=start - timedelta(days=1),
        created=now,
        updated=now,
    )
    unit.vacated_on = None
    site.add_rental(rental)
    for line in lines:
        if line.net:
            books.add_charge(site, rental, line.category, line.net, start=start, at=now)
    visible_at = now + timedelta(seconds=visit.office.settings.payment_delay)
    books.record(site, rental, required_total(lines), _receipt(visit), at=now, visible_at=visible_at)
    if visit.text("sAccessCode"):
        tenant.fields["sAccessCode"], tenant.updated = visit.text("sAccessCode"), now
    visit.office.touch(site, rental)
    return rental


def _moved_in(rental: Rental) -> Answer:
    row: Row = {"Ret_Code": rental.ledger_id, "iLeaseNum": rental.lease_number}
    return Answer((Rowset(RT_LEASE, [row], inserted=True),), rental.ledger_id, changed=True)
