"""A back office in memory that bills by invoice: what was sent is due, and each invoice is settled by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pmsbridge.errors import NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
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
        today, seen = found.today(self._now), [b for b in self._bills(facility, tenant_id) if b.invoice.is_visible]
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
        return [each.invoice for each in self._bills(facility, tenant_id)]

    def _bills(self, facility: str, tenant_id: str) -> list[_Bill]:
        """The tenant's invoices as payments have left them, oldest first.

        A payment settles the invoice that it names; one that names none settles what was sent, the oldest first.
        """
        kept = [each for each in self.office.books.all(Invoice, facility) if each.tenant_id == tenant_id]
        parts = [part for code, paid in self.office.books.payments if code == facility for part in paid.allocations]
        free = {part.rental_id: Money.zero(part.amount.currency) for part in parts}
        for part in parts:
            if part.invoice_id is None:
                free[part.rental_id] += part.amount
        return [_bill(each, parts, free) for each in sorted(kept, key=lambda each: (each.issued_on, each.id))]


@dataclass(frozen=True, slots=True)
class _Bill:
    """An invoice as payments have left it.

    Attributes:
        left: What each line still asks for, in the order of the lines; also of those that cannot be settled alone.
    """

    invoice: Invoice
    left: tuple[Money, ...]

    def of(self, rental_id: str) -> Money:
        """What the invoice still asks for one rental."""
        lines = zip(self.invoice.lines, self.left, strict=True)
        own = (left for line, left in lines if line.rental_id == rental_id)
        return sum_money(own, self.invoice.total.currency)


def _bill(invoice: Invoice, parts: Iterable[Allocation], free: dict[str, Money]) -> _Bill:
    """An invoice as payments have left it; takes from ``free`` what it is settled by of money that aims at nothing."""
    none = Money.zero(invoice.total.currency)
    aimed = [part for part in parts if part.invoice_id == invoice.id]
    left = _asked(invoice.lines, [part for part in aimed if part.line_id is not None])
    whole = sum_money((part.amount for part in aimed if part.line_id is None), none.currency)
    for at, line in enumerate(invoice.lines):
        taken = min(whole, left[at]) if left[at].is_positive else none
        whole, left[at] = whole - taken, left[at] - taken
        if invoice.is_visible and line.rental_id in free and left[at].is_positive:
            more = min(free[line.rental_id], left[at])
            free[line.rental_id], left[at] = free[line.rental_id] - more, left[at] - more
    balance = sum_money(left, none.currency) if invoice.lines else invoice.total - whole
    return _Bill(_as_paid(invoice, balance, left), tuple(left))


def _asked(lines: Sequence[InvoiceLine], aimed: Sequence[Allocation]) -> list[Money]:
    """What each line asks for after what was paid for it by itself.

    A line below zero, a discount, is taken off the others: those of its rental first.
    """
    own = {part.line_id: Money.zero(part.amount.currency) for part in aimed}
    for part in aimed:
        own[part.line_id] += part.amount
    left = [line.gross - own[line.id] if line.id in own else line.gross for line in lines]
    for at, line in enumerate(lines):
        for other in sorted(range(len(lines)), key=lambda each: lines[each].rental_id != line.rental_id):
            if left[at].is_negative and left[other].is_positive:
                given = min(-left[at], left[other])
                left[at], left[other] = left[at] + given, left[other] - given
    return left


def _as_paid(invoice: Invoice, balance: Money, left: Sequence[Money]) -> Invoice:
    """With its balance, its state, and the balance of each line that can be settled by itself."""
    state = invoice.state
    if invoice.is_visible and balance < invoice.total:
        state = InvoiceState.PARTIALLY_PAID if balance.is_positive else InvoiceState.PAID
    lines = zip(invoice.lines, left, strict=True)
    told = tuple(line.changed(balance=money) if line.id is not None else line for line, money in lines)
    return invoice.changed(paid=invoice.total - balance, balance=balance, state=state, lines=told)


def _billed_row(row: RentalAccount, seen: Iterable[_Bill], today: date) -> RentalAccount:
    zero = Money.zero(row.balances.currency)
    asked = [(bill.invoice.due_on, bill.of(row.id)) for bill in seen]
    late = [(due_on, money) for due_on, money in asked if due_on is not None and due_on < today and money.is_positive]
    due, past_due = (sum_money((money for _, money in each), zero.currency) for each in (asked, late))
    oldest = min((due_on for due_on, _ in late), default=today)
    balances = row.balances.changed(due=due, payable_now=max(due, zero), past_due=past_due)
    return row.changed(balances=balances, days_past_due=(today - oldest).days)


def _age(invoice: Invoice, on: date) -> str:
    """The part of an aged balance that an invoice is in."""
    if invoice.due_on is None or invoice.due_on > on:
        return "not_due"
    since = on - invoice.due_on
    return next((name for name, days in _AGES.items() if days and since < timedelta(days=days)), "over_90")
