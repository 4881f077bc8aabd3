"""What the judge looks at, and what a rule answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.kinds import EMULATABLE
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.sections import PortalRules, Section
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentMethod
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import RentalKind
from pmsbridge.model.requests import CallOffState
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = [
    "ALL_MEANS",
    "TYPED_MEANS",
    "Asked",
    "CalledOff",
    "Case",
    "No",
    "Rule",
    "Subject",
    "being_confirmed",
    "named",
    "sentence",
]

TYPED_MEANS: Final = frozenset({"card", "bank_debit"})
"""Ways to pay that were typed now: what was typed is used at once, or not at all."""

ALL_MEANS: Final = TYPED_MEANS | {"external", "stored"}
"""Every way to pay."""


@dataclass(frozen=True, slots=True)
class CalledOff:
    """A call-off that was asked for.

    Attributes:
        id: As the back office calls it; where it does not tell of them, the id of the action.
        action_id: Of the action that asked for it here; empty where it came another way.
        quantity: How many, in the line's measure.
        reference: What the request is found by again; empty where it has none.
        state: As the back office says; WITHDRAWN also where it was taken back here.
    """

    id: str
    action_id: str
    rental_id: str
    item_id: str
    quantity: Decimal
    reference: str
    state: CallOffState

    @property
    def is_told(self) -> bool:
        """Whether the back office tells what becomes of it; else only the contract shows that it is over."""
        return self.id != self.action_id


@dataclass(frozen=True, slots=True)
class Subject:
    """What the judge looks at.

    Attributes:
        account: The tenant, read at one moment.
        today: Business date at the facility.
        native: Effect kinds the back office does itself; "pay_invoice" and "pay_on_account" where it can aim a payment.
        is_confirming: A payment of this tenant is still being confirmed: no card is taken for another one meanwhile.
        being_paid: Business guards of payments that are not over: what they pay is not paid once more.
        rules: What the operator decided about the portal.
        is_staff: Somebody of the staff asks.
        quotes_ahead: The back office says what months ahead cost.
        is_copied: The nightly copy holds this tenant.
        settles_lines: The back office can settle single lines of an invoice.
        autopay_without: What of autopay the back office has no place for: "days_after_due" for another day.
        requests: What staff asked this tenant to pay.
        closed_to_tenants: Sections that tenants do not have here; to staff, who have all of them, too.
        autopay_means: What the back office can be told to charge by itself: "card", "bank_debit", "stored"; nothing
            where only its staff can.
        largest_file: How large a file the back office takes, in bytes; None where it does not say.
        payment_means: By what the back office takes payments.
        not_by_hand: Effect kinds that staff of this back office are not asked to do instead of it.
        called_off_by_hand: Call-offs that staff were asked for, that the back office does not tell of, and that were
            not taken back.
    """

    account: TenantAccount
    today: date
    native: frozenset[str]
    is_confirming: bool = False
    being_paid: frozenset[str] = frozenset()
    rules: PortalRules = field(default_factory=PortalRules)
    is_staff: bool = False
    quotes_ahead: bool = True
    is_copied: bool = True
    settles_lines: bool = False
    autopay_without: frozenset[str] = frozenset()
    requests: tuple[PaymentRequest, ...] = ()
    closed_to_tenants: frozenset[Section] = frozenset()
    autopay_means: frozenset[str] = TYPED_MEANS
    largest_file: int | None = None
    payment_means: frozenset[str] = ALL_MEANS
    not_by_hand: frozenset[str] = frozenset()
    called_off_by_hand: tuple[CalledOff, ...] = ()

    def is_emulated(self, needed: str) -> bool:
        """Whether staff do an effect by hand, because the back office does not do it itself."""
        return needed in EMULATABLE and needed not in self.native and needed not in self.not_by_hand


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of a verb, as far as they matter for the answer. All None: "could it be offered at all?".

    Attributes:
        by: How it would be paid: "card", "bank_debit", "external" or "stored"; None for that one of
            those that the back office takes which can least wait: what is typed now.
        method: What is stored and would be charged; None where none is named, or the back office does not tell.
        face: What may be shown of what was typed now and would be charged; None where nothing was.
        has_new_method: Of autopay: another method is named with it; None for "could it be offered at all?".
        is_agreed: Staff asked for this very amount, so that a part is taken where parts are not.
        ahead: By rental, what the back office asks for the months.
        line_ids: Of the invoice: the lines that would be paid; None for all of it.
        request: The payment request that would be paid or withdrawn; its amount is its own.
        unit: The unit that would be moved to.
        file_bytes: How large the file is that would be handed in.
        call_off: The call-off that would be taken back.
    """

    by: str | None = None
    amount: Money | None = None
    is_agreed: bool = False
    months: int | None = None
    ahead: Mapping[str, Money] | None = None
    leaving_on: date | None = None
    method: PaymentMethod | None = None
    face: CardFace | BankAccountFace | None = None
    has_new_method: bool | None = None
    has_new_day: bool = False
    invoice: Invoice | None = None
    line_ids: tuple[str, ...] | None = None
    request: PaymentRequest | None = None
    item_id: str | None = None
    quantity: Decimal | None = None
    wanted_on: date | None = None
    unit: Unit | None = None
    file_bytes: int | None = None
    call_off: CalledOff | None = None


@dataclass(frozen=True, slots=True)
class No:
    """A denial: its reason code, what a person is told, and what would unblock it; empty for nothing."""

    code: str
    message: str
    unblock: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the judge.

    Attributes:
        row: The rental it is about; None for the tenant as a whole.
        facts: What a form needs, collected on the way.
    """

    subject: Subject
    asked: Asked
    row: RentalAccount | None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> TenantAccount:
        """The tenant."""
        return self.subject.account

    @property
    def rental(self) -> RentalAccount:
        """The rental, where a rule needs one."""
        if self.row is None:  # pragma: no cover - judge() looks the rental up before any rule runs
            message = "this rule needs a rental"
            raise AssertionError(message)
        return self.row


Rule = Callable[[Case], No | None]
"""Denies, or has nothing to say."""


def being_confirmed() -> No:
    """A payment of the tenant is under way, and stands in the way of this."""
    return No(
        "payment_being_confirmed", "A payment is still being confirmed.",
        "Please wait until it is confirmed; do not pay again.",
    )  # fmt: skip


def named(row: RentalAccount) -> str:
    """What a sentence calls a rental."""
    if row.rental.kind is RentalKind.ACCOUNT:
        return "the account"
    return f"{'contract' if row.rental.kind is RentalKind.CONTRACT else 'unit'} {row.rental.label}"


def sentence(words: str) -> str:
    """Words that begin a sentence."""
    return words[:1].upper() + words[1:]
