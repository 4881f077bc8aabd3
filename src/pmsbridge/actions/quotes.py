"""What a payment refers to: amounts as they were read, when, and how long they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from pmsbridge.actions.plan import payment_guard
from pmsbridge.errors import IneligibleError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.earlier import Since, stored_json
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import PaymentIntent
from pmsbridge.model.record import Id, Instant, Value

__all__ = [
    "QUOTE_STANDS",
    "PaymentQuote",
    "QuoteLine",
    "guard_of",
    "line_of",
    "refuse_moved_balance",
    "refuse_moved_lines",
]

QUOTE_STANDS: Final = timedelta(minutes=30)


class QuoteLine(Value):
    """What one rental gets of the payment.

    Attributes:
        due_now: What may be paid now.
        ahead: What future periods cost on top.
        invoice_id: The one invoice it is for; None for whatever is due.
        line_id: The one line of that invoice; None for all of it.
        request_id: The payment request that it answers; None for none.
        amount: What this payment gives to this rental.
        ledger_seen: The ledger balance the quote was made from; a payment is refused when it moved.
    """

    rental_id: Id
    invoice_id: Annotated[Id | None, Since(5)] = None
    line_id: Annotated[Id | None, Since(5)] = None
    request_id: Annotated[Id | None, Since(5)] = None
    unit_id: Id | None = None
    unit_number: str = ""
    due_now: Money
    ahead: Money
    amount: Money
    ledger_seen: Money


class PaymentQuote(Value):
    """Amounts to agree to before paying.

    Attributes:
        id: Made from the content: the same amounts read at the same moment have the same id.
        months: For a prepayment: how many periods ahead.
        through: For a prepayment: by rental, the date rent would be paid through, where the back office says so.
        as_of: When the balances were read.
        valid_until: After it, the payment is refused and a new quote is needed.
    """

    id: Id
    intent: PaymentIntent
    account: Id
    facility: Id
    tenant_id: Id
    lines: tuple[QuoteLine, ...] = Field(min_length=1)
    months: int | None = Field(default=None, ge=1, le=12)
    through: dict[str, date] = Field(default_factory=dict)
    as_of: Instant
    valid_until: Instant

    @model_validator(mode="after")
    def _is_payable(self) -> Self:
        if not all(line.amount.is_payable for line in self.lines):
            message = "every line of a quote is a positive amount without fractions of the minor unit"
            raise ValueError(message)
        return self

    @property
    def total(self) -> Money:
        """What the payer pays."""
        return sum_money((line.amount for line in self.lines), self.lines[0].amount.currency)

    @classmethod
    def make(
        cls,
        account: TenantAccount,
        intent: PaymentIntent,
        lines: Iterable[QuoteLine],
        *,
        months: int | None = None,
        through: Mapping[str, date] | None = None,
    ) -> Self:
        """Put lines together into a quote that stands for ``QUOTE_STANDS`` from the moment the account was read."""
        rows = tuple(lines)
        ref = account.tenant.ref
        text = "\x1f".join(
            [
                ref.key,
                intent.value,
                str(months),
                account.as_of.isoformat(),
                *(stored_json(row) for row in rows),
            ]
        )
        return cls(
            id="q_" + hashlib.sha256(text.encode()).hexdigest()[:24],
            intent=intent,
            account=ref.account,
            facility=ref.facility,
            tenant_id=ref.id,
            lines=rows,
            months=months,
            through=dict(through or {}),
            as_of=account.as_of,
            valid_until=account.as_of + QUOTE_STANDS,
        )


def line_of(
    row: RentalAccount, *, amount: Money, ahead: Money | None = None, invoice_id: str | None = None,
    line_id: str | None = None, request_id: str | None = None,
) -> QuoteLine:  # fmt: skip
    """A quote line of a rental."""
    return QuoteLine(
        rental_id=row.id,
        invoice_id=invoice_id,
        line_id=line_id,
        request_id=request_id,
        unit_id=row.rental.unit_id,
        unit_number=row.rental.unit_number or row.rental.number,
        due_now=row.balances.payable_now,
        ahead=Money.zero(row.balances.currency) if ahead is None else ahead,
        amount=amount,
        ledger_seen=row.balances.ledger,
    )


def guard_of(account: TenantAccount, line: QuoteLine) -> str:
    """The business guard that a payment of this line holds."""
    ref = account.tenant.ref
    return payment_guard(
        ref.account, ref.facility, ref.id, line.rental_id, line.amount, line.invoice_id, line_id=line.line_id,
        request_id=line.request_id,
    )  # fmt: skip


def refuse_moved_balance(quote: PaymentQuote, account: TenantAccount, now: datetime) -> None:
    """Refuse a quote that no longer says the truth.

    Raises:
        IneligibleError: The quote is too old ("quote_expired"), or a balance in it moved ("balance_moved").
    """
    if now >= quote.valid_until:
        message = "This quote is too old."
        raise IneligibleError(message, code="quote_expired", unblock="Show the balance again and ask for a new quote.")
    for line in quote.lines:
        row = account.rental(line.rental_id)
        if row is None or row.balances.ledger != line.ledger_seen:
            raise _moved(line)


def refuse_moved_lines(quote: PaymentQuote, now: PaymentQuote) -> None:
    """Refuse a quote for lines of an invoice that ask for another amount now: other money may have settled a part.

    Raises:
        IneligibleError: The balance of one moved ("balance_moved").
    """
    amounts = {(line.invoice_id, line.line_id): line.amount for line in quote.lines}
    for line in now.lines:
        if amounts.get((line.invoice_id, line.line_id)) != line.amount:
            raise _moved(line)


def _moved(line: QuoteLine) -> IneligibleError:
    message = f"The balance of {line.unit_number or line.rental_id} changed since the quote."
    return IneligibleError(message, code="balance_moved", unblock="Show the new balance and ask for a new quote.")
