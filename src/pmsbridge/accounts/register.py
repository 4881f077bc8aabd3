"""Comparing what a person types with a record: spelling does not count, content does."""

from __future__ import annotations

import re
from typing import Final

from pmsbridge.model.people import Phone

__all__ = ["digits_of", "is_phone", "phone_in", "plain_postal_code", "same_mail", "same_number", "same_postal_code"]

_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_ZIP_DIGITS: Final = 5
_LONG_ZIP_DIGITS: Final = 9
_NATIONAL_DIGITS: Final = 10
_SHORTEST_PHONE_DIGITS: Final = 7
_LONGEST_COUNTRY_DIGITS: Final = 3


def digits_of(phone: str) -> str:
    """Digits only, without the prefix of a North American number: what two numbers are compared by."""
    digits = _NOT_DIGITS.sub("", phone)
    return digits[1:] if len(digits) == _NATIONAL_DIGITS + 1 and digits.startswith("1") else digits


def phone_in(name: str) -> str:
    """The digits of a name that is a phone number and nothing else; empty for an e-mail address with digits in it."""
    digits = digits_of(name)
    return digits if len(digits) >= _SHORTEST_PHONE_DIGITS and not any(sign.isalpha() for sign in name) else ""


def is_phone(text: str) -> bool:
    """Whether a text has as many digits as a telephone number has at least."""
    return len(_NOT_DIGITS.sub("", text)) >= _SHORTEST_PHONE_DIGITS


def same_number(asked: str, held: Phone | None) -> bool:
    """Whether digits are equal, or equal but for the country's, where one of them is known to begin with it."""
    if held is None:
        return False
    digits = _NOT_DIGITS.sub("", asked)
    if digits_of(asked) == digits_of(held.digits):
        return bool(digits)
    short, long = sorted((digits, held.digits), key=len)
    national = short.lstrip("0")
    is_international = held.e164 is not None or asked.strip().startswith("+")
    is_near = len(national) >= _SHORTEST_PHONE_DIGITS and len(long) - len(national) <= _LONGEST_COUNTRY_DIGITS
    return is_international and is_near and long.endswith(national)


def same_mail(one: str, other: str) -> bool:
    """Whether two addresses are the same but for case and blanks around them."""
    return bool(one.strip()) and one.strip().casefold() == other.strip().casefold()


def same_postal_code(one: str, other: str) -> bool:
    """Whether two codes are the same but for case and blanks; of a ZIP code the first five digits count."""
    first, second = (plain_postal_code(text) for text in (one, other))
    if {len(first), len(second)} <= {_ZIP_DIGITS, _LONG_ZIP_DIGITS} and (first + second).isdigit():
        return first[:_ZIP_DIGITS] == second[:_ZIP_DIGITS]
    return bool(first) and first == second


def plain_postal_code(text: str) -> str:
    """Letters and digits of a postal code, for comparing."""
    return "".join(sign for sign in text if sign.isalnum()).casefold()
