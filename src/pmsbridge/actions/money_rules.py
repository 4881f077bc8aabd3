"""Rules about paying: what may be paid now, how much of it, and ahead."""

from __future__ import annotations

from datetime import date

from pmsbridge.actions.case import Case, No, named, sentence
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentMethod, expires_before
from pmsbridge.model.rental import RentalKind, RentalState

__all__ = [
    "amount_fits",
    "anything_due",
    "every_unit_billed",
    "invoice_is_open",
    "keeps_an_account",
    "method_good",
    "months_fit",
    "not_leaving",
    "nothing_confirming",
    "nothing_owed",
    "payments_open",
    "something_due",
]


def nothing_confirming(case: Case) -> No | None:
    """While a payment is being confirmed, no other one is taken."""
    if case.subject.is_confirming:
        return No(
            "payment_being_confirmed", "A payment is still being confirmed.",
            "Please wait until it is confirmed; do not pay again.",
        )  # fmt: skip
    return None


def payments_open(case: Case) -> No | None:
    """The facility takes online payments, for this rental too."""
    policy = case.account.facility.policy
    if not policy.accepts_online_payments:
        return No("payments_off", "This facility does not take online payments.", "Please call the office.")
    rows = [case.row] if case.row is not None else [r for r in case.account.rentals if _counts(r)]
    for row in rows:
        if row.payments_blocked:
            return No(
                "payments_blocked",
                f"Online payment is not possible for {named(row)}.",
                "Please call the office.",
            )
        limit = policy.blocked_from_days_past_due
        if limit is not None and row.days_past_due is not None and row.days_past_due >= limit:
            return No(
                "too_many_days_past_due",
                f"{sentence(named(row))} is too many days past due for online payment.",
                "Please call the office.",
            )
    return None


def _counts(row: RentalAccount) -> bool:
    return row.rental.state.is_current or row.balances.payable_now.is_positive


def method_good(method: PaymentMethod, today: date) -> No | None:
    """What is stored can be charged today."""
    if expires_before(method.face, today):
        return No("method_expired", "The card on file has expired.", "Enter a new card.")
    if not (method.is_usable and method.pays_on_demand):
        return No("method_not_usable", "This way to pay cannot be used here.", "Choose another way to pay.")
    return None


def something_due(case: Case) -> No | None:
    """There is something to pay for this rental."""
    if case.rental.is_complimentary:
        return No("complimentary", "This unit is free of charge; no payment is needed.")
    payable = case.rental.balances.payable_now
    case.facts["payable_now"] = str(payable)
    if not payable.is_positive:
        return No("nothing_due", f"Nothing is due for {_this(case.rental)}.", "To pay ahead, use prepay.")
    return None


def _this(row: RentalAccount) -> str:
    return {RentalKind.CONTRACT: "this contract", RentalKind.ACCOUNT: "this account"}.get(row.rental.kind, "this unit")


def amount_fits(case: Case) -> No | None:
    """The amount is not more than is payable, and not less where parts are not taken."""
    return _within(case, case.rental.balances.payable_now)


def _within(case: Case, payable: Money) -> No | None:
    amount = case.asked.amount
    if amount is None:
        return None
    if denial := _is_no_amount(amount, payable.currency):
        return denial
    if amount > payable:
        return No("amount_exceeds_balance", f"At most {payable} may be paid now.", "To pay ahead, use prepay.")
    if amount < payable and not case.account.facility.policy.allows_partial_payments:
        return No("partial_not_allowed", "This facility does not take partial payments.", f"Pay {payable}.")
    return None


def _is_no_amount(amount: Money, currency: str) -> No | None:
    if amount.currency != currency:
        return No("wrong_currency", f"Payments here are in {currency}.")
    if not amount.is_payable:
        return No("amount_not_payable", "An amount must be positive, without fractions of a cent.")
    return None


