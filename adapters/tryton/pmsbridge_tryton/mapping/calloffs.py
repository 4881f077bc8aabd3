"""Call-offs: how one is written into the contract's notes, and what the contract's own data say became of it.

The vendor has no object for it. A request is a note on the contract whose first line is ours; staff answer with a note
that repeats its reference and one of three words: "acknowledged" (with their call number, if they give one), "refused"
or "withdrawn". That it is off rent, and picked up, the lines and the moves of the contract say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from pmsbridge.actions.effects import RequestCallOff
from pmsbridge.model.requests import CallOff, CallOffReason, CallOffState, RequestState
from pmsbridge_tryton.mapping.contracts import item_groups
from pmsbridge_tryton.mapping.scope import Scope, number, text
from pmsbridge_tryton.vocabulary import RENTAL
from pmsbridge_tryton.wire import Row, nested

__all__ = ["call_off_note", "call_offs_of", "is_call_off"]

_ASKED: Final = re.compile(
    r"\[([A-Z0-9-]{6,40})\] call-off of item (\d+), quantity (\d+(?:\.\d+)?), from (\d{4}-\d\d-\d\d)"
)
_ANSWERED: Final = re.compile(
    r"\[?([A-Z0-9-]{6,40})\]?:?\s+(acknowledged|refused|withdrawn)\b[ :#]*([A-Za-z0-9./-]{0,40})"
)
_STATES: Final = {
    "acknowledged": (CallOffState.ACKNOWLEDGED, RequestState.ACKNOWLEDGED),
    "refused": (CallOffState.REFUSED, RequestState.REFUSED),
    "withdrawn": (CallOffState.WITHDRAWN, RequestState.WITHDRAWN),
}
_OPEN: Final = {CallOffState.REQUESTED, CallOffState.ACKNOWLEDGED}


def call_off_note(effect: RequestCallOff) -> str:
    """The note of a request: a line for machines, then words for people."""
    quantity = f"{effect.quantity.normalize():f}"
    lines = [
        f"[{effect.reference}] call-off of item {effect.item_id}, quantity {quantity}, from {effect.wanted_on}",
        effect.description,
        f"To be collected at: {effect.place}" if effect.place else "",
        effect.comment,
        "Asked for in the customer portal. The rental runs on until the items are returned.",
    ]
    return "\n".join(line for line in lines if line)


def is_call_off(note: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a note is a request of ours."""
    is_ours = not scope.user_id or note.get("create_uid") == scope.user_id
    return is_ours and _ASKED.match(text(note, "message")) is not None


@dataclass(slots=True)
class _Back:
    """What came back of one item and is not yet credited to a call-off."""

    lines: list[tuple[Row, Decimal]]

    def take(self, quantity: Decimal, since: date, scope: Scope) -> list[Row] | None:
        """The lines that make up a quantity that came back since a day; None when it is not that much yet."""
        fitting = [
            (place, line, left)
            for place, (line, left) in enumerate(self.lines)
            if left > 0 and (day := scope.local(line["actual_end"])) is not None and day >= since
        ]
        if sum((left for _, _, left in fitting), Decimal(0)) < quantity:
            return None
        used = []
        for place, line, left in fitting:
            part = min(left, quantity)
            self.lines[place] = (line, left - part)
            quantity -= part
            used.append(line)
            if not quantity:
                break
        return used


def call_offs_of(contract: Row, notes: Sequence[Row], scope: Scope) -> tuple[CallOff, ...]:
    """The call-offs of one contract, oldest first.

    Args:
        contract: With its lines and their moves.
        notes: Those of the contract, in any order.
        scope: Where from.
    """
    groups = item_groups(nested(contract, "lines"))
    back = {
        item: _Back([(line, number(line, "quantity")) for line in lines if line.get("actual_end") is not None])
        for item, lines in groups.items()
    }
    ordered = sorted(notes, key=lambda note: note["id"])
    answers = _answers(ordered, scope)
    found = []
    for note in ordered:
        match = _ASKED.match(text(note, "message"))
        if match is not None and is_call_off(note, scope):
            found.append(_call_off(contract, note, match, groups, back, answers.get(match[1]), scope))
    return tuple(found)


def _answers(notes: Sequence[Row], scope: Scope) -> dict[str, tuple[str, str]]:
    """By reference, what staff said last; what we wrote ourselves is no answer."""
    found: dict[str, tuple[str, str]] = {}
    for note in notes:
        if scope.user_id and note.get("create_uid") == scope.user_id:
            continue
        for match in _ANSWERED.finditer(text(note, "message")):
            found[match[1]] = (match[2], match[3])
    return found


def _call_off(
    contract: Row, note: Row, match: re.Match[str], groups: Mapping[int, Sequence[Row]], back: Mapping[int, _Back],
    answer: tuple[str, str] | None, scope: Scope,
) -> CallOff:  # fmt: skip
    item, quantity = int(match[2]), Decimal(match[3])
    asked_at: datetime = note["create_date"]
    since = scope.local(asked_at) or asked_at.date()
    returned = back[item].take(quantity, since, scope) if item in back else None
    state, stage = CallOffState.REQUESTED, RequestState.SENT
    word, call_number = answer or ("", "")
    if word in _STATES:
        state, stage = _STATES[word]
    if returned is not None:
        state, stage = _state_of(contract, returned), RequestState.DONE
    ends = [line["actual_end"] for line in returned or ()]
    return CallOff(
        ref=scope.ref("call_off", note["id"]),
        tenant_id=str(contract["party"]),
        rental_id=f"{RENTAL},{contract['id']}",
        state=stage,
        vendor_state=word or text(contract, "state"),
        reference=match[1],
        text=text(note, "message").partition("\n")[2],
        asked_at=asked_at,
        state_read_at=scope.read_at,
        item_id=str(item),
        quantity=quantity,
        call_off_state=state,
        reason=CallOffReason.UNKNOWN if state is CallOffState.REFUSED else None,
        stop_at=max(ends, default=None),
        call_number=call_number if state is CallOffState.ACKNOWLEDGED or returned is not None else "",
        pickup_on=_planned(groups.get(item, ())) if state in _OPEN else None,
    )


def _state_of(contract: Row, returned: Sequence[Row]) -> CallOffState:
    """Off rent when the yard wrote the end; picked up when the goods are in; closed with the contract."""
    moves = [move for line in returned for move in nested(line, "incoming_moves")]
    if any(move.get("state") not in {"done", "cancelled"} for move in moves):
        return CallOffState.OFF_RENT
    return CallOffState.CLOSED if text(contract, "state") == "done" else CallOffState.PICKED_UP


def _planned(lines: Sequence[Row]) -> date | None:
    """When the yard plans to collect what is out."""
    days = [
        move["planned_date"]
        for line in lines if line.get("actual_end") is None
        for move in nested(line, "incoming_moves") if move.get("state") == "draft" and move.get("planned_date")
    ]  # fmt: skip
    return min(days, default=None)
