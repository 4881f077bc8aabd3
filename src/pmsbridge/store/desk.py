"""What a person may do to the journal: resolve what no machine can know, retry what certainly never left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update

from pmsbridge.actions.effects import AttachDocument, TakePayment
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import When
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.outcome import Outcome, Receipt
from pmsbridge.store import files
from pmsbridge.store.delivery import apply_change, lock, refresh_action
from pmsbridge.store.intake import guarded
from pmsbridge.store.reading import load_action, payments_of, rentals_paid
from pmsbridge.store.refusals import GuardHeldError
from pmsbridge.store.request_answers import refuse_withdrawn
from pmsbridge.store.standing import PARTLY, EffectState, Ended
from pmsbridge.store.stored import Change, StoredAction, StoredEffect
from pmsbridge.store.tables import effects, guards, trail
from pmsbridge.store.trail import ERASED, Event, append

__all__ = ["resolve", "retry"]

_RESOLVABLE: Final = {EffectState.REVIEW, EffectState.UNKNOWN}


def resolve(
    connection: Connection,
    action_id: str,
    effect_key: str,
    outcome: Outcome,
    evidence: str,
    actor: str,
    now: datetime,
    there: Mapping[str, str] | None = None,
) -> None:
    """End an unknown effect by what a person saw in the back office.

    Raises:
        NotFoundError: There is no such action.
        InputError: No such effect in it, it is not unknown, the outcome is none a person can give, evidence or actor
            is missing, or ``there`` is not some of the rentals of a payment for several.
        FencedError: The engine resolved it at the same moment.
    """
    if not evidence.strip():
        raise InputError("evidence", "is empty", remedy="Say what you saw in the back office.")
    if not actor.strip():
        raise InputError("actor", "is empty", remedy="Say who decided.")
    effect = _effect_of(_locked(connection, action_id), effect_key)
    if effect.state not in _RESOLVABLE:
        problem = "is not waiting for a person" if effect.state.is_open else "has already ended"
        raise InputError("effect", problem, shape=effect.outcome.value, code="not_resolvable")
    change = _resolution(outcome, evidence, now) if there is None else _partly(effect, outcome, evidence, there, now)
    if (outcome.nothing_changed or there is not None) and effect.quiet_until is not None and now < effect.quiet_until:
        problem = "may still appear in the back office"
        remedy = f"Look again after {effect.quiet_until:%Y-%m-%d %H:%M:%S} UTC; what is there may be resolved at once."
        shape = outcome.value if there is None else "partial"
        raise InputError("outcome", problem, shape=shape, remedy=remedy, code="too_early")
    apply_change(connection, effect, change, now, by={"actor": actor, "saw": evidence})


def _resolution(outcome: Outcome, evidence: str, now: datetime) -> Change:
    if outcome is Outcome.SETTLED:
        receipt = Receipt(evidence=f"resolved by a person: {evidence}", at=now, code="resolved")
        return Change("resolved", EffectState.DONE, Ended.SETTLED, code="resolved", receipt=receipt)
    if outcome.nothing_changed:
        return Change("resolved", EffectState.DONE, Ended(outcome.value), why=evidence, code="resolved")
    raise InputError(
        "outcome", "is none a person can give", shape=outcome.value, remedy="Use settled, declined or not_sent."
    )


def _partly(effect: StoredEffect, outcome: Outcome, evidence: str, there: Mapping[str, str], now: datetime) -> Change:
    """Some rentals got their part, the others certainly did not: the step ends settled, and says which are missing."""
    parts = [p.rental_id for p in effect.effect.parts] if isinstance(effect.effect, TakePayment) else []
    if len(parts) < 2:  # noqa: PLR2004 - one is no part
        raise InputError("there", "is for a payment over several rentals", remedy="Use settled, declined or not_sent.")
    if outcome is not Outcome.SETTLED:
        raise InputError("there", "names what is settled", shape=outcome.value, remedy="Resolve it as settled.")
    known = f"It is for rentals {', '.join(parts)}."
    if not there or not set(there) <= set(parts):
        raise InputError("there", "names no rental of this payment", remedy=known)
    missing = [rental for rental in parts if rental not in there]
    if not missing:
        raise InputError("there", "names every rental of this payment", remedy="Then it is settled: leave this out.")
    receipt = Receipt(
        evidence=f"resolved by a person: on rental {', '.join(p for p in parts if p in there)} only, nothing on"
        f" {', '.join(missing)}: {evidence}",
        vendor_ids={f"payment.{rental}": number for rental, number in there.items()}, at=now, code=PARTLY,
    )  # fmt: skip
    return Change("resolved", EffectState.DONE, Ended.SETTLED, code=PARTLY, receipt=receipt)


def _locked(connection: Connection, action_id: str) -> StoredAction:
    """The action, with every other write about its tenant kept out until this transaction ends."""
    action = load_action(connection, action_id)
    lock(connection, (action.account, action.facility, action.tenant_id))
    return load_action(connection, action_id)


def _effect_of(action: StoredAction, effect_key: str) -> StoredEffect:
    found = next((e for e in action.effects if effect_key in {e.key, e.name}), None)
    if found is None:
        raise InputError("effect", "this action has no such effect", remedy=_names(action), code="no_effect")
    return found


def _names(action: StoredAction) -> str:
    return "It has: " + ", ".join(e.name for e in action.effects) + "."


def retry(
    connection: Connection, action_id: str, actor: str, now: datetime, *, anyway: bool = False, step: str = ""
) -> tuple[str, ...]:
    """Ask once more for the effects of an action that certainly never left; returns their names.

    Raises:
        NotFoundError: There is no such action.
        InputError: There is no such step, nothing ended unsent, or what did needs a card or password typed again, or a
            file that is not kept any more, or was already replaced by its stand-in; or, where ``anyway`` is not said,
            was paid since in another action, or is a gateway's payment that the portal may have let go of.
        GuardHeldError: The same payment is being confirmed in another action.
        IneligibleError: It pays a request that was withdrawn since, and ``anyway`` is not said.
    """
    action = _locked(connection, action_id)
    asked = [_effect_of(action, step)] if step else action.effects
    _refuse_erased(connection, action_id)
    chosen = [e for e in asked if e.ended is Ended.NOT_SENT]
    if not chosen:
        remedy = "Only what ended not_sent can be retried."
        shape = asked[0].outcome.value if step else action.outcome.value
        raise InputError("step" if step else "action", "has nothing to retry", shape=shape, remedy=remedy)
    for effect in chosen:
        _refuse_unrepeatable(action, effect)
        _refuse_without_file(connection, effect)
    for effect in chosen:
        _take_guards(connection, effect, now)
        if not anyway:
            _refuse_withdrawn_since(connection, action, effect)
            _refuse_let_go(effect)
            _refuse_paid_since(connection, action, effect)
        _reset(connection, effect, now)
        for dependent in _skipped_below(action, effect.name):
            _reset(connection, dependent, now)
    told = Event("retried", {"actor": actor, "effects": [e.name for e in chosen]})
    append(connection, action_id, [told], now)
    refresh_action(connection, action_id)
    return tuple(e.name for e in chosen)


def _refuse_erased(connection: Connection, action_id: str) -> None:
    gone = select(trail.c.number).where(trail.c.action_id == action_id, trail.c.event == ERASED).limit(1)
    if connection.execute(gone).first() is not None:
        problem = "was erased with the person it was about: what was asked for is not known any more"
        raise InputError("action", problem, remedy="Let it be asked for anew.", code="action_erased")


def _refuse_unrepeatable(action: StoredAction, effect: StoredEffect) -> None:
    if effect.effect.needs_a_sealed_value:
        problem = "needs a card, bank account or password that is gone"
        raise InputError(effect.name, problem, remedy="Let the person enter it again, as a new action.")
    stand_ins = (e for e in action.effects if e.after == effect.name and e.when is When.FAILED)
    if any(e.attempts and e.ended is not Ended.NOT_SENT for e in stand_ins):
        problem = "was already replaced: its failure was acted upon"
        raise InputError(effect.name, problem, remedy="Do what is left as a new action.")


def _refuse_without_file(connection: Connection, effect: StoredEffect) -> None:
    if isinstance(effect.effect, AttachDocument) and not files.holds(connection, effect.key, effect.effect.size):
        problem = "needs the file that was handed in, which is not kept any more"
        raise InputError(effect.name, problem, remedy="Let it be handed in again.", code="file_gone")


def _refuse_let_go(effect: StoredEffect) -> None:
    """A portal that is told "not sent" gives the gateway's payment back; what is recorded then is money nobody has."""
    means = effect.effect.means if isinstance(effect.effect, TakePayment) else None
    if isinstance(means, ExternalPayment):
        problem = f"the portal was told that it was not sent, and may have let go of {means.gateway} payment"
        remedy = "Look at the gateway; if the money is still held or taken there, retry with --anyway."
        raise InputError(effect.name, f"{problem} {means.reference}", remedy=remedy, code="gateway_let_go")


