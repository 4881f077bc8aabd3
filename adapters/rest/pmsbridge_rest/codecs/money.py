"""Money, exactly: cents, smallest units, decimal text, JSON numbers. No binary float on either way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Final

from pydantic import ValidationError

from pmsbridge.model.money import Money, minor_digits
from pmsbridge_rest.codecs.plain import exact_number
from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import MoneyCodec

__all__ = ["Amounts"]

_CENTS: Final = 2
# Ours alone: a program that sets its own decimal context cannot round an amount.
_EXACTLY: Final = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])


@dataclass(frozen=True, slots=True)
class Amounts:
    """An amount and the facility's (or the row's) currency."""

    section: MoneyCodec

    def decode(self, raw: Any, scene: Scene) -> Money | None:  # noqa: ANN401
        """The amount in major units; None for null, an empty text, and words that mean that there is none."""
        if raw is None or raw == "" or raw in self.section.no_amount:
            return None
        number = exact_number(raw)
        digits = self._whole_digits(scene)
        if digits is not None:
            number = self._scaled(_whole(number), -digits)
        try:
            return Money.of(-number if self.section.negate else number, scene.currency)
        except ValidationError:
            message = "not an amount of money: too many digits"
        raise CodecError(message)

    def encode(self, value: Any, scene: Scene) -> int | str | Decimal:  # noqa: ANN401
        """A whole number, decimal text, or a Decimal that is written as a JSON number."""
        if not isinstance(value, Money):
            message = "not an amount of money"
            raise CodecError(message)
        if value.currency != scene.currency:
            message = f"money in {value.currency}, but this back office is told amounts in {scene.currency}"
            raise CodecError(message)
        number = value.amount.copy_negate() if self.section.negate and value.amount else value.amount
        digits = self._whole_digits(scene)
        if digits is not None:
            return int(_whole(self._scaled(number, digits)))
        return self._with_places(number, scene)

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same amount of the same currency."""
        del scene
        return bool(value == other)

    def _whole_digits(self, scene: Scene) -> int | None:
        """How many digits of the amount stand behind the point, where whole numbers are sent."""
        if self.section.spelt == "cents":
            return _CENTS
        return minor_digits(scene.currency) if self.section.spelt == "minor" else None

    @staticmethod
    def _scaled(number: Decimal, digits: int) -> Decimal:
        try:
            return number.scaleb(digits, context=_EXACTLY)
        except DecimalException:
            message = "not an amount of money: too many digits"
        raise CodecError(message)

    def _with_places(self, number: Decimal, scene: Scene) -> str | Decimal:
        places = minor_digits(scene.currency) if self.section.places is None else self.section.places
        try:
            exact = number.quantize(Decimal((0, (1,), -places)), context=_EXACTLY)
        except DecimalException:
            message = f"more than {places} digits after the point"
        else:
            return format(exact, "f") if self.section.spelt == "text" else exact
        raise CodecError(message)


def _whole(number: Decimal) -> Decimal:
    if number != number.to_integral_value():
        message = "not a whole number of the smallest unit"
        raise CodecError(message)
    return number
