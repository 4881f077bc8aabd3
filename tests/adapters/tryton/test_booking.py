"""Payments on a real server: booked once, whatever gets lost, whoever comes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.invoices import InvoiceState
from pmsbridge.model.payments import StoredMethod
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Receipt
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from pmsbridge_tryton.wire import Row
from tests.adapters.tryton.account import FACILITY, KEY, adapter_of, payment
from tests.adapters.tryton.weather import WeatherProxy

ATTEMPT = Attempt(key=KEY)
STEPS = (
    "model.account.payment.create", "model.account.payment.submit", "wizard.account.payment.process.execute",
    "model.account.payment.succeed",
)  # fmt: skip


def account(customer: Customer) -> str:
    return f"party.party,{customer.id}"


def whole(customer: Customer, invoice: int, amount: str, mark: str = "1") -> TakePayment:
    return payment(str(customer.id), amount, rental_id=account(customer), invoice_id=str(invoice), mark=mark)


@pytest.mark.fact("S4.5")
def test_an_invoice_is_paid_once_and_settled(erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("80.00"))
    effect = whole(tryton_customer, invoice, "80.00")

    first = erp.execute(effect, ATTEMPT)
    again = erp.execute(effect, ATTEMPT)

    (booked,) = tryton_yard.payments(tryton_customer)
    assert booked["state"] == "succeeded"
    assert booked["amount"] == Decimal("80.00")
    assert first.vendor_ids == again.vendor_ids == {"payment": str(booked["id"])}
    assert tryton_yard.owed(invoice) == 0
    assert erp.invoice(FACILITY, str(tryton_customer.id), str(invoice)).state is InvoiceState.PAID


@pytest.mark.parametrize("weather_word", [Weather.LOST_BEFORE, Weather.LOST_AFTER])
@pytest.mark.parametrize("step", STEPS)
def test_a_payment_whose_answer_was_lost_goes_on_where_it_stopped(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str, weather_word: Weather
) -> None:
    customer = tryton_yard.customer()
    invoice = tryton_yard.invoice(customer, Decimal("40.00"))
    effect = whole(customer, invoice, "40.00")
    weather.let(weather_word, step)

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, ATTEMPT)
    seen = stormy.probe(effect, ATTEMPT)
    is_done = step == STEPS[-1] and weather_word is Weather.LOST_AFTER
    assert isinstance(seen, Found if is_done else Absent)
    assert isinstance(seen, Found) or seen.begun is bool(tryton_yard.payments(customer))
    receipt = stormy.execute(effect, ATTEMPT)

    assert weather.told == [step]
    assert [row["state"] for row in tryton_yard.payments(customer)] == ["succeeded"]
    assert tryton_yard.owed(invoice) == 0
    assert isinstance(stormy.probe(effect, ATTEMPT), Found)
    assert receipt.vendor_ids


def raced(adapters: list[TrytonAdapter], effects: list[TakePayment]) -> list[Receipt | PmsBridgeError]:
    """All at once."""
    gate = Barrier(len(effects))

    def one(adapter: TrytonAdapter, effect: TakePayment) -> Receipt | PmsBridgeError:
        gate.wait(30)
        try:
            return adapter.execute(effect, ATTEMPT)
        except PmsBridgeError as error:
            return error

    with ThreadPoolExecutor(len(effects)) as pool:
        return list(pool.map(one, adapters, effects))


def test_of_eight_who_pay_one_invoice_at_once_one_does(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("64.00"))
    effects = [whole(tryton_customer, invoice, "64.00", mark=f"R{place}") for place in range(8)]
    adapters = [adapter_of(tryton_server) for _ in effects]

    answers = raced(adapters, effects)

    for adapter in adapters:
        adapter.close()
    receipts = [answer for answer in answers if isinstance(answer, Receipt)]
    refused = [answer for answer in answers if isinstance(answer, (UnavailableError, RejectedError))]
    assert (len(receipts), len(refused)) == (1, 7), answers
    assert [row["amount"] for row in tryton_yard.payments(tryton_customer)] == [Decimal("64.00")]
    assert tryton_yard.owed(invoice) == 0


def test_what_is_paid_between_the_amounts_and_their_stamps_is_noticed(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("48.00"))
    ours, others = adapter_of(tryton_server), adapter_of(tryton_server)
    stamps = TrytonClient.stamps

    def late(client: TrytonClient, *args: Any, **named: Any) -> dict[str, str]:
        monkeypatch.undo()
        others.execute(whole(tryton_customer, invoice, "40.00", mark="OTHERS"), ATTEMPT)
        return stamps(client, *args, **named)

    monkeypatch.setattr(TrytonClient, "stamps", late)
    with pytest.raises(RejectedError) as refusal:
        ours.execute(whole(tryton_customer, invoice, "48.00"), ATTEMPT)

    ours.close()
    others.close()
    assert refusal.value.code == "amount_exceeds_due"  # before a draft was made, not by the server's warning after it
    assert [row["amount"] for row in tryton_yard.payments(tryton_customer)] == [Decimal("40.00")]


def test_one_payment_sent_by_four_at_once_is_booked_once(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("32.00"))
    effect = whole(tryton_customer, invoice, "32.00")
    adapters = [adapter_of(tryton_server) for _ in range(4)]

    answers = raced(adapters, [effect] * 4)

    for adapter in adapters:
        adapter.close()
    assert any(isinstance(answer, Receipt) for answer in answers), answers
    assert [row["state"] for row in tryton_yard.payments(tryton_customer)] == ["succeeded"]


@pytest.mark.fact("S4.5")
def test_more_than_is_due_is_refused_before_anything_is_written(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("10.00"))

    with pytest.raises(RejectedError) as refusal:
        stormy.execute(whole(tryton_customer, invoice, "10.01"), ATTEMPT)

    assert refusal.value.code == "amount_exceeds_due"
    assert weather.count("*.create") == 0
    assert tryton_yard.payments(tryton_customer) == []


def test_an_invoice_of_somebody_else_is_not_there(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    theirs = tryton_yard.invoice(tryton_yard.customer(), Decimal("10.00"))

    with pytest.raises(RejectedError) as refusal:
        erp.execute(whole(tryton_customer, theirs, "10.00"), ATTEMPT)

    assert refusal.value.code == "invoice_not_found"
    assert tryton_yard.owed(theirs) == Decimal("10.00")


@pytest.mark.parametrize("step", STEPS[1:3])
def test_a_payment_that_is_refused_half_way_leaves_no_draft_behind(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, step: str
) -> None:
    customer = tryton_yard.customer()
    invoice = tryton_yard.invoice(customer, Decimal("25.00"))
    weather.refuse(step)

    with pytest.raises(RejectedError):
        stormy.execute(whole(customer, invoice, "25.00"), ATTEMPT)

    assert tryton_yard.payments(customer) == []
    assert tryton_yard.owed(invoice) == Decimal("25.00")


@pytest.mark.parametrize("error", [ConfigurationError("no"), UnavailableError("later")])
def test_a_payment_that_cannot_go_on_leaves_no_draft_behind(
    stormy: TrytonAdapter,
    tryton_yard: Yard,
    tryton_customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    error: PmsBridgeError,
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("25.00"))

    def refused(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(TrytonClient, "press", refused)
    with pytest.raises(type(error)):
        stormy.execute(whole(tryton_customer, invoice, "25.00"), ATTEMPT)

    assert tryton_yard.payments(tryton_customer) == []


def test_a_payment_that_was_approved_half_way_is_brought_to_its_end(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This server approves only what is paid out; a module of an office's own may approve what comes in."""
    invoice = tryton_yard.invoice(tryton_customer, Decimal("25.00"))
    booked = TrytonAdapter._booked

    def approved(adapter: TrytonAdapter, *args: Any, **named: Any) -> list[Row]:
        words = {"submitted": "approved"}
        return [{**row, "state": words.get(row["state"], row["state"])} for row in booked(adapter, *args, **named)]

    monkeypatch.setattr(TrytonAdapter, "_booked", approved)
    erp.execute(whole(tryton_customer, invoice, "25.00"), ATTEMPT)

    assert [row["state"] for row in tryton_yard.payments(tryton_customer)] == ["succeeded"]


