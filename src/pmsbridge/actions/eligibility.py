"""The judge: the button and the write ask the same question here. Pure; no I/O.

Every denial has a reason code, a message and its key, and what would unblock it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from pydantic import Field

from pmsbridge.actions.kinds import EMULATABLE, NEEDS, ActionKind
from pmsbridge.actions.sections import SECTION_OF, PortalRules
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money
from pmsbridge.model.payments import AutopayState, expires_before
from pmsbridge.model.places import UnitState
from pmsbridge.model.record import Value
from pmsbridge.model.rental import ItemOut, RentalKind, RentalState
from pmsbridge.model.requests import CallOffReason

__all__ = ["Asked", "Offer", "Subject", "available_actions", "judge", "refuse_unless_allowed"]


class Offer(Value):
    """The judge's answer about one verb.

    Attributes:
        rental_id: None for verbs about the tenant as a whole.
        code: Reason code of a denial; empty when allowed.
        message: For a person, English; ``message_key`` names it for translation.
        unblock: What would make it possible; empty when nothing the tenant can do would.
        is_emulated: It would be done as a staff task.
        facts: What a form needs: "earliest_on", "latest_on", "max_months", "payable_now", "callable_off", "units".
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


@dataclass(frozen=True, slots=True)
class Subject:
    """What the judge looks at.

    Attributes:
        account: The tenant, read at one moment.
        today: Business date at the facility.
        native: Effect kinds the back office does itself; "pay_invoice" and "pay_on_account" where it can aim a payment.
        is_confirming: A payment of this tenant is still being confirmed: no card is taken for another one meanwhile.
        rules: What the operator decided about the portal.
        is_staff: Somebody of the staff asks.
    """

    account: TenantAccount
    today: date
    native: frozenset[str]
    is_confirming: bool = False
    rules: PortalRules = field(default_factory=PortalRules)
    is_staff: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of a verb, as far as they matter for the answer. All None: "could it be offered at all?"."""

    amount: Money | None = None
    months: int | None = None
    leaving_on: date | None = None
    has_new_method: bool | None = None
    invoice: Invoice | None = None
    item_id: str | None = None
    quantity: Decimal | None = None
    wanted_on: date | None = None


@dataclass(frozen=True, slots=True)
class _No:
    code: str
    message: str
    unblock: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    subject: Subject
    asked: Asked
    row: RentalAccount | None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> TenantAccount:
        return self.subject.account

    @property
    def rental(self) -> RentalAccount:
        if self.row is None:  # pragma: no cover - judge() looks the rental up before any rule runs
            message = "this rule needs a rental"
            raise AssertionError(message)
        return self.row


_Rule = Callable[[_Case], _No | None]


def judge(kind: ActionKind, subject: Subject, *, rental_id: str | None = None, asked: Asked | None = None) -> Offer:
    """Say whether a verb is allowed now, and if not, why not and what would unblock it.

    Raises:
        NotFoundError: The rental is not one of this tenant's.
    """
    row = _row(subject.account, rental_id) if rental_id is not None else None
    if kind.is_per_rental and row is None:
        raise NotFoundError("rental_id", "is needed", remedy="Name one of the tenant's rentals.")
    case = _Case(subject, asked or Asked(), row)
    needed = NEEDS[kind]
    emulated = (needed not in subject.native and needed in EMULATABLE) or _by_hand(kind, row)
    for rule in (_licensed(needed), _supported(needed), _portal_open, _section_open(kind), *_RULES[kind]):
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


def available_actions(subject: Subject, *, rental_id: str | None = None) -> tuple[Offer, ...]:
    """Every verb with the judge's answer: for one rental, or for the tenant and all that is open of theirs."""
    rentals = [rental_id] if rental_id is not None else [row.id for row in subject.account.rentals if _is_open(row)]
    per_rental = [judge(kind, subject, rental_id=each) for each in rentals for kind in ActionKind if kind.is_per_rental]
    whole = [] if rental_id is not None else [judge(kind, subject) for kind in ActionKind if not kind.is_per_rental]
    return (*whole, *per_rental)


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


