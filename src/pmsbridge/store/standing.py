"""How an effect and an action stand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from pmsbridge.actions.plan import When
from pmsbridge.ports.outcome import Outcome

__all__ = ["PARTLY", "EffectState", "Ended", "Step", "action_outcome", "is_partial", "waits_for_a_person"]

PARTLY: Final = "resolved_partly"
"""The code of a settled step of which a person found only some parts in the back office."""


class EffectState(StrEnum):
    """Where an effect is in its life.

    ``WAITING``: certainly not in the back office; may be sent. ``SENDING``: bytes may be leaving now. ``UNKNOWN``:
    sent, and the answer is lost; it sleeps, then it is looked for. ``REVIEW``: no machine can know. ``DONE``: over.
    """

    WAITING = "waiting"
    SENDING = "sending"
    UNKNOWN = "unknown"
    REVIEW = "review"
    DONE = "done"

    @property
    def is_open(self) -> bool:
        """The engine still has something to do."""
        return self in {EffectState.WAITING, EffectState.SENDING, EffectState.UNKNOWN}


class Ended(StrEnum):
    """How an effect ended."""

    SETTLED = "settled"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    SKIPPED = "skipped"

    @property
    def has_failed(self) -> bool:
        """It was tried, or should have been, and nothing changed."""
        return self in {Ended.DECLINED, Ended.NOT_SENT}


class Step(Protocol):
    """What the rules below look at."""

    @property
    def name(self) -> str:
        """Unique in the action."""

    @property
    def after(self) -> str | None:
        """What it waits for."""

    @property
    def when(self) -> When:
        """On which end of that."""

    @property
    def is_principal(self) -> bool:
        """Counts for the action."""

    @property
    def emulates(self) -> str:
        """What it stands in for."""

    @property
    def state(self) -> EffectState:
        """Where it is."""

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while it has not."""

    @property
    def code(self) -> str:
        """Why it stands so: the back office's answer code, or ours."""


def waits_for_a_person(step: Step, steps: Sequence[Step]) -> bool:
    """Whether the step cannot go on before somebody resolves a step it depends on."""
    by_name = {other.name: other for other in steps}
    above = by_name.get(step.after) if step.after else None
    while above is not None:
        if above.state is EffectState.REVIEW:
            return True
        above = by_name.get(above.after) if above.after and above.state is EffectState.WAITING else None
    return False


def _counting(steps: Sequence[Step]) -> list[Step]:
    """Principal steps that decide the outcome: skipped ones and those a settled stand-in replaced do not."""
    principal = [s for s in steps if s.is_principal and s.ended is not Ended.SKIPPED]
    replaced = {s.after for s in principal if s.emulates and s.when is When.FAILED}
    return [s for s in principal if s.name not in replaced]


def _ends(rows: Sequence[Step]) -> set[Ended | None]:
    """How the steps ended; one that was found in part ended both ways."""
    ends = {s.ended for s in rows}
    return ends | {Ended.NOT_SENT} if any(s.code == PARTLY and s.ended is Ended.SETTLED for s in rows) else ends


def action_outcome(steps: Sequence[Step]) -> Outcome:
    """The action's outcome from its steps; notices never count."""
    rows = _counting(steps)
    held = {s.name for s in rows if s.state is EffectState.WAITING and waits_for_a_person(s, steps)}
    if any(s.state.is_open and s.name not in held for s in rows):
        return Outcome.PENDING
    if any(s.state is EffectState.REVIEW for s in rows) or held:
        return Outcome.NEEDS_REVIEW
    ends = _ends(rows)
    if ends == {Ended.SETTLED}:
        return Outcome.SETTLED
    return Outcome.DECLINED if Ended.DECLINED in ends else Outcome.NOT_SENT


def is_partial(steps: Sequence[Step]) -> bool:
    """Whether some principal steps, or parts of one, are in the back office and some are certainly not."""
    ends = _ends(_counting(steps))
    return Ended.SETTLED in ends and bool(ends & {Ended.DECLINED, Ended.NOT_SENT})
