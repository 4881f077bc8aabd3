"""Papers of one tenant: what the back office keeps, and what is made here where it has no PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date, timedelta
from typing import Final
from urllib.parse import quote, unquote

from pmsbridge.actions.sections import Section
from pmsbridge.errors import ConfigurationError, IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Document, DocumentKind, Quote, SignatureState
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import AgedBalance
from pmsbridge.model.payments import Payment
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import RentalKind
from pmsbridge.portal.arguments import checked_id, checked_whole, checked_words
from pmsbridge.portal.papers.bills import RECEIPT_STATES, invoice_sheet, receipt_sheet
from pmsbridge.portal.papers.contracts import contract_sheet
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.formats import spoken
from pmsbridge.portal.papers.handing_out import guarded
from pmsbridge.portal.papers.labels import label
from pmsbridge.portal.papers.library import drawer
from pmsbridge.portal.papers.sheet import Paper
from pmsbridge.portal.papers.statements import StatementFacts, statement_sheet
from pmsbridge.portal.reckoning import Reckoning, no_way
from pmsbridge.ports.books import CustomerAccountPort, PaperContent, PaperlessPort, PaperPort

__all__ = ["Papering"]

_LARGEST_BYTES: Final = 50_000_000
_OURS: Final = "our"
_LISTED: Final = timedelta(days=365)
_LOOKED_FOR: Final = (365, 3660)
"""How many days back an invoice is looked for: first where it probably is."""


class Papering(Reckoning):
    """Papers to read, to save and to print."""

    def documents(self) -> Sequence[Document]:
        """Papers of this tenant, newest first. Live.

        Where the back office keeps no papers, these are the invoices and receipts of the last year, which are made here
        when they are opened; that needs ``pmsbridge[pdf]``, and reads the payments of every rental, a call each. A
        statement is never listed: ``statement_pdf`` makes it.

        Raises:
            UnsupportedError: This back office keeps none, and none can be made here.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.DOCUMENTS)
        office = self._office
        if (keeper := self._paper_keeper) is not None:
            return keeper.documents(office.facility, office.tenant_id)
        try:
            drawer()
        except ConfigurationError:
            raise no_way("show papers") from None
        found = self._made_here() if Section.BILLING not in office.rules.closed_sections else ()
        return sorted(found, key=lambda paper: (paper.dated_on or date.min, paper.id), reverse=True)

    def quotes(self) -> Sequence[Quote]:
        """Offers to this tenant, newest first. Live.

        Raises:
            UnsupportedError: This back office keeps none.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.DOCUMENTS)
        office = self._office
        if not isinstance(office.adapter, PaperPort):
            raise no_way("show quotes")
        return office.adapter.quotes(office.facility, office.tenant_id)

    def document(self, document_id: str, *, limit_bytes: int = _LARGEST_BYTES) -> AbstractContextManager[PaperContent]:
        """The bytes of one document, as a context: they are streamed while it is open. Live.

        The type is what the first bytes bear out, else "application/octet-stream", which a browser saves and never
        shows.

        Args:
            document_id: From ``documents``.
            limit_bytes: Reading past so many raises ``RejectedError`` ("too_large").

        Raises:
            NotFoundError: The document is not this tenant's.
            ConfigurationError: It is one of ours; see ``statement_pdf``.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.DOCUMENTS)
        office, wanted = self._office, checked_id("document_id", document_id)
        limit = checked_whole("limit_bytes", limit_bytes, low=1, high=2**40)
        if (keeper := self._paper_keeper) is not None:
            return _streamed(keeper.content(office.facility, office.tenant_id, wanted), limit)
        return _held(self._made_anew(wanted), limit)

    def statement_pdf(
        self, as_of: date, *, rental_id: str | None = None, days: int = 90, language: str | None = None
    ) -> Paper:
        """A statement as a PDF: opening balance, every movement, closing balance. Live.

        What is due and past due is printed on a statement of today only; on another day nobody can say. How long it has
        been due is printed where the back office tells it of any day.

        Args:
            as_of: Last business date, inclusive.
            rental_id: One of this tenant's rentals; None for everything this tenant has.
            days: How far back, 1 to 3,660.
            language: "en", "fr" or a tag that begins so; None for the tenant's own, as asked for
                last, else as the record says; English where that is not known.

        Raises:
            InputError: A date or a number of days that cannot be meant.
            NotFoundError: The rental is not this tenant's.
            ConfigurationError: ``pmsbridge[pdf]`` is not installed, or the letterhead's logo or font cannot be used.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        draw = drawer()
        self._check_days(as_of, days)
        wanted = checked_id("rental_id", rental_id) if rental_id is not None else None
        account = self._office.read() if wanted is None else self._own_rental(wanted)
        row = account.rental(wanted) if wanted is not None else None
        is_today = as_of == self._office.today(account)
        facts = StatementFacts(
            statement=self._statement(account, wanted, as_of, days), labels=_labels(account, wanted),
            balances=(row.balances if row is not None else account.total) if is_today else None,
            aged=self._aged(as_of) if wanted is None else None,
        )  # fmt: skip
        return draw(statement_sheet(facts, self._letter(account, language)))

    def invoice_pdf(self, invoice_id: str, *, language: str | None = None) -> Paper:
        """An invoice as a PDF, made here from what the back office tells of it now. Live.

        Args:
            invoice_id: From ``invoices``.
            language: As for ``statement_pdf``.

        Raises:
            NotFoundError: The tenant has none of that id that a customer may see.
            ConfigurationError: As for ``statement_pdf``.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        draw = drawer()
        wanted, account = checked_id("invoice_id", invoice_id), self._office.read()
        today = self._office.today(account)
        letter = self._letter(account, language)
        return draw(invoice_sheet(self._shown_invoice(wanted, today), letter, labels=_labels(account), today=today))

    def receipt_pdf(self, rental_id: str, payment_id: str, *, language: str | None = None) -> Paper:
        """A receipt as a PDF for a payment that the back office has. Live. One that was reversed later says so.

        Args:
            rental_id: One of this tenant's rentals.
            payment_id: From ``payments`` of that rental.
            language: As for ``statement_pdf``.

        Raises:
            IneligibleError: The payment was not made, or not yet ("not_paid").
            NotFoundError: The rental is not this tenant's, or has no such payment.
            ConfigurationError: As for ``statement_pdf``.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        draw = drawer()
        rental, wanted = checked_id("rental_id", rental_id), checked_id("payment_id", payment_id)
        account, office = self._own_rental(rental), self._office
        paid = office.adapter.payments(office.facility, office.tenant_id, rental)
        payment = next((each for each in paid if each.id == wanted), None)
        if payment is None:
            raise NotFoundError("payment_id", "is no payment of this rental", remedy="Use an id from payments().")
        if payment.state not in RECEIPT_STATES:
            message = "There is no receipt: this payment was not made, or not yet."
            raise IneligibleError(message, code="not_paid")
        labels = _labels(account)
        return draw(receipt_sheet(payment, self._letter(account, language), labels=labels, rental_id=rental))

    def contract_pdf(self, rental_id: str, *, language: str | None = None) -> Paper:
        """A contract as a PDF: how it stands, and every item ordered, out and returned; of a unit, since when. Live.

        It is made here of what the back office tells now, and is no signed paper: that is among ``documents`` where the
        back office keeps one. Rent and balance are printed unless billing is switched off.

        Args:
            rental_id: One of this tenant's rentals.
            language: As for ``statement_pdf``.

        Raises:
            NotFoundError: The rental is not this tenant's.
            ConfigurationError: As for ``statement_pdf``.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.RENTALS)
        draw = drawer()
        wanted = checked_id("rental_id", rental_id)
        account = self._office.read_live()
        row = account.rental(wanted)
        if row is None:
            raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the dashboard.")
        shows_money = Section.BILLING not in self._office.rules.closed_sections
        letter = self._letter(account, language)
        return draw(contract_sheet(row, letter, today=self._office.today(account), shows_money=shows_money))

    # -- what they are made of -----------------------------------------------------------------------------------

    @property
    def _paper_keeper(self) -> PaperPort | None:
        """The back office, where it keeps papers."""
        adapter = self._office.adapter
        is_without = isinstance(adapter, PaperlessPort) and not adapter.keeps_papers
        return adapter if isinstance(adapter, PaperPort) and not is_without else None

    def _letter(self, account: TenantAccount, language: str | None) -> Correspondence:
        told = self._office.language_of(account.tenant) if language is None else checked_words("language", language)
        return Correspondence(self._office.rules.letterhead, account.facility, account.tenant, spoken(told))

    def _aged(self, on: date) -> AgedBalance | None:
        office = self._office
        if not isinstance(office.adapter, CustomerAccountPort):
            return None
        return office.adapter.aged_balance(office.facility, office.tenant_id, on=on)

    def _made_anew(self, document_id: str) -> Paper:
        """What an id of ``documents`` stands for."""
        ours, *parts = [unquote(part) for part in document_id.split(":")]
        match (ours, *parts):
            case (word, DocumentKind.INVOICE.value, str(invoice)) if word == _OURS and invoice:
                return self.invoice_pdf(invoice)
            case (word, DocumentKind.RECEIPT.value, str(rental), str(payment)) if word == _OURS and rental and payment:
                return self.receipt_pdf(rental, payment)
            case _:
                raise NotFoundError("document_id", "is no document of this tenant")

    def _shown_invoice(self, invoice_id: str, today: date) -> Invoice:
        for days in _LOOKED_FOR:
            # A paper says what the back office has, and nothing that is being confirmed.
            found = self._invoices_as_told(today - timedelta(days=days), today + timedelta(days=1))
            for invoice in found:
                if invoice.id == invoice_id:
                    return invoice
        raise NotFoundError("invoice_id", "is no invoice of this tenant", remedy="Use an id from invoices().")

    def _made_here(self) -> Iterator[Document]:
        """Invoices and receipts of the last year as documents."""
        account, office = self._office.read(), self._office
        tongue = spoken(office.language_of(account.tenant))
        with suppress(UnsupportedError):  # a back office without such a list has none to show
            for invoice in self.invoices():
                yield self._listed(
                    account, DocumentKind.INVOICE, (invoice.id,), title=f"{label('invoice', tongue)} {invoice.number}",
                    number=invoice.number, dated_on=invoice.issued_on, total=invoice.total,
                )  # fmt: skip
        first = office.today(account) - _LISTED
        for row in account.rentals:
            for payment in self._receipted(row.id, first):
                number = payment.receipt or payment.id
                yield self._listed(
                    account, DocumentKind.RECEIPT, (row.id, payment.id), title=f"{label('receipt', tongue)} {number}",
                    number=number, dated_on=payment.paid_on, total=payment.amount, rental_id=row.id,
                )  # fmt: skip

    def _receipted(self, rental_id: str, first: date) -> Iterator[Payment]:
        office = self._office
        with suppress(UnsupportedError):
            for payment in office.adapter.payments(office.facility, office.tenant_id, rental_id):
                if payment.state in RECEIPT_STATES and payment.paid_on >= first:
                    yield payment

    def _listed(self, account: TenantAccount, kind: DocumentKind, ids: tuple[str, ...], **fields: object) -> Document:
        own = account.tenant.ref
        id_ = ":".join([_OURS, kind.value, *(quote(each, safe="") for each in ids)])
        ref = VendorRef(system=own.system, account=own.account, facility=own.facility, entity=Document.entity, id=id_)
        return Document.model_validate({
            "ref": ref, "tenant_id": account.tenant.id, "kind": kind, "signature": SignatureState.NOT_NEEDED,
            "media_type": "application/pdf", **fields,
        })  # fmt: skip


def _labels(account: TenantAccount, rental_id: str | None = None) -> dict[str, str]:
    """What people call each rental, or the one; the customer's own account is none."""
    rows = [row for row in account.rentals if row.rental.kind is not RentalKind.ACCOUNT]
    return {row.id: row.rental.label for row in rows if rental_id in {None, row.id}}


@contextmanager
def _streamed(source: AbstractContextManager[PaperContent], limit_bytes: int) -> Iterator[PaperContent]:
    with source as content:
        yield guarded(content, limit_bytes)


@contextmanager
def _held(paper: Paper, limit_bytes: int) -> Iterator[PaperContent]:
    yield guarded(PaperContent(paper.name, paper.media_type, iter([paper.content])), limit_bytes)
