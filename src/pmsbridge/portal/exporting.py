"""Rows of values as files for a spreadsheet, another program, or people; nothing is rounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.record import Value
from pmsbridge.portal.figures import CustomerFigures
from pmsbridge.portal.papers.formats import spoken
from pmsbridge.portal.reports.formulas import is_risky
from pmsbridge.portal.reports.words import heads

__all__ = ["as_csv", "as_html", "as_json", "as_xlsx"]


def as_csv(rows: Iterable[Value]) -> str:
    """Comma-separated values with a head line; empty for no rows.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    flat = [_flat(row) for row in rows]
    if not flat:
        return ""
    columns = list(dict.fromkeys(name for row in flat for name in row))
    return "".join([_line(columns), *(_line([_safe(row.get(name)) for name in columns]) for row in flat)])


def _line(cells: Sequence[object]) -> str:
    """One line; a text with a line end of any kind within stands in quotes."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def as_json(rows: Iterable[Value]) -> str:
    """A JSON array, one object per row."""
    return json.dumps([row.model_dump(mode="json") for row in rows], ensure_ascii=False, indent=1)


def as_xlsx(rows: Iterable[Value], *, title: str, dated_on: date, language: str = "en") -> bytes:
    """A workbook with a head line: amounts are numbers, days are days, and no text is ever a formula.

    Args:
        rows: Of one kind.
        title: Of the sheet.
        dated_on: The day in the file's properties; the same rows of the same day give the same bytes.
        language: What the columns of customers' figures are called in: "en", "fr" or a tag that begins so.

    Raises:
        ConfigurationError: ``pmsbridge[reports]`` is not installed.
    """
    try:
        from pmsbridge.portal.reports.workbook import workbook  # noqa: PLC0415 - an extra
    except ImportError:
        message = "a workbook needs more; run: pip install 'pmsbridge[reports]'"
        raise ConfigurationError(message, code="no_reports") from None
    return workbook(rows, title=title, dated_on=dated_on, heads=heads(spoken(language)))


def as_html(rows: Sequence[CustomerFigures], *, place: str, since: date, until: date, language: str = "en") -> str:
    """One page with charts and tables that fetches nothing and runs nothing.

    Args:
        rows: Of one facility and one range of dates.
        place: The facility's name.
        since: First business date.
        until: Last business date, inclusive.
        language: "en", "fr" or a tag that begins so; any other is answered in English.
    """
    from pmsbridge.portal.reports.page import page  # noqa: PLC0415 - a template is read for those who want a page only

    return page(rows, place=place, since=since, until=until, language=spoken(language))


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
    if isinstance(value, str) and is_risky(value):
        return f"'{value}"
    return "" if value is None else value
