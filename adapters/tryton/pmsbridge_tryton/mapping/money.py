"""Invoices, movements and payments of one party, and which rental each belongs to.

The vendor keeps one account per party. A movement belongs to a rental when its invoice is about that one rental, and
when it pays such an invoice; everything else (money on account, an invoice of several rentals or of none) belongs to
the party's account, which is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pmsbridge.errors import UnavailableError
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import Balances, EntryKind, LedgerEntry
from pmsbridge.model.payments import Allocation, Payment, PaymentState
from pmsbridge_tryton.mapping.scope import DUE, OF_RENTAL, Scope, account_id, day_of, number, one, required_day, text
from pmsbridge_tryton.vocabulary import (
    INVOICE,
    INVOICE_STATES,
    PAYMENT,
    PAYMENT_STATES,
    RENTAL,
    RENTAL_LINE,
    SUBSCRIPTION,
    SUBSCRIPTION_LINE,
)
from pmsbridge_tryton.wire import Reference, Row, nested, reference_of

__all__ = ["Books", "Due", "invoice_of", "is_open", "payment_of"]

_POSTED: Final = frozenset({"posted", "paid"})


@dataclass(frozen=True, slots=True)
class Due:
    """A line of the account that waits to be paid.

    Attributes:
        left: What is not paid or under way to be paid.
        due_on: None when it is due at once.
    """

    line: int
    invoice: int
    left: Decimal
    due_on: date | None


def is_open(row: Mapping[str, Any]) -> bool:
    """Whether a line still waits for its counterpart."""
    return row.get("reconciliation") is None


def _effect(row: Mapping[str, Any]) -> Decimal:
    return number(row, "debit") - number(row, "credit")


def _origin(row: Mapping[str, Any], name: str) -> Reference | None:
    return reference_of(row.get(name))


class Books:
    """Everything about one party's money, sorted by rental.

    Args:
        party: Id.
        scope: Where from.
        contracts: Contracts with their lines.
        subscriptions: Subscriptions with their lines.
        invoices: All of the party, whatever their state.
        lines: All of the party on receivable accounts.
        payments: All of the party.
    """

    def __init__(
        self,
        party: str,
        scope: Scope,
        *,
        contracts: Iterable[Row],
        subscriptions: Iterable[Row],
        invoices: Iterable[Row],
        lines: Iterable[Row],
        payments: Iterable[Row],
    ) -> None:
        self.party, self.scope = party, scope
        self.invoices = {row["id"]: row for row in invoices}
        self.payments = {row["id"]: row for row in payments}
        self.lines = sorted(
            (row for row in lines if self._counts(row)), key=lambda row: (required_day(row, "date"), row["id"])
        )
        self._of_line = {
            **{
                (RENTAL_LINE, line["id"]): f"{RENTAL},{row['id']}" for row in contracts for line in nested(row, "lines")
            },
            **{
                (SUBSCRIPTION_LINE, line["id"]): f"{SUBSCRIPTION},{row['id']}"
                for row in subscriptions
                for line in nested(row, "lines")
            },
        }
        self._of_invoice = {row: self._rental_of_invoice(row, frozenset()) for row in self.invoices}
        self._of_move = {row["id"]: self._rental_of_movement(row) for row in self.lines}
        self._adopt_reconciled()

    # -- what belongs where --------------------------------------------------------------------------------------------

    @staticmethod
    def _counts(row: Row) -> bool:
        """A draft counts only where the vendor itself leaves it a draft: what a payment books."""
        origin = _origin(row, "move_origin")
        return row.get("move_state") == "posted" or (origin is not None and origin.model == PAYMENT)

    @property
    def _account(self) -> str:
        return account_id(self.party)

    def rental_of_line(self, line: Mapping[str, Any]) -> str | None:
        """The rental an invoice's line is about; None when it does not say, or is about another line."""
        origin = _origin(line, "origin")
        return self._of_line.get((origin.model, origin.id)) if origin is not None else None

    def _rental_of_invoice(self, invoice: int, seen: frozenset[int]) -> str | None:
        row = self.invoices.get(invoice)
        if row is None or invoice in seen:
            return None
        named = {found for line in nested(row, "lines") if (found := self.rental_of_line(line)) is not None}
        named |= {f"{RENTAL},{rental}" for rental in row.get("sale_rentals") or ()}
        for credited in row.get("origin_invoices") or ():
            found = self._rental_of_invoice(credited, seen | {invoice})
            named |= {found} if found is not None else set()
        return named.pop() if len(named) == 1 else None

    def rental_of_invoice(self, invoice: int) -> str:
        """The rental an invoice is about; the account's when it is about several, or about none."""
        return self._of_invoice.get(invoice) or self._account

    def rental_of_payment(self, row: Mapping[str, Any]) -> str:
        """The rental whose invoice a payment is for; the account's for money on account."""
        origin = _origin(one(row, "line"), "move_origin")
        return self.rental_of_invoice(origin.id) if origin is not None and origin.model == INVOICE else self._account

    def _rental_of_movement(self, row: Mapping[str, Any]) -> str | None:
        origin = _origin(row, "move_origin")
        if origin is not None and origin.model == INVOICE:
            return self.rental_of_invoice(origin.id)
        if origin is not None and origin.model == PAYMENT and origin.id in self.payments:
            return self.rental_of_payment(self.payments[origin.id])
        return None

    def _adopt_reconciled(self) -> None:
        """What settles the lines of one rental belongs to it, wherever it came from."""
        groups: dict[object, set[str]] = {}
        for row in self.lines:
            rental = self._of_move[row["id"]]
            if row.get("reconciliation") is not None and rental is not None:
                groups.setdefault(row["reconciliation"], set()).add(rental)
        for row in self.lines:
            adopters = groups.get(row.get("reconciliation"), set()) if self._of_move[row["id"]] is None else set()
            if len(adopters) == 1:
                self._of_move[row["id"]] = next(iter(adopters))

    def rental_of_movement(self, row: Mapping[str, Any]) -> str:
        """The rental a movement belongs to."""
        return self._of_move.get(row["id"]) or self._account

    # -- what it comes to ----------------------------------------------------------------------------------------------

    def balances(self, rental: str, today: date) -> Balances:
        """What one rental, or the account, comes to. Drafts count as paid: nobody is asked for them again."""
        own = [row for row in self.lines if self.rental_of_movement(row) == rental]
        ledger = sum((_effect(row) for row in own), Decimal(0))
        due = sum((number(row, "amount_to_pay") for row in self._billed(rental)), Decimal(0))
        if rental == self._account:
            due += sum((_effect(row) for row in own if is_open(row) and not self._is_of_invoice(row)), Decimal(0))
        late = sum((each.left for each in self.dues(rental) if each.due_on is None or each.due_on < today), Decimal(0))
        money = self.scope.money
        return Balances(
            ledger=money(ledger), due=money(due), payable_now=money(max(due, Decimal(0))),
            past_due=money(min(late, max(due, Decimal(0)))), credit=money(max(-due, Decimal(0))),
        )  # fmt: skip

    def _is_of_invoice(self, row: Mapping[str, Any]) -> bool:
        """Whether what an invoice says is still to be paid has taken a line into account already."""
        origin = _origin(row, "move_origin")
        if origin is None:
            return False
        if origin.model == INVOICE:
            return True
        return origin.model == PAYMENT and one(self.payments.get(origin.id, {}), "line").get("id") is not None

    def _billed(self, rental: str) -> list[Row]:
        return [
            row for row in self.invoices.values()
            if text(row, "state") == "posted" and self.rental_of_invoice(row["id"]) == rental
        ]  # fmt: skip

    def dues(self, rental: str, invoice: int | None = None) -> list[Due]:
        """The lines of a rental, or of one invoice of it, that wait to be paid; the earliest due first."""
        billed = {row["id"] for row in self._billed(rental) if invoice is None or row["id"] == invoice}
        found = []
        for row in self.lines:
            origin = _origin(row, "move_origin")
            of_invoice = origin is not None and origin.model == INVOICE and origin.id in billed
            left = number(row, "payment_amount")
            if of_invoice and origin is not None and is_open(row) and _effect(row) > 0 and left > 0:
                found.append(Due(row["id"], origin.id, left, day_of(row, "maturity_date")))
        return sorted(found, key=lambda each: (each.due_on or date.min, each.line))

    def days_past_due(self, rental: str, today: date) -> int:
        """Whole days since the oldest due date that has passed; 0 when none has."""
        late = [each.due_on for each in self.dues(rental) if each.due_on is not None and each.due_on < today]
        return (today - min(late)).days if late else 0

    def entries(self, rental: str | None = None) -> list[LedgerEntry]:
        """Movements of one rental, or of all, oldest first."""
        rows = [row for row in self.lines if rental is None or self.rental_of_movement(row) == rental]
        return [self._entry(row) for row in rows]

    def _entry(self, row: Row) -> LedgerEntry:
        effect, origin = _effect(row), _origin(row, "move_origin")
        words = text(one(row, "move_origin"), "rec_name") or text(row, "description")
        paid = self.payments.get(origin.id) if origin is not None and origin.model == PAYMENT else None
        return LedgerEntry(
            ref=self.scope.ref("ledger_entry", row["id"]),
            rental_id=self.rental_of_movement(row),
            kind=_kind_of(effect, origin),
            vendor_state=origin.model if origin is not None else "",
            effect=self.scope.money(effect),
            effective_on=required_day(row, "date"),
            description=words or text(row, "move_description_used"),
            receipt=text(paid, "number") if paid is not None else "",
        )

    def invoice(self, invoice: int) -> Invoice:
        """One invoice."""
        return invoice_of(self.invoices[invoice], self.scope, self)

    def payment(self, row: Row) -> Payment:
        """One payment, with the rental it is for."""
        origin = _origin(one(row, "line"), "move_origin")
        invoice = str(origin.id) if origin is not None and origin.model == INVOICE else None
        return payment_of(row, self.scope, rental_id=self.rental_of_payment(row), invoice_id=invoice)


