"""``pmsbridge facts``: what portals need, fact by fact, and the tests that prove it."""

from __future__ import annotations

from collections.abc import Sequence
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
    offices: Annotated[
        list[str] | None, typer.Option("--office", help="Only this back office; may be given again.", metavar="NAME")
    ] = None,
    is_declared: Annotated[
        bool, typer.Option("--declared", help="Only facts that a back office declares and no test ran there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what portals need, how each back office does it, and how many tests have proved it there.

    "native 2": it does it itself, and two tests have proved it. "native ?": it is declared, and no test ran it there.
    """
    listed, trace = read_facts(), read_trace()
    columns = _columns(trace["offices"], offices or [])
    rows = [row.of(columns) for row in rows_of(listed, trace) if only in {"", row.fact.kind, row.fact.id}]
    if not rows:
        raise NotFoundError("WHICH", "is no kind of portal and no fact", remedy=f"Kinds: {', '.join(listed.kinds)}.")
    shown = [
        row for row in rows
        if not (is_open and row.is_proved)
        and (not is_declared or any(cell.is_declared_only for cell in row.cells.values()))
    ]  # fmt: skip
    if as_json:
        print_json({"facts": [_as_json(row) for row in shown]})
        return
    for kind, title in listed.kinds.items():
        own = [row for row in shown if row.fact.kind == kind]
        if own:
            print_table(f"{kind}: {title}", ["!fact", "what is true", *own[0].cells, ">tests"], map(_as_texts, own))
    _explain(only, rows)
    say(f"{sum(row.is_proved for row in rows)} of {len(rows)} facts are proved by a test.")


def _columns(known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The back offices to show, in the table's own order.

    Raises:
        NotFoundError: One of them has no column.
    """
    for name in wanted:
        if name not in known:
            raise NotFoundError("--office", f"{name} has no column", remedy=f"Back offices: {', '.join(known)}.")
    return [name for name in known if not wanted or name in wanted]


def _explain(only: str, rows: list[Row]) -> None:
    """Of one fact alone also its tests, and why something is not possible."""
    for row in rows if only == rows[0].fact.id else []:
        for test, offices in row.tests.items():
            say(f"{test} ({', '.join(offices) or 'no back office'})")
        for office, cell in row.cells.items():
            if cell.reason:
                say(f"{office}: {cell.reason}")
        if row.fact.alone:
            say(f"alone: {row.fact.alone}")


def _as_texts(row: Row) -> list[str]:
    what = f"{row.fact.says}\nNot yet: {row.fact.missing}" if row.fact.missing else row.fact.says
    return [row.fact.id, what, *(cell.words for cell in row.cells.values()), str(len(row.tests))]


def _as_json(row: Row) -> dict[str, object]:
    offices = {
        office: {
            "support": cell.support,
            "reason": cell.reason,
            "tests": cell.tests,
            "declared_only": cell.is_declared_only,
        }
        for office, cell in row.cells.items()
    }
    return {
        "id": row.fact.id, "says": row.fact.says, "missing": row.fact.missing, "alone": row.fact.alone,
        "offices": offices,
        "tests": {test: list(before) for test, before in row.tests.items()},
    }  # fmt: skip
