"""What a SOAP operation takes, and whether a value may be said so.

A service of this kind ignores names it does not know, fills in a default for a value that is missing, and answers HTTP
500 to a date it cannot read. So every name, every missing value and every value is judged here, before anything is
sent.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from pmsbridge.errors import InputError

__all__ = ["OMIT", "OperationShape", "Parameter", "checked_values"]


class _Omit(Enum):
    OMIT = "OMIT"

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = _Omit.OMIT
"""Stands for a parameter that is left out on purpose, although the contract asks for it."""

_INTEGER_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, in the contract's words.

    Attributes:
        name: As spelled on the wire; the case matters.
        type: Local name of its XML Schema type ("int", "string", "dateTime").
        required: Whether the contract asks for it. The service may still accept its absence, and fill in a default.
    """

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class OperationShape:
    """One operation of a service.

    Attributes:
        name: As in the contract.
        parameters: In the order of the contract, which is the order on the wire.
        soap_action: Value of the ``SOAPAction`` header, without quotes.
    """

    name: str
    parameters: tuple[Parameter, ...]
    soap_action: str = ""


def checked_values(shape: OperationShape, values: Mapping[str, object]) -> dict[str, object]:
    """The values as they may be written, in the contract's order; ``OMIT`` stays ``OMIT``.

    Raises:
        InputError: An unknown name, a missing value, or a value of the wrong kind. The message names the parameter and
            never
            repeats the value.
    """
    _refuse_unknown(shape, values)
    written: dict[str, object] = {}
    for parameter in shape.parameters:
        if parameter.name in values:
            written[parameter.name] = _checked(parameter, values[parameter.name])
        elif parameter.required:
            raise InputError(
                parameter.name, f"{shape.name} needs it", remedy="Give a value, or OMIT to leave it out on purpose."
            )
    return written


def _refuse_unknown(shape: OperationShape, values: Mapping[str, object]) -> None:
    names = [parameter.name for parameter in shape.parameters]
    for name in values:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            remedy = f"Did you mean {close[0]}?" if close else ""
            raise InputError(name, f"{shape.name} has no such parameter", remedy=remedy, code="unknown_parameter")


def _checked(parameter: Parameter, value: object) -> object:
    if value is OMIT:
        return OMIT
    if value is None:
        raise _wrong(parameter, value, "Leave the parameter out, or pass OMIT.")
    if parameter.type in _INTEGER_BITS:
        return _integer(parameter, value)
    return _CHECKS.get(parameter.type, _text)(parameter, value)


def _integer(parameter: Parameter, value: object) -> int:
    limit = 1 << (_INTEGER_BITS[parameter.type] - 1)
    if not isinstance(value, int) or isinstance(value, bool) or not -limit <= value < limit:
        raise _wrong(parameter, value, f"Give a whole number that fits xs:{parameter.type}.")
    return value


def _decimal(parameter: Parameter, value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _wrong(parameter, value, "Give a finite Decimal, never a float.")
    return Decimal(format(value, "f"))


def _boolean(parameter: Parameter, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(parameter, value, "Give True or False.")
    return value


def _moment(parameter: Parameter, value: object) -> str:
    """A dateTime as the service reads it: no zone, no fraction. A date is its midnight."""
    if isinstance(value, datetime):
        if value.tzinfo is not None or value.microsecond:
            raise _wrong(
                parameter, value, "Give a date, or a datetime without zone and without a fraction of a second."
            )
        return value.isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    raise _wrong(
        parameter, value, "Give a date or a naive datetime; an empty date breaks the call, OMIT leaves it out."
    )


def _day(parameter: Parameter, value: object) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _wrong(parameter, value, "Give a date.")
    return value.isoformat()


def _octets(parameter: Parameter, value: object) -> bytes:
    if not isinstance(value, bytes):
        raise _wrong(parameter, value, "Give bytes.")
    return value


def _text(parameter: Parameter, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(parameter, value, "Give text.")
    if _NOT_XML.search(value):
        raise _wrong(parameter, value, "Remove control characters.")
    return value


_CHECKS: Mapping[str, Callable[[Parameter, object], object]] = {
    "decimal": _decimal,
    "double": _decimal,
    "float": _decimal,
    "boolean": _boolean,
    "dateTime": _moment,
    "date": _day,
    "base64Binary": _octets,
}


def _wrong(parameter: Parameter, value: object, remedy: str) -> InputError:
    kind = type(value).__name__
    shape = f"{kind} of {len(value):,} characters" if isinstance(value, str) else kind
    return InputError(parameter.name, f"cannot be sent as xs:{parameter.type}", shape=shape, remedy=remedy)
