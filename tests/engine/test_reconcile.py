from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.engine.deliver import Job, Runtime
from pmsbridge.engine.night_copy import night_copy_of
from pmsbridge.engine.reconcile.books import totals, without_voided
from pmsbridge.engine.reconcile.comparing import Days, Reconciler
from pmsbridge.engine.reconcile.difference import Difference, Kind, Moment
from pmsbridge.engine.reconcile.judging import judge
from pmsbridge.engine.reconcile.matching import Asked, How, Matching, Shown, match, means_fit
from pmsbridge.engine.reconcile.nightly import after_sync, comparison_of
from pmsbridge.engine.reconcile.report import FacilityReport, ReconcileReport
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError, InputError, UnavailableError
from pmsbridge.model.payments import (
    Allocation,
    BankDebit,
    CardPayment,
    ExternalPayment,
    Means,
    Payment,
    PaymentState,
    StoredMethod,
)
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import BankAccountFace, BankAccountKind, CardBrand, CardFace
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault
from tests.engine.stage import Stage, action_id, card, pay, pay_by_card, usd

DAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
CARD = CardPayment(face=CardFace(brand=CardBrand.VISA, last4="1111"))
HERE = FacilityKey("mem", "F1")


def asked(name: str = "act_a", **fields: Any) -> Asked:
    day = fields.pop("day", DAY)
    given: dict[str, Any] = {
        "action_id": name, "step": "payment", "tenant_id": "T1", "rental_id": "R1", "unit_number": "015",
        "amount": usd("120.00"), "means": CARD, "outcome": Outcome.SETTLED, "first_day": day, "last_day": day,
        "asked_at": NOON, "settled_at": NOON, "is_resolvable": True,
    }  # fmt: skip
    return Asked(**{**given, **fields})


def shown(name: str = "1043", **fields: Any) -> Shown:
    given: dict[str, Any] = {
        "payment_id": name, "tenant_id": "T1", "rental_id": "R1", "amount": usd("120.00"), "day": DAY, "receipt": name,
    }  # fmt: skip
    return Shown(**{**given, **fields})


def moment(**fields: Any) -> Moment:
    given: dict[str, Any] = {
        "since": DAY, "until": DAY, "read_at": NOON + timedelta(hours=8), "settle_window": timedelta(seconds=60),
    }  # fmt: skip
    return Moment(**{**given, **fields})


def pairs_of(matching: Matching) -> list[tuple[str, str, str]]:
    return [(pair.asked.action_id, pair.shown.payment_id, pair.by.value) for pair in matching.pairs]


def judged(ours: list[Asked], theirs: list[Shown], **fields: Any) -> tuple[Difference, ...]:
    return judge(match(ours, theirs), moment(**fields))


def kinds(differences: tuple[Difference, ...]) -> list[Kind]:
    return [row.kind for row in differences]


# -- which is which ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        (asked(vendor_ids=frozenset({"p9"})), shown("p9", receipt="", amount=usd("1.00")), How.VENDOR_ID),
        (asked(vendor_ids=frozenset({"1043"})), shown("1043#2", receipt="1043"), How.RECEIPT),
        (asked(references=frozenset({"pi_1"})), shown(reference="pi_1", day=date(2026, 11, 28)), How.REFERENCE),
        (asked(), shown(), How.LOOKS),
        (asked(), shown(day=date(2026, 11, 22)), How.LOOKS),
        (asked(), shown(words="Visa ****1111"), How.LOOKS),
        (asked(was_sent=False, references=frozenset({"pi_1"})), shown(reference="pi_1"), How.REFERENCE),
        (asked(), shown(day=date(2026, 11, 23)), None),
        (asked(), shown(amount=usd("120.01")), None),
        (asked(), shown(rental_id="R2"), None),
        (asked(), shown(words="Visa ****2222"), None),
        (asked(), shown(words="Cash"), None),
        (asked(was_sent=False), shown(), None),
        (asked(there_before=frozenset({"1043"})), shown("1043"), None),
        (asked(vendor_ids=frozenset({"1043"})), shown("1043", rental_id="R2"), None),
    ],
)
def test_a_payment_is_recognised_by_its_names_first_and_by_its_looks_else(
    ours: Asked, theirs: Shown, how: How | None
) -> None:
    found = match([ours], [theirs])

    assert [pair.by for pair in found.pairs] == ([how] if how else [])
    assert (len(found.asked_alone), len(found.shown_alone)) == ((0, 0) if how else (1, 1))


