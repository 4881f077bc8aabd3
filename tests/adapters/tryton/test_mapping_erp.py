"""Rows into records, as tables: what no server is needed for. Values are made up; shapes are the wire's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.invoices import InvoiceState
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.rental import RentalState
from pmsbridge.model.requests import CallOffState
from pmsbridge_tryton.mapping.calloffs import Asked, call_offs_of, collected_for
from pmsbridge_tryton.mapping.contracts import contract_of, item_groups, subscription_of
from pmsbridge_tryton.mapping.money import Books, invoice_of
from pmsbridge_tryton.mapping.papers import media_type_of, note_of
from pmsbridge_tryton.mapping.people import phone_of, tenant_of
from pmsbridge_tryton.mapping.scope import Scope
from pmsbridge_tryton.settings import read_settings

DAY = date(2026, 11, 20)
SCOPE = Scope("erp", "main", "USD", "America/Chicago", user_id=9, customer_mark="[customer]")
LATE = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def line(line_id: int, quantity: str, *, out: bool = False, back: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "id": line_id, "quantity": Decimal(quantity), "product.": {"id": 3, "code": "MIX", "name": "Mixer"},
        "unit.": {"id": 1, "symbol": "u"}, "unit_price": Decimal("5.0000"), "per_day": True,
        "planned_start_day": DAY, "planned_end_day": DAY, "planned_start": None, "planned_end": None,
        "actual_start": LATE if out or back else None, "actual_end": LATE if back else None,
        "incoming_moves.": [], "invoice_lines": [], **more,
    }  # fmt: skip


def contract(*lines: dict[str, Any], state: str = "confirmed", number: str | None = "42") -> dict[str, Any]:
    return {"id": 7, "party": 4, "number": number, "state": state, "lines.": list(lines)}


@pytest.mark.parametrize(
    ("state", "lines", "expected"),
    [
        ("quotation", [line(1, "2")], RentalState.QUOTE),
        ("confirmed", [line(1, "2")], RentalState.RESERVED),
        ("confirmed", [line(1, "2", out=True), line(2, "1")], RentalState.ACTIVE),
        ("picked up", [line(1, "2", out=True), line(2, "1", back=True)], RentalState.ACTIVE),
        ("confirmed", [line(1, "2", back=True), line(2, "1")], RentalState.RETURNED),
        ("picked up", [line(1, "2", back=True)], RentalState.RETURNED),
        ("done", [line(1, "2", back=True)], RentalState.CLOSED),
        ("cancelled", [line(1, "2")], RentalState.CANCELLED),
        ("brand new word", [line(1, "2")], RentalState.UNKNOWN),
    ],
)
def test_a_contract_is_active_as_long_as_something_is_out(
    state: str, lines: list[dict[str, Any]], expected: RentalState
) -> None:
    found = contract_of(contract(*lines, state=state), SCOPE)

    assert found is not None
    assert (found.state, found.vendor_state) == (expected, state)


def test_a_draft_that_was_never_quoted_is_not_shown() -> None:
    assert contract_of(contract(line(1, "2"), state="draft", number=None), SCOPE) is None


def test_lines_of_another_price_or_day_are_another_item() -> None:
    lines = [
        line(1, "2"),
        line(3, "1"),
        line(2, "1", unit_price=Decimal(6)),
        line(4, "1", planned_end_day=date(2027, 1, 1)),
    ]

    assert {item: [row["id"] for row in group] for item, group in item_groups(lines).items()} == {
        1: [1, 3], 2: [2], 4: [4],
    }  # fmt: skip


def test_a_business_date_is_that_of_the_facility() -> None:
    found = contract_of(contract(line(1, "2", out=True)), SCOPE)

    assert found is not None
    assert found.items[0].out_on == date(2026, 11, 20)


def note(note_id: int, text: str, author: int = 9) -> dict[str, Any]:
    return {"id": note_id, "message": text, "create_uid": author, "create_date": datetime(2026, 11, 20, 12, tzinfo=UTC)}


ASKED = note(1, "[PB-ABCDEFGHIJKL] call-off of item 1, quantity 2, from 2026-12-01\nMixer")


TAKEN_BACK = note(3, "[PB-TAKENBACK0001] withdraws call-off PB-ABCDEFGHIJKL\n2 x Mixer")
ACKNOWLEDGED = CallOffState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("notes", "lines", "expected"),
    [
        ([ASKED], [line(1, "5", out=True)], CallOffState.REQUESTED),
        ([ASKED, note(2, "PB-ABCDEFGHIJKL acknowledged", 1)], [line(1, "5", out=True)], CallOffState.ACKNOWLEDGED),
        ([ASKED, note(2, "PB-ABCDEFGHIJKL acknowledged", 9)], [line(1, "5", out=True)], CallOffState.REQUESTED),
        ([ASKED, note(2, "[PB-ABCDEFGHIJKL]: refused", 1)], [line(1, "5", out=True)], CallOffState.REFUSED),
        ([ASKED, note(2, "PB-ABCDEFGHIJKL withdrawn", 1)], [line(1, "5", out=True)], CallOffState.WITHDRAWN),
        ([ASKED, TAKEN_BACK], [line(1, "5", out=True)], CallOffState.WITHDRAWN),
        ([ASKED, note(2, TAKEN_BACK["message"], 3)], [line(1, "5", out=True)], CallOffState.REQUESTED),
        ([ASKED, note(1, "PB-ABCDEFGHIJKL acknowledged", 1), TAKEN_BACK], [line(1, "5", out=True)], ACKNOWLEDGED),
        ([ASKED, TAKEN_BACK, note(4, "PB-ABCDEFGHIJKL acknowledged", 1)], [line(1, "5", out=True)], ACKNOWLEDGED),
        ([ASKED, TAKEN_BACK], [line(1, "2", back=True), line(2, "3", out=True)], CallOffState.PICKED_UP),
        ([ASKED], [line(1, "1", back=True), line(2, "4", out=True)], CallOffState.REQUESTED),
        ([ASKED], [line(1, "2", back=True), line(2, "3", out=True)], CallOffState.PICKED_UP),
        (
            [ASKED],
            [{**line(1, "2", back=True), "incoming_moves.": [{"id": 1, "state": "draft"}]}, line(2, "3", out=True)],
            CallOffState.OFF_RENT,
        ),
    ],
)
def test_what_became_of_a_call_off(
    notes: list[dict[str, Any]], lines: list[dict[str, Any]], expected: CallOffState
) -> None:
    (found,) = call_offs_of(contract(*lines), notes, SCOPE)

    assert (found.call_off_state, int(found.quantity), found.item_id) == (expected, 2, "1")


def planned(row_id: int, quantity: str, day: date) -> dict[str, Any]:
    move = {"id": row_id, "state": "draft", "planned_date": day}
    return {**line(row_id, quantity, out=True), "incoming_moves.": [move]}


@pytest.mark.parametrize(
    ("days_planned", "expected"),
    [
        ((1, 2), {"PB-FIRST0000001": [1], "PB-SECOND000001": [2]}),
        ((2, 1), {"PB-FIRST0000001": [2], "PB-SECOND000001": [1]}),
        ((9, 9), {"PB-FIRST0000001": [1], "PB-SECOND000001": [2]}),
        ((9, 2), {"PB-FIRST0000001": [1], "PB-SECOND000001": [2]}),
        ((2, 9), {"PB-FIRST0000001": [2], "PB-SECOND000001": [1]}),
        ((2, 2), {"PB-FIRST0000001": [2], "PB-SECOND000001": [1]}),
    ],
)
def test_a_line_is_collected_for_one_call_off_and_rather_for_the_one_it_is_planned_for(
    days_planned: tuple[int, int], expected: dict[str, list[int]]
) -> None:
    asked = [
        Asked(name, 1, Decimal(2), date(2026, 12, day))
        for name, day in (("PB-FIRST0000001", 1), ("PB-SECOND000001", 2))
    ]
    lines = [planned(row_id, "2", date(2026, 12, day)) for row_id, day in enumerate(days_planned, start=1)]

    found = collected_for(lines, asked)

    assert {name: [row["id"] for row in rows] for name, rows in found.items()} == expected


def test_a_part_of_a_line_is_collected_for_nobody() -> None:
    asked = [Asked("PB-FIRST0000001", 1, Decimal(3), date(2026, 12, 1))]

    found = collected_for([planned(1, "4", date(2026, 12, 1)), planned(2, "2", date(2026, 12, 9))], asked)

    assert [row["id"] for row in found["PB-FIRST0000001"]] == [2]


def test_what_came_back_counts_for_one_call_off_only() -> None:
    second = note(2, ASKED["message"].replace("PB-ABCDEFGHIJKL", "PB-SECOND000001"))
    found = call_offs_of(contract(line(1, "3", back=True), line(2, "2", out=True)), [second, ASKED], SCOPE)

    assert [call.call_off_state for call in found] == [CallOffState.PICKED_UP, CallOffState.REQUESTED]


def test_a_request_that_somebody_else_wrote_is_none_of_ours() -> None:
    assert call_offs_of(contract(line(1, "5", out=True)), [note(1, ASKED["message"], author=3)], SCOPE) == ()


@pytest.mark.parametrize(
    ("state", "end", "position", "expected"),
    [
        ("running", None, DAY, RentalState.ACTIVE),
        ("running", DAY, DAY, RentalState.NOTICE_GIVEN),
        ("draft", DAY, DAY, RentalState.NOTICE_GIVEN),
        ("quotation", None, DAY, RentalState.ACTIVE),
        ("quotation", None, None, RentalState.QUOTE),
        ("closed", DAY, None, RentalState.CLOSED),
    ],
)
def test_a_subscription_is_let_while_its_end_is_written(
    state: str, end: date | None, position: date | None, expected: RentalState
) -> None:
    row = {
        "id": 1, "party": 4, "number": "1", "state": state, "end_date": end, "next_invoice_date": position,
        "start_date": DAY, "lines.": [],
    }  # fmt: skip

    found = subscription_of(row, SCOPE)

    assert found is not None
    assert found.state is expected


def movement(row_id: int, debit: str, credit: str, origin: str | None, **more: Any) -> dict[str, Any]:
    return {
        "id": row_id, "date": DAY, "debit": Decimal(debit), "credit": Decimal(credit), "move_origin": origin,
        "move_state": "posted", "maturity_date": DAY, "reconciliation": None, "payment_amount": Decimal(debit), **more,
    }  # fmt: skip


def invoice(row_id: int, rentals: list[int], total: str = "10.00", **more: Any) -> dict[str, Any]:
    return {
        "id": row_id, "party": 4, "number": f"V{row_id}", "state": "posted", "type": "out", "invoice_date": DAY,
        "total_amount": Decimal(total), "amount_to_pay": Decimal(total), "sale_rentals": rentals, "lines.": [],
        "taxes.": [], "currency.": {"id": 1, "code": "USD"}, **more,
    }  # fmt: skip


def books(**parts: Any) -> Books:
    whole = {"contracts": [], "subscriptions": [], "invoices": [], "lines": [], "payments": [], **parts}
    return Books("4", SCOPE, **whole)


def test_what_settles_one_rental_belongs_to_it_wherever_it_came_from() -> None:
    made = books(
        invoices=[invoice(1, [7])],
        lines=[
            movement(1, "10.00", "0", "account.invoice,1", reconciliation=5),
            movement(2, "0", "10.00", None, reconciliation=5),
            movement(3, "0", "4.00", None),
        ],
    )

    assert [entry.rental_id for entry in made.entries()] == ["sale.rental,7", "sale.rental,7", "party.party,4"]
    assert [entry.kind for entry in made.entries()] == [EntryKind.CHARGE, EntryKind.UNKNOWN, EntryKind.UNKNOWN]
    assert made.balances("party.party,4", DAY).credit.amount == Decimal("4.00")


@pytest.mark.fact("S1.34")
def test_an_invoice_of_two_contracts_is_the_accounts() -> None:
    made = books(invoices=[invoice(1, [7, 8]), invoice(2, [], origin_invoices=[1]), invoice(3, [7])])

    assert [made.rental_of_invoice(each) for each in (1, 2, 3)] == ["party.party,4", "party.party,4", "sale.rental,7"]


def test_a_draft_of_staff_counts_nowhere_and_what_a_payment_books_does() -> None:
    made = books(
        lines=[
            movement(1, "10.00", "0", None, move_state="draft"),
            movement(2, "0", "3.00", "account.payment,1", move_state="draft"),
        ]
    )

    assert [entry.effect.amount for entry in made.entries()] == [Decimal("-3.00")]


@pytest.mark.parametrize(
    ("left", "word", "expected"),
    [
        ("10.00", "posted", InvoiceState.SENT),
        ("4.00", "posted", InvoiceState.PARTIALLY_PAID),
        ("0.00", "posted", InvoiceState.PAID),
        ("0.00", "paid", InvoiceState.PAID),
        ("0.00", "cancelled", InvoiceState.VOID),
        ("10.00", "draft", InvoiceState.DRAFT),
    ],
)
def test_settled_is_by_amount_and_only_final_invoices_are_seen(left: str, word: str, expected: InvoiceState) -> None:
    found = invoice_of(invoice(1, [7], state=word, amount_to_pay=Decimal(left)), SCOPE)

    assert found.state is expected
    assert found.is_visible is (word in {"posted", "paid"})


def test_an_invoice_in_other_money_stops_the_reading_of_it() -> None:
    with pytest.raises(UnavailableError):
        invoice_of({**invoice(1, []), "currency.": {"id": 2, "code": "EUR"}}, SCOPE)


def test_an_amount_that_went_through_a_float_is_none() -> None:
    with pytest.raises(UnavailableError):
        SCOPE.money(0.1)


def test_a_telephone_number_that_cannot_be_read_keeps_what_was_typed() -> None:
    found = phone_of({"value": "ask for Ada", "value_compact": "ask for Ada"})

    assert found is not None
    assert (found.raw, found.e164) == ("ask for Ada", None)


def test_what_was_put_away_is_not_shown_and_the_order_is_the_offices() -> None:
    ways = [
        {"id": 1, "type": "email", "value": "old@example.com", "active": False, "sequence": 1},
        {"id": 2, "type": "email", "value": "second@example.com", "active": True, "sequence": 2},
        {"id": 3, "type": "email", "value": "first@example.com", "active": True, "sequence": 1},
    ]

    found = tenant_of({"id": 4, "name": "Ada", "contact_mechanisms.": ways}, SCOPE, portal_category=None)

    assert found.email == "first@example.com"


@pytest.mark.parametrize(
    ("text", "is_shown", "words"),
    [
        ("Pays late.", False, "Pays late."),
        ("[customer] Come in.", True, "Come in."),
        ("[customer] [PB-ABCDEFGHIJKL]\nCome in.", True, "Come in."),
        ("Not [customer] marked.", False, "Not [customer] marked."),
    ],
)
def test_only_a_marked_note_is_for_the_customer(text: str, is_shown: bool, words: str) -> None:
    found = note_of(note(1, text), SCOPE, tenant_id="4", rental_id=None)

    assert found is not None
    assert ((found.visibility.value == "customer"), found.text) == (is_shown, words)


@pytest.mark.parametrize(
    ("extension", "content", "kind"),
    [
        ("pdf", b"%PDF-1.7", "application/pdf"),
        ("odt", b"PK\x03\x04", "application/vnd.oasis.opendocument.text"),
        ("pdf", b"<html>", "application/octet-stream"),
    ],
)
def test_what_a_paper_is_its_beginning_says(extension: str, content: bytes, kind: str) -> None:
    assert media_type_of(extension, content) == kind


OPTIONS: dict[str, Any] = {
    "url": "https://erp.example.com", "database": "rental", "user": "portal", "password": "env:TRYTON_PASSWORD",
    "payment_journal": "Portal", "facility": {"code": "main", "zone": "America/Chicago"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"payment_jurnal": "Portal"}, "Did you mean payment_journal?"),
        ({"facility": {"code": "main", "zone": "America/Chikago"}}, "accounts.yard.facility.zone: not an IANA"),
        ({"facility": {"code": "main", "zone": "UTC", "nam": "x"}}, "Did you mean name?"),
        (
            {"facility": {"code": "main", "zone": "UTC", "policy": {"nope": 1}}},
            "not a value of it: nope",
        ),
        ({"settle_window": "3d"}, "accounts.yard.settle_window: must be at most 24h"),
        ({"url": "http://erp.example.com"}, "accounts.yard.url: must be an https address"),
        ({"payment_journal": None}, "accounts.yard.payment_journal"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_settings("yard", {**OPTIONS, **options})

    assert said in refusal.value.message
    assert refusal.value.__context__ is None
