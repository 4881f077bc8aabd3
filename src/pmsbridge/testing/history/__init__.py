"""The judge of a delivery: what a back office holds, what people were told, and whether the two agree.

Nothing here knows how deliveries are made. A :class:`History` is written by whoever watched: the back office's own
books, the calls that reached it, every answer a person got, every statement an operator made. :func:`check` reads it
once and names each contradiction.

Instants are whole milliseconds on the watcher's own clock. ``order`` numbers everything watched, so that two things of
the same millisecond are still one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from pmsbridge.testing.history import answers, laws, once, reviews
from pmsbridge.testing.history.case import Case
from pmsbridge.testing.history.seen import (
    KINDS,
    Answer,
    Booked,
    Click,
    History,
    Mailed,
    Request,
    RequestAnswer,
    Statement,
    Step,
    Violation,
)

__all__ = [
    "KINDS",
    "Answer",
    "Booked",
    "Click",
    "History",
    "Mailed",
    "Request",
    "RequestAnswer",
    "Statement",
    "Step",
    "Violation",
    "check",
]

_RULES: Final[tuple[Callable[[Case], Iterable[Violation]], ...]] = (
    once.doubles, once.overpaid, once.phantoms, once.answered_twice, answers.lost, answers.told,
    answers.changed_minds, answers.stuck, laws.notices, laws.sealed, laws.vacated, laws.order, laws.overlaps,
    answers.reasons, answers.errors, reviews.untold,
)  # fmt: skip


def check(history: History) -> tuple[Violation, ...]:
    """Every contradiction in a history; empty when what was told is what happened. Linear in its length."""
    case = Case(history)
    return tuple(chain.from_iterable(rule(case) for rule in _RULES))
