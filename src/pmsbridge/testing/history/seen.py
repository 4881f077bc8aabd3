"""What was watched from outside: clicks, answers, statements, requests, the books and the mailbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

__all__ = [
    "FAILED",
    "FINAL",
    "KINDS",
    "NOTICES",
    "STATES",
    "Answer",
    "Booked",
    "Click",
    "History",
    "Mailed",
    "Request",
    "RequestAnswer",
    "Statement",
    "Step",
    "Violation",
]

KINDS: Final = (
    "double", "lost", "phantom", "told_failed_but_done", "told_done_but_not", "changed_mind", "stuck",
    "notice_doubled", "notice_lost", "edit_repeated_by_notice", "sealed_resent", "vacate_called", "order", "overlap",
    "pending_without_reason", "statement_ignored", "foreign_error", "declined_without_a_no", "review_untold",
    "request_answered_twice",
)  # fmt: skip
"""Every kind of violation there is."""

NOTICES: Final = frozenset({"add_note", "post_bulletin", "send_mail"})
"""Kinds that tell somebody of something."""

STATES: Final = frozenset({"set_autopay", "change_contact", "schedule_move_out", "cancel_move_out", "set_consent"})
"""Kinds that write a state, which may be written again without harm."""

FAILED: Final = frozenset({"declined", "not_sent"})
"""Outcomes that say: nothing changed."""

FINAL: Final = frozenset({"settled", "declined", "not_sent"})
"""Outcomes that stay."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One line of the back office's books: something was really done.

    Attributes:
        subject: What it was done to (a rental, a tenant).
        what: The amount, or the value written.
        key: The key of the request that did it; empty for what staff did at the desk.
    """

    number: int
    at: int
    kind: str
    subject: str
    what: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One write that reached the back office.

    Attributes:
        ended: When the back office had finished with it and the line was free again.
        answer: "done", "rejected", "refused" or "none".
        sealed: A card, a bank account or a password came with it.
    """

    key: str
    kind: str
    lane: str
    began: int
    ended: int
    answer: str
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """An action that answers a request of the office for a payment.

    Attributes:
        request: Which request.
        withdraws: It takes the request back, from the moment it was accepted; else it pays it.
    """

    request: str
    action: str
    withdraws: bool


@dataclass(frozen=True, slots=True)
class Mailed:
    """One mail in the staff's mailbox."""

    at: int
    key: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Click:
    """A person asks for something.

    Attributes:
        wish: Several clicks, with the same key or not, may be about one wish: it is to come true once.
        amount: What the person named; empty for "whatever is due" and for what is no payment.
        notices: Kinds of notices that belong to it once it is done.
    """

    order: int
    at: int
    wish: str
    key: str
    kind: str
    subject: str
    amount: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One part of an answer.

    Attributes:
        reasoned: It says why it stands as it does, or when something happens next.
        missing: Rentals of a settled payment that it says got nothing.
    """

    key: str
    name: str
    kind: str
    outcome: str
    principal: bool
    skipped: bool = False
    reasoned: bool = True
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person was told.

    Attributes:
        wish: What it answers; empty when the person only looked.
        key: The click's key that made the action; empty for an error.
        action: Empty for an error.
        outcome: The outcome's word; empty for an error.
        error: The error's class; empty for an answer.
        foreign: The error is none of the library's.
    """

    order: int
    at: int
    wish: str
    key: str = ""
    action: str = ""
    outcome: str = ""
    steps: tuple[Step, ...] = ()
    error: str = ""
    foreign: bool = False


@dataclass(slots=True)
class Statement:
    """What an operator said: how a step ended ("settled", "declined", "not_sent"), or "retry".

    Attributes:
        order: When the operator began to speak.
        accepted: It was not refused.
    """

    order: int
    at: int
    action: str
    step: str
    says: str
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """One contradiction.

    Attributes:
        action: Which action, wish or rental it is about.
        evidence: What was seen, line by line.
        seed: Replays it.
    """

    kind: str
    action: str
    evidence: tuple[str, ...]
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.kind} [seed {self.seed}] {self.action}: " + "; ".join(self.evidence)


@dataclass(slots=True)
class History:
    """Everything that was watched from outside.

    Attributes:
        owed: By rental, all that was ever due: nobody may take more through the portal.
        states: By kind and subject, what stood there at the beginning.
        withdrawn: Keys of clicks that the portal itself took back: they were rolled back, and never asked for again.
        staff_told_by: Kinds of notices by which staff are told that somebody has to look; empty when they are not.
        finished: Faults ended long enough ago that everything must be known by now.
    """

    seed: int = 0
    owed: dict[str, Decimal] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    staff_told_by: tuple[str, ...] = ()
    clicks: list[Click] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    mails: list[Mailed] = field(default_factory=list)
    request_answers: list[RequestAnswer] = field(default_factory=list)
    finished: bool = True
