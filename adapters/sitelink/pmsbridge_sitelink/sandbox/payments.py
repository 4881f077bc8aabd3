"""Taking money: card, bank account, check, transfer, cash; one unit or several.

Facts: card payments name the unit, bank account payments the ledger; card types are 5 to 9; a test-mode payment is
not processed but is written; nothing keeps the same payment from being taken twice; refusals are told apart by their
text. Decisions: a card ending in 0002 is refused; web and kiosk payments are refused when the site, the tenant or the
days past due say so, staff-entered ones are not; a payment of several units validates everything first and then pays
all, unless set otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from .access import last4
from .books import Receipt
from .dataset import Rowset
from .records import Method, Rental, Tenant
from .tables import RECEIPTS
from .visit import FAILED, INVALID_ID, Answer, Visit, answers, returned

CARD_REFUSED: Final = -100
CARD_BRANDS: Final = {5: "Master Card", 6: "Visa", 7: "American Express", 8: "Discover", 9: "Diners Club"}
_REFUSED_ENDING: Final = "0002"
_ONLINE_SOURCES: Final = frozenset({2, 10})
_CARD_DIGITS: Final = range(12, 20)


@dataclass(frozen=True, slots=True)
class Bill:
    """One rental to be paid and how much."""

    rental: Rental
    amount: Decimal


def luhn_holds(number: str) -> bool:
    """Whether a card number's check digit fits."""
    digits = [int(c) for c in reversed(number)]
    return sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)) % 10 == 0


def card_number_holds(number: str) -> bool:
    """Whether a text can be a card number: 12 to 19 digits and a check digit that fits."""
    return number.isascii() and number.isdigit() and len(number) in _CARD_DIGITS and luhn_holds(number)


def _days_past_due(visit: Visit, rental: Rental) -> int:
    oldest = min((c.due for c in rental.charges if c.open > 0), default=visit.today)
    return (visit.today - oldest).days


def _online_refusal(visit: Visit, tenant: Tenant, rental: Rental) -> Answer | None:
    if visit.site.online_disabled or tenant.online_blocked:
        return returned(FAILED, "Online payments disabled for this account. Please call the office.")
    if _days_past_due(visit, rental) > visit.site.days_past_due_limit:
        return returned(FAILED, "This account is too many days past due to pay online.")
    return None


def _bill_refusal(visit: Visit, tenant: Tenant, bill: Bill, *, online: bool) -> Answer | None:
    if bill.rental.complimentary:
        return returned(FAILED, "There is no payment needed. This unit is complimentary.")
    if bill.rental.locked:
        return returned(FAILED, "Error retrieving ledger data from the server.")
    if bill.amount <= 0:
        return returned(FAILED, "Payment amount must be greater than zero.")
    return _online_refusal(visit, tenant, bill.rental) if online else None


def _card_refusal(visit: Visit) -> Answer | None:
    if visit.number("iCreditCardType") not in CARD_BRANDS:
        return returned(FAILED, "Error getting Credit Card Type ID.")
    number = visit.text("sCreditCardNumber").strip()
    if not card_number_holds(number):
        return returned(FAILED, "The credit card number is invalid.")
    return None if visit.flag("bTestMode") else processor_refusal(visit, number)


def processor_refusal(visit: Visit, number: str) -> Answer | None:
    """Why the card processor refuses a card; None when it takes it."""
    if not visit.site.has_processor:
        return returned(CARD_REFUSED, "No credit card processor found.")
    expires = visit.moment("dExpirationDate")
    if expires is None or expires.date() + timedelta(days=1) <= visit.today.replace(day=1):
        return returned(CARD_REFUSED, "The card has expired.")
    if number.endswith(_REFUSED_ENDING):
        return returned(CARD_REFUSED, "The card was not authorized.")
    return None


def _take(visit: Visit, bill: Bill, receipt: Receipt) -> str:
    visible_at = visit.now + timedelta(seconds=visit.office.settings.payment_delay)
    payment = visit.office.books.record(
        visit.site, bill.rental, bill.amount, receipt, at=visit.now, visible_at=visible_at
    )
    visit.office.touch(visit.site, bill.rental)
    return payment.receipt


def _of_unit(visit: Visit, tenant: Tenant, unit_id: int) -> Rental | None:
    found = visit.office.rentals(visit.site, tenant.tenant_id)
    return next((rental for rental in found if rental.unit_id == unit_id), None)


