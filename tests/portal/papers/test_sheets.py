"""What stands on papers of our own, before anything is drawn."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.model.ledger import AgedBalance, Balances, EntryKind, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentState
from pmsbridge.portal.papers.bills import RECEIPT_STATES, invoice_sheet, receipt_sheet
from pmsbridge.portal.papers.formats import clean, day, figure, file_name, money, period, spoken
from pmsbridge.portal.papers.labels import _WORDS, KIND_WORDS, label
from pmsbridge.portal.papers.sheet import Fact, Sheet
from pmsbridge.portal.papers.statements import StatementFacts, statement_sheet
from tests import builders as make
from tests.portal.papers.samples import TODAY, entry, invoice, letter, payment, short_statement, statement

FACT = re.compile(r"\{(\w+)\}")
LABELS = {"R1": "015", "R2": "B-7"}


def amount(text: str) -> Decimal:
    """What was printed, read back."""
    plain = text.replace("\u2212", "-").replace(",", "").partition("\u00a0")[0]
    return Decimal(plain) if plain else Decimal(0)


def told(facts: tuple[Fact, ...]) -> dict[str, str]:
    return {fact.label: fact.text.replace("\u00a0", " ") for fact in facts}


@given(st.lists(st.tuples(st.integers(-99999, 99999), st.integers(0, 200)), max_size=30))
def test_what_is_printed_foots_line_by_line_and_at_the_end(rows: list[tuple[int, int]]) -> None:
    entries = [
        LedgerEntry(
            ref=make.ref("ledger_entry", str(number)), rental_id="R1", kind=EntryKind.TRANSFER,
            effect=Money.of(Decimal(cents).scaleb(-2), "USD"), effective_on=TODAY - timedelta(days=ago),
        )
        for number, (cents, ago) in enumerate(rows)
    ]  # fmt: skip
    made = statement(*entries)
    sheet = statement_sheet(StatementFacts(made, LABELS), letter())

    opening, *lines, closing = [line.cells for line in sheet.lines]
    balance = amount(opening[-1])
    for cells in lines:
        balance += amount(cells[-3]) + amount(cells[-2])
        if cells[-1]:
            assert amount(cells[-1]) == balance
    assert amount(closing[-1]) == balance == made.closing.amount
    _, ups, downs, end = [amount(tile.text) for tile in sheet.tiles]
    assert amount(opening[-1]) + ups + downs == end == made.closing.amount


def test_a_statement_of_today_says_what_is_due_and_past_due_and_one_of_another_day_does_not() -> None:
    facts = short_statement()
    other = StatementFacts(facts.statement, facts.labels)

    today, then = (statement_sheet(each, letter()) for each in (facts, other))

    assert told(today.totals)["Due now"] == "1,130.10 USD"
    assert told(today.totals)["Past due"] == "1,010.10 USD"
    assert [fact.label for fact in today.totals if fact.is_warning] == ["Past due"]
    assert {"Due now", "Past due"}.isdisjoint(told(then.totals))


def test_a_credit_is_said_and_nothing_is_past_due_then() -> None:
    facts = StatementFacts(statement(entry(1, "-20.00", TODAY)), LABELS, Balances.of_ledger(make.usd("-20.00")))

    totals = told(statement_sheet(facts, letter()).totals)

    assert (totals["Due now"], totals["Credit on account"], totals["Closing balance"]) == (
        "0.00 USD", "20.00 USD", "\u221220.00 USD",
    )  # fmt: skip
    assert "Past due" not in totals


def test_several_rentals_get_a_column_and_one_gets_none() -> None:
    facts = StatementFacts(statement(entry(1, "5.00", TODAY), entry(2, "6.00", TODAY, rental_id="R2")), LABELS)

    sheet = statement_sheet(facts, letter())

    assert [column.title for column in sheet.columns][2] == "Unit"
    assert [line.cells[2] for line in sheet.lines[1:3]] == ["015", "B-7"]
    assert "Unit" not in [column.title for column in statement_sheet(short_statement(), letter()).columns]


def test_age_is_told_where_the_back_office_tells_it() -> None:
    aged = AgedBalance(
        on=TODAY, not_due=make.usd("1.00"), up_to_30=make.usd("2.00"), up_to_60=make.usd("3.00"),
        up_to_90=make.usd("0.00"), over_90=make.usd("5.00"),
    )  # fmt: skip
    sheet = statement_sheet(StatementFacts(statement(), LABELS, aged=aged), letter())

    assert [fact.text for fact in sheet.aging] == ["1.00", "2.00", "3.00", "0.00", "5.00"]
    assert [fact.label for fact in sheet.aging if fact.is_warning] == ["Due 30–59 days", "Due 90 days or more"]


def test_an_empty_statement_says_so() -> None:
    sheet = statement_sheet(StatementFacts(statement(), LABELS), letter())

    assert [line.cells[1] for line in sheet.lines] == [
        "Opening balance", "No movements in this period", "Closing balance",
    ]  # fmt: skip


def test_a_movement_has_its_period_and_its_receipt_and_our_word_where_nothing_is_said() -> None:
    rows = [line.cells[1].replace("\u00a0", " ") for line in statement_sheet(short_statement(), letter()).lines]
    silent = statement_sheet(StatementFacts(statement(entry(1, "-5.00", TODAY, "")), LABELS), letter("fr"))

    assert rows[1:4] == ["Rent, 1–31 Oct 2026", "Late fee", "Payment (0042)"]
    assert silent.lines[1].cells[1] == "Paiement"


def test_a_card_number_that_somebody_typed_into_a_movement_is_not_printed() -> None:
    typed = entry(1, "-5.00", TODAY, "Paid by 4111 1111 1111 1111")

    sheet = statement_sheet(StatementFacts(statement(typed), LABELS), letter())

    assert "1111 1111" not in repr(sheet)
    assert clean("4111111111111111") != "4111111111111111"


def totals_of(sheet: Sheet) -> dict[str, str]:
    return told(sheet.totals)


def test_an_invoice_foots_and_is_past_due_from_the_day_after_its_last_day() -> None:
    late = invoice_sheet(invoice(), letter(), labels=LABELS, today=date(2026, 11, 16))
    timely = invoice_sheet(invoice(), letter(), labels=LABELS, today=date(2026, 11, 15))

    assert totals_of(late) == {
        "Before tax": "132.00 USD", "Tax": "9.60 USD", "Total": "141.60 USD", "Paid": "\u221241.60 USD",
        "Past due": "100.00 USD",
    }  # fmt: skip
    assert totals_of(timely)["Balance due"] == "100.00 USD"
    assert "Past due" not in totals_of(timely)
    assert [line.cells for line in late.lines] == [
        ("015", "Rent December", "120.00", "9.60", "129.60"), ("B-7", "Insurance", "12.00", "0.00", "12.00"),
    ]  # fmt: skip


def test_an_invoice_whose_tax_is_not_known_claims_none() -> None:
    bare = invoice(lines=(), tax_is_known=False, total=make.usd("132.00"), paid=None, balance=None)

    sheet = invoice_sheet(bare, letter(), labels=LABELS, today=TODAY)

    assert [column.title for column in sheet.columns] == ["Unit", "Description", "Before tax"]
    assert "Tax" not in totals_of(sheet)
    assert list(totals_of(sheet)) == ["Total before tax"]
    assert any("does not tell the tax" in note for note in sheet.notes)


def test_a_receipt_says_for_what_and_how_it_was_paid() -> None:
    sheet = receipt_sheet(payment(), letter(), labels=LABELS, rental_id="R1")

    assert [line.cells for line in sheet.lines] == [
        ("Payment for Unit 015", "120.00"), ("Payment for Unit B-7, Invoice I7", "35.50"),
    ]  # fmt: skip
    facts = told(sheet.facts)
    assert (facts["Receipt no."], facts["Paid by"], facts["Reference"]) == ("0042", "Visa ****4242", "ch_fake_0001")
    assert sheet.notes[-1] == "Thank you for your payment."


@pytest.mark.parametrize("state", sorted(RECEIPT_STATES - {PaymentState.SUCCEEDED}))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_receipt_of_money_that_went_back_says_so_and_thanks_nobody(state: PaymentState, language: str) -> None:
    sheet = receipt_sheet(payment(state=state), letter(language), labels=LABELS, rental_id="R1")

    assert [fact.text for fact in sheet.totals if fact.is_warning] == [label(state.value, language)]
    assert label("thanks", language) not in sheet.notes


def test_what_the_letterhead_leaves_open_is_taken_from_the_facility() -> None:
    assert letter(name="", lines=()).sender == ("North Yard", "office@example.test")
    assert letter(lines=()).sender == ("Northgate Self Storage", "North Yard", "office@example.test")
    assert letter().addressee == ("Renée Müller", "12 Elm Street", "Springfield, IL 62701")


def test_amounts_and_days_are_written_as_people_of_the_language_write_them() -> None:
    assert figure(Decimal("-1234567.50"), "en") == "\u22121,234,567.50"
    assert figure(Decimal("1234.50"), "fr") == "1\u00a0234,50"
    assert money(Money.of("1200", "JPY"), "en") == "1,200\u00a0JPY"
    assert day(date(2026, 8, 1), "fr").replace("\u00a0", " ") == "1er août 2026"
    assert day(date(2026, 8, 1), "en").replace("\u00a0", " ") == "1 Aug 2026"
    assert [
        period(first, date(2026, 11, 30), "en").replace("\u00a0", " ")
        for first in (date(2025, 12, 1), date(2026, 10, 1), date(2026, 11, 1), date(2026, 11, 30))
    ] == ["1 Dec 2025 – 30 Nov 2026", "1 Oct – 30 Nov 2026", "1–30 Nov 2026", "30 Nov 2026"]
    assert period(date(2026, 11, 1), date(2026, 11, 30), "fr").replace("\u00a0", " ") == "1er–30 nov. 2026"
    assert [spoken(tag) for tag in ("fr-CA", "FR", "de", "", "fr_FR")] == ["fr", "fr", "en", "en", "fr"]


def test_a_file_name_is_plain_and_never_a_path() -> None:
    assert file_name("Relevé de compte", "2026-11-30") == "Releve-de-compte-2026-11-30.pdf"
    assert file_name("Invoice", "../../etc/passwd\n") == "Invoice-..-..-etc-passwd.pdf"
    assert file_name("", "漢字") == "document.pdf"


def test_every_word_is_there_in_both_languages_and_names_the_same_facts() -> None:
    for english, french in _WORDS.values():
        assert english
        assert french
        assert set(FACT.findall(english)) == set(FACT.findall(french))
    assert all(set(words) == set(EntryKind) for words in KIND_WORDS.values())
