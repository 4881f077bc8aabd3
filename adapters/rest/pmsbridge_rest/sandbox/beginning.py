"""What else there is on the first day, as the file beside a mapping says under ``begins``: invoices, events, papers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from .billing import INVOICES, LINES, SEEN
from .mapping_file import CannotPlayError
from .records import Record
from .seeding import RENTALS, TENANTS, entry_record

_MONEY: Final = frozenset({"total", "net", "tax", "amount"})
_ISSUED_BEFORE: Final = timedelta(days=30)

Row = Mapping[str, Any]


def begun(begins: Mapping[str, Any], today: date, now: datetime) -> list[Record]:
    """The records of ``begins``, by noun: rows of values, each with an ``id``.

    A day (``..._on``) and a moment (``..._at``) is written as so many days from the first one: ``-10``, ``3``. An
    invoice has ``lines``, each with its rental, its words and its amount before tax; what it charges is in the ledger.

    Raises:
        CannotPlayError: A row has no id, or holds something that cannot be meant.
    """
    found = []
    for noun, rows in begins.items():
        for row in rows:
            try:
                found += list(_invoice(row, today, now) if noun == INVOICES else [_record(noun, row, today, now)])
            except (KeyError, TypeError, ValueError, InvalidOperation) as problem:
                message = f"begins.{noun}: {type(problem).__name__} in {row!r}"
                raise CannotPlayError(message) from None
    return found


def _record(noun: str, row: Row, today: date, now: datetime) -> Record:
    values = {name: _value(name, value, today, now) for name, value in row.items()}
    if values.get("tenant_id") not in {None, *TENANTS}:
        message = "there is no such tenant"
        raise ValueError(message)
    return Record(noun, str(row["id"]), {**values, "id": str(row["id"])})


def _value(name: str, value: Any, today: date, now: datetime) -> Any:  # noqa: ANN401 - as YAML has it
    if name.endswith("_on") and isinstance(value, int):
        return today + timedelta(days=value)
    if name.endswith("_at") and isinstance(value, int):
        return now + timedelta(days=value)
    return Decimal(str(value)) if name in _MONEY else value


def _invoice(row: Row, today: date, now: datetime) -> Iterator[Record]:
    """An invoice, its lines, and what they charge."""
    told = _record(INVOICES, {name: value for name, value in row.items() if name != "lines"}, today, now)
    issued = told.values.setdefault("issued_on", today - _ISSUED_BEFORE)
    told.values.setdefault("due_on", issued)
    total = Decimal(0)
    for number, line in enumerate(row["lines"], 1):
        key, rental = f"{told.id}-{number}", str(line["rental_id"])
        if RENTALS.get(rental) != told.values["tenant_id"]:
            message = "a line is about another tenant's rental"
            raise ValueError(message)
        net, tax = Decimal(str(line["net"])), Decimal(str(line.get("tax", "0.00")))
        words = str(line.get("description", "Service"))
        values = {
            "id": key, "invoice_id": told.id, "rental_id": rental, "description": words, "net": net, "tax": tax,
            "balance": net + tax,
        }  # fmt: skip
        yield Record(LINES, key, values)
        text = f"{words} ({told.values.get('number', told.id)})"
        yield entry_record(
            f"C{key}", rental, told.values["tenant_id"], "charge", net + tax, issued, now - _ISSUED_BEFORE, text
        )
        total += net + tax
    is_paid = told.values["state"] == "paid"
    told.values |= {"number": told.values.get("number", told.id), "total": total, "paid": Decimal(0), "balance": total}
    if is_paid or told.values["state"] not in {*SEEN, "draft", "unsent", "void"}:
        message = "an invoice begins as draft, unsent, sent or void"
        raise ValueError(message)
    yield told
