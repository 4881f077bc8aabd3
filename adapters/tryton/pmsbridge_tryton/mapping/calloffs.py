"""Call-offs: how one is written into the contract's notes, and what the contract's own data say became of it.

The vendor has no object for it. A request is a note on the contract whose first line is ours; staff answer with a note
that repeats its reference and one of three words: "acknowledged" (with their call number, if they give one), "refused"
or "withdrawn". A customer takes one back with another note of ours, which counts until staff answer. That it is off
rent, and picked up, the lines and the moves of the contract say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from pmsbridge.actions.effects import RequestCallOff, WithdrawCallOff
from pmsbridge.model.requests import CallOff, CallOffReason, CallOffState, RequestState
from pmsbridge_tryton.mapping.contracts import is_out, item_groups
from pmsbridge_tryton.mapping.scope import Scope, day_of, number, text
from pmsbridge_tryton.vocabulary import RENTAL
from pmsbridge_tryton.wire import Row, nested

__all__ = [
    "Asked",
    "answered_before",
    "asked_in",
    "call_off_note",
    "call_offs_of",
    "collected_for",
    "drafts_of",
    "is_call_off",
    "open_asked",
    "planned_anyway",
    "withdrawal_note",
    "withdrawn_by",
]

_ASKED: Final = re.compile(
    r"\[([A-Z0-9-]{6,40})\] call-off of item (\d+), quantity (\d+(?:\.\d+)?), from (\d{4}-\d\d-\d\d)"
)
_ANSWERED: Final = re.compile(
    r"\[?([A-Z0-9-]{6,40})\]?:?\s+(acknowledged|refused|withdrawn)\b[ :#]*([A-Za-z0-9./-]{0,40})"
)
_WITHDRAWN: Final = re.compile(r"\[([A-Z0-9-]{6,40})\] withdraws call-off ([A-Z0-9-]{6,40})")
_STATES: Final = {
    "acknowledged": (CallOffState.ACKNOWLEDGED, RequestState.ACKNOWLEDGED),
    "refused": (CallOffState.REFUSED, RequestState.REFUSED),
    "withdrawn": (CallOffState.WITHDRAWN, RequestState.WITHDRAWN),
}
_OPEN: Final = {CallOffState.REQUESTED, CallOffState.ACKNOWLEDGED}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a note asks for.

    Attributes:
        item: The item's id.
        wanted_on: The day it shall be collected.
    """

    reference: str
    item: int
    quantity: Decimal
    wanted_on: date


def asked_in(note: Mapping[str, Any]) -> Asked | None:
    """What a note asks for, whoever wrote it; None when it is no request."""
    found = _ASKED.match(text(note, "message"))
    try:
        return (
            None if found is None else Asked(found[1], int(found[2]), Decimal(found[3]), date.fromisoformat(found[4]))
        )
    except ValueError:
        return None  # a day that is in no calendar: none of ours


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


def withdrawal_note(effect: WithdrawCallOff) -> str:
    """The note that takes a request back: a line for machines, then words for people."""
    quantity = f"{effect.quantity.normalize():f}"
    lines = [
        f"[{effect.reference}] withdraws call-off {effect.called_off}",
        f"{quantity} x {effect.description}" if effect.description else "",
        "Taken back in the customer portal. The items stay with the customer, and the rental runs on.",
    ]
    return "\n".join(line for line in lines if line)


def withdrawn_by(note: Mapping[str, Any]) -> tuple[str, str] | None:
    """The reference of a note that takes a request back, and that of the request; None when it is no such note."""
    found = _WITHDRAWN.match(text(note, "message"))
    return None if found is None else (found[1], found[2])


def answered_before(notes: Sequence[Row], called_off: str, note: int, scope: Scope) -> str:
    """What staff had said last of a call-off when a note of ours was written; empty when nothing.

    Args:
        notes: Those of the contract, in any order.
        called_off: The reference of the call-off.
        note: The id of our note.
        scope: Where from.
    """
    earlier = [each for each in notes if each["id"] < note and withdrawn_by(each) is None]
    return _answers(sorted(earlier, key=lambda each: each["id"]), scope).get(called_off, ("", ""))[0]


