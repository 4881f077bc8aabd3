"""The judge: the button and the write ask the same question here. Pure; no I/O.

Every denial has a reason code, a message and its key, and what would unblock it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import Field

from pmsbridge.actions import money_rules as money
from pmsbridge.actions.case import Asked, Case, Rule, Subject
from pmsbridge.actions.kinds import MONEY_KINDS, NEEDS, ActionKind
from pmsbridge.actions.method_rules import (
    autopay_method_good,
    day_taken,
    means_taken,
    method_can_change,
    method_good,
    method_ready,
    method_taken,
    nothing_confirming,
)
from pmsbridge.actions.payment_requests import RequestState
from pmsbridge.actions.portal_rules import (
    billing_open_to_tenants,
    copied,
    file_fits,
    licensed,
    portal_open,
    priced_ahead,
    section_open,
    something_to_order,
    staff_only,
    supported,
)
from pmsbridge.actions.rental_rules import (
    autopay_is_here,
    autopay_known,
    autopay_optional,
    call_off_can_be_withdrawn,
    call_off_day_fits,
    can_be_called_off,
    contract_is_open,
    is_a_contract,
    is_a_quote,
    is_current,
    is_no_contract,
    leaving_date_fits,
    move_out_scheduled,
    not_under_lien,
    unit_is_free,
)
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.record import Value
from pmsbridge.model.rental import RentalKind, RentalState

__all__ = [
    "Asked",
    "Offer",
    "Subject",
    "available_actions",
    "judge",
    "refuse_answered",
    "refuse_means",
    "refuse_unless_allowed",
]


class Offer(Value):
    """The judge's answer about one verb.

    Attributes:
        rental_id: None for verbs about the tenant as a whole.
        code: Reason code of a denial; empty when allowed.
        message: For a person, English; ``message_key`` names it for translation.
        unblock: What would make it possible; empty when nothing the tenant can do would.
        is_emulated: It would be done as a staff task.
        facts: What a form needs: "earliest_on", "latest_on", "max_months", "payable_now", "callable_off", "units",
            "largest_file" in bytes, and "by": ways to pay by which it is possible all the same; of autopay, what it can
            be told to charge, and "without_method": the code of the denial where none is named with it.
    """

    kind: ActionKind
    rental_id: str | None = None
    allowed: bool
    code: str = ""
    message: str = ""
    unblock: str = ""
    is_emulated: bool = False
    facts: dict[str, str] = Field(default_factory=dict)

    @property
    def message_key(self) -> str:
        """Key of the message; empty when allowed."""
        return f"eligibility.{self.code}" if self.code else ""


def judge(kind: ActionKind, subject: Subject, *, rental_id: str | None = None, asked: Asked | None = None) -> Offer:
    """Say whether a verb is allowed now, and if not, why not and what would unblock it.

    Raises:
        NotFoundError: The rental is not one of this tenant's.
    """
    row = _row(subject.account, rental_id) if rental_id is not None else None
    if kind.is_per_rental and row is None:
        raise NotFoundError("rental_id", "is needed", remedy="Name one of the tenant's rentals.")
    case = Case(subject, _with_means(kind, subject, asked or Asked()), row)
    needed = NEEDS[kind]
    emulated = subject.is_emulated(needed) or _by_hand(kind, row, case.asked)
    for rule in (licensed(needed), supported(needed), portal_open, copied, section_open(kind), *_RULES[kind]):
        denial = rule(case)
        if denial is not None:
            return Offer(
                kind=kind,
                rental_id=rental_id,
                allowed=False,
                code=denial.code,
                message=denial.message,
                unblock=denial.unblock,
                facts=case.facts,
            )
    return Offer(kind=kind, rental_id=rental_id, allowed=True, is_emulated=emulated, facts=case.facts)


def available_actions(
    subject: Subject, *, rental_id: str | None = None, asked: Asked | None = None
) -> tuple[Offer, ...]:
    """Every verb with the judge's answer: for one rental, or for the tenant and all that is open of theirs."""
    rentals = [rental_id] if rental_id is not None else [row.id for row in subject.account.rentals if _is_open(row)]
    own = [kind for kind in ActionKind if kind.is_per_rental]
    per_rental = [
        judge(kind, subject, rental_id=each, asked=asked if rental_id is not None else _asked_of(subject, each, asked))
        for each in rentals for kind in own
    ]  # fmt: skip
    others = [] if rental_id is not None else [kind for kind in ActionKind if not kind.is_per_rental]
    return (*(judge(kind, subject, asked=asked) for kind in others), *per_rental)


