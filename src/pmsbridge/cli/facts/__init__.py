"""``pmsbridge facts``: what portals need, fact by fact, and the tests that prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from pmsbridge.cli.facts.listing import Row, read_facts, read_trace, rows_of
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.errors import NotFoundError

__all__ = ["facts"]


def facts(
    only: Annotated[
        str, typer.Argument(help="A kind of portal (S0) or one fact (S0.28).", show_default=False, metavar="WHICH")
    ] = "",
    is_open: Annotated[bool, typer.Option("--open", help="Only facts that no test proves yet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what portals need, how each back office does it, and how many tests have proved it there."""
    listed = read_facts()
    rows = [row for row in rows_of(listed, read_trace()) if only in {"", row.fact.kind, row.fact.id}]
    if not rows:
        raise NotFoundError("WHICH", "is no kind of portal and no fact", remedy=f"Kinds: {', '.join(listed.kinds)}.")
    shown = [row for row in rows if not (is_open and row.is_proved)]
    if as_json:
        print_json({"facts": [_as_json(row) for row in shown]})
        return
    for kind, title in listed.kinds.items():
        own = [row for row in shown if row.fact.kind == kind]
        if own:
            print_table(f"{kind}: {title}", ["!fact", "what is true", *own[0].cells, ">tests"], map(_as_texts, own))
    _explain(only, rows)
    say(f"{sum(row.is_proved for row in rows)} of {len(rows)} facts are proved by a test.")


def _explain(only: str, rows: list[Row]) -> None:
    """Of one fact alone also its tests, and why something is not possible."""
    for row in rows if only == rows[0].fact.id else []:
        for test, offices in row.tests.items():
            say(f"{test} ({', '.join(offices) or 'no back office'})")
        for office, cell in row.cells.items():
            if cell.reason:
                say(f"{office}: {cell.reason}")


def _as_texts(row: Row) -> list[str]:
    what = f"{row.fact.says}\nNot yet: {row.fact.missing}" if row.fact.missing else row.fact.says
    return [row.fact.id, what, *(cell.words for cell in row.cells.values()), str(len(row.tests))]


def _as_json(row: Row) -> dict[str, object]:
    offices = {
        office: {"support": cell.support, "reason": cell.reason, "tests": cell.tests}
        for office, cell in row.cells.items()
    }
    return {
        "id": row.fact.id, "says": row.fact.says, "missing": row.fact.missing, "offices": offices,
        "tests": {test: list(before) for test, before in row.tests.items()},
    }  # fmt: skip
