"""The judge and the planner about contracts: calling off, single invoices, money on account, quotes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from pmsbridge.actions.effects import AddNote, PostBulletin, RequestCallOff
from pmsbridge.actions.eligibility import Asked, Subject, available_actions, judge
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import is_same_payment, may_settle, payment_guard, settles_same_line
from pmsbridge.actions.plans import Planner
from pmsbridge.errors import NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceState
from pmsbridge.model.payments import Autopay, AutopayState
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import ItemOut, RentalKind, RentalState
from pmsbridge.model.requests import CallOffReason
from tests import builders as make

K = ActionKind
ALL = make.ALL_NATIVE | {"pay_invoice", "pay_on_account", "request_call_off"}


def item(**numbers: Any) -> ItemOut:
    sums = {"ordered": 10, "out": 6, "returned": 1, **numbers}
    flags = {name: sums.pop(name) for name in ("call_off_excluded",) if name in sums}
    ref = VendorRef(system="memory", account="acme", facility="L001", entity="item_out", id="I1")
    exact: dict[str, Any] = {name: Decimal(value) for name, value in sums.items()}
    return ItemOut(ref=ref, rental_id="R1", code="MIX", description="Mixer", **exact, **flags)


def contract(*items: ItemOut, state: RentalState = RentalState.ACTIVE) -> RentalAccount:
    row = make.row()
    rental = row.rental.changed(
        kind=RentalKind.CONTRACT, number="42", unit_id=None, unit_number="", state=state, items=items, leaving_on=None
    )
    return row.changed(rental=rental, autopay=None, unit=None)


def account_row() -> RentalAccount:
    row = make.row("ACC", balance="0")
    rental = row.rental.changed(
        kind=RentalKind.ACCOUNT, unit_id=None, unit_number="", state=RentalState.UNKNOWN, leaving_on=None
    )
    return row.changed(rental=rental, unit=None, autopay=Autopay(rental_id="ACC", state=AutopayState.OFF))


def ask(kind: ActionKind, of: TenantAccount, rental_id: str | None = "R1", **asked: Any) -> str:
    subject = Subject(account=of, today=make.TODAY, native=ALL)
    offer = judge(kind, subject, rental_id=rental_id, asked=Asked(**asked))
    return offer.code or "allowed"


DAY = make.TODAY
CASES: list[tuple[str, RentalAccount, dict[str, Any]]] = [
    ("allowed", contract(item()), {}),
    ("allowed", contract(item()), {"item_id": "I1", "quantity": Decimal(5), "wanted_on": DAY}),
    ("quantity_exceeds_out", contract(item()), {"item_id": "I1", "quantity": Decimal("5.01"), "wanted_on": DAY}),
    ("quantity_exceeds_out", contract(item(call_off_pending=4)), {"item_id": "I1", "quantity": Decimal(2)}),
    ("quantity_not_positive", contract(item()), {"item_id": "I1", "quantity": Decimal(0)}),
    ("backdated_needs_staff", contract(item()), {"item_id": "I1", "wanted_on": DAY - timedelta(days=1)}),
    ("not_delivered", contract(item(out=0, returned=0)), {"item_id": "I1"}),
    ("not_delivered", contract(item(out=0, returned=0)), {}),
    ("already_off_rent", contract(item(returned=6)), {"item_id": "I1"}),
    ("already_off_rent", contract(item(call_off_confirmed=5)), {"item_id": "I1"}),
    ("rate_type_excluded", contract(item(call_off_excluded=True)), {"item_id": "I1"}),
    ("contract_not_open", contract(item(), state=RentalState.CLOSED), {"item_id": "I1"}),
    ("contract_not_open", contract(item(), state=RentalState.QUOTE), {}),
    ("move_out_instead", make.row(), {}),
]


@pytest.mark.parametrize(("code", "row", "asked"), CASES)
def test_the_judge_says_why_an_item_cannot_be_called_off(code: str, row: RentalAccount, asked: dict[str, Any]) -> None:
    assert ask(K.REQUEST_CALL_OFF, make.account(row), **asked) == code


@pytest.mark.fact("S2.30")
def test_every_reason_there_is_for_a_refused_call_off_is_the_judges() -> None:
    early = make.account(contract(item()), at=make.facility(call_off_notice_days=2))
    said = {ask(K.REQUEST_CALL_OFF, make.account(row), **asked) for _, row, asked in CASES}
    said.add(ask(K.REQUEST_CALL_OFF, early, item_id="I1", wanted_on=DAY + timedelta(days=1)))

    assert {reason.value for reason in CallOffReason} - {"unknown"} <= said


def test_the_form_learns_how_many_and_from_when() -> None:
    of = make.account(contract(item(call_off_pending=2)), at=make.facility(call_off_notice_days=2))
    subject = Subject(account=of, today=DAY, native=ALL)

    offer = judge(K.REQUEST_CALL_OFF, subject, rental_id="R1", asked=Asked(item_id="I1"))

    assert offer.facts == {"callable_off": "3", "earliest_on": (DAY + timedelta(days=2)).isoformat()}


def test_an_item_of_another_contract_is_not_there() -> None:
    with pytest.raises(NotFoundError):
        ask(K.REQUEST_CALL_OFF, make.account(contract(item())), item_id="I2")


def test_items_are_called_off_and_units_are_left() -> None:
    assert ask(K.REQUEST_MOVE_OUT, make.account(contract(item()))) == "call_off_instead"
    assert ask(K.REQUEST_MOVE_OUT, make.account(make.row()), leaving_on=DAY) == "allowed"


def invoice(balance: str = "50.00", state: InvoiceState = InvoiceState.SENT) -> Invoice:
    ref = VendorRef(system="memory", account="acme", facility="L001", entity="invoice", id="V1")
    left, total = make.usd(balance), make.usd("80.00")
    return Invoice(
        ref=ref, tenant_id="T1", number="V1", state=state, issued_on=DAY, total=total, paid=total - left, balance=left
    )


@pytest.mark.fact("S4.5")
@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("allowed", {}),
        ("allowed", {"invoice": invoice()}),
        ("allowed", {"invoice": invoice(), "amount": make.usd("50.00")}),
        ("amount_exceeds_balance", {"invoice": invoice(), "amount": make.usd("50.01")}),
        ("nothing_due", {"invoice": invoice("0.00")}),
        ("invoice_not_payable", {"invoice": invoice(state=InvoiceState.DRAFT)}),
    ],
)
def test_a_single_invoice_is_paid_up_to_its_balance(code: str, asked: dict[str, Any]) -> None:
    assert ask(K.PAY_INVOICE, make.account(contract(item()), account_row()), None, **asked) == code


def test_an_invoice_that_nothing_here_takes_as_a_whole_cannot_be_paid_and_is_not_said_to_be_missing() -> None:
    of = make.account(contract(item()))

    assert ask(K.PAY_INVOICE, of, None, invoice=invoice()) == "invoice_not_payable"
    assert ask(K.PAY_INVOICE, of, None, invoice=invoice("0.00")) == "nothing_due"


def test_a_back_office_that_cannot_aim_a_payment_says_so() -> None:
    subject = Subject(account=make.account(make.row(), account_row()), today=DAY, native=make.ALL_NATIVE)

    assert {judge(kind, subject).code for kind in (K.PAY_INVOICE, K.PAY_ON_ACCOUNT)} == {"not_supported"}


def test_money_on_account_needs_an_account_and_a_facility_that_takes_it() -> None:
    of = make.account(make.row(), account_row())

    assert ask(K.PAY_ON_ACCOUNT, make.account(make.row()), None) == "no_account"
    assert ask(K.PAY_ON_ACCOUNT, of, None, amount=make.usd("900.00")) == "allowed"
    assert ask(K.PAY_ON_ACCOUNT, of, None, amount=make.usd("0.001")) == "amount_not_payable"
    refused = make.account(account_row(), at=make.facility(takes_money_on_account=False))
    assert ask(K.PAY_ON_ACCOUNT, refused, None) == "not_on_account"


def test_autopay_of_the_account_is_switched_there_and_nowhere_else() -> None:
    of = make.account(contract(item()), account_row())

    assert ask(K.AUTOPAY_OFF, of) == "autopay_on_account"
    assert ask(K.AUTOPAY_OFF, of, "ACC") == "allowed"


def test_what_is_offered_covers_quotes_and_the_account_but_nothing_that_is_over() -> None:
    quote = contract(item(out=0, returned=0), state=RentalState.QUOTE)
    over = make.row("R9", state=RentalState.CLOSED)
    subject = Subject(account=make.account(quote, account_row(), over), today=DAY, native=ALL)

    offers = {(offer.rental_id, offer.kind): offer.allowed for offer in available_actions(subject)}

    assert offers["R1", K.ACCEPT_QUOTE]
    assert not offers["ACC", K.ACCEPT_QUOTE]
    assert not any(rental == "R9" for rental, _ in offers)


def planner(of: TenantAccount, native: frozenset[str] = ALL) -> Planner:
    return Planner(
        account=of, action_id="act_1", native=native, today=DAY, scribe=make.scribe(of.facility), posts_beside=True
    )


@pytest.mark.fact("S2.29")
def test_a_call_off_is_one_request_and_three_notices() -> None:
    row = contract(item())

    plan = planner(make.account(row)).call_off(
        row, row.rental.items[0], Decimal(2), date(2026, 12, 1), place="Gate 3", comment="By the fence."
    )

    first, *notices = plan.steps
    assert isinstance(first.effect, RequestCallOff)
    assert (first.effect.quantity, first.effect.wanted_on, first.effect.item_id) == (
        Decimal(2), date(2026, 12, 1), "I1",
    )  # fmt: skip
    assert {type(step.effect) for step in notices} >= {AddNote, PostBulletin}
    assert all(step.after == first.name and not step.is_principal for step in notices)
    board = next(step.effect for step in notices if isinstance(step.effect, PostBulletin))
    assert (board.tenant_id, board.rental_id) == ("T1", "R1")
    assert "2 " in board.body
    assert "Gate 3" in board.body


def test_where_the_back_office_cannot_staff_get_the_task() -> None:
    row = contract(item())

    plan = planner(make.account(row), make.ALL_NATIVE).call_off(
        row, row.rental.items[0], Decimal(2), date(2026, 12, 1), place="", comment=""
    )
    accepted = planner(make.account(row)).accept_quote(row, "")

    assert plan.is_emulated
    assert not any(isinstance(step.effect, RequestCallOff) for step in plan.steps)
    assert accepted.is_emulated


@pytest.mark.fact("S1.34")
def test_two_invoices_of_one_amount_are_no_click_repeated() -> None:
    same = {payment_guard("a", "f", "T1", "R1", make.usd("5.00"), invoice) for invoice in (None, "V1", "V2")}

    assert len(same) == 3


@pytest.mark.fact("S1.34")
def test_a_payment_is_told_from_another_by_what_it_aims_at() -> None:
    def guard(amount: str = "5.00", rental: str = "R1", invoice: str | None = None, **aim: str) -> str:
        return payment_guard("a", "f", "T1", rental, make.usd(amount), invoice, **aim)

    plain, whole = guard(), guard(invoice="V1")
    one, other = guard(invoice="V1", line_id="L1"), guard(invoice="V1", line_id="L2")
    asked, asked_too = guard(request_id="A"), guard(request_id="B")

    same = {pair for pair in combinations((plain, whole, one, other, asked, asked_too), 2) if is_same_payment(*pair)}
    assert same == {
        (plain, whole), (plain, one), (plain, other), (plain, asked), (plain, asked_too), (whole, one), (whole, other),
        (whole, asked), (whole, asked_too), (one, asked), (one, asked_too), (other, asked), (other, asked_too),
    }  # fmt: skip
    assert not is_same_payment(plain, guard("5.01"))
    assert not is_same_payment(plain, guard(rental="R2"))

    assert settles_same_line(one, guard("9.00", "ACC", "V1"))
    assert settles_same_line(one, guard("9.00", "R2", "V1", line_id="L1"))
    assert not settles_same_line(one, other)
    assert not settles_same_line(whole, guard("9.00", invoice="V1"))
    assert not settles_same_line(one, guard(invoice="V2"))
    assert not settles_same_line(one, plain)

    assert may_settle(plain, {"R1"}, "V1", ("L1",))
    assert not may_settle(plain, {"R2"}, "V1", None)
    assert may_settle(whole, set(), "V1", ("L2",))
    assert may_settle(one, set(), "V1", None)
    assert not may_settle(one, {"R1"}, "V1", ("L2",))
    assert not may_settle(guard(invoice="V2"), {"R1"}, "V1", None)
