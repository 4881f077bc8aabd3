"""What a portal shows: plain values that say when and where they were read."""

from __future__ import annotations

from dataclasses import dataclass

from pmsbridge.actions.eligibility import Offer
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.places import Facility
from pmsbridge.model.record import Instant, Source, Value

__all__ = ["Dashboard", "HeardMail"]


class Dashboard(Value):
    """One tenant's dashboard: units, balances, what may be done, and what is still being confirmed.

    Attributes:
        account: Everything it was made from.
        offers: Every verb with the judge's answer.
        open_actions: Actions of this tenant that are pending or with the office.
        payment_requests: What staff asked this tenant to pay, newest first, as the journal and the balances say.
    """

    account: TenantAccount
    offers: tuple[Offer, ...]
    open_actions: tuple[ActionView, ...] = ()
    payment_requests: tuple[PaymentRequest, ...] = ()

    @property
    def greeting(self) -> str:
        """The name to greet by."""
        return self.account.tenant.name.greeting

    @property
    def facility(self) -> Facility:
        """Where the units are."""
        return self.account.facility

    @property
    def rows(self) -> tuple[RentalAccount, ...]:
        """One row per unit that is let now; ended rentals are apart in ``account.rentals``."""
        return self.account.current

    @property
    def total(self) -> Balances:
        """The sum over all rentals."""
        return self.account.total

    @property
    def as_of(self) -> Instant:
        """When the balances were read."""
        return self.account.as_of

    @property
    def source(self) -> Source:
        """Where they were read: live, mirror, or mirror with our own writes on top."""
        return self.account.source

    def offer(self, kind: ActionKind | str, rental_id: str | None = None) -> Offer | None:
        """The judge's answer about one verb ("pay_all"); None when it was not asked."""
        return next((o for o in self.offers if o.kind == kind and o.rental_id == rental_id), None)


@dataclass(frozen=True, slots=True)
class HeardMail:
    """What became of a mail that came in.

    Attributes:
        tenant_id: Whose it is; None while it is nobody's: no customer has that address, or several have.
        replayed: It came before.
    """

    tenant_id: str | None
    replayed: bool