ACCOUNT = BankDebit(face=BankAccountFace(kind=BankAccountKind.CONSUMER_CHECKING, last4="4321"))
GATEWAY = ExternalPayment(gateway="stripe", reference="pi_12345")


@pytest.mark.parametrize(
    ("means", "fields", "fits"),
    [
        (CARD, {"words": "Visa ****1111"}, True),
        (CARD, {"words": "Visa ****2222"}, False),
        (CARD, {"words": "Check '17'"}, False),
        (CARD, {"words": ""}, None),
        (ACCOUNT, {"words": "ACH ****4321"}, True),
        (ACCOUNT, {"words": "Cash"}, False),
        (ACCOUNT, {"words": "Check"}, None),
        (GATEWAY, {"reference": "pi_12345"}, True),
        (GATEWAY, {"reference": "pi_12"}, None),
        (GATEWAY, {"reference": "pi_99"}, False),
        (GATEWAY, {}, None),
        (GATEWAY, {"words": "Cash"}, False),
        (StoredMethod(method_id="M1"), {"words": "Visa ****1111"}, None),
    ],
)
def test_the_means_fit_contradict_or_do_not_show(means: Means, fields: dict[str, str], fits: bool | None) -> None:
    assert means_fit(means, shown(**fields)) is fits


def test_a_name_wins_over_a_better_looking_payment() -> None:
    ours = asked(vendor_ids=frozenset({"2"}))

    found = match([ours], [shown("1", words="Visa ****1111"), shown("2")])

    assert pairs_of(found) == [("act_a", "2", "vendor_id")]
    assert [row.payment_id for row in found.shown_alone] == ["1"]


def test_what_was_settled_chooses_before_what_was_declined() -> None:
    declined = asked("act_a", outcome=Outcome.DECLINED)
    settled = asked("act_b", outcome=Outcome.SETTLED)

    found = match([declined, settled], [shown()])

    assert pairs_of(found) == [("act_b", "1043", "rental_amount_day_means")]


def test_the_day_itself_comes_before_the_day_after_and_nobody_is_left_out() -> None:
    """The first takes what only it and the second could have, unless it can move on to another."""
    first, second = asked("act_a", last_day=date(2026, 11, 22)), asked("act_b", day=date(2026, 11, 20))

    found = match([first, second], [shown("1", day=DAY), shown("2", day=date(2026, 11, 22))])

    assert {pair[:2] for pair in pairs_of(found)} == {("act_a", "2"), ("act_b", "1")}


def test_a_tie_is_told_and_the_earliest_is_taken() -> None:
    (pair,) = match([asked()], [shown("1044"), shown("1043")]).pairs

    assert pair.shown.payment_id == "1043"
    assert pair.might_be == ("receipt 1044",)


DAYS = st.sampled_from([DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)])
AMOUNTS = st.sampled_from([usd("120.00"), usd("80.00")])
WORDS = st.sampled_from(["", "Visa ****1111", "Visa ****2222", "Cash"])
RENTALS = st.sampled_from(["R1", "R2"])
IDS = st.frozensets(st.sampled_from(["1", "2", "3"]), max_size=1)


@st.composite
def _asked_rows(draw: st.DrawFn) -> list[Asked]:
    return [
        asked(
            f"act_{n}", day=draw(DAYS), amount=draw(AMOUNTS), rental_id=draw(RENTALS), vendor_ids=draw(IDS),
            outcome=draw(st.sampled_from(list(Outcome))), was_sent=draw(st.booleans()),
            asked_at=NOON + timedelta(minutes=draw(st.integers(0, 90))),
        )
        for n in range(draw(st.integers(0, 6)))
    ]  # fmt: skip


@st.composite
def _shown_rows(draw: st.DrawFn) -> list[Shown]:
    state = st.sampled_from([PaymentState.SUCCEEDED, PaymentState.SUCCEEDED, PaymentState.REVERSED])
    return [
        shown(
            str(n), day=draw(DAYS), amount=draw(AMOUNTS), rental_id=draw(RENTALS), words=draw(WORDS), state=draw(state)
        )
        for n in range(draw(st.integers(0, 6)))
    ]


@given(_asked_rows(), _shown_rows())
def test_every_payment_appears_exactly_once_and_the_totals_foot(ours: list[Asked], theirs: list[Shown]) -> None:
    found = match(ours, theirs)

    in_pairs = [pair.asked for pair in found.pairs], [pair.shown for pair in found.pairs]
    assert sorted(row.action_id for row in (*in_pairs[0], *found.asked_alone)) == sorted(r.action_id for r in ours)
    assert sorted(row.payment_id for row in (*in_pairs[1], *found.shown_alone)) == sorted(r.payment_id for r in theirs)
    assert sum((m.amount for m in totals(theirs)), 0) == sum(
        (m.amount for rows in (in_pairs[1], found.shown_alone) for m in totals(rows)), 0
    )


