"""Rules about paying: what may be paid now, how much of it, and ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pmsbridge.actions.case import Case, No, Rule, being_confirmed, named, sentence
from pmsbridge.actions.payable import (
    account_row,
    ahead_lines,
    all_lines,
    due_lines,
    lines_of_invoice,
    lines_of_request,
    row_of_invoice,
    unpriced,
)
from pmsbridge.actions.payment_requests import PaymentRequest, RequestState
from pmsbridge.actions.plan import is_same_payment, may_settle, payment_guards_of, settles_same_line
from pmsbridge.actions.quotes import QuoteLine, guard_of, line_of
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.rental import RentalKind, RentalState

__all__ = [
    "aim_of_request_is_due",
    "amount_fits",
    "anything_due",
    "every_unit_billed",
    "invoice_is_open",
    "keeps_an_account",
    "lines_are_open",
    "months_fit",
    "months_priced",
    "not_again",
    "not_covered",
    "not_leaving",
    "nothing_owed",
    "of_account",
    "of_everything",
    "of_invoice",
    "of_months",
    "of_rental",
    "of_request",
    "one_of_requests",
    "payments_open",
    "request_denied",
    "request_is_open",
    "something_due",
    "takes_more_than_cash",
]


def _is_being_paid(case: Case, rental_ids: Iterable[str]) -> bool:
    """Whether a payment for one of these rentals is not over."""
    ref = case.account.tenant.ref
    below = tuple(payment_guards_of(ref.account, ref.facility, ref.id, each) for each in rental_ids)
    return any(guard.startswith(below) for guard in case.subject.being_paid)


def not_again(lines: Callable[[Case], list[QuoteLine]]) -> Rule:
    """What would be paid is not what is being paid already, nor settles a line that is."""

    def rule(case: Case) -> No | None:
        wanted = [guard_of(case.account, line) for line in lines(case)] if case.subject.being_paid else []
        pairs = [(held, mine) for held in case.subject.being_paid for mine in wanted]
        again = any(is_same_payment(*pair) or settles_same_line(*pair) for pair in pairs)
        return being_confirmed() if again else None

    return rule


def of_rental(case: Case) -> list[QuoteLine]:
    """What paying this rental would pay."""
    amount = case.asked.amount
    return [line_of(case.rental, amount=case.rental.balances.payable_now if amount is None else amount)]


def of_everything(case: Case) -> list[QuoteLine]:
    """What paying everything would pay."""
    return all_lines(case.account)


def of_months(case: Case) -> list[QuoteLine]:
    """What paying ahead would pay; nothing while the price is not known."""
    ahead, only = case.asked.ahead, case.row.id if case.row is not None else None
    return ahead_lines(case.account, only, ahead) if ahead is not None else []


def of_invoice(case: Case) -> list[QuoteLine]:
    """What paying the invoice would pay; nothing while none is named."""
    invoice = case.asked.invoice
    if invoice is None:
        return []
    return lines_of_invoice(case.account, invoice, case.asked.amount, case.asked.line_ids)


def of_account(case: Case) -> list[QuoteLine]:
    """What paying on account would pay; nothing while no amount is named."""
    row, amount = account_row(case.account), case.asked.amount
    return [line_of(row, amount=amount)] if row is not None and amount is not None else []


def takes_more_than_cash(case: Case) -> No | None:
    """The office takes other money than cash from this tenant."""
    if case.account.tenant.pays_cash_only:
        return No("cash_only", "Only cash is taken for this account.", "Please pay at the office.")
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


def something_due(case: Case) -> No | None:
    """There is something to pay for this rental."""
    if case.rental.is_complimentary:
        return No("complimentary", "This unit is free of charge; no payment is needed.")
    payable = case.rental.balances.payable_now
    case.facts["payable_now"] = str(payable)
    if not payable.is_positive:
        if _is_being_paid(case, [case.rental.id]):
            return being_confirmed()
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
    is_part = amount < payable and not case.asked.is_agreed
    if is_part and not case.account.facility.policy.allows_partial_payments:
        return No("partial_not_allowed", "This facility does not take partial payments.", f"Pay {payable}.")
    return None


def _is_no_amount(amount: Money, currency: str) -> No | None:
    if amount.currency != currency:
        return No("wrong_currency", f"Payments here are in {currency}.", f"Give the amount in {currency}.")
    if not amount.is_payable:
        message = "An amount must be positive, without fractions of a cent."
        return No("amount_not_payable", message, "Enter an amount of one cent or more.")
    return None


def invoice_is_open(case: Case) -> No | None:
    """The invoice may be seen and paid, and the amount fits it."""
    invoice = case.asked.invoice
    if invoice is None:
        return None
    if not invoice.is_visible or invoice.balance is None:
        return _not_payable()
    row, is_whole = row_of_invoice(case.account, invoice), case.asked.line_ids is None
    if is_whole and not invoice.balance.is_positive:
        about = [line.rental_id for line in invoice.lines if line.rental_id] if row is None else [row.id]
        if _is_being_paid(case, about):
            return being_confirmed()
        return No("nothing_due", f"Nothing is due on invoice {invoice.number}.")
    if is_whole and row is None:  # of several rentals, and nothing here takes it, or a part of it, as a whole
        return _not_payable()
    case.facts["payable_now"] = str(invoice.balance)
    return _within(case, invoice.balance)


def _not_payable() -> No:
    return No("invoice_not_payable", "This invoice cannot be paid here.", "Please call the office.")


def lines_are_open(case: Case) -> No | None:
    """Lines that are named can be settled by themselves, each still owes something, and the invoice all of it."""
    invoice, wanted = case.asked.invoice, case.asked.line_ids
    if wanted is None:
        return None
    if not case.subject.settles_lines:
        return No(
            "lines_not_settled", "An invoice is paid as a whole here, what is due first at first.",
            "Pay the invoice, or a part of it.",
        )  # fmt: skip
    return _lines_owe(case, invoice, wanted) if invoice is not None else None


def _lines_owe(case: Case, invoice: Invoice, wanted: tuple[str, ...]) -> No | None:
    due = due_lines(invoice, wanted)
    balance = Money.zero(invoice.total.currency) if invoice.balance is None else invoice.balance
    is_settled = len(due) < len(wanted) or not balance.is_positive
    if is_settled or sum_money((line.balance for line in due if line.balance is not None), balance.currency) > balance:
        about = {line.rental_id or "" for line in invoice.lines if line.id in wanted}
        if any(may_settle(held, about, invoice.id, wanted) for held in case.subject.being_paid):
            return being_confirmed()
        if is_settled:
            return No("line_settled", "Nothing is owed any more of a line of this invoice.", "Show the invoice again.")
        return No("amount_exceeds_balance", f"At most {balance} may be paid now.", "Pay fewer lines of the invoice.")
    is_theirs = len(lines_of_invoice(case.account, invoice, None, wanted)) == len(due)
    return None if is_theirs else _not_payable()


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
        if case.subject.being_paid:
            return being_confirmed()
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


def months_priced(case: Case) -> No | None:
    """The back office has a price for the months, of every unit."""
    ahead, only = case.asked.ahead, case.row.id if case.row is not None else None
    missing = unpriced(case.account, only, ahead) if ahead is not None else []
    if missing:
        message = f"The back office gives no price for months ahead of unit {', '.join(missing)}."
        return No("not_quoted", message, "Please call the office.")
    return None


def not_covered(case: Case) -> No | None:
    """A credit does not cover the months already."""
    if case.asked.ahead is not None and not of_months(case):
        return No("covered_by_credit", "The credit on the account already covers these months.")
    return None


# -- what staff asked for ----------------------------------------------------------------------------------------------


def one_of_requests(*rules: Rule) -> Rule:
    """The request that is named passes these rules; where none is named, one of those that there are does."""

    def passes(case: Case) -> No | None:
        return next((denial for rule in rules if (denial := rule(case)) is not None), None)

    def rule(case: Case) -> No | None:
        if case.asked.request is not None:
            return passes(_named_in(case, case.asked.request))
        denials = [passes(_named_in(case, each)) for each in case.subject.requests]
        if not denials:
            return No("no_request", "The office did not ask for a payment.")
        return None if None in denials else denials[0]

    return rule


def _named_in(case: Case, request: PaymentRequest) -> Case:
    invoice = case.asked.invoice
    own = invoice if invoice is not None and invoice.id == request.invoice_id else None
    asked = replace(case.asked, request=request, amount=request.amount, is_agreed=True, invoice=own, line_ids=None)
    return Case(case.subject, asked, case.row, case.facts)


def of_request(case: Case) -> list[QuoteLine]:
    """What paying the request would pay; nothing while it is about an invoice that was not read."""
    request = case.asked.request
    return lines_of_request(case.account, request, case.asked.invoice) if request is not None else []


def request_is_open(case: Case) -> No | None:
    """The request that is named waits to be paid."""
    request = case.asked.request
    return request_denied(request.state) if request is not None else None


def request_denied(state: RequestState) -> No | None:
    """Why a request that stands so is neither paid nor withdrawn; None when it may be."""
    if state is RequestState.BEING_CONFIRMED:
        return being_confirmed()
    if state is RequestState.PAID:
        return No("request_paid", "This was paid already.")
    if state is RequestState.WITHDRAWN:
        return No("request_withdrawn", "The office does not ask for this any more.")
    return None


def aim_of_request_is_due(case: Case) -> No | None:
    """What the request is about still owes its amount: it is neither paid another way nor paid too much."""
    request = case.asked.request
    if request is None:
        return None
    if request.invoice_id is not None:
        return invoice_is_open(case)
    if request.rental_id is None:
        return keeps_an_account(case)
    row = case.account.rental(request.rental_id)
    if row is None:
        return No("rental_over", "This rental has ended.")
    of_row = Case(case.subject, case.asked, row, case.facts)
    return something_due(of_row) or amount_fits(of_row)