def _kind_of(effect: Decimal, origin: Reference | None) -> EntryKind:
    if origin is not None and origin.model == INVOICE:
        return EntryKind.CHARGE if effect >= 0 else EntryKind.CREDIT
    if origin is not None and origin.model == PAYMENT:
        return EntryKind.PAYMENT if effect <= 0 else EntryKind.REVERSAL
    return EntryKind.UNKNOWN


def _invoice_state(row: Row) -> InvoiceState:
    """Settled is what nothing is left of: after part payments the vendor's own word stays "posted"."""
    state = INVOICE_STATES.get(text(row, "state"), InvoiceState.UNKNOWN)
    if state is not InvoiceState.SENT or number(row, "total_amount") <= 0:
        return state
    left = number(row, "amount_to_pay")
    if left <= 0:
        return InvoiceState.PAID
    return InvoiceState.PARTIALLY_PAID if left < number(row, "total_amount") else state


def invoice_of(row: Row, scope: Scope, books: Books | None = None) -> Invoice:
    """An invoice with its lines; taxes are lines of their own, as the vendor adds them up for the whole invoice.

    Raises:
        UnavailableError: It is in another currency than the facility's.
    """
    currency = text(one(row, "currency"), "code")
    if currency and currency != scope.currency:
        message = f"an invoice in {currency} where the books are in {scope.currency}"
        raise UnavailableError(message, code="foreign_currency")
    nothing = scope.money(0)
    whole = books.rental_of_invoice(row["id"]) if books is not None else _rental_beside(row)
    lines = [
        InvoiceLine(
            rental_id=(books.rental_of_line(line) if books is not None else None) or whole,
            description=text(line, "description") or text(one(line, "product"), "name"),
            net=scope.money(line.get("amount")), tax=nothing,
        )
        for line in nested(row, "lines") if text(line, "type") == "line"
    ]  # fmt: skip
    lines += [
        InvoiceLine(rental_id=whole, description=text(tax, "description"), net=nothing, tax=scope.money(tax["amount"]))
        for tax in nested(row, "taxes")
    ]
    total, state = scope.money(row.get("total_amount")), _invoice_state(row)
    is_final = text(row, "state") in _POSTED
    left = scope.money(row.get("amount_to_pay")) if text(row, "state") == "posted" else nothing
    added = sum((line.gross.amount for line in lines), Decimal(0))
    return Invoice(
        ref=scope.ref("invoice", row["id"]),
        tenant_id=str(row["party"]),
        number=text(row, "number"),
        state=state,
        vendor_state=text(row, "state"),
        issued_on=required_day(row, "invoice_date") if is_final else (day_of(row, "invoice_date") or date.min),
        due_on=_due_on(row, books, whole),
        lines=tuple(lines) if added == total.amount else (),
        total=total,
        paid=total - left if is_final else None,
        balance=left if is_final else None,
        extra={"reference": text(row, "reference")} if text(row, "reference") else {},
    )


