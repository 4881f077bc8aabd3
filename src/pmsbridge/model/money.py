"""Money: a decimal amount and its currency. A float never exists, not even while parsing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, StringConstraints, field_serializer, model_validator

from pmsbridge.model.record import Value

__all__ = ["Currency", "ExactDecimal", "Money", "minor_digits", "sum_money"]

_MINOR_DIGITS = {"BHD": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}


def minor_digits(currency: str) -> int:
    """Digits after the decimal point in which this currency is paid: 2 unless the currency says otherwise."""
    return _MINOR_DIGITS.get(currency, 2)


_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)
_DIGITS_BEFORE: Final = 15
_DIGITS_AFTER: Final = 8
# Ours alone: a program that sets its own decimal context cannot round our sums. What does not fit is an error.
_EXACTLY: Final = Context(
    prec=60, Emin=-999999, Emax=999999, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero]
)


def _exact(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        message = "money is given as text, int or Decimal, never as a float"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a field error
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        message = "not a decimal number"
        raise ValueError(message)
    number = Decimal(value)
    if not number.is_finite():
        message = "not a finite number"
        raise ValueError(message)
    if number and not _fits(number):
        message = f"more than {_DIGITS_BEFORE} digits before or {_DIGITS_AFTER} after the decimal point"
        raise ValueError(message)
    return number


def _fits(number: Decimal) -> bool:
    _, digits, exponent = number.as_tuple()
    exponent = int(exponent)
    if -exponent <= _DIGITS_AFTER:  # nearly every one; only of others do zeros at the end matter
        return number.adjusted() < _DIGITS_BEFORE
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return number.adjusted() < _DIGITS_BEFORE and -(exponent + zeros) <= _DIGITS_AFTER


ExactDecimal = Annotated[Decimal, BeforeValidator(_exact)]
"""A Decimal that refuses to be made from a float: at most 15 digits before and 8 after the decimal point."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217 code, three capital letters."""


class Money(Value):
    """An exact amount in one currency.

    The amount keeps every digit it was given; only trailing zeros beyond the currency's minor unit are dropped
    (vendors write "129.0000"). Nothing here rounds.

    Attributes:
        amount: In major units (dollars, not cents).
        currency: ISO 4217 code.
    """

    amount: ExactDecimal
    currency: Currency

    @model_validator(mode="after")
    def _canonical(self) -> Self:
        digits = minor_digits(self.currency)
        if self.amount and self.amount.as_tuple().exponent == -digits:
            return self  # as nearly all are written
        places = max(digits, -int(self.amount.normalize(_EXACTLY).as_tuple().exponent))
        canonical = self.amount.quantize(Decimal((0, (1,), -places)), context=_EXACTLY)
        canonical = canonical or canonical.copy_abs()
        object.__setattr__(self, "amount", canonical)
        return self

    @field_serializer("amount")
    def _amount_as_text(self, amount: Decimal) -> str:
        return format(amount, "f")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """Make money from text, an int or a Decimal of major units.

        Raises:
            pydantic.ValidationError: The amount is a float, no number or too large, or the currency is no ISO code.
        """
        return cls(amount=amount, currency=currency)  # type: ignore[arg-type]  # the validator narrows it

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in a currency."""
        return cls.of(0, currency)

    @property
    def is_zero(self) -> bool:
        """Exactly nothing."""
        return self.amount == 0

    @property
    def is_positive(self) -> bool:
        """More than nothing."""
        return self.amount > 0

    @property
    def is_negative(self) -> bool:
        """Less than nothing: a credit."""
        return self.amount < 0

    @property
    def is_payable(self) -> bool:
        """Positive, and says no fraction of the currency's minor unit."""
        exponent = self.amount.as_tuple().exponent
        return self.is_positive and isinstance(exponent, int) and -exponent <= minor_digits(self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            message = f"cannot put {self.currency} and {other.currency} into one sum"
            raise ValueError(message)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money.of(_EXACTLY.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money.of(_EXACTLY.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> Money:
        return Money.of(self.amount.copy_negate(), self.currency)

    def __mul__(self, times: int) -> Money:
        if isinstance(times, bool) or not isinstance(times, int):
            message = "money is multiplied by an int only; a rate has its own rounding rule"
            raise TypeError(message)
        return Money.of(_EXACTLY.multiply(self.amount, Decimal(times)), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount > other.amount

    def __ge__(self, other: Money) -> bool:
        self._same(other)
        return self.amount >= other.amount

    def __bool__(self) -> bool:
        message = "money has no truth value; ask is_zero, is_positive or is_negative"
        raise TypeError(message)

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def sum_money(parts: Iterable[Money], currency: str) -> Money:
    """Add amounts of one currency; nothing adds up to zero.

    Raises:
        ValueError: A part is in another currency.
    """
    total = Money.zero(currency)
    amount = total.amount
    # One sum is made of many parts again and again while a page is built: only the result is checked as money.
    for part in parts:
        total._same(part)  # noqa: SLF001 - its own
        amount = _EXACTLY.add(amount, part.amount)
    return Money.of(amount, currency)
