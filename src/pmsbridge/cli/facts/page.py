"""The table of facts as a page of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pmsbridge.cli.facts.listing import Cell, FactList, Row

__all__ = ["page_of"]

_HEAD: Final = """# What portals need, and the tests that prove it

Five kinds of portal were taken apart into facts. Every fact has a test that exercises the library, or says what is
missing. This page is made by `make facts` from a run of those tests; `make check` fails when it is not what the tests
say. `pmsbridge facts` prints it.

- A number is how many tests have proved the fact before that back office, in the run that this page was made of: it was
  asked or written to while the test ran or was prepared. Most of what a portal tells is read from the copy that is
  filled while a test is prepared.
- *native*: the back office does it itself. *emulated*: its staff get a task with a reference, and the answer says so.
  *cannot*: there is no way, for the reason below the table; a number beside it counts tests that it says so. Without a
  word the library does it above any back office.
- A question mark is a promise only: the adapter or the mapping file declares it, and no test ran it there.
- A mapping of a vendor (*cubby*, *storedge*, *buildium*, *booqable*) runs before a sandbox that is made of the mapping
  and its examples, over HTTP; the vendor's own service was never asked. *other*: mappings of tests and pages, which are
  not shipped. *memory*: the library's own double, which is no back office.
- Every fact runs before two back offices, or says below its table why it is *alone* before one. *other* counts as one;
  how many facts reach two only by it has a column of its own.
"""


def page_of(listed: FactList, rows: Sequence[Row]) -> str:
    """The whole page, as Markdown."""
    offices = list(rows[0].cells)
    parts = [_HEAD, _totals(listed, rows), _by_office(rows, offices)]
    for kind, title in listed.kinds.items():
        own = [row for row in rows if row.fact.kind == kind]
        parts.append("\n".join(_section(kind, title, own, offices)))
    return "\n".join(parts)


def _totals(listed: FactList, rows: Sequence[Row]) -> str:
    heads = ["facts", "proved", "before two back offices", "of these, two only by *other*", "before one", "open"]
    lines = [f"| kind of portal | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for kind, title in listed.kinds.items():
        own = [row for row in rows if row.fact.kind == kind]
        lines.append(_total(f"{kind} {title}", own))
    return "\n".join([*lines, _total("all", rows), ""])


def _total(title: str, rows: Sequence[Row]) -> str:
    proved = sum(row.is_proved for row in rows)
    before = Counter(min(len(row.proved_before), 2) for row in rows)
    by_other = sum(row.needs_other for row in rows)
    return f"| {title} | {len(rows)} | {proved} | {before[2]} | {by_other} | {before[1]} | {len(rows) - proved} |"


def _by_office(rows: Sequence[Row], offices: Sequence[str]) -> str:
    """How many facts stand how, by back office."""
    heads = ["native", "native ?", "emulated", "emulated ?", "cannot", "above any"]
    lines = [f"| back office | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for office in offices:
        stands = Counter(_stands(row.cells[office]) for row in rows)
        lines.append(f"| {office} | {' | '.join(str(stands[head]) for head in heads)} |")
    return "\n".join([*lines, ""])


def _stands(cell: Cell) -> str:
    if cell.support == "neutral":
        return "above any" if cell.tests else ""
    return f"{cell.support} ?" if cell.is_declared_only else cell.support


def _section(kind: str, title: str, rows: Sequence[Row], offices: Sequence[str]) -> Iterator[str]:
    yield f"## {kind}: {title}\n"
    yield f"| | fact | {' | '.join(offices)} |"
    yield "|---" * (len(offices) + 2) + "|"
    for row in rows:
        cells = " | ".join(row.cells[office].words for office in offices)
        yield f"| {row.fact.id} | {row.fact.says} | {cells} |"
    yield from _list("Cannot:", [_reasons(row) for row in rows])
    yield from _list("Alone:", [_alone(row) for row in rows])
    yield from _list("Not yet:", [_missing(row) for row in rows])
    yield from _list("Proved by:", [_proofs(row) for row in rows])
    yield ""


def _list(title: str, parts: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [line for part in parts for line in part]
    if lines:
        yield f"\n{title}\n"
        yield from lines


def _reasons(row: Row) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for office, cell in row.cells.items():
        if cell.reason:
            by_reason.setdefault(cell.reason, []).append(office)
    return [f"- {row.fact.id}, {', '.join(offices)}: {reason}" for reason, offices in by_reason.items()]


def _alone(row: Row) -> list[str]:
    return [f"- {row.fact.id}, {', '.join(row.proved_before)}: {row.fact.alone}"] if row.fact.alone else []


def _missing(row: Row) -> list[str]:
    return [f"- {row.fact.id}: {row.fact.missing}"] if row.fact.missing else []


def _proofs(row: Row) -> list[str]:
    if not row.tests:
        return []
    lines = [f"- {row.fact.id}"]
    by_file: dict[str, list[str]] = {}
    for test in row.tests:
        file, _, name = test.partition("::")
        by_file.setdefault(file, []).append(name.removeprefix("test_").replace("_", " "))
    for file, names in by_file.items():
        lines.append(f"  - `{file}`")
        lines += [f"    - {name}" for name in names]
    return lines