def _asked_of(subject: Subject, rental_id: str, asked: Asked | None) -> Asked | None:
    """What is asked about one rental of several: an item that is named is on one contract, not on all."""
    if asked is not None and asked.call_off is not None and asked.call_off.rental_id != rental_id:
        asked = replace(asked, call_off=None)
    item_id = asked.item_id if asked is not None else None
    if asked is None or item_id is None or _row(subject.account, rental_id).rental.item(item_id) is not None:
        return asked
    return replace(asked, item_id=None, quantity=None)


def _is_open(row: RentalAccount) -> bool:
    rental = row.rental
    return rental.state.is_current or rental.state is RentalState.QUOTE or rental.kind is RentalKind.ACCOUNT


def refuse_unless_allowed(offer: Offer) -> None:
    """Turn a denial into the error the action raises.

    Raises:
        UnsupportedError: This back office cannot say it.
        IneligibleError: Any other denial.
    """
    if offer.allowed:
        return
    if offer.code == "not_supported":
        raise UnsupportedError(offer.message, code=offer.code)
    raise IneligibleError(offer.message, code=offer.code, message_key=offer.message_key, unblock=offer.unblock)


def refuse_answered(state: RequestState) -> None:
    """Refuse to pay or withdraw a payment request that stands so.

    Raises:
        IneligibleError: It is paid ("request_paid"), being paid ("payment_being_confirmed") or withdrawn
            ("request_withdrawn").
    """
    denial = money.request_denied(state)
    if denial is not None:
        raise IneligibleError(denial.message, code=denial.code, unblock=denial.unblock)


def refuse_means(subject: Subject, asked: Asked) -> None:
    """Refuse means of a payment: what the back office does not take or charge, and what cannot wait for another one.

    Args:
        subject: Everything else about the payment was judged before.
        asked: By what it would be paid: ``by``, and the ``method`` that is stored or the ``face`` of what was typed.

    Raises:
        IneligibleError: The back office takes no payment by these means ("means_not_taken"), the card has expired
            ("method_expired"), what is stored is not charged on demand ("method_not_usable"), or a card or bank account
            was typed, and a payment is being confirmed.
    """
    case = Case(subject, asked, None)
    denial = next((denial for rule in _LAST if (denial := rule(case)) is not None), None)
    if denial is not None:
        key = f"eligibility.{denial.code}"
        raise IneligibleError(denial.message, code=denial.code, message_key=key, unblock=denial.unblock)


def _by_hand(kind: ActionKind, row: RentalAccount | None, asked: Asked) -> bool:
    """Whether staff set this rental's autopay: what is typed now is all that the back office could be told itself."""
    autopay = row.autopay if row is not None else None
    if autopay is None or autopay.is_changeable:
        return False
    types_none = asked.by == "stored" or asked.has_new_method is False
    return kind is _K.AUTOPAY_OFF or (kind in {_K.AUTOPAY_ON, _K.AUTOPAY_CHANGE} and types_none)


def _with_means(kind: ActionKind, subject: Subject, asked: Asked) -> Asked:
    """Where no means are named, those of the ones that are taken which are denied most."""
    if asked.by is not None:
        return asked
    taken = [way for way in _MOST_DENIED if way in subject.payment_means]
    return replace(asked, by=taken[0] if kind in MONEY_KINDS and taken else _MOST_DENIED[0])


