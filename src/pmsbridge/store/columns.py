"""Column types that say the same on every database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, Date, DateTime, Integer, Numeric, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["BusinessDay", "ExactAmount", "JsonText", "PlainText", "RowNumber", "UtcInstant", "plain"]

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_SQLITE: Final = "sqlite"


def plain(value: str | None) -> str | None:
    """Text that every database holds: U+0000 and halves of surrogate pairs become U+FFFD."""
    # PostgreSQL holds every character but these; vendors and browsers send them nevertheless.
    if value is None:
        return None
    try:
        # The quickest way to see what nearly every text is.
        is_sound = b"\x00" not in value.encode()
    except UnicodeEncodeError:
        is_sound = False
    return value if is_sound else _UNSTORABLE.sub(_REPLACEMENT, value)


class PlainText(TypeDecorator[str]):
    """Text of any length, compared and sorted by code point on every database.

    PostgreSQL neither cuts nor refuses a longer value (SQLite never did), and its order does not depend on the locale
    of the server. What PostgreSQL cannot hold at all (U+0000, half a surrogate pair) is stored there as U+FFFD.

    Attributes:
        usual: How long a value usually is, in characters; enforced by none of the two.
    """

    impl = Text
    cache_ok = True

    def __init__(self, usual: int | None = None) -> None:
        self.usual = usual
        super().__init__()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text in the order of its code points."""
        if dialect.name == _SQLITE:
            return dialect.type_descriptor(String(self.usual) if self.usual else Text())
        return dialect.type_descriptor(Text(collation="C"))

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None] | None:
        """What is done to a value on its way in; None on SQLite, where nothing is."""
        return None if dialect.name == _SQLITE else plain

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        """Text comes back as it is."""
        return


def _in_utc(value: datetime | None) -> datetime | None:
    if value is None or value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        message = "an instant needs a time zone"
        raise ValueError(message)
    return value.astimezone(UTC)


def _instant_text(value: datetime | None) -> str | None:
    utc = _in_utc(value)
    return None if utc is None else f"{utc.isoformat(timespec='microseconds')[:26]}Z"


def _instant_of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant with microseconds, in UTC: ``timestamptz`` on PostgreSQL, sortable ISO text on SQLite."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text of one width on SQLite, which has no such type."""
        return dialect.type_descriptor(String(32) if dialect.name == _SQLITE else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """What is done to a value on its way in; a ValueError for one without a time zone."""
        return _instant_text if dialect.name == _SQLITE else _in_utc

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as the driver wants
        """To what the database holds.

        Raises:
            ValueError: The instant has no time zone.
        """
        return self.bind_processor(dialect)(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """What is done to a value on its way out."""
        return _instant_of_text if dialect.name == _SQLITE else _in_utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - as it comes
        """From what the database holds."""
        return self.result_processor(dialect, None)(value)


def _json_text(value: object) -> str:
    if value in ({}, []):
        return "{}" if isinstance(value, dict) else "[]"
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_refuse)


def _plain_json_text(value: object) -> str:
    return plain(_json_text(value)) or ""


def _value_of_json(value: str | None) -> Any:  # noqa: ANN401 - plain data of any shape
    if value in _EMPTY:
        return {} if value == "{}" else []
    return None if value is None else json.loads(value)


class JsonText(TypeDecorator[Any]):
    """Small JSON as text with sorted keys; numbers with a fraction are refused, because money is text."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[object], str]:
        """What is done to a value on its way in."""
        return _json_text if dialect.name == _SQLITE else _plain_json_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:  # noqa: ARG002
        """What is done to a value on its way out."""
        return _value_of_json

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """From text."""
        return _value_of_json(value)


class BusinessDay(TypeDecorator[date]):
    """A calendar day: ``date`` on PostgreSQL, ISO text on SQLite, which sorts the same."""

    impl = String(10)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, which has no such type."""
        return dialect.type_descriptor(String(10) if dialect.name == _SQLITE else Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as the driver wants
        """To what the database holds."""
        return value.isoformat() if value is not None and dialect.name == _SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:  # noqa: ANN401, ARG002
        """From what the database holds."""
        return date.fromisoformat(value) if isinstance(value, str) else value


class ExactAmount(TypeDecorator[Decimal]):
    """An exact number, every digit kept: ``numeric`` on PostgreSQL, its digits as text on SQLite.

    SQLite compares and sums it as text or as binary floating point: do sums in Python.
    """

    impl = String(40)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, whose numbers are binary."""
        return dialect.type_descriptor(String(40) if dialect.name == _SQLITE else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as the driver wants
        """To what the database holds."""
        return format(value, "f") if value is not None and dialect.name == _SQLITE else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002
        """From what the database holds."""
        return None if value is None else Decimal(value)


RowNumber: Final = BigInteger().with_variant(Integer(), _SQLITE)
"""What counts rows in order of arrival; SQLite counts in 64 bits by itself, and only in an INTEGER column."""


_EMPTY: Final = ("{}", "[]")


def _refuse(value: object) -> str:
    message = f"a {type(value).__name__} has no place in a journal row"
    raise TypeError(message)
