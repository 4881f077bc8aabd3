"""A back office in memory that bills by invoice: what was sent is due, and each invoice is settled by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from pmsbridge.errors import NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceState
from pmsbridge.model.ledger import AgedBalance, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Allocation
from pmsbridge.testing.memory import MemoryAdapter

__all__ = ["BillingMemoryAdapter"]

_AGES = {"not_due": 0, "up_to_30": 30, "up_to_60": 60, "up_to_90": 90, "over_90": None}


class BillingMemoryAdapter(MemoryAdapter):
    """A ``MemoryAdapter`` over an office that keeps invoices: ``office.books.put(facility, invoice)``.

    Its invoices are added to what is in the ledger already: put an invoice, and enter its charges. An invoice that is a
    draft, unsent or void is not due; what it charges is in the ledger all the same. A combined invoice has a line for
    each rental; lines that have an id can be settled by themselves.
    """

    settles_lines = True

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Everything about one tenant; due is what sent invoices still ask for."""
        found = super().account(facility, tenant_id)
        today, seen = found.today(self._now), [each for each in self._billed(facility, tenant_id) if each.is_visible]
        return found.changed(rentals=tuple(_billed_row(row, seen, today) for row in found.rentals))

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """Invoices issued between two business dates, in any state."""
        self.office.read()
        return [each for each in self._billed(facility, tenant_id) if since <= each.issued_on <= until]

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        """One invoice that a customer may see.

        Raises:
            NotFoundError: The tenant has none of that id, or it may not be seen.
        """
        self.office.read()
        seen = (each for each in self._billed(facility, tenant_id) if each.is_visible and each.id == invoice_id)
        found = next(seen, None)
        if found is None:
            raise NotFoundError("invoice_id", "is no invoice of this tenant")
        return found

    def tenant_ledger(self, facility: str, tenant_id: str) -> Sequence[LedgerEntry]:
        """Movements of all rentals, oldest first."""
        self._tenant(facility, tenant_id)
        books = self.office.books
        entries = [e for each in books.rentals_of(facility, tenant_id) for e in books.ledger_of(facility, each.id)]
        return sorted(entries, key=lambda entry: entry.effective_on)

    def aged_balance(self, facility: str, tenant_id: str, *, on: date) -> AgedBalance:
        """What sent invoices ask for on a day, by how long they have been due."""
        currency = self._facility(facility).currency
        parts = {name: Money.zero(currency) for name in _AGES}
        for each in self._billed(facility, tenant_id):
            if each.is_visible and each.balance is not None:
                parts[_age(each, on)] += each.balance
        return AgedBalance(on=on, **parts)

    def _billed(self, facility: str, tenant_id: str) -> list[Invoice]:
        """The tenant's invoices as payments have left them, oldest first.

        A payment settles the invoice that it names; one that names none settles what was sent, the oldest first.
        """
        kept = [each for each in self.office.books.all(Invoice, facility) if each.tenant_id == tenant_id]
        parts = [part for code, paid in self.office.books.payments if code == facility for part in paid.allocations]
        free = {part.rental_id: Money.zero(part.amount.currency) for part in parts}
        for part in parts:
            if part.invoice_id is None:
                free[part.rental_id] += part.amount
        return [_as_paid(each, parts, free) for each in sorted(kept, key=lambda each: (each.issued_on, each.id))]


def _as_paid(invoice: Invoice, parts: Iterable[Allocation], free: dict[str, Money]) -> Invoice:
    """An invoice as payments have left it; takes from ``free`` what it is settled by of money that aims at nothing."""
    none = Money.zero(invoice.total.currency)
    aimed = [part for part in parts if part.invoice_id == invoice.id]
    whole, lines = sum_money((part.amount for part in aimed if part.line_id is None), none.currency), []
    for line in invoice.lines:
        own = (part.amount for part in aimed if part.line_id is not None and part.line_id == line.id)
        left = line.gross - sum_money(own, none.currency)
        taken = min(whole, left)
        whole, left = whole - taken, left - taken
        if invoice.is_visible and line.rental_id in free:
            more = min(free[line.rental_id], left)
            free[line.rental_id], left = free[line.rental_id] - more, left - more
        lines.append((line, left))
    left = sum_money((left for _, left in lines), none.currency)
    balance = left if invoice.lines else invoice.total - whole
    state = invoice.state
    if invoice.is_visible and balance < invoice.total:
        state = InvoiceState.PARTIALLY_PAID if balance.is_positive else InvoiceState.PAID
    told = tuple(line.changed(balance=left) if line.id is not None else line for line, left in lines)
    return invoice.changed(paid=invoice.total - balance, balance=balance, state=state, lines=told)


def _owed(invoice: Invoice, rental_id: str) -> Money:
    """What an invoice still asks for one rental."""
    none = Money.zero(invoice.total.currency)
    own = [line for line in invoice.lines if line.rental_id == rental_id]
    if len(own) == len(invoice.lines):
        return invoice.balance if invoice.balance is not None else none
    return sum_money((line.balance for line in own if line.balance is not None), none.currency)


def _billed_row(row: RentalAccount, seen: Iterable[Invoice], today: date) -> RentalAccount:
    zero = Money.zero(row.balances.currency)
    own = [each for each in seen if any(line.rental_id == row.id for line in each.lines)]
    due = sum_money((_owed(each, row.id) for each in own), row.balances.currency)
    late = [each for each in own if each.due_on is not None and each.due_on < today and _owed(each, row.id).is_positive]
    past_due = sum_money((_owed(each, row.id) for each in late), row.balances.currency)
    oldest = min((each.due_on for each in late if each.due_on is not None), default=today)
    balances = row.balances.changed(due=due, payable_now=max(due, zero), past_due=past_due)
    return row.changed(balances=balances, days_past_due=(today - oldest).days)


def _age(invoice: Invoice, on: date) -> str:
    """The part of an aged balance that an invoice is in."""
    if invoice.due_on is None or invoice.due_on > on:
        return "not_due"
    since = on - invoice.due_on
    return next((name for name, days in _AGES.items() if days and since < timedelta(days=days)), "over_90")
