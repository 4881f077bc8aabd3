"""What a payment is asked for with: amounts that have to be given, one rental or all, invoices and lines of them."""

from __future__ import annotations

from collections.abc import Sequence

from pmsbridge.errors import InputError
from pmsbridge.model.money import Money
from pmsbridge.portal.arguments import checked_amount, checked_id

__all__ = ["checked_ids", "checked_lines", "one_or_all", "some_amount"]

_MOST_IDS = 50


def checked_lines(lines: Sequence[str] | None, *, amount: Money | None) -> tuple[str, ...] | None:
    """Ids of lines, in order; None for the invoice as a whole.

    Raises:
        InputError: There is none, one comes twice, there are too many, or there is an amount too.
    """
    if lines is None:
        return None
    if amount is not None:
        raise InputError("lines", "are settled in full", remedy="Leave the amount out.")
    return tuple(checked_ids("lines", lines))


def some_amount(amount: Money) -> Money:
    """An amount that has to be given.

    Raises:
        InputError: It is none.
    """
    checked = checked_amount(amount)
    if checked is None:
        raise InputError("amount", "is missing", remedy='Like Money.of("12.50", "USD").')
    return checked


def one_or_all(rental_id: str | None) -> str | None:
    """The id of a rental; None for all of them."""
    return checked_id("rental_id", rental_id) if rental_id is not None else None


def checked_ids(field: str, ids: Sequence[str]) -> list[str]:
    """Ids, in order.

    Raises:
        InputError: There is none, one comes twice, or there are too many.
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise InputError(field, "must be a list of ids", shape=type(ids).__name__)
    wanted = [checked_id(field, each) for each in ids]
    if not 1 <= len(wanted) <= _MOST_IDS or len(set(wanted)) < len(wanted):
        raise InputError(field, f"must hold 1 to {_MOST_IDS} ids, each once", shape=f"{len(wanted)} ids")
    return wanted
