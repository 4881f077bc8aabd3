"""Matching what a person types against a record: spelling does not count, content does. Never says what did not fit."""

from __future__ import annotations

import re
from typing import Final

from pmsbridge.model.people import Tenant

__all__ = ["digits_of", "fits_record", "phone_in", "same_mail", "same_postal_code"]

_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_NOT_SIGNS: Final = re.compile(r"[^0-9a-z]")
_ZIP_DIGITS: Final = 5
_NATIONAL_DIGITS: Final = 10
_SHORTEST_PHONE_DIGITS: Final = 7


def digits_of(phone: str) -> str:
    """Digits only, without the prefix of a North American number: what two numbers are compared by."""
    digits = _NOT_DIGITS.sub("", phone)
    return digits[1:] if len(digits) == _NATIONAL_DIGITS + 1 and digits.startswith("1") else digits


def phone_in(name: str) -> str:
    """The digits of a name that is a phone number and nothing else; empty for an e-mail address with digits in it."""
    digits = digits_of(name)
    return digits if len(digits) >= _SHORTEST_PHONE_DIGITS and not any(sign.isalpha() for sign in name) else ""


def same_mail(one: str, other: str) -> bool:
    """Whether two addresses are the same but for case and blanks around them."""
    return bool(one.strip()) and one.strip().casefold() == other.strip().casefold()


def same_postal_code(one: str, other: str) -> bool:
    """Whether two codes are the same but for case and blanks; five digits stand for a longer one that begins so."""
    first, second = (_NOT_SIGNS.sub("", text.casefold()) for text in (one, other))
    if not first or not second:
        return False
    if first.isdigit() and second.isdigit():
        return first[:_ZIP_DIGITS] == second[:_ZIP_DIGITS] and min(len(first), len(second)) >= _ZIP_DIGITS
    return first == second


def fits_record(tenant: Tenant, *, phone: str, email: str, postal_code: str) -> bool:
    """Whether all three fit the record."""
    held = tenant.phone.e164 or tenant.phone.raw if tenant.phone is not None else ""
    return (
        bool(digits_of(phone))
        and digits_of(phone) == digits_of(held)
        and same_mail(email, tenant.email)
        and same_postal_code(postal_code, tenant.address.postal_code)
    )
