"""Ways to pay that the back office has stored for a tenant."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

from pmsbridge.logging import get_logger
from pmsbridge.model.payments import Autopay, AutopayState, MethodKind, PaymentMethod, expires_before
from pmsbridge.model.rental import Rental
from pmsbridge_rest.accepting import payment_means
from pmsbridge_rest.live_reads import LiveReads, made
from pmsbridge_rest.rows import RowError, RowReader

__all__ = ["Methods"]

_EXPIRY: Final = "face.expires_on"
_log = get_logger(__name__)


class Methods(LiveReads):
    """What is stored for a tenant, as far as it may be shown."""

    @property
    def tells_payment_methods(self) -> bool:
        """Whether the mapping reads payment methods of a tenant."""
        entity = self._connection.mapping.entities.get("payment_methods")
        return entity is not None and entity.of_tenant is not None

    def payment_methods(self, facility: str, tenant_id: str) -> Sequence[PaymentMethod]:
        """What is stored for a tenant, in the back office's order.

        The end of a card that is spelt unlike the mapping is told as not known: whether it is over, the back office
        says when it is charged.

        Raises:
            UnsupportedError: The mapping reads none.
            UnavailableError: The back office cannot be read now.
        """
        fields = self._entity("payment_methods").fields
        listing, reader = self._asked("payment_methods", facility, ("of_tenant",), tenant_id=tenant_id)
        methods = [_method(reader, row) for row in listing.all(self._live_end())]
        if "is_usable" not in fields:
            methods = [one.changed(is_usable=not self._is_over(facility, one)) for one in methods]
        if "pays_on_demand" not in fields:
            methods = [one.changed(pays_on_demand=self._charges_stored) for one in methods]
        return [one for one in methods if one.tenant_id == tenant_id]

    def _autopay_of(self, facility: str, tenant_id: str, rentals: Sequence[Rental]) -> Sequence[Autopay]:
        """With the method that each charges, where rows name it and the list of them is mapped, too."""
        found = super()._autopay_of(facility, tenant_id, rentals)
        return [_enrolled(one) for one in self._with_methods(facility, tenant_id, found)]

    def _with_methods(self, facility: str, tenant_id: str, found: Sequence[Autopay]) -> Sequence[Autopay]:
        if not self.tells_payment_methods or all(one.method is None for one in found):
            return found
        stored = {method.id: method for method in self.payment_methods(facility, tenant_id)}
        return [self._charging(one, stored) for one in found]

    def _charging(self, autopay: Autopay, stored: Table[str, PaymentMethod]) -> Autopay:
        """One with its method as the list tells it; without any where the list does not have it."""
        if autopay.method is None:
            return autopay
        method, fields = stored.get(autopay.method.id), self._entity("autopay").fields
        if method is None:
            return autopay.changed(method=None)
        changes: dict[str, Any] = {"method": method.changed(pays_on_demand=True, is_default=None)}
        if autopay.state is AutopayState.UNKNOWN and method.kind is not MethodKind.UNKNOWN:
            changes["state"] = AutopayState.CARD if method.kind is MethodKind.CARD else AutopayState.BANK_DEBIT
        if "method_usable" not in fields:
            changes["method_usable"] = method.is_usable
        return autopay.changed(**changes)

    def _is_over(self, facility: str, method: PaymentMethod) -> bool:
        return expires_before(method.face, self._today(facility))

    @property
    def _charges_stored(self) -> bool:
        """Whether the mapping pays by a stored method."""
        return "stored" in payment_means(self._connection.mapping)


def _enrolled(autopay: Autopay) -> Autopay:
    """Whether it is on is told beside the state only where the state does not say so."""
    says_so = autopay.is_enrolled and autopay.state is not AutopayState.UNKNOWN
    return autopay.changed(is_enrolled=False) if says_so else autopay


def _method(reader: RowReader, row: Any) -> PaymentMethod:  # noqa: ANN401 - one row as answered
    """The method of a row; without its card's end where only that cannot be read and the mapping can do without."""
    expiry = reader.entity.fields.get(_EXPIRY)
    if expiry is None or expiry.missing == "refuse":
        return cast("PaymentMethod", made(reader, row))
    try:
        return cast("PaymentMethod", reader.record(row))
    except RowError as problem:
        method = cast("PaymentMethod", made(replace(reader, unread=frozenset({_EXPIRY})), row))
        _log.warning("expiry_not_read", noun=reader.noun, problem=str(problem))
        return method
