"""The buttons of a tenant session: every verb with the judge's answer, for what would be said with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.eligibility import Asked, Offer
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import ANSWERS
from pmsbridge.errors import InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import StoredMethod
from pmsbridge.model.sealed import BankAccountFace, CardFace
from pmsbridge.portal.arguments import (
    checked_amount,
    checked_day,
    checked_days_after_due,
    checked_id,
    checked_months,
    checked_quantity,
    checked_words,
)
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.calling_off import call_off_named
from pmsbridge.portal.means import WAYS, PaymentMeans, named_means
from pmsbridge.portal.methods import stored_method
from pmsbridge.portal.office import Office
from pmsbridge.portal.quoting import Quoting
from pmsbridge.portal.what_is_paid import checked_lines, one_or_all

__all__ = ["Offering"]

_OF_A_UNIT: Final = (ActionKind.TRANSFER, ActionKind.RESERVE_UNIT)
"""Verbs that name a unit beside the rental."""

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
        method: PaymentMeans | CardFace | BankAccountFace | None = None,
        amount: Money | None = None,
        invoice_id: str | None = None,
        lines: Sequence[str] | None = None,
        request_id: str | None = None,
        days_after_due: int | None = None,
        item_id: str | None = None,
        quantity: Decimal | int | None = None,
        wanted_on: date | None = None,
        leaving_on: date | None = None,
        unit_id: str | None = None,
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
            method: What would be charged, by a payment or by autopay: as the verbs take it, or only the ``face`` of
                what was typed. A card is looked at, and neither used up nor wiped. Where the back office tells what it
                has stored it is asked once, and "method_expired" and "method_not_usable" are known.
            amount: What would be paid for a rental, for the invoice that is named, or on account.
            invoice_id: One of this tenant's invoices, which is read where nothing else stands in the way. Not together
                with a rental.
            lines: Ids of lines of the invoice that would be settled by themselves; not together with an amount.
            request_id: One of ``payment_requests()``, that would be paid or withdrawn; what it is about is read where
                nothing else stands in the way. Not together with a rental or an invoice.
            days_after_due: On which day autopay would charge, 0 to 28.
            item_id: The item that would be called off, of the rental that is named or of any contract.
            quantity: How many of the item, in its measure.
            wanted_on: Business date from which it would be off rent.
            leaving_on: Business date of a move-out, or of leaving a unit for another.
            unit_id: The unit that would be moved to or reserved, which is read where nothing else stands in the way.
            call_off_id: The call-off that would be taken back; the back office is asked for it where it tells of them.

        Raises:
            InputError: An argument has the wrong shape, or does not go with the others.
            NotFoundError: The rental, the stored method, the invoice or a line of it, the request, the item or the
                call-off is not this tenant's, or there is no such unit.
            UnavailableError: The back office is away and there is no copy, or it is asked for a price, an invoice, a
                unit or what is stored, and is away.
        """
        office, rental = self._office, one_or_all(rental_id)
        way, stored, face = _checked_way(by, method)
        wanted, part = checked_months(months) if months is not None else None, checked_amount(amount)
        invoice = _checked_alone("invoice_id", invoice_id, rental, "is not paid for one rental")
        request = _checked_alone("request_id", request_id, rental or invoice, "names what it is about itself")
        settled = _checked_lines(lines, invoice, part)
        unit = checked_id("unit_id", unit_id) if unit_id is not None else None
        asked = Asked(
            by=way, face=face, has_new_method=True if method is not None else None, months=wanted, amount=part,
            has_new_day=days_after_due is not None and checked_days_after_due(days_after_due) >= 0,
            item_id=checked_id("item_id", item_id) if item_id is not None else None,
            quantity=_checked_quantity(quantity, item_id),
            wanted_on=checked_day("wanted_on", wanted_on) if wanted_on is not None else None,
            leaving_on=checked_day("leaving_on", leaving_on) if leaving_on is not None else None,
        )  # fmt: skip
        account = office.read()
        if stored is not None:
            asked = replace(asked, method=stored_method(office, stored, "method"))
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
            named = self._invoice_asked(account, invoice, asked.amount, settled)
            asked = replace(asked, invoice=named.invoice, line_ids=named.line_ids)
        if unit is not None and any(self._is_in_reach(kind, asked, offered) for kind in _OF_A_UNIT):
            with suppress(UnsupportedError):  # who tells of no single unit says so to the verb
                asked = replace(asked, unit=office.unit(unit))
        buttons = offered(asked)
        return buttons if request is None else self._about_request(account, request, asked, buttons, offered)

    def _about_request(
        self, account: TenantAccount, request_id: str, asked: Asked, buttons: tuple[Offer, ...], offered: Buttons
    ) -> tuple[Offer, ...]:
        """The buttons, with those that answer a request judged by the one that is named."""
        request = AskedPayments(self._office).one(account, request_id)
        if request.invoice_id is not None and request.is_open:
            anyhow = self._by_any_means(ActionKind.PAY_INVOICE, replace(asked, amount=None), offered)
            if not anyhow[0].allowed:  # then the verb cannot read it either
                of_request = anyhow[0].changed(kind=ActionKind.PAY_REQUEST)
                return tuple(of_request if each.kind is of_request.kind else each for each in buttons)
            asked = replace(asked, invoice=self._invoice_of(account, request))
        answers = offered(replace(asked, request=request))
        own: dict[ActionKind, Offer] = {each.kind: each for each in answers if each.kind in ANSWERS}
        return tuple(own.get(each.kind, each) for each in buttons)

    def _is_in_reach(self, kind: ActionKind, asked: Asked, offered: Buttons) -> bool:
        """Whether nothing but the means may stand in the way of a verb: then the back office is asked about it."""
        return any(each.allowed for each in self._by_any_means(kind, asked, offered))

    def _by_any_means(self, kind: ActionKind, asked: Asked, offered: Buttons) -> list[Offer]:
        """Of one verb, the answers that are about no means."""
        patient = next((way for way in reversed(WAYS) if way in self._office.payment_means), None)
        return [each for each in offered(replace(asked, by=patient, method=None, face=None)) if each.kind is kind]