def _rental_beside(row: Row) -> str:
    """The rental that was looked up for the whole page; the account's when there is no single one."""
    found = row.get(OF_RENTAL)
    return found if isinstance(found, str) else account_id(row["party"])


def _due_on(row: Row, books: Books | None, rental: str) -> date | None:
    if books is None:
        return day_of(row, DUE)
    return min((due.due_on for due in books.dues(rental, row["id"]) if due.due_on is not None), default=None)


def payment_of(row: Row, scope: Scope, *, rental_id: str, invoice_id: str | None = None) -> Payment:
    """A payment. Its reference is the gateway's where we wrote one behind ours."""
    ours, _, theirs = text(row, "reference").partition(" ")
    amount = scope.money(row.get("amount"))
    return Payment(
        ref=scope.ref("payment", row["id"]),
        tenant_id=str(row["party"]),
        amount=amount,
        state=PAYMENT_STATES.get(text(row, "state"), PaymentState.UNKNOWN),
        vendor_state=text(row, "state"),
        paid_on=required_day(row, "date"),
        receipt=text(row, "number"),
        method_text=text(one(row, "journal"), "name"),
        reference=theirs or ours,
        allocations=(Allocation(rental_id=rental_id, amount=amount, invoice_id=invoice_id),),
        extra={"our_reference": ours} if theirs else {},
    )
