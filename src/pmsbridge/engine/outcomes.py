"""What callers are told about an action: always one of the five outcomes, per action and per step."""

from __future__ import annotations

from datetime import datetime

from pmsbridge.model.record import Instant, Value
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.standing import Ended
from pmsbridge.store.stored import StoredAction, StoredEffect

__all__ = ["ActionView", "StepView", "view_of"]


class StepView(Value):
    """One effect of an action, as it stands.

    Attributes:
        name: Unique in the action ("payment.1", "mail").
        key: What an operator resolves it by.
        outcome: Its own outcome.
        missing: Rentals of a settled payment that certainly got nothing of it, as a person found; empty for every other
            step.
        is_principal: Counts for the action's outcome; a notice's does not.
        skipped: It was not needed; nothing was sent.
        evidence: The back office's receipt, or what a look saw and when. Empty while there is none.
        vendor_ids: Ids the back office gave, by our name.
        reference: What it is found by in the back office's own pages; empty when it has none.
        message: Why it stands as it does, without secrets.
        code: The back office's answer code, or ours.
        emulates: What it stands in for; empty when it is the back office's own operation.
        next_at: When the engine next looks or tries; None when it does not.
    """

    name: str
    key: str
    kind: str
    outcome: Outcome
    missing: tuple[str, ...] = ()
    is_principal: bool
    skipped: bool = False
    evidence: str = ""
    vendor_ids: dict[str, str] = {}
    reference: str = ""
    message: str = ""
    code: str = ""
    emulates: str = ""
    read_back: bool = False
    attempts: int = 0
    sent_at: Instant | None = None
    next_at: Instant | None = None
    finished_at: Instant | None = None


class ActionView(Value):
    """An action, as it stands.

    Attributes:
        tenant_id: None for an action without a tenant.
        outcome: One of the five.
        emulated: A principal part was done as a staff task instead of the back office's own operation.
        replayed: The same key came before; nothing new was stored.
        attached: Another key asked for the same payment, which is still being confirmed; nothing new was stored.
        partial: Some principal parts are in the back office, some are certainly not.
        message_key: Key of the message to show: "outcome." and the outcome, or "outcome.partial".
        as_of: When this was read.
    """

    action_id: str
    key: str
    kind: str
    account: str
    facility: str
    tenant_id: str | None
    actor: str = ""
    outcome: Outcome
    emulated: bool = False
    replayed: bool = False
    attached: bool = False
    partial: bool = False
    steps: tuple[StepView, ...]
    message_key: str
    submitted_at: Instant
    as_of: Instant

    def step(self, name: str) -> StepView | None:
        """The step of that name."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def principal(self) -> tuple[StepView, ...]:
        """The steps that count."""
        return tuple(step for step in self.steps if step.is_principal)

    @property
    def notices(self) -> tuple[StepView, ...]:
        """The steps that do not count."""
        return tuple(step for step in self.steps if not step.is_principal)


def view_of(action: StoredAction, as_of: datetime, *, replayed: bool = False, attached: bool = False) -> ActionView:
    """What a caller may see of an action."""
    return ActionView(
        action_id=action.id,
        key=action.key,
        kind=action.kind,
        account=action.account,
        facility=action.facility,
        tenant_id=action.tenant_id or None,
        actor=action.actor,
        outcome=action.outcome,
        emulated=any(_is_emulated(e) for e in action.effects),
        replayed=replayed,
        attached=attached,
        partial=action.is_partial,
        steps=tuple(_step(e) for e in action.effects),
        message_key=_message_key(action),
        submitted_at=action.submitted_at,
        as_of=as_of,
    )


def _message_key(action: StoredAction) -> str:
    """What is still open, or with a person, is said first: the rest of it may yet succeed."""
    is_over = action.outcome.nothing_changed
    return "outcome.partial" if action.is_partial and is_over else f"outcome.{action.outcome.value}"


def _is_emulated(effect: StoredEffect) -> bool:
    counts = effect.is_principal and effect.ended is not Ended.SKIPPED
    return counts and bool(effect.emulates or effect.is_emulated)


def _step(effect: StoredEffect) -> StepView:
    return StepView(
        name=effect.name,
        key=effect.key,
        kind=effect.kind,
        outcome=effect.outcome,
        missing=tuple(sorted(effect.rentals_missing)),
        is_principal=effect.is_principal,
        skipped=effect.ended is Ended.SKIPPED,
        evidence=effect.evidence,
        vendor_ids=dict(effect.vendor_ids),
        reference=getattr(effect.effect, "reference", ""),
        message=effect.message,
        code=effect.code,
        emulates=effect.emulates,
        read_back=effect.is_read_back,
        attempts=effect.attempts,
        sent_at=effect.last_sent_at,
        next_at=effect.due_at if effect.state.is_open else None,
        finished_at=effect.finished_at,
    )
