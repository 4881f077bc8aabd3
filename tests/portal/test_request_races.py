"""A request of the office is paid or withdrawn, never both, and its end is told once: whoever clicks at what moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from pmsbridge.actions.payment_requests import RequestState
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, PmsBridgeError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, PaymentState
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.store.trail import Event, append
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox
from tests.portal.conftest import World

FIVE = Money.of("5.00", "USD")
PATIENCE_SECONDS = 60.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    clock, outbox, path = TestClock(), Outbox(), tmp_path / "bridge.db"
    office = MemoryOffice(clock, facilities=("F1",))
    url = f"sqlite:///{path}" if request.param == "sqlite" else str(request.getfixturevalue("postgres_journal"))
    adapter, database = MemoryAdapter(office), open_database(url)
    runtime = Runtime(database, {office.account: adapter}, mailer=outbox, clock=clock)
    yield World(clock, office, adapter, runtime, outbox, path)
    database.close()


def staff(world: World) -> TenantSession:
    return world.session(actor="staff:ann")


def gateway(number: int | str = 1) -> ExternalPayment:
    return ExternalPayment(gateway="gate", reference=f"ch_race_{number}")


def ask(world: World, number: int = 1) -> str:
    given: dict[str, Any] = {"rental_id": "R1", "due_on": date(2026, 12, 1)}
    return staff(world).ask_payment(FIVE, f"Lock {number}", key=f"click-ask-{number}", **given).action_id


def withdraw(world: World, request: str, key: str = "click-back-1") -> ActionView:
    return staff(world).withdraw_request(request, key=key)


def pay(world: World, request: str, key: str = "click-pay-1") -> ActionView:
    return world.session().pay_request(request, gateway(key), key=key)


def told_back(world: World) -> int:
    """Mails by which the office took a request back."""
    return sum("no longer asks you" in mail.subject for mail in world.outbox.mails)


def state(world: World, request: str) -> RequestState:
    return next(each.state for each in world.session().payment_requests() if each.id == request)


def at_the_store(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """What the next action was judged by is over when it reaches the journal: somebody else was quicker."""
    submit, waiting = Runtime.submit, [meanwhile]

    def late(self: Runtime, *args: Any, **more: Any) -> ActionView:
        if waiting:
            waiting.pop()()
        return submit(self, *args, **more)

    monkeypatch.setattr(Runtime, "submit", late)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(IneligibleError) as no:
        act()
    assert no.value.message_key == f"eligibility.{no.value.code}"
    return no.value.code


@pytest.mark.parametrize("by", ["request", "quote"])
def test_a_payment_that_was_judged_before_the_request_was_withdrawn_is_not_sent(
    world: World, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(world)
    quote = world.session().quote_request(request)
    at_the_store(monkeypatch, lambda: withdraw(world, request))

    pays: dict[str, Callable[[], object]] = {
        "request": lambda: pay(world, request),
        "quote": lambda: world.session().pay(quote, gateway(), key="click-pay-1"),
    }
    assert refused(pays[by]) == "request_withdrawn"
    assert (world.payments, told_back(world), state(world, request)) == (0, 1, RequestState.WITHDRAWN)


def test_a_withdrawal_that_was_judged_before_the_request_was_paid_tells_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(world)
    at_the_store(monkeypatch, lambda: pay(world, request))

    assert refused(lambda: withdraw(world, request)) == "request_paid"
    assert (world.payments, told_back(world), state(world, request)) == (1, 0, RequestState.PAID)


def test_a_withdrawal_that_was_judged_before_a_payment_whose_answer_is_lost_tells_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(world)
    world.office.fail(Fault.DROP_AFTER, kind="take_payment")
    at_the_store(monkeypatch, lambda: pay(world, request))

    assert refused(lambda: withdraw(world, request)) == "payment_being_confirmed"
    world.later(minutes=20)
    assert refused(lambda: withdraw(world, request)) == "request_paid"
    assert (world.payments, told_back(world)) == (1, 0)


def test_a_payment_that_failed_meanwhile_stands_in_no_withdrawals_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(world)
    world.office.fail(Fault.REJECT, kind="take_payment")
    at_the_store(monkeypatch, lambda: pay(world, request))

    assert withdraw(world, request).outcome is Outcome.SETTLED
    assert (world.payments, told_back(world), state(world, request)) == (0, 1, RequestState.WITHDRAWN)


def test_of_two_withdrawals_one_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request = ask(world)
    at_the_store(monkeypatch, lambda: withdraw(world, request, "click-back-2"))

    assert refused(lambda: withdraw(world, request)) == "request_withdrawn"
    assert withdraw(world, request, "click-back-2").replayed
    assert told_back(world) == 1


def test_two_requests_do_not_stand_in_each_others_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = ask(world, 1), ask(world, 2)
    at_the_store(monkeypatch, lambda: withdraw(world, other))

    assert pay(world, one).outcome is Outcome.SETTLED
    assert (world.payments, told_back(world)) == (1, 1)


def test_a_request_whose_payment_was_taken_back_is_withdrawn_or_paid_anew(world: World) -> None:
    one, other = ask(world, 1), ask(world, 2)
    pay(world, one, "click-pay-1")
    pay(world, other, "click-pay-2")
    world.office.settle()
    books = world.office.books
    books.payments[:] = [(facility, each.changed(state=PaymentState.REVERSED)) for facility, each in books.payments]

    assert withdraw(world, one).outcome is Outcome.SETTLED
    assert pay(world, other, "click-pay-3").outcome is Outcome.SETTLED
    assert (state(world, one), state(world, other)) == (RequestState.WITHDRAWN, RequestState.PAID)


def paid_in_vain(world: World, request: str) -> ActionView:
    """A payment whose answer was lost, and of which somebody saw that it is not there."""
    world.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    view = pay(world, request)
    world.clock.advance(timedelta(minutes=2))  # nobody looks meanwhile
    return world.runtime.resolve(
        view.action_id, "payment.1", Outcome.NOT_SENT, "looked, and it is not there", "staff:ann"
    )


def test_what_staff_retry_is_no_payment_of_a_request_that_was_withdrawn_since(world: World) -> None:
    request = ask(world)
    view = paid_in_vain(world, request)
    withdraw(world, request)

    def retry() -> object:
        return world.runtime.journal.retry(view.action_id, "staff:ann")

    with pytest.raises(IneligibleError) as said:
        retry()

    assert (said.value.code, "--anyway" in said.value.unblock) == ("request_withdrawn", True)
    assert (world.payments, told_back(world)) == (0, 1)


def test_a_request_that_staff_let_be_paid_although_it_was_withdrawn_is_paid(world: World) -> None:
    request = ask(world)
    view = paid_in_vain(world, request)
    withdraw(world, request)
    world.clock.advance(timedelta(minutes=1))

    assert world.runtime.retry(view.action_id, "staff:ann", anyway=True).outcome is Outcome.SETTLED

    (told,) = world.session().payment_requests()
    assert (told.state, told.paid_by, told.ended_at) == (RequestState.PAID, view.action_id, world.clock.now())
    assert world.payments == 1


def test_what_is_written_of_a_payment_after_it_was_taken_back_makes_its_request_no_paid_one(world: World) -> None:
    request = ask(world)
    view = pay(world, request)
    world.office.settle()
    books = world.office.books
    books.payments[:] = [(facility, each.changed(state=PaymentState.REVERSED)) for facility, each in books.payments]
    withdraw(world, request)
    world.clock.advance(timedelta(minutes=1))
    with world.runtime.database.engine.begin() as connection:
        append(connection, view.action_id, [Event("attached", {})], world.clock.now())

    assert state(world, request) is RequestState.WITHDRAWN


@pytest.mark.parametrize("first", ["pay", "withdraw"])
def test_in_the_callers_own_transaction_the_second_answer_is_refused_before_the_first_is_committed(
    world: World, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(world)
    engine = create_engine(world.runtime.database.engine.url)
    verbs: dict[str, Callable[[TenantSession], ActionView]] = {
        "pay": lambda own: own.pay_request(request, gateway(), key="click-pay-1"),
        "withdraw": lambda own: own.withdraw_request(request, key="click-back-1"),
    }
    second = "withdraw" if first == "pay" else "pay"
    with engine.begin() as own:
        # Both read before either is stored: where one writes at a time, nothing that is read can be kept afterwards.
        at_the_store(monkeypatch, lambda: verbs[first](staff(world).within(own)))
        code = refused(lambda: verbs[second](staff(world).within(own)))
    engine.dispose()
    world.runtime.run_due()

    assert code == {"pay": "payment_being_confirmed", "withdraw": "request_withdrawn"}[first]
    assert (world.payments, told_back(world)) == ((1, 0) if first == "pay" else (0, 1))


def test_who_withdraws_waits_for_a_callers_transaction_that_holds_the_payment(world: World) -> None:
    request = ask(world)
    engine = create_engine(world.runtime.database.engine.url)
    codes: list[str] = []

    def take_back() -> None:
        try:
            withdraw(world, request)
        except PmsBridgeError as error:
            codes.append(error.code)

    thread = threading.Thread(target=take_back)
    with engine.begin() as own:
        world.session().within(own).pay_request(request, gateway(), key="click-pay-1")
        thread.start()
        thread.join(0.3)  # it has judged, and now waits; were it not to wait, the assertion below says so
    thread.join(PATIENCE_SECONDS)
    engine.dispose()
    world.runtime.run_due()

    assert codes == ["payment_being_confirmed"]
    assert (world.payments, told_back(world)) == (1, 0)


def test_many_clicks_at_one_moment_leave_one_answer_to_each_request(world: World) -> None:
    requests = [ask(world, number) for number in range(1, 7)]
    kept: list[ActionView] = []
    unmeant: list[Exception] = []

    def click(start: threading.Barrier, act: Callable[[], ActionView]) -> None:
        start.wait(PATIENCE_SECONDS)
        try:
            kept.append(act())
        except IneligibleError:
            pass
        except Exception as error:  # noqa: BLE001 - an assertion below shows it
            unmeant.append(error)

    for number, request in enumerate(requests):
        clicks: list[Callable[[], ActionView]] = [
            lambda at=request, key=f"click-pay-{number}-a": pay(world, at, key),  # type: ignore[misc]
            lambda at=request, key=f"click-back-{number}-a": withdraw(world, at, key),  # type: ignore[misc]
            lambda at=request, key=f"click-pay-{number}-b": pay(world, at, key),  # type: ignore[misc]
            lambda at=request, key=f"click-back-{number}-b": withdraw(world, at, key),  # type: ignore[misc]
        ]
        start = threading.Barrier(len(clicks))
        crowd = [threading.Thread(target=click, args=(start, act)) for act in clicks]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join(PATIENCE_SECONDS)
    world.later(minutes=20)

    states = [state(world, request) for request in requests]
    assert unmeant == []
    assert set(states) <= {RequestState.PAID, RequestState.WITHDRAWN}
    assert world.payments == states.count(RequestState.PAID)
    assert told_back(world) == states.count(RequestState.WITHDRAWN)
    assert len({view.action_id for view in kept}) == len(requests)
