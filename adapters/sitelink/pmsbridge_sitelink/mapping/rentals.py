"""Rentals, their balances, and what can be told about billing and lateness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from pmsbridge.errors import UnavailableError
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import Money, minor_digits
from pmsbridge.model.payments import Autopay
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import PrepayLine
from pmsbridge_sitelink.mapping.cells import Row, Scope, boolean, day, decimal, maybe_money, required, text

__all__ = [
    "account_of",
    "balance_of",
    "by_rental",
    "days_past_due",
    "extra_of_roll",
    "is_billed",
    "leaving_dates",
    "past_due_balances",
    "prepaid_through",
    "prepay_lines",
    "rental_of",
    "rental_of_roll",
]


def rental_of(row: Row, scope: Scope) -> Rental:
    """A rental, from a row of a tenant's ledgers. A scheduled move-out leaves the unit let."""
    leaving = day(row, "dSchedOut")
    rent = maybe_money(row, "dcRent", scope)
    anniversary = day(row, "dAnniv")
    return Rental(
        ref=scope.ref("rental", required(row, "LedgerID"), version=text(row, "uTSbigint") or None),
        tenant_id=required(row, "TenantID"),
        unit_id=text(row, "UnitID") or None,
        unit_number=text(row, "sUnitName"),
        state=_state(row, leaving),
        vendor_state=_vendor_state(row),
        rent=rent,
        rent_tax=_tax(rent, decimal(row, "dcTaxRateRent")),
        billing_period=text(row, "sBillingFrequency"),
        bills_on_day=anniversary.day if anniversary else None,
        moved_in_on=day(row, "dMovedIn"),
        paid_through=day(row, "dPaidThru"),
        leaving_on=leaving,
        moved_out_on=day(row, "dMovedOut"),
    )


def rental_of_roll(row: Row, scope: Scope, leaving: Mapping[str, date], past_due: Mapping[str, str]) -> Rental | None:
    """A rental, from a row of the rent roll; None for the row of a unit that is not let.

    Args:
        row: One unit of the roll.
        scope: Where it comes from.
        leaving: Scheduled move-outs by ledger id; the roll itself has none.
        past_due: What is past due by ledger id.
    """
    ledger_id, tenant_id = text(row, "LedgerID"), text(row, "TenantID")
    if not ledger_id or not tenant_id or ledger_id == "0":
        return None
    leaving_on = leaving.get(ledger_id)
    return Rental(
        ref=scope.ref("rental", ledger_id, version=text(row, "uTS") or None),
        tenant_id=tenant_id,
        unit_id=text(row, "UnitID") or None,
        unit_number=text(row, "sUnitName") or text(row, "sUnit"),
        state=RentalState.NOTICE_GIVEN if leaving_on else RentalState.ACTIVE,
        vendor_state="rented",
        rent=maybe_money(row, "dcRent", scope),
        moved_in_on=day(row, "dLeaseDate"),
        paid_through=day(row, "dPaidThru"),
        leaving_on=leaving_on,
        extra=extra_of_roll(row, past_due.get(ledger_id)),
    )


def leaving_dates(rows: Iterable[Row]) -> dict[str, date]:
    """Scheduled move-outs by ledger id."""
    dates = ((required(row, "LedgerID"), day(row, "dSchedOut")) for row in rows)
    return {ledger_id: found for ledger_id, found in dates if found is not None}


def past_due_balances(rows: Iterable[Row]) -> dict[str, str]:
    """What is past due by ledger id, as a plain decimal; a rental that owes nothing late has no row."""
    amounts = ((required(row, "LedgerID"), decimal(row, "ChargeBalance")) for row in rows)
    return {ledger_id: format(amount, "f") for ledger_id, amount in amounts if amount}


def extra_of_roll(row: Row, past_due: str | None) -> dict[str, str]:
    """The night's balances, from which no payment is ever made; a tenant whose balance moved is read anew."""
    balance = decimal(row, "dcChargeBalance")
    found = {"balance": format(balance, "f") if balance is not None else "", "past_due": past_due or ""}
    return {name: value for name, value in found.items() if value}


