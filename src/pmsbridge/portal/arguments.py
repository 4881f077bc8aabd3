"""Arguments as a web form brings them, of the wrong type or the wrong value: checked before anything is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from pmsbridge.errors import InputError
from pmsbridge.model.money import Money
from pmsbridge.model.sealed import Sealed
from pmsbridge.portal.card_numbers import refuse_card_in_id, refuse_card_number

__all__ = [
    "checked_amount",
    "checked_choice",
    "checked_day",
    "checked_days_after_due",
    "checked_flag",
    "checked_id",
    "checked_identity",
    "checked_instant",
    "checked_key",
    "checked_mapping",
    "checked_months",
    "checked_quantity",
    "checked_whole",
    "checked_words",
    "has_happened",
    "shape_of",
    "wiped_on_refusal",
]

_SHORTEST_KEY_CHARS, _LONGEST_KEY_CHARS = 8, 200
_LONGEST_ID_CHARS = 200
_MOST_DAYS_AFTER_DUE: Final = 28
_WHOLE_DIGITS: Final = 12
_DECIMALS: Final = 6
_FIRST_INSTANT: Final = datetime(1970, 1, 1, tzinfo=UTC)


def shape_of(value: object) -> str:
    """What a value is, without saying it."""
    if isinstance(value, str):
        return "1 character" if len(value) == 1 else f"{len(value)} characters"
    return type(value).__name__


def checked_words(field: str, value: str) -> str:
    """Text without the blanks around it.

    Raises:
        InputError: It is no text.
    """
    if not isinstance(value, str):
        raise InputError(field, "must be text", shape=shape_of(value))
    return value.strip()


def checked_id(field: str, value: str) -> str:
    """An id as text, without the blanks around it.

    Raises:
        InputError: It is no text, empty, far too long, or a card number.
    """
    text = checked_words(field, value)
    if not text:
        raise InputError(field, "is empty")
    if len(text) > _LONGEST_ID_CHARS or not text.isprintable():
        raise InputError(field, "is no id", shape=shape_of(value))
    refuse_card_in_id(field, text)
    return text


def checked_key(key: str) -> str:
    """An idempotency key.

    Raises:
        InputError: It is not 8 to 200 printable ASCII characters without spaces, or it is a card number.
    """
    if not isinstance(key, str):
        raise _no_key(key)
    if not _SHORTEST_KEY_CHARS <= len(key) <= _LONGEST_KEY_CHARS or not all("!" <= char <= "~" for char in key):
        raise _no_key(key)
    refuse_card_in_id("key", key)
    return key


def _no_key(key: object) -> InputError:
    return InputError(
        "key",
        "must be 8 to 200 printable characters without spaces",
        shape=shape_of(key),
        remedy="Make one per click, for example a UUID, and keep it over reloads.",
    )


def checked_amount(amount: Money | None) -> Money | None:
    """An amount of money, or None.

    Raises:
        InputError: It is a plain number or text.
    """
    if amount is not None and not isinstance(amount, Money):
        raise InputError("amount", "must be Money", shape=shape_of(amount), remedy='Like Money.of("12.50", "USD").')
    return amount


def checked_months(months: int) -> int:
    """A number of months; whether it may be paid ahead, the judge says.

    Raises:
        InputError: It is no whole number.
    """
    if isinstance(months, bool) or not isinstance(months, int):
        raise InputError("months", "must be a whole number", shape=shape_of(months))
    return months


def checked_quantity(field: str, value: object) -> Decimal:
    """An exact, finite quantity, the same however it is spelled; whether it fits, the judge says.

    Raises:
        InputError: It is a float, text or no number, or has more digits than anything that can be counted.
    """
    number = Decimal(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else Decimal("NaN")
    if not number.is_finite():
        raise InputError(field, "must be an exact number", shape=shape_of(value), remedy='Like Decimal("2.5").')
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _WHOLE_DIGITS or (isinstance(exponent, int) and exponent < -_DECIMALS):
        message = f"must have at most {_WHOLE_DIGITS} digits, and {_DECIMALS} behind the point"
        raise InputError(field, message, remedy='Like Decimal("2.5").')
    return Decimal(format(number.normalize(), "f"))


def checked_day(field: str, day: date) -> date:
    """A business date.

    Raises:
        InputError: It is text, or an instant with a time of day.
    """
    if isinstance(day, datetime) or not isinstance(day, date):
        raise InputError(field, "must be a date", shape=shape_of(day), remedy="Like date(2027, 1, 31), without a time.")
    return day


def checked_days_after_due(days: object) -> int:
    """On which day autopay charges.

    Raises:
        InputError: It is no whole number from 0 to 28.
    """
    return checked_whole("days_after_due", days, low=0, high=_MOST_DAYS_AFTER_DUE)


def checked_whole(field: str, value: object, *, low: int, high: int) -> int:
    """A whole number between two bounds, both included.

    Raises:
        InputError: It is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(field, f"must be a whole number from {low} to {high}", shape=shape_of(value))
    return value


