"""People: tenants, their contacts, how to reach them and what they agreed to."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from pmsbridge.model.earlier import Since
from pmsbridge.model.record import Id, Instant, OpenEnum, Record, Value, Words

__all__ = [
    "ConsentChannel",
    "ConsentPurpose",
    "ConsentRecord",
    "Contact",
    "ContactRole",
    "PersonName",
    "Phone",
    "PostalAddress",
    "Tenant",
    "TenantMatch",
]

_NOT_DIGITS = re.compile(r"[^0-9]")


class PersonName(Value):
    """A name in parts; any part may be empty, and a company may have only a company name.

    Attributes:
        title: "Ms.", "Dr." ...
        first: Given name.
        middle: Middle name or initial.
        last: Family name.
        company: Company, empty for a private person.
    """

    title: str = ""
    first: str = ""
    middle: str = ""
    last: str = ""
    company: str = ""

    @property
    def greeting(self) -> str:
        """What to greet by: the first name, else the last name, else the company."""
        return self.first or self.last or self.company

    @property
    def full(self) -> str:
        """First, middle and last name, or the company when there is no person's name."""
        person = " ".join(part for part in (self.first, self.middle, self.last) if part)
        return person or self.company


class PostalAddress(Value):
    """A postal address in the parts back offices keep.

    Attributes:
        region: State, province or county.
        country: As the back office writes it; there is no common code over vendors.
    """

    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


class Phone(Value):
    """A telephone number as the back office holds it.

    Attributes:
        raw: Written back untouched unless it was edited.
        e164: International form; None where it cannot be known.
    """

    raw: str
    e164: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{6,14}$")

    @property
    def digits(self) -> str:
        """Digits only: what two numbers are compared by."""
        return _NOT_DIGITS.sub("", self.e164 or self.raw)


class ContactRole(OpenEnum):
    """What a contact is to the tenant."""

    ALTERNATE = "alternate"
    BUSINESS = "business"
    SPOUSE = "spouse"
    BOOKKEEPER = "bookkeeper"
    EMERGENCY = "emergency"
    MILITARY = "military"
    OTHER = "other"
    UNKNOWN = "unknown"


class Contact(Record):
    """Somebody beside the tenant.

    Attributes:
        tenant_id: Whose contact it is.
        role: The neutral role; the vendor's own word is in ``vendor_role``.
        permissions: Portal permissions given to this contact ("pay", "view_documents" ...).
    """

    entity: ClassVar[str] = "contact"

    tenant_id: Id
    role: ContactRole
    vendor_role: str = ""
    name: PersonName = PersonName()
    address: PostalAddress = PostalAddress()
    phone: Phone | None = None
    email: str = ""
    permissions: Words = frozenset()


class ConsentChannel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    POST = "post"


class ConsentPurpose(StrEnum):
    """What a message is for. Transactional messages are not marketing."""

    MARKETING = "marketing"
    PAYMENT_REMINDERS = "payment_reminders"
    ACCOUNT_NOTIFICATIONS = "account_notifications"
    SERVICE_REMINDERS = "service_reminders"


class ConsentRecord(Value):
    """One answer of a person about one channel and one purpose.

    Attributes:
        granted: Yes or no.
        given_at: When the answer was given; None where the back office does not keep it.
        source: Where it was given ("portal", "back office").
    """

    channel: ConsentChannel
    purpose: ConsentPurpose
    granted: bool
    given_at: Instant | None = None
    source: str = ""


class Tenant(Record):
    """The person or company that rents (customer, account holder, party).

    Attributes:
        name: In parts.
        phone: Main number; None when there is none.
        mobile: Mobile number; None when there is none.
        email: The address notices to the tenant go to; empty when there is none.
        birth_date: None when not known.
        contacts: Alternate, business and other contacts.
        consents: Per channel and purpose, where the back office holds them.
        language: BCP 47 tag; empty when the back office does not hold one.
        is_company: The rental is in a company's name.
        portal_disabled: The back office forbids web access to this tenant.
        has_gate_code: Whether an access code exists. The code itself is never part of the model.
        pays_cash_only: The office takes cash only from this tenant: nothing is paid through the portal.
    """

    entity: ClassVar[str] = "tenant"

    name: PersonName
    address: PostalAddress = PostalAddress()
    phone: Phone | None = None
    mobile: Phone | None = None
    email: str = ""
    birth_date: date | None = None
    contacts: tuple[Contact, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()
    language: str = ""
    is_company: bool = False
    is_active: bool | None = None
    portal_disabled: bool = False
    has_gate_code: bool = False
    pays_cash_only: Annotated[bool, Since(5)] = False

    def consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool | None:
        """The recorded answer, or None when the person was never asked."""
        answers = [c.granted for c in self.consents if c.channel is channel and c.purpose is purpose]
        return answers[-1] if answers else None


class TenantMatch(Value):
    """One hit of a search: enough to choose by, nothing secret.

    Attributes:
        is_exact: Every given criterion equals the record's value after normalising; False for a fuzzy hit.
        is_elsewhere: Found at another facility of the account than the one that was asked for: a hint, not a match.
    """

    tenant_id: Id
    account: Id
    facility: Id
    name: PersonName
    email: str = ""
    phone: Phone | None = None
    has_active_rental: bool | None = None
    is_exact: bool = False
    is_elsewhere: bool = False
