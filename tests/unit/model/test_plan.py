from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pmsbridge.actions.effects import Effect, SetAutopay, TakePayment
from pmsbridge.actions.plan import ActionKey, Plan, PlannedEffect, Submission, effect_key, payment_guard, reference_of
from pmsbridge.model.money import Money
from pmsbridge.model.payments import BankDebit, CardPayment, Means, StoredMethod
from tests.unit.model.making import IDS, moneys
from tests.unit.model.specimens import BANK, CARD, EXTERNAL, PART, PAY, PLACE, STEP

PARTS = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)


def step(name: str, after: str | None = None) -> PlannedEffect:
    return STEP.changed(name=name, after=after)


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_the_key_of_an_effect_depends_on_action_name_and_target_and_on_nothing_else(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert effect_key(*one) == effect_key(*one)
    assert (effect_key(*one) == effect_key(*other)) is (one == other)
    assert (reference_of(*one[:2]) == reference_of(*other[:2])) is (one[:2] == other[:2])


def test_keys_and_references_are_the_same_in_every_process_and_version() -> None:
    program = (
        "from pmsbridge.actions.plan import *\n"
        "print(effect_key('act_1', 'payment', 'acme/L001/T1/R1'))\n"
        "print(reference_of('act_1', 'note'))\n"
        "print(Submission.id_for('acme', 'L001', 'T1', 'click-0001'))\n"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    # Stored in journals and in back offices: these may never change.
    assert printed == [
        "e0f6e06037f5ec58cd97bc7380b04b01a8c4b748",
        "PB-ADIU2VLGFP24",
        "act_252eb91e638392e5c1c51ce5",
    ]


@given(PARTS, PARTS)
def test_a_reference_fits_the_fields_that_carry_it(action: str, name: str) -> None:
    reference = reference_of(action, name)

    assert len(reference) == 15
    assert PAY.changed(reference=reference).reference == reference


@given(IDS, IDS, st.none() | IDS, st.text("abcXYZ0-9_", min_size=8, max_size=20))
def test_the_same_click_is_the_same_action(account: str, facility: str, tenant: str | None, key: str) -> None:
    identity = Submission.id_for(account, facility, tenant, key)

    assert identity == Submission.id_for(account, facility, tenant, key)
    assert identity != Submission.id_for(account, facility, tenant, key + "x")
    assert identity != Submission.id_for(account, facility + "x", tenant, key)
    assert identity != Submission.id_for(account, facility, (tenant or "") + "x", key)


@given(moneys(), moneys())
def test_two_payments_share_a_guard_when_payer_rental_and_amount_are_the_same(one: Money, other: Money) -> None:
    def guard(amount: Money, rental: str = "R1", tenant: str = "T1") -> str:
        return payment_guard("acme", "L001", tenant, rental, amount)

    assert (guard(one) == guard(other)) is (one == other)
    assert guard(one) == guard(Money.of(str(one.amount) + "000", one.currency) if "." in str(one.amount) else one)
    assert len({guard(one), guard(one, rental="R2"), guard(one, tenant="T2")}) == 3


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.none() | st.sampled_from("abcde")), min_size=1, max_size=6))
def test_a_plan_is_ordered_or_refused(drawn: list[tuple[str, str | None]]) -> None:
    names = [name for name, _ in drawn]
    ordered = len(set(names)) == len(names) and all(
        after is None or after in names[:place] for place, (_, after) in enumerate(drawn)
    )
    steps = tuple(step(name, after) for name, after in drawn)

    if ordered:
        assert Plan(steps=steps).steps == steps
    else:
        with pytest.raises(ValidationError, match=r"same name|come before"):
            Plan(steps=steps)


def test_an_effect_cannot_wait_for_itself_and_a_plan_has_an_effect() -> None:
    with pytest.raises(ValidationError, match="come before"):
        Plan(steps=(step("a", "a"),))
    with pytest.raises(ValidationError, match="at least 1"):
        Plan(steps=())


def test_a_plan_is_emulated_when_a_principal_effect_is() -> None:
    assert Plan(steps=(step("a").changed(emulates="x"),)).is_emulated
    assert not Plan(steps=(step("a").changed(emulates="x", is_principal=False),)).is_emulated


@pytest.mark.parametrize("key", ["short", "with space", "tab\there", "ünïcode-key", "x" * 201, "newline-key\n"])
def test_an_idempotency_key_is_printable_ascii(key: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ActionKey).validate_python(key)


@pytest.mark.parametrize(
    ("means", "sealed"),
    [
        (CardPayment(face=CARD), True),
        (BankDebit(face=BANK), True),
        (EXTERNAL, False),
        (StoredMethod(method_id="M1"), False),
    ],
)
def test_only_a_card_or_account_typed_now_travels_sealed(*, means: Means, sealed: bool) -> None:
    assert PAY.changed(means=means).needs_a_sealed_value is sealed


def test_autopay_needs_a_sealed_value_only_for_a_new_method() -> None:
    stored = SetAutopay(**PLACE, tenant_id="T1", rental_id="R1", on=False)

    assert not stored.needs_a_sealed_value
    assert stored.changed(method=CARD).needs_a_sealed_value


@given(st.lists(moneys("USD"), min_size=1, max_size=5))
def test_a_payment_is_the_sum_of_its_parts(parts: list[Money]) -> None:
    payment = PAY.changed(parts=tuple(PART.changed(rental_id=f"R{n}", amount=part) for n, part in enumerate(parts)))

    assert payment.total.amount == sum(part.amount for part in parts)


def test_the_target_of_a_payment_does_not_depend_on_the_order_of_its_parts() -> None:
    one, other = PART, PART.changed(rental_id="R2")

    assert PAY.changed(parts=(one, other)).target == PAY.changed(parts=(other, one)).target


def test_every_effect_has_its_own_kind() -> None:
    kinds = TypeAdapter(Effect).json_schema()["discriminator"]["mapping"]

    assert len(kinds) == 16
    assert TakePayment.moves_money
