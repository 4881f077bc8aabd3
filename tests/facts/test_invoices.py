"""Single invoices: what was sent is due, and what is chosen is paid by one click, each invoice by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.account import PaymentStatus
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import Rental, RentalKind, RentalState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryOffice, TestClock
from pmsbridge.testing.memory_billing import BillingMemoryAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, adapter_of, days
from tests.facts.portal import MONEY
from tests.mailbox import Outbox

TODAY = date(2026, 11, 21)


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def gateway(number: int) -> ExternalPayment:
    return ExternalPayment(gateway="gate", reference=f"ch_lines_{number:04}")


@dataclass(slots=True)
class Shop:
    """A portal over an office that bills by invoice."""

    bridge: Bridge
    office: MemoryOffice

    @property
    def session(self) -> TenantSession:
        return self.bridge.tenant("F1", "T1")

    def bill(self, number: str, amount: str, *, state: str = "sent", due_in: int = 10, tenant: str = "T1") -> None:
        total, rental = usd(amount), "R1" if tenant == "T1" else "R2"
        self.office.books.put("F1", Invoice(
            ref=VendorRef(system="memory", account="mem", facility="F1", entity="invoice", id=number),
            tenant_id=tenant, number=number, state=InvoiceState(state), issued_on=TODAY - timedelta(days=20),
            due_on=TODAY + timedelta(days=due_in), total=total,
            lines=(InvoiceLine(rental_id=rental, net=total, tax=usd("0.00")),),
        ))  # fmt: skip
        self.office.books.enter("F1", rental, EntryKind.CHARGE, total, self.office.clock.now(), number)

    def bill_together(self, number: str = "C1", **amounts: str) -> None:
        """One invoice with a line for each rental of T1 that is named; "R1_2" is another one for R1."""
        lines = tuple(
            InvoiceLine(id=f"{number}-{name}", rental_id=name.partition("_")[0], net=usd(amount), tax=usd("0.00"))
            for name, amount in amounts.items()
        )
        self.office.books.put("F1", Invoice(
            ref=VendorRef(system="memory", account="mem", facility="F1", entity="invoice", id=number),
            tenant_id="T1", number=number, state=InvoiceState.SENT, issued_on=TODAY - timedelta(days=20),
            due_on=TODAY + timedelta(days=10), total=sum_money((line.gross for line in lines), "USD"), lines=lines,
        ))  # fmt: skip
        for name, amount in amounts.items():
            rental = name.partition("_")[0]
            kind = EntryKind.CREDIT if amount.startswith("-") else EntryKind.CHARGE
            self.office.books.enter("F1", rental, kind, usd(amount), self.office.clock.now(), number)

    def without_ids(self, number: str = "C1") -> None:
        """The office tells no ids of an invoice's lines."""
        invoice = self.office.books.find(Invoice, "F1", number)
        assert isinstance(invoice, Invoice)
        lines = tuple(line.changed(id=None) for line in invoice.lines)
        self.office.books.put("F1", invoice.changed(lines=lines))

    def keep_account(self) -> None:
        """Give T1 a running account, which takes what is paid for an invoice as a whole."""
        books = self.office.books
        ref = VendorRef(system="memory", account="mem", facility="F1", entity="rental", id="ACC")
        books.put("F1", Rental(ref=ref, tenant_id="T1", kind=RentalKind.ACCOUNT, state=RentalState.UNKNOWN))
        books.autopay["F1", "ACC"] = books.autopay["F1", "R1"].changed(rental_id="ACC")

    def later(self) -> None:
        """Let the settle window pass and the engine work."""
        self.bridge.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
        self.bridge.runtime.run_due()

    def left(self, number: str = "C1") -> list[str]:
        """What the office's books still ask for each line of an invoice."""
        invoice = next(each for each in self.session.invoices() if each.id == number)
        return [str(line.balance) for line in invoice.lines]

    def payable(self) -> dict[str, Money]:
        """What can be paid now, by rental."""
        return {row.id: row.balances.payable_now for row in self.session.account().rentals}

    def paid(self) -> list[tuple[str | None, Decimal]]:
        """Invoice and amount of every payment in the office's books."""
        effects = [applied.effect for applied in self.office.of_kind("take_payment")]
        parts = [part for effect in effects if isinstance(effect, TakePayment) for part in effect.parts]
        return [(part.invoice_id, part.amount.amount) for part in parts]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    clock = TestClock()
    office = MemoryOffice(clock)
    with Bridge(
        Settings(accounts={"mem": AccountSettings(system="memory")}),
        database=open_database(f"sqlite:///{tmp_path}/shop.db"), adapters={"mem": BillingMemoryAdapter(office)},
        mailer=Outbox(), clock=clock,
    ) as bridge:  # fmt: skip
        yield Shop(bridge, office)