def checked_flag(field: str, value: object) -> bool:
    """Yes or no.

    Raises:
        InputError: It is something else; the text "false" is not False.
    """
    if not isinstance(value, bool):
        raise InputError(field, "must be True or False", shape=shape_of(value))
    return value


_E = TypeVar("_E", bound=StrEnum)


def checked_choice(field: str, words: type[_E], value: object) -> _E:
    """One word of a vocabulary, given as its member or as text.

    Raises:
        InputError: It is no word of it.
    """
    known = [word for word in words if word.name != "UNKNOWN"]
    found = next((word for word in known if value in {word, word.value}), None) if isinstance(value, str) else None
    if found is None:
        remedy = "One of: " + ", ".join(word.value for word in known) + "."
        raise InputError(field, "is not a word of this vocabulary", shape=shape_of(value), remedy=remedy)
    return found


def checked_instant(field: str, value: object) -> datetime:
    """A point in time.

    Raises:
        InputError: It is none, or has no time zone.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InputError(field, "must be an instant with a time zone", shape=shape_of(value))
    return value


def has_happened(at: datetime, now: datetime) -> bool:
    """Whether an instant with a time zone can be when something took place: since 1970, and at most a day ahead of now.

    The clock of whoever says so may run a little fast, and may be in any zone.
    """
    return _FIRST_INSTANT <= at <= now + timedelta(days=1)


def checked_mapping(field: str, value: Mapping[str, str]) -> Mapping[str, str]:
    """Texts by name.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(value, Mapping):
        raise InputError(field, "must be texts by field name", shape=shape_of(value))
    return {checked_words(field, name): text for name, text in value.items()}


def checked_identity(fields: Sequence[str], given: Mapping[str, str]) -> Mapping[str, str]:
    """What somebody says of themselves, by the names of what is asked for, without the blanks around it.

    Raises:
        InputError: Something is missing, is not asked for, is no text, empty, too long, or a card number.
    """
    known = checked_mapping("given", given)
    if strangers := [name for name in known if name not in fields]:
        shape = f"{len(strangers)} of {len(known)} fields"
        raise InputError("given", "holds what is not asked for", shape=shape, remedy=f"Fields: {', '.join(fields)}.")
    return {field: _checked_answer(field, known.get(field, "")) for field in fields}


def _checked_answer(field: str, given: str) -> str:
    text = checked_words(field, given)
    refuse_card_number(field, text, is_phone=field in {"phone", "mobile"})
    if not text or len(text) > _LONGEST_ID_CHARS:
        raise InputError(field, "is empty, or does not look like one", shape=f"{len(text)} characters")
    return text


@contextmanager
def wiped_on_refusal(value: object) -> Iterator[None]:
    """Wipe a card, bank account or password when the call it came with is refused before it is tried."""
    try:
        yield
    except BaseException:
        if isinstance(value, Sealed):
            value.wipe()
        raise
