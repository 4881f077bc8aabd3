"""Payments, the means they are made with, and autopay."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from pmsbridge.model.earlier import Since
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.record import Id, Instant, OpenEnum, Record, Value
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = [
    "Allocation",
    "Autopay",
    "AutopayRecord",
    "AutopayState",
    "BankDebit",
    "CardPayment",
    "ExternalPayment",
    "Means",
    "MethodKind",
    "Payment",
    "PaymentIntent",
    "PaymentMethod",
    "PaymentState",
    "StoredMethod",
    "payment_step_is_allowed",
]


class PaymentIntent(StrEnum):
    """What a payment is for."""

    BALANCE = "balance"
    CUSTOM = "custom"
    PREPAY = "prepay"
    INVOICES = "invoices"
    ALL_RENTALS = "all_rentals"
    ON_ACCOUNT = "on_account"
    REQUEST = "request"


class PaymentState(OpenEnum):
    """Where a payment stands; ``uncertain`` ends only by evidence."""

    PLANNED = "planned"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    PENDING = "pending"
    DECLINED = "declined"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


_P = PaymentState
_STEPS: Final[dict[PaymentState, frozenset[PaymentState]]] = {
    _P.PLANNED: frozenset({_P.SENT, _P.FAILED}),
    _P.SENT: frozenset({_P.SUCCEEDED, _P.PENDING, _P.DECLINED, _P.FAILED, _P.UNCERTAIN}),
    _P.PENDING: frozenset({_P.SUCCEEDED, _P.DECLINED, _P.FAILED, _P.UNCERTAIN}),
    _P.UNCERTAIN: frozenset({_P.SUCCEEDED, _P.FAILED}),
    _P.SUCCEEDED: frozenset({_P.REVERSED, _P.REFUNDED, _P.DISPUTED}),
    _P.DISPUTED: frozenset({_P.SUCCEEDED, _P.REVERSED}),
    _P.REVERSED: frozenset(),
    _P.REFUNDED: frozenset(),
    _P.DECLINED: frozenset(),
    _P.FAILED: frozenset(),
    _P.UNKNOWN: frozenset(PaymentState),
}


def payment_step_is_allowed(before: PaymentState, after: PaymentState, *, has_evidence: bool) -> bool:
    """Whether a payment may go from one state to another; leaving ``uncertain`` needs evidence."""
    if before is after:
        return True
    return after in _STEPS[before] and (has_evidence or before is not PaymentState.UNCERTAIN)


class Allocation(Value):
    """The part of a payment that settles one rental, one invoice, or one line of an invoice."""

    rental_id: Id
    amount: Money
    invoice_id: Id | None = None
    line_id: Annotated[Id | None, Since(5)] = None


class Payment(Record):
    """Money received, as the back office holds it. Allocations add up to the amount.

    Attributes:
        amount: Positive.
        paid_on: Business date.
        paid_at: Instant, where the back office keeps one.
        receipt: Receipt number; the natural key where a back office has no payment id.
        method_text: What the back office says about the means, masked ("Visa ****1111").
        reference: An external reference (gateway id, cheque number); empty when none.
    """

    entity: ClassVar[str] = "payment"

    tenant_id: Id
    amount: Money
    state: PaymentState
    vendor_state: str = ""
    paid_on: date
    paid_at: Instant | None = None
    receipt: str = ""
    method_text: str = ""
    reference: str = ""
    allocations: tuple[Allocation, ...] = ()

    @model_validator(mode="after")
    def _allocations_add_up(self) -> Self:
        if self.amount.is_negative:
            message = "a payment is positive; money going back is a refund or a reversal in the ledger"
            raise ValueError(message)
        if self.allocations and sum_money((a.amount for a in self.allocations), self.amount.currency) != self.amount:
            message = "allocations must add up to the payment"
            raise ValueError(message)
        return self


class MethodKind(OpenEnum):
    """What a stored method draws on."""

    CARD = "card"
    BANK_ACCOUNT = "bank_account"
    UNKNOWN = "unknown"


class PaymentMethod(Record):
    """A stored way to pay, as far as it may be shown. To pay by it, name its id: ``StoredMethod(method_id=one.id)``.

    Attributes:
        rental_id: The one rental it is stored for; None for all of the tenant's.
        face: Brand and last four digits, or the last digits of a bank account; None when the back office tells nothing.
        token: The processor's token, where the back office uses tokens; never written to JSON. No model has a field for
            a card number.
        is_usable: Not expired and complete.
        pays_on_demand: ``pay`` can charge it; one that cannot is charged by autopay alone.
        is_default: It is charged where nobody names another; None when the back office does not tell.
    """

    entity: ClassVar[str] = "payment_method"

    tenant_id: Id
    rental_id: Id | None = None
    face: CardFace | BankAccountFace | None = None
    holder: str = ""
    token: SecretStr | None = Field(default=None, exclude=True)
    is_usable: bool = False
    pays_on_demand: Annotated[bool, Since(5)] = True
    is_default: Annotated[bool | None, Since(5)] = None

    @property
    def kind(self) -> MethodKind:
        """Card or bank account; unknown where the back office tells nothing of it."""
        if self.face is None:
            return MethodKind.UNKNOWN
        return MethodKind.CARD if isinstance(self.face, CardFace) else MethodKind.BANK_ACCOUNT

    @property
    def last4(self) -> str:
        """The last digits, as text; empty where the back office tells none."""
        return self.face.last4 if self.face is not None else ""

    @property
    def expires_on(self) -> date | None:
        """A card's last valid day; None for what has none, and when it is not known."""
        return self.face.expires_on if isinstance(self.face, CardFace) else None


