"""Ways to pay that the back office has stored, and whether a payment may be made by one of them."""

from __future__ import annotations

from collections.abc import Sequence

from pmsbridge.actions.plans import StoredChoice
from pmsbridge.actions.sections import Section, refuse_closed
from pmsbridge.errors import NotFoundError
from pmsbridge.model.account import RentalAccount
from pmsbridge.model.payments import PaymentMethod, StoredMethod
from pmsbridge.portal.office import Office
from pmsbridge.portal.reckoning import no_way
from pmsbridge.ports.books import PaymentMethodPort

__all__ = ["StoredMeans", "choice_of", "kept_for_autopay", "stored_method"]


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


def choice_of(wanted: StoredMethod, method: PaymentMethod | None) -> StoredChoice:
    """What autopay shall charge of what is stored, by its name too where the back office tells one."""
    return StoredChoice(wanted.method_id) if method is None else StoredChoice(method.id, method.face)


def kept_for_autopay(office: Office, row: RentalAccount) -> StoredChoice | None:
    """What autopay charges already, by its name where the back office takes nothing but names; None elsewhere."""
    method = row.autopay.method if row.autopay is not None else None
    if method is None or office.autopay_means != frozenset({"stored"}):
        return None
    return StoredChoice(method.id, method.face)


def stored_method(office: Office, wanted: StoredMethod, argument: str) -> PaymentMethod | None:
    """The tenant's method of that id; None where the back office does not tell what it has stored, else one call.

    Raises:
        NotFoundError: It tells, and nothing of that id is stored for this tenant.
        UnavailableError: The back office cannot be read now; nothing was sent.
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
