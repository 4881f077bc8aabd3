"""The rental-contract portal before a real server: the whole way from a click to the books and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.actions.payment_requests import RequestState
from pmsbridge.actions.quotes import PaymentQuote
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.rental import RentalKind
from pmsbridge.model.requests import CallOffState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter, create
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, adapter_of, days, options_of
from tests.adapters.tryton.bridging import AheadClock
from tests.adapters.tryton.weather import WeatherProxy
from tests.live_dashboards import TRYTON

MEANS = ExternalPayment(gateway="stripe", reference="pi_portal_1")


@dataclass
class Portal:
    """A portal, the customer in it, and the yard behind it."""

    bridge: Bridge
    yard: Yard
    customer: Customer

    @property
    def session(self) -> TenantSession:
        return self.bridge.tenant("main", str(self.customer.id))


@pytest.fixture
def portal(stormy: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path) -> Iterator[Portal]:
    settings = Settings(accounts={ACCOUNT: AccountSettings(system="tryton")})
    with Bridge(
        settings, database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={ACCOUNT: stormy}, mailer=None,
        clock=SystemClock(), wait=timedelta(seconds=30),
    ) as bridge:  # fmt: skip
        yield Portal(bridge, tryton_yard, tryton_customer)


@pytest.mark.fact("S2.1", "S2.6", "S2.25", "S4.1", "S4.5")
def test_a_customer_sees_contracts_pays_an_invoice_and_the_statement_says_so(portal: Portal) -> None:
    yard, session = portal.yard, portal.session
    rental = yard.on_rent(portal.customer, {"GEN-20": 2}, start=days(-20), days=60)
    invoice = yard.bill(rental, until=days(-10))
    board = session.dashboard()
    before = session.account_statement(days(0))

    view = session.pay_invoice(str(invoice), MEANS, key="click-0001")
    again = session.pay_invoice(str(invoice), MEANS, key="click-0001")

    assert [row.id for row in board.rows] == [f"sale.rental,{rental}"]
    assert board.total.due.amount == yard.balance(portal.customer) + before.closing.amount
    assert view.outcome is Outcome.SETTLED
    assert again.action_id == view.action_id
    assert yard.owed(invoice) == 0
    assert len(yard.payments(portal.customer)) == 1
    after = session.account_statement(days(0))
    assert (after.opening, after.closing.amount) == (before.opening, Decimal(0))
    with pytest.raises(IneligibleError) as denied:
        session.pay_invoice(str(invoice), MEANS, key="click-0002")
    assert denied.value.code == "nothing_due"


@dataclass
class Ahead(Portal):
    """A portal whose time, and its adapter's, goes on when a test says so."""

    clock: AheadClock


@pytest.fixture
def ahead(tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path) -> Iterator[Ahead]:
    clock = AheadClock()
    adapter = create(ACCOUNT, options_of(tryton_server), secrets=tryton_server, clock=clock)
    settings = Settings(accounts={ACCOUNT: AccountSettings(system="tryton")})
    with Bridge(
        settings, database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={ACCOUNT: adapter}, mailer=None,
        clock=clock, wait=timedelta(seconds=30),
    ) as bridge:  # fmt: skip
        yield Ahead(bridge, tryton_yard, tryton_customer, clock)
    adapter.close()


def gateway(number: int) -> ExternalPayment:
    return ExternalPayment(gateway="stripe", reference=f"pi_portal_{number}")


def taken(yard: Yard, customer: Customer) -> list[tuple[str, str]]:
    """By payment, oldest first: what the gateway calls it, and its state."""
    return [(row["reference"].split()[-1], row["state"]) for row in yard.payments(customer)]


