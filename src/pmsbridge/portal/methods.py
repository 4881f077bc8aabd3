"""Ways to pay that the back office has stored, and whether a payment may be made by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pmsbridge.actions.eligibility import refuse_bad_method
from pmsbridge.actions.sections import Section, refuse_closed
from pmsbridge.errors import NotFoundError
from pmsbridge.model.payments import Means, PaymentMethod, StoredMethod
from pmsbridge.portal.office import Office
from pmsbridge.portal.reckoning import no_way
from pmsbridge.ports.books import PaymentMethodPort

__all__ = ["StoredMeans", "refuse_unfit_method"]


class StoredMeans:
    """A part of ``TenantSession``."""

    _office: Office

    def payment_methods(self) -> Sequence[PaymentMethod]:
        """What is stored for this tenant, in the back office's order: kind, last digits, expiry. Live.

        A full number is never among it. To pay by one, give ``StoredMethod(method_id=one.id)`` to a verb; those with
        ``is_usable`` and ``pays_on_demand`` can be charged now.

        Raises:
            UnsupportedError: This back office does not tell.
            UnavailableError: The back office cannot be read now.
        """
        office = self._office
        refuse_closed(Section.BILLING, office.rules)
        if not isinstance(office.adapter, PaymentMethodPort) or not office.adapter.tells_payment_methods:
            raise no_way("tell what is stored to pay with")
        return tuple(office.adapter.payment_methods(office.facility, office.tenant_id))


def refuse_unfit_method(office: Office, means: Means, today: date) -> None:
    """Refuse a stored method that is not this tenant's, or cannot be charged. One call, where the back office tells.

    Raises:
        NotFoundError: Nothing of that id is stored for this tenant.
        IneligibleError: It has expired, or is not charged on demand.
        UnavailableError: The back office cannot be read now; nothing was sent.
    """
    adapter = office.adapter
    is_told = isinstance(adapter, PaymentMethodPort) and adapter.tells_payment_methods
    if not isinstance(means, StoredMethod) or not is_told:
        return
    assert isinstance(adapter, PaymentMethodPort)  # noqa: S101 - it was asked above
    stored = adapter.payment_methods(office.facility, office.tenant_id)
    method = next((each for each in stored if each.id == means.method_id), None)
    if method is None:
        raise NotFoundError(
            "means.method_id", "is not stored for this tenant", remedy="Use an id from payment_methods()."
        )
    refuse_bad_method(method, today)
