"""A contract as a sheet: its number, how it stands, and what is out on it; of a unit, what it is let for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from pmsbridge.model.account import RentalAccount
from pmsbridge.model.rental import ItemOut, Rental, RentalState
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.formats import clean, day, figure, file_name, money, one_line
from pmsbridge.portal.papers.sheet import Column, Fact, Line, Sheet

__all__ = ["contract_sheet"]

_QUANTITIES = ("ordered", "out", "returned", "on_rent")


class _Words(NamedTuple):
    """Labels of what the paper is, of its number, of who told, and of the day on which it begins."""

    title: str
    number: str
    told: str
    begins: str = "begins_on"


_CONTRACT: Final = _Words("contract", "contract_number", "as_told", begins="since")
_NOT_YET: Final = {
    RentalState.QUOTE: _Words("rental_quote", "quote_number", "quote_as_told"),
    RentalState.RESERVED: _Words("reservation", "reservation_number", "reservation_as_told"),
}
"""What is no contract yet, and does not call itself one."""


def _words(rental: Rental) -> _Words:
    return _NOT_YET.get(rental.state, _CONTRACT)


def contract_sheet(row: RentalAccount, letter: Correspondence, *, today: date, shows_money: bool) -> Sheet:
    """The sheet of a contract as the back office tells of it now; it is no signed paper, and says so.

    Args:
        row: The rental with its money.
        letter: Who writes to whom.
        today: The business date it is of.
        shows_money: Whether rent and balance are printed.
    """
    say, tongue, rental = letter.say, letter.language, row.rental
    number = one_line(rental.number or rental.label)
    words = _words(rental)
    title = say(words.title)
    told = say(words.told, day=day(today, tongue))
    return Sheet(
        language=tongue, title=title, subtitle=number, file_name=file_name(title, number),
        dated_on=today, letterhead=letter.letterhead, sender=letter.sender, addressee=letter.addressee,
        facts=tuple(_facts(rental, letter, number, today)), tiles=tuple(_tiles(row, letter, shows_money=shows_money)),
        columns=tuple(_columns(rental, letter)), lines=tuple(_lines(rental, letter)),
        totals=tuple(_totals(rental, letter, shows_money=shows_money)), notes=(told,),
    )  # fmt: skip


def _facts(rental: Rental, letter: Correspondence, number: str, today: date) -> Iterator[Fact]:
    tongue = letter.language
    yield Fact(letter.say(_words(rental).number), number)
    yield Fact(letter.say("as_of"), day(today, tongue))
    yield Fact(letter.say("account_number"), letter.tenant.id)
    if rental.unit_number:
        yield Fact(letter.say("unit"), one_line(rental.unit_number))
    for name, on in (
        (_words(rental).begins, rental.moved_in_on), ("paid_through", rental.paid_through),
        ("leaving_on", rental.leaving_on),
        ("ended_on", rental.moved_out_on),
    ):  # fmt: skip
        if on is not None:
            yield Fact(letter.say(name), day(on, tongue))


def _tiles(row: RentalAccount, letter: Correspondence, *, shows_money: bool) -> Iterator[Fact]:
    rental = row.rental
    yield Fact(letter.say("state"), letter.say(f"rental_{rental.state.value}"), is_strong=not shows_money)
    if rental.items:
        on_rent = Decimal(sum(item.on_rent > 0 for item in rental.items))
        yield Fact(letter.say("items_out"), figure(on_rent, letter.language))
    if shows_money:
        yield Fact(letter.say("balance"), money(row.balances.ledger, letter.language), is_strong=True)


def _columns(rental: Rental, letter: Correspondence) -> Iterator[Column]:
    yield Column(letter.say("description"))
    if rental.items:
        yield Column(letter.say("due_back"), width=28)
    for name in _QUANTITIES if rental.items else ():
        yield Column(letter.say(name), width=22, is_amount=True)


def _lines(rental: Rental, letter: Correspondence) -> Iterator[Line]:
    for item in rental.items:
        yield Line(tuple(_cells(item, letter)))
    if not rental.items and rental.unit_number:
        yield Line((letter.say("unit_let", unit=one_line(rental.unit_number)),))


def _cells(item: ItemOut, letter: Correspondence) -> Iterator[str]:
    names = dict.fromkeys(part for part in (one_line(item.code), clean(item.description)) if part)
    measure = f" ({one_line(item.measure)})" if item.measure else ""
    yield " ".join(names) + measure
    yield day(item.due_back_on, letter.language) if item.due_back_on is not None else ""
    for name in _QUANTITIES:
        yield figure(getattr(item, name).normalize(), letter.language)


def _totals(rental: Rental, letter: Correspondence, *, shows_money: bool) -> Iterator[Fact]:
    if shows_money and rental.rent is not None:
        period = one_line(rental.billing_period)
        name = f"{letter.say('rent')} ({period})" if period else letter.say("rent")
        yield Fact(name, money(rental.rent, letter.language))
