"""An invoice with our own payments on top that a read may not show yet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.engine.overlay import less, missing_of
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice, InvoiceLine
from pmsbridge.model.money import Money, sum_money
from pmsbridge.store.standing import Ended
from pmsbridge.store.stored import StoredEffect

__all__ = ["overlay_invoice"]


def overlay_invoice(
    account: TenantAccount,
    row: RentalAccount | None,
    invoice: Invoice,
    effects: Iterable[StoredEffect],
    bare: TenantAccount | None,
) -> Invoice:
    """An invoice that is not to be paid again by what our payments pay.

    What is being confirmed counts, and what is settled as far as the account does not show it. What aims at the invoice
    counts in full; what aims at a line of it, as far as the line still asks for it. What aims at none counts by as much
    as everything else that may be paid now does not take: nobody knows which invoice the back office settles by it.

    Args:
        account: With our own recent writes on top.
        row: What the invoice is about, of that account; None when it is about several rentals.
        invoice: As read after them.
        effects: The tenant's recent effects.
        bare: The account as the back office said it before the invoice was read; None when that is not known any more:
            then whatever is settled counts.
    """
    if invoice.balance is None:
        return invoice
    unseen = _Unseen.of(bare, effects, invoice.balance.currency)
    lines = [_line(account, line, invoice.id, unseen) for line in invoice.lines]
    told = {each.line.id for each in lines if each.line.balance is not None} - {None}
    whole = unseen.sum(lambda part: part.invoice_id == invoice.id and part.line_id not in told)
    own = whole + sum_money((each.aimed for each in lines), unseen.currency)
    perhaps = _perhaps(row, invoice.balance, own, unseen) if row is not None else own - own
    by_line = whole + sum_money((each.asked for each in lines), unseen.currency)
    asked = min(max(own + perhaps, by_line), invoice.balance)
    if not asked.is_positive:
        return invoice
    left = invoice.balance - asked
    paid = None if invoice.paid is None else invoice.paid + asked
    return invoice.changed(balance=left, paid=paid, lines=tuple(each.left_of(left) for each in lines))


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Payments of ours that a read may not show.

    Attributes:
        open: What is being confirmed: all of it counts.
        settled: Counts as far as ``missing`` says, by rental.
    """

    currency: str
    open: tuple[PaymentPart, ...]
    settled: tuple[PaymentPart, ...]
    missing: Mapping[str, Money]

    @classmethod
    def of(cls, bare: TenantAccount | None, effects: Iterable[StoredEffect], currency: str) -> _Unseen:
        parts = [
            (stored, part) for stored in effects if isinstance(stored.effect, TakePayment)
            for part in stored.effect.parts
            if part.amount.currency == currency and part.rental_id not in stored.rentals_missing
        ]  # fmt: skip
        opened = tuple(part for stored, part in parts if stored.ended is None)
        settled = [(stored, part) for stored, part in parts if stored.ended is Ended.SETTLED]
        missing = {}
        for rental_id in {part.rental_id for _, part in settled}:
            own = [(stored, part.amount) for stored, part in settled if part.rental_id == rental_id]
            row = bare.rental(rental_id) if bare is not None else None
            if bare is None or row is None:
                missing[rental_id] = sum_money((amount for _, amount in own), currency)
            else:
                missing[rental_id] = missing_of(bare, row, own)
        return cls(currency, opened, tuple(part for _, part in settled), missing)

    def sum(self, counts: Callable[[PaymentPart], bool]) -> Money:
        """How much of what counts may not show; rather too much than too little, as nobody knows what shows first."""
        total = sum_money((part.amount for part in self.open if counts(part)), self.currency)
        for rental_id, missing in self.missing.items():
            own = (part.amount for part in self.settled if part.rental_id == rental_id and counts(part))
            total += min(sum_money(own, self.currency), missing)
        return total


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of an invoice.

    Attributes:
        aimed: What is paid for this very line, up to what it asks for.
        asked: This, and what may be for it of the money that aims at nothing; up to what it asks for.
    """

    line: InvoiceLine
    aimed: Money
    asked: Money

    def left_of(self, invoice: Money) -> InvoiceLine:
        """What is left of the line, where so much is left of the invoice: nothing where that is nothing."""
        if self.line.balance is None or not self.line.balance.is_positive:
            return self.line
        return self.line.changed(balance=less(self.line.balance, self.asked) if invoice.is_positive else invoice)


def _line(account: TenantAccount, line: InvoiceLine, invoice_id: str, unseen: _Unseen) -> _Line:
    none = Money.zero(unseen.currency)
    if line.balance is None or line.id is None:
        return _Line(line, none, none)
    aimed = unseen.sum(lambda part: (part.invoice_id, part.line_id) == (invoice_id, line.id))
    row = account.rental(line.rental_id or "")
    more = _perhaps(row, line.balance, aimed, unseen) if row is not None else none
    most = max(line.balance, none)
    return _Line(line, min(aimed, most), min(aimed + more, most))


def _perhaps(row: RentalAccount, balance: Money, aimed: Money, unseen: _Unseen) -> Money:
    """How much of the money that aims at no invoice may be for what asks for this balance, beside what aims at it."""
    others = unseen.sum(lambda part: part.rental_id == row.id and part.invoice_id is None)
    return less(others, less(row.balances.payable_now + aimed + others, balance))
