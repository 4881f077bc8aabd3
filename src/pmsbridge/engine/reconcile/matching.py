"""Which payment we asked for is which payment the back office shows. Pure: no clock, no reading, no writing.

One to one, within one rental. First by what names a payment (the vendor's id, the receipt number, the reference), then
by what it looks like (amount, day, means). The same payments in any order give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from pmsbridge.model.money import Money
from pmsbridge.model.payments import BankDebit, CardPayment, ExternalPayment, Means, PaymentState
from pmsbridge.ports.outcome import Outcome

__all__ = ["Asked", "How", "Matching", "Pair", "Shown", "Standing", "looks_like", "match", "means_fit"]

_NEIGHBOUR: Final = timedelta(days=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_MASKED: Final = re.compile(r"[*xX#•.]{2,}\s?([0-9]{4})\b")
_NOT_A_CARD: Final = re.compile(r"\b(check|cheque|cash|transfer|money order)\b", re.IGNORECASE)
_CASH: Final = re.compile(r"\bcash\b", re.IGNORECASE)
_MONEY_WENT_BACK: Final = frozenset({
    PaymentState.REVERSED, PaymentState.REFUNDED, PaymentState.DECLINED, PaymentState.FAILED,
})  # fmt: skip


class Standing(IntEnum):
    """What we said about a payment. A lower one is matched first."""

    SETTLED = 1
    UNRESOLVED = 2
    NOTHING_CHANGED = 3

    @classmethod
    def of(cls, outcome: Outcome) -> Standing:
        """The standing of an effect's outcome."""
        if outcome is Outcome.SETTLED:
            return cls.SETTLED
        return cls.NOTHING_CHANGED if outcome.nothing_changed else cls.UNRESOLVED


