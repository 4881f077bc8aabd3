"""What passes between a customer and the office: which way it goes, and by what it travels."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from pmsbridge.model.documents import Visibility
from pmsbridge.model.record import Id, Instant, Value

__all__ = [
    "MOST_ATTACHMENTS",
    "SUBJECT_LIMIT_CHARS",
    "TEXT_LIMIT_CHARS",
    "AttachedPaper",
    "Channel",
    "Direction",
    "RecordedInteraction",
]

SUBJECT_LIMIT_CHARS: Final = 500
TEXT_LIMIT_CHARS: Final = 50_000
MOST_ATTACHMENTS: Final = 50


class Direction(StrEnum):
    """Which way something went: ``IN`` from the customer to the office, ``OUT`` to the customer.

    ``INTERNAL`` is between staff, about the customer. ``UNKNOWN``: a back office that keeps it does not say.
    """

    IN = "in"
    OUT = "out"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Channel(StrEnum):
    """By what something travelled. ``OFFICE``: it stands in the back office's books, which do not say how it came."""

    PORTAL = "portal"
    EMAIL = "email"
    PHONE = "phone"
    SMS = "sms"
    POST = "post"
    DESK = "desk"
    OFFICE = "office"


class AttachedPaper(Value):
    """What came with a message, by reference: the bytes lie where whoever records it keeps them.

    Attributes:
        name: As it came.
        reference: Where it is found: a key or an address of the application's own.
    """

    name: Annotated[str, StringConstraints(max_length=255)]
    media_type: Annotated[str, StringConstraints(max_length=100)] = "application/octet-stream"
    size_bytes: int | None = Field(default=None, ge=0)
    reference: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class RecordedInteraction(Value):
    """A mail, a call or a visit that somebody recorded: no back office and no action of ours knows of it.

    Attributes:
        message_id: What it is recorded once by: the Message-ID of a mail, the number of a call.
        at: When it was sent, or took place.
        sender: The address or number that it says it came from, which proves nothing; empty where none was told.
        attachments: By reference.
        visibility: Whether the customer may read it.
        rental_id: What it is about; None for nothing in particular.
        recorded_by: "staff:NAME", or the hook that took it.
    """

    message_id: Id
    direction: Direction
    channel: Channel
    at: Instant
    sender: Annotated[str, StringConstraints(max_length=320)] = ""
    subject: Annotated[str, StringConstraints(max_length=SUBJECT_LIMIT_CHARS)] = ""
    text: Annotated[str, StringConstraints(max_length=TEXT_LIMIT_CHARS)] = ""
    attachments: tuple[AttachedPaper, ...] = Field(default=(), max_length=MOST_ATTACHMENTS)
    visibility: Visibility = Visibility.INTERNAL
    rental_id: Id | None = None
    recorded_by: Annotated[str, StringConstraints(max_length=200)] = ""
