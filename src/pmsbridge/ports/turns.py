"""Whose turn it is at the gate of a lane. Pure: a line, an ask and an instant give the next line and an answer.

Classes before arrival: an interactive call goes before a write, a write before a batch, and within a class the first
who asked. Whoever is told to wait keeps a place for ``KEPT_SECONDS`` after every ask, so a process that died while it
waited holds nobody up for longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pmsbridge.ports.calls import CallAsk, NotYet

__all__ = ["KEPT_SECONDS", "Inside", "Line", "Waiting", "document_of", "left", "line_of", "renewed", "turn"]

KEPT_SECONDS: Final = 3.0
_WORTH_KEEPING: Final = KEPT_SECONDS / 2


@dataclass(frozen=True, slots=True)
class Inside:
    """A call in flight.

    Attributes:
        until: Seconds; after it the slot is free, whatever became of the caller.
    """

    ticket: str
    until: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the line; who goes first is decided by priority, then ``since``, then ticket.

    Attributes:
        since: Seconds; when it first asked.
        until: Seconds; after it the place is lost.
    """

    priority: int
    since: float
    ticket: str
    until: float

    @property
    def order(self) -> tuple[int, float, str]:
        """Sorts places as they are called."""
        return (self.priority, self.since, self.ticket)


@dataclass(frozen=True, slots=True)
class Line:
    """A lane at its gate. All instants are seconds of one clock.

    Attributes:
        next_start: When the spacing lets the next call begin.
    """

    inside: tuple[Inside, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    next_start: float = 0.0

    def keeps_place(self, ask: CallAsk, now: float) -> bool:
        """Whether the place of ``ask`` is good for a while without being written again."""
        return any(place.ticket == ask.ticket and place.until - now > _WORTH_KEEPING for place in self.waiting)


def turn(line: Line, ask: CallAsk, now: float) -> tuple[Line, NotYet | None]:
    """The line after ``ask``: with it inside (None), or waiting."""
    spacing = ask.limits.seconds_between_calls
    inside = tuple(call for call in line.inside if call.until > now and call.ticket != ask.ticket)
    others, place = _places(line.waiting, ask, now)
    ahead = sum(other.order < place.order for other in others)
    free = ask.limits.concurrency - len(inside)
    # A clock that was set back must not stop a lane for longer than the spacing.
    pause = min(max(0.0, line.next_start - now), spacing)
    goes = free > ahead and (not spacing or (ahead == 0 and pause <= 0))
    if not goes:
        only_spacing = free > 0 and ahead == 0
        answer = NotYet(timedelta(seconds=pause) if only_spacing else None, ahead)
        return Line(inside, (*others, place), line.next_start), answer
    entered = Inside(ask.ticket, now + ask.lease.total_seconds())
    return Line((*inside, entered), others, now + spacing), None


def _places(waiting: Iterable[Waiting], ask: CallAsk, now: float) -> tuple[tuple[Waiting, ...], Waiting]:
    """The living places of others, and the one of ``ask``, its own arrival kept."""
    living = [place for place in waiting if place.until > now]
    since = min((place.since for place in living if place.ticket == ask.ticket), default=now)
    own = Waiting(int(ask.priority), since, ask.ticket, now + KEPT_SECONDS)
    return tuple(place for place in living if place.ticket != ask.ticket), own


def renewed(line: Line, ask: CallAsk, now: float) -> Line:
    """The line with a lease from now for a call that is still inside; a slot that was lost stays lost."""
    until = now + ask.lease.total_seconds()
    return replace(
        line,
        inside=tuple(
            replace(call, until=until) if call.ticket == ask.ticket and call.until > now else call
            for call in line.inside
        ),
    )


def left(line: Line, ask: CallAsk) -> Line:
    """The line without this ask, inside or waiting."""
    return replace(
        line,
        inside=tuple(call for call in line.inside if call.ticket != ask.ticket),
        waiting=tuple(place for place in line.waiting if place.ticket != ask.ticket),
    )


def line_of(document: Mapping[str, Any]) -> Line:
    """A line from what ``document_of`` made."""
    return Line(
        tuple(Inside(ticket, until) for ticket, until in document["inside"]),
        tuple(Waiting(priority, since, ticket, until) for priority, since, ticket, until in document["waiting"]),
        document["next_start"],
    )


def document_of(line: Line) -> dict[str, Any]:
    """A line as JSON-ready values."""
    return {
        "inside": [[call.ticket, call.until] for call in line.inside],
        "waiting": [[place.priority, place.since, place.ticket, place.until] for place in line.waiting],
        "next_start": line.next_start,
    }