def test_a_list_of_invoices_asks_for_nothing_that_is_being_confirmed(shop: Shop) -> None:
    shop.bill("I1", "45.00")
    shop.bill("I2", "60.00", due_in=20)
    session = shop.session
    shop.office.fail(Fault.DROP_AFTER, kind="take_payment")
    shop.office.lag = timedelta(minutes=5)  # no read shows it at once

    def balances() -> dict[str, str]:
        return {each.number: str(each.balance) for each in session.invoices()}

    assert balances() == {"I1": "45.00 USD", "I2": "60.00 USD"}
    paid = session.pay_invoice("I1", MONEY, key="click-0001")
    assert paid.outcome is Outcome.PENDING
    assert balances() == {"I1": "0.00 USD", "I2": "60.00 USD"}
    assert session.quote_invoices(["I2"]).total == usd("60.00")
    with pytest.raises(IneligibleError):
        session.quote_invoice("I1")
    while session.action(paid.action_id).outcome is Outcome.PENDING:
        shop.office.clock.sleep(600)
        shop.bridge.runtime.run_due()
    assert balances() == {"I1": "0.00 USD", "I2": "60.00 USD"}


def test_a_payment_that_never_arrived_is_asked_for_again(shop: Shop) -> None:
    shop.bill("I1", "45.00")
    shop.office.fail(Fault.DROP_BEFORE, kind="take_payment", times=9)
    shop.session.pay_invoice("I1", MONEY, key="click-0001")
    assert [str(each.balance) for each in shop.session.invoices()] == ["0.00 USD"]
    for _ in range(40):
        shop.office.clock.sleep(3600)
        shop.bridge.runtime.run_due()

    assert shop.paid() == []
    assert [str(each.balance) for each in shop.session.invoices()] == ["45.00 USD"]


@pytest.mark.fact("S4.10", "S4.11", "S4.4")
def test_what_was_not_sent_is_not_shown_and_counts_neither_as_due_nor_as_past_due(shop: Shop) -> None:
    shop.bill("I1", "45.00", state="unsent", due_in=-5)
    shop.bill("I2", "60.00")

    before = shop.session.account()
    shop.bill("I3", "80.00", due_in=-5)
    after = shop.session.account()

    assert [invoice.number for invoice in shop.session.invoices()] == ["I2", "I3"]
    assert (before.total.due, before.total.past_due) == (usd("60.00"), usd("0.00"))
    assert before.payment_status is PaymentStatus.DUE
    assert (after.total.due, after.total.past_due, after.rentals[0].days_past_due) == (usd("140.00"), usd("80.00"), 5)
    assert after.payment_status is PaymentStatus.PAST_DUE
    assert after.total.ledger == usd("425.00")  # two rents of 120.00 that nobody billed, and what was not sent
    aged = shop.session.aged_balance(TODAY)
    assert (aged.not_due, aged.up_to_30, aged.total) == (usd("60.00"), usd("80.00"), usd("140.00"))


@pytest.mark.fact("S4.3")
def test_money_that_names_no_invoice_settles_the_oldest_that_was_sent(shop: Shop) -> None:
    shop.bill("I1", "45.00", state="unsent")
    shop.bill("I2", "60.00")
    shop.bill("I3", "80.00")

    shop.session.pay_rental("R1", MONEY, key="click-0001", amount=usd("100.00"))

    assert {each.number: (each.state.value, each.balance) for each in shop.session.invoices()} == {
        "I2": ("paid", usd("0.00")), "I3": ("partially_paid", usd("40.00")),
    }  # fmt: skip
    assert shop.session.account().total.payable_now == usd("40.00")


