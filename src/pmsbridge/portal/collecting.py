"""Verbs of staff about money that a tenant is asked for: ask, and withdraw. What a tenant sees of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payable import account_row, row_of_invoice
from pmsbridge.actions.payment_requests import PaymentRequest, request_text
from pmsbridge.actions.plan import Plan
from pmsbridge.actions.scribe import Written
from pmsbridge.actions.sections import Section, refuse_closed
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.money import Money
from pmsbridge.portal.arguments import checked_amount, checked_day, checked_id
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.letters import names_in_letters
from pmsbridge.portal.moving import Moving
from pmsbridge.portal.office import Office
from pmsbridge.portal.papers.formats import spoken
from pmsbridge.portal.typed import checked_text, refuse_past

if TYPE_CHECKING:
    from pmsbridge.actions.plans import Planner

__all__ = ["Collecting"]


class Collecting(Moving):
    """A part of ``TenantSession``."""

    def payment_requests(self) -> tuple[PaymentRequest, ...]:
        """What staff asked this tenant to pay, newest first, with what became of it. Live.

        Raises:
            IneligibleError: Billing is switched off ("section_off").
            UnavailableError: The back office is away and there is no copy; or it cannot tell of payments now.
        """
        refuse_closed(Section.BILLING, self._office.rules)
        return AskedPayments(self._office).live(self._office.read())

    def ask_payment(
        self,
        amount: Money,
        reason: str,
        *,
        key: str,
        rental_id: str | None = None,
        invoice_id: str | None = None,
        due_on: date | None = None,
        text: str = "",
    ) -> ActionView:
        """For staff: ask the tenant for an amount. They are told by mail, and pay by ``pay_request``.

        The request stands from now on, whatever becomes of the mail; the outcome says whether it was sent.

        Args:
            amount: In the facility's currency; all of it is paid, or nothing.
            reason: One line that the tenant reads.
            key: The idempotency key of this click: with the same one nothing is asked for twice.
            rental_id: What it is for: one of the tenant's rentals.
            invoice_id: What it is for: one of the tenant's invoices. Without either, money on account.
            due_on: Business date; None for no day in particular.
            text: More words for the tenant.

        Raises:
            InputError: The amount, the day or a text does not fit, or it is for two things; nothing was tried.
            IneligibleError: The session is not of staff ("staff_only"), the tenant could not pay it: in cash only
                ("cash_only"), not online, not while billing is switched off ("section_off") or a unit is under a lien
                (see the code); or has no address to mail to and nothing a note can be put beside ("no_way_to_tell"), or
                the facility takes no money on account.
            NotFoundError: The rental or invoice is not this tenant's.
            UnsupportedError: This back office cannot take a payment, or not one that is aimed so.
        """
        wanted, line = _checked_amount(amount), checked_text("reason", reason, limit=100)
        words = checked_text("text", text) if text else ""
        if rental_id is not None and invoice_id is not None:
            raise InputError("invoice_id", "is given beside a rental", remedy="Name one of them, or neither.")
        rental = checked_id("rental_id", rental_id) if rental_id is not None else None
        invoice = checked_id("invoice_id", invoice_id) if invoice_id is not None else None
        day = checked_day("due_on", due_on) if due_on is not None else None

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            office = self._office
            office.allowed(ActionKind.ASK_PAYMENT, account)
            refuse_past("due_on", day, planner.today)
            if wanted.currency != account.facility.currency:
                raise InputError("amount", f"must be in {account.facility.currency}")
            row = self._row_asked_for(account, wanted, rental, invoice)
            note = request_text(wanted, line, day)
            return self._told(account, planner, row, note, _Mail("payment_request", wanted, line, words, day))

        intent = {
            "rental_id": rental, "invoice_id": invoice, "amount": stored_document(wanted), "reason": line,
            "text": words, "due_on": day.isoformat() if day is not None else None,
        }  # fmt: skip
        return self._perform(ActionKind.ASK_PAYMENT, key, intent)(decide)

    def withdraw_request(self, request_id: str, *, key: str) -> ActionView:
        """For staff: take a payment request back. The tenant is told by mail; it cannot be paid any more.

        Raises:
            IneligibleError: The session is not of staff ("staff_only"); it is paid ("request_paid"), being paid
                ("payment_being_confirmed") or withdrawn already ("request_withdrawn").
            NotFoundError: There is no such request to this tenant.
        """
        wanted = checked_id("request_id", request_id)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            office = self._office
            request = AskedPayments(office).one(account, wanted)
            office.allowed(ActionKind.WITHDRAW_REQUEST, account, asked=Asked(request=request))
            note = request_text(request.amount, request.reason, request.due_on, is_withdrawn=True)
            row = account.rental(request.rental_id) if request.rental_id is not None else account_row(account)
            mail = _Mail("payment_request_withdrawn", request.amount, request.reason)
            return self._told(account, planner, row, note, mail)

        return self._perform(ActionKind.WITHDRAW_REQUEST, key, {"request_id": wanted})(decide)

    def _row_asked_for(
        self, account: TenantAccount, amount: Money, rental_id: str | None, invoice_id: str | None
    ) -> RentalAccount | None:
        """What the note is put beside; refuses what could never be paid."""
        office = self._office
        if rental_id is not None:
            row = account.rental(rental_id)
            if row is None:
                raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the account.")
            return row
        if invoice_id is None:
            office.allowed(ActionKind.PAY_ON_ACCOUNT, account, asked=Asked(amount=amount))
            return account_row(account)
        office.allowed(ActionKind.PAY_INVOICE, account)
        books = office.invoice_books
        assert books is not None  # noqa: S101 - the judge would have refused
        try:
            found = books.invoice(office.facility, office.tenant_id, invoice_id)
        except NotFoundError as error:
            raise NotFoundError("invoice_id", "is not an invoice of this tenant", code=error.code) from None
        row = row_of_invoice(account, found)
        if row is None:  # nothing here takes a part of it as a whole, and a request is never paid line by line
            office.allowed(ActionKind.PAY_INVOICE, account, asked=Asked(invoice=found, amount=amount))
        return row

    def _told(
        self, account: TenantAccount, planner: Planner, row: RentalAccount | None, note: str, mail: _Mail
    ) -> Plan:
        """The tenant by mail, in their language; and a note where the back office keeps any."""
        office = self._office
        language = office.language_of(account.tenant) or office.scribe(account).language
        plan = planner.tell_tenant(mail.written(office, account, language), language, row, note)
        if plan is None:
            message = "There is neither an address to mail to nor a place for a note."
            raise IneligibleError(message, code="no_way_to_tell", unblock="Enter an e-mail address in the back office.")
        return plan


@dataclass(frozen=True, slots=True)
class _Mail:
    """What a tenant is told of a request."""

    kind: str
    amount: Money
    reason: str
    text: str = ""
    due_on: date | None = None

    def written(self, office: Office, account: TenantAccount, language: str) -> Written:
        """In words."""
        names = names_in_letters(office, account.tenant.name.greeting, account.facility)
        more = {"amount": self.amount, "reason": self.reason, "text": self.text, "due_on": self.due_on}
        return office.notices.letter(self.kind, spoken(language), {**names, **more})


def _checked_amount(amount: Money) -> Money:
    checked = checked_amount(amount)
    if checked is None or not checked.is_payable:
        raise InputError("amount", "cannot be paid", remedy='Like Money.of("12.50", "USD").')
    return checked
