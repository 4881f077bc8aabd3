"""A statement as a sheet: opening balance, every movement with the balance after it, closing balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pmsbridge.model.ledger import AgedBalance, Balances, LedgerEntry, Statement
from pmsbridge.model.money import Money, sum_money
from pmsbridge.portal.papers.correspondence import Correspondence
from pmsbridge.portal.papers.formats import clean, day, figure, file_name, is_negative, money, one_line, period
from pmsbridge.portal.papers.labels import KIND_WORDS
from pmsbridge.portal.papers.sheet import Column, Fact, Line, Sheet

__all__ = ["StatementFacts", "statement_sheet"]


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """What is printed.

    Attributes:
        statement: It foots, or it could not be made.
        labels: What people call each rental, by its id; several get a column.
        balances: What is due and past due, where the statement is of today; None for another day, on which nobody
            can say.
        aged: What was owed on the statement's day by how long, where the back office tells.
    """

    statement: Statement
    labels: Mapping[str, str] = field(default_factory=dict)
    balances: Balances | None = None
    aged: AgedBalance | None = None


def statement_sheet(facts: StatementFacts, letter: Correspondence) -> Sheet:
    """The sheet of a statement."""
    statement, say, tongue = facts.statement, letter.say, letter.language
    currency = statement.opening.currency
    ups = sum_money((each.effect for each in statement.entries if each.effect.is_positive), currency)
    downs = sum_money((each.effect for each in statement.entries if each.effect.is_negative), currency)
    lines = tuple(_lines(facts, letter))
    return Sheet(
        language=tongue, title=say("statement"), subtitle=day(statement.closes_on, tongue),
        file_name=file_name(say("statement"), statement.closes_on.isoformat()), dated_on=statement.closes_on,
        letterhead=letter.letterhead, sender=letter.sender, addressee=letter.addressee,
        facts=tuple(_facts(facts, letter)),
        tiles=(
            Fact(say("opening_balance"), money(statement.opening, tongue)),
            Fact(say("charges"), money(ups, tongue)),
            Fact(say("payments"), money(downs, tongue)),
            Fact(say("closing_balance"), money(statement.closing, tongue), is_strong=True),
        ),
        aging=tuple(_aging(facts.aged, letter)), columns=tuple(_columns(facts, letter)),
        lines=lines,
        totals=(
            Fact(say("total_charges"), money(ups, tongue)), Fact(say("total_payments"), money(downs, tongue)),
            Fact(say("closing_balance"), money(statement.closing, tongue), is_strong=True),
            *_due(facts.balances, letter),
        ),
        notes=(say("amounts_in", currency=currency), *_credit_note(lines, letter)),
    )  # fmt: skip


def _facts(facts: StatementFacts, letter: Correspondence) -> Iterator[Fact]:
    statement, tongue = facts.statement, letter.language
    yield Fact(letter.say("statement_date"), day(statement.closes_on, tongue))
    yield Fact(letter.say("period"), period(statement.opens_on, statement.closes_on, tongue))
    yield Fact(letter.say("account_number"), letter.tenant.id)
    if facts.labels:
        names = ", ".join(one_line(each) for each in facts.labels.values())
        yield Fact(letter.say("units" if len(facts.labels) > 1 else "unit"), names)


def _aging(aged: AgedBalance | None, letter: Correspondence) -> Iterator[Fact]:
    if aged is None:
        return
    for name in ("not_due", "up_to_30", "up_to_60", "up_to_90", "over_90"):
        part: Money = getattr(aged, name)
        is_late = name in {"up_to_60", "up_to_90", "over_90"} and part.is_positive
        yield Fact(letter.say(name), figure(part.amount, letter.language), is_warning=is_late)


def _due(balances: Balances | None, letter: Correspondence) -> Iterator[Fact]:
    if balances is None:
        return
    yield Fact(letter.say("due_now"), money(balances.payable_now, letter.language), is_strong=True)
    if balances.past_due.is_positive:
        yield Fact(letter.say("past_due"), money(balances.past_due, letter.language), is_warning=True)
    if balances.credit.is_positive:
        yield Fact(letter.say("credit"), money(balances.credit, letter.language))


def _credit_note(lines: Sequence[Line], letter: Correspondence) -> Iterator[str]:
    if any(is_negative(line.cells[-1]) for line in lines):
        yield letter.say("minus_is_credit")


def _columns(facts: StatementFacts, letter: Correspondence) -> Iterator[Column]:
    yield Column(letter.say("date"), width=28)
    yield Column(letter.say("description"))
    if len(facts.labels) > 1:
        yield Column(letter.say("unit"), width=20)
    for name in ("charges", "payments", "balance"):
        yield Column(letter.say(name), width=26, is_amount=True)


def _lines(facts: StatementFacts, letter: Correspondence) -> Iterator[Line]:
    statement, tongue = facts.statement, letter.language
    gap = ("",) if len(facts.labels) > 1 else ()
    yield Line(
        (day(statement.opens_on, tongue), letter.say("opening_balance"), *gap, "", "",
         figure(statement.opening.amount, tongue)), is_strong=True,
    )  # fmt: skip
    balance = statement.opening
    for entry in statement.entries:
        balance = balance + entry.effect
        unit = (one_line(facts.labels.get(entry.rental_id, "")),) if gap else ()
        amount = figure(entry.effect.amount, tongue)
        columns = ("", amount) if entry.effect.is_negative else (amount, "")
        told = describe(entry, tongue)
        yield Line((day(entry.effective_on, tongue), told, *unit, *columns, figure(balance.amount, tongue)))
    if not statement.entries:
        yield Line(("", letter.say("no_movements"), *gap, "", "", ""))
    yield Line(
        (day(statement.closes_on, tongue), letter.say("closing_balance"), *gap, "", "", figure(balance.amount, tongue)),
        is_strong=True,
    )


def describe(entry: LedgerEntry, language: str) -> str:
    """What a movement was: in the back office's words, else in ours; with its period and receipt where it has them."""
    told = clean(entry.description) or KIND_WORDS[language][entry.kind]
    if entry.period_from is not None and entry.period_to is not None:
        told += f", {period(entry.period_from, entry.period_to, language)}"
    return f"{told} ({one_line(entry.receipt)})" if entry.receipt and entry.receipt not in told else told
