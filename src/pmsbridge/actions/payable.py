"""What a payment would be made of: a line for each rental, or for each invoice. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pmsbridge.actions.quotes import QuoteLine, line_of
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceLine
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.rental import RentalKind

__all__ = ["account_row", "ahead_lines", "all_lines", "due_lines", "invoice_lines", "row_of_invoice", "unpriced"]


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


def invoice_lines(account: TenantAccount, invoice: Invoice, asked: list[InvoiceLine]) -> list[QuoteLine]:
    """A quote line for each line of an invoice that would be settled; each is about a rental of the tenant."""
    found = []
    for line in asked:
        row = account.rental(line.rental_id or "") or account_row(account)
        if row is not None and line.balance is not None:
            found.append(line_of(row, amount=line.balance, invoice_id=invoice.id, line_id=line.id))
    return found
