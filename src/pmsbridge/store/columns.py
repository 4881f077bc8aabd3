"""Column types that say the same on every database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = ["JsonText", "UtcInstant"]


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant as fixed-width ISO text in UTC: sorts as text, reads the same everywhere, keeps microseconds."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "an instant needs a time zone"
            raise ValueError(message)
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


class JsonText(TypeDecorator[Any]):
    """Small JSON as text with sorted keys; numbers with a fraction are refused, because money is text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:  # noqa: ARG002
        """To text."""
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_refuse)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """From text."""
        return None if value is None else json.loads(value)


def _refuse(value: object) -> str:
    message = f"a {type(value).__name__} has no place in a journal row"
    raise TypeError(message)