def _by_hand(kind: ActionKind, row: RentalAccount | None) -> bool:
    """Whether this rental's autopay can only be switched off by staff."""
    autopay = row.autopay if row is not None else None
    return kind is ActionKind.AUTOPAY_OFF and autopay is not None and not autopay.is_changeable


def _row(account: TenantAccount, rental_id: str) -> RentalAccount:
    row = account.rental(rental_id)
    if row is None:
        raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the dashboard.")
    return row


def _licensed(needed: str) -> _Rule:
    def rule(case: _Case) -> _No | None:
        if needed in case.subject.rules.unlicensed:
            return _No("not_licensed", "The office's system is not licensed for this.", "Please call the office.")
        return None

    return rule


def _supported(needed: str) -> _Rule:
    def rule(case: _Case) -> _No | None:
        if needed in case.subject.native or needed in EMULATABLE:
            return None
        return _No("not_supported", f"This back office cannot {needed.replace('_', ' ')}.")

    return rule


def _portal_open(case: _Case) -> _No | None:
    if case.account.tenant.portal_disabled:
        return _No("portal_disabled", "Web access is switched off for this account.", "Please call the office.")
    return None


def _something_to_order(case: _Case) -> _No | None:
    if not case.subject.rules.shop:
        return _No("nothing_to_order", "There is nothing to order here.", "Please call the office.")
    return None


def _staff_only(case: _Case) -> _No | None:
    if not case.subject.is_staff:
        return _No("staff_only", "Only the office can do this.", "Please call the office.")
    return None


def _section_open(kind: ActionKind) -> _Rule:
    def rule(case: _Case) -> _No | None:
        section = SECTION_OF.get(kind)
        if section is None or section not in case.subject.rules.closed_sections:
            return None
        return _No(
            "section_off", f"The section {section.value} is switched off at this facility.", "Please call the office."
        )

    return rule


def _not_under_lien(case: _Case) -> _No | None:
    """What is held for a sale is the office's and the law's matter alone."""
    rows = [case.row] if case.row is not None else list(case.account.current)
    held = [_named(row) for row in rows if row.unit is not None and row.unit.state is UnitState.LIEN]
    if held:
        return _No("under_lien", f"{_sentence(', '.join(held))} is under a lien.", "Please call the office.")
    return None


def _nothing_confirming(case: _Case) -> _No | None:
    if case.subject.is_confirming:
        return _No(
            "payment_being_confirmed", "A payment is still being confirmed.",
            "Please wait until it is confirmed; do not pay again.",
        )  # fmt: skip
    return None


def _payments_open(case: _Case) -> _No | None:
    policy = case.account.facility.policy
    if not policy.accepts_online_payments:
        return _No("payments_off", "This facility does not take online payments.", "Please call the office.")
    rows = [case.row] if case.row is not None else [r for r in case.account.rentals if _counts(r)]
    for row in rows:
        if row.payments_blocked:
            return _No(
                "payments_blocked",
                f"Online payment is not possible for {_named(row)}.",
                "Please call the office.",
            )
        limit = policy.blocked_from_days_past_due
        if limit is not None and row.days_past_due is not None and row.days_past_due >= limit:
            return _No(
                "too_many_days_past_due",
                f"{_sentence(_named(row))} is too many days past due for online payment.",
                "Please call the office.",
            )
    return None


def _named(row: RentalAccount) -> str:
    """What a sentence calls a rental."""
    if row.rental.kind is RentalKind.ACCOUNT:
        return "the account"
    return f"{'contract' if row.rental.kind is RentalKind.CONTRACT else 'unit'} {row.rental.label}"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _counts(row: RentalAccount) -> bool:
    return row.rental.state.is_current or row.balances.payable_now.is_positive


def _something_due(case: _Case) -> _No | None:
    if case.rental.is_complimentary:
        return _No("complimentary", "This unit is free of charge; no payment is needed.")
    payable = case.rental.balances.payable_now
    case.facts["payable_now"] = str(payable)
    if not payable.is_positive:
        return _No("nothing_due", f"Nothing is due for {_this(case.rental)}.", "To pay ahead, use prepay.")
    return None


def _this(row: RentalAccount) -> str:
    return {RentalKind.CONTRACT: "this contract", RentalKind.ACCOUNT: "this account"}.get(row.rental.kind, "this unit")