def is_call_off(note: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a note is a request of ours."""
    is_ours = not scope.user_id or note.get("create_uid") == scope.user_id
    return is_ours and asked_in(note) is not None


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
    found: list[tuple[CallOff, Asked]] = []
    for note in ordered:
        asked = asked_in(note)
        if asked is not None and is_call_off(note, scope):
            found.append((_call_off(contract, note, asked, back, answers.get(asked.reference), scope), asked))
    days = _days_of_collection(groups, [asked for call, asked in found if call.call_off_state in _OPEN])
    return tuple(call.changed(pickup_on=days.get(asked.reference)) for call, asked in found)


def open_asked(contract: Row, notes: Sequence[Row], scope: Scope, item: int) -> list[Asked]:
    """What is asked for of one item and not yet back, refused or withdrawn, oldest first."""
    waiting = {call.reference for call in call_offs_of(contract, notes, scope) if call.call_off_state in _OPEN}
    found = (asked_in(note) for note in sorted(notes, key=lambda note: note["id"]) if is_call_off(note, scope))
    return [asked for asked in found if asked is not None and asked.item == item and asked.reference in waiting]


def collected_for(lines: Iterable[Row], asked: Sequence[Asked]) -> dict[str, list[Row]]:
    """By reference, which whole lines of one item are collected for which call-off; each line for one at most.

    Lines that are planned for the very day come first, then those with the lowest ids.

    Args:
        lines: Of the item, with their moves; those that are not out are passed over.
        asked: The call-offs of the item that are open, oldest first.
    """
    free = sorted((line for line in lines if is_out(line)), key=lambda line: line["id"])
    found: dict[str, list[Row]] = {one.reference: [] for one in asked}
    for is_exact in (True, False):
        for one in asked:
            left = one.quantity - sum((number(line, "quantity") for line in found[one.reference]), Decimal(0))
            for line in [each for each in free if not is_exact or one.wanted_on in _planned_days([each])]:
                if number(line, "quantity") <= left:
                    free.remove(line)
                    found[one.reference].append(line)
                    left -= number(line, "quantity")
    return found


def drafts_of(line: Row) -> list[Row]:
    """The moves that shall bring a line back."""
    return [move for move in nested(line, "incoming_moves") if move.get("state") == "draft"]


def planned_anyway(line: Row, scope: Scope) -> date | None:
    """The day on which a line is due back by the contract, whatever was called off."""
    return day_of(line, "planned_end_day") or scope.local(line.get("planned_end"))


def _days_of_collection(groups: Mapping[int, Sequence[Row]], asked: Sequence[Asked]) -> dict[str, date | None]:
    """By reference, when the yard plans to collect it; of a part of a line, when it collects what nobody else gets."""
    days: dict[str, date | None] = {}
    for item in {one.item for one in asked}:
        own = [one for one in asked if one.item == item]
        given = collected_for(groups.get(item, ()), own)
        taken = {line["id"] for lines in given.values() for line in lines}
        rest = [line for line in groups.get(item, ()) if is_out(line) and line["id"] not in taken]
        days |= {one.reference: min(_planned_days(given[one.reference] or rest), default=None) for one in own}
    return days


def _answers(notes: Sequence[Row], scope: Scope) -> dict[str, tuple[str, str]]:
    """By reference, what staff said last; of what we wrote only a customer's change of mind, until staff answer."""
    found: dict[str, tuple[str, str]] = {}
    for note in notes:
        taken_back = withdrawn_by(note)
        if taken_back is not None and (not scope.user_id or note.get("create_uid") == scope.user_id):
            found.setdefault(taken_back[1], ("withdrawn", ""))
            continue
        if scope.user_id and note.get("create_uid") == scope.user_id:
            continue
        for match in _ANSWERED.finditer(text(note, "message")):
            found[match[1]] = (match[2], match[3])
    return found


def _call_off(
    contract: Row, note: Row, asked: Asked, back: Mapping[int, _Back], answer: tuple[str, str] | None, scope: Scope
) -> CallOff:
    item, quantity = asked.item, asked.quantity
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
        reference=asked.reference,
        text=text(note, "message").partition("\n")[2],
        asked_at=asked_at,
        state_read_at=scope.read_at,
        item_id=str(item),
        quantity=quantity,
        call_off_state=state,
        reason=CallOffReason.UNKNOWN if state is CallOffState.REFUSED else None,
        stop_at=max(ends, default=None),
        call_number=call_number if state is CallOffState.ACKNOWLEDGED or returned is not None else "",
    )


def _state_of(contract: Row, returned: Sequence[Row]) -> CallOffState:
    """Off rent when the yard wrote the end; picked up when the goods are in; closed with the contract."""
    moves = [move for line in returned for move in nested(line, "incoming_moves")]
    if any(move.get("state") not in {"done", "cancelled"} for move in moves):
        return CallOffState.OFF_RENT
    return CallOffState.CLOSED if text(contract, "state") == "done" else CallOffState.PICKED_UP


def _planned_days(lines: Iterable[Row]) -> list[date]:
    """The days on which the yard plans to collect lines."""
    return [move["planned_date"] for line in lines for move in drafts_of(line) if move.get("planned_date") is not None]