DISCOUNTED = {"first": {"R1_1": "-20.00", "R1_2": "120.00"}, "last": {"R1_1": "120.00", "R1_2": "-20.00"}}


@pytest.mark.parametrize("where", DISCOUNTED)
def test_a_discount_is_taken_off_what_an_invoice_asks_for_wherever_it_stands(shop: Shop, where: str) -> None:
    shop.bill_together(**DISCOUNTED[where])

    (unpaid,), asked = shop.session.invoices(), shop.payable()
    shop.session.pay_rental("R1", MONEY, key="click-0001", amount=usd("60.00"))
    (partly,), left = shop.session.invoices(), shop.payable()
    shop.session.pay_rental("R1", MONEY, key="click-0002", amount=usd("40.00"))
    (paid,) = shop.session.invoices()

    assert (unpaid.state.value, unpaid.balance, unpaid.paid, asked["R1"]) == ("sent", usd("100"), usd("0"), usd("100"))
    assert (partly.state.value, partly.balance, left["R1"]) == ("partially_paid", usd("40.00"), usd("40.00"))
    assert (paid.state.value, paid.balance, shop.payable()["R1"]) == ("paid", usd("0.00"), usd("0.00"))
    assert sorted(shop.left()) == ["0.00 USD", "0.00 USD"]


@pytest.mark.parametrize("where", DISCOUNTED)
def test_an_invoice_with_a_discount_is_settled_by_what_it_asks_for(shop: Shop, where: str) -> None:
    shop.keep_account()
    shop.bill_together(**DISCOUNTED[where])

    paid = shop.session.pay_invoice("C1", MONEY, key="click-0001", amount=usd("100.00"))

    assert paid.outcome is Outcome.SETTLED
    (invoice,) = shop.session.invoices()
    assert (invoice.state.value, invoice.balance, invoice.paid) == ("paid", usd("0.00"), usd("100.00"))


def test_a_discount_is_taken_off_its_own_rental_first(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4_1="80.00", R4_2="-30.00")

    assert shop.left() == ["60.00 USD", "50.00 USD", "0.00 USD"]
    asked = shop.payable()
    assert (asked["R1"], asked["R4"]) == (usd("60.00"), usd("50.00"))

    shop.bill_together("C2", R1="70.00", R4_1="10.00", R4_2="-30.00")

    assert shop.left("C2") == ["50.00 USD", "0.00 USD", "0.00 USD"]


def test_an_invoice_of_a_credit_alone_owes_the_customer(shop: Shop) -> None:
    shop.bill_together(R1="-30.00")

    (invoice,) = shop.session.invoices()
    assert (invoice.state.value, invoice.balance, invoice.paid) == ("sent", usd("-30.00"), usd("0.00"))