def _amount_fits(case: _Case) -> _No | None:
    return _within(case, case.rental.balances.payable_now)


def _within(case: _Case, payable: Money) -> _No | None:
    amount = case.asked.amount
    if amount is None:
        return None
    if denial := _is_no_amount(amount, payable.currency):
        return denial
    if amount > payable:
        return _No("amount_exceeds_balance", f"At most {payable} may be paid now.", "To pay ahead, use prepay.")
    if amount < payable and not case.account.facility.policy.allows_partial_payments:
        return _No("partial_not_allowed", "This facility does not take partial payments.", f"Pay {payable}.")
    return None


def _is_no_amount(amount: Money, currency: str) -> _No | None:
    if amount.currency != currency:
        return _No("wrong_currency", f"Payments here are in {currency}.")
    if not amount.is_payable:
        return _No("amount_not_payable", "An amount must be positive, without fractions of a cent.")
    return None


def _invoice_is_open(case: _Case) -> _No | None:
    invoice = case.asked.invoice
    if invoice is None:
        return None
    if not invoice.is_visible or invoice.balance is None:
        return _No("invoice_not_payable", "This invoice cannot be paid here.", "Please call the office.")
    if not invoice.balance.is_positive:
        return _No("nothing_due", f"Nothing is due on invoice {invoice.number}.")
    case.facts["payable_now"] = str(invoice.balance)
    return _within(case, invoice.balance)


def _keeps_an_account(case: _Case) -> _No | None:
    if not any(row.rental.kind is RentalKind.ACCOUNT for row in case.account.rentals):
        return _No("no_account", "There is no account that money could be paid on.", "Please call the office.")
    if not case.account.facility.policy.takes_money_on_account:
        return _No("not_on_account", "This facility takes no money on account.", "Pay what is due.")
    amount = case.asked.amount
    return _is_no_amount(amount, case.account.facility.currency) if amount is not None else None


def _every_unit_billed(case: _Case) -> _No | None:
    rows = case.account.current
    if not rows and not case.account.total.payable_now.is_positive:
        return _No("no_rentals", "There is no unit to pay for.")
    unbilled = [row.rental.label for row in rows if not row.is_complimentary and row.billed is not True]
    if unbilled:
        case.facts["units"] = ", ".join(unbilled)
        return _No(
            "not_all_billed",
            f"The bill for unit {', '.join(unbilled)} has not been made yet.",
            "Pay the billed units one by one, or wait for the bill.",
        )
    return None


def _anything_due(case: _Case) -> _No | None:
    payable = [row for row in case.account.rentals if row.balances.payable_now.is_positive]
    case.facts["payable_now"] = str(case.account.total.payable_now)
    if not payable:
        return _No("nothing_due", "Nothing is due.", "To pay ahead, use prepay.")
    return None


def _nothing_owed(case: _Case) -> _No | None:
    rows = _periodic(case)
    if not rows:
        return _No("no_rentals", "There is no unit to pay for.")
    if all(row.is_complimentary for row in rows):
        return _No("complimentary", "This unit is free of charge; no payment is needed.")
    owing = [row.rental.label for row in rows if row.balances.ledger.is_positive]
    if owing:
        case.facts["units"] = ", ".join(owing)
        verb = "have" if len(owing) > 1 else "has"
        return _No("balance_not_zero", f"Unit {', '.join(owing)} {verb} a balance.", "Pay the balance first.")
    return None


def _periodic(case: _Case) -> list[RentalAccount]:
    """What is billed by the period: what a contract's items cost is known when they come back."""
    rows = [case.row] if case.row is not None else list(case.account.current)
    return [row for row in rows if row.rental.kind is not RentalKind.CONTRACT]


def _not_leaving(case: _Case) -> _No | None:
    rows = _periodic(case)
    if any(row.rental.state is RentalState.NOTICE_GIVEN for row in rows):
        return _No("leaving", "A move-out is scheduled.", "Cancel the move-out to pay ahead.")
    if any(not row.rental.state.is_current for row in rows):
        return _No("rental_over", "This rental has ended.")
    return None


