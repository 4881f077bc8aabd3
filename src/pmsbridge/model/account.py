"""One tenant at one facility, put together: what a dashboard shows and what the judge looks at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import model_validator

from pmsbridge.model.ledger import Balances
from pmsbridge.model.payments import Autopay
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Id, Instant, Source, Value
from pmsbridge.model.rental import ItemOut, Rental

__all__ = ["PaymentStatus", "RentalAccount", "TenantAccount"]


class PaymentStatus(StrEnum):
    """How a rental or a tenant stands with payments, in one word; the worst that is true."""

    PREPAID = "prepaid"
    CURRENT = "current"
    DUE = "due"
    PAST_DUE = "past_due"
    DELINQUENT = "delinquent"


_WORST_LAST = tuple(PaymentStatus)
_LOCKED = frozenset({UnitState.OVERLOCKED, UnitState.LIEN})


class RentalAccount(Value):
    """A rental with its money and its unit.

    Attributes:
        billed: The current period's bill has been made; None when the back office does not tell.
        payments_blocked: The back office refuses online payments for this rental, in its own words; empty when it
            does not.
        days_past_due: Whole days since the oldest unpaid due date; 0 when nothing is past due, None when not known.
        last_payment_on: Business date of the newest payment that was not reversed; None when none or not read.
    """

    rental: Rental
    balances: Balances
    unit: Unit | None = None
    autopay: Autopay | None = None
    billed: bool | None = None
    is_complimentary: bool = False
    payments_blocked: str = ""
    days_past_due: int | None = None
    last_payment_on: date | None = None

    @model_validator(mode="after")
    def _is_of_one_rental(self) -> Self:
        if self.autopay is not None and self.autopay.rental_id != self.rental.id:
            message = "the autopay is another rental's"
            raise ValueError(message)
        return self

    @property
    def id(self) -> str:
        """The rental's id."""
        return self.rental.id


class TenantAccount(Value):
    """Everything the dashboard and the judge need, read at one moment.

    Attributes:
        as_of: When it was read.
        source: Where from.
    """

    facility: Facility
    tenant: Tenant
    rentals: tuple[RentalAccount, ...]
    as_of: Instant
    source: Source

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        scope = (self.facility.ref.account, self.facility.ref.facility)
        refs = [self.tenant.ref, *(row.rental.ref for row in self.rentals)]
        refs += [row.unit.ref for row in self.rentals if row.unit is not None]
        if any((ref.account, ref.facility) != scope for ref in refs):
            message = "every record of a tenant account is of one account and facility"
            raise ValueError(message)
        if any(row.rental.tenant_id != self.tenant.id for row in self.rentals):
            message = "every rental of a tenant account belongs to its tenant"
            raise ValueError(message)
        return self

    @property
    def current(self) -> tuple[RentalAccount, ...]:
        """Rentals whose unit is let now."""
        return tuple(row for row in self.rentals if row.rental.state.is_current)

    @property
    def total(self) -> Balances:
        """The sum over all rentals, ended ones included: a closed rental may still owe."""
        return Balances.total((row.balances for row in self.rentals), self.facility.currency)

    @property
    def payment_status(self) -> PaymentStatus:
        """The worst of all rentals; current without any."""
        found = {self.status_of(row) for row in self.rentals}
        return max(found, key=_WORST_LAST.index, default=PaymentStatus.CURRENT)

    def status_of(self, row: RentalAccount) -> PaymentStatus:
        """How one of the rentals stands with payments.

        Delinquent: the unit is locked, the back office refuses online payments, or so many days have passed that the
        facility does. Past due: a due day has passed. Prepaid: there is money of the tenant that is not used yet.
        """
        days, limit = row.days_past_due or 0, self.facility.policy.blocked_from_days_past_due
        is_locked = row.unit is not None and row.unit.state in _LOCKED
        if row.payments_blocked or is_locked or (limit is not None and days >= limit):
            return PaymentStatus.DELINQUENT
        if row.balances.past_due.is_positive or (days and row.balances.payable_now.is_positive):
            return PaymentStatus.PAST_DUE
        if row.balances.payable_now.is_positive:
            return PaymentStatus.DUE
        return PaymentStatus.PREPAID if row.balances.credit.is_positive else PaymentStatus.CURRENT

    @property
    def items_out(self) -> tuple[tuple[Rental, ItemOut], ...]:
        """Everything the tenant has on rent, over all contracts, each with its contract."""
        return tuple((row.rental, item) for row in self.rentals for item in row.rental.items if item.on_rent > 0)

    def rental(self, rental_id: Id) -> RentalAccount | None:
        """The rental of that id, or None: never another tenant's."""
        return next((row for row in self.rentals if row.id == rental_id), None)

    def ledgers_of(self, rental_ids: Iterable[Id]) -> dict[Id, str]:
        """By rental, its ledger balance in plain decimal digits; without those that are not the tenant's."""
        rows = filter(None, map(self.rental, rental_ids))
        return {row.id: format(row.balances.ledger.amount, "f") for row in rows}

    def today(self, now: datetime) -> date:
        """The business date at the facility at an instant."""
        return now.astimezone(ZoneInfo(self.facility.zone)).date()
