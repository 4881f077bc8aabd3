"""Calling items of a contract off rent. The rent runs on until the yard takes them back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.effects import RequestCallOff, WithdrawCallOff
from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.model.requests import CallOffState
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.calls import STAMP
from pmsbridge_tryton.desk import reference, vendor_id
from pmsbridge_tryton.faults import StaleError
from pmsbridge_tryton.leaving import Leaving
from pmsbridge_tryton.mapping.calloffs import (
    Asked,
    answered_before,
    asked_in,
    call_off_note,
    call_offs_of,
    collected_for,
    drafts_of,
    open_asked,
    planned_anyway,
    withdrawal_note,
    withdrawn_by,
)
from pmsbridge_tryton.mapping.contracts import is_out, item_groups
from pmsbridge_tryton.mapping.scope import Scope, number
from pmsbridge_tryton.vocabulary import MOVE, NOTE, NOTE_FIELDS, RENTAL, RENTAL_FIELDS
from pmsbridge_tryton.wire import Row, nested

__all__ = ["Requesting"]

_NO_NOTE_YET: Final = sys.maxsize
"""An id after that of every note."""
_FIELDS: Final = (*RENTAL_FIELDS, f"lines.incoming_moves.{STAMP}")


class Requesting(Leaving):
    """Call-offs."""

    @handles(
        RequestCallOff,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: no object for it; the collection date of a draft move and a note carry it, rent runs on",
    )
    def _request_call_off(self, effect: RequestCallOff, attempt: Attempt) -> Receipt:
        """Write the day into the yard's plan, then the note that makes it a request; four calls at most.

        The note comes last: where it is, all is done. Only lines that are called off whole get a day in the plan; of
        the rest the yard splits one, and the note says how many.
        """
        end = self._write_deadline(attempt)
        contract = self._called_off_contract(effect, end)
        if contract is None:
            raise NotFoundError("rental", "there is no such contract", code="rental_not_found")
        notes = self._notes_on(effect, end)
        if (known := _asked_by(effect, notes)) is not None:
            return self._note_receipt(known["id"], effect.reference, is_look=True)
        _check_quantity(effect, contract)
        is_planned = self._plan_collection(effect, contract, notes, end)
        try:
            return self._write_note(effect.rental_id, call_off_note(effect), effect.reference, end)
        except (RejectedError, UnavailableError, ConfigurationError) as problem:
            if not is_planned:
                raise
            # The day is in the plan already, so this is no "nothing changed".
            message = f"the collection was planned, and the request was not written: {problem.message}"
            raise OutcomeUnknownError(message, code="half_done") from None

    def _called_off_contract(self, effect: RequestCallOff | WithdrawCallOff, end: Deadline | None = None) -> Row | None:
        """The party's contract; None when it has none of this id."""
        found = reference("rental", effect.rental_id)
        domain = [["id", "=", found.id], ["party", "=", vendor_id("tenant", effect.tenant_id)], self._own]
        rows = self._desk.read(RENTAL, domain, _FIELDS, deadline=end) if found.model == RENTAL else []
        return rows[0] if rows else None

    def _notes_on(self, effect: RequestCallOff | WithdrawCallOff, end: Deadline | None = None) -> list[Row]:
        domain = [["resource", "=", effect.rental_id]]
        return self._desk.read(NOTE, domain, NOTE_FIELDS, order=[("id", "ASC")], deadline=end)

    def _plan_collection(self, effect: RequestCallOff, contract: Row, notes: Sequence[Row], end: Deadline) -> bool:
        """Set the day of the moves that bring whole lines back; False when there was nothing to write."""
        moves = [move for line in self._collected(effect, contract, notes) for move in drafts_of(line)]
        moves = [move for move in moves if move.get("planned_date") != effect.wanted_on]
        if not moves:
            return False
        stamps, ids = self._desk.client.stamps_in(MOVE, moves), [move["id"] for move in moves]
        try:
            self._desk.client.update(MOVE, ids, {"planned_date": effect.wanted_on}, stamps=stamps, deadline=end)
        except StaleError:
            message = "the yard changed its plan at this moment; nothing was written"
            raise UnavailableError(message, code="changed_meanwhile") from None
        return True

    def _collected(self, effect: RequestCallOff, contract: Row, notes: Sequence[Row]) -> list[Row]:
        """The whole lines that are collected for this call-off: what others are called off for stays theirs."""
        item = vendor_id("item", effect.item_id)
        ours = Asked(effect.reference, item, effect.quantity, effect.wanted_on)
        others = open_asked(contract, notes, self._desk.scope(effect.facility), item)
        lines = item_groups(nested(contract, "lines")).get(item, [])
        return collected_for(lines, [*others, ours])[effect.reference]

    @probes(RequestCallOff)
    def _find_call_off(self, effect: RequestCallOff, _attempt: Attempt) -> Probed:
        """By the note; without it, a collection that is planned for the day means that it has begun."""
        notes = self._notes_on(effect)
        if (known := _asked_by(effect, notes)) is not None:
            return Found(self._note_receipt(known["id"], effect.reference, is_look=True))
        contract = self._called_off_contract(effect)
        lines = self._collected(effect, contract, notes) if contract is not None else []
        begun = any(move.get("planned_date") == effect.wanted_on for line in lines for move in drafts_of(line))
        return Absent(f"no note of {effect.rental_id} has the reference", begun=begun)

    # -- taking one back ---------------------------------------------------------------------------------------------

    @handles(
        WithdrawCallOff,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: a note takes it back, and the draft moves get the day by the contract again",
    )
    def _withdraw_call_off(self, effect: WithdrawCallOff, attempt: Attempt) -> Receipt:
        """Give the collection its day by the contract again, then write the note that takes the request back.

        The note comes last: where it is, all is done, unless the yard answered before it. What the yard has confirmed
        stays.
        """
        end = self._write_deadline(attempt)
        contract = self._called_off_contract(effect, end)
        if contract is None:
            raise NotFoundError("rental", "there is no such contract", code="rental_not_found")
        notes = self._notes_on(effect, end)
        if (known := _taken_back_by(effect, notes)) is not None:
            self._refuse_crossed(effect, known["id"], notes)
            return self._note_receipt(known["id"], effect.reference, is_look=True)
        _refuse_answered(effect, contract, notes, self._desk.scope(effect.facility))
        is_planned = self._plan_anyway(effect, contract, notes, end)
        try:
            receipt = self._write_note(effect.rental_id, withdrawal_note(effect), effect.reference, end)
        except (RejectedError, UnavailableError, ConfigurationError) as problem:
            if not is_planned:
                raise
            message = f"the collection was taken out of the plan, and the note was not written: {problem.message}"
            raise OutcomeUnknownError(message, code="half_done") from None
        # Staff may have answered since the notes were read: ours, which comes after, does not undo that.
        self._refuse_crossed(effect, int(receipt.vendor_ids["note"]), self._notes_after_writing(effect, end))
        return receipt

    def _notes_after_writing(self, effect: WithdrawCallOff, end: Deadline) -> list[Row]:
        try:
            return self._notes_on(effect, end)
        except PmsBridgeError as problem:
            message = f"the note was written, and what else the notes say is not known: {problem.message}"
            raise OutcomeUnknownError(message, code="half_done") from None

    def _refuse_crossed(self, effect: WithdrawCallOff, note: int, notes: Sequence[Row]) -> None:
        """Refuse to call done what the yard answered at the same moment.

        Raises:
            OutcomeUnknownError: Staff answered before our note was written ("half_done").
        """
        if crossed := self._crossed(effect, note, notes):
            raise OutcomeUnknownError(crossed, code="half_done")

    def _crossed(self, effect: WithdrawCallOff, note: int, notes: Sequence[Row]) -> str:
        """What staff are told when the yard answered before our note was written; empty when all is well."""
        word = answered_before(notes, effect.called_off, note, self._desk.scope(effect.facility))
        if word in {"", "withdrawn"}:
            return ""
        return (
            f"call-off {effect.called_off} was {word} by the yard while the customer took it back; its collection may "
            "be planned for the day by the contract again: agree with the customer which of the two holds"
        )

    def _plan_anyway(self, effect: WithdrawCallOff, contract: Row, notes: Sequence[Row], end: Deadline) -> bool:
        """Give moves of whole lines the day by the contract again; False when there was nothing to write."""
        day, moves = self._given_back(effect, contract, notes)
        if not moves:
            return False
        stamps, ids = self._desk.client.stamps_in(MOVE, moves), [move["id"] for move in moves]
        try:
            self._desk.client.update(MOVE, ids, {"planned_date": day}, stamps=stamps, deadline=end)
        except StaleError:
            message = "the yard changed its plan at this moment; nothing was written"
            raise UnavailableError(message, code="changed_meanwhile") from None
        return True

    def _given_back(
        self, effect: WithdrawCallOff, contract: Row, notes: Sequence[Row]
    ) -> tuple[date | None, list[Row]]:
        """When the item is due by the contract, and the moves of whole lines that are planned for the call-off."""
        scope = self._desk.scope(effect.facility)
        wanted, found = self._collected_for(effect, contract, notes)
        # Lines of one item were split off one line: they are due on one day.
        day = next((due for line in found if (due := planned_anyway(line, scope)) is not None), None)
        moves = [move for line in found for move in drafts_of(line) if move.get("planned_date") == wanted]
        return day, moves if day not in {None, wanted} else []

    def _collected_for(
        self, effect: WithdrawCallOff, contract: Row, notes: Sequence[Row]
    ) -> tuple[date | None, list[Row]]:
        """The day of the call-off, and the whole lines that are collected for it."""
        item = vendor_id("item", effect.item_id)
        waiting = open_asked(contract, notes, self._desk.scope(effect.facility), item)
        wanted = next((one.wanted_on for one in waiting if one.reference == effect.called_off), None)
        lines = item_groups(nested(contract, "lines")).get(item, [])
        return wanted, collected_for(lines, waiting).get(effect.called_off, [])

    @probes(WithdrawCallOff)
    def _find_withdrawal(self, effect: WithdrawCallOff, _attempt: Attempt) -> Probed:
        """By the note; without it, a collection that is off its day in the plan means that it has begun."""
        notes = self._notes_on(effect)
        if (known := _taken_back_by(effect, notes)) is not None:
            if crossed := self._crossed(effect, known["id"], notes):
                return CannotTell(crossed)
            return Found(self._note_receipt(known["id"], effect.reference, is_look=True))
        contract = self._called_off_contract(effect)
        wanted, lines = self._collected_for(effect, contract, notes) if contract is not None else (None, [])
        moves = [move for line in lines for move in drafts_of(line)]
        begun = bool(moves) and all(move.get("planned_date") != wanted for move in moves)
        if begun and (crossed := self._crossed(effect, _NO_NOTE_YET, notes)):
            return CannotTell(crossed)  # to go on would be refused, as if nothing had been written
        return Absent(f"no note of {effect.rental_id} has the reference", begun=begun)


