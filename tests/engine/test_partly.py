"""A payment over several rentals of which some are in the books, and some are not."""

from __future__ import annotations

import shlex
from datetime import date, timedelta

import pytest

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.actions.plan import Submission, payment_guard, reference_of
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.engine.reconcile.comparing import Days, Reconciler
from pmsbridge.engine.reconcile.difference import Difference, Kind
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.errors import InputError
from pmsbridge.model.payments import Allocation, CardPayment, Payment, PaymentState
from pmsbridge.model.record import VendorRef
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.audit import Audit
from pmsbridge.store.outcome_feed import Outcomes
from pmsbridge.store.webhooks import Webhooks
from pmsbridge.testing.memory import Fault
from tests.engine.stage import Stage, action_id, card, pay, step, submission, usd

HERE = FacilityKey("mem", "F1")
DAY = date(2026, 11, 21)
KEY = "click-0001"
AMOUNTS = {"R1": "120.00", "R4": "66.32"}


def pay_both() -> Submission:
    parts = tuple(
        PaymentPart(rental_id=rental, unit_id=f"U{rental[1:]}", unit_number=f"01{rental[1:]}", amount=usd(amount))
        for rental, amount in AMOUNTS.items()
    )
    effect = TakePayment(
        account="mem", facility="F1", tenant_id="T1", parts=parts, means=CardPayment(face=card().face),
        reference=reference_of(action_id(KEY), "payment.1"),
    )  # fmt: skip
    guards = tuple(payment_guard("mem", "F1", "T1", part.rental_id, part.amount) for part in parts)
    return submission(KEY, "pay_all", [step(KEY, "payment.1", effect, guards=guards)])


def in_the_books(stage: Stage, number: str, rental: str, *, is_reversed: bool = False) -> None:
    amount = usd(AMOUNTS[rental])
    payment = Payment(
        ref=VendorRef(system="memory", account="mem", facility="F1", entity="payment", id=number), tenant_id="T1",
        amount=amount, state=PaymentState.REVERSED if is_reversed else PaymentState.SUCCEEDED, paid_on=DAY,
        receipt=number, method_text="Visa ****1111", allocations=(Allocation(rental_id=rental, amount=amount),),
    )  # fmt: skip
    stage.office.books.payments.append(("F1", payment))


@pytest.fixture
def unknown(stage: Stage) -> Runtime:
    """Nobody can know what became of the payment."""
    stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    stage.office.blind = True
    runtime = stage.runtime()
    runtime.submit(pay_both(), sealed=card())
    for _ in range(20):
        stage.later(timedelta(minutes=10))
        runtime.run_due()
    assert runtime.action(action_id(KEY)).outcome is Outcome.NEEDS_REVIEW
    return runtime


def compare(stage: Stage) -> tuple[Difference, ...]:
    return Reconciler(stage.runtime()).run([HERE], Days(since=DAY, until=DAY)).for_a_person


def as_told(runtime: Runtime, remedy: str) -> ActionView:
    """What the command in the remedy does."""
    words = shlex.split(remedy[remedy.index("pmsbridge actions resolve") :].partition("; then tell")[0])
    given = [(words[i], words[i + 1]) for i in range(4, len(words), 2)]
    named = dict(given)
    there = {rental: number for name, word in given if name == "--there" for rental, number in [word.split("=")]}
    outcome = "settled" if named["--outcome"] == "partial" else named["--outcome"]
    assert bool(there) == (named["--outcome"] == "partial")
    return runtime.resolve(
        words[3], named["--step"], Outcome(outcome), named["--evidence"], "anna", there=there or None
    )


@pytest.mark.parametrize(
    ("rentals", "outcome"),
    [(("R1", "R4"), Outcome.SETTLED), ((), Outcome.NOT_SENT), (("R1",), Outcome.NOT_SENT), (("R4",), Outcome.NOT_SENT)],
)
def test_a_step_over_several_rentals_has_one_remedy_and_books_and_journal_agree_after_it(
    stage: Stage, unknown: Runtime, rentals: tuple[str, ...], outcome: Outcome
) -> None:
    for number, rental in enumerate(rentals, 31066):
        in_the_books(stage, str(number), rental)

    (difference,) = compare(stage)
    assert difference.kind is Kind.UNRESOLVED
    assert difference.remedy.count("pmsbridge actions resolve") == 1
    assert difference.amount == usd("186.32")
    assert all(f"on rental {rental}" in difference.what for rental in AMOUNTS)

    view = as_told(unknown, difference.remedy)

    assert (view.outcome, view.partial) == (outcome, len(rentals) == 1)
    stage.later(timedelta(minutes=10))  # what is said now has to show by then
    assert compare(stage) == ()
    assert list(Audit(stage.database).troubles()) == []


def test_a_part_that_was_taken_back_is_not_there(stage: Stage, unknown: Runtime) -> None:
    in_the_books(stage, "31066", "R1")
    in_the_books(stage, "31067", "R4", is_reversed=True)

    (difference,) = compare(stage)
    view = as_told(unknown, difference.remedy)

    assert "31067 on rental R4 is reversed" in difference.remedy
    assert view.steps[0].missing == ("R4",)


