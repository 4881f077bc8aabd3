"""Every paper the library makes, for a tenant as most are and for one who is awkward to print, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from pmsbridge.model.account import RentalAccount
from pmsbridge.model.invoices import Invoice, InvoiceLine
from pmsbridge.model.ledger import AgedBalance, Balances, Statement
from pmsbridge.model.letterhead import Letterhead, PaperSize
from pmsbridge.model.money import sum_money
from pmsbridge.model.payments import Allocation, PaymentState
from pmsbridge.model.people import PersonName, PostalAddress
from pmsbridge.model.rental import ItemOut, RentalKind, RentalState
from pmsbridge.portal.papers.bills import invoice_sheet, receipt_sheet
from pmsbridge.portal.papers.contracts import contract_sheet
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.sheet import Sheet
from pmsbridge.portal.papers.statements import StatementFacts, statement_sheet
from pmsbridge.portal.words import LANGUAGES
from tests import builders as make
from tests.portal.papers.samples import TODAY, entry, invoice, letter, payment, short_statement, statement

__all__ = ["Specimen", "specimens"]

_LONG: Final = "Réaménagement, à la demande du locataire, de l’accès au box n° 12 (côté cour) ; nacelle comprise"
_UNBROKEN: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
_TEXTS: Final = (
    _LONG, _UNBROKEN, "שכירות חודשית לנובמבר 2026", "إيجار شهر نوفمبر 2026", "Ενοίκιο Νοεμβρίου", "Аренда за ноябрь",
    "ค่าเช่าเดือนพฤศจิกายน", "十一月租金", "Rent",
)  # fmt: skip
"""Long ones, one without a place to break, and many writings; Chinese is boxes without a further font."""
_LABELS: Final = {"R1": "015", "R2": "B-7"}
_MANY: Final = {"R1": "015", "R2": "Hangar-Nord-0000000000027", **{f"R{n}": f"B-{n:03}" for n in range(3, 40)}}
_FIT: Final = 30
"""More lines than these stand on no page."""
_HUGE: Final = make.usd("987654321.99")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A sheet, and what is to be seen of it.

    Attributes:
        name: What and of whom, with the language: "invoice-awkward-fr".
        is_long: Its table goes on over several pages.
    """

    name: str
    sheet: Sheet
    is_long: bool = False


def specimens() -> Iterator[Specimen]:
    """All of them; each sheet anew."""
    for language in LANGUAGES:
        for name, sheet in _plain(letter(language)):
            yield Specimen(f"{name}-plain-{language}", sheet)
        for name, sheet in _awkward(_awkward_letter(language)):
            yield Specimen(f"{name}-awkward-{language}", sheet, is_long=len(sheet.lines) > _FIT)


# -- a tenant as most are ---------------------------------------------------------------------------------------------


def _plain(to: Correspondence) -> Iterator[tuple[str, Sheet]]:
    today, zero = short_statement(), make.usd(0)
    aged = AgedBalance(
        on=TODAY, not_due=zero, up_to_30=make.usd("120.00"), up_to_60=make.usd("10.10"), up_to_90=zero,
        over_90=make.usd("1000.00"),
    )  # fmt: skip
    yield "statement", statement_sheet(StatementFacts(today.statement, today.labels, today.balances, aged), to)
    yield "statement-past", statement_sheet(StatementFacts(_past(), _LABELS), to)
    yield "invoice", invoice_sheet(invoice(), to, labels=_LABELS, today=TODAY)
    yield "receipt", receipt_sheet(payment(), to, labels=_LABELS, rental_id="R1")
    soon = date(2026, 12, 5)
    yield from _contracts(to, {
        "quote": make.row(number="B-7", state=RentalState.QUOTE, moved_in_on=soon),
        "reservation": make.row(number="B-7", state=RentalState.RESERVED, moved_in_on=soon),
        "contract": make.row(paid_through=TODAY, billing_period="monthly"),
        "contract-of-items": _of_items(*(_item(n, f"Scaffold board {n} m") for n in range(1, 5))),
    })  # fmt: skip


def _past() -> Statement:
    """Of a month ago: two rentals, and a credit at the end."""
    closes = date(2026, 10, 31)
    rows = (
        entry(1, "120.00", date(2026, 9, 1)), entry(2, "89.50", date(2026, 9, 1), rental_id="R2"),
        entry(3, "-300.00", date(2026, 9, 3), "Payment", receipt="0041"),
    )  # fmt: skip
    return Statement.from_entries(rows, opens_on=closes - timedelta(days=89), closes_on=closes, currency="USD")


def _contracts(to: Correspondence, rows: Mapping[str, RentalAccount]) -> Iterator[tuple[str, Sheet]]:
    for name, row in rows.items():
        yield name, contract_sheet(row, to, today=TODAY, shows_money=True)


def _of_items(*items: ItemOut, number: str = "C-2026-0031", balance: str = "2450.00") -> RentalAccount:
    row = make.row(unit_id=None, number="", kind=RentalKind.CONTRACT, rent=None, items=items, balance=balance)
    return row.model_copy(update={"rental": row.rental.model_copy(update={"number": number})})