def invoice_is_open(case: Case) -> No | None:
    """The invoice may be seen and paid, and the amount fits it."""
    invoice = case.asked.invoice
    if invoice is None:
        return None
    if not invoice.is_visible or invoice.balance is None:
        return No("invoice_not_payable", "This invoice cannot be paid here.", "Please call the office.")
    if not invoice.balance.is_positive:
        return No("nothing_due", f"Nothing is due on invoice {invoice.number}.")
    case.facts["payable_now"] = str(invoice.balance)
    return _within(case, invoice.balance)


def keeps_an_account(case: Case) -> No | None:
    """There is a running account that takes money."""
    if not any(row.rental.kind is RentalKind.ACCOUNT for row in case.account.rentals):
        return No("no_account", "There is no account that money could be paid on.", "Please call the office.")
    if not case.account.facility.policy.takes_money_on_account:
        return No("not_on_account", "This facility takes no money on account.", "Pay what is due.")
    amount = case.asked.amount
    return _is_no_amount(amount, case.account.facility.currency) if amount is not None else None


def every_unit_billed(case: Case) -> No | None:
    """The bill of every unit is made, as far as the back office tells; where it does not, nobody can know."""
    rows = case.account.current
    if not rows and not case.account.total.payable_now.is_positive:
        return No("no_rentals", "There is no unit to pay for.")
    paying = [row for row in rows if not row.is_complimentary]
    unbilled = [row.rental.label for row in paying if row.billed is False]
    unknown = [row.rental.label for row in paying if row.billed is None]
    if unknown and not unbilled:
        case.facts["units"] = ", ".join(unknown)
        return No(
            "billing_not_known",
            f"The back office does not tell whether the bill for unit {', '.join(unknown)} has been made.",
            "Pay the units one by one.",
        )
    if unbilled:
        case.facts["units"] = ", ".join(unbilled)
        return No(
            "not_all_billed",
            f"The bill for unit {', '.join(unbilled)} has not been made yet.",
            "Pay the billed units one by one, or wait for the bill.",
        )
    return None


def anything_due(case: Case) -> No | None:
    """There is something to pay for any rental."""
    payable = [row for row in case.account.rentals if row.balances.payable_now.is_positive]
    case.facts["payable_now"] = str(case.account.total.payable_now)
    if not payable:
        return No("nothing_due", "Nothing is due.", "To pay ahead, use prepay.")
    return None


def nothing_owed(case: Case) -> No | None:
    """Who pays ahead owes nothing."""
    rows = _periodic(case)
    if not rows:
        return No("no_rentals", "There is no unit to pay for.")
    if all(row.is_complimentary for row in rows):
        return No("complimentary", "This unit is free of charge; no payment is needed.")
    owing = [row.rental.label for row in rows if row.balances.ledger.is_positive]
    if owing:
        case.facts["units"] = ", ".join(owing)
        verb = "have" if len(owing) > 1 else "has"
        return No("balance_not_zero", f"Unit {', '.join(owing)} {verb} a balance.", "Pay the balance first.")
    return None


def _periodic(case: Case) -> list[RentalAccount]:
    """What is billed by the period: what a contract's items cost is known when they come back."""
    rows = [case.row] if case.row is not None else list(case.account.current)
    return [row for row in rows if row.rental.kind is not RentalKind.CONTRACT]


def not_leaving(case: Case) -> No | None:
    """Who pays ahead stays."""
    rows = _periodic(case)
    if any(row.rental.state is RentalState.NOTICE_GIVEN for row in rows):
        return No("leaving", "A move-out is scheduled.", "Cancel the move-out to pay ahead.")
    if any(not row.rental.state.is_current for row in rows):
        return No("rental_over", "This rental has ended.")
    return None


def months_fit(case: Case) -> No | None:
    """As many months as the facility takes ahead."""
    limit = case.account.facility.policy.max_prepay_months
    case.facts["max_months"] = str(limit)
    months = case.asked.months
    if months is not None and not 1 <= months <= limit:
        return No("months_out_of_range", f"1 to {limit} months can be paid ahead.", f"Choose 1 to {limit} months.")
    return None
