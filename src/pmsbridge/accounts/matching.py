"""How people say who they are: matchers of a portal's own beside ours, all behind the same guarded door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from pmsbridge.accounts.register import digits_of, is_phone, plain_postal_code, same_mail, same_number, same_postal_code
from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge.model.people import Tenant
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.spelling import phone_tail

__all__ = ["CONTACT", "ContactMatcher", "CopiedPeople", "IdentityMatcher", "all_matchers"]

CONTACT: Final = "contact"
"""The name of our own matcher, which ``Entrance.register`` uses."""


@dataclass(frozen=True, slots=True)
class CopiedPeople:
    """The customers of one facility as last copied: all that a matcher may look at. It asks no back office."""

    mirror: Mirror
    account: str
    facility: str

    def tenant(self, tenant_id: str) -> Tenant | None:
        """The one of that id; None when there is none."""
        return self.mirror.tenant(self.account, self.facility, tenant_id)

    def with_phone(self, phone: str) -> Sequence[Tenant]:
        """Those with this telephone or mobile number, however it is written."""
        scope, tail = Scope(self.account, self.facility, Tenant.entity), phone_tail(digits_of(phone))
        found = [*self.mirror.list(scope, phone_tail=tail), *self.mirror.list(scope, mobile_tail=tail)]
        return [
            each for each in found
            if isinstance(each, Tenant) and any(same_number(phone, own) for own in (each.phone, each.mobile))
        ]  # fmt: skip

    def with_email(self, email: str) -> Sequence[Tenant]:
        """Those with this address, but for case."""
        return self._found(TenantSearch(email=email.strip()))

    def with_unit(self, unit_number: str) -> Sequence[Tenant]:
        """Those who rent the unit of this number now; "015" is not "15"."""
        wanted = unit_number.strip()
        found = self._found(TenantSearch(unit_number=wanted))
        return [each for each in found if any(self._is_let(rental, wanted) for rental in self.rentals(each.id))]

    def rentals(self, tenant_id: str) -> Sequence[Rental]:
        """What one of them rents or rented."""
        return self.mirror.rentals(self.account, self.facility, tenant_id)

    @staticmethod
    def _is_let(rental: Rental, number: str) -> bool:
        return rental.unit_number == number and rental.state.is_current

    def _found(self, search: TenantSearch) -> list[Tenant]:
        matches = () if search.is_empty else self.mirror.find(self.account, search, facility=self.facility)
        tenants = (self.tenant(match.tenant_id) for match in matches if match.is_exact)
        return [each for each in tenants if each is not None]


@runtime_checkable
class IdentityMatcher(Protocol):
    """One way of saying who somebody is: "customer number and postal code".

    The door around it is ours, whichever matcher is used: attempts are counted before anything is compared, known and
    unknown people get one answer after the same time, a customer who may not use the portal, or has a password of the
    portal's own already, is nobody, and so is one of several who fit. A matcher only says who fits.

    It holds nothing of a person between two calls, and is called by several threads at once.
    """

    @property
    def fields(self) -> Sequence[str]:
        """Names of what a person gives; each is asked for, and none may be empty."""

    @property
    def counted(self) -> Sequence[str]:
        """Those of the fields by which attempts are counted: what a guesser would hold still, or try one by one.

        Each has ``portal.most_attempts``. Counting what many people share, a town's postal code, locks all of them out
        by a few bad guesses; counting only what is different for everybody lets somebody try many people once each.
        """

    def read(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """What was typed, in the form in which it is compared and counted: without blanks, in one case.

        Called before anything is counted or looked for. Every spelling of the same must come out alike.

        Raises:
            InputError: It cannot be meant, whoever they are. It must not depend on who is on record.
        """

    def find(self, people: CopiedPeople, given: Mapping[str, str]) -> Iterable[str]:
        """Ids of the tenants whom all that was given fits; nobody for none.

        Args:
            people: Whom the last copy holds.
            given: As ``read`` returned it. It takes about as long for strangers as for customers: what is within a
                quarter of a second is evened out.
        """


class ContactMatcher:
    """Ours: telephone number, e-mail address and postal code.

    All three must be on record, and be the same: digits with or without the country's, the address but for case, the
    code but for case and blanks, of a ZIP code the first five digits.
    """

    fields = ("phone", "email", "postal_code")
    counted = ("phone", "email")

    def read(self, given: Mapping[str, str]) -> Mapping[str, str]:
        """As typed; what does not look like one is refused."""
        for field, is_one in (
            ("phone", is_phone(given["phone"])), ("email", bool(given["email"].strip())),
            ("postal_code", bool(plain_postal_code(given["postal_code"]))),
        ):  # fmt: skip
            if not is_one:
                raise InputError(field, "is empty, or does not look like one", shape=f"{len(given[field])} characters")
        return given

    def find(self, people: CopiedPeople, given: Mapping[str, str]) -> Iterable[str]:
        """By the number, which an index finds."""
        return [
            tenant.id for tenant in people.with_phone(given["phone"])
            if same_mail(given["email"], tenant.email)
            and same_postal_code(given["postal_code"], tenant.address.postal_code)
        ]  # fmt: skip


def all_matchers(own: Mapping[str, object] | None) -> dict[str, IdentityMatcher]:
    """Ours and a portal's own, by name.

    Raises:
        ConfigurationError: One has our name, or no fields, or counts nothing or something that is not asked for.
    """
    found: dict[str, IdentityMatcher] = {CONTACT: ContactMatcher()}
    for name, matcher in (own or {}).items():
        if name == CONTACT or not name.strip():
            message = f"identity: {name or '(empty)'} is no name for a matcher of your own"
            raise ConfigurationError(message, code="bad_matcher")
        if not isinstance(matcher, IdentityMatcher):
            message = f"identity: {name} is no IdentityMatcher: it needs fields, counted, read and find"
            raise ConfigurationError(message, code="bad_matcher")
        if not matcher.counted or not set(matcher.counted) <= set(matcher.fields):
            message = f"identity: {name} must count attempts by some of its fields ({', '.join(matcher.fields)})"
            raise ConfigurationError(message, code="bad_matcher")
        found[name] = matcher
    return found
