"""An invoice and a receipt as sheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from pmsbridge.model.invoices import Invoice, InvoiceLine
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Payment, PaymentState
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.formats import clean, day, figure, file_name, money, one_line
from pmsbridge.portal.papers.labels import KIND_WORDS
from pmsbridge.portal.papers.sheet import Column, Fact, Line, Sheet

__all__ = ["RECEIPT_STATES", "invoice_sheet", "receipt_sheet"]

RECEIPT_STATES = frozenset({
    PaymentState.SUCCEEDED, PaymentState.REVERSED, PaymentState.REFUNDED, PaymentState.DISPUTED,
})  # fmt: skip
"""Payments that were made, whatever became of them then: their receipt says it."""


def invoice_sheet(invoice: Invoice, letter: Correspondence, *, labels: Mapping[str, str], today: date) -> Sheet:
    """The sheet of an invoice.

    Args:
        invoice: As the back office tells it now.
        letter: Who writes to whom.
        labels: What people call each rental, by its id.
        today: The business date that says what is past due.
    """
    say, tongue = letter.say, letter.language
    number = one_line(invoice.number)
    return Sheet(
        language=tongue, title=say("invoice"), subtitle=number, file_name=file_name(say("invoice"), number),
        dated_on=invoice.issued_on, letterhead=letter.letterhead, sender=letter.sender, addressee=letter.addressee,
        facts=tuple(_invoice_facts(invoice, letter)), tiles=tuple(_invoice_tiles(invoice, letter)),
        columns=tuple(_invoice_columns(invoice, letter)), lines=tuple(_invoice_lines(invoice, letter, labels)),
        totals=tuple(_invoice_totals(invoice, letter, today)), notes=tuple(_invoice_notes(invoice, letter)),
    )  # fmt: skip


def _invoice_facts(invoice: Invoice, letter: Correspondence) -> Iterator[Fact]:
    yield Fact(letter.say("invoice_number"), one_line(invoice.number))
    yield Fact(letter.say("issued"), day(invoice.issued_on, letter.language))
    yield Fact(letter.say("due"), day(invoice.due_on, letter.language) if invoice.due_on else letter.say("on_receipt"))
    yield Fact(letter.say("account_number"), letter.tenant.id)


def _invoice_tiles(invoice: Invoice, letter: Correspondence) -> Iterator[Fact]:
    told = money(invoice.total, letter.language)
    yield Fact(letter.say(_total_key(invoice)), told, is_strong=invoice.balance is None)
    if invoice.paid is not None:
        yield Fact(letter.say("paid"), money(invoice.paid, letter.language))
    if invoice.balance is not None:
        yield Fact(letter.say("balance_due"), money(invoice.balance, letter.language), is_strong=True)


def _amounts(invoice: Invoice) -> tuple[str, ...]:
    """What is told of each line: nothing of tax where the back office tells nothing of it."""
    if not invoice.tax_is_known:
        return ("net",)
    return ("net", "tax", "total") if invoice.lines else ("total",)


def _total_key(invoice: Invoice) -> str:
    return "total" if invoice.tax_is_known else "total_net"


def _invoice_columns(invoice: Invoice, letter: Correspondence) -> Iterator[Column]:
    yield Column(letter.say("unit"), width=24)
    yield Column(letter.say("description"))
    for name in _amounts(invoice):
        yield Column(letter.say(name), width=27, is_amount=True)


def _invoice_lines(invoice: Invoice, letter: Correspondence, labels: Mapping[str, str]) -> Iterator[Line]:
    zero = Money.zero(invoice.total.currency)
    lines = invoice.lines or (InvoiceLine(description=letter.say("invoice"), net=invoice.total, tax=zero),)
    for each in lines:
        unit = each.unit_number or labels.get(each.rental_id or "", "")
        amounts = {"net": each.net, "tax": each.tax, "total": each.gross}
        told = tuple(figure(amounts[name].amount, letter.language) for name in _amounts(invoice))
        yield Line((one_line(unit), clean(each.description) or KIND_WORDS[letter.language][EntryKind.CHARGE], *told))


def _invoice_totals(invoice: Invoice, letter: Correspondence, today: date) -> Iterator[Fact]:
    tongue, currency = letter.language, invoice.total.currency
    if invoice.tax_is_known and invoice.lines:
        yield Fact(letter.say("net"), money(sum_money((each.net for each in invoice.lines), currency), tongue))
        yield Fact(letter.say("tax"), money(sum_money((each.tax for each in invoice.lines), currency), tongue))
    yield Fact(letter.say(_total_key(invoice)), money(invoice.total, tongue), is_strong=True)
    if invoice.paid is not None:
        yield Fact(letter.say("paid"), money(-invoice.paid, tongue))
    if invoice.balance is not None:
        is_late = invoice.balance.is_positive and invoice.due_on is not None and invoice.due_on < today
        if is_late:
            yield Fact(letter.say("past_due"), money(invoice.balance, tongue), is_warning=True)
        else:
            yield Fact(letter.say("balance_due"), money(invoice.balance, tongue), is_strong=True)


def _invoice_notes(invoice: Invoice, letter: Correspondence) -> Iterator[str]:
    yield letter.say("amounts_in", currency=invoice.total.currency)
    if not invoice.tax_is_known:
        yield letter.say("before_tax")


def receipt_sheet(payment: Payment, letter: Correspondence, *, labels: Mapping[str, str], rental_id: str) -> Sheet:
    """The sheet of a receipt.

    Args:
        payment: One of ``RECEIPT_STATES``.
        letter: Who writes to whom.
        labels: What people call each rental, by its id.
        rental_id: The rental it was read for, where it says nothing of what it settled.
    """
    say, tongue = letter.say, letter.language
    number = one_line(payment.receipt or payment.id)
    amount = money(payment.amount, tongue)
    return Sheet(
        language=tongue, title=say("receipt"), subtitle=number, file_name=file_name(say("receipt"), number),
        dated_on=payment.paid_on, letterhead=letter.letterhead, sender=letter.sender, addressee=letter.addressee,
        facts=tuple(_receipt_facts(payment, letter, number)),
        tiles=(
            Fact(say("paid_on"), day(payment.paid_on, tongue)), Fact(say("amount_paid"), amount, is_strong=True),
        ),
        columns=(Column(say("description")), Column(say("amount"), width=34, is_amount=True)),
        lines=tuple(_receipt_lines(payment, letter, labels, rental_id)),
        totals=(Fact(say("amount_paid"), amount, is_strong=True), *_fate(payment, letter)),
        notes=(say("amounts_in", currency=payment.amount.currency), *_thanks(payment, letter)),
    )  # fmt: skip


def _receipt_facts(payment: Payment, letter: Correspondence, number: str) -> Iterator[Fact]:
    yield Fact(letter.say("receipt_number"), number)
    yield Fact(letter.say("paid_on"), day(payment.paid_on, letter.language))
    yield Fact(letter.say("account_number"), letter.tenant.id)
    if payment.method_text:
        yield Fact(letter.say("paid_by"), clean(payment.method_text))
    if payment.reference:
        yield Fact(letter.say("reference"), clean(payment.reference))


def _receipt_lines(
    payment: Payment, letter: Correspondence, labels: Mapping[str, str], rental_id: str
) -> Iterator[Line]:
    parts = [(each.rental_id, each.invoice_id, each.amount) for each in payment.allocations]
    for rental, invoice, amount in parts or [(rental_id, None, payment.amount)]:
        unit = f"{letter.say('unit')} {labels[rental]}" if rental in labels else ""
        bill = f"{letter.say('invoice')} {invoice}" if invoice else ""
        what = ", ".join(part for part in (unit, bill) if part)
        told = letter.say("payment_for", what=what) if what else letter.say("payment")
        yield Line((one_line(told), figure(amount.amount, letter.language)))


def _fate(payment: Payment, letter: Correspondence) -> Iterator[Fact]:
    if payment.state is not PaymentState.SUCCEEDED:
        yield Fact(letter.say("state"), letter.say(payment.state.value), is_warning=True)


def _thanks(payment: Payment, letter: Correspondence) -> Iterator[str]:
    if payment.state is PaymentState.SUCCEEDED:
        yield letter.say("thanks")
