"""What rentals bring in a stay of so many days, at the rent they have; and how often a year it comes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Final

from pmsbridge.model.money import Money, minor_digits, sum_money
from pmsbridge.model.rental import Rental

__all__ = ["periods_a_year", "rent_of_stay"]

_DAYS_OF_YEAR: Final = 365
_A_YEAR: Final = {
    "day": Fraction(_DAYS_OF_YEAR), "week": Fraction(_DAYS_OF_YEAR, 7), "month": Fraction(12), "year": Fraction(1),
}  # fmt: skip
_WORDS: Final = {
    "daily": "1 day", "jour": "1 day", "journalier": "1 day", "quotidien": "1 day",
    "weekly": "1 week", "semaine": "1 week", "hebdomadaire": "1 week", "hebdo": "1 week",
    "fortnight": "2 week", "fortnightly": "2 week",
    "monthly": "1 month", "calendar month": "1 month", "mois": "1 month", "mensuel": "1 month",
    "mensuellement": "1 month",
    "quarter": "3 month", "quarterly": "3 month", "trimestre": "3 month", "trimestriel": "3 month",
    "half year": "6 month", "half yearly": "6 month", "semi annual": "6 month", "semi annually": "6 month",
    "semestre": "6 month", "semestriel": "6 month",
    "yearly": "1 year", "annual": "1 year", "annually": "1 year", "an": "1 year", "année": "1 year",
    "annuel": "1 year",
}  # fmt: skip
_EVERY: Final = re.compile(r"^(?:every|each|per|a|par|chaque) ")
_SPAN: Final = re.compile(r"(\d{0,3}) ?(day|week|month|year)s?")


def periods_a_year(term: str) -> Fraction | None:
    """How often a year is billed what a back office calls so; None where its word is not known here.

    Known are day, week, month and year, numbers of them ("28 days", "Every2Weeks", "every 3 months"), and the usual
    words for them in English and French ("monthly", "quarterly", "mensuel"). What means one thing here and another
    there ("biweekly", "bimonthly") is not guessed.
    """
    apart = re.sub(r"[-_]|(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])", " ", term.casefold())
    words = _EVERY.sub("", " ".join(apart.split())).replace("elle", "el")
    found = _SPAN.fullmatch(_WORDS.get(words, words))
    number = int((found and found[1]) or 1)
    return _A_YEAR[found[2]] / number if found is not None and number else None


def rent_of_stay(running: Sequence[Rental], days: int | None) -> tuple[Money | None, str]:
    """Rent before tax that rentals bring in so many days, rounded down; and why there is none.

    Args:
        running: The rentals.
        days: How long; None when it is not known.

    Returns:
        The amount and no words, or None and one of: "no_mean_stay", "nothing_runs", "no_rent", or "unknown_period" with
        the back office's own word after it where it has one ("unknown_period: season").
    """
    if days is None or not running:
        return None, "no_mean_stay" if days is None else "nothing_runs"
    rents = [each.rent for each in running if each.rent is not None]
    if len(rents) < len(running):
        return None, "no_rent"
    often = [periods_a_year(each.billing_period) for each in running]
    if None in often:
        term = running[often.index(None)].billing_period.strip()
        return None, f"unknown_period: {term}" if term else "unknown_period"
    currency = sum_money(rents, rents[0].currency).currency
    digits = minor_digits(currency)
    each_year = (Fraction(rent.amount) * times for rent, times in zip(rents, often, strict=True) if times is not None)
    cents = floor(sum(each_year, Fraction(0)) * days / _DAYS_OF_YEAR * 10**digits)
    return Money.of(f"{cents}e-{digits}", currency), ""
