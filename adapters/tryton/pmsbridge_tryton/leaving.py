"""The day a recurring rental ends, written in four steps: draft, end, quote, run. It stays let till then.

A line goes with its rental: one without an end of its own, one that would outlast the rental, and one that ends with
it. A line that ends earlier keeps its day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from pmsbridge.actions.effects import CancelMoveOut, ScheduleMoveOut
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
from pmsbridge_tryton.calls import STAMP
from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.desk import reference, vendor_id
from pmsbridge_tryton.faults import StaleError
from pmsbridge_tryton.mapping.scope import day_of, text
from pmsbridge_tryton.telling import Telling
from pmsbridge_tryton.vocabulary import RENTAL, SUBSCRIPTION, SUBSCRIPTION_FIELDS, SUBSCRIPTION_LINE
from pmsbridge_tryton.wire import Row, nested

__all__ = ["Leaving"]

_RUNNING, _CLOSED, _UNDER_WAY = "running", "closed", frozenset({"draft", "quotation"})
_STATE, _END = "state", "end_date"
_FIELDS: Final = (*SUBSCRIPTION_FIELDS, STAMP, f"lines.{STAMP}")

MoveOut = ScheduleMoveOut | CancelMoveOut


class _Way:
    """A subscription on its way to other ends, each step only if it is still to be made.

    Attributes:
        began: A step was made.
    """

    def __init__(self, client: TrytonClient, row: Row, deadline: Deadline) -> None:
        self._client, self._row, self._deadline = client, row, deadline
        self._stamps = client.stamps_in(SUBSCRIPTION, [row])
        self.began = False

    def go(self, day: date | None, lines: Mapping[int, date | None]) -> None:
        """From wherever it stands to running with this end; ``lines`` are those that change, with theirs."""
        state, is_written = text(self._row, _STATE), day_of(self._row, _END) == day and not lines
        if state == _RUNNING or (state == "quotation" and not is_written):
            self._press("draft")
            state = "draft"
        if state == "draft" and not is_written:
            self._write(day, lines)
        if state == "draft":
            self._press("quote")
        self._press("run")

    def _press(self, button: str) -> None:
        self._client.press(
            SUBSCRIPTION, button, [self._row["id"]], stamps=self._unmoved(), deadline=self._deadline
        )  # fmt: skip
        self.began = True

    def _write(self, day: date | None, lines: Mapping[int, date | None]) -> None:
        commands = [
            ["write", [line for line, own in lines.items() if own == end], {_END: end}] for end in set(lines.values())
        ]
        values = {_END: day, **({"lines": commands} if commands else {})}
        stamps = self._client.stamps_in(SUBSCRIPTION_LINE, nested(self._row, "lines")) | self._unmoved()
        self._client.update(SUBSCRIPTION, [self._row["id"]], values, stamps=stamps, deadline=self._deadline)
        self.began = True

    def _unmoved(self) -> dict[str, str]:
        """The stamp of what was read and decided by; our own first step moves it."""
        return {} if self.began else self._stamps


class Leaving(Telling):
    """Move-outs."""

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

    def _set_end(self, effect: MoveOut, day: date | None, attempt: Attempt) -> Receipt:
        """A send that follows a lost one goes on where it stopped; six calls at most."""
        end, row = self._write_deadline(attempt), self._subscription(effect)
        if _is_so(row, day):
            return self._end_receipt(row, day, is_look=True)
        before = attempt.baseline or _ends_of(row)
        lines = _lines_to_change(row, day, _read(before[_END]))
        _check_end(row, day, lines, before[_STATE])
        way = _Way(self._desk.client, row, end)
        try:
            way.go(day, dict.fromkeys(lines, day))
            return self._end_receipt(self._subscription(effect), day, is_look=False)
        except OutcomeUnknownError:
            raise
        except RejectedError as refusal:
            raise self._put_back(effect, before, day, refusal, end) from None
        except PmsBridgeError as problem:
            if not way.began:
                raise
            # While it is a draft no rent is billed: nobody may take this for "nothing changed".
            message = f"the rental is being changed: {problem.message}"
            raise OutcomeUnknownError(message, code="half_done") from None

    def _put_back(
        self, effect: MoveOut, before: Mapping[str, str], day: date | None, refusal: PmsBridgeError, end: Deadline
    ) -> PmsBridgeError:
        """The error to raise when a step was refused: the rental runs again as it did, or nobody knows."""
        try:
            row = self._subscription(effect)
            if text(row, _STATE) in _UNDER_WAY:
                _Way(self._desk.client, row, end).go(_read(before[_END]), _lines_before(row, day, before))
        except PmsBridgeError as problem:
            message = f"the rental is being changed and could not be put back: {problem.message}"
            return OutcomeUnknownError(message, code="half_done")
        if isinstance(refusal, StaleError):
            return UnavailableError(
                "the rental was changed at this moment; nothing was written", code="changed_meanwhile"
            )
        return refusal

    def _subscription(self, effect: MoveOut) -> Row:
        found = reference("rental", effect.rental_id)
        if found.model == RENTAL:
            message = "what is on a contract is called off item by item"
            raise UnsupportedError(message, code="call_off_instead")
        domain = [["id", "=", found.id], ["party", "=", vendor_id("tenant", effect.tenant_id)], self._own]
        rows = self._desk.read(SUBSCRIPTION, domain, _FIELDS) if found.model == SUBSCRIPTION else []
        if not rows:
            raise NotFoundError("rental", "there is no such rental", code="rental_not_found")
        return rows[0]

    @baselines(ScheduleMoveOut)
    def _before_move_out(self, effect: ScheduleMoveOut) -> Mapping[str, str]:
        return self._end_before(effect)

    @baselines(CancelMoveOut)
    def _before_cancel(self, effect: CancelMoveOut) -> Mapping[str, str]:
        return self._end_before(effect)

    def _end_before(self, effect: MoveOut) -> Mapping[str, str]:
        return _ends_of(self._subscription(effect))

    @probes(ScheduleMoveOut)
    def _find_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:
        return self._find_end(effect, effect.leaving_on, attempt)

    @probes(CancelMoveOut)
    def _find_cancel(self, effect: CancelMoveOut, attempt: Attempt) -> Probed:
        return self._find_end(effect, None, attempt)

    def _find_end(self, effect: MoveOut, day: date | None, attempt: Attempt) -> Probed:
        """With the day asked for: found. As before: absent. On the way: begun, and the next send goes on."""
        row = self._subscription(effect)
        state, end = text(row, _STATE), day_of(row, _END)
        if _is_so(row, day):
            return Found(self._end_receipt(row, day, is_look=True))
        if state not in _UNDER_WAY and _written(end) != attempt.baseline.get(_END, ""):
            return CannotTell("the end of the rental is neither the one asked for nor the one before")
        begun = state in _UNDER_WAY and attempt.baseline.get(_STATE, _RUNNING) == _RUNNING
        return Absent(f"the rental is {state}, its end is {end or 'open'}", begun=begun)

    def _end_receipt(self, row: Row, day: date | None, *, is_look: bool) -> Receipt:
        words = f"ends on {day.isoformat()}" if day is not None else "has no end"
        return Receipt(
            evidence=f"read back: rental {text(row, 'number')} is {text(row, _STATE)} and {words}",
            at=self._desk.clock.now(), read_back=is_look,
        )  # fmt: skip


def _is_so(row: Row, day: date | None) -> bool:
    """Whether it ends as asked. One that is billed to its end is closed there, a while before the tenant leaves."""
    state = text(row, _STATE)
    return day_of(row, _END) == day and (state == _RUNNING or (state == _CLOSED and day is not None))


def _ends_of(row: Row) -> dict[str, str]:
    """State and end of a rental, and the end of each of its lines, as they are kept."""
    lines = {_line_name(line): _written(day_of(line, _END)) for line in nested(row, "lines")}
    return {_STATE: text(row, _STATE), _END: _written(day_of(row, _END)), **lines}


def _check_end(row: Row, day: date | None, lines: Sequence[int], before: str) -> None:
    """What the back office would refuse half way, or never bill again, is refused before anything is sent."""
    state = text(row, _STATE)
    if state not in {_RUNNING, *_UNDER_WAY}:
        message = "this rental has ended, or is billed to its end; nothing was sent"
        raise RejectedError(message, code="rental_over")
    if _RUNNING not in {state, before}:
        message = "the office is changing this rental; nothing was sent"
        raise UnavailableError(message, code="being_changed")
    held = nested(row, "lines")
    billed = [until for line in held if (until := day_of(line, "consumed_until")) is not None]
    starts = [start for line in held if (start := day_of(line, "start_date")) is not None]
    if day is not None and (day < max(billed, default=day) or day < max(starts, default=day)):
        message = f"rent is billed until {max(billed, default=day)} already; nothing was sent"
        raise RejectedError(message, code="billed_beyond")
    if any(line["id"] in lines and _is_billed_out(line) for line in held):
        message = "a part of this rental is billed to its end, and would not be billed again; nothing was sent"
        raise RejectedError(message, code="billed_to_its_end")


def _is_billed_out(line: Row) -> bool:
    """Whether the last period of a line was billed: the vendor takes up none that has ended."""
    return day_of(line, "next_consumption_date") is None and day_of(line, "consumed_until") is not None


def _lines_to_change(row: Row, day: date | None, before: date | None) -> list[int]:
    """The lines that get another end: those that go with their rental, and those that would outlast it."""
    found = []
    for line in nested(row, "lines"):
        own = day_of(line, _END)
        outlasts = day is not None and (own is None or own > day)
        if own != day and (outlasts or own == before):
            found.append(line["id"])
    return found


def _lines_before(row: Row, day: date | None, before: Mapping[str, str]) -> dict[int, date | None]:
    """The lines that this effect gave another end, with the one they had."""
    own = [line for line in nested(row, "lines") if day_of(line, _END) == day and _line_name(line) in before]
    was = {line["id"]: _read(before[_line_name(line)]) for line in own}
    return {line: end for line, end in was.items() if end != day}


def _line_name(line: Row) -> str:
    return f"line.{line['id']}"


def _written(day: date | None) -> str:
    return day.isoformat() if day is not None else ""


def _read(day: str) -> date | None:
    return date.fromisoformat(day) if day else None
