"""Papers as a tenant's session gives them: theirs, and ours where the back office keeps none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.sections import PortalRules, Section
from pmsbridge.errors import (
    ConfigurationError,
    IneligibleError,
    NotFoundError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.documents import DocumentKind, SignatureState
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import AgedBalance
from pmsbridge.model.letterhead import Letterhead, PaperSize
from pmsbridge.model.payments import ExternalPayment, Payment, PaymentState
from pmsbridge.model.people import Tenant
from pmsbridge.model.record import Source
from pmsbridge.model.rental import ItemOut, Rental, RentalKind, RentalState
from pmsbridge.portal import papering
from pmsbridge.portal.papers.handing_out import UNKNOWN_TYPE, guarded
from pmsbridge.portal.papers.labels import label
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.books import PaperContent
from pmsbridge.testing.memory import MemoryAdapter
from tests import builders as make
from tests.portal.conftest import World
from tests.portal.papers.samples import invoice, pages_of, payment

MONEY = ExternalPayment(gateway="gate", reference="ch_papers_0001")


class NoPapers(MemoryAdapter):
    """A back office that keeps no papers, and sends invoices."""

    documents = None  # type: ignore[assignment]
    quotes = None  # type: ignore[assignment]
    content = None  # type: ignore[assignment]
    bills: Sequence[Invoice] = ()

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        super().invoices(facility, tenant_id, since=since, until=until)
        return [each for each in self.bills if each.tenant_id == tenant_id and since <= each.issued_on <= until]


class Aging(NoPapers):
    """One that also keeps one account per customer."""

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        raise NotImplementedError

    def tenant_ledger(self, facility: str, tenant_id: str) -> Any:
        return [entry for row in self.account(facility, tenant_id).rentals for entry in
                self.ledger(facility, tenant_id, row.id)]  # fmt: skip

    def aged_balance(self, facility: str, tenant_id: str, *, on: date) -> AgedBalance:
        nothing = make.usd("0.00")
        return AgedBalance(
            on=on, not_due=nothing, up_to_30=make.usd("240.00"), up_to_60=nothing, up_to_90=nothing, over_90=nothing
        )


@pytest.fixture
def bare(world: World) -> World:
    """A world whose back office keeps no papers: one paid rental, one bill, and one of somebody else."""
    adapter = NoPapers(world.office)
    mine = invoice(ref=world.office.books._ref("F1", "invoice", "I7"))
    adapter.bills = (mine, mine.changed(ref=world.office.books._ref("F1", "invoice", "I8"), tenant_id="T2"))
    world.adapter = adapter
    world.session().pay_rental("R1", MONEY, key="click-0001")
    return world


def ruled(session: TenantSession, **rules: Any) -> TenantSession:
    return TenantSession(replace(session._office, rules=PortalRules(**rules)))


def today(session: TenantSession) -> date:
    return session._office.today(session.account())


# -- a contract -------------------------------------------------------------------------------------------------------


def with_items(world: World, **changes: Any) -> None:
    rental = world.office.books.find(Rental, "F1", "R4")
    assert rental is not None
    pump = ItemOut(
        ref=make.ref("item_out", "I1"), rental_id="R4", code="PMP-3", description="Pump", measure="pc",
        ordered=Decimal(12), out=Decimal("10.0"), returned=Decimal(4), due_back_on=date(2026, 12, 24),
    )  # fmt: skip
    back = pump.changed(ref=make.ref("item_out", "I2"), code="", description="Hose", returned=Decimal("10.0"))
    world.office.books.put(
        "F1",
        rental.changed(
            **{"kind": RentalKind.CONTRACT, "number": "C-77", "unit_number": "", "items": (pump, back), **changes}
        ),
    )


def test_a_contract_says_how_it_stands_and_what_of_every_item_is_out(bare: World) -> None:
    with_items(bare)

    paper = bare.session().contract_pdf("R4")
    (text,) = pages_of(paper.content)
    (french,) = pages_of(bare.session().contract_pdf("R4", language="fr").content)

    assert paper.name == "Contract-C-77.pdf"
    for words in ("C-77", "Active", "PMP-3 Pump (pc)", "12 10 4 6", "Hose", "12 10 10 0", "24 Dec 2026", "120.00 USD"):
        assert words in text, words
    assert "The signed contract is the one that the office keeps" in " ".join(text.split())
    for words in ("Contrat", "En cours", "En location", "Retour prévu"):
        assert words in french, words


def test_a_unit_without_items_has_a_contract_too_and_money_only_where_billing_is_open(bare: World) -> None:
    (text,) = pages_of(bare.session().contract_pdf("R1").content)
    closed = ruled(bare.session(), closed_sections=frozenset({Section.BILLING}))
    (quiet,) = pages_of(closed.contract_pdf("R1").content)

    assert ("Unit 015" in text, "1 Jan 2025" in text, "Rent before tax" in text, "USD" in text) == (True,) * 4
    assert ("Unit 015" in quiet, "Rent before tax" in quiet, "USD" in quiet) == (True, False, False)


def test_a_quote_is_titled_a_quote_and_names_no_signed_contract(bare: World) -> None:
    with_items(bare, state=RentalState.QUOTE)

    paper = bare.session().contract_pdf("R4")
    (text,) = pages_of(paper.content)

    assert paper.name == "Quote-C-77.pdf"
    assert "A quote is no contract" in " ".join(text.split())
    assert ("Contract" in text, "signed" in text) == (False, False)


def test_what_is_reserved_is_titled_a_reservation_and_names_no_signed_contract(bare: World) -> None:
    with_items(bare, state=RentalState.RESERVED)

    paper = bare.session().contract_pdf("R4")
    (text,) = pages_of(paper.content)
    (french,) = pages_of(bare.session().contract_pdf("R4", language="fr").content)

    assert paper.name == "Reservation-C-77.pdf"
    assert ("From" in text, "Since" in text, "À partir du" in french) == (True, False, True)
    assert "A reservation is no contract" in " ".join(text.split())
    assert ("Contract" in text, "signed" in text) == (False, False)
    assert "Une réservation n’est pas un contrat" in " ".join(french.split())
    assert ("N° de réservation" in french, "Contrat" in french) == (True, False)


def test_a_contract_without_items_lets_no_unit_that_is_called_like_the_contract(bare: World) -> None:
    with_items(bare, items=(), unit_id=None)

    (text,) = pages_of(bare.session().contract_pdf("R4").content)

    assert ("C-77" in text, "Unit C-77" in text) == (True, False)


def test_no_contract_is_printed_of_a_copy_while_the_back_office_is_away(bare: World) -> None:
    bare.session().contract_pdf("R1")  # and a copy is kept
    bare.office.failing_reads = 1

    with pytest.raises(UnavailableError):
        bare.session().contract_pdf("R1")
    bare.office.failing_reads = 1
    assert bare.session().dashboard().source is Source.MIRROR


def test_nobody_prints_somebody_elses_contract_and_none_where_rentals_are_switched_off(bare: World) -> None:
    with pytest.raises(NotFoundError):
        bare.session().contract_pdf("R2")
    with pytest.raises(IneligibleError) as refused:
        ruled(bare.session(), closed_sections=frozenset({Section.RENTALS})).contract_pdf("R1")
    assert refused.value.code == "section_off"


@pytest.mark.parametrize("state", list(RentalState))
def test_every_state_of_a_contract_has_a_word_on_paper(state: RentalState) -> None:
    assert label(f"rental_{state.value}", "en") != label(f"rental_{state.value}", "fr")


# -- ours -------------------------------------------------------------------------------------------------------------


def test_invoices_and_receipts_are_listed_where_the_back_office_keeps_no_papers_and_each_opens(bare: World) -> None:
    session = bare.session()

    found = session.documents()

    assert {(paper.kind, paper.signature, paper.media_type) for paper in found} == {
        (DocumentKind.INVOICE, SignatureState.NOT_NEEDED, "application/pdf"),
        (DocumentKind.RECEIPT, SignatureState.NOT_NEEDED, "application/pdf"),
    }
    days = [paper.dated_on for paper in found if paper.dated_on is not None]
    assert days == sorted(days, reverse=True)
    assert len(days) == 2
    for paper in found:
        with session.document(paper.id) as content:
            data = b"".join(content.chunks)
            assert content.media_type == "application/pdf"
            assert content.name.endswith(".pdf")
        assert paper.number in pages_of(data)[0]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_back_office_that_could_keep_papers_says_whether_it_does(world: World, *, keeps: bool) -> None:
    class Perhaps(MemoryAdapter):
        keeps_papers = keeps

    world.adapter = Perhaps(world.office)
    session = world.session()
    session.pay_rental("R1", MONEY, key="click-0001")

    found = session.documents()

    assert [paper.id.partition(":")[0] for paper in found] == ([] if keeps else ["our"])
    for paper in found:
        with session.document(paper.id) as content:
            assert b"".join(content.chunks).startswith(b"%PDF-")


def test_nothing_of_another_tenant_can_be_opened(bare: World) -> None:
    mine, other = bare.session("T1"), bare.session("T2")
    assert "our:invoice:I8" in {paper.id for paper in other.documents()}

    for paper in mine.documents():
        with pytest.raises(NotFoundError), other.document(paper.id):
            pass
    with pytest.raises(NotFoundError):
        mine.invoice_pdf("I8")
    with pytest.raises(NotFoundError):
        mine.statement_pdf(today(mine), rental_id="R2")
    (paid,) = mine.payments("R1")
    with pytest.raises(NotFoundError):
        other.receipt_pdf("R1", paid.id)
    with pytest.raises(NotFoundError):
        other.receipt_pdf("R2", paid.id)


@pytest.mark.parametrize(
    "wanted", ["our:invoice", "our:invoice:", "our:receipt:R1", "our:lease:1", "our::", "our:", "D1"]
)
def test_an_id_that_was_made_up_names_nothing(bare: World, wanted: str) -> None:
    with pytest.raises(NotFoundError), bare.session().document(wanted):
        pass


def test_a_statement_of_a_day_has_the_movements_up_to_it(bare: World) -> None:
    session = bare.session()
    on = today(session)

    text = pages_of(session.statement_pdf(on).content)[0]
    before = pages_of(session.statement_pdf(on - timedelta(days=1)).content)[0]
    one = pages_of(session.statement_pdf(on, rental_id="R4").content)[0]

    assert "Due now" in text
    assert "240.00 USD" in text
    assert "No movements in this period" in before
    assert "Due now" not in before
    assert "Unit B-7" in one
    assert "015" not in one


def test_age_is_printed_of_everything_where_the_back_office_tells_it(bare: World) -> None:
    bare.adapter = Aging(bare.office)
    session = bare.session()

    assert "Due 0–29 days" in pages_of(session.statement_pdf(today(session)).content)[0]
    assert "Due 0–29 days" not in pages_of(session.statement_pdf(today(session), rental_id="R1").content)[0]


def test_papers_are_in_the_tenants_language_unless_another_is_wanted(bare: World) -> None:
    books = bare.office.books
    tenant = books.find(Tenant, "F1", "T1")
    assert tenant is not None
    books.put("F1", tenant.changed(language="fr-CA"))
    session = bare.session()

    assert session.statement_pdf(today(session)).language == "fr"
    assert session.statement_pdf(today(session), language="en-GB").language == "en"
    assert session.invoice_pdf("I7").title.startswith("Facture 2026-0007")


def test_papers_are_in_the_language_that_was_asked_for_before_the_record_says_so(bare: World) -> None:
    session = bare.session()

    session.set_language("fr", key="click-0002")

    assert session.tenant().language != "fr"
    assert session.statement_pdf(today(session)).language == "fr"
    assert session.invoice_pdf("I7").title.startswith("Facture")
    assert session.receipt_pdf("R1", session.payments("R1")[0].id).language == "fr"
    assert {paper.title.partition(" ")[0] for paper in session.documents()} == {"Facture", "Reçu"}
    assert session.statement_pdf(today(session), language="en").language == "en"


def test_a_payment_that_was_not_made_has_no_receipt_and_one_that_went_back_says_so(bare: World) -> None:
    books = bare.office.books
    ref = books._ref("F1", "payment", "P9")
    base = payment(ref=ref, allocations=(), amount=make.usd("9.00"))

    def with_state(state: PaymentState) -> None:
        part = base.changed(state=state).model_copy(update={"allocations": payment().allocations})
        books.payments[:] = [("F1", part)]

    with_state(PaymentState.DECLINED)
    with pytest.raises(IneligibleError) as refused:
        bare.session().receipt_pdf("R1", "P9")
    with_state(PaymentState.REVERSED)
    text = pages_of(bare.session().receipt_pdf("R1", "P9").content)[0]

    assert refused.value.code == "not_paid"
    assert "no longer stands" in text


@pytest.mark.parametrize("section", [Section.BILLING, Section.DOCUMENTS])
def test_what_is_switched_off_makes_no_papers(bare: World, section: Section) -> None:
    session = ruled(bare.session(), closed_sections=frozenset({section}))
    on = date(2026, 11, 21)
    calls: dict[Section, list[Callable[[], object]]] = {
        Section.BILLING: [
            lambda: session.statement_pdf(on), lambda: session.invoice_pdf("I7"),
            lambda: session.receipt_pdf("R1", "P1"), lambda: session.document("our:invoice:I7"),
        ],
        Section.DOCUMENTS: [session.documents, lambda: session.document("our:invoice:I7")],
    }  # fmt: skip
    for call in calls[section]:
        with pytest.raises(IneligibleError) as refused:
            call()
        assert refused.value.code == "section_off"
    if section is Section.BILLING:
        assert session.documents() == []


def test_the_letterhead_is_the_operators(bare: World) -> None:
    head = Letterhead(name="Harbour Lockers", lines=("1 Quay",), foot="Fake reg. 42", size=PaperSize.LETTER)
    session = ruled(bare.session(), letterhead=head)

    text = pages_of(session.statement_pdf(today(session)).content)[0]

    for words in ("Harbour Lockers", "1 Quay", "Fake reg. 42"):
        assert words in text


def test_where_nothing_can_be_made_nothing_is_listed(bare: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigurationError("no library", code="no_pdf")

    monkeypatch.setattr(papering, "drawer", missing)

    with pytest.raises(UnsupportedError):
        bare.session().documents()


# -- theirs -----------------------------------------------------------------------------------------------------------


def content(claimed: str, *chunks: bytes) -> PaperContent:
    return PaperContent("paper.pdf", claimed, iter(chunks))


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("claimed", "chunks", "told"),
    [
        ("application/pdf", [b"%PDF-1.7 body of it"], "application/pdf"),
        ("application/pdf", [b"%P", b"DF", b"-1.7 body of it"], "application/pdf"),
        ("application/pdf", [b"<html><script>x</script>"], UNKNOWN_TYPE),
        ("text/html", [b"<html></html>"], UNKNOWN_TYPE),
        ("text/html", [b"%PDF-1.7 and html then"], UNKNOWN_TYPE),
        ("image/svg+xml", [b"<svg onload='x'>"], UNKNOWN_TYPE),
        ("image/png", [PNG + b"and the rest"], "image/png"),
        ("image/png", [b"%PDF-1.7 body of it"], UNKNOWN_TYPE),
        ("application/vnd.oasis.opendocument.text", [b"PK\x03\x04 and the rest"],
         "application/vnd.oasis.opendocument.text"),
        ("", [b"%PDF-1.7 body of it"], "application/pdf"),
        (UNKNOWN_TYPE, [b"%PDF-1.7 body of it"], "application/pdf"),
        ("application/pdf", [], UNKNOWN_TYPE),
    ],
)  # fmt: skip
def test_a_type_is_told_only_when_the_first_bytes_bear_it_out(claimed: str, chunks: list[bytes], told: str) -> None:
    got = guarded(content(claimed, *chunks), 1000)

    assert got.media_type == told
    assert b"".join(got.chunks) == b"".join(chunks)


def test_no_more_is_handed_out_than_may_be() -> None:
    got = guarded(content("application/pdf", b"%PDF-1.7" + b"x" * 20, b"y" * 20), 40)
    taken = [next(got.chunks)]

    with pytest.raises(RejectedError) as refused:
        taken.extend(got.chunks)

    assert refused.value.code == "too_large"
    assert sum(map(len, taken)) <= 40
    assert b"".join(guarded(content("application/pdf", b"x" * 40), 40).chunks) == b"x" * 40


def test_a_paper_is_read_while_it_is_handed_out_and_not_before() -> None:
    read = []

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            read.append(number)
            yield b"%PDF-1.7 and so on. "

    got = guarded(PaperContent("p.pdf", "application/pdf", chunks()), 10_000)
    next(got.chunks)

    assert len(read) < 3


def test_a_back_office_that_lies_about_a_paper_is_not_believed(world: World) -> None:
    class Lying(MemoryAdapter):
        @contextmanager
        def content(self, facility: str, tenant_id: str, document_id: str) -> Iterator[PaperContent]:
            with super().content(facility, tenant_id, document_id) as told:
                yield replace(told, media_type="application/pdf")

    from pmsbridge.model.documents import Document

    world.adapter = Lying(world.office)
    world.office.books.put("F1", Document(
        ref=world.office.books._ref("F1", "document", "D1"), tenant_id="T1", kind=DocumentKind.POLICY, title="Rules",
    ))  # fmt: skip
    world.office.books.paper_bytes["F1", "D1"] = b"<html>" + b"x" * 100

    with world.session().document("D1") as got:
        assert got.media_type == UNKNOWN_TYPE
    with pytest.raises(RejectedError), world.session().document("D1", limit_bytes=50) as got:
        list(got.chunks)


def test_a_receipt_is_of_a_payment_that_the_back_office_has(bare: World) -> None:
    session = bare.session()
    paid: Payment = session.payments("R1")[0]

    text = pages_of(session.receipt_pdf("R1", paid.id).content)[0]

    assert "120.00 USD" in text
    assert "Payment for Unit 015" in text