@given(_asked_rows(), _shown_rows(), st.randoms(use_true_random=False))
def test_the_order_they_come_in_changes_nothing(ours: list[Asked], theirs: list[Shown], chance: random.Random) -> None:
    mixed_ours, mixed_theirs = list(ours), list(theirs)
    chance.shuffle(mixed_ours)
    chance.shuffle(mixed_theirs)

    assert match(mixed_ours, mixed_theirs) == match(ours, theirs)
    assert judge(match(mixed_ours, mixed_theirs), moment()) == judge(match(ours, theirs), moment())


@given(_asked_rows(), _shown_rows())
def test_no_other_assignment_finds_more_of_what_we_called_settled(ours: list[Asked], theirs: list[Shown]) -> None:
    settled = [row for row in ours if row.outcome is Outcome.SETTLED and row.was_sent][:4]
    settled = [Asked(**{name: getattr(row, name) for name in _FIELDS} | {"vendor_ids": frozenset()}) for row in settled]

    most = _most(settled, theirs, lambda a, s: bool(match([a], [s]).pairs))

    assert len(match(settled, theirs).pairs) == most


_FIELDS = tuple(Asked.__dataclass_fields__)


def _most(ours: list[Asked], theirs: list[Shown], fits: Callable[[Asked, Shown], bool]) -> int:
    """The largest number of pairs there can be, by trying everything."""
    slots: list[Shown | None] = [*theirs, *[None] * len(ours)]
    return max(
        sum(s is not None and fits(a, s) for a, s in zip(ours, chosen, strict=True))
        for chosen in itertools.permutations(slots, len(ours))
    )


@given(_asked_rows(), _shown_rows())
def test_a_difference_never_speaks_of_other_days(ours: list[Asked], theirs: list[Shown]) -> None:
    assert {row.day for row in judge(match(ours, theirs), moment())} <= {DAY}


def test_a_payment_and_the_row_that_takes_it_back_are_one() -> None:
    (left,) = without_voided([shown("1043"), shown("1043#2", receipt="1043", state=PaymentState.REVERSED)])

    assert (left.payment_id, left.state) == ("1043", PaymentState.REVERSED)


# -- what is said about it ---------------------------------------------------------------------------------------------


def test_books_that_agree_have_no_difference() -> None:
    assert judged([asked()], [shown()]) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "remedy"),
    [
        ([asked()], [shown("1"), shown("2")], Kind.DOUBLE, "void receipt 2"),
        ([asked()], [], Kind.JOURNAL_ONLY, "card processor"),
        ([asked(means=GATEWAY)], [], Kind.JOURNAL_ONLY, "pi_12345"),
        ([asked()], [shown(state=PaymentState.REVERSED)], Kind.REVERSED, "on purpose"),
        ([asked(vendor_ids=frozenset({"1"}))], [shown("1", amount=usd("100.00"))], Kind.OTHER_AMOUNT, "correct it"),
        ([asked(outcome=Outcome.DECLINED)], [shown()], Kind.TOLD_OTHERWISE, "not to pay again"),
        ([asked(outcome=Outcome.NOT_SENT)], [shown()], Kind.TOLD_OTHERWISE, "not to pay again"),
        ([asked(outcome=Outcome.NEEDS_REVIEW)], [shown()], Kind.UNRESOLVED, "--outcome settled"),
        ([asked(outcome=Outcome.NEEDS_REVIEW)], [], Kind.UNRESOLVED, "--outcome not_sent"),
        ([asked(outcome=Outcome.PENDING)], [], Kind.WAITING, "a worker"),
        ([asked(outcome=Outcome.PENDING)], [shown()], Kind.WAITING, "a worker"),
        ([asked(settled_at=NOON + timedelta(hours=8))], [], Kind.WAITING, "look again after"),
        ([], [shown()], Kind.VENDOR_ONLY, "entered at the desk"),
        ([asked(outcome=Outcome.NOT_SENT, was_sent=False)], [shown()], Kind.VENDOR_ONLY, "entered at the desk"),
        (
            [asked("act_a"), asked("act_b", asked_at=NOON + timedelta(minutes=12))], [shown("1"), shown("2")],
            Kind.TWO_WISHES, "ask the tenant whether both were meant",
        ),
    ],
)  # fmt: skip
def test_each_difference_is_named_and_says_what_to_do(
    ours: list[Asked], theirs: list[Shown], kind: Kind, remedy: str
) -> None:
    (difference,) = judged(ours, theirs)

    assert difference.kind is kind
    assert remedy in difference.remedy
    assert difference.needs_a_person is (kind not in {Kind.WAITING, Kind.VENDOR_ONLY})


