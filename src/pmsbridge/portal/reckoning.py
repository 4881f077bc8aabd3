"""What was charged and what was paid: movements, statements and invoices of one tenant. Reads; live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pmsbridge.actions.payable import row_of_invoice
from pmsbridge.actions.sections import Section, refuse_closed
from pmsbridge.errors import InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.invoices import Invoice, visible_to_customer
from pmsbridge.model.ledger import AgedBalance, LedgerEntry, Statement
from pmsbridge.model.payments import Payment
from pmsbridge.portal.arguments import checked_day, checked_whole
from pmsbridge.portal.office import Office
from pmsbridge.ports.books import CustomerAccountPort

__all__ = ["Reckoning", "no_way"]

_LONGEST_STATEMENT_DAYS = 3660


class Reckoning:
    """Reads about money, of one tenant."""

    _office: Office

    def payments(self, rental_id: str | None = None) -> Sequence[Payment]:
        """Payments, newest first, live. Amounts are positive, in the facility's currency.

        Args:
            rental_id: Of one rental; None for all of this tenant's, which asks the back office once per rental.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        office = self._office
        if rental_id is not None:
            self._own_rental(rental_id)
            return office.adapter.payments(office.facility, office.tenant_id, rental_id)
        rentals = [row.id for row in office.read().rentals]
        found = [paid for each in rentals for paid in office.adapter.payments(office.facility, office.tenant_id, each)]
        # One payment may be for several rentals; each of them tells it.
        return sorted({paid.ref.key: paid for paid in found}.values(), key=_when_paid, reverse=True)

    def ledger(self, rental_id: str) -> Sequence[LedgerEntry]:
        """Movements of one rental, oldest first, live. Plus raises the debt.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        self._own_rental(rental_id)
        return self._office.adapter.ledger(self._office.facility, self._office.tenant_id, rental_id)

    def statement(self, rental_id: str, as_of: date, *, days: int = 90) -> Statement:
        """The movements of the ``days`` before a business date, with opening and closing balance: it foots.

        Args:
            rental_id: One of this tenant's rentals.
            as_of: Last business date, inclusive.
            days: How far back, 1 to 3,660.

        Raises:
            InputError: A date or a number of days that cannot be meant.
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        self._check_days(as_of, days)
        return self._statement(self._own_rental(rental_id), rental_id, as_of, days)

    def account_statement(self, as_of: date, *, days: int = 90) -> Statement:
        """The movements of everything this tenant has, of the ``days`` before a business date: it foots.

        Args:
            as_of: Last business date, inclusive.
            days: How far back, 1 to 3,660.

        Raises:
            InputError: A date or a number of days that cannot be meant.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        self._check_days(as_of, days)
        return self._statement(self._office.read(), None, as_of, days)

    def aged_balance(self, on: date | None = None) -> AgedBalance:
        """What is owed on a business date, by how long it has been due; None for today at the facility. Live.

        Raises:
            UnsupportedError: This back office does not tell.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        office = self._office
        day = checked_day("on", on) if on is not None else office.today(office.read())
        if not isinstance(office.adapter, CustomerAccountPort):
            raise no_way("age a balance")
        return office.adapter.aged_balance(office.facility, office.tenant_id, on=day)

    def invoices(self, *, since: date | None = None, until: date | None = None) -> Sequence[Invoice]:
        """Invoices a customer may see, issued between two business dates, inclusive; by default the last year. Live.

        What is being confirmed, or was just paid and does not show yet, is taken off their balances, as it is
        everywhere: nobody is asked to pay it again.

        Raises:
            InputError: A date that is none, or dates the wrong way round.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.BILLING)
        office = self._office
        if not office.has_unseen_payments:
            return self._invoices_as_told(since, until)
        account = office.read()  # before the invoices: what is on top of them must not be older than it
        return [_confirmed(office, account, each) for each in self._invoices_as_told(since, until)]

    def _invoices_as_told(self, since: date | None, until: date | None) -> Sequence[Invoice]:
        """Those a customer may see, as the back office says."""
        for field, day in (("since", since), ("until", until)):
            if day is not None:
                checked_day(field, day)
        today = self._office.clock.now().date()
        last, first = until or today + timedelta(days=1), since or today - timedelta(days=365)
        if first > last:
            raise InputError("since", "is later than until")
        found = self._office.adapter.invoices(self._office.facility, self._office.tenant_id, since=first, until=last)
        return visible_to_customer(tuple(found))

    @staticmethod
    def _check_days(as_of: date, days: int) -> None:
        checked_day("as_of", as_of)
        checked_whole("days", days, low=1, high=_LONGEST_STATEMENT_DAYS)

    def _statement(self, account: TenantAccount, rental_id: str | None, as_of: date, days: int) -> Statement:
        """Of one of the account's rentals, or of everything."""
        return Statement.from_entries(
            self._ledger(account, rental_id), opens_on=as_of - timedelta(days=days), closes_on=as_of,
            currency=account.facility.currency, rental_id=rental_id,
        )  # fmt: skip

    def _ledger(self, account: TenantAccount, rental_id: str | None) -> Sequence[LedgerEntry]:
        office = self._office
        if rental_id is not None:
            return office.adapter.ledger(office.facility, office.tenant_id, rental_id)
        if isinstance(office.adapter, CustomerAccountPort):
            return office.adapter.tenant_ledger(office.facility, office.tenant_id)
        ledgers = [office.adapter.ledger(office.facility, office.tenant_id, row.id) for row in account.rentals]
        return [entry for ledger in ledgers for entry in ledger]

    def _open(self, section: Section) -> None:
        """Refuse what the operator switched off ("section_off")."""
        refuse_closed(section, self._office.rules)

    def _own_rental(self, rental_id: str) -> TenantAccount:
        """The account, after making sure that the rental is this tenant's."""
        account = self._office.read()
        if account.rental(rental_id) is None:
            raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the dashboard.")
        return account


def _when_paid(payment: Payment) -> tuple[date, str]:
    """A business date, and within it the instant where the back office keeps one."""
    return payment.paid_on, payment.paid_at.isoformat() if payment.paid_at is not None else ""


def _confirmed(office: Office, account: TenantAccount, invoice: Invoice) -> Invoice:
    return office.runtime.overlaid_invoice(account, row_of_invoice(account, invoice), invoice)


def no_way(what: str) -> UnsupportedError:
    """What is raised where the back office has no way to do something."""
    return UnsupportedError(f"this back office cannot {what}", code="not_supported")