def _refuse_withdrawn_since(connection: Connection, action: StoredAction, effect: StoredEffect) -> None:
    """The tenant was told by mail that they need not pay it; what moves no money may still be told."""
    if effect.moves_ledger and action.kind == ActionKind.PAY_REQUEST:
        request_id = json.loads(action.intent).get("request_id", "")
        try:
            refuse_withdrawn(connection, (action.account, action.facility, action.tenant_id), request_id)
        except IneligibleError as denied:
            unblock = "If it is to be paid all the same, tell the tenant, and retry with --anyway."
            raise IneligibleError(denied.message, code=denied.code, unblock=unblock) from None


def _refuse_paid_since(connection: Connection, action: StoredAction, effect: StoredEffect) -> None:
    """A person who was told "not sent" pays again; what they asked for first is then no wish of theirs any more."""
    if not effect.moves_ledger:
        return
    rentals = set(rentals_paid(effect.effect))
    for other in payments_of(connection, action.account, action.facility, action.tenant_id):
        is_later = other.action_id != action.id and other.asked_at >= effect.asked_at
        paid = {*rentals_paid(other.effect)} - other.rentals_missing
        is_same = bool(rentals & {*paid, "*"}) or "*" in rentals
        if is_later and is_same and (other.ended is None or other.ended is Ended.SETTLED):
            problem = f"another payment for the same rental was asked for since: {other.action_id}"
            remedy = "Look at what is due now; if both payments are meant, retry with --anyway."
            raise InputError(effect.name, problem, shape=other.outcome.value, remedy=remedy, code="balance_moved")


def _skipped_below(action: StoredAction, name: str) -> list[StoredEffect]:
    direct = [e for e in action.effects if e.after == name and e.ended is Ended.SKIPPED]
    return direct + [deeper for e in direct for deeper in _skipped_below(action, e.name)]


def _take_guards(connection: Connection, effect: StoredEffect, now: datetime) -> None:
    wanted = effect.guards
    if held := guarded(connection, wanted):
        raise GuardHeldError(held)
    for guard in wanted:
        connection.execute(
            insert(guards).values(guard=guard, action_id=effect.action_id, effect_key=effect.key, held_since=now)
        )


def _reset(connection: Connection, effect: StoredEffect, now: datetime) -> None:
    connection.execute(
        update(effects)
        .where(effects.c.key == effect.key)
        .values(
            state=EffectState.WAITING.value, ended=None, message="", code="", asked_at=now, due_at=now,
            finished_at=None, attempts=0, looks=0, resends=0, is_doubtful=False, first_sent_at=None,
            # What appeared since the first try is none of this one's: the next send is compared with a new picture.
            baseline={}, known_before={}, version=effect.version + 1,
        )
    )  # fmt: skip