def test_what_was_declined_and_is_not_there_agrees() -> None:
    assert judged([asked(outcome=Outcome.DECLINED)], []) == ()
    assert judged([asked(outcome=Outcome.DECLINED)], [shown(state=PaymentState.REVERSED)]) == ()


def test_two_wishes_far_apart_or_for_different_amounts_are_two_payments() -> None:
    late = asked("act_b", asked_at=NOON + timedelta(hours=2))
    other = asked("act_b", amount=usd("80.00"))

    assert judged([asked(), late], [shown("1"), shown("2")], close_together=timedelta(hours=1)) == ()
    assert judged([asked(), other], [shown("1"), shown("2", amount=usd("80.00"))]) == ()


def test_the_command_to_resolve_can_be_pasted_and_names_the_evidence() -> None:
    (difference,) = judged([asked(outcome=Outcome.NEEDS_REVIEW, vendor_ids=frozenset({"1043"}))], [shown()])

    assert difference.remedy == (
        "pmsbridge actions resolve act_a --step payment --outcome settled --evidence"
        " 'receipt 1043 of 120.00 USD on 2026-11-21 on rental R1' --actor YOUR_NAME"
    )


@pytest.mark.parametrize(
    ("before", "words"),
    [(True, "before it closes the day at 23:00"), (False, "refund"), (None, "after the daily close")],
)
def test_a_double_is_voided_before_the_close_and_refunded_after_it(before: bool | None, words: str) -> None:
    close = None if before is None else time(23, 0)

    (difference,) = judged([asked()], [shown("1"), shown("2")], before_close=before, close_at=close)

    assert words in difference.remedy
    assert ("void" in difference.remedy) is (before is not False)


def test_a_double_of_a_gateways_payment_sends_to_the_gateway_too() -> None:
    theirs = [shown("1", reference="pi_12345"), shown("2", reference="pi_12345")]

    (difference,) = judged([asked(means=GATEWAY, references=frozenset({"pi_12345"}))], theirs)

    assert difference.kind is Kind.DOUBLE
    assert "ask stripe whether pi_12345 was taken once" in difference.remedy


def test_money_that_went_back_without_saying_for_what_is_told_beside_a_double() -> None:
    back = shown("3", receipt="", state=PaymentState.REVERSED)

    found = judged([asked()], [shown("1"), shown("2"), back])

    assert kinds(found) == [Kind.DOUBLE, Kind.VENDOR_ONLY]
    assert "payment 3 takes money back" in found[0].remedy


def test_a_first_send_that_showed_late_is_a_double_of_the_second() -> None:
    ours = asked(first_day=DAY - timedelta(days=1), vendor_ids=frozenset({"2"}))

    assert kinds(
        judged([ours], [shown("1", day=DAY - timedelta(days=1)), shown("2")], since=DAY - timedelta(days=1))
    ) == [Kind.DOUBLE]


# -- over an office in memory ------------------------------------------------------------------------------------------


def compare(stage: Stage, **fields: Any) -> FacilityReport:
    every_rental = fields.pop("every_rental", False)
    (report,) = Reconciler(stage.runtime()).run([HERE], Days(**fields), every_rental=every_rental).facilities
    return report


def at_the_desk(stage: Stage, number: str = "D1", *, rental: str = "R1", amount: str = "120.00", **fields: Any) -> None:
    """The office enters a payment; nobody asked us."""
    payment = Payment(
        ref=VendorRef(system="memory", account="mem", facility="F1", entity="payment", id=number), tenant_id="T1",
        amount=usd(amount), state=PaymentState.SUCCEEDED, paid_on=DAY, receipt=number,
        allocations=(Allocation(rental_id=rental, amount=usd(amount)),), **fields,
    )  # fmt: skip
    stage.office.books.payments.append(("F1", payment))


@pytest.mark.fact("S0.24")
def test_a_day_on_which_all_went_well_is_clean(stage: Stage) -> None:
    stage.runtime().submit(pay())

    report = compare(stage)

    assert report.differences == ()
    assert [pair.by for pair in report.found] == [How.VENDOR_ID]
    assert (report.shown_total, report.found_total, report.alone_total) == ((usd("120.00"),), (usd("120.00"),), ())
    assert stage.runtime().findings.open() == []


