"""``pmsbridge audit``: is the journal as it was written?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO, cast

import typer

from pmsbridge.cli.days import DAY, read_day, start_of
from pmsbridge.cli.findings import EXIT_A_PERSON_MUST_LOOK
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import JsonOption, print_json, print_table, say
from pmsbridge.errors import InputError

if TYPE_CHECKING:
    from pmsbridge.store.audit import Audit, Head, Trouble

__all__ = ["group"]

group = typer.Typer(help="Whether the journal is as it was written.", no_args_is_help=True, rich_markup_mode=None)

_CHUNK: Final = 200
_SHOWN: Final = 1000


@group.command("verify")
def verify(
    context: typer.Context,
    since: Annotated[
        date | None,
        typer.Option(parser=read_day, metavar=DAY, help="Only what was asked for on this day (UTC) or later."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also prove that nothing in this file of heads changed.")
    ] = None,
    digest: Annotated[str, typer.Option(help="The digest that was printed with FILE, kept elsewhere.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Verify every trail, and the journal's tables against it. Exit code 9 when something was tampered with."""
    from pmsbridge.store.audit import Audit

    if digest and against is None:
        raise InputError("--digest", "needs --against FILE")
    with open_bridge(context, asks_back_offices=False) as bridge:
        audit = Audit(bridge.database)
        found = _Kept(audit.troubles(since=start_of(since)))
        kept = 0
        if against is not None:
            with _opened(against, "r") as file:
                kept = _compare(audit, file, digest, found)
    _tell(audit, found, kept=kept if against is not None else None, as_json=as_json)


class _Kept:
    """The first troubles, and how many there are: a journal that is broken all over does not fill the memory."""

    def __init__(self, troubles: Iterable[Trouble]) -> None:
        self.first: list[Trouble] = []
        self.count = 0
        self.add(troubles)

    def add(self, troubles: Iterable[Trouble]) -> None:
        for trouble in troubles:
            self.count += 1
            if len(self.first) < _SHOWN:
                self.first.append(trouble)


def _compare(audit: Audit, file: TextIO, digest: str, found: _Kept) -> int:
    """Look for every head of a file; returns how many there are."""
    from pmsbridge.store.head_file import read_heads

    heads, count = read_heads(file, digest=digest), 0
    while chunk := list(islice(heads, _CHUNK)):
        count += len(chunk)
        found.add(audit.missing(chunk))
    return count


def _tell(audit: Audit, found: _Kept, *, kept: int | None, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "whole": not found.count,
        "actions": audit.actions,
        "entries": audit.entries,
        "heads_compared": kept,
        "troubles": found.count,
        "first_troubles": [
            {"action_id": t.action_id, "entry": t.number or None, "breach": t.breach.value, "text": t.text}
            for t in found.first
        ],
    }
    if as_json:
        print_json(facts)
    elif found.count:
        rows = [(t.action_id, t.number or None, t.breach.value, t.text) for t in found.first]
        print_table("NOT AS IT WAS WRITTEN", ["!action", ">entry", "what", "in words"], rows)
    if not as_json:
        also = f", {kept} heads compared" if kept is not None else ""
        say(f"{audit.actions} actions, {audit.entries} entries looked at{also}: {found.count or 'no'} trouble.")
    if found.count:
        raise typer.Exit(EXIT_A_PERSON_MUST_LOOK)


@group.command("head")
def head(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write where every trail ends; keep it elsewhere.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print one digest that stands for every trail as it is now. Verify first: it vouches for what it finds."""
    from pmsbridge.store.audit import Audit
    from pmsbridge.store.head_file import HeadSum, write_heads

    with open_bridge(context, asks_back_offices=False) as bridge:
        heads: Iterator[Head] = Audit(bridge.database).heads()
        total: HeadSum
        if to is None:
            total = write_heads(heads, None)
        else:
            with _opened(to, "x") as file:
                total = write_heads(heads, file)
    if as_json:
        print_json({"digest": total.hex, "actions": total.actions, "entries": total.entries, "file": to})
        return
    print(total.hex)
    say(
        f"{total.actions} actions, {total.entries} entries. Keep the digest where nobody who can write the journal can."
    )


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[TextIO]:
    """A file to read, or a new one that only its owner may read; an old one is not overwritten."""
    option = "--to" if mode == "x" else "--against"
    try:
        opened = open(path, mode, encoding="utf-8", newline="\n", opener=_private)  # noqa: SIM115 - the opener
    except OSError as problem:
        raise InputError(option, f"cannot be opened ({problem.strerror})") from None
    try:
        with cast("TextIO", opened) as file:
            yield file
    except UnicodeDecodeError:
        raise InputError(option, "is no file of pmsbridge audit head") from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
