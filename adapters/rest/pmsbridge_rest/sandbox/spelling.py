"""How values are spelt by this vendor: shown from the books, and read from what arrives. Strict in reading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_PATTERN: Final = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "hh": "%H", "HH": "%H", "mm": "%M", "ss": "%S"}
_PARTS: Final = re.compile("YYYY|YY|MM|DD|hh|HH|mm|ss")
_HUNDRED: Final = Decimal(100)


KINDS: Final = frozenset({
    "text", "integer", "decimal", "boolean", "money", "date", "month", "last_digits", "instant", "enum", "phone",
    "name", "words",
})  # fmt: skip
"""Kinds of spellings that are known here."""


class SpellingError(ValueError):
    """Not spelt as this vendor spells it; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the business is done.

    Attributes:
        zone: The facility's own.
        currency: ISO 4217.
        places: Digits after the point of an amount.
    """

    zone: tzinfo
    currency: str = "USD"
    places: int = 2


def show(codec: Mapping[str, Any] | None, value: Any, where: Place) -> Any:  # noqa: ANN401 - JSON
    """A value as this vendor shows it; None stays null.

    Args:
        codec: None for the usual spelling of such a value.
        value: Text, whole number, Decimal, bool, date, aware datetime, list, or None.
        where: The facility.
    """
    if value is None:
        return None
    if codec is None:
        return _usual(value)
    return _SHOWN.get(str(codec["kind"]), _plainly)(codec, value, where)


def _usual(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _plainly(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del codec, where
    return _usual(value)


def _show_number(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    number = int(value) if codec["kind"] == "integer" else Decimal(str(value))
    return str(number) if codec.get("spelt") == "text" else number


def _show_boolean(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    words = codec.get("when_true", [True]) if value else codec.get("when_false", [False])
    return words[0]


def _show_money(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    amount = -Decimal(value) if codec.get("negate") else Decimal(value)
    if codec["spelt"] in {"cents", "minor"}:
        scale = _HUNDRED if codec["spelt"] == "cents" else Decimal(10) ** where.places
        return int(amount * scale)
    exact = amount.quantize(Decimal(1).scaleb(-int(codec.get("places") or where.places)))
    return format(exact, "f") if codec["spelt"] == "text" else exact


def _show_date(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    day = value.astimezone(where.zone).date() if isinstance(value, datetime) else value
    return f"{day:{_format(codec.get('pattern') or 'YYYY-MM-DD')}}"


def _show_instant(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    spelt = codec.get("spelt", "iso")
    if spelt in {"epoch", "epoch_ms"}:
        return int(value.timestamp()) * (1000 if spelt == "epoch_ms" else 1)
    local = codec.get("zone") == "facility"
    moment = value.astimezone(where.zone).replace(tzinfo=None) if local else value.astimezone(UTC)
    if spelt == "pattern":
        return f"{moment:{_format(codec['pattern'])}}"
    digits = {3: "milliseconds", 6: "microseconds"}.get(int(codec.get("fraction", 0)), "seconds")
    return moment.isoformat(timespec=digits).replace("+00:00", "Z")


def _show_month(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    return f"{value:{_format(codec.get('pattern') or 'MM/YY')}}"


def _show_masked(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del codec, where
    return f"{'X' * 4}{value}"


def _show_enum(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    words = {str(ours): theirs for theirs, ours in reversed(list(codec["words"].items()))}
    word = codec.get("write", {}).get(str(value), words.get(str(value)))
    if word is None:
        word = next(iter(codec["words"]))
    return int(word) if codec.get("spelt") == "integer" else word


def _show_phone(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    digits = re.sub(r"[^0-9]", "", str(value))
    spelt = codec.get("spelt", "raw")
    country = str(codec.get("country") or "1")
    if not digits or spelt == "raw":
        return str(value)
    return digits if spelt == "digits" else f"+{digits if str(value).startswith('+') else country + digits}"


def _show_words(codec: Mapping[str, Any], value: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    return list(value) if codec.get("separator") is None else str(codec["separator"]).join(value)


_SHOWN: Final = {
    "integer": _show_number,
    "decimal": _show_number,
    "boolean": _show_boolean,
    "money": _show_money,
    "date": _show_date,
    "instant": _show_instant,
    "month": _show_month,
    "last_digits": _show_masked,
    "enum": _show_enum,
    "phone": _show_phone,
    "words": _show_words,
}


def read(codec: Mapping[str, Any] | None, raw: Any, where: Place) -> Any:  # noqa: ANN401 - any value
    """What arrived, as the books hold it; null and an empty text are None.

    Raises:
        SpellingError: It is not spelt as it has to be.
    """
    if raw is None or raw == "":
        return None
    if codec is None:
        return raw
    return _READ.get(str(codec["kind"]), _read_plainly)(codec, raw, where)


def _read_plainly(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    if codec["kind"] != "words" and not isinstance(raw, str):
        message = "a text is expected"
        raise SpellingError(message)
    longest = codec.get("longest")
    if isinstance(raw, str) and longest is not None and len(raw) > int(longest):
        message = f"at most {longest} characters"
        raise SpellingError(message)
    return raw


def _read_number(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    wanted = str if codec.get("spelt") == "text" else (int, Decimal)
    if isinstance(raw, bool) or not isinstance(raw, wanted):
        message = "a number is expected" if wanted is not str else "a number in a text is expected"
        raise SpellingError(message)
    try:
        return int(raw) if codec["kind"] == "integer" else Decimal(str(raw))
    except (ValueError, InvalidOperation):
        message = "a number is expected"
        raise SpellingError(message) from None


def _read_boolean(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    for answer, words in ((True, codec.get("when_true", [True])), (False, codec.get("when_false", [False]))):
        if any(type(word) is type(raw) and word == raw for word in words):
            return answer
    message = "yes or no is expected"
    raise SpellingError(message)


def _read_money(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    whole = codec["spelt"] in {"cents", "minor"}
    wanted = int if whole else str if codec["spelt"] == "text" else (int, Decimal)
    if isinstance(raw, bool) or not isinstance(raw, wanted):
        message = "an amount is expected"
        raise SpellingError(message)
    try:
        amount = Decimal(str(raw))
    except InvalidOperation:
        message = "an amount is expected"
        raise SpellingError(message) from None
    if whole:
        amount /= _HUNDRED if codec["spelt"] == "cents" else Decimal(10) ** where.places
    exact = amount.quantize(Decimal(1).scaleb(-where.places))
    if amount != exact:
        message = "an amount has no such fraction"
        raise SpellingError(message)
    return -exact if codec.get("negate") else exact


def _read_date(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    pattern = str(codec.get("pattern") or "YYYY-MM-DD")
    try:
        found = datetime.strptime(str(raw), _format(pattern)).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        found = None
    if found is None or f"{found:{_format(pattern)}}" != raw:
        message = f"a date like {pattern} is expected"
        raise SpellingError(message)
    return found


def _read_instant(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    spelt = codec.get("spelt", "iso")
    try:
        if spelt in {"epoch", "epoch_ms"}:
            return datetime.fromtimestamp(int(raw) / (1000 if spelt == "epoch_ms" else 1), UTC)
        text = str(raw)
        form = _format(codec["pattern"]) if spelt == "pattern" else ""
        found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007 - zoned below
    except ValueError:
        message = "an instant is expected"
        raise SpellingError(message) from None
    zone = where.zone if codec.get("zone") == "facility" else UTC
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _read_enum(codec: Mapping[str, Any], raw: Any, where: Place) -> Any:  # noqa: ANN401
    del where
    for theirs, ours in codec["words"].items():
        if str(theirs) == str(raw):
            return ours
    message = f"one of {', '.join(map(str, codec['words']))} is expected"
    raise SpellingError(message)


_READ: Final = {
    "integer": _read_number,
    "decimal": _read_number,
    "boolean": _read_boolean,
    "money": _read_money,
    "date": _read_date,
    "instant": _read_instant,
    "enum": _read_enum,
}


def _format(pattern: str) -> str:
    return _PARTS.sub(lambda found: _PATTERN[found[0]], pattern)
