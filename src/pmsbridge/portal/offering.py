"""The buttons of a tenant session: every verb with the judge's answer, for what would be said with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.eligibility import Asked, Offer
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import InputError, NotFoundError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import StoredMethod
from pmsbridge.portal.arguments import (
    checked_amount,
    checked_day,
    checked_id,
    checked_months,
    checked_quantity,
    checked_words,
    shape_of,
)
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.calling_off import call_off_named
from pmsbridge.portal.card_numbers import refuse_card_in_id
from pmsbridge.portal.means import WAYS
from pmsbridge.portal.methods import stored_method
from pmsbridge.portal.office import Office
from pmsbridge.portal.quoting import Quoting, lines_of_invoice, one_or_all

__all__ = ["Offering"]

_STORED: Final = "stored"

Buttons = Callable[[Asked], tuple[Offer, ...]]


class Offering(Quoting):
    """A part of ``TenantSession``."""

    _office: Office

    def available_actions(  # noqa: PLR0913 - what each verb may be asked with
        self,
        rental_id: str | None = None,
        *,
        by: str | None = None,
        months: int | None = None,
        method: StoredMethod | None = None,
        amount: Money | None = None,
        invoice_id: str | None = None,
        item_id: str | None = None,
        quantity: Decimal | int | None = None,
        wanted_on: date | None = None,
        leaving_on: date | None = None,
        call_off_id: str | None = None,
    ) -> tuple[Offer, ...]:
        """Every verb with the judge's answer, for one rental or for everything. The verbs ask the same judge.

        What would be said with a verb may be named, each for the verbs that take it; None asks whether the verb is
        possible at all.

        Args:
            rental_id: One rental of this tenant; None for everything.
            by: How it would be paid: "card", "bank_debit", "external" or "stored"; None for one that the
                back office takes. What is typed now cannot wait until another payment is confirmed, the others can; a
                denial for the means alone ("means_not_taken", "payment_being_confirmed") names others in its facts.
            months: To learn whether so many can be paid ahead, which asks the back office for their price where nothing
                else stands in the way.
            method: What is stored and would be charged, by a payment or by autopay: one of ``payment_methods()``.
                Where the back office tells what it has stored it is asked once, and "method_expired" and
                "method_not_usable" are known.
            amount: What would be paid for a rental, for the invoice that is named, or on account.
            invoice_id: One of this tenant's invoices, which is read where nothing else stands in the way. Not together
                with a rental.
            item_id: The item that would be called off, of the rental that is named or of any contract.
            quantity: How many of the item, in its measure.
            wanted_on: Business date from which it would be off rent.
            leaving_on: Business date of a move-out, or of leaving a unit for another.
            call_off_id: The call-off that would be taken back; the back office is asked for it where it tells of them.

        Raises:
            InputError: An argument has the wrong shape, or does not go with the others.
            NotFoundError: The rental, the stored method, the invoice, the item or the call-off is not this tenant's.
            UnavailableError: The back office is away and there is no copy, or it is asked for a price, an invoice or
                what is stored, and is away.
        """
        office, rental = self._office, one_or_all(rental_id)
        way, wanted = _checked_way(by, method), checked_months(months) if months is not None else None
        invoice = _checked_invoice(invoice_id, rental)
        asked = Asked(
            by=way, months=wanted, amount=checked_amount(amount),
            item_id=checked_id("item_id", item_id) if item_id is not None else None,
            quantity=_checked_quantity(quantity, item_id),
            wanted_on=checked_day("wanted_on", wanted_on) if wanted_on is not None else None,
            leaving_on=checked_day("leaving_on", leaving_on) if leaving_on is not None else None,
        )  # fmt: skip
        account = office.read()
        if method is not None:
            asked = replace(asked, method=stored_method(office, method, "method"), has_new_method=True)
        if call_off_id is not None:
            asked = replace(asked, call_off=call_off_named(office, checked_id("call_off_id", call_off_id)))
        if rental is None:
            _refuse_foreign_item(account, asked.item_id)
        is_confirming, requests = office.is_confirming, AskedPayments(office).all(account)

        def offered(asked: Asked) -> tuple[Offer, ...]:
            return office.offered(
                account, is_confirming=is_confirming, requests=requests, rental_id=rental, asked=asked
            )

        if rental is None and wanted is not None and self._is_in_reach(ActionKind.PREPAY, asked, offered):
            asked = replace(asked, ahead=self._priced(wanted))
        if invoice is not None and self._is_in_reach(ActionKind.PAY_INVOICE, replace(asked, amount=None), offered):
            named = self._invoice_asked(account, invoice, asked.amount)
            asked = replace(asked, invoice=named.invoice, line_ids=named.line_ids)
            if self._is_in_reach(ActionKind.PAY_INVOICE, asked, offered):
                lines_of_invoice(account, named)  # what is about no rental is refused, as by the verb
        return offered(asked)

    def _is_in_reach(self, kind: ActionKind, asked: Asked, offered: Buttons) -> bool:
        """Whether nothing but the means may stand in the way of a verb: then the back office is asked about it."""
        patient = next((way for way in reversed(WAYS) if way in self._office.payment_means), None)
        return any(each.allowed for each in offered(replace(asked, by=patient, method=None)) if each.kind is kind)


def _checked_way(by: str | None, method: object) -> str | None:
    if by is not None and checked_words("by", by) not in WAYS:
        raise InputError("by", "is no way to pay", remedy=f"One of: {', '.join(WAYS)}.")
    if method is None:
        return by
    if not isinstance(method, StoredMethod):
        remedy = "Like StoredMethod(method_id=one.id), for one of payment_methods()."
        raise InputError("method", "is nothing that is stored", shape=shape_of(method), remedy=remedy)
    refuse_card_in_id("method.method_id", method.method_id)
    if by not in {None, _STORED}:
        raise InputError("by", "does not go with a stored method", remedy="Leave it out, or leave the method out.")
    return _STORED


def _checked_invoice(invoice_id: str | None, rental_id: str | None) -> str | None:
    if invoice_id is not None and rental_id is not None:
        raise InputError("invoice_id", "is not paid for one rental", remedy="Leave the rental out.")
    return checked_id("invoice_id", invoice_id) if invoice_id is not None else None


def _checked_quantity(quantity: Decimal | int | None, item_id: str | None) -> Decimal | None:
    if quantity is None:
        return None
    if item_id is None:
        raise InputError("quantity", "is of no item", remedy="Name the item, too.")
    return checked_quantity("quantity", quantity)


def _refuse_foreign_item(account: TenantAccount, item_id: str | None) -> None:
    if item_id is not None and all(row.rental.item(item_id) is None for row in account.rentals):
        raise NotFoundError("item_id", "is no item of this tenant", remedy="Use an id from the items out.")
