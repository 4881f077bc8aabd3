"""Reading a tenant's rentals and money: ledgers, balances, charges, payments, invoices.

Facts: balances are seven rows per unit in a fixed order in `Table1`; charge rows are attributes of `<Table>` and
repeat per payment; payments are in `PmtHistory` without an id other than the receipt; an unknown ledger, or one that
is locked, answers -1. Decisions: payments come oldest first; invoice dates include both ends of the range; an
unbilled period simply has no charges.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from .books import Due, dues, quoted_periods, visible_balance
from .clock import eastern
from .dataset import Row, Rowset, Value
from .ledger import ZERO
from .people import tenant_row
from .records import CATEGORIES, Category, Charge, Rental, Site
from .tables import BALANCES, CHARGES, INVOICES, LEDGERS, LEDGERS_V3, LINES, PAID_THROUGH, PAYMENTS, STATEMENT
from .visit import FAILED, Answer, Visit, answers, returned, rows

_MAX_PERIODS: Final = 12


def invalid_tenant() -> Answer:
    """The refusal of an unknown tenant id."""
    return returned(FAILED, "Invalid tenant ID.")


def ledger_trouble() -> Answer:
    """The refusal of an unknown or locked ledger: both say the same."""
    return returned(FAILED, "Error retrieving ledger data from the server.")


def ledger_row(visit: Visit, rental: Rental) -> Row:
    """A rental with its tenant as the union of the columns both versions write."""
    site = visit.site
    tenant = site.tenants[rental.tenant_id]
    balance = visible_balance(rental)
    return {
        **tenant_row(site, tenant),
        "LedgerID": rental.ledger_id,
        "UnitID": rental.unit_id,
        "sUnitName": site.units[rental.unit_id].name,
        "TenantName": tenant.display_name,
        "Address": tenant.text("sAddr1"),
        "ContactInfo": tenant.text("sPhone"),
        "bOverlocked": rental.overlocked,
        "bInvoice": rental.invoiced,
        "bExcludeFromInsurance": not rental.premium,
        "iLeaseNum": rental.lease_number,
        "iDefLeaseNum": 0,
        "dMovedIn": rental.moved_in,
        "dPaidThru": rental.paid_through,
        "dSchedOut": rental.scheduled_out,
        "dAnniv": rental.moved_in.replace(day=rental.anniversary),
        "dCreated": rental.created,
        "dUpdated": rental.updated,
        "dcRent": rental.rent,
        "dcInsurPremium": rental.premium,
        "dcChargeBalance": balance,
        "dcTotalDue": balance,
        "dcTaxRateRent": site.profile.rent_tax,
        "dcTaxRateInsurance": site.profile.insurance_tax,
        "sBillingFrequency": "Monthly",
        "iAutoBillType": rental.billing.autopay,
        "iInvoiceDeliveryType": 1 if rental.invoiced else 0,
    }


@answers("LedgersByTenantID", "LedgersByTenantID_v3")
def ledgers(visit: Visit) -> Answer:
    """The running rentals of a tenant."""
    tenant_id = visit.id_text("sTenantID")
    if tenant_id not in visit.site.tenants:
        return invalid_tenant()
    table = LEDGERS_V3 if visit.operation.endswith("_v3") else LEDGERS
    return rows(table, [ledger_row(visit, rental) for rental in visit.office.rentals(visit.site, tenant_id)])


def _balance_rows(site: Site, rental: Rental, owed: dict[Category, Due]) -> list[Row]:
    unit = site.units[rental.unit_id]
    result: list[Row] = []
    for category, item in CATEGORIES.items():
        due = owed.get(category)
        total = due.total if due else ZERO
        row: Row = {
            "UnitID": rental.unit_id,
            "LedgerID": rental.ledger_id,
            "sUnitName": unit.name,
            "sItem": item,
            "sCategory": category,
            "dStartDate": due.start if due else None,
            "dEndDate": due.end if due else None,
            "dcBalance": total,
            "dcTotal": total,
            "dcTax": due.tax if due else ZERO,
        }
        result.append(row)
    return result


@answers(
    "CustomerAccountsBalanceDetails",
    "CustomerAccountsBalanceDetails_v2",
    "CustomerAccountsBalanceDetailsWithPrepayment",
)
def balances(visit: Visit) -> Answer:
    """Seven rows per unit; with prepayment they include so many future periods and write nothing."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return invalid_tenant()
    months = visit.number("iNumberOfMonthsPrepay")
    if not 0 <= months <= _MAX_PERIODS:
        return returned(FAILED, "Invalid number of months.")
    found: list[Row] = []
    for rental in visit.office.rentals(visit.site, tenant.tenant_id):
        future = quoted_periods(visit.site, rental, months, visit.now)
        found.extend(_balance_rows(visit.site, rental, dues(rental, future)))
    return rows(BALANCES, found)


@answers("CustomerAccountsMakeFutureCharges")
def make_future_charges(visit: Visit) -> Answer:
    """Post the next periods of every unit of the tenant for good; asked twice, it posts twice."""
    tenant, periods = visit.tenant("iTenantID"), visit.number("iNumberOfFuturePeriods")
    if tenant is None:
        return invalid_tenant()
    if not 1 <= periods <= _MAX_PERIODS:
        return returned(FAILED, "Invalid number of periods.")
    wanted = visit.moment("dFutureDueDate")
    for rental in visit.office.rentals(visit.site, tenant.tenant_id):
        starts = sorted({charge.start for charge in quoted_periods(visit.site, rental, periods, visit.now)})
        for start in starts:
            visit.office.books.bill_period(
                visit.site, rental, start, at=visit.now, invoice=False, due=wanted.date() if wanted else None
            )
        visit.office.touch(visit.site, rental)
    return returned(1, changed=True)


