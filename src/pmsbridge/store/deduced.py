"""What follows from a trail and from what was asked, column by column. Pure.

A trail tells more than outcomes: how often a step was sent and looked for, since when, whose click was attached. What
the tables say beside that is compared with it here. ``docs/reconcile.md`` lists the columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pmsbridge.actions.effects import effect_from_json
from pmsbridge.actions.plan import PlannedEffect, Submission, effect_key
from pmsbridge.store.columns import plain
from pmsbridge.store.replaying import Told, ToldClick, ToldStep
from pmsbridge.store.standing import EffectState, Ended
from pmsbridge.store.stored import StoredAction, StoredEffect

__all__ = ["plan_digest", "wrong_in_action", "wrong_in_click", "wrong_in_step"]


def plan_digest(step: PlannedEffect | StoredEffect, lane: str) -> str:
    """What the trail keeps of how a step was planned; hex, SHA-256."""
    told = [step.after or "", step.when.value, step.is_principal, step.emulates, list(step.guards), lane]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def wrong_in_action(action: StoredAction, told: Told) -> Iterator[str]:
    """Which columns of an action are not what its key, its trail and its scope make them."""
    if action.id != Submission.id_for(action.account, action.facility, action.tenant_id, action.key):
        yield "id, account, facility, tenant_id or key"
    if told.kind and action.kind != told.kind:
        yield "kind"
    if action.changed_at != told.last_at:
        yield "changed_at"


def wrong_in_click(row: Mapping[str, Any], action_id: str, click: ToldClick) -> Iterator[str]:
    """Which columns of an attached click are not what the trail of its action tells."""
    if row["action_id"] != action_id:
        yield "action_id"
    if click.intent_digest and hashlib.sha256(row["intent"].encode()).hexdigest() != click.intent_digest:
        yield "intent"
    if click.kind and row["kind"] != click.kind:
        yield "kind"
    if row["attached_at"] != click.at:
        yield "attached_at"


def wrong_in_step(effect: StoredEffect, step: ToldStep, tenant_id: str) -> Iterator[str]:
    """Which columns of a step are not what its payload, its action's tenant and its trail make them."""
    yield from _of_payload(effect, is_erased=step.is_erased)
    if effect.tenant_id != tenant_id:
        yield "tenant_id"
    if effect.position != step.position:
        yield "position"
    if step.plan and plan_digest(effect, effect.lane) != step.plan:
        yield "after, run_when, is_principal, emulates, guards or lane"
    if (effect.after or "") != step.after:
        yield "after"
    if step.lane and effect.lane != step.lane:
        yield "lane"
    yield from _of_counts(effect, step)
    yield from _of_instants(effect, step)


def _of_payload(effect: StoredEffect, *, is_erased: bool) -> Iterator[str]:
    try:
        asked = effect_from_json(effect.payload)
    except ValueError:
        return  # of a kind this version does not know; its digest is compared all the same
    # The key was made of the whole address of a mail, which may be what was erased.
    if not is_erased and effect.key != effect_key(effect.action_id, effect.name, asked.target):
        yield "key"
    if effect.kind != asked.kind:
        yield "kind"
    if (effect.account, effect.facility) != (plain(asked.account), plain(asked.facility)):
        yield "account or facility"
    if effect.target != plain(asked.target):
        yield "target"


def _of_counts(effect: StoredEffect, step: ToldStep) -> Iterator[str]:
    # Whether an absence was the end, or put it back, shows in how it stands now.
    ended_absent = step.last_event == "absent" and effect.ended is Ended.NOT_SENT
    expected = {
        "attempts": step.sends, "resends": step.put_backs - ended_absent, "version": step.writes,
        "is_doubtful": step.was_doubtful if ended_absent else step.is_doubtful,
    }  # fmt: skip
    yield from (name for name, value in expected.items() if getattr(effect, name) != value)
    if effect.looks not in {step.looks, step.looks + step.earlier_looks}:
        yield "looks"


def _of_instants(effect: StoredEffect, step: ToldStep) -> Iterator[str]:
    is_over = effect.state in {EffectState.DONE, EffectState.REVIEW}
    expected: dict[str, datetime | None] = {
        "asked_at": step.asked_at, "first_sent_at": step.first_sent_at, "last_sent_at": step.last_sent_at,
        "due_at": step.due_at, "finished_at": step.last_at if is_over else None,
    }  # fmt: skip
    if step.quiet_until is not None:
        expected["quiet_until"] = step.quiet_until
    yield from (name for name, value in expected.items() if getattr(effect, name) != value)
