"""Rows of values as files for a spreadsheet or another program: every amount and day as text, nothing rounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pmsbridge.model.record import Value

__all__ = ["as_csv", "as_json"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Iterable[Value]) -> str:
    """Comma-separated values with a head line; empty for no rows.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    flat = [_flat(row) for row in rows]
    if not flat:
        return ""
    out = io.StringIO()
    columns = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.DictWriter(out, fieldnames=columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in flat)
    return out.getvalue()


def as_json(rows: Iterable[Value]) -> str:
    """A JSON array, one object per row."""
    return json.dumps([row.model_dump(mode="json") for row in rows], ensure_ascii=False, indent=1)


def _flat(row: Value) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name, value in row.model_dump(mode="json").items():
        if isinstance(value, Mapping):
            held.update({f"{name}.{part}": inner for part, inner in value.items()})
        else:
            held[name] = (
                " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
            )
    return held


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdigit()