def test_a_part_that_could_not_be_read_is_nothing_to_decide_about(stage: Stage, unknown: Runtime) -> None:
    in_the_books(stage, "31066", "R1")
    real = stage.adapter.payments

    def payments(facility: str, tenant_id: str, rental_id: str) -> object:
        if rental_id == "R4":
            raise OSError
        return real(facility, tenant_id, rental_id)

    stage.adapter.payments = payments  # type: ignore[method-assign,assignment]
    (difference,) = compare(stage)

    assert "pmsbridge actions resolve" not in difference.remedy
    assert "rental R4 can be read" in difference.remedy


def test_what_is_there_in_part_says_which_part_and_is_never_sent_again(stage: Stage, unknown: Runtime) -> None:
    view = unknown.resolve(
        action_id(KEY), "payment.1", Outcome.SETTLED, "seen in the ledger", "anna", there={"R1": "31066"}
    )

    step = view.steps[0]
    assert (step.outcome, step.missing, step.vendor_ids) == (Outcome.SETTLED, ("R4",), {"payment.R1": "31066"})
    assert view.message_key == "outcome.partial"
    assert "on rental R1 only, nothing on R4" in step.evidence
    with pytest.raises(InputError, match="nothing to retry"):
        unknown.retry(action_id(KEY), "anna", anyway=True)


def test_the_rental_that_was_missing_may_be_paid_again_and_the_other_is_not_due(stage: Stage, unknown: Runtime) -> None:
    unknown.resolve(action_id(KEY), "payment.1", Outcome.SETTLED, "seen", "anna", there={"R1": "31066"})
    account = stage.adapter.account("F1", "T1").changed(as_of=stage.clock.now() - timedelta(days=1))

    before = {row.id: row.balances.payable_now for row in account.rentals}
    after = {row.id: row.balances.payable_now for row in unknown.overlaid(account).rentals}

    assert after["R4"] == before["R4"]
    assert unknown.guarded([payment_guard("mem", "F1", "T1", "R4", usd("66.32"))]) == {}


@pytest.mark.parametrize(
    ("outcome", "there", "problem"),
    [
        (Outcome.SETTLED, {}, "names no rental"),
        (Outcome.SETTLED, {"R9": "1"}, "names no rental"),
        (Outcome.SETTLED, {"R1": "1", "R4": "2"}, "names every rental"),
        (Outcome.NOT_SENT, {"R1": "1"}, "names what is settled"),
    ],
)
def test_a_part_is_named_as_the_payment_has_it(
    unknown: Runtime, outcome: Outcome, there: dict[str, str], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        unknown.resolve(action_id(KEY), "payment.1", outcome, "seen", "anna", there=there)

    assert unknown.action(action_id(KEY)).outcome is Outcome.NEEDS_REVIEW


def test_a_part_may_not_be_called_missing_before_a_late_commit_would_show(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    runtime = stage.runtime()
    runtime.submit(pay_both(), sealed=card())

    with pytest.raises(InputError, match="may still appear"):
        runtime.resolve(action_id(KEY), "payment.1", Outcome.SETTLED, "seen", "anna", there={"R1": "31066"})


def test_the_missing_rental_was_not_paid_since_and_the_other_was(stage: Stage) -> None:
    stage.office.fail(Fault.REFUSE, kind="take_payment", retry_after=timedelta(hours=1))
    runtime = stage.runtime()
    for key, rental in (("click-r1", "R1"), ("click-r4", "R4")):
        runtime.submit(pay(key, rental=rental, amount=AMOUNTS[rental]))
    stage.later(timedelta(minutes=20))
    runtime.run_due()
    stage.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    stage.office.blind = True
    runtime.submit(pay_both(), sealed=card())
    stage.later(timedelta(hours=1))
    runtime.run_due()
    runtime.resolve(action_id(KEY), "payment.1", Outcome.SETTLED, "seen", "anna", there={"R1": "31066"})

    with pytest.raises(InputError, match="was asked for since"):
        runtime.retry(action_id("click-r1"), "anna")
    assert runtime.retry(action_id("click-r4"), "anna").outcome is Outcome.SETTLED


def test_webhooks_are_told_that_it_is_there_in_part(stage: Stage, unknown: Runtime) -> None:
    Webhooks(stage.database).register(["crm"])
    feed = Outcomes(stage.database)
    assert feed.after() == ()

    unknown.resolve(action_id(KEY), "payment.1", Outcome.SETTLED, "seen", "anna", there={"R1": "31066"})

    (told,) = feed.after()
    assert (told.outcome, told.partial) == (Outcome.NOT_SENT, True)


def test_what_went_on_to_another_outcome_is_not_called_whole(stage: Stage) -> None:
    Webhooks(stage.database).register(["crm"])
    feed, runtime = Outcomes(stage.database), stage.runtime()
    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    stage.office.blind = True
    runtime.submit(pay(KEY))
    for _ in range(20):
        stage.later(timedelta(minutes=10))
        runtime.run_due()
    (review,) = feed.after()
    assert (review.outcome, review.partial) == (Outcome.NEEDS_REVIEW, False)

    runtime.resolve(action_id(KEY), "payment", Outcome.SETTLED, "seen", "anna")

    review, settled = feed.after()
    assert (review.outcome, review.partial) == (Outcome.NEEDS_REVIEW, None)
    assert (settled.outcome, settled.partial) == (Outcome.SETTLED, False)
