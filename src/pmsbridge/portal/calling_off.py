"""Call-offs that stand, as far as one can be taken back: as the back office tells, else as the journal does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.actions.case import CalledOff
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import NotFoundError, UnsupportedError
from pmsbridge.model.requests import CallOffState
from pmsbridge.ports.books import CallOffPort
from pmsbridge.store.journal import ActionFilter
from pmsbridge.store.stored import StoredAction

if TYPE_CHECKING:
    from pmsbridge.portal.office import Office

__all__ = ["call_off_named", "called_off_by_hand"]


def call_off_named(office: Office, call_off_id: str) -> CalledOff:
    """The call-off of that id: its own, or of the action that asked for it. Live where the back office tells of them.

    Raises:
        NotFoundError: The tenant has asked for none of that id.
        UnavailableError: The back office cannot be read now.
    """
    told = _told(office)
    known: list[CalledOff] = [*(told or ()), *_asked(office, only_by_hand=told is not None)]
    for one in known:
        if call_off_id in {one.id, one.action_id}:
            return one
    raise NotFoundError("call_off_id", "is no call-off of this tenant", remedy="Use an id from call_offs().")


def called_off_by_hand(office: Office) -> tuple[CalledOff, ...]:
    """Call-offs that the back office does not tell of, and that were not taken back. Asks the journal."""
    asked = _asked(office, only_by_hand=isinstance(office.adapter, CallOffPort))
    return tuple(one for one in asked if one.state is CallOffState.REQUESTED)


def _told(office: Office) -> list[CalledOff] | None:
    """As the back office says; None where it does not."""
    if not isinstance(office.adapter, CallOffPort):
        return None
    try:
        found = office.adapter.call_offs(office.facility, office.tenant_id)
    except UnsupportedError:
        return None
    taken_back = _taken_back(office)
    actions = {mark: action.id for action in _requests(office) for mark in _marks(action)}
    told = []
    for call in found:
        action_id = actions.get(call.reference, "") if call.reference else ""
        # What staff take back by hand stays as it is until they have.
        is_gone = not taken_back.isdisjoint({call.id, action_id}) and call.call_off_state is CallOffState.REQUESTED
        told.append(CalledOff(
            id=call.id, action_id=action_id, rental_id=call.rental_id or "", item_id=call.item_id,
            quantity=call.quantity, reference=call.reference,
            state=CallOffState.WITHDRAWN if is_gone else call.call_off_state,
        ))  # fmt: skip
    return told


def _asked(office: Office, *, only_by_hand: bool) -> Iterator[CalledOff]:
    """As the journal says; where the back office tells of its own, only those that staff were asked for."""
    taken_back = _taken_back(office)
    for action in _requests(office):
        intent = json.loads(action.intent)
        is_by_hand = any(stored.emulates for stored in action.effects)
        # Of somebody who was erased nothing is known.
        if "item_id" in intent and (is_by_hand or not only_by_hand):
            yield CalledOff(
                id=action.id, action_id=action.id, rental_id=intent["rental_id"], item_id=intent["item_id"],
                quantity=Decimal(intent["quantity"]), reference=next(iter(_marks(action)), ""),
                state=CallOffState.WITHDRAWN if action.id in taken_back else CallOffState.REQUESTED,
            )  # fmt: skip


def _requests(office: Office) -> list[StoredAction]:
    return _standing(office, ActionKind.REQUEST_CALL_OFF)


def _taken_back(office: Office) -> frozenset[str]:
    asked = (json.loads(each.intent) for each in _standing(office, ActionKind.WITHDRAW_CALL_OFF))
    return frozenset(intent["call_off_id"] for intent in asked if "call_off_id" in intent)


def _standing(office: Office, kind: ActionKind) -> list[StoredAction]:
    wanted = ActionFilter(
        account=office.account_name, facility=office.facility, tenant_id=office.tenant_id, kind=kind.value, limit=1000
    )
    return [each for each in office.runtime.journal.actions(wanted) if not each.outcome.nothing_changed]


def _marks(action: StoredAction) -> Iterator[str]:
    """What the request is found by again: in the back office, or in the texts that staff were told it by."""
    for stored in action.effects:
        if stored.is_principal and (mark := getattr(stored.effect, "reference", "")):
            yield str(mark)
