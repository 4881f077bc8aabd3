"""Letters, statements and bills for tests of papers, and a reader of the PDFs that is not ours."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import Balances, EntryKind, LedgerEntry, Statement
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.model.payments import Allocation, Payment, PaymentState
from pmsbridge.model.people import PersonName, PostalAddress
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.statements import StatementFacts
from tests import builders as make

TODAY = date(2026, 11, 30)


def letter(language: str = "en", *, last: str = "Müller", **head: Any) -> Correspondence:
    address = PostalAddress(line1="12 Elm Street", city="Springfield", region="IL", postal_code="62701")
    given = {"name": "Northgate Self Storage", "lines": ("1 Depot Road", "Springfield, IL 62702"), "foot": "Fake Inc."}
    return Correspondence(
        Letterhead(**{**given, **head}), make.facility(),
        make.tenant(name=PersonName(first="Renée", last=last), address=address), language,
    )  # fmt: skip


def entry(number: int, effect: str, on: date, text: str = "Rent", **fields: Any) -> LedgerEntry:
    kind = EntryKind.PAYMENT if effect.startswith("-") else EntryKind.CHARGE
    return LedgerEntry(**{
        "ref": make.ref("ledger_entry", str(number)), "rental_id": "R1", "kind": kind, "effect": make.usd(effect),
        "effective_on": on, "description": text, **fields,
    })  # fmt: skip


def statement(*entries: LedgerEntry, days: int = 90) -> Statement:
    return Statement.from_entries(
        entries, opens_on=TODAY - timedelta(days=days), closes_on=TODAY, currency="USD", rental_id="R1"
    )


def long_statement(movements: int) -> StatementFacts:
    """So many movements, told apart by their numbers."""
    first = TODAY - timedelta(days=80)
    rows = [
        entry(n, f"{'-' if n % 2 else ''}{n + 1}.25", first + timedelta(days=n % 80), f"Movement {n:04}")
        for n in range(movements)
    ]
    return StatementFacts(statement(*rows), {"R1": "015"})


def short_statement() -> StatementFacts:
    """Opens with 1,000.00 of before, and closes with 1,130.10."""
    balances = Balances.of_ledger(make.usd("1130.10"), past_due=make.usd("1010.10"))
    return StatementFacts(
        statement(
            entry(1, "1000.00", date(2026, 6, 1)),
            entry(2, "120.00", date(2026, 10, 1), period_from=date(2026, 10, 1), period_to=date(2026, 10, 31)),
            entry(3, "10.10", date(2026, 10, 5), "Late fee"),
            entry(4, "-120.00", date(2026, 10, 9), "Payment", receipt="0042"),
            entry(5, "120.00", date(2026, 11, 1)),
        ),
        {"R1": "015"}, balances,
    )  # fmt: skip


def invoice(**fields: Any) -> Invoice:
    lines = (
        InvoiceLine(rental_id="R1", unit_number="015", description="Rent December", net=make.usd("120.00"),
                    tax=make.usd("9.60")),
        InvoiceLine(rental_id="R2", description="Insurance", net=make.usd("12.00"), tax=make.usd("0.00")),
    )  # fmt: skip
    return Invoice(**{
        "ref": make.ref("invoice", "I7"), "tenant_id": "T1", "number": "2026-0007", "state": InvoiceState.SENT,
        "issued_on": date(2026, 11, 1), "due_on": date(2026, 11, 15), "lines": lines, "total": make.usd("141.60"),
        "paid": make.usd("41.60"), "balance": make.usd("100.00"), **fields,
    })  # fmt: skip


def payment(**fields: Any) -> Payment:
    parts = (
        Allocation(rental_id="R1", amount=make.usd("120.00")),
        Allocation(rental_id="R2", amount=make.usd("35.50"), invoice_id="I7"),
    )  # fmt: skip
    return Payment(**{
        "ref": make.ref("payment", "P1"), "tenant_id": "T1", "amount": make.usd("155.50"),
        "state": PaymentState.SUCCEEDED, "paid_on": date(2026, 11, 20), "receipt": "0042",
        "method_text": "Visa ****4242", "reference": "ch_fake_0001", "allocations": parts, **fields,
    })  # fmt: skip


# -- somebody else's reader -------------------------------------------------------------------------------------------


@contextmanager
def opened(content: bytes) -> Iterator[pypdfium2.PdfDocument]:
    document = pypdfium2.PdfDocument(content)
    try:
        yield document
    finally:
        document.close()


def pages_of(content: bytes) -> list[str]:
    """The text of every page, blanks of all kinds as single spaces."""
    with opened(content) as document:
        return [" ".join(document[n].get_textpage().get_text_bounded().split()) for n in range(len(document))]


@contextmanager
def _structure(content: bytes, number: int) -> Iterator[Any]:
    """The roots of a page's structure; page and tree are kept until nobody looks any more."""
    with opened(content) as document:
        page = document[number]
        tree = pdfium.FPDF_StructTree_GetForPage(page.raw)
        yield [
            pdfium.FPDF_StructTree_GetChildAtIndex(tree, n) for n in range(pdfium.FPDF_StructTree_CountChildren(tree))
        ]
        pdfium.FPDF_StructTree_Close(tree)
        page.close()


def tags_of(content: bytes, page: int = 0) -> list[tuple[str, int]]:
    """Kind and depth of every element of a page's structure, in reading order."""
    with _structure(content, page) as roots:
        return [each for root in roots for each in _walk(root, 0)]


def _walk(element: Any, depth: int) -> Iterator[tuple[str, int]]:
    yield _text(pdfium.FPDF_StructElement_GetType, element), depth
    for child in _children(element):
        yield from _walk(child, depth + 1)


def alt_texts_of(content: bytes) -> list[str]:
    """What is said of pictures on the first page."""
    with _structure(content, 0) as roots:
        found = [_text(pdfium.FPDF_StructElement_GetAltText, child) for root in roots for child in _children(root)]
        return [text for text in found if text]


def _children(element: Any) -> Iterator[Any]:
    for number in range(pdfium.FPDF_StructElement_CountChildren(element)):
        child = pdfium.FPDF_StructElement_GetChildAtIndex(element, number)
        if child:
            yield child


def _text(ask: Any, element: Any) -> str:
    size = ask(element, None, 0)
    if not size:
        return ""
    room = ctypes.create_string_buffer(size)
    ask(element, room, size)
    return room.raw.decode("utf-16-le").rstrip("\0")