def test_what_cannot_be_taken_back_is_unknown(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("25.00"))
    weather.refuse("model.account.payment.succeed")

    with pytest.raises(OutcomeUnknownError) as unknown:
        stormy.execute(whole(tryton_customer, invoice, "25.00"), ATTEMPT)

    assert unknown.value.code == "half_booked"
    assert isinstance(stormy.probe(whole(tryton_customer, invoice, "25.00"), ATTEMPT), Absent)
    assert isinstance(stormy.execute(whole(tryton_customer, invoice, "25.00"), ATTEMPT), Receipt)
    assert len(tryton_yard.payments(tryton_customer)) == 1


def test_money_on_account_is_a_credit_and_changes_no_invoice(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=erp._desk.today(), days=3)
    effect = payment(str(tryton_customer.id), "150.00", rental_id=account(tryton_customer))

    erp.execute(effect, ATTEMPT)

    found = erp.account(FACILITY, str(tryton_customer.id))
    row = found.rental(account(tryton_customer))
    assert row is not None
    assert row.balances.credit.amount == Decimal("150.00")
    assert found.rental(f"sale.rental,{rental}") is not None
    assert found.total.ledger.amount == tryton_yard.balance(tryton_customer) == Decimal("-150.00")


def test_two_parts_settle_an_invoice_whatever_word_the_server_has_for_it(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice, tenant = tryton_yard.invoice(tryton_customer, Decimal("70.00")), str(tryton_customer.id)

    erp.execute(whole(tryton_customer, invoice, "20.00", mark="P1"), ATTEMPT)
    between = erp.invoice(FACILITY, tenant, str(invoice))
    erp.execute(whole(tryton_customer, invoice, "50.00", mark="P2"), ATTEMPT)
    after = erp.invoice(FACILITY, tenant, str(invoice))

    assert (between.state, between.balance) == (InvoiceState.PARTIALLY_PAID, between.total - between.paid)  # type: ignore[operator]
    assert between.balance is not None
    assert between.balance.amount == Decimal("50.00")
    assert after.state is InvoiceState.PAID
    assert after.balance is not None
    assert after.balance.is_zero
    assert erp.account(FACILITY, tenant).total.payable_now.is_zero


def test_a_payment_that_the_office_took_back_is_for_a_person(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("33.00"))
    effect = whole(tryton_customer, invoice, "33.00")
    receipt = erp.execute(effect, ATTEMPT)
    tryton_yard.fail_payment(int(receipt.vendor_ids["payment"]))

    assert isinstance(erp.probe(effect, ATTEMPT), CannotTell)
    with pytest.raises(OutcomeUnknownError):
        erp.execute(effect, ATTEMPT)

    assert len(tryton_yard.payments(tryton_customer)) == 1
    assert tryton_yard.owed(invoice) == Decimal("33.00")


def test_a_method_on_file_is_refused_without_a_call(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_customer: Customer
) -> None:
    effect = payment(str(tryton_customer.id), "5.00", rental_id=account(tryton_customer))
    stored = effect.changed(means=StoredMethod(method_id="1"))

    with pytest.raises(UnsupportedError):
        stormy.execute(stored, ATTEMPT)

    assert weather.calls == []
