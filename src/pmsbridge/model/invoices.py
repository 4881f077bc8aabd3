"""Invoices. Drafts, unsent and void ones are never shown to a customer and never counted."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from pmsbridge.model.earlier import Since
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Id, OpenEnum, Record, Value

__all__ = ["Invoice", "InvoiceLine", "InvoiceState", "visible_to_customer"]


class InvoiceState(OpenEnum):
    """Where an invoice stands."""

    DRAFT = "draft"
    UNSENT = "unsent"
    SENT = "sent"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    VOID = "void"
    UNKNOWN = "unknown"


class InvoiceLine(Value):
    """One line; a combined invoice covers several rentals, so each line names its own.

    Attributes:
        net: Before tax.
        tax: Tax on this line.
        id: The back office's id of the line; None where it is not told, or a line cannot be settled by itself.
        balance: What is still owed of this line; None where the back office tells it of the whole invoice only.
    """

    id: Annotated[Id | None, Since(5)] = None
    rental_id: Id | None = None
    unit_number: str = ""
    description: str = ""
    net: Money
    tax: Money
    balance: Annotated[Money | None, Since(5)] = None

    @property
    def gross(self) -> Money:
        """Net plus tax."""
        return self.net + self.tax


class Invoice(Record):
    """A bill: total minus paid is the balance, and the lines add up to the total.

    Attributes:
        number: As printed; text.
        issued_on: Business date.
        due_on: Business date; None when payable on receipt.
        tax_is_known: False where the back office tells amounts before tax only; then ``total`` is before tax too.
    """

    entity: ClassVar[str] = "invoice"

    tenant_id: Id
    number: str
    state: InvoiceState
    vendor_state: str = ""
    issued_on: date
    due_on: date | None = None
    lines: tuple[InvoiceLine, ...] = ()
    total: Money
    paid: Money | None = None
    balance: Money | None = None
    tax_is_known: bool = True

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.lines and sum_money((line.gross for line in self.lines), self.total.currency) != self.total:
            message = "the lines must add up to the total"
            raise ValueError(message)
        if any(money is not None and money.currency != self.total.currency for money in (self.paid, self.balance)):
            message = "an invoice is in one currency"
            raise ValueError(message)
        if any(line.balance is not None and line.balance.currency != self.total.currency for line in self.lines):
            message = "a line is in the invoice's currency"
            raise ValueError(message)
        if self.paid is not None and self.balance is not None and self.total - self.paid != self.balance:
            message = "total minus paid must equal the balance"
            raise ValueError(message)
        return self

    def line(self, line_id: Id) -> InvoiceLine | None:
        """The line of that id."""
        return next((line for line in self.lines if line.id == line_id), None)

    @property
    def is_visible(self) -> bool:
        """Whether a customer may see it and it counts towards what is due."""
        return self.state in {InvoiceState.SENT, InvoiceState.PARTIALLY_PAID, InvoiceState.PAID}


def visible_to_customer(invoices: tuple[Invoice, ...]) -> tuple[Invoice, ...]:
    """Only what a customer may see."""
    return tuple(invoice for invoice in invoices if invoice.is_visible)
