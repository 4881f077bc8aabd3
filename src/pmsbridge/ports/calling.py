"""As what the calls of a piece of work are made: a night says once that nobody waits for it, and counts what it costs.

The word holds for every call that the work makes, in whatever adapter and however deep, so that none can forget it.
Who hands out slots asks here; who reads answers adds their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from pmsbridge.ports.calls import Priority

__all__ = [
    "CallMeter", "bytes_came", "call_began", "counted_apart", "counts_taken_over", "for_a_night", "priority_of",
]  # fmt: skip


@dataclass(slots=True)
class CallMeter:
    """What a piece of work has cost.

    Attributes:
        calls: Slots it was given, one for each call.
        bytes_read: Bytes of the answers, decoded.
    """

    calls: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class _Work:
    least: Priority
    meter: CallMeter


_ANYBODY: Final = Priority.INTERACTIVE
_WORK: ContextVar[_Work | None] = ContextVar("pmsbridge_calling", default=None)


@contextmanager
def for_a_night() -> Iterator[CallMeter]:
    """Every call inside goes as ``Priority.BATCH``, whatever it would be by itself; the meter says what they cost.

    It holds for this thread, and for a generator whenever this thread takes from it inside. Meters nest: the outer one
    counts what the inner one counted when that ends.
    """
    outer, meter = _WORK.get(), CallMeter()
    token = _WORK.set(_Work(Priority.BATCH, meter))
    try:
        yield meter
    finally:
        _WORK.reset(token)
        if outer is not None:
            _add(outer.meter, meter)


@contextmanager
def counted_apart(meter: CallMeter) -> Iterator[None]:
    """Calls inside go as the work goes to which they belong, and count for this meter only; see ``counts_taken_over``.

    For a thread that works for another: whoever takes what it brought takes over what it cost.
    """
    token = _WORK.set(_Work(priority_of(_ANYBODY), meter))
    try:
        yield
    finally:
        _WORK.reset(token)


def counts_taken_over(meter: CallMeter) -> None:
    """Count for the work at hand what was counted apart."""
    if (work := _WORK.get()) is not None:
        _add(work.meter, meter)


def _add(whole: CallMeter, part: CallMeter) -> None:
    whole.calls += part.calls
    whole.bytes_read += part.bytes_read


def priority_of(asked: Priority) -> Priority:
    """As what a call goes that would go as ``asked``: not before the class of the work it belongs to."""
    work = _WORK.get()
    return max(asked, work.least if work is not None else _ANYBODY)


def call_began() -> None:
    """A call was given its slot."""
    if (work := _WORK.get()) is not None:
        work.meter.calls += 1


def bytes_came(count: int) -> None:
    """So many bytes of an answer, decoded, have come."""
    if (work := _WORK.get()) is not None:
        work.meter.bytes_read += count
