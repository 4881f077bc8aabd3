"""Which call-off a request means that takes one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .records import Record, Shelf

OPEN = "requested"
"""Its state while nobody has looked at it."""


def called_off(shelf: Shelf, values: Mapping[str, Any]) -> Record | None:
    """The call-off that is meant: by its own reference, by the id that an earlier call told, or by its line.

    Of several it is the newest that is still open, else the newest.

    Args:
        shelf: Where they are.
        values: What stood in the request's places.

    Returns:
        It; None where there is none, or where the request says neither which one nor of which line.
    """
    named = {"reference": values.get("called_off") or None, "item_id": values.get("item_id")}
    told = {str(value) for name, value in values.items() if name.startswith(("step.", "before."))}
    if not told and not any(named.values()):
        return None
    named["rental_id"] = values.get("rental_id")
    found = [
        row for row in reversed(shelf.all("call_offs"))
        if (not told or row.id in told)
        and all(value is None or str(row.values.get(name)) == str(value) for name, value in named.items())
    ]  # fmt: skip
    return next((row for row in found if row.values["call_off_state"] == OPEN), next(iter(found), None))
