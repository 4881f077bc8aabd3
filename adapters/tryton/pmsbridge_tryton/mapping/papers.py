"""Notes, and what can be handed out as a paper."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pmsbridge.model.documents import Document, DocumentKind, Note, Quote, Visibility
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.rental import Rental
from pmsbridge_tryton.mapping.scope import Scope, day_of, number, one, text
from pmsbridge_tryton.wire import Row, reference_of

__all__ = ["attachment_of", "invoice_paper", "media_type_of", "note_of", "note_text", "quote_of"]

_BEGINNINGS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"PK\x03\x04", "application/zip"),
)
_REFERENCE: Final = re.compile(r"\[([A-Z0-9-]{6,40})\]\n")
_ODT: Final = "application/vnd.oasis.opendocument.text"


def note_text(text_: str, reference: str, *, mark: str = "") -> str:
    """A note as it is written: a line for machines, then the words. A customer's words never stand first."""
    return f"{mark + ' ' if mark else ''}[{reference}]\n{text_}"


def note_of(row: Row, scope: Scope, *, tenant_id: str, rental_id: str | None) -> Note | None:
    """A note; None for one without words. One that begins with the mark may be read by the customer."""
    words = text(row, "message")
    is_marked = bool(scope.customer_mark) and words.startswith(scope.customer_mark)
    shown = words.removeprefix(scope.customer_mark).strip() if is_marked else words
    named = _REFERENCE.match(shown)
    shown = shown[named.end() :] if named else shown
    written = row.get("create_date")
    if not shown:
        return None
    return Note(
        ref=scope.ref("note", row["id"]),
        tenant_id=tenant_id,
        rental_id=rental_id,
        visibility=Visibility.CUSTOMER if is_marked else Visibility.INTERNAL,
        text=shown,
        written_at=written if isinstance(written, datetime) else None,
        written_on=scope.local(written),
        author=text(one(row, "create_uid"), "name"),
        extra={"reference": named[1]} if named else {},
    )


def invoice_paper(invoice: Invoice) -> Document:
    """The paper of an invoice: the vendor makes it when it is asked for."""
    named = {line.rental_id for line in invoice.lines if line.rental_id is not None}
    return Document(
        ref=invoice.ref.model_copy(update={"entity": "document", "id": f"invoice-{invoice.id}"}),
        tenant_id=invoice.tenant_id,
        rental_id=named.pop() if len(named) == 1 else None,
        kind=DocumentKind.INVOICE,
        title=invoice.number,
        number=invoice.number,
        dated_on=invoice.issued_on,
        total=invoice.total,
        vendor_state=invoice.vendor_state,
        media_type=_ODT,
    )


def quote_of(rental: Rental, row: Row, scope: Scope) -> Quote:
    """An offer, from the contract it would become."""
    return Quote(
        ref=scope.ref("quote", rental.id),
        tenant_id=rental.tenant_id,
        rental_id=rental.id,
        title=text(row, "description") or rental.number,
        number=rental.number,
        dated_on=day_of(row, "quotation_date"),
        total=scope.money(row["total_amount"]) if row.get("total_amount") is not None else None,
        vendor_state=rental.vendor_state,
    )


def attachment_of(row: Row, scope: Scope, *, tenant_id: str) -> Document:
    """A file that hangs on a party or on one of its rentals."""
    resource = reference_of(row.get("resource"))
    on_rental = resource is not None and resource.model.startswith("sale.")
    return Document(
        ref=scope.ref("document", f"file-{row['id']}"),
        tenant_id=tenant_id,
        rental_id=str(resource) if on_rental else None,
        kind=DocumentKind.OTHER,
        title=text(row, "name"),
        dated_on=scope.local(row.get("create_date")),
        size_bytes=int(number(row, "data_size")) if row.get("data_size") is not None else None,
    )


def media_type_of(extension: str, content: bytes) -> str:
    """What bytes are: by how they begin, and for a bundle of files by its name."""
    found = next((kind for start, kind in _BEGINNINGS if content.startswith(start)), "application/octet-stream")
    return _ODT if found == "application/zip" and extension == "odt" else found
