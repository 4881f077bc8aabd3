"""Papers of a tenant: invoices that the back office prints, quotes, and files that hang on its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from pmsbridge.errors import NotFoundError, RejectedError
from pmsbridge.model.documents import Document, Quote
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.books import PaperContent
from pmsbridge_tryton.autopaying import Autopaying
from pmsbridge_tryton.desk import vendor_id
from pmsbridge_tryton.mapping.contracts import contract_of, subscription_of
from pmsbridge_tryton.mapping.papers import attachment_of, invoice_paper, media_type_of, quote_of
from pmsbridge_tryton.mapping.scope import account_id, text
from pmsbridge_tryton.vocabulary import ATTACHMENT, INVOICE, RENTAL, SUBSCRIPTION
from pmsbridge_tryton.wire import Row

__all__ = ["Papers"]

_PIECE_BYTES = 64 * 1024


class Papers(Autopaying):
    """What a tenant may read. Drafts are never among it."""

    def documents(self, facility: str, tenant_id: str) -> Sequence[Document]:
        """Invoices, and files that hang on the party or its contracts, newest first; seven calls."""
        scope = self._desk.scope(facility)
        self._party(tenant_id)
        contracts, subscriptions = self._contracts(tenant_id), self._subscriptions(tenant_id)
        books = self._books(tenant_id, scope, contracts, subscriptions)
        invoices = [invoice for row in books.invoices if (invoice := books.invoice(row)).is_visible]
        files = self._files(self._resources(tenant_id, contracts, subscriptions))
        found = [invoice_paper(invoice) for invoice in invoices]
        found += [attachment_of(row, scope, tenant_id=tenant_id) for row in files]
        return sorted(found, key=lambda paper: (paper.dated_on or date.min, paper.id), reverse=True)

    @staticmethod
    def _resources(tenant_id: str, contracts: Sequence[Row], subscriptions: Sequence[Row]) -> list[str]:
        own = [f"{RENTAL},{row['id']}" for row in contracts] + [f"{SUBSCRIPTION},{row['id']}" for row in subscriptions]
        return [account_id(tenant_id), *own]

    def quotes(self, facility: str, tenant_id: str) -> Sequence[Quote]:
        """Offers that wait for an answer, newest first; two calls."""
        scope, found = self._desk.scope(facility), []
        rentals = [(contract_of(row, scope), row) for row in self._contracts(tenant_id)]
        rentals += [(subscription_of(row, scope), row) for row in self._subscriptions(tenant_id)]
        for rental, row in rentals:
            if rental is not None and rental.vendor_state == "quotation" and rental.state is RentalState.QUOTE:
                found.append(quote_of(rental, row, scope))
        return sorted(found, key=lambda quote: quote.id, reverse=True)

    @contextmanager
    def content(self, facility: str, tenant_id: str, document_id: str) -> Iterator[PaperContent]:
        """The bytes of one paper.

        Raises:
            NotFoundError: The party has no such paper.
            RejectedError: It is larger than ``paper_bytes``; a file is then not read at all.
        """
        known = {paper.id: paper for paper in self.documents(facility, tenant_id)}
        if document_id not in known:
            raise NotFoundError("document", "there is no such document", code="document_not_found")
        self._check_size(known[document_id].size_bytes or 0)
        kind, _, number = document_id.partition("-")
        resource = known[document_id].rental_id or account_id(tenant_id)
        yield self._printed(number) if kind == "invoice" else self._file(number, resource)

    def _printed(self, number: str) -> PaperContent:
        made = self._desk.client.report(INVOICE, INVOICE, [vendor_id("invoice", number)])
        return self._content(f"{made.name}.{made.extension}", made.extension, made.content)

    def _file(self, number: str, resource: str) -> PaperContent:
        # Files are searched only together with the record that they hang on.
        domain = [["resource", "=", resource], ["id", "=", vendor_id("document", number)]]
        rows = self._desk.read(ATTACHMENT, domain, ["name", "data"])
        data = rows[0].get("data") if rows else None
        if not isinstance(data, bytes):
            raise NotFoundError("document", "there is no such document", code="document_not_found")
        name = text(rows[0], "name")
        return self._content(name, name.rpartition(".")[2].lower(), data)

    def _check_size(self, size_bytes: int) -> None:
        limit = self._desk.settings.paper_bytes
        if size_bytes > limit:
            message = f"the paper is larger than {limit:,} bytes"
            raise RejectedError(message, code="too_large")

    def _content(self, name: str, extension: str, content: bytes) -> PaperContent:
        self._check_size(len(content))
        plain = "".join(sign for sign in name if sign.isalnum() or sign in " ._-") or "document"
        pieces = (content[start : start + _PIECE_BYTES] for start in range(0, len(content), _PIECE_BYTES))
        return PaperContent(plain, media_type_of(extension, content), pieces)