def test_a_payment_of_a_request_that_the_bank_takes_back_is_due_again_and_is_paid_once_more(ahead: Ahead) -> None:
    yard, session = ahead.yard, ahead.session
    rental = yard.on_rent(ahead.customer, {"GEN-20": 2}, start=days(-20), days=60)
    invoice = yard.bill(rental, until=days(-10))
    staff = ahead.bridge.tenant("main", str(ahead.customer.id), actor="staff:ann")
    owed = Money.of(yard.owed(invoice), "USD")
    staff.ask_payment(owed, "The bill of this month", key="click-0007", invoice_id=str(invoice))
    (request,) = session.payment_requests()

    first = session.pay_request(request.id, gateway(1), key="click-0008")
    (paid,) = session.payment_requests()
    yard.fail_payment(yard.payments(ahead.customer)[0]["id"])
    (again,) = session.payment_requests()
    with pytest.raises(IneligibleError, match="Nothing is due"):  # so soon after, what no read shows may only lag
        session.pay_request(request.id, gateway(2), key="click-0009")
    ahead.clock.ahead += timedelta(minutes=30)
    (still,) = session.payment_requests()
    quote = session.quote_request(request.id)
    second = session.pay(quote, gateway(2), key="click-0010")
    ahead.clock.ahead += timedelta(minutes=30)
    ahead.bridge.runtime.sweep()
    ahead.bridge.runtime.run_due()

    assert (paid.state, again.state, still.state) == (RequestState.PAID, RequestState.OPEN, RequestState.OPEN)
    assert (first.outcome, second.outcome, quote.total) == (Outcome.SETTLED, Outcome.SETTLED, owed)
    assert second.action_id != first.action_id
    assert taken(yard, ahead.customer) == [("pi_portal_1", "failed"), ("pi_portal_2", "succeeded")]
    assert yard.owed(invoice) == yard.balance(ahead.customer) == 0
    (over,) = session.payment_requests()
    assert (over.state, over.paid_by) == (RequestState.PAID, second.action_id)
    with pytest.raises(IneligibleError) as denied:
        session.pay_request(request.id, gateway(3), key="click-0011")
    assert denied.value.code == "request_paid"
    assert session.pay_request(request.id, gateway(1), key="click-0008").action_id == first.action_id
    assert len(taken(yard, ahead.customer)) == 2


@pytest.mark.parametrize("verb", ["invoice", "all"])
def test_what_the_bank_took_back_is_quoted_and_paid_again(ahead: Ahead, verb: str) -> None:
    yard, session = ahead.yard, ahead.session
    rental = yard.on_rent(ahead.customer, {"GEN-20": 2}, start=days(-20), days=60)
    invoice = str(yard.bill(rental, until=days(-10)))
    owed = yard.owed(int(invoice))

    def quoted() -> PaymentQuote:
        return session.quote_invoice(invoice) if verb == "invoice" else session.quote_all()

    assert session.pay(quoted(), gateway(1), key="click-0001").outcome is Outcome.SETTLED
    with pytest.raises(IneligibleError):
        quoted()
    yard.fail_payment(yard.payments(ahead.customer)[0]["id"])
    ahead.clock.ahead += timedelta(minutes=30)
    quote, told = quoted(), session.account().total.payable_now
    paid = session.pay(quote, gateway(2), key="click-0002")

    assert (quote.total.amount, told.amount, paid.outcome) == (owed, owed, Outcome.SETTLED)
    assert taken(yard, ahead.customer) == [("pi_portal_1", "failed"), ("pi_portal_2", "succeeded")]
    assert yard.owed(int(invoice)) == session.account().total.payable_now.amount == 0


@pytest.mark.fact("S2.26", "S2.25", "S2.28")
def test_a_contract_is_one_line_on_the_summary_and_all_of_it_on_its_page(portal: Portal) -> None:
    yard, session = portal.yard, portal.session
    rental = yard.on_rent(portal.customer, {"GEN-20": 2}, start=days(-20), days=60)
    yard.bill(rental, until=days(-10))

    (short,) = session.dashboard().rows
    page = session.rental(short.id)

    assert short.rental.number
    assert short.rental.state.is_current
    assert [(item.code, int(item.on_rent)) for item in page.rental.items] == [("GEN-20", 2)]
    assert page.balances == short.balances
    assert session.ledger(short.id)
    assert [rental.id for rental, _ in session.items_out()] == [short.id]


def test_a_live_dashboard_costs_a_call_for_each_model_that_it_is_read_from(
    portal: Portal, weather: WeatherProxy
) -> None:
    portal.session.dashboard()
    weather.clear()

    board = portal.session.dashboard()

    assert TRYTON.may_be(len(board.account.rentals), len(weather.calls)), weather.calls