def _charge_row(charge: Charge) -> dict[str, Value]:
    return {
        "ChargeID": charge.charge_id,
        "ChargeDescID": list(CATEGORIES).index(charge.category) + 1,
        "dcAmt": charge.total,
        "dcPrice": charge.price,
        "dcQty": Decimal(1),
        "dcTax1": charge.tax1,
        "dcTax2": charge.tax2,
        "dChgStrt": charge.start,
        "dChgEnd": charge.end,
        "bMoveIn": False,
        "bMoveOut": False,
        "sChgCategory": charge.category,
        "sChgDesc": charge.description,
        "sDefChgDesc": charge.description,
    }


def _live(rental: Rental) -> list[Charge]:
    return [charge for charge in rental.charges if not charge.reversed]


@answers("ChargesAllByLedgerID")
def charges(visit: Visit) -> Answer:
    """Every charge, once per payment on it; values are attributes of the row."""
    rental = visit.rental("ledgerId")
    if rental is None or rental.locked:
        return ledger_trouble()
    found = [
        _charge_row(charge) | {"dcPmtAmt": part}
        for charge in _live(rental)
        for part in ([amount for _, amount in charge.allocations] or [ZERO])
    ]
    return Answer((Rowset(CHARGES, found, as_attributes=True),))


def _named_rental(visit: Visit) -> Rental | None:
    rental = visit.office.rental(visit.site, visit.id_text("sLedgerID"))
    return None if rental is None or rental.locked else rental


def _entries(rental: Rental) -> list[tuple[date, int, Row]]:
    """Charges and visible payments by day: day, order within the day, columns."""
    entries: list[tuple[date, int, Row]] = []
    for charge in _live(rental):
        row: Row = {
            "sType": "Charge",
            "sDesc": charge.description,
            "dDate": charge.due,
            "dChgStrt": charge.start,
            "dChgEnd": charge.end,
            "dcAmt": charge.total,
        }
        entries.append((charge.due, 0, row))
    for payment in rental.payments:
        if payment.applied:
            day = eastern(payment.posted_at).date()
            paid: Row = {
                "sType": "Payment",
                "sDesc": payment.description,
                "dDate": day,
                "dcPmtAmt": payment.amount,
                "Receipt": payment.receipt,
            }
            entries.append((day, 1, paid))
    return sorted(entries, key=lambda entry: entry[:2])


def _amount(row: Row, name: str) -> Decimal:
    value = row.get(name)
    return value if isinstance(value, Decimal) else ZERO


@answers("ChargesAndPaymentsByLedgerID")
def charges_and_payments(visit: Visit) -> Answer:
    """Charges and payments by day with a running balance."""
    rental = _named_rental(visit)
    if rental is None:
        return ledger_trouble()
    running, found = ZERO, []
    for line, (_, _, row) in enumerate(_entries(rental), start=1):
        running += _amount(row, "dcAmt") - _amount(row, "dcPmtAmt")
        found.append({**row, "iLine": line, "LedgerID": rental.ledger_id, "dcRunningBalance": running})
    return rows(LINES, found)


@answers("LedgerStatementByLedgerID")
def statement(visit: Visit) -> Answer:
    """The same entries as a statement."""
    rental = _named_rental(visit)
    if rental is None:
        return ledger_trouble()
    running, found = ZERO, []
    for day, _, row in _entries(rental):
        charge, payment = _amount(row, "dcAmt"), _amount(row, "dcPmtAmt")
        running += charge - payment
        line: Row = {
            "LedgerID": rental.ledger_id,
            "dDate": day,
            "sDesc": row["sDesc"],
            "dcCharge": charge,
            "dcPayment": payment,
            "dcBalance": running,
        }
        found.append(line)
    return rows(STATEMENT, found)


def paid_text(instant: datetime) -> str:
    """A payment's day the way the vendor prints it: `11/5/2026`."""
    local = eastern(instant)
    return f"{local.month}/{local.day}/{local.year}"


@answers("PaymentsByLedgerID")
def payments(visit: Visit) -> Answer:
    """The payments reads may show already, oldest first."""
    rental = _named_rental(visit)
    if rental is None:
        return ledger_trouble()
    found: list[Row] = [
        {
            "Receipt": payment.receipt,
            "dPmt": payment.posted_at,
            "dPaidStr": paid_text(payment.posted_at),
            "Description": payment.description,
            "Payment": payment.amount,
        }
        for payment in rental.payments
        if payment.applied
    ]
    return rows(PAYMENTS, found)


@answers("PaidThroughDateByLedgerID")
def paid_through(visit: Visit) -> Answer:
    """Up to which day rent is paid."""
    rental = visit.rental("iLedgerID")
    if rental is None or rental.locked:
        return ledger_trouble()
    return rows(PAID_THROUGH, [{"dPaidThru": rental.paid_through}])


@answers("TenantInvoicesByTenantID")
def invoices(visit: Visit) -> Answer:
    """Invoice lines before tax, both days included; a number repeats once per line."""
    first, last = visit.moment("dDateStart"), visit.moment("dDateEnd")
    wanted = {text.strip() for text in visit.text("sTenantIDsCommaDelimited").split(",")}
    found: list[Row] = []
    for rental in visit.site.rentals.values():
        if str(rental.tenant_id) not in wanted:
            continue
        for charge in _live(rental):
            day = charge.invoiced_on
            if charge.invoice is None or day is None or (first and day < first.date()) or (last and day > last.date()):
                continue
            unit_name = visit.site.units[rental.unit_id].name
            found.append(
                {
                    "iInvoiceNum": charge.invoice,
                    "sUnitName": unit_name,
                    "dcAmt": charge.price,
                    "dInvoiced": day,
                    "dDue": charge.due,
                }
            )
    return rows(INVOICES, found)
