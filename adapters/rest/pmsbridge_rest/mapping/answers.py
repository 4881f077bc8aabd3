"""Answers: their envelope, what an error means, and how the end of a write is told."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from pmsbridge_rest.mapping.conditions import Condition, Statuses
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import HeaderName, Section, Span

__all__ = ["Declined", "Envelope", "ErrorClass", "ErrorRule", "Errors", "Job", "Outcome"]


class ErrorClass(StrEnum):
    """What an error means, whatever the vendor calls it.

    The first ten say that nothing changed. ``transient`` and ``vendor_bug`` leave it open for a write.
    """

    VALIDATION = "validation"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    THROTTLED = "throttled"
    DECLINED = "declined"
    FEATURE_DISABLED = "feature_disabled"
    PERIOD_LOCKED = "period_locked"
    TRANSIENT = "transient"
    VENDOR_BUG = "vendor_bug"

    @property
    def nothing_changed(self) -> bool:
        """By such an answer the back office says that it is as it was."""
        return self not in {ErrorClass.TRANSIENT, ErrorClass.VENDOR_BUG}


class Envelope(Section):
    """What every answer is wrapped in.

    Attributes:
        style: ``jsonapi`` gives rows with their attributes beside ``id`` and ``type``; ``graphql`` looks into
            ``errors`` of a 200.
        data: Where the content is.
        good: What holds of every good answer; one of which it does not hold is an error even with status 200. None when
            the status alone tells.
        included: JSON:API: relations that are put into the row under their own name.
    """

    style: Literal["plain", "jsonapi", "graphql"] = "plain"
    data: Expression = "@"
    good: Condition | None = None
    included: tuple[str, ...] = ()


class ErrorRule(Section):
    """When an answer is an error of a class; the first rule that holds wins.

    Attributes:
        when: What holds of the answer.
        means: Its class.
        certain: The vendor says that nothing was done, although the status or the class leaves it open.
        code: Our word for it; empty for the vendor's.
    """

    when: Condition
    means: ErrorClass
    certain: bool = False
    code: str = ""


class Errors(Section):
    """What errors say and mean.

    Statuses that no rule names: 400 and 422 validation, 401 auth, 403 forbidden, 404 and 410 not found, 409 conflict,
    412 stale, 402 declined, 429 throttled, another 4xx vendor_bug, 5xx transient.

    Attributes:
        message: Where the vendor's own words are.
        code: Where its code is.
        fields: Where the names of wrong fields are.
        request_id: Where the request's number is; None when in ``request_id_header`` or nowhere.
        request_id_header: Or in which header.
        rules: The first that holds wins.
    """

    message: Expression | None = None
    code: Expression | None = None
    fields: Expression | None = None
    request_id: Expression | None = None
    request_id_header: HeaderName | None = None
    rules: tuple[ErrorRule, ...] = ()


class Declined(Section):
    """When the back office said no in an answer that otherwise looks good.

    Attributes:
        when: What holds of the answer.
        reason: Where its words are.
        code: Where its code is.
    """

    when: Condition
    reason: Expression | None = None
    code: Expression | None = None


class Job(Section):
    """The answer is a ticket; how it ended is asked for.

    Attributes:
        when: What holds of an answer that is a ticket.
        poll: The read that tells; outputs of the step stand in it, ``{step.NAME.id}``.
        state: Where its answer has the state.
        done: Words that mean done.
        failed: Words that mean that nothing was done.
        every: How long to wait between two reads.
        within: How long at most; after that the outcome is unknown and is looked for later.
    """

    when: Condition
    poll: Reading
    state: Expression
    done: tuple[str, ...] = Field(min_length=1)
    failed: tuple[str, ...] = ()
    every: Span = timedelta(seconds=1)
    within: Span = timedelta(seconds=20)

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        if set(self.done) & set(self.failed):
            message = "the same word means done and failed"
            raise ValueError(message)
        return self


class Outcome(Section):
    """How the answer of a write is read. Without a word here: a good answer with status 2xx is success.

    Attributes:
        success: Statuses of success; an answer with another is read by ``errors``.
        proof: What beside must hold of a success; where it does not, the outcome is unknown.
        declined: When the answer is a no all the same; in order.
        job: When it is a ticket; None for never.
        already: When an answer says that it was so already: success, and nothing was done.
    """

    success: Statuses = ("2xx",)
    proof: Condition | None = None
    declined: tuple[Declined, ...] = ()
    job: Job | None = None
    already: Condition | None = None
