"""Values as Tryton's JSON says them, in and out.

Nothing passes through a float: a number of an answer becomes an ``int`` or a ``Decimal``, and a float is refused on the
way out. A money field takes a ``Decimal``; a field that the vendor keeps as a float (quantities) takes a ``Number``.

=============  =========================================  ==============================
here           on the wire                                notes
=============  =========================================  ==============================
``Decimal``    ``{"__class__": "Decimal", ...}``          exact; money
``Number``     ``1.5``                                    out only; comes back ``Decimal``
``date``       ``{"__class__": "date", ...}``             business date
``datetime``   ``{"__class__": "datetime", ...}``         aware UTC here, naive UTC there
``time``       ``{"__class__": "time", ...}``             of day, without a zone
``timedelta``  ``{"__class__": "timedelta", ...}``        seconds
``bytes``      ``{"__class__": "bytes", ...}``            base64
``HandedFile`` the same                                   out only; put in while it is sent, see ``files``
``Reference``  ``"sale.rental,7"``                        out only; see ``reference_of``
=============  =========================================  ==============================
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, NoReturn

from pmsbridge.errors import InputError
from pmsbridge.ports.files import HandedFile
from pmsbridge_tryton.files import MARK

__all__ = ["Number", "Reference", "Row", "UnreadableError", "compared", "decoded", "encoded", "nested", "reference_of"]

Row = dict[str, Any]
"""One record of an answer, by field name; what a dotted field asked for is under ``"field."``, see ``nested``."""

_CLASS: Final = "__class__"
_MICROSECONDS: Final = 1_000_000
_MODEL: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# PostgreSQL stores no NUL, and half a character pair is no text.
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


class UnreadableError(Exception):
    """An answer is not what this protocol says; the text says where, and repeats nothing of it."""


class Number(NamedTuple):
    """A number for a field that the vendor keeps as a float: written digit by digit, never as a float of ours."""

    value: Decimal | int


class Reference(NamedTuple):
    """A record of any model, where a field takes one ("sale.rental,7").

    Attributes:
        model: The vendor's name of the model ("sale.rental").
        id: Of the record.
    """

    model: str
    id: int

    def __str__(self) -> str:
        return f"{self.model},{self.id}"


def reference_of(text: object) -> Reference | None:
    """The record a reference field points at; None for none, and for a model without a record.

    Raises:
        UnreadableError: It is no reference.
    """
    if text is None or text == "":
        return None
    model, comma, number = text.partition(",") if isinstance(text, str) else ("", "", "")
    if not comma or not _MODEL.fullmatch(model) or not number.lstrip("-").isdecimal():
        raise UnreadableError("a reference is no model and number")
    return Reference(model, int(number)) if int(number) >= 0 else None


def nested(row: Mapping[str, Any], name: str) -> list[Row]:
    """The records that a dotted field asked for: those of ``name`` when ``name.x`` was among the fields.

    A field that holds one record gives one or none; each holds its ``id``.

    Raises:
        UnreadableError: The answer holds something else there.
    """
    found = row.get(f"{name}.")
    if found is None:
        return []
    records = found if isinstance(found, list) else [found]
    if not all(isinstance(record, dict) for record in records):
        raise UnreadableError("a dotted field holds no records")
    return records


# -- out --------------------------------------------------------------------------------------------------------------


def encoded(value: object, *, where: str = "value") -> str:
    """``value`` as JSON text.

    Args:
        value: None, bool, int, str, the values of the table above, and lists and string-keyed mappings of them.
        where: How the caller names it, for the error.

    Raises:
        InputError: It cannot be said faithfully: a float, a moment without a zone, an endless number, text with half
            characters. The error names the place and repeats no value.
    """
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value, where)
    if isinstance(value, Mapping):
        return _mapping(value, where)
    if isinstance(value, (list, tuple)):
        return _sequence(value, where)
    if isinstance(value, str):
        return _text(str(value), where)
    raise InputError(where, "cannot be sent", shape=type(value).__name__, code="unsendable_value")


def _mapping(value: Mapping[object, object], where: str) -> str:
    if not all(isinstance(name, str) for name in value):
        raise InputError(where, "has a name that is no text", code="unsendable_value")
    parts = (f"{_text(str(name), where)}:{encoded(held, where=f'{where}.{name}')}" for name, held in value.items())
    return "{" + ",".join(parts) + "}"


def _sequence(value: Sequence[object], where: str) -> str:
    return "[" + ",".join(encoded(held, where=f"{where}[{place}]") for place, held in enumerate(value)) + "]"


def _text(value: str, where: str) -> str:
    if _NO_TEXT.search(value):
        shape = f"str of {len(value):,} characters"
        raise InputError(where, "cannot be sent as text", shape=shape, remedy="Remove it.", code="unsendable_text")
    return json.dumps(value)


def _decimal(value: Decimal, where: str) -> str:
    return _tagged("Decimal", decimal=_digits(value, where))


def _number(value: Number, where: str) -> str:
    return _digits(Decimal(value.value), where)


def _digits(value: Decimal, where: str) -> str:
    if not value.is_finite():
        raise InputError(where, "is no finite number", code="unsendable_value")
    return format(value, "f")


def _moment(value: datetime, where: str) -> str:
    if value.tzinfo is None:
        raise InputError(where, "has no time zone", shape="naive datetime", code="unsendable_value")
    return json.dumps(_moment_parts(value.astimezone(UTC)))


def _moment_parts(there: datetime) -> dict[str, object]:
    return {
        _CLASS: "datetime", "year": there.year, "month": there.month, "day": there.day, "hour": there.hour,
        "minute": there.minute, "second": there.second, "microsecond": there.microsecond,
    }  # fmt: skip


def _day(value: date, _where: str) -> str:
    return _tagged("date", year=value.year, month=value.month, day=value.day)


def _clock_time(value: time, where: str) -> str:
    if value.tzinfo is not None:
        raise InputError(where, "has a time zone, which cannot be said", code="unsendable_value")
    return _tagged("time", hour=value.hour, minute=value.minute, second=value.second, microsecond=value.microsecond)


def _span(value: timedelta, _where: str) -> str:
    seconds = Decimal(value // timedelta(microseconds=1)) / _MICROSECONDS
    return f'{{"{_CLASS}":"timedelta","seconds":{seconds:f}}}'


def _octets(value: bytes, _where: str) -> str:
    return _tagged("bytes", base64=base64.b64encode(value).decode("ascii"))


def _reference(value: Reference, where: str) -> str:
    if not _MODEL.fullmatch(value.model):
        raise InputError(where, "is no record of a model", code="unsendable_value")
    return _text(str(value), where)


def _tagged(kind: str, **parts: object) -> str:
    return json.dumps({_CLASS: kind, **parts})


_WRITERS: Final[Mapping[type, Callable[[Any, str], str]]] = {
    type(None): lambda _value, _where: "null",
    bool: lambda value, _where: "true" if value else "false",
    int: lambda value, _where: str(value),
    str: _text,
    Decimal: _decimal,
    Number: _number,
    datetime: _moment,
    date: _day,
    time: _clock_time,
    timedelta: _span,
    bytes: _octets,
    HandedFile: lambda _value, _where: f'{{"{_CLASS}":"bytes","base64":"{MARK}"}}',
    Reference: _reference,
}


def compared(row: Row) -> bytes:
    """A row that was read as bytes to compare: equal rows are equal bytes, and ``decoded`` gives the row again."""
    return _COMPARED.encode(row).encode()


def _as_it_came(value: object) -> object:
    """What JSON has no word for, tagged."""
    if isinstance(value, Decimal):
        return {_CLASS: "Decimal", "decimal": format(value, "f")}
    if isinstance(value, datetime):
        return _moment_parts(value.astimezone(UTC))
    if isinstance(value, date):
        return {_CLASS: "date", "year": value.year, "month": value.month, "day": value.day}
    return json.loads(_WRITERS[type(value)](value, "row"), parse_float=Decimal)


_COMPARED: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_as_it_came)


# -- in ---------------------------------------------------------------------------------------------------------------


def decoded(body: bytes) -> Any:  # noqa: ANN401 - any value of the table
    """The value of a JSON text.

    Raises:
        UnreadableError: It is no JSON, or holds something this protocol does not have.
    """
    try:
        return json.loads(body, object_hook=_untagged, parse_float=Decimal, parse_constant=_refused)
    except (ValueError, RecursionError, InvalidOperation):
        problem = "the answer is no JSON of this protocol"
    raise UnreadableError(problem)


def _refused(_word: str) -> NoReturn:
    message = "an endless number"
    raise ValueError(message)


def _untagged(found: dict[str, Any]) -> Any:  # noqa: ANN401 - any value of the table
    kind = found.get(_CLASS)
    if kind is None:
        return found
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        message = "a class that is not known"
        raise ValueError(message)
    try:
        return reader(found)
    except (KeyError, TypeError, ArithmeticError, AttributeError, binascii.Error):
        message = "a value that is not of its class"
    raise ValueError(message)


def _read_decimal(found: dict[str, Any]) -> Decimal:
    value = Decimal(found["decimal"])
    if not value.is_finite():
        message = "an endless number"
        raise ValueError(message)
    return value


def _read_moment(found: dict[str, Any]) -> datetime:
    return datetime(
        found["year"], found["month"], found["day"], found["hour"], found["minute"], found["second"],
        found["microsecond"], tzinfo=UTC,
    )  # fmt: skip


def _read_span(found: dict[str, Any]) -> timedelta:
    return timedelta(microseconds=int(Decimal(found["seconds"]) * _MICROSECONDS))


_READERS: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "Decimal": _read_decimal,
    "datetime": _read_moment,
    "date": lambda found: date(found["year"], found["month"], found["day"]),
    "time": lambda found: time(found["hour"], found["minute"], found["second"], found["microsecond"]),
    "timedelta": _read_span,
    "bytes": lambda found: base64.b64decode(found["base64"].replace("\n", ""), validate=True),
}
