"""What a payment would be made of: a line for each rental, or for each invoice. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.quotes import QuoteLine, line_of
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceLine
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.rental import RentalKind

__all__ = [
    "account_row", "ahead_lines", "all_lines", "due_lines", "lines_asked", "lines_of_invoice", "lines_of_request",
    "row_of_invoice", "unpriced",
]  # fmt: skip


def account_row(account: TenantAccount) -> RentalAccount | None:
    """The row of the tenant's account, where the back office keeps one."""
    return next((row for row in account.rentals if row.rental.kind is RentalKind.ACCOUNT), None)


def all_lines(account: TenantAccount) -> list[QuoteLine]:
    """Everything that may be paid now."""
    due = [row for row in account.rentals if row.balances.payable_now.is_positive]
    return [line_of(row, amount=row.balances.payable_now) for row in due]


# -- months ahead ------------------------------------------------------------------------------------------------------


def _paying_ahead(account: TenantAccount, rental_id: str | None) -> list[RentalAccount]:
    return [
        row for row in account.current
        if rental_id in {None, row.id} and not row.is_complimentary and row.rental.kind is not RentalKind.CONTRACT
    ]  # fmt: skip


def unpriced(account: TenantAccount, rental_id: str | None, ahead: Mapping[str, Money]) -> list[str]:
    """Labels of units that the back office gives no price for."""
    return [row.rental.label for row in _paying_ahead(account, rental_id) if row.id not in ahead]


def ahead_lines(account: TenantAccount, rental_id: str | None, ahead: Mapping[str, Money]) -> list[QuoteLine]:
    """What is left to pay for months ahead; empty when a credit covers them all.

    Args:
        account: The tenant.
        rental_id: One rental; None for every current one.
        ahead: By rental, what the back office asks for them; one for each that would be paid.
    """
    lines = [
        line_of(row, amount=left, ahead=ahead[row.id])
        for row in _paying_ahead(account, rental_id)
        if (left := _still_to_pay(row.balances.ledger, ahead[row.id])).is_positive
    ]
    whole = account_row(account)
    return [_on_account(whole, lines)] if whole is not None and lines else lines


def _still_to_pay(ledger: Money, ahead: Money) -> Money:
    """Future charges less a credit on the ledger (prepay is refused while there is a balance)."""
    return ahead + ledger if ledger.is_negative else ahead


def _on_account(row: RentalAccount, lines: list[QuoteLine]) -> QuoteLine:
    """Money for months ahead where one account takes it: nothing is billed yet that it could be paid for."""
    currency = row.balances.currency
    ahead = sum_money((line.ahead for line in lines), currency)
    return line_of(row, amount=sum_money((line.amount for line in lines), currency), ahead=ahead)


# -- invoices ----------------------------------------------------------------------------------------------------------


def row_of_invoice(account: TenantAccount, invoice: Invoice) -> RentalAccount | None:
    """The rental an invoice is about; the tenant's account when it is about several, or about none."""
    named = {line.rental_id for line in invoice.lines if line.rental_id is not None}
    row = account.rental(named.pop()) if len(named) == 1 else None
    return row or account_row(account)


def due_lines(invoice: Invoice, line_ids: tuple[str, ...] | None) -> list[InvoiceLine]:
    """Lines of an invoice that still owe something: those that are named, or all."""
    return [
        line for line in invoice.lines
        if line.balance is not None and line.balance.is_positive and (line_ids is None or line.id in line_ids)
    ]  # fmt: skip


def lines_asked(account: TenantAccount, invoice: Invoice, amount: Money | None) -> tuple[str, ...] | None:
    """By which lines all of an invoice would be settled; None where it is paid as a whole, or a part of it.

    An invoice of several rentals, where no account could take it as a whole, is settled by all that is open of it.
    """
    if amount is not None or row_of_invoice(account, invoice) is not None:
        return None
    open_lines = due_lines(invoice, None)
    named = tuple(line.id for line in open_lines if line.id is not None)
    return named if named and len(named) == len(open_lines) else None


def lines_of_invoice(
    account: TenantAccount, invoice: Invoice, amount: Money | None, line_ids: tuple[str, ...] | None
) -> list[QuoteLine]:
    """An invoice as it would be paid: as a whole, a part of it, or lines of it.

    What is about no rental of this tenant, or has no balance, is not among them.
    """
    if line_ids is not None:
        return _settled_alone(account, invoice, due_lines(invoice, line_ids))
    row, due = row_of_invoice(account, invoice), invoice.balance if amount is None else amount
    return [line_of(row, amount=due, invoice_id=invoice.id)] if row is not None and due is not None else []


def lines_of_request(account: TenantAccount, request: PaymentRequest, invoice: Invoice | None) -> list[QuoteLine]:
    """What paying a request would pay; nothing while it is about an invoice that was not read.

    Args:
        account: The tenant.
        request: What staff asked for.
        invoice: The one that it is about.
    """
    row = account_row(account)
    if request.rental_id is not None:
        row = account.rental(request.rental_id)
    elif request.invoice_id is not None:
        row = row_of_invoice(account, invoice) if invoice is not None else None
    if row is None:
        return []
    return [line_of(row, amount=request.amount, invoice_id=request.invoice_id, request_id=request.id)]


def _settled_alone(account: TenantAccount, invoice: Invoice, asked: list[InvoiceLine]) -> list[QuoteLine]:
    """A quote line for each line of an invoice that would be settled; each is about a rental of the tenant."""
    found = []
    for line in asked:
        row = account.rental(line.rental_id or "") or account_row(account)
        if row is not None and line.balance is not None:
            found.append(line_of(row, amount=line.balance, invoice_id=invoice.id, line_id=line.id))
    return found