def _months_fit(case: _Case) -> _No | None:
    limit = case.account.facility.policy.max_prepay_months
    case.facts["max_months"] = str(limit)
    months = case.asked.months
    if months is not None and not 1 <= months <= limit:
        return _No("months_out_of_range", f"1 to {limit} months can be paid ahead.", f"Choose 1 to {limit} months.")
    return None


def _is_current(case: _Case) -> _No | None:
    if not case.rental.rental.state.is_current:
        return _No("rental_over", "This rental has ended.")
    return None


def _autopay_is_here(case: _Case) -> _No | None:
    """Where one autopay covers the whole account, it is switched there and nowhere else."""
    if case.rental.rental.kind is RentalKind.ACCOUNT:
        return None
    covering = [
        row for row in case.account.rentals if row.rental.kind is RentalKind.ACCOUNT and row.autopay is not None
    ]
    if covering:
        return _No("autopay_on_account", "Autopay covers the whole account.", "Change it for the account.")
    return _is_current(case)


def _is_no_contract(case: _Case) -> _No | None:
    if case.rental.rental.kind is RentalKind.CONTRACT:
        return _No("call_off_instead", "What is on a contract is called off item by item.", "Call items off rent.")
    return None


def _contract_is_open(case: _Case) -> _No | None:
    rental = case.rental.rental
    if rental.kind is not RentalKind.CONTRACT:
        return _No("move_out_instead", "There are no items here to call off.", "To leave a unit, request a move-out.")
    if not rental.state.is_current:
        return _denied(CallOffReason.CONTRACT_NOT_OPEN, "This contract is not open.")
    return None


def _denied(reason: CallOffReason, message: str, unblock: str = "") -> _No:
    return _No(reason.value, message, unblock)


def _can_be_called_off(case: _Case) -> _No | None:
    rental, wanted = case.rental.rental, case.asked.item_id
    if wanted is None:
        denials = [_item_denial(item) for item in rental.items]
        return None if None in denials else next(iter(denials), _denied(CallOffReason.NOT_DELIVERED, "Nothing is out."))
    item = rental.item(wanted)
    if item is None:
        raise NotFoundError("item_id", "is no item of this contract", remedy="Use an id from the items out.")
    case.facts["callable_off"] = format(item.callable_off, "f")
    return _item_denial(item) or _quantity_denial(item, case.asked.quantity)


def _item_denial(item: ItemOut) -> _No | None:
    if item.call_off_excluded:
        text = "The rate of this item does not allow a call-off."
        return _denied(CallOffReason.RATE_TYPE_EXCLUDED, text, "Please call the office.")
    if item.out <= 0:
        return _denied(CallOffReason.NOT_DELIVERED, "This item was not delivered yet.")
    if item.callable_off <= 0:
        return _denied(CallOffReason.ALREADY_OFF_RENT, "All of this item is back, or called off already.")
    return None


def _quantity_denial(item: ItemOut, quantity: Decimal | None) -> _No | None:
    if quantity is None:
        return None
    if quantity <= 0:
        return _No("quantity_not_positive", "A quantity is more than zero.")
    if quantity > item.callable_off:
        most = f"{item.callable_off.normalize():f}"
        return _denied(CallOffReason.QUANTITY_EXCEEDS_OUT, f"Only {most} of it can be called off.", f"Choose {most}.")
    return None


def _call_off_day_fits(case: _Case) -> _No | None:
    today = case.subject.today
    earliest = today + timedelta(days=case.account.facility.policy.call_off_notice_days)
    case.facts["earliest_on"] = earliest.isoformat()
    day = case.asked.wanted_on
    if day is None or day >= earliest:
        return None
    if day < today:
        text = "A call-off for a day in the past needs the office."
        return _denied(CallOffReason.BACKDATED_NEEDS_STAFF, text, f"Choose {earliest} or later, or call the office.")
    return _denied(CallOffReason.PAST_CUTOFF, "It is too late for this day.", f"Choose {earliest} or later.")


def _is_a_quote(case: _Case) -> _No | None:
    if case.rental.rental.state is not RentalState.QUOTE:
        return _No("no_quote", "This is no quote that waits for an answer.")
    return None


