"""Rows of values as a workbook: amounts as numbers, days as days, and texts as texts, whatever they begin with."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from xlsxwriter import Workbook

from pmsbridge.model.money import Money, minor_digits
from pmsbridge.model.record import Value
from pmsbridge.portal.reports.formulas import is_risky

__all__ = ["workbook"]

_EXACT_DIGITS: Final = 15
_WIDEST_CHARS: Final = 48
_DAY: Final = "yyyy-mm-dd"


def workbook(rows: Iterable[Value], *, title: str, dated_on: date, heads: Mapping[str, str]) -> bytes:
    """The bytes of a workbook with one sheet and a head line.

    Args:
        rows: Of one kind; an amount becomes a number, and its currency a column beside it.
        title: Of the sheet and in the file's properties; signs that a sheet's name cannot have are left out.
        dated_on: The day in the file's properties: the same rows give the same bytes.
        heads: What is written above a column, by its name; a name that is missing stands for itself.
    """
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    out = io.BytesIO()
    book = Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title, "created": datetime.combine(dated_on, time.min, UTC).replace(tzinfo=None)})
    sheet = book.add_worksheet("".join(sign for sign in title if sign not in "[]:*?/\\'")[:31] or "Sheet")
    pen = _Pen(book, sheet)
    for column, name in enumerate(columns):
        pen.head(column, heads.get(name, name))
        for line, row in enumerate(flat, 1):
            pen.put(line, column, row.get(name))
        longest = max([len(heads.get(name, name)) + 3, *(len(str(row.get(name))) + 1 for row in flat)])
        sheet.set_column(column, column, min(longest, _WIDEST_CHARS))
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.autofilter(0, 0, len(flat), len(columns) - 1)
    book.close()
    return out.getvalue()


class _Pen:
    """Writes cells, each as what it is."""

    def __init__(self, book: Any, sheet: Any) -> None:  # noqa: ANN401 - the library has no types
        self._book, self._sheet = book, sheet
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._formats: dict[str, Any] = {}
        self._text = book.add_format({"num_format": "@", "quote_prefix": True})

    def head(self, column: int, text: str) -> None:
        """The head of a column."""
        self._sheet.write_string(0, column, text, self._bold)

    def put(self, line: int, column: int, value: object) -> None:
        """One cell; nothing for None."""
        match value:
            case None:
                return
            case Money():
                self._amount(line, column, value)
            case bool():
                self._sheet.write_boolean(line, column, value)
            case int():
                self._sheet.write_number(line, column, value)
            case datetime():
                self._sheet.write_string(line, column, value.isoformat())
            case date():
                self._sheet.write_datetime(line, column, value, self._format(_DAY))
            case _:
                text = str(value)
                self._sheet.write_string(line, column, text, self._text if is_risky(text) else None)

    def _amount(self, line: int, column: int, value: Money) -> None:
        """As a number; as text where a spreadsheet's numbers have too few digits for it."""
        amount = value.amount
        if len(amount.as_tuple().digits) > _EXACT_DIGITS:
            self._sheet.write_string(line, column, format(amount, "f"))
            return
        places = max(minor_digits(value.currency), -int(amount.as_tuple().exponent))
        self._sheet.write_number(line, column, amount, self._format("#,##0" + ("." + "0" * places if places else "")))

    def _format(self, code: str) -> Any:  # noqa: ANN401
        if code not in self._formats:
            self._formats[code] = self._book.add_format({"num_format": code})
        return self._formats[code]


def _flat(row: Value) -> dict[str, object]:
    """Cells by column, under the names that a file of comma-separated values has them."""
    held: dict[str, object] = {}
    for name in type(row).model_fields:
        value = getattr(row, name)
        if isinstance(value, Money):
            held.update({f"{name}.amount": value, f"{name}.currency": value.currency})
        elif isinstance(value, Value):
            held.update({f"{name}.{part}": inner for part, inner in _flat(value).items()})
        else:
            held[name] = _plain(value)
    return held


def _plain(value: object) -> object:
    if isinstance(value, Sequence | frozenset) and not isinstance(value, str):
        return " ".join(map(str, value))
    return format(value, "f") if isinstance(value, Decimal) else value
