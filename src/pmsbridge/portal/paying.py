"""The money verbs of a tenant session: quotes first, then payments that refer to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan, is_same_payment
from pmsbridge.actions.quotes import PaymentQuote, QuoteLine, line_of, refuse_moved_balance
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import (
    BankDebit,
    CardPayment,
    ExternalPayment,
    Means,
    PaymentIntent,
    StoredMethod,
    expires_before,
)
from pmsbridge.model.record import Source
from pmsbridge.model.rental import RentalKind
from pmsbridge.model.sealed import BankAccount, Card, Sealed
from pmsbridge.portal.arguments import (
    checked_amount,
    checked_id,
    checked_key,
    checked_months,
    shape_of,
    wiped_on_refusal,
)
from pmsbridge.portal.card_numbers import refuse_card_in_id
from pmsbridge.portal.methods import refuse_unfit_method
from pmsbridge.portal.office import Office, Perform, StillConfirmed, rental_of
from pmsbridge.portal.reckoning import account_row, row_of_invoice
from pmsbridge.ports.books import CustomerAccountPort
from pmsbridge.store.refusals import GuardHeldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pmsbridge.actions.plans import Planner

    Quoter = Callable[[TenantAccount], PaymentQuote]

__all__ = ["Paying", "PaymentMeans"]

PaymentMeans = Card | BankAccount | ExternalPayment | StoredMethod
"""How a person pays: a card or bank account typed now, a payment a gateway already took, or a method on file."""

_MOST_INVOICES = 50
_KIND = {
    PaymentIntent.BALANCE: ActionKind.PAY_RENTAL,
    PaymentIntent.CUSTOM: ActionKind.PAY_RENTAL,
    PaymentIntent.ALL_RENTALS: ActionKind.PAY_ALL,
    PaymentIntent.PREPAY: ActionKind.PREPAY,
    PaymentIntent.INVOICES: ActionKind.PAY_INVOICE,
    PaymentIntent.ON_ACCOUNT: ActionKind.PAY_ON_ACCOUNT,
}


def face_of(means: PaymentMeans) -> Means:
    """The means without anything secret.

    Raises:
        InputError: It is none of the means there are (a card number as text, for example), or a card number stands
            where a reference belongs.
    """
    if isinstance(means, Card):
        return CardPayment(face=means.face)
    if isinstance(means, BankAccount):
        return BankDebit(face=means.face)
    if isinstance(means, ExternalPayment):
        refuse_card_in_id("means.gateway", means.gateway)
        refuse_card_in_id("means.reference", means.reference)
        return means
    if isinstance(means, StoredMethod):
        refuse_card_in_id("means.method_id", means.method_id)
        return means
    raise InputError(
        "means",
        "is not a way to pay",
        shape=type(means).__name__,
        remedy="Give a Card, a BankAccount, an ExternalPayment or a StoredMethod.",
    )


class Paying:
    """Quote and pay. Amounts are in the facility's currency, before nothing and after nothing: what the payer pays."""

    _office: Office

    def quote(self, rental_id: str, amount: Money | None = None) -> PaymentQuote:
        """Quote the balance of one rental, or a part of it. Live; writes nothing.

        Args:
            rental_id: One of this tenant's rentals.
            amount: A custom amount up to what may be paid now; None for all of it.

        Raises:
            IneligibleError: Nothing is due, the amount does not fit, or payments are blocked; the code says which.
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        rental, part = checked_id("rental_id", rental_id), checked_amount(amount)
        return self._kept(self._rental_quote(self._office.read_live(), rental, part))

    def quote_all(self) -> PaymentQuote:
        """Quote everything that is due. Live; writes nothing.

        Raises:
            IneligibleError: A bill is not made yet ("not_all_billed" names the unit), it is not told whether it is
                ("billing_not_known"), nothing is due, or blocked.
            UnavailableError: The back office cannot be read now.
        """
        return self._kept(self._all_quote(self._office.read_live()))

    def quote_prepay(self, months: int, rental_id: str | None = None) -> PaymentQuote:
        """Quote paying whole months ahead, for one rental or for all. Live; writes nothing.

        Args:
            months: 1 to the facility's limit, at most 12.
            rental_id: One rental; None for every current rental of the tenant.

        Raises:
            IneligibleError: There is a balance, a move-out is scheduled, or the months are out of range.
            UnavailableError: The back office cannot be read now.
        """
        wanted, rental = checked_months(months), _one_or_all(rental_id)
        return self._kept(self._prepay_quote(self._office.read_live(), wanted, rental))

    def quote_invoice(self, invoice_id: str, amount: Money | None = None) -> PaymentQuote:
        """Quote the balance of one invoice, or a part of it. Live; writes nothing.

        Args:
            invoice_id: One of this tenant's invoices.
            amount: A custom amount up to the invoice's balance; None for all of it.

        Raises:
            IneligibleError: Nothing is due on it, the amount does not fit, or payments are blocked; see the code.
            NotFoundError: The invoice is not this tenant's.
            UnsupportedError: This back office cannot settle a single invoice.
            UnavailableError: The back office cannot be read now.
        """
        invoice, part = checked_id("invoice_id", invoice_id), checked_amount(amount)
        return self._kept(self._invoice_quote(self._office.read_live(), invoice, part))

    def quote_invoices(self, invoice_ids: Sequence[str]) -> PaymentQuote:
        """Quote the balances of several invoices, to be paid by one click. Live; writes nothing.

        Each invoice is a payment of its own in the back office, with an outcome of its own: ``pay`` answers with one
        step per line.

        Args:
            invoice_ids: Of this tenant's invoices, each once; at most 50.

        Raises:
            InputError: There is none, one comes twice, or there are too many.
            IneligibleError: Nothing is due on one, or payments are blocked; see the code.
            NotFoundError: One is not this tenant's.
            UnsupportedError: This back office cannot settle a single invoice.
            UnavailableError: The back office cannot be read now.
        """
        wanted = _checked_invoices(invoice_ids)
        account = self._office.read_live()
        lines = [self._invoice_line(account, each, None) for each in wanted]
        return self._kept(PaymentQuote.make(account, PaymentIntent.INVOICES, lines))

    def quote_on_account(self, amount: Money) -> PaymentQuote:
        """Quote money that the office keeps for this tenant until it is due. Live; writes nothing.

        Raises:
            IneligibleError: The facility takes none, or the amount does not fit; the code says which.
            UnsupportedError: This back office keeps no account for a customer.
            UnavailableError: The back office cannot be read now.
        """
        wanted = _some_amount(amount)
        return self._kept(self._account_quote(self._office.read_live(), wanted))

    def pay(self, quote: PaymentQuote | str, means: PaymentMeans, *, key: str) -> ActionView:
        """Pay what a quote says.

        A card or bank account is used for one send and wiped, whatever happens; it is never stored. If the answer of
        the back office is lost, the outcome is ``pending``: it is looked for, never sent again blindly.

        Args:
            quote: From this session, or only its id, as a form brings it back. What is paid is the quote as it was
                made: it is kept here, and one that was altered on its way is refused.
            means: A ``Card``, ``BankAccount``, ``ExternalPayment`` or ``StoredMethod``.
            key: The idempotency key of this click; the same key never pays twice.

        Returns:
            The action with one of the five outcomes. ``attached`` when the same payment is still being confirmed.

        Raises:
            IneligibleError: The quote is too old, the balance moved or the card has expired; nothing was sent.
            UnsupportedError: This back office does not take these means.
        """
        with wiped_on_refusal(means):
            agreed = self._own(quote)
            if agreed.intent not in _KIND:
                raise InputError("quote", f"a quote for {agreed.intent.value} cannot be paid here")

        def requote(account: TenantAccount) -> PaymentQuote:
            refuse_moved_balance(agreed, account, self._office.clock.now())
            self._judge_again(account, agreed)
            return agreed

        return self._pay(_KIND[agreed.intent], means, key, {"quote": agreed.id}, requote, agreed=agreed)

    def pay_rental(self, rental_id: str, means: PaymentMeans, *, key: str, amount: Money | None = None) -> ActionView:
        """Quote one rental and pay it in one go. See ``quote`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office does not take these means.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            rental, part = checked_id("rental_id", rental_id), checked_amount(amount)
        intent = {"rental_id": rental, "amount": str(part) if part is not None else None}
        return self._pay(
            ActionKind.PAY_RENTAL, means, key, intent, lambda account: self._rental_quote(account, rental, part),
            rentals=(rental,),
        )  # fmt: skip

    def pay_all(self, means: PaymentMeans, *, key: str) -> ActionView:
        """Quote everything due and pay it in one go. See ``quote_all`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office does not take these means.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        return self._pay(ActionKind.PAY_ALL, means, key, {}, self._all_quote)

    def pay_invoice(self, invoice_id: str, means: PaymentMeans, *, key: str, amount: Money | None = None) -> ActionView:
        """Quote one invoice and pay it in one go. See ``quote_invoice`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            NotFoundError: The invoice is not this tenant's.
            UnsupportedError: This back office cannot settle a single invoice, or does not take these means.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            invoice, part = checked_id("invoice_id", invoice_id), checked_amount(amount)
        intent = {"invoice_id": invoice, "amount": str(part) if part is not None else None}
        return self._pay(
            ActionKind.PAY_INVOICE, means, key, intent, lambda account: self._invoice_quote(account, invoice, part)
        )

    def pay_on_account(self, amount: Money, means: PaymentMeans, *, key: str) -> ActionView:
        """Give the office money to keep until it is due. See ``quote_on_account`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office keeps no account for a customer, or does not take these means.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            wanted = _some_amount(amount)
        return self._pay(
            ActionKind.PAY_ON_ACCOUNT, means, key, {"amount": str(wanted)},
            lambda account: self._account_quote(account, wanted),
        )  # fmt: skip

    def prepay(self, months: int, means: PaymentMeans, *, key: str, rental_id: str | None = None) -> ActionView:
        """Quote months ahead and pay them in one go. See ``quote_prepay`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office does not take these means.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            wanted, rental = checked_months(months), _one_or_all(rental_id)
        intent = {"months": wanted, "rental_id": rental}
        return self._pay(
            ActionKind.PREPAY, means, key, intent, lambda account: self._prepay_quote(account, wanted, rental)
        )

    # -- parts ---------------------------------------------------------------------------------------------------

    def _rental_quote(self, account: TenantAccount, rental_id: str, amount: Money | None) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_RENTAL, account, rental_id=rental_id, asked=Asked(amount=amount))
        row = rental_of(account, rental_id)
        intent = PaymentIntent.CUSTOM if amount is not None else PaymentIntent.BALANCE
        line = line_of(row, amount=row.balances.payable_now if amount is None else amount)
        return PaymentQuote.make(account, intent, [line])

    def _invoice_quote(self, account: TenantAccount, invoice_id: str, amount: Money | None) -> PaymentQuote:
        return PaymentQuote.make(account, PaymentIntent.INVOICES, [self._invoice_line(account, invoice_id, amount)])

    def _invoice_line(self, account: TenantAccount, invoice_id: str, amount: Money | None) -> QuoteLine:
        adapter, asked = self._office.adapter, Asked(amount=amount)
        self._office.allowed(ActionKind.PAY_INVOICE, account)
        if not isinstance(adapter, CustomerAccountPort):  # pragma: no cover - the judge has refused
            message = "the judge let a payment pass that this back office cannot aim"
            raise TypeError(message)
        invoice = self._own_invoice(adapter, invoice_id)
        row = row_of_invoice(account, invoice)
        if row is not None and account.source is Source.OVERLAY:
            invoice = self._office.runtime.overlaid_invoice(account, row, invoice)
        self._office.allowed(ActionKind.PAY_INVOICE, account, asked=replace(asked, invoice=invoice))
        if row is None:
            raise NotFoundError("invoice_id", "is about no rental of this tenant")
        due = invoice.balance if amount is None else amount
        assert due is not None  # noqa: S101 - the judge denies an invoice without a balance
        return line_of(row, amount=due, invoice_id=invoice.id)

    def _own_invoice(self, adapter: CustomerAccountPort, invoice_id: str) -> Invoice:
        try:
            return adapter.invoice(self._office.facility, self._office.tenant_id, invoice_id)
        except NotFoundError as error:
            raise NotFoundError("invoice_id", "is not an invoice of this tenant", code=error.code) from None

    def _account_quote(self, account: TenantAccount, amount: Money) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_ON_ACCOUNT, account, asked=Asked(amount=amount))
        row = account_row(account)
        if row is None:  # pragma: no cover - the judge has refused
            message = "the judge let money pass that no account takes"
            raise AssertionError(message)
        return PaymentQuote.make(account, PaymentIntent.ON_ACCOUNT, [line_of(row, amount=amount)])

    def _all_quote(self, account: TenantAccount) -> PaymentQuote:
        self._office.allowed(ActionKind.PAY_ALL, account)
        due = [row for row in account.rentals if row.balances.payable_now.is_positive]
        lines = [line_of(row, amount=row.balances.payable_now) for row in due]
        return PaymentQuote.make(account, PaymentIntent.ALL_RENTALS, lines)

    def _prepay_quote(self, account: TenantAccount, months: int, rental_id: str | None) -> PaymentQuote:
        self._office.allowed(ActionKind.PREPAY, account, rental_id=rental_id, asked=Asked(months=months))
        answer = self._office.adapter.prepay_quote(self._office.facility, self._office.tenant_id, months)
        wanted = [
            row for row in account.current
            if rental_id in {None, row.id} and not row.is_complimentary and row.rental.kind is not RentalKind.CONTRACT
        ]  # fmt: skip
        ahead = {line.rental_id: line.future for line in answer.lines}
        if unquoted := [row.rental.label for row in wanted if row.id not in ahead]:
            message = f"The back office gives no price for months ahead of unit {', '.join(unquoted)}."
            raise IneligibleError(message, code="not_quoted", unblock="Please call the office.")
        lines = [
            line_of(row, amount=_still_to_pay(row.balances.ledger, ahead[row.id]), ahead=ahead[row.id])
            for row in wanted if _still_to_pay(row.balances.ledger, ahead[row.id]).is_positive
        ]  # fmt: skip
        if not lines:
            message = "The credit on the account already covers these months."
            raise IneligibleError(message, code="covered_by_credit")
        if (whole := account_row(account)) is not None:
            lines = [_on_account(whole, lines)]
        return PaymentQuote.make(account, PaymentIntent.PREPAY, lines, months=months, through=answer.through)

    def _judge_again(self, account: TenantAccount, quote: PaymentQuote) -> None:
        if quote.intent is PaymentIntent.ALL_RENTALS:
            self._office.allowed(ActionKind.PAY_ALL, account)
        elif quote.intent is PaymentIntent.PREPAY:
            one = quote.lines[0].rental_id if len(quote.lines) == 1 and account_row(account) is None else None
            self._office.allowed(ActionKind.PREPAY, account, rental_id=one, asked=Asked(months=quote.months))
        elif quote.intent is PaymentIntent.ON_ACCOUNT:
            self._office.allowed(ActionKind.PAY_ON_ACCOUNT, account, asked=Asked(amount=quote.lines[0].amount))
        elif quote.intent is PaymentIntent.INVOICES:
            for line in quote.lines:
                self._invoice_line(account, line.invoice_id or "", line.amount)
        else:
            line = quote.lines[0]
            self._office.allowed(
                ActionKind.PAY_RENTAL, account, rental_id=line.rental_id, asked=Asked(amount=line.amount)
            )

    def _kept(self, quote: PaymentQuote) -> PaymentQuote:
        self._office.runtime.quotes.keep(quote)
        return quote

    def _own(self, quote: PaymentQuote | str) -> PaymentQuote:
        """The quote as this tenant's session made it."""
        office = self._office
        if not isinstance(quote, PaymentQuote | str):
            raise InputError("quote", "is no quote", shape=shape_of(quote), remedy="Ask this session for a quote.")
        quote_id = checked_id("quote", quote) if isinstance(quote, str) else quote.id
        kept = office.runtime.quotes.get(
            quote_id, account=office.account_name, facility=office.facility, tenant_id=office.tenant_id
        )
        if kept is None or (isinstance(quote, PaymentQuote) and quote != kept):
            problem = "was not made in this session, or is not as it was made"
            raise InputError("quote", problem, remedy="Ask this session for a quote.")
        return kept

    def _pay(
        self, kind: ActionKind, means: PaymentMeans, key: str, intent: Mapping[str, object], requote: Quoter,
        *, rentals: tuple[str, ...] | None = None, agreed: PaymentQuote | None = None,
    ) -> ActionView:  # fmt: skip
        with wiped_on_refusal(means):
            face, checked = face_of(means), checked_key(key)
        typed = means if isinstance(means, Sealed) else None
        perform = Perform(self._office, kind, checked, {**intent, "means": stored_document(face)})

        def decide(bare: TenantAccount, planner: Planner) -> Plan:
            _refuse_expired(face, planner.today)
            refuse_unfit_method(self._office, face, planner.today)
            quote = (
                agreed
                if agreed is not None
                else self._first_look(bare, requote, planner, rentals, names_an_amount=intent.get("amount") is not None)
            )
            quote = self._settle_quote(bare, quote, requote, planner)
            if typed is not None and self._office.is_confirming and not self._is_under_way(quote, planner):
                # A card cannot wait; the judge says why, as it does for the button.
                self._office.allowed(kind, bare, rental_id=_of_one(kind, quote), is_confirming=True)
            return planner.payment(quote, face, pays_together=self._office.adapter.pays_together)

        def hand_out(plan: Plan) -> Mapping[str, Sealed]:
            if typed is None:
                return {}
            steps = [step.name for step in plan.steps if isinstance(step.effect, TakePayment)]
            return dict(zip(steps, typed.split(len(steps)), strict=True))

        view = perform(decide, sealed=hand_out, typed=typed)
        if view.attached and not view.replayed and isinstance(face, ExternalPayment):
            self._report_second_charge(view, face)
        return view

    def _report_second_charge(self, view: ActionView, means: ExternalPayment) -> None:
        """A gateway took money that will not be recorded, because the same payment is being confirmed already."""
        office = self._office
        effects = [stored.effect for stored in office.runtime.journal.action(view.action_id).effects]
        if any(isinstance(effect, TakePayment) and effect.means == means for effect in effects):
            return
        office.runtime.findings.add(
            Finding(
                code="second_gateway_charge", severity=Severity.URGENT, account=office.account_name,
                facility=office.facility, subject=view.action_id, found_at=office.clock.now(),
                text=f"{means.gateway} payment {means.reference} was not recorded: the same payment is already being "
                f"confirmed in action {view.action_id}. Void or refund it at the gateway.",
            )
        )  # fmt: skip

    def _first_look(
        self,
        bare: TenantAccount,
        requote: Quoter,
        planner: Planner,
        rentals: tuple[str, ...] | None,
        *,
        names_an_amount: bool,
    ) -> PaymentQuote:
        """Quote from what the back office itself says; what it denies because of an open payment is that payment."""
        try:
            return requote(bare)
        except IneligibleError as denied:
            # Only "all that is due" is answered by a payment that already made it nothing; a named amount is not.
            if denied.code != "nothing_due" or names_an_amount:
                raise
            holder = self._open_payment(planner, rentals or tuple(row.id for row in bare.rentals))
            if holder is None:
                raise
            raise StillConfirmed(holder) from None

    def _open_payment(self, planner: Planner, rentals: tuple[str, ...]) -> str | None:
        journal = self._office.runtime.journal
        held = [journal.guarded_below(planner.guards_of(rental_id)) for rental_id in rentals]
        return next((holder for found in held for holder in found.values()), None)

    def _settle_quote(
        self, bare: TenantAccount, quote: PaymentQuote, requote: Quoter, planner: Planner
    ) -> PaymentQuote:
        """The quote as it stands when payments that are still being confirmed are taken into account.

        All of it under way in one action: the journal attaches this click to that one. Else it is quoted again with our
        own recent writes on top: what is being confirmed is not asked for twice.
        """
        if self._is_under_way(quote, planner):
            return quote
        if alike := self._paid_another_way(quote, planner):
            raise StillConfirmed(alike)
        left = requote(self._office.runtime.overlaid(bare))
        if left.lines != quote.lines and (held := self._held(left, planner)):
            # What is left besides the open payment is of its amount by chance: it is no second click for that one.
            raise GuardHeldError(held)
        return left

    def _paid_another_way(self, quote: PaymentQuote, planner: Planner) -> str | None:
        """The one action that is making these payments by the other verb, at the rental or at the invoice."""
        holders = [set(self._held_for(line, planner).values()) for line in quote.lines]
        return min(set.intersection(*holders), default=None)

    def _held(self, quote: PaymentQuote, planner: Planner) -> dict[str, str]:
        """By guard, the actions that are making some of these payments, whatever they aim at."""
        return {guard: holder for line in quote.lines for guard, holder in self._held_for(line, planner).items()}

    def _held_for(self, line: QuoteLine, planner: Planner) -> dict[str, str]:
        mine = planner.guard(line.rental_id, line.amount, line.invoice_id)
        held = self._office.runtime.journal.guarded_below(planner.guards_of(line.rental_id))
        return {guard: holder for guard, holder in held.items() if is_same_payment(guard, mine)}

    def _is_under_way(self, quote: PaymentQuote, planner: Planner) -> bool:
        """Whether one action is already making all of these payments; the journal then attaches this click to it."""
        guards = self._guards(quote, planner)
        held = self._office.runtime.guarded(guards)
        return set(held) == guards and len(set(held.values())) == 1

    def _guards(self, quote: PaymentQuote, planner: Planner) -> frozenset[str]:
        return frozenset(planner.guard(line.rental_id, line.amount, line.invoice_id) for line in quote.lines)