def _method_ready(case: _Case) -> _No | None:
    if case.asked.has_new_method is not False:
        return None
    autopay = case.rental.autopay
    method = autopay.method if autopay is not None else None
    if method is None:
        return _No("method_needed", "No card or bank account is on file.", "Enter a card or bank account.")
    if expires_before(method.face, case.subject.today):
        return _No("method_expired", "The card on file has expired.", "Enter a new card.")
    return None


def _autopay_known(case: _Case) -> _No | None:
    autopay = case.rental.autopay
    if autopay is None or autopay.state is AutopayState.UNKNOWN:
        return _No("autopay_unknown", "The back office did not tell how autopay stands.", "Please try again later.")
    return None


def _autopay_optional(case: _Case) -> _No | None:
    autopay = case.rental.autopay
    if case.account.facility.policy.autopay_is_mandatory or (autopay is not None and autopay.mandatory):
        return _No("autopay_mandatory", "Autopay is part of this rental.", "The method can be changed.")
    return None


def _leaving_date_fits(case: _Case) -> _No | None:
    policy, today = case.account.facility.policy, case.subject.today
    unit = case.rental.unit
    notice = max(policy.move_out_notice_days, (unit.notice_days or 0) if unit is not None else 0)
    earliest, latest = today + timedelta(days=notice), today + timedelta(days=policy.move_out_max_days)
    case.facts.update(earliest_on=earliest.isoformat(), latest_on=latest.isoformat())
    day = case.asked.leaving_on
    if day is None:
        return None
    if day < today:
        return _No("date_in_past", "The leaving date lies in the past.", f"Choose {earliest} or later.")
    if day < earliest:
        return _No("notice_too_short", f"A move-out needs {notice} days' notice.", f"Choose {earliest} or later.")
    if day > latest:
        return _No("date_too_far", f"A move-out can be scheduled up to {latest}.", f"Choose {latest} or earlier.")
    return None


def _move_out_scheduled(case: _Case) -> _No | None:
    if case.rental.rental.leaving_on is None:
        return _No("no_move_out", "No move-out is scheduled.")
    return None


_K = ActionKind
_AUTOPAY_ON: Final = (_autopay_is_here, _not_under_lien, _autopay_known, _method_ready)
_PAYING: Final = (_payments_open, _not_under_lien, _nothing_confirming)
_RULES: Final[Mapping[ActionKind, tuple[_Rule, ...]]] = {
    _K.PAY_RENTAL: (*_PAYING, _something_due, _amount_fits),
    _K.PAY_ALL: (*_PAYING, _every_unit_billed, _anything_due),
    _K.PREPAY: (*_PAYING, _months_fit, _nothing_owed, _not_leaving),
    _K.AUTOPAY_ON: _AUTOPAY_ON,
    _K.AUTOPAY_CHANGE: _AUTOPAY_ON,
    _K.PAY_INVOICE: (*_PAYING, _invoice_is_open),
    _K.PAY_ON_ACCOUNT: (*_PAYING, _keeps_an_account),
    _K.AUTOPAY_OFF: (_autopay_is_here, _autopay_known, _autopay_optional),
    _K.REQUEST_MOVE_OUT: (_is_current, _is_no_contract, _not_under_lien, _leaving_date_fits),
    _K.TRANSFER: (_is_current, _is_no_contract, _not_under_lien, _leaving_date_fits),
    _K.CANCEL_MOVE_OUT: (_is_current, _is_no_contract, _move_out_scheduled),
    _K.REQUEST_CALL_OFF: (_contract_is_open, _can_be_called_off, _call_off_day_fits),
    _K.ACCEPT_QUOTE: (_is_a_quote,),
    _K.EDIT_CONTACT: (),
    _K.SET_CONSENT: (),
    _K.SET_LANGUAGE: (),
    _K.AGREE_PLAN: (_staff_only,),
    _K.ADD_NOTE: (),
    _K.ATTACH_DOCUMENT: (),
    _K.ASK_STAFF: (),
    _K.RESERVE_UNIT: (),
    _K.ORDER: (_something_to_order,),
    _K.CHANGE_PASSWORD: (),
    _K.CHANGE_ACCESS_CODE: (_is_current, _is_no_contract, _not_under_lien),
    _K.LOOK_UP_CODE: (_staff_only, _is_current, _is_no_contract, _not_under_lien),
}
