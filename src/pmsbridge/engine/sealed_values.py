"""Sealed values on their way to one send: in this process only, and never longer than the call they came with."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pmsbridge.actions.plan import Submission
from pmsbridge.errors import InputError
from pmsbridge.model.sealed import Sealed

__all__ = ["SealedValues", "by_effect_key", "refuse_sealed"]


_ALL: weakref.WeakSet[SealedValues] = weakref.WeakSet()


class SealedValues:
    """By effect key, what only this process can send with."""

    def __init__(self) -> None:
        self._waiting: dict[str, Sealed] = {}
        self._in_use: list[Sealed] = []
        self._lock = threading.Lock()
        _ALL.add(self)

    def forget(self) -> None:
        """After a fork: what the parent holds is the parent's alone."""
        inherited = [*self._waiting.values(), *self._in_use]
        self._waiting, self._in_use, self._lock = {}, [], threading.Lock()
        for value in inherited:
            value.wipe()

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._waiting

    def __repr__(self) -> str:
        return f"<{len(self._waiting)} sealed values>"

    @contextmanager
    def hold(self, values: Mapping[str, Sealed]) -> Iterator[tuple[str, ...]]:
        """Offer values to whoever drains, and wipe afterwards what nobody took.

        A value for an effect that another thread already waits for is wiped at once: one card is enough.
        """
        ours = self._offer(values)
        try:
            yield tuple(ours)
        finally:
            for key, value in ours.items():
                self._withdraw(key, value)

    def _offer(self, values: Mapping[str, Sealed]) -> dict[str, Sealed]:
        ours = {}
        with self._lock:
            for key, value in values.items():
                if key in self._waiting:
                    value.wipe()
                else:
                    self._waiting[key] = ours[key] = value
        return ours

    def _withdraw(self, key: str, value: Sealed) -> None:
        with self._lock:
            if self._waiting.get(key) is value:
                del self._waiting[key]
                value.wipe()

    def take(self, key: str) -> Sealed | None:
        """Hand a value to one send, which says ``done`` after it. None when there is none any more."""
        with self._lock:
            value = self._waiting.pop(key, None)
            if value is not None:
                self._in_use.append(value)
            return value

    def done(self, value: Sealed) -> None:
        """The send is over, whatever became of it: wipe."""
        with self._lock:
            self._in_use = [other for other in self._in_use if other is not value]
        value.wipe()

    def is_in_use(self, value: Sealed) -> bool:
        """Whether a send has it right now."""
        with self._lock:
            return any(other is value for other in self._in_use)

    def drop(self, key: str) -> bool:
        """Wipe a value nobody took; False when it was taken."""
        value = self.take(key)
        if value is None:
            return False
        self.done(value)
        return True


def _forget_all() -> None:
    for values in list(_ALL):
        values.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def by_effect_key(submission: Submission, sealed: Mapping[str, Sealed] | Sealed | None) -> dict[str, Sealed]:
    """Which effect gets which value: by step name, or alone when exactly one step needs one.

    Raises:
        InputError: They do not fit the plan. Every value was wiped.
    """
    if sealed is None:
        return {}
    needing = {s.name: s.key for s in submission.plan.steps if s.effect.needs_a_sealed_value}
    if isinstance(sealed, Sealed):
        fits, named = len(needing) == 1, dict.fromkeys(needing, sealed)
    else:
        fits, named = set(sealed) <= set(needing), dict(sealed)
    if fits:
        return {needing[name]: value for name, value in named.items()}
    for value in [sealed] if isinstance(sealed, Sealed) else sealed.values():
        value.wipe()
    shape = f"{len(needing)} steps need one"
    raise InputError("sealed", "does not fit the plan", shape=shape, remedy="Give one per step that needs one.")


def refuse_sealed(submission: Submission) -> None:
    """A card typed now cannot wait for a transaction of somebody else.

    Raises:
        InputError: A step needs a sealed value.
    """
    if any(step.effect.needs_a_sealed_value for step in submission.plan.steps):
        problem = "cannot be sent from within a transaction of yours"
        raise InputError("sealed", problem, remedy="Submit without connection, or pay by a token or stored method.")
