"""What makes a second delivery harmless, and how an effect is looked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pmsbridge_rest.mapping.conditions import Holds
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.paths import Path
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import Also, HeaderName, Section, Span, Word
from pmsbridge_rest.mapping.templates import Template

__all__ = [
    "BodyFieldKey",
    "ByState",
    "ClientReference",
    "HeaderKey",
    "Idempotency",
    "Look",
    "NaturalKey",
    "NoKey",
    "Verify",
]


class Look(Reading):
    """A read that looks for something.

    A status of ``missing`` means that nothing is there only where ``missing`` is written out: a 404 may as well mean
    that the tenant, or the address, is wrong. Without it, such an answer tells nothing.

    Attributes:
        match: What holds of the row that is looked for; places of the effect stand in it.
        outputs: What is taken from the row, by our name: ``payment: id``.
        lag: How long after a write it may still not be seen; part of the settle window.
    """

    match: Holds = Field(min_length=1)
    outputs: dict[Word, Expression] = Field(default_factory=dict)
    lag: Span = timedelta(0)


class HeaderKey(Section):
    """The vendor takes an idempotency key in a header and does the same thing once.

    Attributes:
        name: Of the header.
        value: What is sent.
        kept: How long the vendor says that it remembers a key; where it does not say, leave it: a payment is not sent
            again after that.
        look_up: How else it is found; None when the key alone has to do.
    """

    by: Literal["header"]
    name: HeaderName
    value: Template = "{attempt.key}"
    kept: Span = timedelta(minutes=15)
    look_up: Look | None = None


class BodyFieldKey(Section):
    """The vendor takes an idempotency key in the body and does the same thing once.

    Attributes:
        at: Where in the body it goes.
        value: What is sent.
        kept: How long the vendor says that it remembers a key; where it does not say, leave it: a payment is not sent
            again after that.
        look_up: How else it is found; None when the key alone has to do.
    """

    by: Literal["body_field"]
    at: Path
    value: Template = "{attempt.key}"
    kept: Span = timedelta(minutes=15)
    look_up: Look | None = None


class ClientReference(Section):
    """The vendor keeps a text of ours, by which it is found again. It does not stop a second one.

    Attributes:
        at: Where in the body it goes; None where the body has ``{attempt.reference}`` already.
        value: What is written.
        look_up: How it is found.
        absence_conclusive: After the settle window, not finding it proves that it never happened.
    """

    by: Literal["client_reference"]
    at: Path | None = None
    value: Template = "{attempt.reference}"
    look_up: Look
    absence_conclusive: bool = True


class NaturalKey(Section):
    """What was written is recognised by what it says: tenant, amount, day.

    Attributes:
        look_up: How it is found. Rows that were there before the send are not it.
        row_key: What tells two rows apart, a JMESPath into the row.
        absence_conclusive: After the settle window, not finding a new one proves that it never happened.
    """

    by: Literal["natural_key"]
    look_up: Look
    row_key: Expression = "id"
    absence_conclusive: bool = True


class ByState(Section):
    """It sets a state; twice is the same as once.

    Attributes:
        look_up: Sees whether the state is there.
        absence_conclusive: After the settle window, not seeing it proves that it never happened.
    """

    by: Literal["state"]
    look_up: Look
    absence_conclusive: bool = True


class NoKey(Section):
    """Nothing recognises it: it is sent once, and an unanswered one goes to a person.

    Attributes:
        why: For the reader of the mapping.
    """

    by: Literal["none"] = "none"
    why: str = Field(default="", max_length=300)


def _idempotency(given: Any) -> Any:  # noqa: ANN401
    return {"by": "none"} if given == "none" else given


Idempotency = Annotated[
    HeaderKey | BodyFieldKey | ClientReference | NaturalKey | ByState | NoKey,
    Field(discriminator="by"),
    BeforeValidator(_idempotency),
    Also({"const": "none"}),
]
"""What makes a second delivery harmless, told apart by ``by``."""


class Verify(Reading):
    """A read after the answer, and what must hold then; where it does not, the outcome is unknown.

    Attributes:
        match: What holds of one of the rows.
        within: How long it may take until it is so.
        every: How long to wait between two reads.
    """

    match: Holds = Field(min_length=1)
    within: Span = timedelta(seconds=10)
    every: Span = timedelta(seconds=1)