class AutopayState(OpenEnum):
    """Whether the back office charges by itself."""

    OFF = "off"
    CARD = "card"
    BANK_DEBIT = "bank_debit"
    UNKNOWN = "unknown"


class Autopay(Value):
    """Autopay of one rental.

    Autopay needs a usable method: a half-finished enrolment reads as off. Whether it is mandatory and whether the
    stored method is usable are separate facts. Saving a card does not enrol.

    Attributes:
        state: What the back office will do by itself.
        vendor_state: The back office's own word.
        method: What it charges. Whether that can be charged on demand, and is the default, only ``payment_methods``
            tells: here both fields stay at their defaults, so that earlier code reads what is kept of autopay.
        method_usable: The stored method is complete and not expired.
        days_after_due: How long after the due date it charges; None when not known.
        is_changeable: The back office can be told another state without harm to the stored method; else staff do it.
        is_enrolled: The back office says that it is on, and not what it charges (the state is unknown): then it can be
            switched off.
    """

    rental_id: Id
    state: AutopayState
    vendor_state: str = ""
    method: PaymentMethod | None = None
    method_usable: bool = False
    mandatory: bool = False
    days_after_due: int | None = None
    is_changeable: bool = True
    is_enrolled: Annotated[bool, Since(5)] = False
    read_at: Instant | None = None

    @property
    def is_on(self) -> bool:
        """Enrolled with a method that works."""
        return self.state in {AutopayState.CARD, AutopayState.BANK_DEBIT} and self.method_usable


class AutopayRecord(Record):
    """Autopay of one rental, as a record of its own for a copy of the back office; its id is the rental's."""

    entity: ClassVar[str] = "autopay"

    tenant_id: Id
    autopay: Autopay


class CardPayment(Value):
    """Pay by a card typed now. Only its face is here; the card itself travels sealed and is never stored."""

    by: Literal["card"] = "card"
    face: CardFace


class BankDebit(Value):
    """Pay by a debit from a bank account typed now. Only its face is here."""

    by: Literal["bank_debit"] = "bank_debit"
    face: BankAccountFace


class ExternalPayment(Value):
    """Money that a payment gateway already took; the back office only records it.

    Attributes:
        gateway: Name of the gateway ("stripe").
        reference: The gateway's payment id; it is written into the back office so that it can be found again.
        taken_at: When the gateway took it.
    """

    by: Literal["external"] = "external"
    gateway: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    reference: Annotated[str, StringConstraints(min_length=4, max_length=60, pattern=r"^[A-Za-z0-9_.:-]+$")]
    taken_at: Instant | None = None


class StoredMethod(Value):
    """Pay by a method the back office has on file."""

    by: Literal["stored"] = "stored"
    method_id: Id


Means = Annotated[CardPayment | BankDebit | ExternalPayment | StoredMethod, Field(discriminator="by")]
"""How a payment is made, without anything secret."""


def expires_before(face: CardFace | BankAccountFace | None, today: date) -> bool:
    """Whether a card's last valid day has passed."""
    return isinstance(face, CardFace) and face.expires_on is not None and face.expires_on < today
