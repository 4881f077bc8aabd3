"""Payments, ledger entries and invoices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from pmsbridge.errors import UnavailableError
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Allocation, Payment, PaymentState
from pmsbridge_sitelink.mapping.cells import Row, Scope, day, decimal, money, required, text

__all__ = ["charges_end", "entries_of", "invoices_of", "paid_on", "payments_of", "receipt_keys"]

_QUOTED = re.compile(r"'([^']+)'")


def payments_of(rows: Sequence[Row], scope: Scope, *, tenant_id: str, rental_id: str) -> list[Payment]:
    """A rental's payments, newest first. A negative row is money that went back: its payment reads as reversed."""
    found = [
        _payment(row, key, scope, tenant_id=tenant_id, rental_id=rental_id)
        for key, row in zip(receipt_keys(rows), rows, strict=True)
    ]
    return sorted(found, key=lambda payment: payment.paid_on, reverse=True)


def _payment(row: Row, key: str, scope: Scope, *, tenant_id: str, rental_id: str) -> Payment:
    paid = money(row, "Payment", scope)
    amount = -paid if paid.is_negative else paid
    words = text(row, "Description")
    quoted = _QUOTED.search(words)
    return Payment(
        ref=scope.ref("payment", key),
        tenant_id=tenant_id,
        amount=amount,
        state=PaymentState.REVERSED if paid.is_negative else PaymentState.SUCCEEDED,
        vendor_state="negative amount" if paid.is_negative else "",
        paid_on=paid_on(row),
        receipt=text(row, "Receipt"),
        method_text=words,
        reference=quoted.group(1) if quoted else "",
        allocations=(Allocation(rental_id=rental_id, amount=amount),),
    )


def receipt_keys(rows: Iterable[Row]) -> list[str]:
    """What each payment row is told apart by: its receipt number, else day, text and amount; counted when repeated."""
    seen: Counter[str] = Counter()
    keys = []
    for row in rows:
        word = text(row, "Receipt") or f"{text(row, 'dPmt')[:10]}|{text(row, 'Description')}|{text(row, 'Payment')}"
        seen[word] += 1
        keys.append(word if seen[word] == 1 else f"{word}#{seen[word]}")
    return keys


def paid_on(row: Row) -> date:
    """The day of a payment. One client reads a date column, another a text column, month first as the vendor prints it.

    Raises:
        UnavailableError: Neither is readable.
    """
    found = day(row, "dPmt")
    if found is not None:
        return found
    word = text(row, "dPaidStr")
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(word[:10].strip(), form).date()  # noqa: DTZ007 - a business date has no zone
        except ValueError:
            continue
    raise UnavailableError("a payment row holds no date", code="unreadable_cell")


def entries_of(charges: Iterable[Row], payments: Sequence[Row], scope: Scope, *, rental_id: str) -> list[LedgerEntry]:
    """A rental's movements, oldest first. A charge row repeats once per payment on it and counts once."""
    once = {required(row, "ChargeID"): row for row in charges}
    moved = [_charge(charge_id, row, scope, rental_id) for charge_id, row in once.items()]
    moved.extend(_paid(key, row, scope, rental_id) for key, row in zip(receipt_keys(payments), payments, strict=True))
    return sorted(moved, key=lambda entry: (entry.effective_on, entry.kind is EntryKind.PAYMENT))


def _charge(charge_id: str, row: Row, scope: Scope, rental_id: str) -> LedgerEntry:
    total = scope.money(_charged(row))
    start, category = day(row, "dChgStrt"), text(row, "sChgCategory")
    if start is None:
        raise UnavailableError("a charge row holds no date", code="unreadable_cell")
    kind = EntryKind.CREDIT if total.is_negative else EntryKind.CHARGE
    return LedgerEntry(
        ref=scope.ref("ledger_entry", f"charge:{charge_id}"),
        rental_id=rental_id,
        kind=EntryKind.DEPOSIT if category.lower() == "secdep" else kind,
        vendor_state=category,
        effect=total,
        effective_on=start,
        description=text(row, "sChgDesc"),
        period_from=start,
        period_to=day(row, "dChgEnd"),
    )


def _charged(row: Row) -> Decimal:
    """A charge with its taxes. Whether the amount column contains them is told by the price beside it."""
    amount = decimal(row, "dcAmt")
    if amount is None:
        raise UnavailableError("a charge row holds no amount", code="unreadable_cell")
    quantity = decimal(row, "dcQty")
    price = decimal(row, "dcPrice")
    tax = (decimal(row, "dcTax1") or Decimal(0)) + (decimal(row, "dcTax2") or Decimal(0))
    net = None if price is None else price * (Decimal(1) if quantity is None else quantity)
    return amount + tax if net is not None and amount == net else amount


def _paid(key: str, row: Row, scope: Scope, rental_id: str) -> LedgerEntry:
    paid = money(row, "Payment", scope)
    return LedgerEntry(
        ref=scope.ref("ledger_entry", f"payment:{key}"),
        rental_id=rental_id,
        kind=EntryKind.REVERSAL if paid.is_negative else EntryKind.PAYMENT,
        effect=-paid,
        effective_on=paid_on(row),
        description=text(row, "Description"),
        receipt=text(row, "Receipt"),
    )


def charges_end(charges: Iterable[Row]) -> date | None:
    """The last day any charge of a rental covers; None when it has no charge."""
    ends = (day(row, "dChgEnd") for row in charges)
    return max((end for end in ends if end is not None), default=None)


def invoices_of(rows: Iterable[Row], scope: Scope, *, tenant_id: str) -> list[Invoice]:
    """Invoices from their lines, newest first. Amounts are before tax, and the back office tells no tax with them."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(required(row, "iInvoiceNum"), []).append(row)
    found = [_invoice(number, of_one, scope, tenant_id) for number, of_one in lines.items()]
    return sorted(found, key=lambda invoice: (invoice.issued_on, invoice.number), reverse=True)


def _invoice(number: str, rows: Sequence[Row], scope: Scope, tenant_id: str) -> Invoice:
    lines = tuple(_lines(rows, scope))
    issued = [issued_on for issued_on in (day(row, "dInvoiced") for row in rows) if issued_on]
    due = [due_on for due_on in (day(row, "dDue") for row in rows) if due_on]
    if not issued:
        raise UnavailableError("an invoice row holds no date", code="unreadable_cell")
    return Invoice(
        ref=scope.ref("invoice", number),
        tenant_id=tenant_id,
        number=number,
        state=InvoiceState.SENT,
        vendor_state="",
        issued_on=min(issued),
        due_on=min(due) if due else None,
        lines=lines,
        total=sum_money((line.net for line in lines), scope.currency),
        tax_is_known=False,
    )


def _lines(rows: Iterable[Row], scope: Scope) -> Iterator[InvoiceLine]:
    for row in rows:
        net = money(row, "dcAmt", scope)
        yield InvoiceLine(unit_number=text(row, "sUnitName"), net=net, tax=Money.zero(scope.currency))
