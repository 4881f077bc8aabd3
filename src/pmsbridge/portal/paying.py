"""The money verbs of a tenant session: payments refer to quotes, and are stored before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.eligibility import Asked, refuse_means
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan, payment_guards_of
from pmsbridge.actions.quotes import PaymentQuote, refuse_moved_balance
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, PaymentIntent, StoredMethod
from pmsbridge.model.sealed import Sealed
from pmsbridge.portal.arguments import checked_amount, checked_id, checked_key, checked_months, wiped_on_refusal
from pmsbridge.portal.means import PaymentMeans, face_of, typed_face
from pmsbridge.portal.methods import stored_method
from pmsbridge.portal.performing import Perform, StillConfirmed
from pmsbridge.portal.quoting import Quoting
from pmsbridge.portal.under_way import Answers, Quoter, UnderWay
from pmsbridge.portal.what_is_paid import checked_lines, one_or_all, some_amount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pmsbridge.actions.plans import Planner

__all__ = ["Paying"]

_KIND = {
    PaymentIntent.BALANCE: ActionKind.PAY_RENTAL,
    PaymentIntent.CUSTOM: ActionKind.PAY_RENTAL,
    PaymentIntent.ALL_RENTALS: ActionKind.PAY_ALL,
    PaymentIntent.PREPAY: ActionKind.PREPAY,
    PaymentIntent.INVOICES: ActionKind.PAY_INVOICE,
    PaymentIntent.ON_ACCOUNT: ActionKind.PAY_ON_ACCOUNT,
    PaymentIntent.REQUEST: ActionKind.PAY_REQUEST,
}


class Paying(Quoting):
    """Pay. Amounts are in the facility's currency, before nothing and after nothing: what the payer pays."""

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
            UnsupportedError: This back office takes no payments.
        """
        with wiped_on_refusal(means):
            agreed = self._own(quote)
            if agreed.intent not in _KIND:
                raise InputError("quote", f"a quote for {agreed.intent.value} cannot be paid here")

        def requote(account: TenantAccount) -> PaymentQuote:
            refuse_moved_balance(agreed, account, self._office.clock.now())
            self._judge_again(account, agreed)
            return agreed

        request = agreed.lines[0].request_id
        intent = {"quote": agreed.id, **({"request_id": request} if request is not None else {})}
        return self._pay(_KIND[agreed.intent], means, key, intent, requote, agreed=agreed)

    def pay_rental(self, rental_id: str, means: PaymentMeans, *, key: str, amount: Money | None = None) -> ActionView:
        """Quote one rental and pay it in one go. See ``quote`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why, such as "means_not_taken". Nothing was sent.
            UnsupportedError: This back office takes no payments.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            rental, part = checked_id("rental_id", rental_id), checked_amount(amount)
        intent = {"rental_id": rental, "amount": str(part) if part is not None else None}
        return self._pay(
            ActionKind.PAY_RENTAL, means, key, intent, lambda account: self._rental_quote(account, rental, part),
            answers=self._of_rental(rental),
        )  # fmt: skip

    def pay_all(self, means: PaymentMeans, *, key: str) -> ActionView:
        """Quote everything due and pay it in one go. See ``quote_all`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office takes no payments.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        return self._pay(ActionKind.PAY_ALL, means, key, {}, self._all_quote)

    def pay_invoice(
        self,
        invoice_id: str,
        means: PaymentMeans,
        *,
        key: str,
        amount: Money | None = None,
        lines: Sequence[str] | None = None,
    ) -> ActionView:
        """Quote one invoice, or lines of it, and pay in one go. See ``quote_invoice`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            NotFoundError: The invoice is not this tenant's.
            UnsupportedError: This back office cannot settle a single invoice.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            invoice, part = checked_id("invoice_id", invoice_id), checked_amount(amount)
            wanted = checked_lines(lines, amount=part)
        # Lines only when given: without them the words are those of clicks that were stored before there were any.
        named = {"lines": list(wanted)} if wanted is not None else {}
        intent = {"invoice_id": invoice, "amount": str(part) if part is not None else None, **named}
        return self._pay(
            ActionKind.PAY_INVOICE, means, key, intent,
            lambda account: self._invoice_quote(account, invoice, part, wanted),
            answers=lambda guard: self._may_be_paid_by(guard, invoice, wanted),
        )  # fmt: skip

    def pay_on_account(self, amount: Money, means: PaymentMeans, *, key: str) -> ActionView:
        """Give the office money to keep until it is due. See ``quote_on_account`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office keeps no account for a customer.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            wanted = some_amount(amount)
        return self._pay(
            ActionKind.PAY_ON_ACCOUNT, means, key, {"amount": str(wanted)},
            lambda account: self._account_quote(account, wanted),
        )  # fmt: skip

    def prepay(self, months: int, means: PaymentMeans, *, key: str, rental_id: str | None = None) -> ActionView:
        """Quote months ahead and pay them in one go. See ``quote_prepay`` and ``pay``.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            UnsupportedError: This back office takes no payments.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            wanted, rental = checked_months(months), one_or_all(rental_id)
        intent = {"months": wanted, "rental_id": rental}
        return self._pay(
            ActionKind.PREPAY, means, key, intent, lambda account: self._prepay_quote(account, wanted, rental)
        )

    def pay_request(self, request_id: str, means: PaymentMeans, *, key: str) -> ActionView:
        """Pay exactly what the office asked for. See ``quote_request`` and ``pay``.

        Only this pays a request: no other payment, of whatever amount, is ever taken for its answer.

        Raises:
            InputError: An argument has the wrong shape; nothing was tried.
            IneligibleError: The judge says no; the code says why. Nothing was sent.
            NotFoundError: There is no such request to this tenant.
            UnsupportedError: This back office takes no payments.
            UnavailableError: The back office cannot be read now; nothing was stored or sent.
        """
        with wiped_on_refusal(means):
            request = checked_id("request_id", request_id)

        def requote(account: TenantAccount) -> PaymentQuote:
            try:
                return self._request_quote(account, request)
            except IneligibleError as denied:
                if denied.code == "payment_being_confirmed":
                    self._attach_to_its_payment(account, request)
                raise

        return self._pay(ActionKind.PAY_REQUEST, means, key, {"request_id": request}, requote, names_an_amount=True)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _pay(
        self, kind: ActionKind, means: PaymentMeans, key: str, intent: Mapping[str, object], requote: Quoter,
        *, answers: Answers | None = None, agreed: PaymentQuote | None = None, names_an_amount: bool = False,
    ) -> ActionView:  # fmt: skip
        with wiped_on_refusal(means):
            face, checked = face_of(means), checked_key(key)
        typed = means if isinstance(means, Sealed) else None
        perform = Perform(self._office, kind, checked, {**intent, "means": stored_document(face)})

        def decide(bare: TenantAccount, planner: Planner) -> Plan:
            method = stored_method(self._office, face, "means") if isinstance(face, StoredMethod) else None
            way = UnderWay(self._office, bare, requote)
            names = names_an_amount or intent.get("amount") is not None
            quote = way.settled(agreed or way.first_look(answers or _anything, names_an_amount=names))
            holder = way.holder(quote)
            if holder is not None and face.by not in self._office.payment_means:
                raise StillConfirmed(holder)  # nothing is planned by means that are not taken
            if holder is None:
                # What is not taken or charged, or cannot wait: the judge says why, as it does for the button.
                subject = self._office.subject(bare, is_confirming=self._office.is_confirming)
                refuse_means(subject, Asked(by=face.by, method=method, face=typed_face(face)))
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

    def _of_rental(self, rental_id: str) -> Answers:
        office = self._office
        below = payment_guards_of(office.account_name, office.facility, office.tenant_id, rental_id)
        return lambda guard: guard.startswith(below)

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


def _anything(_guard: str) -> bool:
    """Any open payment answers who asks to pay everything."""
    return True
