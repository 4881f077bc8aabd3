"""Ways to pay that the back office has stored, and whether a payment may be made by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pmsbridge.actions.eligibility import refuse_bad_autopay_method, refuse_bad_method
from pmsbridge.actions.plans import StoredChoice
from pmsbridge.actions.sections import Section, refuse_closed
from pmsbridge.errors import NotFoundError
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.payments import Means, PaymentMethod, StoredMethod
from pmsbridge.portal.office import Office
from pmsbridge.portal.reckoning import no_way
from pmsbridge.ports.books import PaymentMethodPort

__all__ = ["StoredMeans", "chosen_for_autopay", "kept_for_autopay", "refuse_unfit_method"]


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
    method = _stored(office, means, "means") if isinstance(means, StoredMethod) else None
    if method is not None:
        refuse_bad_method(method, today)


def chosen_for_autopay(office: Office, wanted: StoredMethod, rental_id: str, today: date) -> StoredChoice:
    """What autopay of a rental shall charge of what is stored. One call, where the back office tells.

    Raises:
        NotFoundError: Nothing of that id is stored for this tenant.
        IneligibleError: It has expired, or is not one that this rental's autopay can charge.
        UnavailableError: The back office cannot be read now; nothing was sent.
    """
    method = _stored(office, wanted, "method")
    if method is None:
        return StoredChoice(wanted.method_id)
    refuse_bad_autopay_method(method, rental_id, today)
    return StoredChoice(method.id, method.face)


def kept_for_autopay(office: Office, row: RentalAccount) -> StoredChoice | None:
    """What autopay charges already, by its name where the back office takes nothing but names; None elsewhere."""
    method = row.autopay.method if row.autopay is not None else None
    if method is None or office.autopay_means != frozenset({"stored"}):
        return None
    return StoredChoice(method.id, method.face)


def _stored(office: Office, wanted: StoredMethod, argument: str) -> PaymentMethod | None:
    """The tenant's method of that id; None where the back office does not tell what it has stored.

    Raises:
        NotFoundError: It tells, and nothing of that id is stored for this tenant.
    """
    adapter = office.adapter
    if not isinstance(adapter, PaymentMethodPort) or not adapter.tells_payment_methods:
        return None
    stored = adapter.payment_methods(office.facility, office.tenant_id)
    method = next((each for each in stored if each.id == wanted.method_id), None)
    if method is None:
        named = f"{argument}.method_id"
        raise NotFoundError(named, "is not stored for this tenant", remedy="Use an id from payment_methods().")
    return method
