"""``pmsbridge metrics``: how long customers rent and how they pay, as a file."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pmsbridge.cli.days import DAY, read_day
from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import say
from pmsbridge.errors import InputError

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.portal.figures import CustomerFigures

__all__ = ["metrics"]


class Form(StrEnum):
    """What is written."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    HTML = "html"


class Tongue(StrEnum):
    """What titles are written in."""

    EN = "en"
    FR = "fr"


def metrics(
    context: typer.Context,
    since: Annotated[
        str, typer.Option("--from", metavar=DAY, help="First business day; a year before the last one by default.")
    ] = "",
    until: Annotated[str, typer.Option("--to", metavar=DAY, help="Last business day; today by default.")] = "",
    facility: Annotated[
        str | None, typer.Option(help="L001 or ACCOUNT/L001; needed where there is more than one.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="csv, json, xlsx (a workbook) or html (charts).")] = Form.CSV,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; standard output by default.", dir_okay=False)
    ] = None,
    language: Annotated[Tongue, typer.Option(help="Of titles and heads of columns: en or fr.")] = Tongue.EN,
    read_ledgers: Annotated[
        bool,
        typer.Option(
            "--read-ledgers", help="Also how they paid where no ledgers are copied: a live call or two a rental."
        ),
    ] = False,
) -> None:
    """Write figures of the customers of a facility between two days. From the last copy; asks no back office."""
    if form is Form.XLSX and out is None:
        raise InputError("--out", "is needed for a workbook", remedy="Name a file, like --out customers.xlsx.")
    with open_bridge(context, asks_back_offices=read_ledgers) as bridge:
        last = read_day(until) if until else bridge.clock.now().date()
        first = read_day(since) if since else last - timedelta(days=365)
        place = facility if facility is not None else _only_facility(bridge)
        rows = bridge.customer_figures(place, first, last, read_ledgers=read_ledgers)
        content = _written(form, rows, _name_of(bridge, place), first, last, language.value)
    if out is None:
        sys.stdout.write(content.decode("utf-8"))
        return
    out.write_bytes(content)
    say(f"{out}: {len(rows)} customers, {first} to {last}{_age(rows)}")


def _age(rows: tuple[CustomerFigures, ...]) -> str:
    """How old the money in them is."""
    oldest = min((row.ledger_as_of for row in rows if row.ledger_as_of is not None), default=None)
    return f"; payments as of {oldest:%Y-%m-%d %H:%M} UTC" if oldest is not None else ""


def _only_facility(bridge: Bridge) -> str:
    found = [f"{name}/{code}" for name, adapter in bridge.adapters.items() for code in adapter.facility_codes]
    if len(found) != 1:
        raise InputError("--facility", "is needed", remedy=f"One of: {', '.join(found[:20])}.")
    return found[0]


def _name_of(bridge: Bridge, facility: str) -> str:
    adapter, code = bridge.place(facility)
    copy = bridge.mirror.facility(adapter.account_name, code)
    return copy.name if copy is not None else code


def _written(
    form: Form, rows: tuple[CustomerFigures, ...], place: str, since: date, until: date, language: str
) -> bytes:
    from pmsbridge.portal import exporting

    if form is Form.XLSX:
        return exporting.as_xlsx(rows, title=f"{place} {since} {until}", dated_on=until, language=language)
    if form is Form.HTML:
        return exporting.as_html(rows, place=place, since=since, until=until, language=language).encode()
    text = exporting.as_csv(rows) if form is Form.CSV else exporting.as_json(rows) + "\n"
    return text.encode()