def test_a_combined_invoice_without_ids_of_lines_is_due_for_each_rental(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    shop.without_ids()
    asked = shop.payable()

    shop.session.pay_rental("R4", MONEY, key="click-0001", amount=usd("30.00"))

    assert (asked["R1"], asked["R4"]) == (usd("60.00"), usd("80.00"))
    left = shop.payable()
    assert (left["R1"], left["R4"]) == (usd("60.00"), usd("50.00"))
    (invoice,) = shop.session.invoices()
    assert (invoice.balance, [line.balance for line in invoice.lines]) == (usd("110.00"), [None, None])


@pytest.mark.fact("S1.34")
def test_a_line_of_a_combined_invoice_is_settled_by_itself_and_the_others_stay_open(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4="80.00")

    quote = shop.session.quote_invoice("C1", lines=["C1-R4"])
    paid = shop.session.pay(quote.id, MONEY, key=quote.id)
    again = shop.session.pay(quote.id, MONEY, key=quote.id)

    assert [(line.rental_id, line.line_id, line.amount) for line in quote.lines] == [("R4", "C1-R4", usd("80.00"))]
    assert (paid.outcome, again.replayed, shop.paid()) == (Outcome.SETTLED, True, [("C1", Decimal("80.00"))])
    assert shop.left() == ["60.00 USD", "0.00 USD"]
    invoice = shop.session.invoices()[0]
    assert (invoice.state, invoice.balance) == (InvoiceState.PARTIALLY_PAID, usd("60.00"))
    rows = {row.id: row.balances.payable_now for row in shop.session.account().rentals}
    assert (rows["R1"], rows["R4"]) == (usd("60.00"), usd("0.00"))
    with pytest.raises(IneligibleError) as refused:
        shop.session.pay_invoice("C1", MONEY, key="click-0002", lines=["C1-R4"])
    assert refused.value.code == "line_settled"


@pytest.mark.fact("S1.34")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_a_line_that_is_being_settled_is_settled_by_nothing_else_meanwhile(shop: Shop, fault: Fault) -> None:
    shop.bill_together(R1="60.00", R4="60.00")
    pay = shop.session.pay_invoice
    shop.office.fail(fault, kind="take_payment")
    first = pay("C1", gateway(1), key="click-0001", lines=["C1-R1"])

    second = pay("C1", gateway(1), key="click-0002", lines=["C1-R1"])
    assert (first.outcome, second.attached, second.action_id) == (Outcome.PENDING, True, first.action_id)
    for number, (code, more) in enumerate((
        ("payment_being_confirmed", {"lines": ["C1-R1", "C1-R4"]}),
        ("invoice_not_payable", {"amount": usd("50.00")}),  # a part of it is of no unit
    ), start=3):  # fmt: skip
        with pytest.raises(IneligibleError) as refused:
            pay("C1", gateway(number), key=f"click-{number:04}", **more)  # type: ignore[arg-type]
        assert refused.value.code == code
    other = pay("C1", gateway(5), key="click-0005", lines=["C1-R4"])  # of the same amount
    assert not other.attached

    shop.later()
    assert sorted(shop.paid()) == [("C1", Decimal("60.00")), ("C1", Decimal("60.00"))]
    assert shop.left() == ["0.00 USD", "0.00 USD"]


_WHOLE_OR_LINE: list[dict[str, Any]] = [{"lines": ["C1-R1"]}, {"amount": usd("60.00")}, {}]


@pytest.mark.fact("S1.34", "S4.10")
@pytest.mark.parametrize("asked", _WHOLE_OR_LINE, ids=["a line", "an amount", "the whole"])
def test_what_was_just_paid_and_does_not_show_yet_is_not_paid_once_more(shop: Shop, asked: dict[str, Any]) -> None:
    shop.bill_together(R1="60.00")
    shop.office.lag = timedelta(minutes=5)
    assert shop.session.pay_invoice("C1", gateway(1), key="click-0001", **asked).outcome is Outcome.SETTLED
    assert shop.bridge.adapters["mem"].invoice("F1", "T1", "C1").balance == usd("60.00")  # type: ignore[attr-defined]

    for number, again in enumerate(_WHOLE_OR_LINE, start=2):
        with pytest.raises(IneligibleError):
            shop.session.pay_invoice("C1", gateway(number), key=f"click-{number:04}", **again)

    assert shop.left() == ["0.00 USD"]
    assert shop.paid() == [("C1", Decimal("60.00"))]


@pytest.mark.fact("S1.34")
@pytest.mark.parametrize("lag", [timedelta(), timedelta(seconds=30)], ids=["shown", "not shown yet"])
def test_what_is_left_beside_a_settled_payment_is_paid_as_before(shop: Shop, lag: timedelta) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    shop.bill("I1", "45.00")
    shop.office.lag = lag
    shop.session.pay_invoice("C1", gateway(1), key="click-0001", lines=["C1-R1"])
    shop.session.pay_invoice("I1", gateway(2), key="click-0002", amount=usd("5.00"))

    shop.session.pay_invoice("C1", gateway(3), key="click-0003")
    shop.session.pay_invoice("I1", gateway(4), key="click-0004")

    assert sorted(shop.paid()) == [("C1", Decimal(60)), ("C1", Decimal(80)), ("I1", Decimal(5)), ("I1", Decimal(40))]


@pytest.mark.fact("S1.34")
@pytest.mark.parametrize("keeps_account", [False, True])
@pytest.mark.parametrize("asked", [{"lines": ["C1-R1"]}, {}], ids=["a line", "the whole"])
def test_a_unit_that_was_just_paid_is_not_paid_again_by_an_invoice(
    shop: Shop, asked: dict[str, Any], *, keeps_account: bool
) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    if keeps_account:
        shop.keep_account()
    shop.office.lag = timedelta(minutes=5)
    assert shop.session.pay_rental("R1", gateway(1), key="click-0001").outcome is Outcome.SETTLED

    if "lines" in asked:
        with pytest.raises(IneligibleError):
            shop.session.pay_invoice("C1", gateway(2), key="click-0002", **asked)
        assert shop.paid() == [(None, Decimal(60))]
    else:
        shop.session.pay_invoice("C1", gateway(2), key="click-0002")
        assert shop.paid() == [(None, Decimal(60)), ("C1", Decimal(80))]


@pytest.mark.fact("S1.34")
def test_two_lines_of_one_unit_and_one_amount_are_two_payments(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R1_2="60.00")
    shop.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    first = shop.session.pay_invoice("C1", gateway(1), key="click-0001", lines=["C1-R1"])

    second = shop.session.pay_invoice("C1", gateway(2), key="click-0002", lines=["C1-R1_2"])

    assert (second.attached, first.action_id == second.action_id) == (False, False)
    shop.later()
    assert shop.left() == ["0.00 USD", "0.00 USD"]


@pytest.mark.fact("S1.34")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
@pytest.mark.parametrize(
    ("first", "second"),
    [({"lines": ["C1-R1"]}, {"amount": usd("50.00")}), ({"amount": usd("50.00")}, {"lines": ["C1-R4"]})],
    ids=["the line first", "the invoice first"],
)
def test_a_part_of_the_invoice_and_a_line_of_it_wait_for_each_other(
    shop: Shop, first: dict[str, Any], second: dict[str, Any], fault: Fault
) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    shop.keep_account()
    shop.office.fail(fault, kind="take_payment")
    assert shop.session.pay_invoice("C1", gateway(1), key="click-0001", **first).outcome is Outcome.PENDING

    with pytest.raises(IneligibleError) as refused:
        shop.session.pay_invoice("C1", gateway(2), key="click-0002", **second)

    assert refused.value.code == "payment_being_confirmed"
    shop.later()
    assert len(shop.paid()) == 1


@pytest.mark.fact("S1.34")
def test_pay_the_unit_and_pay_the_line_do_not_both_settle_it(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    shop.office.fail(Fault.DROP_AFTER, kind="take_payment")
    first = shop.session.pay_rental("R1", gateway(1), key="click-0001")

    second = shop.session.pay_invoice("C1", gateway(1), key="click-0002", lines=["C1-R1"])

    assert (second.attached, second.action_id) == (True, first.action_id)
    shop.later()
    assert (shop.paid(), shop.left()) == ([(None, Decimal("60.00"))], ["0.00 USD", "80.00 USD"])


@pytest.mark.fact("S1.34")
def test_a_combined_invoice_is_paid_as_a_whole_by_all_its_open_lines(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    shop.session.pay_invoice("C1", gateway(1), key="click-0001", lines=["C1-R1"])

    paid = shop.session.pay_invoice("C1", gateway(2), key="click-0002")

    assert (paid.outcome, shop.left()) == (Outcome.SETTLED, ["0.00 USD", "0.00 USD"])
    with pytest.raises(IneligibleError) as refused:
        shop.session.pay_invoice("C1", gateway(3), key="click-0003")
    assert refused.value.code == "nothing_due"


def _less_than_its_lines(shop: Shop, monkeypatch: pytest.MonkeyPatch, balance: str, **lines: str | None) -> None:
    """Let the back office tell of C1 with another balance than its lines have, or with lines that have no id."""
    told = shop.bridge.adapters["mem"].invoice  # type: ignore[attr-defined]

    def invoice(facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        found: Invoice = told(facility, tenant_id, invoice_id)
        changed = tuple(line.changed(id=lines.get(line.rental_id or "", line.id)) for line in found.lines)
        return found.changed(balance=usd(balance), paid=None, lines=changed)

    monkeypatch.setattr(shop.bridge.adapters["mem"], "invoice", invoice)


@pytest.mark.fact("S1.34")
def test_lines_that_come_to_more_than_the_invoice_are_not_paid_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bill_together(R1="100.00", R4="50.00")
    _less_than_its_lines(shop, monkeypatch, "120.00")  # a credit on it is of no unit

    for number, asked in enumerate(({}, {"lines": ["C1-R1", "C1-R4"]}), start=1):
        with pytest.raises(IneligibleError) as refused:
            shop.session.pay_invoice("C1", gateway(number), key=f"click-{number:04}", **asked)  # type: ignore[arg-type]
        assert refused.value.code == "amount_exceeds_balance"
    assert shop.paid() == []
    assert shop.session.pay_invoice("C1", gateway(3), key="click-0003", lines=["C1-R1"]).outcome is Outcome.SETTLED


@pytest.mark.fact("S1.34")
def test_a_line_of_an_invoice_that_owes_nothing_is_not_paid(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    _less_than_its_lines(shop, monkeypatch, "0.00")
    with pytest.raises(IneligibleError) as refused:
        shop.session.pay_invoice("C1", gateway(1), key="click-0001", lines=["C1-R1"])
    assert (refused.value.code, shop.paid()) == ("line_settled", [])


@pytest.mark.fact("S1.34")
def test_an_invoice_is_not_paid_as_a_whole_by_some_of_its_lines(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    _less_than_its_lines(shop, monkeypatch, "140.00", R4=None)
    with pytest.raises(IneligibleError) as refused:
        shop.session.pay_invoice("C1", gateway(1), key="click-0001")
    assert (refused.value.code, shop.paid()) == ("invoice_not_payable", [])


@pytest.mark.fact("S1.34")
def test_a_quote_of_a_line_that_asks_for_less_now_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    quote = shop.session.quote_invoice("C1", lines=["C1-R1"])
    told = shop.bridge.adapters["mem"].invoice  # type: ignore[attr-defined]

    def moved(facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        """Another payment was moved to the line: the ledger is as it was."""
        found: Invoice = told(facility, tenant_id, invoice_id)
        return found.changed(lines=(found.lines[0].changed(balance=usd("10.00")), *found.lines[1:]))

    monkeypatch.setattr(shop.bridge.adapters["mem"], "invoice", moved)
    with pytest.raises(IneligibleError) as refused:
        shop.session.pay(quote.id, MONEY, key=quote.id)
    assert (refused.value.code, shop.paid()) == ("balance_moved", [])


@pytest.mark.fact("S1.34")
def test_lines_that_cannot_be_meant_are_refused(shop: Shop) -> None:
    shop.bill_together(R1="60.00", R4="80.00")
    quote = shop.session.quote_invoice
    for wrong in ([], ["C1-R1", "C1-R1"], "C1-R1"):
        with pytest.raises(InputError):
            quote("C1", lines=wrong)
    with pytest.raises(InputError):
        quote("C1", usd("5.00"), lines=["C1-R1"])
    with pytest.raises(NotFoundError):
        quote("C1", lines=["C1-R2"])
    shop.bridge.adapters["mem"].settles_lines = False  # type: ignore[attr-defined]
    with pytest.raises(IneligibleError) as refused:
        quote("C1", lines=["C1-R1"])
    assert (refused.value.code, shop.paid()) == ("lines_not_settled", [])


@pytest.mark.fact("S4.5")
def test_chosen_invoices_are_paid_by_one_click_each_by_itself(shop: Shop) -> None:
    for number, amount in (("I1", "60.00"), ("I2", "80.00"), ("I3", "20.00")):
        shop.bill(number, amount)

    quote = shop.session.quote_invoices(["I1", "I3"])
    paid = shop.session.pay(quote.id, MONEY, key=quote.id)
    again = shop.session.pay(quote.id, MONEY, key=quote.id)

    assert (quote.total, [line.invoice_id for line in quote.lines]) == (usd("80.00"), ["I1", "I3"])
    assert (paid.outcome, [step.name for step in paid.principal]) == (Outcome.SETTLED, ["payment.1", "payment.2"])
    assert (again.replayed, again.action_id) == (True, paid.action_id)
    assert shop.paid() == [("I1", Decimal(60)), ("I3", Decimal(20))]
    assert shop.session.account().total.due == usd("80.00")


@pytest.mark.fact("S4.5")
def test_one_of_several_invoices_that_is_refused_leaves_the_others_paid_and_says_so(shop: Shop) -> None:
    shop.bill("I1", "60.00")
    shop.bill("I2", "80.00")
    quote = shop.session.quote_invoices(["I1", "I2"])
    shop.office.fail(Fault.REJECT, kind="take_payment")

    paid = shop.session.pay(quote.id, MONEY, key=quote.id)

    assert paid.partial
    assert [step.outcome for step in paid.principal] == [Outcome.DECLINED, Outcome.SETTLED]
    assert shop.paid() == [("I2", Decimal(80))]


@pytest.mark.fact("S4.5")
def test_a_lost_answer_about_one_invoice_pays_none_of_them_twice(shop: Shop) -> None:
    shop.bill("I1", "60.00")
    shop.bill("I2", "80.00")
    first, second = shop.session.quote_invoices(["I1", "I2"]), shop.session.quote_invoices(["I2", "I1"])
    shop.office.fail(Fault.DROP_AFTER, kind="take_payment")

    lost = shop.session.pay(first.id, MONEY, key=first.id)
    clicked_again = shop.session.pay(second.id, MONEY, key="click-0002")
    for _ in range(3):
        shop.bridge.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
        shop.bridge.runtime.run_due()

    assert lost.outcome is Outcome.PENDING
    assert clicked_again.attached
    assert shop.session.action(lost.action_id).outcome is Outcome.SETTLED
    assert sorted(shop.paid(), key=str) == [("I1", Decimal(60)), ("I2", Decimal(80))]


@pytest.mark.fact("S4.5")
def test_what_cannot_be_chosen_is_refused_before_anything(shop: Shop) -> None:
    shop.bill("I1", "60.00")
    shop.bill("I2", "80.00", state="unsent")
    shop.bill("I9", "10.00", tenant="T2")
    session = shop.session
    quote = session.quote_invoices(["I1"])
    session.pay_invoice("I1", MONEY, key="click-0001", amount=usd("5.00"))

    calls: tuple[tuple[Callable[[], object], type[Exception]], ...] = (
        (lambda: session.quote_invoices([]), InputError),
        (lambda: session.quote_invoices(["I1", "I1"]), InputError),
        (lambda: session.quote_invoices("I1"), InputError),
        (lambda: session.quote_invoices([f"I{n}" for n in range(51)]), InputError),
        (lambda: session.quote_invoices(["I1", "I2"]), NotFoundError),
        (lambda: session.quote_invoices(["I1", "I9"]), NotFoundError),
        (lambda: session.pay(quote.id, MONEY, key="click-0002"), IneligibleError),  # the balance has moved
    )
    for call, error in calls:
        with pytest.raises(error):
            call()
    assert shop.paid() == [("I1", Decimal(5))]


@pytest.mark.slow
@pytest.mark.fact("S4.5")
def test_a_real_server_settles_chosen_invoices_by_one_click(
    tmp_path: Path, tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    one, two, left = (
        tryton_yard.invoice(tryton_customer, Decimal(amount), on=days(-3)) for amount in ("10.00", "20.00", "40.00")
    )
    with Bridge(
        Settings(accounts={ACCOUNT: AccountSettings(system="tryton")}),
        database=open_database(f"sqlite:///{tmp_path}/yard.db"), adapters={ACCOUNT: adapter_of(tryton_server)},
        mailer=None, wait=timedelta(seconds=30),
    ) as bridge:  # fmt: skip
        session = bridge.tenant("main", str(tryton_customer.id))
        with pytest.raises(IneligibleError) as refused:  # due lines there are days, not units: the earliest is first
            session.quote_invoice(str(one), lines=["1"])
        assert refused.value.code == "lines_not_settled"
        quote = session.quote_invoices([str(one), str(two)])
        paid = session.pay(quote.id, MONEY, key=quote.id)

    assert paid.outcome is Outcome.SETTLED
    assert [tryton_yard.owed(invoice) for invoice in (one, two, left)] == [0, 0, Decimal("40.00")]
    assert sorted(row["amount"] for row in tryton_yard.payments(tryton_customer)) == [Decimal(10), Decimal(20)]
