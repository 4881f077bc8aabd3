"""JSON whose numbers are exact: a Decimal is written as a number, and a number with a point is read as a Decimal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """As JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(each) for each in value) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def read_back(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """What JSON says.

    Raises:
        ValueError: It is none, or a key comes twice in a table.
    """
    return json.loads(raw, parse_float=Decimal, object_pairs_hook=_table)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return found