@pytest.mark.fact("S2.29", "S2.30")
def test_a_call_off_is_judged_before_anything_is_sent_then_carried_to_the_yard(
    portal: Portal, weather: WeatherProxy
) -> None:
    yard, session = portal.yard, portal.session
    rental = yard.contract(portal.customer, {"FENCE-8": 10}, start=days(-10), days=30)
    yard.pick_up(rental, {"FENCE-8": 4}, at=days(-10))
    ((contract, item),) = session.items_out()
    weather.clear()

    tries = ((5, 3, "quantity_exceeds_out"), (1, -1, "backdated_needs_staff"), (1, 0, "past_cutoff"))
    for quantity, wanted, code in tries:
        with pytest.raises(IneligibleError) as denied:
            session.request_call_off(contract.id, item.id, quantity, days(wanted), key=f"click-{code}")
        assert denied.value.code == code
    assert weather.count("*.create") == weather.count("*.write") == weather.count("*.post") == 0
    view = session.request_call_off(contract.id, item.id, 4, days(3), key="click-0003", place="Gate 3")

    assert view.outcome is Outcome.SETTLED
    portal.bridge.runtime.run_due()
    (call,) = session.call_offs()
    assert (call.call_off_state, int(call.quantity), call.pickup_on) == (CallOffState.REQUESTED, 4, days(3))
    assert any(call.reference in text for text in yard.notes("sale.rental", rental))
    assert any("Gate 3" in text for text in yard.posts("sale.rental", rental))
    with pytest.raises(IneligibleError) as denied:
        session.request_call_off(contract.id, item.id, 1, days(3), key="click-0004")
    assert denied.value.code == "already_off_rent"

    def button() -> str:
        offers = session.available_actions(contract.id, call_off_id=call.id)
        return next(each.code for each in offers if each.kind == "withdraw_call_off")

    assert button() == ""
    taken_back = session.withdraw_call_off(call.id, key="click-0005")
    assert taken_back.outcome is Outcome.SETTLED
    assert [each.call_off_state for each in session.call_offs()] == [CallOffState.WITHDRAWN]
    assert button() == "call_off_withdrawn"
    for which in (call.id, view.action_id):
        with pytest.raises(IneligibleError) as denied:
            session.withdraw_call_off(which, key=f"click-{len(which):04}")
        assert denied.value.code == "call_off_withdrawn"
    assert session.request_call_off(contract.id, item.id, 1, days(3), key="click-0006").outcome is Outcome.SETTLED


def test_money_on_account_and_a_quote_that_is_accepted(portal: Portal) -> None:
    yard, session = portal.yard, portal.session
    quote = yard.quote(portal.customer, {"GEN-20": 1}, start=days(5), days=3)

    paid = session.pay_on_account(Money.of("75.00", "USD"), MEANS, key="click-0005")
    accepted = session.accept_quote(f"sale.rental,{quote}", key="click-0006")

    assert paid.outcome is accepted.outcome is Outcome.SETTLED
    assert yard.balance(portal.customer) == Decimal("-75.00")
    assert any("accepted" in text for text in yard.notes("sale.rental", quote))
    (row,) = yard.call.read("sale.rental", [["id", "=", quote]], "state")
    assert row["state"] == "quotation"


def test_months_ahead_of_a_unit_are_money_on_account(portal: Portal) -> None:
    yard, session = portal.yard, portal.session
    unit = yard.let(portal.customer, start=days(-5))
    row = session.account().rental(f"sale.subscription,{unit}")
    assert row is not None
    assert row.rental.rent is not None

    quote = session.quote_prepay(2)
    paid = session.prepay(2, MEANS, key="click-0011")

    assert paid.outcome is Outcome.SETTLED
    (booked,) = yard.payments(portal.customer)
    assert (booked["state"], booked["line"]) == ("succeeded", None)
    assert booked["amount"] == quote.total.amount == 2 * row.rental.rent.amount
    assert yard.balance(portal.customer) == -booked["amount"]


@pytest.fixture
def hasty(
    tryton_server: TrytonServer, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path
) -> Iterator[Portal]:
    """Waits for no outcome, and looks for what is unknown after a second."""
    adapter = adapter_of(tryton_server, url=weather.url, settle_window="1s")
    settings = Settings(accounts={ACCOUNT: AccountSettings(system="tryton")})
    with Bridge(
        settings, database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={ACCOUNT: adapter}, mailer=None,
        clock=SystemClock(), wait=timedelta(0),
    ) as bridge:  # fmt: skip
        yield Portal(bridge, tryton_yard, tryton_customer)
    adapter.close()


