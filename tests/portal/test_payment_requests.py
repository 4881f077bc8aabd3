"""What staff ask a tenant to pay: told by mail, paid by exactly what answers it, and never settled by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from pmsbridge.actions.payment_requests import PaymentRequest, RequestState
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.documents import NoteKind
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, Payment, PaymentState
from pmsbridge.model.people import Tenant
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import Rental, RentalKind, RentalState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryOffice, TestClock
from pmsbridge.testing.memory_billing import BillingMemoryAdapter
from tests.mailbox import Outbox
from tests.portal.conftest import World, card

S = RequestState


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def gateway(number: int = 1) -> ExternalPayment:
    return ExternalPayment(gateway="gate", reference=f"ch_request_{number:04}")


def staff(world: World, tenant_id: str = "T1") -> TenantSession:
    return world.session(tenant_id, actor="staff:ann")


def ask(world: World, amount: str = "40.00", *, key: str = "click-ask-1", **more: object) -> PaymentRequest:
    """A request about R1, as the tenant sees it."""
    given = {"rental_id": "R1", "due_on": date(2026, 12, 1), **more}
    view = staff(world).ask_payment(usd(amount), "A new lock", key=key, **given)  # type: ignore[arg-type]
    return next(each for each in world.session().payment_requests() if each.id == view.action_id)


def state(world: World, request: PaymentRequest) -> RequestState:
    return next(each.state for each in world.session().payment_requests() if each.id == request.id)


def code_of(refused: pytest.ExceptionInfo[IneligibleError]) -> str:
    return refused.value.code


@pytest.mark.fact("S3.5")
def test_a_request_is_told_by_mail_seen_by_its_tenant_alone_and_paid_by_exactly_what_was_asked(world: World) -> None:
    request = ask(world, text="It was broken on Monday.")

    (mail,) = world.outbox.mails
    assert (mail.to, "40.00 USD" in mail.subject) == ("ana@example.test", True)
    for said in ("A new lock", "It was broken on Monday.", "2026-12-01", "Hello Ana"):
        assert said in mail.text
    (note,) = world.office.books.notes_of("F1", "R1")
    assert (note.kind, "A new lock" in note.text) == (NoteKind.PAYMENT_ARRANGEMENT, True)
    assert (request.state, request.asked_by, request.amount) == (S.OPEN, "staff:ann", usd("40.00"))
    assert world.session().dashboard().payment_requests == (request,)
    assert world.session("T2").payment_requests() == ()
    with pytest.raises(NotFoundError):
        world.session("T2").pay_request(request.id, gateway(), key="click-other")

    quote = world.session().quote_request(request.id)
    assert quote.total == usd("40.00")
    paid = world.session().pay(quote.id, gateway(), key="click-pay-1")

    assert (paid.outcome, paid.kind) == (Outcome.SETTLED, "pay_request")
    (done,) = world.session().payment_requests()
    assert (done.state, done.paid_by, done.ended_at is not None) == (S.PAID, paid.action_id, True)
    assert world.office.books.balance("F1", "R1") == usd("80.00")


def test_staff_see_what_a_whole_facility_was_asked_for(world: World) -> None:
    one, two = ask(world), staff(world, "T2").ask_payment(usd("7.00"), "A key", key="click-ask-2", rental_id="R2")
    staff(world).withdraw_request(one.id, key="click-back-1")
    settings = Settings(accounts={"mem": AccountSettings(system="memory")})
    bridge = Bridge(
        settings, database=world.runtime.database, adapters={"mem": world.adapter}, mailer=world.outbox,
        clock=world.clock,
    )  # fmt: skip

    found = {each.id: (each.tenant_id, each.state) for each in bridge.payment_requests("F1")}

    assert found == {one.id: ("T1", S.WITHDRAWN), two.action_id: ("T2", S.OPEN)}
    assert [each.id for each in bridge.payment_requests("F1", is_open=True)] == [two.action_id]
    assert bridge.payment_requests("F2") == ()


def test_the_tenant_is_written_to_in_their_language(world: World) -> None:
    tenant = world.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    world.office.books.put("F1", tenant.changed(language="fr-CA"))

    ask(world)

    (mail,) = world.outbox.mails
    assert "vous demande un paiement de 40,00" in mail.subject
    assert "Veuillez payer au plus tard le 1er décembre 2026." in mail.text


def test_what_is_asked_for_twice_with_one_key_is_asked_for_once_and_paid_once(world: World) -> None:
    request = ask(world)
    again = staff(world).ask_payment(
        usd("40.00"), "A new lock", key="click-ask-1", rental_id="R1", due_on=date(2026, 12, 1)
    )
    assert (again.replayed, len(world.session().payment_requests()), len(world.outbox.mails)) == (True, 1, 1)

    first = world.session().pay_request(request.id, gateway(), key="click-pay-1")
    second = world.session().pay_request(request.id, gateway(), key="click-pay-1")
    assert (first.outcome, second.replayed, world.payments) == (Outcome.SETTLED, True, 1)
    with pytest.raises(IneligibleError) as refused:
        world.session().pay_request(request.id, gateway(2), key="click-pay-2")
    assert (code_of(refused), world.payments) == ("request_paid", 1)


def test_another_payment_of_the_same_amount_never_answers_a_request(world: World) -> None:
    request = ask(world)
    world.session().pay_rental("R1", gateway(), key="click-rent-1", amount=usd("40.00"))
    assert state(world, request) is S.OPEN

    paid = world.session().pay_request(request.id, gateway(2), key="click-pay-1")

    assert (paid.attached, state(world, request), world.payments) == (False, S.PAID, 2)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_while_another_payment_of_its_amount_is_confirmed_a_request_is_neither_paid_nor_answered(
    world: World, fault: Fault
) -> None:
    request = ask(world)
    world.office.fail(fault, kind="take_payment")
    world.session().pay_rental("R1", gateway(), key="click-rent-1", amount=usd("40.00"))

    with pytest.raises(IneligibleError) as refused:
        world.session().pay_request(request.id, gateway(2), key="click-pay-1")

    assert code_of(refused) == "payment_being_confirmed"
    world.later(minutes=5)
    assert state(world, request) is S.OPEN
    assert world.session().pay_request(request.id, gateway(2), key="click-pay-2").outcome is Outcome.SETTLED
    assert (state(world, request), world.payments) == (S.PAID, 2)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_a_second_click_for_a_request_attaches_to_the_payment_that_is_being_confirmed(
    world: World, fault: Fault
) -> None:
    request = ask(world)
    world.office.fail(fault, kind="take_payment")
    first = world.session().pay_request(request.id, gateway(), key="click-pay-1")
    assert (first.outcome, state(world, request)) == (Outcome.PENDING, S.BEING_CONFIRMED)
    with pytest.raises(IneligibleError) as refused:
        staff(world).withdraw_request(request.id, key="click-back-1")
    assert code_of(refused) == "payment_being_confirmed"

    second = world.session().pay_request(request.id, gateway(), key="click-pay-2")
    plain = world.session().pay_rental("R1", gateway(), key="click-pay-3", amount=usd("40.00"))

    assert {second.action_id, plain.action_id} == {first.action_id}
    world.later(minutes=5)
    assert (state(world, request), world.payments) == (S.PAID, 1)


def test_two_requests_of_one_amount_are_two_payments(world: World) -> None:
    one, two = ask(world), ask(world, key="click-ask-2")
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    pending = world.session().pay_request(one.id, gateway(), key="click-pay-1")
    other = world.session().pay_request(two.id, gateway(2), key="click-pay-2")

    assert pending.action_id != other.action_id
    world.later(minutes=5)
    assert [state(world, each) for each in (one, two)] == [S.PAID, S.PAID]
    assert world.payments == 2


def test_a_payment_that_was_declined_leaves_the_request_open(world: World) -> None:
    request = ask(world)
    world.office.fail(Fault.REJECT, kind="take_payment")
    assert world.session().pay_request(request.id, card(), key="click-pay-1").outcome is Outcome.DECLINED
    assert state(world, request) is S.OPEN
    assert world.session().pay_request(request.id, card(), key="click-pay-2").outcome is Outcome.SETTLED


def test_a_withdrawn_request_cannot_be_paid_and_the_tenant_is_told(world: World) -> None:
    request = ask(world)
    quote = world.session().quote_request(request.id)
    view = staff(world).withdraw_request(request.id, key="click-back-1")

    assert (view.outcome, state(world, request)) == (Outcome.SETTLED, S.WITHDRAWN)
    assert "no longer asks you for 40.00 USD" in world.outbox.mails[-1].subject
    refusals: tuple[Callable[[], ActionView], ...] = (
        lambda: world.session().pay_request(request.id, gateway(), key="click-pay-1"),
        lambda: world.session().pay(quote, gateway(), key="click-pay-2"),
        lambda: staff(world).withdraw_request(request.id, key="click-back-2"),
    )
    for pay in refusals:
        with pytest.raises(IneligibleError) as refused:
            pay()
        assert code_of(refused) == "request_withdrawn"
    assert world.payments == 0


def test_only_staff_ask_and_withdraw(world: World) -> None:
    request = ask(world)
    refusals: tuple[Callable[[], ActionView], ...] = (
        lambda: world.session().ask_payment(usd("1.00"), "x", key="click-own-1", rental_id="R1"),
        lambda: world.session().withdraw_request(request.id, key="click-own-2"),
    )
    for verb in refusals:
        with pytest.raises(IneligibleError) as refused:
            verb()
        assert code_of(refused) == "staff_only"
    with pytest.raises(NotFoundError):
        staff(world).ask_payment(usd("1.00"), "x", key="click-own-3", rental_id="R2")
    with pytest.raises(NotFoundError):
        staff(world, "T2").withdraw_request(request.id, key="click-own-4")


@pytest.mark.parametrize(
    "wrong",
    [{"amount": usd("0.00")}, {"amount": usd("0.001")}, {"amount": Money.of("1.00", "CAD")}, {"reason": " "},
     {"due_on": date(2026, 11, 20)}, {"invoice_id": "V1"}, {"reason": "4111 1111 1111 1111"}],
)  # fmt: skip
def test_a_request_that_cannot_be_meant_is_refused(world: World, wrong: dict[str, object]) -> None:
    given = {"amount": usd("40.00"), "reason": "A new lock", "rental_id": "R1", **wrong}
    with pytest.raises(InputError):
        staff(world).ask_payment(given.pop("amount"), given.pop("reason"), key="click-ask-1", **given)  # type: ignore[arg-type]
    assert (world.session().payment_requests(), world.office.applied) == ((), [])


def test_a_request_grows_overdue_and_is_not_due_once_what_it_is_about_is_paid_another_way(world: World) -> None:
    request = ask(world)
    world.clock.advance(timedelta(days=15))
    assert state(world, request) is S.OVERDUE
    world.session().pay_rental("R1", gateway(), key="click-rent-1")
    assert state(world, request) is S.NOT_DUE
    with pytest.raises(IneligibleError) as refused:
        world.session().pay_request(request.id, gateway(2), key="click-pay-1")
    assert code_of(refused) == "nothing_due"
    assert staff(world).withdraw_request(request.id, key="click-back-1").outcome is Outcome.SETTLED


@pytest.mark.parametrize(
    "said", [PaymentState.REVERSED, PaymentState.REFUNDED, PaymentState.FAILED, PaymentState.DECLINED]
)
def test_a_payment_that_was_taken_back_opens_the_request_again(world: World, said: PaymentState) -> None:
    request = ask(world)
    world.session().pay_request(request.id, gateway(), key="click-pay-1")
    world.office.settle()
    books = world.office.books
    ((facility, payment),) = books.payments
    books.payments[:] = [(facility, payment.changed(state=said))]
    books.enter("F1", "R1", EntryKind.REVERSAL, usd("40.00"), world.clock.now(), "Bounced")

    assert state(world, request) is S.OPEN
    assert world.session().pay_request(request.id, gateway(2), key="click-pay-2").outcome is Outcome.SETTLED
    assert state(world, request) is S.PAID


def test_a_try_that_failed_beside_the_payment_that_stands_opens_nothing(world: World) -> None:
    request = ask(world)
    world.session().pay_request(request.id, gateway(), key="click-pay-1")
    world.office.settle()
    books = world.office.books
    ((facility, payment),) = books.payments
    tried = payment.changed(state=PaymentState.FAILED)
    books.payments.append((facility, tried))

    assert state(world, request) is S.PAID
    with pytest.raises(IneligibleError) as refused:
        world.session().pay_request(request.id, gateway(2), key="click-pay-2")
    assert code_of(refused) == "request_paid"
    (whole,) = payment.allocations
    part = payment.changed(amount=usd("10.00"), allocations=(whole.changed(amount=usd("10.00")),))
    books.payments[0] = (facility, part)
    assert state(world, request) is S.OPEN


def test_payments_are_read_once_for_all_requests_of_a_rental_and_not_for_what_was_paid_long_ago(world: World) -> None:
    read, payments = list[str](), world.adapter.payments

    def counted(facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        read.append(rental_id)
        return payments(facility, tenant_id, rental_id)

    for number in range(3):
        request = ask(world, "10.00", key=f"click-ask-{number}", due_on=None)
        world.session().pay_request(request.id, gateway(number), key=f"click-pay-{number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.adapter, "payments", counted)
        assert [each.state for each in world.session().payment_requests()] == [S.PAID] * 3
        assert read == ["R1"]
        world.clock.advance(timedelta(days=400))
        assert [each.state for each in world.session().payment_requests()] == [S.PAID] * 3
        assert read == ["R1"]


@pytest.mark.parametrize("more", [{"rental_id": "R1"}, {"rental_id": "R4"}])
def test_nobody_is_asked_for_what_could_never_be_paid(world: World, more: dict[str, str]) -> None:
    site = world.office.books.facilities["F1"]
    world.office.books.facilities["F1"] = site.changed(policy=site.policy.changed(accepts_online_payments=False))

    with pytest.raises(IneligibleError) as refused:
        staff(world).ask_payment(usd("5.00"), "A key", key="click-ask-1", **more)  # type: ignore[arg-type]

    assert (code_of(refused), world.outbox.mails, world.session().payment_requests()) == ("payments_off", [], ())


def test_nobody_is_asked_to_pay_where_no_payment_can_be_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {kind: row for kind, row in world.adapter.capabilities.items() if kind != "take_payment"}
    monkeypatch.setattr(type(world.adapter), "capabilities", rows)

    with pytest.raises(UnsupportedError):
        staff(world).ask_payment(usd("5.00"), "A key", key="click-ask-1", rental_id="R1")

    assert world.outbox.mails == []


def test_a_part_that_staff_ask_for_is_taken_where_parts_are_not(world: World) -> None:
    site = world.office.books.facilities["F1"]
    world.office.books.facilities["F1"] = site.changed(policy=site.policy.changed(allows_partial_payments=False))
    request = ask(world)
    with pytest.raises(IneligibleError) as refused:
        world.session().pay_rental("R1", gateway(), key="click-rent-1", amount=usd("40.00"))
    assert code_of(refused) == "partial_not_allowed"
    assert world.session().pay_request(request.id, gateway(), key="click-pay-1").outcome is Outcome.SETTLED


def test_the_request_stands_whatever_becomes_of_the_mail(world: World) -> None:
    world.outbox.is_closed = True
    assert ask(world).state is S.OPEN
    world.outbox.is_closed = False
    world.later(minutes=30)
    assert len(world.outbox.mails) == 1


def test_who_has_no_address_gets_a_note_beside_the_rental(world: World) -> None:
    tenant = world.office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    world.office.books.put("F1", tenant.changed(email="n/a"))
    assert ask(world).state is S.OPEN
    assert (world.outbox.mails, len(world.office.books.notes_of("F1", "R1"))) == ([], 1)


def test_money_on_account_is_not_asked_for_where_no_account_is_kept(world: World) -> None:
    with pytest.raises(UnsupportedError):
        staff(world).ask_payment(usd("40.00"), "A deposit", key="click-ask-1")


@pytest.fixture
def billing(tmp_path: Path) -> Iterator[World]:
    clock = TestClock()
    office = MemoryOffice(clock)
    adapter, outbox, path = BillingMemoryAdapter(office), Outbox(), tmp_path / "bridge.db"
    database = open_database(f"sqlite:///{path}")
    runtime = Runtime(database, {office.account: adapter}, mailer=outbox, clock=clock)
    yield World(clock, office, adapter, runtime, outbox, path)
    database.close()


def test_an_invoice_is_asked_for_and_paid_by_its_request(billing: World) -> None:
    ref = VendorRef(system="memory", account="mem", facility="F1", entity="invoice", id="V1")
    billing.office.books.put("F1", Invoice(
        ref=ref, tenant_id="T1", number="V1", state=InvoiceState.SENT, issued_on=date(2026, 11, 1), total=usd("50.00"),
        lines=(InvoiceLine(rental_id="R1", net=usd("50.00"), tax=usd("0.00")),),
    ))  # fmt: skip
    request = ask(billing, "50.00", rental_id=None, invoice_id="V1")
    with pytest.raises(NotFoundError):
        staff(billing, "T2").ask_payment(usd("1.00"), "x", key="click-ask-2", invoice_id="V1")

    billing.session().pay_request(request.id, gateway(), key="click-pay-1")

    assert state(billing, request) is S.PAID
    billing.office.settle()
    (paid,) = billing.office.books.payments
    assert paid[1].allocations[0].invoice_id == "V1"
    other = ask(billing, "50.00", key="click-ask-3", rental_id=None, invoice_id="V1")
    assert other.state is S.NOT_DUE


def test_money_on_account_is_asked_for_where_an_account_is_kept(billing: World) -> None:
    keep_account(billing)
    request = ask(billing, "25.00", rental_id=None)
    billing.session().pay_request(request.id, gateway(), key="click-pay-1")
    assert state(billing, request) is S.PAID
    assert billing.office.books.balance("F1", "ACC") == usd("-25.00")


def keep_account(world: World) -> None:
    """Give T1 a running account."""
    ref = VendorRef(system="memory", account="mem", facility="F1", entity="rental", id="ACC")
    world.office.books.put("F1", Rental(ref=ref, tenant_id="T1", kind=RentalKind.ACCOUNT, state=RentalState.UNKNOWN))
    world.office.books.autopay["F1", "ACC"] = world.office.books.autopay["F1", "R1"].changed(rental_id="ACC")
    site = world.office.books.facilities["F1"]
    world.office.books.facilities["F1"] = site.changed(policy=site.policy.changed(takes_money_on_account=True))
