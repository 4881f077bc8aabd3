"""Invoices of the sandbox: what they ask for, and how a payment settles them, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from .records import Move, Record, Shelf

INVOICES: Final = "invoices"
LINES: Final = "invoice_lines"
SEEN: Final = frozenset({"sent", "partially_paid", "paid"})
"""States in which a customer sees an invoice, and it is due."""
_NOTHING: Final = Decimal(0)


class NotOwedError(ValueError):
    """A payment names an invoice or a line that does not owe so much, or is not there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What sent invoices ask for of one rental."""

    due: Decimal
    past_due: Decimal


def asked_of(shelf: Shelf, rental_id: str, today: date) -> Asked | None:
    """What is due of a rental by its invoices; None where the office bills by none."""
    invoices = {row.id: row for row in shelf.all(INVOICES)}
    if not invoices:
        return None
    due = late = _NOTHING
    for line in shelf.all(LINES):
        invoice = invoices[line.values["invoice_id"]]
        if line.values["rental_id"] == rental_id and invoice.values["state"] in SEEN:
            due += line.values["balance"]
            late += line.values["balance"] if invoice.values["due_on"] < today else _NOTHING
    return Asked(due, late)


@dataclass(frozen=True, slots=True)
class Part:
    """What one rental gets of a payment.

    Attributes:
        invoice_id: The invoice it is for; None for what is due, the oldest first.
        line_id: The line of that invoice; None for all of it.
    """

    rental_id: str
    amount: Decimal
    invoice_id: str | None = None
    line_id: str | None = None


def settled_by(shelf: Shelf, parts: list[Part]) -> list[Move]:
    """What a payment does to invoices: to what its parts name, else to what is sent, the oldest first.

    Raises:
        NotOwedError: What a part names is not there, not its rental's, or owes less.
    """
    paid = dict[str, Decimal]()
    for part in parts:
        left = part.amount
        for line in _open(shelf, part):
            taken = min(left, line.values["balance"] - paid.get(line.id, _NOTHING))
            paid[line.id], left = paid.get(line.id, _NOTHING) + taken, left - taken
        if left and part.invoice_id is not None:
            message = "so much is not owed of it"
            raise NotOwedError(message)
    return _moves(shelf, {line: money for line, money in paid.items() if money})


def _open(shelf: Shelf, part: Part) -> list[Record]:
    """Lines of sent invoices that a part of a payment may settle, the oldest first."""
    sent = {row.id: row.values["issued_on"] for row in shelf.all(INVOICES) if row.values["state"] in SEEN}
    own = [
        line for line in shelf.all(LINES)
        if line.values["invoice_id"] in sent and line.values["rental_id"] == part.rental_id
        and part.invoice_id in {None, line.values["invoice_id"]} and part.line_id in {None, line.id}
    ]  # fmt: skip
    return sorted(own, key=lambda line: (sent[line.values["invoice_id"]], line.id))


def _moves(shelf: Shelf, paid: Mapping[str, Decimal]) -> list[Move]:
    """Lines owe less, and their invoices with them."""
    moves, of_invoice = list[Move](), dict[str, Decimal]()
    for key, money in paid.items():
        line = shelf.one(LINES, key)
        assert line is not None  # noqa: S101 - it was found a moment ago
        of_invoice[line.values["invoice_id"]] = of_invoice.get(line.values["invoice_id"], _NOTHING) + money
        moves.append(Move("merge", LINES, key, {"balance": line.values["balance"] - money}))
    for key, money in of_invoice.items():
        invoice = shelf.one(INVOICES, key)
        assert invoice is not None  # noqa: S101 - its line was
        balance = invoice.values["balance"] - money
        state = "partially_paid" if balance > 0 else "paid"
        told = {"balance": balance, "paid": invoice.values["total"] - balance, "state": state}
        moves.append(Move("merge", INVOICES, key, told))
    return moves
