"""Requests: calling items off rent, and the day a recurring rental ends. The rent runs on until the yard acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from pmsbridge.actions.effects import CancelMoveOut, RequestCallOff, ScheduleMoveOut
from pmsbridge.errors import (
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.ports.capability import Dedup, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.desk import reference, vendor_id
from pmsbridge_tryton.faults import StaleError
from pmsbridge_tryton.mapping.calloffs import call_off_note
from pmsbridge_tryton.mapping.contracts import is_out, item_groups
from pmsbridge_tryton.mapping.scope import day_of, number, text
from pmsbridge_tryton.telling import Telling
from pmsbridge_tryton.vocabulary import MOVE, RENTAL, RENTAL_FIELDS, SUBSCRIPTION, SUBSCRIPTION_FIELDS
from pmsbridge_tryton.wire import Row, nested

__all__ = ["Requesting"]

_RUNNING: Final = "running"
_STATE, _END = "state", "end_date"


class Requesting(Telling):
    """Call-offs and move-outs."""

    # items of a contract

    @handles(
        RequestCallOff,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="real server: no object for it; the collection date of a draft move and a note carry it, rent runs on",
    )
    def _request_call_off(self, effect: RequestCallOff, attempt: Attempt) -> Receipt:
        """Write the day into the yard's plan, then the note that makes it a request; five calls at most.

        The note comes last: where it is, all is done. Only lines that are called off whole get a day in the plan; of
        the rest the yard splits one, and the note says how many.
        """
        end = self._write_deadline(attempt)
        contract = self._contract(effect, end)
        if (known := self._note_with(effect.rental_id, effect.reference, end)) is not None:
            return self._note_receipt(known["id"], effect.reference, is_look=True)
        self._plan_collection(effect, contract, end)
        try:
            return self._write_note(effect.rental_id, call_off_note(effect), effect.reference, end)
        except RejectedError as refusal:
            # The day may be in the plan already, so this is no "nothing changed".
            message = f"the collection was planned, and the request was not written: {refusal.message}"
            raise OutcomeUnknownError(message, code="half_done") from None

    def _contract(self, effect: RequestCallOff, end: Deadline) -> Row:
        """The party's contract; refused when it does not hold what is called off."""
        found = reference("rental", effect.rental_id)
        domain = [["id", "=", found.id], ["party", "=", vendor_id("tenant", effect.tenant_id)], self._own]
        rows = self._desk.read(RENTAL, domain, RENTAL_FIELDS, deadline=end) if found.model == RENTAL else []
        if not rows:
            raise NotFoundError("rental", "there is no such contract", code="rental_not_found")
        lines = self._lines_out(rows[0], effect.item_id)
        if sum((number(line, "quantity") for line in lines), Decimal(0)) < effect.quantity:
            message = "more is called off than is out; nothing was sent"
            raise RejectedError(message, code="quantity_exceeds_out")
        return rows[0]

    @staticmethod
    def _lines_out(contract: Row, item_id: str) -> list[Row]:
        lines = item_groups(nested(contract, "lines")).get(vendor_id("item", item_id), [])
        return [line for line in lines if is_out(line)]

    def _plan_collection(self, effect: RequestCallOff, contract: Row, end: Deadline) -> None:
        """Set the day of the moves that bring whole lines back; setting it twice is the same as once."""
        left, moves = effect.quantity, []
        for line in self._lines_out(contract, effect.item_id):
            if number(line, "quantity") > left:
                continue
            left -= number(line, "quantity")
            moves += [move for move in nested(line, "incoming_moves") if move.get("state") == "draft"]
        ids = [move["id"] for move in moves if move.get("planned_date") != effect.wanted_on]
        if not ids:
            return
        stamps = self._desk.client.stamps(MOVE, ids, deadline=end)
        try:
            self._desk.client.update(MOVE, ids, {"planned_date": effect.wanted_on}, stamps=stamps, deadline=end)
        except StaleError:
            message = "the yard changed its plan at this moment; nothing was written"
            raise UnavailableError(message, code="changed_meanwhile") from None

    @probes(RequestCallOff)
    def _find_call_off(self, effect: RequestCallOff, _attempt: Attempt) -> Probed:
        found = self._note_with(effect.rental_id, effect.reference)
        if found is None:
            return Absent(f"no note of {effect.rental_id} has the reference")
        return Found(self._note_receipt(found["id"], effect.reference, is_look=True))

    # the end of a recurring rental

    @handles(
        ScheduleMoveOut,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="real server: draft, end date, quote, run; number and billing position survive",
    )
    def _schedule_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        return self._set_end(effect, effect.leaving_on, attempt)

    @handles(
        CancelMoveOut,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="real server: draft, no end date, quote, run; number and billing position survive",
    )
    def _cancel_move_out(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        return self._set_end(effect, None, attempt)

    def _set_end(self, effect: ScheduleMoveOut | CancelMoveOut, day: date | None, attempt: Attempt) -> Receipt:
        """Four steps, each only if it is still to be made: a send that follows a lost one goes on where it stopped."""
        end, row = self._write_deadline(attempt), self._subscription(effect)
        if text(row, _STATE) == _RUNNING and day_of(row, _END) == day:
            return self._end_receipt(row, day, is_look=True)
        self._check_end(row, day, attempt)
        before = attempt.baseline.get(_END, "")
        try:
            self._go_to(row, day, end)
        except RejectedError as refusal:
            raise self._put_back(effect, before, refusal, end) from None
        return self._end_receipt(self._subscription(effect), day, is_look=False)

    def _go_to(self, row: Row, day: date | None, end: Deadline) -> None:
        client, ids = self._desk.client, [row["id"]]
        state, is_written = text(row, _STATE), day_of(row, _END) == day and _lines_end(row, day)
        if state == _RUNNING or (state == "quotation" and not is_written):
            client.press(
                SUBSCRIPTION, "draft", ids, stamps=client.stamps(SUBSCRIPTION, ids, deadline=end), deadline=end
            )
            state = "draft"
        if state == "draft" and not is_written:
            lines = [line["id"] for line in nested(row, "lines")]
            values = {_END: day, "lines": [["write", lines, {_END: day}]]}
            client.update(SUBSCRIPTION, ids, values, deadline=end)
        if state == "draft":
            client.press(SUBSCRIPTION, "quote", ids, deadline=end)
        client.press(SUBSCRIPTION, "run", ids, deadline=end)

    def _put_back(
        self, effect: ScheduleMoveOut | CancelMoveOut, before: str, refusal: PmsBridgeError, end: Deadline
    ) -> PmsBridgeError:
        """The error to raise when a step was refused: the rental runs again as it did, or nobody knows."""
        try:
            row = self._subscription(effect)
            if text(row, _STATE) != _RUNNING:
                self._go_to(row, date.fromisoformat(before) if before else None, end)
        except PmsBridgeError as problem:
            message = f"the rental is being changed and could not be put back: {problem.message}"
            return OutcomeUnknownError(message, code="half_done")
        if isinstance(refusal, StaleError):
            return UnavailableError(
                "the rental was changed at this moment; nothing was written", code="changed_meanwhile"
            )
        return refusal

    @staticmethod
    def _check_end(row: Row, day: date | None, attempt: Attempt) -> None:
        """What the back office would refuse half way is refused before anything is sent."""
        state, before = text(row, _STATE), attempt.baseline.get(_STATE, _RUNNING)
        if state not in {_RUNNING, "draft", "quotation"}:
            message = "this rental has ended; nothing was sent"
            raise RejectedError(message, code="rental_over")
        if _RUNNING not in {state, before}:
            message = "the office is changing this rental; nothing was sent"
            raise UnavailableError(message, code="being_changed")
        billed = [until for line in nested(row, "lines") if (until := day_of(line, "consumed_until")) is not None]
        starts = [start for line in nested(row, "lines") if (start := day_of(line, "start_date")) is not None]
        if day is not None and (day < max(billed, default=day) or day < max(starts, default=day)):
            message = f"rent is billed until {max(billed, default=day)} already; nothing was sent"
            raise RejectedError(message, code="billed_beyond")

    def _subscription(self, effect: ScheduleMoveOut | CancelMoveOut) -> Row:
        found = reference("rental", effect.rental_id)
        if found.model == RENTAL:
            message = "what is on a contract is called off item by item"
            raise UnsupportedError(message, code="call_off_instead")
        domain = [["id", "=", found.id], ["party", "=", vendor_id("tenant", effect.tenant_id)], self._own]
        rows = self._desk.read(SUBSCRIPTION, domain, SUBSCRIPTION_FIELDS) if found.model == SUBSCRIPTION else []
        if not rows:
            raise NotFoundError("rental", "there is no such rental", code="rental_not_found")
        return rows[0]

    @baselines(ScheduleMoveOut)
    def _before_move_out(self, effect: ScheduleMoveOut) -> Mapping[str, str]:
        return self._end_before(effect)

    @baselines(CancelMoveOut)
    def _before_cancel(self, effect: CancelMoveOut) -> Mapping[str, str]:
        return self._end_before(effect)

    def _end_before(self, effect: ScheduleMoveOut | CancelMoveOut) -> Mapping[str, str]:
        row = self._subscription(effect)
        day = day_of(row, _END)
        return {_STATE: text(row, _STATE), _END: day.isoformat() if day is not None else ""}

    @probes(ScheduleMoveOut)
    def _find_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:
        return self._find_end(effect, effect.leaving_on, attempt)

    @probes(CancelMoveOut)
    def _find_cancel(self, effect: CancelMoveOut, attempt: Attempt) -> Probed:
        return self._find_end(effect, None, attempt)

    def _find_end(self, effect: ScheduleMoveOut | CancelMoveOut, day: date | None, attempt: Attempt) -> Probed:
        """Running with the day asked for: found. As before, or on the way: absent, and the next send goes on."""
        row = self._subscription(effect)
        state, end = text(row, _STATE), day_of(row, _END)
        if state == _RUNNING and end == day:
            return Found(self._end_receipt(row, day, is_look=True))
        before = attempt.baseline.get(_END, "")
        if state == _RUNNING and (end.isoformat() if end is not None else "") != before:
            return CannotTell("the end of the rental is neither the one asked for nor the one before")
        return Absent(f"the rental is {state}, its end is {end or 'open'}")

    def _end_receipt(self, row: Row, day: date | None, *, is_look: bool) -> Receipt:
        words = f"ends on {day.isoformat()}" if day is not None else "has no end"
        return Receipt(
            evidence=f"read back: rental {text(row, 'number')} runs and {words}", at=self._desk.clock.now(),
            read_back=is_look,
        )  # fmt: skip


def _lines_end(row: Row, day: date | None) -> bool:
    lines: Sequence[Row] = nested(row, "lines")
    return all(day_of(line, _END) == day for line in lines)
