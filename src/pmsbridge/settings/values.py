"""What values of the settings look like: references, durations, times of day, names, addresses."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import quote, unquote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

__all__ = [
    "REFERENCE",
    "AccountName",
    "ClockTime",
    "Duration",
    "Language",
    "MailAddress",
    "PlaceName",
    "SecretReference",
    "Section",
    "holds_password",
    "is_account_name",
    "quoted",
]

REFERENCE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
"""How a reference to a secret is written."""

_DURATION: Final = re.compile(r"([0-9]{1,9}) ?(ms|s|m|h|d)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_PASSWORD_OPTION: Final = re.compile(r"[?&;][^=&;]*(?:password|passwd|pwd)\s*=", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FACILITY: Final = re.compile(r"[^/\s]+")
_ADDRESS: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_NEXT_ADDRESS: Final = re.compile(r";(?=[a-z0-9+.-]+://)", re.IGNORECASE)


def _reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        message = "value looks like a secret itself; write env:NAME or file:/path"
        raise ValueError(message)
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        message = 'not a duration; write a number and a unit, such as "90s", "15m", "12h" or "7d"'
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        message = 'not a time of day; write it as "02:30"'
        raise ValueError(message)
    return time.fromisoformat(value)


def is_account_name(word: str) -> bool:
    """Whether an account, or an endpoint, may be called so."""
    return _ACCOUNT.fullmatch(word) is not None


def _account_name(word: str) -> str:
    if not is_account_name(word):
        message = "no name; a name is a small letter followed by at most 39 small letters, digits, - or _"
        raise ValueError(message)
    return word


def _place_name(word: str) -> str:
    account, slash, facility = word.partition("/")
    if not is_account_name(account) or (slash and not _FACILITY.fullmatch(facility)):
        message = 'not an account, nor a facility of one; write "ACCOUNT" or "ACCOUNT/FACILITY", such as "main/L001"'
        raise ValueError(message)
    return word


def _mail_address(word: str) -> str:
    if not _ADDRESS.fullmatch(word):
        message = "not one mail address without a name, such as office@example.com"
        raise ValueError(message)
    return word


SecretReference = Annotated[str, AfterValidator(_reference)]
"""Where a secret is: ``env:NAME`` or ``file:/path``. The secret itself is refused."""

Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, written with its unit: "90s", "15m", "12h", "7d"."""

ClockTime = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day, "02:30"."""

AccountName = Annotated[str, AfterValidator(_account_name)]
"""How an account is called in settings, addresses and reports."""


Language = Literal["en", "fr"]
"""What staff can be told in."""

MailAddress = Annotated[str, AfterValidator(_mail_address)]
"""One mail address without a name."""

PlaceName = Annotated[str, AfterValidator(_place_name)]
"""An account, or one facility of it: ``main``, ``main/L001``."""


class Section(BaseModel):
    """Part of the settings: never changed, nothing unknown in it, its values in no error."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


def quoted(secret: str) -> str:
    """A secret as it stands in an address."""
    return quote(secret, safe="")


def holds_password(address: str) -> bool:
    """Whether there is a password in an address, or in one of several with a semicolon between.

    Everything before the last @ may be a login: drivers differ on where a password with a slash or a question mark
    in it ends. So an @ elsewhere, after a colon, is to be written %40.
    """
    for each in _NEXT_ADDRESS.split(address):
        login, at, _ = each.partition("://")[2].rpartition("@")
        if at and ":" in login and not login.startswith("/"):
            return True
    return _PASSWORD_OPTION.search(unquote(address)) is not None
