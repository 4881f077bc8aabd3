"""What an adapter answers: a receipt, or what a look at the back office found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pmsbridge.model.record import Instant, Value
from pmsbridge.model.sealed import Sealed
from pmsbridge.ports.files import HandedFile

__all__ = ["Absent", "Attempt", "CannotTell", "Found", "Outcome", "Probed", "Receipt"]


class Outcome(StrEnum):
    """How an action or an effect stands. Exactly one of these, always with evidence.

    ``SETTLED``: the back office has it. ``DECLINED``: it said no, nothing changed. ``NOT_SENT``: it certainly never
    reached the back office, nothing changed. ``PENDING``: sent or queued, not yet known. ``NEEDS_REVIEW``: no machine
    can know; staff were told.
    """

    SETTLED = "settled"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    PENDING = "pending"
    NEEDS_REVIEW = "needs_review"

    @property
    def is_final(self) -> bool:
        """Nothing more happens by itself. A person may still resolve ``needs_review``."""
        return self is not Outcome.PENDING

    @property
    def nothing_changed(self) -> bool:
        """The back office is certainly as it was."""
        return self in {Outcome.DECLINED, Outcome.NOT_SENT}


class Receipt(Value):
    """Proof that an effect is in the back office.

    Attributes:
        evidence: In our words: "receipt 1042 answered" or "read back: payment 1042 of 120.00 on 2026-11-21".
        vendor_ids: Ids the back office gave, by our name ("payment", "note").
        code: The vendor's answer code.
        at: When it was answered or seen.
        read_back: Seen by a look, not answered to the send.
        emulated: Done as a staff task, not as the vendor's own operation.
    """

    evidence: str
    vendor_ids: dict[str, str] = {}
    code: str = ""
    at: Instant
    read_back: bool = False
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The effect is in the back office.

    Attributes:
        shows_reference: The entry shows our reference, or the gateway's: it is no other payment that looks the same.
    """

    receipt: Receipt
    shows_reference: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """The effect was looked for where it would be, and is not there; or a part of it is.

    Attributes:
        saw: What was seen instead, for the trail.
        conclusive: After the settle window, absence means it never happened.
        begun: A part of it stands, and the next send goes on from there. It may be sent again as after any absence,
            but it is never told as "nothing changed".
    """

    saw: str
    conclusive: bool = True
    begun: bool = False


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The back office cannot be asked, or its answer fits both ways."""

    why: str


Probed = Found | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Attempt:
    """Everything about one send that is not the effect itself.

    Attributes:
        key: The effect's idempotency key; the same for every attempt.
        number: 1 for the first send.
        not_after: Instant at which the right to send ends (the lease); checked right before the bytes leave.
        sealed: Card, bank account or password for this one send; None when not needed or already used.
        sent_at: When the (first) send began; None before it. For a probe: how far back to look.
        baseline: What ``baseline`` read before the send, as stored.
        file: What was handed in, for an effect that carries a file; None for any other, and for a probe.
    """

    key: str
    number: int = 1
    not_after: datetime | None = None
    sealed: Sealed | None = field(default=None, repr=False)
    sent_at: datetime | None = None
    baseline: Mapping[str, str] = field(default_factory=dict)
    file: HandedFile | None = None