@pytest.mark.fact("S0.24")
def test_a_payment_entered_twice_is_found_and_its_finding_closes_when_it_is_gone(stage: Stage) -> None:
    stage.runtime().submit(pay())
    at_the_desk(stage)

    report = compare(stage, close_at=time(23, 0))
    again = compare(stage)

    assert kinds(report.for_a_person) == kinds(again.for_a_person) == [Kind.DOUBLE]
    assert report.before_close is True
    (finding,) = stage.runtime().findings.open()
    assert (finding.finding.code, finding.times) == ("reconcile_double", 2)
    assert "receipt D1" in finding.finding.text

    stage.office.books.payments.pop()

    assert compare(stage).differences == ()
    assert stage.runtime().findings.open() == []


def test_what_a_person_closed_is_not_opened_again(stage: Stage) -> None:
    stage.runtime().submit(pay())
    at_the_desk(stage)
    compare(stage)
    (finding,) = stage.runtime().findings.open()
    stage.runtime().findings.close(finding.number, stage.clock.now(), by="anna", note="he did pay twice")

    report = compare(stage)

    assert report.for_a_person == ()
    assert [row.closed_by for row in report.differences] == ["anna"]
    assert stage.runtime().findings.open() == []


def test_what_came_back_after_a_run_had_closed_it_is_opened_again(stage: Stage) -> None:
    stage.runtime().submit(pay())
    for _ in range(2):
        at_the_desk(stage)
        assert kinds(compare(stage).for_a_person) == [Kind.DOUBLE]
        stage.office.books.payments.pop()
        assert compare(stage).for_a_person == ()

    assert stage.runtime().findings.open() == []


def test_a_payment_the_office_deleted_is_missing_only_once_it_could_show(stage: Stage) -> None:
    stage.runtime().submit(pay())
    stage.office.settle()
    stage.office.books.payments.clear()

    assert kinds(compare(stage).differences) == [Kind.WAITING]
    stage.later(timedelta(minutes=5))
    assert kinds(compare(stage).for_a_person) == [Kind.JOURNAL_ONLY]