def _of_one(kind: ActionKind, quote: PaymentQuote) -> str | None:
    """The rental a verb is about; None for verbs about all."""
    return quote.lines[0].rental_id if kind is ActionKind.PAY_RENTAL else None


def _on_account(row: RentalAccount, lines: list[QuoteLine]) -> QuoteLine:
    """Money for months ahead where one account takes it: nothing is billed yet that it could be paid for."""
    currency = row.balances.currency
    ahead = sum_money((line.ahead for line in lines), currency)
    return line_of(row, amount=sum_money((line.amount for line in lines), currency), ahead=ahead)


def _some_amount(amount: Money) -> Money:
    checked = checked_amount(amount)
    if checked is None:
        raise InputError("amount", "is missing", remedy='Like Money.of("12.50", "USD").')
    return checked


def _checked_invoices(invoice_ids: Sequence[str]) -> list[str]:
    if isinstance(invoice_ids, str) or not isinstance(invoice_ids, Sequence):
        raise InputError("invoice_ids", "must be a list of ids", shape=type(invoice_ids).__name__)
    wanted = [checked_id("invoice_ids", each) for each in invoice_ids]
    if not 1 <= len(wanted) <= _MOST_INVOICES or len(set(wanted)) < len(wanted):
        raise InputError("invoice_ids", f"must hold 1 to {_MOST_INVOICES} ids, each once", shape=f"{len(wanted)} ids")
    return wanted


def _one_or_all(rental_id: str | None) -> str | None:
    return checked_id("rental_id", rental_id) if rental_id is not None else None


def _refuse_expired(face: Means, today: date) -> None:
    if isinstance(face, CardPayment) and expires_before(face.face, today):
        raise IneligibleError("This card has expired.", code="method_expired", unblock="Enter another card.")


def _still_to_pay(ledger: Money, ahead: Money) -> Money:
    """Future charges less a credit on the ledger (prepay is refused while there is a balance)."""
    return ahead + ledger if ledger.is_negative else ahead
