"""A lost access code: told only to staff who have checked who asks, counted, and never without a trace of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from pmsbridge.accounts.register import is_phone, plain_postal_code, same_number, same_postal_code
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.people import Tenant
from pmsbridge.model.sealed import GateCode
from pmsbridge.portal.arguments import checked_day, checked_id, checked_key, checked_words
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.office import Office, rental_of
from pmsbridge.portal.performing import Perform
from pmsbridge.ports.books import AccessPort

if TYPE_CHECKING:
    from pmsbridge.accounts.doorkeeper import Doorkeeper
    from pmsbridge.actions.plans import Planner

__all__ = ["IdentityCheck", "look_up_code"]

_LEAST: Final = 2
_WORDS: Final = {"birth_date": "date of birth", "phone": "phone", "postal_code": "postal code"}


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """What somebody who asks for a code says of themselves: at least two of three. Its repr shows none of it.

    Attributes:
        birth_date: None when it was not asked for.
        phone: Any number on the record, however it is written; empty when it was not asked for.
        postal_code: Empty when it was not asked for.
    """

    birth_date: date | None = field(default=None, repr=False)
    phone: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)

    @property
    def asked(self) -> tuple[str, ...]:
        """Which of the three were asked for."""
        return tuple(name for name in _WORDS if getattr(self, name))

    def fits(self, tenant: Tenant) -> bool:
        """Whether everything that was said is on the record, and is the same."""
        return all(self._answers(tenant))

    def _answers(self, tenant: Tenant) -> Iterator[bool]:
        if self.birth_date is not None:
            yield self.birth_date == tenant.birth_date
        if self.phone:
            yield any(same_number(self.phone, held) for held in (tenant.phone, tenant.mobile))
        if self.postal_code:
            yield same_postal_code(self.postal_code, tenant.address.postal_code)


def look_up_code(
    office: Office, keeper: Doorkeeper, rental_id: str, identity: IdentityCheck, *, key: str
) -> tuple[GateCode, ActionView]:
    """The code of a rental and the action that keeps who looked; see ``StaffDesk.access_code``."""
    rental, checked = checked_id("rental_id", rental_id), checked_key(key)
    _refuse_thin(identity)
    port = office.adapter
    if not isinstance(port, AccessPort):
        message = "this back office cannot look up code"
        raise UnsupportedError(message, code="not_supported")
    account = office.read_live()
    office.allowed(ActionKind.LOOK_UP_CODE, account, rental_id=rental)
    # The account read may leave fields of the person out.
    _refuse_stranger(office, keeper, port.tenant(office.facility, office.tenant_id), identity)

    def decide(read: TenantAccount, planner: Planner) -> Plan:
        office.allowed(ActionKind.LOOK_UP_CODE, read, rental_id=rental)
        text = f"Access code told after an identity check ({', '.join(_WORDS[name] for name in identity.asked)})."
        row = rental_of(read, rental)
        return planner.note(row, text, kind=NoteKind.ACCESS_PROBLEM, visibility=Visibility.INTERNAL)

    # The journal first: a look of which nothing is kept is worse than a note of a look that found nothing.
    intent = {"rental_id": rental, "asked": list(identity.asked)}
    view = Perform(office, ActionKind.LOOK_UP_CODE, checked, intent)(decide)
    if view.replayed:
        message = "This look was made before, and the code told then."
        raise IneligibleError(message, code="looked_up_already", unblock="Ask anew: each look has a key of its own.")
    code = port.access_code(office.facility, office.tenant_id, rental)
    if code is None:
        raise NotFoundError("access_code", "is none on record")
    return code, view


def _refuse_thin(identity: object) -> None:
    if not isinstance(identity, IdentityCheck):
        raise InputError("identity", "must be an IdentityCheck", shape=type(identity).__name__)
    if identity.birth_date is not None:
        checked_day("identity.birth_date", identity.birth_date)
    for name, is_phone_ in (("phone", True), ("postal_code", False)):
        text = checked_words(f"identity.{name}", getattr(identity, name))
        refuse_card_number(f"identity.{name}", text, is_phone=is_phone_)
    if identity.phone and not is_phone(identity.phone):
        raise InputError("identity.phone", "does not look like a telephone number")
    if identity.postal_code and not plain_postal_code(identity.postal_code):
        raise InputError("identity.postal_code", "does not look like one")
    if len(identity.asked) < _LEAST:
        raise InputError(
            "identity", "is not enough", shape=f"{len(identity.asked)} answers",
            remedy="Ask for two of: date of birth, phone, postal code.",
        )  # fmt: skip


def _refuse_stranger(office: Office, keeper: Doorkeeper, tenant: Tenant, identity: IdentityCheck) -> None:
    """Refuse whoever is not proved to be the tenant; after too many attempts nothing is compared for a while."""
    subject = (office.account_name, office.facility, f"code of {office.tenant_id}")
    times = keeper.attempt(*subject)
    if times and identity.fits(tenant):
        keeper.succeeded(*subject)
        return
    if times:
        keeper.failed(office.account_name, office.facility, times, purpose="to be told a customer's access code")
    message = "These details do not prove who asks."
    raise IneligibleError(message, code="identity_not_proved", unblock="Check them, or ask for an identity document.")
