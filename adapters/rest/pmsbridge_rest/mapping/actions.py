"""Actions: which calls carry out an effect, in which order, and what makes a second delivery harmless."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pmsbridge_rest.mapping.answers import Outcome
from pmsbridge_rest.mapping.conditions import Demand, Holds
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.paths import Path
from pmsbridge_rest.mapping.requests import Call, Reading
from pmsbridge_rest.mapping.sections import Also, ExactNumber, HeaderName, Section, Span, Word
from pmsbridge_rest.mapping.templates import Template

__all__ = [
    "Action",
    "BodyFieldKey",
    "ByState",
    "ClientReference",
    "Guard",
    "HeaderKey",
    "Idempotency",
    "Look",
    "NaturalKey",
    "NoKey",
    "Policy",
    "Reshape",
    "Step",
    "Unsupported",
    "Update",
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
        kept: How long the vendor remembers a key; after that it is looked for.
        look_up: How else it is found; None when the key alone has to do.
    """

    by: Literal["header"]
    name: HeaderName
    value: Template = "{attempt.key}"
    kept: Span = timedelta(hours=24)
    look_up: Look | None = None


class BodyFieldKey(Section):
    """The vendor takes an idempotency key in the body and does the same thing once.

    Attributes:
        at: Where in the body it goes.
        value: What is sent.
        kept: How long the vendor remembers a key; after that it is looked for.
        look_up: How else it is found; None when the key alone has to do.
    """

    by: Literal["body_field"]
    at: Path
    value: Template = "{attempt.key}"
    kept: Span = timedelta(hours=24)
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


class Guard(Section):
    """What stops an update from writing over somebody else's edit.

    Attributes:
        by: ``if_match`` sends the ETag that was read; ``version`` sends a field back that was read; ``compare`` reads
            again right before the send and compares with what was read first.
        at: Of ``version``: where in the record the version is, and where in the body it goes back.
        etag: Of ``if_match``: which header of the read has it.
    """

    by: Literal["if_match", "version", "compare"]
    at: Path | None = None
    etag: HeaderName = "ETag"

    @model_validator(mode="after")
    def _version_is_somewhere(self) -> Self:
        if (self.by == "version") != (self.at is not None):
            message = "at goes with by: version, and only with it"
            raise ValueError(message)
        return self


class Reshape(Section):
    """A value that is read in one place or shape and written in another.

    Attributes:
        read: Where it is, in the record that was read (JMESPath).
        write: Where it goes, in the record that is written.
        drop: What is taken out of the record; None for nothing.
    """

    read: Expression
    write: Path
    drop: Path | None = None


class Update(Section):
    """How some fields of a record are changed without touching another.

    Attributes:
        entity: Whose write fields say where each field goes.
        strategy: ``patch_changed`` sends the changes alone, ``post_changed`` too, as a command beside ids of the body;
            ``put_full`` reads, keeps what is listed, reshapes, merges and sends it all.
        read: The read of ``put_full``, and of ``compare``; None for the entity's own ``one``.
        keep: Of ``put_full``: the only paths of the record that are sent back. Empty for all but ``drop``.
        drop: Of ``put_full``: paths that must not be sent back.
        reshape: Of ``put_full``: what is written elsewhere than it is read.
        guard: Against somebody else's edit; None for none.
        moves: Paths that the back office changes by itself when a record is written; everything else that was not
            asked for must be read back as it was.
    """

    entity: Literal["tenants", "rentals"] = "tenants"
    strategy: Literal["patch_changed", "put_full", "post_changed"]
    read: Reading | None = None
    keep: tuple[Path, ...] = ()
    drop: tuple[Path, ...] = ()
    reshape: tuple[Reshape, ...] = ()
    guard: Guard | None = None
    moves: tuple[Path, ...] = ()

    @model_validator(mode="after")
    def _keeps_or_drops(self) -> Self:
        if self.strategy != "put_full" and (self.keep or self.drop or self.reshape):
            message = "keep, drop and reshape go with strategy: put_full"
            raise ValueError(message)
        if self.keep and self.drop:
            message = "give keep or drop, not both"
            raise ValueError(message)
        return self


def _cases(given: Any) -> Any:  # noqa: ANN401
    if not isinstance(given, dict):
        return given
    return {key: {"among": each} if isinstance(each, list) else each for key, each in given.items()}