def _row(account: TenantAccount, rental_id: str) -> RentalAccount:
    row = account.rental(rental_id)
    if row is None:
        raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the dashboard.")
    return row


_K = ActionKind
_MOST_DENIED: Final = ("card", "bank_debit", "stored", "external")
_AUTOPAY: Final = (money.takes_more_than_cash, autopay_is_here, not_under_lien, autopay_known)
_AUTOPAY_ON: Final = (method_taken, method_ready, day_taken, autopay_method_good)
_PAYING: Final = (money.payments_open, money.takes_more_than_cash, not_under_lien)
# Only what could be paid otherwise is about the means.
_LAST: Final = (means_taken, method_good, nothing_confirming)
_RULES: Final[Mapping[ActionKind, tuple[Rule, ...]]] = {
    _K.PAY_RENTAL: (*_PAYING, money.something_due, money.amount_fits, money.not_again(money.of_rental), *_LAST),
    _K.PAY_ALL: (
        *_PAYING,
        money.every_unit_billed,
        money.anything_due,
        money.not_again(money.of_everything),
        *_LAST,
    ),
    _K.PREPAY: (
        priced_ahead,
        *_PAYING,
        money.months_fit,
        money.nothing_owed,
        money.not_leaving,
        money.months_priced,
        money.not_covered,
        money.not_again(money.of_months),
        *_LAST,
    ),
    _K.AUTOPAY_ON: (*_AUTOPAY, *_AUTOPAY_ON),
    _K.AUTOPAY_CHANGE: (*_AUTOPAY, method_can_change, *_AUTOPAY_ON),
    _K.PAY_INVOICE: (
        *_PAYING,
        money.invoice_is_open,
        money.lines_are_open,
        money.not_again(money.of_invoice),
        *_LAST,
    ),
    _K.PAY_ON_ACCOUNT: (*_PAYING, money.keeps_an_account, money.not_again(money.of_account), *_LAST),
    _K.PAY_REQUEST: (
        *_PAYING,
        money.one_of_requests(money.request_is_open, money.aim_of_request_is_due, money.not_again(money.of_request)),
        *_LAST,
    ),
    _K.AUTOPAY_OFF: (autopay_is_here, autopay_known, autopay_optional, day_taken),
    _K.REQUEST_MOVE_OUT: (is_current, is_no_contract, not_under_lien, leaving_date_fits),
    # The old unit is left by a move-out.
    _K.TRANSFER: (
        supported("schedule_move_out"),
        is_current,
        is_no_contract,
        not_under_lien,
        leaving_date_fits,
        unit_is_free,
    ),
    _K.CANCEL_MOVE_OUT: (is_current, is_no_contract, move_out_scheduled),
    _K.REQUEST_CALL_OFF: (contract_is_open, can_be_called_off, call_off_day_fits),
    _K.WITHDRAW_CALL_OFF: (is_a_contract, call_off_can_be_withdrawn),
    _K.ACCEPT_QUOTE: (is_a_quote,),
    _K.EDIT_CONTACT: (),
    _K.SET_CONSENT: (),
    _K.SET_LANGUAGE: (),
    _K.AGREE_PLAN: (staff_only,),
    _K.NOTE_INSPECTION: (staff_only,),
    # Nobody is asked for what could never be paid.
    _K.ASK_PAYMENT: (
        staff_only,
        billing_open_to_tenants,
        licensed("take_payment"),
        supported("take_payment"),
        *_PAYING,
    ),
    _K.WITHDRAW_REQUEST: (staff_only, money.one_of_requests(money.request_is_open)),
    _K.ADD_NOTE: (),
    _K.ATTACH_DOCUMENT: (file_fits,),
    _K.ASK_STAFF: (),
    _K.RESERVE_UNIT: (),
    _K.ORDER: (something_to_order,),
    _K.CHANGE_PASSWORD: (),
    _K.CHANGE_ACCESS_CODE: (is_current, is_no_contract, not_under_lien),
    _K.LOOK_UP_CODE: (staff_only, is_current, is_no_contract, not_under_lien),
}
