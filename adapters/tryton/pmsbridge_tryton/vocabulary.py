"""The vendor's names of models, fields and states that this adapter uses, and nowhere else.

Source: Tryton 8.2 and 8.0 with the modules sale_rental, sale_subscription, account_invoice, account_payment and
account_payment_clearing, read over JSON-RPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pmsbridge.model.invoices import InvoiceState
from pmsbridge.model.payments import PaymentState
from pmsbridge.model.rental import RentalState

__all__ = [
    "ADDRESS",
    "ATTACHMENT",
    "ATTACHMENT_FIELDS",
    "CHANNEL",
    "COMPANY_FIELDS",
    "DEBIT",
    "DEBIT_FIELDS",
    "INVOICE",
    "INVOICE_FIELDS",
    "INVOICE_LINE",
    "INVOICE_STATES",
    "MANDATE",
    "MECHANISM",
    "MOVE",
    "MOVE_LINE",
    "MOVE_LINE_FIELDS",
    "NOTE",
    "NOTE_FIELDS",
    "PARTY",
    "PARTY_FIELDS",
    "PAYMENT",
    "PAYMENT_FIELDS",
    "PAYMENT_STATES",
    "PRODUCT",
    "PRODUCT_FIELDS",
    "RENTAL",
    "RENTAL_FIELDS",
    "RENTAL_LINE",
    "RENTAL_STATES",
    "SHOWN",
    "SUBSCRIPTION",
    "SUBSCRIPTION_FIELDS",
    "SUBSCRIPTION_LINE",
    "SUBSCRIPTION_STATES",
]

PARTY: Final = "party.party"
MECHANISM: Final = "party.contact_mechanism"
ADDRESS: Final = "party.address"
RENTAL: Final = "sale.rental"
RENTAL_LINE: Final = "sale.rental.line"
SUBSCRIPTION: Final = "sale.subscription"
SUBSCRIPTION_LINE: Final = "sale.subscription.line"
PRODUCT: Final = "product.product"
INVOICE: Final = "account.invoice"
INVOICE_LINE: Final = "account.invoice.line"
MOVE_LINE: Final = "account.move.line"
MOVE: Final = "stock.move"
PAYMENT: Final = "account.payment"
DEBIT: Final = "party.party.reception_direct_debit"
MANDATE: Final = "account.payment.sepa.mandate"
NOTE: Final = "ir.note"
ATTACHMENT: Final = "ir.attachment"
CHANNEL: Final = "ir.chat.channel"


def _under(parent: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{name}" for name in names)


COMPANY_FIELDS: Final = (
    "party", "timezone", "currency.code", "currency.digits", "party.name", *_under("party.addresses", "street", "city",
    "postal_code", "country.name", "subdivision.name"), *_under("party.contact_mechanisms", "type", "value",
    "value_compact"),
)  # fmt: skip

PARTY_FIELDS: Final = (
    "name", "code", "active", "categories", "lang.code", "last_modified_at",
    *_under(
        "addresses", "street", "city", "postal_code", "country.name", "subdivision.name", "active", "sequence",
        "last_modified_at",
    ),
    *_under("contact_mechanisms", "type", "value", "value_compact", "active", "sequence", "last_modified_at"),
)  # fmt: skip

RENTAL_FIELDS: Final = (
    "number", "reference", "description", "party", "state", "start", "end", "currency.code", "total_amount",
    "last_modified_at",
    *_under(
        "lines", "product.code", "product.name", "quantity", "unit.symbol", "unit_price", "unit_price_unit.name",
        "per_day", "planned_start_day", "planned_end_day", "planned_start", "planned_end", "actual_start",
        "actual_end", "invoice_lines", "incoming_moves.state", "incoming_moves.planned_date",
        "incoming_moves.effective_date", "incoming_moves.quantity", "last_modified_at",
    ),
)  # fmt: skip

SUBSCRIPTION_FIELDS: Final = (
    "number", "reference", "description", "party", "state", "start_date", "end_date", "next_invoice_date",
    "currency.code", "invoice_recurrence.name", "last_modified_at",
    *_under(
        "lines", "service.product", "service.product.code", "service.product.name", "description", "quantity",
        "unit_price", "start_date", "end_date", "consumed_until", "next_consumption_date", "last_modified_at",
    ),
)  # fmt: skip

PRODUCT_FIELDS: Final = (
    "code", "name", "active", "rentable", "type", "list_price", "default_uom.symbol", "rental_unit.name",
    "last_modified_at",
)  # fmt: skip

INVOICE_FIELDS: Final = (
    "number", "reference", "party", "type", "state", "invoice_date", "currency.code", "untaxed_amount", "tax_amount",
    "total_amount", "amount_to_pay", "lines_to_pay", "sale_rentals", "origin_invoices", "last_modified_at",
    *_under("lines", "type", "description", "product.name", "quantity", "unit_price", "amount", "origin"),
    *_under("taxes", "description", "amount"),
)  # fmt: skip

SHOWN: Final = (["type", "=", "out"], ["state", "in", ["posted", "paid"]])
"""Which invoices a customer may see: the final ones, credit notes among them."""

MOVE_LINE_FIELDS: Final = (
    "date", "debit", "credit", "move_origin", "move_origin.rec_name", "move_state", "maturity_date", "description",
    "move_description_used", "reconciliation", "payment_amount", "party", "last_modified_at",
)  # fmt: skip

PAYMENT_FIELDS: Final = (
    "number", "reference", "party", "amount", "date", "state", "kind", "line", "line.move_origin", "currency.code",
    "journal", "journal.name", "last_modified_at",
)  # fmt: skip

DEBIT_FIELDS: Final = (
    "party", "journal", "journal.name", "journal.process_method", "type", "sequence", "last_modified_at",
)  # fmt: skip
NOTE_FIELDS: Final = ("resource", "message", "create_date", "create_uid", "create_uid.name", "last_modified_at")
ATTACHMENT_FIELDS: Final = (
    "name", "resource", "type", "description", "data_size", "create_date", "last_modified_at",
)  # fmt: skip

RENTAL_STATES: Final[Mapping[str, RentalState]] = {
    "draft": RentalState.QUOTE,
    "quotation": RentalState.QUOTE,
    "confirmed": RentalState.RESERVED,
    "picked up": RentalState.ACTIVE,
    "done": RentalState.CLOSED,
    "cancelled": RentalState.CANCELLED,
}
"""Of a contract of which nothing is out; one of which something is out is active, whatever this word."""

SUBSCRIPTION_STATES: Final[Mapping[str, RentalState]] = {
    "draft": RentalState.QUOTE,
    "quotation": RentalState.QUOTE,
    "running": RentalState.ACTIVE,
    "closed": RentalState.CLOSED,
    "cancelled": RentalState.CANCELLED,
}

INVOICE_STATES: Final[Mapping[str, InvoiceState]] = {
    "draft": InvoiceState.DRAFT,
    "validated": InvoiceState.UNSENT,
    "posted": InvoiceState.SENT,
    "paid": InvoiceState.PAID,
    "cancelled": InvoiceState.VOID,
}

PAYMENT_STATES: Final[Mapping[str, PaymentState]] = {
    "draft": PaymentState.PLANNED,
    "submitted": PaymentState.SENT,
    "approved": PaymentState.SENT,
    "processing": PaymentState.PENDING,
    "succeeded": PaymentState.SUCCEEDED,
    "failed": PaymentState.FAILED,
}
