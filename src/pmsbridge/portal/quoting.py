"""Quotes: what would be paid, judged as the payment itself is, and kept until it is paid or too old."""

from __future__ import annotations

from collections.abc import Sequence

from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payable import (
    account_row,
    ahead_lines,
    all_lines,
    due_lines,
    lines_asked,
    lines_of_invoice,
    lines_of_request,
    row_of_invoice,
)
from pmsbridge.actions.payment_requests import PaymentRequest, RequestState
from pmsbridge.actions.plan import may_settle
from pmsbridge.actions.quotes import PaymentQuote, QuoteLine, line_of, refuse_moved_lines
from pmsbridge.errors import InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentIntent
from pmsbridge.model.record import Source
from pmsbridge.portal.arguments import checked_amount, checked_id, checked_months, shape_of
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.office import Office, rental_of
from pmsbridge.portal.performing import StillConfirmed
from pmsbridge.portal.what_is_paid import checked_ids, checked_lines, one_or_all, some_amount
from pmsbridge.ports.books import InvoicePort

__all__ = ["Quoting"]


class Quoting:
    """Quote what would be paid. Amounts are in the facility's currency: what the payer pays."""

    _office: Office

    def quote(self, rental_id: str, amount: Money | None = None) -> PaymentQuote:
        """Quote the balance of one rental, or a part of it. Live; writes nothing.

        Args:
            rental_id: One of this tenant's rentals.
            amount: A custom amount up to what may be paid now; None for all of it.

        Raises:
            IneligibleError: Nothing is due, the amount does not fit, or payments are blocked; the code says which.
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        rental, part = checked_id("rental_id", rental_id), checked_amount(amount)
        return self._kept(self._rental_quote(self._office.read_live(), rental, part))

    def quote_all(self) -> PaymentQuote:
        """Quote everything that is due. Live; writes nothing.

        Raises:
            IneligibleError: A bill is not made yet ("not_all_billed" names the unit), it is not told whether it is
                ("billing_not_known"), nothing is due, or blocked.
            UnavailableError: The back office cannot be read now.
        """
        return self._kept(self._all_quote(self._office.read_live()))

    def quote_prepay(self, months: int, rental_id: str | None = None) -> PaymentQuote:
        """Quote paying whole months ahead, for one rental or for all. Live; writes nothing.

        Args:
            months: 1 to the facility's limit, at most 12.
            rental_id: One rental; None for every current rental of the tenant.

        Raises:
            IneligibleError: There is a balance, a move-out is scheduled, or the months are out of range.
            UnavailableError: The back office cannot be read now.
        """
        wanted, rental = checked_months(months), one_or_all(rental_id)
        return self._kept(self._prepay_quote(self._office.read_live(), wanted, rental))

    def quote_invoice(
        self, invoice_id: str, amount: Money | None = None, *, lines: Sequence[str] | None = None
    ) -> PaymentQuote:
        """Quote the balance of one invoice, a part of it, or some of its lines. Live; writes nothing.

        Args:
            invoice_id: One of this tenant's invoices.
            amount: A custom amount up to the invoice's balance; None for all of it.
            lines: Ids of lines of the invoice, each once, to be settled in full while the others stay open; None for
                the invoice as a whole. Not together with an amount.

        Raises:
            InputError: There are lines and an amount, no line, or one comes twice.
            IneligibleError: Nothing is due on it, the amount does not fit, a line is settled ("line_settled") or cannot
                be settled by itself here ("lines_not_settled"), or payments are blocked; see the code.
            NotFoundError: The invoice is not this tenant's, or has no such line.
            UnsupportedError: This back office cannot settle a single invoice.
            UnavailableError: The back office cannot be read now.
        """
        invoice, part = checked_id("invoice_id", invoice_id), checked_amount(amount)
        wanted = checked_lines(lines, amount=part)
        return self._kept(self._invoice_quote(self._office.read_live(), invoice, part, wanted))

    def quote_invoices(self, invoice_ids: Sequence[str]) -> PaymentQuote:
        """Quote the balances of several invoices, to be paid by one click. Live; writes nothing.

        Each invoice is a payment of its own in the back office, with an outcome of its own: ``pay`` answers with one
        step per invoice. One of several rentals is settled line by line, where the back office can.

        Args:
            invoice_ids: Of this tenant's invoices, each once; at most 50.

        Raises:
            InputError: There is none, one comes twice, or there are too many.
            IneligibleError: Nothing is due on one, or payments are blocked; see the code.
            NotFoundError: One is not this tenant's.
            UnsupportedError: This back office cannot settle a single invoice.
            UnavailableError: The back office cannot be read now.
        """
        wanted = checked_ids("invoice_ids", invoice_ids)
        account = self._office.read_live()
        lines = [line for each in wanted for line in self._invoice_quote(account, each, None).lines]
        return self._kept(PaymentQuote.make(account, PaymentIntent.INVOICES, lines))

    def quote_on_account(self, amount: Money) -> PaymentQuote:
        """Quote money that the office keeps for this tenant until it is due. Live; writes nothing.

        Raises:
            IneligibleError: The facility takes none, or the amount does not fit; the code says which.
            UnsupportedError: This back office keeps no account for a customer.
            UnavailableError: The back office cannot be read now.
        """
        wanted = some_amount(amount)
        return self._kept(self._account_quote(self._office.read_live(), wanted))

    def quote_request(self, request_id: str) -> PaymentQuote:
        """Quote exactly what the office asked for. Live; writes nothing.

        Args:
            request_id: Of one of ``payment_requests()``.

        Raises:
            IneligibleError: It is paid ("request_paid"), withdrawn ("request_withdrawn") or being paid, nothing is due
                of what it is about any more, or payments are blocked; see the code.
            NotFoundError: There is no such request to this tenant.
            UnavailableError: The back office cannot be read now.
        """
        wanted = checked_id("request_id", request_id)
        return self._kept(self._request_quote(self._office.read_live(), wanted))

    # -- parts ---------------------------------------------------------------------------------------------------

    def _rental_quote(self, account: TenantAccount, rental_id: str, amount: Money | None) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_RENTAL, account, rental_id=rental_id, asked=Asked(amount=amount))
        row = rental_of(account, rental_id)
        intent = PaymentIntent.CUSTOM if amount is not None else PaymentIntent.BALANCE
        line = line_of(row, amount=row.balances.payable_now if amount is None else amount)
        return PaymentQuote.make(account, intent, [line])

    def _invoice_quote(
        self, account: TenantAccount, invoice_id: str, amount: Money | None, line_ids: tuple[str, ...] | None = None
    ) -> PaymentQuote:
        asked = self._invoice_asked(account, invoice_id, amount, line_ids)
        return PaymentQuote.make(account, PaymentIntent.INVOICES, self._invoice_lines(account, asked))

    def _invoice_asked(
        self, account: TenantAccount, invoice_id: str, amount: Money | None, line_ids: tuple[str, ...] | None = None
    ) -> Asked:
        """What the judge is asked about an invoice: of all of it, by which lines it would be settled."""
        invoice = self._live_invoice(account, invoice_id)
        wanted = lines_asked(account, invoice, amount) if line_ids is None else line_ids
        missing = [each for each in wanted or () if self._office.settles_lines and invoice.line(each) is None]
        if missing:
            raise NotFoundError("lines", "names no line of this invoice", shape=f"{len(missing)} ids")
        return Asked(invoice=invoice, amount=amount, line_ids=wanted)

    def _invoice_lines(self, account: TenantAccount, asked: Asked) -> list[QuoteLine]:
        """What paying an invoice that was read would pay, where the judge allows it."""
        invoice = asked.invoice
        assert invoice is not None  # noqa: S101 - it was read
        self._office.allowed(ActionKind.PAY_INVOICE, account, asked=asked)
        return lines_of_invoice(account, invoice, asked.amount, asked.line_ids)

    def _live_invoice(self, account: TenantAccount, invoice_id: str) -> Invoice:
        """An invoice as read now, less what it may not show yet of what was paid, where the account says so too."""
        self._office.allowed(ActionKind.PAY_INVOICE, account)
        books = self._office.invoice_books
        if books is None:  # pragma: no cover - the judge has refused
            message = "the judge let a payment pass that this back office cannot aim"
            raise TypeError(message)
        invoice = self._own_invoice(books, invoice_id)
        row = row_of_invoice(account, invoice)
        if account.source is Source.OVERLAY:
            return self._office.runtime.overlaid_invoice(account, row, invoice)
        return invoice

    def _may_be_paid_by(self, guard: str, invoice_id: str, line_ids: tuple[str, ...] | None) -> bool:
        """Whether an open payment may be all that was asked for: an invoice, or lines of which none owes anything."""
        books = self._office.invoice_books
        assert books is not None  # noqa: S101 - the judge has refused others
        invoice = self._own_invoice(books, invoice_id)
        if line_ids is not None and due_lines(invoice, line_ids):
            return False
        about = {line.rental_id or "" for line in invoice.lines if line_ids is None or line.id in line_ids}
        return may_settle(guard, about, invoice_id, line_ids)

    def _own_invoice(self, books: InvoicePort, invoice_id: str) -> Invoice:
        try:
            return books.invoice(self._office.facility, self._office.tenant_id, invoice_id)
        except NotFoundError as error:
            raise NotFoundError("invoice_id", "is not an invoice of this tenant", code=error.code) from None

    def _account_quote(self, account: TenantAccount, amount: Money) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_ON_ACCOUNT, account, asked=Asked(amount=amount))
        row = account_row(account)
        if row is None:  # pragma: no cover - the judge has refused
            message = "the judge let money pass that no account takes"
            raise AssertionError(message)
        return PaymentQuote.make(account, PaymentIntent.ON_ACCOUNT, [line_of(row, amount=amount)])

    def _all_quote(self, account: TenantAccount) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_ALL, account)
        return PaymentQuote.make(account, PaymentIntent.ALL_RENTALS, all_lines(account))

    def _prepay_quote(self, account: TenantAccount, months: int, rental_id: str | None) -> PaymentQuote:
        self._office.allowed(ActionKind.PREPAY, account, rental_id=rental_id, asked=Asked(months=months))
        answer = self._office.adapter.prepay_quote(self._office.facility, self._office.tenant_id, months)
        ahead = {line.rental_id: line.future for line in answer.lines}
        asked = Asked(months=months, ahead=ahead)
        self._office.allowed(ActionKind.PREPAY, account, rental_id=rental_id, asked=asked)
        lines = ahead_lines(account, rental_id, ahead)
        return PaymentQuote.make(account, PaymentIntent.PREPAY, lines, months=months, through=answer.through)

    def _request_quote(self, account: TenantAccount, request_id: str) -> PaymentQuote:
        request = AskedPayments(self._office).one(account, request_id)
        asked = Asked(request=request, invoice=self._invoice_of(account, request))
        self._office.allowed(ActionKind.PAY_REQUEST, account, asked=asked)
        lines = lines_of_request(account, request, asked.invoice)
        return PaymentQuote.make(account, PaymentIntent.REQUEST, lines)

    def _invoice_of(self, account: TenantAccount, request: PaymentRequest) -> Invoice | None:
        """The invoice that an open request is about."""
        is_read = request.invoice_id is not None and request.is_open
        return self._live_invoice(account, request.invoice_id or "") if is_read else None

    def _attach_to_its_payment(self, account: TenantAccount, request_id: str) -> None:
        """A second click for a request is the payment of it that is being confirmed.

        Raises:
            StillConfirmed: There is one.
        """
        request = AskedPayments(self._office).one(account, request_id)
        if request.state is RequestState.BEING_CONFIRMED:
            raise StillConfirmed(request.paid_by)

    def _priced(self, months: int) -> dict[str, Money]:
        """By rental, what months ahead cost; nothing where the back office has no price for them."""
        office = self._office
        try:
            answer = office.adapter.prepay_quote(office.facility, office.tenant_id, months)
        except UnsupportedError:
            return {}
        return {line.rental_id: line.future for line in answer.lines}

    def _judge_again(self, account: TenantAccount, quote: PaymentQuote) -> None:
        if quote.intent is PaymentIntent.ALL_RENTALS:
            self._office.allowed(ActionKind.PAY_ALL, account)
        elif quote.intent is PaymentIntent.PREPAY:
            one = quote.lines[0].rental_id if len(quote.lines) == 1 and account_row(account) is None else None
            self._office.allowed(ActionKind.PREPAY, account, rental_id=one, asked=Asked(months=quote.months))
        elif quote.intent is PaymentIntent.ON_ACCOUNT:
            self._office.allowed(ActionKind.PAY_ON_ACCOUNT, account, asked=Asked(amount=quote.lines[0].amount))
        elif quote.intent is PaymentIntent.INVOICES:
            self._judge_invoices_again(account, quote)
        elif quote.intent is PaymentIntent.REQUEST:
            self._request_quote(account, quote.lines[0].request_id or "")
        else:
            line = quote.lines[0]
            self._office.allowed(
                ActionKind.PAY_RENTAL, account, rental_id=line.rental_id, asked=Asked(amount=line.amount)
            )

    def _judge_invoices_again(self, account: TenantAccount, quote: PaymentQuote) -> None:
        named: dict[str, list[str]] = {}
        for line in quote.lines:
            if line.line_id is None:
                invoice = self._live_invoice(account, line.invoice_id or "")
                self._invoice_lines(account, Asked(invoice=invoice, amount=line.amount))
            else:
                named.setdefault(line.invoice_id or "", []).append(line.line_id)
        for invoice_id, line_ids in named.items():
            now = self._invoice_quote(account, invoice_id, None, tuple(line_ids))
            refuse_moved_lines(quote, now)

    def _kept(self, quote: PaymentQuote) -> PaymentQuote:
        self._office.runtime.quotes.keep(quote)
        return quote

    def _own(self, quote: PaymentQuote | str) -> PaymentQuote:
        """The quote as this tenant's session made it."""
        office = self._office
        if not isinstance(quote, PaymentQuote | str):
            raise InputError("quote", "is no quote", shape=shape_of(quote), remedy="Ask this session for a quote.")
        quote_id = checked_id("quote", quote) if isinstance(quote, str) else quote.id
        kept = office.runtime.quotes.get(
            quote_id, account=office.account_name, facility=office.facility, tenant_id=office.tenant_id
        )
        if kept is None or (isinstance(quote, PaymentQuote) and quote != kept):
            problem = "was not made in this session, or is not as it was made"
            raise InputError("quote", problem, remedy="Ask this session for a quote.")
        return kept