def _single(visit: Visit, receipt: Receipt, *, online: bool, by_ledger: bool = False) -> Answer:
    """Pay one rental, named by unit or by ledger."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return returned(INVALID_ID, "Invalid tenant ID.")
    if by_ledger:
        rental = visit.rental("iLedgerID")
        rental = rental if rental and rental.tenant_id == tenant.tenant_id else None
    else:
        rental = _of_unit(visit, tenant, visit.number("iUnitID"))
    if rental is None:
        return returned(FAILED, "Error retrieving ledger data from the server.")
    bill = Bill(rental, visit.money("dcPaymentAmount"))
    refusal = _bill_refusal(visit, tenant, bill, online=online)
    if refusal is None and receipt.method == "card":
        refusal = _card_refusal(visit)
    if refusal:
        return refusal
    number = _take(visit, bill, receipt)
    done = returned(1, changed=True)
    if visit.operation != "PaymentSimple":
        return done
    return Answer((*done.rowsets, Rowset(RECEIPTS, [{"Receipt": number, "Payment": bill.amount}])), 1, changed=True)


def _card_receipt(visit: Visit) -> Receipt:
    brand = CARD_BRANDS.get(visit.number("iCreditCardType"), "Card")
    description = f"{brand} ****{last4(visit.text('sCreditCardNumber'))}"
    return Receipt("card", description, source=visit.number("iSource"), test=visit.flag("bTestMode"))


@answers("PaymentSimple", "PaymentSimpleWithSource", "PaymentSimpleWithSource_v2")
def pay_by_card(visit: Visit) -> Answer:
    """Pay one unit by card."""
    return _single(visit, _card_receipt(visit), online=True)


@answers("PaymentSimpleACH", "PaymentSimpleACHWithSource")
def pay_by_account(visit: Visit) -> Answer:
    """Pay one ledger from a bank account."""
    number = visit.text("sAccountNum").strip()
    if not number.isdigit() or not visit.text("sABARoutingNum").strip().isdigit():
        return returned(FAILED, "The bank account is invalid.")
    receipt = Receipt("ach", f"ACH ****{last4(number)}", source=visit.number("iSource"))
    return _single(visit, receipt, online=True, by_ledger=True)


def _recorded(visit: Visit, method: Method, description: str, reference: str = "") -> Answer:
    source = visit.number("iSource")
    return _single(visit, Receipt(method, description, reference, source), online=source in _ONLINE_SOURCES)


@answers("PaymentSimpleCheckWithSource")
def pay_by_check(visit: Visit) -> Answer:
    """Record a check; its number is the only free reference a payment has."""
    number = visit.text("sCheckNumber")
    return _recorded(visit, "check", f"Check '{number}'", number)


@answers("PaymentSimpleBankTransferWithSource")
def pay_by_transfer(visit: Visit) -> Answer:
    """Record a bank transfer."""
    number = visit.text("sTransferNumber")
    return _recorded(visit, "transfer", f"Bank Transfer '{number}'", number)


@answers("PaymentSimpleCashWithSource")
def pay_by_cash(visit: Visit) -> Answer:
    """Record cash: no reference at all."""
    return _recorded(visit, "cash", "Cash")


def _listed(visit: Visit, tenant: Tenant) -> Iterator[Bill | None]:
    """The bills of the two parallel lists; None where one cannot be read or does not fit the tenant."""
    units = [text.strip() for text in visit.text("sUnitIDs").split(",")]
    amounts = [text.strip() for text in visit.text("sPaymentAmounts").split(",")]
    if len(units) != len(amounts):
        yield None
        return
    for unit, amount in zip(units, amounts, strict=True):
        try:
            rental = _of_unit(visit, tenant, int(unit))
            yield Bill(rental, Decimal(amount)) if rental else None
        except (ValueError, InvalidOperation):
            yield None


@answers("PaymentMultipleWithSource")
def pay_several(visit: Visit) -> Answer:
    """Pay several units of a tenant with one card."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return returned(INVALID_ID, "Invalid tenant ID.")
    bills: list[Bill] = []
    for bill in _listed(visit, tenant):
        if bill is None:
            return returned(FAILED, "The units and amounts could not be read.")
        refusal = _bill_refusal(visit, tenant, bill, online=True)
        if refusal:
            return refusal
        bills.append(bill)
    return _card_refusal(visit) or _take_several(visit, bills)


def _take_several(visit: Visit, bills: list[Bill]) -> Answer:
    stop = visit.office.settings.multiple_stops_after
    for number, bill in enumerate(bills):
        if number == stop:
            return returned(FAILED, "General failure while posting payments.", changed=number > 0)
        _take(visit, bill, _card_receipt(visit))
    return returned(1, changed=True)