Cases = Annotated[
    dict[
        str,
        Annotated[
            Demand,
            BeforeValidator(lambda given: given if isinstance(given, dict | Demand) else {"equals": given}),
            Also({"type": ["string", "integer", "boolean", "null", "array"]}),
        ],
    ],
    BeforeValidator(_cases),
]
"""By path into the effect ("means.by"), what its value must be."""


class Step(Call):
    """One call of an action.

    Attributes:
        name: For outputs (``{step.NAME.OUTPUT}``) and trails.
        only_when: Only for effects of which this holds; a step that is passed over is no failure.
        idempotency: What makes a second delivery harmless.
        update: The body's ``$record`` is made by this; without a body, it is the body.
        outcome: How the answer is read.
        outputs: What is taken from a good answer, its envelope taken off, by our name: ``payment: id``.
        verify: A look after a good answer; None for none.
        compensate: What undoes this step when a later one was refused; None when nothing does.
    """

    name: Word
    only_when: Cases = Field(default_factory=dict)
    idempotency: Annotated[Idempotency, BeforeValidator(_idempotency), Also({"const": "none"})]
    update: Update | None = None
    outcome: Outcome = Outcome()
    outputs: dict[Word, Expression] = Field(default_factory=dict)
    verify: Verify | None = None
    compensate: Call | None = None

    @model_validator(mode="after")
    def _is_a_write(self) -> Self:
        if self.get is not None:
            message = "a step of an action is a write; reads belong to look_up, verify and update.read"
            raise ValueError(message)
        return self


class Action(Section):
    """How one effect is carried out.

    Attributes:
        steps: In order; at least one fits every effect that is accepted.
        accepts: Only effects of which this holds can be said; another is refused before anything is sent.
        before: A read before the first step, whose outputs all steps may use: ``{step.before.OUTPUT}``.
        reverses: The action this takes back ("schedule_move_out").
        announce: Who of the staff the plan tells afterwards; each is an effect of its own, so each needs a way.
        source: Where in the vendor's documents it is; empty for the mapping's own source.
        note: For people who read the capability table.
    """

    steps: tuple[Step, ...] = Field(min_length=1)
    accepts: Cases = Field(default_factory=dict)
    before: Look | None = None
    reverses: Word | None = None
    announce: tuple[Literal["note", "bulletin", "mail"], ...] = ()
    source: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names) or "before" in names:
            message = "two steps have the same name, or one is named before"
            raise ValueError(message)
        return self


class Unsupported(Section):
    """An effect that this back office cannot be asked for, or not yet.

    Attributes:
        because: For people.
        cannot: The vendor has no way (true), or it is not mapped yet.
        fallback: ``staff``: a note, a bulletin post and a mail ask staff to do it, where the effect allows that.
    """

    because: str = Field(min_length=1, max_length=300)
    cannot: bool = True
    fallback: Literal["staff", "none"] = "none"


class Policy(Section):
    """What the vendor's rules make of the operator's choices; settings of a facility override it.

    Attributes:
        accepts_online_payments: The vendor takes payments from outside at all.
        records_payments_only: The back office records money that was taken elsewhere; it charges nothing itself.
        pays_together: Means by which one payment can cover several rentals.
        allows_partial_payments: An amount below the balance may be paid.
        overpayment: What happens to more than is owed.
        fee: Whether a fee is added to an amount, or taken out of it: then what is applied is less than what is paid.
        max_prepay_months: How far ahead a tenant may pay.
        autopay_is_mandatory: A tenant may change the method but not switch it off.
        move_out_notice_days: Whole days between the request and the leaving date.
        move_out_max_days: How far ahead a move-out may be scheduled.
    """

    accepts_online_payments: bool = True
    records_payments_only: bool = False
    pays_together: tuple[Literal["card", "bank_debit", "external", "stored"], ...] = ()
    allows_partial_payments: bool = True
    overpayment: Literal["refused", "prepays"] = "prepays"
    max_prepay_months: ExactNumber = Field(default=12, ge=1, le=12)
    fee: Literal["none", "added", "taken_out"] = "none"
    autopay_is_mandatory: bool = False
    move_out_notice_days: ExactNumber = Field(default=0, ge=0, le=365)
    move_out_max_days: ExactNumber = Field(default=365, ge=1, le=1095)