def _taken_back_by(effect: WithdrawCallOff, notes: Sequence[Row]) -> Row | None:
    return next((note for note in notes if (withdrawn_by(note) or ("",))[0] == effect.reference), None)


def _refuse_answered(effect: WithdrawCallOff, contract: Row, notes: Sequence[Row], scope: Scope) -> None:
    """Refuse what staff have answered.

    Raises:
        NotFoundError: There is no such call-off.
        RejectedError: It is confirmed ("call_off_confirmed"), or over ("call_off_over").
    """
    calls = {call.reference: call.call_off_state for call in call_offs_of(contract, notes, scope)}
    state = calls.get(effect.called_off)
    if state is None:
        raise NotFoundError("call_off", "there is no such call-off on this contract", code="call_off_not_found")
    if state is not CallOffState.REQUESTED:
        code = "call_off_confirmed" if state is CallOffState.ACKNOWLEDGED else "call_off_over"
        message = f"the call-off is {state.value}; nothing was written"
        raise RejectedError(message, code=code)


def _asked_by(effect: RequestCallOff, notes: Sequence[Row]) -> Row | None:
    """The note that is this request; an answer to it holds its reference, too."""
    named = ((note, asked_in(note)) for note in notes)
    return next((note for note, asked in named if asked is not None and asked.reference == effect.reference), None)


def _check_quantity(effect: RequestCallOff, contract: Row) -> None:
    lines = item_groups(nested(contract, "lines")).get(vendor_id("item", effect.item_id), [])
    if sum((number(line, "quantity") for line in lines if is_out(line)), Decimal(0)) < effect.quantity:
        message = "more is called off than is out; nothing was sent"
        raise RejectedError(message, code="quantity_exceeds_out")
