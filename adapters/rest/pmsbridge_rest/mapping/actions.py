"""Actions: which calls carry out an effect, in which order; what cannot be asked for; the vendor's own rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pmsbridge_rest.mapping.answers import Outcome
from pmsbridge_rest.mapping.conditions import Demand
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.recognising import (
    BodyFieldKey,
    ByState,
    ClientReference,
    HeaderKey,
    Idempotency,
    Look,
    NaturalKey,
    NoKey,
    Verify,
)
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.sections import Also, ExactNumber, Section, Word
from pmsbridge_rest.mapping.updates import Guard, Reshape, Update

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
    idempotency: Idempotency
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
        reverses: The action this takes back (of cancel_move_out "schedule_move_out"), for people who read the
            capability table; nothing is sent because of it.
        max_bytes: Of attach_document: the largest file that is taken; a larger one is refused before it is stored. None
            where the vendor does not say.
        announce: How staff are told afterwards, each an effect of its own: a move-out, its taking back and a change of
            contact data are told. Empty for every way there is.
        source: Where in the vendor's documents it is; empty for the mapping's own source.
        note: For people who read the capability table.
    """

    steps: tuple[Step, ...] = Field(min_length=1)
    accepts: Cases = Field(default_factory=dict)
    before: Look | None = None
    reverses: Word | None = None
    max_bytes: ExactNumber | None = Field(default=None, ge=1, le=1_000_000_000)
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
            ``none``: the portal does not offer it.
    """

    because: str = Field(min_length=1, max_length=300)
    cannot: bool = True
    fallback: Literal["staff", "none"] = "none"


class Policy(Section):
    """What the vendor's rules make of the operator's choices; settings of a facility override it.

    Attributes:
        accepts_online_payments: The vendor takes payments from outside at all.
        records_payments_only: The back office records money that was taken elsewhere; it charges nothing itself, so
            that no payment is offered but by what a gateway took (``external``).
        pays_together: Means by which one payment can cover several rentals.
        allows_partial_payments: An amount below the balance may be paid.
        max_prepay_months: How far ahead a tenant may pay.
        autopay_is_mandatory: A tenant may change the method but not switch it off.
        move_out_notice_days: Whole days between the request and the leaving date.
        move_out_max_days: How far ahead a move-out may be scheduled.
    """

    accepts_online_payments: bool = True
    records_payments_only: bool = False
    pays_together: tuple[Literal["card", "bank_debit", "external", "stored"], ...] = ()
    allows_partial_payments: bool = True
    max_prepay_months: ExactNumber = Field(default=12, ge=1, le=12)
    autopay_is_mandatory: bool = False
    move_out_notice_days: ExactNumber = Field(default=0, ge=0, le=365)
    move_out_max_days: ExactNumber = Field(default=365, ge=1, le=1095)
