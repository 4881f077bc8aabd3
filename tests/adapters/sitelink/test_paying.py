"""Payments, judged by what the back office holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import PostFutureCharges
from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.money import Money
from pmsbridge.model.payments import BankDebit, CardPayment, StoredMethod
from pmsbridge.model.sealed import BankAccount, BankAccountFace, BankAccountKind
from pmsbridge.ports.outcome import Absent, CannotTell, Found
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.recognition import SeenPayment, fits
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import (
    JUERGEN,
    LUKASZ,
    REFUSED_PAN,
    RENEE,
    SIOBHAN,
    SITE,
    TEST_PAN,
    ZOE,
    Judge,
    adapter_on,
    attempt,
    card,
    gateway,
    part,
    payment,
)


def new_payments(judge: Judge, before: list[dict[str, object]], tenant_id: str) -> list[dict[str, object]]:
    known = {p["receipt"] for row in before for p in row["payments"]}  # type: ignore[attr-defined]
    return [p for row in judge.rentals(tenant_id) for p in row["payments"] if p["receipt"] not in known]


@pytest.mark.fact("S0.20", "S0.22", "S4.3")
def test_a_card_payment_names_the_unit_and_lands_on_its_rental(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.rentals(RENEE)
    rental = judge.rental(RENEE, "A-12")

    receipt = adapter.execute(payment(RENEE, part(rental, "97.01")), attempt(card()))

    (made,) = new_payments(judge, before, RENEE)
    assert (made["amount"], made["method"], made["source"], made["test"]) == ("97.01", "card", 10, False)
    assert judge.rental(RENEE, "A-12")["balance"] == "0.00"
    assert receipt.code == "1"
    assert judge.effects() == 1


@pytest.mark.fact("S0.27")
def test_several_rentals_are_one_card_payment(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.rentals(RENEE)
    parts = [part(row, row["balance"]) for row in before]

    adapter.execute(payment(RENEE, *parts), attempt(card()))

    assert [row["balance"] for row in judge.rentals(RENEE)] == ["0.00", "0.00", "0.00"]
    assert judge.operations() == ["PaymentMultipleWithSource"]
    assert sum(Decimal(str(p["amount"])) for p in new_payments(judge, before, RENEE)) == sum(
        p.amount.amount for p in parts
    )


def test_a_bank_debit_names_the_rental_and_not_the_unit(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(RENEE, "B 7")
    account = BankAccount(routing_number="021000021", account_number="000123456", kind=BankAccountKind.CONSUMER_SAVINGS)

    adapter.execute(payment(RENEE, part(rental, "20.00"), means=BankDebit(face=account.face)), attempt(account))

    made = judge.rental(RENEE, "B 7")["payments"][-1]
    assert (made["amount"], made["method"], made["description"]) == ("20.00", "ach", "ACH ****3456")


def test_a_gateway_payment_is_recorded_with_its_reference(adapter: SiteLinkAdapter, judge: Judge) -> None:
    rental = judge.rental(RENEE, "A-12")

    adapter.execute(payment(RENEE, part(rental, "97.01"), means=gateway("pi_3ABCdef")), attempt())

    made = judge.rental(RENEE, "A-12")["payments"][-1]
    assert (made["reference"], made["method"], made["amount"]) == ("pi_3ABCdef", "check", "97.01")


def test_what_cannot_be_said_is_refused_before_anything_is_sent(adapter: SiteLinkAdapter, judge: Judge) -> None:
    one, two = (part(judge.rental(RENEE, name), "10.00") for name in ("A-12", "B 7"))
    account = BankAccount(routing_number="021000021", account_number="000123456", kind=BankAccountKind.CONSUMER_SAVINGS)
    cad = one.changed(amount=Money.of("10.00", "CAD"))

    for means, sealed in ((gateway(), None), (BankDebit(face=account.face), account)):
        with pytest.raises(UnsupportedError):
            adapter.execute(payment(RENEE, one, two, means=means), attempt(sealed))
    with pytest.raises(UnsupportedError):
        adapter.execute(payment(RENEE, one, means=StoredMethod(method_id="m")), attempt())
    with pytest.raises(RejectedError) as wrong:
        adapter.execute(payment(RENEE, cad), attempt(card()))
    assert wrong.value.code == "wrong_currency"
    assert judge.operations() == []


@pytest.mark.parametrize("amount", ["0.00", "-5.00", "10.005"])
def test_an_amount_that_cannot_be_paid_never_leaves(adapter: SiteLinkAdapter, judge: Judge, amount: str) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), amount)), attempt(card()))

    assert refused.value.code == "amount_not_payable"
    assert judge.operations() == []


def test_a_reference_that_may_be_cut_is_refused(office: SandboxControl, judge: Judge) -> None:
    adapter = adapter_on(office, check_number_limit_chars=10)

    with pytest.raises(RejectedError) as refused:
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway()), attempt())

    assert refused.value.code == "reference_too_long"
    assert judge.operations() == []


def test_raw_cards_are_off_until_switched_on_and_the_error_says_what_that_means(
    office: SandboxControl, judge: Judge
) -> None:
    adapter = adapter_on(office, allow_raw_cards=False)

    with pytest.raises(ConfigurationError, match=r"allow_raw_cards = true.*PCI DSS"):
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), attempt(card()))

    assert judge.operations() == []


def test_a_card_that_is_gone_sends_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    used = card()
    used.wipe()
    for sealed in (None, used):
        with pytest.raises(UnavailableError) as gone:
            adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), attempt(sealed))
        assert gone.value.code == "sealed_value_used"
    assert judge.operations() == []


@pytest.mark.fact("S0.23")
def test_a_card_is_wiped_by_its_one_send(adapter: SiteLinkAdapter, judge: Judge) -> None:
    used = card()

    adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), attempt(used))

    assert used.is_wiped


def test_refusals_carry_a_reason_for_the_portal(adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge) -> None:
    cases = {
        "card_refused": (payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), REFUSED_PAN),
        "no_payment_needed": (payment(ZOE, part(judge.rental(ZOE, "F-01"), "1.00")), TEST_PAN),
        "online_payments_disabled": (payment(JUERGEN, part(judge.rental(JUERGEN, "D-09"), "1.00")), TEST_PAN),
    }
    for code, (effect, number) in cases.items():
        with pytest.raises(RejectedError) as refused:
            adapter.execute(effect, attempt(card(number)))
        assert refused.value.code == code
        assert number not in str(refused.value)
    assert judge.effects() == 0


def test_too_many_days_past_due_is_told_apart(adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge) -> None:
    office.settings(tenants={f"{SITE}/{JUERGEN}": {"online_blocked": False}})

    with pytest.raises(RejectedError) as refused:
        adapter.execute(payment(JUERGEN, part(judge.rental(JUERGEN, "D-09"), "1.00")), attempt(card()))

    assert refused.value.code == "too_many_days_past_due"


def test_a_unit_id_of_another_rental_is_refused_by_the_back_office(adapter: SiteLinkAdapter, judge: Judge) -> None:
    """The rental's id where the unit's is wanted: the trap this adapter must not fall into."""
    rental = judge.rental(RENEE, "A-12")
    wrong = part(rental, "1.00").changed(unit_id=str(rental["ledger_id"]))

    with pytest.raises(RejectedError):
        adapter.execute(payment(RENEE, wrong), attempt(card()))

    assert judge.effects() == 0


# looking for a payment


@pytest.mark.fact("S0.24")
@pytest.mark.parametrize("means", ["card", "gateway", "bank"])
def test_a_payment_whose_answer_was_lost_is_found(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, means: str
) -> None:
    account = BankAccount(routing_number="021000021", account_number="000123456", kind=BankAccountKind.CONSUMER_SAVINGS)
    sealed: Any = {"card": card(), "gateway": None, "bank": account}[means]
    told: Any = {"card": CardPayment(face=card().face), "gateway": gateway(), "bank": BankDebit(face=account.face)}[
        means
    ]
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"), means=told)
    baseline = adapter.baseline(effect)
    office.inject("Payment*Source*", "drop_after")

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt(sealed))

    found = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))
    assert isinstance(found, Found)
    made = judge.rental(RENEE, "A-12")["payments"][-1]
    assert found.receipt.vendor_ids["payment"] == made["receipt"]
    assert found.receipt.read_back


def test_a_payment_that_never_arrived_is_absent(adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"))
    baseline = adapter.baseline(effect)
    office.inject("PaymentSimple*", "drop_before")

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt(card()))

    assert judge.effects() == 0
    assert isinstance(adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now())), Absent)


def test_an_older_payment_of_the_same_amount_is_not_taken_for_ours(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"))
    adapter.execute(effect, attempt(card()))
    again = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"), reference="PB-ANOTHERONE")

    baseline = adapter.baseline(again)

    assert isinstance(adapter.probe(again, attempt(baseline=baseline, sent_at=adapter.connection.clock.now())), Absent)


def test_another_card_of_the_same_amount_is_not_taken_for_ours(adapter: SiteLinkAdapter, judge: Judge) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"))
    baseline = adapter.baseline(effect)
    other = payment(
        RENEE, part(judge.rental(RENEE, "A-12"), "97.01"), means=CardPayment(face=card("4242424242424242").face)
    )
    adapter.execute(other, attempt(card("4242424242424242")))

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now())), Absent)


def test_a_payment_that_shows_late_is_not_there_yet_and_then_is(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    office.settings(payment_delay=8)
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "97.01"))
    baseline = adapter.baseline(effect)
    adapter.execute(effect, attempt(card()))
    look = attempt(baseline=baseline, sent_at=adapter.connection.clock.now())

    assert isinstance(adapter.probe(effect, look), Absent)
    office.advance(8)
    assert isinstance(adapter.probe(effect, look), Found)


def test_a_payment_of_several_rentals_that_stopped_halfway_is_for_a_person(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    office.settings(multiple_stops_after=1)
    parts = [part(row, row["balance"]) for row in judge.rentals(RENEE)]
    effect = payment(RENEE, *parts)
    baseline = adapter.baseline(effect)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt(card()))

    told = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))
    assert isinstance(told, CannotTell)
    assert "A-12" in told.why
    assert "015" not in told.why


def test_a_payment_that_is_there_twice_is_for_a_person(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "10.00"), means=gateway())
    baseline = adapter.baseline(effect)
    office.inject("PaymentSimpleCheckWithSource", "duplicate_delivery")
    adapter.execute(effect, attempt())

    told = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))

    assert isinstance(told, CannotTell)
    assert "possibly twice" in told.why


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["Visa"], CannotTell),
        (["Payment"], CannotTell),
        (["Visa", "Visa"], CannotTell),
        (["Visa ****1111", "Visa ****1111"], CannotTell),
        (["Visa ****4242"], Absent),
        (["Cash"], Absent),
        (["Check '17'"], Absent),
        (["Cash", "Visa"], CannotTell),
    ],
)
def test_what_staff_enter_while_a_card_payment_is_unknown_is_never_called_ours(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, words: list[str], answer: type
) -> None:
    rental = judge.rental(RENEE, "A-12")
    effect = payment(RENEE, part(rental, "97.01"))
    baseline = adapter.baseline(effect)
    office.inject("PaymentSimpleWithSource", "drop_before")
    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt(card()))

    for each in words:
        office.enter_payment(SITE, int(rental["ledger_id"]), "97.01", method="card", description=each)

    look = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))
    assert isinstance(look, answer)


def test_ours_is_found_beside_what_staff_enter_by_other_means(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    rental = judge.rental(RENEE, "A-12")
    effect = payment(RENEE, part(rental, "97.01"))
    baseline = adapter.baseline(effect)
    adapter.execute(effect, attempt(card()))
    receipt = office.enter_payment(SITE, int(rental["ledger_id"]), "97.01", description="Cash")

    look = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))

    assert isinstance(look, Found)
    assert receipt not in look.receipt.vendor_ids.values()


@pytest.mark.parametrize(
    ("means", "words", "answer"),
    [
        (BankDebit(face=BankAccountFace(kind=BankAccountKind.CONSUMER_SAVINGS, last4="3456")), "ACH", CannotTell),
        (BankDebit(face=BankAccountFace(kind=BankAccountKind.CONSUMER_SAVINGS, last4="3456")), "Cash", Absent),
        (gateway("pi_LOST"), "Check", CannotTell),
        (gateway("pi_LOST"), "Check '1007'", Absent),
        (gateway("pi_LOST"), "Visa", Absent),
    ],
)
def test_what_staff_enter_is_told_from_a_bank_debit_and_from_a_gateways_payment(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, means: Any, words: str, answer: type
) -> None:
    rental = judge.rental(RENEE, "A-12")
    effect = payment(RENEE, part(rental, "5.00"), means=means)
    baseline = adapter.baseline(effect)
    office.enter_payment(SITE, int(rental["ledger_id"]), "5.00", description=words)

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now())), answer)


def test_a_recorded_payment_with_half_a_reference_is_for_a_person(adapter: SiteLinkAdapter, judge: Judge) -> None:
    """The back office may have cut the reference: it is neither there nor absent."""
    rental = judge.rental(RENEE, "A-12")
    effect = payment(RENEE, part(rental, "5.00"), means=gateway("pi_3ABCdef"))
    baseline = adapter.baseline(effect)
    adapter.execute(payment(RENEE, part(rental, "5.00"), means=gateway("pi_3ABC")), attempt())

    told = adapter.probe(effect, attempt(baseline=baseline, sent_at=adapter.connection.clock.now()))

    assert isinstance(told, CannotTell)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Visa ****1111", True),
        ("Visa ****4242", False),
        ("Master Card ****1111", True),
        ("MasterCard", False),
        ("Visa", None),
        ("Payment", None),
        ("Check 'pi_1'", False),
        ("Cash", False),
    ],
)
def test_a_card_payment_is_told_by_what_its_text_shows(text: str, expected: bool | None) -> None:
    seen = SeenPayment("1", Decimal("1.00"), date(2026, 11, 21), text)

    assert fits(CardPayment(face=card().face), seen) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Check 'pi_3ABCdef'", True),
        ("CHECK PI_3ABCDEF", True),
        ("Check 'pi_3ABCdefgh'", False),
        ("Check 'pi_3A'", None),
        ("Check pi_3abcdef-2", None),
        ("Check pi_3abcdef.2", None),
        ("Check xpi_3abcdef", None),
        ("Check pi_3abcdef.", True),
        ("Check (pi_3abcdef), thank you", True),
        ("Check pi_3abcdefgh then pi_3abcdef", True),
        ("Check", None),
        ("Visa ****1111", False),
        ("Cash", False),
        ("Visa", False),
        ("Cash or check", None),
    ],
)
def test_a_recorded_payment_is_told_by_its_reference(text: str, expected: bool | None) -> None:
    seen = SeenPayment("1", Decimal("1.00"), date(2026, 11, 21), text)

    assert fits(gateway("pi_3ABCdef"), seen) is expected


# billing ahead


def charges(tenant_id: str, months: int) -> PostFutureCharges:
    return PostFutureCharges(account="demo", facility=SITE, tenant_id=tenant_id, months=months)


@pytest.mark.fact("S0.25")
def test_future_charges_are_posted_once_for_every_rental(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = {row["unit_name"]: len(row["charges"]) for row in judge.rentals(SIOBHAN)}

    adapter.execute(charges(SIOBHAN, 2), attempt())

    after = {row["unit_name"]: len(row["charges"]) for row in judge.rentals(SIOBHAN)}
    assert {name: after[name] - before[name] for name in after} == {"C-01": 4, "C-02": 2}


@pytest.mark.parametrize(("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent)])
def test_future_charges_whose_answer_was_lost_are_looked_for(
    adapter: SiteLinkAdapter, office: SandboxControl, fault: str, outcome: type
) -> None:
    effect = charges(LUKASZ, 3)
    baseline = adapter.baseline(effect)
    office.inject("CustomerAccountsMakeFutureCharges", fault)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt())

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), outcome)


def test_the_quote_for_the_months_is_what_is_then_charged(adapter: SiteLinkAdapter, judge: Judge) -> None:
    """All categories count: a quote of the rent rows alone would drop insurance."""
    quote = adapter.prepay_quote(SITE, SIOBHAN, 2)
    before = {row.id: row.balances.ledger for row in adapter.account(SITE, SIOBHAN).rentals}

    adapter.execute(charges(SIOBHAN, 2), attempt())

    after = {row.id: row.balances.ledger for row in adapter.account(SITE, SIOBHAN).rentals}
    assert {line.rental_id: line.future for line in quote.lines} == {key: after[key] - before[key] for key in after}
    insured = next(row for row in judge.rentals(SIOBHAN) if row["premium"] != "0")
    assert insured["unit_name"] == "C-01"