@pytest.mark.parametrize("verbs", [("invoice", "rental"), ("rental", "invoice")])
def test_a_payment_at_the_contract_and_at_its_invoice_is_one_while_it_is_being_confirmed(
    hasty: Portal, weather: WeatherProxy, verbs: tuple[str, str]
) -> None:
    yard, session, ten = hasty.yard, hasty.session, Money.of("10.00", "USD")
    rental = yard.on_rent(hasty.customer, {"GEN-20": 2}, start=days(-20), days=60)
    invoice = yard.bill(rental, until=days(-10))
    owed, booked = yard.owed(invoice), len(yard.payments(hasty.customer))

    def pay(verb: str, number: int) -> ActionView:
        means, key = ExternalPayment(gateway="stripe", reference=f"pi_two_{verb}"), f"click-{number:04}"
        if verb == "invoice":
            return session.pay_invoice(str(invoice), means, key=key, amount=ten)
        return session.pay_rental(f"sale.rental,{rental}", means, key=key, amount=ten)

    weather.let(Weather.LOST_BEFORE, "model.account.payment.create")
    pending, again = pay(verbs[0], 1), pay(verbs[1], 2)

    assert pending.outcome is Outcome.PENDING
    assert (again.attached, again.action_id) == (True, pending.action_id)
    if verbs[0] == "invoice":
        assert session.quote_invoice(str(invoice)).total.amount == owed - 10
    end = time.monotonic() + 60
    while not session.action(pending.action_id).outcome.is_final and time.monotonic() < end:
        hasty.bridge.runtime.run_due()
        time.sleep(0.2)
    assert session.action(pending.action_id).outcome is Outcome.SETTLED
    assert (len(yard.payments(hasty.customer)), yard.owed(invoice)) == (booked + 1, owed - 10)


@pytest.mark.fact("S0.1", "S3.5")
def test_nothing_of_another_customer_is_reached(portal: Portal) -> None:
    yard, session = portal.yard, portal.session
    other = yard.customer()
    rental = yard.on_rent(other, {"GEN-20": 1}, start=days(-20), days=60)
    invoice = yard.bill(rental, until=days(-10))

    with pytest.raises(NotFoundError):
        session.pay_invoice(str(invoice), MEANS, key="click-0007")
    with pytest.raises(NotFoundError):
        session.request_call_off(f"sale.rental,{rental}", "1", 1, days(3), key="click-0008")
    with pytest.raises(NotFoundError), session.document(f"invoice-{invoice}"):
        pass
    assert yard.owed(invoice) > 0


def test_a_night_copies_customers_and_contracts_and_the_next_one_what_changed(portal: Portal) -> None:
    yard = portal.yard
    rental = yard.on_rent(portal.customer, {"FENCE-8": 3}, start=days(-5), days=9)
    for _ in range(2):
        yard.let(portal.customer, start=days(-5))

    first = portal.bridge.sync()
    yard.take_back(rental, {"FENCE-8": 1}, at=days(-1))
    second = portal.bridge.sync()

    copied = portal.bridge.mirror.get(ACCOUNT, "main", "rental", f"sale.rental,{rental}")
    assert not first.failed
    assert not second.failed
    assert [row.findings for row in (*first.rows, *second.rows) if row.findings] == []
    assert copied is not None
    assert copied.kind is RentalKind.CONTRACT  # type: ignore[attr-defined]
    assert [int(item.on_rent) for item in copied.items] == [2]  # type: ignore[attr-defined]
    assert portal.bridge.mirror.get(ACCOUNT, "main", "tenant", str(portal.customer.id)) is not None
    checked = portal.bridge.verify_sync("main")
    assert checked.is_equal, checked.drifts


def test_what_this_back_office_cannot_is_said(portal: Portal) -> None:
    offers = {offer.kind.value: offer for offer in portal.session.available_actions() if offer.rental_id is None}

    assert offers["change_password"].code == "not_supported"
    assert offers["pay_on_account"].allowed
    with pytest.raises(UnsupportedError):
        portal.bridge.adapters[ACCOUNT].sign_in("main", login="x", password=None)  # type: ignore[arg-type]


def test_a_document_that_is_handed_in_is_there_once_and_shown(portal: Portal, weather: WeatherProxy) -> None:
    yard, session = portal.yard, portal.session
    rental = yard.quote(portal.customer, {"GEN-20": 1}, start=days(5), days=3)
    data = b"%PDF-1.7 made up" + bytes(range(256)) * 12_000

    for _ in range(2):
        view = session.attach_document("licence.pdf", data, key="click-0009", rental_id=f"sale.rental,{rental}")
    weather.clear()
    for title, content in (
        ("a/b.pdf", data),
        ("x.exe", b"MZ"),
        ("big.pdf", b"%PDF-" + bytes(21_000_000)),
        ("e.pdf", b""),
    ):
        with pytest.raises(InputError):
            session.attach_document(title, content, key="click-0010")

    assert weather.calls == []
    assert view.outcome is Outcome.SETTLED
    assert yard.attachments("sale.rental", rental) == {"licence.pdf": data}
    (paper,) = session.documents()
    with session.document(paper.id) as content_:
        assert b"".join(content_.chunks) == data
