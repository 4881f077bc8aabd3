from __future__ import annotations

import decimal
import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import ExactDecimal, Money, minor_digits, sum_money
from tests.unit.model.making import CURRENCY, amounts, balances, moneys


def usd(amount: str | int | Decimal) -> Money:
    return Money.of(amount, "USD")


@given(st.lists(amounts(), max_size=12), CURRENCY)
def test_sums_are_exact(parts: list[Decimal], currency: str) -> None:
    total = sum_money((Money.of(part, currency) for part in parts), currency)

    assert Fraction(total.amount) == sum(map(Fraction, parts))


@given(moneys("USD"), moneys("USD"), st.integers(-12, 12))
def test_difference_negation_and_multiple_are_exact(a: Money, b: Money, times: int) -> None:
    assert Fraction((a - b).amount) == Fraction(a.amount) - Fraction(b.amount)
    assert Fraction((-a).amount) == -Fraction(a.amount)
    assert Fraction((a * times).amount) == Fraction(a.amount) * times
    assert (a < b, a <= b, a > b, a >= b) == (
        a.amount < b.amount,
        a.amount <= b.amount,
        a.amount > b.amount,
        a.amount >= b.amount,
    )


@given(amounts(), amounts())
def test_a_program_with_its_own_decimal_context_cannot_round_our_sums(a: Decimal, b: Decimal) -> None:
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        total = usd(a) + usd(b) - usd(b)

    assert total == usd(a)


@given(amounts(), CURRENCY, st.integers(0, 4))
def test_the_same_amount_has_one_form(amount: Decimal, currency: str, zeros: int) -> None:
    text = format(amount, "f")
    padded = text + "0" * zeros if "." in text else text

    assert str(Money.of(padded, currency)) == str(Money.of(amount.normalize(), currency))
    assert Money.of(padded, currency) == Money.of(amount, currency)
    assert hash(Money.of(padded, currency)) == hash(Money.of(amount, currency))


@pytest.mark.parametrize(
    ("given_amount", "currency", "shown"),
    [
        ("129.0000", "USD", "129.00 USD"),
        ("1234567.5", "USD", "1,234,567.50 USD"),
        ("0.0050", "USD", "0.005 USD"),
        ("-0.00", "USD", "0.00 USD"),
        ("1E+2", "USD", "100.00 USD"),
        ("500.00", "JPY", "500 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        (" 7 ", "USD", "7.00 USD"),
        (7, "USD", "7.00 USD"),
    ],
)
def test_trailing_zeros_beyond_the_minor_unit_are_dropped_and_nothing_is_rounded(
    given_amount: str | int, currency: str, shown: str
) -> None:
    assert str(Money.of(given_amount, currency)) == shown
    assert f"{Money.of(given_amount, currency):>20}" == shown.rjust(20)


@pytest.mark.parametrize("amount", [1.1, 1.0, float("nan"), True, None, b"1", [1], {"a": 1}, complex(1)])
def test_a_float_and_whatever_is_no_number_is_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money(amount=amount, currency="USD")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", " ", "1,5", "1_000", "0x10", "١٢", "1e", "--1", "NaN", "Infinity", "-inf", "sNaN", "1e99999", "12 34"]
)
def test_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        usd(text)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN"), Decimal("1E999999")])
def test_a_decimal_that_is_no_amount_is_refused(value: Decimal) -> None:
    with pytest.raises(ValidationError):
        usd(value)


@pytest.mark.parametrize("text", ["1000000000000000", "-1e15", "0.000000001", "1E-30", "9" * 40])
def test_an_amount_that_could_not_be_summed_exactly_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="more than 15 digits before or 8 after"):
        usd(text)


def test_the_largest_amounts_are_kept_to_the_last_digit() -> None:
    largest = usd("999999999999999.99999999")

    assert str(largest) == "999,999,999,999,999.99999999 USD"
    assert largest - largest == Money.zero("USD")
    with pytest.raises(ValidationError):
        largest + largest


@pytest.mark.parametrize(
    "text",
    ['{"amount": 1.1, "currency": "USD"}', '{"amount": 1.0, "currency": "USD"}', '{"amount": 1e2, "currency": "USD"}'],
)
def test_a_json_number_with_a_fraction_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="never as a float"):
        Money.model_validate_json(text)


def test_a_float_is_refused_deep_inside_another_model() -> None:
    good = Balances.of_ledger(usd("12.50")).model_dump_json()

    with pytest.raises(ValidationError, match="never as a float"):
        Balances.model_validate_json(good.replace('"12.50"', "12.5", 1))


@given(moneys())
def test_money_in_json_is_text_and_comes_back_equal(money: Money) -> None:
    text = money.model_dump_json()

    assert isinstance(json.loads(text)["amount"], str)
    assert "E" not in json.loads(text)["amount"]
    assert Money.model_validate_json(text) == money


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", "U5D", "USD\n"])
def test_a_currency_is_an_iso_code(currency: str) -> None:
    with pytest.raises(ValidationError):
        Money.of(1, currency)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_are_never_put_together(operation: str) -> None:
    with pytest.raises(ValueError, match="USD and CAD"):
        getattr(usd(1), operation)(Money.of(1, "CAD"))


def test_a_sum_names_its_currency_and_refuses_another() -> None:
    assert sum_money([], "CAD") == Money.zero("CAD")
    with pytest.raises(ValueError, match="one sum"):
        sum_money([usd(1)], "CAD")


@pytest.mark.parametrize("times", [1.5, True, Decimal(2), "2"])
def test_money_is_multiplied_by_whole_numbers_only(times: object) -> None:
    with pytest.raises(TypeError):
        usd(1) * times  # type: ignore[operator]


def test_money_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="is_zero"):
        bool(usd(1))


@pytest.mark.parametrize(
    ("amount", "currency", "payable"),
    [
        ("0.01", "USD", True),
        ("0.005", "USD", False),
        ("0", "USD", False),
        ("-1", "USD", False),
        ("1.5", "JPY", False),
        ("0.001", "KWD", True),
    ],
)
def test_only_whole_minor_units_above_zero_can_be_paid(amount: str, currency: str, payable: bool) -> None:
    assert Money.of(amount, currency).is_payable is payable


@given(moneys())
def test_exactly_one_of_zero_positive_negative_is_true(money: Money) -> None:
    assert [money.is_zero, money.is_positive, money.is_negative].count(True) == 1
    assert minor_digits(money.currency) <= -int(money.amount.as_tuple().exponent) <= 4


@pytest.mark.fact("S0.8", "S0.9")
@given(st.lists(balances(), max_size=5))
def test_the_sum_per_rental_is_the_sum_per_tenant_in_every_balance(parts: list[Balances]) -> None:
    total = Balances.total(parts, "USD")

    for name in Balances.model_fields:
        assert getattr(total, name) == sum_money((getattr(part, name) for part in parts), "USD")


def test_balances_of_two_currencies_are_never_summed() -> None:
    with pytest.raises(ValueError, match="one sum"):
        Balances.total([Balances.of_ledger(usd(1)), Balances.of_ledger(Money.of(1, "CAD"))], "USD")


def test_an_exact_decimal_field_refuses_floats_in_python_and_json() -> None:
    class Holder(BaseModel):
        value: ExactDecimal

    assert Holder.model_validate_json('{"value": "1.10"}').value == Decimal("1.10")
    with pytest.raises(ValidationError):
        Holder(value=1.1)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Holder.model_validate_json('{"value": 1.1}')
