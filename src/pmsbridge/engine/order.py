"""What a lane does next. Pure: the same queue and the same instant always give the same answer.

Rules: effects of one action go in plan order, except that a notice waits only for what it is told to wait for. A later
action of the same tenant waits behind an open one that moves the ledger, if it moves the ledger too, or that has the
same target. Nobody else waits, and an effect that waits for its retry holds up no other tenant.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pmsbridge.actions.plan import When
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.store.standing import EffectState, Ended, waits_for_a_person
from pmsbridge.store.stored import StoredEffect

__all__ = ["Act", "Focus", "Pick", "Picks", "pick"]


class Act(StrEnum):
    """What to do with an effect."""

    SEND = "send"
    LOOK = "look"
    RECOVER = "recover"
    SKIP = "skip"
    EXPIRE = "expire"
    SEALED_LOST = "sealed_lost"


@dataclass(frozen=True, slots=True)
class Focus:
    """Work on one action only: a person waits for it.

    Attributes:
        principals_only: Leave its notices to others.
    """

    action_id: str
    principals_only: bool = False

    def covers(self, effect: StoredEffect) -> bool:
        """Whether the effect is in focus."""
        return effect.action_id == self.action_id and (effect.is_principal or not self.principals_only)


@dataclass(frozen=True, slots=True)
class Pick:
    """One thing to do."""

    act: Act
    effect: StoredEffect


@dataclass(frozen=True, slots=True)
class Picks:
    """What can be done now, and when there is something to do next.

    Attributes:
        next_due: None when nothing is planned: what is left waits for another effect or for a person.
    """

    ready: tuple[Pick, ...]
    next_due: datetime | None


@dataclass(slots=True)
class _Blocked:
    """What earlier open effects hold up."""

    actions: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    ledgers: set[tuple[str, str, str] | None] = field(default_factory=set)

    def holds(self, effect: StoredEffect) -> bool:
        if effect.effect.is_notice:
            return False
        same_ledger = _moves_ledger(effect) and effect.tenant_scope in self.ledgers
        return effect.action_id in self.actions or effect.target in self.targets or same_ledger

    def add(self, effect: StoredEffect) -> None:
        if effect.effect.is_notice:
            return
        self.actions.add(effect.action_id)
        self.targets.add(effect.target)
        if _moves_ledger(effect) and effect.tenant_scope is not None:
            self.ledgers.add(effect.tenant_scope)


def _moves_ledger(effect: StoredEffect) -> bool:
    return effect.effect.moves_money or effect.kind == "post_future_charges"


def pick(
    queue: Sequence[StoredEffect],
    *,
    lane: str,
    now: datetime,
    settings: EngineSettings,
    sealed_here: Container[str],
    focus: Focus | None = None,
) -> Picks:
    """What a lane can do now.

    Args:
        queue: All effects of all actions involved, in order of arrival.
        lane: Whose work.
        now: The instant it is asked for.
        settings: Deadlines.
        sealed_here: Keys of effects whose sealed value this process holds.
        focus: Only this action's work; everything else still counts for the order.
    """
    by_action: dict[str, list[StoredEffect]] = {}
    for effect in queue:
        by_action.setdefault(effect.action_id, []).append(effect)
    blocked = _Blocked()
    ready: list[Pick] = []
    later: list[datetime] = []
    for effect in queue:
        siblings = by_action[effect.action_id]
        if not effect.state.is_open or waits_for_a_person(effect, siblings):
            if effect.state is EffectState.WAITING and effect.lane == lane:
                _give_up_in_time(effect, siblings, settings, now, ready, later)
            continue
        is_held_up = blocked.holds(effect)
        blocked.add(effect)
        if effect.lane != lane or (focus is not None and not focus.covers(effect)):
            continue
        answer = _decide(effect, siblings, is_held_up, now, settings, sealed_here)
        if isinstance(answer, Act):
            ready.append(Pick(answer, effect))
        elif answer is not None:
            later.append(answer)
    return Picks(tuple(ready), min(later, default=None))


def _give_up_in_time(
    effect: StoredEffect,
    siblings: Sequence[StoredEffect],
    settings: EngineSettings,
    now: datetime,
    ready: list[Pick],
    later: list[datetime],
) -> None:
    """Money behind an effect that a person must resolve still has its deadline."""
    deadline = settings.deadline(effect, _above(effect, siblings))
    if deadline is not None and now >= deadline:
        ready.append(Pick(Act.EXPIRE, effect))
    elif deadline is not None:
        later.append(deadline)


def _above(effect: StoredEffect, siblings: Sequence[StoredEffect]) -> StoredEffect | None:
    return next((e for e in siblings if e.name == effect.after), None) if effect.after else None


def _decide(  # noqa: PLR0911 - one answer per line, in order of precedence
    effect: StoredEffect,
    siblings: Sequence[StoredEffect],
    is_held_up: bool,  # noqa: FBT001 - private
    now: datetime,
    settings: EngineSettings,
    sealed_here: Container[str],
) -> Act | datetime | None:
    """What to do now, or when to come back, or None when another effect decides that."""
    if effect.state is EffectState.SENDING:
        return Act.RECOVER
    if effect.state is EffectState.UNKNOWN:
        return Act.LOOK if effect.due_at <= now else effect.due_at
    above = _above(effect, siblings)
    if above is not None and above.ended is not None and not _is_wanted(effect.when, above.ended):
        return Act.SKIP
    deadline = settings.deadline(effect, above)
    if deadline is not None and now >= deadline:
        return Act.EXPIRE
    if effect.sealed_until is not None and effect.key not in sealed_here:
        return Act.SEALED_LOST if now >= effect.sealed_until else effect.sealed_until
    if is_held_up or (above is not None and above.ended is None):
        return deadline
    return Act.SEND if effect.due_at <= now else _earlier(effect.due_at, deadline)


def _earlier(due: datetime, deadline: datetime | None) -> datetime:
    return due if deadline is None else min(due, deadline)


def _is_wanted(when: When, end: Ended) -> bool:
    if end is Ended.SKIPPED:
        return False
    return when is When.ALWAYS or (end is Ended.SETTLED) is (when is When.SETTLED)
