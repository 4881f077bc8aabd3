"""Figures of customers as one page: charts, a table beside each, and nothing that is fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from pmsbridge.model.money import Money, sum_money
from pmsbridge.portal.figures import CustomerFigures
from pmsbridge.portal.papers.formats import day, figure, money
from pmsbridge.portal.reports.charts import BAR_LEFT, WIDTH, Chart, chart_of
from pmsbridge.portal.reports.words import heads, word

__all__ = ["page"]

_LENGTHS: Final = (0, 90, 180, 365, 730)
_RELIABILITIES: Final = (100, 90, 75, 50, 0)
_FIRST: Final = 10
_NOT_IN_THE_TABLE: Final = frozenset(
    {"since", "until", "mean_stay_days", "expected_value_missing", "ledger_source", "ledger_as_of"}
)
"""Said once for all; or a word for programs, which a reader sees as an empty cell."""


def page(rows: Sequence[CustomerFigures], *, place: str, since: date, until: date, language: str) -> str:
    """The whole page as text.

    Args:
        rows: Of one facility and one range of dates.
        place: The facility's name.
        since: First business date.
        until: Last business date, inclusive.
        language: "en" or "fr".
    """
    names = heads(language)
    return _template().render(
        language=language, title=word("title", language, place=place), width=WIDTH, left=BAR_LEFT,
        range=word("range", language, since=day(since, language), until=day(until, language)),
        tiles=list(_tiles(rows, language)) if rows else [], charts=list(_charts(rows, language)) if rows else [],
        nobody=word("nobody", language), note=" ".join(_notes(rows, language)),
        all_rows=word("all_rows", language),
        heads=[names[name] for name in names if name not in _NOT_IN_THE_TABLE],
        rows=[list(_cells(row, language)) for row in rows],
    )  # fmt: skip


@lru_cache(maxsize=1)
def _template() -> Template:
    room = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return room.from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))


def _notes(rows: Sequence[CustomerFigures], language: str) -> Iterator[str]:
    """How old the money is, or that there is none; and what the expected value is."""
    if rows and all(row.paid is None for row in rows):
        yield word("no_money", language)
    oldest = min((row.ledger_as_of for row in rows if row.ledger_as_of is not None), default=None)
    if oldest is not None:
        yield word("age", language, day=day(oldest.date(), language), time=f"{oldest:%H:%M}")
    days = next((row.mean_stay_days for row in rows if row.expected_value is not None), None)
    if days is not None:
        yield word("expected_text", language, days=figure(Decimal(days), language))


def _total(amounts: Iterable[Money | None]) -> Money | None:
    paid = [each for each in amounts if each is not None]
    return sum_money(paid, paid[0].currency) if paid else None


def _tiles(rows: Sequence[CustomerFigures], language: str) -> Iterator[tuple[str, str]]:
    yield word("customers", language), figure(Decimal(len(rows)), language)
    yield word("rentals", language), figure(Decimal(sum(row.rentals for row in rows)), language)
    stays = [row.average_days for row in rows if row.average_days is not None]
    if stays:
        yield (
            word("average", language),
            word("days", language, days=figure(Decimal(sum(stays) // len(stays)), language)),
        )
    charges, late = sum(row.charges or 0 for row in rows), sum(row.late_charges or 0 for row in rows)
    if charges:
        yield word("on_time", language), f"{100 * (charges - late) // charges}\u00a0%"
    for name, amounts in (("paid", [row.paid for row in rows]), ("lifetime", [row.lifetime_paid for row in rows])):
        if (total := _total(amounts)) is not None:
            yield word(name, language), money(total, language)


def _charts(rows: Sequence[CustomerFigures], language: str) -> Iterator[Chart]:
    yield _counted("length", language, _lengths(rows))
    if any(row.on_time_percent is not None for row in rows):
        yield _counted("reliability", language, _reliabilities(rows))
    moves = [(f"m_{name}", sum(getattr(row, name) for row in rows)) for name in ("upgrades", "downgrades")]
    yield _counted("moves", language, moves)
    total = _total(row.paid for row in rows)
    if total is not None:
        yield _value(rows, total.currency, language)


def _lengths(rows: Sequence[CustomerFigures]) -> list[tuple[str, int]]:
    ends = (*_LENGTHS[1:], None)
    return [
        (f"l_{low}", sum(low <= row.longest_days and (high is None or row.longest_days < high) for row in rows))
        for low, high in zip(_LENGTHS, ends, strict=True)
    ]


def _reliabilities(rows: Sequence[CustomerFigures]) -> list[tuple[str, int]]:
    told = [row.on_time_percent for row in rows if row.on_time_percent is not None]
    ends = (101, *_RELIABILITIES[:-1])
    return [
        (f"r_{low}", sum(low <= percent < high for percent in told))
        for low, high in zip(_RELIABILITIES, ends, strict=True)
    ]


def _counted(name: str, language: str, groups: Sequence[tuple[str, int]]) -> Chart:
    told = [(word(key, language), count, figure(Decimal(count), language)) for key, count in groups]
    columns = (word("group", language), word("number", language))
    return chart_of(name, word(name, language), word(f"{name}_text", language), columns, told)


def _value(rows: Sequence[CustomerFigures], currency: str, language: str) -> Chart:
    paid = [(row.tenant_id, row.paid.amount) for row in rows if row.paid is not None]
    most = sorted(paid, key=lambda pair: (-pair[1], pair[0]))[:_FIRST]
    told = [(who, amount, figure(amount, language)) for who, amount in most]
    columns = (word("customer", language), word("amount", language))
    text = word("value_text", language, currency=currency)
    return chart_of("value", word("value", language), text, columns, told)


def _cells(row: CustomerFigures, language: str) -> Iterator[str]:
    yield row.tenant_id
    for value in (row.rentals, row.longest_days, row.average_days):
        yield "" if value is None else figure(Decimal(value), language)
    yield from _amount(row.paid, language)
    for value in (row.charges, row.late_charges, row.upgrades, row.downgrades):
        yield "" if value is None else figure(Decimal(value), language)
    yield from _amount(row.lifetime_paid, language)
    yield from _amount(row.expected_value, language)


def _amount(amount: Money | None, language: str) -> tuple[str, str]:
    return ("", "") if amount is None else (figure(amount.amount, language), amount.currency)