def test_a_charge_whose_answer_was_lost_waits_and_then_agrees(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    runtime = stage.runtime()
    runtime.submit(pay())

    assert kinds(compare(stage).differences) == [Kind.WAITING]
    stage.later(timedelta(minutes=5))
    runtime.run_due()
    assert compare(stage).differences == ()


def test_a_charge_nobody_could_know_is_resolved_as_the_report_says(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    stage.office.blind = True
    runtime = stage.runtime()
    runtime.submit(pay())
    for _ in range(20):
        stage.later(timedelta(minutes=10))
        runtime.run_due()
    assert runtime.action(action_id("click-0001")).outcome is Outcome.NEEDS_REVIEW

    (difference,) = compare(stage, since=DAY, until=DAY).for_a_person
    assert difference.kind is Kind.UNRESOLVED
    assert f"resolve {action_id('click-0001')} --step payment --outcome settled" in difference.remedy

    runtime.resolve(action_id("click-0001"), "payment", Outcome.SETTLED, "receipt 1", "anna")
    assert compare(stage, since=DAY, until=DAY).differences == ()


def test_a_refused_charge_that_is_there_all_the_same_is_told(stage: Stage) -> None:
    stage.office.fail(Fault.REJECT, kind="take_payment")
    stage.runtime().submit(pay_by_card(), sealed=card())
    at_the_desk(stage, method_text="Visa ****1111")

    assert kinds(compare(stage).for_a_person) == [Kind.TOLD_OTHERWISE]


def test_cash_after_a_refused_card_is_a_payment_at_the_desk(stage: Stage) -> None:
    stage.office.fail(Fault.REJECT, kind="take_payment")
    stage.runtime().submit(pay_by_card(), sealed=card())
    at_the_desk(stage, method_text="Cash")

    assert kinds(compare(stage).differences) == [Kind.VENDOR_ONLY]


def test_rentals_nobody_paid_through_us_are_read_when_asked_for(stage: Stage) -> None:
    at_the_desk(stage, rental="R4")
    runtime = stage.runtime()
    Sync(runtime).run([HERE])

    unread = compare(stage)
    assert (unread.rentals_read, unread.rentals_known) == (0, 4)
    report = compare(stage, every_rental=True)

    assert (report.rentals_read, report.rentals_known) == (4, 4)
    assert kinds(report.differences) == [Kind.VENDOR_ONLY]
    assert report.alone_total == (usd("120.00"),)


def test_a_payment_that_a_restored_journal_lost_is_found_among_every_rental(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.runtime().submit(pay("click-before", tenant="T2", rental="R2"))
    stage.database.close()
    backup = stage.path.read_bytes()
    stage.database = open_database(stage.url)
    stage.later(timedelta(minutes=5))
    assert stage.runtime().submit(pay("click-0001")).outcome is Outcome.SETTLED
    stage.database.close()
    for file in stage.path.parent.glob(f"{stage.path.name}*"):
        file.unlink()
    stage.path.write_bytes(backup)
    stage.database = open_database(stage.url)
    stage.later(timedelta(minutes=5))
    Sync(stage.runtime()).run([HERE])

    assert kinds(compare(stage).differences) == []
    assert kinds(compare(stage, every_rental=True).differences) == [Kind.VENDOR_ONLY]
    stage.close()


def test_a_payment_sent_at_midnight_agrees_on_either_day(stage: Stage) -> None:
    stage.clock.advance(datetime(2026, 11, 22, 5, 59, 59, tzinfo=UTC) - stage.clock.now())
    stage.runtime().submit(pay())
    stage.office.settle()
    facility, payment = stage.office.books.payments[0]
    stage.office.books.payments[0] = (facility, payment.changed(paid_on=DAY + timedelta(days=1)))
    stage.later(timedelta(minutes=5))

    for day in (DAY, DAY + timedelta(days=1)):
        assert compare(stage, since=day, until=day).differences == ()


def test_what_cannot_be_read_is_said_and_closes_no_finding(stage: Stage) -> None:
    stage.runtime().submit(pay())
    at_the_desk(stage)
    Sync(stage.runtime()).run([HERE])
    compare(stage)
    stage.office.failing_reads = 10

    report = compare(stage)

    assert [row.rental_id for row in report.unread] == ["R1"]
    assert report.differences == ()
    assert codes(stage) == ["reconcile_double", "reconcile_unread"]


def test_credentials_that_were_refused_are_not_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.runtime().submit(pay())
    stage.runtime().submit(pay("click-0002", rental="R4"))
    calls: list[str] = []

    def refuse(_facility: str, _tenant: str, rental: str) -> None:
        calls.append(rental)
        message = "the password is wrong"
        raise ConfigurationError(message)

    monkeypatch.setattr(stage.adapter, "payments", refuse)
    report = compare(stage)

    assert calls == ["R1"]
    assert [row.rental_id for row in report.unread] == ["R1", "R4"]
    assert all(row.a_person_must_act for row in report.unread)


EVENING = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)  # 22:30 in Chicago, on the 21st
A_DAY = timedelta(days=1)


def by_the_clock(stage: Stage) -> Runtime:
    runtime = stage.runtime()
    runtime.jobs["reconcile"] = comparison_of(runtime, HERE, "reconcile", close_at=time(23, 0))
    return runtime


def codes(stage: Stage) -> list[str]:
    return [row.finding.code for row in stage.runtime().findings.open()]


def test_the_clock_compares_the_day_of_its_slot(stage: Stage) -> None:
    runtime = by_the_clock(stage)
    runtime.submit(pay())
    at_the_desk(stage)

    assert runtime.tick("reconcile", EVENING)

    assert codes(stage) == ["reconcile_double"]
    assert not runtime.tick("reconcile", EVENING)


@pytest.mark.parametrize("every_rental", [True, False])
def test_the_clock_reads_every_rental_only_when_the_settings_say_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, every_rental: bool
) -> None:
    runtime, read = stage.runtime(), list[str]()
    Sync(runtime).run([HERE])

    def payments(_facility: str, _tenant: str, rental: str) -> list[Any]:
        read.append(rental)
        return []

    monkeypatch.setattr(stage.adapter, "payments", payments)
    runtime.jobs["reconcile"] = comparison_of(runtime, HERE, "reconcile", every_rental=every_rental)

    assert runtime.tick("reconcile", EVENING)

    assert read == (["R1", "R2", "R3", "R4"] if every_rental else [])


def test_what_happened_after_the_last_comparison_is_in_the_next_one(stage: Stage) -> None:
    """Nothing falls between two evenings, or into a week in which the machine was off."""
    runtime = by_the_clock(stage)
    stage.clock.advance(EVENING - stage.clock.now())
    runtime.tick("reconcile", EVENING)
    stage.later(timedelta(minutes=30))
    runtime.submit(pay())
    at_the_desk(stage)
    stage.later(7 * A_DAY)

    runtime.tick("reconcile", EVENING + 7 * A_DAY)

    assert codes(stage) == ["reconcile_double"]
    assert runtime.runs.last_success("reconcile") == EVENING + 7 * A_DAY


def test_the_clock_goes_back_a_month_at_most(stage: Stage) -> None:
    runtime = by_the_clock(stage)
    runtime.tick("reconcile", EVENING - 32 * A_DAY)
    spans: list[Days] = []
    reconciler = Reconciler.run

    def watched(self: Reconciler, keys: Any, days: Days, **fields: Any) -> ReconcileReport:
        spans.append(days)
        return reconciler(self, keys, days, **fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reconciler, "run", watched)
        runtime.tick("reconcile", EVENING)

    assert [(days.since, days.until) for days in spans] == [(DAY - 31 * A_DAY, DAY)]


def test_an_office_that_is_away_fails_the_run_and_a_person_hears_of_it(stage: Stage) -> None:
    runtime = by_the_clock(stage)
    runtime.submit(pay())
    at_the_desk(stage)
    Sync(runtime).run([HERE])
    stage.office.failing_reads = 99

    for evening in (EVENING, EVENING + A_DAY):
        stage.clock.advance(evening - stage.clock.now())
        runtime.tick("reconcile", evening)

    assert runtime.runs.last_success("reconcile") is None
    assert runtime.runs.unfinished("reconcile") == (EVENING, EVENING + A_DAY)
    (finding,) = runtime.findings.open()
    assert finding.finding.code == "reconcile_unread"
    assert finding.finding.subject == "2026-11-20 to 2026-11-22"
    assert "the payments of 1 of 1 rentals of mem/F1 could not be read" in finding.finding.text

    stage.office.failing_reads = 0
    runtime.runs.reopen("reconcile", EVENING + A_DAY)
    runtime.tick("reconcile", EVENING + A_DAY)

    assert runtime.runs.last_success("reconcile") == EVENING + A_DAY
    assert codes(stage) == ["reconcile_double"]


def test_one_rental_that_could_not_be_read_fails_the_run_and_the_others_are_compared(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = by_the_clock(stage)
    runtime.submit(pay())
    runtime.submit(pay("click-0002", rental="R4"))
    at_the_desk(stage)
    read = stage.adapter.payments

    def mostly(facility: str, tenant: str, rental: str) -> Any:
        if rental == "R4":
            message = "the office is away"
            raise UnavailableError(message)
        return read(facility, tenant, rental)

    monkeypatch.setattr(stage.adapter, "payments", mostly)
    runtime.tick("reconcile", EVENING)

    assert runtime.runs.last_success("reconcile") is None
    assert sorted(codes(stage)) == ["reconcile_double", "reconcile_unread"]


def test_a_comparison_of_other_days_does_not_close_what_was_not_read(stage: Stage) -> None:
    runtime = by_the_clock(stage)
    runtime.submit(pay())
    Sync(runtime).run([HERE])
    stage.office.failing_reads = 99
    runtime.tick("reconcile", EVENING)
    stage.office.failing_reads = 0

    compare(stage, since=DAY, until=DAY)
    assert codes(stage) == ["reconcile_unread"]
    compare(stage, since=DAY - A_DAY, until=DAY)
    assert codes(stage) == []


def test_a_facility_that_cannot_be_read_at_all_fails_the_run(stage: Stage) -> None:
    stage.office.failing_reads = 10
    runtime = stage.runtime()
    job = comparison_of(runtime, FacilityKey("mem", "F2"), "reconcile")

    with pytest.raises(UnavailableError, match="mem/F2 could not be read"):
        job(stage.clock.now(), lambda: True)

    assert codes(stage) == ["reconcile_unread"]


def test_a_run_that_was_taken_over_is_not_called_done(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.submit(pay())

    with pytest.raises(UnavailableError, match="another process"):
        comparison_of(runtime, HERE, "reconcile")(EVENING, lambda: False)


# -- after the night ---------------------------------------------------------------------------------------------------

NIGHT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)  # 02:30 in Chicago, on the 22nd


def a_night(stage: Stage, *, sync: Job | None = None) -> Runtime:
    runtime = stage.runtime()
    night = sync or night_copy_of(runtime, HERE)
    runtime.jobs["sync"] = after_sync(runtime, night, comparison_of(runtime, HERE, "reconcile"), "reconcile")
    stage.clock.advance(NIGHT - stage.clock.now())
    return runtime


def test_a_night_compares_the_day_that_is_over_once_the_copy_is_made(stage: Stage) -> None:
    stage.runtime().submit(pay())
    at_the_desk(stage)
    runtime = a_night(stage)

    assert runtime.tick("sync", NIGHT)

    assert runtime.mirror.get("mem", "F1", "rental", "R1") is not None
    assert codes(stage) == ["reconcile_double"]
    assert runtime.runs.last_success("reconcile") == NIGHT


def test_a_comparison_that_fails_never_fails_the_night(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.runtime().submit(pay())
    runtime = a_night(stage)

    def away(*_of: str) -> None:
        message = "the office is away"
        raise UnavailableError(message)

    monkeypatch.setattr(stage.adapter, "payments", away)
    runtime.tick("sync", NIGHT)

    assert runtime.runs.last_success("sync") == NIGHT
    assert runtime.runs.unfinished("reconcile") == (NIGHT,)
    assert codes(stage) == ["reconcile_unread"]


def test_a_night_that_failed_is_followed_by_no_comparison(stage: Stage) -> None:
    """Credentials that were refused once are not tried again."""
    stage.runtime().submit(pay())
    runtime = a_night(stage)
    stage.office.failing_reads = 99

    runtime.tick("sync", NIGHT)

    assert runtime.runs.unfinished("sync") == (NIGHT,)
    assert runtime.runs.unfinished("reconcile") == ()
    assert codes(stage) == []


def test_a_night_that_was_taken_over_leaves_the_comparison_undone(stage: Stage) -> None:
    stage.runtime().submit(pay())
    runtime = a_night(stage, sync=lambda _slot, _beat: None)

    runtime.jobs["sync"](NIGHT, lambda: False)

    assert runtime.runs.last_success("reconcile") is None
    assert runtime.runs.unfinished("reconcile") == (NIGHT,)


# -- which days --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [{"since": DAY + A_DAY}, {"until": DAY + A_DAY}, {"since": DAY, "until": DAY - A_DAY}])
def test_days_of_which_none_has_begun_are_refused(stage: Stage, days: dict[str, date]) -> None:
    with pytest.raises(InputError, match="since"):
        compare(stage, **days)


def test_the_last_day_is_never_later_than_today(stage: Stage) -> None:
    stage.runtime().submit(pay())
    at_the_desk(stage)

    report = compare(stage, since=DAY, until=DAY + 7 * A_DAY, close_at=time(23, 0))

    assert (report.since, report.until) == (DAY, DAY)
    assert "before it closes the day at 23:00" in report.for_a_person[0].remedy


def test_a_run_that_was_taken_over_ends(stage: Stage) -> None:
    stage.runtime().submit(pay())

    assert Reconciler(stage.runtime()).run([HERE], beat=lambda: False).facilities == ()


def test_an_account_that_is_not_configured_is_in_the_report(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    report = Reconciler(stage.runtime()).run([FacilityKey("gone", "F1")])

    assert [row.a_person_must_act for row in report.unread] == [True]
    assert not report.is_clean
    stage.close()


# -- what a finding is told apart by -----------------------------------------------------------------------------------


def over(rentals: int, *steps: str, payment: str = "1") -> Difference:
    names = [f"act_{'0' * 23}{i}/{step}" for i, step in enumerate(steps)]
    rows = [asked(name.partition("/")[0], step=name.partition("/")[2]) for name in names]
    made = Difference.of(Kind.UNRESOLVED, rows, [shown(payment)], "what", "remedy")
    return replace(made, rental_id=", ".join(str(20_000_000 + number) for number in range(rentals)))


def test_a_finding_of_one_rental_is_called_as_ever() -> None:
    assert over(1, "payment.1").subject == f"{DAY.isoformat()} rental 20000000 act_{'0' * 24}/payment.1"


@pytest.mark.parametrize("rentals", [14, 15, 18, 400])
def test_a_finding_over_many_rentals_names_its_step_and_is_no_other_one(rentals: int) -> None:
    subject = over(rentals, "payment.1").subject

    assert len(subject) <= 200
    assert f"act_{'0' * 24}/payment.1" in subject.split()
    assert subject.startswith(DAY.isoformat())
    assert len({over(rentals + more, step).subject for more in (0, 1) for step in ("payment.1", "payment.2")}) == 4


def test_of_more_wishes_than_there_is_room_for_whole_names_are_kept() -> None:
    steps = [f"payment.{number}" for number in range(9)]
    subject = over(1, *steps).subject

    assert subject != over(1, *steps[:8], "another").subject
    assert len(subject) <= 200
    first, *others = re.findall(r"act_[0-9a-z]+/[^\s+]+", subject)
    assert first == f"act_{'0' * 24}/payment.0"
    assert all(name.endswith(("payment.1", "payment.2")) for name in others)
    assert replace(over(1, "payment.1", payment="9" * 200), kind=Kind.DOUBLE).subject[:11] == f"{DAY.isoformat()} "
