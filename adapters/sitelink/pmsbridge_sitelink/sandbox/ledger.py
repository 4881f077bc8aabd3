"""The sandbox's own double-entry journal: what really happened to the money, whatever any answer said.

Every posting balances to zero. Accounts are `receivable:<site>:<ledger>`, `income:<site>:<category>`, `tax:<site>`
and `funds:<site>:<method>`; debits are positive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

ZERO: Final = Decimal(0)

PostingKind = Literal["charge", "payment", "credit"]


class UnbalancedError(ValueError):
    """The lines of a posting do not add up to zero; nothing was written."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced entry.

    Attributes:
        number: Its place in the journal, from 1.
        at: The instant it was written (UTC).
        kind: Charge, payment or credit.
        reference: Charge id or receipt number.
        lines: Account and amount; debits positive; the amounts add up to zero.
    """

    number: int
    at: datetime
    kind: PostingKind
    reference: str
    lines: tuple[tuple[str, Decimal], ...]


def receivable(site: str, ledger_id: int) -> str:
    """The account of what one ledger owes."""
    return f"receivable:{site}:{ledger_id}"


class Journal:
    """An append-only list of balanced postings with running balances."""

    def __init__(self) -> None:
        """Start empty."""
        self._postings: list[Posting] = []
        self._balances: defaultdict[str, Decimal] = defaultdict(Decimal)

    def post(self, at: datetime, kind: PostingKind, reference: str, lines: Sequence[tuple[str, Decimal]]) -> None:
        """Write one posting; lines of zero are left out.

        Raises:
            UnbalancedError: The lines do not add up to zero.
        """
        kept = tuple((account, amount) for account, amount in lines if amount)
        if sum((amount for _, amount in kept), ZERO) != ZERO:
            message = f"{kind} {reference} does not balance"
            raise UnbalancedError(message)
        self._postings.append(Posting(len(self._postings) + 1, at, kind, reference, kept))
        for account, amount in kept:
            self._balances[account] += amount

    def charge(
        self, at: datetime, site: str, ledger_id: int, *, reference: str, category: str, price: Decimal, tax: Decimal
    ) -> None:
        """The tenant owes more: debit the receivable, credit income and tax."""
        lines = [
            (receivable(site, ledger_id), price + tax),
            (f"income:{site}:{category}", -price),
            (f"tax:{site}", -tax),
        ]
        self.post(at, "charge", reference, lines)

    def credit(
        self, at: datetime, site: str, ledger_id: int, *, reference: str, category: str, price: Decimal, tax: Decimal
    ) -> None:
        """A charge is taken back: the reverse of `charge`."""
        lines = [
            (receivable(site, ledger_id), -price - tax),
            (f"income:{site}:{category}", price),
            (f"tax:{site}", tax),
        ]
        self.post(at, "credit", reference, lines)

    def payment(self, at: datetime, site: str, ledger_id: int, *, receipt: str, method: str, amount: Decimal) -> None:
        """Money came in: debit the funds, credit the receivable."""
        self.post(at, "payment", receipt, [(f"funds:{site}:{method}", amount), (receivable(site, ledger_id), -amount)])

    def balance(self, account: str) -> Decimal:
        """The balance of one account; debits positive."""
        return self._balances.get(account, ZERO)

    def total(self) -> Decimal:
        """The sum over all accounts: always zero."""
        return sum(self._balances.values(), ZERO)

    def postings(self, site: str | None = None) -> list[Posting]:
        """Every posting in order, or those touching one site."""
        if site is None:
            return list(self._postings)
        return [p for p in self._postings if any(account.split(":")[1] == site for account, _ in p.lines)]
