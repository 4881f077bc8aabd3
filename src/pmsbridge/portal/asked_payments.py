"""What staff asked a tenant to pay, and how that stands: as the journal says it, and as the books bear it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from pmsbridge.actions.effects import TakePayment
from pmsbridge.actions.payment_requests import KINDS, Kept, PaymentRequest, RequestState, requests_from
from pmsbridge.errors import NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Payment, PaymentState
from pmsbridge.portal.office import Office
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter, Journal
from pmsbridge.store.stored import StoredAction

__all__ = ["AskedPayments", "asked_at"]

_MOST, _MOST_OF_ALL = 1000, 100_000
_LOOKED_AT_FOR: Final = timedelta(days=366)
_TAKEN_BACK: Final = frozenset({PaymentState.REVERSED, PaymentState.REFUNDED})
_FAILED: Final = frozenset({PaymentState.FAILED, PaymentState.DECLINED})
"""What some back offices say of a payment that was booked and then taken back, and others of a mere try."""


def asked_at(journal: Journal, account: str, facility: str, today: date) -> tuple[PaymentRequest, ...]:
    """Requests to every tenant of a facility, newest first, as the journal alone says."""
    kinds = tuple(kind.value for kind in KINDS)
    wanted = ActionFilter(account=account, facility=facility, kinds=kinds, limit=_MOST_OF_ALL)
    return requests_from(_kept(journal.actions(wanted)), today)


def _kept(actions: Iterable[StoredAction]) -> Iterator[Kept]:
    """Actions of the journal, as far as requests are made of them."""
    for each in actions:
        yield Kept(
            id=each.id, tenant_id=each.tenant_id, kind=each.kind, intent=each.intent, actor=each.actor,
            submitted_at=each.submitted_at, ended_at=_ended_at(each), is_done=each.outcome is Outcome.SETTLED,
            is_over=each.outcome is Outcome.SETTLED or each.outcome.nothing_changed,
        )  # fmt: skip


def _ended_at(action: StoredAction) -> datetime:
    money = (step.finished_at for step in action.effects if step.moves_ledger and step.finished_at is not None)
    return max(money, default=action.changed_at)


@dataclass(frozen=True, slots=True)
class AskedPayments:
    """Payment requests of one tenant."""

    office: Office

    def all(self, account: TenantAccount) -> tuple[PaymentRequest, ...]:
        """Every request, newest first, as the journal and the account say."""
        return tuple(self._beside(account, each) for each in self._journalled(account))

    def one(self, account: TenantAccount, request_id: str) -> PaymentRequest:
        """One request, also beside the back office's own list of payments.

        Raises:
            NotFoundError: There is no such request to this tenant.
        """
        found = next((each for each in self._journalled(account) if each.id == request_id), None)
        if found is None:
            raise NotFoundError("request_id", "is no payment request to this tenant")
        return self._beside_payments(account, found)

    def live(self, account: TenantAccount) -> tuple[PaymentRequest, ...]:
        """Every request, newest first, beside the back office's own invoices and payments, too.

        Whether a payment was taken back is looked for only of requests that were paid within a year, with one read for
        each rental.
        """
        since = self.office.clock.now() - _LOOKED_AT_FOR
        read = _OncePerRental(self.office)
        found = (
            each if each.ended_at is not None and each.ended_at < since else self._beside_payments(account, each, read)
            for each in self._journalled(account)
        )
        return tuple(self._beside_invoice(self._beside(account, each)) for each in found)

    def _journalled(self, account: TenantAccount) -> tuple[PaymentRequest, ...]:
        office = self.office
        wanted = ActionFilter(
            account=office.account_name, facility=office.facility, tenant_id=office.tenant_id,
            kinds=tuple(kind.value for kind in KINDS), limit=_MOST,
        )  # fmt: skip
        return requests_from(_kept(office.runtime.journal.actions(wanted)), office.today(account))

    @staticmethod
    def _beside(account: TenantAccount, request: PaymentRequest) -> PaymentRequest:
        """What was paid another way is not due; that answers no request, and leaves nothing to pay."""
        row = account.rental(request.rental_id) if request.rental_id is not None else None
        is_due = request.rental_id is None or (row is not None and row.balances.payable_now >= request.amount)
        return request if is_due or not request.is_open else request.changed(state=RequestState.NOT_DUE)

    def _beside_invoice(self, request: PaymentRequest) -> PaymentRequest:
        books = self.office.invoice_books
        if request.invoice_id is None or not request.is_open or books is None:
            return request
        with suppress(NotFoundError):
            invoice = books.invoice(self.office.facility, self.office.tenant_id, request.invoice_id)
            if invoice.is_visible and invoice.balance is not None and invoice.balance >= request.amount:
                return request
        return request.changed(state=RequestState.NOT_DUE)

    def _beside_payments(
        self, account: TenantAccount, request: PaymentRequest, read: _OncePerRental | None = None
    ) -> PaymentRequest:
        """A payment that was taken back (a cheque, a debit) pays nothing: the request is open again."""
        read = read or _OncePerRental(self.office)
        if request.state is not RequestState.PAID or not self._was_taken_back(request.paid_by, read):
            return request
        is_late = request.due_on is not None and request.due_on < self.office.today(account)
        state = RequestState.OVERDUE if is_late else RequestState.OPEN
        return request.changed(state=state, ended_at=None, paid_by="")

    def _was_taken_back(self, action_id: str, read: _OncePerRental) -> bool:
        office = self.office
        for stored in office.runtime.journal.action(action_id).effects:
            if not isinstance(stored.effect, TakePayment):
                continue
            names = {stored.effect.reference, *stored.vendor_ids.values()}
            for part in stored.effect.parts:
                if _taken_back(read(part.rental_id), names, part.amount):
                    return True
        return False


@dataclass(frozen=True, slots=True)
class _OncePerRental:
    """The back office's own payments, each rental's read at most once."""

    office: Office
    _read: dict[str, Sequence[Payment]] = field(default_factory=dict)

    def __call__(self, rental_id: str) -> Sequence[Payment]:
        """Those of a rental; none where the back office does not list them."""
        if rental_id not in self._read:
            office = self.office
            self._read[rental_id] = ()
            with suppress(UnsupportedError):
                self._read[rental_id] = office.adapter.payments(office.facility, office.tenant_id, rental_id)
        return self._read[rental_id]


def _taken_back(payments: Sequence[Payment], names: set[str], amount: Money) -> bool:
    """Whether a payment of so much does not stand any more.

    A failed one beside another that stands for all of it, under the same name, was a try before it.
    """
    ours = [each for each in payments if names & {each.id, each.receipt, *each.reference.split()}]
    if any(each.state in _TAKEN_BACK for each in ours):
        return True
    stands = (each.amount for each in ours if each.state not in _FAILED and each.amount.currency == amount.currency)
    return any(each.state in _FAILED for each in ours) and sum_money(stands, amount.currency) < amount
