"""What was charged and what was paid, in one sign convention, and the balances that are never confused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar, Final, Self

from pydantic import model_validator

from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Id, Instant, OpenEnum, Record, Value

__all__ = ["AgedBalance", "Balances", "EntryKind", "LedgerEntry", "Statement"]


class EntryKind(OpenEnum):
    """What moved the ledger."""

    CHARGE = "charge"
    TAX = "tax"
    PAYMENT = "payment"
    CREDIT = "credit"
    REFUND = "refund"
    REVERSAL = "reversal"
    WRITE_OFF = "write_off"
    DEPOSIT = "deposit"
    TRANSFER = "transfer"
    UNKNOWN = "unknown"


_RAISES_DEBT: Final = frozenset({EntryKind.CHARGE, EntryKind.TAX, EntryKind.REFUND})
_LOWERS_DEBT: Final = frozenset({EntryKind.PAYMENT, EntryKind.CREDIT, EntryKind.WRITE_OFF})


class LedgerEntry(Record):
    """One movement of a rental's ledger.

    Attributes:
        effect: Plus raises the debt, minus lowers it, whatever sign the vendor uses.
        effective_on: The business date it counts for.
        posted_at: When the back office wrote it; None when only the day is known.
        period_from: First day of the period charged.
        period_to: Last day of the period charged.
        receipt: The back office's receipt number; empty when it has none.
    """

    entity: ClassVar[str] = "ledger_entry"

    rental_id: Id
    kind: EntryKind
    vendor_state: str = ""
    effect: Money
    effective_on: date
    posted_at: Instant | None = None
    description: str = ""
    receipt: str = ""
    period_from: date | None = None
    period_to: date | None = None

    @model_validator(mode="after")
    def _sign_fits_kind(self) -> Self:
        if self.kind in _RAISES_DEBT and self.effect.is_negative:
            message = f"a {self.kind.value} cannot lower the debt"
            raise ValueError(message)
        if self.kind in _LOWERS_DEBT and self.effect.is_positive:
            message = f"a {self.kind.value} cannot raise the debt"
            raise ValueError(message)
        return self


class Balances(Value):
    """Three balances that are never confused, and two that explain them. All in one currency.

    Attributes:
        ledger: Everything posted. Negative means the tenant has a credit.
        due: What the customer has been billed for; only sent invoices count.
        payable_now: What may be paid now: never negative.
        past_due: The part of ``due`` whose due date has passed: never negative.
        credit: Money of the tenant not yet used: never negative.
    """

    ledger: Money
    due: Money
    payable_now: Money
    past_due: Money
    credit: Money

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len({m.currency for m in self._all()}) != 1:
            message = "one set of balances is in one currency"
            raise ValueError(message)
        if any(m.is_negative for m in (self.payable_now, self.past_due, self.credit)):
            message = "payable_now, past_due and credit are never negative"
            raise ValueError(message)
        return self

    def _all(self) -> tuple[Money, ...]:
        return self.ledger, self.due, self.payable_now, self.past_due, self.credit

    @property
    def currency(self) -> str:
        """The currency all of them are in."""
        return self.ledger.currency

    @classmethod
    def of_ledger(cls, ledger: Money, *, past_due: Money | None = None) -> Self:
        """The balances of a back office where everything posted is also billed."""
        zero = Money.zero(ledger.currency)
        owed = ledger if ledger.is_positive else zero
        return cls(
            ledger=ledger,
            due=ledger,
            payable_now=owed,
            past_due=zero if past_due is None else past_due,
            credit=-ledger if ledger.is_negative else zero,
        )

    @classmethod
    def total(cls, parts: Iterable[Balances], currency: str) -> Self:
        """Sum per field; the total of no parts is zero.

        Raises:
            ValueError: A part is in another currency.
        """
        rows = list(parts)
        return cls(**{name: sum_money((getattr(row, name) for row in rows), currency) for name in cls.model_fields})


class AgedBalance(Value):
    """What is owed on a day, by how long it has been due. All in one currency; negative parts are credit.

    Attributes:
        on: Business date.
        not_due: Billed, and not due yet.
        up_to_30: Due for 0 to 29 days.
        up_to_60: Due for 30 to 59 days.
        up_to_90: Due for 60 to 89 days.
        over_90: Due for 90 days or longer.
    """

    on: date
    not_due: Money
    up_to_30: Money
    up_to_60: Money
    up_to_90: Money
    over_90: Money

    @property
    def total(self) -> Money:
        """Everything billed on that day, less what was paid."""
        parts = (self.not_due, self.up_to_30, self.up_to_60, self.up_to_90, self.over_90)
        return sum_money(parts, self.not_due.currency)


class Statement(Value):
    """The movements between two dates: opening + movements = closing.

    Attributes:
        opening: The ledger balance before ``opens_on``.
        closing: The ledger balance at the end of ``closes_on``.
    """

    rental_id: Id | None = None
    opens_on: date
    closes_on: date
    opening: Money
    entries: tuple[LedgerEntry, ...]
    closing: Money

    @model_validator(mode="after")
    def _foots(self) -> Self:
        currency = self.opening.currency
        if {self.closing.currency, *(entry.effect.currency for entry in self.entries)} != {currency}:
            message = "a statement is in one currency"
            raise ValueError(message)
        if self.opening + sum_money((entry.effect for entry in self.entries), currency) != self.closing:
            message = "opening plus movements must equal closing"
            raise ValueError(message)
        if any(not self.opens_on <= entry.effective_on <= self.closes_on for entry in self.entries):
            message = "a movement lies outside the statement's dates"
            raise ValueError(message)
        return self

    @classmethod
    def from_entries(
        cls,
        entries: Iterable[LedgerEntry],
        *,
        opens_on: date,
        closes_on: date,
        currency: str,
        rental_id: str | None = None,
    ) -> Self:
        """Foot a statement from a whole ledger: what lies before opens it, what comes after is left out."""
        rows = sorted(entries, key=lambda entry: entry.effective_on)
        opening = sum_money((r.effect for r in rows if r.effective_on < opens_on), currency)
        inside = tuple(r for r in rows if opens_on <= r.effective_on <= closes_on)
        closing = opening + sum_money((r.effect for r in inside), currency)
        return cls(
            rental_id=rental_id,
            opens_on=opens_on,
            closes_on=closes_on,
            opening=opening,
            entries=inside,
            closing=closing,
        )