def _checked_way(
    by: str | None, method: object
) -> tuple[str | None, StoredMethod | None, CardFace | BankAccountFace | None]:
    if by is not None and checked_words("by", by) not in WAYS:
        raise InputError("by", "is no way to pay", remedy=f"One of: {', '.join(WAYS)}.")
    if method is None:
        return by, None, None
    way, stored, face = named_means(method)
    if by not in {None, way}:
        raise InputError("by", "does not go with the method", remedy="Leave it out, or leave the method out.")
    return way, stored, face


def _checked_alone(field: str, given: str | None, other: str | None, problem: str) -> str | None:
    if given is not None and other is not None:
        raise InputError(field, problem, remedy="Leave the other one out.")
    return checked_id(field, given) if given is not None else None


def _checked_lines(lines: Sequence[str] | None, invoice_id: str | None, amount: Money | None) -> tuple[str, ...] | None:
    if lines is not None and invoice_id is None:
        raise InputError("lines", "are of no invoice", remedy="Name the invoice, too.")
    return checked_lines(lines, amount=amount)


def _checked_quantity(quantity: Decimal | int | None, item_id: str | None) -> Decimal | None:
    if quantity is None:
        return None
    if item_id is None:
        raise InputError("quantity", "is of no item", remedy="Name the item, too.")
    return checked_quantity("quantity", quantity)


def _refuse_foreign_item(account: TenantAccount, item_id: str | None) -> None:
    if item_id is not None and all(row.rental.item(item_id) is None for row in account.rentals):
        raise NotFoundError("item_id", "is no item of this tenant", remedy="Use an id from the items out.")
