"""Whether a tenant can use a portal at all, and what is missing. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pmsbridge.actions.scribe import addresses_in
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.record import Value
from pmsbridge.model.rental import RentalKind

__all__ = ["ADVICE", "PortalReadiness", "Shortcoming", "readiness_of"]

ADVICE: Final[dict[str, str]] = {
    "not_copied": "Run a sync of the facility, or wait for the night.",
    "portal_disabled": "Switch web access on in the back office.",
    "cash_only": "Only customers with an account can use the portal.",
    "no_history": "There is no rental, contract or quote yet.",
    "no_name": "Enter a name.",
    "no_email": "Enter an e-mail address.",
    "no_phone": "Enter a main phone number.",
    "no_postal_code": "Enter a postal code.",
    "email_taken": "Another customer of the facility has this e-mail address; correct one of them.",
    "phone_taken": "Another customer of the facility has this phone number; correct one of them.",
}
"""What a member of staff does about each shortcoming."""

_FIRST: Final = tuple(ADVICE)
"""In the order in which they are told: what makes the others pointless comes first."""


class Shortcoming(Value):
    """One thing that stands in the way.

    Attributes:
        code: Reason code ("no_email"); a back office may have codes of its own.
        remedy: What staff do about it, in English; empty for a code of the back office's own.
    """

    code: str
    remedy: str = ""

    @property
    def message_key(self) -> str:
        """For translation: "readiness.no_email"."""
        return f"readiness.{self.code}"


class PortalReadiness(Value):
    """A checklist before an invitation: whom it would go to, what they would see, what is missing.

    Attributes:
        name: As the invitation would greet.
        email: Where it would go; empty when there is none.
        units: Numbers of what they would see.
        contacts: How many further contacts there are.
        shortcomings: What stands in the way; empty when nothing does.
    """

    tenant_id: str
    name: str
    email: str
    units: tuple[str, ...]
    contacts: int
    shortcomings: tuple[Shortcoming, ...]

    @property
    def is_ready(self) -> bool:
        """Nothing stands in the way."""
        return not self.shortcomings

    @property
    def codes(self) -> tuple[str, ...]:
        """The reason codes alone."""
        return tuple(each.code for each in self.shortcomings)


def readiness_of(
    account: TenantAccount, *, told: tuple[str, ...] = (), taken: tuple[str, ...] = (), is_copied: bool = True
) -> PortalReadiness:
    """Look a tenant over.

    Args:
        account: The tenant, as read.
        told: Reason codes of the back office's own.
        taken: Sign-in fields ("email", "phone") that somebody else has too.
        is_copied: The tenant is in the nightly copy, which sign-in names are looked up in.
    """
    codes = {*told, *_missing(account), *(f"{field}_taken" for field in taken), *([] if is_copied else ["not_copied"])}
    ordered = sorted(codes, key=lambda code: (_FIRST.index(code) if code in _FIRST else len(_FIRST), code))
    tenant = account.tenant
    return PortalReadiness(
        tenant_id=tenant.id, name=tenant.name.greeting, email=tenant.email,
        units=tuple(row.rental.label for row in account.current), contacts=len(tenant.contacts),
        shortcomings=tuple(Shortcoming(code=code, remedy=ADVICE.get(code, "")) for code in ordered),
    )  # fmt: skip


def _missing(account: TenantAccount) -> Iterator[str]:
    tenant = account.tenant
    if tenant.portal_disabled:
        yield "portal_disabled"
    if tenant.pays_cash_only:
        yield "cash_only"
    if not tenant.name.greeting:
        yield "no_name"
    if not addresses_in(tenant.email):
        yield "no_email"
    if tenant.phone is None or not tenant.phone.digits:
        yield "no_phone"
    if not tenant.address.postal_code.strip():
        yield "no_postal_code"
    if all(row.rental.kind is RentalKind.ACCOUNT for row in account.rentals):
        yield "no_history"
