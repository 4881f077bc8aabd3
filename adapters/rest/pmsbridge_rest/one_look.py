"""One look at the back office: what is asked for twice within it is asked once, and answers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pmsbridge_rest.wire.asking import Ask, Came
from pmsbridge_rest.wire.judging import Verdict

__all__ = ["asked_once", "one_look"]

Answer = tuple[Verdict, Came]

_held: Final[ContextVar[dict[tuple[object, ...], Answer] | None]] = ContextVar("one_look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Within it, in this thread, the same request is sent once.

    A tenant's row may be wanted for the person and for the rentals, and a list for the rentals and for autopay: both
    are then of one moment. Nothing is held beyond it, so that nothing is older than the look itself.
    """
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def asked_once(channel: object, ask: Ask, missing: object, read: Callable[[], Answer]) -> Answer:
    """The answer to a request; outside of a look, or for the first time within it, by asking.

    Args:
        channel: The way to the back office; another one is another request.
        ask: What would be asked.
        missing: Which statuses mean that there is nothing: it is part of the answer.
        read: Asks. What it raises is held by nobody.
    """
    held = _held.get()
    if held is None:
        return read()
    same = (
        id(channel), ask.method, ask.path, ask.query, tuple(sorted(ask.headers.items())), repr(ask.document),
        ask.encoding, ask.url, repr(missing),
    )  # fmt: skip
    if same not in held:
        held[same] = read()
    return held[same]
