"""Papers, notes, bulletin posts and events."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from pmsbridge.model.earlier import Since
from pmsbridge.model.money import Money
from pmsbridge.model.record import Id, Instant, OpenEnum, Record

__all__ = [
    "Bulletin",
    "Document",
    "DocumentKind",
    "Event",
    "EventKind",
    "EventState",
    "Note",
    "NoteKind",
    "Quote",
    "Reservation",
    "ReservationState",
    "SignatureState",
    "Visibility",
    "visible_notes",
]


class DocumentKind(OpenEnum):
    """What kind of paper."""

    LEASE = "lease"
    CONTRACT = "contract"
    QUOTE = "quote"
    RESERVATION = "reservation"
    INVOICE = "invoice"
    STATEMENT = "statement"
    RECEIPT = "receipt"
    POLICY = "policy"
    OTHER = "other"
    UNKNOWN = "unknown"


class SignatureState(OpenEnum):
    """Whether it is signed."""

    NOT_NEEDED = "not_needed"
    WANTED = "wanted"
    SIGNED = "signed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Document(Record):
    """A paper that belongs to a tenant. The bytes are fetched apart, streamed and capped.

    Attributes:
        number: As printed; text.
        media_type: "application/pdf" ...; empty when not known before fetching.
        size_bytes: None when not known before fetching.
    """

    entity: ClassVar[str] = "document"

    tenant_id: Id
    rental_id: Id | None = None
    kind: DocumentKind
    title: str
    number: str = ""
    dated_on: date | None = None
    total: Money | None = None
    signature: SignatureState = SignatureState.UNKNOWN
    vendor_state: str = ""
    media_type: str = ""
    size_bytes: int | None = None


class Quote(Document):
    """An offer a customer may accept. What a payment refers to is a PaymentQuote."""

    entity: ClassVar[str] = "quote"

    kind: DocumentKind = DocumentKind.QUOTE
    valid_until: date | None = None


class ReservationState(OpenEnum):
    """Where a reservation stands."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MOVED_IN = "moved_in"
    UNKNOWN = "unknown"


class Reservation(Record):
    """A unit held for a tenant.

    Attributes:
        needed_on: Wanted move-in date.
        expires_on: Last day it is held; None when not known.
        global_number: The number a customer is told, where it differs from the id.
    """

    entity: ClassVar[str] = "reservation"

    tenant_id: Id
    unit_id: Id | None = None
    state: ReservationState
    vendor_state: str = ""
    needed_on: date | None = None
    expires_on: date | None = None
    quoted_rate: Money | None = None
    global_number: str = ""
    comment: str = ""


class Visibility(StrEnum):
    """Who may read a note. Internal unless said otherwise."""

    INTERNAL = "internal"
    CUSTOMER = "customer"


class NoteKind(OpenEnum):
    """What a note is about."""

    GENERAL = "general"
    PAYMENT_ARRANGEMENT = "payment_arrangement"
    SPECIAL_REQUEST = "special_request"
    MAINTENANCE = "maintenance"
    INTERACTION = "interaction"
    ACCESS_PROBLEM = "access_problem"
    UNKNOWN = "unknown"


class Note(Record):
    """A note on a tenant's account; append-only."""

    entity: ClassVar[str] = "note"

    tenant_id: Id
    rental_id: Id | None = None
    kind: NoteKind = NoteKind.GENERAL
    visibility: Visibility = Visibility.INTERNAL
    text: str
    written_at: Instant | None = None
    written_on: date | None = None
    author: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip():
            message = "a note needs text"
            raise ValueError(message)
        return self


def visible_notes(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """What a tenant may read; the filter lives here, not in the portal."""
    return tuple(note for note in notes if note.visibility is Visibility.CUSTOMER)


class Bulletin(Record):
    """A post to staff: a task with an optional due date."""

    entity: ClassVar[str] = "bulletin"

    subject: str
    body: str
    due_on: date | None = None
    posted_at: Instant | None = None


class EventKind(OpenEnum):
    """What happens."""

    APPOINTMENT = "appointment"
    SERVICE_DONE = "service_done"
    SOCIAL = "social"
    INSPECTION = "inspection"
    UNKNOWN = "unknown"


class EventState(OpenEnum):
    """Whether it took place, where the back office says so."""

    PLANNED = "planned"
    DONE = "done"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Event(Record):
    """Something that happens to or for a tenant.

    Attributes:
        tenant_id: None for what concerns everybody.
        rental_id: Which rental it is about; None when it is about none, or about which is not told.
        findings: What an inspection found, as far as the tenant may read it; empty for nothing, or while not told.
    """

    entity: ClassVar[str] = "event"

    tenant_id: Id | None = None
    rental_id: Annotated[Id | None, Since(5)] = None
    kind: EventKind
    state: Annotated[EventState, Since(5)] = EventState.UNKNOWN
    vendor_state: str = ""
    title: str
    starts_at: Instant
    ends_at: Instant | None = None
    findings: Annotated[str, Since(5)] = ""