class How(StrEnum):
    """What a pair was told by; the first that fits counts."""

    VENDOR_ID = "vendor_id"
    RECEIPT = "receipt"
    REFERENCE = "reference"
    LOOKS = "rental_amount_day_means"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one rental gets of a payment in our journal.

    Attributes:
        first_day: Business day of the first send, or of the wish when it was never sent.
        last_day: Business day of the last send.
        vendor_ids: Ids the back office gave for it, as far as they may belong to this rental.
        references: Ours and the gateway's; any of them may stand in the back office.
        there_before: Ids of payments that were there already when it was last sent; they look like it and are not it.
        was_sent: Bytes may have left at least once.
        asked_at: When it was asked for.
        settled_at: When we were told, or saw, that it is there; None unless it is settled.
        evidence: What the journal knows, or why it ended otherwise.
        is_resolvable: A person may end it with ``pmsbridge actions resolve``.
        rentals: All rentals that its step pays; a person ends them together.
    """

    action_id: str
    step: str
    tenant_id: str
    rental_id: str
    unit_number: str
    amount: Money
    means: Means
    outcome: Outcome
    first_day: date
    last_day: date
    asked_at: datetime
    settled_at: datetime | None = None
    vendor_ids: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    there_before: frozenset[str] = frozenset()
    was_sent: bool = True
    evidence: str = ""
    is_resolvable: bool = False
    rentals: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """What we said."""
        return Standing.of(self.outcome)

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.action_id}/{self.step}"

    @property
    def order(self) -> tuple[date, datetime, str, str, str]:
        """By day, then as it was asked for."""
        return self.first_day, self.asked_at, self.action_id, self.step, self.rental_id


@dataclass(frozen=True, slots=True)
class Shown:
    """What one rental got of a payment in the back office.

    Attributes:
        payment_id: The back office's id of the payment, or what the adapter tells payments apart by.
        day: Business day.
        state: As the back office has it; a reversed or refused payment holds no money.
        words: What the back office says about the means, masked.
    """

    payment_id: str
    tenant_id: str
    rental_id: str
    amount: Money
    day: date
    paid_at: datetime | None = None
    receipt: str = ""
    reference: str = ""
    words: str = ""
    state: PaymentState = PaymentState.SUCCEEDED

    @property
    def holds_money(self) -> bool:
        """It was not reversed, refunded or refused."""
        return self.state not in _MONEY_WENT_BACK

    @property
    def name(self) -> str:
        """For a person: the receipt number where there is one."""
        return f"receipt {self.receipt}" if self.receipt else f"payment {self.payment_id}"

    @property
    def order(self) -> tuple[date, datetime, str, str]:
        """By day, then by time, then by id."""
        return self.day, self.paid_at or _LONG_AGO, self.payment_id, self.rental_id


@dataclass(frozen=True, slots=True)
class Pair:
    """A payment of ours and what it is in the back office.

    Attributes:
        might_be: Names of other payments in the back office that fit exactly as well; the earliest was taken.
    """

    asked: Asked
    shown: Shown
    by: How
    might_be: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """Every payment exactly once: in a pair, or alone."""

    pairs: tuple[Pair, ...] = ()
    asked_alone: tuple[Asked, ...] = ()
    shown_alone: tuple[Shown, ...] = ()


def match(asked: Iterable[Asked], shown: Iterable[Shown]) -> Matching:
    """Find one-to-one which payment is which.

    Names come before looks. By looks, what we called settled chooses first, then what is unresolved, then what we said
    was declined or not sent; in each round as many pairs as possible are made, the closest ones first. A payment that
    was never sent is found by a name only.
    """
    wanted, seen = sorted(asked, key=lambda row: row.order), sorted(shown, key=lambda row: row.order)
    pairs: list[Pair] = []
    for rental in sorted({row.rental_id for row in wanted} & {row.rental_id for row in seen}):
        pairs += _in_rental([a for a in wanted if a.rental_id == rental], [s for s in seen if s.rental_id == rental])
    taken, found = {id(pair.asked) for pair in pairs}, {id(pair.shown) for pair in pairs}
    return Matching(
        tuple(sorted(pairs, key=lambda pair: pair.asked.order)),
        tuple(row for row in wanted if id(row) not in taken),
        tuple(row for row in seen if id(row) not in found),
    )


Rank = Callable[[Asked, Shown], int | None]
"""How well two fit: 0 is best, None is not at all."""


def _in_rental(asked: Sequence[Asked], shown: Sequence[Shown]) -> list[Pair]:
    pairs: list[Pair] = []
    rounds: list[tuple[Sequence[Asked], Rank]] = [(asked, _by_name)]
    rounds += [([a for a in asked if a.standing is standing], _by_looks) for standing in Standing]
    for some, rank in rounds:
        taken, found = {id(pair.asked) for pair in pairs}, {id(pair.shown) for pair in pairs}
        left = [row for row in some if id(row) not in taken]
        free = [row for row in shown if id(row) not in found]
        pairs += _Round(left, free, rank).pairs()
    return pairs


@dataclass(slots=True)
class _Round:
    """As many pairs as possible, best ranks first: augmenting paths over ranks let in one after another."""

    asked: Sequence[Asked]
    shown: Sequence[Shown]
    rank: Rank
    chosen: dict[int, int] = field(default_factory=dict)

    def pairs(self) -> Iterator[Pair]:
        edges = {
            (i, j): rank
            for i, a in enumerate(self.asked)
            for j, s in enumerate(self.shown)
            if (rank := self.rank(a, s)) is not None
        }
        for worst in sorted(set(edges.values())):
            allowed = {edge: rank for edge, rank in edges.items() if rank <= worst}
            for i in range(len(self.asked)):
                if i not in self.chosen.values():
                    self._place(i, allowed, set())
        for j, i in sorted(self.chosen.items(), key=lambda item: item[1]):
            yield self._pair(i, j, edges)

    def _place(self, i: int, allowed: dict[tuple[int, int], int], tried: set[int]) -> bool:
        """Give an asked payment a shown one, moving others to another that fits them when need be."""
        mine = sorted((rank, j) for (who, j), rank in allowed.items() if who == i)
        for _, j in mine:
            if j in tried:
                continue
            tried.add(j)
            if j not in self.chosen or self._place(self.chosen[j], allowed, tried):
                self.chosen[j] = i
                return True
        return False

    def _pair(self, i: int, j: int, edges: dict[tuple[int, int], int]) -> Pair:
        rank = edges[i, j]
        equal = [self.shown[other].name for other in range(len(self.shown)) if edges.get((i, other)) == rank]
        rivals = tuple(name for name in equal if name != self.shown[j].name)
        how = _HOW[rank] if self.rank is _by_name else How.LOOKS
        return Pair(self.asked[i], self.shown[j], how, rivals if how is How.LOOKS else ())


_HOW: Final = (How.VENDOR_ID, How.RECEIPT, How.REFERENCE, How.REFERENCE)


def _by_name(asked: Asked, shown: Shown) -> int | None:
    if shown.payment_id in asked.vendor_ids:
        return 0
    if shown.receipt and shown.receipt in asked.vendor_ids:
        return 1
    if shown.reference and shown.reference in asked.references:
        return 2 if shown.amount == asked.amount else 3
    return None


def _by_looks(asked: Asked, shown: Shown) -> int | None:
    if not looks_like(asked, shown):
        return None
    is_other_day = not asked.first_day <= shown.day <= asked.last_day
    shows_it = means_fit(asked.means, shown) is True
    return 4 * (not shown.holds_money) + 2 * is_other_day + (not shows_it)


def looks_like(asked: Asked, shown: Shown) -> bool:
    """Same rental and amount, about the same day, by means that do not contradict, and not there before it was sent."""
    return (
        asked.was_sent
        and asked.rental_id == shown.rental_id
        and asked.amount == shown.amount
        and asked.first_day - _NEIGHBOUR <= shown.day <= asked.last_day + _NEIGHBOUR
        and shown.payment_id not in asked.there_before
        and means_fit(asked.means, shown) is not False
    )


def means_fit(means: Means, shown: Shown) -> bool | None:
    """Whether a payment in the back office was made by these means: yes, no, or it does not show."""
    if isinstance(means, ExternalPayment):
        is_cash = not shown.reference and _CASH.search(shown.words)
        return False if is_cash else _reference_fits(means.reference, shown.reference)
    if isinstance(means, CardPayment):
        return _face_fits(means.face.last4, shown.words, never=_NOT_A_CARD)
    return _face_fits(means.face.last4, shown.words, never=_CASH) if isinstance(means, BankDebit) else None


def _reference_fits(ours: str, shown: str) -> bool | None:
    """A back office may cut a long reference off; one that shows none may still be ours."""
    if ours == shown:
        return True
    return None if ours.startswith(shown) else False


def _face_fits(last4: str, words: str, *, never: re.Pattern[str]) -> bool | None:
    digits = _MASKED.findall(words)
    if digits and last4.isdigit():
        return any(shown.endswith(last4) for shown in digits)
    return False if never.search(words) else None