def by_rental(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Balance rows by ledger id: several per unit, one per category of charges."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(required(row, "LedgerID"), []).append(row)
    return found


def balance_of(rows: Iterable[Row], scope: Scope) -> Money:
    """What a rental owes: the sum over all of its balance rows, whatever their category.

    Raises:
        UnavailableError: A row has no amount; a sum without it would be wrong.
    """
    return scope.money(sum((_owed(row) for row in rows), Decimal(0)))


def _owed(row: Row) -> Decimal:
    """Two portals read two columns of the same rows; the balance is the one that payments lower."""
    for column in ("dcBalance", "dcTotal"):
        amount = decimal(row, column)
        if amount is not None:
            return amount
    raise UnavailableError("a balance row holds no amount", code="unreadable_cell")


def is_billed(rental: Rental, rows: Sequence[Row], today: date) -> bool | None:
    """Whether the charges of the current period have been made.

    The back office has no such flag. A rental is billed when its charges reach today: either rent is paid through
    today or later, or a balance row's period ends today or later (charged, not yet paid). It is not billed when rent
    is paid up to a day before today and nothing open reaches today. It cannot be told (None) when the rows with money
    on them carry no dates and rent is not paid through today, or when nothing says how far rent is paid.
    """
    if rental.paid_through is not None and rental.paid_through >= today:
        return True
    open_rows = [row for row in rows if _owed(row) > 0]
    ends = [day(row, "dEndDate") for row in open_rows]
    if any(end is not None and end >= today for end in ends):
        return True
    if rental.paid_through is None or None in ends:
        return None
    return False


def days_past_due(rental: Rental, rows: Sequence[Row], today: date) -> int | None:
    """Whole days since the oldest unpaid charge began; 0 when nothing is owed or nothing owed began before today."""
    open_rows = [row for row in rows if _owed(row) > 0]
    if not open_rows or sum((_owed(row) for row in rows), Decimal(0)) <= 0:
        return 0
    starts = [day(row, "dStartDate") for row in open_rows]
    known = [start for start in starts if start is not None]
    if len(known) < len(starts) and rental.paid_through is not None:
        known.append(rental.paid_through + timedelta(days=1))
    return max(0, (today - min(known)).days) if known else None


def _balances(ledger: Money, past_due: Money) -> Balances:
    zero = Money.zero(ledger.currency)
    return Balances(
        ledger=ledger,
        due=ledger,
        payable_now=ledger if ledger.is_positive else zero,
        past_due=past_due,
        credit=-ledger if ledger.is_negative else zero,
    )


def _past_due(rows: Sequence[Row], ledger: Money, today: date, scope: Scope) -> Money:
    late = sum((_owed(row) for row in rows if _began_before(row, today) and _owed(row) > 0), Decimal(0))
    return scope.money(max(Decimal(0), min(late, ledger.amount)))


def _began_before(row: Row, today: date) -> bool:
    start = day(row, "dStartDate")
    return start is not None and start < today


def account_of(
    rental: Rental, rows: Sequence[Row], autopay: Autopay | None, scope: Scope, today: date
) -> RentalAccount:
    """A rental with its money. Everything posted counts as billed to the customer: this back office keeps no drafts."""
    ledger = balance_of(rows, scope)
    return RentalAccount(
        rental=rental,
        balances=_balances(ledger, _past_due(rows, ledger, today, scope)),
        autopay=autopay,
        billed=is_billed(rental, rows, today),
        is_complimentary=rental.rent is not None and rental.rent.is_zero,
        days_past_due=days_past_due(rental, rows, today),
    )


def prepay_lines(now: Iterable[Row], ahead: Iterable[Row], scope: Scope) -> tuple[PrepayLine, ...]:
    """What each rental costs for the months asked for: the quote less what is due now, over all categories."""
    current, quoted = by_rental(now), by_rental(ahead)
    return tuple(
        PrepayLine(
            rental_id=ledger_id,
            due_now=balance_of(current.get(ledger_id, []), scope),
            future=balance_of(rows, scope) - balance_of(current.get(ledger_id, []), scope),
        )
        for ledger_id, rows in quoted.items()
    )


def prepaid_through(ahead: Iterable[Row]) -> dict[str, date]:
    """Up to which day each rental's rent would be paid, where the quote's rent row has an end."""
    ends = ((required(row, "LedgerID"), day(row, "dEndDate")) for row in ahead if _is_rent(row))
    return {ledger_id: end for ledger_id, end in ends if end is not None}


def _is_rent(row: Row) -> bool:
    return "rent" in {text(row, "sItem").lower(), text(row, "sCategory").lower()}


def _state(row: Row, leaving: date | None) -> RentalState:
    if day(row, "dMovedOut") is not None:
        return RentalState.CLOSED
    return RentalState.NOTICE_GIVEN if leaving else RentalState.ACTIVE


def _vendor_state(row: Row) -> str:
    return "overlocked" if boolean(row, "bOverlocked") else "rented"


def _tax(rent: Money | None, percent: Decimal | None) -> Money | None:
    """Tax on one period's rent: the rate is in percent; the back office cuts it to the minor unit, never rounds up."""
    if rent is None or percent is None:
        return None
    step = Decimal(1).scaleb(-minor_digits(rent.currency))
    return Money.of((rent.amount * percent / 100).quantize(step, ROUND_DOWN), rent.currency)
