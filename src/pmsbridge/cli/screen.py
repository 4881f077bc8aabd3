"""Where output goes: data to standard output, words for people to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TextIO

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["JsonOption", "consoles", "facts_of", "jsonable", "print_json", "print_table", "say"]

_WIDTH_WITHOUT_TERMINAL: Final = 132

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

_COLOUR_OF: Final = {
    "ok": "green",
    "settled": "green",
    "warning": "yellow",
    "pending": "yellow",
    "skipped": "dim",
    "not_sent": "yellow",
    "failed": "red",
    "declined": "red",
    "needs_review": "magenta",
}


def _console(file: TextIO) -> Console:
    width = None if file.isatty() or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    return Console(file=file, width=width, highlight=False, soft_wrap=False)


def consoles() -> tuple[Console, Console]:
    """Consoles on the current standard output and standard error."""
    return _console(sys.stdout), _console(sys.stderr)


def say(text: str) -> None:
    """Tell a person something on standard error, after what was printed before: both may go to one file."""
    sys.stdout.flush()
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


def print_json(data: object) -> None:
    """One JSON value on one line of standard output."""
    sys.stdout.write(json.dumps(jsonable(data), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def facts_of(row: object, *names: str) -> dict[str, Any]:
    """Those attributes of a row that JSON holds under their own names."""
    return {name: getattr(row, name) for name in names}


def jsonable(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """The value as JSON holds it: models as objects, money and decimals as text, instants in ISO 8601.

    Raises:
        TypeError: A float, or something that has no JSON form: better no answer than a wrong one.
    """
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case BaseModel():
            return jsonable(value.model_dump(mode="json"))
        case Mapping():
            return {str(key): jsonable(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [jsonable(item) for item in value]
        case _:
            return _as_text(value)


def _as_text(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case timedelta() | Path():
            return str(value)
        case _:
            message = f"{type(value).__name__} has no JSON form"
            raise TypeError(message)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of texts; words for a status are coloured. Nothing in a cell is read as markup.

    A column marked ``>`` stands right (amounts); one marked ``!`` is never broken (ids that people copy).
    """
    texts = [[_cell(value) for value in row] for row in rows]
    has_long_rows = any("\n" in text for row in texts for text in row)
    made = Table(header_style="bold", show_lines=has_long_rows)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        made.add_column(Text(column.lstrip(">!")), justify=justify, overflow="fold", no_wrap=column.startswith("!"))
    for row in texts:
        made.add_row(*(Text(text, style=_COLOUR_OF.get(text, "")) for text in row))
    return made


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], console: Console | None = None
) -> None:
    """Print a title and a table; on standard output unless a console is given."""
    out = console or consoles()[0]
    if title:
        out.print(Text(title, style="bold"))
    out.print(_table(columns, rows))


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}Z"
        case Enum():
            return str(value.value)
        case _:
            return str(value)
