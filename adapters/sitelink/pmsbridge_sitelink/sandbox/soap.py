"""Reading a SOAP 1.1 request the way a .NET service does, and writing its answer or its fault.

Facts: names are case-sensitive and unknown names are ignored without a word; a missing value type becomes the .NET
default (0, false, year 1); a value that cannot be read, such as an empty date, is HTTP 500 with a fault; fault texts
may repeat the account of the request, licence key included, which is why they do here. Decisions: an element in a
foreign namespace counts as unknown; a date with an offset is moved to the server's wall clock, one marked `Z` keeps
its digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from .clock import eastern
from .contract import AUTH, NAMESPACES, OPERATIONS, Operation, Service, WireType
from .dataset import NULL_DATE, Value

SOAP_ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_MAX_INT: Final = 2**31 - 1
_DATE: Final = re.compile(
    r"(\d{4})-(\d{2})(?:-(\d{2})(?P<time>T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,7})?(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_DEFAULTS: Final[dict[WireType, Value]] = {
    "string": None,
    "int": 0,
    "decimal": Decimal(0),
    "boolean": False,
    "dateTime": NULL_DATE,
}
_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soap:Body>'
)
_TAIL: Final = "</soap:Body></soap:Envelope>"


class UnreadableError(ValueError):
    """The request cannot be understood: answered with HTTP 500 and a fault of this text, nothing is done."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as sent: its operation and its parameters, still as text, in the order they came.

    Attributes:
        operation: The operation named by the SOAPAction header and confirmed by the root element.
        sent: Name and text of every element in the service's namespace.
        foreign: Names of elements outside of it.
    """

    operation: Operation
    sent: tuple[tuple[str, str], ...] = field(repr=False)
    foreign: tuple[str, ...]

    @property
    def ignored(self) -> list[str]:
        """What was sent under names the operation does not have."""
        known = {parameter.name for parameter in self.operation.parameters}
        return [name for name, _ in self.sent if name not in known] + list(self.foreign)

    @property
    def account(self) -> dict[str, str]:
        """The four account parameters as sent; empty where missing."""
        raw = dict(self.sent)
        return {name: raw.get(name, "") for name in AUTH}


def find_operation(service: Service, action: str | None) -> Operation:
    """The operation a SOAPAction header names, quoted or not.

    Raises:
        UnreadableError: The header is missing or names none.
    """
    wanted = (action or "").strip().strip('"')
    namespace, _, name = wanted.rpartition("/")
    operation = OPERATIONS[service].get(name)
    if operation is None or namespace != NAMESPACES[service]:
        message = f"Server did not recognize the value of HTTP Header SOAPAction: {wanted}."
        raise UnreadableError(message)
    return operation


def read(operation: Operation, body: bytes) -> Request:
    """The request in an envelope.

    Raises:
        UnreadableError: Not XML, a document type, no envelope, or another root element than the header's.
    """
    if b"<!DOCTYPE" in body:
        message = "Server was unable to process request. A document type is not allowed."
        raise UnreadableError(message)
    try:
        envelope = ET.fromstring(body)  # noqa: S314 - document types were refused, nothing can expand
    except ET.ParseError as problem:
        message = f"Server was unable to read request. The XML is damaged: {problem}."
        raise UnreadableError(message) from None
    root = envelope.find(f"{{{SOAP_ENVELOPE}}}Body/*") if envelope.tag == f"{{{SOAP_ENVELOPE}}}Envelope" else None
    namespace = NAMESPACES[operation.service]
    if root is None or root.tag != f"{{{namespace}}}{operation.name}":
        found = "nothing" if root is None else root.tag
        message = f"Server was unable to read request. Expected element {operation.name}, found {found}."
        raise UnreadableError(message)
    prefix = f"{{{namespace}}}"
    sent = tuple((child.tag.removeprefix(prefix), child.text or "") for child in root if child.tag.startswith(prefix))
    foreign = tuple(child.tag for child in root if not child.tag.startswith(prefix))
    return Request(operation, sent, foreign)


def arguments(request: Request, *, bare_dates_refused: bool = False) -> dict[str, Value]:
    """Every declared parameter with its value, or the .NET default where it was not sent.

    Raises:
        UnreadableError: A value does not fit its type.
    """
    raw = dict(request.sent)
    values: dict[str, Value] = {}
    for parameter in request.operation.parameters:
        text = raw.get(parameter.name)
        if text is None:
            values[parameter.name] = _DEFAULTS[parameter.type]
            continue
        value = _value(parameter.type, text)
        if value is None or (bare_dates_refused and parameter.type == "dateTime" and "T" not in text):
            raise UnreadableError(_bad_value(request, parameter.type, text))
        values[parameter.name] = value
    return values


def _bad_value(request: Request, wire_type: WireType, text: str) -> str:
    account = "; ".join(f"{name}={value}" for name, value in request.account.items())
    shown = text if wire_type != "string" else ""
    message = f"Server was unable to read request. The text '{shown}' is not a valid {wire_type} value."
    return f"{message} Request: {request.operation.name} ({account})"


def _value(wire_type: WireType, text: str) -> Value:
    """A text as its type; None when it does not fit. Surrounding blanks are allowed except in strings."""
    if wire_type == "string":
        return text
    trimmed = text.strip()
    if wire_type == "boolean":
        return _BOOLEANS.get(trimmed)
    if wire_type == "int":
        number = int(trimmed) if _INTEGER.fullmatch(trimmed) else None
        return number if number is not None and -_MAX_INT - 1 <= number <= _MAX_INT else None
    if wire_type == "decimal":
        return Decimal(trimmed) if _DECIMAL.fullmatch(trimmed) else None
    return _moment(trimmed)


def _moment(text: str) -> datetime | None:
    """A date, a month or a date and time as the server's wall clock reads it."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        if not match["time"]:
            return datetime(int(match[1]), int(match[2]), int(match[3] or 1))  # noqa: DTZ001 - wall clock
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if match["zone"] in {None, "Z"}:
        return instant.replace(tzinfo=None)
    return eastern(instant.astimezone(UTC)).replace(tzinfo=None)


def envelope(operation: Operation, schema: str, diffgram: str) -> str:
    """The answer of an operation."""
    namespace = NAMESPACES[operation.service]
    name = operation.name
    result = f"<{name}Result>{schema}{diffgram}</{name}Result>"
    return f'{_HEAD}<{name}Response xmlns="{namespace}">{result}</{name}Response>{_TAIL}'


def fault(message: str, code: str = "soap:Server") -> str:
    """A SOAP fault with a text."""
    text = f"<faultcode>{code}</faultcode><faultstring>{escape(message)}</faultstring><detail/>"
    return f"{_HEAD}<soap:Fault>{text}</soap:Fault>{_TAIL}"


def echoed(account: Mapping[str, str], message: str) -> str:
    """A fault text that repeats the account of the request, as real ones may."""
    shown = "; ".join(f"{name}={value}" for name, value in account.items())
    return f"{message} Request: {shown}"