def _item(number: int, description: str, *, ordered: str = "40") -> ItemOut:
    return ItemOut(
        ref=make.ref("item_out", str(number)), rental_id="R1", code=f"SB-{number:03}", description=description,
        measure="u", out_on=date(2026, 10, 1), due_back_on=date(2026, 12, 20), ordered=Decimal(ordered),
        out=Decimal(ordered), returned=Decimal("12.5"),
    )  # fmt: skip


# -- one who is awkward to print --------------------------------------------------------------------------------------


def _awkward_letter(language: str) -> Correspondence:
    head = Letterhead(
        name="Réserve & Entreposage de la Vallée-de-la-Haute-Gatineau " * 2, size=PaperSize.LETTER,
        lines=("12345, chemin de la Montagne-des-Érables-à-Sucre, bureau 1200, bâtiment administratif C", _UNBROKEN),
        foot="Société par actions simplifiée au capital variable, numéro d’entreprise 0000 000 000. " * 5,
    )  # fmt: skip
    name = PersonName(first="Anne-Élisabeth Œdipe", last=f"von {_UNBROKEN} محمد", company="Łódź & Söhne 株式会社 " * 5)
    address = PostalAddress(
        line1="c/o " + "Notre-Dame-de-la-Merci-" * 5, line2="דירה 4", city="Llanfairpwllgwyngyllgogerychwyrndrobwll",
        postal_code="LL61 5UJ", country="Royaume-Uni de Grande-Bretagne et d’Irlande du Nord",
    )  # fmt: skip
    tenant = make.tenant(ref=make.ref("tenant", "T" + "0123456789" * 5), name=name, address=address)
    return Correspondence(head, make.facility(), tenant, language)


def _awkward(to: Correspondence) -> Iterator[tuple[str, Sheet]]:
    aged = AgedBalance(on=TODAY, not_due=-_HUGE, up_to_30=_HUGE, up_to_60=_HUGE, up_to_90=_HUGE, over_90=_HUGE)
    owed = Balances.of_ledger(_HUGE, past_due=_HUGE)
    yield "statement", statement_sheet(StatementFacts(_crowded(), _MANY, owed, aged), to)
    yield "statement-of-nothing", statement_sheet(StatementFacts(statement(), {"R1": "015"}), to)
    yield "invoice", invoice_sheet(_bill(*_bill_lines(32)), to, labels=_LABELS, today=TODAY)
    yield "invoice-of-nothing", invoice_sheet(_bill(), to, labels=_LABELS, today=TODAY)
    parts = tuple(_allocations(32))
    paid = payment(
        amount=sum_money((part.amount for part in parts), "USD"), allocations=parts, state=PaymentState.REVERSED,
        receipt="R-" + "0042-" * 12, method_text=_LONG, reference="ch_" + "fake0001" * 9,
    )  # fmt: skip
    yield "receipt", receipt_sheet(paid, to, labels=_MANY, rental_id="R1")
    nothing = payment(amount=make.usd(0), allocations=(), receipt="", method_text="", reference="")
    yield "receipt-of-nothing", receipt_sheet(nothing, to, labels={}, rental_id="R1")
    dear, soon = make.usd("12345678.90"), date(2026, 12, 5)
    yield from _contracts(to, {
        "quote": make.row(number=_UNBROKEN, state=RentalState.QUOTE, moved_in_on=soon, rent=dear),
        "reservation": make.row(number=_LONG, state=RentalState.RESERVED, moved_in_on=soon, rent=dear),
        "contract": _of_items(*_items(32), number="C-" + "2026-" * 12, balance="987654321.99"),
        "contract-of-nothing": _of_items(balance="0.00"),
    })  # fmt: skip


def _crowded() -> Statement:
    """Over several pages and rentals, with amounts as large as they come."""
    first, rentals = TODAY - timedelta(days=80), [*_MANY]
    return statement(*(
        entry(
            n, f"{'-' if n % 2 else ''}{_HUGE.amount}", first + timedelta(days=n % 80), _TEXTS[n % len(_TEXTS)],
            rental_id=rentals[n % len(rentals)], receipt=f"{n:08}" if n % 3 else "",
        )
        for n in range(34)
    ))  # fmt: skip


def _bill(*lines: InvoiceLine) -> Invoice:
    total = sum_money((line.gross for line in lines), "USD")
    return invoice(number="RE-2026-" + "0007-" * 12, lines=lines, total=total, paid=make.usd(0), balance=total)


def _bill_lines(count: int) -> Iterator[InvoiceLine]:
    for n in range(count):
        amount = -_HUGE if n % 7 == 1 else _HUGE
        yield InvoiceLine(
            rental_id="R1", unit_number=[*_MANY.values()][n % 30], description=_TEXTS[n % len(_TEXTS)], net=amount,
            tax=make.usd("0.01"),
        )  # fmt: skip


def _allocations(count: int) -> Iterator[Allocation]:
    for n in range(count):
        yield Allocation(rental_id=f"R{n % 39 + 1}", amount=_HUGE, invoice_id=_UNBROKEN if n % 9 == 0 else None)


def _items(count: int) -> Iterator[ItemOut]:
    for n in range(count):
        yield _item(n, _TEXTS[n % len(_TEXTS)], ordered="1234567.875")
