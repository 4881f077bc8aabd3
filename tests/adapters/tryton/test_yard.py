"""What the yard's people do leaves in a real server's books what it should: the ground that other tests stand on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, RefusedError, Yard

TODAY = datetime.now(UTC).date()
START = TODAY - timedelta(days=20)


def states(yard: Yard, rental: int) -> list[tuple[str, int, str]]:
    found = [(line["product."]["code"], int(line["quantity"]), line["rental_state"]) for line in yard.lines(rental)]
    return sorted(found)


def state(yard: Yard, rental: int) -> str:
    (row,) = yard.call.read("sale.rental", [["id", "=", rental]], "state")
    return str(row["state"])


def test_a_customer_is_reached_by_a_phone_of_the_plan_and_belongs_to_groups(tryton_yard: Yard) -> None:
    yard = tryton_yard
    ada = yard.customer("Ada Example", cash_only=True)
    silent = yard.customer(portal=False, phone="", email="")

    (row,) = yard.call.read("party.party", [["id", "=", ada.id]], "name", "categories.name")
    assert sorted(one["name"] for one in row["categories."]) == ["Cash only", "Portal enabled"]
    assert (ada.name, ada.postal_code, ada.phone[:8]) == ("Ada Example", "60601", "+1 312-5")
    assert (silent.phone, silent.email) == ("", "")
    with pytest.raises(RefusedError, match="UserError"):
        yard.customer(phone="abc")


def test_drafts_quotes_and_contracts_differ_by_their_state(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard, items = tryton_yard, {"GEN-20": 1}

    made = [make(tryton_customer, items, start=START, days=5) for make in (yard.draft, yard.quote, yard.contract)]

    assert [state(yard, rental) for rental in made] == ["draft", "quotation", "confirmed"]


def test_a_partial_pick_up_splits_the_line_and_the_contract_stays_confirmed(
    tryton_yard: Yard, tryton_customer: Customer
) -> None:
    yard = tryton_yard
    rental = yard.contract(tryton_customer, {"LIFT-26": 3, "FENCE-8": 10}, start=START, days=30)

    yard.pick_up(rental, {"LIFT-26": 2}, at=START)

    assert state(yard, rental) == "confirmed"
    assert states(yard, rental) == [
        ("FENCE-8", 10, "confirmed"), ("LIFT-26", 1, "confirmed"), ("LIFT-26", 2, "picked up"),
    ]  # fmt: skip


def test_a_contract_is_billed_while_it_runs_and_for_the_rest_when_all_is_back(
    tryton_yard: Yard, tryton_customer: Customer
) -> None:
    yard = tryton_yard
    rental = yard.on_rent(tryton_customer, {"FENCE-8": 10}, start=START, days=30)

    first = yard.bill(rental, until=START + timedelta(days=4))
    second = yard.bill(rental, until=START + timedelta(days=7))
    yard.take_back(rental, {"FENCE-8": 4}, at=START + timedelta(days=10))
    yard.take_back(rental, at=START + timedelta(days=12))
    last = yard.bill(rental)

    # 10 panels at 1.50 a day and 10 % tax for 4 days and 3 more; then 4 for 3 more, and 6 for 5 more.
    assert (yard.owed(first), yard.owed(second)) == (Decimal("66.00"), Decimal("49.50"))
    assert yard.owed(last) == Decimal("69.30")
    assert yard.balance(tryton_customer) == Decimal("184.80")
    assert yard.invoices_of(rental) == [first, second, last]
    assert state(yard, rental) == "done"


def test_what_is_out_has_a_day_on_which_it_is_collected(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard = tryton_yard
    rental = yard.on_rent(tryton_customer, {"GEN-20": 2}, start=START, days=30)
    (line,) = yard.lines(rental)

    assert yard.planned_back(rental) == {line["id"]: [START + timedelta(days=30)]}
    yard.take_back(rental)
    assert list(yard.planned_back(rental).values()) == [[]]


def test_an_invoice_may_be_dated_before_others_that_were_posted(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard = tryton_yard
    yard.invoice(tryton_customer, Decimal("10.00"))

    older = yard.invoice(tryton_customer, Decimal("20.00"), on=START)
    oldest = yard.invoice(tryton_customer, Decimal("30.00"), on=date(TODAY.year - 1, 12, 30))

    rows = yard.call.read("account.invoice", [["id", "in", [older, oldest]]], "invoice_date", "number", "state")
    assert [row["invoice_date"] for row in sorted(rows, key=lambda row: row["id"])] == [
        START,
        date(TODAY.year - 1, 12, 30),
    ]
    assert len({row["number"] for row in rows}) == 2
    assert yard.balance(tryton_customer) == Decimal("60.00")


def test_a_credit_note_is_an_invoice_below_zero(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard = tryton_yard
    invoice = yard.invoice(tryton_customer, Decimal("50.00"))

    credit = yard.credit(invoice)

    (row,) = yard.call.read("account.invoice", [["id", "=", credit]], "total_amount", "state")
    assert (row["total_amount"], row["state"]) == (Decimal("-50.00"), "posted")
    assert yard.balance(tryton_customer) == 0


def test_a_unit_is_let_by_the_month_and_billed_every_month(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard, year = tryton_yard, TODAY.year - 1
    yard.let(tryton_customer, start=date(year, 1, 1))

    january = yard.bill_units(tryton_customer, until=date(year, 2, 1))
    february = yard.bill_units(tryton_customer, until=date(year, 3, 1))

    assert (len(january), len(february)) == (1, 1)
    assert yard.balance(tryton_customer) >= Decimal("250.00")


def test_a_mandate_is_signed_for_a_bank_account(tryton_yard: Yard, tryton_customer: Customer) -> None:
    made = tryton_yard.mandate(tryton_customer)

    (row,) = tryton_yard.call.read("account.payment.sepa.mandate", [["id", "=", made]], "state", "party")
    assert (row["state"], row["party"]) == ("validated", tryton_customer.id)


def test_words_and_documents_stay_with_their_record(tryton_yard: Yard, tryton_customer: Customer) -> None:
    yard = tryton_yard
    rental = yard.quote(tryton_customer, {"GEN-20": 1}, start=START, days=5)
    yard.note("sale.rental", rental, "first")
    yard.note("sale.rental", rental, "second")
    yard.attach("sale.rental", rental, "plan.txt", b"north gate")
    for text in ("hello", "again"):
        yard.call.call("model.ir.chat.channel.post", f"sale.rental,{rental}", text, "internal")

    assert yard.notes("sale.rental", rental) == ["first", "second"]
    assert yard.posts("sale.rental", rental) == ["hello", "again"]
    assert yard.attachments("sale.rental", rental) == {"plan.txt": b"north gate"}


def test_the_seed_names_what_is_in_the_books(tryton_server: TrytonServer) -> None:
    facts = tryton_server.facts

    assert set(facts["products"]) == {"LIFT-26", "GEN-20", "FENCE-8"}
    assert set(facts["services"]) == {"UNIT-1010", "PARK-20"}
    assert set(facts["payment_journals"]) == {"Portal", "Direct debit", "Bank mandate"}
    assert tryton_server.series in {"8.2", "8.0"}
